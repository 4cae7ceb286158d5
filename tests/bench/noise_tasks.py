"""Functions under noise: a known optimum of 0, Gaussian noise as a share of the spread over random points.

Ten are reported, ten were tuned on; 2 to 10 dimensions, some with integers and categories. `spread` is the standard
deviation of the true value over 2,048 random configurations, the unit of every regret here.
"""
import functools
import math

import numpy as np

from task import Param, Task

SHARES = (0.05, 0.3, 1.0, 2.0)


def numbers(*ranges):
    return [Param(f"x{i}", "float", lo, hi) for i, (lo, hi) in enumerate(ranges)]


def choice(name, *values):
    return Param(name, "categorical", values=values)


class Function(Task):
    family, noisy = "noise", True

    def __init__(self, name, params, value, optimum=0.0, tuned=False):
        self.name, self._params, self._value, self._optimum, self.tuned = name, params, value, optimum, tuned

    def params(self):
        return self._params

    def true(self, config):
        return float(self._value(*[config[p.name] for p in self._params])) - self._optimum

    @functools.cached_property
    def spread(self):
        rng = np.random.default_rng(99)
        return float(np.std([self.true(self.random(rng)) for _ in range(2048)]))

    def under_noise(self, config, rng, share):
        return self.true(config) + share * self.spread * float(rng.normal())


# ---- reported ----

def branin(x, y):
    return (y - 5.1 / (4 * math.pi ** 2) * x * x + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


H_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
H3_A = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
H3_P = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])
H6_A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
                 [17, 8, 0.05, 10, 0.1, 14]])
H6_P = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                        [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]])


def hartmann(a, p):
    return lambda *x: -np.sum(H_ALPHA * np.exp(-np.sum(a * (np.array(x) - p) ** 2, axis=1)))


def levy(*x):
    w = 1 + (np.array(x) - 1) / 4
    return (math.sin(math.pi * w[0]) ** 2 + np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(math.pi * w[:-1] + 1) ** 2)) +
            (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2))


def ackley(*x):
    z = np.array(x)
    return 20 - 20 * math.exp(-0.2 * math.sqrt(np.mean(z * z))) + math.e - math.exp(np.mean(np.cos(2 * math.pi * z)))


def styblinski(*x):
    z = np.array(x)
    return 0.5 * np.sum(z ** 4 - 16 * z ** 2 + 5 * z)


def rosenbrock(*x):
    z = np.array(x)
    return np.sum(100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2)


def ellipsoid(*x):
    z = np.array(x) - np.linspace(-0.7, 0.6, len(x))
    return np.sum(10 ** np.linspace(0, 2, len(x)) * z * z)


def mixed(a, b, u, v, w, n):
    centre = {"red": (0.3, 0.6), "green": (0.7, 0.2), "blue": (0.5, 0.9)}[a]
    worse = {"red": 0.15, "green": 0.0, "blue": 0.3}[a] + {"in": 0.0, "out": 0.1}[b]
    return (u - centre[0]) ** 2 + 2 * (v - centre[1]) ** 2 + (w - 0.4) ** 2 + 0.01 * (n - 6) ** 2 + worse


def kernel_machine(kernel, c, gamma):
    best, width, worse = {"linear": (0, 9, 0.12), "rbf": (-1.5, 1, 0.0), "poly": (-0.5, 2, 0.06)}[kernel]
    p, q = math.log10(c) - 1, math.log10(gamma) - best
    return worse + 1 - math.exp(-0.5 * ((p + 0.5 * q) ** 2 / 1.5 + q * q / (2 * width ** 2)))


REPORTED = [
    Function("branin", numbers((-5, 10), (0, 15)), branin, 0.39788736),
    Function("hartmann-3", numbers(*[(0, 1)] * 3), hartmann(H3_A, H3_P), -3.86277979),
    Function("hartmann-6", numbers(*[(0, 1)] * 6), hartmann(H6_A, H6_P), -3.32236801),
    Function("levy-5", numbers(*[(-6, 8)] * 5), levy),
    Function("ackley-4", numbers(*[(-4, 6)] * 4), ackley),
    Function("styblinski-4", numbers(*[(-5, 5)] * 4), styblinski, 4 * -39.16616570),
    Function("rosenbrock-4", numbers(*[(-2, 2)] * 4), rosenbrock),
    Function("ellipsoid-10", numbers(*[(-1, 1)] * 10), ellipsoid),
    Function("mixed-6", [choice("a", "red", "green", "blue"), choice("b", "in", "out"), *numbers(*[(0, 1)] * 3),
                         Param("n", "int", 1, 12)], mixed),
    Function("kernel-3", [choice("kernel", "linear", "rbf", "poly"), Param("c", "float", 1e-2, 1e4, log=True),
                          Param("gamma", "float", 1e-5, 1e2, log=True)], kernel_machine),
]


