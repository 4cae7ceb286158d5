#!/usr/bin/env python3
"""What test_live_sdk.py asks of the Python SDK; the verbs of live_probe.c.

  live_probe.py place SALT <UNITS
  live_probe.py assign ROLLOUT FOLDER <UNITS
  live_probe.py say ROLLOUT FOLDER N     into the spool, sent where there is NOCTURNE_URL; waits for the end of its input
  live_probe.py shadow ROLLOUT FOLDER N  what is in the shadow of N units, and what it would have done; user-1 has none
  live_probe.py fork ROLLOUT FOLDER N    N outcomes, and N of each of two children, one of which has a child of its own
"""
import logging
import os
import struct
import sys

from nocturne.live import Rollout, place


def units():
    while head := sys.stdin.buffer.read(4):
        yield sys.stdin.buffer.read(struct.unpack("<I", head)[0]).decode()


def place_of(salt, unit):
    try:
        return f"{int(place(salt, unit) * 2**52):013x}"
    except ValueError:
        return "-"


def say(rollout, n, name="p"):
    for i in range(n):
        assert rollout.assign(f"{name}-{i}").outcome(id=f"o-{i}", segment='a "b"\n', em=0.1, tokens=i)


def shadow(rollout, n):
    for i in range(n):
        v = rollout.assign(f"p-{i}")
        print(" ".join(f"{name} {parameters['threshold']:g}" for name, parameters in v.shadow.items()))
        first, second = v.shadow
        assert v.outcome(id=f"o-{i}", em=1, shadow={first: {"em": 0, "tokens": 90}, second: {}})
    print(rollout.assign("user-1").shadow and "some" or "none")


def fork(rollout, n):
    """Children end like those of a pre-forking server: by os._exit, after a flush or without."""
    say(rollout, n, "parent")
    children = []
    for name in ("child", "other"):
        pid = os.fork()
        if pid:
            children.append(pid)
            continue
        if name == "other" and os.fork() == 0:
            say(rollout, n, "grandchild")
            os._exit(0 if rollout.flush(60) else 1)
        say(rollout, n, name)
        os._exit(0 if name == "other" or rollout.flush(60) else 1)
    ends = [os.waitpid(pid, 0)[1] for pid in children]
    say(rollout, n, "parent again")
    return 0 if rollout.close(60) and not any(ends) else 1


def main(verb, name, folder="", n="0"):
    logging.basicConfig(format="%(message)s")
    if verb == "place":
        print("\n".join(place_of(name, unit) for unit in units()))
        return 0
    rollout = Rollout(name, folder=folder)
    if verb == "assign":
        for unit in units():
            v = rollout.assign(unit)
            print(v.variant, v.reason, int(v.counted), f"{v.parameters.get('threshold', -1):g}", v.parameters.get("model", "-"))
        return 0
    if verb == "shadow":
        shadow(rollout, int(n))
        return 0
    if os.environ.get("NOCTURNE_URL") and not rollout.ready(60):
        return 2
    if verb == "fork":
        return fork(rollout, int(n))
    say(rollout, int(n))
    print("said", flush=True)
    sys.stdin.read()
    print("true" if rollout.close(60) else "false")
    return 0


sys.exit(main(*sys.argv[1:]))
