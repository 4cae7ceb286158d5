#!/usr/bin/env python3
"""Stages from outside: small programs that leave files and folders, count how often they run, fail, lie and are told lies.

Each run of a stage's program adds a line to a file outside the study. NOCTURNE_BIN is the folder of the binaries.
"""
import csv
import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
import tomllib
import unittest

import test_cli

# What each stage's program begins with; {ran} is where it says that it runs.
HEAD = """import json, os, sys
E = os.environ
STAGE, OUT, IN, TRIAL = E["NOCTURNE_STAGE"], E["NOCTURNE_OUTPUT"], E.get("NOCTURNE_INPUT"), int(E["NOCTURNE_TRIAL"])
P = json.load(open(E["NOCTURNE_PARAMS"]))
with open({ran!r}, "a") as ran:
    ran.write(json.dumps(dict(stage=STAGE, trial=TRIAL, args=sys.argv[1:], params=P, took={{}} if IN is None else IN,
                              env={{k: v for k, v in E.items() if k.startswith("NOCTURNE_")}})) + "\\n")
def say(**message):
    print("nocturne: " + json.dumps(message), flush=True)
def leave(text):
    with open(OUT, "w") as out:
        out.write(text)
def taken(path=IN):
    return open(path).read() if path else ""
"""
# What it does besides, unless a test has another.
BODY = """leave(taken() + STAGE + json.dumps(P) + E["NOCTURNE_SEED"] + "\\n")
say(result={"tokens": {"a": 1000, "b": 100, "c": 10}[STAGE], "em": 0.5 + 0.01 * len(STAGE) + P.get("z", 0) / 10})
"""
STAGES = """  a: {command: [PY, -S, stage.py, "{x}", "{output}"], parameters: [x]}
  b: {command: [PY, -S, stage.py, "{y}", "{input}"], parameters: [y]}
  c: {command: [PY, -S, stage.py, "{args}", "{input}"], parameters: [z]}
"""
STUDY = """study: s
trial: {retries: 0, grace: 1s, backoff: 1s}
stages:
%s
parameters:
  x: {type: int, range: [1, 4]}
  y: {type: int, range: [1, 4]}
  z: {type: float, range: [0, 1]}
metrics: {em: {goal: maximize, kind: proportion, of: 1000}, tokens: {goal: minimize, kind: count}}
baseline: {x: 1, y: 1, z: 0.5}
objective: {weights: {em: 0.7, tokens: 0.3}}
budget: {trials: %d}
confirm: {top: 0, seeds: 0}
search: {sampler: sobol, seed: 3}
workers: {local: 1}
%s
"""


def points(*each):
    """A study's references: configurations that are run besides the baseline, in this order."""
    return "references:\n" + "".join(f"  r{i}: {{x: {x}, y: {y}, z: {z}}}\n" for i, (x, y, z) in enumerate(each, 1))


class World(test_cli.World):
    def setUp(self):
        super().setUp()
        outside = tempfile.TemporaryDirectory(prefix="nocturne-outside-")
        self.addCleanup(outside.cleanup)
        self.ran, self.gate = os.path.join(outside.name, "ran"), os.path.join(outside.name, "gate")
        self.checkpoints = os.path.join(self.dir, "nocturne.files/s/checkpoints")
        self.program(BODY)

    def program(self, body, name="stage.py"):
        self.write(name, HEAD.format(ran=self.ran) + body.replace("GATE", self.gate))

    def study(self, stages=STAGES, trials=1, more="", change=lambda text: text):
        self.write("study.yaml", change((STUDY % (stages, trials, more)).replace("PY", sys.executable)))

    def go(self, *args, code=0):
        return self.run_nocturne("run", "study.yaml", "--quiet", *args, code=code)

    def runs(self, stage=None):
        """What was run until now, in this order."""
        if not os.path.exists(self.ran):
            return []
        with open(self.ran, encoding="utf-8") as ran:
            return [r for r in map(json.loads, ran) if stage in (None, r["stage"])]

    def order(self):
        return "".join(r["stage"] for r in self.runs())

    def log(self, event=None):
        return [e for e in map(json.loads, self.run_nocturne("log", "s", "--json")[0].splitlines()) if event in (None, e["event"])]

    def stages(self, trial):
        return {s["stage"]: s for s in self.json("lineage", "s", str(trial))["stages"]}

    def path(self, trial, stage):
        """Where the checkpoint lies that a trial's stage has left."""
        return os.path.join(self.checkpoints, self.stages(trial)[stage]["digest"])

    def states(self):
        return [t["state"] for t in self.trials()]

    def reason(self, trial=0):
        return self.run_nocturne("show", "s", str(trial))[0]

    def sound(self, missing=False):
        out, _ = self.run_nocturne("doctor", "--rebuild", code=1 if missing else 0)
        self.assertIn("what is missing is run again where it is needed" if missing else "the log is legal and says what is shown", out)
        self.assertIn("all as they were", self.run_nocturne("replay", "s")[0])


