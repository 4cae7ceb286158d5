#!/usr/bin/env python3
"""`nocturne watch` and `loop` on a real small study, whose program reads a file that says how the world is: when that
changes, what is live is worse, and what follows is done by real processes: run again, tuned anew, tried, promoted;
killed in each phase and gone on with; each step that waits for a person; what is told; wrong inputs.

NOCTURNE_BIN is the folder of the binaries.
"""
import contextlib
import hashlib
import json
import math
import os
import random
import re
import signal
import sqlite3
import sys
import time
import unittest

import test_cli
from patience import PATIENCE, until

STUDY = """study: s      # as somebody wrote it
trial: {command: [sh, trial.sh, "{x}"], timeout: 1h, grace: 1s}
parameters:
  x: {type: float, range: [0, 1]}
metrics:
  em: {goal: maximize, kind: proportion, of: 200}
  tokens: {goal: minimize, kind: count}
# plain
baseline: {x: 0.55}
references: {high: {x: 0.7}}
objective: {weights: {em: 0.9, tokens: 0.1}}
budget: {trials: 8}
confirm: {top: 1, seeds: 2}
search: {sampler: gp, seed: 3}
workers: {local: 2}
"""
# It waits while there is a gate; em falls with the distance to what the world wants.
TRIAL = """while [ -e gate ]; do sleep 0.02; done
[ -e broken ] && { echo broken >&2; exit 1; }
awk -v x="$1" -v o="$(cat world)" -v s="$NOCTURNE_SEED" 'BEGIN { srand(s); e = 0.9 - 2 * (x - o)^2 + (rand() - 0.5) * 0.01;
    printf "nocturne: {\\"result\\": {\\"em\\": %.4f, \\"tokens\\": %d}}\\n", e < 0 ? 0 : e, 1000 + s % 2 }'
"""
PLAN = """metrics: {em: {}, tokens: {amount: true}}
window: 1s
late: 1s
learn: 300
careful: true
run_length: 1000000
fresh: 0
trials: 12
experiment:
  metrics: {em: {prove: not_worse, margin: 0.05, effect: 0.3, guard: 0.2}, tokens: {prove: nothing, goal: minimize, range: [0, 1000], guard: 500}}
  window: 1s
  late: 1s
  ramp: [0.5]
  step_units: 50
  learn: 20
  promote: auto
"""


def place(salt, unit):
    return int(hashlib.sha256(f"{salt}:{unit}".encode()).hexdigest()[:13], 16) / 2**52


