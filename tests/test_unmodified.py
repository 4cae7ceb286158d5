#!/usr/bin/env python3
"""Programs that know nothing of Nocturne: their numbers are found by patterns in what they print or write, here and on
an agent. The patterns themselves have tests of their own (test_match.c)."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from patience import PATIENCE
from service import World

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.abspath(os.environ.get("NOCTURNE_BIN", os.path.join(HERE, "../build/dev/bin")))
STUDY = """study: plain
trial: {{command: [{python}, -S, train.py, "{{args}}"], retries: 0}}
parameters:
  c: {{type: float, range: [0, 1]}}
metrics:
{metrics}
objective: {objective}
budget: {{trials: {trials}}}
confirm: {{top: 0, seeds: 0}}
search: {{sampler: sobol, seed: 1}}
{more}
"""
HEAD = """import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--c", type=float)
c = parser.parse_args().c
"""
# As scikit-learn's examples print.
SCORES = HEAD + """scores = [0.8 - (c - k / 10) ** 2 for k in range(3)]
print("Scores:", scores)
print("Mean accuracy: 0.1 (before the search)")
print(f"Mean accuracy: {sum(scores) / 3:.4f}", end="")
"""
# Logging goes to stderr, between the redrawings of a coloured bar.
LOGS = HEAD + """import logging, sys
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
for epoch in range(1, 4):
    for part in range(5):
        sys.stderr.write(f"\\r\\x1b[32mEpoch {epoch}\\x1b[0m {20 * part:3d}%|{'#' * part:5}| loss={1 / epoch + part:.3f}, \\xe9")
        sys.stderr.flush()
    sys.stderr.write("\\n")
    logging.info("epoch %d: val_acc=%.4f tokens=%d", epoch, epoch / 4 - (c - 0.5) ** 2 / 10, 1000 * epoch)
logging.getLogger("end").warning("took 3e2 s")
"""
# A table in the trial's own folder, as CSV loggers write them.
TABLE = HEAD.replace("c = p", 'parser.add_argument("--out")\nargs = p').replace(".c\n", "\nc = args.c\n") + """import csv, os
os.makedirs(os.path.join(args.out, "results"))
with open(os.path.join(args.out, "results", "metrics.csv"), "w", newline="") as out:
    table = csv.writer(out)
    table.writerow(["epoch", "loss", "f1"])
    for epoch in range(4):
        table.writerow([epoch, 1 / (epoch + 1), round(0.2 * epoch - c / 10, 6)])
"""
# Six good runs, then one that is bad and would go on for ever. It prints without flushing, and stops for no signal.
ENDLESS = HEAD + """import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
names = os.listdir("runs")
open(f"runs/{len(names)}", "w").close()
for epoch in range(1, 6):
    print(f"[epoch {epoch}/5] val_acc: {epoch / 10 if len(names) < 6 else 0.001 * epoch:.3f}")
if len(names) >= 6:
    while True:
        time.sleep(1)
