#!/usr/bin/env python3
"""kill -9 at random moments of studies with stages: of the coordinator, of the stages' programs, or of both.
STAGES_KILLS=1000 is the long version.

A study of 24 fast trials of three stages on two slots, each second one with few checkpoints kept. Each run of a stage adds a
line to a file outside. After each kill of the coordinator, from the database, the disk and that file:
  - every result that was announced is there, as it was announced;
  - no stage is begun again once its checkpoint is in the log, unless the log says that it went;
  - each checkpoint that the log says is kept lies there, whole (one that was on its way out: after the next start the log says so);
  - what lay there besides is gone after the next start;
  - every suggestion is as it was (replay), and the log says what is shown (doctor --rebuild).
"""
import collections
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

from patience import until
from test_chaos import Run
from test_kill import children_left

BIN = os.path.abspath(os.environ["NOCTURNE_BIN"])
KILLS = int(os.environ.get("STAGES_KILLS", "25"))
SEED = int(os.environ.get("STAGES_KILLS_SEED", "1"))
STUDY = """study: s
trial: {retries: 100, backoff: 1s}
stages:
  a: {command: [sh, stage.sh, "{x}"], parameters: [x]}
  b: {command: [sh, stage.sh, "{y}"], parameters: [y], when: x >= 2}
  c: {command: [sh, stage.sh, "{z}"], parameters: [z]}
parameters:
  x: {type: int, range: [1, 3]}
  y: {type: int, range: [1, 3]}
  z: {type: int, range: [1, 4]}
metrics: {em: {goal: maximize, kind: proportion, of: 1000}, tokens: {goal: minimize, kind: count}}
baseline: {x: 3, y: 2, z: 2}
objective: {weights: {em: 0.7, tokens: 0.3}}
budget: {trials: 24}
confirm: {top: 1, seeds: 2}
search: {sampler: gp, seed: 3}
"""
FULL = 24 + 2 * 2
STAGE = r"""echo "$NOCTURNE_STAGE $NOCTURNE_SEED $1 ${NOCTURNE_INPUT##*/}" >>'RAN'
if [ $NOCTURNE_STAGE = b ]; then
    mkdir "$NOCTURNE_OUTPUT"; echo "$NOCTURNE_SEED $1" >"$NOCTURNE_OUTPUT/of"; cat "$NOCTURNE_INPUT" >"$NOCTURNE_OUTPUT/input"
else
    { echo "$NOCTURNE_STAGE $NOCTURNE_SEED $1"; if [ -d "$NOCTURNE_INPUT" ]; then cat "$NOCTURNE_INPUT"/*; elif [ "$NOCTURNE_INPUT" ]; then cat "$NOCTURNE_INPUT"; fi; } >"$NOCTURNE_OUTPUT"
fi
echo "nocturne: {\"result\": {\"em\": 0.$((50 + $1)), \"tokens\": $((100 * $1 + NOCTURNE_SEED % 10))}}"
"""


