#!/usr/bin/env python3
"""Agents as jobs of a real Slurm, which this test starts and stops (cluster.py): the issue's own figure, 64 trials over
four nodes while one slurmd is killed and slurmctld is restarted.

NOCTURNE_BIN is the folder of the binaries. Where Slurm is not installed this says so and is skipped; with
NOCTURNE_NEEDS_SLURM=1 (tests/run.sh) that is a failure.
"""
import os
import sys
import unittest

import cluster
from patience import PATIENCE
from service import STUDY, World

MISSING = cluster.missing()


@unittest.skipIf(MISSING and not os.environ.get("NOCTURNE_NEEDS_SLURM"), MISSING)
class Slurm(World):
    SERVE = ("--slots", "0", "--agent-deadline", "1h")

    def setUp(self):
        self.assertIsNone(MISSING)
        self.cluster = cluster.Cluster(4)
        self.ENV = {"SLURM_CONF": self.cluster.env["SLURM_CONF"], "PATH": self.cluster.env["PATH"]}
        super().setUp()

    def tearDown(self):
        try:
            super().tearDown()
        finally:
            self.cluster.close()

    def wait(self, what, condition, seconds=PATIENCE):
        try:
            return super().wait(what, condition, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.cluster.describe()}") from None

    def ours(self):
        return [j for j in self.cluster.jobs() or [] if j[2].startswith("nocturne-s-")]

    def test_64_trials_while_a_node_and_the_controller_die(self):
        study = STUDY.replace("budget: {trials: 12}", "budget: {trials: 64}").replace("confirm: {top: 1, seeds: 2}",
                                                                                      "confirm: {top: 0, seeds: 0}")
        study += "executor: {slurm: {partition: main, max_agents: 8, slots: 4, time: 10m, idle: 3s, extra: [--spread-job]}}\n"
        study = study.replace("retries: 1", "retries: 20")  # a slow machine is silent, too
        self.kill_server()
        self.start("--agent-deadline", "20s")  # those of the node that dies
        self.create(study, self.gated())
        self.wait("agents are there", lambda: self.ok("GET", "/agents")["busy"] >= 32)
        self.cluster.save()
        self.assertGreater(self.cluster.kill_busiest(), 2)  # agents and their trials
        self.cluster.kill("slurmctld")
        self.open_gate()
        self.wait("results come without it", lambda: self.ok("GET", "/studies/s")["states"]["complete"] > 8)
        self.cluster.start_ctld()
        self.wait_phase("complete", seconds=2 * PATIENCE)
        trials, events = self.trials(), self.events()
        self.assertEqual(len(trials), 64)
        self.assertEqual({t["state"] for t in trials}, {"complete"})
        finished = [e["trial"] for e in events if e["event"] == "finished"]
        self.assertEqual(sorted(finished), list(range(64)))  # none twice
        self.wait("no job is left in the queue", lambda: self.cluster.jobs() is not None and not self.ours())
        agents = {e["body"]["agent"] for e in events if e["event"] == "leased"}
        self.assertGreaterEqual(len(agents), 4)
        print(f"\n64 trials by {len(agents)} agents; {sum(t['attempts'] for t in trials)} attempts", file=sys.stderr)

    def test_the_service_is_killed_and_finds_its_jobs_again(self):
        study = STUDY.replace("budget: {trials: 12}", "budget: {trials: 24}").replace("confirm: {top: 1, seeds: 2}",
                                                                                      "confirm: {top: 0, seeds: 0}")
        study += "executor: {slurm: {max_agents: 2, slots: 2, idle: 2s}}\n"
        self.create(study, self.gated())
        self.wait("agents are at work", lambda: self.ok("GET", "/studies/s")["states"]["running"] >= 4)
        before = {j[0] for j in self.ours()}
        self.kill_server()
        self.start()
        self.wait("the agents are there again", lambda: self.ok("GET", "/agents")["busy"] >= 4)
        self.assertTrue(before & {j[0] for j in self.ours()})
        self.assertLessEqual(len(self.ours()), 2)
        self.open_gate()
        self.wait_phase("complete")
        self.assertEqual({(t["state"], t["attempts"]) for t in self.trials()}, {("complete", 1)})
        self.wait("no job is left", lambda: not self.ours())

    def test_scales_down_when_idle_and_cancels_at_a_stop(self):
        study = STUDY + "executor: {slurm: {max_agents: 3, idle: 2s}}\n"
        self.create(study, self.gated())
        self.wait("agents are at work", lambda: self.ok("GET", "/agents")["busy"] >= 1)
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait_phase("stopped")
        self.wait("no job is left", lambda: not self.ours())


if __name__ == "__main__":
    unittest.main(verbosity=2)
