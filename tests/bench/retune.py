#!/usr/bin/env python3
"""After a drift: how many trials does a study need that is warm-started from the one before it?

    python3 tests/bench/retune.py PATH/nocturne [FIRST-LAST] [-o FILE]     seeds; some ten seconds each on one core

On each task an earlier study of 50 trials, then the world changes, and its best is the baseline (the champion) of two
new studies on what is the case now: one cold, of 50 trials, and one with `warm_start`, as `nocturne watch` writes it.
Counted, by true values, is the first trial after which the warm one's best is what the cold one's is after 50: of each
seed alone (51 where it never is), and of the mean of all curves, which the latest hold back. The baseline is trial 1 of
both. Results are appended to FILE, a line a run, and not run again.

    g2p          the recorded trainings: all words, then words of nine letters and more (g2p_table_long.csv)
    hartmann     six dimensions; the optimum moves by a tenth of each range
    bowl         em and tokens, four dimensions with an int; the optimum moves by 0.15, tokens cost more elsewhere
    …, total     the same with nothing left of what was: parameters are mirrored and swapped
"""
import argparse
import csv
import json
import math
import os
import random
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TRIALS, BEFORE = 50, 50


class G2P:
    names = ("patience", "threshold", "batch_size", "learning_rate")
    start = {"patience": 4, "threshold": 0.0001, "batch_size": 64, "learning_rate": 0.001}

    def __init__(self, kind):
        self.kind = kind
        self.tables = [self.read("g2p_table.csv"), self.read("g2p_table_long.csv")]
        self.levels = {p: sorted({k[i] for k in self.tables[0]}) for i, p in enumerate(self.names)}

    def read(self, name):
        with open(os.path.join(HERE, name), encoding="utf-8") as table:
            return {tuple(float(r[p]) for p in self.names): (float(r["em"]), float(r["tokens"])) for r in csv.DictReader(table)}

    def space(self):
        return {p: f"{{type: ordinal, values: [{', '.join(f'{v:g}' for v in v_)}]}}" for p, v_ in self.levels.items()}

    def measure(self, config, drifted, seed):
        key = [float(config[p]) for p in self.names]
        if drifted and self.kind == "total":  # levels in an order of their own
            for i, p in enumerate(self.names):
                order = self.levels[p][:]
                random.Random(1000 * seed + i).shuffle(order)
                key[i] = order[self.levels[p].index(key[i])]
        em, tokens = self.tables[drifted][tuple(key)]
        return max(em, 1e-3), tokens


class Bowl:
    names = ("x", "y", "k", "z")
    start = {"x": 0.9, "y": 0.9, "k": 8, "z": 0.3}

    def __init__(self, kind):
        self.kind = kind

    def space(self):
        return {p: "{type: int, range: [1, 10]}" if p == "k" else "{type: float, range: [0, 1]}" for p in self.names}

    def measure(self, config, drifted, seed):
        x, y, k, z = (float(config[p]) for p in self.names)
        shift = 0.15 if drifted else 0
        if drifted and self.kind == "total":
            x, y, z, k, shift = 1 - z, 1 - x, y, 11 - k, 0
        loss = (x - 0.2 - 0.3 * z - shift) ** 2 + 0.5 * (y - 0.6 + shift) ** 2 + 0.02 * (k - 4 - 10 * shift) ** 2 / 10 + 0.4 * (z - 0.6) ** 2
        return max(0.7 - 0.5 * math.sqrt(loss) - (0.1 if drifted else 0), 1e-3), 1e6 * math.exp(0.8 * y + (0.5 + 2 * shift) * z)


class Hartmann:
    """[Dixon & Szegö 1978], as em alone."""
    names = tuple(f"x{i}" for i in range(6))
    start = dict.fromkeys(names, 0.9)
    A = ((10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8), (17, 8, 0.05, 10, 0.1, 14))
    P = ((1312, 1696, 5569, 124, 8283, 5886), (2329, 4135, 8307, 3736, 1004, 9991), (2348, 1451, 3522, 2883, 3047, 6650), (4047, 8828, 8732, 5743, 1091, 381))
    C = (1, 1.2, 3, 3.2)

    def __init__(self, kind):
        self.kind = kind

    def space(self):
        return dict.fromkeys(self.names, "{type: float, range: [0, 1]}")

    def measure(self, config, drifted, seed):
        x = [float(config[p]) for p in self.names]
        if drifted:
            draw = random.Random(seed)
            x = [x_ - draw.choice((-0.1, 0.1)) for x_ in x] if self.kind == "moderate" else [1 - x[5], 1 - x[4], 1 - x[3], 1 - x[2], 1 - x[1], 1 - x[0]]
        value = sum(c * math.exp(-sum(a * (v - p / 1e4) ** 2 for a, v, p in zip(a_, x, p_, strict=True))) for c, a_, p_ in zip(self.C, self.A, self.P, strict=True))
        return 0.001 + 0.29 * value, 1e6


TASKS = [(name, kind, make) for kind in ("moderate", "total") for name, make in (("g2p", G2P), ("bowl", Bowl), ("hartmann", Hartmann))]


