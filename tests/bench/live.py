#!/usr/bin/env python3
"""Requests of clients a second: the service on one core, wrk (Debian) on another, connections that stay.

    python3 tests/bench/live.py [SECONDS]      NOCTURNE_BIN: folder of a release build; CONNECTIONS: 16
                                               PRIORITY='chrt -f 1': beside other work, as root

Evaluations (OFREP) of one flag, and outcomes, one a request: how many, how long they take, and what each costs the service's
processor. Every answer is looked at: anything but 200 ends it.
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from service import World  # noqa: E402
from test_rollouts import HALF, Live  # noqa: E402

SECONDS = sys.argv[1] if len(sys.argv) > 1 else "10"
CONNECTIONS = os.environ.get("CONNECTIONS", "16")
PRIORITY = os.environ.get("PRIORITY", "").split()
EVALUATE = """n = n + 1
return wrk.format(nil, '/ofrep/v1/evaluate/flags/s', nil, '{"context":{"targetingKey":"user-' .. n .. '"}}')"""
EXPOSE = """n = n + 1
return wrk.format(nil, '/api/v1/rollouts/s/outcomes', nil, '{"outcomes":[{"unit":"' .. prefix .. n .. '","variant":"champion","experiment":1,"period":1,"id":"1","metrics":{"em":1,"tokens":120}}]}')"""
SCRIPT = """wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
wrk.headers['Authorization'] = 'Bearer TOKEN'
n, prefix = 0, 'PREFIX-'
request = function() BODY end
response = function(status, _, body) if status ~= 200 then print(status, body); os.exit(1) end end
"""


class Bench(Live):
    SERVE = ("--slots", "0", "--rate", "1000000")

    def spawn(self, name, *args, env=None):
        process = World.spawn(self, name, *args, env=env)
        subprocess.run(["taskset", "-apc", "0", str(process.pid)], check=True, stdout=subprocess.DEVNULL)
        return process

    def cpu_s(self):
        with open(f"/proc/{self.server.pid}/stat") as text:
            numbers = text.read().rsplit(")", 1)[1].split()
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")

    def load(self, what, body, connections):
        self.write("load.lua", SCRIPT.replace("TOKEN", self.client).replace("PREFIX", what).replace("BODY", body))
        if PRIORITY:
            subprocess.run([*PRIORITY[:1], *PRIORITY[1:-1], "-a", "-p", PRIORITY[-1], str(self.server.pid)], check=True)
        before = self.cpu_s()
        done = subprocess.run([*PRIORITY, "taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}", "--latency", "-s", "load.lua",
                               f"http://127.0.0.1:{self.port}"], cwd=self.dir, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        count = int(re.search(r"(\d+) requests in", done.stdout)[1])
        rate = float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)[1])
        late = re.search(r"99%\s*(\S+)", done.stdout)[1]
        print(f"{what}: {rate:,.0f} a second, 99 % within {late}, {1e6 * (self.cpu_s() - before) / count:.0f} µs of processor each", flush=True)
        return count

    def runTest(self):
        self.assertTrue(shutil.which("wrk"), "apt-get install wrk")
        self.try_it()
        self.load("evaluations", EVALUATE, CONNECTIONS)
        self.order("pause")  # everybody is the champion's
        self.load("outcomes", EXPOSE, "256")
        counts = self.status()["experiment"]["counts"]
        print(f"taken: {counts['taken']:,.0f}, refused: {counts['refused']:,.0f}")


if __name__ == "__main__":
    import unittest
    result = unittest.TestResult()
    Bench().run(result)
    for _, trouble in result.errors + result.failures:
        print(trouble)
    sys.exit(not result.wasSuccessful())
