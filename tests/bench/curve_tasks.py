"""Recorded learning curves on which policies of early stopping are compared: real (small) trainings of about a thousand
configurations each, with fifty reports. record_tasks.py made them; this only reads curve_tasks/NAME.csv.gz.

    python3 tests/bench/curve_tasks.py --describe [NAME…]

In brackets: Spearman's correlation of reports 1, 4 and 16 with the end over all configurations; the same among the best fifth;
how many of how many configurations have a regret of at most .05 and .2. "Two seeds": of every configuration, to confirm on
the other.

- mlp-digits: a network by SGD with momentum, log loss an epoch (.68 .84 .96; .35 .52 .86; 6 and 57 of 900; two seeds).
- boost-diabetes: gradient boosting that overfits; a third are at their best before report 15 and turn up, the best report
  counts (.82 .91 .97; .09 .16 .51; 5 and 139 of 1,000).
- crossing: schedules of the learning rate under noisy labels; what is behind for long wins by its decay (.08 .61 .91; .24 .26 .05;
  1 and 25 of 780; two seeds).
- tail: ill-conditioned least squares, error a power of the steps, four in five still falling at the end, 5 % diverge (.70 .81 .94;
  .39 .47 .74; 4 and 30 of 1,000).
- boost-digits: boosted trees, log loss of ten classes: the early reports tell (.89 .94 .99; .48 .59 .83; 3 and 26 of 1,000).
- addition: a network learns to add; exact match against tokens, 16 times as many in one configuration as in another, nothing to
  be seen at first (.59 .64 .82; −.15 −.12 .38; 1 and 19 of 900; two seeds).
- distil: a student of a teacher on digits, chosen in size, density, bits and patches; tokens differ by thousands of times, and em
  must be the baseline's, which 13 % are (.61 .79 .94; −.02 .18 .61; 4 and 14 of 770; two seeds).
- es-pendulum: an evolution strategy, reward of 16 random episodes: noisy, up and down, seeds agree only by .52 (.14 .30 .65;
  .08 .21 .47; 8 and 33 of 800; two seeds).

The correlations of tasks with tokens are of the utility, with the tokens of the whole training taken as known.
"""
import argparse
import csv
import functools
import gzip
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def real(lo, hi, scale="log"):
    return {"type": "float", "range": [lo, hi], "scale": scale}


def whole(lo, hi, scale="log"):
    return {"type": "int", "range": [lo, hi], "scale": scale}


def steps(*values):
    return {"type": "ordinal", "values": list(values), "scale": "log"}


def choice(*values):
    return {"type": "categorical", "values": list(values)}


