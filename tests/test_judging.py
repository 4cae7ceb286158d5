#!/usr/bin/env python3
"""How configurations are judged: fronts and their knee, a baseline of 0.

NOCTURNE_BIN is the folder of the binaries.
"""
import json
import os
import re
import unittest

from test_values import Folder

PARETO = """study: s
trial: {{command: [sh, trial.sh, "{{x}}"]}}
parameters:
  x: {{type: int, range: [0, 20]}}
metrics: {{em: {{goal: maximize, kind: proportion}}, tokens: {{goal: minimize, kind: count}}}}
objective: {{pareto: [em, tokens]}}
budget: {{trials: 21}}
confirm: {{top: {top}, seeds: 2}}
search: {{sampler: random, seed: 2}}
{more}
"""
# From 0 to 10 a front with its knee at 5; above, all is dominated though em - tokens may look good.
CURVE = """awk "BEGIN { x = $1;
    if (x <= 5) { em = 0.2 + 0.12 * x; tokens = 1000 * 1.1 ^ x }
    else if (x <= 10) { em = 0.8 + 0.004 * (x - 5); tokens = 1000 * 1.1 ^ 5 * 2 ^ (x - 5) }
    else { em = 0.1; tokens = 900 * x }
    printf \\"nocturne: {\\\\\\"result\\\\\\": {\\\\\\"em\\\\\\": %.6f, \\\\\\"tokens\\\\\\": %.6f}}\\\\n\\", em, tokens }"
"""


class Fronts(Folder):
    def run_study(self, top=3, more=""):
        self.write("study.yaml", PARETO.format(top=top, more=more))
        self.write("trial.sh", CURVE)
        return self.nocturne("run", "study.yaml")

    def test_what_is_confirmed_is_on_the_front_and_the_knee_wins(self):
        self.run_study()
        trials = self.trials()
        searched = [t for t in trials if t["role"] == "search" and t["state"] == "complete"]
        on_front = {t["params"]["x"] for t in searched if not any(
            o["metrics"]["em"] >= t["metrics"]["em"] and o["metrics"]["tokens"] <= t["metrics"]["tokens"] and o["metrics"] != t["metrics"] for o in searched)}
        confirmed = {t["params"]["x"] for t in trials if t["role"] == "confirm"}
        self.assertEqual(len(confirmed), 3)
        self.assertLessEqual(confirmed, on_front)
        best = json.loads(self.nocturne("best", "--json"))
        self.assertEqual(best["params"]["x"], min(on_front, key=lambda x: abs(x - 5)))
        front = best["front"]
        self.assertEqual({f["params"]["x"] for f in front}, on_front)
        self.assertEqual(len(front), len(on_front))
        self.assertEqual(max(front, key=lambda f: (f["confirmed_seeds"] > 0, f["utility"]))["trial"], best["trial"])
        self.assertIn(f"a front of {len(front)}: none is better than another in both em and tokens", self.nocturne("best"))

    def test_with_a_baseline(self):
        self.run_study(more="baseline: {x: 15}\nconstraints: [em >= baseline + 0.3]")
        best = json.loads(self.nocturne("best", "--json"))
        self.assertGreaterEqual(best["metrics"]["em"], 0.4)
        self.assertNotIn(15, [f["params"]["x"] for f in best["front"]])


