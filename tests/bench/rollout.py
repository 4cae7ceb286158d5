#!/usr/bin/env python3
"""The live side's statistics by simulation, beside the goals and beside other libraries.

    cmake --workflow --preset bench
    python3 -m venv build/rollout-venv && build/rollout-venv/bin/pip install numpy==1.26.4 scipy gbstats==0.8.0 river savvi ville
    build/rollout-venv/bin/python tests/bench/rollout.py            # half an hour of two idle cores; goes on where it was stopped
    build/rollout-venv/bin/python tests/bench/rollout.py --table    # what there is so far

Ours: build/bench/bin/rollout-bench. Rivals that do not import are left out, and have fewer runs where one takes seconds. GrowthBook's test is computed for all looks
at once; that this is the library's own is checked first.
"""
import argparse
import concurrent.futures
import json
import math
import os
import subprocess
import sys

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "build/bench/bin/rollout-bench")
RAMP = [(0.05, 2000), (0.25, 4000), (0.5, 20000)]

# ---- what is simulated for the rivals: as in rollout_em.c, rollout_tokens.c, rollout_watch.c ----

EM = {  # champion, drift, apart, ramp, look at every k-th unit
    "em-aa": (0.6, 0, 0, [(0.5, 20000)], 1),
    "em-aa-5": (0.6, 0, 0, [(0.05, 20000)], 1),
    "em-aa-ramp": (0.6, 0, 0, RAMP, 1),
    "em-aa-ramp-up": (0.6, 0.1, 0, RAMP, 1),
    "em-aa-ramp-down": (0.6, -0.1, 0, RAMP, 1),
    "em-aa-95": (0.95, 0, 0, [(0.05, 20000)], 1),
    "em-loss-2": (0.6, 0, -0.02, [(0.5, 76000)], 10),
    "em-loss-5": (0.6, 0, -0.05, [(0.5, 12300)], 1),
    "em-loss-5-at-5": (0.6, 0, -0.05, [(0.05, 66000)], 10),
    "em-loss-5-ramp": (0.6, 0, -0.05, RAMP, 1),
}
TOKENS = {  # Pareto, zeros, saved, ramp
    "tokens-aa-log-normal-ramp": (False, 0, 0, RAMP[:2] + [(0.5, 16000)]),
    "tokens-aa-pareto": (True, 0, 0, [(0.5, 20000)]),
    "tokens-aa-pareto-zeros-ramp": (True, 0.01, 0, RAMP[:2] + [(0.5, 16000)]),
    "tokens-log-normal": (False, 0, 0.1, [(0.5, 12000)]),
    "tokens-pareto": (True, 0, 0.1, [(0.5, 6000)]),
    "tokens-pareto-zeros": (True, 0.01, 0.1, [(0.5, 6000)]),
}


def shares(ramp):
    out, start = np.empty(ramp[-1][1]), 0
    for share, until in ramp:
        out[start:until], start = share, until
    return out


def em_world(name, rng, runs):
    """Outcomes and arms, runs × units."""
    champion, drift, apart, ramp, _ = EM[name]
    n = ramp[-1][1]
    arm = rng.random((runs, n)) < shares(ramp)
    y = rng.random((runs, n)) < champion + drift * np.arange(n) / n + apart * arm
    return y.astype(float), arm


def tokens_world(name, rng, runs):
    pareto, zeros, saved, ramp = TOKENS[name]
    n = ramp[-1][1]
    arm = rng.random((runs, n)) < shares(ramp)
    y = 300 * (rng.random((runs, n)) ** (-1 / 2.2) if pareto else np.exp(rng.standard_normal((runs, n))))
    y = y * np.where(arm, 1 - saved, 1)
    return np.where(rng.random((runs, n)) < zeros, 0, y) if zeros else y, arm


# ---- GrowthBook ----

ALPHA, TUNING = 0.05, 5000


