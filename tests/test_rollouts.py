#!/usr/bin/env python3
"""The live side over HTTP: who may what, rollouts and their experiments, orders of two at once, rulesets, outcomes that
survive kill -9, bad bodies, a database that refuses. NOCTURNE_BIN is the folder of the binaries."""
import contextlib
import gzip
import hashlib
import http.client
import json
import os
import re
import resource
import socket
import sqlite3
import threading
import time
import unittest

from patience import PATIENCE, claim_ports
from service import STUDY, Stream, World

OPENAPI = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tuner", "service", "openapi.yaml")
CLIENTS_MAY = {("GET", "/api/v1/rollouts/{rollout}/ruleset"), ("POST", "/api/v1/rollouts/{rollout}/outcomes"),
               ("GET", "/api/v1/rollouts/{rollout}/scoring"), ("POST", "/api/v1/rollouts/{rollout}/sums"),
               ("POST", "/ofrep/v1/evaluate/flags"), ("POST", "/ofrep/v1/evaluate/flags/{key}"), ("POST", "/v1/logs"), ("POST", "/v1/traces")}

# Nobody but clients runs its trials.
TOLD = STUDY.replace('trial: {command: [sh, trial.sh, "{x}", "{k}"], grace: 1s, retries: 1, backoff: 1s}\n', "").replace(
    "files: [trial.sh]\n", "")
HALF = {"learn": 0, "ramp": [0.5], "window": "1h", "metrics": {
    "em": {"prove": "not_worse", "margin": 0.01}, "tokens": {"prove": "fewer", "saving": 0.1, "cap": 512, "marks": [10, 500]}}}


def routes():
    """(method, path, open to anybody) of the API's description."""
    out, path = [], None
    with open(OPENAPI, encoding="utf-8") as text:
        lines = list(text)
    for line in lines:
        if found := re.match(r"  (/\S*):$", line):
            path = found[1]
        elif line.startswith("components:"):
            return out
        elif path and (found := re.match(r"    (get|put|post|delete):$", line)):
            out.append([found[1].upper(), path, False])
        elif out and line.strip() == "security: []":
            out[-1][2] = True
    return out


def place(salt, unit):
    return int(hashlib.sha256(f"{salt}:{unit}".encode()).hexdigest()[:13], 16) / 2**52


class Live(World):
    """A study `s` with some trials that are complete, told by a client."""

    SERVE = ("--slots", "0")

    def setUp(self):
        super().setUp()
        self.told("s")
        self.client = self.token("client")

    def told(self, name, trials=4):
        self.create(TOLD.replace("study: s", f"study: {name}"), trial=None)
        for _ in range(trials):
            t = self.ok("POST", f"/studies/{name}/ask", {})["trials"][0]
            self.ok("POST", f"/studies/{name}/trials/{t['trial']}/tell", {"lease": t["lease"], "metrics": {"em": 0.5, "tokens": 100}})

    def try_it(self, challengers=(2,), plan=HALF, **more):
        return self.ok("POST", "/rollouts", {"study": "s", "challengers": list(challengers), "plan": plan, **more})

    def ruleset(self, name="s"):
        return self.ok("GET", f"/rollouts/{name}/ruleset", token=self.client)

    def status(self, name="s"):
        return self.ok("GET", f"/rollouts/{name}")

    def order(self, verb, body=None, name="s", **how):
        return self.call("POST", f"/rollouts/{name}/{verb}", body or {}, **how)

    def tell(self, items, name="s", **how):
        return self.call("POST", f"/rollouts/{name}/outcomes", {"outcomes": items}, token=self.client, **how)

    def refused(self, answer, status, words=""):
        self.assertEqual(answer.status, status, answer.body)
        self.assertIn(words, answer.json["detail"])