class World(test_cli.World):
    def setUp(self):
        super().setUp()
        self.write("study.yaml", STUDY)
        self.write("trial.sh", TRIAL)
        self.write("watch.yaml", PLAN)
        self.world(0.2)
        self.random = random.Random(7)
        self.units = 0
        self.process = None

    def world(self, optimum):
        self.write("world.new", f"{optimum}\n")
        os.rename(os.path.join(self.dir, "world.new"), os.path.join(self.dir, "world"))
        self.optimum = optimum

    def path(self, name):
        return os.path.join(self.dir, name)

    def shut(self):
        self.write("gate", "")

    def open(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("gate"))

    def watch(self, *args):
        """In the background; its output goes to a file, so that no pipe fills up."""
        with open(self.path("watch.log"), "a") as log:
            env = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
            self.process = test_cli.subprocess.Popen([test_cli.NOCTURNE, "watch", *args], cwd=self.dir, env=env, stdout=log, stderr=log)
        self.addCleanup(self.process.kill)

    def log(self):
        return test_cli.read(self.path("watch.log")) if os.path.exists(self.path("watch.log")) else ""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(PATIENCE), 4)
        self.assertNotIn("Sanitizer", self.log())

    def loop(self):
        return self.json("loop", "s")["loops"][0]

    def phase(self):
        return self.loop()["phase"]

    def until_phase(self, *names):
        return until(f"the watch is {' or '.join(names)}", lambda: (p := self.phase()) in names and p, explain=self.log)

    def events(self, kind=None):
        lines = self.run_nocturne("rollout", "events", "s", "--json")[0].splitlines()
        return [e for e in map(json.loads, lines) if kind in (None, e["kind"])]

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.dir}/nocturne.db?mode=ro", uri=True, timeout=PATIENCE)) as db:
            return db.execute(sql).fetchall()

    def studies(self):
        return sorted(name for name, in self.query("SELECT name FROM study"))

    def trials_of(self, study):
        return self.json("trials", study)["trials"]

    def serve(self, n):
        """So many users come now, get what the rules say, and what they do is told."""
        rules = json.loads(self.run_nocturne("rollout", "ruleset", "s")[0])
        lines = []
        for _ in range(n):
            self.units += 1
            unit, variant = f"user-{self.units}", "champion"
            for low, high, name in rules.get("ranges", []):
                if low <= place(rules["salt"], unit) < high:
                    variant = name
            x = rules["variants"][variant]["parameters"]["x"]
            em = int(self.random.random() < max(0.9 - 2 * (x - self.optimum) ** 2, 0))
            item = {"unit": unit, "id": unit, "variant": variant, "at_ms": int(time.time() * 1000), "metrics": {"em": em, "tokens": 100 + self.units % 7}}
            for key in "experiment", "period":
                if key in rules:
                    item[key] = rules[key]
            lines.append(json.dumps(item))
        self.run_nocturne("rollout", "outcomes", "s", stdin="\n".join(lines) + "\n")

    def serve_until(self, what, condition, n=100):
        """People keep coming."""
        def served():
            if condition():
                return True
            self.serve(n)
            return False
        until(what, served, explain=self.log)

    def study(self):
        self.run_nocturne("run", "study.yaml", "-q")

    def drifted(self, *args):
        """What is usual is learnt, then the world changes."""
        self.watch("s", "--plan", "watch.yaml", *args)
        until("it watches", lambda: os.path.exists(self.path("nocturne.db")) and self.query("SELECT * FROM rollout"), explain=self.log)
        self.serve_until("what is usual is known", lambda: self.phase() != "learning", 300)
        self.world(0.8)
        self.serve_until("an alarm", lambda: self.events("drift"))