def growthbook(y, arm, every, relative, proportion):
    """First look at which each run has a verdict (units; 0: none), and its sign."""
    a, b = [np.cumsum(x, axis=1)[:, every - 1::every] for x in (~arm, arm)], None
    (na, nb), b = a, [np.cumsum(np.where(arm, y ** k, 0), axis=1)[:, every - 1::every] for k in (1, 2)]
    a = [np.cumsum(np.where(arm, 0, y ** k), axis=1)[:, every - 1::every] for k in (1, 2)]
    with np.errstate(all="ignore"):
        ma, mb = a[0] / na, b[0] / nb
        va, vb = ((m * (1 - m) if proportion else (s[1] - n * m * m) / (n - 1)) for m, s, n in ((ma, a, na), (mb, b, nb)))
        apart, variance = (mb - ma) / ma if relative else mb - ma, va / na + vb / nb
        if relative:
            variance = vb / (nb * ma ** 2) + va * mb ** 2 / (na * ma ** 4)
        n, rho2 = na + nb, (-2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA) + 1)) / TUNING
        width = np.sqrt(variance * n * 2 * (n * rho2 + 1) * np.log(np.sqrt(n * rho2 + 1) / ALPHA) / (n * n * rho2))
        said = (np.abs(apart) > width) & (va > 0) & (vb > 0)
    first = said.argmax(axis=1)
    row = np.arange(len(first))
    return np.where(said.any(axis=1), (first + 1) * every, 0), np.sign(apart[row, first])


def check_growthbook():
    from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
    from gbstats.models.statistics import ProportionStatistic, SampleMeanStatistic
    rng = np.random.default_rng(0)
    for relative, proportion in ((False, True), (False, False), (True, False)):
        y = rng.random((1, 900)) < 0.5 if proportion else rng.lognormal(size=(1, 900))
        arm = rng.random((1, 900)) < 0.5
        y = np.where(arm, y * (1 if proportion else 0.7), y).astype(float)
        at, _ = growthbook(y, arm, 1, relative, proportion)
        first = 0
        for n in range(20, 901):
            parts = [y[0, :n][arm[0, :n] == k] for k in (False, True)]
            stats = [ProportionStatistic(n=len(p), sum=p.sum()) if proportion else SampleMeanStatistic(n=len(p), sum=p.sum(), sum_squares=(p * p).sum()) for p in parts]
            low, high = SequentialTwoSidedTTest(*stats, SequentialConfig(difference_type="relative" if relative else "absolute", traffic_percentage=1, phase_length_days=1)).compute_result().ci
            if low > 0 or high < 0:
                first = n
                break
        assert at[0] == first or at[0] < 20, (relative, proportion, at, first)


def summary(name, at, signs, horizon, saved):
    runs, done = len(at), np.sort(at[at > 0])
    def quantile(q):
        i = int(runs * q)
        return int(done[i]) if i < len(done) else 0
    above, below = float((signs[at > 0] > 0).sum() / runs), float((signs[at > 0] < 0).sum() / runs)
    return {"name": name, "runs": runs, "above": above, "below": below, "wrong": above if saved else above + below,
            "median": quantile(0.5), "p80": quantile(0.8), "mean": float(np.where(at > 0, at, horizon).mean())}


def run_growthbook(name, runs, kind):
    world, table = (em_world, EM) if name in EM else (tokens_world, TOKENS)
    rng, done = np.random.default_rng(1), []
    every = EM[name][4] if name in EM else 1
    for start in range(0, runs, 50):
        y, arm = world(name, rng, min(50, runs - start))
        done.append(growthbook(np.log1p(y) if kind == "log1p" else y, arm, every, kind == "relative", name in EM))
    at, signs = (np.concatenate(x) for x in zip(*done))
    return summary(f"gbstats{'-' + kind if kind else ''}:{name}", at, signs, table[name][3][-1][1], table[name][2] != 0)


# ---- ville, savvi, river ----

def run_ville(name, runs):
    import ville
    share, rng, at, signs = EM[name][3][0][0], np.random.default_rng(1), [], []
    for _ in range(runs):
        y, arm = em_world(name, rng, 1)
        test = ville.AsymptoticABTest(alpha=ALPHA, propensity=share, t_opt=3000).fit(y[0], arm[0].astype(float))
        found = test.stopping_time() or 0
        at.append(found)
        signs.append(np.sign(test.estimate_[found - 1]))
    return summary(f"ville:{name}", np.array(at), np.array(signs), EM[name][3][-1][1], EM[name][2] != 0)


def run_savvi(runs):
    """Shares 50/50, a tenth of the challenger's units lost."""
    from savvi.multinomial import Multinomial
    rng, at = np.random.default_rng(1), []
    for _ in range(runs):
        test, units = Multinomial(0.01, np.array([0.5, 0.5])), 0
        while units < 40000:
            lot = rng.random(50) < 0.5
            kept = lot & (rng.random(50) >= 0.1)
            units += 50
            test.update(np.array([(~lot).sum(), kept.sum()]))
            if test.calculate_p_value() < 0.01:
                break
        at.append(units)
    return summary("savvi:mismatch-10", np.array(at), -np.ones(runs), 40000, True)


