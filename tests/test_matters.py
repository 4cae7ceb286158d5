#!/usr/bin/env python3
"""`nocturne importance` from outside: what people and programs read, of studies with enough trials and with too few.
What it says of known functions is test_importance.c's."""
import csv
import json
import math
import os
import random
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

BIN = Path(os.environ["NOCTURNE_BIN"])

STUDY = """study: toy
trial: {{command: ["true"]}}
parameters:
  lr: {{type: float, range: [1e-4, 1e-1], scale: log}}
  layers: {{type: int, range: [1, 8]}}
  kind: {{type: categorical, values: [adam, "{odd}"]}}
  ignored: {{type: float, range: [0, 1]}}
metrics:
  em: {{goal: maximize, kind: proportion, of: 2000}}
  tokens: {{goal: minimize, kind: count}}
baseline: {{lr: 1e-2, layers: 4, kind: adam, ignored: 0.5}}
objective: {{weights: {{em: 0.7, tokens: 0.3}}}}
constraints: [em >= baseline - 0.2]
"""


class Importance(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def nocturne(self, *args, code=0, **env):
        done = subprocess.run([BIN / "nocturne", *args], cwd=self.folder.name, text=True, capture_output=True,
                              env={**os.environ, **env})
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def make(self, trials, odd="sgd"):
        rng, folder = random.Random(4), Path(self.folder.name)
        (folder / "study.yaml").write_text(STUDY.format(odd=odd.encode("unicode_escape").decode()))
        with open(folder / "trials.csv", "w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["lr", "layers", "kind", "ignored", "em", "tokens"])
            for i in range(trials):
                lr, layers, kind, ignored = 10 ** rng.uniform(-4, -1), rng.randint(1, 8), rng.choice(["adam", odd]), rng.random()
                if i == 0:
                    lr, layers, kind, ignored = 1e-2, 4, "adam", 0.5
                em = 0.6 - 0.08 * (math.log10(lr) + 2.5) ** 2 + (0.03 if kind == "adam" else 0) + rng.gauss(0, 0.002)
                rows.writerow([lr, layers, kind, ignored, round(em, 4), int(1e6 * layers)])
        self.nocturne("import", "study.yaml", "trials.csv")

    def test_what_programs_read(self):
        self.make(60)
        x = json.loads(self.nocturne("importance", "toy", "--json"))
        self.assertEqual(x["trials"], 60)
        self.assertEqual([r["parameter"] for r in x["metrics"]["em"]][:2], ["lr", "kind"])
        self.assertEqual(x["metrics"]["tokens"][0]["parameter"], "layers")
        self.assertGreater(x["metrics"]["tokens"][0]["share"], 0.9)
        self.assertGreater(x["metrics"]["em"][0]["best"]["share"], 0.4)
        for rows in x["metrics"].values():
            self.assertEqual({r["parameter"] for r in rows}, {"lr", "layers", "kind", "ignored"})
            for r in rows:
                for share in (r, r["alone"], r["best"]):
                    self.assertTrue(share["low"] is None or 0 <= share["low"] <= share["share"] <= share["high"] <= 1)
        ranges = {r["parameter"]: r["range"] for r in x["metrics"]["em"]}
        self.assertEqual(ranges, {"lr": [1e-4, 1e-1], "layers": [1, 8], "kind": ["adam", "sgd"], "ignored": [0, 1]})
        self.assertGreater(x["quality"]["em"]["r2"], 0.9)
        self.assertIn("Sobol", x["method"])
        self.assertEqual(self.nocturne("importance", "--json"), self.nocturne("importance", "--json"))
        one = json.loads(self.nocturne("importance", "--json", "--metric", "em"))
        self.assertEqual(list(one["metrics"]), ["em"])
        self.assertEqual(one["metrics"]["em"], x["metrics"]["em"])

    def test_the_baseline_makes_the_utility(self):
        self.make(40)
        without = json.loads(self.nocturne("importance", "--json"))
        self.assertIn("relative to the baseline", without["notes"]["utility"])
        self.assertEqual(without["flat"], [])
        pipe = subprocess.run([BIN / "nocturne", "advise", "study.yaml", "--db", "nocturne.db"], cwd=self.folder.name,
                              text=True, capture_output=True, check=True, input='{"ask": 1}\n')
        trial = json.loads(pipe.stdout)["trials"][0]
        self.assertEqual(trial["params"]["ignored"], 0.5)
        subprocess.run([BIN / "nocturne", "advise", "study.yaml", "--db", "nocturne.db"], cwd=self.folder.name, text=True,
                       capture_output=True, check=True,
                       input=json.dumps({"tell": trial["trial"], "metrics": {"em": 0.61, "tokens": 4e6}}) + "\n")
        x = json.loads(self.nocturne("importance", "--json"))
        self.assertEqual(x["notes"], {})
        self.assertEqual(x["metrics"]["utility"][0]["parameter"], "layers")
        self.assertIn({"parameter": "ignored", "low": 0.0, "high": 1.0, "whole": True}, x["flat"])
        text = self.nocturne("importance")
        self.assertRegex(text, r"(?m)^  ignored 0 to 1: anywhere$")

    def test_what_people_read(self):
        self.make(60, odd="\u202eevil")
        text = self.nocturne("importance", COLUMNS="80")
        self.assertIn("em: 60 trials; the model predicts it with R² ", text)
        self.assertRegex(text, r"(?m)^  lr +0.0001 to 0.1 +█+░* +\d+ % \(\d+–\d+\)")
        self.assertNotIn("\u202e", text)
        for line in text.splitlines():
            if line.startswith("  "):
                self.assertLessEqual(len(line), 80, line)
        plain = self.nocturne("importance", LC_ALL="C")
        self.assertTrue(plain.isascii())
        self.assertRegex(plain, r"(?m)^  lr +0.0001 to 0.1 +#+")

    def test_too_little_and_what_is_not_there(self):
        self.make(9)
        self.assertIn("importance needs 10 complete trials; 9 so far", self.nocturne("importance", code=3))
        self.assertIn("has no metric 'f1'; it has em, tokens, utility", self.nocturne("importance", "--metric", "f1", code=2))
        self.assertIn("no study 'x'", self.nocturne("importance", "x", code=3))
        self.assertIn("Example: nocturne importance", self.nocturne("importance", "--help"))


if __name__ == "__main__":
    unittest.main()
