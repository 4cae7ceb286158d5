#!/usr/bin/env python3
"""Two hosts with a bad network between them: the service and an agent in network namespaces of their own, joined by a
forwarder that loses 5 % of all packets in both directions and cuts the link for a minute. Needs root.

    NOCTURNE_BIN=build/release/bin python3 tests/bench/netns.py [CUT_SECONDS [LOSS]]
"""
import collections
import fcntl
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from service import STUDY, TRIAL, World  # noqa: E402

CUT = float(sys.argv[1]) if len(sys.argv) > 1 else 60
LOSS = float(sys.argv[2]) if len(sys.argv) > 2 else 0.05
OFFLOAD = "import fcntl,socket,struct,ctypes,sys\nfor n in sys.argv[1:]:\n b=ctypes.create_string_buffer(struct.pack('II',0x17,0))\n fcntl.ioctl(socket.socket(socket.AF_INET,socket.SOCK_DGRAM),0x8946,struct.pack('16sP8x',n.encode(),ctypes.addressof(b)))\n"


def ip(*args):
    subprocess.run(["ip", *args], check=True)


class Link:
    """hostA a1 ── a0 forwarder b0 ── b1 hostB"""

    def __init__(self):
        self.up, self.passed, self.lost, self.stopped = True, 0, 0, False
        self.random = random.Random(1)
        for n, host in (("a", "noct-a"), ("b", "noct-b")):
            ip("netns", "add", host)
            ip("link", "add", f"noct{n}0", "type", "veth", "peer", "name", f"noct{n}1")
            ip("link", "set", f"noct{n}1", "netns", host)
            subprocess.run(["ip", "netns", "exec", host, sys.executable, "-c", OFFLOAD, f"noct{n}1"], check=True)  # whole checksums
            ip("-n", host, "addr", "add", f"10.77.0.{1 if n == 'a' else 2}/24", "dev", f"noct{n}1")
            ip("-n", host, "link", "set", "lo", "up")
            ip("-n", host, "link", "set", f"noct{n}1", "up")
            ip("link", "set", f"noct{n}0", "up")
        self.socket = {}
        for n in "ab":
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.bind((f"noct{n}0", 0))
            self.socket[n] = s
        threading.Thread(target=self.forward, daemon=True).start()

    def forward(self):
        other = {self.socket["a"]: self.socket["b"], self.socket["b"]: self.socket["a"]}
        while not self.stopped:
            for s in select.select(list(other), [], [], 0.2)[0]:
                try:
                    frame, where = s.recvfrom(65536)
                except OSError:  # the link is taken down
                    return
                if where[2] == socket.PACKET_OUTGOING:
                    continue
                if not self.up or self.random.random() < LOSS:
                    self.lost += 1
                    continue
                self.passed += 1
                other[s].send(frame)

    def close(self):
        self.stopped = True
        for n, host in (("a", "noct-a"), ("b", "noct-b")):
            subprocess.run(["ip", "netns", "del", host])
            subprocess.run(["ip", "link", "del", f"noct{n}0"], stderr=subprocess.DEVNULL)


class Far(World):
    SERVE = ("--slots", "0", "--insecure")

    def setUp(self):
        self.link = Link()
        super().setUp()

    def tearDown(self):
        super().tearDown()
        self.link.close()

    def start(self, *more):
        """In host A; its operator speaks from within, too."""
        self.server = self.spawn_in("noct-a", "serve", "serve", "--listen", "10.77.0.1:8470", *self.SERVE)
        for _ in range(100):
            if "listening" in self.read("serve.out"):
                break
            time.sleep(0.1)
        self.operator = self.read("nocturne.token").strip()

    def spawn_in(self, host, name, *args):
        out = open(os.path.join(self.dir, name + ".out"), "a")
        process = subprocess.Popen(["ip", "netns", "exec", host, os.path.abspath(os.path.join(os.environ.get("NOCTURNE_BIN", "build/release/bin"), "nocturne")), *args],
                                   cwd=self.dir, stdout=out, stderr=out)
        out.close()
        self.processes.append(process)
        return process

    def call(self, method, path, body=None, token="operator", headers=None, text=None, timeout=60):
        """Through curl in host A."""
        from service import Answer
        import json
        command = ["ip", "netns", "exec", "noct-a", "curl", "-s", "-w", "\n%{http_code}", "-X", method, "-H", f"Authorization: Bearer {self.operator}"]
        for k, v in (headers or {}).items():
            command += ["-H", f"{k}: {v}"]
        if body is not None:
            command += ["-H", "Content-Type: application/json"]
        if text is not None or body is not None:
            command += ["--data-binary", "@-"]
        done = subprocess.run(command + [f"http://10.77.0.1:8470/api/v1{path}"], input=text if text is not None else json.dumps(body) if body is not None else None,
                              capture_output=True, text=True, timeout=timeout)
        out, _, code = done.stdout.rpartition("\n")
        return Answer(int(code), {}, out)

    def runTest(self):
        self.token("worker")
        study = STUDY.replace("trials: 12", "trials: 100").replace("confirm: {top: 1, seeds: 2}", "confirm: {top: 0, seeds: 0}")
        self.create(study, TRIAL.replace("${STEPS:-3}", "10").replace("${NAP:-0.05}", "0.3"))
        self.spawn_in("noct-b", "agent", "worker", "--url", "http://10.77.0.1:8470", "--token-file", "worker.token", "--slots", "4", "--name", "far", "--dir", "far.d")
        self.wait("it works", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 4)
        began = time.time()
        time.sleep(10)
        self.link.up = False
        print(f"link cut for {CUT:g} s", flush=True)
        time.sleep(CUT)
        self.link.up = True
        self.wait_phase("complete", seconds=400)
        trials, events = self.trials(), self.events()
        finished = collections.Counter(e["trial"] for e in events if e["event"] == "finished")
        gaps = [t["trial"] for t in trials if [r["n"] for r in self.ok("GET", f"/studies/s/trials/{t['trial']}/reports")["reports"]] != list(range(10))]
        print(f"{len(trials)} trials in {time.time() - began:.0f} s: states {dict(collections.Counter(t['state'] for t in trials))}, attempts "
              f"{dict(collections.Counter(t['attempts'] for t in trials))}, results told twice {sum(n > 1 for n in finished.values())}, with a gap in their reports {len(gaps)}; "
              f"packets passed {self.link.passed}, lost {self.link.lost}")
        self.assertEqual({t["state"] for t in trials}, {"complete"})
        self.assertEqual(sorted(finished.items()), [(i, 1) for i in range(len(trials))])
        self.assertEqual(gaps, [])


if __name__ == "__main__":
    test = Far()
    test.setUp()
    try:
        test.runTest()
    finally:
        test.tearDown()
