#!/usr/bin/env python3
"""The program as a person or a script meets it: real binary, real processes, real database.

NOCTURNE_BIN is the folder of the binaries. The trials are small shell scripts here;
test_kill.py runs the real training.
"""
import contextlib
import glob
import json
import os
import pty
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

from patience import PATIENCE, gated, until

BIN = os.path.abspath(os.environ["NOCTURNE_BIN"])
HERE = os.path.dirname(os.path.abspath(__file__))
NOCTURNE = os.path.join(BIN, "nocturne")

STUDY = """study: s
trial: {command: [sh, trial.sh, "{x}", "{k}"], timeout: 1h, grace: 1s, retries: 1}
parameters:
  x: {type: float, range: [0, 1]}
  k: {type: int, range: [1, 9]}
metrics:
  em: {goal: maximize, kind: proportion, of: 1000}
  tokens: {goal: minimize, kind: count}
baseline: {x: 0.9, k: 5}
objective: {weights: {em: 0.7, tokens: 0.3}}
budget: {trials: 8}
confirm: {top: 1, seeds: 2}
search: {sampler: sobol, seed: 3}
workers: {local: 2}
"""
TRIAL = """echo "trial $NOCTURNE_TRIAL of $NOCTURNE_STUDY"
awk -v x="$1" -v k="$2" 'BEGIN { printf "{\\"step\\": 0, \\"em\\": 0.1, \\"tokens\\": 10}\\n" }' >&3
awk -v x="$1" -v k="$2" -v seed="$NOCTURNE_SEED" 'BEGIN { printf "{\\"result\\": {\\"em\\": %.4f, \\"tokens\\": %d}}\\n", 0.6 - (x - 0.3)^2, 1000 + 1000 * x + 100 * k + seed % 97 }' >&3
"""


def read(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


class World(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="nocturne-test-")
        self.dir = self.temporary.name
        self.write("study.yaml", STUDY)
        self.write("trial.sh", TRIAL)

    def tearDown(self):
        self.temporary.cleanup()

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as out:
            out.write(text)

    def gate_trials(self):
        """From now on trials wait after their first report until the gate is open."""
        self.write("trial.sh", gated(TRIAL, os.path.join(self.dir, "gate")))

    def open_gate(self):
        self.write("gate", "")

    def count(self, kinds="1 = 1"):
        """How many events of a kind the database has, while a study is at work in it."""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.dir}/nocturne.db?mode=ro", uri=True, timeout=PATIENCE)) as db:
                return db.execute(f"SELECT count(*) FROM event WHERE {kinds}").fetchone()[0]
        except sqlite3.OperationalError:
            return 0

    def wait_for(self, condition, what):
        until(what, condition)

    def wait_running(self, n=2):
        """Until n attempts have been started."""
        self.wait_for(lambda: self.started() >= n, f"{n} trials that run")

    def started(self):
        return self.count("kind = 4")  # store/store.h

    @staticmethod
    def wait_line(stream, part):
        """Reads until a line has this in it; returns all that was read."""
        seen = ""
        while part not in seen:
            line = stream.readline()
            if not line:
                raise AssertionError(f"'{part}' was not said: {seen}")
            seen += line
        return seen

    def popen(self, *args, **kw):
        env = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
        process = subprocess.Popen([NOCTURNE, *args], cwd=self.dir, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, **kw)
        self.addCleanup(process.kill)  # of a test that failed: its trials may stand at a gate for good
        return process

    def run_nocturne(self, *args, code=0, stdin=None, **kw):
        process = self.popen(*args, stdin=subprocess.PIPE, **kw)
        out, err = process.communicate(stdin, timeout=PATIENCE)
        self.assertEqual(process.returncode, code, f"{args}: {out}\n{err}")
        self.assertNotIn("Sanitizer", err)
        return out, err

    def json(self, *args):
        return json.loads(self.run_nocturne(*args, "--json")[0])

    def trials(self):
        return self.json("trials")["trials"]


