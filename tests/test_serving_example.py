#!/usr/bin/env python3
"""The live example as people run it, but for its build, with smaller models and wider margins, so that fewer words decide: from a
study over an experiment, a drift and a second study to the second champion, killed on the way; what cannot be; the server alone.

NOCTURNE_BIN is the folder of the binaries. It takes the dictionary and the language model of pocketsphinx-en-us."""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from patience import PATIENCE, until

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.abspath(os.environ.get("NOCTURNE_BIN", "build/dev/bin"))
SERVING = os.path.join(ROOT, "examples", "serving")
SPHINX = "/usr/share/pocketsphinx/model/en-us"
ENVIRONMENT = {**{k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}, "PATH": BIN + ":" + os.environ["PATH"]}
NAME = "g2p-serving"
LETTERS = 500_000
MIXES = {"everyday": 3389, "names": 2435, "names+long": 3430}


def write_plans(folder):
    """Those of the example, with fewer words."""
    for name, changes in {"serving.yaml": [("trials: 20", "trials: 12")],
                          "live.yaml": [("margin: 0.05", "margin: 0.25"), ("guard: 0.1}", "guard: 0.5}"), ("learn: 400", "learn: 100"),
                                        ("step_units: 100", "step_units: 40")],
                          "watch.yaml": [("margin: 0.05", "margin: 0.25"), ("guard: 0.1}", "guard: 0.5}"), ("learn: 400", "learn: 100"),
                                         ("step_units: 100", "step_units: 40"), ("learn: 1500", "learn: 500"), ("trials: 30", "trials: 12")]
                          }.items():
        with open(os.path.join(SERVING, name), encoding="utf-8") as file:
            text = file.read()
        for old, new in changes:
            assert old in text, (name, old)
            text = text.replace(old, new)
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


