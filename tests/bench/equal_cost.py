"""Early stopping at equal cost: how good is the winner once so much has been spent, whoever spends it?

    python3 tests/bench/equal_cost.py ARM… [--tasks A,B] [--seeds 0-19] [-o FILE.jsonl]      goes on where FILE ends
    python3 tests/bench/equal_cost.py --table FILE.jsonl [--against auto]

Recorded curves (curve_tasks.py) are trained on in turn, one trial at a time; a proposal stands for the nearest
configuration not yet run. Budgets are 10 and 30 full trainings (of the median configuration; of the baseline, where there
are tokens), at most 400 trials. What counts is the true regret of the best *completed* trial, by what it reported, at
that cost: 0 is the table's best, 1 its median, also as long as nothing is complete; never more than 1.

Arms: none, auto, asha, median: ours, behind `nocturne advise`; "auto:chance=0.1" sets more; "auto:resume=false": what is
stopped stays stopped.
tpe+sha, tpe+hyperband, tpe+median, random+sha, …: Optuna's sampler and pruner, defaults of each.
syne:asha, syne:asha-promotion, syne:bohb, syne:mobster, syne:hypertune, syne:dyhpo, syne:hyperband, …: Syne Tune's (multi_fidelity.py).
Two metrics are told to others as the utility that the study optimizes, and the baseline is their first trial as it is ours. A
trial that was put aside and is asked for again goes on at its next report, and costs only from there.
"""
import argparse
import json
import math
import os
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np

import curve_tasks
from pipe import Pipe

HERE = Path(__file__).resolve().parent
BUDGETS, TRIALS, WORST = (10, 30), 400, 1e6


# ---- ours ----

def study_text(task, stopping):
    lines = ["study: bench", "parameters:"]
    for name, p in task.parameters.items():
        what = {k: v for k, v in p.items() if k != "scale" or "range" in p}
        lines.append(f"  {name}: {json.dumps(what)}")
    lines += ["metrics:"] + [f"  {name}: {json.dumps(m)}" for name, m in task.metrics.items()]
    if task.baseline:
        lines.append(f"baseline: {json.dumps(task.baseline)}")
    if task.constraints:
        lines.append(f"constraints: {json.dumps(task.constraints)}")
    return "\n".join(lines + [f"objective: {json.dumps(task.objective)}", f"stopping: {json.dumps(stopping)}", ""])


class Nocturne:
    def __init__(self, task, arm, seed):
        pruner, _, more = arm.partition(":")
        stopping = {"pruner": pruner, **{k: json.loads(v) for k, v in (m.split("=") for m in more.split(";") if m)}}
        self.resume = stopping.pop("resume", True)
        self.task, self.file = task, tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.file.write(study_text(task, stopping))
        self.file.flush()
        self.pipe = Pipe(self.file.name, "--seed", str(seed))

    def ask(self):
        t = self.pipe.say({"ask": 1, "resume": self.resume})["trials"][0]
        return t["trial"], t["params"]

    def report(self, trial, step, metrics):
        fine = {m: v for m, v in metrics.items() if math.isfinite(v)}
        return bool(self.pipe.say({"report": trial, "step": step, "metrics": fine})["stop"])

    def tell(self, trial, outcome):
        fine = {m: v for m, v in outcome.items() if math.isfinite(v)}
        self.pipe.say({"tell": trial, "metrics": fine} if fine else {"tell": trial, "failed": "diverged"})

    def pruned(self, trial):
        pass

    def close(self):
        self.pipe.close()
        self.file.close()


# ---- Optuna ----

