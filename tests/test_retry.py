#!/usr/bin/env python3
"""What failed is tried again: by the command that ran the study, by `retry`, over HTTP; once, and only if a person asks.

Real programs, real processes. NOCTURNE_BIN is the folder of the binaries.
"""
import json
import os
import shutil
import signal
import subprocess
import unittest

import service
import test_cli
from test_cli import BIN, STUDY, TRIAL

BROKEN = "echo broken >&2; exit 1\n"
ALONE = STUDY.replace("baseline: {x: 0.9, k: 5}\n", "").replace("{weights: {em: 0.7, tokens: 0.3}}", "{minimize: tokens}")
QUICK = STUDY.replace("retries: 1", "retries: 0").replace("top: 1, seeds: 2", "top: 0, seeds: 0").replace("trials: 8", "trials: 3")
LAST_WORDS = "the baseline failed last time; it is tried again"


class World(test_cli.World):
    def states(self, study="s"):
        return [t["state"] for t in self.json("trials", study)["trials"]]

    def status(self):
        return self.json("status")["studies"][0]

    def only_fails(self, *numbers):
        """Trials with these numbers fail, the others do not."""
        self.write("trial.sh", f"case $NOCTURNE_TRIAL in {'|'.join(map(str, numbers))}) {BROKEN.strip()};; esac\n{TRIAL}")

    def check_log(self):
        self.assertIn("the log is legal and says what is shown", self.run_nocturne("doctor", "--rebuild")[0])
        self.assertIn("all as they were", self.run_nocturne("replay", "s")[0])