class Help(World):
    def test_every_command_has_help_with_an_example(self):
        verbs = [line.split()[0] for line in self.run_nocturne("--help")[0].splitlines() if line.startswith("  ") and line[2].isalpha()]
        verbs = [v for v in verbs if v != "nocturne"]
        self.assertEqual(len(verbs), 36)
        for verb in verbs:
            out, _ = self.run_nocturne(verb, "--help")
            self.assertIn("Example:", out, verb)
            self.assertIn(f"nocturne {verb}", out)

    def test_wrong_usage_is_2_and_says_what_is_near(self):
        self.assertIn("did you mean 'trials'?", self.run_nocturne("trails", code=2)[1])
        self.run_nocturne(code=2)
        for args in (["run"], ["run", "study.yaml", "--slots", "0"], ["run", "study.yaml", "--until", "25:00"],
                     ["run", "study.yaml", "--wall", "soon"], ["run", "a", "b"], ["export", "--format", "xml"],
                     ["show"], ["show", "s", "one"], ["best", "--weights", "a=1", "--exchange", "1"], ["completion", "tcsh"],
                     ["run", "study.yaml", "--db", ":memory:"]):
            self.run_nocturne(*args, code=2)

    def test_whole_numbers_are_digits(self):
        for args in (["run", "x", "--trials"], ["run", "x", "--slots"], ["run", "x", "--seed"], ["plan", "x", "--trials"], ["plan", "x", "--probe"],
                     ["advise", "x", "--seed"], ["log", "--trial"], ["trials", "--top"], ["serve", "--slots"], ["serve", "--tries"],
                     ["serve", "--connections"], ["worker", "--slots"], ["worker", "--gpus"]):
            for text in ("2.5", "0x2", "1e3", "+2", "99999999999999999999", ""):
                _, err = self.run_nocturne(*args, text, code=2)
                self.assertIn(f"{args[-1]}: '{text}' is not a whole number from ", err)
        self.assertIn("--listen: the port: '0x50' is not a whole number", self.run_nocturne("serve", "--listen", ":0x50", code=2)[1])
        self.assertIn("--rate: '0x10' is not a number", self.run_nocturne("serve", "--rate", "0x10", code=2)[1])
        for text in ("0x2", "2.0", "1e0"):
            self.assertIn(f"'{text}' is not a trial number", self.run_nocturne("show", "s", text, code=2)[1])
            self.assertIn(f"'{text}' is not a trial number", self.run_nocturne("stopping", "s", text, code=2)[1])
            self.assertIn(f"'{text}' is not the number of a trial", self.run_nocturne("retry", "s", text, code=2)[1])

    def test_what_cannot_be_meant_is_refused_and_says_what_there_is(self):
        self.assertIn("is no address; for example 127.0.0.1:8470", self.run_nocturne("serve", "--listen", "foo", code=2)[1])
        self.assertIn("the name of another format than --format pdf", self.run_nocturne("report", "-o", "r.html", "-f", "pdf", code=2)[1])
        self.assertIn("nocturne enqueue s patience=4", self.run_nocturne("enqueue", "s", code=2)[1])
        self.run_nocturne("plan", "study.yaml", "--probe", "1")
        for args, said in ((["enqueue", "s", "x=0.1", "x=0.2"], "'x' is given twice"),
                           (["enqueue", "s", "foo=1"], "'foo' is not a parameter of study 's'; there are x, k"),
                           (["best", "-w", "token=1"], "weights: 'token' is not a metric of this study, did you mean 'tokens'?; there are em, tokens")):
            self.assertIn(said, self.run_nocturne(*args, code=2)[1])
        self.assertNotIn("queued", [t["state"] for t in self.trials() if t["role"] == "enqueued"])
        self.write("own.yaml", STUDY.replace("study: s", "study: own").replace("{type: int, range: [1, 9]}", "{type: ordinal, values: [1, 5, 9]}"))
        self.run_nocturne("plan", "own.yaml", "--probe", "1")
        self.assertIn("k: '4' is not one of its values; there are 1, 5, 9", self.run_nocturne("enqueue", "own", "k=4", code=2)[1])

    def test_a_token_for_a_study_that_is_not_there(self):
        args = ["token", "create", "--role", "viewer", "--study", "nosuch", "-o"]
        out, err = self.run_nocturne(*args, "v.token")
        self.assertIn("is in v.token", out)
        self.assertIn("note: there is no study 'nosuch' in nocturne.db yet", err)
        self.assertIn("/nosuch/t: cannot write a token", self.run_nocturne(*args, "/nosuch/t", code=1)[1])
        self.assertIn("a file of that name is replaced", " ".join(self.run_nocturne("token", "--help")[0].split()))

    def test_version_init_completion_doctor(self):
        self.assertRegex(self.run_nocturne("--version")[0], r"^nocturne \d+\.\d+\.\d+\n$")
        self.run_nocturne("init", "new.yaml")
        self.assertIn("exists already", self.run_nocturne("init", "new.yaml", code=1)[1])
        self.run_nocturne("init", "--force", "new.yaml")
        self.assertIn("'./train' is not an executable program", self.run_nocturne("run", "new.yaml", code=2)[1])
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("enqueue", self.run_nocturne("completion", shell)[0])
        subprocess.run(["bash", "-n"], input=self.run_nocturne("completion", "bash")[0], text=True, check=True)
        self.assertIn("none yet", self.run_nocturne("doctor")[0])

    def test_nothing_there_is_3(self):
        for verb in ("status", "trials", "best", "export", "stop", "resume"):
            self.assertIn("no such database", self.run_nocturne(verb, code=3)[1])
        self.run_nocturne("run", "nowhere.yaml", code=3)


