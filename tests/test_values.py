#!/usr/bin/env python3
"""A value is the same everywhere: in the study file, argv, environment, params.json, the log, `trials`, exports, after a
restart, and read back by import. Random parameters of every type and range, and the values of other people's reports.

NOCTURNE_BIN is the folder of the binaries; PARAMETERS=100000 for the long version, SEED=… for another one.
"""
import csv
import glob
import io
import json
import math
import os
import random
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

from patience import PATIENCE

BIN = os.environ.get("NOCTURNE_BIN", os.path.join(os.path.dirname(__file__), "..", "build", "dev", "bin"))
NOCTURNE = os.path.join(BIN, "nocturne")
PARAMETERS = int(os.environ.get("PARAMETERS", "10000"))
SEED = int(os.environ.get("SEED", "14"))

TRIAL = r"""#!/bin/sh
for a in "$@"; do printf '%s\000' "$a"; done > "$NOCTURNE_DIR/argv"
env -0 > "$NOCTURNE_DIR/env"
echo 'nocturne: {"result": {"loss": 0.5}}'
"""


class Folder(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="nocturne-test-")
        self.write("trial.sh", TRIAL)

    def tearDown(self):
        shutil.rmtree(self.dir)

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="utf-8") as out:
            out.write(text)

    def read(self, name):
        with open(os.path.join(self.dir, name), encoding="utf-8", newline="") as text:
            return text.read()

    def nocturne(self, *args, code=0):
        out = subprocess.run([NOCTURNE, *args], cwd=self.dir, capture_output=True, text=True, timeout=PATIENCE)
        if code is None:
            self.assertIn(out.returncode, (0, 1), out.stderr)
            return out.stderr
        self.assertEqual(out.returncode, code, f"{args}\n{out.stdout[-2000:]}\n{out.stderr[-2000:]}")
        return out.stdout if code == 0 else out.stderr

    def trials(self, db="nocturne.db"):
        return [json.loads(line) for line in self.nocturne("export", "--format", "jsonl", "--db", db).splitlines()]

    def attempt(self, study, trial):
        """What the program of a trial got: argv, environment, params.json."""
        folder, = glob.glob(f"{self.dir}/nocturne.files/{study}/{trial:04d}.1")
        folder = os.path.relpath(folder, self.dir)
        argv, env = (self.read(f"{folder}/{name}").split("\0")[:-1] for name in ("argv", "env"))
        return argv, dict(v.split("=", 1) for v in env), json.loads(self.read(f"{folder}/params.json"))


def bits(v):
    """Type and bits: 1, 1.0 and True are three values, and so are 0.0 and -0.0."""
    if isinstance(v, float):
        return "float", struct.pack("<d", v)
    if isinstance(v, list):
        return "list", tuple(map(bits, v))
    return type(v).__name__, v


# ---- random parameters ----

def any_float(rng):
    kind = rng.randrange(5)
    if kind == 0:
        return rng.uniform(-1, 1)
    if kind == 1:
        return rng.uniform(-1, 1) * 10.0 ** rng.randint(-290, 290)
    if kind == 2:
        return round(rng.uniform(-100, 100), rng.randint(0, 4))
    if kind == 3:
        return float(rng.randint(-2 ** 53, 2 ** 53))
    while True:
        v = struct.unpack("<d", rng.randbytes(8))[0]
        if math.isfinite(v) and abs(v) < 1e300:
            return v


def near(rng, v):
    for _ in range(rng.choice([1, 1, 2, 5, 1000])):
        v = math.nextafter(v, math.inf)
    return v


def any_range(rng):
    a = any_float(rng)
    b = near(rng, a) if rng.random() < 0.2 else any_float(rng)
    return (a, b) if a < b else (b, a) if b < a else (a, near(rng, a))


def any_text(rng):
    alphabet = rng.choice(["abc", "abc -=+@'\"\\$`{}#%:,[]&*!|>?", "äß中文😀\u2028\u0085\ufeff\t", "0123456789.eE+-", "\n;"])
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 12)))


