#!/usr/bin/env python3
"""What goes in and out by other tools' formats: studies of a real Optuna, and exports as PyYAML, tomllib, sh, csv and pandas
read them.

Run by the interpreter of build/bench-venv (optuna, pandas and PyYAML are from PyPI). NOCTURNE_BIN is the folder of the
binaries.
"""
import json
import math
import os
import shlex
import subprocess
import tomllib
import unittest
import warnings

import optuna
import pandas
import yaml

from test_values import Folder

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


class Optuna(Folder):
    def setUp(self):
        super().setUp()
        self.storage = f"sqlite:///{self.dir}/optuna.db"

    def create(self, name, objective=None, n=10, sampler=None, **more):
        study = optuna.create_study(study_name=name, storage=self.storage, sampler=sampler or optuna.samplers.RandomSampler(seed=1), **more)
        if objective:
            study.optimize(objective, n_trials=n)
        return study

    def imported(self, name):
        return [json.loads(line) for line in self.nocturne("export", name, "--format", "jsonl").splitlines()]

    def same_params(self, study, ours=None):
        ours = {t["trial"]: t["params"] for t in ours or self.imported(study.study_name)}
        for t in study.trials:
            theirs = dict(t.params)
            self.assertEqual({k: (type(v), v) for k, v in ours[t.number].items()}, {k: (type(v), v) for k, v in theirs.items()}, t.number)

    def test_constraints_of_optuna_5(self):
        def objective(trial):
            x = trial.suggest_float("x", 0, 1)
            trial.set_constraint("memory", 0.5 - x)
            return x
        study = self.create("s", objective, 20)
        self.nocturne("import", "optuna.db")
        best = json.loads(self.nocturne("best", "--json"))
        self.assertEqual(best["params"], study.best_trial.params)
        self.assertGreaterEqual(best["params"]["x"], 0.5)

    def test_constraints_of_older_ones(self):
        def objective(trial):
            x = trial.suggest_float("x", 0, 1)
            trial.set_user_attr("c", (0.5 - x, x - 2))
            return x
        self.create("s", objective, 20, optuna.samplers.TPESampler(seed=1, constraints_func=lambda t: t.user_attrs["c"]))
        self.nocturne("import", "optuna.db")
        self.assertGreaterEqual(json.loads(self.nocturne("best", "--json"))["params"]["x"], 0.5)

    def test_a_trial_whose_constraints_are_unknown_is_not_best(self):
        def objective(trial):
            x = trial.suggest_float("x", 0, 1)
            if x > 0.5:
                trial.set_constraint("memory", -1)
            return x
        self.create("s", objective, 20)
        self.nocturne("import", "optuna.db")
        self.assertGreater(json.loads(self.nocturne("best", "--json"))["params"]["x"], 0.5)

    def test_values_are_theirs_to_the_last_bit(self):
        def objective(trial):
            for i, step in enumerate((0.1, 0.001, 1 / 3, 3e-7)):
                trial.suggest_float(f"f{i}", -step, 1 + step, step=step)
            trial.suggest_int("even", 0, 100000, step=2)
            trial.suggest_int("seed", 0, 2 ** 32 - 1)
            trial.suggest_float("u", 0, 2 * math.pi)
            trial.suggest_float("lr", 1e-7, 1e-1, log=True)
            trial.suggest_int("width", 1, 4096, log=True)
            trial.suggest_categorical("c", [None, True, False, 0.1, 0.30000000000000004, "0.3", "-1", "", "no", 7])
            return 0.5
        study = self.create("s", objective, 40)
        self.nocturne("import", "optuna.db")
        self.same_params(study)
        made = yaml.safe_load(self.read("s.yaml"))
        self.assertEqual(made["parameters"]["even"], {"type": "int", "range": [0, 100000], "step": 2})
        self.nocturne("replay")

    def test_parameters_that_exist_by_a_number(self):
        def objective(trial):
            n = trial.suggest_int("n_layers", 1, 4)
            units = [trial.suggest_int(f"units_l{i}", 4, 64) for i in range(n)]
            if n <= 2:
                trial.suggest_float("small.dropout", 0, 1)
            return float(sum(units))
        study = self.create("s", objective, 30)
        said = self.nocturne("import", "optuna.db")
        self.assertNotIn("left out", said)
        self.same_params(study)
        made = yaml.safe_load(self.read("s.yaml"))["parameters"]
        self.assertEqual([made[f"units_l{i}"].get("when") for i in range(4)], [None] + [f"n_layers >= {i + 1}" for i in range(1, 4)])
        self.assertEqual(made["small.dropout"]["when"], "n_layers <= 2")

    def test_an_odd_study_does_not_stop_the_others(self):
        self.create("good", lambda t: t.suggest_float("x", 0, 1))
        self.create("twins", lambda t: float(t.suggest_categorical("c", [1, "1"])))
        self.create("nan", lambda t: float(t.suggest_categorical("c", [math.nan, 2.0]) == 2))
        self.create("wide", lambda t: float(t.suggest_int("seed", 0, 2 ** 32 - 1)))
        self.create("none")
        out = subprocess.run([os.environ["NOCTURNE_BIN"] + "/nocturne", "import", "optuna.db"], cwd=self.dir, capture_output=True, text=True, check=True)
        self.assertEqual(sorted(s["study"] for s in json.loads(self.nocturne("status", "--json"))["studies"]), ["good", "wide"])
        for name in ("twins", "nan", "none"):
            self.assertIn(f"study '{name}'", out.stderr)

    def test_some_of_the_studies(self):
        for name in "abc":
            self.create(name, lambda t: t.suggest_float("x", 0, 1), 3)
        self.assertIn("no study 'd'", self.nocturne("import", "optuna.db", "--study", "d", code=3))
        self.nocturne("import", "optuna.db", "--study", "a")
        self.nocturne("import", "optuna.db", "--skip", "b")
        self.assertEqual(sorted(s["study"] for s in json.loads(self.nocturne("status", "--json"))["studies"]), ["a", "c"])

    def test_topping_up(self):
        top = [1]
        study = self.create("s", lambda t: t.suggest_float("x", 0, top[0]), 5)
        self.nocturne("import", "optuna.db")
        top[0] = 3
        study.optimize(lambda t: t.suggest_float("x", 0, top[0]), n_trials=5)
        self.assertIn("5 trials imported, 5 were there already", self.nocturne("import", "optuna.db"))
        self.same_params(study)
        self.assertIn("0 trials imported, 10 were there already", self.nocturne("import", "optuna.db"))
        self.write("s.yaml", self.read("s.yaml") + "# mine\n")
        study.optimize(lambda t: t.suggest_float("x", 0, 3), n_trials=1)
        self.nocturne("import", "optuna.db")
        self.assertTrue(self.read("s.yaml").endswith("# mine\n"))
        self.assertEqual(len(self.imported("s")), 11)

    def test_names_of_metrics_and_enqueued_trials(self):
        def objective(trial):
            return trial.suggest_float("x", 0, 1), trial.suggest_categorical("c", ["a", "b"]) == "a"
        study = self.create("s", objective, 5, directions=["minimize", "maximize"])
        study.set_metric_names(["val_loss", "accuracy"])
        study.enqueue_trial({"x": 0.25, "c": "b"})
        self.nocturne("import", "optuna.db")
        self.assertEqual(yaml.safe_load(self.read("s.yaml"))["objective"], {"pareto": ["val_loss", "accuracy"]})
        queued, = [t for t in self.imported("s") if t["state"] == "queued"]
        self.assertEqual(queued["params"], {"x": 0.25, "c": "b"})

    def test_the_printed_next_step_works(self):
        self.create("s", lambda t: t.suggest_float("opt.lr", 0, 1), 3)
        said = self.nocturne("import", "optuna.db")
        self.write("s.yaml", self.read("s.yaml").replace("# trial:\n#   command: [python3, train.py", "trial:\n  command: [sh, trial.sh"))
        self.assertIn("nocturne run ./s.yaml --db nocturne.db", said)
        self.nocturne("run", "./s.yaml", "--db", "nocturne.db", "--trials", "5", "--quiet")
        self.assertEqual(self.attempt("s", 3)[0][0], "--opt.lr")