def run_adwin(runs):
    """A fall by 3 points after 2,000; δ for an average run length of 10,000."""
    from river.drift import ADWIN
    rng, delays, early = np.random.default_rng(1), [], 0
    for _ in range(runs):
        test, y = ADWIN(delta=0.33), (rng.random(14000) < np.where(np.arange(14000) < 2000, 0.6, 0.57)).astype(int)
        for n, x in enumerate(y):
            test.update(int(x))
            if test.drift_detected:
                break
        early += n < 2000
        if n >= 2000:
            delays.append(n - 2000 + 1)
    return {"name": "adwin:drift-3", "runs": runs, "wrong": early / runs, "median": int(np.median(delays)), "p80": int(np.quantile(delays, 0.8)), "mean": float(np.mean(delays))}


# ---- all of it ----

def rivals(runs):
    """name → what makes it."""
    out = {}
    try:
        check_growthbook()
        for name in EM:
            out["gbstats:" + name] = (run_growthbook, name, runs, "")
        for name in TOKENS:
            out["gbstats-log1p:" + name] = (run_growthbook, name, runs, "log1p")
        for name in [n for n in TOKENS if "-aa-" in n]:
            out["gbstats-relative:" + name] = (run_growthbook, name, runs, "relative")
    except ImportError as e:
        print(e, file=sys.stderr)
    for module, jobs in {"ville": {"ville:em-loss-5": (run_ville, "em-loss-5", 1000), "ville:em-aa-95": (run_ville, "em-aa-95", 1000)},
                         "savvi": {"savvi:mismatch-10": (run_savvi, 100)}, "river": {"adwin:drift-3": (run_adwin, 300)}}.items():
        try:
            __import__(module)
            out.update(jobs)
        except ImportError as e:
            print(e, file=sys.stderr)
    return out


def ours(name, runs):
    said = subprocess.run(["nice", "-n", "10", BENCH, name, str(runs)], capture_output=True, text=True, check=True)
    return json.loads(said.stdout)


