#!/usr/bin/env python3
"""The running service against its own OpenAPI document: schemathesis generates requests, good and bad, for every
operation and checks every answer: status, content type, schema, that bad data is refused and good data is not, that no
operation answers without a token.

Run by the interpreter of build/bench-venv (schemathesis is from PyPI). NOCTURNE_BIN is the folder of the binaries.
"""
import os
import subprocess
import sys
import unittest

from patience import PATIENCE
from service import STUDY, World

CLIENTS = STUDY.replace("study: s", "study: clients").replace('trial: {command: [sh, trial.sh, "{x}", "{k}"], grace: 1s, '
                                                              "retries: 1, backoff: 1s}\n", "")
CLIENTS = CLIENTS.replace("files: [trial.sh]\n", "").replace("trials: 12", "trials: 100000")

HOOKS = '''
import schemathesis

@schemathesis.hook
def before_call(context, case, kwargs):
    """The stream of events must end some time; the studies of the test stay."""
    if case.operation.path.endswith("/events") and "/rollouts/" not in case.operation.path and case.method == "GET":
        case.query = dict(case.query or {}, follow="false")
'''


# A grammar within a text, or a configuration that is none of this study's, is more than a schema can say: 422 (400 for
# numbers beyond 64 bits). A tag that is known, "*" say: 304.
CONFIG = """[checks]
positive_data_acceptance.expected-statuses = ["2xx", "304", "401", "403", "404", "409", "400", "422", "503"]

[[operations]] # outcomes are refused one by one, in an answer that is 200
include-name = "POST /api/v1/rollouts/{rollout}/outcomes"
checks.negative_data_rejection.enabled = false
"""


# The second pass meets a study and a trial that are there.
THERE = """
[parameters]
study = "clients"
trial = 1
rollout = "clients"
key = "clients.x"
"""


class Api(World):
    SERVE = ("--slots", "0", "--rate", "100000", "--tries", "1000000")

    def run_schemathesis(self, config, *more):
        self.write("hooks.py", HOOKS)
        self.write("schemathesis.toml", config)
        command = [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run",
                   f"http://127.0.0.1:{self.port}/api/v1/openapi.yaml", "--url", f"http://127.0.0.1:{self.port}",
                   "-H", f"Authorization: Bearer {self.operator}", "--max-examples",
                   os.environ.get("SCHEMATHESIS_EXAMPLES", "20"), "--seed", "1", "--request-timeout", str(PATIENCE),
                   "--continue-on-failure", "--no-color", *more]
        done = subprocess.run(command, cwd=self.dir, capture_output=True, text=True, timeout=10 * PATIENCE,
                              env=dict(os.environ, SCHEMATHESIS_HOOKS="hooks", PYTHONPATH=self.dir))
        print(done.stdout[-int(os.environ.get("SHOW", "600")):], file=sys.stderr)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-3000:])
        self.assertEqual(self.call("GET", "/healthz", token=None).status, 200)
        self.assertIsNone(self.server.poll())

    def test_every_operation_does_what_the_document_says(self):
        self.create()
        self.ok("POST", "/studies", text=CLIENTS, headers={"Content-Type": "application/yaml"})
        for one in self.ok("POST", "/studies/clients/ask", {"count": 14})["trials"]:
            if one["trial"] != 1:  # which stays open; the others are enough for a model
                self.ok("POST", f"/studies/clients/trials/{one['trial']}/tell",
                        {"lease": one["lease"], "metrics": {"em": 0.5 + 0.1 * one["params"]["x"], "tokens": 10}})
        self.ok("POST", "/rollouts", {"study": "clients", "challengers": [2]})
        self.run_schemathesis(CONFIG + THERE, "--exclude-path", "/api/v1/studies/{study}/stop",
                              "--exclude-path", "/api/v1/studies/{study}/pause", "--exclude-method", "DELETE")
        self.run_schemathesis(CONFIG)


if __name__ == "__main__":
    unittest.main(verbosity=2)