class Readers(Folder):
    VALUES = ["a b", "-1", "=1+1", "it's", 'say "x"', "$HOME `ls`", "äß😀", "\u2028x\u0085", "no", "", "tab\tand\nline", 1e-5, 0.1, 1e22, 5e-324,
              7, -3, 2 ** 53 + 1, True, False, None, [64, 64], [[1e-5], "x"]]

    def setUp(self):
        super().setUp()
        text = "".join(f"  {name}: {{type: categorical, values: {json.dumps([value, 'other'])}}}\n" for name, value in self.named())
        baseline = json.dumps(dict(self.named()))
        self.write("study.yaml", "study: on\ntrial: {command: [sh, trial.sh, --x, \"{v0}\", \"{args: --name=value}\"]}\nparameters:\n" +
                   text.replace("\\ud83d\\ude00", "😀") + f"metrics: {{loss: {{goal: minimize}}, state: {{goal: minimize}}, v0: {{goal: minimize}}}}\n"
                   "objective: {minimize: loss}\n" + f"baseline: {baseline}\n".replace("\\ud83d\\ude00", "😀") +
                   "budget: {trials: 1}\nconfirm: {top: 0, seeds: 0}\n")
        self.write("trial.sh", "echo 'nocturne: {\"result\": {\"loss\": 1e-5, \"state\": 2, \"v0\": 3}}'")
        self.nocturne("run", "study.yaml", "--quiet")

    def named(self):
        names = ["state", "reason", "path", "PATH", "no", "true", "model.lr", "val-x"] + [f"v{i}" for i in range(len(self.VALUES) - 8)]
        return list(zip(names, self.VALUES))

    def typed(self, values):
        return {k: (type(v), v) for k, v in values.items()}

    def test_yaml(self):
        read = yaml.safe_load(self.nocturne("export", "--format", "yaml"))
        self.assertEqual(self.typed(read["parameters"]), self.typed(dict(self.named())))
        self.assertEqual(read["study"], "on")
        self.assertIn("this is the baseline", self.nocturne("export", "--format", "yaml"))

    def test_json(self):
        read = json.loads(self.nocturne("export", "--format", "json"))
        self.assertEqual(self.typed(read["params"]), self.typed(dict(self.named())))
        self.assertTrue(read["is_baseline"])

    def test_toml(self):
        read = tomllib.loads(self.nocturne("export", "--format", "toml"))["parameters"]
        self.assertEqual(self.typed(read), self.typed({k: v for k, v in self.named() if v is not None}))

    def test_sh(self):
        exported = self.nocturne("export", "--format", "env")
        for name, value in self.named():
            variable = {"path": "NOCTURNE_PARAM_path"}.get(name, "NOCTURNE_PARAM_" + (name if name == "PATH" else name.upper().replace(".", "_").replace("-", "_")))
            out = subprocess.run(["sh", "-c", f'{exported}\nprintf %s "${variable}"'], capture_output=True, text=True, check=True).stdout
            self.assertEqual(out if isinstance(value, str) else json.loads(out), value, name)

    def test_args(self):
        words = shlex.split(self.nocturne("export", "--format", "args", "-o", "args") or self.read("args"))
        self.assertEqual(words[:4], ["sh", "trial.sh", "--x", str(self.VALUES[8])])
        self.assertEqual(words[4:7], [f"--state={self.VALUES[0]}", f"--reason={self.VALUES[1]}", f"--path={self.VALUES[2]}"])

    def test_csv_and_pandas(self):
        self.nocturne("export", "--format", "csv", "-o", "t.csv")
        table = pandas.read_csv(f"{self.dir}/t.csv", dtype=str, keep_default_na=False)
        self.assertEqual(len(set(table.columns)), len(table.columns))
        self.assertFalse([c for c in table.columns if c.endswith(".1")])
        row = table.iloc[0]
        for name, value in self.named():
            text = row["parameter " + name if name in ("state", "reason") else name]
            self.assertEqual(text if isinstance(value, str) else json.loads(text), value, name)
        self.assertEqual((row["state"], float(row["metric state"]), float(row["metric v0"]), float(row["loss"])), ("complete", 2, 3, 1e-5))
        self.nocturne("import", "study.yaml", "t.csv", "--db", "other.db")
        again = json.loads(self.nocturne("export", "--format", "jsonl", "--db", "other.db").splitlines()[-1])
        self.assertEqual(self.typed(again["params"]), self.typed(dict(self.named())))
        self.assertEqual(again["metrics"], {"loss": 1e-5, "state": 2, "v0": 3})


if __name__ == "__main__":
    unittest.main(verbosity=2)
