#!/usr/bin/env python3
"""The live side's statistics by simulation, beside the goals and beside other libraries (rollout_rivals.py).

    cmake --workflow --preset bench
    python3.11 -m venv build/rollout-venv      # gbstats has numpy below 2, and so the others
    build/rollout-venv/bin/pip install gbstats==0.8.0 ville==0.1.0 savvi==0.2.0 sequential-analysis==0.4.0 frouros==0.9.0 river==0.19.0
    build/rollout-venv/bin/python tests/bench/rollout.py            # an hour and a half of two idle cores; goes on where it was stopped
    build/rollout-venv/bin/python tests/bench/rollout.py --table    # what there is so far

Ours: build/bench/bin/rollout-bench. Rivals that do not import are left out.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess

import rollout_rivals

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "build/bench/bin/rollout-bench")


TWICE = {"em-aa-cluster-2"}  # as many runs: the first 2,000 are above 5 %, within the error


def ours(name, runs):
    said = subprocess.run(["nice", "-n", "10", BENCH, name, str(runs * (2 if name in TWICE else 1))], capture_output=True, text=True, check=True)
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


def all_of(name):
    return tuple(f"{library}:{name}" for library in ("gbstats", "savvi", "sequential-analysis", "sequential-analysis-blocks", "sequential-analysis-sprt", "ville"))


SOONER = {("tokens-log-normal", "median"): ("gbstats-log1p:tokens-log-normal", 1), ("tokens-pareto-zeros", "median"): ("gbstats-log1p:tokens-pareto-zeros", 0.6)}
DRIFT = ("frouros-cusum", "frouros-page-hinkley", "frouros-gma", "frouros-gma-998", "sequential-analysis-sr", "sequential-analysis-mean")

# what, name, figure, unit, goal (None: no goal; of a row: so many times its figure), the rivals' rows
GOALS = [
    *[(f"A/A, {what}", name, percent("wrong"), "%", 5, all_of(name)) for what, name in (
        ("50/50", "em-aa"), ("5/95", "em-aa-5"), ("ramp", "em-aa-ramp"), ("ramp, base rate +10 points", "em-aa-ramp-up"),
        ("ramp, base rate −10 points, offset wrong", "em-aa-ramp-down"), ("EM 0.95 at 5/95", "em-aa-95"))],
    ("A/A, the bet alone", "em-aa-bet", percent("wrong"), "%", 5, ()),
    ("A/A, at the edge of a margin, ramp", "em-aa-margin", percent("wrong"), "%", 5, ()),
    ("A/A, 10 outcomes a unit, correlation 0.2", "em-aa-cluster-2", percent("wrong"), "%", 5, ()),
    ("A/A, 10 outcomes a unit, correlation 0.5", "em-aa-cluster-5", percent("wrong"), "%", 5, ()),
    *[(f"{what}, {q}", name, over(field), "n80", goal, all_of(name)) for what, name in (
        ("2 points lost, 50/50", "em-loss-2"), ("2 points lost, 5/95", "em-loss-2-at-5"), ("5 points lost, 50/50", "em-loss-5"),
        ("5 points lost, 5/95", "em-loss-5-at-5"), ("… in blocks of 50", "em-loss-5-batches"), ("5 points lost, ramp", "em-loss-5-ramp"),
        ("not worse than 1 point", "em-not-worse"), ("worse than 1 point", "em-beyond-margin")) for q, field, goal in (("median", "median", None), ("N80", "p80", 1.3))],
    ("2 points lost, the bet alone, N80", "em-loss-2-bet", over("p80"), "n80", None, ()),
    ("5 points lost, the bet alone, N80", "em-loss-5-bet", over("p80"), "n80", None, ()),
    *[(f"tokens A/A, typical, {what}", name, percent("wrong"), "%", 5, ("gbstats-log1p:" + name,)) for what, name in (
        ("log-normal, ramp", "tokens-aa-log-normal-ramp"), ("Pareto", "tokens-aa-pareto"), ("Pareto + zeros, ramp", "tokens-aa-pareto-zeros-ramp"))],
    *[(f"tokens A/A, bill, {what}", "tokens-aa-bill-" + name, percent("wrong"), "%", 5, ("gbstats-relative:tokens-aa-" + name,)) for what, name in (
        ("log-normal, ramp", "log-normal-ramp"), ("Pareto", "pareto"), ("Pareto + zeros, ramp", "pareto-zeros-ramp"))],
    *[(f"10 % saved, typical, {what}, {q}", name, plain(field), "units", goals.get((name, field)), ("gbstats-log1p:" + name,)) for goals in (SOONER,) for what, name in (
        ("log-normal", "tokens-log-normal"), ("log-normal, the bet alone", "tokens-log-normal-bet"), ("log-normal + zeros", "tokens-log-normal-zeros"),
        ("log-normal, 5/95", "tokens-log-normal-at-5"), ("Pareto", "tokens-pareto"), ("Pareto + zeros", "tokens-pareto-zeros")) for q, field in (("median", "median"), ("N80", "p80"))],
    ("10 % saved, typical, log-normal, the bet with CUPED, correlation 0.6, median", "tokens-log-normal-cuped", plain("median"), "units", None, ()),
    ("10 % saved, bill, log-normal, median", "tokens-bill-log-normal", plain("median"), "units", None, ()),
    ("10 % saved, bill, Pareto, median", "tokens-bill-pareto", plain("median"), "units", None, ()),
    ("the trap: 'a typical request saves'", "tokens-trap", percent("above"), "%", None, ()),
    ("the trap: promoted", "tokens-trap", percent("below"), "%", 5, ()),
    ("guard A/A to 3,000 exposed", "guard-aa", percent("wrong"), "%", 1, ()),
    ("guard, 5 points, median", "guard-fall-5", plain("median"), "exposed", 800, ()),
    ("guard, 5 points, mean", "guard-fall-5", plain("mean"), "exposed", None, ()),
    ("guard, 10 points, median", "guard-fall-10", plain("median"), "exposed", 310, ()),
    ("guard, 5 points after 1,000 good ones, median", "guard-fall-5-late", plain("median"), "exposed", None, ()),
    ("shadow A/A", "shadow-aa", percent("wrong"), "%", 1, ()),
    ("shadow A/A, variance unknown", "shadow-aa-unknown", percent("wrong"), "%", 1, ()),
    ("shadow, 5 points, correlation 0.9, median", "shadow-9", plain("median"), "pairs", 160, ()),
    ("… variance unknown", "shadow-9-unknown", plain("median"), "pairs", None, ()),
    ("… correlation 0.7", "shadow-7", plain("median"), "pairs", None, ()),
    ("drift: mean run length without (at least 10,000)", "drift-none", plain("mean"), "outcomes", None, ("drift-none-cusum", "drift-none-page-hinkley", *(d + ":drift-none" for d in DRIFT))),
    ("drift of 3 points, mean delay, beside CUSUM", "drift-3", plain("mean"), "outcomes", ("drift-3-cusum", 1.1), ("drift-3-cusum",)),
    ("… beside Page-Hinkley", "drift-3", plain("mean"), "outcomes", ("drift-3-page-hinkley", 0.6), ("drift-3-page-hinkley",)),
    ("… beside other libraries", "drift-3", plain("mean"), "outcomes", None, ("adwin:drift-3", *(d + ":drift-3" for d in DRIFT))),
    ("drift of 5 points, mean delay, beside CUSUM", "drift-5", plain("mean"), "outcomes", None, ("drift-5-cusum",)),
    ("run length, baseline of 10,000 outcomes", "drift-none-estimated", plain("mean"), "outcomes", None, ()),
    ("run length, its careful end", "drift-none-careful", plain("mean"), "outcomes", None, ()),
    ("drift of 3 points, mean delay, its careful end", "drift-3-careful", plain("mean"), "outcomes", None, ()),
    ("shares: false alarms, 50/50", "mismatch-none", percent("wrong"), "%", 1, ("savvi:mismatch-none",)),
    ("shares: false alarms, 5/95", "mismatch-none-at-5", percent("wrong"), "%", 1, ()),
    ("shares: false alarms, ramp", "mismatch-none-ramp", percent("wrong"), "%", 1, ()),
    ("a tenth lost, 50/50, median", "mismatch-10", over("median"), "n80", 1.1, ("savvi:mismatch-10",)),
    ("a tenth lost, 5/95, median", "mismatch-10-at-5", over("median"), "n80", 1.1, ()),
    ("a twentieth lost, 50/50, median", "mismatch-5", over("median"), "n80", 1.1, ()),
    *[(f"4 challengers, none better: any said, {what}", "several-none-" + name, percent("wrong"), "%", 5, ()) for what, name in (
        ("closed", "closed"), ("e-BH", "listed"), ("Bonferroni", "each"), ("closed, top-two", "top-two"))],
    *[(f"one of 4 better by 5 points: found, {what}", "several-one-" + name, plain("median"), "units", None, ()) for what, name in (
        ("closed", "closed"), ("e-BH", "listed"), ("Bonferroni", "each"), ("closed, top-two, champion ≥ ¼", "top-two"))],
    ("finding it (posterior 0.95), equal shares", "finding-equal", plain("median"), "units", None, ()),
    ("finding it, top-two", "finding-top-two", plain("median"), "units", None, ()),
    ("live: A/A, what is expected has correlation 0.7", "live-aa-told-7", percent("wrong"), "%", 5, ()),
    *[(f"live: 3 of 100 lost, {what}, median", "live-loss" + name, plain("median"), "units", None, ()) for what, name in (
        ("nothing is expected", ""), ("correlation 0.5", "-told-5"), ("0.7", "-told-7"), ("0.9", "-told-9"))],
    *[(f"whole product, A/A: {what}", name, percent("wrong"), "%", 5, ()) for what, name in (
        ("EM 0.6, log-normal", "product-aa"), ("EM 0.95, Pareto + zeros", "product-aa-95"), ("base rate +10 points, Pareto + zeros", "product-aa-up"),
        ("base rate −10 points, Pareto + zeros", "product-aa-down"), ("10 outcomes a unit, correlation 0.2", "product-aa-cluster"),
        ("two segments, 40 points apart, base rate +10", "product-aa-segments"), ("late, repeated, in any order, from the store", "late-aa"))],
    ("whole product, 20 % saved: promoted", "product-saved", percent("above"), "%", None, ()),
    ("… median", "product-saved", plain("median"), "units", None, ()),
    ("whole product, 5 points lost, 20 % saved: taken back", "product-lost", percent("below"), "%", None, ()),
    ("… median", "product-lost", plain("median"), "units", None, ()),
    ("… 10 points lost, late: taken back", "late-lost", percent("below"), "%", None, ()),
    *[(f"race, {what}: evaluated", "race-" + name, plain("mean", 100), "%", goal, ()) for what, name, goal in (
        ("Δ ~ N(−2, 3), ρ 0.5", "spread-5", 45), ("ρ 0.7", "spread-7", None), ("ρ 0.9", "spread-9", 30), ("Δ = 0, ρ 0.7", "same-7", None),
        ("Δ ~ N(−5, 5), ρ 0.7", "far-7", None), ("500 questions, ρ 0.7", "few-7", None))],
    *[(f"race, {what}: wrong", "race-" + name, percent("wrong"), "%", goal, ()) for what, name, goal in (
        ("ρ 0.5", "spread-5", 1), ("ρ 0.9", "spread-9", 1), ("Δ = 0, ρ 0.7", "same-7", 5), ("Δ = 0, ρ 0.7, α 15 %", "same-7-15", 5))],
    *[(f"same items after an alarm, {what}: evaluated, median", "duel-behind-" + name, plain("median", 100), "%", None, ()) for what, name in (
        ("5 points behind, 1 seed", "5-1"), ("20 points behind, 1 seed", "20-1"), ("20 points behind, 2 seeds that vary by 2", "20-2"), ("20 points behind, 3 seeds that vary by 2", "20-3"),
        ("5 points behind, 3 seeds that do not vary", "3-still"))],
    *[(f"same items, no difference, {what}: called worse, and is not", "duel-same-" + name, percent("wrong"), "%", 5, ()) for what, name in (
        ("1 seed", "1"), ("2 seeds that vary by 2 points", "2"), ("3 seeds", "3"), ("10 seeds", "10"))],
    *[(f"same items, {what} first: called worse", f"duel-{name}-first", percent("below"), "%", 5, ()) for what, name in (("easy ones", "easy"), ("hard ones", "hard"))],
    ("same items, three of ten in order, hard ones first: called worse, and is not", "duel-mostly-hard-first", percent("wrong"), "%", 5, ()),
]


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def library(row):
    return row.split(":")[0] if ":" in row else row.split("-", 2)[2]


def beside(rows, rivals, figure, unit, n80):
    said = [(figure({**rows[r], "n80": n80}), library(r)) for r in rivals if r in rows]
    return "; ".join(f"{number(x) if x or unit == '%' else 'never'} ({of})" for x, of in said)


def table(rows):
    print("| what | runs | ours | goal | | rivals |\n|---|---|---|---|---|---|")
    for what, name, figure, unit, goal, rivals in GOALS:
        if name not in rows:
            continue
        ours = figure(rows[name])
        if isinstance(goal, tuple):
            goal = goal[1] * figure(rows[goal[0]]) if goal[0] in rows else None
        theirs = beside(rows, rivals, figure, unit, rows[name]["n80"])
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
        jobs = {**{n: (ours, n, args.runs) for n in names}, **rollout_rivals.rivals(args.runs)}
        todo = [jobs[n] for n in jobs if n not in read(args.out)]
        with concurrent.futures.ProcessPoolExecutor(args.workers) as pool, open(args.out, "a", encoding="utf-8") as out:
            for done in concurrent.futures.as_completed([pool.submit(*job) for job in todo]):
                print(json.dumps(done.result()), file=out, flush=True)
    table(read(args.out))


if __name__ == "__main__":
    main()
