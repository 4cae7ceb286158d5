#!/usr/bin/env python3
"""What people see: lines and tables fit the screen, marks and colours, the list of trials, and what is said in words.

Studies here are as nasty as study files allow: long names, many parameters and metrics, tiny and huge numbers, wide
characters and escape sequences in values and reasons.
"""
import contextlib
import fcntl
import json
import os
import pty
import random
import re
import sqlite3
import struct
import subprocess
import termios
import unicodedata
import unittest

from patience import PATIENCE
from test_cli import NOCTURNE, World

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MARKS = "●▽✕◐◇○★■"


def width(line):
    """Columns of a line of a terminal: by Unicode's own tables, not by the C library's."""
    wide = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
    return wide - sum(unicodedata.combining(c) != 0 for c in line)


def lines_of(text):
    return [ESCAPE.sub("", line).split("\r")[-1] for line in text.replace("\r\n", "\n").split("\n")]


SMALL = """study: s
trial: {command: [sh, trial.sh, "{x}", "{k}"], retries: 0}
parameters:
  x: {type: float, range: [0, 1]}
  k: {type: int, range: [1, 9]}
  learning_rate: {type: float, range: [0.0001, 0.1], scale: log}
  batch_size: {type: int, range: [8, 512], scale: log}
metrics:
  em: {goal: maximize, kind: proportion, of: 1000}
  em_test: {goal: maximize, kind: proportion, of: 1000}
  tokens: {goal: minimize, kind: count}
baseline: {x: 0.9, k: 5, learning_rate: 0.01, batch_size: 32}
objective: {weights: {em: 0.7, tokens: 0.3}}
budget: {trials: 6}
confirm: {top: 1, seeds: 2}
search: {sampler: sobol, seed: 3}
workers: {local: 1}
"""
SMALL_TRIAL = r"""
[ $NOCTURNE_TRIAL = 4 ] && { printf 'out of memory \033[2J %0300d' 7 >&2; exit 7; }
[ $NOCTURNE_TRIAL = 5 ] && { echo '{"infeasible": "\u65e5\u672c\u8a9e \u001b[31m"}' >&3; exit 0; }
awk -v x="$1" -v k="$2" 'BEGIN { printf "{\"result\": {\"em\": %.4f, \"em_test\": 0.5, \"tokens\": %d}}\n", 0.6 - (x - 0.3)^2, 1000000 + 1000000 * x }' >&3
"""