class Optuna:
    def __init__(self, task, arm, seed):
        import optuna
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore")
        d, sampler, pruner = optuna.distributions, *arm.split("+")
        self.states, self.task = optuna.trial.TrialState, task
        self.space = {}
        for name, p in task.parameters.items():
            if p["type"] == "categorical":
                self.space[name] = d.CategoricalDistribution(p["values"])
            elif p["type"] == "ordinal":
                self.space[name] = d.FloatDistribution(p["values"][0], p["values"][-1], log=p["scale"] == "log")
            else:
                kind = d.IntDistribution if p["type"] == "int" else d.FloatDistribution
                self.space[name] = kind(*p["range"], log=p["scale"] == "log")
        samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler,
                    "gp": optuna.samplers.GPSampler}
        pruners = {"sha": optuna.pruners.SuccessiveHalvingPruner, "hyperband": optuna.pruners.HyperbandPruner,
                   "median": optuna.pruners.MedianPruner, "none": optuna.pruners.NopPruner}
        self.study = optuna.create_study(direction="maximize", sampler=samplers[sampler](seed=seed), pruner=pruners[pruner](),
                                         study_name=f"bench {seed}")  # Hyperband draws its brackets by the name
        if task.baseline:
            self.study.enqueue_trial(task.baseline)

    def ask(self):
        t = self.study.ask(self.space)
        return t, t.params

    def value(self, metrics):
        v = self.task.value(metrics)
        return v if math.isfinite(v) else -WORST

    def report(self, trial, step, metrics):
        trial.report(self.value(metrics), step + 1)
        return trial.should_prune()

    def tell(self, trial, outcome):
        self.study.tell(trial, self.value(outcome) - (0 if self.task.feasible(outcome) else 10))

    def pruned(self, trial):
        self.study.tell(trial, state=self.states.PRUNED)

    def close(self):
        pass


# ---- one study ----

@dataclass
class Training:
    row: int          # of the table
    reports: int = 0  # that have been paid for


class Study:
    """One tuner on one task. Whoever answers ask() with a trial that was handed out before goes on with it at its next report."""

    def __init__(self, task, tuner):
        self.task, self.tuner, self.trainings, self.spent, self.regrets = task, tuner, {}, 0, []
        self.best, self.winner, self.complete, self.resumed = -math.inf, None, 0, 0
        self.unit = float(task.cost(0)[-1] if task.baseline else np.median([task.cost(i)[-1] for i in range(len(task.configs))]))
        self.limits = [b * self.unit for b in BUDGETS]

    def regret(self):
        return 1 if self.winner is None else min(self.task.regret(self.winner), 1)

    def taken(self):
        return {t.row for t in self.trainings.values()}

    def pay(self, training):
        costs = self.task.cost(training.row)
        self.spent += costs[training.reports] - (costs[training.reports - 1] if training.reports else 0)
        training.reports += 1
        while len(self.regrets) < len(self.limits) and self.spent >= self.limits[len(self.regrets)]:
            self.regrets.append(self.regret())

    def over(self):
        return self.spent >= self.limits[-1]

    def ask(self):
        """The trial to train on and its training; (None, None): it would be one too many."""
        trial, params = self.tuner.ask()
        if trial in self.trainings:
            self.resumed += 1
        elif len(self.trainings) == min(TRIALS, len(self.task.configs)):
            return None, None
        else:
            first = self.task.baseline and not self.trainings
            self.trainings[trial] = Training(0 if first else self.task.nearest(params, self.taken()))
        return trial, self.trainings[trial]

    def train(self, trial, training):
        """Until it is stopped, complete, or all is spent."""
        if training.reports == self.task.reports:
            raise RuntimeError(f"trial {trial} is complete: it cannot go on")
        while training.reports < self.task.reports:
            k = training.reports
            self.pay(training)
            metrics = {m: float(v) for m, v in zip(self.task.metrics, self.task.curves[0, training.row, k])}
            if self.tuner.report(trial, k, metrics):
                return self.tuner.pruned(trial)
            if self.over() and training.reports < self.task.reports:
                return
        self.tuner.tell(trial, self.task.outcome(training.row))
        self.complete += 1
        if self.task.utility(training.row) > self.best:
            self.best, self.winner = self.task.utility(training.row), training.row

    def run(self):
        while not self.over():
            trial, training = self.ask()
            if training is None:
                break
            self.train(trial, training)
        self.regrets += [self.regret()] * (len(self.limits) - len(self.regrets))
        self.tuner.close()
        return {"regret": self.regrets, "begun": min(self.task.regret(i) for i in self.taken()), "trials": len(self.trainings),
                "complete": self.complete, "resumed": self.resumed, "spent": self.spent / self.unit}


