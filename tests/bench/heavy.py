#!/usr/bin/env python3
"""Everything at once whose size somebody else chooses, while others ask for their health and for trials: how long do
those wait, and how much memory does it take?

    NOCTURNE_BIN=build/release/bin python3 tests/bench/heavy.py [SECONDS] [WHAT,WHAT…]

Studies of 100,000 trials are made through `advise`; what no client may say any more (events of 858 kB, as earlier versions
let trials say them) is put into the database. With names of loads, these alone; `none`: nothing but the two that wait.
"""
import http.client
import json
import multiprocessing
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import throughput  # noqa: E402
from service import NOCTURNE, World  # noqa: E402

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 30
WHAT = sys.argv[2].split(",") if len(sys.argv) > 2 else None
TRIALS = int(os.environ.get("TRIALS", "100000"))
REPORTS = int(os.environ.get("REPORTS", "1000000"))
LIVE = """study: %s
parameters: {x: {type: float, range: [0, 1]}}
metrics: {loss: {goal: minimize, kind: value}}
objective: {minimize: loss}
budget: {trials: 1000000}
confirm: {top: 0, seeds: 0}
search: {sampler: random}
"""


class Client:
    def __init__(self, port, token):
        self.port, self.token, self.connection = port, token, None

    def call(self, method, path, body=None, raw=None, read=True):
        for attempt in range(2):
            try:
                if not self.connection:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
                head = {"Authorization": "Bearer " + self.token}
                if body is not None:
                    head["Content-Type"] = "application/json"
                self.connection.request(method, path, raw if raw is not None else json.dumps(body) if body is not None else None, head)
                answer = self.connection.getresponse()
                data = answer.read()
                return answer.status, data
            except (OSError, http.client.HTTPException):
                self.connection = None
                if attempt:
                    raise


# ---- those that wait ----

def watch_health(c, out, until):
    while time.time() < until:
        began = time.perf_counter()
        assert c.call("GET", "/healthz")[0] in (200, 503)
        out.append(time.perf_counter() - began)
        time.sleep(0.02)


def watch_asks(c, out, until):
    while time.time() < until:
        began = time.perf_counter()
        status, data = c.call("POST", "/api/v1/studies/live/ask", {})
        out.append(time.perf_counter() - began)
        for t in json.loads(data)["trials"] if status == 200 else ():
            c.call("POST", f"/api/v1/studies/live/trials/{t['trial']}/tell", {"lease": t["lease"], "metrics": {"loss": 0.5}})
        time.sleep(0.02)


# ---- loads: each as often as it can ----

def get(path):
    def load(c, world, until):
        n = 0
        while time.time() < until:
            c.call("GET", "/api/v1/studies" + path)
            n += 1
        return n
    return load


def readers(c, world, until):
    n = 0
    while time.time() < until:
        sockets = [socket.create_connection(("127.0.0.1", world["port"])) for _ in range(12)]
        for s in sockets:
            s.sendall(f"GET /api/v1/studies/loud/events?after=0&follow=false HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {c.token}\r\n\r\n".encode())
        for s in sockets:
            s.settimeout(120)
            while s.recv(1 << 18):
                pass
            s.close()
        n += 1
    return n


def tokens(c, world, until):
    n = 0
    while time.time() < until:
        n += c.call("POST", "/api/v1/tokens", {"name": "x", "role": "viewer"})[0] == 201
    return n


def writer(c, world, until):
    db = sqlite3.connect(world["db"], isolation_level=None, timeout=30)
    n = 0
    while time.time() < until:
        db.execute("BEGIN IMMEDIATE")
        time.sleep(0.3)
        db.execute("ROLLBACK")
        time.sleep(1.2)
        n += 1
    return n


def delete(c, world, until):
    return c.call("DELETE", "/api/v1/studies/doomed?confirm=doomed")[0] == 200


def touch(c, world, until):
    n = 0
    while time.time() < until:
        n += c.call("PUT", "/api/v1/studies/parcel/files/poke", raw=str(n % 10))[0] == 200
    return n


def artefact(c, world, until):
    n, data = 0, b"x" * (250 << 20)
    t = json.loads(c.call("POST", "/api/v1/studies/parcel/ask", {"ttl": "1h"})[1])["trials"][0]
    while time.time() < until:
        n += c.call("PUT", f"/api/v1/studies/parcel/trials/{t['trial']}/artefacts/big.bin?lease={t['lease']}", raw=data)[0] == 200
    return n


