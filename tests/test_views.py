#!/usr/bin/env python3
"""What the API shows to whoever looks: who one is, the events of all studies as one stream, trials as columns, tags and
compression, the ledger over time, the front and under which weights who wins, logs as they grow, notes.
NOCTURNE_BIN is the folder of the binaries."""
import gzip
import json
import random
import socket
import subprocess
import threading
import unittest

from patience import PATIENCE
from service import NOCTURNE, STUDY, TRIAL, Stream, World

CLIENTS = STUDY.replace('trial: {command: [sh, trial.sh, "{x}", "{k}"], grace: 1s, retries: 1, backoff: 1s}\n', "")
CLIENTS = CLIENTS.replace("files: [trial.sh]\n", "").replace("trials: 12", "trials: 100000").replace("confirm: {top: 1, seeds: 2}\n", "")


class Views(World):
    SERVE = ("--slots", "0", "--rate", "100000")

    def study(self, name):
        self.ok("POST", "/studies", text=CLIENTS.replace("study: s", f"study: {name}"), headers={"Content-Type": "application/yaml"})

    def tell(self, study, n=1, metrics=None):
        for one in self.ok("POST", f"/studies/{study}/ask", {"count": n})["trials"]:
            m = metrics(one) if metrics else {"em": 0.5 + 0.1 * one["params"]["x"], "tokens": 1000 + 1000 * one["params"]["x"]}
            self.ok("POST", f"/studies/{study}/trials/{one['trial']}/tell", {"lease": one["lease"], "metrics": m})

    def seqs(self, study):
        return [(study, e["seq"]) for e in self.events(study)]

    def load(self, study, n):
        """Many trials at once, by another process."""
        random.seed(n)
        self.write("big.yaml", CLIENTS.replace("study: s", f"study: {study}"))
        rows = [f"complete,{random.random():.6g},{random.randrange(1, 10)},{random.random():.4f},{random.randrange(100, 9000)}" for _ in range(n)]
        self.write("big.csv", "state,x,k,em,tokens\n" + "\n".join(rows) + "\n")
        self.nocturne("import", "big.yaml", "big.csv", "--db", "nocturne.db")

    def refuse(self, status, *args, **kw):
        answer = self.call(*args, **kw)
        self.assertEqual(answer.status, status, (args, answer.body))
        return answer


class Me(Views):
    def test_everybody_sees_himself(self):
        me = self.ok("GET", "/me")
        self.assertEqual((me["role"], me["studies"], me["expires_ms"]), ("operator", None, None))
        made = self.ok("POST", "/tokens", {"name": "ada", "role": "worker", "studies": ["a", "b"], "expires": "1h"})
        me = self.ok("GET", "/me", token=made["token"])
        self.assertEqual((me["name"], me["role"], me["studies"]), ("ada", "worker", ["a", "b"]))
        self.assertGreater(me["expires_ms"], 0)
        self.assertEqual(self.ok("GET", "/me", token=self.token("viewer"))["role"], "viewer")
        self.refuse(401, "GET", "/me", token=None)
        self.ok("DELETE", f"/tokens/{made['id']}")
        self.refuse(401, "GET", "/me", token=made["token"])

    def test_a_viewer_of_some_studies_sees_those(self):
        self.study("a"), self.study("b")
        some = self.token("viewer", "--study", "a")
        self.assertEqual([s["study"] for s in self.ok("GET", "/studies", token=some)["studies"]], ["a"])
        self.assertEqual(self.ok("GET", "/studies", token=some)["total"], 1)
        for path in ("", "/columns", "/ledger", "/front", "/note", "/events?follow=false", "/trials"):
            self.assertEqual(self.call("GET", f"/studies/a{path}", token=some).status, 200, path)
            self.refuse(403, "GET", f"/studies/b{path}", token=some)
        for path in ("/agents", "/agents/x", "/metrics"):
            self.refuse(403, "GET", path, token=some)
        self.nocturne("token", "create", "--role", "operator", "--study", "a", code=2)

    def test_who_may(self):
        self.study("a")
        viewer, worker, other = self.token("viewer"), self.token("worker"), self.token("viewer", "--study", "b")
        table = [("GET", "/events?follow=false", None, "200 403 200 200 401"), ("GET", "/studies/a/columns", None, "200 403 200 403 401"),
                 ("GET", "/studies/a/ledger", None, "200 403 200 403 401"), ("GET", "/studies/a/front", None, "200 403 200 403 401"),
                 ("GET", "/studies/a/note", None, "200 403 200 403 401"), ("PUT", "/studies/a/note", {"text": "x"}, "403 403 200 403 401")]
        for method, path, body, expected in table:
            got = [self.call(method, path, body, token=t).status for t in (viewer, worker, self.operator, other, None)]
            self.assertEqual(got, [int(e) for e in expected.split()], (method, path))