def tuner(task, arm, seed):
    if arm.startswith("syne:"):
        from multi_fidelity import SyneTune
        return SyneTune(task, arm, seed)
    return (Optuna if "+" in arm else Nocturne)(task, arm, seed)


def one(job):
    arm, name, seed = job
    task, begin = curve_tasks.load(name), time.monotonic()
    row = Study(task, tuner(task, arm, seed)).run()
    return {"arm": arm, "task": name, "seed": seed, **row, "seconds": round(time.monotonic() - begin, 1)}


# ---- the table ----

def interval(d):
    """Two-level bootstrap of the mean of d (tasks × seeds): 95 %."""
    rng, n = np.random.default_rng(0), 4000
    tasks = rng.integers(0, d.shape[0], (n, d.shape[0]))
    seeds = rng.integers(0, d.shape[1], (n, d.shape[0], d.shape[1]))
    means = d[tasks[:, :, None], seeds].mean((1, 2))
    return np.quantile(means, (0.025, 0.975))


def table(rows, against):
    arms, names = list(dict.fromkeys(r["arm"] for r in rows)), list(dict.fromkeys(r["task"] for r in rows))
    of = {(r["arm"], r["task"], r["seed"]): r for r in rows}
    for b, budget in enumerate(BUDGETS):
        print(f"\nRegret after {budget} full trainings' cost:\n\n| arm | {' | '.join(names)} | mean | less than {against}'s by | trials, complete |")
        print("|---|" + "---|" * (len(names) + 3))
        for arm in arms:
            seeds = sorted({s for a, t, s in of if a == arm and all((x, n, s) in of for x in (arm, against) for n in names)})
            if not seeds:
                continue
            m = np.array([[of[arm, n, s]["regret"][b] for s in seeds] for n in names])
            r = np.array([[of[against, n, s]["regret"][b] for s in seeds] for n in names])
            lo, hi = interval(r - m)
            all_ = [of[arm, n, s] for n in names for s in seeds]
            print(f"| {arm} | {' | '.join(f'{v:.3f}' for v in m.mean(1))} | {m.mean():.3f} | {(r - m).mean():+.3f} [{lo:+.3f}, {hi:+.3f}] | "
                  f"{np.mean([x['trials'] for x in all_]):.0f}, {np.mean([x['complete'] for x in all_]):.1f} |")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("arms", nargs="*", metavar="ARM")
    p.add_argument("--tasks", default=",".join(curve_tasks.NAMES))
    p.add_argument("--seeds", default="0-19")
    p.add_argument("--against", default="auto")
    p.add_argument("--processes", type=int, default=2)
    p.add_argument("-o", "--out")
    p.add_argument("--table", metavar="FILE")
    o = p.parse_args()
    if o.table:
        return table([json.loads(line) for line in open(o.table)], o.against)
    lo, _, hi = o.seeds.partition("-")
    rows = [json.loads(line) for line in open(o.out)] if o.out and os.path.exists(o.out) else []
    done = {(r["arm"], r["task"], r["seed"]) for r in rows}
    jobs = [(a, t, s) for s in range(int(lo), int(hi or lo) + 1) for t in o.tasks.split(",") for a in o.arms]
    jobs = [j for j in jobs if j not in done]
    out = open(o.out, "a") if o.out else None
    with ProcessPoolExecutor(o.processes) as pool:
        for n, row in enumerate(pool.map(one, jobs)):
            rows.append(row)
            if out:
                print(json.dumps(row), file=out, flush=True)
            print(f"{n + 1} of {len(jobs)}", file=sys.stderr, end="\r")
    table([r for r in rows if r["arm"] in o.arms or r["arm"] == o.against], o.against if any(r["arm"] == o.against for r in rows) else o.arms[0])


if __name__ == "__main__":
    main()
