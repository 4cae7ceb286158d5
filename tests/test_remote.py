#!/usr/bin/env python3
"""Commands against a service (--url) say what they say against its database, byte for byte: of a study that has ended, of
one at work there and of one that another process runs; what they change comes to the same; and what they say when there
is no service, no right to it, no trust, or only a part of an answer.

NOCTURNE_BIN is the folder of the binaries.
"""
import contextlib
import gzip
import json
import os
import signal
import socket
import socketserver
import subprocess
import threading
import unittest

from patience import PATIENCE, until
from service import BIN, NOCTURNE, STUDY, TRIAL, World
from test_watch import Screen, pyte

READING = [
    ["status"], ["status", "s"], ["status", "s", "--json"],
    ["trials", "s"], ["trials", "s", "--json"], ["trials", "s", "--sort", "-em", "--top", "3", "--columns", "trial,em,x"],
    ["show", "s", "0"], ["show", "s", "3"], ["show", "s", "3", "--json"], ["show", "s", "99"], ["show", "s", "99", "--json"],
    ["best", "s"], ["best", "s", "--json"], ["best", "s", "--weights", "em=0.9,tokens=0.1"], ["best", "s", "--weights", "nonsense=1"],
    ["report", "s", "-o", "-"], ["report", "s", "-f", "md"],
    ["importance", "s"], ["importance", "s", "--json"], ["importance", "s", "--metric", "none"],
    ["lineage", "s", "1"], ["lineage", "s"], ["lineage", "s", "--json"], ["stopping", "s"], ["stopping", "s", "--json"], ["stopping", "s", "1"],
    ["export", "s"], ["export", "s", "-f", "env"], ["export", "s", "--json"], ["export", "s", "-f", "csv"], ["export", "s", "-f", "jsonl"],
    ["log", "s"], ["log", "s", "--trial", "2"], ["log", "s", "--json"], ["note", "s"], ["note", "s", "1", "--json"], ["note", "s", "99"],
] + [["plot", chart, "s", *more] for chart in ("history", "front", "curves", "confirmation", "timeline", "importance", "slice", "contour")
     for more in ((), ("--json",))]


class Proxy(socketserver.ThreadingTCPServer):
    """Between a command and the service: `change(bytes)` has each answer to a question about a mirror, head and all. Where `drips`
    is part of the question, the answer has no end."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port, change):
        super().__init__(("127.0.0.1", 0), Handler)
        self.to, self.change = port, change
        self.drips, self.dripping, self.over = None, threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(socketserver.StreamRequestHandler):
    def drip(self):
        """An answer that never ends, nor stands still; until nobody takes it any more."""
        with contextlib.suppress(OSError):
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nContent-Length: 9999999\r\n\r\n")
            self.server.dripping.set()
            while not self.server.over.wait(0.1):
                self.request.sendall(b"  ")

    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.request.recv(65536)
            if not more:
                return
            head += more
        head = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        with socket.create_connection(("127.0.0.1", self.server.to)) as to:
            to.sendall(head)
            answer = b""
            while more := to.recv(65536):
                answer += more
        if self.server.drips and self.server.drips.encode() in head:
            self.drip()
            return
        with contextlib.suppress(OSError):
            self.request.sendall(self.server.change(answer) if b"/mirror" in head else answer)


def plain(answer):
    """The answer's lines, its head without length and packing."""
    head, body = answer.split(b"\r\n\r\n", 1)
    if b"gzip" in head:
        body = gzip.decompress(body)
    keep = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-encoding", b"content-length"))]
    return keep, body.split(b"\n")[:-1]


