"""The field: every optimizer behind the same four calls. Defaults of each, as its documentation shows it; no constant
is set but the seed, the number of threads, and that the task's own initial points come first.

    o = make("gpsampler", task, seed)
    o.add(config, value)            a trial that the optimizer did not propose
    handle, config = o.ask()
    o.tell(handle, config, value)
"""
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


class Random:
    def __init__(self, task, seed):
        self._task, self._rng = task, np.random.default_rng([seed, 1])

    def add(self, config, value):
        pass

    def ask(self):
        return None, self._task.random(self._rng)

    def tell(self, handle, config, value):
        pass

    def close(self):
        pass


# ---- Nocturne, through its pipe ----

def yaml_value(v):
    return json.dumps(v)


def study_text(task, search=""):
    lines = ["study: bench", "parameters:"]
    for p in task.params():
        if p.values:
            what = f"type: {p.kind}, values: [{', '.join(map(yaml_value, p.values))}]"
        else:
            lo, hi = (int(p.lo), int(p.hi)) if p.kind == "int" else (p.lo, p.hi)
            what = f"type: {p.kind}, range: [{lo}, {hi}], scale: {'log' if p.log else 'linear'}"
        if p.when:
            what += f", when: \"{p.when[0]} in [{', '.join(p.when[1])}]\""
        lines.append(f"  {p.name}: {{{what}}}")
    if task.family == "g2p":
        lines += ["metrics:", "  em: {goal: maximize, kind: proportion, of: 3000}",
                  "  tokens: {goal: minimize, kind: count}", f"baseline: {json.dumps(task.baseline)}",
                  f"objective: {{weights: {json.dumps(task.weights)}}}"]
    else:
        lines += ["objective: {minimize: value}"]
    lines += [f"search: {{sampler: gp{search}}}"]
    return "\n".join(lines) + "\n"


class Nocturne:
    """NOCTURNE_BIN names the folder of the program."""

    def __init__(self, task, seed):
        self._task = task
        self._file = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self._file.write(study_text(task))
        self._file.flush()
        program = Path(os.environ.get("NOCTURNE_BIN", ROOT / "build/release/bin")) / "nocturne"
        self._pipe = subprocess.Popen([program, "advise", self._file.name, "--seed", str(seed)], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1)
        self._queue = []

    def _say(self, request):
        self._pipe.stdin.write(json.dumps(request) + "\n")
        self._pipe.stdin.flush()
        answer = json.loads(self._pipe.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{request}: {answer['error']}")
        return answer

    def _metrics(self, config, value):
        return self._task.metrics(config) if self._task.family == "g2p" else {"value": value}

    def add(self, config, value):
        self._say({"add": config, "metrics": self._metrics(config, value)})

    def ask(self):
        one = self._say({"ask": 1})["trials"][0]
        return one["trial"], one["params"]

    def tell(self, handle, config, value):
        self._say({"tell": handle, "metrics": self._metrics(config, value)})

    def best(self):
        return self._say({"best": True})["params"]

    def close(self):
        self._pipe.communicate()


# ---- Optuna ----

class Optuna:
    def __init__(self, task, seed, sampler):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._o, self._task = optuna, task
        self._space = {p.name: self._distribution(p) for p in task.params()}
        self._study = optuna.create_study(direction="minimize", sampler=sampler(optuna, seed))

    def _distribution(self, p):
        d = self._o.distributions
        if p.kind == "categorical":
            return d.CategoricalDistribution(p.values)
        if p.kind == "ordinal":  # as its index: Optuna has no ordinals
            return d.IntDistribution(0, len(p.values) - 1)
        if p.kind == "int":
            return d.IntDistribution(int(p.lo), int(p.hi), log=p.log)
        return d.FloatDistribution(p.lo, p.hi, log=p.log)

    def add(self, config, value):
        by_name = {p.name: p for p in self._task.params()}
        params = {k: by_name[k].values.index(v) if by_name[k].kind == "ordinal" else v for k, v in config.items()}
        self._study.add_trial(self._o.trial.create_trial(
            params=params, distributions={k: self._space[k] for k in config}, value=value))

    def ask(self):
        trial, config = self._study.ask(), {}
        for p in self._task.params():  # define by run: only what is active
            if p.when and config.get(p.when[0]) not in p.when[1]:
                continue
            v = trial._suggest(p.name, self._space[p.name])
            config[p.name] = p.values[v] if p.kind == "ordinal" else v
        return trial, config

    def tell(self, handle, config, value):
        self._study.tell(handle, value)

    def close(self):
        pass


def tpe(o, seed):
    return o.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)


