#!/usr/bin/env python3
"""`nocturne rollout`: a study's winner from its start on a part of the units to its promotion, and the next one; what
people and programs read of it on the way; what cannot be, said with its place and the way out; killed in the middle.

Clients are played here: they assign by the ruleset that `rollout ruleset` prints, as the SDKs do.
"""
import contextlib
import hashlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import unittest

from patience import PATIENCE, until
import service
from test_cli import NOCTURNE, STUDY, TRIAL
from test_look import Screen

# decided by some thousand units, each a second after it came
PLAN = """metrics:
  em: {prove: not_worse, effect: 0.1}
  tokens: {prove: fewer, saving: 0.3, marks: [10, 1000], cap: 512}
window: 1s
late: 0
learn: 0
ramp: [0.2, 0.5]
step_units: 50
"""


def place(salt, unit):
    return int(hashlib.sha256(f"{salt}:{unit}".encode()).hexdigest()[:13], 16) / 2**52


def variant(rules, unit):
    for low, high, name in rules["ranges"]:
        if low <= place(rules["salt"], unit) < high:
            return name
    return "champion"


class Live(Screen):
    def setUp(self):
        super().setUp()
        self.begin(STUDY.replace("retries: 1", "retries: 0"), "[ $NOCTURNE_TRIAL = 3 ] && exit 7\n" + TRIAL)
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.write("plan.yaml", PLAN)
        self.units = 0

    def rollout(self, *args, **kw):
        return self.run_nocturne("rollout", *args, **kw)[0]

    def start(self, *more, plan="plan.yaml"):
        return self.rollout("start", "s", "--plan", plan, *more)

    def status(self, name="s"):
        return json.loads(self.rollout("status", name, "--json"))

    def experiment(self):
        return self.status()["experiment"]

    def outcomes(self, n, em=(0.6, 0.6), tokens=(100, 100)):
        """JSON lines of n new units; pairs are of champion and challengers."""
        rules, rng, lines = json.loads(self.rollout("ruleset", "s")), random.Random(self.units), []
        for i in range(self.units, self.units + n):
            name = variant(rules, f"user-{i}")
            tried = name != "champion"
            lines.append(json.dumps({"unit": f"user-{i}", "id": f"o-{i}", "variant": name, "experiment": rules["experiment"],
                                     "period": rules["period"], "metrics": {
                                         "em": int(rng.random() < em[tried]),
                                         "tokens": int(tokens[tried] * rng.lognormvariate(0, 0.5))}}))
        self.units += n
        return "\n".join(lines) + "\n"

    def feed(self, n, **kw):
        """n units come, and are scored."""
        before = self.experiment()["counts"]
        known = before["scored"] + before["spanned"]
        self.rollout("outcomes", "s", stdin=self.outcomes(n, **kw))

        def scored():
            self.rollout("tick", "s")
            counts = self.experiment()["counts"]
            return counts["scored"] + counts["spanned"] >= known + n
        until(f"{n} more units are scored", lambda: self.experiment()["phase"] != "running" or scored())

    def kinds(self):
        return [json.loads(line)["kind"] for line in self.rollout("events", "s", "--json").splitlines()]


