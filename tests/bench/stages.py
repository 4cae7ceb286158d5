#!/usr/bin/env python3
"""Staged search, side by side: what reuse is worth, and what it is worth to know what a suggestion would still cost.

    python stages.py STUDY.yaml --seeds 0-4 --budget 1e7 --out stages.jsonl            runs the ways below, each within these tokens
    python stages.py STUDY.yaml --front em,bytes --trials 80 --ways cost,anew --out F   … or so many trials, for a front
    python stages.py --table stages.jsonl                                             mean and 95 % interval of each, and differences

Ways:  cost      as it is: stages that are there are kept, cost counts
       blind     the same, but the search does not ask what a suggestion costs
       flat      blind, and every trial runs all of its stages: the parameters of all of them in one space
       anew      cost-aware, and every trial runs all of its stages
       random    random configurations, with reuse
       eipu      BoTorch: expected improvement per unit of cost [Snoek et al. 2012], a flattened space, with the same reuse

For each: the best utility so far, and the hypervolume of the front (em on words that nobody chose by, log bytes); with
--budget also after a quarter and half of it. eipu runs the same programs through the same stages: a study of Nocturne's
into which it enqueues.
"""
import argparse
import copy
import json
import math
import os
import subprocess
import tempfile

import numpy as np
import yaml

NOCTURNE = os.environ.get("NOCTURNE_BIN", os.path.join(os.path.dirname(__file__), "../../build/release/bin")) + "/nocturne"
WAYS = {
    "cost": {},
    "blind": {"search": {"cost": "ignore"}},
    "flat": {"search": {"cost": "ignore"}, "checkpoints": {"reuse": False}},
    "anew": {"checkpoints": {"reuse": False}},
    "random": {"search": {"sampler": "random"}},
    "eipu": {},
}
PARTS = (0.25, 0.5, 1.0)


def nocturne(*args, check=True):
    done = subprocess.run([NOCTURNE, *map(str, args)], capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{args}: {done.stderr}")
    return done.stdout


def prepared(study, way, seed, args):
    """The study as this way has it, in its own folder: paths of programs stay."""
    own = copy.deepcopy(study)
    own["search"] = {"sampler": "gp", **own.get("search", {}), **WAYS[way].get("search", {}), "seed": seed}
    if "checkpoints" in WAYS[way]:
        own["checkpoints"] = {**own.get("checkpoints", {}), **WAYS[way]["checkpoints"]}
    own["confirm"] = {"top": 0, "seeds": 0}
    own["budget"] = {"trials": args.trials or 400}
    if args.budget:
        own["budget"]["tokens"] = args.budget
    if args.front:
        own["objective"] = {"pareto": args.front.split(",")}
    own.pop("references", None)
    return own


def trials_of(name, db):
    rows = json.loads(nocturne("trials", name, "--db", db, "--json"))
    rows = rows["trials"] if isinstance(rows, dict) else rows
    return sorted((t for t in rows if t.get("finished_ms")), key=lambda t: t["finished_ms"])


def hypervolume(points):
    """What is dominated of (quality, smallness) by points [(em, smallness, em_test), …]: those on the front are chosen by em,
    as the study chooses, and count with their em on the test words, which nobody chose by. Above (0, 0)."""
    total, chosen, top = 0.0, -math.inf, 0.0
    for em, small, test in sorted(points, key=lambda p: (-p[1], -p[0])):
        if em <= chosen:
            continue
        chosen = em
        if test > top:
            total += (test - top) * small
            top = test
    return total


def small(size, reference):
    """Bytes as doublings below twice the reference."""
    return max(0.0, math.log2(2 * reference / size))


def found(trials, tokens=math.inf):
    """{trials, tokens, best utility, volume} of what these tokens bought; trials: [[charged, utility, em, em_test, bytes], …]"""
    reference = max(t[4] or 1 for t in trials)
    spent, n, best, points = 0.0, 0, -math.inf, []
    for charged, utility, em, test, size in trials:
        if spent + charged > tokens:
            break
        spent, n = spent + charged, n + 1
        if utility is not None:
            best = max(best, utility)
            if size:
                points.append((em, small(size, reference), test))
    return {"trials": n, "tokens": spent, "best": best, "volume": hypervolume(points)}


def kept(t):
    """Of a trial as `trials --json` has it."""
    m, complete = t.get("metrics", {}), t["state"] == "complete"
    return [t.get("charged", 0), t.get("utility") if complete else None, m.get("em"), m.get("em_test", m.get("em")), m.get("bytes")]


# ---- BoTorch ----

def encoded(space, params):
    """Numbers to [0, 1], choices one-hot; what does not exist is in the middle."""
    x = []
    for name, p in space.items():
        v = params.get(name)
        if p["type"] in ("int", "float"):
            lo, hi = map(float, p["range"])
            f = math.log if p.get("scale") == "log" else float
            x.append(0.5 if v is None else (f(float(v)) - f(lo)) / (f(hi) - f(lo)))
        else:
            values = p.get("values", [False, True])
            x += [float(v == w) for w in values]
    return x


def drawn(space, rng):
    """A configuration of the space, conditions left to Nocturne: what does not exist is not given."""
    params = {}
    for name, p in space.items():
        if p["type"] in ("int", "float"):
            lo, hi = map(float, p["range"])
            u = rng.random()
            v = lo * (hi / lo) ** u if p.get("scale") == "log" else lo + (hi - lo) * u
            params[name] = int(round(v)) if p["type"] == "int" else float(f"{v:.6g}")
        else:
            params[name] = p.get("values", [False, True])[rng.integers(len(p.get("values", [0, 1])))]
    return params


OPERATORS = {"==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
             "<": lambda a, b: a < b, ">": lambda a, b: a > b}


def exists(space, params):
    """What of it exists, as far as conditions are NAME OPERATOR VALUE."""
    out = {}
    for name, p in space.items():
        if "when" in p:
            left, operator, right = p["when"].split()
            if left not in out or not OPERATORS[operator](out[left], yaml.safe_load(right)):
                continue
        out[name] = params[name]
    return out


def next_by_eipu(space, rows, rng):
    import torch
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.models.transforms import Standardize
    from gpytorch.mlls import ExactMarginalLogLikelihood

    done = [t for t in rows if t["state"] == "complete" and "utility" in t]
    if len(done) < 6:
        return exists(space, drawn(space, rng))
    x = torch.tensor([encoded(space, t["params"]) for t in done], dtype=torch.double)
    y = torch.tensor([[t["utility"]] for t in done], dtype=torch.double)
    cost = torch.tensor([[math.log(max(t["metrics"].get("tokens", 1), 1))] for t in done], dtype=torch.double)
    models = []
    for target in (y, cost):
        model = SingleTaskGP(x, target, outcome_transform=Standardize(1))
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        models.append(model)
    candidates = [exists(space, drawn(space, rng)) for _ in range(2000)]
    points = torch.tensor([encoded(space, c) for c in candidates], dtype=torch.double).unsqueeze(1)
    with torch.no_grad():
        value = LogExpectedImprovement(models[0], best_f=y.max())(points) - models[1].posterior(points.squeeze(1)).mean.squeeze(-1)
    return candidates[int(value.argmax())]


def run_eipu(own, path, db, args, seed):
    """Until the budget admits no other."""
    rng, before = np.random.default_rng(seed), -1
    nocturne("run", path, "--db", db, "--trials", 1, "--quiet", "--slots", 1)
    while True:
        rows = trials_of(own["study"], db)
        if len(rows) == before or len(rows) >= (args.trials or 400):
            return
        before = len(rows)
        params = next_by_eipu(own["parameters"], rows, rng)
        pairs = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in params.items()]
        nocturne("enqueue", own["study"], "--db", db, *pairs)
        nocturne("run", path, "--db", db, "--trials", len(rows) + 1, "--quiet", "--slots", 1, check=False)


