"""What a task is: parameters, a true value, a noisy observation, and the scale of its regret (tasks.py says which there are)."""
import functools
import math
import os
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Param:
    name: str
    kind: str  # float | int | ordinal | categorical
    lo: float = 0
    hi: float = 0
    log: bool = False
    values: tuple = ()
    when: tuple = ()  # (parent, values): active only if the parent has one of them

    def sample(self, u):
        if self.kind in ("ordinal", "categorical"):
            return self.values[min(int(u * len(self.values)), len(self.values) - 1)]
        if self.kind == "int":
            lo, hi = self.lo - 0.5, self.hi + 0.5
            x = math.exp(math.log(lo) + u * (math.log(hi) - math.log(lo))) if self.log else lo + u * (hi - lo)
            return int(min(max(round(x), self.lo), self.hi))
        x = self.lo * (self.hi / self.lo) ** u if self.log else self.lo + u * (self.hi - self.lo)
        return float(f"{min(max(x, self.lo), self.hi):.6g}")


class Task:
    name = ""
    family = ""
    tuned = False  # constants may be chosen on it; reported apart
    noisy = False
    log_regret = False

    def params(self) -> list[Param]:
        raise NotImplementedError

    def true(self, config) -> float:
        raise NotImplementedError

    def observe(self, config, rng) -> float:
        return self.true(config)

    def bounds(self):  # best, median
        raise NotImplementedError

    def regret(self, config):
        value, (best, median) = self.true(config), self.bounds()
        if self.log_regret:
            value, best, median = map(math.log, (value, best, median))
        return float(np.clip((value - best) / (median - best), 0, 1))

    def active(self, config):
        out = {}
        for p in self.params():
            if not p.when or out.get(p.when[0]) in p.when[1]:
                out[p.name] = config[p.name]
        return out

    def random(self, rng):
        return self.active({p.name: p.sample(u) for p, u in zip(self.params(), rng.random(len(self.params())))})

    def initial(self, seed):
        """The same first points for every optimizer: scrambled Sobol."""
        from scipy.stats import qmc

        d = len(self.params())
        n = max(4, min(d + 1, 10))
        points = qmc.Sobol(d, scramble=True, seed=seed).random(16)[:n]
        return [self.active({p.name: p.sample(u) for p, u in zip(self.params(), row)}) for row in points]

    @functools.cached_property
    def _median(self):
        rng = np.random.default_rng(99)
        return float(np.median([self.true(self.random(rng)) for _ in range(self.median_of)]))

    median_of = 2048


@functools.lru_cache
def coco(suite, function, dimension, instance=1):
    import cocoex

    s = cocoex.Suite(suite, "", f"dimensions:{dimension} instance_indices:{instance} function_indices:{function}")
    problem = s.get_problem(0)
    best = cocoex.Suite(suite, "", f"dimensions:{dimension} instance_indices:{instance} function_indices:{function}")
    twin = best.get_problem(0)
    twin._best_parameter("print")
    optimum = np.loadtxt("._bbob_problem_best_parameter.txt")
    os.unlink("._bbob_problem_best_parameter.txt")
    return s, problem, float(twin(optimum))
