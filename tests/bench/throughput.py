#!/usr/bin/env python3
"""Durable trials a second: ask, five reports, tell. Ours over the `advise --db` pipe with many asks in flight (sobol,
WAL, synchronous FULL), against Optuna with SQLite and with its journal file, one after the other on the same disk.

    NOCTURNE_BIN=build/release/bin python3 tests/bench/throughput.py --trials 30000 [--rival PYTHON] [--spawn 3000] [--dir FOLDER]

--rival: a Python that has Optuna (tests/bench/install.sh rivals); without it, ours alone.
"""
import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

STUDY = """study: pipe
parameters:
  patience: {type: int, range: [1, 20]}
  threshold: {type: float, range: [1e-4, 3e-2], scale: log}
  batch_size: {type: int, range: [8, 1024], scale: log}
  learning_rate: {type: float, range: [3e-4, 3e-2], scale: log}
metrics: {em: {goal: maximize, kind: proportion}, tokens: {goal: minimize, kind: count}}
objective: {minimize: tokens}
search: {sampler: sobol}
"""

SPAWNED = """study: spawned
trial: {command: [/bin/echo, 'nocturne:{{"result": {{"tokens": {k}}}}}']}
parameters: {x: {type: float, range: [0, 1]}, k: {type: int, range: [1, 900]}}
metrics: {tokens: {goal: minimize, kind: count}}
objective: {minimize: tokens}
confirm: {top: 0}
search: {sampler: sobol}
"""

RIVAL = """
import sys, time, optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
kind, path, trials = sys.argv[1], sys.argv[2], int(sys.argv[3])
if kind == "sqlite":
    storage = optuna.storages.RDBStorage("sqlite:///" + path)
else:
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path))
study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=1), direction="minimize")
began = time.perf_counter()
for _ in range(trials):
    t = study.ask()
    x = [t.suggest_int("patience", 1, 20), t.suggest_float("threshold", 1e-4, 3e-2, log=True),
         t.suggest_int("batch_size", 8, 1024, log=True), t.suggest_float("learning_rate", 3e-4, 3e-2, log=True)]
    for step in range(5):
        t.report(0.1 * step + x[1], step)
    study.tell(t, x[0] + x[1])
print(trials / (time.perf_counter() - began))
"""


ASKED = re.compile(rb'"trial": (\d+)')


def told(trial, rng):
    """What a client says of a trial that it was given: five reports and the result."""
    out = [f'{{"report": {trial}, "step": {step}, "metrics": {{"em": {rng.random():.16g}, "tokens": {100000 * (step + 1)}}}}}\n' for step in range(5)]
    out.append(f'{{"tell": {trial}, "metrics": {{"em": {rng.random():.16g}, "tokens": {rng.randrange(10**6, 10**7)}}}}}\n')
    return "".join(out).encode()


def ours(folder, binary, trials, flight, db="ours.db", fresh=True):
    """A closed loop: `flight` trials are out at any time, and each answer to an ask brings its reports, its result and
    the next ask. Every answer is counted."""
    with open(os.path.join(folder, "study.yaml"), "w", encoding="utf-8") as f:
        f.write(STUDY)
    path = os.path.join(folder, db)
    for tail in ("", "-wal", "-shm") if fresh else ():
        if os.path.exists(path + tail):
            os.remove(path + tail)
    rng = random.Random(1)
    ready = [told("@", rng) for _ in range(1000)]
    p = subprocess.Popen([binary, "advise", "study.yaml", "--db", path], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    began = time.perf_counter()
    asked, finished, left = flight, 0, b""
    os.write(p.stdin.fileno(), b'{"ask": 1}\n' * flight)
    while finished < trials:
        data = left + os.read(p.stdout.fileno(), 1 << 20)
        cut = data.rfind(b"\n") + 1
        data, left = data[:cut], data[cut:]
        assert b"error" not in data, data
        finished += data.count(b'{"ok": true}')
        out = []
        for number in ASKED.findall(data):
            out.append(ready[int(number) % 1000].replace(b"@", number))
            if asked < trials:
                out.append(b'{"ask": 1}\n')
                asked += 1
        p.stdin.write(b"".join(out))
        p.stdin.flush()
    took = time.perf_counter() - began
    p.stdin.close()
    assert p.wait() == 0 and finished == trials
    return trials / took, os.path.getsize(path)


def spawned(folder, binary, trials, slots):
    """Real processes: each trial is /bin/echo under nocturne-guard, with its folder and its log."""
    folder = tempfile.mkdtemp(dir=folder)  # a new one: the file system is slow where much was just deleted
    with open(os.path.join(folder, "study.yaml"), "w", encoding="utf-8") as f:
        f.write(SPAWNED)
    began = time.perf_counter()
    subprocess.run([binary, "run", "study.yaml", "--trials", str(trials), "--slots", str(slots), "--quiet"], cwd=folder, check=True)
    return trials / (time.perf_counter() - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30000)
    parser.add_argument("--flight", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spawn", type=int, default=0, help="trials with real processes")
    parser.add_argument("--rival")
    parser.add_argument("--dir")
    o = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="nocturne-throughput-", dir=o.dir)
    binary = os.path.join(os.path.abspath(os.environ["NOCTURNE_BIN"]), "nocturne")
    rates, rival = [], {"sqlite": [], "journal": []}
    for k in range(o.rounds):
        rate, size = ours(folder, binary, o.trials, o.flight)
        rates.append(rate)
        for kind, n in (("sqlite", 100), ("journal", 500)) if o.rival else ():
            path = os.path.join(folder, f"rival{k}.{kind}")
            done = subprocess.run([o.rival, "-c", RIVAL, kind, path, str(n)], capture_output=True, text=True, check=True)
            rival[kind].append(float(done.stdout))
    ratio = statistics.median(rates)
    print(f"nocturne: {statistics.median(rates):.0f} trials/s (of {sorted(map(round, rates))}), {size / o.trials:.0f} bytes a trial with 5 reports")
    if o.spawn:
        rates = [spawned(folder, binary, o.spawn, 4) for _ in range(o.rounds)]
        print(f"nocturne run, real processes on four slots: {statistics.median(rates):.0f} trials/s (of {sorted(map(round, rates))})")
    for kind, r in rival.items():
        if r:
            print(f"optuna, {kind}: {statistics.median(r):.1f} trials/s (of {[round(v, 1) for v in sorted(r)]}): {ratio / statistics.median(r):.0f} times slower")
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