class Together(Views):
    def test_all_studies_in_one_stream_that_goes_on_where_it_was(self):
        self.study("a"), self.study("b")
        live = Stream(self)
        self.wait("it listens", live.cursor)
        before = {s: len(self.seqs(s)) for s in "ab"}
        self.tell("a", 3), self.tell("b", 2)
        self.study("c")
        self.tell("c")
        expected = {s: self.seqs(s)[before.get(s, 0):] for s in "abc"}
        self.wait("all is told", lambda: sorted(live.events()) == sorted(sum(expected.values(), [])))
        for s in "abc":
            self.assertEqual([e for e in live.events() if e[0] == s], expected[s])
        self.wait("the cursor is at the end", lambda: all(f"{s}:{self.seqs(s)[-1][1]}" in live.cursor() for s in "abc"))
        where = live.cursor()
        live.close()
        self.tell("b", 2)
        self.study("d")
        again = Stream(self, "/events?follow=false", last=where).end().events()
        self.assertEqual(sorted(again), sorted(self.seqs("b")[len(self.seqs("b")) - len([e for e in again if e[0] == "b"]):] + self.seqs("d")))
        self.assertGreater(len([e for e in again if e[0] == "b"]), 4)
        self.assertEqual(len(again), len(set(again)))

    def test_from_the_beginning_from_a_place_and_from_now(self):
        self.study("a"), self.study("b")
        self.tell("a", 2)
        whole = self.seqs("a") + self.seqs("b")
        self.assertEqual(sorted(Stream(self, "/events?after=0&follow=false").end().events()), sorted(whole))
        self.assertEqual(sorted(Stream(self, "/events?after=2&follow=false").end().events()), sorted(e for e in whole if e[1] > 2))
        self.assertEqual(Stream(self, "/events?after=a:3&follow=false").end().events(), [e for e in whole if e[0] == "a" and e[1] > 3])
        self.assertEqual(Stream(self, "/events?follow=false").end().events(), [])
        self.assertEqual(Stream(self, "/events?after=99999&follow=false").end().events(), [])
        self.assertEqual(sorted(Stream(self, "/events?after=0/&follow=false").end().events()), sorted(whole))

    def test_what_happened_while_nobody_read_is_told_to_the_next(self):
        self.study("a")
        for path in ("/studies/a/events?after=0&follow=false", "/events?after=0&follow=false"):
            self.tell("a", 2)
            self.call("GET", path)
            self.tell("a", 2)
            told = self.call("GET", path).body
            self.assertIn(f'"seq": {self.ok("GET", "/studies/a")["seq"]},'.encode(), told, path)

    def test_no_place_is_said_so(self):
        for bad in ("x", "-1", "a:", ":3", "a:b", "1/2/3", "a:1,", ",", "/", "1e3", "a:1;b:2", "..:1", "99999999999999999999", "1000000000000", "a" * 60 + ":1"):
            self.assertEqual(self.call("GET", f"/events?follow=false&after={bad}").status, 422, bad)
            self.assertEqual(self.call("GET", "/events?follow=false", headers={"Last-Event-ID": bad}).status, 422, bad)
            self.assertEqual(self.call("GET", f"/events?follow=false&after={bad}", headers={"Last-Event-ID": "1"}).status, 422, bad)
        self.refuse(422, "GET", "/events?follow=perhaps")
        self.refuse(422, "GET", "/events?follow=false", headers={"Last-Event-ID": ",".join(["a:1"] * 5000)})
        random.seed(4)
        for _ in range(300):
            text = "".join(random.choice("ab:,/0123456789._-") for _ in range(random.randrange(1, 40)))
            self.assertIn(self.call("GET", f"/events?follow=false&after={text}").status, (200, 422), text)

    def test_a_token_for_some_studies_hears_of_those(self):
        self.study("a"), self.study("b")
        some = Stream(self, "/events?after=0", token=self.token("viewer", "--study", "b,c"))
        self.wait("it listens", some.cursor)
        self.tell("a"), self.tell("b"), self.study("c")
        self.wait("it hears", lambda: some.events() and sorted(some.events()) == sorted(self.seqs("b") + self.seqs("c")))
        self.assertNotIn("a:", some.cursor())
        self.assertNotIn(b'"a"', some.text)
        some.close()

    def test_a_deleted_study_ends_and_another_takes_its_name(self):
        self.study("a"), self.study("b")
        live = Stream(self)
        self.wait("it listens", live.cursor)
        self.ok("POST", "/studies/b/stop", {"now": True})
        self.wait_phase("stopped", "b")
        self.wait("it is not at work", lambda: not self.ok("GET", "/studies/b")["hosted"])
        self.ok("DELETE", "/studies/b?confirm=b")
        self.wait("it is forgotten", lambda: "b:" not in live.cursor())
        count = len(live.events())
        self.study("b")
        self.tell("a")
        new = self.seqs("b")
        self.wait("the new one is told", lambda: set(new) <= set(live.events()[count:]))
        self.assertFalse(live.over)
        live.close()

    def test_what_another_process_does_is_heard(self):
        self.study("a")
        live = Stream(self)
        self.wait("it listens", live.cursor)
        text = STUDY.replace("study: s", "study: apart").replace("trials: 12", "trials: 2").replace("files: [trial.sh]\n", "")
        self.write("apart.yaml", text)
        self.write("trial.sh", TRIAL)
        self.nocturne("run", "apart.yaml", "--db", "nocturne.db", "--quiet")
        self.nocturne("note", "apart", "from elsewhere", "--db", "nocturne.db")
        self.wait("all of it", lambda: [e for e in live.events() if e[0] == "apart"] == self.seqs("apart"))
        self.assertIn(b"from elsewhere", live.text)
        live.close()

    def test_a_token_that_is_revoked_hears_no_more(self):
        made = self.ok("POST", "/tokens", {"name": "v", "role": "viewer"})
        live = Stream(self, token=made["token"])
        self.wait("it listens", live.cursor)
        self.ok("DELETE", f"/tokens/{made['id']}")
        self.wait("it is over", lambda: live.over)
        live.close()

    def test_readers_that_are_stuck_keep_nobody_from_hearing_all(self):
        self.study("a"), self.study("b")
        slow = []
        for _ in range(20):
            s = socket.create_connection(("127.0.0.1", self.port))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.sendall(f"GET /api/v1/events?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.operator}\r\n\r\n".encode())
            slow.append(s)
        self.load("big", 3000)
        self.tell("a", 3), self.tell("b", 3)
        whole = Stream(self, "/events?after=0&follow=false").end().events()
        self.assertEqual(len(whole), len(set(whole)))
        self.assertEqual(len(whole), sum(self.ok("GET", f"/studies/{s}")["seq"] for s in ("a", "b", "big")))
        for s in slow:
            s.close()