class Unattended(World):
    def test_from_drift_to_a_new_champion(self):
        self.study()
        before = self.loop_is_missing()
        self.drifted("--ask", "none", "--notify", self.notify())
        self.serve_until("an experiment", lambda: self.loop()["experiment"])
        loop = self.loop()
        self.assertEqual((loop["phase"], loop["alarm"]), ("trying", 1))
        self.assertAlmostEqual(loop["usual"]["em"], 0.9, delta=0.06)
        self.assertLess(loop["lately"]["em"], 0.6)
        self.serve_until("a new champion", lambda: self.events("promoted"), 200)
        self.serve_until("what is usual now is learnt", lambda: self.phase() == "watching", 300)
        after = self.loop()
        self.assertLess(abs(after["champion"]["parameters"]["x"] - 0.8), 0.25)
        self.assertEqual(after["champion"]["study"], "s-2")
        self.assertGreater(after["usual"]["em"], 0.7)
        self.interrupt()
        self.assertIsNone(before)
        self.check_story()
        self.check_told()

    def loop_is_missing(self):
        self.assertIn("there is no rollout yet", self.run_nocturne("loop", code=3)[1])

    def notify(self):
        """A channel that writes into a file; the file must be ours alone."""
        self.write("notify.yaml", f"channels:\n  file: {{command: [sh, -c, 'cat >>{self.path('told')}; echo >>{self.path('told')}']}}\n")
        os.chmod(self.path("notify.yaml"), 0o600)
        return "notify.yaml"

    def check_story(self):
        kinds = [e["kind"] for e in self.events()]
        order = ["watched", "drift", "drifted", "evaluating", "begun", "tuning", "started", "running", "promoted", "watching"]
        at = [kinds.index(kind) for kind in order]
        self.assertEqual(at, sorted(at), kinds)
        self.assertEqual(self.studies(), ["s", "s-2", "s-watch"])
        text = test_cli.read(self.path("s-2.yaml"))
        self.assertIn("study: s-2\nwarm_start: [s]\n", text)
        self.assertIn("# plain\n", text)
        self.assertNotIn("references", text)
        evidence = self.events("evaluating")[0]["evidence"]
        self.assertEqual(evidence["seeds"], 2)
        champion, others = evidence["configurations"][0], evidence["configurations"][1:]
        self.assertEqual((champion["what"], len(others)), ("the champion", 2))
        self.assertLess(champion["now"]["em"], champion["was"]["em"] - 0.2)
        ran = [t for t in self.trials_of("s-watch") if t["state"] == "complete"]
        self.assertEqual(len(ran), 6)
        self.assertEqual(len({t["seed"] for t in ran}), 2)  # who is compared has the same seeds
        self.assertEqual(len(self.trials_of("s")), 8 + 2 * 3)  # what the first study has found stays as it was
        warm = self.json("status", "s-2")["studies"][0]
        self.assertEqual(warm["phase"], "complete")

    def check_told(self):
        told = [json.loads(line) for line in test_cli.read(self.path("told")).splitlines() if line.startswith("{")]
        drift = [t for t in told if t["kind"] == "drift"]
        self.assertEqual(len([t for t in drift if t["sentence"].startswith("what is live has drifted: em has become worse")]), 1)
        self.assertEqual(len([t for t in drift if t["sentence"].startswith("a challenger is the champion now")]), 1)
        self.assertEqual(len({t["key"] for t in drift}), len(drift))
        self.assertTrue(any(t["kind"] == "end" and t["study"] == "s-2" for t in told))

    def test_what_was_found_before_is_tried_at_once(self):
        """Another trial of the study does in the new world what the champion did in the old: no tuning."""
        self.write("study.yaml", STUDY.replace("trials: 8", "trials: 16").replace("sampler: gp", "sampler: sobol"))
        self.study()
        self.world(0.8)
        best = min((t for t in self.trials_of("s") if t["role"] == "search"), key=lambda t: abs(t["params"]["x"] - 0.8))
        self.world(0.2)
        self.write("watch.yaml", PLAN + "top: 20\n")
        self.drifted("--ask", "none")
        self.serve_until("an experiment", lambda: self.loop()["experiment"])
        self.assertIn(f"trial {best['trial']} does as well as it did", self.events("evaluating")[0]["why"])
        self.assertEqual(self.studies(), ["s", "s-watch"])
        variants = self.loop()["experiment"]["variants"]
        self.assertEqual(variants["challenger"]["trial"], best["trial"])
        self.interrupt()

    def test_who_is_worse_for_sure_is_not_run_on_all_seeds(self):
        self.write("study.yaml", STUDY.replace("trials: 8", "trials: 16").replace("sampler: gp", "sampler: sobol"))
        self.study()
        self.write("watch.yaml", PLAN + "top: 20\nseeds: 12\nthen: evaluating\n")
        self.watch("s", "--plan", "watch.yaml", "--ask", "none")
        until("it watches", lambda: "watched" in self.log())
        self.serve_until("what is usual is known", lambda: self.phase() != "learning", 300)
        self.world(0.45)  # some others do better now, others worse
        self.serve_until("evaluated", lambda: self.events("evaluating"), 300)
        event = self.events("evaluating")[0]
        evidence = event["evidence"]
        champion, others = evidence["configurations"][0], evidence["configurations"][1:]
        self.assertEqual((evidence["seeds"], champion["seeds"]), (12, 12))
        gone = [c for c in others if "gone" in c]
        self.assertTrue(gone)
        self.assertTrue(all(c["now"]["em"] < champion["now"]["em"] - 0.01 for c in gone))
        self.assertTrue(all(c["seeds"] == 12 for c in others if c["now"]["em"] >= champion["now"]["em"]))
        for c in gone:
            self.assertIn(f"; {c['what']}: worse than the champion, for sure, after {c['seeds']} of 12 seeds", event["why"])
        ran = [t["seed"] for t in self.trials_of("s-watch") if t["state"] == "complete"]
        self.assertEqual((len(ran), len(set(ran))), (sum(c["seeds"] for c in evidence["configurations"]), 12))
        self.interrupt()

    def test_runs_of_the_program_find_it_too(self):
        self.study()
        self.watch("s", "--every", "1s", "--run-length", "1000", "--then", "evaluating", "--ask", "none")
        until("learnt", lambda: os.path.exists(self.path("watch.log")) and len([1 for l in self.log().splitlines() if "evaluated" in l]) > 4, explain=self.log)
        self.world(0.8)
        until("evaluated", lambda: self.events("evaluating"), explain=self.log)
        self.assertEqual(self.studies(), ["s", "s-watch"])  # no further than it was told
        until("it learns anew", lambda: self.phase() in ("learning", "watching"))
        self.interrupt()
        first = self.events("evaluated")[0]
        self.assertEqual(first["items"], 200)
        self.assertAlmostEqual(first["metrics"]["em"], 0.9, delta=0.05)

    def test_another_command_instead_of_the_program(self):
        self.write("other.sh", 'echo "nocturne: {\\"result\\": {\\"em\\": 0.75, \\"tokens\\": $1$2}}"; test "$NOCTURNE_PARAM_X" = "$3"\n')
        self.study()
        self.run_nocturne("watch", "s", "--every", "1h", "--once", "--command", "sh", "other.sh", "{seed}", "0", "{x}")
        self.assertIn("  no search: what is live is run again here; ", self.run_nocturne("status", "s-watch")[0])
        self.assertNotIn("winner", self.run_nocturne("status", "s-watch")[0])
        self.assertIn("winner", self.run_nocturne("status", "s")[0])
        seed = [t["seed"] for t in self.trials_of("s-watch")]
        self.assertEqual(self.events("evaluated")[0]["metrics"], {"em": 0.75, "tokens": seed[0] * 10})
        self.run_nocturne("watch", "s", "--once")  # not due again, and the same plan goes on
        self.assertEqual(len(self.events("evaluated")), 1)
        self.assertEqual(len(self.events("watched")), 1)


