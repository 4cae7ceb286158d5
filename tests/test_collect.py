#!/usr/bin/env python3
"""nocturne collect: the folder of a rollout's clients is kept, and no outcome is lost on its way, whoever dies."""
import fcntl
import glob
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from patience import PATIENCE, until
import test_rollouts
from test_live_sdk import BIN, PROBES, RULES, Live, environment

COLLECT = [os.path.join(BIN, "nocturne"), "collect"]



class Collect(Live):
    def setUp(self):
        super().setUp()
        self.token = os.path.join(self.folder, "token")
        with open(os.open(self.token, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
            f.write("secret\n")

    def command(self, service, *more):
        return [*COLLECT, "--url", service.url, "--token-file", self.token, "--rollout", "g2p", "--spool", self.folder, *more]

    def collect(self, service, *more):
        r = subprocess.run(self.command(service, "--once", *more), env=environment(), capture_output=True, text=True, timeout=PATIENCE)
        return r.returncode, r.stdout + r.stderr

    def put(self, *lines, name="a.jsonl"):
        with open(os.path.join(self.own, name), "w", encoding="utf-8") as f:
            f.writelines(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)

    def all_counted(self):
        return {**RULES, "holdout": None, "group": None}

    def say(self, sdk, n):
        """Outcomes of a program that assigns by the folder's ruleset and ends."""
        p = self.start(sdk, "say", "g2p", self.folder, n)
        self.assertEqual(p.stdout.readline(), "said\n")
        p.kill()
        p.wait()


class Plain(Collect):
    def test_rules_come_and_outcomes_go(self):
        service = self.serve()
        service.rules = self.all_counted()
        self.assertEqual(self.collect(service), (0, ""))
        with open(os.path.join(self.own, "ruleset.json"), encoding="utf-8") as f:
            self.assertEqual(json.load(f), service.rules)
        wanted = set()
        for sdk in PROBES:
            self.say(sdk, 700)
            wanted |= {(f"{sdk[0]}-{i}", f"o-{i}") for i in range(700)}
        self.age()
        self.assertEqual(self.collect(service), (0, ""))
        self.assertEqual(set(service.outcomes), wanted)
        self.assertEqual(service.items, len(wanted))
        self.assertEqual(self.spooled(), [])

    def test_what_cannot_be_is_said_and_left_out(self):
        service = self.serve()
        good = {"unit": "a", "id": "1", "variant": "champion", "metrics": {"em": 1}}
        self.put(good, "no json\n", "[1]\n", {**good, "id": "2", "metrics": {"em": 7}}, '{"unit": "torn')
        status, said = self.collect(service)
        self.assertEqual(status, 0)
        self.assertIn("no outcomes were left out", said)
        self.assertIn("1 outcomes were refused; the first: em 7 is not in [0, 1]", said)
        self.assertEqual(set(service.outcomes), {("a", "1"), ("a", "2")})
        service.answer = (422, b'{"detail": "nonsense"}')
        self.put(good)
        status, said = self.collect(service)
        self.assertEqual((status, self.spooled()), (0, ["a.refused"]))
        self.assertIn("nonsense", said)

    def test_a_file_that_somebody_else_sends_is_left_alone(self):
        service = self.serve()
        self.put({"unit": "a", "id": "1", "variant": "champion", "metrics": {"em": 1}})
        with open(os.path.join(self.own, "a.jsonl"), "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            self.assertEqual(self.collect(service), (0, ""))
            self.assertEqual((service.items, self.spooled()), (0, ["a.jsonl"]))
        self.assertEqual(self.collect(service), (0, ""))
        self.assertEqual((service.items, self.spooled()), (1, []))

    def test_it_keeps_on(self):
        """Rules that change, a service that is away for a while and answers nonsense, an end by a signal."""
        service = self.serve()
        service.rules = self.all_counted()
        p = subprocess.Popen(self.command(service), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        path = os.path.join(self.own, "ruleset.json")

        def version():
            try:
                with open(path, encoding="utf-8") as f:
                    return json.load(f)["version"]
            except FileNotFoundError:
                return None
        until("the ruleset is there", lambda: version() == 17)
        until("an unchanged one is not sent again", lambda: service.asked["unchanged"] >= 2)
        written = os.stat(path).st_mtime
        until("its time is that of the service's last word", lambda: os.stat(path).st_mtime > written)
        service.rules = {**self.all_counted(), "version": 18}
        until("the new ruleset is there", lambda: version() == 18)
        service.down()
        self.assertIn("cannot be reached", p.stdout.readline())
        self.say("python", 300)
        service.answer = (500, b"nonsense")
        service.up()
        until("it tries", lambda: service.asked["post"] >= 1)
        service.answer = None
        until("all are there", lambda: len(service.outcomes) == 300 and not self.spooled(".jsonl", ".open"))
        p.send_signal(signal.SIGTERM)
        said = p.communicate(timeout=PATIENCE)[0]
        self.assertEqual(p.returncode, 0)
        self.assertIn("the service answers again", said)
        self.assertLessEqual(said.count("\n"), 3, said)

    def test_killed_at_any_moment(self):
        service = self.serve()
        service.rules = self.all_counted()
        service._server.handle_error = lambda *what: None  # of those that are gone
        self.assertEqual(self.collect(service)[0], 0)
        sent = 0
        for turn in range(8):
            self.put(*({"unit": f"u-{turn}-{i}", "id": "1", "variant": "champion", "metrics": {"em": 1}} for i in range(12_000)), name=f"{turn}.jsonl")
            sent += 12_000
            p = subprocess.Popen(self.command(service, "--once"), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            seen = service.asked["post"]
            until("it has begun", lambda: service.asked["post"] > seen + turn % 3 or p.poll() is not None)
            p.kill()
            p.wait()
        self.assertEqual(self.collect(service)[0], 0)
        self.assertEqual(len(service.outcomes), sent)
        self.assertEqual(self.spooled(), [])

    def test_a_rollout_that_begins_later_is_waited_for(self):
        service = self.serve()
        service.rules = self.all_counted()
        right, missing = service.get, b'{"detail": "there is no rollout \'g2p\'"}'
        service.get = lambda handler: service.say(handler, 404, missing)
        self.put({"unit": "a", "id": "1", "variant": "champion", "metrics": {"em": 1}})
        status, said = self.collect(service)
        self.assertNotEqual(status, 0)  # --once waits for nobody
        self.assertIn("there is no rollout 'g2p'", said)
        p = subprocess.Popen(self.command(service), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        self.assertIn("there is no rollout 'g2p'", p.stdout.readline())
        self.assertIn("it is waited for", p.stdout.readline())
        self.assertEqual(self.spooled(), ["a.jsonl"])
        service.get = right
        self.assertIn("it is there", p.stdout.readline())
        until("the outcome has come", lambda: set(service.outcomes) == {("a", "1")} and not self.spooled())
        p.send_signal(signal.SIGTERM)
        self.assertEqual((p.communicate(timeout=PATIENCE)[0], p.returncode), ("", 0))

    def test_what_would_never_do_ends_at_once(self):
        service = self.serve()
        service.get = lambda handler: service.say(handler, 401, b'{"detail": "no such token"}')
        r = subprocess.run(self.command(service), env=environment(), capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(r.returncode, 1)
        self.assertIn("no such token", r.stderr)
        for wrong, why in ((["--rollout", "a/b"], "no name"), (["--rollout", ".."], "no name"), (["more"], "what is 'more'")):
            r = subprocess.run(self.command(service, *wrong), env=environment(), capture_output=True, text=True, timeout=PATIENCE)
            self.assertNotEqual(r.returncode, 0)
            self.assertIn(why, r.stderr)


class Sums(test_rollouts.Live):
    """Two collectors of a real service score units and send sums."""

    ENV = {"LD_PRELOAD": os.path.join(BIN, "libset_clock.so"),
           "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def setUp(self):
        self.clock = tempfile.NamedTemporaryFile("w")
        self.addCleanup(self.clock.close)
        self.ENV = {**self.ENV, "TEST_CLOCK": self.clock.name}
        super().setUp()
        self.try_it(plan={**test_rollouts.HALF, "window": "1h", "late": "1m", "silence": 0, "segments": ["odd"]})
        self.rules = self.ruleset()

    def pass_by(self, seconds):
        self.clock.seek(0)
        self.clock.write(str(seconds))
        self.clock.flush()

    def folder(self, at):
        path = os.path.join(self.dir, at, "s")
        os.makedirs(path, exist_ok=True)
        return path

    def collect(self, at, *more):
        return self.spawn("collect-" + at, "collect", "--url", f"http://127.0.0.1:{self.port}", "--token-file", "client.token", "--rollout", "s",
                          "--spool", at, "--sums", *more)

    def once(self, at):
        p = self.collect(at, "--once")
        self.assertEqual(p.wait(PATIENCE), 0, self.read(f"collect-{at}.out"))

    def variant(self, unit):
        at = test_rollouts.place(self.rules["salt"], unit)
        return next((v for low, high, v in self.rules["ranges"] if low <= at < high), "champion")

    def outcomes(self, first, n):
        """Each unit does two things and was seen; one in ten does nothing."""
        for i in range(first, first + n):
            item = {"unit": f"u-{i}", "variant": self.variant(f"u-{i}"), "at_ms": int(time.time() * 1000), "experiment": self.rules["experiment"],
                    "period": self.rules["period"], **({"segment": "odd"} if i % 2 else {})}
            yield item
            if i % 10:
                yield {**item, "id": "a", "metrics": {"em": int(i % 3 > 0), "tokens": 10 + i % 400}}
                yield {**item, "id": "b", "metrics": {"em": 1}}

    def put(self, at, name, items):
        path = os.path.join(self.folder(at), name + ".jsonl")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.writelines(json.dumps(item) + "\n" for item in items)
        os.rename(path + ".new", path)

    def test_killed_at_any_moment_each_unit_is_scored_once(self):
        wanted, units = {"champion": 0, "challenger": 0}, 0
        for turn in range(6):
            for at in ("a", "b"):
                self.put(at, f"{turn}", self.outcomes(units, 700))
                for i in range(units, units + 700):
                    wanted[self.variant(f"u-{i}")] += 1
                units += 700
            running = [self.collect(at) for at in ("a", "b")]
            for k, at in enumerate(("a", "b")):
                until("it has begun", lambda: os.path.exists(os.path.join(self.folder(at), "ruleset.json")))
                if (turn + k) % 2:
                    until("it has taken them", lambda: not glob.glob(self.folder(at) + "/*.jsonl"))
            for p in running:
                p.kill()
                p.wait()
        for at in ("a", "b"):
            self.once(at)
        self.pass_by(3700)
        for _ in range(5):  # killed while they score and send
            p = self.collect("a")
            until("it works", lambda: self.status()["experiment"]["counts"]["scored"] > 0 or p.poll() is not None)
            p.kill()
            p.wait()
        for at in ("a", "b"):
            self.once(at)
        e = self.status()["experiment"]
        self.assertEqual(e["counts"]["scored"], units)
        self.assertEqual(e["challengers"][0]["units"], [wanted["champion"], wanted["challenger"]])
        self.assertEqual(sum(e["challengers"][0]["missing"]), units / 10)
        self.assertEqual(e["periods"][0]["arrived"], [wanted["champion"], wanted["challenger"]])
        self.assertEqual(glob.glob(os.path.join(self.dir, "[ab]", "s", "*.jsonl")), [])

    def test_what_it_does_not_score_goes_to_the_service(self):
        self.put("a", "1", [{"unit": "x", "id": "1", "variant": self.variant("x"), "metrics": {"em": 1}}, {"unit": "y", "variant": "nobody"}])
        self.once("a")
        self.assertIn("no variant 'nobody'", self.read("collect-a.out"))
        self.assertEqual(self.status()["experiment"]["counts"]["taken"], 1)

    def test_roles_and_sums_that_cannot_be(self):
        for method, path, body in (("GET", "scoring", None), ("POST", "sums", {"collector": "c", "number": 1, "experiment": 1})):
            self.assertEqual(self.call(method, f"/rollouts/s/{path}", body, token=self.token("viewer")).status, 403)
            self.assertEqual(self.call(method, f"/rollouts/s/{path}", body, token=self.client).status, 200)
            self.assertEqual(self.call(method, f"/rollouts/nobody/{path}", body, token=self.client).status, 404)
        self.refused(self.call("POST", "/rollouts/s/sums", {"collector": "c"}, token=self.client), 422, "number must be")
        self.refused(self.call("POST", "/rollouts/s/sums", {"collector": "c", "number": 2, "experiment": 7}, token=self.client), 422, "has not been yet")

    def test_more_units_than_can_be_spoil_nothing(self):
        """Whoever may send outcomes may send sums, and an experiment must stay what can be read."""
        tracks = len(self.call("GET", "/rollouts/s/scoring", token=self.client).json["experiment"]["tracks"])

        def send(number, units, arrived):
            cells = [{"period": 0, "variant": v, "units": units, "missing": 0, "tracks": [[[32, units]]] * tracks} for v in ("champion", "challenger")]
            return self.call("POST", "/rollouts/s/sums", {"collector": "c", "number": number, "experiment": 1, "cells": cells if units else [],
                                                          "arrived": [{"period": 0, "variant": v, "units": arrived} for v in ("champion", "challenger")]}, token=self.client)
        self.assertEqual(send(1, 500, 5 * 10**11 - 1).status, 200)
        self.refused(send(2, 0, 2), 422, "experiment 1 has 1000000000002 units")
        self.refused(send(2, 5 * 10**11, 0), 422, "experiment 1 has 1000000001000 units")
        self.assertEqual(send(2, 0, 1).status, 200)
        self.assertEqual(self.status()["experiment"]["counts"]["scored"], 1000)


if __name__ == "__main__":
    unittest.main(verbosity=2, defaultTest=["Plain", "Sums"])