"""
ACCURACY = "  accuracy: {goal: maximize, match: 'Mean accuracy: ([0-9.]+)'}"


class Plain(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="nocturne-plain-")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("NOCTURNE_", "PYTHON"))}
        self.env["PATH"] = BIN + ":" + self.env["PATH"]

    def tearDown(self):
        shutil.rmtree(self.dir)

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as out:
            out.write(text)

    def study(self, metrics=ACCURACY, objective="{maximize: accuracy}", trials=3, more="", program=SCORES):
        self.write("train.py", program)
        self.write("s.yaml", STUDY.format(python=sys.executable, metrics=metrics, objective=objective, trials=trials, more=more))

    def nocturne(self, *args, code=0):
        done = subprocess.run(["nocturne", *args], cwd=self.dir, env=self.env, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def trials(self):
        return json.loads(self.nocturne("trials", "plain", "--json"))["trials"]

    def run_study(self, code=0, **about):
        self.study(**about)
        self.nocturne("run", "s.yaml", "--quiet", code=code)
        return self.trials()

    def test_a_number_that_is_printed(self):
        for t in self.run_study():
            c = t["params"]["c"]
            self.assertEqual(t["state"], "complete")
            self.assertAlmostEqual(t["metrics"]["accuracy"], 0.8 - sum((c - k / 10) ** 2 for k in range(3)) / 3, delta=1e-4)
        self.assertIn("all as they were", self.nocturne("replay", "plain"))

    def test_logging_beside_a_progress_bar(self):
        metrics = ("  acc: {goal: maximize, match: 'epoch (?P<step>\\d+): val_acc=(?P<value>[-+0-9.e]+)'}\n"
                   "  tokens: {goal: minimize, kind: count, match: 'tokens=([0-9]+)'}\n"
                   "  loss: {goal: minimize, match: '^Epoch [0-9]+ .*loss=([0-9.]+), .$'}\n"
                   "  seconds: {goal: minimize, match: 'took (\\S+) s'}")
        trials = self.run_study(metrics=metrics, objective="{pareto: [acc, tokens]}", program=LOGS)
        for t in trials:
            expected = {"acc": round(3 / 4 - (t["params"]["c"] - 0.5) ** 2 / 10, 4), "tokens": 3000, "loss": 4.333, "seconds": 300}
            self.assertEqual((t["state"], t["metrics"]), ("complete", expected))

    def test_a_file_that_is_written(self):
        self.study("  f1: {goal: maximize, match: '^[0-9]+,[^,]+,([-0-9.]+)$', file: results/metrics.csv}", "{maximize: f1}", program=TABLE)
        with open(self.dir + "/s.yaml") as text:
            self.write("s.yaml", text.read().replace('"{args}"]', '"{args}", --out, "{dir}"]'))
        self.nocturne("run", "s.yaml", "--quiet")
        for t in self.trials():
            self.assertAlmostEqual(t["metrics"]["f1"], round(0.6 - t["params"]["c"] / 10, 6), delta=1e-9)

    def test_lines_with_a_step_are_reports_and_stop_a_program_that_knows_no_stop(self):
        os.mkdir(self.dir + "/runs")
        metrics = "  acc: {goal: maximize, match: '\\[epoch (?P<step>\\d+)/\\d+\\] val_acc: (?P<value>[0-9.]+)'}"
        self.study(metrics, "{maximize: acc}", trials=7, more="stopping: {pruner: median, audit: 0}", program=ENDLESS)
        with open(self.dir + "/s.yaml") as text:
            self.write("s.yaml", text.read().replace("retries: 0", "retries: 0, grace: 1s"))
        self.nocturne("run", "s.yaml", "--quiet")
        trials = self.trials()
        self.assertEqual([t["state"] for t in trials], ["complete"] * 6 + ["pruned"])
        self.assertEqual([t["metrics"]["acc"] for t in trials[:6]], [0.5] * 6)
        self.assertLess(trials[6]["metrics"]["acc"], 0.01)
        self.assertIn("stopped by the pruner", self.nocturne("stopping", "plain"))

    def test_what_is_not_found_is_said(self):
        cases = [("print('no number here')", ACCURACY, ["metric 'accuracy' was not found", "Mean accuracy: ([0-9.]+)", "'no number here'"]),
                 ("", ACCURACY, ["metric 'accuracy' was not found", "it is empty"]),
                 ("print('Mean accuracy: 87,5')", ACCURACY.replace("[0-9.]+", ".+"), ["'87,5' is not a finite number"]),
                 ("print('Mean accuracy: nan')", ACCURACY.replace("[0-9.]+", ".+"), ["'nan' is not a finite number"]),
                 ("print('Mean accuracy: n/a')", ACCURACY.replace("[0-9.]+", "[0-9.]*"), ["matched, but what its group caught is empty", "'Mean accuracy: n/a'"]),
                 ("", ACCURACY.replace("}", ", file: m.txt}"), ["has written no file 'm.txt' into its own folder"]),
                 ("import os; os.symlink('/etc/passwd', os.environ['NOCTURNE_DIR'] + '/m.txt')", ACCURACY.replace("}", ", file: m.txt}"), ["'accuracy' was not found"])]
        for i, (program, metrics, words) in enumerate(cases):
            trial, = self.run_study(code=1, program=program + "\n", metrics=metrics, trials=1)
            self.assertEqual(trial["state"], "failed", program)
            for word in words:
                self.assertIn(word, trial["reason"])
            for name in os.listdir(self.dir):
                path = os.path.join(self.dir, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def test_a_metric_that_nothing_says_is_named_beside_those_that_were_found(self):
        trial, = self.run_study(code=1, program="print('Mean accuracy: 0.5')\n", metrics=ACCURACY + "\n  tokens: {goal: minimize}",
                                objective="{weights: {accuracy: 0.5, tokens: 0.5}}", trials=1,
                                more="baseline: {c: 0.5}")
        for word in ("metric 'tokens' is missing", "has no 'match'", "found: 'accuracy'", 'nocturne: {"result": {"tokens": …}}'):
            self.assertIn(word, trial["reason"])

    def test_a_pattern_may_be_corrected_and_plan_shows_it(self):
        self.run_study(code=1, metrics=ACCURACY.replace("Mean", "mean"), trials=2)
        self.study(metrics=ACCURACY, trials=4, more="stopping: {pruner: auto}")
        out = self.nocturne("plan", "s.yaml")
        self.assertIn("accuracy       output: Mean accuracy: ([0-9.]+)", out)
        self.assertIn("no 'match' reads a step", out)
        said = json.loads(self.nocturne("plan", "s.yaml", "--json"))["matches"]
        self.assertEqual(said, [{"metric": "accuracy", "match": "Mean accuracy: ([0-9.]+)", "file": None, "reports": False}])
        self.nocturne("run", "s.yaml", "--quiet")
        self.assertEqual([t["state"] for t in self.trials()], ["complete"] * 4)  # nothing had worked: the first two again

    def test_mistakes_have_a_place(self):
        for metric, why in [("match: 'accuracy'", "s.yaml:6:37: the pattern has no group"),
                            ("match: '(a) (b)'", "s.yaml:6:37: the pattern has 2 groups"),
                            ("match: '(a'", "s.yaml:6:37: the pattern is not a regular expression: missing )"),
                            ("match: \"(\\d)\"", "in single quotes a backslash is itself"),
                            ("match: 7", "s.yaml:6:37: the pattern has no group"),
                            ("match: [a]", "s.yaml:6:37: 'match' must be text, not a list"),
                            ("match: '(a)', file: ../m", "s.yaml:6:50: '../m' leads out of the trial's folder"),
                            ("match: '(a)', file: /m", "s.yaml:6:50: '/m' leads out of the trial's folder"),
                            ("match: '(a)', file: r/../../m", "leads out of the trial's folder"),
                            ("match: '(a)', file: \"{trial}.txt\"", "'file' takes no placeholders"),
                            ("file: m", "s.yaml:6:36: 'file' needs 'match'"),
                            ("mtch: '(a)'", "s.yaml:6:30: unknown key 'mtch' in accuracy; did you mean 'match'?")]:
            self.study(metrics="  accuracy: {goal: maximize, " + metric + "}")
            self.assertIn(why, self.nocturne("plan", "s.yaml", code=2))
        self.study(metrics="  accuracy: {goal: maximize, match: '(a)', file: \"{dir}/m\"}")
        self.assertIn("m: (a)", self.nocturne("plan", "s.yaml"))


class Elsewhere(World):
    SERVE = ("--slots", "0")

    def test_an_agent_finds_the_numbers_where_the_program_runs(self):
        self.ok("PUT", "/studies/plain/files/train.py", text=LOGS)
        metrics = ("  acc: {goal: maximize, match: 'epoch (?P<step>\\d+): val_acc=(?P<value>[-+0-9.e]+)'}\n"
                   "  tokens: {goal: minimize, kind: count, match: 'epoch (?P<step>\\d+): .*tokens=(?P<value>[0-9]+)'}")
        study = STUDY.format(python=sys.executable, metrics=metrics, objective="{maximize: acc}", trials=3, more="files: [train.py]")
        wrong = study.replace("(?P<value>", "(?P<acc>")
        refused = self.call("POST", "/studies", text=wrong, headers={"Content-Type": "application/yaml"})
        self.assertEqual(refused.status, 422)
        self.assertIn("names a group 'acc'", refused.body.decode())
        self.ok("POST", "/studies", text=study, headers={"Content-Type": "application/yaml"})
        self.agent("a1", slots=1)
        self.wait_phase("complete", "plain")
        for t in self.trials("plain"):
            self.assertEqual((t["state"], t["metrics"]["acc"]), ("complete", round(3 / 4 - (t["params"]["c"] - 0.5) ** 2 / 10, 4)))
            reports = self.ok("GET", f"/studies/plain/trials/{t['trial']}/reports")["reports"]
            self.assertEqual([(r["step"], sorted(r["metrics"])) for r in reports], [(n, ["acc", "tokens"]) for n in (1, 2, 3)])


class Here(World):
    """Matching takes as long as a program likes; everybody else is answered meanwhile."""
    SERVE = ("--slots", "1")

    def answered_while(self, program, more):
        """Answers between the program's end (or, for its output, its beginning) and its trial's."""
        sign = os.path.join(self.dir, "sign")
        metrics = "\n".join(f"  m{i}: {{goal: maximize, match: '([0-9.]+)'{more}}}" for i in range(4))
        study = STUDY.format(python=sys.executable, metrics=metrics, objective="{maximize: m0}", trials=1, more="files: [train.py]")
        self.ok("PUT", "/studies/plain/files/train.py", text=program.replace("SIGN", sign))
        self.ok("POST", "/studies", text=study, headers={"Content-Type": "application/yaml"})
        self.wait("the program is as far", lambda: os.path.exists(sign))
        answers = 0
        while self.ok("GET", "/studies/plain")["phase"] != "complete":
            answers += 1
        self.assertEqual([(t["state"], t["metrics"]["m3"]) for t in self.trials("plain")], [("complete", 1)])
        return answers

    def test_a_file_of_a_million_lines(self):
        self.assertGreater(self.answered_while("""import os
with open(os.path.join(os.environ["NOCTURNE_DIR"], "m.csv"), "w") as out:
    out.write("1\\n" * 1000000)
open("SIGN", "w").close()
""", ", file: m.csv"), 5)

    def test_a_million_lines_of_output(self):
        self.assertGreater(self.answered_while("""import sys
open("SIGN", "w").close()
sys.stdout.write("1\\n" * 1000000)
""", ""), 5)

    def test_four_hundred_thousand_items(self):
        self.assertGreater(self.answered_while("""import os
open("SIGN", "w").close()
with os.fdopen(3, "wb") as out:
    out.writelines(b'{"item": {"id": %d, "m0": 1, "m1": 0}}\\n' % i for i in range(400000))
print(1)
""", ""), 40)


if __name__ == "__main__":
    unittest.main(verbosity=2)
