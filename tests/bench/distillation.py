#!/usr/bin/env python3
"""Do a teacher and a cascade pay, when all letters of training count?

    python distillation.py g2p.data --tokens 8e6 --seeds 1-5 --out distillation.jsonl    minutes a seed
    python distillation.py --table distillation.jsonl                                 mean ± sd, and differences with 95 % intervals

Each recipe spends the same letters of training; what it keeps is the best of its evaluations on the validation words. A
recipe with a teacher divides them; one with a cascade has both models, of 8 bits each. All with --batch 16 --lr 3e-3.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import tempfile

BIN = os.environ.get("NOCTURNE_BIN", os.path.join(os.path.dirname(__file__), "../../build/release/bin"))
ALONE = {"mlp 128": ("mlp", 128), "mlp 256": ("mlp", 256), "conv 128": ("conv", 128)}
# name: architecture and units of the teacher, its part of the letters
TAUGHT = {
    "mlp 128 of conv 128, half": ("conv", 128, 0.5),
    "mlp 128 of conv 128, a quarter": ("conv", 128, 0.25),
    "mlp 128 of mlp 256, half": ("mlp", 256, 0.5),
}
CONFIDENCE = (0.2, 0.4, 0.6)
COMPARED = [(t, "mlp 128") for t in TAUGHT]
COMPARED += [(f"cascade {c:g}", alone) for c in CONFIDENCE for alone in ("mlp 128, 8 bits", "mlp 256, 8 bits", "conv 128, 8 bits")]


def result(program, *argv, seed=1):
    """The last numbers that it says."""
    done = subprocess.run([os.path.join(BIN, program), *map(str, argv)], capture_output=True, text=True,
                          env={**os.environ, "NOCTURNE_SEED": str(seed)})
    if done.returncode:
        raise SystemExit(f"{program} {argv}: {done.stderr}")
    return [json.loads(line.split(": ", 1)[1])["result"] for line in done.stdout.splitlines() if '"result"' in line][-1]


class Recipes:
    def __init__(self, data, tokens, seed, folder):
        self.data, self.tokens, self.seed, self.folder = data, tokens, seed, folder

    def path(self, name):
        return os.path.join(self.folder, name.replace(" ", "-").replace(",", ""))

    def train(self, name, model, hidden, part, *more):
        """Spends this part of the letters; {em, em_test, tokens, …}"""
        return result("g2p_train", "--data", self.data, "--model", model, "--hidden", hidden, "--batch", 16, "--lr", 3e-3,
                      "--patience", 1000, "--cap", int(part * self.tokens), "--save", self.path(name), *more, seed=self.seed)

    def integers(self, name):
        result("g2p_compress", "--data", self.data, "--in", self.path(name), "--out", self.path(name + " 8"), "--bits", 8)
        return name + " 8"

    def measured(self, name, tokens, *more):
        return {**result("g2p_evaluate", "--data", self.data, "--model", self.path(name), *more), "tokens": tokens}

    def all(self):
        for name, (model, hidden) in ALONE.items():
            tokens = self.train(name, model, hidden, 1)["tokens"]
            yield name, self.measured(name, tokens)
            yield name + ", 8 bits", self.measured(self.integers(name), tokens)
        for name, (model, hidden, part) in TAUGHT.items():
            teacher = f"teacher {model} {hidden} {part:g}"
            tokens = self.train(teacher, model, hidden, part)["tokens"]
            tokens += self.train(name, "mlp", 128, 1 - part, "--teacher", self.path(teacher), "--alpha", 0.3)["tokens"]
            yield name, self.measured(name, tokens)
        tokens = self.train("small", "mlp", 128, 0.5)["tokens"] + self.train("large", "conv", 128, 0.5)["tokens"]
        small, large = self.integers("small"), self.integers("large")
        for c in CONFIDENCE:
            yield f"cascade {c:g}", self.measured(small, tokens, "--cascade", self.path(large), "--confidence", c)


def difference(a, b):
    """Of pairs: mean and 95 % interval (t)."""
    d = [x - y for x, y in zip(a, b)]
    if len(d) < 2:
        return f"{d[0]:+.2f}"
    t = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}.get(len(d) - 1, 2.0)
    half = t * statistics.stdev(d) / math.sqrt(len(d))
    return f"{statistics.mean(d):+.2f} ({statistics.mean(d) - half:+.2f} to {statistics.mean(d) + half:+.2f})"


def table(path):
    rows = [json.loads(line) for line in open(path)]
    for tokens in sorted({r["budget"] for r in rows}):
        runs = [r for r in rows if r["budget"] == tokens]
        print(f"\n{tokens / 1e6:g} million letters, {len(runs)} seeds\n")
        print("| recipe | EM_test | kB | million letters/s | words asked again |\n|---|---|---|---|---|")
        test = {name: [100 * r["recipes"][name]["em_test"] for r in runs] for name in runs[0]["recipes"]}
        for name, em in test.items():
            of = [r["recipes"][name] for r in runs]
            sd = statistics.stdev(em) if len(em) > 1 else math.nan
            print(f"| {name} | {statistics.mean(em):.2f} ± {sd:.2f} | {of[0]['bytes'] / 1e3:.0f} | "
                  f"{statistics.mean(o['letters_per_second'] for o in of) / 1e6:.2f} | "
                  f"{statistics.mean(o['asked_large'] for o in of):.0%} |")
        print("\ndifferences in EM_test, by seed (mean, 95 %):\n")
        for a, b in COMPARED:
            print(f"- {a} − {b}: {difference(test[a], test[b])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", help="output of g2p_prep")
    parser.add_argument("--table", metavar="FILE")
    parser.add_argument("--tokens", type=float, default=8e6, help="letters of training of a recipe (8e6)")
    parser.add_argument("--seeds", default="1-5")
    parser.add_argument("--out", default="distillation.jsonl")
    args = parser.parse_args()
    if args.table:
        return table(args.table)
    if not args.data:
        parser.error("g2p.data, or --table FILE, is missing")
    lo, _, hi = args.seeds.partition("-")
    for seed in range(int(lo), int(hi or lo) + 1):
        with tempfile.TemporaryDirectory() as folder:
            recipes = dict(Recipes(args.data, args.tokens, seed, folder).all())
        with open(args.out, "a") as out:
            out.write(json.dumps({"budget": args.tokens, "seed": seed, "recipes": recipes}) + "\n")
        print("seed", seed, {n: round(100 * r["em_test"], 2) for n, r in recipes.items()}, flush=True)


if __name__ == "__main__":
    main()
