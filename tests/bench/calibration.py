"""Do 90 % predictive intervals cover 90 % of later observations? One row a task.

    python3 tests/bench/calibration.py [--seeds 0-4] [--trials 60] [--tasks PATTERN]

A study of `trials` trials as in run.py. From the 20th on, the surrogate is asked before each result what it will be
(`{"predict": …}`), at the trial that it proposed itself and at one random configuration, whose observation it is not told.
In a space with branches (which parameters there are) random ones of the branch that was tried most, and of the others.
"""
import argparse
import collections
import fnmatch
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

import optimizers  # noqa: E402
import run  # noqa: E402
import tasks  # noqa: E402


def covered(o, task, config, value):
    truth = task.metrics(config) if task.family == "g2p" else {"value": value}
    hits = []
    for name, p in o._say({"predict": config})["metrics"].items():
        low = -np.inf if p["low"] is None else p["low"]
        high = np.inf if p["high"] is None else p["high"]
        hits.append(low <= truth[name] <= high)
    return float(np.mean(hits))


def measure(task, seed, trials):
    o, own, other, tried = optimizers.make("nocturne", task, seed), [], [], collections.Counter()
    rng = np.random.default_rng([seed, 5])
    for i, config in enumerate(task.initial(seed)):
        o.add(config, task.observe(config, tasks.observation_rng(seed, i)))
    for number in range(i + 1, trials):
        handle, config = o.ask()
        value = task.observe(config, tasks.observation_rng(seed, number))
        tried[tuple(config)] += 1
        if number >= 20:
            own.append(covered(o, task, config, value))
            elsewhere = task.random(rng)
            other.append((tuple(elsewhere), covered(o, task, elsewhere, task.observe(elsewhere, rng))))
        o.tell(handle, config, value)
    o.close()
    most = tried.most_common(1)[0][0]
    return own, [hit for branch, hit in other if branch == most], [hit for branch, hit in other if branch != most]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seeds", type=run.seeds_of, default=range(5))
    p.add_argument("--trials", type=int, default=60)
    p.add_argument("--tasks", default="*")
    a = p.parse_args()
    rows = []
    print("| task | at its own proposals | at random configurations | of other branches |\n|---|---|---|---|")
    for task in tasks.all_tasks().values():
        if not any(fnmatch.fnmatch(task.name, k) for k in a.tasks.split(",")):
            continue
        each = [measure(task, s, a.trials) for s in a.seeds]
        hits = [[x for e in each for x in e[i]] for i in range(3)]
        rows.append([100 * np.mean(h) if h else np.nan for h in hits])
        print(f"| {task.name} | {rows[-1][0]:.1f} % | {rows[-1][1]:.1f} % | {rows[-1][2]:.1f} % |", flush=True)
    print("| mean | {:.1f} % | {:.1f} % | {:.1f} % |".format(*np.nanmean(rows, axis=0)))


main()
