# SPDX-License-Identifier: MIT
"""For scikit-learn estimators with partial_fit.

    from nocturne.sklearn import partial_fit

    model = SGDClassifier(eta0=p.learning_rate, learning_rate="constant")
    metrics = partial_fit(model, X, y, validation=(X_val, y_val), batch_size=p.batch_size,
                          stopping=nocturne.EarlyStopping(p.patience, p.threshold))
    nocturne.result(**metrics)
"""
from __future__ import annotations

import os
import pickle
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np
from sklearn.utils import check_random_state

from ._run import Run, current
from ._stopping import EarlyStopping


def partial_fit(estimator: Any, X: Any, y: Any, *, validation: Tuple[Any, Any], batch_size: int = 64, every: int = 1000,
                most: int = 1_000_000, stopping: Optional[EarlyStopping] = None, metric: str = "em",
                score: Optional[Callable[[Any, Any, Any], float]] = None, classes: Optional[Any] = None,
                rate: Optional[Tuple[str, str]] = ("learning_rate", "eta0"), tokens: str = "tokens",
                checkpoints: bool = True, run: Optional[Run] = None) -> Dict[str, float]:
    """Trains in batches until the stopping rule, Nocturne, or ``most`` samples end it; returns the result's metrics.

    After every ``every`` samples reports ``metric``, by default estimator.score on the validation set, and ``tokens``,
    the samples seen. rate: the study's parameter and the estimator's attribute that it changes; a change of batch_size
    is followed, too. With ``checkpoints`` the estimator is pickled into the attempt's folder at each report; a pickle is
    only read back from the path that Nocturne itself names."""
    run = run or current()
    score = score or (lambda e, a, b: e.score(a, b))
    classes = np.unique(y) if classes is None and hasattr(estimator, "predict") else classes
    state: Dict[str, Any] = {"estimator": estimator, "seen": 0, "step": 0, "best": -np.inf, "batch": int(batch_size),
                             "stopping": None, "random": check_random_state(run.seed % 2**32).get_state()}
    if run.resume_from:
        with open(run.resume_from, "rb") as f:
            state = pickle.load(f)
        estimator.__dict__.update(state["estimator"].__dict__)
        if stopping is not None and state["stopping"]:
            stopping.load_state_dict(state["stopping"])
    random = np.random.RandomState()
    random.set_state(state["random"])
    if rate is not None:
        run.on_set(rate[0], lambda v: setattr(estimator, rate[1], v))
    run.on_set("batch_size", lambda v: state.update(batch=max(1, int(v))))
    next_report, order = state["seen"] + every, np.empty(0, dtype=int)
    while state["seen"] < most and not run.should_stop():
        if len(order) < state["batch"]:
            order = random.permutation(len(y))
        now, order = order[:state["batch"]], order[state["batch"]:]
        kwargs = {} if classes is None else {"classes": classes}
        estimator.partial_fit(X[now], y[now], **kwargs)
        state["seen"] += len(now)
        if state["seen"] < next_report and state["seen"] < most:
            continue
        next_report = state["seen"] + every
        value = float(score(estimator, *validation))
        state["best"] = max(state["best"], value)
        run.report(state["step"], **{metric: value, tokens: state["seen"]})
        state["step"] += 1
        if stopping is not None:
            stopping.update(value)
        if checkpoints:
            _save(run, estimator, state, stopping, random)
    if state["step"] == 0:
        state["best"] = float(score(estimator, *validation)) if state["seen"] else 0.0
    elif checkpoints:
        _save(run, estimator, state, stopping, random)
    return {metric: float(state["best"]), tokens: state["seen"]}


def _save(run: Run, estimator: Any, state: Dict[str, Any], stopping: Optional[EarlyStopping], random: Any) -> None:
    if not run.attached and run.folder == ".":
        return
    path = os.path.join(run.folder, "checkpoint.pickle")
    state.update(estimator=estimator, random=random.get_state(), stopping=stopping and stopping.state_dict())
    with open(path + ".new", "wb") as f:
        pickle.dump(state, f)
    os.replace(path + ".new", path)
    run.checkpoint(path, state["step"])
