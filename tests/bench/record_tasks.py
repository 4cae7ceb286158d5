"""Records the learning curves of curve_tasks.py: a thousand small trainings of a task, a few minutes on one core. Data
are scikit-learn's own or generated. Trainings whose arrays have the same shapes run side by side in one array, on the same
batches.

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


def boost_diabetes(configs, seed):
    """Gradient boosting, squared error of the other half after each eight trees."""
    from sklearn.datasets import load_diabetes
    from sklearn.ensemble import GradientBoostingRegressor
    x, y = load_diabetes(return_X_y=True)
    half = np.random.default_rng(0).permutation(len(y))
    a, b = half[:221], half[221:]
    for i, c in enumerate(configs):
        model = GradientBoostingRegressor(
            n_estimators=8 * REPORTS, learning_rate=c["learning_rate"], max_depth=c["max_depth"], random_state=seed,
            min_samples_leaf=c["min_samples_leaf"], subsample=c["subsample"], max_features=c["max_features"], loss=c["loss"],
            alpha=c["huber"], min_impurity_decrease=c["min_impurity_decrease"]).fit(x[a], y[a])
        errors = [((p - y[b]) ** 2).mean() for p in model.staged_predict(x[b])]
        yield [i], [[errors[7::8]]]


def crossing(configs, seed):
    """SGD with momentum under a schedule of its rate, on digits whose inputs are ill-conditioned and of whose labels three
    in ten are wrong, others in each epoch: a rate that the slow directions need keeps the loss high by its noise until it
    decays, and a low one, ahead for most of the time, never gets there. Log loss on 600 digits after each epoch."""
    x, y, xv, yv = digits()
    _, _, axes = np.linalg.svd(x, full_matrices=False)
    skew = axes.T * np.arange(1, 65, dtype=F) ** F(-0.5)
    x, xv = x @ skew * F(2), xv @ skew * F(2)
    for part in side_by_side(configs, ["batch_size"]):
        c = [configs[i] for i in part]
        rng = np.random.default_rng([seed, c[0]["batch_size"], len(part)])
        net = Nets(rng, 64, [k["hidden"] for k in c], 10)
        at, to, warm, top = (column(c, k) for k in ("decay_at", "decay_to", "warm_up", "learning_rate"))
        kind, curves = np.array([k["schedule"] for k in c]).reshape(-1, 1, 1), []
        batches = len(y) // c[0]["batch_size"]
        for epoch in range(REPORTS):
            told = np.where(rng.random(len(y)) < 0.3, rng.integers(0, 10, len(y)), y)
            for b, rows in enumerate(np.array_split(rng.permutation(len(y)), batches)):
                t = (epoch + (b + 1) / batches) / REPORTS
                fall = np.clip((t - at) / (1 - at), 0, 1)
                shape = np.select([kind == "step", kind == "linear"], [np.where(t > at, to, 1), 1 - (1 - to) * fall],
                                  to + (1 - to) * (1 + np.cos(np.pi * fall)) / 2)
                q = softmax(net.forward(x[rows]))
                q[..., range(len(rows)), told[rows]] -= 1
                q /= F(len(rows))
                rate = (top * shape * np.minimum(1, t / warm)).astype(F)
                net.sgd(net.gradients(q), rate, column(c, "momentum"), column(c, "weight_decay"))
            curves.append(log_loss(softmax(net.forward(xv)), yv))
        yield part, [np.array(curves).T]


def tail(configs, seed):
    """Least squares on a stream of examples whose inputs' variances fall as a power, by SGD or Adam with an average of the
    weights: the error falls as a power of the steps, and still does at the end. Excess error every 100 steps."""
    size = 256
    k = np.arange(1, size + 1)
    deviation, truth = (k ** -0.75).astype(F), np.random.default_rng(0).standard_normal(size).astype(F) * (k ** -0.1).astype(F)
    for batch in SPECS["tail"]["parameters"]["batch_size"]["values"]:
        part = [i for i, c in enumerate(configs) if c["batch_size"] == batch]
        c = [configs[i] for i in part]
        rng = np.random.default_rng([seed, batch])
        top, forget, power, gamma, decay, white = (
            column(c, name, 1) for name in ("learning_rate", "forget", "decay_power", "averaging", "weight_decay", "whitening"))
        scale = deviation ** (-2 * white)
        adam = np.array([k["optimizer"] == "adam" for k in c])[:, None]
        w, m, v, mean = (np.zeros((len(c), size), F) for _ in range(4))
        curves = []
        for t in range(1, 100 * REPORTS + 1):
            x = rng.standard_normal((batch, size), dtype=F) * deviation
            y = x @ truth + F(0.1) * rng.standard_normal(batch, dtype=F)
            g = (x @ (w * scale).T - y[:, None]).T @ x * scale / F(batch)
            g += decay * w
            m += forget * (g - m)
            v += F(0.01) * (g * g - v)
            step = np.where(adam, m / (np.sqrt(v / F(1 - 0.99 ** t)) + F(1e-8)), m) / (1 - (1 - forget) ** t)
            w -= top * F(1 + t / 100) ** -power * step
            mean += (gamma + 1) / (t + gamma) * (w - mean)
            if t % 100 == 0:
                curves.append(((deviation * (mean * scale - truth)) ** 2).sum(1, dtype=float))
        curves = np.array(curves).T
        yield part, [np.where(curves < 1e6, curves, np.nan)]


def boost_digits(configs, seed):
    """Boosting of trees that serve all ten classes, on 500 digits; log loss on 600 others after every second tree."""
    from sklearn.tree import DecisionTreeRegressor
    x, y, xv, yv = digits(500)
    target = np.eye(10)[y]
    for i, c in enumerate(configs):
        rng, curve = np.random.default_rng([seed, i]), []
        z, zv, dz, dzv = np.zeros((500, 10)), np.zeros((600, 10)), 0, 0
        for tree in range(1, 2 * REPORTS + 1):
            p = softmax(z)
            some = rng.permutation(500)[:max(10, round(500 * c["subsample"]))]
            model = DecisionTreeRegressor(
                max_leaf_nodes=c["leaves"], min_samples_leaf=c["min_samples_leaf"], max_features=c["max_features"],
                splitter=c["splitter"], random_state=int(rng.integers(1 << 31))).fit(x[some], (target - p)[some])
            at, leaves = model.apply(x[some]), model.tree_.node_count
            one = np.zeros((leaves, len(some)))
            one[at, range(len(some))] = 1
            value = one @ (target - p)[some] / (one @ (p * (1 - p))[some] + c["l2"])
            dz = c["momentum"] * dz + c["learning_rate"] * value[model.apply(x)]
            dzv = c["momentum"] * dzv + c["learning_rate"] * value[model.apply(xv)]
            z, zv = z + dz, zv + dzv
            if tree % 2 == 0:
                curve.append(log_loss(softmax(zv)[None], yv))
        yield [i], [np.array(curve).T]


def sums(a):
    """Pairs of two-digit numbers as four one-hot digits, and the three digits of their sums."""
    a, b = a // 100, a % 100
    d = np.stack([a // 10, a % 10, b // 10, b % 10], 1)
    x = np.zeros((len(a), 40), F)
    x[np.arange(len(a))[:, None], d + 10 * np.arange(4)] = 1
    return x, np.stack([(a + b) // 100, (a + b) // 10 % 10, (a + b) % 10], 1)


def addition(configs, seed):
    """Adam learns to add two two-digit numbers; the exact matches among 1,000 questions it never sees, and the digits
    read so far, seven an example. In the curriculum's share of the training the numbers grow from one digit to two."""
    pairs = np.random.default_rng(0).permutation(10000)
    held, free = pairs[:1000], pairs[1000:]
    free = free[np.argsort(np.maximum(free // 100, free % 100), kind="stable")]
    limit = np.searchsorted(np.maximum(free // 100, free % 100), np.arange(101))
    xv, yv = sums(held)
    for part in side_by_side(configs, ["batch_size", "every"]):
        c = [configs[i] for i in part]
        batch, every, g = c[0]["batch_size"], c[0]["every"], len(c)
        rng = np.random.default_rng([seed, batch, every, g])
        net = Nets(rng, 40, [k["hidden"] for k in c], 30, column(c, "init_scale"))
        p, share, width, right = column(c, "dropout"), column(c, "curriculum", 0), max(k["hidden"] for k in c), []
        rate, decay = column(c, "learning_rate"), column(c, "weight_decay")
        known, digit = sums(free), np.arange(3)
        for step in range(1, REPORTS * every // batch + 1):
            t = step * batch / every / REPORTS
            most = limit[np.clip(10 + 90 * t / np.maximum(share, 1e-9), 10, 100).astype(int)]
            rows = (rng.random(batch) * most[:, None]).astype(int)
            q = softmax(net.forward(known[0][rows], dropout(rng, p, batch, width)).reshape(g, batch, 3, 10))
            q[np.arange(g)[:, None, None], np.arange(batch)[:, None], digit, known[1][rows]] -= 1
            q /= F(batch)
            net.adam(net.gradients(q.reshape(g, batch, 30)), rate, decay)
            if step * batch % every == 0:
                answer = net.forward(xv).reshape(g, 1000, 3, 10).argmax(-1)
                right.append((answer == yv).all(-1).mean(1))
        yield part, [np.array(right).T, np.tile(7 * every * np.arange(1, REPORTS + 1), (g, 1))]


def quantised(w, bits, mask):
    top = np.abs(w).max((1, 2), keepdims=True) + F(1e-9)
    levels = 2 ** (bits - 1) - 1
    return np.round(w / top * levels) * (top / levels) * mask


def distil(configs, seed):
    """A student of few bits and few weights learns digits from a teacher's answers and from the labels; exact matches on
    897 other digits. Its cost are the patches of the images it has read, times its bits and weights as a share of those of
    a network of 8 bits and 32 hidden units."""
    from sklearn.neural_network import MLPClassifier
    x, y, xv, yv = digits(900, 897)
    logs = MLPClassifier((256,), alpha=1, max_iter=1000, random_state=0).fit(x, y).predict_log_proba(x).astype(F)

    def patches(x, size):
        return x.reshape(-1, 8 // size, size, 8 // size, size).mean((2, 4)).reshape(len(x), -1).astype(F) * F(2)
    for part in side_by_side(configs, ["batch_size", "every", "patch"]):
        c = [configs[i] for i in part]
        batch, every, g = c[0]["batch_size"], c[0]["every"], len(c)
        a, b = patches(x, c[0]["patch"]), patches(xv, c[0]["patch"])
        rng = np.random.default_rng([seed, batch, every, len(a[0]), g])
        net = Nets(rng, len(a[0]), [k["hidden"] for k in c], 10)
        bits, rate, soft, warmth = (column(c, k) for k in ("bits", "learning_rate", "soft", "temperature"))
        target = soft * softmax(logs / warmth) + (1 - soft) * np.eye(10, dtype=F)[y]
        masks, right = [1, 1], []
        for step in range(1, REPORTS * every // batch + 1):
            if (step - 1) * batch % every == 0:  # the smallest weights are left out, chosen anew at each report
                for m, w in enumerate(net.w[::2]):
                    masks[m] = np.ones_like(w)
                    for j, k in enumerate(c):
                        size = np.abs(w[j][w[j] != 0])
                        masks[m][j] = np.abs(w[j]) >= np.quantile(size, 1 - k["density"])
            rows = rng.integers(0, len(a), batch)
            w = [quantised(net.w[0], bits, masks[0]), net.w[1], quantised(net.w[2], bits, masks[1]), net.w[3]]
            q = softmax(net.forward(a[rows], None, w))
            q -= target[:, rows]
            q /= F(batch)
            net.adam(net.gradients(q, w), rate, F(0))
            if step * batch % every == 0:
                w = [quantised(net.w[0], bits, masks[0]), net.w[1], quantised(net.w[2], bits, masks[1]), net.w[3]]
                right.append((net.forward(b, None, w).argmax(-1) == yv).mean(1))
        size = np.array([len(a[0]) * k["hidden"] / 32 * k["bits"] / 8 * k["density"] for k in c])
        yield part, [np.array(right).T, np.rint(every * size[:, None] * np.arange(1, REPORTS + 1))]


def swing(theta, net, rng, steps=100):
    """Return of policies (each row of `net` one) that swing a pendulum up from angles theta; a column an episode."""
    speed, total = rng.uniform(-1, 1, theta.shape).astype(F), np.zeros(theta.shape, F)
    w, b, v = net  # policies × 3 × hidden, policies × 1 × hidden, policies × hidden × 1
    for _ in range(steps):
        s, c = np.sin(theta), np.cos(theta)
        h = np.tanh(np.matmul(np.stack([c, s, speed / 4], -1), w) + b)
        push = 2 * np.tanh(np.matmul(h, v)[..., 0])
        total -= ((theta + F(np.pi)) % F(2 * np.pi) - F(np.pi)) ** 2 + F(0.1) * speed ** 2 + F(0.001) * push ** 2
        speed = np.clip(speed + (15 * s + 3 * push) * F(0.05), -8, 8)
        theta = theta + speed * F(0.05)
    return total


def es_pendulum(configs, seed):
    """Evolution strategy with mirrored pairs: a network learns to swing a pendulum up. Mean return of 16 episodes after
    each 128 of training; noisy, goes up and down."""
    for part in side_by_side(configs, ["pairs", "episodes"], units=10 ** 9, most=100):
        c = [configs[i] for i in part]
        pairs, episodes, g, width = c[0]["pairs"], c[0]["episodes"], len(c), max(k["hidden"] for k in c)
        rng = np.random.default_rng([seed, pairs, episodes])
        alive = (np.arange(width) < column(c, "hidden", 1)).astype(F)
        alive = np.concatenate([np.tile(alive, 5)], 1)
        w = rng.standard_normal((g, 5 * width), dtype=F) * alive * F(0.1)
        m, curves, kind = np.zeros_like(w), [], np.array([k["fitness"] for k in c])[:, None]
        rate, sigma, decay, momentum = (column(c, k, 1) for k in ("learning_rate", "sigma", "weight_decay", "momentum"))

        def returns(w, n):
            net = w.reshape(-1, 5, width)
            theta = rng.uniform(-np.pi, np.pi, (1, n)).astype(F) + np.zeros((len(net), 1), F)
            return swing(theta, (net[:, :3], net[:, 3:4], net[:, 4, :, None]), rng)
        for report in range(REPORTS):
            for _ in range(128 // (2 * pairs * episodes)):
                e = rng.standard_normal((g, pairs, 5 * width), dtype=F) * alive[:, None]
                e = np.concatenate([e, -e], 1)
                f = returns((w[:, None] + sigma[:, None] * e).reshape(-1, 5 * width), episodes).mean(1).reshape(g, 2 * pairs)
                centred = f - f.mean(1, keepdims=True)
                deviation = centred.std(1, keepdims=True) + F(1e-6)
                f = np.select([kind == "raw", kind == "deviation"], [centred / 100, centred / deviation],
                              2 * f.argsort(1).argsort(1) / F(2 * pairs - 1) - 1)
                step = np.einsum("gp,gpw->gw", f.astype(F), e) / (2 * pairs * sigma) - decay * w
                m = momentum * m + step
                w = w + rate * m
            curves.append(returns(w, 16).mean(1))
        yield part, [np.array(curves).T]


# name: what trains it, seeds, configurations (so that no file is above 200 kB)
RECORD = {"mlp-digits": (mlp_digits, 2, 900), "boost-diabetes": (boost_diabetes, 1, 1000), "crossing": (crossing, 2, 780),
          "tail": (tail, 1, 1000), "boost-digits": (boost_digits, 1, 1000),
          "addition": (addition, 2, 900), "distil": (distil, 2, 770), "es-pendulum": (es_pendulum, 2, 800)}


def record(name, n, folder):
    spec, (train, seeds, _), begun = SPECS[name], RECORD[name], time.process_time()
    configs, rows, done = configurations(name, n), {}, 0
    for seed in range(1, seeds + 1):
        for part, metrics in train(configs, seed):
            for j, i in enumerate(part):
                curves = [np.array(m[j], float) for m in metrics]
                curves[0][np.maximum.accumulate(~np.isfinite(curves[0]))] = np.nan
                rows[i, seed] = [" ".join(f"{v:.10g}" if m["kind"] == "count" else f"{v:.4g}" for v in curve)
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
    p.add_argument("-n", type=int, help="configurations, where not as many as were recorded")
    p.add_argument("--out", default=HERE / "curve_tasks")
    o = p.parse_args()
    np.seterr(all="ignore")
    for name in o.names:
        record(name, o.n or RECORD[name][2], o.out)


if __name__ == "__main__":
    main()
