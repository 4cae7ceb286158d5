"""Records the learning curves of curve_tasks.py: a thousand small trainings of a task, a few minutes on one core. Data
are scikit-learn's own or generated. Trainings whose arrays have the same shapes run side by side in one array.

    python3 tests/bench/record_tasks.py NAME… [-n 1000] [--out tests/bench/curve_tasks]
"""
import argparse
import csv
import gzip
import io
import os
import sys
import time
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from scipy.stats import qmc

from curve_tasks import HERE, SPECS

REPORTS = 50
F = np.float32


def sample(p, u):
    if "values" in p:
        return p["values"][min(int(u * len(p["values"])), len(p["values"]) - 1)]
    lo, hi = p["range"]
    if p["type"] == "int":
        lo, hi = lo - 0.5, hi + 0.5
    v = lo * (hi / lo) ** u if p["scale"] == "log" else lo + u * (hi - lo)
    return int(np.clip(round(v), *p["range"])) if p["type"] == "int" else float(f"{v:.4g}")


def configurations(name, n):
    """The baseline, if there is one, then a scrambled Sobol sequence over the box."""
    spec = SPECS[name]
    points = qmc.Sobol(len(spec["parameters"]), seed=1).random(1 << (n - 1).bit_length())[:n]
    out = [{k: sample(p, u) for (k, p), u in zip(spec["parameters"].items(), x)} for x in points]
    return [spec["baseline"], *out[:-1]] if spec.get("baseline") else out


def side_by_side(configs, same, size="hidden", units=2048, most=64):
    """Indices of configurations to train together: equal in `same`, of similar size."""
    groups = {}
    for i in sorted(range(len(configs)), key=lambda i: configs[i][size]):
        groups.setdefault(tuple(configs[i][s] for s in same), []).append(i)
    for g in groups.values():
        part = []
        for i in g:
            if part and (len(part) == most or (len(part) + 1) * configs[i][size] > units):
                yield part
                part = []
            part.append(i)
        yield part


def column(configs, name, axes=2):
    return np.array([c[name] for c in configs], F).reshape(-1, *[1] * axes)


