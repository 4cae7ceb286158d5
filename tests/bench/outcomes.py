#!/usr/bin/env python3
"""Outcomes under load and kill -9: none lost, none doubled.

    python3 tests/bench/outcomes.py [--rate 10000] [--minutes 10] [--kills 3] [--batch 500] [--window 60s]

A service (NOCTURNE_BIN, build/release/bin) is told so many outcomes a second of ever new units, in batches over connections that
stay open, and killed and started again. A client sends a batch until it is answered with 200. In the end: each outcome that was
answered is counted once, and each unit has one.
"""
import argparse
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BIN = os.environ.get("NOCTURNE_BIN", "build/release/bin")
NOCTURNE = os.path.join(os.path.abspath(BIN), "nocturne")
STUDY = """study: s
trial: {command: [sh, -c, "echo '{{\\"result\\": {{\\"em\\": 0.6, \\"tokens\\": 100}}}}' >&3", "{x}"]}
parameters: {x: {type: float, range: [0, 1]}}
metrics: {em: {goal: maximize, kind: proportion, of: 1000}, tokens: {goal: minimize, kind: count}}
baseline: {x: 0.5}
objective: {weights: {em: 0.7, tokens: 0.3}}
budget: {trials: 3}
search: {sampler: random}
"""


class Service:
    def __init__(self, folder):
        self.folder, self.process = folder, None
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]

    def run(self, *arguments):
        done = subprocess.run([NOCTURNE, *arguments], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"nocturne {' '.join(arguments)}: {done.stderr}")
        return done

    def start(self):
        self.process = subprocess.Popen([NOCTURNE, "serve", "--listen", f"127.0.0.1:{self.port}"], cwd=self.folder,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


def post(service, connection, token, body):
    """Until it is answered; how often it was sent."""
    for sent in range(1, 10**6):
        try:
            connection[0] = connection[0] or http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
            connection[0].request("POST", "/api/v1/rollouts/s/outcomes", body, {"Content-Type": "application/json", "Authorization": "Bearer " + token})
            answer = connection[0].getresponse()
            text = answer.read()
            if answer.status == 200:
                return json.loads(text), sent
            if answer.status not in (429, 503):
                print(f"{answer.status}: {text[:300]}", flush=True)
                os._exit(1)
        except (OSError, http.client.HTTPException):
            if connection[0]:
                connection[0].close()
            connection[0] = None
        time.sleep(0.05)


class Client(threading.Thread):
    def __init__(self, service, token, number, wish):
        super().__init__(daemon=True)
        self.service, self.token, self.number, self.wish = service, token, number, wish
        self.told, self.again, self.worst, self.sent = 0, 0, 0.0, 0

    def run(self):
        connection, rate = [None], self.wish.rate / self.wish.clients
        begin, end = time.monotonic(), time.monotonic() + 60 * self.wish.minutes
        while time.monotonic() < end:
            due = begin + self.told / rate
            if due > time.monotonic():
                time.sleep(due - time.monotonic())
            items = [{"unit": f"{self.number}-{self.told + i}", "id": "1", "variant": "champion", "metrics": {"em": 1, "tokens": 100}}
                     for i in range(self.wish.batch)]
            body = json.dumps({"outcomes": items}, separators=(",", ":"))
            at = time.monotonic()
            answer, sent = post(self.service, connection, self.token, body)
            self.worst = max(self.worst, time.monotonic() - at)
            assert answer["taken"] + answer["repeated"] + answer["late"] == self.wish.batch, answer
            self.told += self.wish.batch
            self.sent += sent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=10000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--window", default="60s")
    wish = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="outcomes-")
    service = Service(folder)
    with open(os.path.join(folder, "s.yaml"), "w") as out:
        out.write(STUDY)
    with open(os.path.join(folder, "plan.yaml"), "w") as out:
        out.write(f"window: {wish.window}\nlate: 1s\nlearn: 5000\nsilence: 0\n")
    service.run("run", "s.yaml", "--quiet")
    service.run("rollout", "start", "s", "--challenger", "1", "--plan", "plan.yaml")
    # Nobody gets a challenger: it learns until it is done, and then is stopped, so that every unit is the champion's.
    service.run("rollout", "pause", "s")
    token = service.run("token", "create", "--role", "client").stdout.split()[-1]
    service.start()
    clients = [Client(service, token, i, wish) for i in range(wish.clients)]
    begin = time.monotonic()
    for c in clients:
        c.start()
    for kill in range(wish.kills):
        time.sleep(60 * wish.minutes * (kill + 1) / (wish.kills + 1) - (time.monotonic() - begin) + random.random())
        service.kill()
        service.start()
        print(f"killed after {time.monotonic() - begin:.0f} s, {sum(c.told for c in clients)} told", flush=True)
    for c in clients:
        c.join()
    took = time.monotonic() - begin
    told = sum(c.told for c in clients)
    status = json.loads(service.run("rollout", "status", "s", "--json").stdout)
    counts, arrived = status["experiment"]["counts"], sum(sum(p["arrived"]) for p in status["experiment"]["periods"])
    with open(f"/proc/{service.process.pid}/status") as lines:
        peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    print(f"{told} told in {took:.0f} s, {told / took:.0f} a second (wanted {wish.rate:.0f}); batches of {wish.batch} sent {sum(c.sent for c in clients)} times; "
          f"slowest answer {max(c.worst for c in clients):.1f} s; peak {int(peak) / 1024:.0f} MB; database {os.path.getsize(os.path.join(folder, 'nocturne.db')) / 1e6:.0f} MB")
    print(f"taken {counts['taken']:.0f}, units {arrived:.0f}, repeated {counts['repeated']:.0f}, late {counts['late']:.0f}, refused {counts['refused']:.0f}")
    right = counts["taken"] == told == arrived and counts["refused"] == 0
    print("none lost, none doubled" if right else "LOST OR DOUBLED")
    service.kill()
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