class BadStudies(World):
    def test_each_is_refused_and_changes_nothing(self):
        fixtures = sorted(glob.glob(os.path.join(HERE, "fixtures", "bad", "*.yaml")))
        self.assertGreaterEqual(len(fixtures), 60)
        before = sorted(os.listdir(self.dir))
        for path in fixtures:
            expected = read(path[:-5] + ".expect").strip()
            _, err = self.run_nocturne("run", path, code=2)
            self.assertIn(expected, err, path)
            self.assertRegex(err, r"^nocturne: " + path.replace(".", r"\.") + r":\d+:\d+: ", path)
        self.write("big.yaml", "x" * 10_000_000)
        self.assertIn("big.yaml:1:1: the file is over 1 MiB", self.run_nocturne("run", "big.yaml", code=2)[1])
        self.assertEqual(sorted(os.listdir(self.dir)), sorted(before + ["big.yaml"]))


class Run(World):
    def test_a_whole_study(self):
        out, _ = self.run_nocturne("run", "study.yaml")
        self.assertIn("confirmed on 2 fresh seeds", out)
        self.assertIn("winner (trial", out)
        trials = self.trials()
        self.assertEqual([t["trial"] for t in trials], list(range(12)))  # 8 + (baseline + 1) × 2
        self.assertTrue(all(t["state"] == "complete" for t in trials))
        self.assertEqual(trials[0]["params"], {"x": 0.9, "k": 5})
        self.assertEqual([t["role"] for t in trials].count("confirm"), 4)
        self.assertEqual(len({t["seed"] for t in trials[:8]}), 8)
        best = self.json("best")
        self.assertEqual(best["confirmed_seeds"], 2)
        # the same command again has nothing to do and changes nothing
        self.run_nocturne("run", "study.yaml")
        self.assertEqual(self.trials(), trials)
        # more budget, more trials, and a new confirmation
        self.run_nocturne("run", "study.yaml", "--trials", "10")
        self.assertEqual(len([t for t in self.trials() if t["role"] == "search"]), 9)
        out, _ = self.run_nocturne("show", "3")
        self.assertRegex(out, r"attempt 1, lease \d+(.*\n)*.*finished +complete")
        self.assertIn("step 0", out)
        self.assertIn("trial 3 of s", read(os.path.join(self.dir, "nocturne.files/s/0003.1/stdout.log")))
        self.assertRegex(self.run_nocturne("status")[0], r"study s: complete, 1[46] complete; ")
        self.assertEqual(self.json("status")["studies"][0]["phase"], "complete")
        self.assertIn("configuration", self.run_nocturne("trials")[0])
        self.run_nocturne("show", "99", code=3)
        self.run_nocturne("status", "nothing", code=3)
        self.assertIn("pages, rows and references are sound", self.run_nocturne("doctor")[0])

    def test_export_in_every_format(self):
        self.run_nocturne("run", "study.yaml", "--quiet")
        exported = json.loads(self.run_nocturne("export", "--format", "json")[0])
        params = exported["params"]
        self.assertEqual(exported["study"], "s")
        self.assertIn(f"  x: {params['x']}", self.run_nocturne("export", "--format", "yaml")[0])
        self.assertIn(f"x = {params['x']}", self.run_nocturne("export", "--format", "toml")[0])
        env = self.run_nocturne("export", "--format", "env")[0]
        self.assertEqual(subprocess.run(["sh", "-c", f"{env}\necho $NOCTURNE_PARAM_K"], capture_output=True, text=True).stdout.strip(), str(params["k"]))
        args = self.run_nocturne("export", "--format", "args", "-o", "args.txt")[0]
        self.assertEqual(args, "")
        self.assertEqual(read(os.path.join(self.dir, "args.txt")), f"sh trial.sh {params['x']} {params['k']}\n")
        self.assertIn("cannot write", self.run_nocturne("export", "-o", "/proc/x/y", code=1)[1])

    def test_other_weights_need_no_new_trial(self):
        self.run_nocturne("run", "study.yaml", "--quiet")
        before = self.trials()
        cheap = self.json("best", "--weights", "em=0,tokens=1")
        good = self.json("best", "--weights", "em=1,tokens=0")
        self.assertLessEqual(cheap["metrics"]["tokens"], min(t["metrics"]["tokens"] for t in before))
        self.assertGreaterEqual(good["metrics"]["em"], max(t["metrics"]["em"] for t in before))
        self.json("best", "--exchange", "1.0")
        self.run_nocturne("best", "--weights", "em=0.5", code=2)
        self.assertEqual(self.trials(), before)

    def test_json_lines(self):
        lines = [json.loads(line) for line in self.run_nocturne("run", "study.yaml", "--json")[0].splitlines()]
        self.assertEqual(lines[-1]["event"], "end")
        self.assertEqual(lines[-1]["end"], "done")
        self.assertEqual(len([x for x in lines if x["event"] == "finished"]), 12)

    def test_progress_on_a_terminal(self):
        """Trials wait until what is shown of them has been seen; the later ones until what is shown of the first has."""
        later = gated("step\n" + TRIAL, os.path.join(self.dir, "later")).replace("step\n", "", 1)
        self.write("trial.sh", f"if [ $NOCTURNE_TRIAL -gt 3 ]; then\n{later}\nelse\n{gated(TRIAL, os.path.join(self.dir, 'gate'))}\nfi\n")
        main, terminal = pty.openpty()
        process = subprocess.Popen([NOCTURNE, "run", "study.yaml"], cwd=self.dir, stdout=terminal, stderr=terminal)
        os.close(terminal)
        seen = b""

        def read_until(pattern):
            nonlocal seen
            while not re.search(pattern, seen.decode(errors="replace")):
                seen += os.read(main, 65536)  # OSError: the end came before

        read_until(r"running   trial \d+ +step 0 +em 0.1000  tokens 10")
        self.open_gate()
        read_until(r"s \[█+░+\] \d+/12 trials · \S+ tokens spent · ETA ")
        read_until(r"best      trial \d+ +em ")
        self.write("later", "")
        with contextlib.suppress(OSError):  # the terminal's other end is closed
            while True:
                seen += os.read(main, 65536)
        self.assertEqual(process.wait(), 0)
        os.close(main)
        text = seen.decode()
        self.assertIn("\x1b[J", text)  # the moving lines are removed at the end
        self.assertIn("winner (trial", text[text.rindex("\x1b[J"):])

    def test_failures_are_reasons_and_the_study_goes_on(self):
        self.write("trial.sh", """case $NOCTURNE_TRIAL in
            1) echo 'nocturne: {"result": {"em": NaN, "tokens": 1}}' ;;
            2) head -c 100000 /dev/urandom ;;
            3) head -c 100000000 /dev/zero ;;
            4) ;;
            5) kill -SEGV $$ ;;
            6) echo '{"infeasible": "out of memory"}' >&3 ;;
            7) [ $NOCTURNE_ATTEMPT = 2 ] || exit 7; echo '{"result": {"em": 0.5, "tokens": 1}}' >&3 ;;
            *) echo '{"result": {"em": 0.5, "tokens": 100}}' >&3 ;;
        esac""")
        self.run_nocturne("run", "study.yaml")
        trials = self.trials()
        self.assertEqual([t["state"] for t in trials[:8]],
                         ["complete", "failed", "failed", "failed", "failed", "failed", "infeasible", "complete"])
        for number, reason in ((1, "NaN"), (2, "exit 0 without a result"), (3, "printed too much"),
                               (4, "exit 0 without a result"), (5, "signal 11"), (6, "out of memory"), (7, "exit code 7")):
            self.assertIn(reason, self.run_nocturne("show", str(number))[0])
        self.assertEqual(trials[5]["attempts"], 2)  # a crash is tried again
        self.assertEqual(trials[4]["attempts"], 1)  # the trial's own doing is not
        self.assertEqual(trials[7]["attempts"], 2)

    def test_timeout(self):
        study = STUDY.replace("top: 1, seeds: 2", "top: 0, seeds: 0").replace("trials: 8", "trials: 1")
        self.write("study.yaml", study)
        self.run_nocturne("run", "study.yaml")  # the baseline has all the time it wants
        self.write("study.yaml", study.replace("timeout: 1h", "timeout: 0.3s").replace("trials: 1", "trials: 2"))
        self.write("trial.sh", "sleep 1000\n")
        self.run_nocturne("run", "study.yaml")
        self.assertEqual([t["state"] for t in self.trials()], ["complete", "failed"])
        self.assertIn("timed out", self.trials()[1]["reason"])

    def test_a_failed_baseline_ends_the_study_with_its_reason(self):
        self.write("trial.sh", "echo broken >&2; exit 1")
        _, err = self.run_nocturne("run", "study.yaml", code=1)
        self.assertIn("the baseline (trial 0) failed: exit code 1: broken", err)

    def test_budgets_of_tokens_and_time(self):
        self.run_nocturne("run", "study.yaml", "--tokens", "22000", "--trials", "1000")
        self.assertLessEqual(self.json("status")["studies"][0]["tokens"], 22000)
        self.assertEqual([t["role"] for t in self.trials()].count("confirm"), 4)  # its share was kept free
        self.write("study.yaml", STUDY.replace("study: s", "study: t"))
        self.run_nocturne("run", "study.yaml", "--trials", "1", "--quiet")
        out, _ = self.run_nocturne("run", "study.yaml", "--wall", "2s", "--trials", "100000")
        self.assertRegex(out, "the deadline (is near|has passed)")
        self.assertLess(len(self.json("trials", "t")["trials"]), 100000)

    def test_seed_and_sampler_decide_the_configurations(self):
        configs = {}
        for name in ("a", "b", "c"):
            self.run_nocturne("run", "study.yaml", "--db", f"{name}.db", "--quiet", "--slots", "1", "--seed", "5" if name == "c" else "4")
            configs[name] = [t["params"] for t in self.json("trials", "--db", f"{name}.db")["trials"]]
        self.assertEqual(configs["a"], configs["b"])
        self.assertNotEqual(configs["a"], configs["c"])


