#!/usr/bin/env python3
"""Importance: do its intervals hold what they promise, and does it agree with Optuna's?

    importance.py coverage [SEEDS]     functions whose Sobol indices are known: how often the 90 % intervals of a study
                                       of so many trials contain them, over studies that differ by their seed alone
    importance.py table [SEEDS]        the same of studies that take rows of a table of real trainings (g2p_table.csv)
    importance.py ranks [SEEDS]        functions searched by `nocturne advise` and drawn at random: Spearman's rank
                                       correlation with Optuna's PED-ANOVA and fANOVA on the same trials, and of both
                                       with the indices themselves, where they are known
    importance.py study DB [NAME]      the same of a study that is there
    importance.py speed                of 1,000 trials

Needs numpy, scipy and optuna (tests/bench/install.sh); the release build, or $NOCTURNE_BIN. Tables go to stdout."""
import csv
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from pipe import PROGRAM, Pipe

COUNTS = ("tokens", "bytes")
SIZES = (60, 200, 1000)

# ---- functions: on the unit cube, with names of their parameters' kinds; noise is added to what they return


def ishigami(x):
    a, b, c = (math.pi * (2 * v - 1) for v in x)
    return math.sin(a) + 7 * math.sin(b) ** 2 + 0.1 * c ** 4 * math.sin(a)


G = (0, 1, 4.5, 9)


def g_function(x):
    return math.prod((abs(4 * v - 2) + a) / (1 + a) for v, a in zip(x, G))


def additive(x):
    return 4 * x[0] + 2 * x[1] + x[2]


def g_truth():
    v = [1 / (3 * (1 + a) ** 2) for a in G]
    everything = math.prod(1 + k for k in v)
    return [k / (1 + k) * everything / (everything - 1) for k in v], [k / (everything - 1) for k in v]


# name: function, dimensions, noise as a share of the spread, total and first-order indices
KNOWN = {
    "ishigami": (ishigami, 3, 0, ([0.5576, 0.4424, 0.2437], [0.3139, 0.4424, 0])),
    "g": (g_function, 4, 0, g_truth()),
    "additive": (additive, 5, 0, ([16 / 21, 4 / 21, 1 / 21, 0, 0],) * 2),
    "additive, noisy": (additive, 5, 0.3, ([16 / 21, 4 / 21, 1 / 21, 0, 0],) * 2),
}
SPREAD = {"additive, noisy": math.sqrt(21 / 12)}


def training(x):
    """Like a training: a learning rate that matters much, others less, one not at all."""
    return (4 * (x[0] - 0.6) ** 2 + 0.8 * (x[1] - 0.3) ** 2 + 0.3 * x[2] + 0.5 * (x[0] - 0.6) * (x[3] - 0.5) +
            0.05 * x[4])


def hartmann(x):
    a = ((10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8), (17, 8, 0.05, 10, 0.1, 14))
    p = ((.1312, .1696, .5569, .0124, .8283, .5886), (.2329, .4135, .8307, .3736, .1004, .9991),
         (.2348, .1451, .3522, .2883, .3047, .6650), (.4047, .8828, .8732, .5743, .1091, .0381))
    return -sum(w * math.exp(-sum(k * (v - q) ** 2 for k, v, q in zip(ai, x, pi)))
                for w, ai, pi in zip((1, 1.2, 3, 3.2), a, p))


