"""Ask latency, one thread, amortised over ask and tell: Nocturne beside Optuna's GPSampler, in one run.

    python3 tests/bench/latency.py --d 4 8 --n 100 500 1000 [--rival-asks 5] [--asks 60] [--noise 0.01]
    python3 tests/bench/latency.py --cloud --n 10000 --rival-asks 0

A study of n told trials of a rotated, noisy bowl, which the search itself has made (Nocturne's; both are told it); then
`asks` times ask and tell. --cloud: half random, half around the optimum instead, which is made faster and easier to
model than what a search leaves behind. Time is the wall clock around the pipe (Nocturne) or the call (Optuna). The p99
of 60 asks is the slowest but none. Memory is the peak of the process.
"""
import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

import optimizers  # noqa: E402
from task import Param, Task  # noqa: E402


class Bowl(Task):
    name = family = "bowl"

    def __init__(self, d, noise):
        self._d, self._noise, rng = d, noise, np.random.default_rng(d)
        self._rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))

    def params(self):
        return [Param(f"x{i}", "float", -1, 1) for i in range(self._d)]

    def true(self, config):
        z = self._rotation @ (np.array([config[f"x{i}"] for i in range(self._d)]) - 0.2)
        return float(np.sum(z**2 * np.geomspace(1, 10, self._d)) + 0.3 * np.sum(np.cos(5 * z)))

    def observe(self, config, rng):
        return self.true(config) + self._noise * rng.standard_normal()


def cloud(task, n):
    """Half random, half near the optimum."""
    rng, told = np.random.default_rng(1), []
    for i in range(n):
        config = task.random(rng)
        if i % 2:
            config = {k: float(f"{np.clip(0.2 + 0.1 * rng.standard_normal(), -1, 1):.6g}") for k in config}
        told.append((config, task.observe(config, rng)))
    return told


def searched(task, n):
    """What Nocturne itself tries."""
    rng, told, o = np.random.default_rng(1), [], optimizers.make("nocturne", task, 1)
    for _ in range(n):
        handle, config = o.ask()
        told.append((config, task.observe(config, rng)))
        o.tell(handle, *told[-1])
    o.close()
    return told


def measure(name, task, told, asks):
    o = optimizers.make(name, task, 1)
    for config, value in told:
        o.add(config, value)
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
    p.add_argument("--noise", type=float, default=0.01, help="0.01; random points spread by about 1.3")
    p.add_argument("--cloud", action="store_true", help="points that no search has made")
    a = p.parse_args()
    print(f"{'d':>3} {'n':>6}  {'mean':>9} {'p50':>9} {'p99':>9} {'max':>9}  {'memory':>10}   GPSampler mean   ratio")
    for d in a.d:
        task = Bowl(d, a.noise)
        whole = (cloud if a.cloud else searched)(task, max(a.n))
        for n in a.n:
            t, memory = measure("nocturne", task, whole[:n], a.asks)
            line = f"{d:3} {n:6}  {t.mean()*1e3:6.1f} ms {np.median(t)*1e3:6.1f} ms {np.quantile(t, .99)*1e3:6.1f} ms " \
                   f"{t.max()*1e3:6.1f} ms  {memory:>10}"
            if a.rival_asks and n <= a.rival_limit:
                r, _ = measure("gpsampler", task, whole[:n], a.rival_asks)
                line += f"   {r.mean()*1e3:9.0f} ms   {r.mean()/t.mean():7.1f}"
            print(line, flush=True)


main()
