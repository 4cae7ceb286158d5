#!/usr/bin/env python3
"""Work whose size somebody else chooses is done beside the loop: while one waits, everybody else is answered.
NOCTURNE_BIN is the folder of the binaries. Times are bench/heavy.py's."""
import sqlite3
import threading
import unittest

from service import TRIAL, World

CLIENTS = """study: clients
parameters:
  x: {type: float, range: [0, 1]}
metrics:
  em: {goal: maximize, kind: proportion, of: 1000}
  tokens: {goal: minimize, kind: count}
objective: {weights: {em: 0.7, tokens: 0.3}}
baseline: {x: 0.5}
budget: {trials: 100000}
search: {sampler: random, seed: 3}
"""


class Later:
    """A call on a thread of its own."""

    def __init__(self, world, *args, **kw):
        self.answer = None
        self.thread = threading.Thread(target=self.run, args=(world, args, kw), daemon=True)
        self.thread.start()

    def run(self, world, args, kw):
        self.answer = world.call(*args, **kw)

    def wait(self):
        self.thread.join(120)
        return self.answer


class Heavy(World):
    SERVE = ("--slots", "0", "--rate", "100000")

    def lock(self):
        """Another program writes."""
        db = sqlite3.connect(self.dir + "/nocturne.db", isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        return db


class Busy(Heavy):
    def test_whoever_writes_waits_for_the_database_and_nobody_else(self):
        viewer = self.token("viewer")
        db = self.lock()
        writers = [Later(self, "POST", "/tokens", body={"name": "n", "role": "viewer"}, headers={"Idempotency-Key": "k"}),
                   Later(self, "POST", "/tokens", body={"name": "m", "role": "viewer"}),
                   Later(self, "DELETE", "/tokens/" + viewer.split("_")[1]),
                   Later(self, "POST", "/studies", text=CLIENTS, headers={"Content-Type": "application/yaml"})]
        for _ in range(20):
            self.assertEqual(self.call("GET", "/healthz", token=None).status, 200)
            self.assertEqual(self.call("GET", "/studies", token=viewer).status, 200)
            self.assertEqual(self.call("GET", "/tokens").status, 200)
        self.assertEqual([w.answer for w in writers], [None] * 4)
        db.execute("ROLLBACK")
        self.assertEqual([w.wait().status for w in writers], [201, 201, 200, 201])
        self.assertEqual([t["name"] for t in self.ok("GET", "/tokens")["tokens"]].count("n"), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