class Columns(Views):
    def row(self, all_columns, i):
        c = all_columns["columns"]
        return {k: v[i] for k, v in c.items() if k not in ("params", "metrics")} | {k: v[i] for k, v in c["params"].items()}

    def test_columns_say_what_the_trials_say(self):
        self.study("a")
        self.tell("a", 5)
        asked = self.ok("POST", "/studies/a/ask", {"count": 2})["trials"]
        self.ok("POST", f"/studies/a/trials/{asked[0]['trial']}/tell", {"lease": asked[0]["lease"], "failed": "no \"luck\"\n\u202e"})
        x, trials = self.ok("GET", "/studies/a/columns"), self.trials("a")
        self.assertEqual((x["trials"], x["since"], x["parameters"], x["metrics"]), (len(trials), 0, ["x", "k"], ["em", "tokens"]))
        self.assertEqual(x["seq"], self.ok("GET", "/studies/a")["seq"])
        c = x["columns"]
        for values in [v for k, v in c.items() if k not in ("params", "metrics")] + [*c["params"].values(), *c["metrics"].values()]:
            self.assertEqual(len(values), len(trials))
        for i, t in enumerate(trials):
            self.assertEqual(c["number"][i], t["trial"])
            self.assertEqual(x["states"][c["state"][i]], t["state"])
            self.assertEqual(x["kinds"][c["kind"][i]], t["role"])
            self.assertEqual({n: c["params"][n][i] for n in x["parameters"]}, t["params"])
            self.assertEqual({n: c["metrics"][n][i] for n in x["metrics"] if c["metrics"][n][i] is not None}, t["metrics"])
            self.assertEqual((c["source"][i], c["reason"][i], c["utility"][i], c["finished_ms"][i]), (t["source"], t.get("reason"), t.get("utility"), t.get("finished_ms")))
            self.assertTrue(c["began_ms"][i] is None or c["created_ms"][i] <= c["began_ms"][i])

    def test_what_has_changed_since(self):
        self.study("a")
        self.tell("a", 4)
        seq = self.ok("GET", "/studies/a")["seq"]
        self.assertEqual(self.ok("GET", f"/studies/a/columns?since={seq}")["trials"], 0)
        self.tell("a", 2)
        x = self.ok("GET", f"/studies/a/columns?since={seq}")
        self.assertEqual((x["since"], x["columns"]["number"]), (seq, [4, 5]))
        self.ok("PUT", "/studies/a/trials/1/note", {"text": "look"})
        self.assertEqual(self.ok("GET", f"/studies/a/columns?since={x['seq']}")["columns"]["number"], [1])
        self.assertEqual(self.ok("GET", "/studies/a/columns?since=999999")["since"], 0)  # of another database
        for bad in ("-1", "x", "1.5", "", "1e3", "99999999999999999999"):
            self.refuse(422, "GET", f"/studies/a/columns?since={bad}")
        self.refuse(404, "GET", "/studies/none/columns")

    def test_when_the_baseline_changes_all_utilities_do(self):
        self.create(STUDY.replace("trials: 12", "trials: 4"))
        self.wait_phase("complete")
        trials = self.trials()
        baseline = [t for t in trials if t["role"] == "confirm"][0]
        first = [e for e in self.events() if e["event"] == "finished" and e["trial"] == 0][0]["seq"]
        x = self.ok("GET", f"/studies/s/columns?since={first}")
        self.assertEqual((x["since"], x["trials"]), (0, len(trials)), baseline)

    SERVE = ("--slots", "2", "--rate", "100000")


