"""Early stopping on recorded curves of the g2p task: how many tokens a study of 60 trials spends, how good its winner
is, and how often a stop was wrong.

    python3 tests/bench/stopping.py [--arms none,auto+adaptive,…] [--seeds 0-19] [-o FILE.jsonl]
    python3 tests/bench/stopping.py --table FILE.jsonl

The optimizer is the real one, behind `nocturne advise`; only the training is replayed from g2p_curves.csv.gz
(record_curves.py), which is exact: patience and threshold only cut a curve. Two trials run at a time, interleaved by
the tokens they have spent. Arms: none, auto, auto+adaptive, adaptive, asha, median, and topk: one evaluation of each of
60 Sobol configurations, then the best six in full.

The winner is the best of the three best, on the other seeds of the recording (three fresh ones), as the confirmation
does it; its figures are the means over those. A stop is false if the trial, run on with its own rule and seed, would
have beaten the final incumbent.
"""
import argparse
import gzip
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipe import PROGRAM, Pipe

HERE = Path(__file__).resolve().parent
VALIDATION = 3000
BASELINE = {"patience": 5, "threshold": 1e-4, "batch_size": 64, "learning_rate": 1e-3}
STUDY = """study: bench
parameters:
  patience:      {{type: int, range: [1, 20]}}
  threshold:     {{type: float, range: [1e-4, 3e-2], scale: log}}
  batch_size:    {{type: ordinal, values: [{batch}]}}
  learning_rate: {{type: ordinal, values: [{rate}]}}
metrics:
  em:     {{goal: maximize, kind: proportion, of: 3000}}
  tokens: {{goal: minimize, kind: count}}
baseline: {{patience: 5, threshold: 1e-4, batch_size: 64, learning_rate: 0.001}}
objective: {{weights: {{em: 0.7, tokens: 0.3}}}}
constraints: [em >= baseline]
search: {{sampler: {sampler}}}
{stopping}
"""
STOPPING = {
    "none": "",
    "off": "stopping: {pruner: none, adaptive: false}",
    "auto": "stopping: {pruner: auto}",
    "auto+adaptive": "stopping: {pruner: auto, adaptive: true}",
    "adaptive": "stopping: {pruner: none, adaptive: true}",
    "asha": "stopping: {pruner: asha}",
    "median": "stopping: {pruner: median}",
    "topk": "",
}


def section(arm):
    """`stopping:` of an arm; "auto:chance=0.1" sets more."""
    arm, _, more = arm.partition(":")
    return STOPPING[arm].replace("}", "".join(f", {m.replace('=', ': ')}" for m in more.split(";") if m) + "}")


def load_curves(path):
    curves = {}
    with gzip.open(path, "rt") as f:
        next(f)
        for line in f:
            batch, rate, seed, curve = line.rstrip("\n").split(",")
            points = [p.split(":") for p in curve.split()]
            curves[int(batch), float(rate), int(seed)] = [(int(k) / VALIDATION, int(t)) for k, t in points]
    return curves


class EarlyStopping:
    def __init__(self, patience, threshold):
        self.patience, self.threshold, self.best, self.bad = patience, threshold, None, 0

    def update(self, value):
        if self.best is None or value > self.best + self.threshold:
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        return self.bad >= self.patience


def train(curve, patience, threshold):
    """Result of a training with this rule, never changed."""
    rule, top = EarlyStopping(patience, threshold), 0
    for em, tokens in curve:
        top = max(top, em)
        if rule.update(em):
            break
    return {"em": top, "tokens": tokens}


class Running:
    def __init__(self, number, lease, params, curve, start, stop_after=None):
        self.number, self.lease, self.params, self.curve = number, lease, params, curve
        self.start, self.at, self.top, self.stop_after, self.announces = start, 0, 0, stop_after, True
        self.rule = EarlyStopping(params["patience"], params["threshold"])

    def next_time(self):
        return self.start + self.curve[self.at][1]


