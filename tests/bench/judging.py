#!/usr/bin/env python3
"""What judging costs: a report at which the pruner looks beside one at which it does not, and how many reports a second
go through the pipe of `nocturne advise` with the default policy, once 500 trials have been stopped early.

    NOCTURNE_BIN=build/release/bin python3 tests/bench/judging.py [PHASE…] [--task tail] [--beside FOLDER] [--rounds 3]

Phases, each a study of its own on recorded curves (curve_tasks.py):

    rungs    made by the search itself; asks at 100, 200 and 400 trials on the way
    rule     every trial announces patience and threshold, so that each of its reports is judged by a forecast
    pareto   two metrics and a front: the same
    stream   reports of 256 trials at a time, written at once; who is stopped makes room for the next (sampler: sobol)
    durable  the same with --db

--beside: a second build, whose rounds take turns with ours; the last column is theirs / ours.
"""
import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import curve_tasks
import equal_cost
import pipe

STOPPED, JUDGED, FLIGHT, STREAM = 500, 60, 256, 30000


class Study:
    """Trials on recorded curves, a report at a time, each timed."""

    def __init__(self, name, folder, more="", objective=None, policy=None, durable=False):
        self.task, self.policy = curve_tasks.load(name), policy
        text = equal_cost.study_text(self.task, {"pruner": "auto"})
        if objective:
            text = text.replace(f"objective: {json.dumps(self.task.objective)}", f"objective: {json.dumps(objective)}")
        self.path = os.path.join(folder, "study.yaml")
        Path(self.path).write_text(text + more, encoding="utf-8")
        db = ("--db", os.path.join(folder, "study.db")) if durable else ()
        self.pipe = pipe.Pipe(self.path, "--seed", "1", *db)
        self.taken, self.asks, self.stopped, self.begun = set(), [], 0, 0

    def cpu(self):
        """Seconds that the thread which answers has worked so far: of a busy machine the better clock."""
        return int(Path(f"/proc/{self.pipe.process.pid}/schedstat").read_text().split()[0]) / 1e9

    def timed(self, request):
        worked, began = self.cpu(), time.perf_counter()
        answer = self.pipe.say(request)
        return answer, (time.perf_counter() - began, self.cpu() - worked)

    def ask(self):
        answer, took = self.timed({"ask": 1})
        self.asks.append(took)
        trial = answer["trials"][0]
        row = 0 if self.task.baseline and not self.taken else self.task.nearest(trial["params"], self.taken)
        self.taken.add(row)
        return trial["trial"], row

    def request(self, trial, row, k):
        values = zip(self.task.metrics, self.task.curves[0, row, k].tolist())
        out = {"report": trial, "step": k, "metrics": {m: v for m, v in values if v == v and abs(v) < 1e300}}
        if self.policy and k == 0:
            out["policy"] = self.policy
        return out

    def run(self, reports):
        """One trial; the seconds of its reports. It is told if it goes to its end, else left where it is."""
        trial, row = self.ask()
        times = []
        for k in range(reports):
            answer, took = self.timed(self.request(trial, row, k))
            times.append(took)
            if answer["stop"]:
                self.stopped += 1
                return times
        if reports == self.task.reports:
            outcome = {m: v for m, v in self.task.outcome(row).items() if v == v}
            self.pipe.say({"tell": trial, "metrics": outcome} if outcome else {"tell": trial, "failed": "diverged"})
        return times

    def fill(self):
        """Until so many trials were stopped early."""
        while self.stopped < STOPPED:
            self.run(self.task.reports)


def put(out, name, times):
    for of, values in zip(("", " of CPU"), zip(*times)):
        out[f"{name}, median, ms{of}"] = statistics.median(values) * 1e3
        out[f"{name}, 95 %, ms{of}"] = sorted(values)[int(0.95 * len(values))] * 1e3