class Tags(Views):
    def test_what_is_known_is_not_sent_again(self):
        self.study("a")
        self.tell("a", 3)
        for path in ("", "/trials", "/trials/1", "/columns", "/columns?since=3", "/ledger", "/front", "/note", "/space"):
            first = self.call("GET", "/studies/a" + path)
            tag = first.headers["ETag"]
            self.assertRegex(tag, r'^W/"[^"]+"$', path)
            for match in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
                again = self.call("GET", "/studies/a" + path, headers={"If-None-Match": match})
                self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", tag), (path, match))
            for match in ('"0"', "nonsense", "W/", '""', tag[:-2] + '"'):
                self.assertEqual(self.call("GET", "/studies/a" + path, headers={"If-None-Match": match}).status, 200, (path, match))
            self.tell("a")
            self.assertEqual(self.call("GET", "/studies/a" + path, headers={"If-None-Match": tag}).status, 200, path)
        self.refuse(404, "GET", "/studies/none", headers={"If-None-Match": "*"})
        self.assertEqual(self.call("GET", "/studies/a/trials/99", headers={"If-None-Match": '"1"'}).status, 404)

    def test_a_pause_is_news_and_so_is_a_report(self):
        self.study("a")
        one = self.ok("POST", "/studies/a/ask")["trials"][0]
        tag = self.call("GET", "/studies/a").headers["ETag"]
        self.ok("POST", f"/studies/a/trials/{one['trial']}/reports", {"lease": one["lease"], "step": 1, "metrics": {"em": 0.1, "tokens": 77}})
        again = self.call("GET", "/studies/a", headers={"If-None-Match": tag})
        self.assertEqual((again.status, again.json["tokens"]), (200, 77))
        self.ok("POST", "/studies/a/pause")
        self.assertEqual(self.call("GET", "/studies/a", headers={"If-None-Match": again.headers["ETag"]}).status, 200)


