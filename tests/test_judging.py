#!/usr/bin/env python3
"""How configurations are judged: fronts and their knee, a baseline of 0.

NOCTURNE_BIN is the folder of the binaries.
"""
import json
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
        self.nocturne("run", "study.yaml", "--quiet")
        self.assertEqual(len(self.trials()), 10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