class Roles(Live):
    def test_a_client_may_ask_rollouts_and_nothing_else(self):
        self.try_it()
        all_routes = routes()
        self.assertGreater(len(all_routes), 60)
        for method, path, anybody in all_routes:
            real = re.sub(r"{[^}]*}", "s", path.replace("{order}", "pause"))
            status = self.call(method, real, token=self.client).status
            if anybody:
                self.assertEqual(status, 200, path)
            elif (method, path) in CLIENTS_MAY:
                self.assertNotIn(status, (401, 403), (method, path))
            else:
                self.assertEqual(status, 403, (method, path))
        self.assertIn("it takes a viewer or an operator", self.call("GET", "/studies", token=self.client).json["detail"])
        self.assertEqual(self.status()["experiment"]["phase"], "running")

    def test_viewers_look_and_operators_order(self):
        self.try_it()
        viewer, worker = self.token("viewer"), self.token("worker")
        table = [("GET", "", 200), ("GET", "/s", 200), ("GET", "/s/events", 200), ("GET", "/s/ruleset", 403), ("POST", "", 403),
                 ("POST", "/s/outcomes", 403), *(("POST", f"/s/{verb}", 403) for verb in ("ramp", "kill", "revive", "promote"))]
        for method, path, expected in table:
            self.assertEqual(self.call(method, "/rollouts" + path, token=viewer).status, expected, path)
            self.assertEqual(self.call(method, "/rollouts" + path, token=worker).status, 403, path)
            self.assertEqual(self.call(method, "/rollouts" + path, token=None).status, 401, path)

    def test_a_token_may_be_for_some_rollouts(self):
        self.try_it()
        self.try_it(rollout="other")
        client, viewer = self.token("client", "--study", "other"), self.token("viewer", "--study", "other,more")
        for method, rest, body in (("GET", "ruleset", None), ("POST", "outcomes", {"outcomes": []})):
            self.refused(self.call(method, f"/rollouts/s/{rest}", body, token=client), 403, "not for rollout 's'")
            self.ok(method, f"/rollouts/other/{rest}", body, token=client)
        seen = self.ok("GET", "/rollouts", token=viewer)
        self.assertEqual(([r["rollout"] for r in seen["rollouts"]], seen["total"]), (["other"], 1))
        self.assertEqual([self.call("GET", f"/rollouts/{r}", token=viewer).status for r in ("s", "other")], [403, 200])


class Watching(Live):
    PLAN = {"metrics": {"em": {}, "letters": {"range": [0, 40], "both": True}}, "learn": 100, "then": "drifted"}

    def watch(self, body, name="s", **how):
        return self.call("POST", f"/rollouts/{name}/watch", body, **how)

    def test_it_is_begun_goes_on_and_begins_anew(self):
        first = self.watch({"study": "s", "champion": 1, "plan": self.PLAN})
        self.assertEqual((first.status, first.json["champion"]["trial"], first.json["watch"]["phase"]), (200, 1, "learning"))
        self.assertEqual(first.json["watch"]["rules"]["metrics"]["letters"]["range"], [0, 40])
        self.assertIn("variants", self.ruleset())  # at once
        same = self.watch({"study": "s", "plan": json.dumps(self.PLAN)})
        self.assertEqual((same.status, same.json["version"]), (200, first.json["version"]))
        other = self.watch({"study": "s", "plan": {**self.PLAN, "learn": 200}})
        self.assertEqual((other.status, other.json["version"]), (200, first.json["version"] + 1))
        events = self.ok("GET", "/rollouts/s/events")["events"]
        self.assertEqual([e["kind"] for e in events], ["watched", "watched"])
        self.assertEqual(events[0]["by"], "first")
        answer = self.tell([{"unit": "ada", "id": "1", "variant": "champion", "metrics": {"em": 1, "letters": 8}}])
        self.assertEqual(answer.json["taken"], 1)
        self.assertEqual(self.order("unwatch").status, 200)

    def test_one_without_an_experiment_does_not_stand_still(self):
        self.watch({"study": "s", "champion": 1, "plan": {**self.PLAN, "window": "1s", "late": 0}})
        self.assertEqual(self.tell([{"unit": "ada", "variant": "champion"}]).json["taken"], 1)
        self.wait("it was looked at", lambda: self.status()["watch"]["learnt"] == 1)
        self.assertNotIn("stands still", self.read("serve.out"))

    def test_metrics_are_the_studys_if_nobody_names_any(self):
        self.create(STUDY.replace("study: s", "study: own"))
        rules = self.watch({"study": "own", "champion": {"parameters": {"x": 0.5, "k": 3}}}, "own").json["watch"]["rules"]
        self.assertEqual((sorted(rules["metrics"]), rules["fresh"], rules["then"]), (["em", "tokens"], 500, "trying"))

    def test_what_cannot_be(self):
        for status, body in [(422, {}), (422, {"study": 1}), (404, {"study": "t"}), (422, {"study": "s"}), (404, {"study": "s", "champion": 99}),
                             (422, {"study": "s", "champion": "best"}), (422, {"study": "s", "champion": {"parameters": {"x": 7, "k": 1}}}),
                             (422, {"study": "s", "champion": 1, "plan": "lern: 5"}), (422, {"study": "s", "champion": 1, "plan": {"fresh": -1}}),
                             (422, {"study": "s", "champion": 1, "plan": 1}), (422, {"study": "s", "champion": 1, "rollout": "x"})]:
            answer = self.watch(body)
            self.assertEqual(answer.status, status, (body, answer.body))
        self.assertEqual(self.ok("GET", "/rollouts")["total"], 0)
        drifted = {"plan": {"then": "drifted"}}
        self.assertEqual(self.watch({"study": "s", "champion": 1, **drifted}).status, 200)
        self.refused(self.watch({"study": "s", "champion": 2, **drifted}), 409, "serves another champion")
        self.told("other")
        self.refused(self.watch({"study": "other", **drifted}), 422, "rollout 's' is of study 's', not of 'other'")
        for role in "viewer", "worker", "client":
            self.assertEqual(self.watch({"study": "s"}, token=self.client if role == "client" else self.token(role)).status, 403)

    def test_a_study_without_a_program_is_only_watched(self):
        body = {"study": "s", "champion": 1}
        for plan in {}, {"then": "evaluating"}, {"then": "drifted", "every": "1h"}, {"then": "tuning", "command": ["sh", "other.sh"]}:
            self.refused(self.watch({**body, "plan": plan}), 422, "study 's' has no 'trial: {command: […]}'")
        self.assertEqual(self.ok("GET", "/rollouts")["total"], 0)
        for plan in {"then": "drifted"}, {"then": "evaluating", "every": "1h", "command": ["sh", "other.sh"]}:
            self.assertEqual(self.watch({**body, "plan": plan}).status, 200)

    def test_a_study_whose_agents_only_the_service_starts_is_not_tuned_anew(self):
        self.create(STUDY.replace("study: s", "study: far") + "executor: {slurm: {max_agents: 1}}\n")
        body = {"study": "far", "champion": {"parameters": {"x": 0.5, "k": 3}}}
        self.refused(self.watch(body, "far"), 422, "'executor: slurm', whose agents only 'nocturne serve' starts")
        self.assertEqual(self.watch({**body, "plan": {"then": "evaluating"}}, "far").status, 200)