class Study:
    def __init__(self, arm, seed, curves, trials):
        self.arm, self.seed, self.curves, self.trials = arm, seed, curves, trials
        self.keys = sorted({k[:2] for k in curves})
        text = STUDY.format(batch=", ".join(str(b) for b in sorted({k[0] for k in self.keys})),
                            rate=", ".join(f"{r:g}" for r in sorted({k[1] for k in self.keys})),
                            sampler="sobol" if arm == "topk" else "gp", stopping=section(arm))
        self.file = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.file.write(text)
        self.file.flush()
        self.folder = tempfile.TemporaryDirectory()
        self.db = [str(PROGRAM), "stopping", "bench", "--json", "--db", self.folder.name + "/bench.db"]
        self.pipe = Pipe(self.file.name, "--seed", str(seed), *self.db[4:])
        self.rng = random.Random(f"{seed}")  # the same recorded seed for the same trial number in every arm
        self.which = [self.rng.randint(1, 4) for _ in range(10 * trials)]
        self.spent, self.done, self.pruned, self.policies, self.begun, self.resumed = 0, [], [], 0, 0, 0

    def curve_of(self, number, params):
        return self.curves[int(params["batch_size"]), float(params["learning_rate"]), self.which[number]]

    def go_on(self, r, lease, now):
        """With one that was stopped: what it has cost until then is not spent again."""
        self.pruned = [p for p in self.pruned if p[0] is not r]
        self.resumed += 1
        self.spent -= r.curve[r.at - 1][1]
        r.lease, r.announces, r.start = lease, True, now - r.curve[r.at - 1][1]
        return r

    def ask(self, now):
        t = self.pipe.say({"ask": 1, "resume": True})["trials"][0]
        old = next((r for r, _ in self.pruned if r.number == t["trial"]), None)
        if old:
            return self.go_on(old, t["lease"], now)
        self.begun += 1
        return Running(t["trial"], t["lease"], t["params"], self.curve_of(t["trial"], t["params"]), now)

    def step(self, r):
        """One evaluation; True: the trial is over."""
        em, tokens = r.curve[r.at]
        state = {k: v for k, v in (("best", r.rule.best), ("bad", r.rule.bad)) if v is not None}
        r.at += 1
        r.top = max(r.top, em)
        ends = r.rule.update(em) or r.at == len(r.curve)
        request = {"report": r.number, "step": r.at - 1, "metrics": {"em": em, "tokens": tokens}}
        if r.announces:
            r.announces = False
            request["policy"] = {"patience": r.rule.patience, "threshold": r.rule.threshold, "metric": "em", "mode": "max",
                                 **state}
        answer = self.pipe.say(request)
        if answer["stop"]:
            self.spent += tokens
            self.pruned.append((r, answer["stop"]))
            return True
        if "policy" in answer:
            self.policies += 1
            r.rule.patience, r.rule.threshold = answer["policy"]["patience"], answer["policy"]["threshold"]
            ends = ends or r.rule.bad >= r.rule.patience
        if ends:
            self.spent += tokens
            self.pipe.say({"tell": r.number, "metrics": {"em": r.top, "tokens": tokens}})
            self.done.append((r, {"em": r.top, "tokens": tokens}))
        return ends

    def run(self, slots=2):
        running, now = [], 0
        while running or self.begun < self.trials:
            while len(running) < slots and self.begun < self.trials and (self.begun > 1 or not running):
                running.append(self.ask(now))
            r = min(running, key=lambda x: (x.next_time(), x.number))
            now = r.next_time()
            if self.step(r):
                running.remove(r)

    def run_topk(self):
        first = []
        for i in range(self.trials):
            t = self.pipe.say({"ask": 1})["trials"][0]
            r = Running(t["trial"], t["lease"], t["params"], self.curve_of(t["trial"], t["params"]), 0)
            full = train(r.curve, r.params["patience"], r.params["threshold"])
            one = {"em": r.curve[0][0], "tokens": r.curve[0][1]}
            if i == 0:
                self.done.append((r, full))
                self.spent += full["tokens"]
                self.pipe.say({"tell": r.number, "metrics": full})
                continue
            self.spent += one["tokens"]
            first.append((one["em"], r, full))
            self.pipe.say({"tell": r.number, "metrics": one})
        first.sort(key=lambda x: -x[0])
        for _, r, full in first[:max(1, self.trials // 10)]:
            self.spent += full["tokens"] - r.curve[0][1]
            self.done.append((r, full))

    def close(self):
        """What the study itself says of its stops."""
        self.pipe.close()
        said = json.loads(subprocess.run(self.db, capture_output=True, text=True, check=True).stdout)
        self.folder.cleanup()
        return said


def utility(m, base):
    return 0.7 * (m["em"] - base["em"]) / base["em"] - 0.3 * (m["tokens"] - base["tokens"]) / base["tokens"]


def mean_result(curves, key, seeds, patience, threshold):
    all_ = [train(curves[key[0], key[1], s], patience, threshold) for s in seeds]
    return {m: statistics.mean(x[m] for x in all_) for m in ("em", "tokens")}


def equivalent(r):
    """The constant patience that would have ended an adapted run where it ended (tuner/search/learning_curve.h)."""
    rule, longest = EarlyStopping(1e9, r.rule.threshold), 0
    for em, _ in r.curve[:r.at]:
        waited = rule.bad
        rule.update(em)
        if rule.bad == 0:
            longest = max(longest, waited)
    return min(max(rule.bad if rule.bad > longest else longest + 1, 1), 20)


def evaluate(arm, seed, curves, trials):
    s = Study(arm, seed, curves, trials)
    (s.run_topk if arm == "topk" else s.run)()
    base = s.done[0][1] if s.done[0][0].number == 0 else next(m for r, m in s.done if r.number == 0)
    true_base = mean_result(curves, (64, 1e-3), (1, 2, 3, 4), 5, 1e-4)
    feasible = [(utility(m, base), r, m) for r, m in s.done if m["em"] >= base["em"] and r.number > 0]
    feasible.sort(key=lambda x: -x[0])
    best = feasible[0][0] if feasible else float("-inf")
    confirmed = []
    for _, r, m in feasible[:3]:
        adapted = r.rule.patience != r.params["patience"] or r.rule.threshold != r.params["threshold"]
        patience = equivalent(r) if adapted else r.params["patience"]
        fresh = [k for k in (1, 2, 3, 4) if k != s.which[r.number]]
        x = mean_result(curves, (int(r.params["batch_size"]), float(r.params["learning_rate"])), fresh, patience,
                        r.rule.threshold)
        confirmed.append((utility(x, true_base), x, r.number))
    confirmed = [c for c in confirmed if c[1]["em"] >= true_base["em"]] or confirmed
    _, won, number = max(confirmed, key=lambda c: c[0]) if confirmed else (0, true_base, 0)
    false = 0
    for r, _ in s.pruned:
        m = train(r.curve, r.params["patience"], r.params["threshold"])
        false += m["em"] >= base["em"] and utility(m, base) > best
    audit = s.close()["false_stops"]
    condemned = len(s.pruned) + audit["audited"]
    rate = (false + audit["false"]) / condemned if condemned else 0
    return {"audited": audit["audited"], "audit_false": audit["false"], "covered": audit["low"] <= rate <= audit["high"],
            "arm": arm, "seed": seed, "spent": s.spent, "em": won["em"], "tokens": won["tokens"],
            "utility": utility(won, true_base), "complete": len(s.done), "pruned": len(s.pruned), "false": false, "resumed": s.resumed,
            "policies": s.policies, "base_em": true_base["em"], "base_tokens": true_base["tokens"], "winner": number}


def interval(v):
    if len(v) < 2:
        return statistics.mean(v), 0
    return statistics.mean(v), 1.96 * statistics.stdev(v) / len(v) ** 0.5


def upper(k, n):
    """Clopper-Pearson's upper end of the central 95 % interval, by bisection."""
    if n == 0 or k == n:
        return 1.0
    lo, hi = k / n, 1.0
    for _ in range(60):
        p = (lo + hi) / 2
        tail = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
        lo, hi = (p, hi) if tail > 0.025 else (lo, p)
    return hi


def table(rows):
    arms = list(dict.fromkeys(r["arm"] for r in rows))
    none = {r["seed"]: r for r in rows if r["arm"] == "none"}
    print("| arm | seeds | tokens of the study, M | against none | winner's EM, % | − none, points | winner's tokens, k "
          "| utility | complete | stopped | false stops, of all, upper 95 % | audited | audit covers |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for arm in arms:
        a = [r for r in rows if r["arm"] == arm]
        paired = [r for r in a if r["seed"] in none]
        ratio = interval([r["spent"] / none[r["seed"]]["spent"] - 1 for r in paired]) if paired else (0, 0)
        diff = interval([100 * (r["em"] - none[r["seed"]]["em"]) for r in paired]) if paired else (0, 0)
        stopped, false = sum(r["pruned"] for r in a), sum(r["false"] for r in a)
        print(f"| {arm} | {len(a)} | {interval([r['spent'] / 1e6 for r in a])[0]:.1f} | {100 * ratio[0]:+.0f} % ± "
              f"{100 * ratio[1]:.0f} | {100 * interval([r['em'] for r in a])[0]:.2f} | {diff[0]:+.2f} ± {diff[1]:.2f} | "
              f"{interval([r['tokens'] / 1e3 for r in a])[0]:.0f} | {interval([r['utility'] for r in a])[0]:.3f} ± "
              f"{interval([r['utility'] for r in a])[1]:.3f} | {interval([r['complete'] for r in a])[0]:.1f} | "
              f"{interval([r['pruned'] for r in a])[0]:.1f} | {false} of {stopped}, {100 * upper(false, stopped):.1f} % | "
              f"{sum(r['audited'] for r in a)} | {sum(r['covered'] for r in a)} of {len(a)} |")


def seeds_of(text):
    lo, _, hi = text.partition("-")
    return range(int(lo), int(hi or lo) + 1)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--arms", default="none,auto+adaptive,auto,adaptive,asha,median,topk")
    p.add_argument("--seeds", type=seeds_of, default=range(20))
    p.add_argument("--trials", type=int, default=60)
    p.add_argument("--curves", default=HERE / "g2p_curves.csv.gz")
    p.add_argument("-o", "--out")
    p.add_argument("--table")
    o = p.parse_args()
    if o.table:
        table([json.loads(line) for line in open(o.table)])
        return
    curves = load_curves(o.curves)
    todo = [(arm, seed) for seed in o.seeds for arm in o.arms.split(",")]
    rows = []
    out = open(o.out, "a") if o.out else None
    with ThreadPoolExecutor(2) as pool:
        for i, row in enumerate(pool.map(lambda k: evaluate(*k, curves, o.trials), todo)):
            rows.append(row)
            if out:
                print(json.dumps(row), file=out, flush=True)
            print(f"{i + 1} of {len(todo)}", file=sys.stderr, end="\r")
    table(rows)


main()
