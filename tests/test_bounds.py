#!/usr/bin/env python3
"""Work whose size somebody else chooses: it is bounded, and what is over a bound is said.

NOCTURNE_BIN is the folder of the binaries. Deadlines are generous: what is bounded takes milliseconds, what is not took minutes.
"""
import json
import os
import sqlite3
import subprocess
import tempfile
import unittest

from patience import PATIENCE
from service import NOCTURNE, World

MIB = 1 << 20
GOOD = """study: b
parameters:
  x: {type: float, range: [0, 1]}
metrics:
  m: {goal: minimize}
objective: {minimize: m}
budget: {trials: 1000}
confirm: {top: 0, seeds: 0}
search: {sampler: sobol}
"""


def fill(part, head="", tail="", size=MIB - 64):
    return head + part * ((size - len(head) - len(tail)) // len(part)) + tail


def numbered(form, n, head=""):
    return head + "".join(form.replace("#", str(i)) for i in range(n))


# What each is refused with, and where; None: in whatever words.
STUDY_FILES = {
    "flow lists": ("[" * 40000, ":1:18: nested too deeply"),
    "flow lists, 1 MiB": (fill("["), ":1:18: nested too deeply"),
    "flow maps": (fill("{a: "), ":1:66: nested too deeply"),
    "flow keys": (fill("{? ["), ":1:36: nested too deeply"),
    "broad and deep": (fill("[[],"), "nested too deeply"),
    "block lists": (fill("- "), ":1:35: nested too deeply"),
    "indentation": ("".join(" " * i + "a:\n" for i in range(1400)), ":17:17: nested too deeply"),
    "anchors": (numbered("- &a# x\n", 70000), ":257:3: too many anchors"),
    "a long text a thousand times": ("a: &a " + "x" * 500000 + "\nb: [" + "*a, " * 15000 + "]\n", ":1:1: unknown key 'a'"),
    "aliases": (fill("- *a\n", "- &a x\n"), ":20000:3: aliases expand to too many values"),
    "directives": (numbered("%TAG !a#! tag:x#\n", 40000), "lines that begin with %"),
    "values": (fill("a,", "[", "]"), "too many values"),
    "lines": (fill("b\n ", "study: "), "'parameters' is missing"),
    "comments": (fill("# x\n"), "the file is empty"),
    "over 1 MiB": ("#" * (MIB + 1), ":1:1: the file is over 1 MiB"),
    "placeholders": (GOOD + "trial: {command: [\"" + "{x}" * 200000 + "\"]}\n", ":10:19: 'command' is over 262144 bytes"),
    "placeholders of many arguments": (GOOD + "trial: {command: [" + "'{x}{x}', " * 3000 + "]}\n", ":10:20499: 'command' has more than 4096 placeholders"),
    "one text in all arguments": (GOOD + "trial: {command: [&a " + "x" * 200000 + ", *a, *a]}\n", ":10:19: 'command' is over 262144 bytes"),
    "condition": (GOOD.replace("metrics:", "  y: {type: bool, when: \"" + "x > 0 and " * 20000 + "x > 0\"}\nmetrics:"), "'when' is over 4096 bytes"),
    "references": (GOOD + "references: {" + "".join(f"r{i}: {{x: 0}}, " for i in range(2000)) + "}\n", "more than 256 references"),
    "weights": (GOOD.replace("minimize: m", "weights: {" + "".join(f"m{i}: 0, " for i in range(9000)) + "}"), "'m0' is not a metric"),
}


class StudyFiles(unittest.TestCase):
    def test_study_files_beyond_a_limit_are_refused_at_once(self):
        with tempfile.TemporaryDirectory(prefix="nocturne-test-") as folder:
            path = os.path.join(folder, "s.yaml")
            for name, (text, message) in STUDY_FILES.items():
                with self.subTest(name):
                    with open(path, "w") as out:
                        out.write(text)
                    done = subprocess.run([NOCTURNE, "plan", "--db", os.path.join(folder, "n.db"), path], capture_output=True,
                                          text=True, timeout=PATIENCE)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn(message, done.stderr)
                    self.assertRegex(done.stderr, r"s\.yaml:\d+:\d+: ")
                    self.assertLess(len(done.stderr), 1200)


class Import(unittest.TestCase):
    def run_import(self, *changes):
        with tempfile.TemporaryDirectory(prefix="nocturne-test-") as folder:
            path = os.path.join(folder, "optuna.db")
            with sqlite3.connect(path) as db:
                with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "optuna5.sql")) as text:
                    db.executescript(text.read().replace("VARCHAR(8) NOT NULL", "VARCHAR(8)"))
                for change in changes:
                    db.execute(*change)
            db.close()
            return subprocess.run([NOCTURNE, "import", "--db", os.path.join(folder, "n.db"), "-o", folder, path], capture_output=True,
                                  text=True, timeout=PATIENCE)

    def test_an_optuna_database_whose_choices_no_study_file_could_hold(self):
        for choices, message in (([str(i) for i in range(100000)], "has more than 256 choices"),
                                 (["x" * 100000, "y"], "is over 255 bytes long")):
            text = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": choices}})
            done = self.run_import(("UPDATE trial_params SET distribution_json = ?", (text,)))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(message, done.stderr)

    def test_an_optuna_database_with_rows_that_lack_what_they_need(self):
        done = self.run_import(("UPDATE trials SET state = NULL",), ("UPDATE study_directions SET direction = NULL",))
        self.assertEqual(done.returncode, 0, done.stderr)  # every trial has failed there


