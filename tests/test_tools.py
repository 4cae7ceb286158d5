#!/usr/bin/env python3
"""What keeps a study safe and lets it be looked into, from outside: several processes on one database, leases, budgets,
plan, replay, doctor, backup, import, export, log. NOCTURNE_BIN is the folder of the binaries."""
import contextlib
import csv
import glob
import json
import os
import resource
import signal
import sqlite3
import subprocess
import threading
import time
import unittest
from unittest import mock

from patience import PATIENCE, until
from test_cli import BIN, HERE, STUDY, TRIAL, World, read


class Several(World):
    """Several studies and processes share one database."""

    def test_two_studies_run_at_once(self):
        self.write("other.yaml", STUDY.replace("study: s", "study: other"))
        both = [self.popen("run", name, "--quiet") for name in ("study.yaml", "other.yaml")]
        for process in both:
            said = process.communicate(timeout=PATIENCE)[1]  # the one may have had to wait for the other
            self.assertRegex(said, r"\A(nocturne: paused: .*keeps it locked.*\nnocturne: going on\n)*\Z")
            self.assertEqual(process.returncode, 0)
        status = self.json("status")["studies"]
        self.assertEqual({s["study"]: s["states"]["complete"] for s in status}, {"s": 12, "other": 12})
        self.assertIn("ok", self.run_nocturne("doctor", "--rebuild")[0])

    def test_a_second_run_says_who_holds_the_study_and_takes_over_when_that_is_dead(self):
        self.gate_trials()
        first = self.popen("run", "study.yaml", "--quiet")
        self.wait_running()
        _, err = self.run_nocturne("run", "study.yaml", code=4)
        self.assertRegex(err, rf"study 's' is being run by pid {first.pid} on \S+ since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d")
        self.assertIn("running", self.run_nocturne("status")[0])
        self.run_nocturne("import", "study.yaml", "nothing.csv", code=3)
        first.kill()
        first.communicate()
        self.open_gate()
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.assertEqual({t["state"] for t in self.trials()}, {"complete"})

    def test_a_database_that_another_program_locks_pauses_the_study(self):
        self.run_nocturne("run", "study.yaml", "--trials", "3", "--quiet")
        db = sqlite3.connect(os.path.join(self.dir, "nocturne.db"), isolation_level=None, timeout=PATIENCE)
        self.addCleanup(db.close)
        self.gate_trials()
        before = self.started()
        process = self.popen("run", "study.yaml", "--quiet")
        self.wait_running(before + 1)
        db.execute("BEGIN IMMEDIATE")
        self.open_gate()
        self.assertRegex(process.stderr.readline(), r"paused: .*another program keeps it locked; goes on by itself")
        db.execute("COMMIT")
        self.assertEqual(process.communicate(timeout=PATIENCE)[1], "nocturne: going on\n")
        self.assertEqual(process.returncode, 0)
        self.assertEqual({t["state"] for t in self.trials()}, {"complete"})

    def test_doctor_waits_for_a_database_that_is_locked(self):
        self.run_nocturne("run", "study.yaml", "--trials", "3", "--quiet")
        path = os.path.join(self.dir, "nocturne.db")
        db = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        db.execute("CREATE TABLE of_another_program(x)")
        process = self.popen("doctor")
        def has_it_open():
            with contextlib.suppress(OSError):
                return path in [os.path.realpath(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")]
        self.wait_for(has_it_open, "the database to be opened")
        db.close()
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, err), (0, ""), out)
        self.assertIn("pages, rows and references are sound", out)

    def test_kernels_that_are_right_for_the_processor(self):
        """A BLAS that does not know it takes them at the second beginning; trials see nothing of that."""
        if not {"avx2", "fma"} <= set(read("/proc/cpuinfo").split()):
            self.skipTest("this processor has no AVX2")
        self.write("trial.sh", "env | grep -c OPENBLAS_CORETYPE\n" + TRIAL)
        with mock.patch.dict(os.environ, LD_PRELOAD=os.path.join(BIN, "old_blas.so"), ASAN_OPTIONS="verify_asan_link_order=0"):
            self.assertRegex(self.run_nocturne("doctor")[0], r"ok +BLAS +OpenBLAS \S+ Haswell kernels, by nocturne's choice")
            self.run_nocturne("run", "study.yaml", "--trials", "1", "--quiet")
        log = read(glob.glob(os.path.join(self.dir, "nocturne.files/s/0000.1/stdout*"))[0])
        self.assertEqual(log.splitlines()[0], "0")
        self.assertNotIn("choice", self.run_nocturne("doctor")[0])

    def test_advise_answers_when_the_disk_lets_it(self):
        self.run_nocturne("advise", "study.yaml", "--db", "a.db", stdin='{"ask": 1}\n')
        limit = os.path.getsize(os.path.join(self.dir, "a.db"))
        process = self.popen("advise", "study.yaml", "--db", "a.db", stdin=subprocess.PIPE,
                             preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                                                 resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))))
        process.stdin.write('{"ask": 9000}\n')
        process.stdin.flush()
        self.assertRegex(process.stderr.readline(), r"^nocturne: paused: .*a\.db: .*; goes on by itself when that is over\n$")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.assertEqual(len(json.loads(process.stdout.readline())["trials"]), 9000)
        self.assertEqual(process.communicate(timeout=PATIENCE)[1], "nocturne: going on\n")

    def test_without_file_descriptors_the_study_pauses(self):
        process = self.popen("run", "study.yaml", "--quiet",
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (19, 1000)))
        self.assertRegex(process.stderr.readline(), r"paused: cannot start sh: too many open files; goes on by itself")
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (1000, 1000))
        self.goes_on(process)
        self.assertIn("was paused for", self.run_nocturne("log")[0])

    def test_without_a_folder_for_logs_the_study_pauses(self):
        self.write("nocturne.files", "a file where the folder should be")
        process = self.popen("run", "study.yaml", "--quiet")
        self.assertRegex(process.stderr.readline(), r"paused: .*nocturne.files/s/\d+.1: a part of it is a link, or no folder; .*goes on by itself")
        os.remove(os.path.join(self.dir, "nocturne.files"))
        self.goes_on(process)

    def goes_on(self, process):
        self.assertEqual(process.communicate(timeout=PATIENCE)[1], "nocturne: going on\n")
        self.assertEqual(process.returncode, 0)
        trials = self.trials()
        self.assertEqual({t["state"] for t in trials}, {"complete"})
        self.assertEqual(len(trials), 12)

    def test_backup_while_it_runs(self):
        self.gate_trials()
        process = self.popen("run", "study.yaml", "--quiet")
        self.wait_running()
        self.assertIn("a copy of nocturne.db", self.run_nocturne("backup", "copy.db")[0])
        self.assertIn("exists already", self.run_nocturne("backup", "copy.db", code=2)[1])
        self.assertIsNone(process.poll())
        self.open_gate()
        process.communicate(timeout=PATIENCE)
        before = self.json("trials", "--db", "copy.db")["trials"]
        self.assertEqual([t["params"] for t in before], [t["params"] for t in self.trials()[:len(before)]])
        self.run_nocturne("run", "study.yaml", "--quiet", "--db", "copy.db")  # a database like any other
        self.assertEqual([t["params"] for t in self.json("trials", "--db", "copy.db")["trials"]], [t["params"] for t in self.trials()])