# What it says of items a spreadsheet would take for formulas, a name that is too wide, an id that is cut where it may not be.
HOSTILE = """import json, os
out = os.fdopen(3, "wb", 0)
def say(id, **metrics):
    out.write(json.dumps({"item": {"id": id, **metrics}}, ensure_ascii=False).encode() + b"\\n")
say("=1+cmd", em=1, **{"=HYPERLINK(1)": 3, "a,b": 2})
say("😀" * 50, em=0)
say(-5, em=0)
say("a" * 59 + "😀", em=7)
say("=1+cmd", em=0)
out.write(b'{"result": {"em": 0.5, "tokens": 1}}\\n')
"""


class Items(World):
    def run_one(self, program):
        self.write("trial.py", program)
        self.write("study.yaml", STUDY.replace('[sh, trial.sh, "{x}", "{k}"]', '[python3, trial.py]').replace("trials: 8", "trials: 1").replace("top: 1, seeds: 2", "top: 0, seeds: 0"))
        self.run_nocturne("run", "study.yaml", "--quiet")

    def test_hostile_ones_make_a_table_without_formulas(self):
        self.run_one(HOSTILE)
        self.assertEqual(self.run_nocturne("show", "s", "0", "--items")[0].split("\n")[:-1],
                         ["id,em,\"'=HYPERLINK(1)\",\"a,b\"", "\"'=1+cmd\",1,3,2", "😀" * 50 + ",0,,", "\"'-5\",0,,"])
        self.assertIn(f"'{'a' * 59}…' the first: the proportion 'em' is 7", self.run_nocturne("log", "s")[0])

    def test_of_none_there_is_no_table_and_of_those_without_metrics_a_column(self):
        self.run_one('import os\nos.write(3, b\'{"result": {"em": 0.5, "tokens": 1}}\\n\')')
        out, err = self.run_nocturne("show", "s", "0", "--items")[:2]
        self.assertEqual((out, "has said nothing of single items" in err), ("", True))
        os.unlink(os.path.join(self.dir, "nocturne.db"))
        self.run_one('import os\nos.write(3, b\'{"item": {"id": 1}}\\n{"result": {"em": 0.5, "tokens": 1}}\\n\')')
        self.assertEqual(self.run_nocturne("show", "s", "0", "--items")[0], "id\n1\n")

    def test_metrics_without_end_are_lines_and_no_columns(self):
        self.run_one('import json, os\nout = os.fdopen(3, "wb", 0)\nfor i in range(20):\n'
                     '    out.write(json.dumps({"item": {"id": i, **{f"m{i}_{k}": k for k in range(60)}}}).encode() + b"\\n")\n'
                     'out.write(b\'{"result": {"em": 0.5, "tokens": 1}}\\n\')')
        self.assertIn("over 1000 metrics by name, too many columns: --json has a line each", self.run_nocturne("show", "s", "0", "--items", code=2)[1])
        self.assertEqual(len(self.run_nocturne("show", "s", "0", "--items", "--json")[0].splitlines()), 20)


