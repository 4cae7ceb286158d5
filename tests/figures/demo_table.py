#!/usr/bin/env python3
"""The demo's figures, from the databases that demo_run.sh has left: python3 demo_table.py [FOLDER]

Utilities are computed here, from the metrics, against one common baseline (the mean of every
baseline run in the folder), so that a lucky baseline in one study changes nothing. The best
utility counts only trials that satisfy the study's constraint, em >= baseline + 0.01.
"""
import glob
import json
import os
import statistics as st
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/figures")
BIN = os.environ.get("NOCTURNE_BIN", os.path.join(ROOT, "build/release/bin"))
MARGIN = 0.01


def ask(*args):
    out = subprocess.run([os.path.join(BIN, "nocturne"), *args, "--json"], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def study(path):
    return {"seed": int("".join(filter(str.isdigit, os.path.basename(path)))), "path": path,
            "trials": ask("trials", "--db", path)["trials"], "status": ask("status", "--db", path)["studies"][0]}


def spread(values):
    return f"{st.mean(values):.4f} ± {st.stdev(values):.4f}" if len(values) > 1 else f"{values[0]:.4f}"


def main():
    by_seed = lambda s: s["seed"]
    gp = sorted((study(p) for p in glob.glob(FOLDER + "/gp*.db")), key=by_seed)
    rnd = sorted((study(p) for p in glob.glob(FOLDER + "/random*.db")), key=by_seed)
    baselines = [t["metrics"] for s in gp + rnd for t in s["trials"] if t["state"] == "complete" and
                 (t["role"] == "baseline" or (t["role"] == "confirm" and t["confirms"] == 0))]
    em0 = st.mean(b["em"] for b in baselines)
    tokens0 = st.mean(b["tokens"] for b in baselines)
    print(f"common baseline from {len(baselines)} runs: em {em0:.4f}, tokens {tokens0 / 1e6:.2f}M\n")

    def utility(m):
        return 0.7 * (m["em"] - em0) / em0 - 0.3 * (m["tokens"] - tokens0) / tokens0

    def best_of(s, first):
        found = [utility(t["metrics"]) for t in s["trials"][:first]
                 if t["role"] != "confirm" and t["state"] == "complete" and t["metrics"]["em"] >= em0 + MARGIN]
        return max(found, default=float("nan"))

    print("seed  winner          tokens/baseline   em_test (baseline)    holds   best utility: gp@25  gp@40  random@50")
    good, table = 0, []
    for s in gp:
        if s["status"]["phase"] != "complete":
            continue
        best, base = s["status"]["best"], [t for t in s["trials"] if t["role"] == "confirm" and t["confirms"] == 0]
        tokens = st.mean(t["metrics"]["tokens"] for t in base)
        test = st.mean(t["metrics"]["em_test"] for t in base)
        saved = 1 - best["metrics"]["tokens"] / tokens
        holds = saved >= 0.5 and best["metrics"]["em_test"] >= test
        good += holds
        partner = next((r for r in rnd if r["seed"] == s["seed"] and r["status"]["phase"] == "complete"), None)
        row = (best_of(s, 25), best_of(s, 40), best_of(partner, 50) if partner else float("nan"))
        table.append(row)
        print(f"{s['seed']:4}  {best.get('label', 'trial ' + str(best['trial'])):14}  -{100 * saved:4.1f} %           "
              f"{best['metrics']['em_test']:.4f} ({test:.4f})       {'yes' if holds else 'NO ':3}                  "
              f"{row[0]:.4f}  {row[1]:.4f}  {row[2]:.4f}")
    print(f"\ntokens at least 50 % below the baseline and test EM not below it: {good} of {len(table)} seeds")
    for name, column in (("gp after 25", 0), ("gp after 40", 1), ("random after 50", 2)):
        values = [row[column] for row in table if row[column] == row[column]]
        if values:
            print(f"best utility, {name}: {spread(values)} over {len(values)} seeds")


if __name__ == "__main__":
    main()