def softmax(z):
    z = z - z.max(-1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(-1, keepdims=True)
    return z


class Nets:
    """Networks with one hidden layer of ReLU, one for each of `hidden`; narrower ones are padded with dead units."""

    def __init__(self, rng, inputs, hidden, outputs, scale=1.0):
        width, g = max(hidden), len(hidden)
        alive = (np.arange(width) < np.array(hidden)[:, None]).astype(F)
        a = rng.standard_normal((g, inputs, width), dtype=F) * alive[:, None] * F((2 / inputs) ** .5) * scale
        b = rng.standard_normal((g, width, outputs), dtype=F) * alive[:, :, None] * scale
        b *= np.array([(1 / h) ** .5 for h in hidden], F)[:, None, None]
        self.w = [a, np.zeros((g, 1, width), F), b, np.zeros((g, 1, outputs), F)]
        self.m = [np.zeros_like(w) for w in self.w]
        self.v = [np.zeros_like(w) for w in self.w]
        self.t = 0

    def forward(self, x, keep=None, w=None):
        a, c, b, d = w or self.w
        self.x, self.keep = x, keep
        h = np.matmul(x, a)
        h += c
        np.maximum(h, 0, out=h)
        if keep is not None:
            h *= keep
        self.h = h
        z = np.matmul(h, b)
        z += d
        return z

    def gradients(self, dz, w=None):
        b = (w or self.w)[2]
        dh = np.matmul(dz, b.transpose(0, 2, 1))
        dh *= self.h > 0 if self.keep is None else (self.h > 0) * self.keep
        return [np.matmul(np.swapaxes(self.x, -1, -2), dh), dh.sum(1, keepdims=True),
                np.matmul(self.h.transpose(0, 2, 1), dz), dz.sum(1, keepdims=True)]

    def sgd(self, grads, rate, momentum, decay):
        for i, (w, m, g) in enumerate(zip(self.w, self.m, grads)):
            if i % 2 == 0:
                g += decay * w
            g *= rate
            m *= momentum
            m -= g
            w += m

    def adam(self, grads, rate, decay, beta=0.9, beta2=0.99):
        self.t += 1
        correct = F((1 - beta2 ** self.t) ** .5 / (1 - beta ** self.t))
        for i, (w, m, v, g) in enumerate(zip(self.w, self.m, self.v, grads)):
            m *= F(beta)
            m += F(1 - beta) * g
            v *= F(beta2)
            g *= g
            g *= F(1 - beta2)
            v += g
            s = np.sqrt(v)
            s += F(1e-8)
            np.divide(m, s, out=s)
            s *= rate * correct
            if i % 2 == 0:
                w *= 1 - rate * decay
            w -= s


def dropout(rng, p, batch, width):
    u = rng.random((batch, width), dtype=F)
    return (u >= p) / (1 - p)


def log_loss(p, y):
    """Of each network: its mean −log p of the right class."""
    right = np.take_along_axis(p, np.broadcast_to(y[:, None], (len(p), len(y), 1)), 2)[..., 0]
    return -np.log(np.maximum(right, F(1e-30))).mean(1, dtype=float) + 0 * p.sum((1, 2))  # nan stays nan


def digits(train=900, other=600):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    x, y = load_digits(return_X_y=True)
    a, b, ya, yb = train_test_split(x / 16, y, train_size=train, test_size=other, random_state=0, stratify=y)
    mean = a.mean(0)
    return (a - mean).astype(F), ya, (b - mean).astype(F), yb


def mlp_digits(configs, seed):
    """SGD with momentum; log loss on 600 other digits after each epoch."""
    x, y, xv, yv = digits()
    target = np.eye(10, dtype=F)[y]
    for part in side_by_side(configs, ["batch_size"]):
        c = [configs[i] for i in part]
        rng = np.random.default_rng([seed, c[0]["batch_size"], len(part)])
        net = Nets(rng, 64, [k["hidden"] for k in c], 10, column(c, "init_scale"))
        p, width, curves = column(c, "dropout"), max(k["hidden"] for k in c), []
        for epoch in range(REPORTS):
            rate = column(c, "learning_rate") * np.exp(-epoch * column(c, "lr_decay"))
            for at in np.array_split(rng.permutation(len(y)), len(y) // c[0]["batch_size"]):
                q = softmax(net.forward(x[at], dropout(rng, p, len(at), width)))
                q -= target[at]
                q /= F(len(at))
                net.sgd(net.gradients(q), rate, column(c, "momentum"), column(c, "weight_decay"))
            curves.append(log_loss(softmax(net.forward(xv)), yv))
        yield part, [np.array(curves).T]


# name: what trains it, seeds
RECORD = {"mlp-digits": (mlp_digits, 2)}


def record(name, n, folder):
    spec, (train, seeds), begun = SPECS[name], RECORD[name], time.process_time()
    configs, rows, done = configurations(name, n), {}, 0
    for seed in range(1, seeds + 1):
        for part, metrics in train(configs, seed):
            for j, i in enumerate(part):
                curves = [np.array(m[j], float) for m in metrics]
                curves[0][np.maximum.accumulate(~np.isfinite(curves[0]))] = np.nan
                rows[i, seed] = [" ".join(f"{v:.4g}" if m["kind"] == "value" else f"{v:.8g}" for v in curve)
                                 for curve, m in zip(curves, spec["metrics"].values())]
            done += len(part)
            if sys.stderr.isatty():
                print(f"\r{name}: {done} of {seeds * n} ", end="", file=sys.stderr, flush=True)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*spec["parameters"], "seed", *spec["metrics"]])
    for i, c in enumerate(configs):
        for seed in range(1, seeds + 1):
            table.writerow([*c.values(), seed, *rows[i, seed]])
    path = Path(folder) / f"{name}.csv.gz"
    path.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))
    print(f"{name}: {seeds} × {n} trainings, {time.process_time() - begun:.0f} CPU-seconds, {path.stat().st_size / 1000:.0f} kB")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="+", choices=RECORD, metavar="NAME")
    p.add_argument("-n", type=int, help="configurations (900 with two seeds, 1000 with one)")
    p.add_argument("--out", default=HERE / "curve_tasks")
    o = p.parse_args()
    np.seterr(all="ignore")
    for name in o.names:
        record(name, o.n or (900 if RECORD[name][1] > 1 else 1000), o.out)


if __name__ == "__main__":
    main()
