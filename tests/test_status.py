#!/usr/bin/env python3
"""A study's health, as the program says it: a trial that has fallen silent, a parameter that nobody asks for, an optimum
at the end of a range, a program that fails; and healthy ones.

NOCTURNE_BIN is the folder of the binaries.
"""
import json
import os
import subprocess
import unittest

from patience import PATIENCE, until
from test_values import NOCTURNE, Folder

BIN = os.environ["NOCTURNE_BIN"]

STUDY = """study: s
trial: {{command: [python3, trial.py, "{{x}}", "{{k}}", "{{seed}}"], retries: 0}}
parameters:
  x: {x}
  k: {{type: int, range: [2, 9]}}
metrics: {{em: {{goal: maximize, kind: proportion, of: 1000}}, tokens: {{goal: minimize, kind: count}}}}
objective: {{weights: {{em: 0.7, tokens: 0.3}}}}
baseline: {{x: 4, k: 5}}
budget: {{trials: {trials}}}
confirm: {{top: 1, seeds: 2}}
search: {{sampler: {sampler}, seed: 5}}
workers: {{local: 2}}
"""
FLOAT, FEW = "{type: float, range: [2, 10]}", "{type: int, range: [2, 5]}"
BEGIN = """import json, os, random, sys, time
x, k, seed = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
noise = random.Random(seed).gauss(0, 0.003)
def say(em, tokens): print("nocturne: " + json.dumps({"result": {"em": round(em, 5), "tokens": round(tokens)}}), flush=True)
"""
# Best in the middle.
HEALTHY = BEGIN + "say(0.7 - 0.01 * (x - 6) ** 2 - 0.004 * (k - 5) ** 2 + noise, 1e5 * (1 + 0.2 * abs(k - 4) + noise))\n"