class World(unittest.TestCase):
    made, data = None, None  # the folder of what all tests have

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nocturne-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for model in "small4.model", "small8.model", "large.model":
            shutil.copy(os.path.join(self.made, model), self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def text(self, name):
        with contextlib.suppress(FileNotFoundError):
            with open(self.path(name), encoding="utf-8") as file:
                return file.read()
        return ""

    def run_program(self, *command, code=0):
        done = subprocess.run(command, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done.stdout if code == 0 else done.stderr

    def traffic(self, *args):
        return self.run_program(sys.executable, "-B", os.path.join(SERVING, "traffic.py"), "--data", self.data, *args)


class Loop(World):
    def command(self, *args):
        return [sys.executable, "-B", os.path.join(SERVING, "loop.py"), "--data", self.data, "--plans", self.made, "--rate", "200",
                "--patience", str(PATIENCE), *args, self.folder]

    def start(self):
        with open(self.path("said"), "a", encoding="utf-8") as out:
            process = subprocess.Popen(self.command(), env=ENVIRONMENT, stdout=out, stderr=out)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process

    def until_said(self, words, process):
        until(words, lambda: words in self.text("said") or process.poll() is not None, explain=lambda: self.text("said"))

    def events(self):
        return list(map(json.loads, self.run_program("nocturne", "rollout", "events", NAME, "--json", "--db", "nocturne.db").splitlines()))

    def test_from_a_study_to_the_second_champion_killed_on_the_way(self):
        first = self.start()
        self.until_said("promoted: ", first)
        first.send_signal(signal.SIGKILL)
        first.wait()
        second = self.start()
        self.assertEqual(second.wait(3 * PATIENCE), 0, self.text("said"))
        self.check_events()
        self.check_words()
        self.check_nothing_runs()

    def check_events(self):
        events = self.events()
        kinds = [e["kind"] for e in events]
        self.assertEqual(kinds.count("promoted"), 2, kinds)
        self.assertGreaterEqual(kinds.count("started"), 2, kinds)  # a tuning may find nothing at first, or what does not win: people have just begun to ask other words
        order = ["started", "promoted", "watched", "drift", "evaluating", "tuning"]
        self.assertEqual(sorted(order, key=kinds.index), order)
        drift = events[kinds.index("drift")]
        self.assertGreater(drift["at_ms"], int(self.text("changed")))
        status = json.loads(self.run_program("nocturne", "rollout", "status", NAME, "--json", "--db", "nocturne.db"))
        self.assertRegex(status["champion"]["study"], rf"^{NAME}-\d+$")
        self.assertEqual(status["experiment"]["counts"]["refused"], 0)
        self.assertLess(status["champion"]["metrics"]["tokens"], 70)  # the large model's, of everyday words; it takes 85 of the others

    def check_words(self):
        said = self.text("said")
        self.assertIn("Live was large.model alone.", said)
        self.assertRegex(said, r"instead of \d+\.\d \(−\d+\.\d %, between")
        self.assertNotIn("Traceback", said)

    def check_nothing_runs(self):
        """And the same command says it again."""
        before = len(self.events())
        said = self.run_program(*self.command())
        self.assertIn("What happened, and nobody was asked:", said)
        self.assertNotIn("live: http", said)
        self.assertEqual(len(self.events()), before)

    def test_what_takes_too_long_is_said(self):
        said = self.run_program(*self.command("--patience", "2", "--rate", "1"), code=1)
        self.assertRegex(said, "not within 2 seconds")

    def test_ctrl_c_says_that_it_goes_on(self):
        first = self.start()
        self.until_said("people a second ask", first)
        first.send_signal(signal.SIGINT)
        self.assertEqual(first.wait(PATIENCE), 130, self.text("said"))
        self.assertIn("the same command goes on", self.text("said"))


class Server(World):
    def setUp(self):
        super().setUp()
        self.traffic("--write", "words", "--mix", "everyday")
        command = ["g2p_serve", "--words", "words", "--rollout", NAME, "--folder", "live", "small8.model", "large.model"]
        self.server = subprocess.Popen(command, cwd=self.folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.server.stdout.close)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.terminate)
        self.at = self.server.stdout.readline().strip()

    def call(self, method, path, body=None):
        with contextlib.closing(http.client.HTTPConnection(self.at.removeprefix("http://"), timeout=PATIENCE)) as c:
            c.request(method, path, body)
            answer = c.getresponse()
            return answer.status, answer.read()

    def say(self, word, unit="me"):
        status, body = self.call("GET", f"/say?word={word}&unit={unit}")
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def feedback(self, **body):
        return self.call("POST", "/feedback", json.dumps(body))[0]

    def test_without_rules_the_large_model_answers(self):
        answer = self.say("tomato")
        self.assertEqual((answer["id"], answer["model"], answer["variant"]), (1, "large.model", "champion"))
        self.assertRegex(answer["phones"], r"^[A-Z ]+$")
        self.assertGreater(answer["tokens"], self.say("tom")["tokens"])

    def test_what_is_no_question_is_refused(self):
        for query in ("", "word=tomato", "unit=me", "word=&unit=me", "word=Tomato&unit=me", "word=" + 49 * "a" + "&unit=me",
                      "word=a&unit=" + 128 * "u"):
            self.assertEqual(self.call("GET", "/say?" + query)[0], 400, query)
        self.assertEqual(self.call("GET", "/")[0], 404)
        self.assertEqual(self.call("POST", "/say?word=a&unit=b")[0], 404)

    def test_feedback_is_an_outcome_once(self):
        rules = {"rollout": NAME, "version": 1, "valid_ms": 10**9, "refresh_ms": 1000, "experiment": 1, "period": 0, "salt": "s-1",
                 "ranges": [[0, 1, "challenger"]], "variants": {
                     "champion": {"hash": "a" * 64, "parameters": {"model": "large.model"}},
                     "challenger": {"hash": "b" * 64, "parameters": {"model": "small8.model", "confidence": 0.02}}}}
        os.makedirs(self.path(f"live/{NAME}"), exist_ok=True)
        with open(self.path(f"live/{NAME}/ruleset.json"), "w", encoding="utf-8") as file:
            json.dump(rules, file)
        answer = until("the rules are read", lambda: (a := self.say("strawberries"))["variant"] == "challenger" and a)
        self.assertEqual(answer["model"], "small8.model")
        for bad in {"id": answer["id"]}, {"right": True}, {"id": "1", "right": True}, {"id": answer["id"], "right": 1}:
            self.assertEqual(self.feedback(**bad), 400, bad)
        self.assertEqual(self.call("POST", "/feedback", "{")[0], 400)
        for unknown in 0, -1, 10**9:
            self.assertEqual(self.feedback(id=unknown, right=True), 404)
        for _ in range(2):
            self.assertEqual(self.feedback(id=answer["id"], right=False, says="S T"), 204)
        told = [json.loads(line) for name in os.listdir(self.path(f"live/{NAME}")) if re.search(r"\.(open|jsonl)$", name)
                for line in self.text(f"live/{NAME}/{name}").splitlines()]
        self.assertEqual(len(told), 1, told)
        self.assertEqual((told[0]["unit"], told[0]["variant"], told[0]["segment"]), ("me", "challenger", "long"))
        self.assertEqual((told[0]["metrics"]["em"], told[0]["metrics"]["letters"]), (0, 12))
        self.assertAlmostEqual(told[0]["metrics"]["tokens"], answer["tokens"])

    def test_words_that_are_asked_become_the_words_that_are_judged(self):
        self.traffic("--url", self.at, "--mix", "names", "--rate", "100000", "--words", "2000")
        until("they are written", lambda: self.text("words").count("\nv ") == 2000)
        self.assertNotIn("\nt ", self.text("words"))
        said = self.run_program("g2p_judge", "--words", "words", "--model", "large.model")
        judged = json.loads(said.splitlines()[-1].removeprefix("nocturne: "))["result"]
        self.assertGreater(judged["em"], 0.3)
        self.assertEqual(judged["asked"], 0)


class Programs(World):
    def test_mixes_are_words_of_the_dictionary(self):
        for mix, n in MIXES.items():
            self.traffic("--write", "words", "--mix", mix)
            self.assertGreater(self.text("words").count("\nv "), 0.8 * n, mix)

    def test_judges_say_what_they_miss(self):
        self.traffic("--write", "words", "--mix", "long")
        for args, words in {("--model", "large.model"): "--words and --model", ("--words", "words", "--model", "none"): "none",
                            ("--words", "words", "--model", "small8.model", "--confidence", "0.5"): "--large",
                            ("--words", "large.model", "--model", "large.model"): "g2p_prep"}.items():
            self.assertIn(words, self.run_program("g2p_judge", *args, code=1))


def setUpModule():
    folder = tempfile.TemporaryDirectory(prefix="nocturne-test-")
    unittest.addModuleCleanup(folder.cleanup)
    World.made, World.data = folder.name, os.path.join(folder.name, "g2p.data")
    for command in (["g2p_prep", os.path.join(SPHINX, "cmudict-en-us.dict"), World.data],
                    ["sh", os.path.join(SERVING, "models.sh"), World.data, str(LETTERS)]):
        subprocess.run(command, check=True, cwd=World.made, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    write_plans(World.made)


if __name__ == "__main__":
    unittest.main(verbosity=2)