def tpe_default(o, seed):
    return o.samplers.TPESampler(seed=seed)


def gpsampler(o, seed):
    return o.samplers.GPSampler(seed=seed, deterministic_objective=False)


def autosampler(o, seed):
    import optunahub

    return optunahub.load_module("samplers/auto_sampler").AutoSampler(seed=seed)


# ---- SMAC3 ----

class Smac:
    def __init__(self, task, seed):
        import logging
        import ConfigSpace as cs
        from ConfigSpace.conditions import InCondition
        from smac import HyperparameterOptimizationFacade as Facade, Scenario

        logging.disable(logging.WARNING)
        self._cs, self._task = cs, task
        self._space = cs.ConfigurationSpace(seed=seed)
        made = {}
        for p in task.params():
            if p.kind == "categorical":
                made[p.name] = cs.CategoricalHyperparameter(p.name, list(p.values))
            elif p.kind == "ordinal":
                made[p.name] = cs.UniformIntegerHyperparameter(p.name, 0, len(p.values) - 1)
            elif p.kind == "int":
                made[p.name] = cs.UniformIntegerHyperparameter(p.name, int(p.lo), int(p.hi), log=p.log)
            else:
                made[p.name] = cs.UniformFloatHyperparameter(p.name, p.lo, p.hi, log=p.log)
            self._space.add(made[p.name])
        for p in task.params():
            if p.when:
                self._space.add(InCondition(made[p.name], made[p.when[0]], list(p.when[1])))
        self._dir = tempfile.TemporaryDirectory()
        scenario = Scenario(self._space, deterministic=True, n_trials=10000, seed=seed, output_directory=self._dir.name)
        self._smac = Facade(scenario, lambda config, seed=0: 0.0, overwrite=True,
                            initial_design=Facade.get_initial_design(scenario, n_configs=0, additional_configs=[]))

    def _wrap(self, config):
        by_name = {p.name: p for p in self._task.params()}
        values = {k: by_name[k].values.index(v) if by_name[k].kind == "ordinal" else v for k, v in config.items()}
        return self._cs.Configuration(self._space, values=values)

    def _unwrap(self, config):
        out = {}
        for p in self._task.params():
            if p.name in config:
                v = config[p.name]
                out[p.name] = p.values[int(v)] if p.kind == "ordinal" else \
                    (v.item() if hasattr(v, "item") else v)
        return out

    def add(self, config, value):
        from smac.runhistory.dataclasses import TrialInfo, TrialValue

        self._smac.tell(TrialInfo(self._wrap(config), seed=0), TrialValue(cost=value))

    def ask(self):
        info = self._smac.ask()
        return info, self._unwrap(dict(info.config))

    def tell(self, handle, config, value):
        from smac.runhistory.dataclasses import TrialValue

        self._smac.tell(handle, TrialValue(cost=value))

    def close(self):
        self._dir.cleanup()


# ---- Ax ----

class Ax:
    def __init__(self, task, seed):
        import logging
        import warnings

        warnings.simplefilter("ignore")
        from ax.api.client import Client
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        logging.disable(logging.WARNING)
        self._task, self._client = task, Client(random_seed=seed)
        parameters = []
        for p in task.params():
            if p.kind == "float":
                parameters.append(RangeParameterConfig(name=p.name, parameter_type="float", bounds=(p.lo, p.hi),
                                                       scaling="log" if p.log else "linear"))
            elif p.kind == "int":
                parameters.append(RangeParameterConfig(name=p.name, parameter_type="int",
                                                       bounds=(int(p.lo), int(p.hi)),
                                                       scaling="log" if p.log else "linear"))
            else:
                kind = self._type(p)
                parameters.append(ChoiceParameterConfig(name=p.name, parameter_type=kind.__name__,
                                                        values=[kind(v) for v in p.values],
                                                        is_ordered=p.kind == "ordinal"))
        self._client.configure_experiment(parameters=parameters)
        self._client.configure_optimization(objective="-value")
        self._client.configure_generation_strategy(method="fast", initialization_budget=len(task.initial(0)),
                                                   initialization_random_seed=seed,
                                                   use_existing_trials_for_initialization=True,
                                                   allow_exceeding_initialization_budget=True)

    @staticmethod
    def _type(p):
        return next(t for t in (str, float, int) if any(isinstance(v, t) for v in p.values))

    def _cast(self, config, back=False):
        out = {}
        for p in self._task.params():
            v = config[p.name]
            if p.values:
                v = p.values[[self._type(p)(x) for x in p.values].index(v)] if back else self._type(p)(v)
            out[p.name] = v
        return out

    def add(self, config, value):
        i = self._client.attach_trial(parameters=self._cast(config))
        self._client.complete_trial(i, raw_data={"value": value})

    def ask(self):
        (i, config), = self._client.get_next_trials(max_trials=1).items()
        return i, self._cast(config, back=True)

    def tell(self, handle, config, value):
        self._client.complete_trial(handle, raw_data={"value": value})

    def close(self):
        pass