SPECS = {
    "mlp-digits": {
        "parameters": {
            "learning_rate": real(1e-4, 3), "batch_size": steps(8, 16, 32, 64, 128, 256), "momentum": real(0, 0.99, "linear"),
            "weight_decay": real(1e-6, 0.3), "hidden": whole(4, 128), "dropout": real(0, 0.8, "linear"),
            "init_scale": real(0.01, 10), "lr_decay": real(1e-3, 0.5)},
        "metrics": {"loss": {"goal": "minimize", "kind": "value"}},
        "objective": {"minimize": "loss"}, "result": {"loss": "last"}, "log_regret": True},
    "boost-diabetes": {
        "parameters": {
            "learning_rate": real(1e-3, 1), "max_depth": whole(1, 10), "min_samples_leaf": whole(1, 80),
            "subsample": real(0.05, 1), "max_features": real(0.05, 1),
            "loss": choice("squared_error", "huber", "absolute_error"), "huber": real(0.5, 0.99, "linear"),
            "min_impurity_decrease": real(1e-3, 1e3)},
        "metrics": {"mse": {"goal": "minimize", "kind": "value"}},
        "objective": {"minimize": "mse"}, "result": {"mse": "best"}},
    "crossing": {
        "parameters": {
            "learning_rate": real(3e-3, 3), "schedule": choice("step", "linear", "cosine"), "decay_at": real(0.3, 0.95, "linear"),
            "decay_to": real(1e-3, 1), "warm_up": real(0.01, 0.6), "batch_size": steps(4, 8, 16, 32),
            "weight_decay": real(1e-6, 0.01), "hidden": whole(8, 128), "momentum": real(0, 0.95, "linear")},
        "metrics": {"loss": {"goal": "minimize", "kind": "value"}},
        "objective": {"minimize": "loss"}, "result": {"loss": "last"}},
    "tail": {
        "parameters": {
            "learning_rate": real(1e-4, 10), "optimizer": choice("sgd", "adam"), "batch_size": steps(1, 2, 4, 8, 16, 32, 64),
            "forget": real(1e-3, 1), "decay_power": real(0, 1, "linear"), "averaging": real(0.1, 1000),
            "weight_decay": real(1e-7, 0.1), "whitening": real(0, 0.4, "linear")},
        "metrics": {"error": {"goal": "minimize", "kind": "value"}},
        "objective": {"minimize": "error"}, "result": {"error": "last"}, "log_regret": True},
    "boost-digits": {
        "parameters": {
            "learning_rate": real(0.005, 3), "leaves": whole(2, 64), "min_samples_leaf": whole(1, 100),
            "subsample": real(0.03, 1), "max_features": real(0.015, 1), "l2": real(0.01, 300),
            "splitter": choice("best", "random"), "momentum": real(0, 0.95, "linear")},
        "metrics": {"loss": {"goal": "minimize", "kind": "value"}},
        "objective": {"minimize": "loss"}, "result": {"loss": "best"}, "log_regret": True},
    "addition": {
        "parameters": {
            "learning_rate": real(2e-4, 0.2), "batch_size": steps(8, 16, 32, 64, 128, 256),
            "every": steps(256, 512, 1024, 2048, 4096), "hidden": whole(8, 128), "dropout": real(0, 0.6, "linear"),
            "weight_decay": real(1e-3, 3), "init_scale": real(0.05, 5), "curriculum": real(0, 1, "linear")},
        "metrics": {"em": {"goal": "maximize", "kind": "proportion", "of": 1000}, "tokens": {"goal": "minimize", "kind": "count"}},
        "baseline": {"learning_rate": 0.003, "batch_size": 64, "every": 2048, "hidden": 48, "dropout": 0.1, "weight_decay": 0.01,
                     "init_scale": 1.0, "curriculum": 0.0},
        "objective": {"weights": {"em": 0.7, "tokens": 0.3}}, "result": {"em": "best", "tokens": "last"}},
    "distil": {
        "parameters": {
            "learning_rate": real(1e-4, 0.3), "batch_size": steps(8, 16, 32, 64), "every": steps(64, 128, 256, 512),
            "patch": steps(1, 2, 4), "hidden": steps(4, 8, 16, 32, 64, 128), "density": steps(0.0625, 0.125, 0.25, 0.5, 1.0),
            "bits": steps(2, 3, 4, 6, 8),
            "temperature": real(0.3, 30), "soft": real(0, 1, "linear")},
        "metrics": {"em": {"goal": "maximize", "kind": "proportion", "of": 897}, "tokens": {"goal": "minimize", "kind": "count"}},
        "baseline": {"learning_rate": 0.003, "batch_size": 32, "every": 256, "patch": 2, "hidden": 32, "density": 1.0, "bits": 8,
                     "temperature": 1.0, "soft": 0.0},
        "constraints": ["em >= baseline"],
        "objective": {"weights": {"em": 0.3, "tokens": 0.7}}, "result": {"em": "best", "tokens": "last"}},
    "es-pendulum": {
        "parameters": {
            "learning_rate": real(1e-3, 3), "sigma": real(3e-3, 3), "pairs": steps(1, 2, 4, 8, 16), "episodes": steps(1, 2),
            "hidden": whole(1, 16), "weight_decay": real(1e-5, 0.3), "momentum": real(0, 0.95, "linear"),
            "fitness": choice("raw", "deviation", "rank")},
        "metrics": {"reward": {"goal": "maximize", "kind": "value"}},
        "objective": {"maximize": "reward"}, "result": {"reward": "best"}},
}
NAMES = list(SPECS)