def read(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as lines:
        return {row["name"]: row for row in map(json.loads, lines)}


def percent(field):
    return lambda r: 100 * r[field]


def over(field):
    return lambda r: r[field] / r["n80"]


def plain(field, by=1.0):
    return lambda r: r[field] / by


# what, name, figure, unit, goal (None: no goal), the rival's row and figure
GOALS = [
    *[(f"A/A, {what}", name, percent("wrong"), "%", 5, "gbstats:" + name) for what, name in (
        ("50/50", "em-aa"), ("5/95", "em-aa-5"), ("ramp", "em-aa-ramp"), ("ramp, base rate +10 points", "em-aa-ramp-up"),
        ("ramp, base rate −10 points, offset wrong", "em-aa-ramp-down"), ("EM 0.95 at 5/95", "em-aa-95"))],
    ("A/A, the bet alone", "em-aa-bet", percent("wrong"), "%", 5, None),
    ("A/A, at the edge of a margin, ramp", "em-aa-margin", percent("wrong"), "%", 5, None),
    ("A/A, 10 outcomes a unit, correlation 0.2", "em-aa-cluster-2", percent("wrong"), "%", 5, None),
    ("A/A, 10 outcomes a unit, correlation 0.5", "em-aa-cluster-5", percent("wrong"), "%", 5, None),
    *[(f"{what}, {q}", name, over(field), "n80", goal, "gbstats:" + name) for what, name in (
        ("2 points lost, 50/50", "em-loss-2"), ("2 points lost, 5/95", "em-loss-2-at-5"), ("5 points lost, 50/50", "em-loss-5"),
        ("5 points lost, 5/95", "em-loss-5-at-5"), ("… in blocks of 50", "em-loss-5-batches"), ("5 points lost, ramp", "em-loss-5-ramp"),
        ("not worse than 1 point", "em-not-worse"), ("worse than 1 point", "em-beyond-margin")) for q, field, goal in (("median", "median", None), ("N80", "p80", 1.3))],
    ("2 points lost, the bet alone, N80", "em-loss-2-bet", over("p80"), "n80", None, None),
    ("5 points lost, the bet alone, N80", "em-loss-5-bet", over("p80"), "n80", None, None),
    *[(f"tokens A/A, typical, {what}", name, percent("wrong"), "%", 5, "gbstats-log1p:" + name) for what, name in (
        ("log-normal, ramp", "tokens-aa-log-normal-ramp"), ("Pareto", "tokens-aa-pareto"), ("Pareto + zeros, ramp", "tokens-aa-pareto-zeros-ramp"))],
    *[(f"tokens A/A, bill, {what}", "tokens-aa-bill-" + name, percent("wrong"), "%", 5, "gbstats-relative:tokens-aa-" + name) for what, name in (
        ("log-normal, ramp", "log-normal-ramp"), ("Pareto", "pareto"), ("Pareto + zeros, ramp", "pareto-zeros-ramp"))],
    *[(f"10 % saved, typical, {what}, {q}", name, plain(field), "units", None, "gbstats-log1p:" + name) for what, name in (
        ("log-normal", "tokens-log-normal"), ("log-normal, the bet alone", "tokens-log-normal-bet"), ("log-normal + zeros", "tokens-log-normal-zeros"),
        ("log-normal, 5/95", "tokens-log-normal-at-5"), ("Pareto", "tokens-pareto"), ("Pareto + zeros", "tokens-pareto-zeros")) for q, field in (("median", "median"), ("N80", "p80"))],
    ("10 % saved, typical, log-normal, the bet with CUPED, correlation 0.6, median", "tokens-log-normal-cuped", plain("median"), "units", None, None),
    ("10 % saved, bill, log-normal, median", "tokens-bill-log-normal", plain("median"), "units", None, None),
    ("10 % saved, bill, Pareto, median", "tokens-bill-pareto", plain("median"), "units", None, None),
    ("the trap: 'a typical request saves'", "tokens-trap", percent("above"), "%", None, None),
    ("the trap: promoted", "tokens-trap", percent("below"), "%", 5, None),
    ("guard A/A to 3,000 exposed", "guard-aa", percent("wrong"), "%", 1, None),
    ("guard, 5 points, median", "guard-fall-5", plain("median"), "exposed", 800, None),
    ("guard, 5 points, mean", "guard-fall-5", plain("mean"), "exposed", None, None),
    ("guard, 10 points, median", "guard-fall-10", plain("median"), "exposed", 310, None),
    ("guard, 5 points after 1,000 good ones, median", "guard-fall-5-late", plain("median"), "exposed", None, None),
    ("shadow A/A", "shadow-aa", percent("wrong"), "%", 1, None),
    ("shadow A/A, variance unknown", "shadow-aa-unknown", percent("wrong"), "%", 1, None),
    ("shadow, 5 points, correlation 0.9, median", "shadow-9", plain("median"), "pairs", 160, None),
    ("… variance unknown", "shadow-9-unknown", plain("median"), "pairs", None, None),
    ("… correlation 0.7", "shadow-7", plain("median"), "pairs", None, None),
    ("drift: mean run length without (at least 10,000)", "drift-none", plain("mean"), "outcomes", None, "drift-none-cusum"),
    ("drift of 3 points, mean delay, beside CUSUM", "drift-3", plain("mean"), "outcomes", ("drift-3-cusum", 1.1), "drift-3-cusum"),
    ("… beside Page-Hinkley", "drift-3", plain("mean"), "outcomes", ("drift-3-page-hinkley", 0.6), "drift-3-page-hinkley"),
    ("… beside ADWIN", "drift-3", plain("mean"), "outcomes", None, "adwin:drift-3"),
    ("drift of 5 points, mean delay, beside CUSUM", "drift-5", plain("mean"), "outcomes", None, "drift-5-cusum"),
    ("run length, baseline of 10,000 outcomes", "drift-none-estimated", plain("mean"), "outcomes", None, None),
    ("run length, its careful end", "drift-none-careful", plain("mean"), "outcomes", None, None),
    ("drift of 3 points, mean delay, its careful end", "drift-3-careful", plain("mean"), "outcomes", None, None),
    ("shares: false alarms, 50/50", "mismatch-none", percent("wrong"), "%", 1, None),
    ("shares: false alarms, 5/95", "mismatch-none-at-5", percent("wrong"), "%", 1, None),
    ("shares: false alarms, ramp", "mismatch-none-ramp", percent("wrong"), "%", 1, None),
    ("a tenth lost, 50/50, median", "mismatch-10", over("median"), "n80", 1.1, None),
    ("a tenth lost, 5/95, median", "mismatch-10-at-5", over("median"), "n80", 1.1, None),
    ("a twentieth lost, 50/50, median", "mismatch-5", over("median"), "n80", 1.1, None),
    ("a tenth lost, 50/50, median, beside savvi", "mismatch-10", plain("median"), "units", None, "savvi:mismatch-10"),
    *[(f"4 challengers, none better: any said, {what}", "several-none-" + name, percent("wrong"), "%", 5, None) for what, name in (
        ("closed", "closed"), ("e-BH", "listed"), ("Bonferroni", "each"), ("closed, top-two", "top-two"))],
    *[(f"one of 4 better by 5 points: found, {what}", "several-one-" + name, plain("median"), "units", None, None) for what, name in (
        ("closed", "closed"), ("e-BH", "listed"), ("Bonferroni", "each"), ("closed, top-two, champion ≥ ¼", "top-two"))],
    ("finding it (posterior 0.95), equal shares", "finding-equal", plain("median"), "units", None, None),
    ("finding it, top-two", "finding-top-two", plain("median"), "units", None, None),
    ("live: A/A, what is expected has correlation 0.7", "live-aa-told-7", percent("wrong"), "%", 5, None),
    *[(f"live: 3 of 100 lost, {what}, median", "live-loss" + name, plain("median"), "units", None, None) for what, name in (
        ("nothing is expected", ""), ("correlation 0.5", "-told-5"), ("0.7", "-told-7"), ("0.9", "-told-9"))],
    *[(f"race, {what}: evaluated", "race-" + name, plain("mean", 100), "%", goal, None) for what, name, goal in (
        ("Δ ~ N(−2, 3), ρ 0.5", "spread-5", 45), ("ρ 0.7", "spread-7", None), ("ρ 0.9", "spread-9", 30), ("Δ = 0, ρ 0.7", "same-7", None),
        ("Δ ~ N(−5, 5), ρ 0.7", "far-7", None), ("500 questions, ρ 0.7", "few-7", None))],
    *[(f"race, {what}: wrong", "race-" + name, percent("wrong"), "%", goal, None) for what, name, goal in (
        ("ρ 0.5", "spread-5", 1), ("ρ 0.9", "spread-9", 1), ("Δ = 0, ρ 0.7", "same-7", 5), ("Δ = 0, ρ 0.7, α 15 %", "same-7-15", 5))],
]


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def table(rows):
    print("| what | runs | ours | goal | | rival |\n|---|---|---|---|---|---|")
    for what, name, figure, unit, goal, rival in GOALS:
        if name not in rows:
            continue
        ours, beside = figure(rows[name]), rows.get(rival)
        if isinstance(goal, tuple):
            goal = goal[1] * figure(rows[goal[0]]) if goal[0] in rows else None
        theirs = "" if not beside else f"{number(figure({**beside, 'n80': rows[name]['n80']}))} ({rival.split(':')[0] if ':' in rival else rival.split('-', 2)[2]})"
        verdict = "" if goal is None else "reached" if 0 < ours <= goal or (ours == 0 and unit == "%") else "**not reached**"
        print(f"| {what} | {rows[name]['runs']:,} | {number(ours)} {unit} | {'' if goal is None else '≤ ' + number(goal)} | {verdict} | {theirs} |")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--runs", type=int, default=2000)
    args.add_argument("--workers", type=int, default=2)
    args.add_argument("--out", default=os.path.join(ROOT, "build/rollout.jsonl"))
    args.add_argument("--table", action="store_true", help="simulate nothing")
    args = args.parse_args()
    if not args.table:
        names = subprocess.run([BENCH], capture_output=True, text=True, check=True).stdout.split()
        jobs = {**{n: (ours, n, args.runs) for n in names}, **rivals(args.runs)}
        todo = [jobs[n] for n in jobs if n not in read(args.out)]
        with concurrent.futures.ProcessPoolExecutor(args.workers) as pool, open(args.out, "a", encoding="utf-8") as out:
            for done in concurrent.futures.as_completed([pool.submit(*job) for job in todo]):
                print(json.dumps(done.result()), file=out, flush=True)
    table(read(args.out))


if __name__ == "__main__":
    main()