class SameCommand(World):
    def test_a_failed_baseline_is_run_again_once_each_time(self):
        self.write("study.yaml", QUICK.replace("local: 2", "local: 1"))
        self.write("trial.sh", BROKEN)
        out, err = self.run_nocturne("run", "study.yaml", code=1)
        self.assertNotIn("tried again", out)
        self.assertIn("correct it, and run the study again", err)
        self.assertEqual(self.status()["phase"], "failed")
        self.assertIn("the baseline (trial 0) failed: exit code 1: broken", self.status()["failure"])
        self.assertIn("why: the baseline (trial 0) failed: exit code 1: broken", self.run_nocturne("status")[0])
        self.assertIn(LAST_WORDS, self.run_nocturne("run", "study.yaml", "--slots", "1", code=1)[0])  # not mended
        self.assertEqual(self.trials()[0]["attempts"], 2)
        self.write("trial.sh", TRIAL)
        self.assertIn(LAST_WORDS, self.run_nocturne("run", "study.yaml")[0])
        self.assertEqual((self.trials()[0]["attempts"], self.states()), (3, ["complete"] * 3))
        self.assertEqual(self.status()["phase"], "complete")
        self.assertNotIn("failure", self.status())
        self.assertNotIn("tried again", self.run_nocturne("run", "study.yaml")[0])
        self.assertEqual(self.trials()[0]["attempts"], 3)
        shown = self.run_nocturne("show", "0")[0]
        self.assertEqual((shown.count("finished   failed"), shown.count("retried"), shown.count("finished   complete")), (2, 2, 1))
        self.check_log()

    def test_as_a_line_for_machines_and_by_resume(self):
        self.write("study.yaml", QUICK)
        self.write("trial.sh", BROKEN)
        self.run_nocturne("run", "study.yaml", "--quiet", "--slots", "1", code=1)
        lines = [json.loads(line) for line in self.run_nocturne("run", "study.yaml", "--json", "--slots", "1", code=1)[0].splitlines()]
        self.assertEqual([line["text"] for line in lines if line["event"] == "note"], [LAST_WORDS])
        self.write("trial.sh", TRIAL)
        self.assertIn("last time", self.run_nocturne("resume", "s")[0])
        self.assertEqual(self.states(), ["complete"] * 3)

    def test_an_infeasible_baseline_too(self):
        self.write("study.yaml", QUICK.replace("local: 2", "local: 1"))
        self.write("trial.sh", """echo '{"infeasible": "no memory"}' >&3""")
        self.run_nocturne("run", "study.yaml", code=1)
        self.write("trial.sh", TRIAL)
        self.assertIn("the baseline was infeasible last time; it is tried again", self.run_nocturne("run", "study.yaml")[0])
        self.assertEqual(self.states(), ["complete"] * 3)

    def test_three_alike_do_not_eat_the_budget(self):
        self.write("study.yaml", ALONE.replace("retries: 1", "retries: 0").replace("trials: 8", "trials: 4").replace("local: 2", "local: 1"))
        self.write("trial.sh", BROKEN)
        self.assertIn("3 trials in a row failed alike", self.run_nocturne("run", "study.yaml", code=1)[1])
        self.assertEqual((self.status()["phase"], self.states()), ("failed", ["failed"] * 3))
        configs = [t["params"] for t in self.trials()]
        self.write("trial.sh", TRIAL)
        self.assertIn("3 trials failed last time, and nothing has completed; they are tried again", self.run_nocturne("run", "study.yaml")[0])
        searched = [t for t in self.trials() if t["role"] != "confirm"]
        self.assertEqual([t["state"] for t in searched], ["complete"] * 4)
        self.assertEqual([t["params"] for t in searched[:3]], configs)
        self.check_log()

    def test_failures_among_results_stay(self):
        self.write("study.yaml", QUICK.replace("trials: 3", "trials: 4"))
        self.only_fails(2)
        self.run_nocturne("run", "study.yaml")
        self.assertNotIn("tried again", self.run_nocturne("run", "study.yaml")[0])
        self.assertEqual(self.states(), ["complete", "complete", "failed", "complete"])

    def test_a_kill_at_any_step_loses_nothing(self):
        shim = {"LD_PRELOAD": os.path.join(BIN, "libkill_at.so"), "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        self.write("study.yaml", QUICK.replace("trials: 3", "trials: 1"))
        self.write("trial.sh", BROKEN)
        self.run_nocturne("run", "study.yaml", "--quiet", code=1)
        os.rename(os.path.join(self.dir, "nocturne.db"), os.path.join(self.dir, "failed"))
        self.write("trial.sh", TRIAL)
        killed = 0
        for step in range(1, 20):
            for name in os.listdir(self.dir):
                if name.startswith("nocturne.db"):
                    os.remove(os.path.join(self.dir, name))
            shutil.rmtree(os.path.join(self.dir, "nocturne.files"))
            shutil.copy(os.path.join(self.dir, "failed"), os.path.join(self.dir, "nocturne.db"))
            done = subprocess.run([test_cli.NOCTURNE, "run", "study.yaml", "--quiet"], cwd=self.dir, capture_output=True, env={**os.environ, **shim, "KILL_AT": str(step)})
            if done.returncode != -signal.SIGKILL:
                break
            killed += 1
            self.run_nocturne("run", "study.yaml", "--quiet")
            self.assertEqual(self.states(), ["complete"], step)
            log = [e["event"] for e in map(json.loads, self.run_nocturne("log", "s", "--json")[0].splitlines())]
            self.assertEqual(log.count("retried"), 1, (step, log))
            self.check_log()
        self.assertGreaterEqual(killed, 3)


class Retry(World):
    def setUp(self):
        super().setUp()
        self.write("study.yaml", QUICK.replace("trials: 3", "trials: 6"))
        self.only_fails(2, 4, 5)
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.assertEqual(self.states(), ["complete", "complete", "failed", "complete", "failed", "failed"])
        self.failed = [self.trials()[i] for i in (2, 4, 5)]

    def test_by_number_and_all(self):
        self.write("trial.sh", TRIAL)
        self.assertIn("trial 4 of study s is tried again next, once the study runs: nocturne resume s", self.run_nocturne("retry", "s", "4")[0])
        self.assertEqual(self.states(), ["complete", "complete", "failed", "complete", "queued", "failed"])
        self.check_log()
        self.run_nocturne("run", "study.yaml")
        self.assertEqual(self.states(), ["complete", "complete", "failed", "complete", "complete", "failed"])
        self.assertEqual(self.json("retry", "--failed"), {"study": "s", "retried": [2, 5], "running": False})
        self.run_nocturne("run", "study.yaml")
        now = self.trials()
        self.assertEqual([t["state"] for t in now], ["complete"] * 6)  # the budget holds six, as before
        for before in self.failed:
            after = now[before["trial"]]
            self.assertEqual((after["params"], after["seed"], after["attempts"]), (before["params"], before["seed"], 2))
        self.check_log()

    def test_what_is_not_tried_again(self):
        for args, code, text in ((("s", "0"), 1, "trial 0 is complete; only failed ones are tried again"),
                                 (("s", "2", "3"), 1, "trial 3 is complete"), (("s", "77"), 3, "study 's' has no trial 77"),
                                 (("t", "2"), 3, "no study 't'"), (("s", "x"), 2, "'x' is not the number of a trial"),
                                 (("s", "2", "--failed"), 2, "not both"), (("s", "-1"), 2, ""), (("s", "1.5"), 2, "")):
            self.assertIn(text, self.run_nocturne("retry", *args, code=code)[1])
        self.assertEqual(self.states().count("failed"), 3)  # all of them or none
        self.run_nocturne("retry")  # the only study; all that failed
        self.assertEqual(self.states().count("queued"), 3)
        self.assertIn("trial 2 is queued; only failed ones", self.run_nocturne("retry", "s", "2", code=1)[1])
        self.assertIn("no trial of study 's' has failed", self.run_nocturne("retry", "s", code=1)[1])

    def test_of_a_running_study(self):
        self.gate_trials()
        process = self.popen("run", "study.yaml", "--trials", "8")
        self.wait_for(lambda: self.states().count("running") == 2, "two that run")
        self.assertEqual(self.run_nocturne("retry", "s", "2", "5")[0], "trials 2 and 5 of study s are tried again next\n")
        self.assertIn("trial 6 is running; only failed ones", self.run_nocturne("retry", "s", "6", code=1)[1])
        self.wait_for(lambda: self.count("kind = 14") == 2, "they are queued again")
        self.open_gate()
        out, _ = process.communicate(timeout=test_cli.PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertIn("trial    2  will be tried again: asked for", out)
        self.assertEqual(self.states(), ["complete"] * 4 + ["failed"] + ["complete"] * 3)
        self.check_log()

    def test_two_at_a_time(self):
        self.write("trial.sh", TRIAL)
        both = [self.popen("retry", "s", "2", "2") for _ in range(2)]
        out = [p.communicate(timeout=test_cli.PATIENCE) + (p.returncode,) for p in both]
        self.assertIn(0, [code for _, _, code in out], out)
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.assertEqual((self.states()[2], self.trials()[2]["attempts"], self.count("kind = 14")), ("complete", 2, 1))


class Service(service.World):
    STUDY = service.STUDY.replace("retries: 1", "retries: 0").replace("trials: 12", "trials: 3").replace("top: 1, seeds: 2", "top: 0, seeds: 0")

    def ended(self):
        return self.read("serve.out").count("ended: the baseline (trial 0) failed")

    def test_a_start_of_the_service_does_not_try_again_and_a_person_does(self):
        self.create(self.STUDY, BROKEN)
        self.wait_phase("failed")
        self.assertIn("exit code 1: broken", self.ok("GET", "/studies/s")["failure"])
        for _ in range(2):
            self.kill_server()
            self.start()
            self.assertEqual(self.ok("GET", "/studies/s")["phase"], "failed")
        self.assertEqual((self.ended(), self.trials()[0]["attempts"]), (1, 1))
        self.ok("POST", "/studies/s/resume")  # not mended
        self.wait("it fails again", lambda: self.ended() == 2)
        self.assertEqual(self.trials()[0]["attempts"], 2)
        self.ok("PUT", "/studies/s/files/trial.sh", text=service.TRIAL)
        self.ok("POST", "/studies/s/resume")
        self.wait_phase("complete")
        self.assertIn(LAST_WORDS, self.read("serve.out").replace("it and 1 other failed trial are", "it is"))
        self.assertEqual([t["state"] for t in self.trials()], ["complete"] * 3)
        self.assertNotIn("failure", self.ok("GET", "/studies/s"))

    def test_a_trial_of_a_study_at_work_or_not(self):
        trial = f"case $NOCTURNE_TRIAL in 1) {BROKEN.strip()};; esac\n" + service.TRIAL
        self.create(self.STUDY, trial)
        self.wait_phase("complete")
        self.ok("PUT", "/studies/s/files/trial.sh", text=service.TRIAL)
        viewer, worker = self.token("viewer"), self.token("worker")
        self.assertEqual([self.call("POST", "/studies/s/trials/1/retry", token=t).status for t in (viewer, worker)], [403, 403])
        for path, status in (("/studies/s/trials/0/retry", 409), ("/studies/s/trials/9/retry", 404), ("/studies/t/trials/1/retry", 404)):
            self.assertEqual(self.call("POST", path).status, status, path)
        self.assertEqual(self.call("POST", "/studies/s/trials/1/retry", {"x": 1}).status, 422)
        again = self.ok("POST", "/studies/s/trials/1/retry")
        self.assertEqual((again["state"], again["attempts"]), ("queued", 1))
        self.assertEqual(self.events()[-1]["event"], "retried")
        self.assertIn("token", self.events()[-1]["body"])
        self.kill_server()
        self.start()
        self.assertEqual(self.ok("GET", "/studies/s/trials/1")["state"], "queued")
        self.ok("PUT", "/studies/s/files/trial.sh", text=self.gated(trial))
        self.ok("POST", "/studies/s/resume", {"budget": {"trials": 4}})
        self.wait("it fails again", lambda: self.ok("GET", "/studies/s/trials/1")["state"] == "failed")
        self.ok("PUT", "/studies/s/files/trial.sh", text=service.TRIAL)
        self.assertIn(self.ok("POST", "/studies/s/trials/1/retry")["state"], "queued")  # at work: another waits at the gate
        self.open_gate()
        self.wait_phase("complete")
        self.assertEqual([t["state"] for t in self.trials()], ["complete"] * 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