LOADS = {"reports": get("/long/trials/0/reports"), "trial": get("/big/trials/7"), "sorted": get("/big/trials?sort=em&order=desc&limit=1000"),
         "best": get("/big/best"), "csv": get("/big/export?format=csv"), "jsonl": get("/big/export?format=jsonl"),
         "list": get("?limit=1000"), "log": get("/big/log?limit=1000"), "readers": readers, "tokens": tokens, "writer": writer,
         "delete": delete, "touch": touch, "artefact": artefact}


def quantile(x, q):
    x = sorted(x)
    return x[min(len(x) - 1, int(q * len(x)))] if x else float("nan")


def run(f, args, queue, name):
    try:
        queue.put((name, f(*args)))
    except Exception as error:  # noqa: BLE001  what a stalled service does to its clients is a result, too
        queue.put((name, repr(error)))


def watch(f, client, until, queue, name):
    out = []
    run(lambda: f(client, out, until) or out, (), queue, name)


class Heavy(World):
    SERVE = ("--slots", "0", "--rate", "1000000")

    def start(self, *more):
        if not os.path.exists(os.path.join(self.dir, "nocturne.db")):
            self.make()
        began = time.time()
        super().start(*more)
        print(f"the first answer after a start: {time.time() - began:.2f} s")

    def make(self):
        for name in ("big", "doomed"):
            throughput.STUDY = throughput.STUDY.replace("study: pipe", "study: " + name).replace("study: big", "study: " + name)
            throughput.ours(self.dir, NOCTURNE, TRIALS, 256, "nocturne.db", fresh=False)
        for name in ("long", "loud"):
            with open(os.path.join(self.dir, "s.yaml"), "w") as text:
                text.write(throughput.STUDY.replace("study: doomed", "study: " + name))
            p = subprocess.Popen([NOCTURNE, "advise", "s.yaml", "--db", "nocturne.db"], cwd=self.dir, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            p.stdin.write(b'{"ask": 1}\n')
            for step in range(REPORTS if name == "long" else 1):
                p.stdin.write(b'{"report": 0, "step": %d, "metrics": {"em": 0.5, "tokens": %d}}\n' % (step, step))
            p.stdin.close()
            assert p.wait() == 0
        with sqlite3.connect(os.path.join(self.dir, "nocturne.db")) as db:
            study = db.execute("SELECT id FROM study WHERE name = 'loud'").fetchone()[0]
            for _ in range(40):
                db.execute("INSERT INTO event SELECT study, max(seq) + 1, NULL, 10, at_ms, ? FROM event WHERE study = ?",
                           (json.dumps({"text": "x" * 858000}), study))
        folder = os.path.join(self.dir, "nocturne.files", "parcel", "study")
        os.makedirs(folder)
        for i in range(4):
            with open(os.path.join(folder, f"{i}.bin"), "wb") as out:
                out.truncate(255 << 20)

    def memory(self, peak=False):
        with open(f"/proc/{self.server.pid}/status") as text:
            for line in text:
                if line.startswith("VmHWM:" if peak else "VmRSS:"):
                    return int(line.split()[1]) / 1e3

    def runTest(self):
        for name in ("live", "parcel"):
            more = "files: ['*.bin', poke]\n" if name == "parcel" else ""
            if more:
                self.ok("PUT", "/studies/parcel/files/poke", text="0")
            self.ok("POST", "/studies", text=LIVE % name + more, headers={"Content-Type": "application/yaml"}, timeout=300)
        print(f"memory before: {self.memory():.0f} MB")
        until, queue, world = time.time() + SECONDS, multiprocessing.Queue(), {"port": self.port, "db": os.path.join(self.dir, "nocturne.db")}
        all_of = [multiprocessing.Process(target=watch, args=(f, Client(self.port, self.operator), until, queue, name))
                  for name, f in (("health", watch_health), ("ask", watch_asks))]
        for name in WHAT or LOADS:
            if name in LOADS:
                token = self.token("operator", "--name", name)
                all_of.append(multiprocessing.Process(target=run, args=(LOADS[name], (Client(self.port, token), world, until), queue, name)))
        for p in all_of:
            p.start()
        results = dict(queue.get() for _ in all_of)
        for p in all_of:
            p.join()
        print("done:", ", ".join(f"{k} {v}" for k, v in results.items() if k not in ("health", "ask")))
        for name in ("health", "ask"):
            x = results[name]
            if isinstance(x, str):
                print(name, x)
                continue
            print(f"{name}: {len(x)}, median {1e3 * quantile(x, 0.5):.1f} ms, p99 {1e3 * quantile(x, 0.99):.0f} ms, longest {1e3 * max(x):.0f} ms")
        print(f"memory: {self.memory():.0f} MB at the end, {self.memory(True):.0f} MB at most")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    import unittest
    unittest.main(argv=[sys.argv[0]], verbosity=0)