@dataclass(frozen=True, eq=False)
class Task:
    name: str
    parameters: dict   # name: type, range or values, scale
    metrics: dict      # name: goal, kind, of
    objective: dict    # as in a study file
    constraints: list  # "em >= baseline"
    baseline: dict     # or None; else the table's first row
    result: dict       # metric: "best" or "last" of its reports
    configs: list
    log_regret: bool   # the loss spans decades: regret is taken of its logarithm
    curves: np.ndarray = field(repr=False)  # seeds × configurations × reports × metrics; nan once a training has diverged

    @property
    def seeds(self):
        return self.curves.shape[0]

    @property
    def reports(self):
        return self.curves.shape[2]

    def sign(self, metric):
        return 1 if self.metrics[metric]["goal"] == "maximize" else -1

    def cost(self, i, seed=0):
        """What the training has cost by each report: tokens, or reports where there are none."""
        if "tokens" in self.metrics:
            return self.curves[seed, i, :, list(self.metrics).index("tokens")]
        return np.arange(1., self.reports + 1)

    def outcome(self, i, seed=0, reports=None):
        """The metrics of a training, if it ends after so many reports; nan: it diverged."""
        out = {}
        for m, name in enumerate(self.metrics):
            curve = self.curves[seed, i, :reports, m]
            if self.result[name] == "best" and not np.isnan(curve).all():
                out[name] = float(np.nanmax(curve) if self.sign(name) > 0 else np.nanmin(curve))
            else:
                out[name] = float(curve[-1])
        return out

    def mean(self, i):
        """The outcome in the mean over seeds."""
        all_seeds = [self.outcome(i, s) for s in range(self.seeds)]
        return {m: float(np.mean([o[m] for o in all_seeds])) for m in self.metrics}

    @functools.cached_property
    def reference(self):
        return self.mean(0) if self.baseline else None

    def value(self, outcome):
        """What the objective says of an outcome, constraints apart; larger is better, −inf: it diverged."""
        weights = self.objective.get("weights")
        if weights:
            b = self.reference
            u = sum(w * self.sign(m) * (outcome[m] - b[m]) / (abs(b[m]) or 1) for m, w in weights.items())
        else:
            (metric,) = self.objective.values()
            u = self.sign(metric) * outcome[metric]
        return -math.inf if math.isnan(u) else u

    def feasible(self, outcome):
        for c in self.constraints:
            metric, relation, limit = c.split()
            limit = self.reference[metric] if limit == "baseline" else float(limit)
            if not (outcome[metric] >= limit if relation == ">=" else outcome[metric] <= limit):
                return False
        return True

    def utility(self, i, seed=0):
        """value() of one training; −inf if it breaks a constraint or diverged."""
        o = self.outcome(i, seed)
        return self.value(o) if self.feasible(o) else -math.inf

    @functools.cached_property
    def regrets(self):
        means = [self.mean(i) for i in range(len(self.configs))]
        u = np.array([self.value(o) for o in means])
        fine = np.array([self.feasible(o) for o in means])
        if self.log_regret:
            u = -np.log(-u)
        best, median = u[fine].max(), np.quantile(u[fine], 0.5, method="lower")
        r = (best - u) / (best - median)
        r[~fine] = math.inf  # as bad as the worst that is allowed
        r[~np.isfinite(r)] = max(1, r[fine & np.isfinite(r)].max())
        return r

    def regret(self, i):
        """0: the best configuration, 1: the median one (of those that keep the constraints), by the mean over seeds; one
        that breaks a constraint or diverges is as bad as the worst one that does not. It can be far above 1: clip it."""
        return float(self.regrets[i])

    def point(self, params):
        """A configuration in the unit cube; one axis for every category."""
        x = []
        for name, p in self.parameters.items():
            if p["type"] == "categorical":
                x += [float(params[name] == v) for v in p["values"]]
            else:
                lo, hi, v = *(p["range"] if "range" in p else (p["values"][0], p["values"][-1])), float(params[name])
                x.append(math.log(v / lo) / math.log(hi / lo) if p["scale"] == "log" else (v - lo) / (hi - lo))
        return np.array(x)

    @functools.cached_property
    def points(self):
        return np.array([self.point(c) for c in self.configs])

    def nearest(self, params, taken=()):
        """The row of the table nearest to these settings that is not among those taken."""
        d = ((self.points - self.point(params)) ** 2).sum(1)
        d[list(taken)] = math.inf
        return int(d.argmin())