class Service(World):
    def test_the_service_refuses_such_study_files_too(self):
        for name, (text, message) in STUDY_FILES.items():
            with self.subTest(name):
                answer = self.call("POST", "/studies", text=text, headers={"Content-Type": "application/yaml"})
                self.assertIn(answer.status, (413, 422), answer.body)
        self.ok("POST", "/studies", text=GOOD, headers={"Content-Type": "application/yaml"})


    def test_metrics_beyond_a_limit_are_refused_and_said(self):
        self.ok("POST", "/studies", text=GOOD, headers={"Content-Type": "application/yaml"})
        trial = self.ok("POST", "/studies/b/ask", {})["trials"][0]
        at = f"/studies/b/trials/{trial['trial']}"
        for metrics, message in (({f"m{i}": i for i in range(65)}, "65 metrics in one message; at most 64"),
                                 ({"m": 1, "n" * 201: 1}, "over 200 bytes long"), ({"m": 1, "": 1}, "has no name"),
                                 ({"m": 1, "\x1b[2J": 1}, "control character")):
            for verb, body in (("tell", {}), ("reports", {"step": 1})):
                answer = self.call("POST", f"{at}/{verb}", {"lease": trial["lease"], "metrics": metrics, **body})
                self.assertEqual(answer.status, 422, answer.body)
                self.assertIn(message, answer.json["detail"])
        self.ok("POST", f"{at}/tell", {"lease": trial["lease"], "metrics": {"m": 1, **{f"m{i}": i for i in range(63)}}})

    def test_what_a_trial_says_steers_no_terminal(self):
        """A reason that clears the screen, sets the title, forges a line or turns the direction of writing."""
        evil = "\x1b[2J\x1b]0;owned\x07 a\ntrial 9 complete \r\x9b31m \u202e " + "x" * 5000
        self.ok("POST", "/studies", text=GOOD, headers={"Content-Type": "application/yaml"})
        trial = self.ok("POST", "/studies/b/ask", {})["trials"][0]
        self.ok("POST", f"/studies/b/trials/{trial['trial']}/tell", {"lease": trial["lease"], "failed": evil})
        reason = [e["body"]["reason"] for e in self.events("b") if "reason" in e["body"] and "owned" in e["body"]["reason"]][0]
        self.assertEqual(len(reason.encode()), 2000)
        self.assertTrue(reason.startswith("\x1b[2J") and reason.endswith("…"))
        for command in (("trials", "b"), ("show", "b", str(trial["trial"])), ("log", "b"), ("status", "b")):
            out = self.nocturne(*command)
            for sign in ("\x1b", "\x07", "\r", "\x9b", "\u202e", "\ntrial 9"):
                self.assertNotIn(sign, out, command)
        self.assertIn("\\x1b[2J", self.nocturne("trials", "b"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