def nasty(rng):
    """A study file of any shape, and its trial program."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-0123456789"
    def name(n):
        return rng.choice("pqr") + "".join(rng.choice(letters) for _ in range(rng.choice((n, rng.randint(3, n))) - 1))
    params = {}
    while len(params) < rng.choice((1, 4, 20)):
        kind = rng.randrange(4)
        params.setdefault(name(48), (
            ("{type: float, range: [1e-300, 1e-290], scale: log}", "1e-295") if kind == 0 else
            ("{type: int, range: [1, 9007199254740991]}", "123456789012345") if kind == 1 else
            ('{type: categorical, values: ["日本語日本語日本語日本語", "' + "v" * 200 + '", "é\\u0301 x"]}', '"日本語日本語日本語日本語"') if kind == 2 else
            ("{type: bool}", "true")))
    metrics = sorted({name(48).lower() for _ in range(rng.choice((1, 3, 8)))} | {"em"})
    study = f"study: {name(48)}\ntrial: {{command: [sh, trial.sh], retries: 0}}\nparameters:\n"
    study += "".join(f"  {p}: {spec}\n" for p, (spec, _) in params.items())
    study += "metrics:\n" + "".join(f"  {m}: {{goal: maximize{', kind: proportion' if m == 'em' else ''}}}\n" for m in metrics)
    study += "baseline: {" + ", ".join(f"{p}: {base}" for p, (_, base) in params.items()) + "}\n"
    study += "objective: {maximize: em}\nbudget: {trials: 7, tokens: 1e18}\nconfirm: {top: 1, seeds: 2}\nsearch: {sampler: sobol}\n" \
        if "tokens" in metrics else "objective: {maximize: em}\nbudget: {trials: 7}\nconfirm: {top: 1, seeds: 2}\nsearch: {sampler: sobol}\n"
    values = ", ".join(f'\\"{m}\\": {rng.choice(("1e-300", "-1.2345678e300", "0.123456789", "123456789"))}' for m in metrics if m != "em")
    trial = ('[ $NOCTURNE_TRIAL = 3 ] && { printf "boom \\033[2J \\346\\227\\245%0400d" 1 >&2; exit 3; }\n'
             f'echo "nocturne: {{\\"result\\": {{\\"em\\": 0.$NOCTURNE_TRIAL{", " if values else ""}{values}}}}}"\n')
    return study, trial


class Screen(World):
    def screen(self, *args, columns=80, rows=24, code=0, env=None):
        """What a terminal is sent by a command."""
        main, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("NOCTURNE_", "LC_")) and k not in ("NO_COLOR", "COLUMNS", "CLICOLOR_FORCE")}
        process = subprocess.Popen([NOCTURNE, *args], cwd=self.dir, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal,
                                   env={**plain, "LANG": "C.UTF-8", "TERM": "xterm", **(env or {})})
        os.close(terminal)
        seen = b""
        with contextlib.suppress(OSError):  # its end
            while part := os.read(main, 65536):
                seen += part
        os.close(main)
        self.assertEqual(process.wait(), code, seen.decode(errors="replace"))
        return seen.decode()

    def assert_fits(self, text, columns, what):
        for line in lines_of(text):
            self.assertLessEqual(width(line), columns, f"{what}: {line!r}")

    def begin(self, study=SMALL, trial=SMALL_TRIAL):
        self.write("study.yaml", study)
        self.write("trial.sh", trial)


class Fits(Screen):
    def test_nothing_is_wider_than_the_terminal(self):
        for seed in range(2):
            with self.subTest(seed=seed):
                study, trial = nasty(random.Random(seed))
                self.begin(study, trial)
                db = f"n{seed}.db"
                for columns in (80, 40):
                    self.assert_fits(self.screen("run", "study.yaml", "--db", db, columns=columns), columns, "run")
                    commands = (("trials",), ("trials", "--top", "3"), ("best",), ("status",), ("stopping",), ("log",), ("show", "3"), ("show", "0"),
                                ("plan", "study.yaml"))
                    for command in commands:
                        out = self.screen(*command, "--db", db, columns=columns)
                        self.assert_fits(out, columns, command)
                        self.assertNotIn("\x1b[2J", out, command)

    def test_tables_in_a_pipe_are_80_wide_or_as_columns_says(self):
        for seed in range(2, 4):
            study, trial = nasty(random.Random(seed))
            self.begin(study, trial)
            db = f"n{seed}.db"
            self.run_nocturne("run", "study.yaml", "--db", db)
            for columns in (80, 100):
                os.environ["COLUMNS"] = str(columns)
                self.addCleanup(os.environ.pop, "COLUMNS", None)
                out = self.run_nocturne("trials", "--db", db)[0]
                self.assert_fits(out, columns, "trials")
                self.assertEqual(len(out.splitlines()), 1 + len(self.json("trials", "--db", db)["trials"]) + ("too narrow for" in out))
                self.assertNotIn("\x1b", out)
            os.environ.pop("COLUMNS")
            for secret in ("a", "日本語" * 9):
                self.run_nocturne("token", "create", "--role", "worker", "--name", secret, "--study", "a,b", "--db", db)
            self.assert_fits(self.run_nocturne("token", "list", "--db", db)[0], 80, "token list")

    def test_help_is_80_wide(self):
        verbs = [line.split()[0] for line in self.run_nocturne("--help")[0].splitlines() if line.startswith("  ") and line[2].isalpha()]
        self.assert_fits(self.run_nocturne("--help")[0], 80, "help")
        for verb in verbs:
            if verb != "nocturne":
                self.assert_fits(self.run_nocturne(verb, "--help")[0], 80, verb)

    def test_a_line_for_each_trial_what_differs_from_the_best_first(self):
        self.begin()
        out = self.screen("run", "study.yaml")
        for number, mark in ((0, "● complete"), (1, "● complete"), (4, "✕ failed"), (5, "◇ infeasible")):
            self.assertRegex("\n".join(lines_of(out)), rf"trial +{number}  {mark}")
        self.begin(SMALL.replace("study: s", "study: t").replace("sampler: sobol", "sampler: random") + "references:\n"
                   "  near: {x: 0.9, k: 5, learning_rate: 0.01, batch_size: 33}\n")
        near = [line for line in lines_of(self.screen("run", "study.yaml", columns=100)) if line.startswith("trial    1  ")][0]
        self.assertIn("batch_size=33 x=", near)  # the only one that differs comes first
        whole = [line for line in self.run_nocturne("trials", "t", "--columns", "trial,configuration")[0].splitlines() if line.startswith("    1 ")][0]
        self.assertRegex(whole, "x=0.9 k=5|batch_size=33 ")

    def test_in_a_file_nothing_is_cut(self):
        self.begin()
        out = self.run_nocturne("run", "study.yaml")[0]
        for t in self.trials():
            line = [x for x in out.splitlines() if re.match(rf"trial +{t['trial']}  ", x)][0]
            for name, value in t["params"].items():
                self.assertIn(f"{name}={value}", line)
        self.assertNotIn("…", out.split("Verdict")[0].split("Study s")[0])
        self.assertFalse(set(out) & set("●▽◐◇○★■\x1b"))


class Marks(Screen):
    def test_colour_is_for_marks_on_terminals_that_have_it(self):
        self.begin()
        self.assertIn("\x1b[34m●\x1b[0m complete", self.screen("run", "study.yaml").replace("\x1b[39m", "\x1b[0m"))
        self.assertIn("\x1b[31m✕\x1b[0m failed", self.screen("trials"))
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            out = self.screen("trials", env=env)
            self.assertNotIn("\x1b", out)
            self.assertIn("✕ failed", out)
        self.assertIn("\x1b[31m", self.screen("trials", env={"NO_COLOR": ""}))
        self.assertNotIn("\x1b", self.run_nocturne("trials")[0])
        os.environ["CLICOLOR_FORCE"] = "1"
        self.addCleanup(os.environ.pop, "CLICOLOR_FORCE", None)
        self.assertIn("\x1b[31m✕\x1b[0m failed", self.run_nocturne("trials")[0])

    def test_a_dumb_terminal_gets_lines(self):
        self.begin()
        out = self.screen("run", "study.yaml", env={"TERM": "dumb"})
        self.assertNotIn("\x1b", out)
        self.assertEqual(len(re.findall(r"^trial +\d+  ", out, re.M)), len(self.trials()))

    def test_an_ascii_locale_gets_ascii(self):
        self.begin()
        for command in (("run", "study.yaml"), ("trials",), ("best",), ("show", "5"), ("log",), ("--help",)):
            out = self.screen(*command, env={"LC_ALL": "C"})
            self.assertTrue(out.isascii(), out)
            self.assert_fits(out, 80, command)
        for env in ({"LC_CTYPE": "POSIX"}, {"LANG": "de_DE.ISO-8859-1"}):
            self.assertTrue(self.screen("trials", env=env).isascii())
        self.assertIn("* complete", self.screen("trials", env={"LC_ALL": "C", "NO_COLOR": "1"}))
        self.assertIn("●", self.screen("trials", env={"LC_ALL": "xx_YY.utf8"}))  # not installed here, but it says what it is

    def test_in_a_pipe_it_is_ascii_as_well(self):
        self.begin()
        self.run_nocturne("run", "study.yaml", "--quiet")
        plain = {k: v for k, v in os.environ.items() if not k.startswith("LC_") and k != "LANG"}

        def piped(*command, **env):
            return subprocess.run([NOCTURNE, *command], cwd=self.dir, env={**plain, **env}, capture_output=True, text=True,
                                  encoding="utf-8", timeout=PATIENCE, check=True).stdout
        for command in (("best",), ("trials",), ("status",), ("--help",)):
            whole = piped(*command)
            for env in ({"LC_ALL": "C"}, {"LC_CTYPE": "POSIX"}, {"LANG": "C"}, {"LC_ALL": "C", "LANG": "C.UTF-8"}):
                said = piped(*command, **env)
                self.assertTrue(said.isascii(), said)
                self.assertEqual(len(said.splitlines()), len(whole.splitlines()))
            for env in ({"LC_ALL": "C.UTF-8", "LANG": "C"}, {"LC_CTYPE": "de_DE.UTF-8", "LANG": "C"}, {"LC_ALL": "", "LANG": ""}):
                self.assertEqual(piped(*command, **env), whole)
        self.assertIn("◀", piped("best"))
        self.assertIn("+-", piped("best", LC_ALL="C"))
        self.assertEqual(json.loads(piped("trials", "--json", LC_ALL="C")), json.loads(piped("trials", "--json")))

    def test_json_on_a_terminal_is_json(self):
        self.begin()
        self.run_nocturne("run", "study.yaml")
        self.assertEqual(json.loads(self.screen("trials", "--json", columns=40))["trials"], self.trials())


class Trials(Screen):
    def setUp(self):
        super().setUp()
        self.begin()
        self.run_nocturne("run", "study.yaml", "--quiet")

    def column(self, *args, name="trial"):
        return [t[name] for t in self.json("trials", *args)["trials"]]

    def test_sorted(self):
        em = self.column("--sort", "-em", "--columns", "em,trial", name="em")
        some = [v for v in em if v is not None]
        self.assertEqual(some[:4], sorted(some[:4], reverse=True))
        self.assertEqual(some[4:], sorted(some[4:], reverse=True))  # the confirmations are a ranking of their own
        self.assertEqual({t["role"] for t in self.json("trials", "--sort", "-em", "--columns", "role")["trials"][4:len(some)]}, {"confirm"})
        self.assertEqual(em[len(some):], [None] * (len(em) - len(some)))  # without a value: last, whichever way
        up = self.column("--sort", "em", "--columns", "em", name="em")
        self.assertEqual(up[:4], sorted(some[:4]))
        for key in ("trial", "number", "state", "role", "utility", "duration", "attempts", "x", "params.learning_rate", "metrics.tokens"):
            self.assertEqual(sorted(self.column("--sort", key)), list(range(len(em))), key)
        self.assertEqual(self.column("--sort=-number"), list(range(len(em) - 1, -1, -1)))
        xs = [t["params"]["x"] for t in self.json("trials", "--sort", "x")["trials"]]
        self.assertEqual(xs, sorted(xs))
        table = [int(line.split()[0]) for line in self.run_nocturne("trials", "--sort", "-em")[0].splitlines()[1:] if line.split()[0].isdigit()]
        self.assertEqual(table, self.column("--sort", "-em"))

    def test_a_ranking_is_of_results_and_says_what_the_others_are(self):
        for sort in ("-em", "em", "utility", "metrics.tokens"):
            lines = [line.strip().split("  ")[0] for line in self.run_nocturne("trials", "--sort", sort, "--columns", "trial,em,state")[0].splitlines()[1:]]
            heads = [line for line in lines if not line.isdigit()]
            self.assertEqual(heads, ["confirmations, on fresh seeds:", "without a result:"], sort)
            first, second = (lines.index(head) for head in heads)
            self.assertEqual((sorted(map(int, lines[:first])), sorted(map(int, lines[first + 1:second])), sorted(map(int, lines[second + 1:]))),
                             ([0, 1, 2, 3], [6, 7], [4, 5]), sort)
        for args in (("--sort", "x"), ("--sort", "duration"), (), ("--top", "2"), ("--sort", "-em", "--state", "failed", "--json")):
            self.assertNotIn("confirmations,", self.run_nocturne("trials", *args)[0])
        self.assertIn("without a result:\n", self.run_nocturne("trials", "--sort", "-em", "--state", "failed")[0])

    def test_what_was_stopped_early_is_no_result(self):
        self.begin(STOPS, STOPPED)
        self.run_nocturne("run", "study.yaml", "--quiet")
        states = [t["state"] for t in self.json("trials", "stops", "--sort", "em")["trials"]]
        self.assertEqual(states, ["complete"] * 6 + ["pruned"])  # whose last report is the least
        self.assertIn("stopped early, as they were then:\n    6 ", self.run_nocturne("trials", "stops", "--sort", "em")[0])

    def test_status_says_what_the_best_is(self):
        best = self.json("status")["studies"][0]["best"]
        line = [x for x in self.run_nocturne("status")[0].splitlines() if x.startswith("  best: ")]
        self.assertEqual(len(line), 1)
        self.assertRegex(line[0], rf"^  best: trial {best['trial']}  x=0\.\d+ k=\d ")
        for columns in (80, 40):
            self.assert_fits(self.screen("status", columns=columns), columns, "status")
        self.assertIn("…", [x for x in lines_of(self.screen("status", columns=30)) if x.startswith("  best: ")][0])
        self.begin(SMALL.replace("study: s", "study: b").replace("trials: 6", "trials: 1"))
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.assertIn("  best: trial 0  the baseline's configuration\n", self.run_nocturne("status", "b")[0])

    def test_top_is_the_best(self):
        best = self.json("trials", "--top", "2")["trials"]
        self.assertEqual([t["utility"] for t in best], sorted((t["utility"] for t in self.trials() if "utility" in t and "confirms" not in t), reverse=True)[:2])
        self.assertEqual(self.column("--top", "3", "--sort", "number"), [0, 1, 2])

    def test_states_and_columns(self):
        self.assertEqual(self.column("--state", "failed,infeasible"), [4, 5])
        self.assertEqual(self.json("trials", "--state", "failed", "--columns", "trial,k,state,em,role")["trials"],
                         [{"trial": 4, "k": self.trials()[4]["params"]["k"], "state": "failed", "em": None, "role": "search"}])
        head = self.run_nocturne("trials", "--columns", "trial,em,learning_rate,reason")[0].splitlines()[0]
        self.assertEqual(head.split(), ["trial", "em", "learning_rate", "reason"])
        self.assertEqual(self.run_nocturne("trials", "--state", "queued")[0].count("\n"), 1)  # the head

    def test_errors_name_what_there_is(self):
        for args, parts in ((("--sort", "-token"), ("no 'token', did you mean 'tokens'?", "there are trial, state", "batch_size")),
                            (("--sort", "reason"), ("no 'reason'",)), (("--sort", ""), ("no ''",)),
                            (("--state", "faild"), ("did you mean 'failed'?", "complete, pruned")), (("--state", "failed,"), ("no ''",)),
                            (("--columns", "trial,lr"), ("no 'lr'", "configuration, em")), (("--top", "0"), ("--top: '0'",)),
                            (("--columns", ",".join(["trial"] * 200)), ("--columns: 128 at most",))):
            err = self.run_nocturne("trials", *args, code=2)[1]
            for part in parts:
                self.assertIn(part, err)


STOPS = """study: stops
trial: {command: [sh, trial.sh, "{x}"], retries: 0, grace: 1s}
parameters: {x: {type: float, range: [0, 1]}}
metrics: {em: {goal: maximize}}
objective: {maximize: em}
budget: {trials: 7}
confirm: {top: 0, seeds: 0}
search: {sampler: sobol}
stopping: {pruner: median, audit: 0}
"""
STOPPED = r"""
[ $NOCTURNE_TRIAL -lt 6 ] && { for i in 1 2 3; do echo "nocturne: {\"step\": $i, \"em\": 0.5}"; done; echo 'nocturne: {"result": {"em": 0.5}}'; exit; }
i=0
while i=$((i + 1)); do echo "nocturne: {\"step\": $i, \"em\": 0.01}"; sleep 0.1; done
"""
FINITE = """study: f
trial: {command: [sh, trial.sh, "{a}", "{b}"]}
parameters:
  a: {type: int, range: [1, 2]}
  b: {type: categorical, values: [u, v]}
  c: {type: bool, when: a == 2}
