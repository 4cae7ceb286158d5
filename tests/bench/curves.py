"""Mean regret by trial, ours and the rivals', as an SVG or PNG (by the name).

    python3 tests/bench/curves.py -o curves.svg [--pending N]
"""
import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

import results  # noqa: E402
import tasks  # noqa: E402


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-o", "--out", required=True)
    p.add_argument("--traces", type=Path, default=tasks.HERE / "traces")
    p.add_argument("--pending", type=int, default=1)
    a = p.parse_args()
    everything = tasks.all_tasks()
    runs = {f.stem: results.read(f, pending=a.pending) for f in sorted(a.traces.glob("*.jsonl"))}
    runs = {n: {k: v for k, v in r.items() if not everything[k[0]].tuned} for n, r in runs.items()}
    figure, axes = plt.subplots(figsize=(8, 5))
    for name, r in runs.items():
        names = sorted({t for t, _ in r})
        if not names:
            continue
        mean = np.mean([np.mean([v for (t, _), v in r.items() if t == n], axis=0) for n in names], axis=0)
        label = f"{name} ({len(names)} tasks × {len(r) / len(names):.3g} seeds)"
        axes.plot(range(1, len(mean) + 1), mean, label=label, lw=3 if name == "nocturne" else 1.2,
                  color="black" if name == "nocturne" else None)
    axes.set(xlabel="trials", ylabel="mean normalised regret of the incumbent", yscale="log", xlim=(4, 100))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(a.out)


main()