# Says 400 items, in an order of the seed's; of each is known how hard it is. Who is far from what the world wants waits after
# 300 of them, for ever: unless it is stopped.
ITEMS = """import hashlib, sys, time
import nocturne
x, o = float(sys.argv[1]), float(open("world").read())
em = 0.9 - 2 * (x - o) ** 2
right = 0
for n, k in enumerate(nocturne.shuffled(range(400))):
    hard = int(hashlib.sha256(b"%d" % k).hexdigest()[:8], 16) / 2**32
    right += hard < em
    nocturne.item(k, em=hard < em, loss=hard)
    while n == 300 and em < EM and not nocturne.should_stop():
        time.sleep(0.01)
    if nocturne.should_stop():
        sys.exit()
nocturne.result(em=right / 400, tokens=1000)
"""


# Of s-watch the champion runs first, on each seed.
ONLY_ON_THE_SECOND_SEED = """right = 0
import os
study, trial, seed = (os.environ["NOCTURNE_" + name] for name in ("STUDY", "TRIAL", "SEED"))
if (study, trial) == ("s-watch", "1"):
    open("second", "w").write(seed)
elif study == "s-watch" and em < 0.7:
    if os.path.exists("second") and open("second").read() == seed:
        open("waits", "w")
        while os.path.exists("gate"):
            time.sleep(0.01)
    else:
        em = 0.8
"""