class Health(Folder):
    def begin(self, program, x=FLOAT, trials=30, sampler="gp"):
        self.write("study.yaml", STUDY.format(x=x, trials=trials, sampler=sampler))
        self.write("trial.py", program)

    def run_study(self, code=0):
        out = subprocess.run([NOCTURNE, "run", "study.yaml"], cwd=self.dir, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(out.returncode, code, out.stdout[-2000:] + out.stderr[-2000:])
        return out.stdout

    def status(self, clock=0):
        """As JSON, by a wall clock that is so many seconds ahead."""
        env = dict(os.environ)
        if clock:
            self.write("offset", str(clock))
            env.update(LD_PRELOAD=os.path.join(BIN, "libset_clock.so"), TEST_CLOCK=os.path.join(self.dir, "offset"),
                       ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")
        out = subprocess.run([NOCTURNE, "status", "--json"], cwd=self.dir, env=env, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(out.returncode, 0, out.stderr)
        return json.loads(out.stdout)["studies"][0]

    def check(self, name, **kw):
        found = [c for c in self.status(**kw)["health"]["checks"] if c["check"] == name]
        self.assertEqual(len(found), 1, f"{name}: {self.status(**kw)['health']}")
        return found[0]

    def test_a_healthy_study(self):
        self.begin(HEALTHY)
        end = self.run_study()
        health = self.status()["health"]
        self.assertEqual(health["level"], "fine", health)
        self.assertTrue({"work", "failures", "disk", "baseline", "metrics", "parameters", "effect", "bounds", "best"} <=
                        {c["check"] for c in health["checks"]}, health)
        self.assertEqual({(c["level"], c["action"]) for c in health["checks"]}, {("fine", None)})
        for out in (end, self.nocturne("status")):  # in the same words
            self.assertIn("\nhealth: fine\n  fine: work, failures, disk, ", out)
        self.assertIsNone(self.status()["forecast"])  # it is at its end

    def test_a_trial_that_has_fallen_silent(self):
        self.begin(BEGIN + """
if k == 5 and x == 4:
    for step in range(6):
        print("nocturne: " + json.dumps({"step": step, "em": 0.5, "tokens": 100 * (step + 1)}), flush=True)
    while not os.path.exists(os.environ["GATE"]): time.sleep(0.02)
say(0.5 + noise, 1000 + k)
""", trials=4, sampler="random")
        gate = os.path.join(self.dir, "gate")
        run = subprocess.Popen([NOCTURNE, "run", "study.yaml", "--slots", "1", "--quiet"], cwd=self.dir, env=dict(os.environ, GATE=gate))
        try:
            until("six reports", lambda: os.path.exists(self.dir + "/nocturne.db") and "100..600" in self.curve())
            self.assertEqual(self.check("reports")["level"], "fine")
            found = self.check("reports", clock=3600)
            self.assertEqual(found["level"], "wrong")
            self.assertRegex(found["sentence"], r"^trial 0 has said nothing for (1h 00m|59m)")
            self.assertIn("'nocturne show s 0'", found["action"])
            status = self.nocturne("status")
            self.assertIn("as far as a first look goes", status)
            self.assertIn("baseline: the baseline is not complete yet", status)
        finally:
            open(gate, "w").close()
        self.assertEqual(run.wait(PATIENCE), 0)
        self.assertNotIn("reports", [c["check"] for c in self.status(clock=3600)["health"]["checks"]])

    def curve(self):
        shown = subprocess.run([NOCTURNE, "show", "s", "0"], cwd=self.dir, capture_output=True, text=True, timeout=PATIENCE).stdout
        return "100..600" if "600" in shown else ""

    def test_a_parameter_that_is_ignored(self):
        self.begin(BEGIN.replace("noise = ", "noise = 0 * ") + "say(0.51234 + 0.0321 * x, 100003 + 777 * x)\n", x=FEW, trials=20, sampler="random")
        out = self.run_study()
        found = self.check("parameters")
        self.assertEqual(found["level"], "look")
        self.assertRegex(found["sentence"], r"^k: seems to be ignored: \d+ pairs of trials")
        self.assertIn("nocturne plan", found["action"])
        self.assertIn("look, parameters: k: seems to be ignored", out)
        self.begin(HEALTHY.replace("noise = ", "noise = 0 * "), x=FEW, trials=20, sampler="random")
        os.remove(os.path.join(self.dir, "nocturne.db"))
        self.run_study()
        self.assertEqual(self.check("parameters")["level"], "fine")

    def test_an_optimum_at_the_end_of_a_range(self):
        self.begin(BEGIN + "say(0.4 + 0.03 * x - 0.004 * (k - 5) ** 2 + noise, 1e5 * (1 + 0.2 * abs(k - 4)))\n")
        self.run_study()
        found = self.check("bounds")
        self.assertEqual(found["level"], "look")
        self.assertRegex(found["sentence"], r"^\d+ of the 10 best lie at x = 10, the end of its range$")
        self.assertIn("'x: {range: [2, 15]}' in ", found["action"])
        self.write("study.yaml", self.read("study.yaml").replace("[2, 10]", "[2, 15]").replace("trials: 30", "trials: 31"))
        self.run_study()  # as it says

    def test_a_program_that_fails(self):
        self.begin(BEGIN + """
if k > 5: raise MemoryError(f"no room for {k * 1000003} bytes")
say(0.5 + 0.01 * x + noise, 1000 + k)
""", trials=20, sampler="random")
        out = self.run_study()
        found = self.check("failures")
        self.assertIn(found["level"], ("look", "wrong"))
        self.assertRegex(found["sentence"], r"^\d+ of \d+ trials failed, all with k of 6 or more; \d+ of the last 20 alike: .*MemoryError: no room for ")
        self.assertIn("nocturne retry s --failed", found["action"])
        self.assertRegex(out, r"\nhealth: (look|wrong)\n  (look|wrong), failures: ")

    def test_everything_the_same(self):
        self.begin(BEGIN + "say(0.5, 1000)\n", trials=8, sampler="random")
        self.run_study()
        self.assertEqual(self.check("effect")["level"], "wrong")
        self.assertEqual(self.status()["health"]["level"], "wrong")

    def test_of_many_only_those_that_go_on_have_their_health_looked_at(self):
        self.begin(HEALTHY, trials=3)
        self.run_study()
        self.write("study.yaml", STUDY.format(x=FLOAT, trials=4, sampler="random").replace("study: s", "study: t"))
        self.run_study()
        both = json.loads(self.nocturne("status", "--json"))["studies"]
        self.assertEqual([(s["study"], "health" in s) for s in both], [("s", False), ("t", False)])
        self.assertIn("health", json.loads(self.nocturne("status", "t", "--json"))["studies"][0])

    def test_a_best_that_was_measured_once_has_what_a_rerun_would_give(self):
        self.begin(HEALTHY, trials=12)
        self.write("study.yaml", STUDY.format(x=FLOAT, trials=12, sampler="random").replace("confirm:", "confirm: {top: 0} #"))
        said = self.run_study()
        best = json.loads(self.nocturne("best", "s", "--json"))
        em = best["rerun"]["metrics"]["em"]
        self.assertEqual((best["rerun"]["trial"], em["observed"]), (best["trial"], best["metrics"]["em"]))
        self.assertTrue(em["low"] <= em["expected"] <= em["high"], em)
        sentence = f"By all results, a re-run of trial {best['trial']} is expected to give em 0."
        self.assertIn(sentence, self.nocturne("best", "s"))
        self.assertIn(sentence, said)
        last = json.loads(self.nocturne("run", "study.yaml", "--json").splitlines()[-1])
        self.assertEqual(last["best"]["rerun"], best["rerun"])
        self.assertIn(f"a re-run of trial {best['trial']} is expected to give em", self.nocturne("report", "s", "--format", "md", "-o", "-"))

    def test_what_the_search_said_and_what_fresh_seeds_say(self):
        self.begin(HEALTHY, trials=12)
        out = self.run_study()
        status = self.status()
        best, rows = status["best"], status["comparison"]
        first = next(t for t in self.trials() if t["trial"] == best["trial"])
        base = next(r for r in rows if r.get("baseline"))["metrics"]
        said = sum(w * g * (first["metrics"][m] - base[m]) / base[m] for m, w, g in (("em", 0.7, 1), ("tokens", 0.3, -1)))
        self.assertAlmostEqual(best["search_utility"], said, 9)
        self.assertIn(f"the search had said {said:+.4f} of it, fresh seeds say {best['utility']:+.4f}", " ".join(out.split()))

    def test_of_one_trial(self):
        self.begin(HEALTHY, trials=1)
        self.run_study()
        self.assertEqual(self.status()["health"]["level"], "fine")


if __name__ == "__main__":
    unittest.main()
