#!/usr/bin/env python3
"""What the README shows a newcomer is so: an ordinary scikit-learn script, unchanged, tuned by twelve lines.

Run by the interpreter of build/bench-venv (scikit-learn is from PyPI). NOCTURNE_BIN is the folder of the binaries.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from patience import PATIENCE

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXAMPLE = os.path.join(ROOT, "examples", "sklearn")


def read(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


class Newcomer(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="nocturne-test-")
        for name in ("train.py", "study.yaml"):
            shutil.copy(os.path.join(EXAMPLE, name), self.dir)

    def tearDown(self):
        shutil.rmtree(self.dir)

    def nocturne(self, *args):
        path = os.path.dirname(sys.executable) + ":" + os.environ["PATH"]
        out = subprocess.run([os.path.join(os.path.abspath(os.environ["NOCTURNE_BIN"]), "nocturne"), *args], cwd=self.dir,
                             env=dict(os.environ, PATH=path, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"),
                             capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        return out.stdout

    def test_the_readme_shows_the_whole_file(self):
        file = read(os.path.join(EXAMPLE, "study.yaml"))
        self.assertLessEqual(len(file.splitlines()), 12)
        self.assertIn("```yaml\n" + file + "```\n", read(os.path.join(ROOT, "README.md")))
        self.assertNotIn("nocturne", read(os.path.join(EXAMPLE, "train.py")).split('"""')[2].lower())

    def test_the_script_is_tuned_as_it_is(self):
        plan = self.nocturne("plan", "study.yaml")
        self.assertIn(r"output: seen (\d+) samples", plan)
        out = self.nocturne("run", "study.yaml", "--trials", "3", "--slots", "2")
        self.assertRegex(out, r"\nVerdict: (adopt|a trade|promising, not proven|no better)")
        trials = [json.loads(line) for line in self.nocturne("export", "--format", "jsonl").splitlines()]
        self.assertTrue(all(t["state"] == "complete" for t in trials), trials)
        base = trials[0]["metrics"]
        self.assertEqual(base["samples"] % 1132, 0)  # nine tenths of the 1,257 digits, in whole epochs
        self.assertTrue(0.5 < base["accuracy"] < 1)
        args = self.nocturne("export", "--format", "args").split()
        by_hand = subprocess.run([sys.executable, *args[1:]], cwd=self.dir, capture_output=True, text=True, timeout=PATIENCE)
        self.assertRegex(by_hand.stdout, re.compile(r"^Mean accuracy: 0\.\d+$", re.M), by_hand.stderr)


if __name__ == "__main__":
    unittest.main()
