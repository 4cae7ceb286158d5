#!/usr/bin/env python3
"""Bad weather for tests: runs a command while every core has more to do than it can, the disk is kept busy, and whatever
the command has started is stopped at random for 100 to 700 ms.

    python3 tests/weather.py [--seed N] [--cores N] ctest --preset dev -R tools
    python3 tests/weather.py --cores 1 python3 tests/test_cli.py       all of it on one core

What fails here and not in the sun depends on how fast the machine is: make it wait for a fact (patience.py). Its exit
code is the command's.
"""
import argparse
import collections
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

BURN = "while True: pass"
WRITE = "import os, sys\nf = os.open(sys.argv[1], os.O_WRONLY)\nwhile True: os.pwrite(f, b'x' * 65536, 0), os.fsync(f)"


def stat(pid):
    """State and parent of a process; None: it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as text:
            return text.read().rpartition(")")[2].split()[:2]
    except OSError:
        return None


def offspring(root):
    """Running processes below root, each as (pid, state)."""
    children = collections.defaultdict(list)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if found := stat(pid):
            children[int(found[1])].append((int(pid), found[0]))
    out, todo = [], [root]
    while todo:
        below = children[todo.pop()]
        out += below
        todo += [pid for pid, _ in below]
    return out


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def stop_one(root, chance):
    """One of them does nothing for a while; what somebody else has stopped is left alone."""
    awake = [pid for pid, state in offspring(root) if state in "RS"]
    if not awake:
        return
    pid = chance.choice(awake)
    send(pid, signal.SIGSTOP)
    time.sleep(chance.uniform(0.1, 0.7))
    send(pid, signal.SIGCONT)


def main():
    parse = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parse.add_argument("--seed", type=int, default=int(time.time()))
    parse.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parse.add_argument("command", nargs=argparse.REMAINDER)
    args = parse.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.cores])
    chance = random.Random(args.seed)
    print(f"weather: seed {args.seed}, {args.cores} cores", file=sys.stderr)
    with tempfile.NamedTemporaryFile() as file:
        load = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(2 * args.cores)]
        load.append(subprocess.Popen([sys.executable, "-c", WRITE, file.name]))
        try:
            command = subprocess.Popen(args.command)
            while command.poll() is None:
                stop_one(command.pid, chance)
                time.sleep(chance.uniform(0, 0.2))
        finally:
            for process in load:
                process.kill()
                process.wait()
    return command.returncode


if __name__ == "__main__":
    sys.exit(main())
