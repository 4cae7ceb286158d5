# SPDX-License-Identifier: MIT
"""For plain PyTorch loops: learning rate that follows Nocturne, and checkpoints of everything with a state_dict.

    import nocturne, nocturne.torch as nt

    nt.follow(optimizer)                                        # a changed learning_rate reaches the optimizer
    start = nt.load(model=model, optimizer=optimizer)           # 0, or where the checkpoint ended
    for step in range(start, steps):
        …
        nocturne.report(step, em=em, tokens=tokens)
        nt.save(step + 1, model=model, optimizer=optimizer)
        if nocturne.should_stop():
            break
"""
from __future__ import annotations

import os
from typing import Any, Optional

import torch

from ._run import Run, current


def set_rate(optimizer: Any, rate: float) -> None:
    """The same learning rate for every group, in the proportions they have now."""
    first = optimizer.param_groups[0]["lr"]
    for group in optimizer.param_groups:
        group["lr"] = rate * (group["lr"] / first if first else 1.0)


def follow(optimizer: Any, name: str = "learning_rate", run: Optional[Run] = None) -> None:
    """When Nocturne changes the parameter ``name``, the optimizer gets the new rate."""
    (run or current()).on_set(name, lambda v: set_rate(optimizer, v))


def save(step: int, run: Optional[Run] = None, name: str = "checkpoint.pt", **objects: Any) -> str:
    """Writes a checkpoint of the objects (whatever has a state_dict; other values as they are), whole or not at all, and
    reports it. ``step``: where to go on. Returns the path."""
    run = run or current()
    path = os.path.join(run.folder, name)
    state = {k: v.state_dict() if hasattr(v, "state_dict") else v for k, v in objects.items()}
    torch.save({"step": step, "objects": state}, path + ".new")
    os.replace(path + ".new", path)
    run.checkpoint(path, step)
    return path


def load(run: Optional[Run] = None, **objects: Any) -> int:
    """Goes on from the checkpoint that Nocturne names: each object gets its state. Returns the step; 0 without one. A
    file that cannot be read is said in the log, and training begins anew."""
    run = run or current()
    path = run.resume_from
    if path is None:
        return 0
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        states, step = saved["objects"], int(saved["step"])
        missing = [k for k in objects if k not in states]
        if missing:
            raise KeyError(f"it lacks {', '.join(missing)}")
    except Exception as e:  # torch raises many kinds
        run.log(f"cannot go on from {path}: {e}; beginning anew")
        return 0
    for k, v in objects.items():
        v.load_state_dict(states[k])
    return step
