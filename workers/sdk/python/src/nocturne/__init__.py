# SPDX-License-Identifier: MIT
"""What a trial program written in Python imports.

    import nocturne

    p = nocturne.params(learning_rate=1e-3, batch_size=64, patience=5, threshold=1e-4)
    stopping = nocturne.EarlyStopping(p.patience, p.threshold)
    nocturne.on_set("learning_rate", lambda v: optimizer.set_rate(v))
    for step in range(1000):
        em, tokens = train_and_evaluate()
        nocturne.report(step, em=em, tokens=tokens)
        if stopping.update(em) or nocturne.should_stop():
            break
    nocturne.result(em=em, tokens=tokens)

Under Nocturne (``nocturne run``) the parameters are the trial's, reports go to the coordinator, and it may stop the
trial, change patience and threshold, or set parameters while it runs. Outside, the same script takes its parameters
from the command line (``--learning-rate 3e-3``), prints its reports, and does everything else alike.

Standard library only. The ready callbacks are in ``nocturne.torch``, ``nocturne.huggingface``, ``nocturne.lightning``,
``nocturne.keras`` and ``nocturne.sklearn``; each imports its framework when it is imported itself, never before.
"""
from __future__ import annotations

import os
from typing import Any, Callable, Iterable, List, Optional, TypeVar, Union

from ._run import Params, Run, current
from ._stopping import EarlyStopping

__all__ = ["EarlyStopping", "Params", "Run", "checkpoint", "current", "folder", "infeasible", "item", "log", "on_set", "own_options", "params",
           "report", "result", "resume_from", "seed", "should_stop", "shuffled",
           "stop_reason"]
__version__ = "0.1.0"

_Item = TypeVar("_Item")
Value = Union[int, float, str, bool]


def params(**defaults: Any) -> Params:
    """The trial's parameters, as attributes and items; see Run.params."""
    return current().params(**defaults)


def own_options(*names: str) -> None:
    """Options of the command line that the program reads itself; see Run.own_options."""
    current().own_options(*names)


def seed() -> int:
    """NOCTURNE_SEED, or --seed, or 1."""
    return current().seed


def folder() -> str:
    """A folder of this attempt's own, for checkpoints; outside Nocturne the current one."""
    return current().folder


def report(step: int, **metrics: float) -> None:
    """Reports metrics at a step (0, 1, 2, …); see Run.report."""
    current().report(step, **metrics)


def item(id: "Union[str, int]", /, **metrics: float) -> None:
    """What one of the items that are judged (a question, a word) has got; see Run.item."""
    current().item(id, **metrics)


def shuffled(items: "Iterable[_Item]") -> "List[_Item]":
    """The items in a random order, the same for the same seed."""
    return current().shuffled(items)


def result(**metrics: float) -> None:
    """The final metrics: call once, then exit 0."""
    current().result(**metrics)


def infeasible(why: str) -> None:
    """This configuration cannot work, and why. Then exit 0."""
    current().infeasible(why)


def log(text: str) -> None:
    """A line for the trial's log."""
    current().log(text)


def should_stop() -> bool:
    """Has Nocturne asked this trial to stop? Never blocks; settings that have arrived are applied here."""
    return current().should_stop()


def stop_reason() -> str:
    """Why; "" if it has not."""
    return current().stop_reason


def on_set(name: str, call: Callable[[float], object]) -> None:
    """Calls ``call(value)`` when Nocturne changes a parameter while the trial runs, from within should_stop."""
    current().on_set(name, call)


def checkpoint(path: "Union[str, os.PathLike[str]]", step: Optional[int] = None) -> None:
    """The file at ``path`` (in ``folder()``) is whole, and training can go on from it; see Run.checkpoint."""
    current().checkpoint(path, step)


def __getattr__(name: str) -> Any:
    if name == "resume_from":  # the path of a checkpoint to go on from, or None
        return current().resume_from
    raise AttributeError(f"module 'nocturne' has no attribute {name!r}")