@functools.cache
def load(name):
    spec = SPECS[name]
    metrics, rows = list(spec["metrics"]), {}
    with gzip.open(HERE / "curve_tasks" / f"{name}.csv.gz", "rt", newline="") as f:
        for row in csv.DictReader(f):
            key = tuple(row[p] for p in spec["parameters"])
            rows.setdefault(key, {})[row["seed"]] = np.array([row[m].split() for m in metrics], dtype=float).T
    read = [type(p["range" if "range" in p else "values"][0]) if p["type"] != "float" else float
            for p in spec["parameters"].values()]
    configs = [{n: f(v) for n, f, v in zip(spec["parameters"], read, key)} for key in rows]
    seeds = sorted({s for r in rows.values() for s in r}, key=int)
    curves = np.array([[r[s] for r in rows.values()] for s in seeds])
    return Task(name, spec["parameters"], spec["metrics"], spec["objective"], spec.get("constraints", []),
                configs[0] if spec.get("baseline") else None, spec["result"], configs, spec.get("log_regret", False), curves)


def ranks(x):
    _, inverse, count = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[inverse]


def spearman(x, y):
    return float(np.corrcoef(ranks(x), ranks(y))[0, 1])


def describe(task):
    """One row: what the first reports say of the end, with the final tokens taken as known."""
    n, (metric, *_) = len(task.configs), task.metrics
    final = [task.outcome(i) for i in range(n)]
    u = np.array([task.value(o) for o in final])
    early = {}
    for t in (1, 4, 16):
        early[t] = np.array([task.value({**task.outcome(i, 0, t), **{m: o[m] for m in task.metrics if m == "tokens"}})
                             for i, o in enumerate(final)])
    top = u >= np.quantile(u, 0.8, method="higher")
    q = np.quantile(np.array([o[metric] for o in final])[np.isfinite(u)], [0, .1, .25, .5, .75, .9, 1])
    between = f"{spearman(*[np.array([task.value(task.outcome(i, s)) for i in range(n)]) for s in (0, 1)]):.2f}" \
        if task.seeds > 1 else "–"
    fine = np.mean([task.feasible(task.mean(i)) for i in range(n)])
    return (f"| {task.name} | {len(task.parameters)} | {n} × {task.seeds} | {metric} {' '.join(f'{v:.3g}' for v in q)} | "
            + " ".join(f"{spearman(early[t], u):.2f}" for t in early) + " | "
            + " ".join(f"{spearman(early[t][top], u[top]):.2f}" for t in early)
            + f" | {between} | {(task.regrets <= .05).sum()}, {(task.regrets <= .2).sum()} | "
            f"{100 * np.mean(~np.isfinite(u)):.1f} % | {100 * fine:.0f} % |")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--describe", action="store_true", required=True)
    p.add_argument("names", nargs="*", metavar="NAME")
    print("| task | parameters | configurations × seeds | final value: least, 10, 25, 50, 75, 90 %, most | "
          "Spearman of reports 1, 4, 16 with the end | … among the best fifth | seed 1 with seed 2 | regret ≤ .05, ≤ .2 | "
          "diverge | feasible |\n"
          "|---|---|---|---|---|---|---|---|---|---|")
    for name in p.parse_args().names or NAMES:
        print(describe(load(name)))


if __name__ == "__main__":
    main()
