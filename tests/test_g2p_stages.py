#!/usr/bin/env python3
"""The stages of the demo as programs: train, distil, prune, go on, make integers, evaluate, cascade; resuming; refusals."""
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

BIN = os.environ.get("NOCTURNE_BIN", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../build/dev/bin"))
EVALUATED = ["asked_large", "bytes", "cost_per_word", "em", "em_test", "letters_per_second"]


def invent(path):
    """A dictionary whose letters sound by themselves, but for an h behind another letter, and an o that nobody can know."""
    word = random.Random(1)
    with open(path, "w", encoding="ascii") as out:
        for name in sorted({"".join(word.choices("abcdefgho", k=word.randint(2, 8))) for _ in range(1500)}):
            sounds = [] if name[0] == "h" else [name[0].upper()]
            for before, letter in zip(name, name[1:]):
                sounds += ["HH" + before.upper()] if letter == "h" else [word.choice(["O", "OW"])] if letter == "o" else [letter.upper()]
            out.write(f"{name} {' '.join(sounds or ['O'])}\n")


class Stages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        invent(cls.path("dictionary"))
        subprocess.run([os.path.join(BIN, "g2p_prep"), cls.path("dictionary"), cls.path("g2p.data")], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        cls.large = cls.run_stage("g2p_train", *cls.TRAIN, "--model", "conv", "--hidden", "32", "--save", "large.model")
        cls.small = cls.run_stage("g2p_train", *cls.TRAIN, "--hidden", "16", "--save", "small.model")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    TRAIN = ["--words", "400", "--every", "4000", "--cap", "40000", "--patience", "100", "--lr", "0.01", "--batch", "8", "--seed", "2"]

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    @classmethod
    def call(cls, program, *argv, **env):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
        return subprocess.run([os.path.join(BIN, program), *argv], cwd=cls.folder.name, env={**clean, **env}, capture_output=True, text=True)

    @classmethod
    def messages(cls, *argv, **env):
        done = cls.call(*argv, **env)
        assert done.returncode == 0, (argv, done.stderr)
        return [json.loads(line.removeprefix("nocturne: ")) for line in done.stdout.splitlines()]

    @classmethod
    def run_stage(cls, *argv):
        return cls.messages(*argv)[-1]["result"]

    def evaluate(self, *argv):
        result = self.run_stage("g2p_evaluate", "--repetitions", "1", "--model", *argv)
        self.assertEqual(sorted(result), EVALUATED)
        return result

    def refused(self, said, *argv):
        done = self.call(*argv)
        self.assertEqual(done.returncode, 1, argv)
        self.assertEqual(done.stdout, "")
        self.assertIn(said, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_what_is_saved_is_what_was_measured(self):
        for trained, model in ((self.large, "large.model"), (self.small, "small.model")):
            found = self.evaluate(model)
            self.assertGreater(trained["em"], 0.3)
            self.assertEqual([found[k] for k in ("em", "em_test", "bytes", "asked_large")],
                             [trained[k] for k in ("em", "em_test", "bytes")] + [0])
            self.assertEqual(found["bytes"], os.path.getsize(self.path(model)))
            self.assertGreater(found["letters_per_second"], 0)

    def test_integers_are_small_and_nearly_as_good(self):
        for model, full in (("large.model", self.large), ("small.model", self.small)):
            for bits, part, loss in ((32, 1, 0), (8, 0.35, 0.1), (4, 0.25, 1)):
                for more in ([], ["--data", "g2p.data"]):
                    made = self.run_stage("g2p_compress", "--in", model, "--out", "integers.model", "--bits", str(bits), *more)
                    found = self.evaluate("integers.model")
                    self.assertEqual(made["bytes"], found["bytes"])
                    self.assertLessEqual(found["bytes"], part * full["bytes"])
                    self.assertGreaterEqual(found["em"], full["em"] - loss)
                    self.assertEqual(found["cost_per_word"], self.evaluate(model)["cost_per_word"])

    def test_the_whole_line(self):
        """Half of the units go, what is left learns on from the large one, becomes integers, and asks the large one."""
        self.run_stage("g2p_compress", "--in", "large.model", "--out", "half.model", "--bits", "32", "--sparsity", "0.5", "--data", "g2p.data")
        half = self.evaluate("half.model")
        again = self.run_stage("g2p_train", *self.TRAIN, "--init", "half.model", "--teacher", "large.model", "--save", "again.model")
        self.run_stage("g2p_compress", "--in", "again.model", "--out", "final.model", "--data", "g2p.data")
        final, large = self.evaluate("final.model"), self.evaluate("large.model")
        self.assertGreater(again["em"], half["em"])
        self.assertLess(final["bytes"], large["bytes"] / 4)
        self.assertLess(final["cost_per_word"], large["cost_per_word"] / 2)
        asked, costs = [], []
        for confidence in ("0", "0.5", "1"):
            both = self.evaluate("final.model", "--cascade", "large.model", "--confidence", confidence)
            self.assertEqual(both["bytes"], final["bytes"] + (large["bytes"] if confidence != "0" else 0))  # never asked: not needed
            asked.append(both["asked_large"])
            costs.append(both["cost_per_word"])
            if confidence != "0.5":
                self.assertEqual(both["em"], (final if confidence == "0" else large)["em"])
        self.assertEqual((asked[0], asked[2]), (0, 1))
        self.assertTrue(0 < asked[1] < 1, asked)
        self.assertEqual(costs[0], final["cost_per_word"])
        self.assertAlmostEqual(costs[2], final["cost_per_word"] + large["cost_per_word"])
        self.assertEqual(costs, sorted(costs))

    def test_a_teacher_without_a_share_changes_nothing(self):
        argv = ["g2p_train", *self.TRAIN, "--hidden", "16"]
        self.assertEqual(self.messages(*argv, "--teacher", "large.model", "--alpha", "0"), self.messages(*argv))
        self.assertNotEqual(self.messages(*argv, "--teacher", "large.model", "--alpha", "0.5"), self.messages(*argv))

    def test_each_network_goes_on_from_its_checkpoint_to_the_last_bit(self):
        for more in (["--model", "conv"], ["--teacher", "large.model"], ["--init", "small.model"]):
            argv = ["g2p_train", *self.TRAIN, "--hidden", "16", *more]
            whole = self.messages(*argv)
            self.messages(*argv, "--cap", "20000", "--checkpoint", "4")
            rest = self.messages(*argv, "--resume", "checkpoint.bin")[1:]  # the first one says its policy
            self.assertEqual(rest, whole[-len(rest):])
            self.assertLess(len(rest), len(whole) - 2)
        done = self.call("g2p_train", *self.TRAIN, "--hidden", "16", "--model", "conv", "--resume", "checkpoint.bin")
        self.assertEqual(done.returncode, 0)
        self.assertIn("beginning anew", done.stderr)

    def test_refusals_are_one_sentence(self):
        with open(self.path("cut.model"), "wb") as out, open(self.path("large.model"), "rb") as model:
            out.write(model.read()[:-5])
        with open(self.path("other.data"), "w", encoding="ascii") as out:
            out.write("g2p 1\nclass A\nt aa 0 0\nv aa A+A\nx aa A+A\n")
        self.run_stage("g2p_compress", "--in", "small.model", "--out", "8.model")
        train = ["g2p_train", *self.TRAIN]
        for said, *argv in (
            ("none.model: No such file", "g2p_evaluate", "--model", "none.model"),
            ("cut.model: it is cut short or damaged", "g2p_evaluate", "--model", "cut.model"),
            ("g2p.data: it is no model", "g2p_evaluate", "--model", "g2p.data"),
            ("cut.model: it is cut short or damaged", "g2p_evaluate", "--model", "small.model", "--cascade", "cut.model", "--confidence", "0.5"),
            ("a model of other data", "g2p_evaluate", "--model", "small.model", "--data", "other.data"),
            ("not from 0 to 1", "g2p_evaluate", "--model", "small.model", "--confidence", "2"),
            ("--model says which", "g2p_evaluate"),
            ("it is compressed already", "g2p_compress", "--in", "8.model", "--out", "x.model"),
            ("is not 32, 8 or 4 bits", "g2p_compress", "--in", "small.model", "--out", "x.model", "--bits", "5"),
            ("not from 0 to 0.95", "g2p_compress", "--in", "small.model", "--out", "x.model", "--sparsity", "0.99"),
            ("is not a calibration", "g2p_compress", "--in", "small.model", "--out", "x.model", "--calibration", "min"),
            ("its classes are not those", "g2p_compress", "--in", "small.model", "--out", "x.model", "--data", "other.data"),
            ("none/x.model: No such file", "g2p_compress", "--in", "small.model", "--out", "none/x.model"),
            ("--in and --out", "g2p_compress"),
            ("'rnn' is not a model", *train, "--model", "rnn"),
            ("not from 1 to 8", *train, "--temperature", "9"),
            ("cut.model: it is cut short", *train, "--teacher", "cut.model"),
            ("only a model of 32 bits", *train, "--init", "8.model"),
        ):
            self.refused(said, *argv)
        self.assertFalse(os.path.exists(self.path("x.model")))

    def test_help_has_an_example(self):
        for program in ("g2p_train", "g2p_compress", "g2p_evaluate"):
            done = self.call(program, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn(f"Example: {program} ", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[sys.argv[0]])
