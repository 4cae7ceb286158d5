#!/usr/bin/env python3
"""Trials that were stopped and go on, through the real program: from a checkpoint and without, killed, and short of budget."""
import json
import os
import shutil
import unittest

from control import FINISHED, RESUMED, Control


class GoingOn(Control):
    """Trial 4 is stopped after its first report, and goes on when enough others are worse."""

    PLAN = {"0": [0.5], "1": [0.52], "2": [0.54], "3": [0.56], "4": [0.4, 0.9]}
    MORE = "search: {sampler: random, seed: 1}\nstopping: {pruner: asha, audit: 0}"

    def planned(self, more="", plan=PLAN, **how):
        path = self.study(self.MORE + "\n" + more, **{"trials": 24, **how})
        with open(path) as f:
            text = f.read().replace("{local: 2}", "{local: 1}").replace("{weights: {em: 0.7, tokens: 0.3}}", "{maximize: em}")
        with open(path, "w") as f:
            f.write(text)
        self.env["TOY_PLAN"] = json.dumps(plan)
        return path

    def of(self, trial, *events):
        return [e for e in self.log() if e.get("trial") == trial and (not events or e["event"] in events)]

    def stops(self, *trial):
        return json.loads(self.nocturne("stopping", "toy", *trial, "--json"))

    def ended_well(self):
        """Each trial ended once, and once more whenever it went on; all the commands can tell."""
        self.assertEqual({t["state"] for t in self.trials()} - {"complete", "pruned"}, set())
        finished = sorted(e["trial"] for e in self.log("finished"))
        resumed = [e["trial"] for e in self.log("resumed")]
        self.assertEqual(finished, sorted([t["trial"] for t in self.trials()] + resumed))
        for command in (["status"], ["best"], ["trials"], ["stopping"], ["show", "4"], ["log", "--trial", "4"],
                        ["stopping", str(self.stops()["condemned"][0]["trial"])]):
            args = [command[0], "toy", *command[1:]]
            self.assertTrue(self.nocturne(*args))
            json.loads(self.nocturne(*args, "--json").splitlines()[0] if command[0] == "log" else self.nocturne(*args, "--json"))
        self.healthy()

    def test_from_its_checkpoint_and_all_is_counted_once(self):
        out = self.nocturne("run", self.planned())
        self.assertRegex(out, r"trial +4  goes on: asha: \d+ of \d+ were better after 1 report")
        four = self.trials()[4]
        self.assertEqual((four["state"], four["metrics"]["em"], four["metrics"]["resumed"]), ("complete", 0.9, 1))
        self.assertEqual([e["event"] for e in self.of(4) if e["event"] not in ("announced", "checkpoint", "renewed")],
                         ["added", "leased", "started", "condemned", "finished", "resumed", "leased", "started", "finished"])
        self.assertEqual(self.of(4, "resumed")[0]["body"]["cost"], 100)
        self.assertEqual(json.loads(self.nocturne("best", "toy", "--json"))["trial"], 4)
        said = self.stops()
        self.assertEqual(said["tokens"]["spent"], sum(t["metrics"]["tokens"] for t in self.trials()))
        self.assertEqual(said["went_on"], len({e["trial"] for e in self.log("resumed")}))
        self.assertIn("%6d  went on later" % said["went_on"], self.nocturne("stopping", "toy"))
        self.assertRegex(self.nocturne("stopping", "toy", "4"), "(?s)trial 4 stopped at 100 tokens: asha.*It went on later: asha: ")
        self.assertEqual(self.stops("4")["state"], "complete")
        self.ended_well()

    def test_without_a_checkpoint_the_whole_way_and_what_was_stopped_twice_saves_once(self):
        self.nocturne("run", self.planned(trials=32), TOY_MODE="mute")
        four, trials = self.trials()[4], self.trials()
        self.assertEqual((four["state"], four["metrics"]["em"], four["metrics"]["resumed"]), ("complete", 0.9, 0))
        said, last, again = self.stops(), {}, len(self.log("resumed"))
        self.assertGreaterEqual(said["tokens"]["spent"], sum(t["metrics"]["tokens"] for t in trials) + 100 * again)
        for stop in said["condemned"]:
            last[stop["trial"]] = stop
        self.assertGreater(len(said["condemned"]), len(last))  # some were stopped again
        self.assertAlmostEqual(said["tokens"]["saved"], sum(s.get("saves", 0) for s in last.values() if s["state"] == "pruned"))
        self.ended_well()

    def stopped(self, **how):
        """A study that was killed when trial 4 had been stopped and not gone on yet."""
        path = self.planned(**how)
        self.kill_once(path, lambda log: (FINISHED, 4) in [e[:2] for e in log])
        self.assertEqual(self.of(4, "resumed"), [])
        return path

    def test_its_checkpoint_is_gone_cut_or_another(self):
        def cut(path):
            os.truncate(path, 3)

        def replace(path):
            size = os.path.getsize(path)
            with open(path, "w") as f:
                f.write("x" * size)
        for spoil, words in ((os.remove, "is gone"), (cut, "has 3 bytes instead of"), (replace, "is not what was left there")):
            with self.subTest(spoil=words):
                path = self.stopped(trials=32)
                for e in self.of(4, "checkpoint")[-1:]:
                    spoil(self.checkpoint(e))
                out = self.nocturne("run", path)
                self.assertIn("goes on", out)
                self.assertIn("the checkpoint of trial 4 " + words, out)
                self.assertEqual((self.trials()[4]["state"], self.trials()[4]["metrics"]["resumed"]), ("complete", 0), out)
                spent = sum(t["metrics"]["tokens"] for t in self.trials())
                self.assertGreaterEqual(self.stops()["tokens"]["spent"], spent + 100)
                self.ended_well()
                shutil.rmtree(self.dir)
                os.mkdir(self.dir)

    def test_a_program_that_cannot_use_its_checkpoint_begins_anew_and_that_is_said(self):
        plan = {str(n): [0.6 + 0.001 * n] * 2 + [0.1 - 0.001 * n] for n in range(5, 30)}
        out = self.nocturne("run", self.planned(plan={**plan, **self.PLAN, "4": [0.6, 0.6, 0.4, 0.9]}), TOY_MODE="deaf")
        words = "trial 4 was given a checkpoint of 300 tokens and has begun anew: its first report says fewer"
        self.assertIn(words, out)
        self.assertIn(words, [e["body"].get("text") for e in self.log("note")])
        self.assertEqual([e["body"].get("resumed", 0) for e in self.of(4, "started")], [0, 300, 0])
        self.assertEqual(self.trials()[4]["metrics"]["em"], 0.9)
        spent = sum(t["metrics"]["tokens"] for t in self.trials())
        self.assertGreaterEqual(self.stops()["tokens"]["spent"], spent + 300)
        self.ended_well()

    def test_killed_at_any_event_around_it(self):
        path = self.planned()
        for more in (0, 1, 3):
            def is_so_far(log, more=more):
                at = [i for i, e in enumerate(log) if e[:2] == (RESUMED, 4)]
                return at and len(log) > at[0] + more
            self.kill_once(path, is_so_far)
        self.nocturne("run", path)
        self.assertEqual((self.trials()[4]["state"], self.trials()[4]["metrics"]["em"]), ("complete", 0.9))
        self.assertEqual(len(self.of(4, "resumed")), 1)
        self.ended_well()

    def test_a_budget_that_ends_while_some_are_stopped(self):
        path = self.planned(trials=60)
        with open(path) as f:
            text = f.read().replace("budget: {trials: 60}", "budget: {trials: 60, tokens: 6500}")
        with open(path, "w") as f:
            f.write(text)
        self.nocturne("run", path)
        self.assertLessEqual(self.stops()["tokens"]["spent"], 6500)
        self.ended_well()

    def test_curves_with_gaps_and_leaps(self):
        plan = {**self.PLAN, "4": [0.4, None, None, 0.9, 0.2], "6": [None, 0.9], "7": [None], "8": [0.05, 0.6, 0.01, 0.7]}
        for pruner in ("asha", "auto"):
            with self.subTest(pruner=pruner):
                path = self.planned(plan=plan, trials=20)
                with open(path) as f:
                    text = f.read().replace("pruner: asha", f"pruner: {pruner}")
                with open(path, "w") as f:
                    f.write(text)
                self.nocturne("run", path)
                self.ended_well()
                shutil.rmtree(self.dir)
                os.mkdir(self.dir)


if __name__ == "__main__":
    unittest.main()