class Reuse(World):
    def test_what_follows_from_the_same_is_run_once(self):
        for slots in "1", "2":
            shutil.rmtree(os.path.join(self.dir, "nocturne.files"), ignore_errors=True)
            for name in (self.ran, *(os.path.join(self.dir, n) for n in os.listdir(self.dir) if n.startswith("nocturne.db"))):
                if os.path.exists(name):
                    os.remove(name)
            self.study(trials=6, more=points((1, 1, 0.25), (1, 2, 0.5), (2, 1, 0.5), (1, 1, 0.75), (2, 1, 0.125)))
            self.go("--slots", slots)
            self.assertEqual([(t["state"], t["metrics"]["tokens"]) for t in self.trials()], [("complete", 1110)] * 6)
            self.assertEqual(sorted(r["params"]["x"] for r in self.runs("a")), [1, 2])
            self.assertEqual(len(self.runs("b")), 3)
            self.assertEqual(sorted(r["params"]["z"] for r in self.runs("c")), [0.125, 0.25, 0.5, 0.5, 0.5, 0.75])
            seed = str(self.trials()[0]["seed"])
            self.assertEqual({str(t["seed"]) for t in self.trials()}, {seed})
            for trial in self.trials():
                p, c = trial["params"], self.path(trial["trial"], "c")
                self.assertEqual(test_cli.read(c), f'a{{"x": {p["x"]}}}{seed}\nb{{"y": {p["y"]}}}{seed}\nc{{"z": {p["z"]}}}{seed}\n')
            rows = [json.loads(line) for line in self.run_nocturne("export", "--format", "jsonl")[0].splitlines()]
            self.assertEqual(sum(r["charged"] for r in rows), 2 * 1000 + 3 * 100 + 6 * 10)
            self.assertIn("2360 tokens spent", self.run_nocturne("status")[0])
            self.sound()
        before = self.order()
        self.go()
        self.assertEqual(self.order(), before)  # the same command again has nothing to do

    def test_a_configuration_that_was_there_costs_nothing(self):
        """The same parameters once more: the whole pipeline is taken over."""
        self.study(trials=1)
        self.go()
        self.study(trials=2)
        self.run_nocturne("enqueue", "s", "x=1", "y=1", "z=0.5")
        self.go()
        self.assertEqual(self.order(), "abc")
        self.assertEqual(self.trials()[1]["metrics"], self.trials()[0]["metrics"])
        self.assertEqual(self.json("lineage", "s", "1")["charged"], 0)
        self.sound()

    def test_what_a_program_is_given(self):
        self.study()
        self.go()
        a, b, c = self.runs()
        for run, stage, params in ((a, "a", {"x": 1}), (b, "b", {"y": 1}), (c, "c", {"z": 0.5})):
            self.assertEqual((run["stage"], run["params"]), (stage, params))
            named = {k: v for k, v in run["env"].items() if k.startswith("NOCTURNE_PARAM_")}
            self.assertEqual(named, {f"NOCTURNE_PARAM_{k.upper()}": str(v) for k, v in params.items()})
            self.assertEqual(run["env"]["NOCTURNE_STAGE"], stage)
        self.assertEqual(a["args"], ["1", a["env"]["NOCTURNE_OUTPUT"]])
        self.assertNotIn("NOCTURNE_INPUT", a["env"])
        self.assertEqual(b["args"], ["1", self.path(0, "a")])
        self.assertEqual((b["env"]["NOCTURNE_INPUT"], b["env"]["NOCTURNE_INPUT_A"]), (self.path(0, "a"),) * 2)
        self.assertNotIn("NOCTURNE_INPUT_A", c["env"])
        self.assertEqual(c["args"], ["--z", "0.5", self.path(0, "b")])
        self.assertEqual(len({r["env"]["NOCTURNE_SEED"] for r in (a, b, c)}), 1)
        self.assertEqual(len({r["env"]["NOCTURNE_DIR"] for r in (a, b, c)}), 3)
        self.assertEqual(os.stat(self.path(0, "a")).st_mode & 0o222, 0)  # what is given is read only

    def test_inputs_by_name_in_their_order(self):
        self.program("leave('+'.join(taken(p) for p in sys.argv[2:]) + STAGE + sys.argv[1])\nsay(result={'tokens': 1, 'em': .5})\n")
        self.study("""  one-way: {command: [PY, -S, stage.py, "{x}"], parameters: [x]}
  two: {command: [PY, -S, stage.py, "{y}"], parameters: [y], input: []}
  three: {command: [PY, -S, stage.py, "{z}", "{input}", "{input.one-way}", "{input.two}"], parameters: [z], input: [two, one-way]}
""")
        self.go()
        three = self.runs("three")[0]
        self.assertEqual(test_cli.read(self.path(0, "three")), "two1+one-way1+two1three0.5")
        self.assertEqual([three["env"][f"NOCTURNE_INPUT{n}"] for n in ("", "_ONE_WAY", "_TWO")], [self.path(0, s) for s in ("two", "one-way", "two")])
        self.assertEqual([s["from"] for s in self.json("lineage", "s", "0")["stages"]], [[], [], ["two", "one-way"]])

    def test_a_stage_that_does_not_exist_hands_on(self):
        stages = STAGES.replace("parameters: [y]", "parameters: [y], when: x >= 3")
        self.study(stages, 3, points((3, 1, 0.5), (3, 2, 0.5)))
        self.go()
        self.assertEqual(sorted(self.order()), list("aabbccc"))
        self.assertEqual([r["env"]["NOCTURNE_INPUT"] for r in self.runs("c") if r["trial"] == 0], [self.path(0, "a")])
        self.assertEqual([t["metrics"]["tokens"] for t in self.trials()], [1010, 1110, 1110])
        self.assertEqual(list(self.stages(0)), ["a", "c"])
        self.sound()

    def test_no_input_no_option(self):
        self.study("""  a: {command: [PY, -S, stage.py, "{x}"], parameters: [x], when: x >= 3}
  c: {command: [PY, -S, stage.py, --teacher, "{input.a}", "--again={input}", --y, "{y}", "{z}"], parameters: [y, z], input: a}
""", 2, points((3, 1, 0.5)))
        self.go()
        (without, with_it), (a,) = self.runs("c"), self.runs("a")
        self.assertEqual(a["args"], ["3"])
        self.assertEqual(without["args"], ["--y", "1", "0.5"])
        self.assertFalse([k for k in without["env"] if k.startswith("NOCTURNE_INPUT")])
        self.assertEqual(with_it["args"], ["--teacher", self.path(1, "a"), "--again=" + self.path(1, "a"), "--y", "1", "0.5"])

    def test_a_parameter_that_does_not_exist_is_the_same_as_none(self):
        """Of b only what exists tells its checkpoints apart."""
        self.program(BODY.replace('E["NOCTURNE_SEED"]', '" ".join(sys.argv[1:-1])'))
        self.study(STAGES.replace('"{y}", "{input}"', '--y, "{y}", "{input}"'), 3, "references:\n  r1: {x: 1, z: 0.25}\n  r2: {x: 3, y: 2, z: 0.5}\n",
                   lambda t: t.replace("y: {type: int, range: [1, 4]}", "y: {type: int, range: [1, 4], when: x >= 3}").replace("x: 1, y: 1, z: 0.5", "x: 1, z: 0.5"))
        self.go()
        self.assertEqual(sorted(self.order()), list("aabbccc"))
        self.assertEqual(sorted((r["args"][:-1], str(r["params"])) for r in self.runs("b")), [([], "{}"), (["--y", "2"], "{'y': 2}")])

    def test_two_that_need_the_same_at_once(self):
        """Trials 0 and 1 need the same a, 2 another: nobody runs the first a twice, and no slot waits for it."""
        self.program("import time\nif STAGE == 'a':\n    while not os.path.exists('GATE'): time.sleep(0.02)\n" + BODY)
        self.study(trials=3, more=points((1, 1, 0.25), (2, 1, 0.5)))
        process = self.popen("run", "study.yaml", "--quiet", "--slots", "2")
        self.wait_for(lambda: len(self.runs()) == 2 or process.poll() is not None, "two programs that run")
        self.assertEqual(sorted((r["stage"], r["params"]["x"]) for r in self.runs()), [("a", 1), ("a", 2)])
        open(self.gate, "w").close()
        self.assertEqual(process.communicate()[1], "")
        self.assertEqual(process.returncode, 0)
        self.assertEqual(sorted(self.order()), list("aabbccc"))
        self.assertEqual(self.states(), ["complete"] * 3)
        self.sound()

    def test_confirmation_repeats_the_whole_pipeline(self):
        self.program(BODY.replace("P.get(\"z\", 0) / 10", "P.get(\"z\", 0) / 10 + int(E['NOCTURNE_SEED']) % 997 / 1e5"))
        self.study(trials=3, more=points((1, 1, 0.25), (1, 1, 0.75)), change=lambda t: t.replace("top: 0, seeds: 0", "top: 1, seeds: 2"))
        self.go()
        self.assertEqual(sorted(self.order()[:5]), list("abccc"))
        fresh = [t for t in self.trials() if t["role"] == "confirm"]
        self.assertEqual(len(fresh), 6)  # the references, too
        seeds = {t["seed"] for t in fresh}
        self.assertEqual(len(seeds), 2)
        self.assertNotIn(self.trials()[0]["seed"], seeds)
        # of one seed all of them have the same a and b, which are not run twice either
        self.assertEqual(sorted(self.order()[5:]), list("aabbcccccc"))
        self.assertEqual({t["metrics"]["tokens"] for t in fresh}, {1110})
        self.sound()


