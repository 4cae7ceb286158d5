#!/usr/bin/env python3
"""Does an earlier study help one that has a parameter more?  python3 tests/bench/warm.py PATH/nocturne [SEEDS]

Two tasks, each with an earlier study of 25 trials that knew nothing of the last parameter (the program had it at the
baseline's value), and one of 25 trials that searches it as well, with `warm_start` and without. Printed: the mean best
utility against the baseline after 5, 10, 15 and 25 trials, baseline included, by the true values.
"""
import csv
import json
import math
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SHOWN = (5, 10, 15, 25)


class G2P:
    """The recorded trainings of the demo: settings of a table, one training each."""
    name = "g2p_table, learning_rate added"

    def __init__(self):
        with open(os.path.join(HERE, "g2p_table.csv"), encoding="utf-8") as table:
            self.rows = {tuple(float(r[p]) for p in ("patience", "threshold", "batch_size", "learning_rate")): r for r in csv.DictReader(table)}
        self.levels = {p: sorted({k[i] for k in self.rows}) for i, p in enumerate(("patience", "threshold", "batch_size", "learning_rate"))}
        self.baseline = {"patience": 4, "threshold": 0.0001, "batch_size": 64, "learning_rate": 0.001}
        self.added = "learning_rate"

    def space(self, name):
        return f"{{type: ordinal, values: [{', '.join(f'{v:g}' for v in self.levels[name])}]}}"

    def measure(self, config):
        row = self.rows[tuple(float(config[p]) for p in self.levels)]
        return float(row["em"]), float(row["tokens"])


class Bowl:
    """Smooth, with a valley that moves with the added parameter."""
    name = "a valley that moves, z added"
    levels = {"x": None, "y": None, "k": None, "z": None}
    baseline = {"x": 0.9, "y": 0.9, "k": 8, "z": 0.3}
    added = "z"

    def space(self, name):
        return "{type: int, range: [1, 10]}" if name == "k" else "{type: float, range: [0, 1]}"

    def measure(self, c):
        x, y, k, z = (float(c[p]) for p in self.levels)
        loss = (x - 0.2 - 0.3 * z) ** 2 + 0.5 * (y - 0.6) ** 2 + 0.02 * (k - 4) ** 2 / 10 + 0.4 * (z - 0.6) ** 2
        return 0.7 - 0.5 * math.sqrt(loss), 1e6 * math.exp(0.8 * y + 0.5 * z)


def study(task, name, params, more=""):
    space = "".join(f"  {p}: {task.space(p)}\n" for p in params)
    base = ", ".join(f"{p}: {task.baseline[p]}" for p in params)
    return (f"study: {name}\nparameters:\n{space}metrics:\n  em: {{goal: maximize, kind: proportion}}\n  tokens: {{goal: minimize, kind: count}}\n"
            f"baseline: {{{base}}}\nobjective: {{weights: {{em: 0.7, tokens: 0.3}}}}\nbudget: {{trials: 25}}\n{more}")


def play(program, task, text, seed, folder, db):
    """Best utility after each trial."""
    path = os.path.join(folder, "study.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    pipe = subprocess.Popen([program, "advise", path, "--db", db, "--seed", str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, bufsize=1)

    def say(line):
        pipe.stdin.write(json.dumps(line) + "\n")
        pipe.stdin.flush()
        return json.loads(pipe.stdout.readline())

    em0, tokens0 = task.measure(task.baseline)
    best, out = -math.inf, []
    while len(out) < 25:
        for t in say({"ask": 1})["trials"]:
            em, tokens = task.measure({**task.baseline, **t["params"]})
            say({"tell": t["trial"], "metrics": {"em": em, "tokens": tokens}})
            best = max(best, 0.7 * (em - em0) / em0 - 0.3 * (tokens - tokens0) / tokens0)
            out.append(best)
    pipe.stdin.close()
    pipe.wait()
    return out


def main():
    program = os.path.abspath(sys.argv[1])
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    for task in (G2P(), Bowl()):
        runs = {"cold": [], "warm": []}
        for seed in range(1, seeds + 1):
            with tempfile.TemporaryDirectory() as folder:
                db = os.path.join(folder, "w.db")
                old = [p for p in task.levels if p != task.added]
                play(program, task, study(task, "old", old), 100 + seed, folder, db)
                runs["cold"].append(play(program, task, study(task, "cold", task.levels), seed, folder, db))
                runs["warm"].append(play(program, task, study(task, "warm", task.levels, "warm_start: [old]\n"), seed, folder, db))
        print(f"{task.name}, {seeds} seeds; after {', '.join(map(str, SHOWN))} trials")
        for name, all_ in runs.items():
            print(f"  {name}  " + "  ".join(f"{sum(r[n - 1] for r in all_) / seeds:+.4f}" for n in SHOWN))
        wins = [sum(w[n - 1] > c[n - 1] for w, c in zip(runs["warm"], runs["cold"], strict=True)) for n in SHOWN]
        print(f"  warm better in  {'  '.join(map(str, wins))} of {seeds}")


if __name__ == "__main__":
    main()
