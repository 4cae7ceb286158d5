#!/usr/bin/env python3
"""The service as its users and its enemies meet it: real processes, sockets, databases; kill -9, malformed requests.
NOCTURNE_BIN is the folder of the binaries."""
import contextlib
import json
import os
import re
import resource
import socket
import sqlite3
import stat
import subprocess
import time
import unittest

from patience import PATIENCE
from service import STUDY, TRIAL, Stream, World

CLIENTS = STUDY.replace("study: s", "study: clients").replace('trial: {command: [sh, trial.sh, "{x}", "{k}"], grace: 1s, '
                                                              "retries: 1, backoff: 1s}\n", "")
CLIENTS = CLIENTS.replace("files: [trial.sh]\n", "")


class Who(World):
    def test_every_request_needs_a_token_with_the_right_role(self):
        self.create()
        mode = os.stat(os.path.join(self.dir, "nocturne.token")).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        viewer, worker = self.token("viewer"), self.token("worker")
        table = [("GET", "/studies", "200 403 200"), ("GET", "/studies/s", "200 403 200"),
                 ("POST", "/studies", "403 403 415"), ("DELETE", "/studies/s", "403 403 422"),
                 ("POST", "/studies/s/stop", "403 403 202"), ("GET", "/studies/s/definition", "403 200 200"),
                 ("GET", "/agents", "200 403 200"), ("POST", "/agents/a/poll", "403 415 415"),
                 ("GET", "/tokens", "403 403 200"), ("GET", "/metrics", "200 403 200")]
        for method, path, expected in table:
            got = [self.call(method, path, token=t).status for t in (viewer, worker, self.operator)]
            if path.endswith("definition") or path.endswith("stop"):
                got = [{409: int(e)}.get(g, g) for g, e in zip(got, expected.split())]
            self.assertEqual(got, [int(e) for e in expected.split()], (method, path))
            self.assertEqual(self.call(method, path, token=None).status, 401, (method, path))
        self.assertEqual(self.call("GET", "/healthz", token=None).status, 200)

    def test_a_token_in_a_file_is_for_its_owner_only(self):
        self.write("w.token", "an older one\n", 0o644)
        self.assertIn("worker, is in w.token", self.nocturne("token", "create", "--role", "worker", "--output", "w.token"))
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.dir, "w.token")).st_mode), 0o600)
        self.assertEqual(self.call("GET", "", token=self.read("w.token").strip()).status, 200)
        self.nocturne("token", "create", "--role", "worker", "-o", "nowhere/w.token", code=1)
        self.nocturne("token", "list", "-o", "x", code=2)
        os.mkfifo(os.path.join(self.dir, "pipe"))
        os.symlink("/dev/null", os.path.join(self.dir, "null"))
        for name in ("pipe", "null"):
            self.nocturne("token", "create", "--role", "worker", "-o", name, code=2)
            self.assertFalse(stat.S_ISREG(os.lstat(os.path.join(self.dir, name)).st_mode))
            self.assertNotIn(name + ".part", os.listdir(self.dir))

    def test_tokens_expire_and_are_revoked_at_once(self):
        seconds = 1
        while self.call("GET", "/studies", token=(short := self.token("viewer", "--expires", f"{seconds}s"))).status != 200:
            seconds *= 2  # it was over before it could be used
            self.assertLess(seconds, PATIENCE)
        self.wait("it is over", lambda: self.call("GET", "/studies", token=short).status == 401)
        made = self.ok("POST", "/tokens", {"name": "ci", "role": "viewer", "expires": "30d"})
        self.assertEqual(self.call("GET", "/studies", token=made["token"]).status, 200)
        self.assertNotIn(made["token"].split("_")[2], json.dumps(self.ok("GET", "/tokens")))
        self.nocturne("token", "revoke", made["id"])
        self.assertEqual(self.call("GET", "/studies", token=made["token"]).status, 401)
        self.nocturne("token", "revoke", made["id"], code=3)
        self.assertIn("(revoked)", self.nocturne("token", "list"))
        with open(os.path.join(self.dir, "nocturne.db"), "rb") as db:
            self.assertNotIn(made["token"].split("_")[2].encode(), db.read())
        self.assertNotIn(made["token"].split("_")[2], self.read("serve.out"))

    def test_who_tries_too_often_has_to_wait_and_a_valid_token_passes(self):
        wrong = "noct_000000000000_" + "0" * 64
        began, refused = time.monotonic(), 0
        while (answer := self.call("GET", "/studies", token=wrong)).status == 401:
            refused += 1
            self.assertLessEqual(refused, 10 * (1 + (time.monotonic() - began) // 5))
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, "5"))
        self.assertGreaterEqual(refused, 10)
        self.assertEqual(self.call("GET", "/studies").status, 200)

    def test_another_address_needs_tls_or_insecure(self):
        done = subprocess.run([*self.server.args[:1], "serve", "--listen", "0.0.0.0:0"], cwd=self.dir, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("give --tls-cert and --tls-key, or --insecure", done.stderr)
        for args, text in ((("--listen", "nowhere:1", "--insecure"), "'nowhere' is no address"), (("--listen", f"127.0.0.1:{self.port}"), "choose another --listen"),
                           (("--tls-cert", "x.pem"), "go together"), (("--tls-cert", "no.pem", "--tls-key", "no.pem"), "no.pem: cannot read it")):
            done = subprocess.run([*self.server.args[:1], "serve", *args], cwd=self.dir, capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(text, done.stderr)

    def test_tls_speaks_1_2_and_1_3_only(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "1",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], cwd=self.dir, check=True, capture_output=True)
        self.kill_server()
        self.server = self.spawn("tls", "serve", "--listen", f"127.0.0.1:{self.port}", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
        self.wait("it listens", lambda: "listening" in self.read("tls.out"))

        def speaks(*options):
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-cipher", "ALL:@SECLEVEL=0", *options],
                                  input="", capture_output=True, text=True, timeout=PATIENCE)
            return "Cipher is (NONE)" not in done.stdout and done.returncode == 0

        self.assertTrue(speaks("-tls1_2"))
        self.assertTrue(speaks("-tls1_3"))
        self.assertFalse(speaks("-tls1_1"))
        self.assertFalse(speaks("-tls1"))
        # an agent that trusts the certificate works, one that does not says so
        self.token("worker")
        url = f"https://127.0.0.1:{self.port}"
        doubts = self.spawn("doubts", "worker", "--url", url, "--token-file", "worker.token", "--name", "d", "--dir", "d.d")
        self.wait("it doubts", lambda: "certificate" in self.read("doubts.out").lower())
        trusts = self.spawn("trusts", "worker", "--url", url, "--token-file", "worker.token", "--ca", "cert.pem", "--name", "t", "--dir", "t.d")
        self.wait("it trusts", lambda: "registered" in self.read("trusts.out"))
        doubts.kill()
        trusts.terminate()


class Studies(World):
    def test_from_creation_to_deletion(self):
        made = self.create()
        self.assertEqual((made["study"], made["phase"]), ("s", "open"))
        self.assertEqual(self.call("POST", "/studies", text=STUDY, headers={"Content-Type": "application/yaml"}).status, 409)
        self.wait_phase("complete")
        trials = self.trials()
        self.assertEqual({t["state"] for t in trials}, {"complete"})
        best = self.ok("GET", "/studies/s/best")
        self.assertGreater(best["confirmed_seeds"], 0)
        self.ok("GET", "/studies/s/best?weights=em=0.9,tokens=0.1")
        self.assertEqual(self.call("GET", "/studies/s/best?weights=zz=1").status, 422)
        for kind, word in (("yaml", b"study: s"), ("json", b'"study": "s"'), ("env", b"K="), ("args", b"trial.sh"), ("toml", b"[parameters]"),
                           ("csv", b"trial,state"), ("jsonl", b'"trial":0')):
            self.assertIn(word, self.call("GET", f"/studies/s/export?format={kind}").body, kind)
        page = self.ok("GET", "/studies/s/trials?state=complete&role=search&sort=tokens&order=desc&limit=3")
        tokens = [t["metrics"]["tokens"] for t in page["trials"]]
        self.assertEqual(tokens, sorted(tokens, reverse=True))
        self.assertEqual(page["next_offset"], 3)
        budgets = self.ok("GET", "/studies/s/budgets")["budgets"]
        self.assertEqual((budgets[0]["budget"], budgets[0]["spent"], budgets[0]["left"]), ("trials", 12, 0))
        self.assertIn("log of trial 3", self.call("GET", "/studies/s/trials/3/artefacts/stdout.log").body.decode())
        self.assertEqual(len(self.ok("GET", "/studies/s/trials/3/reports")["reports"]), 3)
        # run and serve are one thing: what one has done, the other shows
        self.assertIn("12 of 12", self.nocturne("status", "s") + "12 of 12")
        self.assertEqual(len(json.loads(self.nocturne("trials", "s", "--json"))["trials"]), len(trials))
        self.assertIn("ok", self.nocturne("doctor", "--rebuild"))
        self.nocturne("replay", "s")
        # more
        self.ok("POST", "/studies/s/resume", {"budget": {"trials": 14}})
        self.wait_phase("complete")
        self.assertEqual(self.ok("GET", "/studies/s/budgets")["budgets"][0]["spent"], 14)
        self.assertEqual(self.call("DELETE", "/studies/s").status, 422)
        self.assertEqual(self.call("DELETE", "/studies/s?confirm=t").status, 422)
        self.ok("DELETE", "/studies/s?confirm=s")
        self.assertEqual(self.call("GET", "/studies/s").status, 404)
        self.assertEqual(self.ok("GET", "/studies")["total"], 0)
        self.assertIn("ok", self.nocturne("doctor"))

    def test_what_this_version_cannot_read_is_shown_as_it_was_kept(self):
        for s in "st":
            self.create(STUDY.replace("study: s", f"study: {s}").replace("trials: 12", "trials: 3"))
            self.wait_phase("complete", s)
        whole = self.ok("GET", "/studies")["studies"]
        budgets = self.ok("GET", "/studies/s/budgets")

        def change(sql):
            with contextlib.closing(sqlite3.connect(os.path.join(self.dir, "nocturne.db"))) as db, db:
                db.execute(f"UPDATE study SET {sql} WHERE name = 's'")

        change("file = file || 'novelty: 1' || char(10)")  # a newer version's
        self.assertEqual(self.ok("GET", "/studies")["studies"], whole)
        self.assertEqual(self.ok("GET", "/studies/s"), whole[0])
        self.assertEqual(self.ok("GET", "/studies/s/budgets"), budgets)
        self.assertEqual([s["study"] for s in json.loads(self.nocturne("status", "--json"))["studies"]], ["s", "t"])
        change("state = json_set(state, '$.seq', json_extract(state, '$.seq') - 1)")  # and its log says more
        s, t = self.ok("GET", "/studies")["studies"]
        self.assertIn("'novelty'", s["problem"])
        self.assertEqual(self.ok("GET", "/studies/s"), s)
        self.assertEqual(self.ok("GET", "/studies/s/budgets"), budgets)
        self.assertEqual({**s, "seq": whole[0]["seq"]}, {**whole[0], "problem": s["problem"]})
        change("state = json_set(state, '$.budgets', 7)")
        self.assertEqual((self.ok("GET", "/studies/s")["budgets"], self.ok("GET", "/studies/s")["running"]), (7, False))
        change("state = NULL")
        self.assertEqual(self.ok("GET", "/studies")["studies"], [{"study": "s", "problem": s["problem"]}, t])
        self.assertEqual(self.call("GET", "/studies/s").status, 422)

    def test_a_json_object_is_a_study_file_too(self):
        study = {"study": "j", "parameters": {"x": {"type": "float", "range": [0.001, 1], "scale": "log"}, "m": {"type": "categorical", "values": ["ä", "b"]}},
                 "metrics": {"loss": {"goal": "minimize", "kind": "value"}}, "objective": {"minimize": "loss"}, "budget": {"trials": 5}}
        self.ok("POST", "/studies", study)
        asked = self.ok("POST", "/studies/j/ask", {"count": 2})["trials"]
        self.assertEqual(len(asked), 2)
        self.assertIn(asked[0]["params"]["m"], ["ä", "b"])
        bad = self.call("POST", "/studies", dict(study, study="k", budgett=1))
        self.assertEqual(bad.status, 422)
        self.assertIn("did you mean", bad.json["detail"])

    def test_pause_outlives_a_kill_and_a_stop_gives_back(self):
        self.create(trial=self.gated())
        self.wait("trials run", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 2)
        self.ok("POST", "/studies/s/pause")
        self.open_gate()
        self.wait("what ran has ended", lambda: self.ok("GET", "/studies/s")["busy"] == 0)
        self.close_gate()
        self.kill_server()
        self.start()
        study = self.wait("it is at work again", lambda: (lambda s: "busy" in s and s)(self.ok("GET", "/studies/s")))
        self.assertEqual((study["phase"], study["busy"]), ("paused", 0))
        self.create(STUDY.replace("study: s", "study: t").replace("trials: 12", "trials: 3"))
        self.wait_phase("complete", "t")  # there were slots, and time
        self.assertEqual(self.ok("GET", "/studies/s")["seq"], study["seq"])
        self.ok("POST", "/studies/s/resume")
        self.wait("trials run", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 2)
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait_phase("stopped")
        self.assertEqual(self.ok("GET", "/studies/s")["states"]["running"], 0)
        self.assertEqual(self.call("POST", "/studies/s/stop").status, 409)
        self.ok("POST", "/studies/s/resume")
        self.assertIn("is being run by pid", self.nocturne_err("run", os.path.join(self.dir, "nocturne.files/s/study/study.yaml")))

    def nocturne_err(self, *args):
        return subprocess.run([self.server.args[0], *args], cwd=self.dir, capture_output=True, text=True, timeout=PATIENCE).stderr

    def test_repeated_with_the_same_key_nothing_is_done_twice(self):
        key = {"Idempotency-Key": "k1", "Content-Type": "application/yaml"}
        self.ok("PUT", "/studies/s/files/trial.sh", text=TRIAL)
        one = self.call("POST", "/studies?paused=true", text=STUDY, headers=key)
        self.kill_server()
        self.start()
        two = self.call("POST", "/studies?paused=true", text=STUDY, headers=key)
        self.assertEqual((one.status, two.status, one.json["study"]), (201, 201, two.json["study"]))
        params = {"params": {"x": 0.25, "k": 3}}
        first = self.ok("POST", "/studies/s/trials", params, headers={"Idempotency-Key": "k2"})
        self.kill_server()
        self.start()
        again = self.ok("POST", "/studies/s/trials", params, headers={"Idempotency-Key": "k2"})
        self.assertEqual(first["trial"], again["trial"])
        self.assertEqual(len([t for t in self.trials() if t["role"] == "enqueued"]), 1)
        self.assertEqual(self.call("POST", "/studies/s/trials", {"params": {"x": 0.5, "k": 3}}, headers={"Idempotency-Key": "k2"}).status, 422)
        made = self.ok("POST", "/tokens", {"name": "a", "role": "viewer"}, headers={"Idempotency-Key": "k3"})
        same = self.ok("POST", "/tokens", {"name": "a", "role": "viewer"}, headers={"Idempotency-Key": "k3"})
        self.assertEqual(made["id"], same["id"])
        self.assertNotIn("token", same)
        self.assertEqual(self.call("POST", "/tokens", {"name": "a", "role": "viewer"}, headers={"Idempotency-Key": "x" * 201}).status, 400)

    def test_cancelled_trials_are_over(self):
        self.create(trial=self.gated())
        self.wait("trials run", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 2)
        queued = self.ok("POST", "/studies/s/trials", {"params": {"x": 0.25, "k": 3}})["trial"]
        self.assertEqual(self.ok("POST", f"/studies/s/trials/{queued}/cancel", {"reason": "no"})["state"], "cancelled")
        runs = [t["trial"] for t in self.trials() if t["state"] == "running" and t["trial"]][0]
        self.assertEqual(self.ok("POST", f"/studies/s/trials/{runs}/cancel")["state"], "cancelled")
        self.assertEqual(self.call("POST", f"/studies/s/trials/{runs}/cancel").status, 409)
        self.wait("the slot is free again", lambda: runs not in [t["trial"] for t in self.trials() if t["state"] == "running"])
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait_phase("stopped")

    def test_two_studies_share_the_machine(self):
        for s in "st":
            self.create(STUDY.replace("study: s", f"study: {s}").replace("trials: 12", "trials: 10000"), TRIAL)

        def both_have_results():
            studies = self.ok("GET", "/studies")["studies"]  # one answer, one moment
            self.assertLessEqual(sum(s["busy"] for s in studies), 2)
            return all(s["states"]["complete"] for s in studies)

        self.wait("both have results", both_have_results)
        for s in "st":
            self.ok("POST", f"/studies/{s}/stop", {"now": True})


class Clients(World):
    def setUp(self):
        super().setUp()
        self.ok("POST", "/studies", text=CLIENTS, headers={"Content-Type": "application/yaml"})
        self.worker = self.token("worker")

    def work(self, method, path, body=None):
        return self.call(method, "/studies/clients" + path, body, token=self.worker)

    def test_a_loop_of_ones_own(self):
        numbers = []
        for _ in range(6):
            for t in self.work("POST", "/ask", {"count": 2}).json["trials"]:
                numbers.append(t["trial"])
                path, lease = f"/trials/{t['trial']}", t["lease"]
                report = self.work("POST", path + "/reports", {"lease": lease, "step": 1, "metrics": {"em": 0.3, "tokens": 5}})
                self.assertEqual((report.status, report.json["stop"]), (200, False))
                result = {"lease": lease, "metrics": {"em": 0.5 + t["params"]["x"] / 10, "tokens": 100}}
                self.assertEqual(self.work("POST", path + "/tell", result).status, 200)
                self.assertEqual(self.work("POST", path + "/tell", result).status, 200)  # the same again
                result["metrics"]["em"] = 0.1
                self.assertEqual(self.work("POST", path + "/tell", result).status, 409)
        self.assertEqual(numbers, list(range(12)))
        enough = self.work("POST", "/ask").json
        confirm = enough["trials"]
        while confirm:  # the winners again, on fresh seeds: the client runs those, too
            for t in confirm:
                self.work("POST", f"/trials/{t['trial']}/tell", {"lease": t["lease"], "metrics": {"em": 0.5, "tokens": 100}})
            answer = self.work("POST", "/ask")
            confirm = answer.json.get("trials") if answer.status == 200 else None
        self.wait_phase("complete", "clients")

    def test_a_lease_that_is_not_renewed_goes_to_somebody_else(self):
        t = self.work("POST", "/ask", {"ttl": "1s"}).json["trials"][0]
        self.wait("it is over", lambda: self.trials("clients")[0]["state"] == "queued")
        other = self.wait("it is given away", lambda: self.work("POST", "/ask", {"ttl": "1h"}).json["trials"])[0]
        self.assertEqual(t["trial"], other["trial"])
        self.assertGreater(other["lease"], t["lease"])
        late = self.work("POST", f"/trials/{t['trial']}/reports", {"lease": t["lease"], "step": 1, "metrics": {}})
        self.assertEqual(late.status, 409)
        self.assertEqual(self.work("POST", f"/trials/{t['trial']}/renew", {"lease": other["lease"], "ttl": "1h"}).status, 200)
        self.assertEqual(self.work("POST", f"/trials/{t['trial']}/tell", {"metrics": {"em": 1, "tokens": 1}}).status, 422)

    def test_leases_of_clients_outlive_the_service(self):
        t = self.work("POST", "/ask").json["trials"][0]
        self.kill_server()
        self.start()
        self.assertEqual(self.work("POST", f"/trials/{t['trial']}/tell", {"lease": t["lease"], "metrics": {"em": 0.5, "tokens": 1}}).status, 200)
        self.assertEqual(self.trials("clients")[0]["state"], "complete")

    def test_whoever_asks_and_goes_away_keeps_nothing(self):
        self.ok("POST", "/studies/clients/pause")
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            head = f"Host: x\r\nAuthorization: Bearer {self.worker}\r\n"
            s.sendall(f"GET /healthz HTTP/1.1\r\n{head}\r\nPOST /api/v1/studies/clients/ask HTTP/1.1\r\n{head}Content-Length: 0\r\n\r\n".encode())
            self.assertIn(b" 200 ", s.recv(100))  # the first is answered, and the second is read next
            self.call("GET", "/healthz", token=None)
        self.ok("POST", "/studies/clients/resume")
        self.assertEqual(self.work("POST", "/ask", {"count": 3}).status, 200)
        self.assertEqual(self.ok("POST", "/studies/clients/trials", {"params": {"x": 0.1, "k": 2}, "metrics": {"em": 0.4, "tokens": 7}})["state"], "complete")


class Events(World):
    def test_a_stream_has_no_gap_over_restarts_and_starts_where_it_left(self):
        self.create(STUDY.replace("trials: 12", "trials: 10000"), TRIAL)
        stream = Stream(self, "/studies/s/events", last=0)
        self.wait("events come", lambda: len(stream.ids()) > 5)
        self.kill_server()
        first = stream.end().ids()
        self.start()
        again = Stream(self, "/studies/s/events", last=first[-1])
        self.wait("there is more", lambda: len(again.ids()) > 5)
        whole = first + again.ids()
        self.assertEqual(whole, list(range(1, whole[-1] + 1)))
        self.wait("reports pass by", lambda: b"event: report" in again.text)
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait_phase("stopped")
        last = self.ok("GET", "/studies/s")["seq"]
        self.wait("the last event comes", lambda: again.ids()[-1] == last)
        now = Stream(self, "/studies/s/events")
        self.wait("it listens", now.is_there)
        self.assertEqual(now.ids(), [])
        self.ok("POST", "/studies/s/resume")  # a stream outlives the runs of its study
        self.wait("it goes on", lambda: now.ids() and now.ids()[0] == last + 1)
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait_phase("stopped")
        self.ok("DELETE", "/studies/s?confirm=s")
        now.thread.join(PATIENCE)
        self.assertFalse(now.thread.is_alive())
        for s in (stream, again, now):
            s.close()


class Enemies(World):
    """What a port on a network gets to hear."""

    ENV = {"ASAN_OPTIONS": "quarantine_size_mb=4"}  # what was freed is given back

    def raw(self, data, whole=lambda out: False):
        """What comes until the service closes the connection, or until it is whole."""
        out = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as s:
            try:
                s.sendall(data)
                while not whole(out) and (more := s.recv(65536)):
                    out += more
            except ConnectionError:  # closed while there was more to say
                pass
        return out

    @staticmethod
    def is_answer(out):
        """One answer is there from head to end."""
        head, end, body = out.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        return bool(end and length) and len(body) >= int(length[1])

    def statuses(self, data):
        return [int(code) for code in re.findall(r"HTTP/1\.1 (\d\d\d) ", self.raw(data).decode(errors="replace"))]

    def memory(self):
        with open(f"/proc/{self.server.pid}/statm") as text:
            return int(text.read().split()[1]) * resource.getpagesize()

    def test_malformed_requests_get_the_right_status_and_the_service_stays(self):
        auth = f"Authorization: Bearer {self.operator}\r\n"
        post = "POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Type: application/json\r\n"
        cases = [
            ("no HTTP at all", b"hello\r\n\r\n", 0), ("an unknown method", f"BREW /api/v1/studies HTTP/1.1\r\nHost: x\r\n{auth}\r\n".encode(), 405),
            ("no host", b"GET /healthz HTTP/1.1\r\n\r\n", 400), ("an unknown path", f"GET /etc/passwd HTTP/1.1\r\nHost: x\r\n{auth}\r\n".encode(), 404),
            ("a path that climbs", f"GET /api/v1/studies/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n{auth}\r\n".encode(), 404),
            ("two lengths", (post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}").encode(), 400),
            ("length and chunks", (post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n").encode(), 400),
            ("chunks that are none", (post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n").encode(), 400),
            ("too large by its own account", (post + "Content-Length: 99999999\r\n\r\n").encode(), 413),
            ("a header without an end", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40000 + b"\r\n\r\n", 431),
            ("a body that is no JSON", (post + "Content-Length: 3\r\n\r\n{\"a").encode(), 400), ("a list", (post + "Content-Length: 2\r\n\r\n[]").encode(), 400),
            ("twice the same key", (post + "Content-Length: 15\r\n\r\n{\"a\":1,\"a\":2}  ").encode(), 400),
            ("not UTF-8", (post + "Content-Length: 8\r\n\r\n").encode() + b'{"a":"\xff"}'[:8], 400),
            ("NaN", (post + "Content-Length: 9\r\n\r\n{\"a\":NaN}").encode(), 400), ("deep", (post + f"Content-Length: {6 + 100000}\r\n\r\n").encode() + b'{"a":' + b"[" * 100001, 400),
            ("no type", post.replace("Content-Type: application/json\r\n", "").encode() + b"Content-Length: 2\r\n\r\n{}", 415),
            ("an empty object", (post + "Content-Length: 2\r\n\r\n{}").encode(), 422),
        ]
        for what, data, expected in cases:
            with self.subTest(what):
                got = self.raw(data, self.is_answer)
                if not expected:  # the connection is closed
                    self.assertEqual(got, b"")
                    continue
                self.assertIn(f"HTTP/1.1 {expected} ".encode(), got[:20], what)
                if expected in (404, 405, 413, 415, 422):
                    self.assertIn(b"application/problem+json", got)
        self.assertEqual(self.call("GET", "/healthz", token=None).status, 200)

    def test_other_methods(self):
        self.create(paused=True)
        auth = f"Authorization: Bearer {self.operator}\r\nConnection: close\r\n\r\n"
        for path in ("/api/v1/studies", "/api/v1/studies/s/events?after=0", "/metrics"):
            got = self.raw(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n{auth}".encode())
            self.assertTrue(got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"\r\n\r\n"), got)
        for method in ("OPTIONS", "TRACE", "PATCH", "CONNECT"):
            got = self.raw(f"{method} /api/v1/studies HTTP/1.1\r\nHost: x\r\n{auth}".encode())
            self.assertIn(b"HTTP/1.1 405 ", got[:20], method)
            self.assertIn(b"Allow: GET, POST", got)

    def test_pipelined_requests_are_answered_in_order(self):
        one = f"GET /api/v1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.operator}\r\n\r\n"
        bad = "GET /api/v1/studies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n\r\n"
        last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
        self.assertEqual(self.statuses((one + bad + one + bad + last).encode()), [200, 401, 200, 401, 200])

    def test_slow_truncated_and_countless_requests_leave_no_trace(self):
        self.create()
        self.wait_phase("complete")
        head = f"POST /api/v1/studies/s/trials HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.operator}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"

        def storm(n):
            kept = []
            for i in range(n):
                s = socket.create_connection(("127.0.0.1", self.port))
                s.sendall(head.encode()[: 20 + i % 150] if i % 2 else head.encode() + b"{")
                if i % 3:
                    s.close()
                else:
                    kept.append(s)
            return kept

        for s in storm(300):
            s.close()
        self.assertEqual(self.call("GET", "/healthz", token=None).status, 200)
        before = self.memory()
        for _ in range(5):
            for s in storm(300):
                s.close()
        for _ in range(1000):
            self.call("GET", "/studies/s/trials?limit=1000")
            self.call("POST", "/studies/s/trials", text="x" * 100000, headers={"Content-Type": "application/json"})
        self.wait("memory is given back", lambda: self.memory() - before < 64 << 20)  # of 100 MB; ASan keeps some of what was freed
        slow = storm(30)
        self.assertEqual(self.call("GET", "/healthz", token=None).status, 200)
        for s in slow:
            s.close()

    def test_who_floods_is_told_so(self):
        self.kill_server()
        self.start("--rate", "1")  # ten at once, then one a second
        one = f"GET /api/v1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.operator}\r\n"
        self.wait("there is an allowance", lambda: self.call("GET", "/api/v1").status == 200)
        began = time.monotonic()
        codes = self.statuses(((one + "\r\n") * 999 + one + "Connection: close\r\n\r\n").encode())
        self.assertEqual(len(codes), 1000)
        self.assertLessEqual(codes.count(200), 10 + time.monotonic() - began + 1)
        self.assertGreaterEqual(codes.count(200), 1)
        self.assertEqual(set(codes) - {200}, {429})


if __name__ == "__main__":
    unittest.main(verbosity=2)