class Changes(World):
    """Between two runs something changes; then one more trial that has everything but z from the first."""

    def again(self, before, expected, stages=STAGES):
        self.study(stages)
        self.go()
        self.assertEqual(self.order(), "abc")
        after = before() or stages
        self.study(after, 2)
        self.run_nocturne("enqueue", "s", "x=1", "y=1", "z=0.75")
        self.go()
        self.assertEqual(self.order()[3:], expected)
        self.assertEqual(self.states(), ["complete"] * 2)
        self.sound()

    def test_nothing(self):
        self.again(lambda: None, "c")

    def test_the_script(self):
        self.again(lambda: self.program("# mended\n" + BODY), "abc")

    def test_what_the_script_imports(self):
        self.program("sys.path.insert(0, '.')\nimport helper\n" + BODY)
        self.write("helper.py", "x = 1\n")
        self.again(lambda: self.write("helper.py", "x = 2\n"), "abc")

    def test_the_script_of_one_stage(self):
        self.program(BODY, "other.py")
        self.again(lambda: self.program("# mended\n" + BODY, "other.py"), "bc", STAGES.replace('stage.py, "{y}"', 'other.py, "{y}"'))

    def test_a_file_of_one_stage(self):
        self.write("data.txt", "1")
        self.again(lambda: self.write("data.txt", "2"), "bc", STAGES.replace("parameters: [y]", "parameters: [y], files: [data.txt]"))

    def test_a_file_that_comes(self):
        self.write("data1.txt", "1")
        self.again(lambda: self.write("data2.txt", "2"), "bc", STAGES.replace("parameters: [y]", "parameters: [y], files: ['data*.txt']"))

    def test_files_that_are_not_there(self):
        self.study(STAGES.replace("parameters: [y]", "parameters: [y], files: ['data*.txt']"))
        for verb in "plan", "run":
            self.assertIn("stage 'b': 'files' of study 's': there is no 'data*.txt'", self.run_nocturne(verb, "study.yaml", code=2)[1])

    def test_a_file_of_the_same_size_and_time(self):
        def change():
            self.write("data.txt", "2")
            os.utime(os.path.join(self.dir, "data.txt"), (1e9, 1e9))
        self.write("data.txt", "1")
        os.utime(os.path.join(self.dir, "data.txt"), (1e9, 1e9))
        self.again(change, "bc", STAGES.replace("parameters: [y]", "parameters: [y], files: [data.txt]"))

    def test_a_file_of_the_study(self):
        self.write("data.txt", "1")
        files = "files: [stage.py, data.txt]"
        self.study(more=files)
        self.go()
        self.write("data.txt", "2")
        self.study(trials=2, more=files)
        self.run_nocturne("enqueue", "s", "x=1", "y=1", "z=0.75")
        self.go()
        self.assertEqual(self.order(), "abcabc")

    def test_the_program(self):
        tool = os.path.join(self.dir, "tool")

        def write(comment):
            self.program(f"# {comment}\n" + BODY, "tool")
            with open(tool, encoding="utf-8") as text:
                body = text.read()
            self.write("tool", f"#!{sys.executable} -S\n{body}")
            os.chmod(tool, 0o755)
        write("one")
        self.again(lambda: write("two"), "bc", STAGES.replace('PY, -S, stage.py, "{y}"', './tool, "{y}"'))

    def test_the_command(self):
        self.again(lambda: STAGES.replace('"{y}", "{input}"', '"{y}", --more, "{input}"'), "bc")

    def test_a_timeout_is_nothing_that_a_checkpoint_follows_from(self):
        self.again(lambda: STAGES.replace("parameters: [x]", "parameters: [x], timeout: 1h"), "c")

    def test_a_stage_is_added_between(self):
        self.again(lambda: STAGES.replace("  c:", "  n: {command: [PY, -S, -c, 'import os, shutil; shutil.copy(os.environ[\"NOCTURNE_INPUT\"], "
                                          "os.environ[\"NOCTURNE_OUTPUT\"])']}\n  c:"), "c")
        self.assertEqual(list(self.stages(1)), ["a", "b", "n", "c"])


class Numbers(World):
    def test_the_last_counts_and_tokens_are_added_up(self):
        self.program("leave(STAGE)\nsay(result={'a': {'tokens': 5, 'em': .9}, 'b': {'em': .1}, 'c': {'tokens': 7, 'loss': 3}}[STAGE])\n")
        self.study()
        self.go()
        self.assertEqual({k: v for k, v in self.trials()[0]["metrics"].items() if k in ("em", "tokens")}, {"tokens": 12, "em": 0.1})

    def test_a_stage_needs_no_result(self):
        self.program("leave(STAGE)\nif STAGE == 'a': say(result={'tokens': 5, 'em': .9})\n")
        self.study()
        self.go()
        self.assertEqual((self.states(), self.order()), (["complete"], "abc"))

    def test_a_trial_without_any_number_fails(self):
        self.program("leave(STAGE)\n")
        self.study()
        self.go(code=1)
        self.assertEqual((self.states(), self.order()), (["failed"], "abc"))

    def test_sums_beyond_all_numbers_are_a_failure(self):
        self.program("leave(STAGE)\nsay(result={'tokens': 1e308, 'em': .5})\n")
        self.study()
        self.go(code=1)
        self.assertEqual(self.states(), ["failed"])

    def test_less_than_nothing_is_no_cost(self):
        self.program("leave(STAGE)\nsay(result={'tokens': -5 if STAGE == 'b' else 1, 'em': .5})\n")
        self.study()
        self.go(code=1)
        self.assertEqual((self.states(), self.order()), (["failed"], "ab"))
        self.assertRegex(self.reason(), "stage 'b': the count 'tokens' is -5, below 0")

    def test_reports_count_where_there_is_no_result(self):
        self.program("leave(STAGE)\nfor i in range(3): say(report={'step': i, 'em': i / 10, 'tokens': 10 * i})\n")
        self.study()
        self.go()
        self.assertEqual(self.trials()[0]["metrics"], {"em": 0.2, "tokens": 60})

    def test_patterns(self):
        self.program("leave(STAGE)\nprint({'a': 'seen 100', 'b': 'seen 20 score 0.25', 'c': 'seen 3'}[STAGE])\n")
        self.study(change=lambda t: t.replace("kind: count}", r"kind: count, match: 'seen (\d+)'}").replace("of: 1000}", r"of: 1000, match: 'score ([0-9.]+)'}"))
        self.go()
        self.assertEqual(self.trials()[0]["metrics"], {"em": 0.25, "tokens": 123})

    def test_budget_of_tokens_knows_what_was_saved(self):
        """Five trials of one a and b: 1000 + 100 + 5 x 10, within 1200 of tokens."""
        self.study(trials=5, more=points(*((1, 1, z) for z in (0.1, 0.2, 0.3, 0.4))), change=lambda t: t.replace("{trials: 5}", "{trials: 5, tokens: 3000}"))
        self.go("--slots", "1")
        self.assertEqual(self.states(), ["complete"] * 5)
        self.assertIn("1150 tokens spent", self.run_nocturne("status")[0])
        self.assertIn("saved 4400 tokens", self.run_nocturne("status")[0])