def study(task, name, baseline, trials, warm=""):
    space = "".join(f"  {p}: {s}\n" for p, s in task.space().items())
    base = ", ".join(f"{p}: {baseline[p]}" for p in task.names)
    weights = "{weights: {em: 0.7, tokens: 0.3}}" if not isinstance(task, Hartmann) else "{maximize: em}"
    return (f"study: {name}\nparameters:\n{space}metrics:\n  em: {{goal: maximize, kind: proportion}}\n  tokens: {{goal: minimize, kind: count}}\n"
            f"baseline: {{{base}}}\nobjective: {weights}\nbudget: {{trials: {trials}}}\n{warm}")


def utility(task, values, baseline):
    (em, tokens), (em0, tokens0) = values, baseline
    return em if isinstance(task, Hartmann) else 0.7 * (em - em0) / em0 - 0.3 * (tokens - tokens0) / tokens0


def play(program, folder, task, text, run):
    """run: baseline, trials, drifted, seed. The best utility after each trial, and the best configuration."""
    path = os.path.join(folder, "study.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    pipe = subprocess.Popen([program, "advise", path, "--db", os.path.join(folder, "r.db"), "--seed", str(run["seed"])], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)

    def say(line):
        pipe.stdin.write(json.dumps(line) + "\n")
        pipe.stdin.flush()
        return json.loads(pipe.stdout.readline())

    base = task.measure(run["baseline"], run["drifted"], run["world"])
    best, out, found = -math.inf, [], None
    while len(out) < run["trials"]:
        for t in say({"ask": 1})["trials"]:
            em, tokens = task.measure(t["params"], run["drifted"], run["world"])
            say({"tell": t["trial"], "metrics": {"em": em, "tokens": tokens}})
            value = utility(task, (em, tokens), base)
            if value > best:
                best, found = value, t["params"]
            out.append(best)
    pipe.stdin.close()
    pipe.wait()
    return out, found


def compare(program, name, kind, make, seed):
    task = make(kind)
    with tempfile.TemporaryDirectory() as folder:
        old = {"baseline": task.start, "trials": BEFORE, "drifted": False, "seed": 100 + seed, "world": seed}
        _, champion = play(program, folder, task, study(task, "old", task.start, BEFORE), old)
        now = {"baseline": champion, "trials": TRIALS, "drifted": True, "world": seed}
        cold, _ = play(program, folder, task, study(task, "cold", champion, TRIALS), {**now, "seed": seed})
        warm, _ = play(program, folder, task, study(task, "warm", champion, TRIALS, "warm_start: [old]\n"), {**now, "seed": seed})
    return {"task": name, "kind": kind, "seed": seed, "cold": cold, "warm": warm}


def first(best, value):
    """The number of trials after which it is there; None: never."""
    return next((i + 1 for i, v in enumerate(best) if v >= value - 1e-9), None)


def table(rows):
    """As shares of what the cold study gains on the champion in 50 trials: 0 is the champion, 1 the cold one's end."""
    print("| task | drift | seeds | cold after 10, 25 | warm after 10, 25, 50 | mean at 0.99, at 1 after | by seed: mean, median, within 25 |\n|---|---|---|---|---|---|---|")
    for name, kind, _ in TASKS:
        runs = [r for r in rows if (r["task"], r["kind"]) == (name, kind) and r["cold"][-1] > r["cold"][0]]
        if not runs:
            continue
        share = {w: [statistics.mean((r[w][i] - r["cold"][0]) / (r["cold"][-1] - r["cold"][0]) for r in runs) for i in range(TRIALS)] for w in ("cold", "warm")}
        each = [first(r["warm"], r["cold"][-1]) or TRIALS + 1 for r in runs]
        there = [str(first(share["warm"], v) or f"> {TRIALS}") for v in (0.99, 1)]
        print(f"| {name} | {kind} | {len(runs)} | {share['cold'][9]:.2f}, {share['cold'][24]:.2f} | {share['warm'][9]:.2f}, {share['warm'][24]:.2f}, {share['warm'][49]:.2f} | "
              f"{', '.join(there)} | {statistics.mean(each):.1f}, {statistics.median(each):g}, {sum(n <= 25 for n in each)} of {len(each)} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("seeds", nargs="?", default="1-10")
    parser.add_argument("-o", "--out", default="retune.jsonl")
    o = parser.parse_args()
    first_seed, last_seed = map(int, o.seeds.split("-"))
    rows = [json.loads(line) for line in open(o.out, encoding="utf-8")] if os.path.exists(o.out) else []
    done = {(r["task"], r["kind"], r["seed"]) for r in rows}
    with open(o.out, "a", encoding="utf-8") as out:
        for seed in range(first_seed, last_seed + 1):
            for name, kind, make in TASKS:
                if (name, kind, seed) not in done:
                    rows.append(compare(os.path.abspath(o.program), name, kind, make, seed))
                    out.write(json.dumps(rows[-1]) + "\n")
                    out.flush()
    table(rows)


if __name__ == "__main__":
    main()
