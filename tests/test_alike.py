#!/usr/bin/env python3
"""One number for one thing and one word for one state, wherever they stand.

What is counted bears the metric's name; the seeds that would decide, and by how much the winner differs, are the same in
verdict, health, report and charts; an attempt that was cut off by kill -9 is no failure.
"""
import os
import re
import signal
import unittest

from test_cli import World

STUDY = """study: s
trial: {command: [sh, trial.sh, "{x}"], retries: 0}
parameters: {x: {type: float, range: [0, 1]}}
metrics:
  acc: {goal: maximize, kind: proportion, of: 1000}
  samples: {goal: minimize, kind: count}
objective: {weights: {acc: 0.7, samples: 0.3}}
constraints: [acc >= baseline - 0.005]
baseline: {x: 0.6}
budget: {trials: 8}
confirm: {top: 2, seeds: 3}
search: {sampler: sobol, seed: 3}
workers: {local: 1}
"""
TRIAL = """while [ "$NOCTURNE_TRIAL" = 5 ] && [ -e gate_wanted ] && [ ! -e gate ]; do sleep 0.05; done
awk -v x="$1" -v s="$NOCTURNE_SEED" 'BEGIN { srand(s % 100003); n = rand() - 0.5; m = rand() - 0.5
  printf "{\\"result\\": {\\"acc\\": %.4f, \\"samples\\": %d}}\\n", 0.9 - 0.02 * x + 0.03 * n, 100000 * (1 + x + 1.2 * m) }' >&3
"""


class Alike(World):
    def setUp(self):
        super().setUp()
        self.write("study.yaml", STUDY)
        self.write("trial.sh", TRIAL.replace("gate", os.path.join(self.dir, "gate")))

    def test_numbers(self):
        self.run_nocturne("run", "study.yaml", "--quiet")
        said = self.run_nocturne("status", "s")[0] + self.run_nocturne("report", "s", "-f", "md")[0]
        seeds = re.findall(r"confirm: \{seeds: (\d+)\}", said)
        self.assertGreater(len(seeds), 2, said)
        self.assertEqual(len(set(seeds)), 1, said)
        titles = [self.json("plot", chart, "s")["title"] for chart in ("front", "confirmation")]
        percents = [re.findall(r"[\d.]+ % (?:fewer|more) samples", title) for title in titles]
        self.assertTrue(percents[0], titles)
        self.assertEqual(percents[0], percents[1])

    def test_names(self):
        self.write("gate_wanted", "")
        process = self.popen("run", "study.yaml", "--quiet")
        self.wait_running(6)
        text = self.run_nocturne("status", "s")[0]
        self.assertIn("samples in all", text)
        self.assertNotIn("tokens", text)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        os.remove(os.path.join(self.dir, "gate_wanted"))
        self.run_nocturne("run", "study.yaml", "--quiet")
        looks = {look for panel in self.json("plot", "timeline", "s")["panels"] for layer in panel["layers"] for look in layer.get("each", [])}
        self.assertIn("lost, run again", looks)
        self.assertNotIn("failed", looks)


del World
if __name__ == "__main__":
    unittest.main()