class Items(World):
    def setUp(self):
        super().setUp()
        self.write("trial.py", ITEMS.replace("EM", "-1"))
        self.write("study.yaml", STUDY.replace("trials: 8", "trials: 16").replace("sampler: gp", "sampler: sobol").replace(
            'command: [sh, trial.sh, "{x}"]', f'command: [{sys.executable}, -S, trial.py, "{{x}}"]'))
        os.environ["PYTHONPATH"] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../workers/sdk/python/src")
        self.addCleanup(os.environ.pop, "PYTHONPATH")
        self.study()

    def drifts(self, seeds, program):
        self.write("watch.yaml", PLAN + f"top: 20\nseeds: {seeds}\nthen: evaluating\n")
        self.watch("s", "--plan", "watch.yaml", "--ask", "none")
        until("it watches", lambda: "watched" in self.log())
        self.serve_until("what is usual is known", lambda: self.phase() != "learning", 300)
        self.write("trial.py", program)
        self.world(0.45)  # some others do better now, others worse

    def evaluated(self, seeds, program=ITEMS.replace("EM", "0.6")):
        self.drifts(seeds, program)
        self.serve_until("evaluated", lambda: self.events("evaluating"), 300)
        event = self.events("evaluating")[0]
        self.interrupt()
        return event

    def test_what_is_said_of_items_is_kept(self):
        rows = self.run_nocturne("show", "s", "0", "--items")[0].splitlines()
        self.assertEqual((rows[0], len(rows)), ("id,em,loss", 401))
        self.assertEqual({row.split(",")[0] for row in rows[1:]}, {str(k) for k in range(400)})
        em = sum(float(row.split(",")[1]) for row in rows[1:]) / 400
        self.assertEqual(em, self.trials_of("s")[0]["metrics"]["em"])
        lines = [json.loads(line) for line in self.run_nocturne("show", "s", "0", "--items", "--json")[0].splitlines()]
        self.assertEqual([f"{line['id']},{line['metrics']['em']:g},{line['metrics']['loss']:.17g}" for line in lines],
                         [f"{a},{b},{float(c):.17g}" for a, b, c in (row.split(",") for row in rows[1:])])
        self.assertIn("no trial 999", self.run_nocturne("show", "s", "999", "--items", code=3)[1])
        self.assertIn("run it there, with --db FILE, and without --url",
                      self.run_nocturne("show", "s", "0", "--items", "--url", "https://localhost:1", "--token-file", "none", code=2)[1])

    def test_who_is_worse_for_sure_is_stopped_amid_its_items(self):
        event = self.evaluated(2)
        champion, others = event["evidence"]["configurations"][0], event["evidence"]["configurations"][1:]
        gone = [c for c in others if "gone" in c]
        is_far = lambda params: 0.9 - 2 * (params["x"] - 0.45) ** 2 < 0.6
        self.assertTrue(all(c in gone and c["seeds"] == 1 for c in others if is_far(c["parameters"])))
        self.assertTrue(all(c["seeds"] == 2 and c["now"]["em"] >= champion["now"]["em"] - 0.15 for c in others if c not in gone))
        for c in gone:
            self.assertRegex(c["gone"], r"^em is worse than the champion's, for sure, after \d+ of 400 items$")
            self.assertIn(f"; {c['what']}: {c['gone']}", event["why"])
        far = [t for t in self.trials_of("s-watch") if is_far(t["params"])]
        self.assertTrue(far)
        self.assertEqual({t["state"] for t in far}, {"pruned"})  # else it would still wait
        said = self.run_nocturne("show", "s-watch", str(far[0]["trial"]), "--items")[0].splitlines()
        self.assertLessEqual(len(said), 302)

    def test_items_of_which_nothing_is_compared_leave_it_to_the_seeds(self):
        event = self.evaluated(12, ITEMS.replace("em=hard < em, ", "").replace("EM", "-1"))
        gone = [c for c in event["evidence"]["configurations"] if "gone" in c]
        self.assertTrue(gone)
        for c in gone:
            self.assertEqual(c["gone"], f"worse than the champion, for sure, after {c['seeds']} of 12 seeds")

    def test_killed_on_the_second_seed_what_ran_there_is_compared_again(self):
        self.shut()
        self.drifts(2, ITEMS.replace("right = 0", ONLY_ON_THE_SECOND_SEED).replace("EM", "0.6"))
        self.serve_until("it is worse on the second seed", lambda: os.path.exists(self.path("waits")), 300)
        self.kill()
        self.open()
        self.watch("s")
        until("evaluated", lambda: self.events("evaluating"), explain=self.log)
        again = [t for t in self.trials_of("s-watch") if t["attempts"] > 1]
        self.assertTrue(again)
        self.assertEqual({t["state"] for t in again}, {"pruned"})
        self.interrupt()

    def test_killed_amid_the_items_it_goes_on(self):
        self.drifts(0, ITEMS.replace("for n, k in", "import os\nif os.environ['NOCTURNE_STUDY'] == 's-watch': open('ran', 'a').write('1\\n')\nfor n, k in").replace("EM", "0.6"))
        self.serve_until("an alarm", lambda: self.events("drift"), 300)
        ran = 0
        while not self.events("evaluating"):
            ran += 1
            until("one more has run", lambda: self.events("evaluating") or (
                os.path.exists(self.path("ran")) and len(test_cli.read(self.path("ran")).splitlines()) >= 3 * ran), explain=self.log)
            self.kill()
            self.watch("s")
        evidence = self.events("evaluating")[0]["evidence"]
        self.assertGreater(ran, 1)
        trials = self.trials_of("s-watch")
        self.assertEqual(len({(t["params"]["x"], t["seed"]) for t in trials}), len(trials))  # none twice
        gone = [c for c in evidence["configurations"] if "gone" in c]
        self.assertTrue(gone)
        self.assertEqual(len(self.events("evaluating")), 1)
        self.interrupt()


