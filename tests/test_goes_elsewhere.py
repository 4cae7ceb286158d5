#!/usr/bin/env python3
"""Trials that were stopped on one machine and go on at another: with the checkpoint that the service has, and without."""
import json
import os
import shutil
import unittest

from service import World

STUDY = """study: s
trial: {command: [python3, -S, trial.py], grace: 10s}
parameters: {x: {type: float, range: [0, 1]}}
metrics:
  em: {goal: maximize, kind: proportion, of: 10000}
  tokens: {goal: minimize, kind: count}
baseline: {x: 0.9}
objective: {maximize: em}
budget: {trials: 20}
confirm: {top: 0, seeds: 2}
search: {sampler: random, seed: 3}
stopping: {pruner: asha, audit: 0}
files: [trial.py]
"""
# Trial 4 and all later ones wait to be stopped after their first report; each is worse than the one before.
TRIAL = """import json, os, signal
number, resume, path = int(os.environ["NOCTURNE_TRIAL"]), os.environ.get("NOCTURNE_RESUME"), "PATH"
plan = {0: [0.5], 1: [0.52], 2: [0.54], 3: [0.56], 4: [0.4, 0.9]}.get(number, [0.1 - 0.001 * number])
def say(**words):
    print("nocturne: " + json.dumps(words), flush=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
step, waits = json.load(open(resume)) if resume else 0, number >= 4 and os.environ["NOCTURNE_ATTEMPT"] == "1"
while step < 6:
    step += 1
    file = os.path.join(os.environ["NOCTURNE_DIR"], path)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file + ".new", "w") as out:
        json.dump(step, out)
    os.replace(file + ".new", file)
    say(step=step, em=plan[min(step, len(plan)) - 1], tokens=100 * step)
    say(checkpoint={"path": path, "step": step})
    if waits:
        signal.sigwait([signal.SIGTERM])
        break
say(result={"em": plan[min(step, len(plan)) - 1], "tokens": 100 * step, "resumed": 1 if resume else 0})
"""


class Elsewhere(World):
    def work(self, path):
        self.ok("PUT", "/studies/s/files/trial.py", text=TRIAL.replace("PATH", path))
        self.ok("POST", "/studies", text=STUDY, headers={"Content-Type": "application/yaml"})

    def of(self, trial, *events):
        return [e for e in self.events() if e.get("trial") == trial and e["event"] in events]

    def ends_well(self, resumed, anew=0):
        """Trial 4 has come to its end; all was counted: of trials that began anew also what they had cost before, and so of
        one that was lost with its agent, if it had reported."""
        self.wait_phase("complete")
        trials, went_on = self.trials(), [e["trial"] for e in self.events() if e["event"] == "resumed"]
        self.assertEqual({t["state"] for t in trials}, {"complete", "pruned"})
        self.assertEqual((trials[4]["state"], trials[4]["metrics"]["em"], trials[4]["metrics"]["resumed"]), ("complete", 0.9, resumed))
        self.assertEqual([e["body"].get("resumed", 0) for e in self.of(4, "started")], [0, 100 * resumed])
        self.assertEqual(sorted(e["trial"] for e in self.events() if e["event"] == "finished"), sorted([*range(20), *went_on]))
        spent = json.loads(self.nocturne("stopping", "s", "--json"))["tokens"]["spent"]
        lost = sum(e["event"] == "leased" for e in self.events()) - sum(e["event"] == "finished" for e in self.events())
        self.assertIn(spent - sum(t["metrics"]["tokens"] for t in trials) - 100 * anew, range(0, 100 * lost + 1, 100))
        self.assertIn("all as they were", self.nocturne("replay", "s"))
        self.assertIn("ok       event log", self.nocturne("doctor", "--rebuild"))

    def notes(self):
        return [e["body"]["text"] for e in self.events() if e["event"] == "note"]


class FromAgent(Elsewhere):
    SERVE = ("--slots", "0", "--agent-deadline", "1h")

    def test_its_agent_is_gone_and_another_goes_on_from_the_checkpoint(self):
        self.work("state.json")
        first = self.agent("a1", slots=1)
        self.wait("it was stopped", lambda: self.of(4, "finished"))
        first.kill()
        first.wait()
        self.ok("DELETE", "/agents/a1")
        shutil.rmtree(os.path.join(self.dir, "a1.d"))
        self.agent("a2", slots=1)
        self.ends_well(resumed=1)
        self.assertEqual([e["body"]["agent"] for e in self.of(4, "leased")], ["a1", "a2"])


class FromHere(Elsewhere):
    SERVE = ("--slots", "1")

    def test_a_checkpoint_that_does_not_get_there_is_said_and_all_is_counted(self):
        self.work("folder/state.json")
        self.wait("it was stopped", lambda: self.of(4, "finished"))
        self.kill_server()
        self.SERVE = ("--slots", "0")
        self.start()
        self.agent("a1", slots=1)
        self.wait_phase("complete")
        words = "trial %d begins anew: its checkpoint of 100 tokens could not be had where it runs"
        anew = [n for n in range(4, 20) if words % n in self.notes()]
        self.ends_well(resumed=0, anew=len(anew))
        self.assertEqual(anew[0], 4)
        self.assertIn("trial 4 of study s begins anew: its checkpoint cannot be had", self.read("a1.out"))


if __name__ == "__main__":
    unittest.main()