class Kill(unittest.TestCase):
    def setUp(self):
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="nocturne-stages-kill-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.env = dict(os.environ, PATH=BIN + ":" + os.environ["PATH"])
        self.next_study(0)

    def next_study(self, number):
        """A folder of its own: the checkpoints of each are beside its database."""
        self.home = os.path.join(self.dir, str(number))
        os.mkdir(self.home)
        self.ran = os.path.join(self.dir, f"ran.{number}")
        self.checkpoints = os.path.join(self.home, "nocturne.files/s/checkpoints")
        for name, text in (("study.yaml", STUDY + ("checkpoints: {keep: 200}\n" if number % 2 else "")), ("stage.sh", STAGE.replace("RAN", self.ran))):
            with open(os.path.join(self.home, name), "w", encoding="utf-8") as f:
                f.write(text)
        self.limited = number % 2 == 1
        self.announced, self.strays, self.missing, self.opened = {}, set(), set(), 0

    def command(self, *args):
        done = subprocess.run(["nocturne", *args], cwd=self.home, env=self.env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def events(self):
        """[(seq, name, trial, body)]; None: there is no study yet."""
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(f"file:{self.home}/nocturne.db?mode=ro", uri=True)) as db:
            if not db.execute("SELECT count(*) FROM event").fetchone()[0]:
                return None
            return [(e["seq"], e["event"], e.get("trial"), e.get("body") or {}) for e in map(json.loads, self.command("log", "s", "--json").splitlines())]
        return None

    @staticmethod
    def lasting(trial):
        """Of what is said of a trial that which does not change when others go on."""
        stages = [{k: v for k, v in s.items() if k not in ("users", "kept")} for s in trial.get("stages", [])]
        return dict({k: v for k, v in trial.items() if k not in ("utility", "feasible")}, stages=stages)

    def hear(self, run):
        for trial in run.announced:
            self.assertNotIn(trial["trial"], self.announced, "a result announced twice")
            self.announced[trial["trial"]] = self.lasting(trial)

    def check_results(self):
        trials = json.loads(self.command("trials", "s", "--json"))["trials"]
        self.assertEqual([t["trial"] for t in trials], list(range(len(trials))))
        for number, said in self.announced.items():
            self.assertEqual(self.lasting(trials[number]), said)
        return trials

    def check_executions(self, events):
        """By the log no key is leased while its checkpoint is there; by the file nothing ran that was not leased."""
        there, digest_of, leases = set(), {}, collections.Counter()
        for seq, event, _, body in events:
            if event == "leased":
                self.assertNotIn(body["key"], there, f"event {seq}: a stage whose checkpoint is there is run again")
                leases[body["stage"], body["key"]] += 1
            elif event == "staged" and "digest" in body:
                there.add(body["key"])
                digest_of[body["key"]] = body["digest"]
            elif event == "staged":
                self.assertIn(body["key"], digest_of, f"event {seq}: what never was there is taken over")
            elif event == "evicted":
                there = {k for k in there if digest_of[k] != body["digest"]}
        ran = collections.Counter()
        if os.path.exists(self.ran):
            with open(self.ran, encoding="utf-8") as lines:
                ran.update(lines)
        self.assertLessEqual(sum(ran.values()), sum(leases.values()))
        for stage in "abc":  # as many different ones as keys, at most, and none of them more often than leased
            of_stage = [n for line, n in ran.items() if line.startswith(stage)]
            keys = sorted((n for (s, _), n in leases.items() if s == stage), reverse=True)
            self.assertLessEqual(len(of_stage), len(keys))
            for n, at_most in zip(sorted(of_stage, reverse=True), keys):
                self.assertLessEqual(n, at_most)
        return {digest_of[k] for k in there}

    def check_disk(self, events, kept):
        """What is kept lies there and is whole. What lies there besides is remembered: it has to go at the next start, though
        the same stage may leave the same again, and be killed at the same moment: known by when it was made."""
        found = {e.name: e.stat() for e in os.scandir(self.checkpoints)} if os.path.isdir(self.checkpoints) else {}
        lies, strays = set(found), {(n, f.st_ino, f.st_mtime_ns) for n, f in found.items() if n not in kept}
        missing = kept - lies
        if not self.limited:
            self.assertEqual(missing, set(), "checkpoints that the log says are kept")
        for name in kept & lies:
            path = os.path.join(self.checkpoints, name)
            if os.path.isfile(path):
                with open(path, "rb") as content:
                    self.assertEqual(hashlib.sha256(content.read()).hexdigest(), name)
            else:
                self.assertEqual(sorted(os.listdir(path)), ["input", "of"])
        opened = max(seq for seq, event, *_ in events if event == "opened")
        if opened > self.opened and any(seq > opened and event == "leased" for seq, event, *_ in events):
            self.assertEqual(self.strays & strays, set(), "what the log does not know lies there after a start")
            self.assertEqual(self.missing & missing, set(), "what is gone is kept, says the log after a start")
        self.opened, self.strays, self.missing = opened, strays, missing

    def check(self):
        events = self.events()
        if events is None:
            self.assertEqual(self.announced, {})
            return []
        self.check_disk(events, self.check_executions(events))
        trials = self.check_results()
        self.assertTrue(json.loads(self.command("doctor", "--rebuild", "--json"))["ok"])
        self.assertIsNone(json.loads(self.command("replay", "s", "--json"))["differs"])
        return trials

    def test_killed_at_random_moments(self):
        chance = random.Random(SEED)
        study, kills, what = 0, 0, {"coordinator": 0, "children": 0, "both": 0}
        while kills < KILLS or self.announced:
            run = Run(self.home, "nocturne.db", self.env)
            deadline = time.monotonic() + (chance.uniform(0.01, 0.8) if kills < KILLS else 1000)
            while run.process.poll() is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    target = chance.choice(list(what))
                    what[target] += 1
                    kills += 1
                    if target != "coordinator":
                        for pid in children_left(self.home):
                            with contextlib.suppress(ProcessLookupError):
                                os.kill(pid, signal.SIGKILL)
                    if target != "children":
                        run.process.kill()
                        break
                    deadline = time.monotonic() + (chance.uniform(0.01, 0.4) if kills < KILLS else 1000)
                time.sleep(min(max(left, 0), 0.005))
            code = run.end()
            self.hear(run)
            until("no process is left", lambda: not children_left(self.home))
            self.assertIn(code, (0, -signal.SIGKILL), run.errors)
            trials = self.check()
            if code == 0:
                self.assertEqual((len(trials), {t["state"] for t in trials}), (FULL, {"complete"}))
                lies = set(os.listdir(self.checkpoints))
                self.assertEqual(lies, self.check_executions(self.events()))
                study += 1
                self.next_study(study)
        print(f"{kills} kills ({what}), {study} studies finished: 0 lost, 0 stages run twice, 0 checkpoints lost or left over")


if __name__ == "__main__":
    unittest.main(verbosity=1)