class Asking(World):
    def test_each_step_waits_for_a_person(self):
        self.study()
        self.drifted("--ask", "evaluating,tuning,trying")
        for step in "evaluating", "tuning", "trying":
            until(f"{step} waits", lambda: self.loop()["phase"] == step and self.loop()["asked"], explain=self.log)
            self.assertIn(f"{step} waits for you: 'nocturne rollout approve s', or decline", self.loop()["next"])
            self.assertIn(f"next: {step} waits for you: ", self.run_nocturne("rollout", "status", "s")[0])
            self.assertEqual(self.events(step), [])
            self.run_nocturne("rollout", "approve", "s")
        self.serve_until("an experiment", lambda: self.loop()["experiment"])
        self.assertIn("nothing waits", self.run_nocturne("rollout", "approve", "s", code=1)[1])
        self.interrupt()

    def test_somebody_says_no(self):
        """Nothing is tuned, and the same command goes on with what is usual now."""
        self.study()
        self.drifted("--ask", "evaluating")
        until("it waits", lambda: self.loop()["phase"] == "evaluating" and self.loop()["asked"], explain=self.log)
        self.run_nocturne("rollout", "decline", "s", "--why", "a holiday")
        self.assertEqual((self.loop()["phase"], self.loop()["asked"]), ("learning", False))
        self.assertEqual(self.events("declined")[0]["why"], "a holiday")
        self.serve_until("it is watched again", lambda: self.loop()["phase"] == "watching" and self.json("rollout", "status", "s")["watch"]["seen"] > 100)
        self.assertEqual(self.studies(), ["s"])
        self.interrupt()
        watch = self.json("rollout", "status", "s")["watch"]  # nothing drifts: the evidence is far below an alarm, and its logarithm is not
        self.assertAlmostEqual(self.loop()["alarm"], math.exp(watch["log_r"]) / watch["rules"]["run_length"])
        self.assertGreater(watch["log_r"] / math.log(watch["rules"]["run_length"]), 2 * self.loop()["alarm"])

    def test_an_alarm_waits_for_units_that_came_after_it(self):
        self.write("watch.yaml", PLAN.replace("fresh: 0", "fresh: 400"))
        self.study()
        self.drifted("--ask", "none", "--then", "evaluating")
        self.assertEqual(self.phase(), "drifted")
        self.assertRegex(self.loop()["next"], r"\d+ of 400 units from after the alarm are there; with all of them the champion is run again \('nocturne rollout approve s'")
        self.assertEqual(self.studies(), ["s"])  # nothing was run yet
        self.serve_until("evaluated", lambda: self.events("evaluating"), 150)
        drift, drifted = self.events("drift")[0], self.events("drifted")[0]
        asked = self.query(f"SELECT count(*) FROM unit WHERE at_ms >= {drift['at_ms']} AND at_ms <= {drifted['at_ms']}")[0][0]
        self.assertGreaterEqual(asked, 400)
        self.interrupt()

    def test_unwatched_it_ends(self):
        self.study()
        self.watch("s", "--plan", "watch.yaml")
        until("it watches", lambda: "watched" in self.log())
        self.assertIn("is watched by another process", self.run_nocturne("watch", "s", "--once", code=4)[1])
        self.run_nocturne("rollout", "unwatch", "s")
        self.assertEqual(self.process.wait(PATIENCE), 3)
        self.assertIn("nobody watches rollout 's'", self.log())
        self.assertIn("nobody watches", self.run_nocturne("loop", "s")[0])