class Zero(Folder):
    STUDY = """study: s
trial: {command: [sh, trial.sh, "{x}"]}
parameters:
  x: {type: int, range: [0, 9]}
metrics: {errors: {goal: minimize, kind: count UNIT}, em: {goal: maximize, kind: proportion}}
objective: {weights: {errors: 0.5, em: 0.5}}
baseline: {x: 0}
budget: {trials: 10}
confirm: {top: 0, seeds: 0}
search: {sampler: random}
"""

    def run_study(self, unit=""):
        self.write("study.yaml", self.STUDY.replace(" UNIT", unit))
        self.write("trial.sh", 'echo "nocturne: {\\"result\\": {\\"errors\\": $1, \\"em\\": 0.$((5 + $1 / 3))}}"')
        return self.nocturne("run", "study.yaml")

    def test_it_is_said_and_numbers_are_readable(self):
        out = self.run_study() + self.nocturne("best") + self.nocturne("trials") + self.nocturne("status")
        self.assertIn("errors of the baseline is 0", out)
        self.assertIn("errors of the baseline is 0", self.nocturne("plan", "study.yaml"))
        self.assertLess(max(map(len, out.split())), 60)
        self.assertEqual(json.loads(self.nocturne("best", "--json"))["params"]["x"], 0)

    def test_next_to_nothing_is_as_bad(self):
        for kind in ("count", "value"):
            self.write("study.yaml", self.STUDY.replace("kind: count UNIT", f"kind: {kind}").replace("top: 0, seeds: 0", "top: 1, seeds: 1"))
            self.write("trial.sh", 'echo "nocturne: {\\"result\\": {\\"errors\\": $([ $1 = 0 ] && echo 1e-300 || echo $1), \\"em\\": 0.5}}"')
            out = self.nocturne("run", "study.yaml") + self.nocturne("best", "--weights", "errors=0.1,em=0.9")
            self.assertRegex(out, r"errors of the baseline is 1e-300, next to nothing beside \d")
            self.assertRegex(self.nocturne("plan", "study.yaml").replace("\n", " "), r"errors +of +the +baseline +is +1e-300, +next +to +nothing")
            self.write("study.yaml", self.STUDY.replace("kind: count UNIT", f"kind: {kind}, unit: 5"))
            self.assertNotIn("next to nothing", self.nocturne("run", "study.yaml") + self.nocturne("plan", "study.yaml"))
            os.remove(f"{self.dir}/nocturne.db")

    def test_a_unit_gives_the_other_metric_its_say(self):
        out = self.run_study(", unit: 100")
        self.assertNotIn("of the baseline is 0", out + self.nocturne("plan", "study.yaml"))
        self.assertEqual(json.loads(self.nocturne("best", "--json"))["params"]["x"], 9)
        utility = {t["params"]["x"]: t["utility"] for t in self.trials()}
        self.assertAlmostEqual(utility[9], 0.5 * -0.09 + 0.5 * 0.3 / 0.5)


class Weights(Folder):
    def test_shares_are_taken_and_said(self):
        text = Zero.STUDY.replace(" UNIT", "").replace("{errors: 0.5, em: 0.5}", "{errors: 7, em: 3}").replace("baseline: {x: 0}", "baseline: {x: 4}")
        self.write("trial.sh", 'echo "nocturne: {\\"result\\": {\\"errors\\": $((1 + $1)), \\"em\\": 0.5}}"')
        self.write("study.yaml", text)
        out = self.nocturne("run", "study.yaml", "--quiet")
        self.assertAlmostEqual({t["params"]["x"]: t["utility"] for t in self.trials()}[4], 0)
        best = json.loads(self.nocturne("best", "--json"))
        self.assertAlmostEqual(best["utility"], 0.7 * (5 - best["metrics"]["errors"]) / 5)
        self.write("study.yaml", text.replace("em: 3", "em: -3"))
        self.assertIn("'em' must be from 0 to 1, not -3", self.nocturne("plan", "study.yaml", code=2))
        self.write("study.yaml", text.replace("{errors: 7, em: 3}", "{errors: 0, em: 0}"))
        self.assertIn("all weights are 0", self.nocturne("plan", "study.yaml", code=2))