class Life(Live):
    def test_from_the_start_to_the_promotion_and_on(self):
        best = self.json("best")["trial"]
        out = self.start()
        self.assertIn("rollout s: not confirmed yet: 0 of about", out)
        self.assertIn(" if it is just as good", out)
        forecast = self.experiment()["forecast"]
        self.assertGreater(forecast["if_as_good"]["units"], 2 * forecast["units"])  # a margin of 1 point, an effect of 5
        self.assertIn("step 1 of 2 of the ramp", out)
        self.assertIn("serves trial 0 of study s (k=5 x=0.9)", out)
        self.assertIn(f"challenger: trial {best} of study s", out)
        for _ in range(20):
            if "ready" in self.experiment():
                break
            self.feed(500, em=(0.6, 0.75), tokens=(100, 60))
        self.assertEqual(self.kinds()[:3], ["started", "ramped", "ready"])
        status = self.status()
        challenger = status["experiment"]["challengers"][0]
        self.assertEqual(challenger["verdict"], "adopt")
        out = self.rollout("status", "s")
        em, typical, bill = challenger["metrics"]
        self.assertRegex(out, rf"rollout s: adopt: challenger beside champion: em \+{100 * em['difference']:.2f} points \(\+.* to \+.*\), "
                         rf"tokens −{-100 * typical['ratio']:.1f} % \(−.* to −.*\); {sum(challenger['units']):.0f} units")
        self.assertEqual(len(re.findall(r"^    (?:em|tokens|tokens, the bill) .* proven$", out, re.M)), 3)
        self.assertIn(f"−{-100 * bill['ratio']:.1f} %", out)
        self.assertIn("next: 'nocturne rollout promote s' makes challenger the champion; until then it stays at 50 %", out)
        self.assertIn("guards: em, tokens hold", out)
        self.assertNotRegex(out, r"\bp\b|p-value|significan")
        self.assertIn(f"lately   em {em['champion']:.4f}, ", self.run_nocturne("loop", "s")[0])
        # somebody else was faster
        err = self.run_nocturne("rollout", "promote", "s", "--version", str(status["version"] - 1), code=1)[1]
        self.assertIn(f"it is at {status['version']}, not {status['version'] - 1}); look again", err)
        after = json.loads(self.rollout("promote", "s", "--version", str(status["version"]), "--why", "as agreed", "--json"))
        self.assertEqual(after["experiment"]["phase"], "promoted")
        self.assertEqual(after["champion"]["trial"], best)
        now = after["experiment"]["challengers"][0]["metrics"][0]["challenger"]
        self.assertNotAlmostEqual(now, em["champion"], delta=0.01)
        self.assertIn(f"lately   em {now:.4f}, ", self.run_nocturne("loop", "s")[0])  # of what is live now
        out = self.rollout("events", "s")
        self.assertRegex(out, r"promoted +challenger: as agreed, by \w+")
        self.assertIn("rollout s: promoted: as agreed; at its end adopt: ", self.rollout("status", "s"))
        self.assertIn("no experiment that runs", self.run_nocturne("rollout", "promote", "s", code=1)[1])
        # the next one
        self.assertIn("champion's own configuration", self.run_nocturne("rollout", "start", "s", code=2)[1])
        other = next(t["trial"] for t in self.trials() if t["state"] == "complete" and t["role"] == "search" and t["trial"] != best)
        self.write("plan.yaml", PLAN.replace("window: 1s\n", ""))
        out = self.start("--challenger", str(other), "--units", "5000", "--promote", "auto", "--window", "2s")
        self.assertIn(f"serves trial {best} of study s", out)
        self.assertIn("promoted by itself once all is proven", out)
        self.assertIn("at 5000 units, of which 0 are scored, it ends undecided", out)
        self.assertEqual((self.experiment()["number"], self.experiment()["salt"]), (2, "s-2"))
        self.assertEqual(self.experiment()["rules"]["window"], "2s")
        self.assertIn("experiment 1: promoted", self.rollout("status", "s", "--experiment", "1"))

    def test_a_fall_is_taken_back(self):
        self.start()
        for _ in range(10):
            if self.experiment()["phase"] != "running":
                break
            self.feed(500, em=(0.7, 0.3))
        out = self.rollout("status", "s")
        self.assertRegex(out, r"rollout s: rolled back: challenger: beyond its guard \(em .*\); at its end do not adopt: ")
        self.assertRegex(out, r"em +−\d.* points .* beyond its guard")
        self.assertIn("guards: tokens hold; em broken", out)
        self.assertIn("'nocturne rollout start s' tries the next one", out)

    def test_orders(self):
        self.start(plan="plan.yaml")
        self.assertIn("at 50 % for challengers", self.rollout("ramp", "s") + self.rollout("status", "s"))
        self.assertIn("has no step beyond that", self.run_nocturne("rollout", "ramp", "s", code=1)[1])
        self.assertIn("rollout s: paused: lunch; so far", self.rollout("pause", "s", "--why", "lunch"))
        self.assertIn("'nocturne rollout resume s' goes on, 'nocturne rollout rollback s' ends it", self.rollout("status", "s"))
        self.assertIn("only a running one is ramped", self.run_nocturne("rollout", "ramp", "s", code=1)[1])
        self.rollout("resume", "s")
        out = self.rollout("kill", "s", "--why", "smoke")
        self.assertIn("rollout s: killed, everybody gets the champion: smoke", out)
        self.assertIn("wrong, killed: ", self.rollout("status", "s"))
        self.assertIn("killed: smoke", self.rollout("assign", "s", "ada"))
        self.rollout("revive", "s")
        self.rollout("resume", "s")
        self.assertEqual(self.experiment()["phase"], "running")
        self.rollout("stop", "s")
        self.assertEqual(self.kinds(), ["started", "ramped", "paused", "running", "paused", "killed", "revived", "running", "stopped"])
        # the same configurations again: everybody has what he had; ramp to a share
        self.write("long.yaml", PLAN.replace("[0.2, 0.5]", "[0.01, 0.1, 0.3, 0.5]"))
        self.start(plan="long.yaml")
        self.assertEqual(self.experiment()["salt"], "s-1")
        self.rollout("ramp", "s", "--share", "25%")
        self.assertAlmostEqual(self.experiment()["share"], 0.3)
        self.rollout("rollback", "s")
        self.assertEqual(self.experiment()["phase"], "rolled back")

    def test_how_it_went_is_drawn(self):
        self.write("plan.yaml", PLAN.replace("ramp: [0.2, 0.5]", "ramp: [0.5]").replace("effect: 0.1", "effect: 0.1, margin: 0.05"))
        self.start()
        self.assertNotIn("how it went", self.rollout("status", "s"))
        for _ in range(3):
            self.feed(200)
        out = self.rollout("status", "s")
        self.assertIn("challenger beside the champion, how it went", out)
        self.assertIn("\nem, points\n", out)
        self.assertIn("\ntokens, %\n", out)
        self.assertNotIn("how it went", self.rollout("status", "s", "--json"))
        page = self.run_nocturne("report", "s", "-o", "-")[0]
        self.assertRegex(page, r"<svg[^>]*>(?s:.*)tokens, the bill")
        self.assertIn("right however often somebody looks, over 600 scored units", re.sub(r"<[^>]*>\s*", " ", page).replace("\n", " "))

    def test_in_the_shadow_first(self):
        self.write("plan.yaml", PLAN + "shadow: {units: 100}\n")
        self.start()
        lines = [json.dumps({"unit": f"u{i}", "id": f"{i}", "variant": "champion", "metrics": {"em": 1, "tokens": 100},
                             "shadow": {"challenger": {"em": 1, "tokens": 80}}}) for i in range(60)]
        self.rollout("outcomes", "s", stdin="\n".join(lines))
        until("they are scored", lambda: (self.rollout("tick", "s"), self.experiment()["counts"]["scored"] == 60)[1])
        out = self.rollout("status", "s")
        self.assertIn("rollout s: in the shadow, unseen, beside 60 of 100 units of the champion: so far em 0.00 points, tokens −20.0 %", out)
        self.assertIn("next: challengers get 20 % after 40 more units in the shadow", out)
        self.assertIn("challenger in the shadow of the champion (60 units):", out)

    def test_tick_follows(self):
        self.start()
        self.rollout("outcomes", "s", stdin=self.outcomes(600))
        process = self.popen("rollout", "tick", "--follow")
        self.wait_line(process.stdout, "ramped")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, err), (0, ""))

    def test_several_rollouts(self):
        self.assertIn("no rollout yet", self.rollout("status"))
        self.assertEqual(json.loads(self.rollout("status", "--json")), {"rollouts": []})
        self.start()
        self.start("--rollout", "other", "--champion", "best", "--challenger", "1", "--challenger", "2")
        all = json.loads(self.rollout("status", "--json"))["rollouts"]
        self.assertEqual([r["rollout"] for r in all], ["s", "other"])
        self.assertEqual(list(all[1]["experiment"]["variants"]), ["champion", "challenger-1", "challenger-2"])
        lines = self.rollout("status").splitlines()
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[1], r"^s +running +20 % +not confirmed yet +0")
        self.assertIn("which challenger? Give one of", self.run_nocturne("rollout", "promote", "other", code=2)[1])
        self.rollout("promote", "other", "--variant", "challenger-2")
        self.assertEqual(self.status("other")["champion"]["trial"], 2)


