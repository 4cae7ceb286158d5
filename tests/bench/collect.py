#!/usr/bin/env python3
"""Outcomes through a collector, which is killed like the service: none lost, none doubled.

    python3 tests/bench/collect.py [--rate 300] [--minutes 2] [--kills 4] [--sums] [--programs 2]

Programs with the Python SDK and no network assign ever new users and put down what these did; `nocturne collect` (NOCTURNE_BIN,
build/release/bin) passes it on, with --sums as counts. Collector and service are killed in turns, and started again, and the
collector is there before its rollout is. In the end: each outcome that an SDK has taken is counted once, and each unit has one.
"""
import argparse
import atexit
import glob
import json
import os
import random
import subprocess
import sys
import tempfile
import time

from outcomes import NOCTURNE, STUDY, Service

SDK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../workers/sdk/python/src")
PLAN = """metrics: {em: {prove: not_worse, guard: 0.99}, tokens: {prove: fewer, cap: 512, marks: [10, 500]}}
learn: 0
ramp: [0.5]
step_units: 1e9
silence: 0
late: 5s
"""


def put_down(name, folder, rate, seconds):
    """A program that serves: prints how many of its users are counted."""
    sys.path.insert(0, SDK)
    from nocturne.live import Rollout
    rollout, told, begin = Rollout("s", folder=folder), 0, time.monotonic()
    rollout.ready(60)
    while time.monotonic() < begin + seconds:
        time.sleep(max(0, begin + told / rate - time.monotonic()))
        v = rollout.assign(f"{name}-{told}")
        if not v.counted or not v.outcome(id="1", em=told % 3 > 0, tokens=10 + told % 400):
            sys.exit(f"{v} was not taken")
        told += 1
    rollout.close()
    print(told)


class Collector:
    def __init__(self, service, sums):
        self.service, self.process = service, None
        self.command = [NOCTURNE, "collect", "--url", f"http://127.0.0.1:{service.port}", "--token-file", "client.token", "--rollout", "s",
                        "--spool", "live", *(["--sums"] if sums else [])]

    def start(self):
        with open(os.path.join(self.service.folder, "collect.log"), "a") as log:
            self.process = subprocess.Popen(self.command, cwd=self.service.folder, stdout=log, stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait()


def experiment(service):
    return json.loads(service.run("rollout", "status", "s", "--json").stdout)["experiment"]


def heard(x):
    return sum(sum(p["arrived"]) for p in x["periods"])


def begin(folder, wish):
    service = Service(folder)
    for name, text in ("s.yaml", STUDY), ("plan.yaml", PLAN + f"window: {wish.window}\n"):
        with open(os.path.join(folder, name), "w") as out:
            out.write(text)
    service.run("run", "s.yaml", "--quiet")
    with open(os.open(os.path.join(folder, "client.token"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
        out.write(service.run("token", "create", "--role", "client").stdout.split()[-1])
    collector = Collector(service, wish.sums)
    for one in service, collector:
        one.start()
        atexit.register(lambda x=one: x.kill())  # whatever it is that ends this
    time.sleep(2)  # the collector has asked for a rollout that is not there
    service.run("rollout", "start", "s", "--challenger", "1", "--plan", "plan.yaml")
    return service, collector


def kill_in_turns(service, collector, wish, start):
    for kill in range(wish.kills):
        time.sleep(max(0, 60 * wish.minutes * (kill + 1) / (wish.kills + 1) - (time.monotonic() - start) + random.random()))
        for one in ((collector,), (service,), (collector, service))[kill % 3]:
            one.kill()
            one.start()
            print(f"killed the {type(one).__name__.lower()} after {time.monotonic() - start:.0f} s; {heard(experiment(service)):.0f} units are there", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--programs", type=int, default=2)
    parser.add_argument("--sums", action="store_true")
    parser.add_argument("--window", default="20s")
    parser.add_argument("--put-down", nargs=2, help=argparse.SUPPRESS)
    wish = parser.parse_args()
    if wish.put_down:
        return put_down(*wish.put_down, wish.rate, 60 * wish.minutes)
    folder = tempfile.mkdtemp(prefix="collect-")
    service, collector = begin(folder, wish)
    live = os.path.join(folder, "live")
    programs = [subprocess.Popen([sys.executable, "-B", __file__, "--put-down", str(i), live, "--rate", str(wish.rate / wish.programs), "--minutes", str(wish.minutes)],
                                 stdout=subprocess.PIPE, text=True) for i in range(wish.programs)]
    start = time.monotonic()
    kill_in_turns(service, collector, wish, start)
    told = sum(int(p.communicate()[0] or -1) for p in programs)
    took, end = time.monotonic() - start, time.monotonic() + 300
    while time.monotonic() < end and (glob.glob(live + "/s/*.open") or glob.glob(live + "/s/*.jsonl") or experiment(service)["counts"]["scored"] < told):
        time.sleep(1)
    print(f"{told} put down in {took:.0f} s, {told / took:.0f} a second; all there {time.monotonic() - start - took:.0f} s later, of which their window is {wish.window}")
    x = experiment(service)
    counts = x["counts"]
    print(f"taken {counts['taken']:.0f}, units {heard(x):.0f}, scored {counts['scored']:.0f}, repeated {counts['repeated']:.0f}, late {counts['late']:.0f}, "
          f"left out {counts['left_out']:.0f}, refused {counts['refused']:.0f}")
    right = counts["taken"] == told == heard(x) == counts["scored"] and counts["refused"] == counts["late"] == 0
    print("none lost, none doubled" if right else f"LOST OR DOUBLED: {folder}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
