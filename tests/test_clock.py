#!/usr/bin/env python3
"""The machine's clock is set while programs run: budgets of time end, and tokens that have expired stay so."""
import os
import re
import time
import unittest

from service import BIN, STUDY, TRIAL, World

DAY = 86400
TIMED = re.sub("budget: .*", "budget: {wall: 6s, trials: 100000}", STUDY).replace("confirm: {top: 1, seeds: 2}", "confirm: {top: 0}")


class Clock(World):
    def setUp(self):
        self.offset = 0
        super().setUp()

    def start(self, *more):
        self.set(self.offset)
        shim = os.path.join(BIN, "libset_clock.so")
        self.ENV = {"LD_PRELOAD": shim, "TEST_CLOCK": os.path.join(self.dir, "offset"),
                    "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        super().start(*more)

    def set(self, seconds):
        self.offset = seconds
        self.write("offset.new", str(seconds))
        os.rename(os.path.join(self.dir, "offset.new"), os.path.join(self.dir, "offset"))

    def test_a_budget_of_time_ends_when_the_clock_is_set_back(self):
        self.write("trial.sh", "sleep 0.2\n" + TRIAL)
        self.write("t.yaml", TIMED.replace("study: s", "study: t"))
        run = self.spawn("run", "run", "t.yaml", "--db", "t.db", "--quiet")
        self.wait("begun", lambda: os.path.exists(os.path.join(self.dir, "t.files", "t")))
        self.set(-DAY)
        self.assertEqual(run.wait(timeout=120), 0)

    def test_time_is_summed_over_restarts_of_the_service(self):
        """It ends although no process lives for as long as its budget."""
        self.create(TIMED.replace("workers: {local: 2}", "workers: {local: 1}"), "sleep 0.2\n" + TRIAL)
        lives = 0
        while self.ok("GET", "/studies/s")["phase"] != "complete":
            lives += 1
            self.assertLess(lives, 20)
            end = time.monotonic() + 3  # less than the budget
            while time.monotonic() < end and self.ok("GET", "/studies/s")["phase"] != "complete":
                time.sleep(0.2)
            self.kill_server()
            self.offset -= DAY
            self.start()

    def test_what_has_expired_stays_expired(self):
        token = self.token("viewer", "--expires", "1h")
        self.assertEqual(self.call("GET", "/studies", token=token).status, 200)
        self.set(2 * 3600)
        self.assertEqual(self.call("GET", "/studies", token=token).status, 401)
        for seconds in (0, -DAY):
            self.set(seconds)
            self.assertEqual(self.call("GET", "/studies", token=token).status, 401)


if __name__ == "__main__":
    unittest.main(verbosity=1)