class Which(Live):
    """What may stand for a configuration."""

    def test_files_as_export_writes_them(self):
        self.write("mine.yaml", "parameters: {x: 0.25, k: 7}\nverdict: adopt\n")
        self.write("mine.json", '{"x": 0.125, "k": 8}')
        self.write("best.json", self.run_nocturne("export", "--format", "json")[0])
        self.start("--champion", "mine.yaml", "--challenger", "mine.json", "--challenger", "best.json", "--challenger", "baseline")
        variants = self.experiment()["variants"]
        self.assertEqual(variants["champion"]["parameters"], {"x": 0.25, "k": 7})
        self.assertEqual(variants["challenger-1"]["parameters"], {"x": 0.125, "k": 8})
        self.assertEqual(variants["challenger-2"]["parameters"], self.json("best")["params"])
        self.assertEqual(variants["challenger-3"]["trial"], 0)
        self.assertIn("(k=7 x=0.25)", self.rollout("status", "s"))

    def test_references_by_name(self):
        self.begin(STUDY.replace("study: s", "study: r").replace("objective:", "references: {tuned: {x: 0.2, k: 9}}\nobjective:"), TRIAL)
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.rollout("start", "r", "--champion", "tuned")
        self.assertEqual(self.status("r")["champion"]["parameters"], {"x": 0.2, "k": 9})

    def test_only_what_is_confirmed_unless_it_is_named(self):
        self.begin(STUDY.replace("study: s", "study: quick").replace("confirm: {top: 1, seeds: 2}", "confirm: {top: 0}"), TRIAL)
        self.run_nocturne("run", "study.yaml", "--quiet")
        best = self.json("best", "quick")["trial"]
        err = self.run_nocturne("rollout", "start", "quick", code=2)[1]
        self.assertIn(f"trial {best} is the best of study 'quick', but fresh seeds have not confirmed it", err)
        self.rollout("start", "quick", "--challenger", str(best))
        self.assertEqual(self.status("quick")["experiment"]["variants"]["challenger"]["trial"], best)

    def test_nothing_beats_the_baseline(self):
        self.begin(STUDY.replace("study: s", "study: low").replace("objective: {weights: {em: 0.7, tokens: 0.3}}", "objective: {maximize: em}")
                   .replace("x: 0.9", "x: 0.3"), TRIAL)
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.assertIn("beats its baseline; name a trial", self.run_nocturne("rollout", "start", "low", code=2)[1])
        self.begin(STUDY.replace("study: s", "study: bare").replace("baseline: {x: 0.9, k: 5}\n", "")
                   .replace("objective: {weights: {em: 0.7, tokens: 0.3}}", "objective: {maximize: em}"), TRIAL)
        self.run_nocturne("run", "study.yaml", "--quiet")
        err = self.run_nocturne("rollout", "start", "bare", code=2)[1]
        self.assertIn("has no baseline, and rollout 'bare' is new: say what is served now, with --champion", err)


    def test_the_default_plan_is_for_studies_of_its_metrics(self):
        for old, new, says in (("em", "right", "measures right, tokens, and not 'em'"), ("tokens", "lookups", "measures em, lookups, and not 'tokens'")):
            self.begin(re.sub(rf"\b{old}\b", new, STUDY).replace("study: s", f"study: {new}"), re.sub(rf"\b{old}\b", new, TRIAL))
            self.run_nocturne("run", "study.yaml", "--quiet")
            err = self.run_nocturne("rollout", "start", new, "--challenger", "1", code=2)[1]
            self.assertIn(says, err)
            self.assertIn("'nocturne rollout plan' prints one to change", err)
            self.write("own.yaml", f"metrics: {{{new}: {{prove: not_worse}}}}")
            self.rollout("start", new, "--challenger", "1", "--plan", "own.yaml")


