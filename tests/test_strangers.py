#!/usr/bin/env python3
"""Strangers and slow ones at the service's door: several source addresses on loopback, half-sent requests, peers that go
away, tokens that end while something is read with them. NOCTURNE_BIN is the folder of the binaries."""
import contextlib
import http.client
import os
import resource
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest

from service import World

PATIENCE = 60  # seconds; a lost service is silent for longer
HALF = b"GET / HTTP/1.1\r\nHost"
HUNG_UP = 0  # in the place of a status


def raise_limit(files=9000):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY and most < files:
        raise unittest.SkipTest(f"no more than {most} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))


class Strangers(World):
    SERVE = ("--slots", "0")

    def connect(self, source="127.0.0.1", timeout=PATIENCE):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout, source_address=(source, 0))
        self.addCleanup(s.close)
        return s

    def health(self, source="127.0.0.1"):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE, source_address=(source, 0))
        try:
            c.request("GET", "/healthz")
            return c.getresponse().status
        finally:
            c.close()

    def request(self, head, body=b"", source="127.0.0.1", token=None, host="Host: x\r\n"):
        """What comes back until the connection ends or nothing more comes."""
        with self.connect(source) as s:
            auth = f"Authorization: Bearer {token}\r\n" if token else ""
            s.sendall(f"{head}\r\n{host}{auth}\r\n".encode() if isinstance(head, str) else head)
            try:
                s.sendall(body)
            except OSError:
                pass
            return self.answer(s)

    def answer(self, s):
        """One answer: until its body is whole, or the connection ends."""
        out = b""
        try:
            while True:
                end = out.find(b"\r\n\r\n")
                if end >= 0:
                    length = [int(x.split(b":")[1]) for x in out[:end].split(b"\r\n") if x.lower().startswith(b"content-length:")]
                    if length and len(out) >= end + 4 + length[0]:
                        return out
                more = s.recv(65536)
                if not more:
                    return out
                out += more
        except ConnectionError:
            return out

    def status(self, *args, **kw):
        text = self.request(*args, **kw)
        return int(text.split()[1]) if text.startswith(b"HTTP/1.1 ") else HUNG_UP

    def connections(self):
        for line in self.call("GET", "/metrics").body.decode().splitlines():
            if line.startswith("nocturne_http_connections "):
                return int(line.split()[1])

    def memory(self):
        with open(f"/proc/{self.server.pid}/statm") as text:
            return int(text.read().split()[1]) * resource.getpagesize()

    def is_closed(self, s):
        """The service ends the connection, sooner or later."""
        s.settimeout(PATIENCE)
        try:
            while s.recv(65536):
                pass
        except ConnectionError:
            pass
        return True