def branin(x):
    u, v = 15 * x[0] - 5, 15 * x[1]
    return (v - 5.1 / (4 * math.pi ** 2) * u * u + 5 / math.pi * u - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(u) + 10


SEARCHED = {"ishigami": (ishigami, 3, 0), "g": (g_function, 4, 0), "additive": (additive, 5, 0),
            "training": (training, 6, 0.02), "hartmann": (hartmann, 6, 0), "branin+2": (branin, 4, 0)}

# ---- studies


def study_file(folder, name, d, trials):
    path = Path(folder) / "study.yaml"
    path.write_text(f"study: {name}\ntrial: {{command: ['true']}}\nparameters:\n" +
                    "".join(f"  x{i}: {{type: float, range: [0, 1]}}\n" for i in range(d)) +
                    f"metrics:\n  y: {{goal: minimize}}\nobjective: {{minimize: y}}\nbudget: {{trials: {trials}}}\n")
    return path


def nocturne(*args):
    return subprocess.run([PROGRAM, *map(str, args)], check=True, capture_output=True, text=True).stdout


def drawn(folder, name, f, d, noise, n, seed):
    """A study of n trials drawn at random; its database."""
    rng, db = random.Random(f"{name} {seed}"), Path(folder) / f"{seed}-{n}.db"
    file = study_file(folder, "drawn", d, n)
    with open(Path(folder) / "trials.csv", "w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow([f"x{i}" for i in range(d)] + ["y"])
        for _ in range(n):
            x = [rng.random() for _ in range(d)]
            rows.writerow(x + [f(x) + rng.gauss(0, noise)])
    db.unlink(missing_ok=True)
    nocturne("import", file, Path(folder) / "trials.csv", "--db", db)
    return db


def searched(folder, name, f, d, noise, n, seed):
    """A study of n trials that the search has suggested, one after the other."""
    rng, db = random.Random(f"{name} {seed}"), Path(folder) / f"s{seed}-{n}.db"
    db.unlink(missing_ok=True)
    pipe = Pipe(study_file(folder, "searched", d, n), "--db", db, "--seed", str(seed))
    for _ in range(n):
        t = pipe.say({"ask": 1})["trials"][0]
        x = [t["params"][f"x{i}"] for i in range(d)]
        pipe.say({"tell": t["trial"], "metrics": {"y": f(x) + rng.gauss(0, noise)}})
    pipe.close()
    return db


def importance(db, *args):
    return json.loads(nocturne("importance", *args, "--db", db, "--json"))


# ---- do intervals hold?


def inside(v, true):
    return v["low"] - 0.005 <= true <= v["high"] + 0.005


def coverage(seeds):
    """An interval covers `truth` if it contains the function's own index, and `mean` if it contains what the middles of
    all these studies are on average, as another study of the same size would say; either by 0.005."""
    print(f"90 % intervals of the Sobol indices, {seeds} studies each, trials drawn at random: % of intervals that cover")
    print(f"{'function':18}{'trials':>7}" + "".join(f"  {k:>7}: truth   mean  width  error" for k in ("total", "alone")))
    for name, (f, d, noise, truth) in KNOWN.items():
        for n in SIZES:
            seen = {"total": [[] for _ in range(d)], "alone": [[] for _ in range(d)]}
            with tempfile.TemporaryDirectory() as folder:
                for seed in range(seeds):
                    db = drawn(folder, name, f, d, noise * SPREAD.get(name, 1), n, seed)
                    for row in importance(db, "--metric", "y")["metrics"]["y"]:
                        seen["total"][int(row["parameter"][1:])].append(row)
                        seen["alone"][int(row["parameter"][1:])].append(row["alone"])
            out = f"{name:18}{n:7}"
            for kind, true in zip(("total", "alone"), truth):
                means = [statistics.mean(v["share"] for v in of) for of in seen[kind]]
                every = [(inside(v, t), inside(v, m), v["high"] - v["low"], abs(v["share"] - t))
                         for of, t, m in zip(seen[kind], true, means) for v in of]
                part = [statistics.mean(x[k] for x in every) for k in range(4)]
                out += f"  {100 * part[0]:12.0f} %{100 * part[1]:5.0f} %{part[2]:7.3f}{part[3]:7.3f}"
            print(out, flush=True)


TABLE = ("patience", "threshold", "batch_size", "learning_rate")


def indices_of_table(rows, metric):
    """Exact, for all combinations are measured, once: without what all four do together, which holds the noise."""
    y = [value_in(r, metric) for r in rows]
    variance = statistics.pvariance(y)

    def kept(names):
        groups = {}
        for r, v in zip(rows, y):
            groups.setdefault(tuple(r[k] for k in names), []).append(v)
        return sum(len(g) * (statistics.mean(g) - statistics.mean(y)) ** 2 for g in groups.values()) / len(y) / variance
    sets = [[p for i, p in enumerate(TABLE) if k >> i & 1] for k in range(1 << len(TABLE))]
    all_four = sum((-1) ** (len(TABLE) - len(u)) * kept(u) for u in sets)
    return ([(1 - kept([k for k in TABLE if k != p]) - all_four) / (1 - all_four) for p in TABLE],
            [kept([p]) / (1 - all_four) for p in TABLE])


def value_in(row, metric):
    return math.log(float(row[metric])) if metric in COUNTS else float(row[metric])


def table(seeds):
    """Studies of 60 and 200 rows of a table of real trainings, whose every combination was measured."""
    rows, names = list(csv.DictReader(open(Path(__file__).parent / "g2p_table.csv"))), ("em", "tokens")
    space = "".join(f"  {p}: {{type: ordinal, values: {json.dumps(sorted({float(r[p]) for r in rows}))}}}\n" for p in TABLE)
    for metric in names:
        truth = indices_of_table(rows, metric)
        for n in (60, 200):
            hits = {"total": [], "alone": []}
            for seed in range(seeds):
                with tempfile.TemporaryDirectory() as folder:
                    file, db = Path(folder) / "study.yaml", Path(folder) / "n.db"
                    file.write_text(f"study: table\ntrial: {{command: ['true']}}\nparameters:\n{space}metrics:\n  m: "
                                    f"{{goal: minimize}}\nobjective: {{minimize: m}}\nbudget: {{trials: {n}}}\n")
                    with open(Path(folder) / "trials.csv", "w", newline="") as out:
                        told = csv.writer(out)
                        told.writerow([*TABLE, "m"])
                        for r in random.Random(seed).sample(rows, n):
                            told.writerow([*(float(r[p]) for p in TABLE), value_in(r, metric)])
                    nocturne("import", file, Path(folder) / "trials.csv", "--db", db)
                    for r in importance(db, "--metric", "m")["metrics"]["m"]:
                        at = TABLE.index(r["parameter"])
                        for kind, v, true in (("total", r, truth[0][at]), ("alone", r["alone"], truth[1][at])):
                            hits[kind].append((inside(v, true), v["high"] - v["low"], abs(v["share"] - true)))
            print(f"table, {metric:8}{n:5}", *(f"  {k}: {100 * statistics.mean(x[0] for x in v):3.0f} % width "
                                              f"{statistics.mean(x[1] for x in v):.3f} error {statistics.mean(x[2] for x in v):.3f}"
                                              for k, v in hits.items()), flush=True)


# ---- does it agree with Optuna?


def distribution(row, optuna):
    kind, values = optuna.distributions, row["range"]
    if len(values) != 2 or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return kind.CategoricalDistribution([v if isinstance(v, (int, float, str, bool)) or v is None else json.dumps(v) for v in values])
    if all(isinstance(v, int) for v in values):
        return kind.IntDistribution(*values, log=row["log"])
    return kind.FloatDistribution(*values, log=row["log"])


def as_optuna(db, name, rows, metric, maximise):
    """The complete trials that are no confirmations, as Optuna sees them."""
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds = {r["parameter"]: distribution(r, optuna) for r in rows}
    study = optuna.create_study(direction="maximize" if maximise else "minimize")
    for line in nocturne("export", name, "--format", "jsonl", "--db", db).splitlines():
        t = json.loads(line)
        value = t.get("utility") if metric == "utility" else t.get("metrics", {}).get(metric)
        if t["state"] != "complete" or t["role"] == "confirm" or value is None:
            continue
        params = {k: json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in t["params"].items()}
        study.add_trial(optuna.trial.create_trial(params=params, distributions={k: kinds[k] for k in params},
                                                  value=math.log(max(value, 0.5)) if metric in COUNTS else value))
    return optuna, study


def spearman(ours, theirs):
    from scipy.stats import spearmanr
    names = [k for k in theirs if k in ours and ours[k] is not None]
    if len(names) < 3:
        return math.nan
    return float(spearmanr([ours[k] for k in names], [theirs[k] for k in names]).statistic)


def agree(db, name, metric, maximise, truth=None):
    """Rank correlations of one study and metric: PED-ANOVA with theirs; total and alone with fANOVA (the mean of five
    forests); fANOVA's forests with each other; and PED-ANOVA's of theirs with fANOVA. `truth`: the total and first-order indices, where they are known."""
    rows = importance(db, name, "--metric", metric)["metrics"][metric]
    optuna, study = as_optuna(db, name, rows, metric, maximise)
    of = optuna.importance.get_param_importances
    ped = of(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())
    forests = [of(study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=k)) for k in range(5)]
    fanova = {k: statistics.mean(f[k] for f in forests) for k in forests[0]}
    ours = {kind: {r["parameter"]: (r if kind == "total" else r[kind])["share"] for r in rows} for kind in ("total", "alone", "best")}
    return {"trials": len(study.trials), "best/PED": spearman(ours["best"], ped), "total/fANOVA": spearman(ours["total"], fanova),
            "alone/fANOVA": spearman(ours["alone"], fanova), "fANOVA/fANOVA": spearman(forests[0], forests[1]),
            "PED/fANOVA": spearman(ped, fanova), "total/truth": against(ours["total"], truth, 0),
            "alone/truth": against(ours["alone"], truth, 1), "fANOVA/truth": against(fanova, truth, 1)}


def against(said, truth, which):
    return spearman(said, {f"x{i}": v for i, v in enumerate(truth[which])}) if truth else math.nan


COLUMNS = ("best/PED", "total/fANOVA", "alone/fANOVA", "fANOVA/fANOVA", "PED/fANOVA",
           "total/truth", "alone/truth", "fANOVA/truth")


def heading():
    print(f"{'study':24}{'metric':10}{'trials':>7}" + "".join(f"{c:>15}" for c in COLUMNS))


def line(name, metric, found):
    mean = {c: statistics.mean(x[c] for x in found if not math.isnan(x[c])) if any(not math.isnan(x[c]) for x in found) else math.nan
            for c in COLUMNS}
    print(f"{name:24}{metric:10}{found[0]['trials']:7}" + "".join(f"{mean[c]:15.2f}" for c in COLUMNS), flush=True)
    return mean


def ranks(seeds):
    print(f"Spearman's rank correlation with Optuna on the same complete trials, means over {seeds} seeds")
    heading()
    every = []
    for how, make in (("drawn", drawn), ("searched", searched)):
        for name, (f, d, noise) in SEARCHED.items():
            for n in (60,) if how == "searched" else (60, 200):
                with tempfile.TemporaryDirectory() as folder:
                    found = [agree(make(folder, name, f, d, noise, n, s), how, "y", False, KNOWN[name][3] if name in KNOWN else None)
                             for s in range(seeds)]
                every.append(line(f"{name}, {how}", "y", found))
    print("mean", " " * 36, "".join(f"{statistics.mean(x[c] for x in every if not math.isnan(x[c])):15.2f}" for c in COLUMNS))


def study(db, name):
    heading()
    x = importance(db, name)
    maximised = {"em", "accuracy", "utility"}
    for metric in x["metrics"]:
        if metric not in x["notes"]:
            line(name, metric, [agree(db, name, metric, metric in maximised)])


# ---- how fast?


def used(*args):
    """The processor's time of the whole command, its children's too, in seconds."""
    before = os.times()
    nocturne(*args)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def speed():
    """One metric and three, as the demo has them: a slice, which is little more than the model (surface), and importance,
    which draws from it; the least of three runs."""
    for metrics in (1, 3):
        with tempfile.TemporaryDirectory() as folder:
            rng, d = random.Random(1), 8
            (Path(folder) / "study.yaml").write_text(
                "study: speed\ntrial: {command: ['true']}\nparameters:\n" +
                "".join(f"  x{i}: {{type: float, range: [0, 1]}}\n" for i in range(d)) + "metrics:\n" +
                "".join(f"  m{k}: {{goal: minimize}}\n" for k in range(metrics)) + "objective: {minimize: m0}\nbudget: {trials: 10000}\n")
            with open(Path(folder) / "trials.csv", "w", newline="") as out:
                rows = csv.writer(out)
                rows.writerow([f"x{i}" for i in range(d)] + [f"m{k}" for k in range(metrics)])
                for _ in range(1000):
                    x = [rng.random() for _ in range(d)]
                    rows.writerow(x + [training(x) + k * x[6] + rng.gauss(0, 0.02) for k in range(metrics)])
            nocturne("import", Path(folder) / "study.yaml", Path(folder) / "trials.csv", "--db", Path(folder) / "n.db")
            db = "--db", Path(folder) / "n.db"
            model, matters = (min(used(*command, *db) for _ in range(3)) for command in (("plot", "slice", "--json"), ("importance",)))
            print(f"1,000 trials, {d} parameters, {metrics} metric{'s' * (metrics > 1)}: {model:.2f} s of processor for a slice, "
                  f"{matters:.2f} s for importance")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    command, rest = sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]
    if command == "coverage":
        coverage(int(rest[0]) if rest else 20)
    elif command == "ranks":
        ranks(int(rest[0]) if rest else 5)
    elif command == "study":
        study(Path(rest[0]), rest[1])
    elif command == "table":
        table(int(rest[0]) if rest else 20)
    elif command == "speed":
        speed()
    else:
        sys.exit(__doc__)
