"""The toy study (sdk/toy.py) through the real program: run, killed, and its log."""
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from patience import PATIENCE, until

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("NOCTURNE_BIN", os.path.join(HERE, "../build/dev/bin"))
TOY = os.path.join(HERE, "sdk/toy.py")
STUDY = """study: toy
trial:
  command: [{python}, -S, {toy}]
  grace: 1s
  retries: 1
  backoff: 1s
parameters:
  rate:      {{type: float, range: [1e-3, 10], scale: log}}
  patience:  {{type: int, range: [1, 20]}}
  threshold: {{type: float, range: [1e-4, 1e-2], scale: log}}
metrics:
  em:     {{goal: maximize, kind: proportion, of: 10000}}
  tokens: {{goal: minimize, kind: count}}
baseline: {{rate: 0.01, patience: 20, threshold: 1e-4}}
objective: {{weights: {{em: 0.7, tokens: 0.3}}}}
budget: {{trials: {trials}}}
confirm: {{top: {top}, seeds: 2}}
{search}workers: {{local: 2}}
{more}
"""


ADDED, FINISHED, CHECKPOINT, RESUMED = 2, 8, 12, 16  # kinds of events (store/store.h)


class Control(unittest.TestCase):
    def setUp(self):
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="nocturne-control-"))
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
        self.env["PATH"] = BIN + ":" + self.env["PATH"]

    def tearDown(self):
        shutil.rmtree(self.dir)

    def study(self, more="", trials=12, top=0):
        path = os.path.join(self.dir, "study.yaml")
        with open(path, "w") as f:
            search = "" if "search:" in more else "search: {sampler: gp, seed: 1}\n"
            f.write(STUDY.format(python=sys.executable, toy=TOY, more=more, trials=trials, top=top, search=search))
        return path

    def nocturne(self, *args, code=0, **env):
        r = subprocess.run(["nocturne", *args], cwd=self.dir, env=dict(self.env, **env), capture_output=True, text=True,
                           timeout=PATIENCE)
        self.assertEqual(r.returncode, code, f"{args}\n{r.stdout}\n{r.stderr}")
        return r.stdout if code == 0 else r.stdout + r.stderr

    def run_study(self, more="", trials=12, top=0, **env):
        return self.nocturne("run", self.study(more, trials, top), **env)

    def log(self, event=None):
        all_ = [json.loads(line) for line in self.nocturne("log", "toy", "--json").splitlines()]
        return [e for e in all_ if event in (None, e["event"])]

    def checkpoint(self, event):
        """Where the checkpoint lies that an event of the log refers to."""
        return os.path.join(self.dir, "nocturne.files", "toy", "%04d.%d" % (event["trial"], event["body"]["attempt"]),
                            event["body"]["name"])

    def kill_once(self, study, condition, **env):
        """kill -9 of a run once its log, as [(event, trial, body)], is as far as that."""
        run = subprocess.Popen(["nocturne", "run", study, "--quiet"], cwd=self.dir, env=dict(self.env, **env))
        try:
            until("the study is so far", lambda: condition(self.logged()) or run.poll() is not None)
            self.assertIsNone(run.poll(), "it has ended before it could be killed")
        finally:
            run.kill()
            run.wait()

    def logged(self):
        """The log of a study that runs, if there is one yet: [(event, trial, body)]."""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.dir}/nocturne.db?mode=ro", uri=True, timeout=PATIENCE)) as db:
                rows = db.execute("SELECT kind, trial, body FROM event ORDER BY seq").fetchall()
        except sqlite3.OperationalError:
            return []
        return rows

    def trials(self):
        return json.loads(self.nocturne("trials", "toy", "--json"))["trials"]

    def healthy(self):
        self.nocturne("doctor", "--rebuild")
        self.assertIn("all as they were", self.nocturne("replay", "toy"))