class Verdicts(Folder):
    """What a seed does to a figure is written here, so that the words are known."""

    STUDY = """study: s
trial: {command: [python3, -S, trial.py, "{x}"]}
parameters: {x: {type: int, range: [0, 9]}}
metrics: {em: {goal: maximize, kind: proportion}, tokens: {goal: minimize, kind: count}}
objective: {weights: {em: 0.5, tokens: 0.5}}
baseline: {x: 0}
references: {by-hand: {x: 1}}
constraints: [em >= baseline - 0.02]
budget: {trials: 10}
confirm: {top: 1, seeds: 3}
search: {sampler: random, seed: 4}
stopping: {pruner: none}
"""

    def run_study(self, em, tokens, noise=0.002, change=lambda text: text, *args):
        """em and tokens of x = 0, 1, and of all others."""
        self.write("study.yaml", change(self.STUDY))
        self.write("trial.py", f"""import json, os, random, sys
x = int(sys.argv[1])
which = min(x, 2)
r = random.Random(int(os.environ["NOCTURNE_SEED"]) * 10 + x)
em = {em}[which] + {noise} * r.gauss(0, 1) - (0.001 * x if which == 2 else 0)
print("nocturne: " + json.dumps({{"result": {{"em": em, "tokens": {tokens}[which] * (1 + {noise} * r.gauss(0, 1))}}}}))
""")
        return self.nocturne("run", "study.yaml", *args)

    def best(self):
        return json.loads(self.nocturne("best", "--json"))

    def status(self):
        study, = json.loads(self.nocturne("status", "--json"))["studies"]
        return study

    def words(self, best):
        return [best["verdict"]] + [a["verdict"] for a in best["against"]]

    def test_adopt(self):
        out = self.run_study([0.6, 0.61, 0.65], [1000, 900, 500])
        best = self.best()
        self.assertEqual(self.words(best), ["adopt", "adopt", "adopt"])
        self.assertEqual([a["reference"] for a in best["against"]], ["baseline", "by-hand"])
        tokens = best["against"][1]["metrics"]["tokens"]
        self.assertTrue(-0.46 < tokens["low"] < tokens["ratio"] < tokens["high"] < -0.42, tokens)
        self.assertTrue(0.01 < best["against"][0]["metrics"]["em"]["low"] < 0.06)
        self.assertEqual(best["against"][0]["metrics"]["em"]["margin"], 0.02)
        self.assertIn("Verdict: adopt. Beside by-hand: em +", out)
        self.assertIn("    against by-hand: adopt\n", out)
        self.assertEqual(best, self.status()["best"])
        for kind, sign in (("yaml", "verdict: adopt\n"), ("toml", 'verdict = "adopt"\n'), ("env", "# verdict: adopt (baseline: adopt; by-hand: adopt)\n")):
            self.assertIn(sign, self.nocturne("export", "--format", kind))
        self.assertEqual(json.loads(self.nocturne("export", "--format", "json"))["verdict"], "adopt")

    def test_a_trade_beside_the_one_that_was_tuned_by_hand(self):
        out = self.run_study([0.6, 0.65, 0.61], [1000, 900, 300])
        self.assertEqual(self.words(self.best()), ["a trade", "adopt", "a trade"])
        self.assertRegex(out, r"Verdict: a trade\. Beside by-hand: em −\d\.\d\d points, tokens −6\d\.\d %")

    def test_promising_says_how_many_seeds_would_decide(self):
        """And the same command runs them."""
        out = self.run_study([0.6, 0.5, 0.64], [1000, 1000, 500], 0.03)
        best = self.best()
        self.assertEqual(best["verdict"], "promising", best)
        self.assertIn("promising, not proven", out)
        seeds = max(a.get("seeds_to_decide", 0) for a in best["against"])
        self.assertGreater(seeds, 3)
        self.assertIn(f"about {seeds} seeds each would decide: 'confirm: {{seeds: {seeds}}}' in the study file", out)
        self.write("study.yaml", self.STUDY.replace("seeds: 3", "seeds: 5"))
        self.nocturne("run", "study.yaml", "--quiet")
        self.assertEqual(self.best()["confirmed_seeds"], 5)
        self.assertEqual(sum(t["role"] == "confirm" for t in self.trials()), 15)

    def test_no_better(self):
        self.run_study([0.6, 0.599, 0.601], [1000, 1000, 999.9], 0.0001, lambda text: text.replace("- 0.02", "- 0.05"))
        self.assertEqual(self.best()["verdict"], "no better")

    def test_one_seed_and_none(self):
        self.run_study([0.6, 0.61, 0.65], [1000, 900, 500], 0.002, lambda text: text.replace("top: 1, seeds: 3", "top: 1, seeds: 1"))
        best = self.best()
        self.assertEqual(self.words(best), ["not confirmed"] * 3)
        self.assertNotIn("low", best["against"][0]["metrics"]["em"])
        out = self.nocturne("run", "study.yaml")
        self.assertIn("Verdict: not confirmed. Beside", out)
        self.assertIn("one fresh seed each, not confirmed:\n", out)
        self.assertIn("one fresh seed says nothing of the spread; 'confirm: {seeds: 3}' does", out)
        self.assertIn("one fresh seed, not confirmed\n", self.nocturne("export", "s"))
        self.write("study.yaml", self.STUDY.replace("study: s", "study: t").replace("top: 1, seeds: 3", "top: 0, seeds: 0"))
        out = self.nocturne("run", "study.yaml")
        self.assertIn("Verdict: not confirmed. Beside by-hand:", out)
        self.assertEqual(json.loads(self.nocturne("best", "t", "--json"))["verdict"], "not confirmed")

    def test_the_baseline_wins_and_it_is_said_why(self):
        """On its own seed each candidate looks good; on fresh ones em falls by five points."""
        self.write("study.yaml", self.STUDY.replace("top: 1", "top: 2"))
        self.write("trial.py", """import json, os, random, sys
x, number = int(sys.argv[1]), int(os.environ["NOCTURNE_TRIAL"])
em = 0.6 + 0.001 * random.Random(int(os.environ["NOCTURNE_SEED"])).random() - (0.05 + 0.001 * x if x and number >= 10 else 0)
print("nocturne: " + json.dumps({"result": {"em": em, "tokens": 1000 if x == 0 else 130 + x}}))
""")
        out = self.nocturne("run", "study.yaml")
        best = self.best()
        self.assertEqual((best["trial"], best["verdict"]), (0, "no better"))
        self.assertIn("nothing that was tried beats the baseline", out)
        self.assertIn("candidates were confirmed; the nearest first:", out)
        self.assertRegex(out, r"breaks 'em >= baseline - 0\.02' by 3\.\d\d points;\n +'em >= baseline - 0\.05\d' would let it through")
        self.assertRegex(out, r"against baseline: do not adopt\n +em +−5\.\d\d points .*\n +tokens +−8\d\.\d %")
        rows = [r for r in self.status()["comparison"] if "breaks" in r and "label" not in r]
        self.assertEqual({r["verdict"] for r in rows}, {"do not adopt"})
        self.assertGreaterEqual(len(rows), 2)
        for r in rows:
            bound = float(re.fullmatch(r"em >= baseline - ([0-9.]+)", r["breaks"][0]["would_hold"])[1])
            self.assertTrue(-1e-12 <= bound - (r["breaks"][0]["by"] + 0.02) < 0.002)
            self.assertAlmostEqual(r["breaks"][0]["by"], -r["against"][0]["metrics"]["em"]["difference"] - 0.02)
        self.assertLessEqual(max(map(len, out[out.index("Verdict:"):].splitlines())), 82)
        for r in rows:
            self.assertRegex(r["caution"], "em: 0.60.* at first, 0.5[45].* on fresh seeds, beyond noise and luck: it changes")
            self.assertIn(f"  tried (trial {r['trial']}):\n    {r['caution']}\n", out)

    def test_an_unlucky_winner_is_no_contradiction(self):
        """Noise alone: of eight the luckiest is confirmed, and falls back. Nothing has changed."""
        out = self.run_study([0.6, 0.6, 0.6], [1000, 900, 500], 0.03)
        self.assertNotIn("beyond noise and luck", out)

    def test_a_baseline_that_fails_when_it_is_measured_again(self):
        self.write("study.yaml", self.STUDY)
        self.write("trial.py", """import json, os, random, sys
x, number = int(sys.argv[1]), int(os.environ["NOCTURNE_TRIAL"])
if x == 0 and number > 0:
    sys.exit("out of memory")
em = 0.6 + 0.01 * random.Random(int(os.environ["NOCTURNE_SEED"])).random()
print("nocturne: " + json.dumps({"result": {"em": em, "tokens": 1000 if x == 0 else 130 + x}}))
""")
        out = self.nocturne("run", "study.yaml")
        baseline = next(r for r in self.status()["comparison"] if r.get("baseline"))
        self.assertEqual(baseline["confirmed_seeds"], 0)
        self.assertRegex(baseline["caution"], r"failed on (\d) of \1 fresh seeds? \('nocturne show s \d+'\): measured once only")
        self.assertIn("  baseline:\n    failed on", out)
        self.assertEqual(next(a["verdict"] for a in self.best()["against"] if a["reference"] == "baseline"), "not confirmed")

    def test_a_contradicted_search_goes_on(self):
        """What looks best is so once only, and cheap to confirm, so that much of the budget is left."""
        self.write("study.yaml", """study: s
trial: {command: [python3, -S, trial.py, "{x}"]}
parameters: {x: {type: int, range: [0, 100000]}}
metrics: {em: {goal: maximize}, tokens: {goal: minimize, kind: count}}
objective: {maximize: em}
baseline: {x: 0}
budget: {tokens: 20000}
confirm: {top: 1, seeds: 3}
search: {sampler: random, seed: 4}
stopping: {pruner: none}
workers: {local: 1}
""")
        self.write("trial.py", """import json, os, sys
x, seen = int(sys.argv[1]), f"seen-{sys.argv[1]}"
again = os.path.exists(os.path.join(sys.path[0], seen))
open(os.path.join(sys.path[0], seen), "w").close()
lucky = x > 50000
em = 0.6 if x == 0 else 0.3 if lucky and again else 0.9 if lucky else 0.5
print("nocturne: " + json.dumps({"result": {"em": em + int(os.environ["NOCTURNE_SEED"]) % 1000 * 1e-6, "tokens": 100 if x == 0 or lucky else 1500}}))
""")
        out = self.nocturne("run", "study.yaml")
        self.assertIn("note: on fresh seeds nothing that was found beats the baseline; the search goes on with what is left of the budget", out)
        trials = self.trials()
        first = min(t["trial"] for t in trials if t["role"] == "confirm")
        later = {t["trial"] for t in trials if t["role"] == "search" and t["trial"] > first}
        self.assertTrue(later)
        self.assertTrue({t["confirms"] for t in trials if t["role"] == "confirm"} & later, "what is found then is confirmed, too")
        self.assertEqual((self.best()["trial"], self.best()["verdict"]), (0, "no better"))

    def test_what_repeats_every_figure_is_confirmed_once(self):
        out = self.run_study([0.6, 0.61, 0.65], [1000, 900, 500], 0)
        self.assertEqual(sum(t["role"] == "confirm" for t in self.trials()), 3)
        self.assertIn("note: every figure came out the same on a fresh seed: confirmed once", out)
        self.assertIn("more seeds\n  would say nothing", out)
        self.assertIn(", confirmed on 1 fresh seed\n", self.nocturne("export"))
        best = self.best()
        self.assertEqual((best["confirmed_seeds"], best["repeats"], best["verdict"]), (1, True, "adopt"))
        self.assertEqual(self.nocturne("run", "study.yaml", "--quiet"), "")  # and not again
        self.assertEqual(sum(t["role"] == "confirm" for t in self.trials()), 3)