class Fails(World):
    def left_over(self):
        """What lies at {output} in folders of attempts."""
        return glob.glob(os.path.join(self.dir, "nocturne.files/s/*/output*"))

    def test_what_is_not_kept_does_not_stay_on_the_disk(self):
        self.program("leave('half' * 1000)\nif STAGE == 'b' and P['y'] > 1:\n    sys.exit(1) if P['y'] == 2 else os.abort()\nsay(result={'tokens': 1, 'em': .5})\n")
        self.study(trials=3, more=points((1, 2, 0.5), (1, 3, 0.5)), change=lambda t: t.replace("retries: 0", "retries: 1"))
        self.go()
        self.assertEqual((self.states(), sorted(self.order())), (["complete", "failed", "failed"], sorted("abc" + "bb" * 2)))
        self.assertEqual(self.left_over(), [])

    def test_what_a_killed_coordinator_left_goes_with_the_next_attempt(self):
        self.program("leave(STAGE)\nif STAGE == 'b' and not os.path.exists('GATE'): open('GATE', 'w').close(); import time; time.sleep(3600)\nsay(result={'tokens': 1, 'em': .5})\n")
        self.study()
        process = self.popen("run", "study.yaml", "--quiet")
        self.wait_for(lambda: os.path.exists(self.gate), "stage b")
        process.kill()
        process.wait()
        self.assertEqual(len(self.left_over()), 1)
        self.go()
        self.assertEqual((self.states(), self.left_over()), (["complete"], []))

    def test_what_came_before_stays_and_retry_goes_on_there(self):
        self.program("if STAGE == 'b' and not os.path.exists('GATE'): sys.exit('no luck')\n" + BODY)
        self.study(change=lambda t: t.replace("baseline: {x: 1, y: 1, z: 0.5}\n", "").replace("{weights: {em: 0.7, tokens: 0.3}}", "{minimize: tokens}"))
        self.go(code=1)
        self.assertRegex(self.reason(), r"reason: stage 'b': exit code 1: no luck")
        self.assertEqual(self.order(), "ab")
        self.assertTrue(os.path.exists(self.path(0, "a")))
        open(self.gate, "w").close()
        self.run_nocturne("retry", "s", "0")
        self.go()
        self.assertEqual((self.order(), self.states()), ("abbc", ["complete"]))
        self.assertEqual(self.trials()[0]["metrics"]["tokens"], 1110)
        self.sound()

    def test_infeasible(self):
        self.program("if STAGE == 'b' and P['y'] == 2:\n    say(infeasible='no memory')\n    sys.exit()\n" + BODY)
        self.study(trials=3, more=points((1, 2, 0.5), (1, 3, 0.5)))
        self.go()
        self.assertEqual(self.states(), ["complete", "infeasible", "complete"])
        self.assertIn("no memory", self.reason(1))
        self.assertEqual(sorted(self.order()), list("abbbcc"))

    def test_a_crash_is_tried_again_at_its_stage(self):
        self.program("import signal\nif STAGE == 'b' and not os.path.exists('GATE'):\n    open('GATE', 'w').close()\n    leave('half')\n"
                     "    os.kill(os.getpid(), signal.SIGSEGV)\n" + BODY)
        self.study(change=lambda t: t.replace("retries: 0", "retries: 1"))
        self.go()
        self.assertEqual((self.order(), self.states()), ("abbc", ["complete"]))
        self.assertNotIn("half", test_cli.read(self.path(0, "c")))
        self.assertEqual(self.trials()[0]["metrics"]["tokens"], 1110)
        self.sound()

    def test_a_stage_has_its_own_timeout(self):
        self.program("import time\nif STAGE == 'b' and P['y'] == 2: time.sleep(3000)\n" + BODY)
        self.study(STAGES.replace("parameters: [y]", "parameters: [y], timeout: 1s").replace("PY, -S, stage.py, \"{y}\"", "PY, -S, stage.py, \"{y}\""), 2,
                   points((1, 2, 0.5)), lambda t: t.replace("timeout: 1s", "timeout: 20s"))
        # the baseline's b is in time on any machine; the other never is
        self.go()
        self.assertEqual(self.states(), ["complete", "failed"])
        self.assertRegex(self.reason(1), r"stage 'b': .*(time|longer)")
        self.assertEqual(sorted(self.order()), list("abbc"))

    def test_nothing_left_where_another_stage_needs_it(self):
        self.program("if STAGE != 'a': leave('x')\nsay(result={'tokens': 1, 'em': .5})\n")
        self.study()
        self.go(code=1)
        self.assertIn("stage 'a': ", self.reason())
        self.assertEqual(self.order(), "a")

    def test_what_fails_leaves_no_checkpoint(self):
        self.program("leave('half')\nsys.exit(3)\n")
        self.study()
        self.go(code=1)
        self.assertEqual(os.listdir(self.checkpoints) if os.path.exists(self.checkpoints) else [], [])

    def test_half_of_an_earlier_attempt_is_not_found(self):
        """Each attempt begins with no output."""
        self.program("if os.path.lexists(OUT): sys.exit('there is something')\nos.mkdir(OUT)\nopen(OUT + '/half', 'w').close()\n"
                     "if not os.path.exists('GATE'):\n    open('GATE', 'w').close()\n    sys.exit(1)\nsay(result={'tokens': 1, 'em': .5})\n")
        self.study(change=lambda t: t.replace("retries: 0", "retries: 1"))
        self.go()
        self.assertEqual(self.states(), ["complete"])


