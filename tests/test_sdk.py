#!/usr/bin/env python3
"""The two SDKs against a Nocturne played by this test: what one does, the other does.

Also the trial program that uses them for real, g2p_train: checkpoints, resuming, changes while it trains. The framework
callbacks have a test of their own, tests/sdk/test_frameworks.py, which needs the frameworks."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from patience import PATIENCE

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("NOCTURNE_BIN", os.path.join(HERE, "../build/dev/bin"))
PYTHON_SDK = os.path.join(HERE, "../workers/sdk/python/src")
PROBES = {"c": [os.path.join(BIN, "sdk_probe")], "python": [sys.executable, os.path.join(HERE, "sdk/probe.py")]}


class Trial:
    """A program at the other end of NOCTURNE_FD. waits: from that step on it looks for messages once go() is called."""

    def __init__(self, argv, params=None, waits=None, **env):
        self.ours, theirs = socket.socketpair()
        self.folder = tempfile.TemporaryDirectory()
        self.gate = os.path.join(self.folder.name, "go")
        argv = argv + ["--wait", str(waits), self.gate] if waits else argv
        full = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
        full.update(env, NOCTURNE_FD=str(theirs.fileno()), PYTHONPATH=PYTHON_SDK, NOCTURNE_DIR=self.folder.name)
        if params:
            path = os.path.join(self.folder.name, "params.json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(params, f)
            full["NOCTURNE_PARAMS"] = path
            full.update({f"NOCTURNE_PARAM_{k.upper()}": str(v) for k, v in params.items()})
        self.process = subprocess.Popen(argv, env=full, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        theirs.close()
        self.file = self.ours.makefile("r")

    def read(self):
        """The next message; None: the program has closed its end."""
        line = self.file.readline()
        return json.loads(line) if line else None

    def tell(self, text):
        self.ours.sendall(text.encode() if isinstance(text, str) else text)

    def go(self):
        with open(self.gate, "w"):
            pass

    def end(self):
        """All messages that are left, and what it printed on stderr as JSON."""
        messages = list(iter(self.read, None))
        out, err = self.process.communicate(timeout=PATIENCE)
        self.file.close()
        self.ours.close()
        self.folder.cleanup()
        try:
            return messages, json.loads(err.splitlines()[-1])
        except (ValueError, IndexError):
            return messages, err


class BothSdks(unittest.TestCase):
    def each(self):
        for name, argv in PROBES.items():
            with self.subTest(sdk=name):
                yield name, argv

    def test_reports_policy_and_result(self):
        for _, argv in self.each():
            messages, state = Trial(argv + ["0.1,0.2,0.2,0.2,0.2,0.9"], {"patience": 3, "threshold": 0.05}).end()
            self.assertEqual(messages[0], {"policy": {"patience": 3, "threshold": 0.05, "metric": "em", "mode": "max"}})
            self.assertEqual(messages[1], {"report": {"step": 0, "em": 0.1, "tokens": 100}})
            self.assertEqual(len(messages), 7, messages)  # stopped by its own rule after five reports
            self.assertEqual(messages[-1], {"result": {"em": 0.2, "tokens": 500}})
            self.assertEqual((state["bad"], state["steps"]), (3, 5))

    def test_items_are_said_in_the_seeds_order(self):
        for _, argv in self.each():
            orders = []
            for seed in "7", "7", "8":
                messages, _ = Trial(argv + ["items", "40"], {"x": 1}, NOCTURNE_SEED=seed).end()
                *items, odd = [m["item"] for m in messages]
                self.assertEqual(sorted(i["id"] for i in items), sorted(f'q{k} "ä"' for k in range(40)))
                self.assertTrue(all(i["em"] == i["tokens"] % 2 and i["id"] == f'q{i["tokens"]:g} "ä"' for i in items))
                self.assertEqual((odd["id"], str(odd["em"])), ("a tab\t", "nan"))  # for the other end to refuse
                orders.append([i["tokens"] for i in items])
            self.assertEqual(orders[0], orders[1])
            self.assertNotEqual(orders[0], orders[2])
            self.assertNotEqual(orders[0], sorted(orders[0]))

    def test_who_is_told_to_stop_says_no_more_items(self):
        for _, argv in self.each():
            t = Trial(argv + ["items", "40"], {"x": 1}, waits=1)
            t.read()
            t.tell('{"stop": "em is worse"}\n')
            t.go()
            self.assertEqual(len(t.end()[0]), 1)

    def test_stop_set_and_policy_arrive(self):
        for _, argv in self.each():
            t = Trial(argv + ["0.1,0.1,0.1,0.1"], {"patience": 9, "model": "gru", "learning_rate": 0.25}, waits=1,
                      NOCTURNE_SEED="77")
            t.read(), t.read()
            t.tell('{"set": {"learning_rate": 0.125}}\n{"policy": {"patience": 7, "threshold": 0.001}}\n{"stop": "3 % chance"}\n')
            t.go()
            messages, state = t.end()
            self.assertEqual(messages[-1]["result"]["em"], 0.1)
            self.assertEqual((state["rate"], state["patience"], state["threshold"]), (0.125, 7, 0.001))
            self.assertEqual((state["model"], state["seed"]), ("gru", 77))
            self.assertLess(state["steps"], 4)
            self.assertEqual(state["why"], "3 % chance")

    def test_a_shorter_patience_ends_it_at_once(self):
        for _, argv in self.each():
            t = Trial(argv + ["0.1," * 50 + "0.1"], {"patience": 40}, waits=3)
            for _ in range(4):
                t.read()
            t.tell('{"policy": {"patience": 1, "threshold": 0}}\n')
            t.go()
            messages, state = t.end()
            self.assertLess(state["steps"], 10)
            self.assertIn("result", messages[-1])

    def test_an_unknown_parameter_is_refused_with_a_log(self):
        for _, argv in self.each():
            t = Trial(argv + ["0.1,0.1,0.1"], waits=1)
            t.read(), t.read()
            t.tell('{"set": {"depth": 3, "learning_rate": 2}}\n')
            t.go()
            messages, state = t.end()
            self.assertIn({"log": "set: this trial does not know how to change 'depth'"}, messages)
            self.assertEqual(state["rate"], 2)

    def test_garbage_from_above_is_survived(self):
        for _, argv in self.each():
            t = Trial(argv + ["0.1,0.1"], waits=1)
            t.read(), t.read()
            t.tell(b'\n\xff\xfe\n{"set": 3}\n{"set": {"learning_rate": "x"}}\n[1]\n{"policy": null}\n{"stop"\n' + b"x" * 5000 +
                   b'\n{"set": {"learning_rate": 4')
            t.tell(b'.5}}\n')
            t.go()
            messages, state = t.end()
            self.assertEqual(state["rate"], 4.5)
            self.assertEqual(state["why"], "")

    def test_termination_is_a_stop(self):
        for _, argv in self.each():
            t = Trial(argv + ["0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1"], {"patience": 100}, waits=2)
            t.read(), t.read(), t.read()  # by now it has asked whether to stop
            t.process.send_signal(signal.SIGTERM)
            t.go()
            messages, state = t.end()
            self.assertEqual(t.process.returncode, 0)
            self.assertIn("result", messages[-1])
            self.assertLess(state["steps"], 8)

    def test_the_other_end_dies(self):
        for _, argv in self.each():
            t = Trial(argv + ["0.1,0.1,0.1,0.1"], waits=1)
            t.read()
            t.file.close()
            t.ours.close()
            t.go()
            t.process.communicate(timeout=PATIENCE)
            t.folder.cleanup()
            self.assertIn(t.process.returncode, (0, 1))  # no signal, no hang

    def test_alone_it_does_the_same(self):
        for name, argv in self.each():
            env = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
            r = subprocess.run(argv + ["0.1,0.2,0.2,0.2,0.9", "--patience", "2", "--learning-rate=0.75", "--model", "gru"],
                               env={**env, "PYTHONPATH": PYTHON_SDK}, capture_output=True, text=True, check=True)
            lines = r.stdout.splitlines()
            self.assertTrue(all(line.startswith("nocturne: {") for line in lines), r.stdout)
            messages = [json.loads(line[len("nocturne:"):]) for line in lines]
            self.assertEqual(messages[-1], {"result": {"em": 0.2, "tokens": 400}})
            self.assertEqual(json.loads(r.stderr)["rate"], 0.75)
            self.assertEqual(json.loads(r.stderr)["model"], "gru")

    def test_a_rule_that_never_stops_can_be_said(self):
        for name, argv in self.each():
            messages, _ = Trial(argv + ["0.1"], {"patience": float("inf")}).end()
            self.assertEqual(messages[0]["policy"]["patience"], 1e300)

    def test_resume_from(self):
        for _, argv in self.each():
            messages, _ = Trial(argv + ["0.1"], NOCTURNE_RESUME="/x/c.bin").end()
            self.assertIn({"log": "/x/c.bin"}, messages)

    def test_not_a_number_is_sent_as_such(self):
        for _, argv in self.each():
            t = Trial(argv + ["nan,0.1"])
            lines = [t.file.readline() for _ in range(2)]
            self.assertIn('"em": NaN', lines[1])
            t.end()


class Python(unittest.TestCase):
    """What only the Python SDK has."""

    @classmethod
    def setUpClass(cls):
        sys.path.insert(0, PYTHON_SDK)
        import nocturne
        from nocturne._run import Run
        cls.nocturne, cls.Run = nocturne, Run

    def attached(self):
        ours, theirs = socket.socketpair()
        run = self.Run(argv=[], environ={"NOCTURNE_FD": str(theirs.fileno())})
        theirs.close()
        self.addCleanup(ours.close)
        self.addCleanup(run._socket.close)
        self.addCleanup(signal.signal, signal.SIGTERM, signal.SIG_DFL)
        return run, ours

    @staticmethod
    def heard(ours):
        return [json.loads(line) for line in ours.recv(65536).decode().splitlines()]

    def test_the_metric_of_a_rule_is_found(self):
        for first in ("report", "update"):
            with self.subTest(first=first):
                run, ours = self.attached()
                rule = self.nocturne.EarlyStopping(3, 0.01, run=run)
                for step, value in enumerate([0.5, 0.6]):
                    if first == "update":
                        rule.update(value)
                    run.report(step, loss=1 - value / 2, acc=value)
                    if first == "report":
                        rule.update(value)
                policies = [m["policy"] for m in self.heard(ours) if "policy" in m]
                self.assertEqual(len(policies), 1)
                self.assertEqual(policies[0]["metric"], "acc")
                self.assertEqual(policies[0].get("best"), 0.5 if first == "report" else None)

    def test_early_stopping_refuses_nonsense(self):
        for kwargs in ({"patience": 0}, {"patience": 1, "threshold": -1}, {"patience": 1, "mode": "up"},
                       {"patience": float("nan")}):
            with self.assertRaises(ValueError):
                self.nocturne.EarlyStopping(run=self.Run(argv=[], environ={}), **kwargs)

    def test_min_mode_and_state(self):
        run = self.Run(argv=[], environ={})
        rule = self.nocturne.EarlyStopping(2, 0.1, mode="min", run=run)
        self.assertEqual([rule.update(v) for v in (1.0, 0.95, 0.85, float("nan"), 0.84)],
                         [False, False, False, False, True])
        again = self.nocturne.EarlyStopping(2, 0.1, mode="min", run=run)
        again.load_state_dict(rule.state_dict())
        self.assertTrue(again.update(0.9))

    def test_params_have_types_and_errors_name_the_argument(self):
        run = self.Run(argv=["--epochs", "3", "--deep=yes", "--name", "x"], environ={})
        p = run.params(epochs=1, deep=False, name="", rate=0.5)
        self.assertEqual(dict(p), {"epochs": 3, "deep": True, "name": "x", "rate": 0.5})
        with self.assertRaises(SystemExit) as e:
            self.Run(argv=["--epochs", "many"], environ={}).params(epochs=1)
        self.assertIn("--epochs: 'many' is not a number", str(e.exception))
        with self.assertRaises(AttributeError) as e:
            p.epoch
        self.assertIn("there is no parameter 'epoch'; there are epochs", str(e.exception))


class CommandLine(unittest.TestCase):
    """A program run by hand: --help helps, and what it does not know is refused."""

    SIMPLE = """