class Wrong(Live):
    def refused(self, args, code, *says):
        out, err = self.run_nocturne("rollout", *args, code=code)
        for part in says:
            self.assertIn(part, err)
        self.assertEqual(out, "")
        self.assertNotIn("\n\n", err)

    def test_each_with_the_way_out(self):
        self.write("part.yaml", "x: 0.5\n")
        self.write("far.yaml", "{x: 7, k: 3}\n")
        self.write("odd.yaml", "\n{x: 0.5, k: 3, learning_rate: 1}\n")
        self.write("large.yaml", "x: 0.5  # " + "x" * (1 << 20))
        with open(os.path.join(self.dir, "binary"), "wb") as out:
            out.write(b"x: 0.5\0k: 3")
        start = ["start", "s", "--challenger"]
        for args, code, says in (
                (["start", "nobody"], 3, ["no study 'nobody'"]),
                ([*start, "99"], 3, ["--challenger: study 's' has no trial 99"]),
                ([*start, "3"], 2, ["--challenger: trial 3 of study 's' is failed; only what is complete can be served"]),
                ([*start, "part.yaml"], 2, ["part.yaml:1:1: the file lacks the parameter 'k'"]),
                ([*start, "far.yaml"], 2, ["far.yaml:1:5: "]),
                ([*start, "odd.yaml"], 2, ["odd.yaml:2:16: 'learning_rate' in the file is not a parameter"]),
                ([*start, "large.yaml"], 2, ["large.yaml: larger than 1024 kB"]),
                ([*start, "binary"], 2, ["binary: this is no text"]),
                ([*start, "tuned"], 3, ["'tuned' is no trial's number, not 'best' or 'baseline', no reference", "and no file"]),
                ([*start, "best", "--challenger", "best"], 2, ["two challengers are the same"]),
                ([*start, "baseline"], 2, ["champion's own configuration"]),
                ([*start, "1", "--champion", "99"], 3, ["--champion: study 's' has no trial 99"]),
                (["start", "s", "--units", "100"], 2, ["units: 100 cannot decide a difference of 0.05 in em", "plan more units"]),
                (["start", "s", "--salt", "a:b"], 2, ["no colon"]),
                (["start", "s", "--rollout", "no blanks"], 2, ["a rollout's name has letters"]),
                (["start", "s", "--plan", "none.yaml"], 3, ["none.yaml: cannot read"]),
                (["status", "s"], 3, ["holds no rollout yet", "'nocturne rollout start STUDY'"]),
                (["pause", "s"], 3, ["holds no rollout yet"]),
                (["assign", "s", "ada"], 3, ["holds no rollout yet"])):
            with self.subTest(args=args):
                self.refused(args, code, *says)
        self.assertEqual(json.loads(self.rollout("status", "--json")), {"rollouts": []})

    def test_bad_plans_by_their_place(self):
        for plan, says in (("metrics: {em: {prove: better}}\n", "plan.yaml:1:23: 'prove' must be one of nothing, not_worse, fewer"),
                           ("window: 10m\nramp: [0.5, 0.1]\n", "plan.yaml:2:13: 'ramp' must grow"),
                           ("windows: 10m\n", "plan.yaml:1:1: "), ("window: soon\n", "plan.yaml:1:9: "), ("{", "plan.yaml:"),
                           ("learn: 0\n", "give it 'marks' and 'cap'"), ("a: " + "b" * 70000, "plan.yaml: larger than 64 kB"),
                           ("overrides: {ada: nobody}\nmetrics: {em: {prove: not_worse}}\n", "overrides: there is no variant 'nobody'")):
            self.write("plan.yaml", plan)
            with self.subTest(plan=plan[:40]):
                self.refused(["start", "s", "--plan", "plan.yaml"], 2, says)
        self.write("plan.yaml", "units: 5000\n")
        self.refused(["start", "s", "--plan", "plan.yaml", "--units", "6000"], 2, "plan.yaml:1:8: the plan says units, and so does --units")
        self.write("plan.yaml", "{window: 10m}\n")
        self.refused(["start", "s", "--plan", "plan.yaml", "--units", "6000"], 2, "in braces", "write them in it")

    def test_salts_and_second_experiments(self):
        self.start()
        self.refused(["start", "s", "--challenger", "1"], 1, "experiment 1 of rollout 's' is running; promote, roll back or stop it first")
        self.refused(["start", "s", "--rollout", "t", "--salt", "s-1"], 2, "salt 's-1' was used by another experiment", "choose another")
        self.start("--rollout", "second")
        self.refused(["status", "secnd"], 3, "no rollout 'secnd'; did you mean 'second'?")
        self.refused(["status", "s", "--experiment", "2"], 3, "rollout 's' has no experiment 2; 'nocturne rollout events s'")

    def test_usage(self):
        for args, says in ((["pause"], "pause: which rollout?"), (["pause", "a", "b"], "what is 'b'?"), (["puase", "s"], "did you mean 'pause'?"),
                           ([], "say what to do"), (["status", "--units", "5"], "--units does not go with 'status'"),
                           (["ramp", "s", "--share", "0"], "--share"), (["ramp", "s", "--share", "99%"], "--share"),
                           (["plan", "--rate", "5"], "--rate"), (["plan", "--rate", "many/day"], "--rate"),
                           (["start", "s", "--promote", "maybe"], "'ask' or 'auto'"), (["start", "s", "--window", "soon"], "--window"),
                           (["tick", "--url", "http://127.0.0.1:1", "--token-file", "x"], "a service does that by itself"),
                           (["assign", "s"], "and who?")):
            with self.subTest(args=args):
                self.assertIn(says, " ".join(self.run_nocturne("rollout", *args, code=2)[1].split()))


