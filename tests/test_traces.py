#!/usr/bin/env python3
"""OTLP in, at a running service: what is traced already becomes outcomes; what waits for others survives kill -9; one process
of a database takes it; what is refused and how. NOCTURNE_BIN is the folder of the binaries."""
import contextlib
import gzip
import json
import os
import sqlite3
import time
import unittest

from patience import claim_ports
from test_rollouts import HALF, Live, place


def attributes(**values):
    kind = {str: "stringValue", int: "intValue", float: "doubleValue"}
    return [{"key": k.replace("__", "."), "value": {kind[type(v)]: str(v) if isinstance(v, int) else v}} for k, v in values.items()]


def log(name, trace, **values):
    return {"timeUnixNano": str(time.time_ns()), "eventName": name, "traceId": trace, "spanId": "00000000000000aa", "attributes": attributes(**values)}


def logs(*records):
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {"name": "test"}, "logRecords": list(records)}]}]}


def span(trace, parent=None, **values):
    now = time.time_ns()
    return {"traceId": trace, "spanId": "00000000000000bb" if parent else "00000000000000cc", "name": "chat", "kind": 3, "startTimeUnixNano": str(now),
            "endTimeUnixNano": str(now), "attributes": attributes(**values), **({"parentSpanId": "00000000000000cc"} if parent else {})}


def spans(*all_spans):
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "test"}, "spans": list(all_spans)}]}]}


class Traces(Live):
    def flag(self, unit, trace):
        variant = "challenger" if place("s-1", unit) < 0.5 else "champion"
        return log("feature_flag.evaluation", trace, feature_flag__key="s", feature_flag__context__id=unit, feature_flag__result__variant=variant,
                   feature_flag__result__reason="split")

    def score(self, value, trace):
        return log("gen_ai.evaluation.result", trace, gen_ai__evaluation__name="em", gen_ai__evaluation__score__value=value)

    def send(self, signal, body, **how):
        return self.call("POST", "/v1/" + signal, body, token=how.pop("token", self.client), **how)

    def taken(self):
        return self.status()["experiment"]["counts"]["taken"]

    def arrived(self):
        return sum(self.status()["experiment"]["periods"][0]["arrived"])

    def test_flags_and_scores_become_outcomes(self):
        self.try_it()
        for i in range(4):
            answer = self.send("logs", logs(self.flag(f"u{i}", f"{i + 1:032x}"), self.score(1, f"{i + 1:032x}")))
            self.assertEqual((answer.status, answer.json), (200, {}), answer.body)
        self.assertEqual((self.arrived(), self.taken()), (4, 8))  # served, and what came of it
        foreign = [log("something.else", "f" * 32), log("feature_flag.evaluation", "e" * 32, feature_flag__key="theirs", feature_flag__context__id="u", feature_flag__result__variant="on")]
        self.assertEqual(self.send("logs", logs(*foreign)).json, {})
        self.assertEqual(self.arrived(), 4)

    def test_what_waits_survives_kill(self):
        self.try_it()
        trace = "a" * 32
        self.assertEqual(self.send("logs", logs(self.score(1, trace))).status, 200)  # whose is it?
        self.assertEqual(self.send("traces", spans(span(trace, parent=True, gen_ai__usage__input_tokens=30, gen_ai__usage__output_tokens=5))).status, 200)
        self.kill_server()
        self.start()
        self.assertEqual(self.send("logs", logs(self.flag("u1", trace))).status, 200)
        self.assertEqual((self.arrived(), self.taken()), (1, 2))
        self.assertEqual(self.send("traces", spans(span(trace))).status, 200)  # its first span has ended
        self.kill_server()
        self.start()
        self.wait("its tokens are told, half a minute later", lambda: self.taken() == 3)
        self.assertEqual(self.send("logs", logs(self.flag("u1", trace), self.score(1, trace))).status, 200)
        self.assertEqual((self.arrived(), self.taken()), (1, 3))  # nothing twice

    def test_what_is_refused(self):
        self.try_it()
        for text, status in (("", 400), ("[]", 400), ("{", 400), ('{"resourceLogs": 1}', 400), ("{}", 200)):
            answer = self.send("logs", None, text=text, headers={"Content-Type": "application/json"})
            self.assertEqual(answer.status, status, (text, answer.body))
        for signal in ("logs", "traces"):
            self.refused(self.send(signal, None, text=b"\x0a\x00", headers={"Content-Type": "application/x-protobuf"}), 415, "application/json")
            self.refused(self.send(signal, None, text=gzip.compress(b"{}"), headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}), 415, "compress")
        self.refused(self.send("logs", {}, token=self.token("client", "--study", "s")), 403, "without --study")
        broken = self.score(1, "b" * 32)
        broken["traceId"] = "no trace"
        answer = self.send("logs", logs(self.score(1, "c" * 32), broken)).json
        self.assertEqual(answer["partialSuccess"]["rejectedLogRecords"], "1")

    def test_what_cannot_be_read_takes_no_other_along(self):
        self.try_it()
        records = [self.flag(f"u{i}", "abcd"[i] * 32) for i in range(4)]
        records[1]["attributes"][1]["value"]["stringValue"] = "u\0"
        records[2]["attributes"][1]["value"]["stringValue"] = "u\ud83d"
        records[0]["attributes"] += attributes(prompt="cut in the middle of \ud83d")
        answer = self.send("logs", logs(*records))
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json["partialSuccess"]["rejectedLogRecords"], "2")
        self.assertIn("log record 1: feature_flag.context.id", answer.json["partialSuccess"]["errorMessage"])
        self.assertEqual(self.arrived(), 2)
        usage = span("a" * 32, gen_ai__usage__input_tokens=30, gen_ai__usage__output_tokens=5, gen_ai__prompt="\ud83d")
        self.assertEqual(self.send("traces", spans(usage, span("no trace\0", gen_ai__usage__input_tokens=1))).json["partialSuccess"]["rejectedSpans"], "1")
        self.wait("its tokens are told", lambda: self.taken() == 3)

    def test_without_an_experiment_it_does_not_stand_still(self):
        plan = {"metrics": {"em": {}, "tokens": {"amount": True}}, "learn": 100, "then": "drifted"}
        self.ok("POST", "/rollouts/s/watch", {"study": "s", "champion": 1, "plan": plan})
        self.assertEqual(self.send("traces", spans(span("a" * 32, gen_ai__usage__input_tokens=30))).json, {})
        with contextlib.closing(sqlite3.connect(os.path.join(self.dir, "nocturne.db"))) as db:
            self.wait("it is added up", lambda: db.execute("SELECT count(*) FROM otlp_waiting WHERE body LIKE '%settled%'").fetchone()[0])
        self.assertNotIn("stands still", self.read("serve.out"))

    def test_one_process_takes_it(self):
        self.try_it()
        port, claim = claim_ports()
        second = self.spawn("second", "serve", "--listen", f"127.0.0.1:{port}", *self.SERVE)
        first, self.port = self.port, port
        self.wait("the other answers", lambda: second.poll() is None and self.is_there())
        self.port = first
        self.assertEqual(self.send("logs", logs(self.flag("u1", "a" * 32))).status, 200)
        self.port = port
        self.refused(self.send("logs", logs(self.flag("u2", "b" * 32))), 503, "another process")
        self.kill_server()
        self.wait("the right is free", lambda: self.send("logs", logs(self.flag("u2", "b" * 32))).status == 200)
        claim.close()

    def is_there(self):
        try:
            return self.call("GET", "/healthz", token=None).status == 200
        except OSError:
            return False


if __name__ == "__main__":
    unittest.main(verbosity=2)