def any_choice(rng, depth=0):
    kind = rng.randrange(9 if depth else 8)
    if kind < 2:
        return any_text(rng)
    if kind == 2:
        return any_float(rng)
    if kind == 3:
        return rng.randint(-2 ** 63, 2 ** 63 - 1)
    if kind == 4:
        return rng.choice([True, False, None])
    if kind == 5 and depth < 2:
        return [any_choice(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return rng.choice([0.1, 0.30000000000000004, 1e-5, 1e22, -1, "-1", "=1+1", "no", "on", "", "null", "1e5", "~", "0x10", 7])


def flow(v):
    """A value as YAML: JSON's, with \\u for what YAML folds or does not allow."""
    return "".join(c if c < "\x7f" or c > "\uffff" or "\u4e00" < c < "\u9fff" else f"\\u{ord(c):04x}" for c in json.dumps(v, ensure_ascii=False))


def same_key(v):
    if isinstance(v, bool) or v is None:
        return json.dumps(v)
    if isinstance(v, float) and v == int(v) and abs(v) < 2 ** 63:
        return str(int(v))
    if isinstance(v, list):
        return "[" + ",".join(map(same_key, v)) + "]"
    return repr(v) if isinstance(v, float) else json.dumps(v)


def any_parameter(rng):
    """(text of the study file, what a value must be)"""
    kind = rng.randrange(8)
    if kind < 3:
        lo, hi = any_range(rng)
        scale = ", scale: log" if lo > 0 and rng.random() < 0.5 else ""
        return f"{{type: float, range: [{lo!r}, {hi!r}]{scale}}}", lambda v: type(v) is float and lo <= v <= hi
    if kind < 5:
        top = 10 ** rng.randint(1, 15) if rng.random() < 0.8 else 2 ** 53
        lo, hi = sorted(rng.sample(range(-top, top + 1), 2))
        return f"{{type: int, range: [{lo}, {hi}]}}", lambda v: type(v) is int and lo <= v <= hi
    if kind == 5:
        return "{type: bool}", lambda v: type(v) is bool
    values, keys, texts = [], set(), set()
    for _ in range(rng.randint(2, 9)):
        v = any_choice(rng)
        text = v if isinstance(v, str) else json.dumps(v)
        if same_key(v) not in keys and text not in texts and len(text) < 200:
            values.append(v)
            keys.add(same_key(v))
            texts.add(text)
    if len(values) < 2:
        return any_parameter(rng)
    listed = {bits(v) for v in values}
    return f"{{type: {rng.choice(['categorical', 'ordinal'])}, values: {'[' + ', '.join(map(flow, values)) + ']'}}}", lambda v: bits(v) in listed


class Random(Folder):
    def test_every_bit_is_found_again(self):
        rng, done = random.Random(SEED), 0
        while done < PARAMETERS:
            with self.subTest(study=done // 64):
                self.study(rng, f"s{done // 64}")
            done += 64

    def study(self, rng, name):
        parameters = [any_parameter(rng) for _ in range(64)]
        names = [f"p{i}" for i in range(64)]
        self.write("study.yaml", f"study: {name}\ntrial: {{command: [sh, trial.sh, " +
                   ", ".join(f'"{{{n}}}"' for n in names) + "]}\nparameters:\n" +
                   "".join(f"  {n}: {text}\n" for n, (text, _) in zip(names, parameters)) +
                   "metrics: {loss: {goal: minimize}}\nobjective: {minimize: loss}\nbudget: {trials: 3}\n"
                   "confirm: {top: 0, seeds: 0}\nsearch: {sampler: random}\n")
        self.nocturne("run", "study.yaml", "--quiet")
        trials = [t for t in map(json.loads, self.nocturne("export", name, "--format", "jsonl").splitlines())]
        self.assertEqual(len(trials), 3)
        for t in trials:
            argv, env, params = self.attempt(name, t["trial"])
            self.assertEqual({k: bits(v) for k, v in params.items()}, {k: bits(v) for k, v in t["params"].items()})
            for n, given, (text, fits) in zip(names, argv, parameters):
                self.assertTrue(fits(params[n]), f"{n}: {text}: {params[n]!r}")
                self.assertEqual(env[f"NOCTURNE_PARAM_{n.upper()}"], given)
                if isinstance(params[n], str):
                    self.assertEqual(given, params[n])
                elif isinstance(params[n], (list, bool)) or params[n] is None:
                    self.assertEqual(json.loads(given), params[n])
                else:
                    self.assertEqual(type(params[n])(given), params[n], f"{n}: {text}")
        self.nocturne("replay", name)
        table = self.nocturne("export", name, "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(table, newline="")))
        self.assertEqual([[r[n] for n in names] for r in rows], [self.attempt(name, t["trial"])[0] for t in trials])
        with open(f"{self.dir}/table.csv", "w", newline="", encoding="utf-8") as out:
            out.write(table)
        self.nocturne("import", "study.yaml", "table.csv", "--db", "again.db")
        again = [json.loads(line) for line in self.nocturne("export", name, "--format", "jsonl", "--db", "again.db").splitlines()]
        self.assertEqual([{k: bits(v) for k, v in t["params"].items()} for t in again],
                         [{k: bits(v) for k, v in t["params"].items()} for t in trials])
        winner = json.loads(self.nocturne("export", name, "--format", "json"))["params"]
        self.assertIn({k: bits(v) for k, v in winner.items()}, [{k: bits(v) for k, v in t["params"].items()} for t in trials])


# ---- what others have met ----

STUDY = """study: s
trial: {{command: {command}, retries: 0}}
parameters:
  x: {x}
metrics: {metrics}
objective: {objective}
budget: {{trials: {trials}}}
confirm: {{top: 0, seeds: 0}}
search: {{sampler: random}}
{more}
"""


class Reported(Folder):
    def study(self, x="{type: float, range: [0, 1]}", command="[sh, trial.sh, \"{x}\"]", trials=6, more="",
              metrics="{loss: {goal: minimize}}", objective="{minimize: loss}"):
        self.write("study.yaml", STUDY.format(x=x, command=command, trials=trials, more=more, metrics=metrics, objective=objective))

    def run_study(self, code=0, **what):
        self.study(**what)
        return self.nocturne("run", "study.yaml", "--quiet", code=code)

    def values(self):
        return [t["params"]["x"] for t in self.trials()]

    def says(self, *lines):
        """The trial prints these lines, as they are."""
        self.write("says.txt", "\n".join(lines) + "\n")
        return "[cat, says.txt]"

    def test_sums_beyond_the_greatest_double(self):
        out = 'nocturne: {"result": {"loss": 1, "tokens": 1.7e308}}'
        self.run_study(command=self.says(out), metrics="{loss: {goal: minimize}, tokens: {goal: minimize, kind: count}}", trials=4)
        self.assertEqual(len(self.trials()), 4)
        self.nocturne("export")
        self.nocturne("status")
        status = json.loads(self.nocturne("status", "--json"))["studies"][0]
        self.assertEqual(status["tokens"], sys.float_info.max)
        ask = subprocess.run([NOCTURNE, "advise", "study.yaml"], cwd=self.dir, input='{"status": {}}\n', capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(ask.returncode, 0, ask.stderr)

    def test_means_and_utilities_beyond_it(self):
        self.write("trial.sh", "echo 'nocturne: {\"result\": {\"loss\": '$([ $((NOCTURNE_TRIAL % 2)) = 0 ] && echo -1.7e308 || echo 1.7e308)', \"em\": 1e-308}}'")
        self.run_study(metrics="{loss: {goal: minimize}, em: {goal: maximize}}", objective="{weights: {loss: 0.5, em: 0.5}}",
                       more="baseline: {x: 0.5}").splitlines()
        for command in (["best"], ["best", "--json"], ["status"], ["export"], ["export", "--format", "json"], ["trials"], ["show", "s", "1"]):
            out = self.nocturne(*command)
            self.assertNotRegex(out, r"\binf\b|\bnan\b")
            self.assertLess(max(map(len, out.split())), 400)

    def test_what_is_counted_stays_finite(self):
        """Tokens, money, forecasts and means of what is near the greatest double."""
        self.write("trial.sh", """case $((NOCTURNE_TRIAL % 4)) in 0) l=1.7e308; t=1.7e308;; 1) l=-1.7e308; t=1;; 2) l=5e-324; t=5e-324;; 3) l=1.7e308; t=1.7e308;; esac
echo "nocturne: {\\"report\\": {\\"step\\": 1, \\"loss\\": $l, \\"tokens\\": $t, \\"other\\": $l}}"
echo "nocturne: {\\"result\\": {\\"loss\\": $l, \\"tokens\\": $t, \\"other\\": $l}}"
""")
        for objective, more in (("{weights: {loss: 0.5, tokens: 0.5}}", "baseline: {x: 0.5}\nconstraints: ['loss <= 1e300 * baseline']"), ("{pareto: [loss, tokens]}", "")):
            with self.subTest(objective=objective):
                self.study(metrics="{loss: {goal: minimize}, tokens: {goal: minimize, kind: count}}", objective=objective, more=more + "\nstopping: {pruner: auto}", trials=6)
                text = self.read("study.yaml").replace("{trials: 6}", "{trials: 6, tokens: 1e300, cost: 1e300, price: {token: 1e6}}").replace("top: 0, seeds: 0", "top: 1, seeds: 2")
                self.write("study.yaml", text.replace("tokens: 1e300, ", "").replace("cost: 1e300, ", "cost: 9e299, "))
                for _ in range(2):
                    self.nocturne("run", "study.yaml")
                self.write("study.yaml", text)
                for command in (["best"], ["status"], ["trials"], ["stopping"], ["plan", "study.yaml"], ["export"], ["show", "s", "1"], ["replay"], ["doctor", "--rebuild"], ["log"],
                                ["run", "study.yaml"]):
                    out = self.nocturne(*command)
                    self.assertNotRegex(out, r"\b(inf|nan)\b", command)
                for budget in json.loads(self.nocturne("status", "--json"))["studies"][0]["budgets"]:
                    self.assertTrue(all(type(v) is not float or math.isfinite(v) for v in budget.values()) and None not in budget.values(), budget)
                os.remove(f"{self.dir}/nocturne.db")
                shutil.rmtree(f"{self.dir}/nocturne.files")

    def test_a_range_keeps_its_bounds(self):
        for lo, hi in ((0, 6.283185307179586), (0.3333333333333333, 0.6666666666666666), (1e-300, 1.0000000000000002e-300), (-math.pi, math.e)):
            with self.subTest(hi=hi):
                shutil.rmtree(f"{self.dir}/nocturne.files", ignore_errors=True)
                for name in glob.glob(f"{self.dir}/nocturne.db*"):
                    os.remove(name)
                for _ in range(2):  # the second time it is resumed
                    self.run_study(x=f"{{type: float, range: [{lo!r}, {hi!r}]}}", more=f"baseline: {{x: {hi!r}}}")
                self.assertEqual(self.values()[0], hi)
                self.assertEqual(self.attempt("s", 0)[0], [repr(float(hi))])
                self.assertTrue(all(lo <= v <= hi for v in self.values()))
                self.nocturne("replay")

    def test_neighbours_are_different_choices(self):
        values = [9007199254740992, 9007199254740993, 7, 0.3, 0.30000000000000004]
        self.run_study(x=f"{{type: categorical, values: {values}}}", trials=5, more="references: {" +
                       ", ".join(f"r{i}: {{x: {v!r}}}" for i, v in enumerate(values)) + "}")
        self.assertEqual(list(map(bits, self.values())), list(map(bits, values)))
        self.assertEqual([self.attempt("s", i)[0] for i in range(5)], [[repr(v)] for v in values])
        self.assertEqual([bits(self.attempt("s", i)[2]["x"]) for i in range(5)], list(map(bits, values)))

    def test_equal_choices_are_refused(self):
        for values in ("[1, 1.0]", "[a, 'a']", "[0.1, 0.10]", "[1e3, 1000]", "['1', 1]", "[[1, 2], [1.0, 2]]", "[null, ~]",
                       "[true, True]", "[123456789012345678901, 123456789012345678902]", "[0.1, 0.1000000000000000055]", "[0o17, 15]",
                       "[0x1F, 31]", "[.5, 0.5]", "[{a: 1, b: [2]}, {b: [2.0], a: 1}]", "[!!str 1, 1]"):
            with self.subTest(values=values):
                self.assertIn("study.yaml:4:", self.run_study(x=f"{{type: categorical, values: {values}}}", code=2))

    def test_scalars_are_those_of_yaml_1_2(self):
        values = {"yes": "yes", "off": "off", "y": "y", "~": None, "True": True, "0o17": 15, "0x1F": 31, "017": 17, ".5": 0.5, "1.": 1.0, "+1e3": 1000.0,
                  "1_000": "1_000", "1:30": "1:30", "2024-01-01": "2024-01-01", "0b1": "0b1", "-0x1F": "-0x1F", "0o8": "0o8", "0x1.8p1": "0x1.8p1", "inf": "inf",
                  "1e": "1e", "<<": "<<", "!!str 12": "12", "18446744073709551616": 2.0 ** 64, "!!seq [2]": [2], "'.inf'": ".inf"}
        self.run_study(x=f"{{type: categorical, values: [{', '.join(values)}]}}", trials=len(values), more="references: {" +
                       ", ".join(f"r{i}: {{x: {v}}}" for i, v in enumerate(values)) + "}")
        self.assertEqual(list(map(bits, self.values())), list(map(bits, values.values())))
        for i, v in enumerate(values.values()):
            (given,), _, params = self.attempt("s", i)
            self.assertEqual(bits(params["x"]), bits(v))
            if type(v) in (int, float, str):
                self.assertEqual(type(v)(given), v)
        self.nocturne("replay")
        for wrong in ("1e400", ".inf", "-.Inf", ".NaN", "[.inf]", "18446744073709551617", "!!int '3'", "!!float 1", "!thing x", "!!set {x}"):
            with self.subTest(wrong=wrong):
                self.assertIn("study.yaml:4:3", self.run_study(x=f"{{type: categorical, values: [{wrong}, other]}}", code=2))

    def test_numbers_of_the_file_are_those_of_yaml_1_2(self):
        self.run_study(x="{type: int, range: [0o17, 0x10]}", trials=8)
        self.assertEqual(set(self.values()), {15, 16})
        for wrong in ("[0, .inf]", "[.nan, 1]", "[0, 1_000]", "[0, 1:30]", "[-0x1, 1]", "[0, 0x1p4]", "[0, '1']", "[0, 1e400]"):
            with self.subTest(wrong=wrong):
                self.assertIn("study.yaml:4:", self.run_study(x=f"{{type: float, range: {wrong}}}", code=2))

    def test_whole_numbers_that_a_double_would_round(self):
        top = 2 ** 53
        self.assertIn(f"study.yaml:4:29: {top + 1} is beyond 2^53", self.run_study(x=f"{{type: int, range: [0, {top + 1}]}}", code=2))
        self.assertIn("study.yaml:4:26:", self.run_study(x=f"{{type: int, range: [-{top + 1}, 0]}}", code=2))
        self.assertIn("beyond 2^53", self.run_study(x=f"{{type: int, range: [0, {top}]}}", more=f"baseline: {{x: {top + 1}}}", code=2))
        self.run_study(x=f"{{type: int, range: [0, {top}]}}", more=f"baseline: {{x: {top}}}", trials=2)
        self.assertEqual(self.values()[0], top)
        self.assertIn("beyond 2^53", self.nocturne("enqueue", "s", f"x={top + 1}", code=2))
        ask = subprocess.run([NOCTURNE, "advise", "study.yaml"], cwd=self.dir, input=f'{{"add": {{"x": {top + 1}}}, "metrics": {{"loss": 1}}}}\n', capture_output=True, text=True,
                             timeout=PATIENCE)
        self.assertIn("beyond 2^53", ask.stdout + ask.stderr)

    def test_steps_far_from_zero(self):
        self.run_study(x="{type: float, range: [1000000000000000, 1000000000000001], step: 0.125}", trials=30)
        self.assertGreater(len(set(self.values())), 5)
        self.assertTrue(all(v % 0.125 == 0 and 1e15 <= v <= 1e15 + 1 for v in self.values()))
        self.nocturne("replay")

    def test_digits_follow_the_range(self):
        for x in ("[1000000, 1000001]", "[-1000000.5, -1000000.25]", "[1, 1.000000001]"):
            self.run_study(x=f"{{type: float, range: {x}}}".replace("[1,", "[1,"), trials=8)
            values = self.values()
            self.assertEqual(len(set(values)), 8, values)
            for name in glob.glob(f"{self.dir}/nocturne.db*"):
                os.remove(name)
            shutil.rmtree(f"{self.dir}/nocturne.files")
        self.run_study(x="{type: float, range: [1e6, 1000001], scale: log}", trials=8)
        self.assertEqual(len(set(self.values())), 8)

    def test_types_of_choices(self):
        values = [True, False, None, [64, 64], [128], "yes", "1", 2, 2.5, {"a": [1, None]}]
        self.run_study(x=f"{{type: categorical, values: {json.dumps(values)}}}", trials=10, more="references: {" +
                       ", ".join(f"r{i}: {{x: {json.dumps(v)}}}" for i, v in enumerate(values)) + "}")
        self.assertEqual(self.values(), values)
        self.assertEqual([type(v) for v in self.values()], [type(v) for v in values])
        self.assertEqual([json.loads(a) if not isinstance(v, str) else a for (a,), v in
                          ((self.attempt("s", i)[0], v) for i, v in enumerate(values))], values)
        self.nocturne("enqueue", "s", "x=[128]")
        self.nocturne("replay")

    def test_conditions_on_lists_and_null(self):
        self.run_study(x="{type: categorical, values: [[64, 64], [128], null]}\n  y: {type: float, range: [0, 1], when: 'x in [[64,64], null]'}", trials=12)
        for t in self.trials():
            self.assertEqual("y" in t["params"], t["params"]["x"] != [128])

    def test_whole_numbers_of_any_size(self):
        self.run_study(command=self.says('nocturne: {"report": {"step": 0, "loss": 2, "flops": 123456789012345678901}}',
                                         'nocturne: {"result": {"loss": 1, "flops": 123456789012345678901, "n": 9223372036854775807}}'), trials=2)
        self.assertEqual([t["state"] for t in self.trials()], ["complete"] * 2)
        self.assertEqual(self.trials()[0]["metrics"]["flops"], 123456789012345678901.0)
        self.assertEqual(self.trials()[0]["metrics"]["n"], 9223372036854775807)
        shutil.rmtree(f"{self.dir}/nocturne.files")
        os.remove(f"{self.dir}/nocturne.db")
        self.run_study(x=f"{{type: int, range: [{-2 ** 53}, {2 ** 53}]}}", more=f"baseline: {{x: {2 ** 53 - 1}}}")
        self.assertEqual(self.values()[0], 2 ** 53 - 1)
        self.assertEqual(self.attempt("s", 0)[0], [str(2 ** 53 - 1)])
        self.assertIn("range", self.run_study(x=f"{{type: int, range: [0, {2 ** 53 + 2}]}}", code=2))

    def test_messages_in_what_programs_print(self):
        result = 'nocturne: {"result": {"loss": 0.25}}'
        for line in (f" 40%|####      |\r100%|##########|\r{result}", f"INFO:root:{result}", f"2026-11-28 07:00:00,123 - INFO - {result}",
                     f"\x1b[32m{result}\x1b[0m", f"\x1b[1;34m[train]\x1b[0m {result}", f"\ufeff{result}", f"   \t{result}  ", f"{result}\r",
                     result.replace(": {", ":{"), f"{result} done", f"\x1b[2K\r{result}", f"[rank0]: {result}"):
            with self.subTest(line=line):
                self.run_study(command=self.says(line), trials=1)
                trial, = self.trials()
                self.assertEqual((trial["state"], trial["metrics"]), ("complete", {"loss": 0.25}))
                os.remove(f"{self.dir}/nocturne.db")
                shutil.rmtree(f"{self.dir}/nocturne.files")

    def test_a_wrong_message_is_told(self):
        self.run_study(command=self.says("nocturne: loss is 3"), trials=1, code=None)
        self.assertIn("not JSON", self.trials()[0]["reason"])

    def test_a_reason_that_is_not_utf8(self):
        self.write("trial.sh", "printf 'caf\\351 %0250d\\303\\251\\303\\251 tail\\n' 7 >&2; exit 3")
        self.run_study(trials=1, code=None)
        self.assertIn("exit code 3: caf? 000", self.trials()[0]["reason"])
        self.write("trial.sh", "python3 -c \"print('nocturne: {\\\"infeasible\\\": \\\"' + 'x' * 249 + 'é' * 30 + '\\\"}')\"")
        os.remove(f"{self.dir}/nocturne.db")
        self.run_study(trials=1)
        self.assertIn("xxx", self.trials()[0]["reason"])

    def test_a_metric_called_step(self):
        self.run_study(command=self.says('nocturne: {"report": {"step": 3, "loss": 0.5}}', 'nocturne: {"report": {"step": 4, "loss": 0.25}}'),
                       metrics="{loss: {goal: minimize}, step: {goal: minimize}}", objective="{weights: {loss: 0.5, step: 0.5}}",
                       more="baseline: {x: 0.5}", trials=2)
        self.assertEqual(self.trials()[0]["metrics"], {"loss": 0.25, "step": 4})

    def test_what_cannot_be_started_is_the_studys_fault(self):
        self.write("not.sh", "no program")
        os.chmod(f"{self.dir}/not.sh", 0o644)
        for command in ("[sh, trial.sh, '" + "x" * 140000 + "']", "[./gone.sh, x]", "[./not.sh]"):
            with self.subTest(command=command[:40]):
                self.write("trial.sh", TRIAL)
                self.run_study(command=command, trials=2, code=2 if "./" in command else None)
                if "./" in command:
                    continue
                self.assertEqual({t["state"] for t in self.trials()}, {"failed"})
                self.assertIn("an argument over 128 KiB", self.trials()[0]["reason"])
                os.remove(f"{self.dir}/nocturne.db")

    def test_what_a_script_begins_with_is_a_program(self):
        result = "echo 'nocturne: {\"result\": {\"loss\": 1}}'\n"
        for first, said in (("#!/no/such", "'/no/such'"), ("#!/bin/sh\r", "'/bin/sh', which its first line names (its lines end with a carriage return)"),
                            ("#!/usr/bin/env sh\r", "'sh', which its first line names (its lines end"), ("#!/usr/bin/env no-such-python", "'no-such-python'"),
                            ("#!/usr/bin/env sh -e", "'sh -e'"), ("#!/tmp", "'/tmp'"), ("#!none/such", "'none/such'"), ("#!./p.sh", "name each other"),
                            ("\x7fELF\x02\x01\x01", "no program for this kind of machine")):
            with self.subTest(first=first):
                self.write("p.sh", first + "\n" + result)
                os.chmod(f"{self.dir}/p.sh", 0o755)
                for verb in ("plan", "run"):
                    self.study(command="[./p.sh]", trials=1)
                    said_now = self.nocturne(verb, "study.yaml", code=2)
                    self.assertIn("study.yaml: the command './p.sh' cannot be started: ", said_now)
                    self.assertIn(said, said_now)
        for first in ("#!/bin/sh", "#! /bin/sh -e", "#!/usr/bin/env sh", "#!/usr/bin/env -S sh -e", "#", "#!" + "/" * 300):
            with self.subTest(first=first):
                self.write("p.sh", first + "\n" + result)
                self.run_study(command="[./p.sh]", trials=1)
                self.assertEqual(self.trials()[0]["state"], "complete")
                os.remove(f"{self.dir}/nocturne.db")

    def test_variables_that_would_be_one(self):
        self.write("study.yaml", "study: s\ntrial: {command: [sh, trial.sh]}\nparameters:\n  lr: {type: float, range: [0, 1]}\n"
                   "  LR: {type: float, range: [0, 1]}\n  path: {type: float, range: [0, 1]}\nmetrics: {loss: {goal: minimize}}\n"
                   "objective: {minimize: loss}\nbudget: {trials: 2}\nconfirm: {top: 0, seeds: 0}\nsearch: {sampler: random}\n")
        self.nocturne("run", "study.yaml", "--quiet")
        _, env, params = self.attempt("s", 0)
        self.assertEqual({k: float(env[f"NOCTURNE_PARAM_{k}"]) for k in ("lr", "LR", "PATH")}, {**{k: params[k] for k in ("lr", "LR")}, "PATH": params["path"]})
        exported = self.nocturne("export", "--format", "env")
        out = subprocess.run(["sh", "-c", f"{exported}\necho $NOCTURNE_PARAM_lr $NOCTURNE_PARAM_LR; command -v ls"], capture_output=True, text=True, check=True).stdout
        winner = json.loads(self.nocturne("export", "--format", "json"))["params"]
        self.assertEqual(list(map(float, out.split()[:2])), [winner["lr"], winner["LR"]])


class Commands(Folder):
    PARAMETERS = """
  opt: {type: categorical, values: [sgd, adam]}
  model.lr: {type: float, range: [0, 1]}
  weight_decay: {type: float, range: [0, 1], when: opt == adam}
  mom: {type: float, range: [0, 1], when: opt == sgd}
  fast: {type: bool}
"""

    def argv(self, command, opt, fast):
        gone, there = ("mom", "weight_decay") if opt == "adam" else ("weight_decay", "mom")
        self.write("study.yaml", f"study: s\ntrial: {{command: [sh, trial.sh, {command}]}}\nparameters:{self.PARAMETERS}metrics: {{loss: {{goal: minimize}}}}\n"
                   f"objective: {{minimize: loss}}\nbaseline: {{opt: {opt}, model.lr: 0.5, {there}: 0.25, fast: {str(fast).lower()}}}\n"
                   "budget: {trials: 1}\nconfirm: {top: 0, seeds: 0}\n")
        shutil.rmtree(f"{self.dir}/nocturne.files", ignore_errors=True)
        for name in glob.glob(f"{self.dir}/nocturne.db*"):
            os.remove(name)
        self.nocturne("run", "study.yaml", "--quiet")
        return self.attempt("s", 0)[0]

    def test_all_parameters_in_several_forms(self):
        for command, expected in (('"{args}"', ["--opt", "adam", "--model.lr", "0.5", "--weight_decay", "0.25", "--fast"]),
                                  ('{args}', ["--opt", "adam", "--model.lr", "0.5", "--weight_decay", "0.25", "--fast"]),
                                  ('"{args: --name=value}"', ["--opt=adam", "--model.lr=0.5", "--weight_decay=0.25", "--fast"]),
                                  ('{args: "name=value"}', ["opt=adam", "model.lr=0.5", "weight_decay=0.25", "fast=true"]),
                                  ('"{args: -name value}"', ["-opt", "adam", "-model.lr", "0.5", "-weight_decay", "0.25", "-fast"]),
                                  ('"{args: --name value, hyphens}", x', ["--opt", "adam", "--model.lr", "0.5", "--weight-decay", "0.25", "--fast", "x"])):
            with self.subTest(command=command):
                self.assertEqual(self.argv(command, "adam", True), expected)
        self.assertEqual(self.argv('"{args}"', "sgd", False), ["--opt", "sgd", "--model.lr", "0.5", "--mom", "0.25"])

    def test_options_of_parameters_that_do_not_exist_are_left_out(self):
        command = '--decay, "{weight_decay}", "--mom={mom}", --, "{weight_decay}", "a{mom}b", -v, "{opt}"'
        self.assertEqual(self.argv(command, "adam", True), ["--decay", "0.25", "--", "0.25", "ab", "-v", "adam"])
        self.assertEqual(self.argv(command, "sgd", True), ["--mom=0.25", "--", "", "a0.25b", "-v", "sgd"])

    def test_wrong_forms(self):
        for command in ('"{args: --nam=value}"', '"{args: --name=value, dashes}"', '"{args"', '{args: [1]}', '"{arg}"'):
            with self.subTest(command=command):
                self.write("study.yaml", f"study: s\ntrial: {{command: [sh, {command}]}}\nparameters:{self.PARAMETERS}objective: {{minimize: loss}}\n")
                self.assertIn("study.yaml:2:", self.nocturne("plan", "study.yaml", code=2))

    def test_steps(self):
        self.write("study.yaml", "study: s\ntrial: {command: [sh, trial.sh]}\nparameters:\n  f: {type: float, range: [0, 0.3], step: 0.1}\n"
                   "  i: {type: int, range: [1, 10], step: 4}\nmetrics: {loss: {goal: minimize}}\nobjective: {minimize: loss}\n"
                   "budget: {trials: 40}\nconfirm: {top: 0, seeds: 0}\n")
        self.nocturne("run", "study.yaml", "--quiet")
        seen = {(t["params"]["f"], t["params"]["i"]) for t in self.trials()}
        self.assertLessEqual(seen, {(f, i) for f in (0.0, 0.1, 0.2, 0.3) for i in (1, 5, 9)})
        self.assertGreater(len(seen), 6)
        self.assertIn("is not on its steps of 4 from 1; the nearest is 5", self.nocturne("enqueue", "s", "f=0.1", "i=4", code=2))
        text = self.read("study.yaml")
        for wrong in ("step: 0.5", "step: -1", "step: 0", "step: x", "step: 0.1, scale: log"):
            self.write("study.yaml", text.replace("step: 0.1", wrong))
            self.assertIn("study.yaml:4:", self.nocturne("plan", "study.yaml", code=2))


if __name__ == "__main__":
    unittest.main(verbosity=2)