class Outcomes(Live):
    def test_what_is_wrong_is_said_by_its_line(self):
        self.start(plan="plan.yaml")
        rules = json.loads(self.rollout("ruleset", "s"))
        good = next(f"u{i}" for i in range(100) if variant(rules, f"u{i}") == "champion")
        lines = [json.dumps({"unit": good, "variant": "champion"}), "nonsense", "", json.dumps({"unit": good}),
                 json.dumps({"unit": good, "variant": "challenger"}), '{"outcomes": [{"unit": "a"}, 7]}',
                 json.dumps({"unit": good, "variant": "champion", "id": "1", "metrics": {"em": 1.5}})]
        self.write("o.jsonl", "\n".join(lines))
        out, err = self.run_nocturne("rollout", "outcomes", "s", "o.jsonl", code=1)
        self.assertIn("1 taken, 0 repeated, 0 late, 0 not counted, 6 refused", out)
        for says in ("o.jsonl:2: not JSON", "o.jsonl:4: variant is missing", "o.jsonl:5: this unit is the champion's", "o.jsonl:6, item 1: ",
                     "o.jsonl:6, item 2: an outcome must be an object", "o.jsonl:7: em must be from 0 to 1, not 1.5"):
            self.assertIn(says, err)
        again = json.loads(self.run_nocturne("rollout", "outcomes", "s", "o.jsonl", "--json", code=1)[0])
        self.assertEqual((again["taken"], again["repeated"], again["refused"]), (0, 1, 6))
        self.assertEqual([w["line"] for w in again["why"]], [2, 4, 5, 6, 6, 7])
        body = json.dumps({"outcomes": [{"unit": good, "variant": "champion"}]}, indent=1)
        self.assertIn("1 repeated", self.rollout("outcomes", "s", stdin=body))
        self.assertIn("neither JSON lines nor a body", self.run_nocturne("rollout", "outcomes", "s", code=2, stdin="{\n")[1])
        self.assertIn("cannot read", self.run_nocturne("rollout", "outcomes", "s", "none.jsonl", code=3)[1])
        self.assertIn("0 taken", self.rollout("outcomes", "s", stdin=""))
        broken = '{"unit": "a", "expected": NaN}'  # takes no other along, be it the first
        for text, place in ((f"{broken}\n{lines[0]}\n", "standard input:1: not JSON"), ('{"outcomes": [%s, %s]}' % (broken, lines[0]), "1, item 1: an outcome must"),
                            ('{\n"outcomes": [%s,\n %s]}\n' % (broken, lines[0]), "1, item 1: an outcome must")):
            out, err = self.run_nocturne("rollout", "outcomes", "s", code=1, stdin=text)
            self.assertIn("1 repeated, 0 late, 0 not counted, 1 refused", out)
            self.assertIn(place, err)
        self.rollout("stop", "s")
        self.assertIn("0 taken, 0 repeated, 0 late, 1 not counted", self.rollout("outcomes", "s", stdin=lines[0]))

    def test_a_metric_that_one_arm_does_not_tell_is_said(self):
        self.write("plan.yaml", PLAN.replace("effect: 0.1}", "effect: 0.1, guard: 0.9, margin: 0.9}").replace("cap: 512}", "cap: 512, guard: 9, margin: 1}"))
        for arm, says in (("champion", r"wrong, missing: tokens was not heard of 100 % of the champion's units, of 0 % of those of challenger: that alone would"),
                          ("challenger", r"look, missing: tokens was not heard of 0 % of the champion's units, of 100 % of those of challenger\n")):
            self.start()
            lines = [json.loads(line) for line in self.outcomes(600).splitlines()]
            for line in lines:
                if (line["variant"] == "champion") == (arm == "champion"):
                    del line["metrics"]["tokens"]
            self.rollout("outcomes", "s", stdin="\n".join(map(json.dumps, lines)))
            until("they are scored", lambda: (self.rollout("tick", "s"), self.experiment()["counts"]["scored"] + self.experiment()["counts"]["spanned"] == 600)[1])
            self.assertRegex(self.rollout("status", "s"), says)
            if self.experiment()["phase"] == "running":
                self.rollout("stop", "s")

    def test_a_clock_that_was_set_back_is_said(self):
        self.write("offset", "864000")
        ahead = {"LD_PRELOAD": os.path.join(os.path.dirname(NOCTURNE), "libset_clock.so"), "TEST_CLOCK": os.path.join(self.dir, "offset"),
                 "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        subprocess.run([NOCTURNE, "rollout", "start", "s", "--plan", "plan.yaml"], cwd=self.dir, env={**os.environ, **ahead}, check=True, capture_output=True)
        self.assertRegex(self.rollout("status", "s"), r"wrong, clock: the last change of the shares is (239h|240h 00m)\S* .*ahead of this machine's clock: until then nothing is scored")
        self.rollout("stop", "s")
        self.start()
        self.assertNotIn("wrong, clock", self.rollout("status", "s"))

    def test_many_refused_are_counted(self):
        self.start()
        bad = "\n".join(json.dumps({"unit": f"u{i}"}) for i in range(300)) + "\n"
        out, err = self.run_nocturne("rollout", "outcomes", "s", code=1, stdin=bad)
        self.assertIn("300 refused", out)
        self.assertEqual(len(err.splitlines()), 21)
        self.assertIn("and 280 more", err)
        self.assertIn("look, refused: 300 of 300 outcomes (100 %) were refused", self.rollout("status", "s"))

    def test_killed_in_the_middle_and_sent_again(self):
        """The same as undisturbed, in a copy of the database from before."""
        self.write("plan.yaml", "metrics: {em: {prove: not_worse, guard: 0.9}}\nwindow: 1s\nlate: 0\nlearn: 0\nramp: [0.5]\n")
        self.start()
        self.run_nocturne("backup", "copy.db")
        lines = self.outcomes(9000).replace('"tokens"', '"other"')
        lines = "\n".join(json.dumps({**json.loads(line), "metrics": {"em": json.loads(line)["metrics"]["em"]}}) for line in lines.splitlines()) + "\n"
        half = lines.index("user-6000")
        process = self.popen("rollout", "outcomes", "s", stdin=subprocess.PIPE)
        process.stdin.write(lines[:half])
        process.stdin.flush()
        until("some are taken", lambda: self.experiment()["counts"]["taken"] >= 2000)
        process.kill()
        process.communicate()
        taken = self.experiment()["counts"]["taken"]
        self.assertTrue(2000 <= taken <= 6000 and taken < 9000)
        again = json.loads(self.rollout("outcomes", "s", "--json", stdin=lines))
        self.assertEqual((again["taken"], again["taken"] + again["repeated"] + again["late"], again["refused"]), (9000 - taken, 9000, 0))
        self.rollout("outcomes", "s", "--db", "copy.db", stdin=lines)

        def scored(db):
            self.rollout("tick", "--db", db)
            return json.loads(self.rollout("status", "s", "--json", "--db", db))["experiment"]["counts"]["scored"] == 9000
        for db in ("nocturne.db", "copy.db"):
            until("all are scored", lambda: scored(db))
        said = [json.loads(self.rollout("status", "s", "--json", "--db", db))["experiment"] for db in ("nocturne.db", "copy.db")]
        for key in ("units", "missing"):
            self.assertEqual(*[x["challengers"][0][key] for x in said])
        for key in ("champion", "challenger"):
            self.assertEqual(*[x["challengers"][0]["metrics"][0][key] for x in said])
        self.assertEqual(*[[p["arrived"] for p in x["periods"]] for x in said])

    def test_lost_units_are_said(self):
        self.start()
        lines = self.outcomes(4000).splitlines(True)
        kept = [line for i, line in enumerate(lines) if '"champion"' in line or i % 2]
        self.rollout("outcomes", "s", stdin="".join(kept))
        until("it is paused", lambda: (self.rollout("tick", "s"), self.experiment()["phase"] != "running")[1])
        out = self.rollout("status", "s")
        self.assertIn("rollout s: paused: units do not arrive in the promised shares (challenger)", out)
        self.assertIn("wrong, shares: ", out)
        self.assertIn("find what loses units of one arm", out)

    def test_silent_arms_are_said(self):
        self.write("plan.yaml", PLAN.replace("effect: 0.1}", "effect: 0.1, guard: 0.9, margin: 0.9}").replace("cap: 512}", "cap: 512, guard: 9, margin: 1}"))
        self.start()
        lines = [json.loads(line) for line in self.outcomes(1000).splitlines()]
        for i, line in enumerate(lines):
            if line["variant"] != "champion" and i % 2:
                del line["metrics"]
        self.rollout("outcomes", "s", stdin="\n".join(map(json.dumps, lines)))
        until("they are scored", lambda: (self.rollout("tick", "s"), self.experiment()["counts"]["scored"] == 1000)[1])
        self.assertRegex(self.rollout("status", "s"), r"look, silence: nothing was heard of (4|5)\S* % of the units of challenger, of 0 % of the champion's")


class Switch(Live):
    """The file beside the database that needs no database."""

    def test_killed_by_a_file_and_revived(self):
        self.start()
        self.write("nocturne.db-kill", "other\ns  # smoke\n")
        path = os.path.join(self.dir, "nocturne.db-kill")
        self.assertIn("rollout s: killed, everybody gets the champion: the file nocturne.db-kill", self.rollout("status"))
        self.assertIn("killed: the file nocturne.db-kill", self.rollout("assign", "s", "ada"))
        self.assertIn("killed", json.loads(self.rollout("ruleset", "s")))
        self.rollout("revive", "s")
        with open(path) as file:
            self.assertEqual(file.read().split(), ["other"])
        self.assertNotIn("killed", self.status())
        self.write("nocturne.db-kill", "all\n")
        self.assertIn("kills all rollouts; change it first", self.run_nocturne("rollout", "revive", "s", code=1)[1])

    def test_kill_needs_no_database(self):
        self.start()
        with contextlib.closing(sqlite3.connect(os.path.join(self.dir, "nocturne.db"), isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")  # for longer than anybody waits
            out = self.rollout("kill", "s")
        self.assertIn("rollout s: killed by the file nocturne.db-kill, as the database refuses it: ", out)
        self.assertIn("killed: the file nocturne.db-kill", self.rollout("assign", "s", "ada"))
        self.rollout("revive", "s")
        self.assertFalse(os.path.exists(os.path.join(self.dir, "nocturne.db-kill")))


class Words(Live):
    def test_it_fits_every_screen(self):
        self.start()
        self.feed(600, em=(0.6, 0.7), tokens=(100, 70))
        self.start("--rollout", "a-rollout-with-a-very-long-name-" + "x" * 60, "--champion", "1", "--challenger", "best")
        for columns in (120, 80, 60, 40):
            for command in (("status", "s"), ("status",), ("events", "s"), ("assign", "s", "ada", "u" * 300), ("plan", "plan.yaml"), ("tick",)):
                with self.subTest(columns=columns, command=command):
                    self.assert_fits(self.screen("rollout", *command, columns=columns), columns, command)
        out = self.screen("rollout", "status", "s", columns=60, env={"LANG": "C"})
        self.assertTrue(out.isascii())
        self.assertIn("+", out)
        for text in (self.rollout("status"), self.rollout("plan", "plan.yaml")):
            self.assert_fits(text, 80, "a pipe")

    def test_who_gets_what_and_why(self):
        self.write("plan.yaml", PLAN + "overrides: {ada: challenger}\nholdout: 0.3\ngroup: {name: checkout, part: [0, 0.5]}\n")
        self.start()
        rules = json.loads(self.rollout("ruleset", "s"))
        units = [f"u{i}" for i in range(60)]
        all = json.loads(self.rollout("assign", "s", "ada", *units, "--json"))["units"]
        self.assertEqual((all[0]["variant"], all[0]["reason"], all[0]["counted"]), ("challenger", "TARGETING_MATCH", False))
        for x in all[1:]:
            held, mine = place("s-holdout", x["unit"]) < 0.3, place("checkout", x["unit"]) < 0.5
            self.assertEqual(x["counted"], not held and mine)
            self.assertEqual(x["variant"], variant(rules, x["unit"]) if x["counted"] else "champion")
            self.assertIn("held out, as 30 % are" if held else "by its place" if mine else "another part of group checkout", x["why"])
        self.assertRegex(self.rollout("assign", "s", "ada"), r"^ada +challenger +not counted +the plan's overrides say so\n$")
        self.assertIn("1 to 1024 bytes", self.run_nocturne("rollout", "assign", "s", "", code=2)[1])
        self.rollout("stop", "s")
        self.assertIn("no experiment runs", self.rollout("assign", "s", "u1"))

    def test_the_default_plan_is_the_default(self):
        self.write("default.yaml", self.rollout("plan"))
        self.write("empty.yaml", "")
        default, empty = (json.loads(self.rollout("plan", name, "--json"))["plan"] for name in ("default.yaml", "empty.yaml"))
        self.assertEqual(default, empty)
        uncommented = re.sub(r"(?m)^( *)# (latency_ms|group|overrides|segments):", r"\1\2:", self.rollout("plan"))
        self.write("all.yaml", uncommented)
        self.assertEqual(sorted(json.loads(self.rollout("plan", "all.yaml", "--json"))["plan"]["metrics"]), ["em", "latency_ms", "tokens"])

    def test_what_a_plan_needs(self):
        out = self.rollout("plan", "plan.yaml", "--rate", "5000/day")
        needs = json.loads(self.rollout("plan", "plan.yaml", "--rate", "5000/day", "--json"))["needs"]
        self.assertEqual(needs["before"], 250)
        self.assertIn("about 250 units before its last step", out)
        self.assertLess(needs["metrics"]["em"]["effect"][0], needs["metrics"]["em"]["effect"][1])
        self.assertEqual(needs["metrics"]["tokens"]["same"], [None, None])
        self.assertIn("em not worse by more than 1 point", out)
        self.assertIn("days in all", out)
        twice = self.rollout("plan", "plan.yaml", "--rate", "10000/day")
        days = [float(re.search(r"as good .*; ([\d.]+) to", text).group(1)) for text in (out, twice)]
        self.assertAlmostEqual(days[0] / days[1], 2, delta=0.1)
        often = self.rollout("plan", "plan.yaml", "--rate", "100/second")
        self.assertNotIn("days", often)
        self.assertRegex(often, r"as good .*; [\dms. ]+ to [\dms. ]+ in all\n")
        self.assertIn("units before its last step, 2.5s", often)
        self.write("plan.yaml", PLAN.replace("effect: 0.1", "margin: 0.04, effect: 0.05"))
        self.assertIn("if it is better by 1 point ", self.rollout("plan", "plan.yaml"))
        self.write("plan.yaml", PLAN + "units: 300\n")
        self.assertIn("planned: 300 units, fewer than", self.rollout("plan", "plan.yaml"))
        self.write("plan.yaml", "windows: 1\n")
        self.assertIn("plan.yaml:1:1: ", self.run_nocturne("rollout", "plan", "plan.yaml", code=2)[1])

    def test_a_shell_completes_what_it_can_do(self):
        script = """eval "$(nocturne completion bash)"
            COMP_WORDS=(nocturne "$1" "$2"); COMP_CWORD=2; _nocturne; echo "${COMPREPLY[*]}\""""
        def completed(command, word):
            env = {**os.environ, "PATH": f"{os.environ['NOCTURNE_BIN']}:{os.environ['PATH']}"}
            return subprocess.run(["bash", "-c", script, "bash", command, word], env=env, capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(completed("rollout", "r"), ["ramp", "resume", "rollback", "revive", "ruleset"])
        self.assertEqual(completed("rollout", "--wi"), ["--window"])
        self.assertEqual(completed("token", ""), ["create", "list", "revoke"])
        self.assertEqual(completed("notify", "s"), ["show", "send"])

    def test_the_morning_report_has_it(self):
        self.assertNotIn("Rollout s", self.run_nocturne("report", "--format", "md")[0])
        self.start()
        self.feed(600, em=(0.6, 0.7), tokens=(100, 70))
        message = self.run_nocturne("report", "--format", "md")[0]
        self.assertIn("**Rollout s:** promising, not proven: challenger beside champion: em ", message)
        self.assertLessEqual(len(message), 1500)
        self.run_nocturne("report", "-o", "r.html")
        with open(os.path.join(self.dir, "r.html"), encoding="utf-8") as file:
            text = re.sub(r"<[^>]*>", " ", file.read())
        for says in ("Rollout s:", "Live since ", "trial 0 of study s", "Tried against it, as challenger", "Next: it stays at 50 % until it is decided"):
            self.assertIn(says, text)


def at_any_time(text, url=""):
    """Without what the clock says, and where it is asked."""
    return re.sub(r"\(the last .*? ago\)|\(\d[\dhms. ]*\)|, about \S+ ?\S* left", "", text.replace(url, ""))


class Remote(service.World):
    """A service says what its database says, and takes what it takes."""

    def setUp(self):
        super().setUp()
        self.create(STUDY + "files: [trial.sh]\n", TRIAL)
        self.wait_phase("complete")
        self.at = ("--url", f"http://127.0.0.1:{self.port}", "--token-file", "nocturne.token")
        self.write("plan.yaml", PLAN)

    def ask(self, *args, code=0, at=None):
        done = subprocess.run([NOCTURNE, "rollout", *args, *(self.at if at is None else at)], cwd=self.dir, capture_output=True, text=True,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def status(self):
        return json.loads(self.ask("status", "s", "--json"))

    def feed(self, n, first):
        rules = json.loads(self.ask("ruleset", "s"))
        names = [(f"user-{i}", variant(rules, f"user-{i}")) for i in range(first, first + n)]
        self.write("o.jsonl", "".join(json.dumps({"unit": unit, "id": unit, "variant": name, "experiment": rules["experiment"], "period": rules["period"],
                                                  "metrics": {"em": 1, "tokens": 100 if name == "champion" else 60}}) + "\n" for unit, name in names))
        self.assertIn(f"{n} taken", self.ask("outcomes", "s", "o.jsonl"))
        self.wait("they are scored", lambda: sum(self.status()["experiment"]["counts"][k] for k in ("scored", "spanned")) >= first + n)

    def test_what_is_said_and_done_is_the_same(self):
        self.assertIn("no rollout yet", self.ask("status"))
        self.assertIn("no study 'nobody'", self.ask("start", "nobody", code=3))
        self.write("bad.yaml", "windows: 1\n")
        self.assertIn("bad.yaml:1:1: ", self.ask("start", "s", "--plan", "bad.yaml", code=2))
        out = self.ask("start", "s", "--plan", "plan.yaml", "--challenger", "best")
        self.assertIn("step 1 of 2 of the ramp", out)
        self.feed(600, 0)
        for args in (("status", "s"), ("status",), ("events", "s"), ("assign", "s", "ada", "bob", "日本"), ("assign", "s", "ada", "--json"), ("ruleset", "s")):
            with self.subTest(args=args):
                self.assertEqual(at_any_time(self.ask(*args), " " + " ".join(self.at)), at_any_time(self.ask(*args, at=())))
        self.assertIn("no rollout 'nobody'", self.ask("status", "nobody", code=3))
        self.assertIn("is running; promote, roll back or stop it first", self.ask("start", "s", "--challenger", "1", code=1))
        version = self.status()["version"]
        self.assertIn("look again", self.ask("pause", "s", "--version", str(version - 1), code=1))
        self.assertIn("rollout s: paused: lunch", self.ask("pause", "s", "--version", str(version), "--why", "lunch"))
        self.assertRegex(self.ask("events", "s").splitlines()[-1], "paused +lunch, by first")
        self.ask("kill", "s", "--why", "smoke")
        self.assertIn("killed: smoke", self.ask("assign", "s", "ada"))
        self.ask("revive", "s")
        self.ask("promote", "s")
        self.assertEqual(self.status()["champion"]["trial"], self.status()["experiment"]["variants"]["challenger"]["trial"])
        report = subprocess.run([NOCTURNE, "report", "s", "--format", "md", *self.at], cwd=self.dir, capture_output=True, text=True, check=True)
        self.assertIn("**Rollout s:** promoted", report.stdout)

    def watch(self, *args, code=0, at=None):
        done = subprocess.run([NOCTURNE, "watch", *args, *(self.at if at is None else at)], cwd=self.dir, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def test_a_watch_is_begun_there_and_kept_at_its_database(self):
        self.write("bad.yaml", "learn: 500\nlern: 5\n")
        self.assertIn("bad.yaml:2:1: ", self.watch("s", "--plan", "bad.yaml", code=2))
        self.assertIn("with --url a watch is only begun", self.watch("s", "--once", code=2))
        self.assertIn("rollout s is watched", self.watch("s", "--ask", "none", "--trials", "7"))
        status = self.status()
        self.assertEqual((status["watch"]["rules"]["trials"], status["watch"]["rules"]["ask"]), (7, []))
        self.assertIn("rollout s is watched", self.watch("s"))  # goes on
        self.assertEqual(self.status()["version"], status["version"])
        self.watch("s", "--once", at=())
        self.assertEqual([json.loads(line)["kind"] for line in self.ask("events", "s", "--json").splitlines()], ["watched"])
        self.token("viewer")
        self.assertIn("this token may only look (role viewer)", self.watch("s", "--ask", "none", code=1, at=(*self.at[:3], "viewer.token")))

    def test_roles(self):
        self.ask("start", "s", "--plan", "plan.yaml")
        at = {}
        for role in ("viewer", "client"):
            self.token(role)
            at[role] = (*self.at[:3], role + ".token")
        self.assertIn("rollout s: ", self.ask("status", "s", at=at["viewer"]))
        for args in (("pause", "s"), ("start", "s"), ("kill", "s")):
            self.assertIn("this token may only look (role viewer)", self.ask(*args, code=1, at=at["viewer"]))
        rules = json.loads(self.ask("ruleset", "s", at=at["client"]))
        self.write("o.jsonl", json.dumps({"unit": "ada", "variant": variant(rules, "ada")}) + "\n")
        self.assertEqual(self.ask("outcomes", "s", "o.jsonl", at=at["client"]), "1 taken, 0 repeated, 0 late, 0 not counted, 0 refused\n")
        self.assertIn("ada", self.ask("assign", "s", "ada", at=at["client"]))
        self.assertIn("it takes an operator", self.ask("pause", "s", code=1, at=at["client"]))


if __name__ == "__main__":
    unittest.main()