class Log(World):
    def test_replay_and_rebuild_find_what_was_tampered_with(self):
        self.write("study.yaml", STUDY.replace("sobol", "gp").replace("trials: 8", "trials: 12"))
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.run_nocturne("enqueue", "s", "x=0.25", "k=2")
        self.run_nocturne("run", "study.yaml", "--trials", "14", "--quiet")
        self.assertRegex(self.run_nocturne("replay")[0], r"study s: 1\d suggestions computed again from the log, all as they were")
        out = self.run_nocturne("doctor", "--rebuild")[0]
        self.assertIn("the log is legal and says what is shown", out)
        self.assertIn("log folders, each of an attempt", out)
        os.mkdir(os.path.join(self.dir, "nocturne.files/s/9999.1"))
        self.assertIn("1 log folder belongs to no attempt", self.run_nocturne("doctor", code=1)[0])
        os.rmdir(os.path.join(self.dir, "nocturne.files/s/9999.1"))
        db = sqlite3.connect(os.path.join(self.dir, "nocturne.db"))
        self.addCleanup(db.close)
        with self.assertRaisesRegex(sqlite3.IntegrityError, "append-only"):
            db.execute("DELETE FROM event")
        db.execute("UPDATE study SET state = replace(state, '\"complete\":', '\"complete\":1')")
        db.commit()
        self.assertIn("the kept state was wrong and has been replaced: states: ", self.run_nocturne("doctor", "--rebuild", code=1)[0])
        self.run_nocturne("doctor", "--rebuild")
        db.executescript("DROP TRIGGER event_is_final; UPDATE event SET body = replace(body, '\"em\":0.', '\"em\":0.1') WHERE seq < 40")
        replay = json.loads(self.run_nocturne("replay", "--json", code=1)[0])
        self.assertGreater(replay["differs"], 3)
        self.assertNotEqual(replay["was"], replay["now"])
        db.executescript("UPDATE event SET trial = 99 WHERE seq = 30")
        self.assertIn("trial 99", self.run_nocturne("doctor", "--rebuild", code=1)[0])
        self.assertIn("trial 99", self.run_nocturne("trials", code=1)[1])

    def test_rebuild_replaces_a_state_while_others_write(self):
        self.run_nocturne("run", "study.yaml", "--quiet")
        with contextlib.closing(sqlite3.connect(os.path.join(self.dir, "nocturne.db"), isolation_level=None, timeout=PATIENCE)) as db:
            db.execute("PRAGMA synchronous = OFF")
            db.execute("CREATE TABLE of_another_program(x)")
            db.execute("UPDATE study SET state = replace(state, '\"complete\":', '\"complete\":1')")
            process = self.popen("doctor", "--rebuild")
            while process.poll() is None:
                db.execute("INSERT INTO of_another_program VALUES (1)")
                time.sleep(0.0005)
        self.assertIn("the kept state was wrong and has been replaced: states: ", process.communicate()[0])
        self.assertIn("says what is shown", self.run_nocturne("doctor", "--rebuild")[0])

    def test_the_log_tells_what_happened(self):
        self.run_nocturne("run", "study.yaml", "--quiet")
        lines = [json.loads(line) for line in self.run_nocturne("log", "--json")[0].splitlines()]
        self.assertEqual([e["seq"] for e in lines], list(range(1, len(lines) + 1)))
        self.assertEqual([e["event"] for e in lines if e.get("trial") == 0], ["added", "leased", "started", "finished"])
        self.assertIn("sobol", {e["body"].get("source") for e in lines})
        self.assertIn("trial 1 ", self.run_nocturne("log", "--trial", "1")[0])

    def test_decisions_to_stop_are_in_the_log(self):
        self.gate_trials()  # it stays closed
        process = self.popen("run", "study.yaml")
        self.wait_running()
        process.send_signal(signal.SIGINT)
        self.wait_line(process.stdout, "interrupt again")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 4)
        log = self.run_nocturne("log", "--trial", "0")[0]
        self.assertRegex(log, r'condemned +\{"reason": "interrupted"\}\n.*returned +\{"outcome": "stopped", "reason": "interrupted"')

    def test_status_after_a_kill_is_what_the_log_says(self):
        self.write("study.yaml", STUDY.replace("trials: 8", "trials: 10000"))
        process = self.popen("run", "study.yaml", "--quiet")
        self.wait_running(5)
        process.kill()
        process.communicate()
        status = self.json("status")["studies"][0]
        counted = [t["state"] for t in self.trials()]
        self.assertEqual(status["states"]["complete"], counted.count("complete"))
        self.assertEqual(status["trials"], len(counted))
        self.assertFalse(status["running"])