class Left(World):
    """What a program may leave, and what not."""

    def leave(self, how, read="say(result={'tokens': 1, 'em': .5})", code=0):
        self.program(f"if STAGE == 'a':\n    {how}\nelse:\n    leave('x')\nif STAGE == 'b':\n    {read}\nsay(result={{'tokens': 1, 'em': .5}})\n")
        self.study()
        self.go(code=code)
        self.sound()

    def test_an_empty_file(self):
        self.refused("leave('')", "the file is empty")

    def test_an_empty_folder(self):
        self.refused("os.mkdir(OUT)", "the folder is empty")

    def test_an_empty_file_in_a_folder(self):
        self.leave("os.makedirs(OUT + '/d'); open(OUT + '/f', 'w')", "assert sorted(os.listdir(IN)) == ['d', 'f'] and os.listdir(IN + '/d') == []")

    def test_a_folder_of_odd_names(self):
        names = r"[b'new\nline', b'\xff\xfe', b' ', b'-rf', b'\x1b[31m', b'a\\b', b'%s', b'{input}', b'x' * 255, '\u00e9'.encode(), b'\x01', b'..a', b'.hidden']"
        self.leave(f"os.mkdir(OUT); os.chdir(OUT); [open(n, 'wb').write(n * 3) for n in {names}]",
                   f"assert sorted(os.listdir(os.fsencode(IN))) == sorted({names}) and all(open(os.path.join(os.fsencode(IN), n), 'rb').read() == n * 3 for n in {names})")

    def test_a_deep_folder(self):
        self.leave("os.makedirs(OUT + '/d' * 30); open(OUT + '/d' * 30 + '/f', 'w').write('deep')", "assert open(IN + '/d' * 30 + '/f').read() == 'deep'")

    def test_a_folder_that_is_too_deep(self):
        self.refused("os.makedirs(OUT + '/d' * 60)", "its folders are more than 32 deep")

    def test_folders_that_differ_in_names_modes_or_shape_only_are_not_one(self):
        """y says what b leaves; no two have the same digest."""
        ways = ["leave('a')", "os.makedirs(OUT + '/a')", "os.mkdir(OUT); open(OUT + '/a', 'w')", "os.mkdir(OUT); open(OUT + '/b', 'w')",
                "os.mkdir(OUT); open(OUT + '/a', 'w').write('b'); open(OUT + '/c', 'w')", "os.mkdir(OUT); open(OUT + '/a', 'w'); open(OUT + '/bc', 'w')",
                "os.makedirs(OUT + '/a/a')"]
        self.program("ways = " + repr(ways) + "\nexec(ways[P['x'] - 1]) if STAGE == 'a' else leave('x')\nsay(result={'tokens': 1, 'em': .5})\n")
        self.study(trials=len(ways), more=points(*((x, 1, 0.5) for x in range(2, len(ways) + 1))), change=lambda t: t.replace("x: {type: int, range: [1, 4]}", "x: {type: int, range: [1, 9]}"))
        self.go()
        self.assertEqual(self.states(), ["complete"] * len(ways))
        self.assertEqual(len({self.stages(t)["a"]["digest"] for t in range(len(ways))}), len(ways))

    def test_a_program_can_be_left_and_run(self):
        self.leave("leave('#!/bin/sh\\nexit 7\\n'); os.chmod(OUT, 0o755)", "assert os.system(IN) >> 8 == 7")

    def test_the_digest_of_a_file_is_its_sha256(self):
        self.leave("leave('what is left')")
        self.assertEqual(self.stages(0)["a"]["digest"], hashlib.sha256(b"what is left").hexdigest())

    def refused(self, how, *words):
        self.leave(how, code=1)
        self.assertEqual(self.order(), "a")
        reason = self.reason()
        self.assertIn("stage 'a': ", reason)
        for word in words:
            self.assertIn(word, reason)
        self.assertEqual(os.listdir(self.checkpoints) if os.path.exists(self.checkpoints) else [], [])

    def test_nothing(self):
        self.refused("pass")

    def test_a_hard_link(self):
        self.write("precious", "mine")
        os.chmod(os.path.join(self.dir, "precious"), 0o644)
        self.refused(f"os.link({os.path.join(self.dir, 'precious')!r}, OUT)", "has another name as well")
        self.assertEqual(os.stat(os.path.join(self.dir, "precious")).st_mode & 0o777, 0o644)

    def test_a_hard_link_in_a_folder(self):
        self.refused("os.mkdir(OUT); open(OUT + '/f', 'w'); os.link(OUT + '/f', OUT + '/g')", "has another name as well")

    def test_its_own_folder_replaced_by_a_link(self):
        self.refused("d = os.environ['NOCTURNE_DIR']; os.rename(d, 'GATE.d'); os.symlink('GATE.d', d); leave('x')", "a part of it is a link")

    def test_what_looks_like_an_agents_parcel(self):
        self.leave("leave('x'); d = os.environ['NOCTURNE_DIR']; [open(f'{d}/{n}.0', 'w').write('no parcel') for n in ('output', 'parcel', 'output.parcel')]")

    def test_a_link(self):
        self.refused("os.symlink('/etc/passwd', OUT)", "link")

    def test_a_link_to_nowhere(self):
        self.refused("os.symlink('nowhere', OUT)", "link")

    def test_a_link_to_a_folder(self):
        self.refused("os.mkdir(OUT + '.d'); os.symlink(OUT + '.d', OUT)", "link")

    def test_a_link_in_a_folder(self):
        self.refused("os.makedirs(OUT + '/d'); open(OUT + '/f', 'w'); os.symlink('../f', OUT + '/d/l')", "link")

    def test_a_fifo(self):
        self.refused("os.mkfifo(OUT)")

    def test_a_fifo_in_a_folder(self):
        self.refused("os.mkdir(OUT); os.mkfifo(OUT + '/f')")

    def test_a_socket(self):
        self.refused("import socket; os.chdir(os.path.dirname(OUT)); s = socket.socket(socket.AF_UNIX); s.bind(os.path.basename(OUT))")


class Damage(World):
    """Somebody changes what is kept: it is noticed before it is used, and the stage that made it is run again."""

    def damage(self, how, expected="abc", folder=False, missing=False):
        if folder:
            self.program("os.mkdir(OUT)\nopen(OUT + '/f', 'w').write(STAGE + json.dumps(P))\nopen(OUT + '/g', 'w').write('g')\nsay(result={'tokens': 1, 'em': .5})\n")
        self.study()
        self.go()
        b = self.path(0, "b")
        how(b)
        self.study(trials=2)
        self.run_nocturne("enqueue", "s", "x=1", "y=1", "z=0.75")
        self.go()
        self.assertEqual(self.order(), expected + "c")
        self.assertEqual(self.states(), ["complete"] * 2)
        if not folder:
            self.assertEqual(hashlib.sha256(test_cli.read(b).encode()).hexdigest(), os.path.basename(b))
        self.sound(missing)

    @staticmethod
    def over(path, text, mode="w"):
        os.chmod(path, 0o600)
        with open(path, mode, encoding="utf-8") as out:
            out.write(text)

    def test_nothing(self):
        self.damage(lambda b: None)

    def test_missing(self):
        self.damage(os.remove, "abcb")

    def test_longer(self):
        self.damage(lambda b: self.over(b, "x", "a"), "abcb")

    def test_one_letter_at_the_same_time_and_size(self):
        def change(b):
            was = os.stat(b)
            self.over(b, "A", "r+")
            os.chmod(b, was.st_mode & 0o777)
            os.utime(b, ns=(was.st_atime_ns, was.st_mtime_ns))
        self.damage(change, "abcb")

    def test_empty(self):
        self.damage(lambda b: self.over(b, ""), "abcb")

    def test_a_folder_in_its_place(self):
        self.damage(lambda b: (os.remove(b), os.mkdir(b)), "abcb")

    def test_a_link_in_its_place(self):
        self.damage(lambda b: (os.rename(b, b + ".moved"), os.symlink(b + ".moved", b)), "abcb")

    def test_a_fifo_in_its_place(self):
        self.damage(lambda b: (os.remove(b), os.mkfifo(b)), "abcb")

    def test_of_a_folder_a_file_is_missing(self):
        self.damage(lambda b: (os.chmod(b, 0o700), os.remove(b + "/g")), "abcb", folder=True)

    def test_of_a_folder_a_file_is_new(self):
        self.damage(lambda b: (os.chmod(b, 0o700), open(b + "/new", "w").close()), "abcb", folder=True)

    def test_of_a_folder_a_file_is_another(self):
        self.damage(lambda b: self.over(b + "/f", "other"), "abcb", folder=True)

    def test_all_of_them_are_missing(self):
        self.damage(lambda b: shutil.rmtree(self.checkpoints), "abcab", missing=True)  # trial 0's c is needed by nobody

    def test_the_first_is_missing_and_not_needed(self):
        self.damage(lambda b: os.remove(self.path(0, "a")), missing=True)

    def test_what_the_log_does_not_know_goes(self):
        self.study()
        self.go()
        known = sorted(os.listdir(self.checkpoints))
        with open(os.path.join(self.checkpoints, "0" * 64), "w", encoding="utf-8") as out:
            out.write("stray")
        os.makedirs(os.path.join(self.checkpoints, "1" * 64, "d"))
        self.study(trials=2)
        self.run_nocturne("enqueue", "s", "x=1", "y=1", "z=0.5")
        self.go()
        self.assertEqual(sorted(os.listdir(self.checkpoints)), known)