class Weights(Folder):
    STUDY = """study: s
trial: {command: [python3, -S, trial.py, "{x}"]}
parameters: {x: {type: float, range: [0, 1]}}
metrics: {em: {goal: maximize, kind: proportion}, tokens: {goal: minimize, kind: count}}
objective: OBJECTIVE
baseline: {x: 0.9}
budget: {trials: 14}
confirm: {top: 2, seeds: 2}
search: {sampler: random}
"""

    def run_study(self, objective):
        self.write("study.yaml", self.STUDY.replace("OBJECTIVE", objective))
        self.write("trial.py", """import json, os, random, sys
x, luck = float(sys.argv[1]), random.Random(int(os.environ["NOCTURNE_SEED"])).random()
print("nocturne: " + json.dumps({"result": {"em": 0.6 + 0.1 * luck - (x - 0.3) ** 2 / 10, "tokens": 1000 + round(1000 * x)}}))
""")
        self.nocturne("run", "study.yaml", "--quiet")
        best = json.loads(self.nocturne("best", "--json"))
        self.assertEqual(best["confirmed_seeds"], 2)
        return best

    def asked(self, *how):
        return {k: v for k, v in json.loads(self.nocturne("best", "--json", *how)).items() if k not in ("weights", "utility")}

    def test_the_studys_own_weights_have_the_studys_own_answer(self):
        best = self.run_study("{weights: {em: 0.7, tokens: 0.3}}")
        for own in ("em=0.7,tokens=0.3", "tokens=3,em=7", "em=70.0,tokens=30"):
            self.assertEqual(self.asked("--weights", own), {k: v for k, v in best.items() if k != "utility"})
        self.assertNotEqual(self.asked("--weights", "em=1")["trial"], best["trial"])  # by luck, and it is said
        self.assertIn("measured once and is not confirmed", self.nocturne("best", "--weights", "em=1"))
        self.assertNotIn("measured once", self.nocturne("best"))
        self.assertIn("'em' is given twice", self.nocturne("best", "--weights", "em=0.5,em=0.7,tokens=0.3", code=2))

    def test_so_has_its_own_exchange(self):
        best = self.run_study("{exchange: 1.5}")
        self.assertEqual(self.asked("--exchange", "1.5"), {k: v for k, v in best.items() if k != "utility"})


