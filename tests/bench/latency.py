"""Ask latency, one thread, amortised over ask and tell: Nocturne beside Optuna's GPSampler, in one run.

    python3 tests/bench/latency.py --d 4 8 --n 100 500 1000 10000 [--rival-asks 5] [--asks 60]

A study of n told trials of a rotated, noisy bowl; then `asks` times ask and tell. Time is the wall clock around the
pipe (Nocturne) or the call (Optuna). The p99 of 60 asks is the slowest but none. Memory is the peak of the process.
"""
import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

import optimizers  # noqa: E402
import tasks  # noqa: E402


class Bowl(tasks.Task):
    name = family = "bowl"

    def __init__(self, d):
        self._d, rng = d, np.random.default_rng(d)
        self._rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))

    def params(self):
        return [tasks.Param(f"x{i}", "float", -1, 1) for i in range(self._d)]

    def true(self, config):
        z = self._rotation @ (np.array([config[f"x{i}"] for i in range(self._d)]) - 0.2)
        return float(np.sum(z**2 * np.geomspace(1, 10, self._d)) + 0.3 * np.sum(np.cos(5 * z)))

    def observe(self, config, rng):
        return self.true(config) + 0.01 * rng.standard_normal()


def preload(o, task, n, seed):
    """Half random, half near the optimum, as a search would have it."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        config = task.random(rng)
        if i % 2:
            config = {k: float(f"{np.clip(0.2 + 0.1 * rng.standard_normal(), -1, 1):.6g}") for k in config}
        o.add(config, task.observe(config, rng))


def measure(name, d, n, asks):
    task = Bowl(d)
    o = optimizers.make(name, task, 1)
    preload(o, task, n, 1)
    rng, times = np.random.default_rng(2), []
    for i in range(asks + 1):  # the first, with its imports and the first fit of a preloaded history, is not counted
        start = time.perf_counter()
        handle, config = o.ask()
        asked = time.perf_counter()
        value = task.observe(config, rng)
        told = time.perf_counter()
        o.tell(handle, config, value)
        if i:
            times.append(asked - start + time.perf_counter() - told)
    memory = ""
    if name == "nocturne":
        with open(f"/proc/{o._pipe.pid}/status") as f:
            memory = next(line.split(":")[1].strip() for line in f if line.startswith("VmHWM"))
    o.close()
    return np.array(times), memory


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--d", type=int, nargs="+", default=[4, 8])
    p.add_argument("--n", type=int, nargs="+", default=[100, 500, 1000])
    p.add_argument("--asks", type=int, default=60)
    p.add_argument("--rival-asks", type=int, default=5, help="0: no rival")
    p.add_argument("--rival-limit", type=int, default=1000, help="no rival above this n")
    a = p.parse_args()
    print(f"{'d':>3} {'n':>6}  {'mean':>9} {'p50':>9} {'p99':>9} {'max':>9}  {'memory':>10}   GPSampler mean   ratio")
    for d in a.d:
        for n in a.n:
            t, memory = measure("nocturne", d, n, a.asks)
            line = f"{d:3} {n:6}  {t.mean()*1e3:6.1f} ms {np.median(t)*1e3:6.1f} ms {np.quantile(t, .99)*1e3:6.1f} ms " \
                   f"{t.max()*1e3:6.1f} ms  {memory:>10}"
            if a.rival_asks and n <= a.rival_limit:
                r, _ = measure("gpsampler", d, n, a.rival_asks)
                line += f"   {r.mean()*1e3:9.0f} ms   {r.mean()/t.mean():7.1f}"
            print(line, flush=True)


main()