class Starting(Live):
    def test_defaults(self):
        self.refused(self.call("POST", "/rollouts", {"study": "s"}), 422, "name a trial")
        begun = self.ok("POST", "/rollouts", {"study": "s", "challengers": [1]})
        self.assertEqual((begun["rollout"], begun["version"], begun["champion"]["parameters"]), ("s", 1, {"x": 0.9, "k": 5}))
        self.assertEqual((begun["experiment"]["phase"], begun["experiment"]["salt"]), ("learning", "s-1"))
        self.assertEqual(self.ok("GET", "/rollouts/s/events")["events"][0]["by"], "first")

    def test_a_plan_as_text_and_as_an_object(self):
        text = "learn: 0\nramp: [0.25]\nmetrics: {em: {prove: not_worse}}\n"
        for name, plan in (("a", text), ("b", {"learn": 0, "ramp": [0.25], "metrics": {"em": {"prove": "not_worse"}}})):
            self.assertEqual(self.try_it(rollout=name, plan=plan)["experiment"]["share"], 0.25)

    def test_several_challengers_with_parameters_of_their_own(self):
        begun = self.try_it([1, {"parameters": {"x": 0.125, "k": 7}}], champion={"parameters": {"x": 0.5, "k": 3}})
        self.assertEqual(begun["champion"]["parameters"], {"x": 0.5, "k": 3})
        self.assertNotIn("trial", begun["champion"])
        self.assertEqual(begun["experiment"]["variants"]["challenger-2"]["parameters"], {"x": 0.125, "k": 7})

    def test_what_cannot_be(self):
        good = {"study": "s", "challengers": [2]}
        for status, change in [(422, {"challengers": []}), (422, {"challengers": [1] * 9}), (422, {"challengers": ["1"]}),
                               (422, {"challengers": [{"parameters": {"x": 2, "k": 1}}]}), (422, {"challengers": [{"params": {}}]}), (404, {"challengers": [99]}),
                               (422, {"challengers": [0]}), (422, {"challengers": [2, 2]}), (422, {"champion": "best"}), (422, {"champion": True}),
                               (404, {"study": "t"}), (422, {"study": 1}), (422, {"rollout": "a/b"}), (422, {"rollout": ""}), (422, {"rollout": "all"}), (422, {"rollout": ".."}), (422, {"salt": "a:b"}),
                               (422, {"plan": "ramp: [2]"}), (422, {"plan": 1}), (422, {"plan": {"x": 1}}), (422, {"plan": "units: 10"}), (422, {"plan": {"segments": ["a", "b", "a"]}}), (422, {"more": 1})]:
            answer = self.call("POST", "/rollouts", {**good, **change})
            self.assertEqual(answer.status, status, (change, answer.body))
        for text in ("", "[]", "{", '{"study": "s", "study": "s"}'):
            self.assertEqual(self.call("POST", "/rollouts", text=text, headers={"Content-Type": "application/json"}).status, 400, text)
        self.assertEqual(self.ok("GET", "/rollouts"), {"rollouts": [], "total": 0})
        self.assertIn("plan:1", self.call("POST", "/rollouts", {**good, "plan": "ramp: [2]"}).json["detail"])

    def test_an_open_experiment_and_a_salt_that_was_used(self):
        self.try_it()
        self.refused(self.call("POST", "/rollouts", {"study": "s", "challengers": [1]}), 409, "is running")
        self.ok("POST", "/rollouts/s/stop")
        self.refused(self.call("POST", "/rollouts", {"study": "s", "challengers": [1], "salt": "s-1"}), 422, "salt")
        self.assertEqual(self.try_it([1])["experiment"]["number"], 2)
        self.assertEqual(self.ok("GET", "/rollouts/s?experiment=1")["experiment"]["phase"], "stopped")
        self.assertEqual(self.call("GET", "/rollouts/s?experiment=7").status, 404)

    def test_it_is_begun_once(self):
        key = {"Idempotency-Key": "once"}
        body = {"study": "s", "challengers": [2], "plan": HALF}
        first = self.call("POST", "/rollouts", body, headers=key)
        self.assertEqual((first.status, first.headers["Location"]), (201, "/api/v1/rollouts/s"))
        self.assertEqual(self.call("POST", "/rollouts", body, headers=key).json, first.json)
        self.kill_server()
        self.start()
        self.assertEqual(self.call("POST", "/rollouts", body, headers=key).json, first.json)
        self.refused(self.call("POST", "/rollouts", {**body, "plan": ""}, headers=key), 422)
        self.assertEqual(len(self.ok("GET", "/rollouts/s/events")["events"]), 1)


