"""The table of README.md from the traces: ours against every rival, on the tasks and seeds that both have.

    python3 tests/bench/table.py [--ours FILE] [--tuned | --all] [--pending N] [--selected] [--tasks] [--only FAMILY]
"""
import argparse
from pathlib import Path

import numpy as np

import results
import tasks


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--traces", type=Path, default=tasks.HERE / "traces")
    p.add_argument("--ours", type=Path, help="traces of another build (traces/nocturne.jsonl)")
    p.add_argument("--tuned", action="store_true", help="the tasks on which constants were chosen, instead of the others")
    p.add_argument("--all", action="store_true", help="those and the others")
    p.add_argument("--only", help="tasks of this family")
    p.add_argument("--pending", type=int, default=1)
    p.add_argument("--selected", action="store_true", help="noisy tasks, each winner by replicates (run.py)")
    p.add_argument("--tasks", action="store_true", help="a row for every task")
    p.add_argument("--also", type=Path, nargs="*", default=[], help="more trace files to compare with")
    a = p.parse_args()
    everything = tasks.all_tasks()

    def counts(task):
        return (a.all or everything[task].tuned == a.tuned) and a.only in (None, everything[task].family)

    def read(path):
        return results.read(path, pending=a.pending, selected=a.selected)

    ours = read(a.ours or a.traces / "nocturne.jsonl")
    files = [f for f in sorted(a.traces.glob("*.jsonl")) if f.stem != "nocturne"] + a.also
    rivals = {str(f.parent.name + "/" if f in a.also else "") + f.stem: read(f) for f in files}
    rows = []
    for name, runs in rivals.items():
        keys = sorted(k for k in ours if k in runs and counts(k[0]))
        if keys:
            rows.append((name, runs, keys))
    print("| rival | tasks × seeds | theirs at 25 / 50 / 100 | ours | difference at 50 | difference at 100 | p at 50, 100 (Holm) |")
    print("|---|---|---|---|---|---|---|")
    holm = [results.holm([results.wilcoxon(ours, runs, keys, at) for _, runs, keys in rows]) for at in (50, 100)]
    for i, (name, runs, keys) in enumerate(rows):
        n_tasks = len({t for t, _ in keys})
        show = [" / ".join(f"{np.mean(list(results.by_task(r, keys, at).values())):.3f}"[1:] for at in results.AT)
                for r in (runs, ours)]
        d = ["{:+.3f} [{:+.3f}, {:+.3f}]".format(*results.difference(ours, runs, keys, at)) for at in (50, 100)]
        print(f"| {name} | {n_tasks} × {len(keys) / n_tasks:.3g} | {show[0]} | {show[1]} | {d[0]} | {d[1]} | "
              f"{holm[0][i]:.3f}, {holm[1][i]:.3f} |")
    families = sorted({everything[t].family for t, _ in ours if counts(t)})
    print("\n| family, at 50 / 100 | " + " | ".join(f"{name}: ours, theirs" for name, _, _ in rows) + " |")
    print("|---|" + "---|" * len(rows))
    groups = [(f, lambda t, f=f: everything[t].family == f) for f in families]
    if a.tasks:
        names = sorted({t for t, _ in ours if counts(t)})
        groups += [(n, lambda t, n=n: t == n) for n in names]
    for label, belongs in groups:
        cells = []
        for _, runs, keys in rows:
            mine = [k for k in keys if belongs(k[0])]
            cells.append(", ".join(" / ".join(f"{np.mean(list(results.by_task(r, mine, at).values())):.3f}" for at in (50, 100))
                                   for r in (ours, runs)) if mine else "–")
        print(f"| {label} | " + " | ".join(cells) + " |")


main()
