#!/usr/bin/env python3
"""The live side over HTTP: who may what, rollouts and their experiments, orders of two at once, rulesets, outcomes that
survive kill -9, bad bodies, a database that refuses. NOCTURNE_BIN is the folder of the binaries."""
import os
import re
import unittest

from service import World

OPENAPI = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tuner", "service", "openapi.yaml")
CLIENTS_MAY = {("GET", "/api/v1/rollouts/{rollout}/ruleset"), ("POST", "/api/v1/rollouts/{rollout}/outcomes"),
               ("POST", "/ofrep/v1/evaluate/flags"), ("POST", "/ofrep/v1/evaluate/flags/{key}"), ("POST", "/v1/logs"), ("POST", "/v1/traces")}


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


class Roles(World):
    SERVE = ("--slots", "0")

    def test_a_client_may_ask_rollouts_and_nothing_else(self):
        client, all_routes = self.token("client"), routes()
        self.assertGreater(len(all_routes), 60)
        for method, path, anybody in all_routes:
            status = self.call(method, re.sub(r"{[^}]*}", "s", path), token=client).status
            if anybody:
                self.assertEqual(status, 200, path)
            elif (method, path) in CLIENTS_MAY:
                self.assertNotIn(status, (401, 403), (method, path))
            else:
                self.assertEqual(status, 403, (method, path))
        self.assertIn("it takes a viewer or an operator", self.call("GET", "/studies", token=client).json["detail"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
