#!/usr/bin/env python3
"""examples/stages does what its README says: three programs a trial, a model that gets smaller, nothing trained twice.

Run by the interpreter that NOCTURNE_STAGES_PYTHON names, else by this one, with what examples/stages/requirements.txt has.
NOCTURNE_BIN is the folder of the binaries.
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
EXAMPLE = os.path.join(ROOT, "examples", "stages")
PYTHON = os.environ.get("NOCTURNE_STAGES_PYTHON", sys.executable)
STUDY = "small-digits"


def missing():
    """Why the example cannot run here, or nothing."""
    out = subprocess.run([PYTHON, "-c", "import sklearn, skl2onnx, onnx, onnxruntime.quantization"], capture_output=True, text=True)
    return out.stderr.strip().splitlines()[-1] if out.returncode else ""


WHY = missing()


@unittest.skipIf(WHY, f"{PYTHON} has not the packages of examples/stages/requirements.txt ({WHY}): name one that has in NOCTURNE_STAGES_PYTHON")
class Stages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nocturne-test-")
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        shutil.copytree(EXAMPLE, self.dir, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "nocturne.*"))
        os.mkdir(os.path.join(self.dir, "bin"))
        with open(os.path.join(self.dir, "bin", "python3"), "w", encoding="utf-8") as python:
            python.write(f'#!/bin/sh\nexec "{PYTHON}" -B "$@"\n')  # 'python3' of the study file, whatever its name is
        os.chmod(python.name, 0o755)

    def nocturne(self, *args):
        program = os.path.join(os.path.abspath(os.environ["NOCTURNE_BIN"]), "nocturne")
        path = os.path.join(self.dir, "bin") + ":" + os.environ["PATH"]
        out = subprocess.run([program, *args], cwd=self.dir, env=dict(os.environ, PATH=path), capture_output=True, text=True,
                             timeout=PATIENCE)
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        return out.stdout

    def go(self, trials):
        self.nocturne("run", "study.yaml", "--quiet", "--trials", str(trials), "--slots", "2")

    def without_confirmation(self):
        path = os.path.join(self.dir, "study.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r"^confirm:.*$", "confirm: {top: 0, seeds: 0}", text, flags=re.M))

    def trials(self):
        return [json.loads(line) for line in self.nocturne("export", STUDY, "--format", "jsonl").splitlines()]

    def test_the_example_in_six_trials(self):
        self.without_confirmation()
        self.assertIn("quantise (when scheme in [dynamic, static]): scheme, bits\n", self.nocturne("plan", "study.yaml"))
        self.go(1)
        for scheme in (["scheme=dynamic"], ["scheme=static", "bits=8"], ["scheme=static", "bits=4"]):
            self.nocturne("enqueue", STUDY, "model=mlp", "hidden=100", "lr=1e-3", "patience=10", "threshold=1e-4", *scheme)
        self.go(6)
        trials = self.trials()
        self.assertEqual([t["state"] for t in trials], ["complete"] * 6)
        self.quantised_is_smaller(trials[0], trials[1:4])
        self.not_trained_twice(trials)
        self.best_is_exported()

    def quantised_is_smaller(self, baseline, quantised):
        """Less than half, for a network of 100 units; tiny ones can grow, and the search may try some."""
        floats = baseline["metrics"]["bytes"]
        for m in (t["metrics"] for t in quantised):
            self.assertEqual(m["float_bytes"], floats)
            self.assertLess(m["bytes"], 0.5 * floats)
            self.assertTrue(0.5 < m["accuracy"] < 1 and m["latency_us"] > 0, m)

    def not_trained_twice(self, trials):
        """The baseline's network is trained once, and the three that quantise it are charged nothing."""
        trained = [t["trial"] for t in trials if t["stages"][0]["trial"] == t["trial"]]
        self.assertLessEqual(len(trained), 3, trials)
        self.assertEqual([t["charged"] for t in trials[1:4]], [0, 0, 0])
        self.assertEqual({t["stages"][0]["digest"] for t in trials[1:4]}, {trials[0]["stages"][0]["digest"]})
        self.assertEqual({t["metrics"]["samples"] for t in trials[:4]}, {trials[0]["metrics"]["samples"]})
        self.assertIn("taken over from earlier trials", self.nocturne("status", STUDY))

    def best_is_exported(self):
        stages = json.loads(self.nocturne("export", STUDY, "--format", "json"))["stages"]
        self.assertEqual([s["stage"] for s in stages], ["train", "quantise", "evaluate"])
        for stage in stages:
            self.assertRegex(stage["digest"], "^[0-9a-f]{64}$")


if __name__ == "__main__":
    unittest.main()