class Door(Strangers):
    def test_half_headers_of_peers_that_are_gone_keep_nobody_out(self):
        for _ in range(4300):
            with socket.create_connection(("127.0.0.1", self.port), source_address=("127.0.0.2", 0)) as s:
                s.sendall(HALF)
        for source in ("127.0.0.3", "127.0.0.2"):
            self.assertEqual(self.health(source), 200)
        self.wait("their places are free", lambda: self.connections() < 10)

    def test_idle_connections_of_one_address_keep_nobody_out(self):
        raise_limit()
        kept = [self.connect("127.0.0.2") for _ in range(4200)]
        self.assertEqual(self.health("127.0.0.3"), 200)
        self.assertEqual(self.health("127.0.0.2"), 200)
        self.assertLess(self.connections(), 300)
        for s in kept[:3] + kept[-3:]:  # displaced, or too late
            self.assertTrue(self.is_closed(s))

    def test_a_header_has_seconds_however_it_comes(self):
        idle, half, slow = self.connect(), self.connect(), self.connect()
        half.sendall(HALF)
        end = time.time() + PATIENCE
        try:
            while time.time() < end:  # a byte now and then is no sign of life
                slow.sendall(b"X" if slow.fileno() % 2 else b"Y")
                time.sleep(0.2)
            self.fail("a header that never ends is heard out")
        except ConnectionError:
            pass
        self.assertTrue(self.is_closed(idle))
        self.assertTrue(self.is_closed(half))

    def test_a_body_has_a_least_speed(self):
        head = f"POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.operator}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
        s = self.connect()
        s.sendall(head.encode())
        end = time.time() + 2 * PATIENCE
        try:
            while time.time() < end:
                s.sendall(b" ")
                time.sleep(0.2)
            self.fail("a body that never ends is heard out")
        except ConnectionError:
            pass

    def test_peers_that_are_gone_in_the_middle_of_anything_are_noticed(self):
        auth = f"Authorization: Bearer {self.operator}\r\n"
        whole = f"GET /api/v1 HTTP/1.1\r\nHost: x\r\n{auth}\r\n"
        body = f"POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\n{auth}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        chunk = f"POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\n{auth}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{{"
        for text in (body, chunk, whole + HALF.decode(), whole + body, "G"):
            for _ in range(50):
                with self.connect() as s:
                    s.sendall(text.encode())
        self.wait("their places are free", lambda: self.connections() < 10, PATIENCE)
        with self.connect() as s:  # who has said all may listen on
            s.sendall(whole.encode())
            s.shutdown(socket.SHUT_WR)
            self.assertIn(b"HTTP/1.1 200", self.answer(s))

    def test_guests_are_not_displaced_by_strangers(self):
        guest = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        head = {"Authorization": "Bearer " + self.operator}
        guest.request("GET", "/api/v1", headers=head)
        self.assertEqual(guest.getresponse().read()[:1], b"{")
        port = guest.sock.getsockname()[1]
        kept = [self.connect() for _ in range(600)]
        guest.request("GET", "/api/v1", headers=head)
        self.assertEqual(guest.getresponse().status, 200)
        self.assertEqual(guest.sock.getsockname()[1], port)
        guest.close()
        self.assertTrue(self.is_closed(kept[0]))

    def test_a_token_leaves_room_for_others(self):
        self.kill_server()
        self.start("--connections", "40")
        other = self.nocturne("token", "create", "--role", "worker").strip()
        head = {"Authorization": "Bearer " + self.operator}
        codes, kept = [], []
        for _ in range(40):
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            self.addCleanup(c.close)
            c.request("GET", "/api/v1", headers=head)
            answer = c.getresponse()
            answer.read()
            codes.append(answer.status)
            kept.append(c)
        self.assertEqual(set(codes), {200, 503})
        self.assertEqual(codes[:20], [200] * 20)
        self.assertEqual(self.status("GET /api/v1 HTTP/1.1", token=other), 200)
        self.assertEqual(self.health("127.0.0.2"), 200)


class Limits(Strangers):
    """What an address may do is remembered for it alone, and for as long as it is being held to it."""

    WRONG = "noct_000000000000_" + "0" * 64

    @staticmethod
    def place(name, places=1024):
        h = 14695981039346656037
        for c in name.encode():
            h = ((h ^ c) * 1099511628211) % 2**64
        return h % places

    def twins(self, of, n=3):
        """Other addresses of this machine that one table of addresses once took for the same."""
        all_of_them = (f"127.{a}.{b}.{c}" for a in range(1, 9) for b in range(1, 255) for c in range(2, 255))
        found = []
        for name in all_of_them:
            if self.place(name) == self.place(of):
                found.append(name)
                if len(found) == n:
                    return found

    def test_tries_without_a_valid_token_are_not_forgiven_by_another_address(self):
        ask = "GET /api/v1 HTTP/1.1"
        codes = [self.status(ask, token=self.WRONG, source="127.0.0.2") for _ in range(12)]
        self.assertEqual(codes, [401] * 10 + [429] * 2)
        others = self.twins("127.0.0.2") + [f"127.0.{a}.{b}" for a in range(1, 6) for b in range(2, 202)]
        for other in others:  # more addresses than one has at hand
            self.assertEqual(self.status(ask, token=self.WRONG, source=other), 401, other)
        self.assertEqual(self.status(ask, token=self.WRONG, source="127.0.0.2"), 429)
        self.assertEqual(self.status(ask, token=self.operator, source="127.0.0.2"), 200)

    def test_a_flood_is_not_forgiven_by_another_address(self):
        self.kill_server()
        self.start("--rate", "1")
        ask = "GET /healthz HTTP/1.1"
        twin = self.twins("127.0.0.2", 1)[0]
        codes = []
        for _ in range(40):
            codes.append(self.status(ask, source="127.0.0.2"))
            self.status(ask, source=twin)
        self.assertIn(429, codes)
        self.assertLess(codes.count(200), 40)

    def test_what_is_not_there_counts_as_well(self):
        self.kill_server()
        self.start("--rate", "1")
        codes = [self.status("GET /nowhere HTTP/1.1", source="127.0.0.2") for _ in range(60)]
        self.assertEqual(set(codes), {404, 429})


class Framing(Strangers):
    def test_a_target_is_what_was_sent(self):
        for target, expected in (("/healthz%00", 400), ("/healthz%00/../../x", 400), ("/api/v1/studies%00x", 400), ("/healthz?x=%00", 400),
                                 ("/healthz?%00=x", 400), ("/healthz?x=a%00b&y", 400), ("/healthz%", 400), ("/healthz%4", 400), ("/healthz%zz", 400), ("/healthz%4g", 400),
                                 ("/healthz?x=%", 400), ("/healthz?x=%u0041", 400), ("/healthz%-1", 400), ("/healthz%c0%80", 400), ("/healthz%ff", 400),
                                 ("/healthz\x01", 400), ("/healthz%0a", 400), ("/healthz%7f", 400), ("/api/v1/studies/%c0%ae%c0%ae/x", 400), ("/healthz%ed%a0%80", 400),
                                 ("/healthz\0", 400), ("/healthz\0/x", 400), ("/healthz?x=\0y", 400), ("/\0healthz", 400),
                                 ("/%68ealthz", 200), ("/health%7A", 200), ("/healthz?x=%41+b", 200), ("/api/v1/studies/%C3%A9", 404),
                                 ("/" + "a" * 2000, 414), ("/" + "%61" * 2000, 414)):
            with self.subTest(target):
                got = self.status(f"GET {target} HTTP/1.1", token=self.operator)
                self.assertIn(got, (expected, HUNG_UP) if "\0" in target else (expected,))  # libmicrohttpd 1.0 hangs up itself

    def test_what_never_becomes_a_request_leaves_nothing(self):
        for rest in ("?" + "&".join(f"a{i}" for i in range(5000)) + " HTTP/1.1\r\nHost: x\r\n\r\n", " HTTP/1.1\r\nHost: " + "x" * 40000,
                     " HTTP/1.1\r\nHost", " HTTP/1.1\r\n no: x\r\n\r\n", " HTTP/1.1\r\n" + "a: b\r\n" * 5000):
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection, contextlib.suppress(OSError):
                connection.sendall(b"GET /healthz" + rest.encode())
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
        self.wait("they are gone", lambda: "nocturne_http_connections 1\n" in self.call("GET", "/metrics").body.decode())
        self.end([self.server])  # the leak checker of a sanitized build speaks at the end, and tearDown reads it

    def test_only_one_framing_is_understood(self):
        post = "POST /api/v1/studies HTTP/1.1"
        chunks = b"2\r\n{}\r\n0\r\n\r\n"
        for header, expected in (("Transfer-Encoding: gzip", 501), ("Transfer-Encoding: gzip, chunked", 501), ("Transfer-Encoding: identity", 501),
                                 ("Transfer-Encoding: chunked, chunked", 501), ("Transfer-Encoding: xchunked", 501), ("Transfer-Encoding: chunked;q=1", 501),
                                 ("Transfer-Encoding: \"chunked\"", 501), ("Transfer-Encoding:", 400), ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
                                 ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400), ("Transfer-Encoding: chunked\r\nContent-Length: 2", 400),
                                 ("Content-Length: 2\r\nContent-Length: 2", 400), ("Content-Length: +2", 400), ("Content-Length: -2", 400), ("Content-Length: 2, 2", 400),
                                 ("Content-Length: 0x2", 400), ("Content-Length: 2 2", 400), ("Content-Length:", 400), ("Content-Length: 2a", 400), ("Content-Length: 2.0", 400),
                                 ("Content-Length: 99999999999999999999999", 413), ("Content-Length: 999999999999999999999999999999999999", 413),
                                 ("Content-Length : 2", 400), ("Transfer-Encoding : chunked", 400), ("Transfer-Encoding\t: chunked", 400), ("X Y: z", 400),
                                 ("Transfer-Encoding: CHUNKED\r\nContent-Type: application/yaml", 422)):
            with self.subTest(header):
                got = self.status(f"{post}\r\n{header}", chunks, token=self.operator)
                self.assertIn(got, (expected, 400) if expected in (413, 501) else (expected,))  # 400: of libmicrohttpd itself
        self.assertEqual(self.status("POST /api/v1/studies HTTP/1.0\r\nTransfer-Encoding: chunked", chunks, token=self.operator), 400)

    def test_one_host(self):
        ask = "GET /healthz HTTP/1.1"
        for host, expected in (("", 400), ("Host: x\r\nHost: x\r\n", 400), ("Host: x\r\nhOST: y\r\n", 400), ("Host: a b\r\n", 400), ("Host: x, y\r\n", 400),
                               ("Host: a@b\r\n", 400), ("Host: x/y\r\n", 400), ("Host: x:80\r\n", 200), ("Host: [::1]:80\r\n", 200), ("Host:\r\n", 200)):
            with self.subTest(host):
                self.assertEqual(self.status(ask, host=host), expected)
        self.assertEqual(self.status("GET /healthz HTTP/1.0", host=""), 200)


class Tokens(Strangers):
    """A token that is valid no more ends what goes on with it."""

    STUDY = "study: s\nparameters:\n  x: {type: float, range: [0, 1]}\nmetrics:\n  m: {goal: minimize, kind: value}\n" \
            "objective: {minimize: m}\nbudget: {trials: 1000}\nconfirm: {top: 0, seeds: 0}\nsearch: {sampler: random}\n"

    def going_on(self, token, role):
        """What one can have open with it; the names of what is open, and the sockets."""
        def begin(head, body=b""):
            s = self.connect()
            s.sendall(f"{head}\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode() + body)
            return s

        if role == "viewer":
            return {"a stream": begin("GET /api/v1/studies/s/events?after=0 HTTP/1.1"), "a quiet one": begin("GET /api/v1/studies/s/events HTTP/1.1"),
                    "a connection at rest": begin("GET /api/v1/studies HTTP/1.1")}
        card = {"instance": "i", "host": "h", "boot": "b", "version": "1", "slots": 1, "held": []}
        ticket = self.ok("PUT", "/agents/a", card, token=token)["ticket"]
        poll = b'{"ticket": "%s", "got": 0, "capacity": 0}' % ticket.encode()
        return {"a poll": begin(f"POST /api/v1/agents/a/poll HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(poll)}", poll),
                "half a body": begin("POST /api/v1/studies/s/ask HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100", b"{"),
                "an ask": begin("POST /api/v1/studies/s/ask HTTP/1.1\r\nContent-Length: 0")}

    def ends(self, end):
        self.ok("POST", "/studies?paused=true", text=self.STUDY, headers={"Content-Type": "application/yaml"})
        for role in ("viewer", "worker"):
            text = self.nocturne("token", "create", "--role", role).strip()
            open_ones = self.going_on(text, role)
            for what in ("a stream", "a quiet one", "a connection at rest"):
                if what in open_ones:
                    self.assertTrue(open_ones[what].recv(100).startswith(b"HTTP/1.1 200"), what)
            number = text.split("_")[1]
            if end == "command":
                self.nocturne("token", "revoke", number)
            elif end == "request":
                self.ok("DELETE", f"/tokens/{number}")
            else:
                with sqlite3.connect(os.path.join(self.dir, "nocturne.db"), timeout=PATIENCE) as db:
                    db.execute("UPDATE token SET expires_ms = 1 WHERE id = ?", (number,))
                db.close()
            for what, s in open_ones.items():
                with self.subTest(what):
                    if what in ("a poll", "an ask"):
                        self.assertIn(b"HTTP/1.1 401", self.answer(s))
                    self.assertTrue(self.is_closed(s))

    def test_revoked_by_another_process(self):
        self.ends("command")

    def test_revoked_by_a_request(self):
        self.ends("request")

    def test_expired(self):
        self.ends("expiry")

    def test_others_go_on(self):
        self.ok("POST", "/studies?paused=true", text=self.STUDY, headers={"Content-Type": "application/yaml"})
        bad, good = (self.nocturne("token", "create", "--role", "viewer").strip() for _ in range(2))
        ended = self.going_on(bad, "viewer")["a quiet one"]
        stays = self.going_on(good, "viewer")["a quiet one"]
        for s in (ended, stays):
            self.assertTrue(s.recv(1000).startswith(b"HTTP/1.1 200"))
        self.nocturne("token", "revoke", bad.split("_")[1])
        self.assertTrue(self.is_closed(ended))
        self.ok("POST", "/studies/s/resume")
        text = b""
        while b"event: " not in text:
            more = stays.recv(65536)
            self.assertTrue(more)
            text += more


class Full(Strangers):
    """A file that finds no room is answered with 507, wherever it was to go."""

    STUDY = Tokens.STUDY

    def refuses(self, size=3 << 20):
        worker = self.nocturne("token", "create", "--role", "worker").strip()
        big = "x" * size
        answer = self.call("PUT", "/studies/s/files/big.bin", text=big)
        self.assertEqual((answer.status, answer.json["status"]), (507, 507))
        lease = self.ok("POST", "/studies/s/ask", token=worker)["trials"][0]
        place = f"/studies/s/trials/{lease['trial']}/artefacts/a.bin?lease={lease['lease']}"
        self.assertEqual(self.call("PUT", place, text=big, token=worker).status, 507)
        self.assertEqual(self.call("PUT", place, text="small", token=worker).status, 200)
        self.assertEqual(self.health(), 200)

    def test_a_file_larger_than_the_process_may_write(self):
        self.ok("POST", "/studies", text=self.STUDY, headers={"Content-Type": "application/yaml"})
        most = resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (2 << 20, most))
        self.refuses()

    def test_a_full_disk(self):
        self.kill_server()
        disk = tempfile.mkdtemp(prefix="nocturne-test-")
        self.addCleanup(os.rmdir, disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "nocturne-test", disk], capture_output=True).returncode:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        self.dir = disk
        self.start()
        self.ok("POST", "/studies", text=self.STUDY, headers={"Content-Type": "application/yaml"})
        self.refuses(9 << 20)
        filler = os.open(os.path.join(self.dir, "filler"), os.O_WRONLY | os.O_CREAT)
        with self.assertRaises(OSError):
            while os.write(filler, b"x" * 4096):
                pass
        os.close(filler)
        for name in ("t", "u"):
            answer = self.call("POST", "/studies", text=self.STUDY.replace("study: s", "study: " + name), headers={"Content-Type": "application/yaml"})
            self.assertEqual(answer.status, 507)
        self.assertEqual(self.call("PUT", "/studies/s/files/small", text="x").status, 507)
        self.assertEqual(self.call("POST", "/tokens", {"name": "n" * 60, "role": "viewer"}).status in (201, 507), True)
        os.unlink(os.path.join(self.dir, "filler"))
        self.ok("POST", "/studies", text=self.STUDY.replace("study: s", "study: t"), headers={"Content-Type": "application/yaml"})


