"""The recorded figures of stopping.py, live: studies of 60 real trainings of the small g2p task, with and without pruner
and adaptive policy, each winner confirmed on three fresh seeds by the study itself.

    python3 tests/bench/stopping_live.py [--seeds 0-9] [-o FILE.jsonl]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import schedule

ARMS = {"none": "", "auto+adaptive": "stopping: {pruner: auto, adaptive: true}"}


def one(arm, seed):
    plain = {"patience": 5, "threshold": 1e-4, "batch_size": 64, "learning_rate": 1e-3}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out, _ = schedule.run(folder, seed, "live", every=20000, trials=60, baseline=json.dumps(plain), more=ARMS[arm])
        env = dict(os.environ, PATH=f"{schedule.BIN}:{os.environ['PATH']}")

        def ask(*args):
            return json.loads(subprocess.run(["nocturne", *args, "--db", str(folder / "live.db"), "--json"], env=env, check=True,
                                             capture_output=True, text=True).stdout)
        stops = ask("stopping", "live")
        return {"arm": arm, "seed": seed, "spent": stops["tokens"]["spent"], "saved": stops["tokens"]["saved"],
                "pruned": stops["pruned"], "adapted": stops["adapted"], "audited": stops["false_stops"]["audited"],
                "false": stops["false_stops"]["false"], "metrics": out["metrics"], "utility": out["utility"],
                "baseline": out["baseline"]["metrics"]}


def mean(v):
    return f"{statistics.mean(v):.2f} ± {1.96 * statistics.stdev(v) / len(v) ** 0.5:.2f}" if len(v) > 1 else f"{v[0]:.2f}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seeds", default="0-9")
    p.add_argument("-o", "--out")
    o = p.parse_args()
    lo, _, hi = o.seeds.partition("-")
    rows, out = [], open(o.out, "a") if o.out else None
    for seed in range(int(lo), int(hi or lo) + 1):
        for arm in ARMS:
            rows.append(one(arm, seed))
            print(f"seed {seed}, {arm}: {rows[-1]['spent'] / 1e6:.1f}M tokens", file=sys.stderr)
            if out:
                print(json.dumps(rows[-1]), file=out, flush=True)
    none = {r["seed"]: r for r in rows if r["arm"] == "none"}
    print("| arm | tokens of the study, M | against none, % | winner's EM − none's, points | winner's tokens, k | utility | "
          "stopped | adapted | audited, false |\n|---|---|---|---|---|---|---|---|---|")
    for arm in ARMS:
        a = [r for r in rows if r["arm"] == arm]
        print(f"| {arm} | {mean([r['spent'] / 1e6 for r in a])} | "
              f"{mean([100 * (r['spent'] / none[r['seed']]['spent'] - 1) for r in a])} | "
              f"{mean([100 * (r['metrics']['em'] - none[r['seed']]['metrics']['em']) for r in a])} | "
              f"{mean([r['metrics']['tokens'] / 1e3 for r in a])} | {mean([r['utility'] for r in a])} | "
              f"{mean([r['pruned'] for r in a])} | {mean([r['adapted'] for r in a])} | {sum(r['audited'] for r in a)}, "
              f"{sum(r['false'] for r in a)} |")


if __name__ == "__main__":
    main()