# ---- HEBO ----

class Hebo:
    def __init__(self, task, seed):
        import warnings

        warnings.simplefilter("ignore")
        import pandas as pd
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        torch.manual_seed(seed)
        np.random.seed(seed)
        self._pd, self._task = pd, task
        space = []
        for p in task.params():
            if p.kind == "categorical":
                space.append({"name": p.name, "type": "cat", "categories": list(p.values)})
            elif p.kind == "ordinal":
                space.append({"name": p.name, "type": "int", "lb": 0, "ub": len(p.values) - 1})
            elif p.kind == "int":
                space.append({"name": p.name, "type": "int", "lb": int(p.lo), "ub": int(p.hi)})
            else:
                space.append({"name": p.name, "type": "pow" if p.log else "num", "lb": p.lo, "ub": p.hi})
        self._hebo = HEBO(DesignSpace().parse(space), rand_sample=len(task.initial(0)), scramble_seed=seed)

    def _frame(self, config):
        row = {p.name: p.values.index(config[p.name]) if p.kind == "ordinal" else config[p.name]
               for p in self._task.params()}
        return self._pd.DataFrame([row])

    def add(self, config, value):
        self._hebo.observe(self._frame(config), np.array([[value]]))

    def ask(self):
        row = self._hebo.suggest(n_suggestions=1).iloc[0]
        out = {}
        for p in self._task.params():
            v = row[p.name]
            out[p.name] = p.values[int(v)] if p.kind == "ordinal" else \
                int(v) if p.kind == "int" else float(v) if p.kind == "float" else v
        return None, out

    def tell(self, handle, config, value):
        self.add(config, value)

    def close(self):
        pass


# ---- scikit-optimize ----

class Skopt:
    def __init__(self, task, seed):
        from skopt import Optimizer
        from skopt.space import Categorical, Integer, Real

        self._task = task
        dims = []
        for p in task.params():
            prior = "log-uniform" if p.log else "uniform"
            if p.kind == "categorical":
                dims.append(Categorical(list(p.values), name=p.name))
            elif p.kind == "ordinal":
                dims.append(Integer(0, len(p.values) - 1, name=p.name))
            elif p.kind == "int":
                dims.append(Integer(int(p.lo), int(p.hi), prior=prior, name=p.name))
            else:
                dims.append(Real(p.lo, p.hi, prior=prior, name=p.name))
        self._opt = Optimizer(dims, base_estimator="GP", n_initial_points=len(task.initial(0)), random_state=seed)

    def add(self, config, value):
        self._opt.tell([p.values.index(config[p.name]) if p.kind == "ordinal" else config[p.name]
                        for p in self._task.params()], value)

    def ask(self):
        point = self._opt.ask()
        return None, {p.name: p.values[int(v)] if p.kind == "ordinal" else v.item() if hasattr(v, "item") else v
                      for p, v in zip(self._task.params(), point)}

    def tell(self, handle, config, value):
        self.add(config, value)

    def close(self):
        pass


FIELD = {
    "nocturne": Nocturne,
    "random": Random,
    "tpe": lambda t, s: Optuna(t, s, tpe_default),
    "tpe-multivariate": lambda t, s: Optuna(t, s, tpe),
    "gpsampler": lambda t, s: Optuna(t, s, gpsampler),
    "autosampler": lambda t, s: Optuna(t, s, autosampler),
    "smac3": Smac,
    "ax": Ax,
    "hebo": Hebo,
    "skopt": Skopt,
}
FLAT_ONLY = {"ax", "hebo", "skopt"}  # cannot express conditional parameters


def make(name, task, seed):
    return FIELD[name](task, seed)
