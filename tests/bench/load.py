#!/usr/bin/env python3
"""The service under the load of many agents: 200 agents with 1,000 slots, trials with five reports, three kill -9 of the
service in the run; then whether anything is lost or doubled.

    python3 tests/bench/load.py [SECONDS]      NOCTURNE_BIN: folder of a release build with load_agents (preset bench)
"""
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from service import World  # noqa: E402

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 600
KILLS = int(os.environ.get("KILLS", "3"))
TRIALS = int(os.environ.get("TRIALS", "20000"))
STUDY = """study: load%d
trial: {command: ["true"]}
parameters:
  x: {type: float, range: [0, 1]}
  k: {type: int, range: [1, 9]}
metrics:
  loss: {goal: minimize, kind: value}
objective: {minimize: loss}
budget: {trials: %d}
confirm: {top: 0, seeds: 0}
search: {sampler: random}
files: [study.yaml]
"""


class Load(World):
    SERVE = ("--slots", "0", "--rate", "1000000", "--agent-deadline", "5m")

    def runTest(self):
        self.token("worker")
        load = subprocess.Popen([os.environ.get("LOAD_AGENTS", os.path.join(os.path.dirname(os.path.abspath(os.environ["NOCTURNE_BIN"] + "/x")), "load_agents")),
                                 str(self.port), "worker.token", "200", "5", os.environ.get("DURATION", "1.85"), "5", str(SECONDS)], cwd=self.dir,
                                stdout=subprocess.PIPE, text=True)
        began, made, kills, rates, memory = time.time(), 0, 0, [], []
        last = {}
        for line in load.stdout:
            last = json.loads(line)
            if "latency_ms" in last:
                break
            rates.append(last["per_second"])
            t = time.time() - began
            if kills < KILLS and t > SECONDS * (kills + 1) / (KILLS + 1):
                self.kill_server()
                kills += 1
                self.start()
                print(f"{t:6.0f} s  kill -9", flush=True)
            at_work = [s for s in self.ok("GET", "/studies?limit=1000")["studies"] if s["phase"] == "open"] if made % 1 == 0 else []
            while len([s for s in at_work if s["trials"] < TRIALS * 0.9]) < 2 and t < SECONDS:
                made += 1
                self.ok("POST", "/studies", text=STUDY % (made, TRIALS), headers={"Content-Type": "application/yaml"})
                at_work.append({"trials": 0})
            with open(f"/proc/{self.server.pid}/statm") as text:
                memory.append(int(text.read().split()[1]) * 4096 >> 20)
            if len(rates) % 10 == 0:
                print(f"{t:6.0f} s  {sum(rates[-10:]) / 10:7.1f} trials/s  {memory[-1]} MB  {last}", flush=True)
        load.wait()
        steady = sorted(rates[5:int(SECONDS)])
        print(f"trials/s: mean {sum(steady) / len(steady):.1f}, median {steady[len(steady) // 2]}, minimum {steady[0]}")
        print(f"memory MB: at 10 % {memory[len(memory) // 10]}, at the end {memory[-1]}, most {max(memory)}")
        print(last)
        self.check()

    def check(self):
        """Every acknowledged end is the trial's result, once; nothing is doubled."""
        told = {}
        for line in self.read("ends.txt").splitlines():
            study, trial, lease, loss = line.split()
            told.setdefault((study, int(trial)), set()).add(float(loss))
        complete, doubled, attempts = 0, 0, 0
        for study in self.ok("GET", "/studies?limit=1000")["studies"]:
            name = study["study"]
            finished = {}
            for event in subprocess.run([self.server.args[0], "log", name, "--json"], cwd=self.dir, capture_output=True, text=True).stdout.splitlines():
                if '"event": "finished"' in event:
                    e = json.loads(event)
                    doubled += e["trial"] in finished
                    finished[e["trial"]] = e["body"]["metrics"]["loss"]
                attempts += '"event": "leased"' in event
            for key, losses in [(k, v) for k, v in told.items() if k[0] == name]:
                self.assertIn(key[1], finished, f"{key} is lost")
                self.assertTrue(any(abs(finished[key[1]] - loss) < 1e-8 for loss in losses), key)
            complete += len(finished)
        print(f"{complete} trials complete by {attempts} leases, {len(told)} ends acknowledged: 0 lost, {doubled} doubled")
        self.assertEqual(doubled, 0)


if __name__ == "__main__":
    test = Load()
    test.setUp()
    try:
        test.runTest()
    finally:
        test.tearDown()