class Budgets(World):
    def test_status_shows_spent_reserved_left(self):
        self.write("study.yaml", STUDY.replace("{trials: 8}", "{trials: 8, tokens: 1e6, cost: 5, price: {token: 1e-6, hour: 2}, wall: 1h}"))
        self.run_nocturne("run", "study.yaml", "--quiet")
        budgets = {b["budget"]: b for b in self.json("status")["studies"][0]["budgets"]}
        spent = sum(t["metrics"]["tokens"] for t in self.trials())
        self.assertEqual(budgets["trials"]["spent"], 8)
        self.assertEqual(budgets["tokens"]["spent"], spent)
        self.assertEqual(budgets["tokens"]["left"], 1e6 - spent)
        self.assertGreaterEqual(budgets["cost"]["spent"], spent * 1e-6)
        self.assertRegex(self.run_nocturne("status")[0], r"tokens +\S+k spent +0 reserved +\S+k left of 1.00M")

    def test_money_ends_a_study(self):
        self.write("study.yaml", STUDY.replace("{trials: 8}", "{trials: 50, cost: 0.02, price: {token: 1e-6}}").replace("top: 1", "top: 0"))
        out = self.run_nocturne("run", "study.yaml")[0]
        self.assertIn("the cost budget is spent", out)
        spent = sum(t["metrics"]["tokens"] for t in self.trials()) * 1e-6
        self.assertLessEqual(spent, 0.02)
        self.assertGreater(spent, 0.012)

    def test_limits_count_for_the_run_that_they_are_given_to(self):
        self.write("study.yaml", STUDY.replace("top: 1, seeds: 2", "top: 0, seeds: 0"))
        said = "note: the last run was given"
        searched = lambda: len(self.trials())
        self.run_nocturne("run", "study.yaml", "--trials", "2")
        self.assertIn("given --trials 2; that counted for it alone, and this one goes by study.yaml: 8 trials", " ".join(self.run_nocturne("plan", "study.yaml")[1].split()))
        self.assertNotIn(said, self.run_nocturne("run", "study.yaml", "--trials", "2")[0])  # the same command goes on
        self.assertNotIn(said, self.run_nocturne("run", "study.yaml", "--trials", "3")[0])
        self.assertEqual(searched(), 3)
        out = " ".join(self.run_nocturne("run", "study.yaml")[0].split())
        self.assertIn(f"{said} --trials 3; that counted for it alone, and this one goes by study.yaml: 8 trials", out)
        self.assertEqual(searched(), 8)
        self.assertNotIn(said, self.run_nocturne("run", "study.yaml")[0])
        self.run_nocturne("run", "study.yaml", "--wall", "90m", "--until", "07:00", "--tokens", "2e6", "--trials", "9")
        self.write("study.yaml", read(os.path.join(self.dir, "study.yaml")).replace("trials: 8", "trials: 11"))
        out = " ".join(self.run_nocturne("resume", "s")[0].split())
        self.assertRegex(out, rf"{said} --trials 9 --tokens 2000000 --wall 1h30m --until 07:00; .* study.yaml: 11 trials, no limit of tokens, no limit of time, no deadline"
                         .replace(" study.yaml", r" \S+/study.yaml"))
        self.assertEqual(searched(), 11)
        self.write("study.yaml", read(os.path.join(self.dir, "study.yaml")).replace("trials: 11", "trials: 12"))  # in the file: nothing to be said
        self.assertNotIn(said, self.run_nocturne("resume")[0])
        self.run_nocturne("resume", "s", "--trials", "13")
        self.assertEqual(searched(), 13)

    def test_the_hint_of_a_stopped_run_has_what_was_given(self):
        self.gate_trials()
        process = self.popen("run", "study.yaml", "--quiet", "--trials", "6", "--tokens", "1e9", "--wall", "2h", "--until", "06:30")
        self.wait_running()
        process.send_signal(signal.SIGINT)
        self.open_gate()
        self.assertIn("nocturne run study.yaml --until 06:30 --trials 6 --tokens 1000000000 --wall 2h00m", process.communicate(timeout=PATIENCE)[1])

    def test_cost_needs_a_price(self):
        self.write("study.yaml", STUDY.replace("{trials: 8}", "{trials: 8, cost: 5}"))
        self.assertIn("'cost' needs a 'price'", self.run_nocturne("run", "study.yaml", code=2)[1])

    def test_plan(self):
        out = self.run_nocturne("plan", "study.yaml", "--slots", "64")[0]
        self.assertIn("nothing is known of this study's trials yet", out)
        self.assertIn("64 slots on", out)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "nocturne.db")))  # runs and writes nothing
        in_twelve_hours = time.strftime("%H:%M", time.localtime(time.time() + 12 * 3600))
        plan = json.loads(self.run_nocturne("plan", "study.yaml", "--probe", "3", "--until", in_twelve_hours, "--json")[0])
        self.assertEqual((plan["known"], plan["trials_left"], plan["confirmations_left"]), (3, 5, 4))
        self.assertLess(plan["tokens"]["low"], plan["tokens"]["median"])
        self.assertGreater(plan["tokens"]["high"], 9 * 1500)
        self.assertGreater(plan["probability_on_time"], 0.5)
        self.assertEqual(len(self.trials()), 3)  # the probe's trials are the study's
        self.assertEqual(self.json("status")["studies"][0]["phase"], "stopped")
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.assertEqual(len(self.trials()), 12)
        self.write("study.yaml", STUDY.replace("timeout: 1h", "timeout: 1s").replace("tokens: {goal", "tokens: {gaol"))
        self.run_nocturne("plan", "study.yaml", code=2)

    def test_plan_sees_risks(self):
        self.write("study.yaml", STUDY.replace("confirm:", "constraints: [em >= baseline + 0.9]\nconfirm:"))
        self.write("trial.sh", "sleep 0.1\n" + read(os.path.join(self.dir, "trial.sh")))
        self.run_nocturne("plan", "study.yaml", "--probe", "2")
        self.write("study.yaml", read(os.path.join(self.dir, "study.yaml")).replace("timeout: 1h", "timeout: 0.1s"))
        out = self.run_nocturne("plan", "study.yaml")[0]
        self.assertIn("which no proportion can reach", out)
        self.assertIn("the timeout (0.1s) is shorter than a trial may take", out)


