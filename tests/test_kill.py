#!/usr/bin/env python3
"""kill -9 of `nocturne run` at random moments, with the real training of examples/g2p/quick.yaml.

After each kill: no child is left running, no finished trial is lost, doubled or changed.
The same command resumes; at its end the counts are right. KILLS=50 is the long version.
"""
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest

from patience import PATIENCE, until

BIN = os.path.abspath(os.environ["NOCTURNE_BIN"])
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DICTIONARY = "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict"
KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("KILL_SEED", "1"))
FULL = 12 + (1 + 1) * 2  # trials of quick.yaml, then baseline and winner on two seeds each


def children_left(folder):
    """Processes of trials of this test: their environment names its folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if f"NOCTURNE_DIR={folder}".encode() in f.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


class Kill(unittest.TestCase):
    def setUp(self):
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="nocturne-kill-"))
        self.env = dict(os.environ, PATH=BIN + ":" + os.environ["PATH"])
        shutil.copy(os.path.join(ROOT, "examples/g2p/quick.yaml"), self.dir)
        data = os.path.join(ROOT, "examples/g2p/g2p.data")
        if not os.path.exists(data):
            subprocess.run([os.path.join(BIN, "g2p_prep"), DICTIONARY, data], check=True)
        os.symlink(data, os.path.join(self.dir, "g2p.data"))

    def tearDown(self):
        shutil.rmtree(self.dir)

    def start(self, db):
        return subprocess.Popen(["nocturne", "run", "quick.yaml", "--db", db, "--quiet"], cwd=self.dir, env=self.env)

    def trials(self, db):
        out = subprocess.run(["nocturne", "trials", "--db", db, "--json"], cwd=self.dir, env=self.env, capture_output=True, text=True)
        return json.loads(out.stdout)["trials"] if out.returncode == 0 else []

    def check(self, before, after):
        numbers = [t["trial"] for t in after]
        self.assertEqual(numbers, list(range(len(numbers))))
        for trial in before + after:
            for key in ("utility", "feasible"):  # relative to the baseline, so they appear when that is complete
                trial.pop(key, None)
        for old in before:
            if old["state"] == "complete":
                self.assertEqual(after[old["trial"]], old)
            self.assertEqual(after[old["trial"]]["params"], old["params"])

    def no_child_left(self):
        until("no process is left", lambda: not children_left(self.dir))  # the guard dies with its parent

    def test_killed_at_random_moments(self):
        moments = random.Random(SEED)
        study, known, kills, completed_studies = 0, [], 0, 0
        while kills < KILLS:
            db = f"s{study}.db"
            process = self.start(db)
            try:
                process.wait(timeout=moments.uniform(0.01, 4))
                ended = True
            except subprocess.TimeoutExpired:
                ended = False
                process.kill()
                process.wait()
                kills += 1
                self.no_child_left()
            now = self.trials(db)
            self.check(known, now)
            known = now
            if ended:
                self.finished(process, now)
                study, known, completed_studies = study + 1, [], completed_studies + 1
        process = self.start(f"s{study}.db")
        process.wait(timeout=4 * PATIENCE)
        final = self.trials(f"s{study}.db")
        self.check(known, final)
        self.finished(process, final)
        print(f"{kills} kills, {completed_studies + 1} studies finished, 0 lost, 0 doubled, 0 orphans")

    def finished(self, process, trials):
        self.assertEqual(process.returncode, 0)
        self.assertEqual(len(trials), FULL)
        self.assertEqual({t["state"] for t in trials}, {"complete"})


if __name__ == "__main__":
    unittest.main(verbosity=1)
