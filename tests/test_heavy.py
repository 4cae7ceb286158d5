#!/usr/bin/env python3
"""Work whose size somebody else chooses is done beside the loop: while one waits, everybody else is answered.
NOCTURNE_BIN is the folder of the binaries. Times are bench/heavy.py's."""
import json
import sqlite3
import threading
import unittest

from patience import PATIENCE
from service import World

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

    def run_clients(self, n):
        for _ in range(n):
            for t in self.ok("POST", "/studies/clients/ask", body={})["trials"]:
                self.ok("POST", f"/studies/clients/trials/{t['trial']}/tell",
                        body={"lease": t["lease"], "metrics": {"em": t["trial"] % 7 / 10, "tokens": 1000 + t["trial"]}})

    def rows(self, sql):
        with sqlite3.connect(self.dir + "/nocturne.db", timeout=PATIENCE) as db:
            return db.execute(sql).fetchone()[0]

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

    def test_a_study_that_is_deleted_is_gone_at_once_and_swept_up_after_a_crash(self):
        self.create(CLIENTS, trial=None)
        self.run_clients(30)
        self.ok("POST", "/studies/clients/stop", body={})
        self.wait("it is not at work", lambda: not self.ok("GET", "/studies/clients")["hosted"])
        self.assertEqual(self.call("DELETE", "/studies/clients?confirm=clients").status, 200)
        self.kill_server()
        self.assertEqual(self.rows("SELECT count(*) FROM study WHERE name = 'clients'"), 0)
        self.start()
        self.assertEqual(self.call("GET", "/studies/clients").status, 404)
        self.create(CLIENTS, trial=None)
        self.assertEqual(len(self.trials("clients")), 1)
        self.wait("nothing is left of the old one's log", lambda: self.rows(
            "SELECT count(*) FROM event WHERE study <> (SELECT id FROM study WHERE name = 'clients')") == 0)
        self.assertIn("clients", self.nocturne("status"))


class Large(Heavy):
    """Answers have a size of their own choosing."""

    def test_reports_come_in_pages(self):
        self.create(CLIENTS, trial=None)
        trial = self.ok("POST", "/studies/clients/ask", body={})["trials"][0]
        for step in range(25):
            self.ok("POST", f"/studies/clients/trials/{trial['trial']}/reports",
                    body={"lease": trial["lease"], "step": step, "metrics": {"em": 0.1, "tokens": step}})
        whole = self.ok("GET", "/studies/clients/trials/0/reports")
        self.assertEqual([r["step"] for r in whole["reports"]], list(range(25)))
        self.assertNotIn("next", whole)
        pages, after = [], ""
        while after is not None:
            page = self.ok("GET", f"/studies/clients/trials/0/reports?limit=10{after}")
            pages += page["reports"]
            after = f"&after={page['next']}" if "next" in page else None
        self.assertEqual(pages, whole["reports"])

    def test_readers_of_large_events_all_get_everything(self):
        """Too large for the ring, several to a page of the database; a reader that stops gets what it missed."""
        self.create(CLIENTS, trial=None)
        self.ok("POST", "/studies/clients/stop", body={})
        self.wait("it is not at work", lambda: not self.ok("GET", "/studies/clients")["hosted"])
        with sqlite3.connect(self.dir + "/nocturne.db", timeout=PATIENCE) as db:  # as earlier versions let trials say it
            for i in range(6):
                db.execute("INSERT INTO event SELECT study, max(seq) + 1, NULL, 10, at_ms, ? FROM event",
                           (json.dumps({"text": str(i) * 400000}),))
        readers = [Later(self, "GET", "/studies/clients/events?after=0&follow=false") for _ in range(12)]
        texts = {r.wait().body.replace(b": still here\n\n", b"") for r in readers}
        self.assertEqual(len(texts), 1)
        text = texts.pop().decode()
        self.assertEqual([int(l[4:]) for l in text.splitlines() if l.startswith("id: ")],
                         [e["seq"] for e in self.events("clients")])
        for i in range(6):
            self.assertTrue(str(i) * 400000 in text, i)
        page = self.ok("GET", "/studies/clients/log?limit=1000")
        self.assertLess(len(json.dumps(page)), 3 << 20)
        self.assertIn("next", page)

    def test_a_study_at_work_and_one_that_is_not_read_the_same(self):
        self.create(CLIENTS, trial=None)
        self.run_clients(40)
        paths = ("/trials?sort=utility&order=desc&limit=7", "/trials?offset=5&limit=1000", "/trials/3", "/best", "/budgets",
                 "/export?format=csv", "/export?format=jsonl", "/export?format=json", "/log?limit=20")
        before = [self.call("GET", "/studies/clients" + p).body for p in paths]
        self.ok("POST", "/studies/clients/stop", body={})
        self.wait("it is not at work", lambda: not self.ok("GET", "/studies/clients")["hosted"])
        after = [self.call("GET", "/studies/clients" + p).body for p in paths]
        for path, x, y in zip(paths, before, after):
            if "json" not in path or "jsonl" in path:
                self.assertEqual(x, y, path)

    def test_what_was_answered_is_read_at_once(self):
        self.create(CLIENTS, trial=None)
        for _ in range(30):
            t = self.ok("POST", "/studies/clients/ask", body={})["trials"][0]
            path = f"/studies/clients/trials/{t['trial']}"
            self.assertEqual(self.ok("GET", path)["state"], "running")
            self.ok("POST", path + "/tell", body={"lease": t["lease"], "metrics": {"em": 0.5, "tokens": 9}})
            self.assertEqual(self.ok("GET", path)["state"], "complete")
            self.assertEqual(self.ok("GET", "/studies/clients")["states"]["complete"], t["trial"] + 1)


class Start(Heavy):
    def test_studies_of_the_last_process_are_at_work_again_and_whoever_needs_one_waits_for_it(self):
        names = [f"c{i}" for i in range(20)]
        lease = {}
        for name in names:
            self.create(CLIENTS.replace("study: clients", f"study: {name}"), trial=None)
            lease[name] = self.ok("POST", f"/studies/{name}/ask", body={"ttl": "10m"})["trials"][0]
        self.ok("POST", "/studies/c3/stop", body={"now": True})
        self.wait("c3 is not at work", lambda: not self.ok("GET", "/studies/c3")["hosted"])
        self.ok("POST", "/studies/c4/pause", body={})
        self.kill_server()
        self.start()
        for name in reversed(names):
            told = self.call("POST", f"/studies/{name}/trials/0/tell",
                             body={"lease": lease[name]["lease"], "metrics": {"em": 0.5, "tokens": 9}})
            self.assertEqual(told.status, 409 if name == "c3" else 200, told.body)
        self.wait("all are at work", lambda: sum(s["hosted"] for s in self.ok("GET", "/studies?limit=1000")["studies"]) == 19)
        self.assertEqual(self.ok("GET", "/studies/c4")["phase"], "paused")


if __name__ == "__main__":
    unittest.main(verbosity=2)