class Killed(World):
    def until_running(self, study, n):
        def running():
            if study not in self.studies():
                return 0
            return self.query(f"SELECT count(*) FROM event e JOIN study s ON s.id = e.study WHERE s.name = '{study}' AND e.kind = 4")[0][0] >= n
        until(f"{n} trials of {study} run", running, explain=self.log)

    def test_kill_9_in_each_phase(self):
        """Nothing that was done is done twice, and no study is there twice."""
        self.study()
        self.watch("s", "--plan", "watch.yaml", "--ask", "none")
        until("it watches", lambda: "watched" in self.log())
        self.serve(200)
        self.kill()  # while it learns
        self.watch("s", "--plan", "watch.yaml", "--ask", "none")
        self.serve_until("what is usual is known", lambda: self.phase() != "learning", 300)
        self.assertEqual(len(self.events("watched")), 1)
        self.kill()  # while it watches
        self.shut()
        self.world(0.8)
        self.serve_until("an alarm, by the ticks of those who tell outcomes", lambda: self.events("drift"))
        self.assertEqual(self.phase(), "drifted")
        self.watch("s")
        self.until_running("s-watch", 2)
        self.kill()  # while the champion and others are run again
        self.open()
        self.watch("s")
        until("they have been run", lambda: self.events("evaluating"), explain=self.log)
        self.shut()
        self.assertEqual(sum(t["state"] == "complete" for t in self.trials_of("s-watch")), 6)
        self.assertEqual(len(self.trials_of("s-watch")), 6)
        until("the new study has begun", lambda: "s-2" in self.studies(), explain=self.log)
        self.until_running("s-2", 1)
        text = test_cli.read(self.path("s-2.yaml"))
        self.kill()  # while it is tuned
        self.open()
        self.watch("s")
        until("an experiment", lambda: self.loop()["experiment"], explain=self.log)
        self.kill()  # while it is tried
        self.assertEqual((self.studies(), test_cli.read(self.path("s-2.yaml"))), (["s", "s-2", "s-watch"], text))
        self.assertEqual(len(self.events("begun")), 1)
        searched = [t for t in self.trials_of("s-2") if t["role"] != "confirm"]
        self.assertEqual((len(searched), {t["state"] for t in searched}), (12, {"complete"}))
        self.watch("s")
        self.serve_until("a new champion", lambda: self.events("promoted"), 200)
        self.serve_until("learnt", lambda: self.phase() in ("learning", "watching"))
        self.interrupt()
        self.assertEqual(len(self.events("started")), 1)
        for kind in "drift", "evaluating", "tuning", "promoted":
            self.assertEqual(len(self.events(kind)), 1, kind)

    def test_killed_before_the_file_is_written(self):
        """The study's name is noted, and then nothing."""
        self.study()
        self.drifted("--ask", "tuning")
        until("it waits", lambda: self.loop()["asked"], explain=self.log)
        self.write("s-2.yaml", "somebody else's\n")
        self.kill()
        self.run_nocturne("rollout", "approve", "s")
        self.run_nocturne("watch", "s", "--once", "-q")
        self.assertEqual(self.studies(), ["s", "s-3", "s-watch"])  # a name that nobody has
        self.assertEqual(test_cli.read(self.path("s-2.yaml")), "somebody else's\n")