def rungs(task, folder):
    s, out, looked, not_looked = Study(task, folder), {}, [], []
    s.fill()
    for n in (100, 200, 400):
        put(out, f"ask at {n} trials", s.asks[n - 25:n + 25])
    out["all asks, s of CPU"] = sum(cpu for _, cpu in s.asks)
    while len(looked) < JUDGED:
        times = s.run(5)
        looked += [t for k, t in enumerate(times) if k in (0, 3)]
        not_looked += [t for k, t in enumerate(times) if k not in (0, 3)]
    put(out, "report on a rung", looked)
    put(out, "report between rungs", not_looked)
    s.pipe.close()
    return out


def by_forecast(folder, objective=None, policy=None):
    """Partial curves of up to sixteen reports; those that the pruner lets live stay where they are."""
    s, out, times = Study("addition", folder, "search: {sampler: sobol}\n", objective, policy), {}, []
    for _ in range(10):
        s.run(s.task.reports)
    for k in range(STOPPED):
        s.run(1 + k % 16)
    while len(times) < JUDGED:
        times += s.run(3)
    put(out, "report judged by a forecast", times)
    s.pipe.close()
    return out


def rule(_, folder):
    return by_forecast(folder, policy={"patience": 8, "threshold": 1e-4, "metric": "em", "mode": "max"})


def pareto(_, folder):
    return by_forecast(folder, objective={"pareto": ["em", "tokens"]})


def stream(task, folder, durable=False):
    s = Study(task, folder, "search: {sampler: sobol}\n", durable=durable)
    s.fill()
    s.taken.clear()
    places = [(*s.ask(), 0) for _ in range(FLIGHT)]
    heard, judged, spent, worked, sink = 0, 0, 0, 0, s.pipe.process.stdin.fileno()
    while heard < STREAM:
        lines = "".join(json.dumps(s.request(t, row, k)) + "\n" for t, row, k in places)
        before, began = s.cpu(), time.perf_counter()
        os.write(sink, lines.encode())
        answers = [s.pipe.process.stdout.readline() for _ in places]
        spent += time.perf_counter() - began
        worked += s.cpu() - before
        heard += FLIGHT
        judged += sum(k in (0, 3, 15) for _, _, k in places)
        for i, answer in enumerate(answers):
            trial, row, k = places[i]
            stop = json.loads(answer)["stop"]
            if not stop and k + 1 == s.task.reports:
                s.pipe.say({"tell": trial, "failed": "the stream goes on"})
            over = stop or k + 1 == s.task.reports
            places[i] = (*s.ask(), 0) if over else (trial, row, k + 1)
            if len(s.taken) > len(s.task.configs) - FLIGHT:
                s.taken.clear()
    s.pipe.close()
    return {"reports a second": heard / spent, "reports a second of CPU": heard / worked, "judged, %": 100 * judged / heard}


def durable(task, folder):
    return stream(task, folder, durable=True)


PHASES = {f.__name__: f for f in (rungs, rule, pareto, stream, durable)}


def measure(phase, task, binary):
    pipe.PROGRAM = binary
    with tempfile.TemporaryDirectory(prefix="nocturne-judging-") as folder:
        return PHASES[phase](task, folder)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("phases", nargs="*", metavar="PHASE", default=list(PHASES))
    p.add_argument("--task", default="tail")
    p.add_argument("--beside", metavar="FOLDER")
    p.add_argument("--rounds", type=int, default=3)
    o = p.parse_args()
    binaries = [pipe.PROGRAM] + ([Path(o.beside) / "nocturne"] if o.beside else [])
    for phase in o.phases:
        found = [[measure(phase, o.task, b) for b in binaries] for _ in range(o.rounds)]
        for name in found[0][0]:
            values = [statistics.median(r[b][name] for r in found) for b in range(len(binaries))]
            ratio = f"   {values[1] / values[0]:6.2f}" if o.beside else ""
            print(f"{phase:8}{name:45}" + "".join(f"{v:12.3f}" for v in values) + ratio, flush=True)


if __name__ == "__main__":
    main()
