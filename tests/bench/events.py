#!/usr/bin/env python3
"""500 readers of a study's events, 20 of them stuck, while clients tell results as fast as they can: does any of the others
miss an event, and how much memory does it take?

    NOCTURNE_BIN=build/release/bin python3 tests/bench/events.py [SECONDS]
"""
import os
import re
import resource
import selectors
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from service import World  # noqa: E402

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 30
READERS, STUCK = 500, 20
STUDY = """study: c
parameters:
  x: {type: float, range: [0, 1]}
metrics:
  loss: {goal: minimize, kind: value}
objective: {minimize: loss}
budget: {trials: 1000000}
confirm: {top: 0, seeds: 0}
search: {sampler: random}
"""


class Events(World):
    SERVE = ("--slots", "0", "--rate", "1000000")

    def memory(self):
        with open(f"/proc/{self.server.pid}/statm") as text:
            return int(text.read().split()[1]) * resource.getpagesize() / 1e6

    def work(self):
        while not self.done:
            for t in self.ok("POST", "/studies/c/ask", {"count": 20})["trials"]:
                lease = t["lease"]
                self.ok("POST", f"/studies/c/trials/{t['trial']}/reports", {"lease": lease, "step": 1, "metrics": {"loss": 1}})
                self.ok("POST", f"/studies/c/trials/{t['trial']}/tell", {"lease": lease, "metrics": {"loss": 0.5}})

    def runTest(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        self.ok("POST", "/studies", text=STUDY, headers={"Content-Type": "application/yaml"})
        before = self.memory()
        request = f"GET /api/v1/studies/c/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.operator}\r\nLast-Event-ID: 0\r\n\r\n".encode()
        loop, texts, sockets = selectors.DefaultSelector(), {}, []
        for i in range(READERS):
            s = socket.socket()
            if i < STUCK:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", self.port))
            s.sendall(request)
            sockets.append(s)
            if i >= STUCK:
                s.setblocking(False)
                loop.register(s, selectors.EVENT_READ)
                texts[s] = [b"", 0, 0]  # rest, last id, gaps
        self.done = False
        threads = [threading.Thread(target=self.work) for _ in range(3)]
        for t in threads:
            t.start()
        end, most, got = time.time() + SECONDS, 0.0, 0
        number = re.compile(rb"^id: (\d+)$", re.M)
        while time.time() < end + 5:
            if time.time() > end:
                self.done = True
            for key, _ in loop.select(0.5):
                x = texts[key.fileobj]
                data = key.fileobj.recv(65536)
                got += len(data)
                text = x[0] + data
                cut = text.rfind(b"\n") + 1
                x[0] = text[cut:]
                for n in map(int, number.findall(text[:cut])):
                    x[2] += n != x[1] + 1
                    x[1] = n
            most = max(most, self.memory())
        for t in threads:
            t.join()
        last = self.ok("GET", "/studies/c")["seq"]
        behind = [last - x[1] for x in texts.values()]
        print(f"{READERS} readers ({STUCK} stuck), {last} events, {got / 1e6:.0f} MB sent: gaps {sum(x[2] for x in texts.values())}, "
              f"readers that have all {sum(b == 0 for b in behind)} of {len(behind)}; memory {before:.0f} MB before, at most {most:.0f} MB")
        self.assertEqual(sum(x[2] for x in texts.values()), 0)
        self.assertLess(most, 100)
        for s in sockets:
            s.close()


if __name__ == "__main__":
    test = Events()
    test.setUp()
    try:
        test.runTest()
    finally:
        test.tearDown()