class Control(World):
    def test_interrupt_lets_trials_finish_and_the_same_command_goes_on(self):
        self.gate_trials()
        process = self.popen("run", "study.yaml")
        self.wait_running()
        process.send_signal(signal.SIGINT)
        self.wait_line(process.stdout, "interrupt again")
        self.open_gate()
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 4)
        self.assertIn("Go on with: nocturne run study.yaml", err)
        self.assertEqual([t["state"] for t in self.trials()], ["complete"] * 2)
        self.assertIn("going on with study s: 2 of 8 trials complete", self.run_nocturne("resume", "s")[0])
        self.assertEqual(len(self.trials()), 12)

    def test_second_interrupt_is_at_once(self):
        self.gate_trials()  # it stays closed
        process = self.popen("run", "study.yaml")
        self.wait_running()
        process.send_signal(signal.SIGINT)
        self.wait_line(process.stdout, "interrupt again")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 4)
        self.assertEqual([t["state"] for t in self.trials()], ["queued"] * 2)

    def test_a_probe_limits_nobody_later_and_two_attempts_are_told_apart(self):
        self.write("trial.sh", TRIAL.replace("\nawk", """
[ "$NOCTURNE_TRIAL.$NOCTURNE_ATTEMPT" = 1.1 ] && { echo '{"step": 0, "em": 0.2, "tokens": 20}' >&3; exit 3; }
awk""", 1))
        _, err = self.run_nocturne("plan", "study.yaml", "--probe", "2")
        self.assertNotIn("the last run was given", err)
        said = "".join(self.run_nocturne("run", "study.yaml"))
        self.assertNotIn("the last run was given", said)
        self.assertRegex(said, r"search done; confirming on fresh seeds: trial \d+: the best as measured")
        shown = self.run_nocturne("show", "s", "1")[0]
        self.assertRegex(shown, r"(?s)attempt 1 reported\n      step 0 .*0\.2.*attempt 2 reported\n      step 0 ")
        self.assertNotIn("reported", self.run_nocturne("show", "s", "2")[0])
        self.assertIn("Judged by 2 points of em for half of tokens.", self.run_nocturne("best", "-x", "2")[0])
        self.run_nocturne("enqueue", "s", "x=0.31", "k=1")
        self.assertRegex(self.run_nocturne("status", "s")[0], r"trials +8 spent +1 reserved +0 left of 8, and 1 beyond them")

    def test_stop_and_enqueue_reach_a_running_study(self):
        self.gate_trials()
        process = self.popen("run", "study.yaml")
        self.wait_running()
        _, err = self.run_nocturne("run", "study.yaml", code=4)
        self.assertRegex(err, r"study 's' is being run by pid \d+ on ")
        self.run_nocturne("enqueue", "s", "x=0.25", "k=2")
        self.run_nocturne("enqueue", "s", "x=7", code=2)
        self.run_nocturne("enqueue", "s", "y=7", code=2)
        for text in ("0x2", "2.5", "inf", ""):
            self.run_nocturne("enqueue", "s", "x=0.25", f"k={text}", code=2)
        self.wait_for(lambda: any(t["role"] == "enqueued" for t in self.trials()), "the enqueued trial")
        self.assertTrue(self.json("status")["studies"][0]["running"])
        self.assertIn("asked study s to stop", self.run_nocturne("stop", "s")[0])
        self.wait_line(process.stdout, "interrupt again")
        self.open_gate()
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 4)
        self.assertEqual(self.json("status")["studies"][0]["phase"], "stopped")
        self.assertIn("is not running", self.run_nocturne("stop", "s")[0])
        self.run_nocturne("enqueue", "s", "k=3")
        self.run_nocturne("run", "study.yaml", "--quiet")
        enqueued = [t["params"] for t in self.trials() if t["role"] == "enqueued"]
        self.assertEqual(enqueued, [{"x": 0.25, "k": 2}, {"x": 0.9, "k": 3}])

    def test_a_stop_that_nobody_obeyed_does_not_stop_the_next_run(self):
        self.run_nocturne("run", "study.yaml", "--trials", "2", "--quiet")
        db = sqlite3.connect(os.path.join(self.dir, "nocturne.db"))
        db.execute("INSERT INTO request (study, verb, payload, at_ms) VALUES (1, 'stop', '{}', 0)")
        db.commit()
        db.close()
        self.run_nocturne("run", "study.yaml", "--quiet")

    def test_kill_leaves_no_orphan_and_loses_nothing(self):
        self.write("trial.sh", 'sleep 300 & echo $! >>"pids"; echo $$ >>"pids"; wait')
        process = self.popen("run", "study.yaml")
        pids = os.path.join(self.dir, "pids")
        self.wait_for(lambda: os.path.exists(pids) and len(read(pids).split()) == 4, "the trials")
        process.kill()
        process.communicate()
        for pid in read(pids).split():
            self.wait_for(lambda: not os.path.exists(f"/proc/{pid}"), f"process {pid} to be gone")
        self.write("trial.sh", TRIAL)
        self.run_nocturne("run", "study.yaml")
        self.assertEqual(len(self.trials()), 12)
        self.assertRegex(self.run_nocturne("show", "0")[0], r"attempt 1, lease 3(.*\n)*.*returned +lost")

    def test_a_killed_study_makes_the_same_suggestions(self):
        self.write("study.yaml", STUDY.replace("sobol", "gp").replace("trials: 8", "trials: 14"))
        self.run_nocturne("run", "study.yaml", "--slots", "1", "--quiet", "--db", "whole.db")
        self.write("trial.sh", "sleep 0.05\n" + TRIAL)  # so that there is a study to kill after each of these moments
        moments = random.Random(3)
        for _ in range(6):
            process = self.popen("run", "study.yaml", "--slots", "1", "--quiet")
            events = self.count() + moments.randrange(9)
            self.wait_for(lambda: self.count() >= events, "a moment to kill it")
            self.assertIsNone(process.poll())
            process.kill()
            process.communicate()
        self.run_nocturne("run", "study.yaml", "--slots", "1", "--quiet")
        known = [[(t["trial"], t["role"], t["params"], t["seed"], t["source"], t["metrics"])
                  for t in self.json("trials", "--db", f"{db}.db")["trials"]] for db in ("whole", "nocturne")]
        self.assertEqual(known[0], known[1])

    def test_changed_bounds_keep_what_lies_inside_and_other_parameters_are_refused(self):
        self.run_nocturne("run", "study.yaml", "--quiet")
        before = self.trials()
        self.write("study.yaml", STUDY.replace("[1, 9]", "[1, 8]").replace("trials: ", "trials: 1"))
        said = self.run_nocturne("run", "study.yaml", "--quiet")[1]
        outside = [t for t in self.trials() if "outside" in t]
        self.assertIn("k: range [1.0, 8.0], was [1.0, 9.0]", said)
        self.assertIn(f"{len(outside)} of {len(before)} trials lie outside", said)
        self.assertEqual({t["params"]["k"] for t in outside} - {9}, set())
        self.assertGreater(len(self.trials()), len(before))
        self.write("study.yaml", STUDY.replace("  k:", "  m:").replace("{k}", "{m}").replace(" k: 5", " m: 5"))
        self.assertIn("parameter 'k' is gone", self.run_nocturne("run", "study.yaml", code=2)[1])

    def test_a_full_disk_pauses_the_study_which_goes_on_by_itself(self):
        self.run_nocturne("run", "study.yaml", "--trials", "4", "--quiet")
        before = self.trials()
        limit = os.path.getsize(os.path.join(self.dir, "nocturne.db"))  # no file may grow past that
        process = self.popen("run", "study.yaml", "--trials", "40", "--quiet",
                             preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                                                 resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))))
        said = process.stderr.readline()
        self.assertRegex(said, r"^nocturne: paused: .*nocturne\.db: .*; goes on by itself when that is over\n$")
        self.assertEqual(self.trials()[:len(before)], before)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.assertEqual(process.stderr.readline(), "nocturne: going on\n")
        self.assertEqual(process.communicate()[1], "")
        self.assertEqual(process.returncode, 0)
        after = self.trials()
        self.assertEqual([t["state"] for t in after[:40]], ["complete"] * 40)

    def test_an_unwritable_folder_is_a_sentence(self):
        _, err = self.run_nocturne("run", "study.yaml", "--db", "/proc/nocturne.db", code=1)
        self.assertEqual(err.count("\n"), 1)
        self.assertIn("cannot be written", err)