class Orders(Live):
    def test_a_life(self):
        self.try_it(plan={**HALF, "ramp": [0.1, 0.5]})
        self.refused(self.order("jump"), 404)
        self.assertEqual(self.order("ramp", {"why": "all is well"}).json["experiment"]["share"], 0.5)
        self.refused(self.order("ramp"), 409, "no step beyond")
        self.assertEqual(self.order("pause").json["experiment"]["phase"], "paused")
        self.assertEqual(self.ruleset()["ranges"], [])
        self.assertEqual(self.order("resume").json["experiment"]["phase"], "running")
        promoted = self.order("promote", {"variant": "challenger"}).json
        self.assertEqual((promoted["experiment"]["phase"], promoted["champion"]["trial"]), ("promoted", 2))
        self.refused(self.order("pause"), 409, "no experiment")
        back = self.order("rollback").json
        self.assertEqual((back["experiment"]["phase"], back["champion"]["trial"]), ("rolled back", 0))
        self.refused(self.order("rollback"), 409, "nothing that could be rolled back")
        events = self.ok("GET", "/rollouts/s/events")["events"]
        self.assertEqual([e["kind"] for e in events], ["started", "ramped", "paused", "running", "promoted", "rolled back"])
        self.assertEqual((events[1]["why"], events[1]["by"]), ("all is well", "first"))
        self.assertEqual(self.ok("GET", "/rollouts/s/events?from=3&limit=2")["events"], events[2:4])
        for body in ({"version": "1"}, {"version": -1}, {"version": 10**12 + 1}, {"share": "x"}, {"share": 1.5}, {"share": -1}, {"variant": 1}, {"why": []}, {"why": 1001 * "é"}, {"more": 1}):
            self.refused(self.order("pause", body), 422)
        self.refused(self.order("pause", name="t"), 404, "no rollout 't'")

    def test_of_two_operators_at_once_one_is_refused(self):
        version = self.try_it()["version"]
        tokens = [self.operator, self.token("operator", "--name", "second")]
        for verbs in (("pause", "stop"), ("resume", "rollback")):
            answers, threads = [], []
            for verb, token in zip(verbs, tokens):
                threads.append(threading.Thread(target=lambda v=verb, t=token: answers.append(self.order(v, {"version": version}, token=t))))
                threads[-1].start()
            for t in threads:
                t.join()
            self.assertEqual(sorted(a.status for a in answers), [200, 409])
            self.assertIn("has changed since you looked", next(a for a in answers if a.status == 409).json["detail"])
            version = self.status()["version"]
            if self.status()["experiment"]["phase"] in ("stopped", "rolled back"):
                return

    def test_kill_and_revive(self):
        self.try_it()
        self.assertEqual(self.order("kill", {"why": "it burns"}).json["killed"], "it burns")
        rules = self.ruleset()
        self.assertEqual((rules["killed"], "ranges" in rules), ("it burns", False))
        self.assertNotIn("killed", self.order("revive").json)
        self.assertEqual(self.status()["experiment"]["phase"], "paused")
        self.assertEqual(self.order("resume").status, 200)
        self.assertEqual(self.ruleset()["ranges"], [[0, 0.5, "challenger"]])

    def test_the_stream_of_all_says_that_one_has_changed(self):
        self.try_it()
        stream, mine = Stream(self), Stream(self, token=self.token("viewer", "--study", "other"))
        self.wait("readers are there", lambda: stream.is_there() and mine.is_there())
        self.order("pause")
        told = lambda s: [json.loads(b["data"]) for b in s.blocks() if b.get("event") == "rollout"]
        self.wait("it is told", lambda: told(stream))
        self.assertEqual(told(stream)[0], {"rollout": "s", "version": 2})
        self.assertEqual(told(mine), [])
        stream.close()
        mine.close()