metrics: {loss: {goal: minimize}, acc: {goal: maximize}}
objective: {minimize: loss}
budget: {trials: 40}
confirm: {top: 0, seeds: 0}
"""


class Said(Screen):
    def test_a_run_that_goes_on_counts_against_its_budget(self):
        self.begin(SMALL.replace("trials: 6", "trials: 12"))
        self.write("trial.sh", "exit 3")
        self.run_nocturne("run", "study.yaml", code=1)  # the baseline fails
        self.assertIn("going on with study s: 0 of 12 trials complete, 1 failed", self.run_nocturne("run", "study.yaml", code=1)[0])

    def test_a_spent_budget(self):
        self.begin()
        first = self.run_nocturne("run", "study.yaml")[0]
        self.assertNotIn("is spent", first)
        n = len(self.trials())
        again = self.run_nocturne("run", "study.yaml")[0]
        self.assertIn("going on with study s: 4 of 6 trials complete, 2 failed", again)
        self.assertIn("note: the budget of 6 trials is spent: nothing to run; for more set 'budget: {trials: 12}' in study.yaml, or give --trials", again)
        self.assertEqual(len(self.trials()), n)
        self.assertNotIn("is spent", self.run_nocturne("run", "study.yaml", "--trials", "7")[0])
        events = [json.loads(x) for x in self.run_nocturne("run", "study.yaml", "--json")[0].splitlines()]
        self.assertIn("is spent", [e["text"] for e in events if e["event"] == "note"][0])

    def test_a_changed_objective_is_said_once(self):
        self.begin()
        self.run_nocturne("run", "study.yaml")
        self.begin(SMALL.replace("em: 0.7, tokens: 0.3", "em: 0.9, tokens: 0.1") + "constraints: [em >= 0.1]\n")
        out = self.run_nocturne("run", "study.yaml")[0]
        self.assertIn("note: objective: weights em=0.9 tokens=0.1, was weights em=0.7 tokens=0.3; constraints: em >= 0.1, was none: all trials are ranked anew", out)
        self.assertNotIn("ranked anew", self.run_nocturne("run", "study.yaml")[0])
        self.begin(SMALL.replace("{weights: {em: 0.7, tokens: 0.3}}", "{maximize: em}"))
        self.assertIn("objective: maximize em, was weights em=0.9 tokens=0.1; constraints: none, was em >= 0.1", self.run_nocturne("run", "study.yaml")[0])

    def test_plan_says_what_has_changed_as_run_does(self):
        self.begin()
        self.run_nocturne("run", "study.yaml", "--quiet")
        for old, new in (("em: 0.7, tokens: 0.3", "em: 0.9, tokens: 0.1"), ("{weights: {em: 0.7, tokens: 0.3}}", "{maximize: em}"),
                         ("workers:", "constraints: [em >= 0.1]\nworkers:"), ("k: {type: int, range: [1, 9]}", "k: {type: int, range: [1, 8]}")):
            self.begin(SMALL.replace(old, new))
            out, err = self.run_nocturne("plan", "study.yaml")
            with contextlib.closing(sqlite3.connect(os.path.join(self.dir, "nocturne.db"))) as db, \
                    contextlib.closing(sqlite3.connect(os.path.join(self.dir, "copy.db"))) as copy:
                db.backup(copy)
            ran = "".join(self.run_nocturne("run", "study.yaml", "--db", "copy.db"))
            said = [line for line in err.splitlines() if "spent" not in line]
            self.assertTrue(said, new)
            for line in said:
                self.assertIn(line + "\n", ran)
            self.assertEqual(json.loads(self.run_nocturne("plan", "study.yaml", "--json")[0])["study"], "s")
        self.begin(SMALL.replace("baseline: {x: 0.9", "baseline: {x: 0.8"))
        said = self.run_nocturne("plan", "study.yaml", code=2)[1]
        self.assertIn("the baseline differs from trial 0, with which study 's' in nocturne.db began", said)
        self.assertEqual(self.run_nocturne("run", "study.yaml", code=2)[1], said)
        self.begin()
        self.assertIn("note: the budget of 6 trials is spent: nothing to run", self.run_nocturne("plan", "study.yaml")[1])
        self.assertEqual(self.run_nocturne("plan", "study.yaml", "--trials", "9")[1], "")

    WHY = "RuntimeError: no room for seventy-nine kibibytes of everything that was asked for"

    def test_why_a_trial_failed_is_said_once(self):
        for n, (retries, baseline) in enumerate(((0, False), (2, False), (0, True))):
            fails = "0" if baseline else "4"
            self.begin(SMALL.replace("retries: 0", f"retries: {retries}, backoff: 1s").replace("study: s", f"study: s{n}"),
                       f'[ $NOCTURNE_TRIAL = {fails} ] && {{ echo "{self.WHY}" >&2; exit 1; }}\n' + SMALL_TRIAL.replace("= 4", "= 99"))
            code = 1 if baseline else 0
            out = " ".join("".join(lines_of(self.screen("run", "study.yaml", "--db", f"{n}.db", columns=60, code=code))).split())
            self.assertEqual(re.sub(r"\s+", "", out).count(self.WHY.replace(" ", "")), 1, out)
            said = "".join(self.run_nocturne("run", "study.yaml", "--db", f"p{n}.db", code=code))
            self.assertEqual(said.count(self.WHY), 1, said)
            self.assertEqual("1 of 8 trials failed ('nocturne trials" in said, not baseline, said)
            if not baseline:  # what an earlier run has said is not known by now
                self.assertEqual("".join(self.run_nocturne("run", "study.yaml", "--db", f"p{n}.db")).count(self.WHY), 1)
            if retries:
                self.assertIn("trial    4  failed      as before", said)
                self.assertIn("3 attempts, the last took ", self.run_nocturne("show", "4", "--db", f"p{n}.db")[0].splitlines()[0])

    def test_errors_are_folded_between_words(self):
        self.begin(SMALL, f'echo "{self.WHY}" >&2; exit 1\n')
        for columns in (80, 50):
            out = lines_of(self.screen("run", "study.yaml", "--db", f"{columns}.db", columns=columns, code=1))
            at = [i for i, line in enumerate(out) if line.startswith("nocturne: the baseline")][0]
            self.assertIn(self.WHY + ";", " ".join(line.strip() for line in out[at:]))
            self.assert_fits("\n".join(out), columns, "run")
        said = self.screen("trials", "no-such-study-of-a-name-that-goes-on", "--db", "80.db", columns=40, code=3)
        self.assert_fits(said, 40, "error")

    def test_a_note_stays_whatever_happens_next(self):
        gate = os.path.join(self.dir, "gate")
        self.begin(SMALL.replace("trials: 6", "trials: 1"), f'while [ ! -e "{gate}" ]; do sleep 0.05; done\n'
                   + """echo 5 > "$NOCTURNE_DIR/c"; echo '{"checkpoint": {"path": "c", "step": 1}}' >&3\n""" + SMALL_TRIAL)
        run = self.popen("run", "study.yaml", "--quiet")
        self.wait_running(1)
        self.run_nocturne("note", "s", "0", "by hand")
        self.wait_for(lambda: self.count("kind = 19"), "the note is in the log")  # tuner/history/event.def
        self.open_gate()
        run.communicate()
        log = [json.loads(line)["event"] for line in self.run_nocturne("log", "--json", "--trial", "0")[0].splitlines()]
        self.assertIn("checkpoint", log[log.index("noted"):])
        self.assertIn("by hand", self.run_nocturne("show", "0")[0])

    def test_the_time_of_the_last_attempt(self):
        self.begin(SMALL.replace("retries: 0", "retries: 1, backoff: 1s").replace("trials: 6", "trials: 1"),
                   "[ $NOCTURNE_ATTEMPT = 1 ] && { sleep 1; exit 1; }\n" + SMALL_TRIAL)
        self.run_nocturne("run", "study.yaml", "--quiet")
        took = [e["body"]["ms"] for e in map(json.loads, self.run_nocturne("log", "--json")[0].splitlines()) if e.get("trial") == 0 and "ms" in e["body"]]
        self.assertEqual(len(took), 2)
        self.assertEqual(self.json("trials", "--columns", "trial,duration")["trials"][0]["duration"], took[1])
        self.assertRegex(self.run_nocturne("show", "0")[0].splitlines()[0], r"; 2 attempts, the last took \d")

    def test_a_finite_space_that_is_finished(self):
        self.begin(FINITE, 'echo "nocturne: {\\"result\\": {\\"loss\\": $1, \\"acc\\": 1}}"\n')
        out = self.run_nocturne("run", "study.yaml")[0]
        self.assertIn("note: all 6 configurations of this space have been tried", out)  # 2 without c, 2 · 2 with
        self.assertEqual(len(self.trials()), 6)
        self.assertIn("  all 6 configurations of this space have been tried", self.run_nocturne("status")[0])
        self.assertIn("have been tried", self.json("status")["studies"][0]["exhausted"])
        self.run_nocturne("doctor", "--rebuild")
        self.begin(FINITE.replace("[u, v]", "[u, v, w]"))
        self.assertNotIn("have been tried", self.run_nocturne("status")[0] if self.run_nocturne("run", "study.yaml", "--trials", "1") else "")

    def test_a_metric_that_is_missing(self):
        self.begin(FINITE, 'echo "nocturne: {\\"result\\": {\\"loss\\": $1, \\"Acc\\": 1}}"\n')
        out = self.run_nocturne("run", "study.yaml")[0]
        self.assertEqual(re.findall(r"note: trial \d+ reported no 'acc', which the study file declares; it has 'Acc' \(did you mean 'Acc'\?\)", out).__len__(), 1)
        self.begin(FINITE.replace("study: f", "study: g"), 'echo "nocturne: {\\"result\\": {\\"los\\": $1, \\"acc\\": 1}}"\n')
        out, err = self.run_nocturne("run", "study.yaml", code=1)
        self.assertIn("the result lacks the metric 'loss'; it has 'los', 'acc' (did you mean 'los'?)", out)


WARM = "study: %s\nparameters: {%s}\nobjective: {%s}\n%s"


class Warm(Screen):
    """`advise` tells an earlier study of one parameter, and asks a later one for its first trial."""

    def first(self, params, objective="minimize: loss", more="warm_start: [a]\n", code=0, n=10):
        self.write("a.yaml", WARM % ("a", "x: {type: float, range: [0, 1]}, gone: {type: int, range: [0, 9]}", "minimize: loss", ""))
        told = "".join(f'{{"add": {{"x": {i / 10}, "gone": {i % 2}}}, "metrics": {{"loss": {abs(i - 3)}}}}}\n' for i in range(n))
        self.run_nocturne("advise", "a.yaml", "--db", "w.db", stdin=told)
        self.write("b.yaml", WARM % ("b", params, objective, more))
        out, err = self.run_nocturne("advise", "b.yaml", "--db", "w.db", stdin='{"ask": 1}\n', code=code)
        for file in ("w.db", "w.db-wal", "w.db-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(self.dir, file))
        return json.loads(out)["trials"][0]["params"], err

    def test_what_is_shared_teaches(self):
        new = "x: {type: float, range: [0, 1]}, %s"
        params, err = self.first(new % "z: {type: float, range: [0, 1]}", more="baseline: {x: 0.5, z: 0.25}\nwarm_start: [a]\nbudget: {trials: 9}\n")
        self.assertIn("warm_start: 10 of 10 complete trials of 'a' teach this study; 'z' is new: taken as 0.25, the baseline's; "
                      "'gone' is not a parameter any more and passed over", err)
        params, err = self.first(new % "z: {type: float, range: [0, 1]}")
        self.assertEqual(params["x"], 0.3)
        self.assertIn("nothing is known about 'z', which is new", err)
        self.assertEqual(self.first(new % "c: {type: categorical, values: [u, v]}")[0]["x"], 0.3)
        params, err = self.first("x: {type: float, range: [0.2, 0.6]}, gone: {type: int, range: [0, 9]}")
        self.assertEqual(params["x"], 0.3)
        self.assertIn("5 of 10 complete trials of 'a' teach this study", err)
        params, err = self.first("x: {type: float, range: [0, 1], step: 0.25}, gone: {type: int, range: [0, 9]}")
        self.assertEqual(params["x"], 0.25)  # the nearest step
        params, err = self.first("x: {type: float, range: [0, 1]}, on: {type: bool}, z: {type: int, range: [1, 5], when: on == true}")
        self.assertEqual(params["x"], 0.3)
        self.assertEqual("z" in params, params["on"])

    def test_utilities_are_relative_to_our_baseline_as_it_was_there(self):
        text = ("study: %s\nparameters: {x: {type: float, range: [0, 1]}}\nbaseline: {x: %s}\n"
                "metrics: {em: {goal: maximize}, tokens: {goal: minimize}}\nobjective: {weights: {em: 0.5, tokens: 0.5}}\n")
        told = '{"ask": 1}\n{"tell": 0, "metrics": {"em": 1, "tokens": 1000}}\n' + "".join(
            f'{{"add": {{"x": {x}}}, "metrics": {{"em": {em}, "tokens": {tokens}}}}}\n' for x, em, tokens in ((0.5, 2, 500), (1, 2.5, 700), (0.25, 1.8, 300)))
        self.write("a.yaml", text % ("a", 0))
        self.run_nocturne("advise", "a.yaml", "--db", "w.db", stdin=told)
        for name, baseline, best in (("by-half", 0.5, 0.25), ("by-theirs", 0, 1), ("not-measured", 0.75, 1)):
            with self.subTest(name):
                self.write("b.yaml", text % (name, baseline) + "warm_start: [a]\n")
                asked = json.loads(self.run_nocturne("advise", "b.yaml", "--db", "w.db", stdin='{"ask": 2}\n')[0])["trials"]
                self.assertEqual([t["params"]["x"] for t in asked], [baseline, best])

    def test_when_nothing_is_taught_it_is_said_why(self):
        for params, objective, more, why in (
                ("q: {type: float, range: [0, 1]}", "minimize: loss", "", "nothing in common with this study: no parameter has the same name"),
                ("x: {type: float, range: [2, 3]}, gone: {type: int, range: [0, 9]}", "minimize: loss", "", "10 of its 10 complete trials lie outside"),
                ("x: {type: categorical, values: [u, v]}", "minimize: loss", "", "lie outside this study's ranges and values"),
                ("x: {type: float, range: [0, 1]}", "minimize: cost", "", "it has no metric 'cost'"),
                ("x: {type: float, range: [0, 1]}", "minimize: loss", "search: {sampler: random}\n", "the sampler 'random' learns from no trials")):
            with self.subTest(why):
                self.assertIn(f"warm_start: 'a' teaches nothing: ", err := self.first(params, objective, "warm_start: [a]\n" + more)[1])
                self.assertIn(why, err)
        self.assertIn("it has 2 complete trials, and 3 are the least", self.first("x: {type: float, range: [0, 1]}", n=2)[1])

    def test_a_run_says_it_too(self):
        self.begin()
        self.run_nocturne("run", "study.yaml", "--quiet")
        later = SMALL.replace("study: s", "study: later").replace("metrics:", "  drop: {type: float, range: [0, 0.5]}\nmetrics:").replace(
            "batch_size: 32}", "batch_size: 32, drop: 0.1}").replace("sampler: sobol, ", "")
        self.begin(later + "warm_start: [s]\n")
        self.assertIn("note: warm_start: 4 of 4 complete trials of 's' teach this study; 'drop' is new: taken as 0.1, the baseline's", self.run_nocturne("run", "study.yaml")[0])
        self.assertIn("warm start: the best of study s", [t["source"] for t in self.json("trials", "later")["trials"]])
        self.run_nocturne("replay", "later")


if __name__ == "__main__":
    unittest.main(verbosity=2)