class Words(Folder):
    def test_a_count_has_its_own_name(self):
        self.write("study.yaml", Zero.STUDY.replace(" UNIT", ""))
        self.write("trial.sh", 'echo "nocturne: {\\"result\\": {\\"errors\\": 7, \\"em\\": 0.5}}"')
        out = self.nocturne("run", "study.yaml") + self.nocturne("status") + self.nocturne("plan", "study.yaml") + self.nocturne("stopping")
        self.assertNotIn("tokens", out)
        self.assertIn("70 errors spent", out)


class Failures(Folder):
    STUDY = Zero.STUDY.replace("{weights: {errors: 0.5, em: 0.5}}", "{minimize: errors}").replace(" UNIT", "").replace("baseline: {x: 0}\n", "").replace('"{x}"]}', '"{x}"], retries: 0}')

    def test_three_alike_and_nothing_else_end_the_run(self):
        self.write("study.yaml", self.STUDY)
        self.write("trial.sh", "echo \"line $NOCTURNE_TRIAL: no module named 'torch'\" >&2; exit 1")
        said = self.nocturne("run", "study.yaml", "--quiet", code=1)
        self.assertIn("nothing has completed, and 3 trials in a row failed alike: exit code 1: line", said)
        self.assertIn("no module named 'torch'", said)
        self.assertIn('nocturne: {"result": {"errors": 0.5}}', said)
        self.assertEqual([t["state"] for t in self.trials()], ["failed"] * 3)
        self.assertRegex(self.nocturne("show", "s", "0"), r"the last lines of its stderr.log:\n    line 0: no module named 'torch'")
        self.write("trial.sh", "echo 'nocturne: {\"result\": {\"errors\": 1}}'")  # mended: the same command goes on
        self.nocturne("run", "study.yaml", "--quiet")
        self.assertGreaterEqual([t["state"] for t in self.trials()].count("complete"), 7)

    def test_failures_among_results_do_not(self):
        self.write("study.yaml", self.STUDY)
        self.write("trial.sh", "[ $NOCTURNE_TRIAL = 0 ] || exit 1; echo 'nocturne: {\"result\": {\"errors\": 1}}'")
        self.nocturne("run", "study.yaml", "--quiet")
        self.assertEqual([t["state"] for t in self.trials()].count("failed"), 9)

    def test_different_ones_do_not(self):
        self.write("study.yaml", self.STUDY)
        self.write("trial.sh", "echo $((NOCTURNE_TRIAL % 2)) | tr 01 ab >&2; exit 1")
        said = self.nocturne("run", "study.yaml", "--quiet", code=1)  # that nothing works is no success
        self.assertIn("10 of 10 trials failed; trial 9: exit code 1", said)
        self.assertEqual(len(self.trials()), 10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