class Keep(World):
    BIG = "leave((taken()[:10] + STAGE + json.dumps(P)).ljust(10000))\nsay(result={'tokens': 10, 'em': P.get('z', .5)})\n"

    def keep(self, size, more, trials, slots="1"):
        self.program(self.BIG)
        self.study(trials=trials, more=f"checkpoints: {{keep: {size}}}\n" + more)
        self.go("--slots", slots)
        self.assertEqual(self.states(), ["complete"] * trials)
        self.assertEqual({t["metrics"]["tokens"] for t in self.trials()}, {30})
        self.sound()

    def test_less_than_one_checkpoint(self):
        self.keep("1", points((2, 2, 0.25), (1, 1, 0.75), (2, 2, 0.125)), 4)
        best = max(self.trials(), key=lambda t: t["metrics"]["em"])["trial"]
        kept = {s["digest"] for t in range(4) for s in self.stages(t).values() if s["kept"]}
        self.assertEqual(set(os.listdir(self.checkpoints)), kept)
        self.assertTrue(all(s["kept"] for s in self.stages(best).values()))  # the best one stays
        self.assertEqual(kept, {s["digest"] for s in self.stages(best).values()})

    def test_many_trials_on_two_slots(self):
        self.keep("25 kB", "", 24, "2")
        kept = {s["digest"] for t in range(24) for s in self.stages(t).values() if s["kept"]}
        self.assertEqual(set(os.listdir(self.checkpoints)), kept)
        self.assertLessEqual(len(kept), 2 + 3)  # about what is to be kept, and the best one

    def test_all_without_a_limit(self):
        self.keep("1GB", points((2, 2, 0.25), (1, 2, 0.75)), 3)
        self.assertEqual(len(os.listdir(self.checkpoints)), 2 + 3 + 3)

    def test_a_trial_that_waits_for_its_turn_stands_on_what_is_kept(self):
        """Trial 0 stands at a gate in its b while others come and go; its input stays where it is."""
        self.program("import time\nif STAGE == 'b' and P['y'] == 1:\n    while not os.path.exists('GATE'): time.sleep(0.02)\n    assert 'a{' in taken()\n" + self.BIG)
        self.study(trials=5, more="checkpoints: {keep: 1}\n" + points(*((x, 2, 0.25) for x in (2, 3, 4, 2))))
        process = self.popen("run", "study.yaml", "--quiet", "--slots", "2")
        self.wait_for(lambda: len(self.runs("c")) >= 3 or process.poll() is not None, "three others that are over")
        open(self.gate, "w").close()
        self.assertEqual(process.communicate()[1], "")
        self.assertEqual((process.returncode, self.states()), (0, ["complete"] * 5))
        self.assertEqual(len([r for r in self.runs("a") if r["params"]["x"] == 1]), 1)
        self.sound()


class Stopping(World):
    # b is good or bad, by y; c only says so
    REPORTS = """import time
good = P['y'] / 10 if STAGE == 'b' else float(taken().split()[0]) if STAGE == 'c' else 0
leave(f'{good} {P}')
for i in range(64 if STAGE == 'b' else 0):
    say(report={'step': i, 'em': good * (i + 1) / 64, 'tokens': 10 * (i + 1)})
    if TRIAL >= 16 and i in (3, 15): time.sleep(10 if good < .5 else 0.2)  # somebody looks at it
say(result={'em': good, 'tokens': 640})
"""

    def test_a_stage_is_stopped_early_and_what_came_before_stays(self):
        self.program(self.REPORTS)
        self.study(trials=26, more="stopping: {pruner: auto, audit: 0}\n", change=lambda t: t.replace("[1, 4]", "[1, 9]"))
        self.go()
        pruned = [i for i, state in enumerate(self.states()) if state == "pruned"]
        self.assertGreater(len(pruned), 0)
        told = self.json("stopping", "s")
        self.assertLess(told["tokens"]["saved"], 640 * len(pruned))  # of the stage that was stopped, and of no other
        for trial in pruned:
            self.assertNotIn(trial, [r["trial"] for r in self.runs("c")])
            self.assertTrue(os.path.exists(self.path(trial, "a")))
            self.run_nocturne("stopping", "s", str(trial))
        self.sound()

    def test_a_policy_inside_a_stage(self):
        """A stage that says how it stops may be adapted; it is told so and the trial goes on through the other stages."""
        self.program("""import select, time
leave(STAGE)
if STAGE == 'b':
    say(policy={'patience': 5, 'threshold': 1e-4, 'metric': 'em', 'mode': 'max'})
    for i in range(12):
        say(report={'step': i, 'em': 0.5 + 0.01 * min(i, 6), 'tokens': 10 * (i + 1)})
    say(result={'em': 0.56, 'tokens': 120})
else:
    say(result={'tokens': 1})
""")
        self.study(trials=4, more="stopping: {pruner: none, adaptive: true}\n" + points((1, 2, 0.25), (1, 3, 0.5), (1, 4, 0.5)))
        self.go()
        self.assertEqual(self.states(), ["complete"] * 4)
        self.assertEqual({t["metrics"]["tokens"] for t in self.trials()}, {122})
        self.sound()


