"""Runs optimizers on tasks and appends their traces; what is there already is not run again.

    python3 tests/bench/run.py nocturne tpe --seeds 0-9 --trials 100
    python3 tests/bench/run.py nocturne --tasks 'hpobench-*' --pending 8 --out /tmp/mine

A trace is one line of JSON: {"task", "seed", "pending", "trials", "seconds", "incumbent": [[trial, true value], …]}.
The incumbent is the best *observed* so far; its true value is what counts. Of noisy tasks also "selected": the true value
of the winner if the last of so many evaluations measure the best again (REPLICATES), the same for every optimizer. Stop it
at any time; it goes on from there.
"""
import argparse
import fnmatch
import json
import os
import sys
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

import optimizers  # noqa: E402
import tasks  # noqa: E402


REPLICATES = {25: (3, 1), 50: (4, 2), 100: (5, 3)}  # of so many evaluations: of so many of the best, so many more


def shorter(v):
    return float(f"{v:.8g}")


def select(task, seed, tried, n):
    """The true value of the best by the mean of all its measurements: n evaluations, replicates included."""
    top, more = REPLICATES[n]
    best = sorted(range(n - top * more), key=lambda i: tried[i][1])[:top]

    def mean(i):
        again = [task.observe(tried[i][0], np.random.default_rng([seed, i, k, 8])) for k in range(more)]
        return (tried[i][1] + sum(again)) / (more + 1)

    return shorter(task.true(tried[min(best, key=mean)][0]))


def run_one(name, task, seed, trials, pending):
    """Asynchronous workers: `pending` trials are always out, the oldest one returns first."""
    o, best, incumbent, open_trials = optimizers.make(name, task, seed), float("inf"), [], []
    tried, thinking = [], 0.0

    def observe(config, number):
        nonlocal best
        value = task.observe(config, tasks.observation_rng(seed, number))
        tried.append((config, value))
        if value < best:
            best = value
            incumbent.append([number + 1, shorter(task.true(config))])
        return value

    number = 0
    for config in task.initial(seed)[:trials]:
        value = observe(config, number)
        o.add(config, value)
        number += 1
    asked = number
    while number < trials:
        start = time.perf_counter()
        while len(open_trials) < pending and asked < trials:
            open_trials.append(o.ask())
            asked += 1
        thinking += time.perf_counter() - start
        handle, config = open_trials.pop(0)
        value = observe(config, number)
        start = time.perf_counter()
        o.tell(handle, config, value)
        thinking += time.perf_counter() - start
        number += 1
    o.close()
    row = {"task": task.name, "seed": seed, "pending": pending, "trials": trials, "seconds": round(thinking, 3),
           "incumbent": incumbent}
    if task.noisy:
        row["selected"] = {n: select(task, seed, tried, n) for n in REPLICATES if n <= trials}
    return row


def append(path, row):
    with path.open("a") as f:
        f.write(json.dumps(row) + "\n")


def seeds_of(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def done(path):
    if not path.exists():
        return set()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {(r["task"], r["seed"], r["pending"], r["trials"]) for r in rows}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("optimizer", nargs="+", choices=list(optimizers.FIELD))
    p.add_argument("--tasks", default="*", help="pattern of names, comma-separated (all)")
    p.add_argument("--seeds", type=seeds_of, default=range(10), help="0-9")
    p.add_argument("--trials", type=int, default=100)
    p.add_argument("--pending", type=int, default=1)
    p.add_argument("--out", type=Path, default=tasks.HERE / "traces")
    p.add_argument("--by-seed", action="store_true", help="all tasks of a seed before the next seed")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    chosen = [t for t in tasks.all_tasks().values() if any(fnmatch.fnmatch(t.name, k) for k in a.tasks.split(","))]
    for seed in a.seeds:
        for name in a.optimizer:
            path = a.out / f"{name}.jsonl"
            have = done(path)
            for task in chosen:
                if (task.name, seed, a.pending, a.trials) in have:
                    continue
                if name in optimizers.FLAT_ONLY and task.family == "conditional":
                    continue
                try:
                    row = run_one(name, task, seed, a.trials, a.pending)
                except Exception as e:  # a rival that breaks on a task is a finding, not the end
                    print(f"{name} {task.name} seed {seed}: {type(e).__name__}: {e}"[:300], file=sys.stderr)
                    continue
                append(path, row)
                print(f"{name:16} {task.name:28} seed {seed:2} {row['seconds']:8.2f} s", flush=True)


if __name__ == "__main__":
    main()