class Rules(Live):
    def get(self, tag=None):
        return self.call("GET", "/rollouts/s/ruleset", token=self.client, headers={"If-None-Match": tag} if tag else {})

    def test_a_ruleset_has_a_tag(self):
        self.assertEqual(self.get().status, 404)
        self.try_it()
        first = self.get()
        self.assertEqual(self.get(first.headers["ETag"]).status, 304)
        self.assertEqual(self.get("*").status, 304)
        self.order("pause")
        second = self.get(first.headers["ETag"])
        self.assertEqual((second.status, second.json["version"]), (200, 2))

    def test_what_another_service_does_is_served(self):
        self.try_it()
        second, claim = self.another()
        try:
            there = lambda: self.at(second, "GET", "/rollouts/s/ruleset", token=self.client)
            self.wait("the other has it", lambda: there().status == 200)
            self.order("pause")
            self.wait("the other sees it", lambda: there().json["version"] == 2)
            self.assertEqual(self.at(second, "POST", "/rollouts/s/resume", {}).status, 200)
            self.wait("and back", lambda: self.get().json["version"] == 3)
        finally:
            claim.close()

    def another(self):
        port, claim = claim_ports()
        process = self.spawn("second", "serve", "--listen", f"127.0.0.1:{port}", *self.SERVE)
        self.wait("the other answers", lambda: self.is_there(port, process))
        return port, claim

    def is_there(self, port, process):
        self.assertIsNone(process.poll(), self.read("second.out"))
        try:
            return self.at(port, "GET", "/healthz", token=None).status == 200
        except OSError:
            return False

    def at(self, port, *args, **kw):
        mine, self.port = self.port, port
        try:
            return self.call(*args, **kw)
        finally:
            self.port = mine

    def test_units_get_what_the_rules_say_and_the_service_agrees(self):
        """Places are computed here once more; whoever has the other variant is refused."""
        self.try_it()
        rules = self.ruleset()
        items = []
        for i in range(300):
            at = place(rules["salt"], f"u{i}")
            right = next((v for lo, hi, v in rules["ranges"] if lo <= at < hi), "champion")
            items.append({"unit": f"u{i}", "variant": right, "id": "1", "experiment": 1, "period": 0, "metrics": {"em": 1, "tokens": 50}})
        self.assertEqual(self.tell(items).json, {"taken": 300, "repeated": 0, "late": 0, "left_out": 0, "refused": []})
        self.assertEqual(self.tell(items).json["repeated"], 300)
        for item in items:
            item["variant"] = "champion" if item["variant"] == "challenger" else "challenger"
        answer = self.tell(items).json
        self.assertEqual((answer["taken"], len(answer["refused"])), (0, 100))  # the first hundred
        self.assertEqual(sum(self.status()["experiment"]["periods"][0]["arrived"]), 300)