class Leases(World):
    def setUp(self):
        super().setUp()
        self.write("study.yaml", STUDY.replace("retries: 1", "retries: 1, backoff: 0.001s"))
        self.pipe = self.popen("advise", "study.yaml", "--db", "a.db", stdin=subprocess.PIPE)

    def tearDown(self):
        self.pipe.stdin.close()
        self.pipe.wait(timeout=PATIENCE)
        self.pipe.stdout.close()
        self.pipe.stderr.close()
        super().tearDown()

    def say(self, **request):
        self.pipe.stdin.write(json.dumps(request) + "\n")
        self.pipe.stdin.flush()
        return json.loads(self.pipe.stdout.readline())

    def test_an_expired_lease_is_lent_again_and_its_late_result_is_kept(self):
        first = self.say(ask=1, ttl="1h")["trials"][0]
        self.assertTrue(self.say(renew=0, lease=first["lease"], ttl="1s")["ok"])
        over = until("the lease is over", lambda: self.say(report=0, lease=first["lease"], step=1, metrics={"em": 0.5}).get("error"))
        self.assertIn("lease of trial 0 is over", over)
        time.sleep(0.02)  # the back-off of two milliseconds; no slower machine needs more
        second = self.say(ask=1)["trials"][0]
        self.assertEqual(second["trial"], 0)
        self.assertEqual(second["params"], first["params"])
        self.assertGreater(second["lease"], first["lease"])
        self.assertIn("lease of trial 0 is over", self.say(tell=0, lease=first["lease"], failed="late")["error"])
        metrics = {"em": 0.5, "tokens": 7}
        self.assertTrue(self.say(tell=0, lease=first["lease"], metrics=metrics)["ok"])  # late, and the only one
        self.assertTrue(self.say(tell=0, lease=second["lease"], metrics=metrics)["ok"])  # the same again
        self.assertIn("complete already", self.say(tell=0, lease=second["lease"], metrics={"em": 0.4, "tokens": 7})["error"])

    def test_wrong_leases(self):
        self.say(ask=1)
        for wrong in ({"tell": 0, "lease": 99, "failed": True}, {"tell": 0, "lease": "x", "failed": True}, {"ask": 1, "ttl": 5},
                      {"ask": 1, "ttl": "soon"}, {"renew": 7}, {"renew": 0, "lease": 0}):
            self.assertIn("error", self.say(**wrong))
        self.assertTrue(self.say(tell=0, failed=True)["ok"])
        self.assertIn("error", self.say(renew=0))

    def test_many_requests_at_once_are_answered_in_order(self):
        requests = "".join(f'{{"ask": 1}}\n{{"report": {i}, "step": 1, "metrics": {{"em": 0.5}}}}\n'
                           f'{{"tell": {i}, "metrics": {{"em": 0.5, "tokens": {i + 1}}}}}\n' for i in range(2000))
        threading.Thread(target=lambda: (self.pipe.stdin.write(requests), self.pipe.stdin.flush()), daemon=True).start()
        for i in range(2000):
            self.assertEqual(json.loads(self.pipe.stdout.readline())["trials"][0]["trial"], i)
            self.assertEqual(json.loads(self.pipe.stdout.readline()), {"stop": False})
            self.assertEqual(json.loads(self.pipe.stdout.readline()), {"ok": True})
        self.pipe.send_signal(signal.SIGKILL)
        self.pipe.wait()
        trials = self.json("trials", "--db", "a.db")["trials"]
        self.assertEqual([t["metrics"]["tokens"] for t in trials], list(range(1, 2001)))
        self.run_nocturne("replay", "--db", "a.db")


