#!/usr/bin/env python3
"""What breaks a constraint, as it was measured, is marked wherever it stands, and is nowhere the best.

A trial that is cheap because it gives up what the constraint holds has the greatest utility of all. The run's lines, the
list of trials, its JSON, the report and the charts say the same of it.
"""
import re
import unittest

from test_cli import World

STUDY = """study: s
trial: {command: [sh, trial.sh, "{x}"]}
parameters: {x: {type: float, range: [0, 1]}}
metrics:
  em: {goal: maximize, kind: proportion, of: 1000}
  tokens: {goal: minimize, kind: count}
objective: {weights: {em: 0.3, tokens: 0.7}}
constraints: [em >= baseline - 0.02]
baseline: {x: 0.3}
budget: {trials: 10}
confirm: {top: 0, seeds: 0}
search: {sampler: sobol, seed: 3}
workers: {local: 1}
"""
TRIAL = """awk -v x="$1" 'BEGIN { printf "{\\"result\\": {\\"em\\": %.4f, \\"tokens\\": %d}}\\n", 0.9 - 0.1 * x, 1000000 * (1.05 - x) }' >&3
"""


class Breaks(World):
    def setUp(self):
        super().setUp()
        self.write("study.yaml", STUDY)
        self.write("trial.sh", TRIAL)
        self.lines = self.run_nocturne("run", "study.yaml")[0].splitlines()
        self.all = self.json("trials", "s")["trials"]
        self.broken = {t["trial"] for t in self.all if t["metrics"]["em"] < 0.87 - 0.02 - 1e-9}
        self.best = max((t for t in self.all if t["trial"] not in self.broken), key=lambda t: t["utility"])["trial"]
        self.assertTrue(self.broken)
        self.assertIn(max(self.all, key=lambda t: t["utility"])["trial"], self.broken)

    def test_lines_of_a_run(self):
        said = {int(m[1]): line for line in self.lines if (m := re.match(r"trial +(\d+) +complete", line))}
        self.assertEqual(len(said), len(self.all))
        self.assertEqual({n for n, line in said.items() if "✕ breaks a constraint" in line}, self.broken)
        self.assertFalse([n for n in self.broken if "best so far" in said[n]])

    def test_list_of_trials(self):
        self.assertEqual({t["trial"] for t in self.all if not t["feasible"]}, self.broken)
        text = self.run_nocturne("trials", "s")[0]
        self.assertEqual({int(n) for n in re.findall(r"(?m)^ +(\d+) .*✕", text)}, self.broken)
        self.assertIn("✕ breaks a constraint", text)
        self.assertEqual([t["trial"] for t in self.json("trials", "s", "--top", "1")["trials"]], [self.best])
        by_utility = [t["trial"] for t in self.json("trials", "s", "--sort", "-utility")["trials"]]
        self.assertEqual(set(by_utility[-len(self.broken):]), self.broken)
        self.assertNotIn("✕", self.run_nocturne("trials", "s", "--top", "1")[0])

    def test_charts_and_report(self):
        self.assertTrue(self.json("plot", "history", "s")["title"].startswith(f"Trial {self.best} measured the best"))
        for chart in ("history", "front"):
            self.assertIn("Diamonds: break a constraint", self.json("plot", chart, "s")["caption"])
        self.assertIn(f"trial {self.best}", self.run_nocturne("report", "s", "-f", "md")[0].lower())


del World
if __name__ == "__main__":
    unittest.main()
