#!/usr/bin/env python3
"""Real clients of OpenFeature, in Python (openfeature-sdk and openfeature-provider-ofrep of PyPI) and JavaScript
(@openfeature/server-sdk and ofrep-provider of npm), ask a running service: the same values, variants, reasons and errors.

Run by the interpreter of build/bench-venv. NOCTURNE_BIN is the folder of the binaries, OPENFEATURE_JS the one where
openfeature/client.mjs lies with its packages."""
import json
import os
import subprocess
import unittest

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

from patience import PATIENCE
from test_rollouts import HALF, TOLD, Live

STUDY = TOLD.replace("study: s", "study: g2p").replace(
    "  k: {type: int, range: [1, 9]}\n", "  k: {type: int, range: [1, 9]}\n  mode: {type: categorical, values: [fast, exact]}\n  cache: {type: categorical, values: [true, false]}\n").replace(
    "k: 5", "k: 5, mode: exact, cache: false")
CHALLENGER = {"x": 0.25, "k": 7, "mode": "fast", "cache": True}
CHAMPION = {"x": 0.9, "k": 5, "mode": "exact", "cache": False}


class OpenFeature(Live):
    def setUp(self):
        super().setUp()
        self.ok("POST", "/studies", text=STUDY, headers={"Content-Type": "application/yaml"})
        self.ok("POST", "/rollouts", {"study": "g2p", "plan": HALF, "challengers": [{"parameters": CHALLENGER}]})
        self.units = {}
        for i in range(99):
            got = self.call("POST", "/ofrep/v1/evaluate/flags/g2p", {"context": {"targetingKey": f"u{i}"}}, token=self.client).json
            self.units.setdefault(got["variant"], f"u{i}")

    def python(self, token=None):
        api.set_provider(OFREPProvider(f"http://127.0.0.1:{self.port}", headers_factory=lambda: {"Authorization": "Bearer " + (token or self.client)},
                                       timeout=PATIENCE))
        return api.get_client()

    def javascript(self, questions, token=None):
        folder = os.environ["OPENFEATURE_JS"]
        done = subprocess.run(["node", os.path.join(folder, "client.mjs"), f"http://127.0.0.1:{self.port}", token or self.client], input=json.dumps(questions),
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def check_python(self, variant, parameters, reason, counted):
        client, who = self.python(), EvaluationContext(self.units[variant])
        table = [(client.get_object_details("g2p", {}, who), parameters), (client.get_float_details("g2p.x", -1.0, who), parameters["x"]),
                 (client.get_integer_details("g2p.k", -1, who), parameters["k"]), (client.get_string_details("g2p.mode", "", who), parameters["mode"]),
                 (client.get_boolean_details("g2p.cache", not parameters["cache"], who), parameters["cache"])]
        for got, value in table:
            self.assertEqual((got.value, got.reason, got.error_code), (value, reason, None), got)
            self.assertEqual(got.flag_metadata["counted"], counted)
        return table[0][0]

    def check_javascript(self, variant, parameters, reason, counted):
        who = {"targetingKey": self.units[variant], "plan": "free"}
        answers = self.javascript([["object", "g2p", {}, who], ["number", "g2p.x", -1, who], ["number", "g2p.k", -1, who],
                                   ["string", "g2p.mode", "", who], ["boolean", "g2p.cache", not parameters["cache"], who]])
        for got, value in zip(answers, [parameters, *(parameters[k] for k in ("x", "k", "mode", "cache"))]):
            self.assertEqual((got["value"], got["reason"], got.get("errorCode")), (value, reason, None), got)
            self.assertEqual(got["flagMetadata"]["counted"], counted)
        return answers[0]

    def test_both_get_what_is_served(self):
        for variant, parameters in (("champion", CHAMPION), ("challenger", CHALLENGER)):
            python = self.check_python(variant, parameters, "SPLIT", True)
            javascript = self.check_javascript(variant, parameters, "SPLIT", True)
            self.assertEqual((python.variant, python.flag_metadata), (variant, javascript["flagMetadata"]))
            self.assertEqual(javascript["variant"], variant)
            self.assertEqual(set(python.flag_metadata), {"experiment", "period", "hash", "version", "counted"})
        self.order("promote", name="g2p")
        for check in (self.check_python, self.check_javascript):
            check("champion", CHALLENGER, "STATIC", False)
        self.order("kill", name="g2p")
        for check in (self.check_python, self.check_javascript):
            check("challenger", CHALLENGER, "DISABLED", False)

    def test_both_get_their_own_value_when_something_is_wrong(self):
        who = {"targetingKey": "u1"}
        table = [("object", "nothing", who, "FLAG_NOT_FOUND"), ("number", "g2p.speed", who, "FLAG_NOT_FOUND"), ("object", "g2p", {}, "TARGETING_KEY_MISSING"),
                 ("boolean", "g2p.mode", who, "TYPE_MISMATCH"), ("object", "g2p", {"targetingKey": "x" * 2000}, "INVALID_CONTEXT")]
        usual = {"object": {"a": 1}, "number": 17, "boolean": True}
        for got, (kind, _, _, code) in zip(self.javascript([[kind, key, usual[kind], context] for kind, key, context, _ in table]), table):
            self.assertEqual((got["value"], got.get("errorCode"), got["reason"]), (usual[kind], code, "ERROR"), got)
        client = self.python()
        ask = {"object": client.get_object_details, "number": client.get_integer_details, "boolean": client.get_boolean_details}
        for kind, key, context, code in table:
            got = ask[kind](key, usual[kind], EvaluationContext(context.get("targetingKey")))
            self.assertEqual((got.value, got.error_code.value, got.reason), (usual[kind], code, "ERROR"), got)

    def test_both_need_a_token_for_it(self):
        viewer, other = self.token("viewer"), self.token("client", "--study", "other")
        for token in (viewer, other, "noct_" + "0" * 12 + "_" + "0" * 64):
            got = self.javascript([["number", "g2p.k", 17, {"targetingKey": "u1"}]], token)[0]
            self.assertEqual((got["value"], got["errorCode"]), (17, "GENERAL"))
            got = self.python(token).get_integer_details("g2p.k", 17, EvaluationContext("u1"))
            self.assertEqual((got.value, got.error_code.value), (17, "GENERAL"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