class Outcomes(Live):
    def item(self, unit, **more):
        return {"unit": unit, "variant": self.variant(unit), "id": "1", "metrics": {"em": 1, "tokens": 50}, **more}

    def variant(self, unit):
        return "challenger" if place("s-1", unit) < 0.5 else "champion"

    def test_items_are_taken_or_refused_one_by_one(self):
        self.try_it()
        now = int(time.time() * 1000)
        good = self.item("a")
        wrong = [({"unit": 1}, "unit"), ({"unit": ""}, "unit"), ({"unit": "x" * 1025}, "unit"), ({"variant": "third"}, "variant"), ({"id": None}, "id is missing"),
                 ({"metrics": {"em": 2}}, "em"), ({"metrics": {"speed": 1}}, "speed"), ({"metrics": {"em": "1"}}, "em"), ({"metrics": []}, "metrics"),
                 ({"at_ms": now + 3600000}, "future"), ({"at_ms": "now"}, "at_ms"), ({"period": 7}, "period"), ({"more": 1}, "more"),
                 ({"metrics": {"m" * 47 + "é": 1}}, "the plan has no metric 'mmm")]  # half a letter is shown as '?'
        answer = self.tell([{**good, **change} for change, _ in wrong] + [good, 7, self.item("b"), {**self.item("c"), "experiment": 9}]).json
        self.assertEqual((answer["taken"], answer["left_out"]), (2, 1))
        self.assertEqual([r["index"] for r in answer["refused"]], list(range(len(wrong))) + [len(wrong) + 1])
        for refused, (_, word) in zip(answer["refused"], wrong):
            self.assertIn(word, refused["why"])

    def test_bodies_that_are_no_outcomes(self):
        self.try_it()
        for text, status in (("", 400), ("[]", 400), ("{", 400), ('{"outcomes": [NaN', 400), ('{"outcomes": [NaN]} x', 400), ("{}", 422), ('{"outcomes": {}}', 422),
                             ('{"outcomes": [], "more": 1}', 422), (json.dumps({"outcomes": [{}] * 10001}), 422), ('{"outcomes": [' + "[" * 400000 + "]}", 400),
                             (json.dumps({"outcomes": ["x" * 1100000]}), 413)):
            answer = self.call("POST", "/rollouts/s/outcomes", text=text, headers={"Content-Type": "application/json"}, token=self.client)
            self.assertEqual(answer.status, status, (text[:40], answer.body))
        self.assertEqual(self.call("POST", "/rollouts/s/outcomes", text='{"outcomes": []}', token=self.client).status, 415)
        packed = {"headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"}, "text": gzip.compress(b'{"outcomes": []}')}
        self.refused(self.call("POST", "/rollouts/s/outcomes", token=self.client, **packed), 415, "not compressed ('gzip')")
        self.refused(self.call("PUT", "/studies/s/files/trial.sh", **packed), 415, "not compressed")
        self.refused(self.call("POST", "/rollouts/s/outcomes", {"outcomes": [], "m" * 59 + "é": 1}, token=self.client), 422, 'm?" is not known here')
        self.refused(self.tell([], name="t"), 404, "no rollout 't'")
        self.assertEqual(self.tell([]).json["taken"], 0)

    def test_one_that_is_no_json_takes_no_other_along(self):
        self.try_it()
        good = [json.dumps(self.item(f"u{i}")) for i in range(8)]
        bad = ['{"unit": "a\\u0000b", "variant": "champion"}', '{"unit": "a", "variant": "champion", "id": "\\ud800"}',
               '{"unit": "a", "variant": "champion", "id": "1", "metrics": {"em": 1%s}}' % ("0" * 400), '{"unit": "a", "expected": NaN}',
               '{"unit": "], \\"}", "metrics": {"em": 1e999}}', "{]}"]
        items = [x for pair in zip(good, bad[:5]) for x in pair] + good[5:]
        send = lambda text: self.call("POST", "/rollouts/s/outcomes", text=text, headers={"Content-Type": "application/json"}, token=self.client)
        answer = send('{"outcomes": [' + ", ".join(items) + "]}").json
        self.assertEqual((answer["taken"], [r["index"] for r in answer["refused"]]), (8, [1, 3, 5, 7, 9]))
        self.assertIn("in JSON: without NaN", answer["refused"][0]["why"])
        self.assertEqual(send('{"outcomes": [' + ", ".join(items) + "]}").json["repeated"], 8)
        for text in bad[5:]:  # nobody knows where they end
            self.assertEqual(send('{"outcomes": [' + good[0] + ", " + text + "]}").status, 400, text)
        self.assertEqual(send('{"outcomes": [' + "[NaN], " * 10000 + "1]}").status, 400)

    def test_ten_thousand_with_all_that_one_can_have_are_one_body(self):
        self.try_it()
        items = [{**self.item(f"u{i}"), "at_ms": int(time.time() * 1000), "experiment": 1, "period": 0, "segment": "s", "expected": 0.5} for i in range(6000)]
        body = json.dumps({"outcomes": items}, separators=(",", ":"))
        self.assertLess(len(body), 1 << 20)
        answer = self.call("POST", "/rollouts/s/outcomes", text=body, headers={"Content-Type": "application/json"}, token=self.client)
        self.assertEqual(answer.json["taken"], 6000)

    def send_all(self, bodies, answers):
        """Each body by one of some connections that stay; answers[i]: what was answered, None: nothing was."""
        todo, lock = list(range(len(bodies))), threading.Lock()

        def work():
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as c, \
                    contextlib.suppress(OSError, http.client.HTTPException):
                while True:
                    with lock:
                        if not todo:
                            return
                        i = todo.pop()
                    c.request("POST", "/api/v1/rollouts/s/outcomes", bodies[i], {"Content-Type": "application/json", "Authorization": "Bearer " + self.client})
                    answer = c.getresponse()
                    answers[i] = (answer.status, json.loads(answer.read()))

        threads = [threading.Thread(target=work) for _ in range(16)]
        for t in threads:
            t.start()
        return threads

    def test_kill_in_the_middle_loses_none_and_doubles_none(self):
        self.try_it()
        n, each = 600, 5
        units = [[f"u{i}-{k}" for k in range(each)] for i in range(n)]
        bodies = [json.dumps({"outcomes": [self.item(u) for u in some]}) for some in units]
        for kills in range(3):
            answers = [None] * n
            threads = self.send_all(bodies[:200 * (kills + 1)], answers)
            self.wait("some are answered", lambda: sum(a is not None for a in answers) > 40 or not any(t.is_alive() for t in threads))
            self.kill_server()
            for t in threads:
                t.join()
            self.start()
            known = [i for i in range(n) if answers[i]]
            self.assertGreater(len(known), 0)
            again = [None] * n
            for t in self.send_all([bodies[i] for i in known], again):
                t.join()
            for a in again[:len(known)]:  # whatever was answered is there
                self.assertEqual((a[0], a[1]["repeated"]), (200, each))
        answers = [None] * n
        for t in self.send_all(bodies, answers):
            t.join()
        self.assertEqual({(a[0], a[1]["taken"] + a[1]["repeated"]) for a in answers}, {(200, each)})
        e = self.status()["experiment"]
        self.assertEqual((e["counts"]["taken"], sum(e["periods"][0]["arrived"]), e["counts"]["refused"]), (n * each, n * each, 0))
        with sqlite3.connect(os.path.join(self.dir, "nocturne.db")) as db:
            self.assertEqual(db.execute("SELECT count(*), sum(outcomes) FROM unit").fetchone(), (n * each, n * each))
            self.assertEqual(db.execute("SELECT count(*) FROM outcome").fetchone(), (n * each,))

    def test_who_has_lost_his_token_or_is_gone(self):
        self.try_it()
        body = json.dumps({"outcomes": [self.item("a")]}).encode()
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall(b"POST /api/v1/rollouts/s/outcomes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
                      self.client.encode() + f"\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        self.wait("it is taken all the same", lambda: self.status()["experiment"]["counts"]["taken"] == 1)
        self.ok("DELETE", f"/tokens/{self.client.split('_')[1]}")
        self.assertEqual(self.tell([self.item("b")]).status, 401)

    def test_how_its_differences_went(self):
        self.refused(self.call("GET", "/rollouts/s/course"), 404, "no rollout 's'")
        self.try_it(plan={**HALF, "window": "1s", "late": 0, "ramp": [0.5]})
        course = self.ok("GET", "/rollouts/s/course")
        self.assertEqual((course["experiment"], course["at_ms"], [r["share"] for r in course["ramp"]]), (1, [], [0.5]))
        for i in range(3):
            self.tell([self.item(f"u{i}-{k}", metrics={"em": k % 2, "tokens": 50 + k}) for k in range(200)])
            self.wait("they are scored", lambda: self.status()["experiment"]["counts"]["scored"] == 200 * (i + 1))
            self.wait("a row more", lambda: len(self.ok("GET", "/rollouts/s/course")["at_ms"]) >= i + 2)
        course, said = self.ok("GET", "/rollouts/s/course"), self.status()["experiment"]["challengers"][0]["metrics"]
        for track, metric in zip(course["challengers"][0]["tracks"], said):
            self.assertEqual((track["metric"], track["what"]), (metric["metric"], metric["what"]))
            for key, now in (("by", metric.get("difference", metric.get("ratio"))), ("low", metric["low"]), ("high", metric["high"])):
                self.assertEqual(len(track[key]), len(course["at_ms"]))
                self.assertAlmostEqual(track[key][-1], now, 5)
        self.assertEqual((course["units"][-1], [t["line"] for t in course["challengers"][0]["tracks"]]), (600, [-0.01, 0, 0.01]))
        self.assertEqual(self.ok("GET", "/rollouts/s/course?experiment=1")["units"], course["units"])
        for query, status in (("experiment=2", 404), ("experiment=0", 422), ("experiment=x", 422)):
            self.assertEqual(self.call("GET", "/rollouts/s/course?" + query).status, status, query)

    def test_an_experiment_is_decided_by_itself(self):
        """The windows are over at once, and the service does the rest: a fall of EM is taken back."""
        plan = {**HALF, "window": "1s", "late": "1s", "ramp": [0.5]}
        self.try_it(plan=plan)
        for i in range(2000):
            if self.status()["experiment"]["phase"] != "running":
                break
            items = [{**self.item(f"u{i}-{k}"), "metrics": {"em": 0 if self.variant(f"u{i}-{k}") == "challenger" else 1, "tokens": 50}} for k in range(50)]
            self.assertEqual(self.tell(items).status, 200)
            time.sleep(0.05)
        e = self.status()["experiment"]
        self.assertEqual(e["phase"], "rolled back")
        self.assertIn("em", e["why"])
        self.assertNotIn("experiment", self.ruleset())


class Refusing(Live):
    """A database that is locked, or full."""

    def lock(self):
        db = sqlite3.connect(os.path.join(self.dir, "nocturne.db"), isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        return db

    def switch(self):
        return os.path.join(self.dir, "nocturne.db-kill")

    def test_a_kill_needs_no_database(self):
        self.try_it()
        db = self.lock()
        answer = self.order("kill")
        self.assertEqual((answer.status, answer.json["rollout"]), (202, "s"))
        self.assertEqual(self.read("nocturne.db-kill").split(), ["s"])
        self.assertEqual(self.order("kill").status, 202)
        self.assertEqual(self.read("nocturne.db-kill").split(), ["s"])
        rules = self.ruleset()
        self.assertIn("nocturne.db-kill", rules["killed"])
        self.assertNotIn("ranges", rules)
        self.assertIn("nocturne.db-kill", self.status()["killed"])
        db.execute("ROLLBACK")
        db.close()
        self.assertEqual(self.status()["experiment"]["phase"], "running")
        self.assertEqual(self.order("revive").status, 200)
        self.assertFalse(os.path.exists(self.switch()))
        self.assertEqual(self.ruleset()["ranges"], [[0, 0.5, "challenger"]])

    def test_where_nothing_can_be_written_it_is_remembered(self):
        """Neither database nor file: each write of the service fails. What is done at last is done for good."""
        self.try_it()
        most = resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (0, most))
        answer = self.order("kill")
        self.assertEqual((answer.status, answer.json["killed"]), (202, "memory"))
        self.assertIn("only until this service ends", answer.json["detail"])
        self.assertIn("only until it ends", self.ruleset()["killed"])
        self.assertNotIn("ranges", self.ruleset())
        self.assertIn("only until it ends", self.status()["killed"])
        self.assertEqual(self.order("kill").status, 202)
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (most, most))
        self.wait("it is in the file", lambda: self.read("nocturne.db-kill").split() == ["s"])
        self.assertIn("nocturne.db-kill", self.ruleset()["killed"])
        self.assertEqual(self.order("revive").status, 200)
        self.assertEqual(self.ruleset()["ranges"], [[0, 0.5, "challenger"]])

    def test_the_file_by_hand(self):
        self.try_it()
        self.try_it(rollout="other")
        tag = self.call("GET", "/rollouts/s/ruleset", token=self.client).headers["ETag"]
        self.write("nocturne.db-kill", "# tonight\n  s  # Ada\n")
        self.wait("it is seen", lambda: "killed" in self.ruleset())
        self.assertEqual(self.call("GET", "/rollouts/s/ruleset", token=self.client, headers={"If-None-Match": tag}).status, 200)
        self.assertNotIn("killed", self.ruleset("other"))
        self.write("nocturne.db-kill", "all\n")
        self.wait("all of them", lambda: "killed" in self.ruleset("other"))
        self.refused(self.order("revive"), 409, "kills all")
        os.remove(self.switch())
        self.wait("it is gone", lambda: "killed" not in self.ruleset() and "killed" not in self.ruleset("other"))
        os.mkdir(self.switch())  # whatever that means, somebody has meant something
        self.wait("it cannot be read", lambda: "killed" in self.ruleset())
        os.rmdir(self.switch())
        self.wait("it is gone", lambda: "killed" not in self.ruleset())

    def test_a_locked_database_is_said_once_and_waited_for(self):
        self.try_it()
        db = self.lock()
        self.wait("it is said", lambda: "stands still" in self.read("serve.out"))
        self.assertEqual(self.tell([{"unit": "a", "variant": "champion"}]).status, 503)
        self.assertEqual(self.ruleset()["version"], 1)
        db.execute("ROLLBACK")
        db.close()
        self.wait("it goes on", lambda: "the experiment goes on" in self.read("serve.out"))
        self.assertEqual(self.read("serve.out").count("stands still"), 1)
        self.assertEqual(self.tell([{"unit": "a", "variant": "champion"}]).status, 200)

    def test_a_full_disk(self):
        self.try_it()
        most = resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (1024, most))
        self.assertIn(self.tell([{"unit": "a", "variant": "champion"}]).status, (503, 507))
        self.assertEqual(self.order("kill").status, 202)
        self.assertIn("killed", self.ruleset())
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (most, most))
        self.wait("it is taken", lambda: self.tell([{"unit": "a", "variant": "champion"}]).status == 200)
        self.assertEqual(self.order("revive").status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