class Moving(World):
    """import and export"""

    def table(self, text):
        self.write("t.csv", text)

    def test_a_csv_table(self):
        self.table('x,k,em,tokens,state,reason,loss\r\n0.1,3,0.5,1000,,,1\r\n0.2,4,0.6,"2000",complete,,2\n\n0.3,5,,,failed,"it said ""no"", twice",3\n')
        out = self.run_nocturne("import", "study.yaml", "t.csv")[0]
        self.assertIn("3 trials imported", out)
        self.assertIn("ignored columns: 'loss'", out)
        self.assertIn("has been imported into study 's' already (trial 1)", self.run_nocturne("import", "study.yaml", "t.csv", code=2)[1])
        trials = self.trials()
        self.assertEqual([t["state"] for t in trials], ["queued", "complete", "complete", "failed"])
        self.assertEqual(trials[2]["metrics"], {"em": 0.6, "tokens": 2000})
        self.assertEqual(trials[3]["reason"], 'it said "no", twice')
        self.run_nocturne("run", "study.yaml", "--quiet")
        rows = list(csv.DictReader(self.run_nocturne("export", "--format", "csv")[0].splitlines()))
        self.assertEqual(len(rows), len(self.trials()))
        self.assertEqual((rows[1]["x"], rows[1]["em"], rows[1]["state"]), ("0.1", "0.5", "complete"))
        lines = [json.loads(line) for line in self.run_nocturne("export", "--format", "jsonl")[0].splitlines()]
        self.assertEqual([line["params"] for line in lines], [t["params"] for t in self.trials()])
        again = self.run_nocturne("export", "--format", "csv", "-o", "all.csv")
        self.assertEqual(again, ("", ""))
        self.run_nocturne("import", "study.yaml", "all.csv", "--db", "again.db")  # what was exported can be imported
        self.assertEqual([t["metrics"] for t in self.json("trials", "--db", "again.db")["trials"]][1:], [t["metrics"] for t in self.trials()])

    def test_bad_tables_name_their_line_and_change_nothing(self):
        for text, said in (("x,k,em\n0.1,3,0.5\n", "t.csv:1: no column for the metric 'tokens'"),
                           ("x,em,tokens\n0.1,0.5,1\n", "t.csv:1: no column for the parameter 'k'"),
                           ("x,k,em,tokens\n0.1,3,0.5,1\n0.1,30,0.5,1\n", "t.csv:3: k: 30 is outside its range"),
                           ("x,k,em,tokens\n0.1,3,0.5\n", "t.csv:2: 3 fields, but the header has 4"),
                           ("x,k,em,tokens\n0.1,3,nan,1\n", "t.csv:2: the metric 'em' is 'nan'"),
                           ("x,k,em,tokens\n,3,0.5,1\n", "t.csv:2: the parameter 'x' is missing"),
                           ('x,k,em,tokens\n"0.1,3,0.5,1\n', "t.csv:2: a quote is opened and not closed"),
                           ("x,k,em,tokens,state\n0.1,3,0.5,1,done\n", "t.csv:2: the state 'done' is none of"),
                           ("x,k,em,tokens\n0.1,3,,1\n", "t.csv:2: the metric 'em' is missing"),
                           ("", "t.csv:1: empty"), ("a\0b", "not a text file")):
            self.table(text)
            self.assertIn(said, self.run_nocturne("import", "study.yaml", "t.csv", code=2)[1])
        self.assertEqual(len(self.trials()), 1)

    def test_deleting_a_study(self):
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.assertIn("which study?", self.run_nocturne("delete", code=2)[1])
        self.assertIn("no study 'z'", self.run_nocturne("delete", "z", code=3)[1])
        self.gate_trials()
        self.write("other.yaml", read(os.path.join(self.dir, "study.yaml")).replace("study: s", "study: other"))
        process = self.popen("run", "other.yaml", "--quiet")
        try:
            until("it runs", lambda: "other" in self.run_nocturne("status")[0])
            self.assertIn("is being run by", self.run_nocturne("delete", "other", code=4)[1])
        finally:
            self.open_gate()
            process.communicate(timeout=PATIENCE)
        self.assertIn("left in", self.run_nocturne("delete", "s")[0])
        self.assertTrue(os.path.isdir(os.path.join(self.dir, "nocturne.files", "s")))
        self.assertEqual([x["study"] for x in self.json("status")["studies"]], ["other"])
        self.run_nocturne("doctor")
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.assertEqual(self.json("delete", "s", "--files"), {"study": "s", "deleted": True, "files": None})
        self.assertFalse(os.path.exists(os.path.join(self.dir, "nocturne.files", "s")))

    def test_an_optuna_database(self):
        db = sqlite3.connect(os.path.join(self.dir, "optuna.db"))
        db.executescript(read(os.path.join(HERE, "fixtures", "optuna5.sql")))  # written by Optuna 5.0.0
        db.close()
        out = self.run_nocturne("import", "optuna.db")[0]
        self.assertIn("study single_study: 25 trials with 86 reports imported", out)
        self.assertIn("study multi: 10 trials imported, 1 left out", out)
        made = read(os.path.join(self.dir, "single_study.yaml"))
        self.assertIn("optimizer.lr: {type: float, range: [1e-05, 0.1], scale: log}", made)
        self.assertIn("momentum: {type: float, range: [0, 0.99], when: 'optimizer in [\"sgd\"]'}", made)
        self.assertIn("pareto: [value_0, value_1]", read(os.path.join(self.dir, "multi.yaml")))
        trials = self.json("trials", "single_study")["trials"]
        self.assertEqual({t["state"] for t in trials}, {"complete", "pruned", "failed", "queued"})
        self.assertEqual(trials[3]["params"]["optimizer"], "adam")
        self.assertRegex(self.run_nocturne("show", "single_study", "3")[0], r"step 3 +value 2.01756")
        asked = json.loads(self.run_nocturne("advise", "single_study.yaml", "--db", "nocturne.db", stdin='{"ask": 1}\n')[0])
        self.assertEqual(asked["trials"][0]["trial"], 24)
        self.run_nocturne("replay", "single_study")
        self.run_nocturne("doctor", "--rebuild")
        self.assertIn("File exists", self.run_nocturne("import", "optuna.db", "--db", "other.db", code=1)[1])
        self.write("no.db", "this is not a database at all, and long enough")
        self.assertIn("cannot be read as an Optuna database", self.run_nocturne("import", "no.db", code=2)[1])
        self.run_nocturne("import", "nowhere.db", code=3)


if __name__ == "__main__":
    unittest.main(verbosity=1)
