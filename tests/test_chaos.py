#!/usr/bin/env python3
"""kill -9 at random moments: of the coordinator, of its children, or of both. CHAOS=1000 is the long version.

A study of 40 fast trials with the gp sampler on two slots. After each kill: every result that was announced is in the
database once, as it was announced; no process of a trial is left; numbers, states and the kept state are right (doctor
--rebuild); and the log replays: each suggestion, and the next one, is what an uninterrupted run over the same events
suggests. When a study has ended its counts are right, and the next one begins.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from patience import until
from test_kill import children_left

BIN = os.path.abspath(os.environ["NOCTURNE_BIN"])
KILLS = int(os.environ.get("CHAOS", "50"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
STUDY = """study: chaos
trial: {command: [sh, trial.sh, "{x}", "{k}"], retries: 100, backoff: 1s}
parameters:
  x: {type: float, range: [0, 1]}
  k: {type: int, range: [1, 9]}
metrics: {em: {goal: maximize, kind: proportion, of: 1000}, tokens: {goal: minimize, kind: count}}
baseline: {x: 0.9, k: 5}
objective: {weights: {em: 0.7, tokens: 0.3}}
budget: {trials: 40}
confirm: {top: 1, seeds: 2}
search: {sampler: gp, seed: 3}
"""
FULL = 40 + 2 * 2
TRIAL = r"""echo "nocturne:{\"step\": 1, \"em\": 0.1, \"tokens\": 10}"
if [ $(($2 % 3)) = 0 ]; then sleep 0.0$2; fi
echo "nocturne:{\"result\": {\"em\": 0.5, \"tokens\": $((1000 * $2 + NOCTURNE_TRIAL))}}"
"""


class Run:
    """One `nocturne run --json`, and what it has announced."""

    def __init__(self, folder, db, env):
        self.process = subprocess.Popen(["nocturne", "run", "study.yaml", "--db", db, "--json", "--slots", "2"], cwd=folder, env=env,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.announced, self.errors = [], []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if not line.endswith("\n"):
                continue  # cut by the kill
            event = json.loads(line)
            if event["event"] == "finished":
                self.announced.append(event["trial"])

    def end(self, timeout=None):
        self.process.wait(timeout)
        self.reader.join()
        self.errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.returncode


class Chaos(unittest.TestCase):
    def setUp(self):
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="nocturne-chaos-"))
        self.env = dict(os.environ, PATH=BIN + ":" + os.environ["PATH"])
        for name, text in (("study.yaml", STUDY), ("trial.sh", TRIAL)):
            with open(os.path.join(self.dir, name), "w", encoding="utf-8") as f:
                f.write(text)
        self.announced = {}

    def tearDown(self):
        shutil.rmtree(self.dir)

    def command(self, *args):
        done = subprocess.run(["nocturne", *args], cwd=self.dir, env=self.env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    @staticmethod
    def leave_out_what_moves(trial):
        """What is relative to the baseline, whose mean the confirmation moves."""
        for key in ("utility", "feasible"):
            trial.pop(key, None)

    def hear(self, run):
        for trial in run.announced:
            self.assertNotIn(trial["trial"], self.announced, "a result announced twice")
            self.leave_out_what_moves(trial)
            self.announced[trial["trial"]] = trial

    def check(self, db):
        trials = self.command("trials", "--db", db, "--json")["trials"]
        self.assertEqual([t["trial"] for t in trials], list(range(len(trials))))
        for number, said in self.announced.items():
            is_now = dict(trials[number])
            self.leave_out_what_moves(is_now)
            self.assertEqual(is_now, said)
        self.assertTrue(self.command("doctor", "--rebuild", "--db", db, "--json")["ok"])
        replay = self.command("replay", "--db", db, "--json")
        self.assertIsNone(replay["differs"])
        return trials, replay

    def no_process_left(self):
        until("no process is left", lambda: not children_left(self.dir))  # a guard dies with its parent

    def kill_children(self):
        for pid in children_left(self.dir):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def test_killed_at_random_moments(self):
        chance = random.Random(SEED)
        study, kills, studies, what = 0, 0, 0, {"coordinator": 0, "children": 0, "both": 0}
        expected = None  # the next suggestion, by the log, of a study that was killed
        while kills < KILLS or self.announced:
            db = f"{study}.db"
            run = Run(self.dir, db, self.env)
            deadline = time.monotonic() + (chance.uniform(0.01, 0.6) if kills < KILLS else 1000)
            while run.process.poll() is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    target = chance.choice(list(what))
                    what[target] += 1
                    kills += 1
                    if target != "coordinator":
                        self.kill_children()
                    if target != "children":
                        run.process.kill()
                        break
                    deadline = time.monotonic() + chance.uniform(0.01, 0.3)  # the study goes on
                time.sleep(min(max(left, 0), 0.005))
            code = run.end()
            self.hear(run)
            self.no_process_left()
            if code not in (0, -signal.SIGKILL):
                self.fail(f"exit code {code}: {run.errors}")
            if not os.path.exists(os.path.join(self.dir, db)):
                continue  # killed before anything began
            try:
                trials, replay = self.check(db)
            except AssertionError as e:
                if "holds no study yet" in str(e) and not self.announced:
                    continue
                raise
            if expected and len(trials) > expected["trial"] and trials[expected["trial"]]["role"] == "search" and expected["fresh"]:
                self.assertEqual(trials[expected["trial"]]["params"], expected["params"])
            in_flight = [t for t in trials if t["state"] in ("leased", "running", "queued")]
            expected = dict(replay["next"], fresh=not in_flight) if replay["next"] else None
            if code == 0:
                self.assertEqual(len(trials), FULL)
                self.assertEqual({t["state"] for t in trials}, {"complete"})
                study, studies, self.announced, expected = study + 1, studies + 1, {}, None
        print(f"{kills} kills ({what}), {studies} studies finished: 0 lost, 0 doubled, 0 orphans, every suggestion the same")


if __name__ == "__main__":
    unittest.main(verbosity=1)
