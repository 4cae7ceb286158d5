"""The search under strong noise: functions of noise_tasks.py, noise of 0.05 to 2 spreads, beside the field.

    python tests/bench/noise.py nocturne --seeds 0-3 --out /tmp/mine.jsonl --table    # beside the committed rivals
    python tests/bench/noise.py tpe gpsampler --seeds 0-19                            # more of the rivals: resumable

Every optimizer begins by itself; 50 and 100 evaluations in all. What is told of each study, as regret in spreads:
"visited", the lowest true value among its evaluations; "named", what the optimizer itself hands over (rivals: the best
observed); "replicated", the same selection for all: of 100 evaluations the last 15 go to three more of each of the five
best observed (of 50 the last 8, two more of four), and the lowest mean is named.
"""
import argparse
import json
import os
import sys
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

import noise_tasks  # noqa: E402
import optimizers  # noqa: E402
import results  # noqa: E402
import run as bench  # noqa: E402
import tasks  # noqa: E402

AT = (50, 100)
WHAT = ("visited", "named", "replicated")
RIVALS = tasks.HERE / "noise.jsonl"


def shorter(v):
    return float(f"{v:.5g}")


def selected(true, observed, share, seed, n):
    """Index of the winner if the end of the n evaluations is spent on replicates of the best observed."""
    top, more = (5, 3) if n >= 100 else (4, 2)
    best = np.argsort(observed[:n - top * more], kind="stable")[:top]
    rng = np.random.default_rng([seed, n, 77])
    means = [(observed[i] + np.sum(true[i] + share * rng.normal(size=more))) / (more + 1) for i in best]
    return best[int(np.argmin(means))]


def run_one(name, f, share, seed, trials):
    o = optimizers.make(name, f, seed)
    true, observed, thinking, row = [], [], 0.0, {what: {} for what in WHAT}
    for number in range(trials):
        start = time.perf_counter()
        handle, config = o.ask()
        value = f.under_noise(config, tasks.observation_rng(seed, number), share)
        o.tell(handle, config, value)
        thinking += time.perf_counter() - start
        true.append(f.true(config) / f.spread)
        observed.append(value / f.spread)
        n = number + 1
        if n not in AT:
            continue
        own = f.true(o.best()) / f.spread if hasattr(o, "best") else true[int(np.argmin(observed))]
        row["visited"][n], row["named"][n] = shorter(min(true)), shorter(own)
        row["replicated"][n] = shorter(true[selected(true, observed, share, seed, n)])
    o.close()
    return {"optimizer": name, "task": f.name, "noise": share, "seed": seed, "trials": trials,
            "seconds": round(thinking, 3), **row}


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run(a, functions):
    have = {(r["optimizer"], r["task"], r["noise"], r["seed"], r["trials"]) for r in rows_of(a.out)}
    for seed in a.seeds:
        for f in functions:
            for share in a.noise:
                for name in a.optimizer:
                    if (name, f.name, share, seed, a.trials) in have:
                        continue
                    row = run_one(name, f, share, seed, a.trials)
                    bench.append(a.out, row)
                    print(f"{name:16} {f.name:14} noise {share:<4} seed {seed:2} {row['seconds']:8.2f} s", file=sys.stderr)


# ---- the table ----

def values(rows, name, share, what, at):
    """{(task, seed): [regret]}: a trace of one, as results.py has them."""
    return {(r["task"], r["seed"]): [r[what][str(at)]] for r in rows
            if r["optimizer"] == name and r["noise"] == share and str(at) in r[what]}


def mean(runs):
    return f"{np.mean(list(results.by_task(runs, runs, 1).values())):.3f}" if runs else "–"


def difference(ours, theirs):
    both = sorted(ours.keys() & theirs.keys())
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*results.difference(ours, theirs, both, 1)) if both else "–"


def print_table(rows, shares):
    names = list(dict.fromkeys(r["optimizer"] for r in rows))
    others = [n for n in names if n != "nocturne"]
    print("| noise | after | | " + " | ".join(names + [f"ours − {n}" for n in others if "nocturne" in names]) + " |")
    print("|---" * (3 + len(names) + len(others) * ("nocturne" in names)) + "|")
    for share in shares:
        for at in AT:
            for what in WHAT:
                of = {n: values(rows, n, share, what, at) for n in names}
                cells = [mean(of[n]) for n in names]
                if "nocturne" in names:
                    cells += [difference(of["nocturne"], of[n]) for n in others]
                print(f"| {share} | {at} | {what} | " + " | ".join(cells) + " |")


def shares_of(text):
    return [float(x) for x in text.split(",")]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("optimizer", nargs="*")
    p.add_argument("--seeds", type=bench.seeds_of, default=range(4), help="0-19")
    p.add_argument("--noise", type=shares_of, default=noise_tasks.SHARES,
                   help="0.05,0.3,1,2")
    p.add_argument("--tuned", action="store_true", help="the functions that were tuned on")
    p.add_argument("--trials", type=int, default=100)
    p.add_argument("--out", type=Path, default=RIVALS)
    p.add_argument("--table", action="store_true")
    a = p.parse_args()
    for name in a.optimizer:
        if name not in optimizers.FIELD:
            p.error(f"no optimizer '{name}': one of {', '.join(optimizers.FIELD)}")
    functions = noise_tasks.TUNED if a.tuned else noise_tasks.REPORTED
    run(a, functions)
    if a.table:
        names = {f.name for f in functions}
        rows = rows_of(RIVALS) + (rows_of(a.out) if a.out.resolve() != RIVALS else [])
        print_table([r for r in rows if r["task"] in names], a.noise)


if __name__ == "__main__":
    sys.exit(main())