class Agents(Strangers):
    def register(self, name, token):
        card = {"instance": name, "host": "h", "boot": "b", "version": "1", "slots": 1, "held": []}
        return self.call("PUT", "/agents/" + name, card, token=token).status

    def test_a_token_has_so_many_agents_and_no_more(self):
        one, other = (self.nocturne("token", "create", "--role", "worker").strip() for _ in range(2))
        codes = [self.register(f"a{i}", one) for i in range(400)]
        self.assertEqual(codes[:250], [200] * 250)
        self.assertEqual(set(codes[256:]), {429})
        self.assertEqual(len(self.ok("GET", "/agents")["agents"]), codes.count(200))
        self.assertLessEqual(codes.count(200), 256)
        self.assertEqual(self.register("b", other), 200)
        self.wait("an agent that is known may register again", lambda: self.register("a0", one) == 200)
        self.ok("DELETE", "/agents/a1")
        self.wait("there is room for one more", lambda: self.register("c", one) == 200)
        for name in ("a b", "a%2Fb", "a" * 65, "%C3%A9", "a;b"):
            self.assertIn(self.register(name.replace(" ", "%20"), other), (404, 422), name)


class Bodies(Strangers):
    ENV = {"ASAN_OPTIONS": "quarantine_size_mb=4"}  # what was freed is given back

    def test_half_sent_bodies_have_a_limit_together(self):
        token, other = (self.nocturne("token", "create", "--role", "worker").strip() for _ in range(2))
        self.ok("POST", "/studies?paused=true", text=Tokens.STUDY, headers={"Content-Type": "application/yaml"})
        before, kept = self.memory(), []
        head = f"POST /api/v1/studies/s/trials/0/tell HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n" \
               "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
        for _ in range(363):
            s = self.connect()
            kept.append(s)
            try:
                s.sendall(head.encode() + b" " * 990000)
            except ConnectionError:
                pass
        self.assertEqual(self.health(), 200)
        self.assertLess(self.memory() - before, 150 << 20)  # of 363 MB
        whole = head.encode() + b" " * 999998 + b"}"
        with self.connect() as s:  # no more with this token, but others are heard
            s.sendall(whole)
            text = self.answer(s)
            self.assertIn(b"HTTP/1.1 503", text)
            self.assertIn(b"Retry-After", text)
        with self.connect() as s:
            s.sendall(whole.replace(token.encode(), other.encode()))
            self.assertNotIn(b"HTTP/1.1 503", self.answer(s))
        for s in kept:
            s.close()
        self.wait("what they had is free", lambda: self.call("POST", "/studies/s/trials/0/tell", token=token, text="{" + " " * 999998 + "}",
                                                             headers={"Content-Type": "application/json"}).status != 503)


if __name__ == "__main__":
    unittest.main(verbosity=2)
