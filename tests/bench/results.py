"""Traces read and turned into regrets; the statistics of table.py, curves.py and ci.py."""
import collections
import json
import math
from pathlib import Path

import numpy as np

import tasks

AT = (25, 50, 100)


def read(path, trials=100, pending=1, selected=False):
    """{(task, seed): regret of the incumbent after 1 … trials}; `selected`: of the winner by replicates, where a trace
    has one (run.py), at AT only, elsewhere NaN"""
    out = {}
    for line in Path(path).read_text().splitlines():
        row = json.loads(line)
        task = tasks.all_tasks().get(row["task"])
        if task is None or row["trials"] < trials or row["pending"] != pending:
            continue
        best, median = task.bounds()
        value = np.full(trials, np.nan)
        if selected and "selected" not in row:
            continue
        for number, v in row["incumbent"]:
            value[number - 1:] = v
        if selected:
            value[:] = np.nan
            for n, v in row["selected"].items():
                value[int(n) - 1] = v
        if task.log_regret:
            value, best, median = np.log(value), math.log(best), math.log(median)
        out[row["task"], row["seed"]] = np.clip((value - best) / (median - best), 0, 1)
    return out


def by_task(runs, keys, at):
    """{task: mean over its seeds of the regret after `at` trials}"""
    groups = collections.defaultdict(list)
    for task, seed in keys:
        groups[task].append(runs[task, seed][at - 1])
    return {t: float(np.mean(v)) for t, v in groups.items()}


def difference(ours, theirs, keys, at, rounds=4000, seed=0):
    """Mean over tasks of ours − theirs, and its 95 % interval by the two-level bootstrap: tasks, then seeds in each."""
    groups = collections.defaultdict(list)
    for task, s in keys:
        groups[task].append(ours[task, s][at - 1] - theirs[task, s][at - 1])
    rng, lists = np.random.default_rng(seed), [np.array(v) for v in groups.values()]
    means = []
    for _ in range(rounds):
        chosen = rng.integers(len(lists), size=len(lists))
        means.append(np.mean([lists[i][rng.integers(len(lists[i]), size=len(lists[i]))].mean() for i in chosen]))
    return float(np.mean([v.mean() for v in lists])), float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def wilcoxon(ours, theirs, keys, at):
    """Two-sided p over tasks."""
    from scipy.stats import wilcoxon as test

    a, b = by_task(ours, keys, at), by_task(theirs, keys, at)
    d = np.array([a[t] - b[t] for t in a])
    return float(test(d).pvalue) if np.any(d != 0) else 1.0


def holm(p):
    """Adjusted for the number of rivals [Holm 1979]."""
    order, out, largest = np.argsort(p), [0.0] * len(p), 0.0
    for k, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - k) * p[i]))
        out[i] = largest
    return out
