"""Do schedules pay on the g2p task? Live trainings of the small variant, many seeds.

    python3 tests/bench/schedule.py [--seeds 0-19] [-o FILE.jsonl]
    python3 tests/bench/schedule.py --table FILE.jsonl

For each seed: a study of 60 trials finds the best constant settings (pruner and adaptive policy on); then a study with a
`schedule` of learning rate and batch size, whose first member and baseline are those settings, looks for something
better. Both winners are run again on three fresh seeds, the constant one as the baseline of the second study, so on the
same seeds.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = Path(os.environ.get("NOCTURNE_BIN", ROOT / "build/release/bin"))
STUDY = """study: {name}
trial:
  command: [g2p_train, --data, {data}, --words, "20000", --hidden, "64", --every, "{every}", --cap, "1500000",
            --validation, "3000", --lr, "{{learning_rate}}", --batch, "{{batch_size}}", --patience, "{{patience}}",
            --threshold, "{{threshold}}"]
  timeout: 2m
parameters:
  patience:      {{type: int, range: [1, 60]}}
  threshold:     {{type: float, range: [1e-4, 3e-2], scale: log}}
  batch_size:    {{type: int, range: [8, 1024], scale: log}}
  learning_rate: {{type: float, range: [3e-4, 3e-2], scale: log}}
metrics:
  em:      {{goal: maximize, kind: proportion, of: 3000}}
  em_test: {{goal: maximize, kind: proportion, of: 3000}}
  tokens:  {{goal: minimize, kind: count}}
baseline: {baseline}
objective: {{weights: {{em: 0.7, tokens: 0.3}}}}
constraints: [em >= baseline - 0.005]
budget: {{trials: {trials}}}
confirm: {{top: 3, seeds: 3}}
search: {{sampler: gp, seed: {seed}}}
workers: {{local: 2}}
{more}
"""


def run(folder, seed, name, **fields):
    path = folder / f"{name}.yaml"
    data = ROOT / "examples/g2p/g2p.data"
    path.write_text(STUDY.format(name=name, data=data, seed=seed, **fields))
    db = str(folder / f"{name}.db")
    env = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}")
    subprocess.run(["nocturne", "run", str(path), "--db", db, "--quiet"], check=True, env=env, timeout=600)
    out = subprocess.run(["nocturne", "export", name, "--db", db, "--format", "json"], check=True, env=env,
                         capture_output=True, text=True).stdout
    status = json.loads(subprocess.run(["nocturne", "status", name, "--db", db, "--json"], check=True, env=env,
                                       capture_output=True, text=True).stdout)
    return json.loads(out), status


def one(seed):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = {"patience": 5, "threshold": 1e-4, "batch_size": 64, "learning_rate": 1e-3}
        constant, _ = run(folder, seed, "constant", every=20000, trials=60, baseline=json.dumps(plain),
                          more="stopping: {pruner: auto, adaptive: true}")
        w = constant["params"]
        schedule, _ = run(folder, seed, "schedule", every=20000, trials=200, baseline=json.dumps(w),
                          more="schedule: {learning_rate: pb2, batch_size: pb2, interval: 60k tokens, population: 8}")
        base = schedule["baseline"]
        return {"seed": seed, "constant": base["metrics"], "schedule": schedule["metrics"],
                "plain": constant["baseline"]["metrics"], "utility": schedule["utility"],
                "constant_utility": constant["utility"], "steps": len(schedule.get("schedule", {}).get("steps", [])),
                "changed": len({json.dumps(s["params"]) for s in schedule.get("schedule", {}).get("steps", [])}) > 1,
                "won": schedule["trial"] != base["trial"]}


def interval(v):
    return f"{statistics.mean(v):+.2f} ± {1.96 * statistics.stdev(v) / len(v) ** 0.5:.2f}" if len(v) > 1 else f"{v[0]:+.2f}"


def table(rows):
    n = len(rows)
    print(f"{n} seeds; the schedule's winner is not the constant settings in {sum(r['won'] for r in rows)}, "
          f"and its settings change in {sum(r['changed'] for r in rows)}")
    pc = [100 * (r["constant"]["tokens"] / r["plain"]["tokens"] - 1) for r in rows]
    print(f"constant winner against the plain default: tokens {interval(pc)} %, EM "
          f"{interval([100 * (r['constant']['em'] - r['plain']['em']) for r in rows])} points, EM of the test split "
          f"{interval([100 * (r['constant']['em_test'] - r['plain']['em_test']) for r in rows])} points")
    print(f"schedule against the constant winner: tokens "
          f"{interval([100 * (r['schedule']['tokens'] / r['constant']['tokens'] - 1) for r in rows])} %, EM "
          f"{interval([100 * (r['schedule']['em'] - r['constant']['em']) for r in rows])} points, EM of the test split "
          f"{interval([100 * (r['schedule']['em_test'] - r['constant']['em_test']) for r in rows])} points, utility "
          f"{interval([r['utility'] for r in rows])}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seeds", default="0-19")
    p.add_argument("-o", "--out")
    p.add_argument("--table")
    o = p.parse_args()
    if o.table:
        table([json.loads(line) for line in open(o.table)])
        return
    lo, _, hi = o.seeds.partition("-")
    rows, out = [], open(o.out, "a") if o.out else None
    for seed in range(int(lo), int(hi or lo) + 1):
        rows.append(one(seed))
        if out:
            print(json.dumps(rows[-1]), file=out, flush=True)
        print(f"seed {seed}: {rows[-1]}", file=sys.stderr)
    table(rows)


if __name__ == "__main__":
    main()