# ---- tuned on ----

def turned(d, seed, condition):
    """A random rotation after scaling: a quadratic form of this condition."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(d, d)))
    return np.diag(np.sqrt(np.geomspace(1, condition, d))) @ q, rng.uniform(0.2, 0.8, d)


def bowl(d, seed, condition, outer=lambda r2: r2):
    form, centre = turned(d, seed, condition)
    return lambda *x: outer(np.sum((form @ (np.array(x) - centre)) ** 2))


def choice_bowl(a, *x):
    z = np.array(x) - {"p": (0.3, 0.3, 0.6), "q": (0.35, 0.4, 0.5), "r": (0.8, 0.7, 0.2), "s": (0.5, 0.5, 0.5)}[a]
    return np.sum(np.array([1, 3, 2]) * z * z) + {"p": 0.05, "q": 0.0, "r": 0.3, "s": 0.2}[a]


def ripples(*x):
    z = (np.array(x) - 0.37) * 6
    return np.sum(z * z + 2 * (1 - np.cos(3 * z)))


def training(optimizer, rate, batch, layers, decay):
    best = {"sgd": -1.0, "adam": -3.0, "lion": -3.6}[optimizer] + 0.5 * math.log10(batch / 64)
    q = math.log10(rate) - best
    return {"sgd": 0.08, "adam": 0.0, "lion": 0.03}[optimizer] + 1 - math.exp(-0.4 * q * q) + 0.02 * (layers - 5) ** 2 + \
        0.05 * (math.log10(decay) + 3) ** 2 + 0.05 * math.log2(batch / 64) ** 2 / 4


def whole_numbers(kind, a, b, c, *x):
    z = np.array(x) - np.array([0.8, 0.3, 0.55, 0.4])
    return 0.02 * (a - 3) ** 2 + 0.01 * (b - 11) ** 2 + 0.03 * (c - 2) ** 2 + np.sum(z * z) + 0.4 * abs(z[0] * z[1]) + \
        {"k": 0.1, "l": 0.0, "m": 0.25}[kind]


def few_active(*x):
    z = np.array(x[:4]) - np.array([0.25, 0.7, 0.6, 0.45])
    return np.sum(np.array([1, 2, 4, 1]) * z * z) + z[0] * z[2]


unit = [(0, 1)]
TUNED = [
    Function("bowl-2", numbers(*unit * 2), bowl(2, 1, 8), tuned=True),
    Function("choice-4", [choice("a", "p", "q", "r", "s"), *numbers(*unit * 3)], choice_bowl, tuned=True),
    Function("bowl-3", numbers(*unit * 3), bowl(3, 2, 30, math.sqrt), tuned=True),
    Function("ripples-2", numbers(*unit * 2), ripples, tuned=True),
    Function("bowl-6", numbers(*unit * 6), bowl(6, 3, 20), tuned=True),
    Function("cone-5", numbers(*unit * 5), bowl(5, 4, 4, lambda r2: r2 ** 0.4), tuned=True),
    Function("well-4", numbers(*unit * 4), bowl(4, 5, 5, lambda r2: 1 - math.exp(-2 * r2)), tuned=True),
    Function("training-5", [choice("optimizer", "sgd", "adam", "lion"), Param("rate", "float", 1e-5, 1, log=True),
                            Param("batch", "int", 8, 512, log=True), Param("layers", "int", 1, 10),
                            Param("decay", "float", 1e-6, 1e-1, log=True)], training, tuned=True),
    Function("whole-8", [choice("kind", "k", "l", "m"), Param("a", "int", 1, 8), Param("b", "int", 1, 16),
                         Param("c", "int", 1, 6), *numbers(*unit * 4)], whole_numbers, tuned=True),
    Function("active-10", numbers(*unit * 10), few_active, tuned=True),
]

# The quadratic form of few_active is positive definite: its optimum is 0, at the centre.
