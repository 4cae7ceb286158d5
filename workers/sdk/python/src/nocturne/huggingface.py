# SPDX-License-Identifier: MIT
"""For the Hugging Face Trainer.

    from nocturne.huggingface import NocturneCallback

    trainer = Trainer(…, callbacks=[NocturneCallback()])
    trainer.train(resume_from_checkpoint=nocturne.resume_from)

Reports every evaluation ("eval_" is taken off the names; ``tokens`` is the Trainer's count of input tokens if it keeps
one, else the steps done), leaves the Trainer's checkpoints, follows changes of learning_rate, and ends training when Nocturne or
the stopping rule says so.
"""
from __future__ import annotations

from typing import Any, Optional

from transformers import TrainerCallback

from ._run import Run, current
from ._stopping import EarlyStopping
from .torch import set_rate


class NocturneCallback(TrainerCallback):
    def __init__(self, stopping: Optional[EarlyStopping] = None, metric: str = "loss", tokens: str = "tokens",
                 run: Optional[Run] = None) -> None:
        """stopping: an EarlyStopping that is updated with ``metric``. tokens: name under which they are reported."""
        self.run, self.stopping, self.metric, self.tokens = run or current(), stopping, metric, tokens

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        optimizer, scheduler = kwargs.get("optimizer"), kwargs.get("lr_scheduler")

        def change(rate: float) -> None:
            if optimizer is not None:
                set_rate(optimizer, rate)
            if scheduler is not None and hasattr(scheduler, "base_lrs"):
                first = scheduler.base_lrs[0] or 1.0
                scheduler.base_lrs = [rate * (v / first) for v in scheduler.base_lrs]

        self.run.on_set("learning_rate", change)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        values = {k[5:] if k.startswith("eval_") else k: v for k, v in (metrics or {}).items()
                  if isinstance(v, (int, float))}
        values.setdefault(self.tokens, int(getattr(state, "num_input_tokens_seen", 0) or state.global_step))
        self.run.report(state.global_step, **values)
        if self.stopping is not None and self.metric in values:
            self.stopping.update(values[self.metric])
        self._look(control)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._look(control)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.run.checkpoint(f"{args.output_dir}/checkpoint-{state.global_step}", state.global_step)

    def _look(self, control: Any) -> None:
        if self.run.should_stop():
            control.should_training_stop = True