# ---- all of it ----

def one(study, way, seed, args):
    own = prepared(study, way, seed, args)
    folder = os.path.dirname(os.path.abspath(args.study))
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(folder, f".bench-{way}-{seed}-{os.getpid()}.yaml")
        db = os.path.join(tmp, "n.db")
        try:
            with open(path, "w") as out:
                yaml.safe_dump(own, out, sort_keys=False)
            if way == "eipu":
                run_eipu(own, path, db, args, seed)
            else:
                nocturne("run", path, "--db", db, "--quiet", "--slots", args.slots)
            rows = trials_of(own["study"], db)
        finally:
            os.unlink(path)
    return {"way": way, "seed": seed, "budget": args.budget, "trials": [kept(t) for t in rows]}


def interval(values):
    v = np.array(values, float)
    if len(v) < 2:
        return f"{v.mean():.4g}"
    return f"{v.mean():.4g} ± {1.96 * v.std(ddof=1) / math.sqrt(len(v)):.2g}"


def table(path):
    rows = [json.loads(line) for line in open(path)]
    ways = [w for w in WAYS if any(r["way"] == w for r in rows)]
    columns = {k: (lambda r, k=k: found(r["trials"])[k]) for k in ("trials", "tokens", "volume", "best")}
    for what in ("best", "volume"):
        for p in PARTS if all(r["budget"] for r in rows) else ():
            columns[f"{what} at {p:.0%}"] = lambda r, p=p, what=what: found(r["trials"], p * r["budget"])[what]
    print("| way | seeds | " + " | ".join(columns) + " |\n|---|---" + "|---" * len(columns) + "|")
    for way in ways:
        mine = [r for r in rows if r["way"] == way]
        print(f"| {way} | {len(mine)} | " + " | ".join(interval([f(r) for r in mine]) for f in columns.values()) + " |")
    print("\ndifference from cost, by seed (mean, 95 %):")
    first = {r["seed"]: r for r in rows if r["way"] == "cost"}
    for way in ways[1:]:
        pairs = [(first[r["seed"]], r) for r in rows if r["way"] == way and r["seed"] in first]
        print(f"  {way:7}" + "  ".join(f"{c} {interval([f(a) - f(b) for a, b in pairs])}" for c, f in columns.items()))


def seeds(text):
    lo, _, hi = text.partition("-")
    return range(int(lo), int(hi or lo) + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?")
    parser.add_argument("--table")
    parser.add_argument("--seeds", type=seeds, default=range(3))
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--budget", type=float, help="tokens")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--front", metavar="METRIC,METRIC", help="search for this front instead of what the file asks for; not for eipu")
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--out", default="stages.jsonl")
    args = parser.parse_args()
    if args.table:
        table(args.table)
        return
    with open(args.study) as text:
        study = yaml.safe_load(text)
    for seed in args.seeds:
        for way in args.ways.split(","):
            row = one(study, way, seed, args)
            with open(args.out, "a") as out:
                out.write(json.dumps(row) + "\n")
            print(way, seed, found(row["trials"]), flush=True)


if __name__ == "__main__":
    main()