def whole(head, lines):
    body = b"".join(line + b"\n" for line in lines)
    return b"\r\n".join(head + [b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


class Remote(World):
    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def run_it(self, *args, input=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
        done = subprocess.run([NOCTURNE, *args], cwd=self.dir, env=env, capture_output=True, text=True, timeout=PATIENCE, input=input)
        return done.returncode, done.stdout, done.stderr

    def here(self, *args):
        return self.run_it(*args, "--db", "nocturne.db")

    def there(self, *args, url=None, token="viewer"):
        if not os.path.exists(os.path.join(self.dir, token + ".token")):
            self.token(token)
        return self.run_it(*args, "--url", url or self.url, "--token-file", token + ".token")

    def asked(self, token):
        return f"asked study s to stop; go on later with: nocturne resume s --url {self.url} --token-file {token}.token\n"

    def same(self, *args):
        """What is said here and there. Times and free bytes move on: where it differs, it is compared once they stood
        still, which they did if it is the same before and after."""
        before = self.here(*args)
        while True:
            there = self.there(*args)
            code, out, err = before
            if there == (code, out, err.replace("nocturne.db", self.url)):
                return before
            after = self.here(*args)
            if before == after:
                self.assertEqual(there, (code, out, err.replace("nocturne.db", self.url)), args)
            before = after

    def finished(self, study=STUDY, **kw):
        self.create(study, **kw)
        self.wait_phase("complete")
        self.wait("it is let go", lambda: not self.ok("GET", "/studies/s")["hosted"])


class Reading(Remote):
    def test_a_study_that_has_ended(self):
        self.finished()
        self.assertEqual(self.call("GET", "/studies/s/lineage").status, 404)  # it has no stages
        codes = [self.same(*args)[0] for args in READING]
        self.assertEqual(sorted(set(codes)), [0, 2, 3])

    def test_a_study_at_work_there(self):
        self.create(STUDY, self.gated())
        self.wait("two run", lambda: sum(t["state"] == "running" for t in self.trials()) == 2)
        self.wait("both have reported", lambda: all(self.ok("GET", f"/studies/s/trials/{n}/reports")["reports"] for n in (0, 1)))
        self.assertIn("running", self.same("status", "s")[1])
        for args in READING:
            if args != ["status", "s", "--json"]:
                self.same(*args)
        here, there = (json.loads(run("status", "s", "--json")[1])["studies"][0] for run in (self.here, self.there))
        for moving in ("spent_ms", "gone_ms"):
            here["run"].pop(moving), there["run"].pop(moving)
        self.assertEqual(here, there)
        self.open_gate()
        self.wait_phase("complete")

    def test_a_study_of_another_process(self):
        self.write("trial.sh", self.gated())
        self.write("s.yaml", STUDY)
        run = self.spawn("run", "run", "s.yaml", "--db", "nocturne.db", "--quiet")
        self.wait("both have reported", lambda: self.call("GET", "/studies/s").status == 200 and
                  sum(e["event"] == "started" for e in self.events()) == 2 and all(self.ok("GET", f"/studies/s/trials/{n}/reports")["reports"] for n in (0, 1)))
        self.assertIn("running", self.same("status", "s")[1])
        for args in READING:
            if args != ["status", "s", "--json"]:
                self.same(*args)
        self.open_gate()
        self.assertEqual(run.wait(timeout=PATIENCE), 0)
        for args in READING:
            self.same(*args)

    def test_many_studies_and_names_that_are_none(self):
        self.assertEqual(self.there("best")[0], 3)
        self.assertIn("holds no study yet", self.there("best")[2])
        self.create(paused=True)
        self.create(STUDY.replace("study: s", "study: other"), paused=True)
        self.same("status")
        self.same("best")  # which?
        self.same("best", "othr")
        code, _, err = self.there("best", "othr")
        self.assertEqual(code, 3)
        self.assertIn("did you mean 'other'?", err)
        self.assertEqual(self.there("best", "a/../b")[0], 3)
        self.assertEqual(self.there("best", "")[0], 3)

    def test_of_many_the_logs_of_those_that_are_over_are_not_fetched(self):
        self.finished()
        self.create(STUDY.replace("study: s", "study: other"), paused=True)
        events = {}

        def count(answer):
            _, lines = plain(answer)
            name = json.loads(lines[0])["study"]["name"]
            events[name] = events.get(name, 0) + sum("kind" in json.loads(line) for line in lines)
            return answer

        proxy = Proxy(self.port, count)
        code, out, err = self.there("status", url=proxy.url)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(events["s"], 0)
        self.assertGreater(events["other"], 0)
        self.assertEqual(out, self.same("status")[1])
        self.same("status", "--json")
        self.ok("PUT", "/studies/s/note", {"text": "a word more"})
        self.assertIn("a word more", self.same("status")[1])

    def test_a_token_for_one_study_sees_that_one(self):
        self.create(paused=True)
        self.create(STUDY.replace("study: s", "study: other"), paused=True)
        self.write("viewer.token", self.nocturne("token", "create", "--role", "viewer", "--study", "other"), 0o600)
        out = self.there("status")[1]
        self.assertIn("other", out)
        self.assertEqual(self.there("log")[0], 0)  # the only one
        code, _, err = self.there("log", "s")
        self.assertEqual(code, 1)
        self.assertIn("this token is not for study 's'", err)

    def test_reports_of_several_pages(self):
        many = 'i=0; awk \'BEGIN { for (i = 1; i <= 45000; i++) printf "nocturne: {\\"step\\": %d, \\"em\\": 0.%06d, \\"tokens\\": %d}\\n", i, i, i }\'\n'
        self.finished(STUDY.replace("trials: 12", "trials: 3").replace("seeds: 2", "seeds: 1"), trial=many + TRIAL)
        pages = []
        proxy = Proxy(self.port, lambda answer: pages.append(len(answer)) or answer)
        code, out, err = self.there("show", "s", "1", url=proxy.url)
        self.assertEqual((code, out), self.here("show", "s", "1")[:2], err)
        self.assertGreater(out.count("step"), 45000)
        before = len(pages)
        self.assertEqual(self.there("plot", "curves", "s", "--json", url=proxy.url)[:2], self.here("plot", "curves", "s", "--json")[:2])
        self.assertGreater(len(pages) - before, 2)
        self.assertEqual(self.probe_once(), self.probe_here())

    def test_stages(self):
        study = STUDY.replace('trial: {command: [sh, trial.sh, "{x}", "{k}"], grace: 1s, retries: 1, backoff: 1s}',
                              'trial: {grace: 1s}\nstages:\n  train: {command: [sh, -c, "echo {x} > {output}; echo \'nocturne: {{\\"result\\": {{\\"tokens\\": 7}}}}\'"], '
                              'parameters: [x]}\n  judge: {parameters: [k], command: [sh, -c, "echo \'nocturne: {{\\"result\\": {{\\"em\\": 0.{k}, \\"tokens\\": 1}}}}\'"]}')
        self.finished(study.replace("files: [trial.sh]\n", ""), trial=None)
        for args in (["lineage", "s", "1"], ["lineage", "s", "1", "--json"], ["lineage", "s"], ["lineage", "s", "--json"], ["show", "s", "1"], ["status", "s"], ["log", "s"]):
            self.assertEqual(self.same(*args)[0], 0)
        self.same_lineage()

    def same_lineage(self):
        """All of it in one document, and in pages, is what the command says of each trial."""
        pages, before = [], ""
        while before is not None:
            page = self.ok("GET", f"/studies/s/lineage?limit=2{before}")
            pages.insert(0, page)
            before = f"&before={page['next_before']}" if "next_before" in page else None
        whole = self.ok("GET", "/studies/s/lineage")
        self.assertGreater(len(pages), 1)
        self.assertEqual(len(whole["stages"]), len({json.dumps([s["stage"], s["trial"], s["attempt"]]) for s in whole["stages"]}))
        for documents in ([whole], pages):
            trials = [dict(t, stages=[d["stages"][at] for at in t["stages"]]) for d in documents for t in d["trials"]]
            self.assertEqual([t["trial"] for t in trials], [t["trial"] for t in self.trials() if t.get("stages")])
            self.assertEqual({d["total"] for d in documents}, {len(trials)})
            for t in trials:
                told = json.loads(self.here("lineage", "s", str(t["trial"]), "--json")[1])
                self.assertEqual(told.pop("study"), "s")
                self.assertEqual(t, told)

    # ---- what is kept and refreshed ----

    def probe_here(self):
        return subprocess.run([os.path.join(BIN, "mirror_probe"), "nocturne.db", "s"], cwd=self.dir, capture_output=True, text=True, check=True).stdout

    def probe_once(self):
        return subprocess.run([os.path.join(BIN, "mirror_probe"), self.url, self.operator, "s"], cwd=self.dir, input="", capture_output=True,
                              text=True, check=True).stdout

    def probe(self, url=None):
        probe = subprocess.Popen([os.path.join(BIN, "mirror_probe"), url or self.url, self.operator, "s"], cwd=self.dir, text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(probe.wait)
        self.addCleanup(probe.stdout.close)
        self.addCleanup(probe.stdin.close)
        return probe

    @staticmethod
    def refreshed(probe):
        probe.stdin.write("\n")
        probe.stdin.flush()
        return probe.stdout.readline()

    def test_a_mirror_follows_its_study(self):
        self.create(STUDY, self.gated())
        probe = self.probe()
        probe.stdout.readline()
        self.wait("two have reported", lambda: sum(e["event"] == "started" for e in self.events()) == 2)
        self.wait("it is here", lambda: self.refreshed(probe) == self.probe_here())
        self.open_gate()
        lines = set()

        def ended():
            lines.add(self.refreshed(probe))
            return self.ok("GET", "/studies/s")["phase"] == "complete" and not self.ok("GET", "/studies/s")["hosted"]
        self.wait("it ends", ended)
        self.assertEqual(self.refreshed(probe), self.probe_here())
        self.assertEqual(self.refreshed(probe), self.probe_here())
        self.assertGreater(len(lines), 1)
        self.assertFalse(any("anew" in line for line in lines))
        self.assertEqual(self.probe_once(), self.probe_here())

    def test_a_mirror_outlives_the_service_and_the_study(self):
        self.finished()
        probe = self.probe()
        first = probe.stdout.readline()
        self.kill_server()
        self.assertIn("cannot be reached", self.refreshed(probe))
        self.assertIn("cannot be reached", self.refreshed(probe))
        self.start()
        self.assertEqual(self.refreshed(probe), first)
        # another file, then another study of its name
        self.ok("POST", "/studies/s/resume", {"budget": {"trials": 13}})
        self.wait_phase("complete")
        self.wait("it is let go", lambda: not self.ok("GET", "/studies/s")["hosted"])
        again = self.refreshed(probe)
        self.assertEqual(again.replace(" anew", ""), self.probe_here())
        self.ok("DELETE", "/studies/s?confirm=s")
        self.assertIn("no study 's'", self.refreshed(probe).replace("there is no", "no"))
        self.finished()
        self.assertEqual(self.refreshed(probe), self.probe_here().replace("\n", " anew\n"))


class Changing(Remote):
    def test_a_study_that_nobody_runs(self):
        self.finished()
        code, out, _ = self.there("enqueue", "s", "x=0.25", token="operator")
        self.assertEqual((code, out), (0, "enqueued in study s; it is tried next once the study runs\n"))
        self.assertEqual(self.trials()[-1]["params"], {"x": 0.25, "k": 5})
        self.assertEqual(self.there("enqueue", "s", "x=0.5", "--json", token="operator")[1], self.here("enqueue", "s", "x=0.5", "--json")[1])
        for bad in (["x=7"], ["y=1"], ["x=few"], ["k=2.5"]):
            self.assertEqual(self.there("enqueue", "s", *bad, token="operator"), self.here("enqueue", "s", *bad))
        self.assertEqual(self.there("note", "s", "a word", token="operator")[:2], (0, "study s:\n  note: a word\n"))
        self.assertEqual(self.here("note", "s"), self.there("note", "s"))
        self.assertEqual(self.there("note", "s", "3", "of three", "--json", token="operator"), self.here("note", "s", "3", "of three", "--json"))
        self.assertIn("of three", self.same("show", "s", "3")[1])
        for args in (["note", "s", "99", "x"], ["note", "s", "x" * 5000], ["retry", "s"], ["retry", "s", "3"], ["retry", "s", "99"], ["stop", "s"],
                     ["stop", "s", "--json"]):
            self.assertEqual(self.there(*args, token="operator"), self.here(*args), args)
        self.assertEqual([e["event"] for e in self.events()][-1], "noted")

    def test_a_study_whose_files_are_not_there_says_which(self):
        made = self.create(STUDY.replace("files: [trial.sh]", "files: [trial.sh, lib/*.py, train.py]"), paused=True)
        self.assertEqual(made["missing"], ["train.py"])
        self.assertNotIn("missing", self.create(STUDY.replace("study: s", "study: t"), paused=True))

    def test_a_study_at_work_there(self):
        self.create(STUDY, self.gated(), paused=True)
        self.assertEqual(self.there("enqueue", "s", "x=0.25", token="operator")[:2], (0, "enqueued in study s; it is tried next\n"))
        self.assertEqual(self.there("note", "s", "at work", token="operator")[0], 0)
        self.assertEqual(self.ok("GET", "/studies/s/note")["text"], "at work")
        self.ok("POST", "/studies/s/resume")
        self.wait("two wait", lambda: sum(t["state"] == "running" for t in self.trials()) == 2)
        code, out, _ = self.there("stop", "s", token="operator")
        self.assertEqual((code, out), (0, self.asked("operator")))
        self.assertEqual(self.there("stop", "s", "--json", token="operator")[1], '{"study": "s", "asked": true}\n')  # twice: now
        self.wait_phase("stopped")
        for args, word in ((["--slots", "2"], "are for a study of this machine"), (["--trials", "0"], "--trials")):
            code, _, err = self.there("resume", "s", *args, token="operator")
            self.assertEqual(code, 2)
            self.assertIn(word, err)
        self.assertIn("this token may only look", self.there("resume", "s")[2])
        self.open_gate()
        code, out, err = self.there("resume", "s", "--trials", "5", "--wall", "1h", token="operator")
        self.assertEqual((code, out.split(";")[0]), (0, "study s goes on there"), err)
        self.assertIn(f"nocturne status s --url {self.url} --token-file", out)
        self.wait_phase("complete")
        self.assertEqual([e for e in self.events() if e["event"] == "opened"][-1]["body"]["budget"]["trials"], 5)

    def test_a_study_of_another_process(self):
        self.write("trial.sh", self.gated("[ $NOCTURNE_TRIAL = 1 ] && exit 3\n" + TRIAL))
        self.write("s.yaml", STUDY.replace("retries: 1", "retries: 0"))
        run = self.spawn("run", "run", "s.yaml", "--db", "nocturne.db", "--quiet")
        self.wait("two wait", lambda: any(s["study"] == "s" for s in self.ok("GET", "/studies")["studies"]) and
                  sum(e["event"] == "started" for e in self.events()) == 3)
        self.assertEqual(self.there("enqueue", "s", "x=0.125", token="operator")[:2], (0, "enqueued in study s; it is tried next\n"))
        self.assertEqual(self.there("note", "s", "0", "asked from afar", token="operator")[0], 0)
        code, out, _ = self.there("retry", "s", "1", token="operator")
        self.assertEqual((code, out), (0, "trial 1 of study s is tried again next\n"))
        for args in (["retry", "s", "0"], ["enqueue", "s", "x=9"]):
            self.assertEqual(self.there(*args, token="operator"), self.here(*args), args)
        self.assertEqual(self.call("POST", "/studies/s/trials", {"params": {"x": 9}}).status, 422)
        self.assertEqual(self.call("POST", "/studies/s/trials/0/retry").status, 409)
        self.assertEqual(self.call("PUT", "/studies/s/trials/99/note", {"text": "x"}).status, 404)
        self.assertEqual(self.call("PUT", "/studies/s/note", {"text": "x"}).json, {"study": "s", "asked": "note"})
        self.assertEqual(self.there("stop", "s", token="operator")[:2], (0, self.asked("operator")))
        events = lambda: [e for e in self.events() if e["event"] in ("noted", "retried") or e["body"].get("role") == "enqueued"]
        self.wait("it has heard", lambda: len(events()) == 4)
        self.open_gate()
        self.assertNotEqual(run.wait(timeout=PATIENCE), 2)
        self.assertEqual(self.ok("GET", "/studies/s/trials/0/note")["text"], "asked from afar")

    def test_an_idempotent_trial_of_a_study_that_nobody_runs(self):
        self.finished()
        n = len(self.trials())
        answers = [self.call("POST", "/studies/s/trials", {"params": {"x": 0.25, "k": 3}}, headers={"Idempotency-Key": "once"}) for _ in range(2)]
        self.assertEqual([a.status for a in answers], [201, 201])
        self.assertEqual(answers[0].json, answers[1].json)
        self.assertEqual(len(self.trials()), n + 1)
        self.assertEqual(self.events()[-1]["body"]["token"], self.operator.split("_")[1])

    def test_roles(self):
        self.finished()
        for args in (["enqueue", "s", "x=0.5"], ["note", "s", "mine"]):
            code, out, err = self.there(*args)
            self.assertEqual((code, out), (1, ""))
            self.assertIn("this token may only look (role viewer)", err)
        code, _, err = self.there("status", token="worker")
        self.assertEqual(code, 1)
        self.assertIn("it takes a viewer or an operator", err)
        self.assertEqual(self.there("stop", "s")[:2], (1, ""))


class Trouble(Remote):
    def fails(self, done, code, *words):
        self.assertEqual(done[0], code, done)
        self.assertEqual(done[1], "")
        self.assertEqual(done[2].count("\n"), 1, done[2])
        for word in words:
            self.assertIn(word, done[2])

    def test_options(self):
        both = self.run_it("best", "--db", "x.db", "--url", self.url, "--token-file", "nocturne.token")
        self.assertEqual(both[0], 2)
        self.assertIn("--db or --url, not both", both[2])
        self.assertIn("--token-file is missing", self.run_it("best", "--url", self.url)[2])
        self.assertIn("--url is missing", self.run_it("best", "--token-file", "nocturne.token")[2])
        self.assertEqual(self.run_it("gc", "--url", self.url)[0], 2)
        self.fails(self.run_it("best", "--url", "ftp://x", "--token-file", "nocturne.token"), 2, "is not a URL")
        self.fails(self.run_it("best", "--url", self.url, "--token-file", "none.token"), 3, "none.token: cannot read the token")
        self.write("empty.token", "", 0o600)
        self.fails(self.run_it("best", "--url", self.url, "--token-file", "empty.token"), 2, "there is no token in it")

    def test_no_service_no_right_no_trust(self):
        self.create(paused=True)
        self.write("wrong.token", "noct_0123456789ab_" + "0" * 64, 0o600)
        self.fails(self.run_it("status", "--url", self.url, "--token-file", "wrong.token"), 1, self.url, "does not know this token")
        self.fails(self.run_it("status", "--url", "http://127.0.0.1:1", "--token-file", "nocturne.token"), 1, "http://127.0.0.1:1 cannot be reached", "nocturne serve")
        self.fails(self.run_it("log", "s", "--url", f"https://127.0.0.1:{self.port}", "--token-file", "nocturne.token"), 1, "https://")

    def test_https(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "1",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], cwd=self.dir, check=True, capture_output=True)
        self.create(paused=True)
        self.kill_server(signal.SIGTERM)
        self.server = self.spawn("tls", "serve", "--listen", f"127.0.0.1:{self.port}", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
        self.wait("it listens", lambda: "listening" in self.read("tls.out"))
        url = f"https://127.0.0.1:{self.port}"
        ask = lambda *more: self.run_it("log", "s", "--url", url, "--token-file", "nocturne.token", *more)
        self.fails(ask(), 1, f"{url} is not trusted", "--ca FILE")
        self.fails(ask("--ca", "none.pem"), 1, url)
        self.assertEqual(ask("--ca", "cert.pem"), self.here("log", "s"))
        self.fails(self.run_it("log", "s", "--url", self.url, "--token-file", "nocturne.token"), 1, self.url)

    def test_what_is_no_service(self):
        class Page(socketserver.StreamRequestHandler):
            def handle(self):
                self.request.recv(65536)
                self.request.sendall(self.server.answer)
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Page) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_address[1]}"
            ask = lambda: self.run_it("log", "s", "--url", url, "--token-file", "nocturne.token")
            for answer, words in ((b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n<p/>", "is the URL right?"),
                                  (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "is the URL right?"),
                                  (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<p/>\n", "study 's'"),
                                  (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "the answer was cut"),
                                  (b"", url), (b"SSH-2.0-OpenSSH\r\n", url),
                                  (b"HTTP/1.1 200 OK\r\n\r\n" + b'{"a":"' + b"x" * (17 << 20), "a line of more than")):
                server.answer = answer
                self.fails(ask(), 1, url, words)
            server.shutdown()

    def test_answers_that_are_cut(self):
        self.finished()
        cut = lambda n: lambda answer: answer[:n]
        good = self.here("log", "s")
        for change in (cut(20), cut(300), lambda a: a[:-1], lambda a: a[:len(a) // 2], lambda a: whole(plain(a)[0], plain(a)[1][:-1]),
                       lambda a: whole(plain(a)[0], plain(a)[1][:1]), lambda a: whole(plain(a)[0], []), lambda a: b""):
            proxy = Proxy(self.port, change)
            self.fails(self.there("log", "s", url=proxy.url), 1, proxy.url, "try again")
        proxy = Proxy(self.port, lambda a: whole(*plain(a)))
        self.assertEqual(self.there("log", "s", url=proxy.url), good)

    def test_answers_that_are_damaged(self):
        self.finished()

        def edited(edit):
            def change(answer):
                head, lines = plain(answer)
                return whole(head, edit(lines))
            return Proxy(self.port, change)

        def line(i, **keys):
            def edit(lines):
                one = json.loads(lines[i])
                for k, v in keys.items():
                    (one["study"] if i == 0 else one)[k] = v
                return lines[:i] + [json.dumps(one).encode()] + lines[i + 1:]
            return edit
        event = 5
        for i, edit in enumerate((lambda l: l[:3] + [b"{"] + l[3:], lambda l: l[:3] + l[4:] if b'"seq"' in l[3] else l[:4] + l[5:], lambda l: l + [l[-1]], lambda l: l[1:],
                     lambda l: l[:event] + [l[event], l[event]] + l[event + 1:], line(1, seq=0), line(1, seq=2**60), line(1, at_ms="now"), line(1, kind=-1),
                     line(1, body=7), line(2, body="{}"), line(1, trial=-7), line(0, name="other"), line(0, seed=3), line(0, version=None),
                     line(0, file=None), line(-1, end=0), line(-1, more=True), line(-1, end="x"), lambda l: [b"[" * 100000] + l,
                     lambda l: l[:1] + [b'{"x":[' + b"0," * 400000 + b"0]}"] + l[1:],
                     lambda l: [x.replace(b'"first":0', b'"first":1') for x in l], lambda l: [x.replace(b'"lease":', b'"lease":9') for x in l])):
            proxy = edited(edit)
            with self.subTest(i):
                self.fails(self.there("plot", "curves", "s", url=proxy.url), 1, proxy.url)

    def test_another_version_there(self):
        self.finished()

        def newer(edit):
            def change(answer):
                head, lines = plain(answer)
                study = json.loads(lines[0])
                study["study"]["version"] = "7.8.9"
                edit(study["study"], lines)
                return whole(head, [json.dumps(study).encode()] + lines[1:])
            return Proxy(self.port, change)

        def new_kind(study, lines):
            lines[-1:-1] = [json.dumps({"seq": json.loads(lines[-1])["end"] + 1, "kind": 77, "at_ms": 5, "body": ""}).encode()]
            lines[-1] = json.dumps({"end": json.loads(lines[-1])["end"] + 1}).encode()

        def new_key(study, lines):
            study["file"] = study["file"].replace("budget:", "telepathy: on\nbudget:")
        here = self.run_it("--version")[1].split()[1]
        for edit in (new_kind, new_key):
            proxy = newer(edit)
            for command in ("status", "best", "log"):
                self.fails(self.there(command, "s", url=proxy.url), 1, proxy.url, "7.8.9", here)
        self.assertEqual(self.there("log", "s", url=newer(lambda *_: None).url), self.here("log", "s"))
        # one that has no mirrors yet
        old = Proxy(self.port, lambda a: whole([b"HTTP/1.1 404 Not Found"], [b'{"detail": "there is no resource", "status": 404}']))
        self.fails(self.there("log", "s", url=old.url), 1, "older than this nocturne", here)

    def test_the_service_is_killed_in_the_middle(self):
        self.finished()
        good = self.here("log", "s")

        def kill(answer):
            self.kill_server()
            return answer[:len(answer) // 2]
        self.fails(self.there("log", "s", url=Proxy(self.port, kill).url), 1, "try again")
        self.fails(self.there("log", "s"), 1, "cannot be reached")
        self.assertEqual(self.here("log", "s"), good)
        self.start()
        self.assertEqual(self.there("log", "s"), good)

    def dripping(self, what="/mirror"):
        """A watched study whose next answer has no end."""
        self.finished()
        self.token("viewer")
        proxy = Proxy(self.port, lambda answer: answer)
        self.addCleanup(proxy.over.set)
        x = Screen(self.dir, "--watch", "s", "--url", proxy.url, "--token-file", "viewer.token")
        self.addCleanup(x.close)
        x.shows("s: complete", "live")
        proxy.drips = what
        return proxy, x

    @unittest.skipIf(pyte is None, "python3-pyte is not installed")
    def test_an_answer_without_end_keeps_no_watch(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                proxy, x = self.dripping()
                self.assertTrue(proxy.dripping.wait(PATIENCE))
                x.process.send_signal(number)
                self.assertEqual(x.ends(), 4)
                self.assertTrue(x.is_as_before())
                self.ok("DELETE", "/studies/s?confirm=s")

    @unittest.skipIf(pyte is None, "python3-pyte is not installed")
    def test_keys_are_read_while_an_answer_is_waited_for(self):
        proxy, x = self.dripping()
        self.assertTrue(proxy.dripping.wait(PATIENCE))
        x.press("?")
        x.shows("quit; the study goes on")
        x.press("?")
        x.shows("s: complete")
        x.press("h")
        x.shows("Each mark is a trial", "behind")  # what is known is that old
        x.size(120, 30)
        until("it is drawn anew", lambda: len(x.text().splitlines()[0].rstrip()) > 80, explain=x.text)
        x.press("\x1a")
        until("it is stopped", lambda: x.is_stopped() and not x.is_inside())
        x.process.send_signal(signal.SIGCONT)
        x.shows("behind")
        self.assertTrue(x.is_inside())
        x.press("q")
        self.assertEqual(x.ends(), 0)
        self.assertTrue(x.is_as_before())

    @unittest.skipIf(pyte is None, "python3-pyte is not installed")
    def test_keys_are_read_while_a_log_is_waited_for(self):
        self.create(STUDY, self.gated())
        self.wait("two run", lambda: sum(t["state"] == "running" for t in self.trials()) == 2)
        self.token("viewer")
        proxy = Proxy(self.port, lambda answer: answer)
        self.addCleanup(proxy.over.set)
        x = Screen(self.dir, "--watch", "s", "--url", proxy.url, "--token-file", "viewer.token")
        self.addCleanup(x.close)
        x.shows("2 trials run", "live")
        proxy.drips = "/artefacts"
        x.press("l")
        x.shows("what it prints", "trial 0: running", "…")
        self.assertTrue(proxy.dripping.wait(PATIENCE))
        x.press("j")
        x.shows("trial 1: running", "behind")
        x.press("\x1b")
        x.shows("2 trials run")
        x.press("q")
        self.assertEqual(x.ends(), 0)
        self.assertTrue(x.is_as_before())
        self.open_gate()

    def test_texts_of_a_server_steer_no_terminal(self):
        self.finished()
        evil = Proxy(self.port, lambda a: whole(plain(a)[0], [plain(a)[1][0]] + [json.dumps(
            {"seq": 1, "kind": 10, "at_ms": 5, "body": json.dumps({"text": "\x1b[2J\u202e"})}).encode(), b'{"end":1}']))
        code, out, _ = self.there("log", "s", url=evil.url)
        self.assertEqual(code, 0)
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\u202e", out)

    def test_no_file_of_ours_is_opened(self):
        """A folder of logs that the server names is not looked for here."""
        self.finished()
        os.makedirs(os.path.join(self.dir, "mine"))
        self.write("mine/stdout.log", "my secret\n")

        def edit(answer):
            head, lines = plain(answer)
            return whole(head, [line.replace(b"nocturne.files/s/0001.1", b"mine") for line in lines])
        code, out, _ = self.there("show", "s", "1", url=Proxy(self.port, edit).url)
        self.assertEqual(code, 0)
        self.assertNotIn("my secret", out)
        self.assertIn("/mine", out)
        self.assertIn("log of trial 1", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
