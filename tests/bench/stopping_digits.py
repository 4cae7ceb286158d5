"""The pruner on a second task, on which nothing was tuned: a network on scikit-learn's digits, a loss to be minimised, no
tokens, no early stopping of the trial's own, 40 epochs. Curves: digits_curves.csv.gz (record_digits.py).

    python3 tests/bench/stopping_digits.py [--seeds 0-19] [--arms none,auto,asha,median] [-o FILE.jsonl]

As in stopping.py the optimizer is the real one behind `nocturne advise`. The winner is the best of the three best on the
other two recorded seeds; excess is its log loss over the lowest of the whole table, in per cent.
"""
import argparse
import gzip
import json
import random
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipe import Pipe

HERE = Path(__file__).resolve().parent
STUDY = """study: bench
parameters:
  learning_rate: {{type: ordinal, values: [{0}]}}
  batch_size: {{type: ordinal, values: [{1}]}}
  alpha: {{type: ordinal, values: [{2}]}}
objective: {{minimize: loss}}
{3}
"""
ARMS = {"none": "", "auto": "stopping: {pruner: auto}", "asha": "stopping: {pruner: asha}",
        "median": "stopping: {pruner: median}", "auto05": "stopping: {pruner: auto, chance: 0.05}",
        "auto1": "stopping: {pruner: auto, chance: 0.1}"}


def load(path):
    with gzip.open(path, "rt") as f:
        next(f)
        rows = [line.rstrip().split(",") for line in f]
    return {(float(a), float(b), float(c), int(d)): [float(v) for v in curve.split()] for a, b, c, d, curve in rows}


def truth(curves, key, seeds):
    return statistics.mean(min(curves[(*key, s)]) for s in seeds)


def study(arm, seed, curves, trials):
    values = [sorted({k[i] for k in curves}) for i in range(3)]
    rng = random.Random(seed)
    which = [rng.randint(1, 3) for _ in range(trials)]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(STUDY.format(*[", ".join(f"{v:g}" for v in vs) for vs in values], ARMS[arm]))
        f.flush()
        pipe = Pipe(f.name, "--seed", str(seed))
        begun, running, now, done, stopped, spent = 0, [], 0, [], [], 0
        while running or begun < trials:
            while len(running) < 2 and begun < trials:
                t = pipe.say({"ask": 1})["trials"][0]
                key = tuple(float(t["params"][n]) for n in ("learning_rate", "batch_size", "alpha"))
                running.append([now, t["trial"], key, curves[(*key, which[t["trial"]])], 0])
                begun += 1
            r = min(running, key=lambda x: (x[0] + x[4], x[1]))
            now, r[4] = r[0] + r[4] + 1, r[4] + 1
            answer = pipe.say({"report": r[1], "step": r[4] - 1, "metrics": {"loss": r[3][r[4] - 1]}})
            over = bool(answer["stop"]) or r[4] == len(r[3])
            if not over:
                continue
            running.remove(r)
            spent += r[4]
            (stopped if answer["stop"] else done).append(r)
            if not answer["stop"]:
                pipe.say({"tell": r[1], "metrics": {"loss": min(r[3])}})
        pipe.close()
    done.sort(key=lambda r: min(r[3]))
    best = min(done[0][3])
    top = [truth(curves, r[2], [s for s in (1, 2, 3) if s != which[r[1]]]) for r in done[:3]]
    floor = min(truth(curves, k[:3], (1, 2, 3)) for k in curves)
    return {"arm": arm, "seed": seed, "epochs": spent, "excess": 100 * (min(top) / floor - 1), "complete": len(done),
            "stopped": len(stopped), "false": sum(min(r[3]) < best for r in stopped)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--arms", default="none,auto,asha,median")
    p.add_argument("--seeds", default="0-19")
    p.add_argument("--trials", type=int, default=60)
    p.add_argument("--curves", default=HERE / "digits_curves.csv.gz")
    p.add_argument("-o", "--out")
    o = p.parse_args()
    curves = load(o.curves)
    lo, _, hi = o.seeds.partition("-")
    todo = [(a, s) for s in range(int(lo), int(hi or lo) + 1) for a in o.arms.split(",")]
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(lambda k: study(*k, curves, o.trials), todo))
    if o.out:
        with open(o.out, "a") as f:
            f.writelines(json.dumps(r) + "\n" for r in rows)

    def mean(v):
        return f"{statistics.mean(v):.1f} ± {1.96 * statistics.stdev(v) / len(v) ** 0.5:.1f}" if len(v) > 1 else f"{v[0]:.1f}"
    print("| arm | epochs of the study | excess loss of the winner, % | complete | stopped | false stops |\n|---|---|---|---|---|---|")
    for arm in o.arms.split(","):
        a = [r for r in rows if r["arm"] == arm]
        print(f"| {arm} | {mean([r['epochs'] for r in a])} | {mean([r['excess'] for r in a])} | "
              f"{mean([r['complete'] for r in a])} | {mean([r['stopped'] for r in a])} | {sum(r['false'] for r in a)} of "
              f"{sum(r['stopped'] for r in a)} |")


main()