class Told(World):
    """What the commands say of trials with stages."""

    def setUp(self):
        super().setUp()
        self.study(trials=3, more=points((1, 1, 0.75), (2, 2, 0.25)))
        self.go()

    def test_lineage(self):
        text = self.run_nocturne("lineage", "s", "1")[0]
        self.assertEqual(text, self.run_nocturne("lineage", "1")[0])
        for word in ("trial 1 of s", "by trial 0", "shared by 2 trials", "x=1", "y=1", "+1000 tokens", "10 spent by this trial", self.stages(1)["c"]["digest"][:12]):
            self.assertIn(word, text)
        told = self.json("lineage", "s", "1")
        self.assertEqual((told["cost"], told["charged"], told["share"]), (1110, 10, 560))
        self.assertEqual([(s["stage"], s["trial"], s["users"], s["kept"], s["cost"], s["params"], s["from"]) for s in told["stages"]],
                         [("a", 0, 2, True, 1000, {"x": 1}, []), ("b", 0, 2, True, 100, {"y": 1}, ["a"]), ("c", 1, 1, True, 10, {"z": 0.75}, ["b"])])
        for stage in told["stages"]:
            self.assertEqual(os.path.getsize(os.path.join(self.checkpoints, stage["digest"])), stage["bytes"])

    def test_lineage_of_all(self):
        text = self.run_nocturne("lineage", "s")[0]
        self.assertEqual(text, self.run_nocturne("lineage")[0])
        lines = [line.split() for line in text.splitlines()]
        self.assertEqual(lines[0], ["trial", "state", "a", "b", "c", "tokens", "spent"])
        digests = [{name: stage["digest"][:8] for name, stage in self.stages(n).items()} for n in range(3)]
        self.assertEqual([line[:1] + line[-4:] for line in lines[1:3]],
                         [["0", digests[0]["a"], digests[0]["b"], digests[0]["c"], "1110"], ["1", "of", "0", digests[1]["c"], "10"]])
        self.assertRegex(text, r"\n +1 +.*complete  of 0 +of 0 +" + digests[1]["c"])
        told = self.json("lineage", "s")
        self.assertEqual((told["study"], told["total"], len(told["stages"])), ("s", 3, 7))
        for trial in told["trials"]:
            alone = self.json("lineage", "s", str(trial["trial"]))
            self.assertEqual(alone, dict(trial, study="s", stages=[told["stages"][at] for at in trial["stages"]]))

    def test_wrong_arguments(self):
        self.assertIn("which trial?", self.run_nocturne("reproduce", code=2)[1])
        self.run_nocturne("reproduce", "s", code=2)
        self.run_nocturne("lineage", "none", code=3)
        self.assertIn("'one' is not a trial number", self.run_nocturne("lineage", "s", "one", code=2)[1])
        for verb in "lineage", "reproduce":
            self.run_nocturne(verb, "s", "one", code=2)
            self.run_nocturne(verb, "s", "-1", code=2)
            self.run_nocturne(verb, "s", "1", "2", code=2)
            self.run_nocturne(verb, "s", "1.0", code=2)
            self.run_nocturne(verb, "s", "0x1", code=2)
            self.run_nocturne(verb, "s", "99999999999999999999", code=2)
            self.run_nocturne(verb, "s", "99", code=3)
            self.run_nocturne(verb, "other", "1", code=3)
            self.run_nocturne(verb, "s", "1", "--db", "none.db", code=3)
            self.run_nocturne(verb, "s", "1", "--nonsense", code=2)
        for seeds in ("0", "-1", "x", "1.5", ""):
            self.run_nocturne("reproduce", "s", "1", "--seeds", seeds, code=2)
        self.run_nocturne("reproduce", "s", "1", "--slots", "0", code=2)
        self.assertEqual(len(self.trials()), 3)
        self.assertEqual(self.order().count("a"), 2)

    def test_reproduce_runs_all_from_nothing(self):
        before = self.order()
        out, _ = self.run_nocturne("reproduce", "s", "1", "--quiet")
        self.assertIn("again 0.5850", out)
        self.assertEqual(self.order()[len(before):], "abc")
        fresh = self.trials()[-1]
        self.assertEqual((fresh["role"], fresh["params"], fresh["state"]), ("confirm", {"x": 1, "y": 1, "z": 0.75}, "complete"))
        self.assertNotEqual(fresh["seed"], self.trials()[0]["seed"])
        told = json.loads(self.run_nocturne("reproduce", "s", "1", "--seeds", "2", "--json")[0].splitlines()[-1])
        self.assertIsInstance(told, dict)
        self.assertEqual(self.order()[len(before):].count("a"), 3)
        self.assertEqual(len({t["seed"] for t in self.trials()[3:]}), 3)
        self.sound()

    def test_reproduce_says_when_something_else_comes_out(self):
        self.run_nocturne("reproduce", "s", "1", "--quiet", "--seeds", "3")
        self.program(BODY.replace("0.5 +", "0.1 +"))
        self.assertRegex(self.run_nocturne("reproduce", "s", "1", "--quiet", code=1)[0], r"em .*again 0\.1850: not reproduced(.*\n)*.*tokens .*: reproduced")

    def test_export(self):
        digests = {s: d["digest"] for s, d in self.stages(json.loads(self.run_nocturne("export", "--format", "json")[0])["trial"]).items()}
        got = json.loads(self.run_nocturne("export", "--format", "json")[0])
        self.assertEqual({s["stage"]: s["digest"] for s in got["stages"]}, digests)
        self.assertEqual({s["stage"]: s["params"] for s in got["stages"]}, {"a": {"x": got["params"]["x"]}, "b": {"y": got["params"]["y"]}, "c": {"z": got["params"]["z"]}})
        toml = tomllib.loads(self.run_nocturne("export", "--format", "toml")[0])
        self.assertEqual({n: s["digest"] for n, s in toml["stages"].items()}, digests)
        self.assertEqual(toml["stages"]["c"]["params"], {"z": got["params"]["z"]})
        text = self.run_nocturne("export", "--format", "yaml")[0]
        for stage, digest in digests.items():
            self.assertRegex(text, rf"\n  {stage}: .*{digest}")
        env = self.run_nocturne("export", "--format", "env")[0]
        self.assertIn(f"NOCTURNE_PARAM_X={got['params']['x']}\n", env)
        lines = [line for line in self.run_nocturne("export", "--format", "args")[0].splitlines() if not line.startswith("#")]
        self.assertEqual(len(lines), 3)
        self.assertIn(f"stage.py --z {got['params']['z']} ", lines[2])
        rows = list(csv.DictReader(self.run_nocturne("export", "--format", "csv")[0].splitlines()))
        self.assertEqual([r["tokens"] for r in rows], ["1110"] * 3)
        for row in map(json.loads, self.run_nocturne("export", "--format", "jsonl")[0].splitlines()):
            self.assertEqual({s["stage"]: s["digest"] for s in row["stages"]}, {s: d["digest"] for s, d in self.stages(row["trial"]).items()})
        self.run_nocturne("export", "--format", "xml", code=2)

    def test_status_and_show(self):
        self.assertRegex(self.run_nocturne("status")[0], r"2 stages taken over .*saved 1100 tokens")
        self.assertEqual(self.json("status")["studies"][0]["study"], "s")
        shown = self.json("show", "s", "1")
        self.assertIn("stage", json.dumps(shown))
        text = self.run_nocturne("show", "s", "1")[0]
        self.assertRegex(text, r"staged +a +as trial 0 left it(.*\n)*.*staged +c ")
        self.run_nocturne("show", "s", "99", code=3)
        self.run_nocturne("show", "s", "1.0", code=2)
        self.run_nocturne("lineage", "s", "2", "--json", "--db", "nocturne.db")

    def test_lineage_of_a_study_without_stages(self):
        self.write("plain.yaml", test_cli.STUDY.replace("study: s", "study: plain").replace("trials: 8", "trials: 1").replace("top: 1, seeds: 2", "top: 0, seeds: 0"))
        self.run_nocturne("run", "plain.yaml", "--quiet")
        self.assertIn("study 'plain' has no stages", self.run_nocturne("lineage", "plain", "0", code=3)[1])
        self.assertEqual(self.run_nocturne("lineage", "plain")[0], "study 'plain' has no stages: its trials stand on nothing\n")
        self.assertEqual(self.json("lineage", "plain"), {"study": "plain", "stages": [], "trials": [], "total": 0})

    def test_a_study_that_runs_is_held(self):
        self.program("import time\nif STAGE == 'a':\n    while not os.path.exists('GATE'): time.sleep(0.02)\n" + BODY)
        self.study(trials=4)
        before = len(self.runs())
        process = self.popen("run", "study.yaml", "--quiet")
        self.wait_for(lambda: len(self.runs()) > before, "a stage that runs")
        self.run_nocturne("reproduce", "s", "1", code=4)
        self.json("lineage", "s", "3")
        self.run_nocturne("lineage", "s", "1")
        open(self.gate, "w").close()
        process.communicate()
        self.assertEqual(process.returncode, 0)