import json, nocturne
p = nocturne.params(learning_rate=1e-3, deep=False, name="x", epochs=3)
print(json.dumps(p))
"""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def run_script(self, text, *argv, code=0, **env):
        path = os.path.join(self.folder.name, "train.py")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        full = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
        r = subprocess.run([sys.executable, path, *argv], env={**full, "PYTHONPATH": PYTHON_SDK, **env},
                           capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(r.returncode, code, r.stdout + r.stderr)
        return r.stdout, r.stderr

    def test_help_lists_parameters_and_defaults(self):
        for flag in ("--help", "-h"):
            out, err = self.run_script(self.SIMPLE, "--epochs", "4", flag)
            self.assertEqual(err, "")
            for row in (r"--learning-rate FLOAT +default: 0\.001", r"--deep BOOL +default: False", r"--name TEXT +default: 'x'",
                        r"--epochs INT +default: 3", r"--seed INT", r"--resume PATH"):
                self.assertRegex(out, row)
            self.assertNotIn("{", out)  # the program itself has not begun

    def test_unknown_options_are_refused_with_a_hint(self):
        for argv, said in ((["--lerning-rate", "2"], "unknown option '--lerning-rate'; did you mean '--learning-rate'?; see --help"),
                           (["--epoch=4"], "unknown option '--epoch'; did you mean '--epochs'?; see --help"),
                           (["--quux"], "unknown option '--quux'; see --help"),
                           (["--name", "a", "--epochs"], "--epochs: its value is missing; see --help")):
            out, err = self.run_script(self.SIMPLE, *argv, code=2)
            self.assertEqual((out, err), ("", said + "\n"))

    def test_what_it_knows_is_taken(self):
        for argv, want in ((["--learning_rate=2", "--deep", "--epochs", "4"], {"learning_rate": 2.0, "deep": True, "epochs": 4}),
                           (["--deep", "no", "--name", "--odd"], {"name": "--odd"}),
                           (["data.csv", "--seed", "3", "--folder=/x", "--", "--name"], {}), ([], {}),
                           (["--epochs", "-3", "--learning-rate", "inf"], {"epochs": -3, "learning_rate": float("inf")}),
                           (["--epochs", "1e3"], {"epochs": 1000})):
            out, _ = self.run_script(self.SIMPLE, *argv)
            self.assertEqual(json.loads(out), {"learning_rate": 1e-3, "deep": False, "name": "x", "epochs": 3, **want})

    def test_wrong_values_are_refused_and_named(self):
        for argv, said in ((["--epochs", "6.5"], "--epochs: '6.5' is not a whole number, as its default 3 is; see --help"),
                           (["--epochs=many"], "--epochs: 'many' is not a number; it takes a whole one, as its default 3 is; see --help"),
                           (["--epochs", "1_0"], "--epochs: '1_0' is not a number; it takes a whole one, as its default 3 is; see --help"),
                           (["--learning-rate", "nan"], "--learning-rate: 'nan' is not a number; see --help"),
                           (["--learning-rate", "1e999"], "--learning-rate: '1e999' is not a number; see --help"),
                           (["--deep", "flase"], "--deep: 'flase' is neither true nor false; see --help"),
                           (["--seed", "x"], "--seed: 'x' is not a number; it takes a whole one, as its default 1 is; see --help"),
                           (["--epochs", "--deep"], "--epochs: its value is missing; see --help"),
                           (["--epochs", "1", "--epochs=2"], "--epochs is said twice; see --help")):
            self.assertEqual(self.run_script(self.SIMPLE, *argv, code=2), ("", said + "\n"))

    def test_words_without_their_dashes_are_refused(self):
        for argv, said in ((["-batch-size", "3"], "unknown option '-batch-size'; did you mean '--batch-size'?; see --help"),
                           (["-batch-size=3"], "unknown option '-batch-size'; did you mean '--batch-size'?; see --help"),
                           (["batch-size=32"], "unexpected word 'batch-size=32'; did you mean '--batch-size=32'?; see --help"),
                           (["batch_size", "32"], "unexpected word 'batch_size'; did you mean '--batch_size VALUE'?; see --help"),
                           (["-4"], "unexpected word '-4': a parameter is '--NAME VALUE' or '--NAME=VALUE'; see --help")):
            self.assertEqual(self.run_script("import nocturne\nnocturne.params(batch_size=64)\nprint('began')\n", *argv, code=2),
                             ("", said + "\n"))
        own = "import nocturne\nnocturne.own_options('v')\nprint(nocturne.params(batch_size=64).batch_size)\n"
        self.assertEqual(self.run_script(own, "data.csv", "-v", "--batch-size", "3")[0], "3\n")
        self.assertIn("did you mean '--batch-size=32'", self.run_script(own, "data.csv", "batch-size=32", code=2)[1])

    def test_a_second_call_may_name_others(self):
        two = "import nocturne\nnocturne.own_options('epochs')\nnocturne.params(deep=False)\nprint(nocturne.params(epochs=3).epochs)\n"
        self.assertEqual(self.run_script(two, "--deep", "--epochs", "4")[0], "4\n")
        self.assertIn("'x' is not a number", self.run_script(two, "--deep", "--epochs", "x", code=2)[1])

    def test_lists_and_objects_are_json(self):
        script = "import json, nocturne\np = nocturne.params(layers=[64, 64], more={'a': 1}, any=None)\nprint(json.dumps(p))\n"
        for argv, want in (([], {}), (["--layers", "[[64], [128]]"], {"layers": [[64], [128]]}), (["--layers=[]"], {"layers": []}),
                           (["--more", '{"b": [2]}'], {"more": {"b": [2]}}), (["--any", "[1, 2]"], {"any": [1, 2]}),
                           (["--any", "word"], {"any": "word"})):
            out, _ = self.run_script(script, *argv)
            self.assertEqual(json.loads(out), {"layers": [64, 64], "more": {"a": 1}, "any": None, **want})
        for text in ("64,64", "", "64", "null", '{"a": 1}', "[[", "[" * 100000):
            _, err = self.run_script(script, "--layers", text, code=2)
            self.assertTrue(err.startswith("--layers: '") and "is not a JSON list, as its default [64, 64] is" in err, err)
        self.assertRegex(self.run_script(script, "--help")[0], r"--layers JSON +default: \[64, 64\]")
        path = os.path.join(self.folder.name, "params.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"layers": [128]}, f)
        self.assertEqual(json.loads(self.run_script(script, NOCTURNE_PARAMS=path)[0])["layers"], [128])

    def test_options_of_the_programs_own_are_left_to_it(self):
        parsers = ("import argparse\na = argparse.ArgumentParser()\na.add_argument('--verbose', action='store_true')\n"
                   "args = a.parse_args()\n",
                   "def f():\n    import argparse\n    a = argparse.ArgumentParser()\n"
                   "    a.add_argument('--verbose', action='store_true')\n    return a.parse_args()\nargs = f()\n",
                   "import nocturne\nnocturne.own_options('--verbose')\n")
        for first in parsers:
            out, _ = self.run_script(first + self.SIMPLE, "--verbose")
            self.assertEqual(json.loads(out)["epochs"], 3)
        for first in parsers[:2]:
            self.assertIn("usage:", self.run_script(first + self.SIMPLE, "--help")[0])

    def test_under_nocturne_the_command_line_is_not_read(self):
        path = os.path.join(self.folder.name, "params.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"epochs": 9}, f)
        out, _ = self.run_script(self.SIMPLE, "--quux", "--help", NOCTURNE_PARAMS=path)
        self.assertEqual(json.loads(out)["epochs"], 9)


class CByHand(unittest.TestCase):
    """A program in C with nocturne_ready, run by hand: as one in Python."""

    def run_probe(self, *argv, code=0, ready="yes"):
        env = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
        r = subprocess.run([*PROBES["c"], *argv], env={**env, "PROBE_READY": ready}, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(r.returncode, code, r.stdout + r.stderr)
        return r.stdout, r.stderr

    def test_help_lists_parameters_and_fallbacks(self):
        for flag, ready in (("--help", "yes"), ("-h", "yes"), ("--help", "no")):
            out, err = self.run_probe(flag, ready=ready)
            self.assertEqual(err, "")
            for row in (r"--learning-rate NUMBER +default: 0\.5", r"--patience NUMBER +default: 3", r"--model TEXT +default: 'mlp'",
                        r"--seed INT", r"--resume PATH"):
                self.assertRegex(out, row)
            self.assertEqual("began" in out, ready == "no")
            self.assertNotIn("{", out)

    def test_what_it_knows_is_taken(self):
        for argv, want in ((["--learning-rate", "3e-1", "--patience=-2", "--model", "--odd"], "0.3 -2 --odd 1"),
                           (["--learning_rate=inf", "--seed", "7", "--folder=/x", "--", "--quux", "x"], "inf 3 mlp 7"), ([], "0.5 3 mlp 1")):
            self.assertEqual(self.run_probe(*argv)[0].splitlines()[-1], want)
        self.assertEqual(self.run_probe("word", "--quux", ready="no")[0].splitlines()[-1], "0.5 3 mlp 1")

    def test_the_rest_is_refused(self):
        word = ": a parameter is '--NAME VALUE' or '--NAME=VALUE'"
        for argv, said in ((["--lerning-rate", "2"], "unknown option '--lerning-rate'"), (["--quux=1"], "unknown option '--quux'"),
                           (["-patience", "2"], "unknown option '-patience'; did you mean '--patience'?"),
                           (["patience=2"], "unexpected word 'patience=2'; did you mean '--patience'?"),
                           (["learning_rate"], "unexpected word 'learning_rate'; did you mean '--learning_rate'?"),
                           (["data.csv"], f"unexpected word 'data.csv'{word}"), ([""], f"unexpected word ''{word}"),
                           (["--patience"], "--patience: its value is missing"),
                           (["--patience", "--model", "x"], "--patience: its value is missing"),
                           (["--learning-rate", "x"], "--learning-rate: 'x' is not a number"),
                           (["--learning_rate="], "--learning_rate: '' is not a number"),
                           (["--patience", "0x10"], "--patience: '0x10' is not a number"),
                           (["--patience", "nan"], "--patience: 'nan' is not a number"),
                           (["--patience", "1e999"], "--patience: '1e999' is not a number"),
                           (["--patience", "1", "--patience=2"], "--patience is said twice"),
                           (["--seed", "1.5"], "--seed: '1.5' is not a whole number")):
            self.assertEqual(self.run_probe(*argv, code=2), ("", said + "; see --help\n"))


G2P_DATA = os.path.join(HERE, "../examples/g2p/g2p.data")
DICTIONARY = "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict"


class G2p(unittest.TestCase):
    ARGV = [os.path.join(BIN, "g2p_train"), "--data", G2P_DATA, "--words", "4000", "--hidden", "16", "--every", "4000",
            "--validation", "300", "--seed", "3", "--batch", "32", "--lr", "0.01", "--patience", "1000"]

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(G2P_DATA):
            subprocess.run([os.path.join(BIN, "g2p_prep"), DICTIONARY, G2P_DATA], check=True)

    def reports(self, messages):
        return [m["report"] for m in messages if m and "report" in m]

    def test_goes_on_from_its_checkpoint_to_the_last_bit(self):
        whole, _ = Trial(self.ARGV + ["--cap", "80000"]).end()
        with tempfile.TemporaryDirectory() as folder:
            t = Trial(self.ARGV + ["--cap", "41000", "--checkpoint", "5"])
            kept = os.path.join(folder, "kept.bin")
            for m in iter(t.read, None):
                if "checkpoint" in m:
                    os.link(m["checkpoint"]["path"], kept) if not os.path.exists(kept) else None
                    break
            t.end()
            rest, _ = Trial(self.ARGV + ["--cap", "80000"], NOCTURNE_RESUME=kept).end()
        step = self.reports(rest)[0]["step"]  # this checkpoint's or a later one's, if that was quicker than our link
        self.assertGreaterEqual(step, 5)
        self.assertEqual(self.reports(rest), self.reports(whole)[step:])
        self.assertEqual(rest[-1], whole[-1])

    def test_a_bad_checkpoint_is_said_and_training_begins_anew(self):
        with tempfile.TemporaryDirectory() as folder:
            bad = os.path.join(folder, "bad.bin")
            for content in (b"", b"hello", b"g2pcpt1\0" + b"\1" * 5000):
                with open(bad, "wb") as f:
                    f.write(content)
                messages, err = Trial(self.ARGV + ["--cap", "8000"], NOCTURNE_RESUME=bad).end()
                self.assertIn("beginning anew", next(m for m in messages if "log" in m)["log"])
                self.assertEqual(self.reports(messages)[0]["step"], 0)
                self.assertIn("result", messages[-1])
            messages, _ = Trial(self.ARGV + ["--cap", "8000"], NOCTURNE_RESUME=os.path.join(folder, "none")).end()
            self.assertIn("No such file", next(m for m in messages if "log" in m)["log"])

    def test_settings_change_while_it_trains(self):
        t = Trial(self.ARGV + ["--cap", "400000", "--every", "20000"])
        t.tell('{"set": {"batch_size": 512, "learning_rate": 1e-9}}\n')  # it looks after its first report
        messages, _ = t.end()
        ems = [r["em"] for r in self.reports(messages)]
        self.assertLess(max(abs(a - b) for a, b in zip(ems[-5:], ems[-4:])), 0.02)  # nothing is learnt any more
        self.assertGreater(messages[-1]["result"]["tokens"] - 400000, 100)           # batches are large


if __name__ == "__main__":
    unittest.main()
