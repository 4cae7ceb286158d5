#!/usr/bin/env python3
"""Rollouts as flags of OpenFeature: OFREP to the letter, parameters as flags of their own, tags, errors, the kill switch, a
service that cannot look after its rollouts. NOCTURNE_BIN is the folder of the binaries."""
import json
import os
import sqlite3
import unittest

from test_rollouts import HALF, TOLD, Live, place


class Flags(Live):
    def ask(self, key, body, token=None, **how):
        return self.call("POST", f"/ofrep/v1/evaluate/flags{'/' + key if key else ''}", body, token=token or self.client, **how)

    def evaluate(self, key, unit="u1"):
        answer = self.ask(key, {"context": {"targetingKey": unit, "plan": "free"}})
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def test_a_flag_has_the_variants_parameters(self):
        self.try_it(plan={**HALF, "overrides": {"ada": "challenger"}})
        rules = self.ruleset()
        seen = set()
        for i in range(200):
            got, unit = self.evaluate("s", f"u{i}"), f"u{i}"
            variant = "challenger" if place(rules["salt"], unit) < 0.5 else "champion"
            of = rules["variants"][variant]
            self.assertEqual(got, {"key": "s", "value": of["parameters"], "reason": "SPLIT", "variant": variant, "metadata": {
                "hash": of["hash"], "version": 1, "experiment": 1, "period": 0, "counted": True}})
            seen.add(variant)
        self.assertEqual(seen, {"champion", "challenger"})
        got = self.evaluate("s", "ada")
        self.assertEqual((got["variant"], got["reason"], got["metadata"]["counted"]), ("challenger", "TARGETING_MATCH", False))
        self.order("stop")
        got = self.evaluate("s")
        self.assertEqual((got["variant"], got["reason"], got["metadata"]["counted"]), ("champion", "STATIC", False))
        self.assertNotIn("experiment", got["metadata"])

    def test_each_parameter_is_a_flag(self):
        self.try_it([{"parameters": {"x": 1.0, "k": 7}}])
        units = {v: next(f"u{i}" for i in range(99) if self.evaluate("s", f"u{i}")["variant"] == v) for v in ("champion", "challenger")}
        for key, champion, challenger in (("s.x", 0.9, 1.0), ("s.k", 5, 7)):
            for variant, value in (("champion", champion), ("challenger", challenger)):
                got = self.evaluate(key, units[variant])
                self.assertEqual((got["key"], got["value"], type(got["value"]), got["variant"]), (key, value, type(value), variant))
        for key in ("s.", "s.y", "s.x.", "t", "sx", "S", "s%2Fx", "%F0%9F%8C%99"):
            answer = self.ask(key, {"context": {"targetingKey": "u"}})
            self.assertEqual((answer.status, answer.json.get("errorCode")), (404, "FLAG_NOT_FOUND"), (key, answer.body))
            self.assertIn("key", answer.json)

    def test_a_name_with_points_wins_over_a_parameter(self):
        self.try_it()
        self.assertEqual(self.evaluate("s.x")["value"], 0.9 if self.evaluate("s")["variant"] == "champion" else self.evaluate("s")["value"]["x"])
        self.try_it(rollout="s.x")
        self.assertIsInstance(self.evaluate("s.x")["value"], dict)
        self.assertIsInstance(self.evaluate("s.x.k")["value"], int)

    def test_parameters_that_only_one_variant_has(self):
        study = TOLD.replace("study: s", "study: when").replace("  k: {type: int, range: [1, 9]}\n",
                                                               "  k: {type: categorical, values: [plain, [1, 2], null, true]}\n  deep: {type: int, range: [1, 9], when: k == plain}\n")
        study = study.replace("k: 5", "k: plain, deep: 3").replace('{command: ["true"], ', "{")
        self.ok("POST", "/studies", text=study, headers={"Content-Type": "application/yaml"})
        for name, k in (("list", [1, 2]), ("null", None), ("flag", True)):
            self.ok("POST", "/rollouts", {"study": "when", "rollout": name, "plan": HALF, "challengers": [{"parameters": {"x": 0.5, "k": k}}]})
            unit = next(f"u{i}" for i in range(99) if self.evaluate(name, f"u{i}")["variant"] == "challenger")
            self.assertEqual(self.evaluate(name, unit)["value"], {"x": 0.5, "k": k})
            got = self.evaluate(name + ".deep", unit)
            self.assertNotIn("value", got)  # what the client's code says
            self.assertEqual(got["variant"], "challenger")
            got = self.evaluate(name + ".k", unit)
            self.assertEqual(got.get("value"), k)

    def test_what_is_no_context(self):
        self.try_it()
        table = [("", "PARSE_ERROR"), ("{", "PARSE_ERROR"), ("[]", "PARSE_ERROR"), ('{"context": {"targetingKey": "a"}, "context": {}}', "PARSE_ERROR"),
                 ("{}", "INVALID_CONTEXT"), ('{"context": 1}', "INVALID_CONTEXT"), ('{"context": null}', "INVALID_CONTEXT"),
                 ('{"context": {}}', "TARGETING_KEY_MISSING"), ('{"context": {"targetingKey": ""}}', "TARGETING_KEY_MISSING"),
                 ('{"context": {"targetingKey": null}}', "TARGETING_KEY_MISSING"), ('{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
                 ('{"context": {"targetingKey": "a\\u0000b"}}', "PARSE_ERROR"), (json.dumps({"context": {"targetingKey": "x" * 1025}}), "INVALID_CONTEXT")]
        for key in ("s", ""):
            for text, code in table:
                answer = self.ask(key, None, text=text, headers={"Content-Type": "application/json"})
                self.assertEqual((answer.status, answer.json["errorCode"]), (400, code), (text[:50], answer.body))
                self.assertTrue(answer.json["errorDetails"])
                self.assertEqual(answer.json.get("key"), key or None)
        self.assertEqual(self.ask("s", {"context": {"targetingKey": "x" * 1024, "more": [1, {"a": None}]}, "other": 1}).status, 200)
        self.assertEqual(self.ask("s", {"context": {"targetingKey": "a", "more": "x" * 70000}}).status, 413)
        self.assertEqual(self.call("GET", "/ofrep/v1/evaluate/flags/s", token=self.client).status, 405)

    def test_all_at_once_with_a_tag(self):
        self.try_it()
        self.try_it(rollout="other")
        body = {"context": {"targetingKey": "u1"}}
        first = self.ask("", body)
        self.assertEqual([f["key"] for f in first.json["flags"]], ["other", "other.k", "other.x", "s", "s.k", "s.x"])
        for flag in first.json["flags"]:
            self.assertEqual(flag, self.evaluate(flag["key"]))
        tag = {"If-None-Match": first.headers["ETag"]}
        again = self.ask("", body, headers=tag)
        self.assertEqual((again.status, again.body), (304, b""))
        others = [self.ask("", {"context": {"targetingKey": f"u{i}"}}, headers=tag).status for i in range(20)]
        self.assertIn(200, others)  # another unit has other variants
        self.order("pause")
        self.assertEqual(self.ask("", body, headers=tag).status, 200)
        only = self.token("client", "--study", "other")
        self.assertEqual([f["key"] for f in self.ask("", body, token=only).json["flags"]], ["other", "other.k", "other.x"])
        self.assertEqual([self.ask(k, body, token=only).status for k in ("other", "other.x", "s", "s.x", "t")], [200, 200, 403, 403, 404])

    def test_the_kill_switch(self):
        self.try_it()
        for _ in range(2):
            self.order("kill")
            got = self.evaluate("s")
            self.assertEqual((got["variant"], got["reason"], got["metadata"]["counted"]), ("champion", "DISABLED", False))
            self.order("revive")
            self.order("resume")
        self.assertEqual(self.evaluate("s")["reason"], "SPLIT")
        self.write("nocturne.db-kill", "s\n")
        self.wait("the file is seen", lambda: self.evaluate("s.x")["reason"] == "DISABLED")
        self.assertNotIn("experiment", self.evaluate("s")["metadata"])
        os.remove(os.path.join(self.dir, "nocturne.db-kill"))
        self.wait("it is gone", lambda: self.evaluate("s")["reason"] == "SPLIT")

    def test_it_needs_no_database(self):
        """While somebody holds the database, and while its file is gone, everybody is answered."""
        self.try_it()
        db = sqlite3.connect(os.path.join(self.dir, "nocturne.db"), isolation_level=None)
        db.execute("BEGIN EXCLUSIVE")
        before = self.evaluate("s")
        self.assertEqual(self.order("kill").status, 202)
        self.assertEqual(self.evaluate("s")["reason"], "DISABLED")
        db.execute("ROLLBACK")
        db.close()
        self.order("revive")
        self.assertEqual(self.evaluate("s")["value"], before["value"])

    def test_after_a_start_nothing_is_missing(self):
        self.try_it()
        for _ in range(3):
            self.kill_server()
            self.start()
            answer = self.ask("s", {"context": {"targetingKey": "u1"}})
            self.assertIn(answer.status, (200, 503))  # never: there is no such flag
            self.wait("it is read", lambda: self.ask("s", {"context": {"targetingKey": "u1"}}).status == 200)

    def test_after_a_start_who_asks_does_not_wait_for_what_has_gathered(self):
        """Nothing can be scored yet, since somebody else writes: what the database says is served all the same."""
        self.try_it()
        before = self.evaluate("s")
        self.kill_server()
        db = sqlite3.connect(os.path.join(self.dir, "nocturne.db"), isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        self.start()
        self.wait("it is read", lambda: self.ask("s", {"context": {"targetingKey": "u1"}}).status == 200)
        self.assertEqual(self.evaluate("s"), before)
        db.execute("ROLLBACK")
        db.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