class Advise(World):
    def test_the_pipe_in_memory_and_durable(self):
        self.write("q.yaml", "study: q\nparameters: {x: {type: float, range: [-5, 10]}, y: {type: float, range: [0, 15]}}\n"
                             "objective: {minimize: loss}\n")

        def drive(*args):
            process = self.popen("advise", "q.yaml", *args, stdin=subprocess.PIPE)
            said = []

            def say(request):
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                said.append(json.loads(process.stdout.readline()))
                return said[-1]

            for _ in range(8):
                for t in say({"ask": 2})["trials"]:
                    x, y = t["params"]["x"], t["params"]["y"]
                    say({"report": t["trial"], "step": 0, "metrics": {"loss": 99.0}})
                    say({"tell": t["trial"], "metrics": {"loss": (x - 2) ** 2 + (y - 3) ** 2}})
            inside = say({"predict": {"x": 2.0, "y": 3.0}})["metrics"]["loss"]
            self.assertLess(inside["low"], inside["median"])
            self.assertLess(inside["median"], inside["high"])
            say({"nonsense": 1})
            say({"best": True})
            process.stdin.close()
            process.wait()
            process.stdout.close()
            process.stderr.close()
            return said

        a, b, c = drive("--seed", "7"), drive("--seed", "7"), drive("--seed", "8")
        self.assertEqual(a, b)
        self.assertNotEqual(a[0], c[0])
        self.assertIn("error", a[-2])
        self.assertLess(a[-1]["metrics"]["loss"], 1)
        d = drive("--seed", "7", "--db", "q.db")
        self.assertEqual(a, d)
        self.assertEqual(len(self.json("trials", "q", "--db", "q.db")["trials"]), 16)
        e = drive("--seed", "7", "--db", "q.db")
        self.assertEqual(e[0]["trials"][0]["trial"], 16)

    def test_what_does_not_exist_is_nowhere(self):
        self.write("c.yaml", STUDY.replace("k: {type: int, range: [1, 9]}", "b: {type: bool}\n"
                                           "  k: {type: int, range: [1, 9], when: b == true}")
                   .replace("k: 5", "b: false"))
        self.write("trial.sh", 'env | grep -c NOCTURNE_PARAM_K\n' + TRIAL)
        self.run_nocturne("run", "c.yaml", "--quiet")
        for t in self.trials():
            self.assertEqual("k" in t["params"], t["params"]["b"])
            log = read(glob.glob(os.path.join(self.dir, f"nocturne.files/s/{t['trial']:04d}.1/stdout*"))[0])
            self.assertEqual(log.splitlines()[0], "1" if t["params"]["b"] else "0")
        best = self.json("best", "s")["params"]
        env = self.run_nocturne("export", "s", "--format", "env")[0]
        self.assertEqual("K=" in env, best["b"])
        self.assertNotIn("nan", env)
        self.run_nocturne("show", "s", "0")
        self.assertIn("parameter 'k' is missing", self.run_nocturne("enqueue", "s", "b=true", code=2)[1])
        self.assertIn("'k' exists only when b == true", self.run_nocturne("enqueue", "s", "k=3", code=2)[1])
        self.run_nocturne("enqueue", "s", "b=true", "k=3")
        self.assertEqual(self.trials()[-1]["params"]["k"], 3)

    def test_warm_start_names_a_study_of_the_same_database(self):
        text = "study: %s\nparameters: {x: {type: float, range: [0, 1]}}\nobjective: {minimize: loss}\n"
        self.write("a.yaml", text % "a")
        self.write("b.yaml", text % "b" + "warm_start: [a]\n")
        told = "".join(f'{{"add": {{"x": {i / 10}}}, "metrics": {{"loss": {abs(i - 3)}}}}}\n' for i in range(10))
        self.assertIn("no study 'a'", self.run_nocturne("advise", "b.yaml", "--db", "w.db", stdin="", code=3)[1])
        self.run_nocturne("advise", "a.yaml", "--db", "w.db", stdin=told)
        first = self.run_nocturne("advise", "b.yaml", "--db", "w.db", stdin='{"ask": 1}\n')[0]
        self.assertEqual(json.loads(first)["trials"][0]["params"], {"x": 0.3})
        self.assertIn("warm start: the best of study a", self.run_nocturne("trials", "b", "--db", "w.db", "--json")[0])

    def test_a_pareto_study_lists_its_front(self):
        self.write("p.yaml", STUDY.replace("objective: {weights: {em: 0.7, tokens: 0.3}}",
                                           "objective: {pareto: [em, tokens]}").replace("sobol", "gp"))
        self.run_nocturne("run", "p.yaml", "--quiet")
        best = self.json("best", "s")
        pairs = sorted((f["metrics"]["em"], f["metrics"]["tokens"]) for f in best["front"])
        self.assertGreater(len(pairs), 1)
        self.assertEqual(pairs, sorted(pairs, key=lambda p: p[1]))  # more EM costs more tokens
        self.assertIn("front (trial", self.run_nocturne("best", "s")[0])

    def test_trials_from_elsewhere_join(self):
        said = self.run_nocturne("advise", "study.yaml", stdin='{"add": {"x": 0.5, "k": 3}, "metrics": {"em": 0.5, '
                                 '"tokens": 9}}\n{"add": {"x": 7}, "metrics": {}}\n{"best": true}\n')[0].splitlines()
        self.assertIn("trial", json.loads(said[0]))
        self.assertIn("error", json.loads(said[1]))

    def test_killed_between_ask_and_tell(self):
        ask = '{"ask": 3}\n'
        process = self.popen("advise", "study.yaml", "--db", "a.db", stdin=subprocess.PIPE)
        process.stdin.write(ask)
        process.stdin.flush()
        first = process.stdout.readline()
        process.kill()
        process.communicate()
        again = json.loads(self.run_nocturne("advise", "study.yaml", "--db", "a.db", stdin=ask)[0])["trials"]
        for was, now in zip(json.loads(first)["trials"], again, strict=True):
            self.assertGreater(now.pop("lease"), was.pop("lease"))
            self.assertEqual(now, was)


if __name__ == "__main__":
    unittest.main(verbosity=1)