M = "parameters: {x: {type: int, range: [1, 2]}}\nmetrics: {m: {goal: maximize}}\nobjective: {maximize: m}\n"
A, B, C = "parameters: [x]}", "parameters: [y]}", "parameters: [z]}"
NAME = "a stage must be a name of letters, digits, _ and -"
# of the good study: what is changed into what, the place and the message
BAD = [
    (B, "parameters: [y], input: b}", r"5:\d+: the stages wait for each other: b ← b"),
    ([(A, "parameters: [x], input: b}"), (B, "parameters: [y], input: a}")], None, r"4:\d+: the stages wait for each other: a ← b ← a"),
    (A, "parameters: [x], input: c}", r"4:\d+: the stages wait for each other: a ← c ← b ← a"),
    (B, "parameters: [y], input: q}", r"5:\d+: 'q' is not a stage"),
    (B, "parameters: [y], input: [a, q]}", r"5:\d+: 'q' is not a stage"),
    (B, "parameters: [y], input: [a, a]}", r"5:\d+: 'input' of 'b' names 'a' twice"),
    (B, "parameters: [y], input: {a: 1}}", r"5:\d+: 'input' must be"),
    (B, "parameters: [y], input: []}", r"5:\d+: \{input\}: stage 'b' has no such input"),
    ("  b: {", "  a: {", r"5:3: 'a' appears twice"),
    ("  b: {", "  A: {", r"5:3: the stages 'a' and 'A' would share the variable NOCTURNE_INPUT_"),
    ("  b: {", "  b/c: {", r"5:3: " + NAME), ("  b: {", "  '': {", r"5:3: " + NAME), ("  b: {", "  '..': {", r"5:3: " + NAME), ("  b: {", "  7: {", r"5:3: " + NAME),
    ("  b: {", "  " + "b" * 300 + ": {", r"5:3: " + NAME),
    (C, "parameters: []}", r"\d+:\d+: no stage names the parameter 'z'"),
    ([(B, "parameters: []}"), (C, "parameters: [y, z]}")], None, r"5:\d+: stage 'b' uses \{y\}, which is not among its 'parameters'"),
    (C, "parameters: [z, w]}", r"6:\d+: stage 'c' names 'w', which is not a parameter"),
    (C, "parameters: z}", r"6:\d+: 'parameters' must be a list"),
    (C, "parameters: [z], when: q >= 2}", r"6:\d+: 'when' refers to 'q', which is not a parameter"),
    (C, "parameters: [z], when: 'x =='}", r"6:\d+: 'when' expects a value"),
    (C, "parameters: [z], timeout: soon}", r"6:\d+: 'timeout' must be a duration"), (C, "parameters: [z], timeout: -1s}", r"6:\d+: 'timeout' must be a duration"),
    (C, "parameters: [z], files: [/etc/passwd]}", r"6:\d+: '/etc/passwd' is not in the study's folder"),
    (C, "parameters: [z], files: [../x]}", r"6:\d+: '../x' is not in the study's folder"),
    (C, "parameters: [z], colour: red}", r"6:\d+: unknown key 'colour'"),
    ('"{args}", "{input}"', '"{args}", "{input.a}"', r"6:\d+: \{input\.a\}: stage 'c' has no such input"),
    ('"{args}", "{input}"', '"{args}", "{input.c}"', r"6:\d+: \{input\.c\}: stage 'c' has no such input"),
    ('"{x}", "{output}"', '"{x}", "{input}"', r"4:\d+: \{input\}: stage 'a' has no such input"),
    ("trial: {retries: 0", "trial: {command: [sh, '{x}'], retries: 0", r"2:\d+: the study has 'stages', and each of them has its own command"),
    ('command: [PY, -S, stage.py, "{y}", "{input}"], ', "", r"5:\d+: stage 'b' has no command"),
    ('command: [PY, -S, stage.py, "{y}", "{input}"]', "command: []", r"5:\d+: 'command' is empty"),
    ('command: [PY, -S, stage.py, "{y}", "{input}"]', "command: sh", r"5:\d+: 'command' must be a list"),
    ("seed: 3}", "seed: 3, cost: never}", r"\d+:\d+: 'cost' cannot be 'never'"),
    ("search:", "checkpoints: {drop: 1}\nsearch:", r"\d+:\d+: unknown key 'drop'"), ("search:", "checkpoints: 20GB\nsearch:", r"\d+:\d+: 'checkpoints' must be a map"),
    ("  b: {", "".join(f"  s{i}: {{command: [sh]}}\n" for i in range(17)) + "  b: {", r"\d+:\d+: more than 16 stages"),
    *(("search:", f"checkpoints: {{keep: {keep}}}\nsearch:", r"\d+:\d+: 'keep' must be ")
      for keep in ("-1", "0", "0.5", "abc", "1.5 XB", "''", "[1]", "{}", "1e400", "99999999999999999999GB", "NaN", "null")),
]
WHOLE = [
    ("study: s\nstages: {}\n" + M, r"2:\d+: 'stages' is empty"),
    ("study: s\nstages:\n" + M, r"2:\d+: 'stages' must be a map"),
    ("study: s\nstages: [{command: [sh]}]\n" + M, r"2:\d+: 'stages' must be a map"),
    ("study: s\nstages: {a: {}}\n" + M, r"2:\d+: stage 'a' has no command"),
    ("study: s\nstages: {a: [sh]}\n" + M, r"2:\d+: 'a' must be a map"),
    ("study: s\ntrial: {command: [sh, '{x}']}\ncheckpoints: {keep: 1GB}\n" + M, r"3:\d+: 'checkpoints' are what 'stages' leave"),
]


class BadStudies(World):
    def refused(self, text, message):
        self.write("bad.yaml", text.replace("PY", sys.executable))
        for verb in "plan", "run":
            out, err = self.run_nocturne(verb, "bad.yaml", code=2)
            self.assertEqual(out, "")
            self.assertRegex(err, r"^nocturne: bad\.yaml:" + message, text)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "nocturne.db")))

    def test_each_has_a_place_and_a_sentence(self):
        good = STUDY % (STAGES, 1, "")
        for old, new, message in BAD:
            text = good
            for o, n in old if new is None else [(old, new)]:
                self.assertIn(o, text)
                text = text.replace(o, n, 1)
            with self.subTest(message=message, new=new):
                self.refused(text, message)
        for text, message in WHOLE:
            with self.subTest(text=text):
                self.refused(text, message)

    def test_a_program_that_is_missing(self):
        self.study(STAGES.replace('PY, -S, stage.py, "{y}"', './nowhere, "{y}"'))
        for verb in "plan", "run":
            err = self.run_nocturne(verb, "study.yaml", code=2)[1]
            self.assertIn("stage 'b'", err)
            self.assertIn("'./nowhere' is not an executable program", err)

    def test_good_ones(self):
        for change in (lambda t: t, lambda t: t.replace("search:", "checkpoints: {keep: 1 GB}\nsearch:"), lambda t: t.replace("seed: 3}", "seed: 3, cost: ignore}"),
                       lambda t: t.replace(C, "parameters: [z], when: y >= 2}").replace("y: {type: int, range: [1, 4]}", "y: {type: int, range: [1, 4], when: x >= 2}")
                       .replace("x: 1, y: 1, z", "x: 1, z")):
            self.study(change=change)
            self.assertIn("study s: valid", self.run_nocturne("plan", "study.yaml")[0])


if __name__ == "__main__":
    unittest.main(verbosity=1)
