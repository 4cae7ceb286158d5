#!/usr/bin/env python3
"""The database's file is moved, deleted, replaced, cut or overwritten while it is in use: nothing is acknowledged into it,
one sentence says so, and where the file comes back nothing is lost."""
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import sqlite3
import signal
import subprocess
import tempfile
import threading
import unittest

from patience import PATIENCE
from service import BIN, STUDY, NOCTURNE, TRIAL, World

PARTS = ("", "-wal", "-shm")
ADVISE = "study: q\nparameters: {x: {type: float, range: [0, 1]}}\nobjective: {minimize: loss}\n"
LONG = STUDY.replace("trials: 12", "trials: 100000").replace("confirm: {top: 1, seeds: 2}\n", "")


class Ground(World):
    SERVE = ("--slots", "0")

    def setUp(self):
        super().setUp()
        self.db = os.path.join(self.dir, "nocturne.db")
        self.told = 0

    def ask(self):
        return self.call("POST", "/studies/s/ask", {"count": 1})

    def tell(self, trial):
        return self.call("POST", f"/studies/s/trials/{trial['trial']}/tell",
                         {"lease": trial["lease"], "metrics": {"em": 0.5, "tokens": 1000 + self.told}})

    def work(self, n):
        for _ in range(n):
            answer = self.tell(self.ask().json["trials"][0])
            self.assertEqual(answer.status, 200, answer.body)
            self.told += 1

    def away(self, *tails):
        for tail in tails:
            os.rename(self.db + tail, self.db + tail + ".away")

    def back(self, *tails):
        for tail in tails:
            os.rename(self.db + tail + ".away", self.db + tail)

    def refused(self, answer, sentence):
        self.assertEqual(answer.status, 503, answer.body)
        self.assertIn(sentence, answer.json["detail"])

    def expect_refusal(self, trial, sentence="was moved, deleted or replaced"):
        """Every kind of change is refused, and the health says why."""
        self.refused(self.tell(trial), sentence)
        self.refused(self.ask(), sentence)
        self.refused(self.call("POST", "/tokens", {"name": "t", "role": "viewer"}), sentence)
        self.refused(self.call("POST", "/studies", text=STUDY.replace("study: s", "study: z"),
                               headers={"Content-Type": "application/yaml"}), sentence)
        self.refused(self.call("PUT", "/studies/z/files/trial.sh", text="x"), sentence)
        self.refused(self.call("GET", "/healthz", token=None), sentence)

    def completes(self):
        return sum(t["state"] == "complete" for t in self.trials())

    def pauses(self):
        return [line for line in self.read("serve.out").splitlines() if "paused:" in line]

    def test_a_file_that_comes_back_goes_on_and_nothing_is_lost(self):
        self.create(LONG)
        for round, tails in enumerate(([""], ["-wal"], ["-shm"], PARTS), 1):
            self.work(3)
            trial = self.ask().json["trials"][0]
            self.away(*tails)
            self.expect_refusal(trial)
            self.wait("said", lambda: len(self.pauses()) == round)
            self.back(*tails)
            self.wait("health", lambda: self.call("GET", "/healthz", token=None).status == 200)
            answer = self.tell(trial)
            self.assertEqual(answer.status, 200, answer.body)
            self.told += 1
        for line in self.pauses():
            self.assertEqual(line.count("paused:"), 1, line)
            self.assertEqual(line.count("goes on by itself"), 1, line)
        self.kill_server()
        self.start()
        self.assertGreaterEqual(self.completes(), self.told)

    def test_what_waits_when_the_file_goes_is_refused_and_not_acknowledged(self):
        """A result is told while the file is renamed again and again: whatever was acknowledged is there."""
        self.create(LONG)
        for _ in range(30):
            trial = self.ask()
            if trial.status == 200:
                self.away("")
                self.assertEqual(self.tell(trial.json["trials"][0]).status, 503)
                self.back("")
            answer = self.tell(trial.json["trials"][0]) if trial.status == 200 else trial
            self.told += answer.status == 200
        self.assertGreater(self.told, 0)
        self.kill_server()
        self.start()
        self.assertGreaterEqual(self.completes(), self.told)

    def test_a_deleted_or_replaced_file_is_never_acknowledged_into(self):
        self.create(LONG)

        def replace(tail):
            shutil.copy(self.db + tail, self.db + ".copy")
            os.rename(self.db + ".copy", self.db + tail)

        def gone():
            os.rename(self.dir, self.dir + ".gone")
            os.mkdir(self.dir)

        for harm in (lambda: os.unlink(self.db), lambda: os.unlink(self.db + "-wal"), lambda: replace(""), lambda: replace("-wal")):
            self.work(2)
            self.nocturne("backup", "kept.db")
            trial = self.ask().json["trials"][0]
            harm()
            self.expect_refusal(trial)
            self.server.terminate()
            self.assertEqual(self.server.wait(timeout=PATIENCE), 0)
            for tail in PARTS:
                if os.path.exists(self.db + tail):
                    os.unlink(self.db + tail)
            os.rename(os.path.join(self.dir, "kept.db"), self.db)  # what the sentence advises
            self.start()
            self.assertGreaterEqual(self.completes(), self.told)

    def test_a_cut_or_overwritten_file_is_noticed_and_ends_the_studies(self):
        self.create(LONG)

        def write(at, data):
            with open(self.db, "r+b") as f:
                f.seek(at)
                f.write(data)

        def older():
            shutil.copyfile(os.path.join(self.dir, "old.db"), self.db)

        self.work(2)
        self.nocturne("backup", "old.db")
        for harm in (lambda: os.truncate(self.db, 0), lambda: os.truncate(self.db, 4096), lambda: write(0, bytes(4096)),
                     lambda: write(0, b"x" * 200000), older):
            self.work(2)
            self.nocturne("backup", "kept.db")
            self.kill_server(signal.SIGTERM)
            self.start()  # the log is in the database now
            trial = self.ask().json["trials"][0]
            harm()
            self.wait("refused", lambda: self.tell(trial).status == 503)
            self.expect_refusal(trial, "was cut or overwritten")
            self.assertRegex(self.wait("ended", lambda: re.search(r"s: ended: .*", self.read("serve.out"))).group(), "cut or overwritten")
            self.kill_server()
            for tail in PARTS:
                if os.path.exists(self.db + tail):
                    os.unlink(self.db + tail)
            os.rename(os.path.join(self.dir, "kept.db"), self.db)
            os.unlink(os.path.join(self.dir, "serve.out"))
            self.start()
            self.assertGreaterEqual(self.completes(), self.told)

    def begun(self, db):
        done = subprocess.run([NOCTURNE, "trials", "r", "--db", db], cwd=self.dir, capture_output=True, text=True, timeout=PATIENCE)
        return "complete" in done.stdout

    def test_a_run_pauses_with_one_sentence_and_goes_on(self):
        self.write("r.yaml", LONG.replace("study: s", "study: r").replace("budget: {trials: 100000}", "budget: {trials: 20}"))
        self.write("trial.sh", self.TRIAL)
        run = subprocess.Popen([NOCTURNE, "run", "r.yaml", "--db", "r.db", "--quiet"], cwd=self.dir, stderr=subprocess.PIPE, text=True)
        self.processes.append(run)
        db = os.path.join(self.dir, "r.db")
        self.wait("begun", lambda: self.begun("r.db"))
        os.rename(db, db + ".away")
        self.assertRegex(run.stderr.readline(), r"^nocturne: paused: r\.db was moved, deleted or replaced .*; goes on by itself when that is over\n$")
        os.rename(db + ".away", db)
        self.assertEqual(run.stderr.readline(), "nocturne: going on\n")
        self.assertEqual(run.communicate(timeout=PATIENCE)[1], "")
        self.assertEqual(run.returncode, 0)

    TRIAL = "echo 'nocturne: {\"result\": {\"em\": 0.5, \"tokens\": 1000}}'\n"

    def test_a_run_whose_folder_is_deleted_ends_with_a_sentence_when_it_is_told_to(self):
        folder = os.path.join(self.dir, "sub")
        os.mkdir(folder)
        self.write("sub/r.yaml", LONG.replace("study: s", "study: r"))
        self.write("sub/trial.sh", self.TRIAL)
        run = subprocess.Popen([NOCTURNE, "run", "r.yaml", "--db", os.path.join(folder, "r.db"), "--quiet"], cwd=folder,
                               stderr=subprocess.PIPE, text=True)
        self.processes.append(run)
        self.wait("begun", lambda: self.begun("sub/r.db"))
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        self.assertIn("paused: ", run.stderr.readline())
        run.send_signal(signal.SIGTERM)
        said = run.communicate(timeout=PATIENCE)[1]
        self.assertEqual(run.returncode, 1)
        self.assertNotIn("Sanitizer", said)

    def test_advise_does_not_answer_into_a_deleted_file(self):
        self.write("q.yaml", ADVISE)
        pipe = subprocess.Popen([NOCTURNE, "advise", "q.yaml", "--db", "q.db"], cwd=self.dir, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(pipe)

        def send(request):
            pipe.stdin.write(json.dumps(request) + "\n")
            pipe.stdin.flush()

        send({"ask": 1})
        self.assertEqual(len(json.loads(pipe.stdout.readline())["trials"]), 1)
        db = os.path.join(self.dir, "q.db")
        os.rename(db, db + ".away")
        send({"tell": 0, "metrics": {"loss": 3}})
        self.assertIn("was moved, deleted or replaced", pipe.stderr.readline())
        os.rename(db + ".away", db)
        self.assertEqual(json.loads(pipe.stdout.readline()), {"ok": True})  # once, and only now
        pipe.stdin.close()
        self.assertEqual(pipe.wait(timeout=PATIENCE), 0)
        pipe.stdout.close()
        pipe.stderr.close()

    def test_a_study_created_by_two_services_at_once_is_one_of_them(self):
        other = World()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.spawn("second", "serve", "--listen", f"127.0.0.1:{port}", "--slots", "0", "--db", "nocturne.db")
        other.port, other.operator = port, self.operator

        def answers():
            try:
                return other.call("GET", "/healthz", token=None).status == 200
            except OSError:
                return False

        self.wait("a second service", answers)
        for i in range(25):
            texts = [STUDY.replace("study: s", f"study: s{i}").replace("seed: 3", f"seed: {seed}") for seed in (1, 2)]
            start, got = threading.Barrier(2), [None, None]

            def post(k, world):
                start.wait()
                got[k] = world.call("POST", "/studies?paused=true", text=texts[k], headers={"Content-Type": "application/yaml"})

            threads = [threading.Thread(target=post, args=x) for x in ((0, self), (1, other))]
            for x in threads:
                x.start()
            for x in threads:
                x.join()
            self.assertEqual(sorted(a.status for a in got), [201, 409], [a.body for a in got])
            winner = [a.status for a in got].index(201)
            self.assertIn(f"'s{i}'", got[1 - winner].json["detail"])
            self.assertEqual(self.read(f"nocturne.files/s{i}/study/study.yaml"), texts[winner])
            with contextlib.closing(sqlite3.connect(self.db)) as db:
                files = db.execute("SELECT body ->> 'file' FROM event JOIN study ON id = study WHERE name = ? AND kind = 1", (f"s{i}",))
                self.assertEqual(files.fetchall(), [(texts[winner],)])

    def test_what_cannot_begin_is_not_created(self):
        bad = STUDY + "warm_start: [nowhere]\n"
        headers = {"Content-Type": "application/yaml"}
        for _ in range(2):
            self.assertGreaterEqual(self.call("POST", "/studies", text=bad, headers=headers).status, 400)
            self.assertEqual(self.call("GET", "/studies/s").status, 404)
        self.assertEqual(self.call("POST", "/studies", text=STUDY, headers=headers).status, 201)

    def test_a_row_without_events_is_no_study_yet(self):
        self.ok("PUT", "/studies/s/files/trial.sh", text=TRIAL)
        with contextlib.closing(sqlite3.connect(self.db)) as db, db:  # as a crash between the two transactions leaves it
            db.execute("INSERT INTO study (name, path, file, identity, seed, created_ms) VALUES ('s', '/x', 'y', '{}', 1, 1)")
        self.create(STUDY, trial=None)
        self.assertEqual(self.ok("GET", "/studies/s")["phase"], "open")

    def test_the_lock_file_goes_with_the_study(self):
        for _ in range(3):
            self.create(STUDY)
            self.assertIn("nocturne.db-s.lock", os.listdir(self.dir))
            self.ok("POST", "/studies/s/stop", {"now": True})
            self.wait("stopped", lambda: not self.ok("GET", "/studies/s")["hosted"])
            self.ok("DELETE", "/studies/s?confirm=s")
            self.assertNotIn("nocturne.db-s.lock", os.listdir(self.dir))
            self.assertIn("s", os.listdir(os.path.join(self.dir, "nocturne.files")))  # what trials wrote stays


class FirstToken(unittest.TestCase):
    """The first start of a service, killed at any step: what there is of a token file works, and no token is unknown."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="nocturne-test-")
        self.dir = self.temporary.name

    def tearDown(self):
        self.temporary.cleanup()

    def serve(self, **env):
        """Until it listens (True) or dies."""
        with subprocess.Popen([NOCTURNE, "serve", "--listen", "127.0.0.1:0", "--db", "n.db"], cwd=self.dir, stdout=subprocess.PIPE,
                              env={**os.environ, **env}, text=True) as process:
            listens = any("listening" in line for line in iter(process.stdout.readline, ""))
            process.kill()
            return listens

    def valid(self):
        """Hashes of the operators' secrets that are valid."""
        if not os.path.exists(os.path.join(self.dir, "n.db")):
            return []
        with contextlib.closing(sqlite3.connect(os.path.join(self.dir, "n.db"))) as db:
            try:
                return [row[0].hex() for row in db.execute("SELECT hash FROM token WHERE role = 'operator' AND revoked_ms = 0")]
            except sqlite3.OperationalError:
                return []  # no table yet

    def in_file(self):
        try:
            with open(os.path.join(self.dir, "n.token")) as text:
                return hashlib.sha256(text.read().strip().split("_")[2].encode()).hexdigest()
        except FileNotFoundError:
            return None

    def test_a_kill_at_any_step_is_repaired_by_the_next_start(self):
        shim = {"LD_PRELOAD": os.path.join(BIN, "libkill_at.so"), "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        between = 0
        for k in range(1, 1000):
            for name in os.listdir(self.dir):
                path = os.path.join(self.dir, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
            listened = self.serve(KILL_AT=str(k), **shim)
            if self.in_file():
                self.assertIn(self.in_file(), self.valid())
            between += bool(self.valid()) and not self.in_file()
            self.assertTrue(self.serve())
            self.assertEqual(self.valid(), [self.in_file()])
            self.assertEqual(os.stat(os.path.join(self.dir, "n.token")).st_mode & 0o777, 0o600)
            self.assertNotIn("n.token.part", os.listdir(self.dir))
            if listened:
                break
        self.assertTrue(listened)
        self.assertGreater(k, 5)
        self.assertGreater(between, 0)  # the moment in question was among them

    def test_many_first_starts_at_once_make_one_token(self):
        threads = [threading.Thread(target=self.serve) for _ in range(6)]
        for x in threads:
            x.start()
        for x in threads:
            x.join()
        self.assertEqual(self.valid(), [self.in_file()])


if __name__ == "__main__":
    unittest.main(verbosity=1)
