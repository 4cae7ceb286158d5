# SPDX-License-Identifier: MIT
from __future__ import annotations

import math
from typing import Any, Dict, Optional


class EarlyStopping:
    """``update(value)`` is true once ``patience`` evaluations in a row have not improved the best by more than
    ``threshold``.

    mode: "max" or "min". metric: the name under which the value is reported; found by itself if it is left out, as the
    reported metric with the value of the last update. Nocturne may change ``patience`` and ``threshold`` while the trial
    runs (if the study file wants that). NaN is no improvement.

    ``state_dict`` and ``load_state_dict`` belong into a checkpoint.
    """

    def __init__(self, patience: float, threshold: float = 0.0, mode: str = "max", metric: Optional[str] = None,
                 run: Any = None) -> None:
        if mode not in ("max", "min"):
            raise ValueError(f"mode is {mode!r}; it must be 'max' or 'min'")
        if not patience >= 1:
            raise ValueError(f"patience is {patience!r}; it must be at least 1")
        if not threshold >= 0:
            raise ValueError(f"threshold is {threshold!r}; it must not be negative")
        self.patience, self.threshold, self.mode, self.metric = patience, threshold, mode, metric
        self.best: Optional[float] = None
        self.bad = 0
        self._last: Optional[float] = None
        self._before: Dict[str, Any] = {}
        from ._run import current

        self._run = run if run is not None else current()
        self._run._watch(self)

    def update(self, value: float) -> bool:
        value = float(value)
        self._before = self.state_dict()
        sign = 1 if self.mode == "max" else -1
        better = math.isfinite(value) and (self.best is None or sign * (value - self.best) > self.threshold)
        if better:
            self.best = value
        self.bad = 0 if better else self.bad + 1
        self._last = value
        self._run._updated(self)
        return self.is_over()

    def is_over(self) -> bool:
        """What the last update said, by the patience as it is now."""
        return self.bad >= self.patience

    def state_dict(self) -> Dict[str, Any]:
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        self.best, self.bad = state["best"], int(state["bad"])

    def __repr__(self) -> str:
        return (f"EarlyStopping(patience={self.patience}, threshold={self.threshold}, mode={self.mode!r}, "
                f"best={self.best}, bad={self.bad})")