class Packed(Views):
    def test_large_json_is_compressed_for_who_takes_it(self):
        self.study("a")
        self.tell("a", 60)
        for path in ("/studies/a/trials", "/studies/a/columns", "/studies/a/log", "/studies/a/export?format=jsonl"):
            plain = self.call("GET", path)
            self.assertIsNone(plain.headers["Content-Encoding"])
            for accept in ("gzip", "br, gzip;q=0.5", "*", "GZIP", "x-gzip", "deflate,gzip ; q=1.0"):
                packed = self.call("GET", path, headers={"Accept-Encoding": accept})
                if "export" in path:
                    continue
                self.assertEqual((packed.headers["Content-Encoding"], packed.headers["Vary"]), ("gzip", "Accept-Encoding"), (path, accept))
                self.assertEqual(gzip.decompress(packed.body), plain.body, path)
                self.assertLess(len(packed.body), len(plain.body) // 2)
            for accept in ("gzip;q=0", "identity", "", "br", "gzip;q=0.0, *;q=1", ";", ",,,", "gzipper", "q=1", "gzip;q=nonsense"):
                self.assertEqual(self.call("GET", path, headers={"Accept-Encoding": accept}).body, plain.body, accept)

    def test_small_answers_errors_and_streams_are_as_they_are(self):
        self.study("a")
        for path in ("/me", "/studies/a/note", "/studies/none", "/events?after=0&follow=false", "/studies/a/events?after=0&follow=false"):
            self.assertIsNone(self.call("GET", path, headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"], path)


class Page(World):
    """What browsers see; nobody needs a token for it."""

    def setUp(self):
        super().setUp()
        if self.call("GET", "/?", token=None).status == 404:
            self.skipTest("built without the page")

    def test_it_comes_packed_to_who_takes_that(self):
        for path in ("/page.js", "/page.css", "/third-party.txt"):
            for accept in ("gzip", "*", "br, gzip;q=0.1"):
                page = self.call("GET", path, token=None, headers={"Accept-Encoding": accept})
                self.assertEqual((page.status, page.headers["Content-Encoding"], page.headers["Vary"]), (200, "gzip", "Accept-Encoding"), path)
                self.assertGreater(len(gzip.decompress(page.body)), len(page.body))
            for accept in ("identity", "br", "gzip;q=0", "gzipper"):
                self.assertEqual(self.call("GET", path, token=None, headers={"Accept-Encoding": accept}).status, 406, accept)
        self.assertIn(b"<html", self.call("GET", "/?", token=None).body)

    def test_what_is_known_is_not_sent_again_and_never_without_its_policy(self):
        for path in ("/?", "/page.js", "/page.css", "/third-party.txt"):
            page = self.call("GET", path, token=None, headers={"Accept-Encoding": "gzip"})
            tag = page.headers["ETag"]
            self.assertRegex(tag, '^"[0-9a-f]{32}"$')
            again = self.call("GET", path, token=None, headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
            self.assertEqual((again.status, again.body, again.headers["ETag"], again.headers["Content-Encoding"]), (304, b"", tag, None), path)
            for one in (page, again):
                self.assertIn("default-src 'none'", one.headers["Content-Security-Policy"], path)
                self.assertEqual(one.headers["Cache-Control"], "no-cache")
            other = self.call("GET", path, token=None, headers={"Accept-Encoding": "gzip", "If-None-Match": '"0"'})
            self.assertEqual((other.status, other.body), (200, page.body), path)


class Ledger(Views):
    def test_sums_over_time_end_where_the_study_is(self):
        self.study("a")
        empty = self.ok("GET", "/studies/a/ledger")
        self.assertLessEqual(len(empty["at_ms"]), 2)
        self.tell("a", 10)
        for step in ("", "?step=1", "?step=1000000", "?step=1000000000000"):
            x = self.ok("GET", "/studies/a/ledger" + step)
            n = len(x["at_ms"])
            self.assertEqual({len(x[k]) for k in ("tokens", "trials", "cost", "busy_ms")}, {n})
            self.assertLessEqual(n, 2000)
            self.assertEqual(x["trials"][-1], 10)
            self.assertAlmostEqual(x["tokens"][-1], self.ok("GET", "/studies/a")["tokens"])
            for k in ("at_ms", "tokens", "trials"):
                self.assertEqual(x[k], sorted(x[k]))
        for bad in ("0", "-5", "x", "1.5", ""):
            self.refuse(422, "GET", f"/studies/a/ledger?step={bad}")
        self.refuse(404, "GET", "/studies/none/ledger")


class Front(Views):
    def filled(self, n=60):
        self.study("a")
        random.seed(7)
        self.tell("a", n, lambda one: {"em": round(random.random(), 3), "tokens": random.randrange(100, 9000)})

    def best(self, weights):
        return json.loads(self.nocturne("best", "a", "--json", "--weights", weights))["trial"]

    def test_the_slider_says_what_best_says(self):
        self.filled()
        x = self.ok("GET", "/studies/a/front?weights=em:0.7,tokens:0.3")
        self.assertEqual(x["weights"], {"em": 0.7, "tokens": 0.3})
        self.assertEqual((x["metric"], x["from"][0]["weight"]), ("em", 0))
        steps = x["from"]
        self.assertGreater(len(steps), 2)
        self.assertEqual([s["weight"] for s in steps], sorted(s["weight"] for s in steps))
        self.assertTrue({s["trial"] for s in steps} <= set(x["front"]))
        bounds = [s["weight"] for s in steps] + [1]
        for s, low, high in zip(steps, bounds, bounds[1:]):
            for w in (low + 1e-9, (low + high) / 2, high - 1e-9):
                weights = f"em={w!r},tokens={1 - w!r}"
                self.assertEqual(self.best(weights), s["trial"], w)
                self.assertEqual(self.ok("GET", f"/studies/a/front?weights={weights}")["winner"], s["trial"])
        other = self.ok("GET", "/studies/a/front?weights=em=0.7,tokens=0.3&metric=tokens")
        self.assertEqual([s["trial"] for s in other["from"]], [s["trial"] for s in reversed(steps)])
        self.assertEqual(self.ok("GET", "/studies/a/front")["weights"], {"em": 0.7, "tokens": 0.3})

    def test_few_equal_and_no_trials(self):
        self.study("a")
        x = self.ok("GET", "/studies/a/front")
        self.assertEqual((x["winner"], x["front"], x["from"]), (None, [], []))
        self.tell("a", 4, lambda one: {"em": 0.5, "tokens": 1000})
        x = self.ok("GET", "/studies/a/front")
        self.assertEqual((x["winner"], x["front"], x["from"]), (0, [0], [{"weight": 0, "trial": 0}]))

    def test_what_cannot_be_weighed(self):
        self.filled(3)
        for bad in ("em", "em=", "=1", "em=-1,tokens=2", "em=nan,tokens=1", "em=1e999", "zz=1", "em=0.2", "em=0,tokens=0", "em=1,em=1", "%F0"):
            self.assertIn(self.call("GET", f"/studies/a/front?weights={bad}").status, (400, 422), bad)
        self.refuse(422, "GET", "/studies/a/front?metric=zz")
        self.refuse(404, "GET", "/studies/none/front")
        random.seed(5)
        for _ in range(200):
            text = "".join(random.choice("em=:,.tokens0123456789-") for _ in range(random.randrange(1, 30)))
            self.assertIn(self.call("GET", f"/studies/a/front?weights={text}").status, (200, 422), text)


class Order(Views):
    """A page of trials has the order of `nocturne trials --sort`: what breaks a constraint is nowhere the best."""

    def test_it_is_that_of_the_command(self):
        study = CLIENTS.replace("study: s", "study: a").replace("budget:", "constraints: [em >= baseline - 0.02]\nbudget:")
        self.ok("POST", "/studies", text=study, headers={"Content-Type": "application/yaml"})
        told = [{"em": 0.6, "tokens": 5000}, {"em": 0.5, "tokens": 100}, {"em": 0.61, "tokens": 4000}, None, {"em": 0.4, "tokens": 90}, {"em": 0.59, "tokens": 4500}]
        for metrics in told:
            trial = self.ok("POST", "/studies/a/ask", {})["trials"][0]
            end = {"metrics": metrics} if metrics else {"failed": "it broke"}
            self.ok("POST", f"/studies/a/trials/{trial['trial']}/tell", {"lease": trial["lease"], **end})
        for sort in ("utility", "em", "tokens"):
            for order, sign in (("desc", "-"), ("asc", "")):
                page = [t["trial"] for t in self.ok("GET", f"/studies/a/trials?sort={sort}&order={order}")["trials"]]
                said = json.loads(self.nocturne("trials", "a", "--sort", sign + sort, "--json", "--db", "nocturne.db"))["trials"]
                self.assertEqual(page, [t["trial"] for t in said], (sort, order))
        page = [t["trial"] for t in self.ok("GET", "/studies/a/trials?sort=utility&order=desc")["trials"]]
        self.assertEqual(page, [2, 5, 0, 1, 4, 3])  # 1 and 4 are worth the most, and break the constraint; 3 has no result


class Tail(Views):
    SERVE = ("--slots", "2", "--rate", "100000")

    def path(self, more="", trial=0):
        return f"/studies/s/trials/{trial}/artefacts/stdout.log{more}"

    def says(self):
        answer = self.call("GET", self.path("?from=0"))
        return answer.status == 200 and answer.body

    def test_who_asks_before_the_trial_begins_gets_its_log_then(self):
        self.create(STUDY, paused=True)
        trial = self.ok("POST", "/studies/s/trials", {"params": {"x": 0.5, "k": 3}})["trial"]
        got = []

        def follow():
            while not got or (got[-1].status == 404 and self.ok("GET", f"/studies/s/trials/{trial}")["state"] == "queued"):
                got.append(self.call("GET", self.path("?from=0&follow=25", trial)))

        waiting = threading.Thread(target=follow)
        waiting.start()
        self.ok("POST", "/studies/s/resume", {})
        waiting.join(PATIENCE)
        self.assertEqual(got[-1].status, 200)

    def test_a_log_is_followed_while_it_grows(self):
        self.create(STUDY.replace("trials: 12", "trials: 1").replace("confirm: {top: 1, seeds: 2}\n", ""), self.gated())
        self.wait("it says something", self.says)
        have = self.call("GET", self.path("?from=0")).body
        got = []
        waiting = threading.Thread(target=lambda: got.append(self.call("GET", self.path(f"?from={len(have)}&follow=25"))))
        waiting.start()
        self.open_gate()
        waiting.join(PATIENCE)
        self.assertEqual(got[0].status, 200)
        self.assertTrue(got[0].body)
        self.wait_phase("complete")
        at, text = 0, b""
        while more := self.call("GET", self.path(f"?from={at}&follow=25")).body:  # it is over: nobody waits
            at, text = at + len(more), text + more
        self.assertEqual(text, self.call("GET", self.path()).body)
        self.assertEqual(self.call("GET", self.path("?from=99999999")).body, b"")

    def test_a_client_that_goes_and_one_whose_token_ends(self):
        self.create(STUDY.replace("trials: 12", "trials: 1"), self.gated())
        self.wait("it says something", self.says)
        n = 0
        while more := self.call("GET", self.path(f"?from={n}&follow=1")).body:  # it waits at the gate
            n += len(more)
        made = self.ok("POST", "/tokens", {"name": "v", "role": "viewer"})
        got = []
        waiting = threading.Thread(target=lambda: got.append(self.call("GET", self.path(f"?from={n}&follow=25"), token=made["token"])))
        waiting.start()
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", self.port)) as s:
                s.sendall(f"GET /api/v1{self.path(f'?from={n}&follow=25')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.operator}\r\n\r\n".encode())
        self.ok("DELETE", f"/tokens/{made['id']}")
        waiting.join(PATIENCE)
        self.assertEqual(got[0].status, 401, got[0].body)
        self.open_gate()
        self.wait_phase("complete")

    def test_no_way_out_of_the_folder(self):
        self.create(STUDY.replace("trials: 12", "trials: 1").replace("confirm: {top: 1, seeds: 2}\n", ""),
                    TRIAL + "ln -s /etc/passwd link; mkfifo pipe; mkdir folder\n")
        self.wait_phase("complete")
        for name in ("link", "pipe", "folder", "..", "%2e%2e%2fstdout.log", "none"):
            for more in ("?from=0", "?follow=1", "?from=0&follow=1"):
                self.refuse(404, "GET", f"/studies/s/trials/0/artefacts/{name}{more}")
        for bad in ("from=-1", "from=x", "follow=26", "follow=-1", "follow=1.5", "from=1e3", "from=0&attempt=0"):
            self.refuse(422, "GET", self.path("?" + bad))
        self.refuse(404, "GET", self.path("?from=0", trial=99))
        self.refuse(401, "GET", self.path("?from=0"), token=None)


class Notes(Views):
    def test_notes_of_a_study_and_of_a_trial(self):
        self.study("a")
        self.tell("a", 2)
        self.assertEqual(self.ok("GET", "/studies/a/note")["text"], "")
        self.ok("PUT", "/studies/a/note", {"text": "first\nsecond \u202e \x1b[31m"})
        self.ok("PUT", "/studies/a/trials/1/note", {"text": "von Hand ✓"})
        self.assertEqual(self.ok("GET", "/studies/a/note"), {"study": "a", "text": "first\nsecond \u202e \x1b[31m"})
        self.assertEqual(self.ok("GET", "/studies/a/trials/1/note"), {"study": "a", "trial": 1, "text": "von Hand ✓"})
        self.assertEqual(self.ok("GET", "/studies/a")["note"][:5], "first")
        self.assertEqual(self.trials("a")[1]["note"], "von Hand ✓")
        self.assertNotIn("note", self.trials("a")[0])
        noted = [e for e in self.events("a") if e["event"] == "noted"]
        self.assertEqual([e.get("trial") for e in noted], [None, 1])
        self.assertTrue(all(e["body"]["token"] for e in noted))
        self.kill_server()
        self.start()
        self.assertEqual(self.ok("GET", "/studies/a/trials/1/note")["text"], "von Hand ✓")
        self.ok("PUT", "/studies/a/trials/1/note", {"text": ""})
        self.assertNotIn("note", self.trials("a")[1])
        self.nocturne("doctor", "--rebuild")
        self.nocturne("replay", "a")

    def test_what_is_no_note(self):
        self.study("a")
        for body in ({}, {"text": 1}, {"text": None}, {"text": "x" * 4001}, {"text": "é" * 2001}, {"text": "x", "more": 1}, {"text": ["x"]}):
            self.refuse(422, "PUT", "/studies/a/note", body)
        self.ok("PUT", "/studies/a/note", {"text": "é" * 2000})
        self.refuse(400, "PUT", "/studies/a/note", text="{", headers={"Content-Type": "application/json"})
        self.refuse(415, "PUT", "/studies/a/note", text="x")
        self.refuse(404, "PUT", "/studies/none/note", {"text": "x"})
        self.refuse(404, "PUT", "/studies/a/trials/99/note", {"text": "x"})
        self.refuse(404, "GET", "/studies/a/trials/99/note")
        self.refuse(405, "DELETE", "/studies/a/note")

    def refuse_notes(self):
        for text in ("x" * 4001, "é" * 2001, "x" * 3999 + "é", b"no \xff UTF-8", b"cut \xc3"):
            for trial in ((), ("1",)):
                done = subprocess.run([NOCTURNE, "note", "a", *trial, text], cwd=self.dir, capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn("a note is UTF-8 text of at most 4000 bytes", done.stderr)

    def test_the_command_says_the_same_at_work_or_not(self):
        self.study("a")
        self.tell("a", 2)
        self.refuse_notes()
        self.nocturne("note", "a", "while it runs")  # the service has it: it is asked
        self.wait("it is there", lambda: self.ok("GET", "/studies/a/note")["text"] == "while it runs")
        self.ok("POST", "/studies/a/stop", {"now": True})
        self.wait("nobody runs it", lambda: not self.ok("GET", "/studies/a")["running"])
        self.ok("PUT", "/studies/a/trials/0/note", {"text": "over HTTP"})
        self.nocturne("note", "a", "1", "line\n\x1b[31mred")
        self.assertIn("over HTTP", self.nocturne("note", "a", "0"))
        shown = self.nocturne("show", "a", "1")
        self.assertIn("note: line", shown)
        self.assertIn("\\x1b[31mred", shown)
        self.assertNotIn("\x1b", shown + self.nocturne("status", "a") + self.nocturne("log", "a"))
        self.assertIn("note: while it runs", self.nocturne("status", "a"))
        self.assertEqual(json.loads(self.nocturne("note", "a", "1", "--json")), {"study": "a", "trial": 1, "note": "line\n\x1b[31mred"})
        self.nocturne("note", "a", "")
        self.assertIn("has no note", self.nocturne("note", "a"))
        self.refuse_notes()
        self.nocturne("note", "a", "9", "x", code=3)
        self.nocturne("note", "none", "x", code=3)
        self.nocturne("note", code=2)
        self.assertIn("ok", self.nocturne("doctor", "--rebuild"))
        done = subprocess.run([NOCTURNE, "note", "a", "-"], cwd=self.dir, input="from\nthe input\n", capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.ok("GET", "/studies/a/note")["text"], "from\nthe input")


if __name__ == "__main__":
    unittest.main(verbosity=2)