class Wrong(World):
    def refused(self, words, *args, code=2):
        self.assertIn(words, self.run_nocturne("watch", *args, code=code)[1])

    def test_what_is_wrong_is_said(self):
        self.refused("nocturne.db", "s", code=3)
        self.write("study.yaml", STUDY.replace("top: 1, seeds: 2", "top: 0, seeds: 0"))
        self.study()
        self.refused("no study 't'", "t", code=3)
        self.refused("fresh seeds have not confirmed it", "s")
        self.refused("no trial 99", "s", "--champion", "99", code=3)
        self.refused("'soon' is not a duration", "s", "--champion", "1", "--every", "soon")
        self.refused("--then: 'dance' is none of", "s", "--champion", "1", "--then", "dance")
        self.refused("--ask: 'drifted' is none of", "s", "--champion", "1", "--ask", "tuning,drifted")
        self.refused("--trials", "s", "--champion", "1", "--trials", "0")
        self.refused("--run-length", "s", "--champion", "1", "--run-length", "2")
        self.write("bad.yaml", "learn: 500\nrun_lenght: 5\n")
        self.refused("bad.yaml:2:1: unknown key 'run_lenght' in 'the watch'; did you mean 'run_length'?", "s", "--champion", "1", "--plan", "bad.yaml")
        self.refused("none.yaml", "s", "--champion", "1", "--plan", "none.yaml", code=3)
        self.refused("a rollout's name has", "s", "--champion", "1", "--rollout", "a b")
        self.assertEqual(self.query("SELECT * FROM rollout"), [])

    def test_a_rollout_that_is_there(self):
        self.study()
        self.run_nocturne("watch", "s", "--once")
        self.refused("serves another champion already", "s", "--champion", "1", code=1)
        self.write("other.yaml", STUDY.replace("study: s ", "study: other "))
        self.run_nocturne("run", "other.yaml", "-q")
        self.refused("rollout 's' is of study 's', not of 'other'", "other", "--rollout", "s")
        self.run_nocturne("watch", "--rollout", "s", "--once")  # the study is known by it
        self.assertIn("holds 2 studies", self.run_nocturne("watch", code=2)[1])

    def test_a_study_without_a_range(self):
        self.write("study.yaml", STUDY.replace("kind: proportion, of: 200", "kind: value").replace("kind: count", "kind: value"))
        self.study()
        self.refused("no metric that can be watched without a range", "s")

    def test_a_program_that_fails(self):
        self.study()
        self.write("broken", "")
        self.run_nocturne("watch", "s", "--every", "1h", "--once")
        event = self.events("evaluated")[0]
        self.assertEqual(event["metrics"], {})
        self.assertIn("exit code 1: broken", event["why"])
        self.assertEqual(self.loop()["lately"], {})

    def test_a_study_that_finds_nothing_better(self):
        self.study()
        self.drifted("--ask", "none", "--trials", "1")
        until("tuned in vain", lambda: self.events("tuning"), explain=self.log)
        self.assertIn("no best yet" if "no best" in self.events("tuning")[0]["why"] else "beats its baseline", self.events("tuning")[0]["why"])
        self.serve_until("the new usual is learnt", lambda: self.phase() == "watching", 300)
        self.assertIsNone(self.loop()["experiment"])
        self.assertLess(self.loop()["usual"]["em"], 0.6)
        self.interrupt()

    def test_programs_that_cannot_be_run_again(self):
        self.study()
        self.write("watch.yaml", PLAN)
        self.watch("s", "--plan", "watch.yaml", "--ask", "none")
        until("it watches", lambda: "watched" in self.log())
        self.serve_until("what is usual is known", lambda: self.phase() != "learning", 300)
        self.write("broken", "")
        self.world(0.8)
        self.serve_until("given up", lambda: self.events("evaluating"))
        self.assertRegex(self.events("evaluating")[0]["why"], "^the champion could not be run again: .*exit code 1: broken")
        self.assertEqual(self.studies(), ["s", "s-watch"])
        self.interrupt()


class Once(World):
    def test_what_was_said_is_not_said_again(self):
        self.study()
        self.assertRegex(self.run_nocturne("watch", "s", "--once")[0], "^[0-9: -]+  s: watched: by .+\n$")
        self.assertEqual(self.run_nocturne("watch", "s", "--once")[0], "")
        self.assertIn("watched: ", self.run_nocturne("watch", "s", "--once", "--top", "2")[0])  # another plan
        self.assertEqual(self.run_nocturne("watch", "s", "--once", "--top", "2")[0], "")
        said = self.run_nocturne("watch", "s", "--once", "--every", "1h", "--top", "2")[0].splitlines()
        self.assertEqual([re.search(" s: ([a-z]+)", line)[1] for line in said], ["watched", "evaluated"])
        self.assertEqual(self.run_nocturne("watch", "s", "--once", "--json")[0], "")


class Picture(World):
    def test_it_fits_and_says_all(self):
        self.study()
        self.run_nocturne("watch", "s", "--every", "1h", "--once")
        for text in self.run_nocturne("loop")[0], self.run_nocturne("loop", "s")[0]:
            for word in "live     trial", "usual    em 0.", "drift    learning what is usual: 200 of 600 units", "[learning]", "next     watched after 400 more units; the champion is run again at", "evaluated: em 0.":
                self.assertIn(word, text)
        self.assertTrue(all(len(line) <= 80 for line in text.splitlines()[10:]), text)
        self.assertIn("no rollout 'nobody'", self.run_nocturne("loop", "nobody", code=3)[1])


if __name__ == "__main__":
    unittest.main()
