# SPDX-License-Identifier: MIT
"""For Lightning (``lightning`` or ``pytorch_lightning``).

    from nocturne.lightning import NocturneCallback

    trainer = Trainer(callbacks=[NocturneCallback()], default_root_dir=nocturne.folder())
    trainer.fit(model, data, ckpt_path=nocturne.resume_from)

Reports every validation (the logged metrics; ``tokens`` is the number of batches trained on unless the model logs it),
leaves a checkpoint after each, follows changes of learning_rate, and ends training when Nocturne or the stopping rule
says so.
"""
from __future__ import annotations

import os
from typing import Any, Optional

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    from pytorch_lightning.callbacks import Callback

from ._run import Run, current
from ._stopping import EarlyStopping
from .torch import set_rate


class NocturneCallback(Callback):
    def __init__(self, stopping: Optional[EarlyStopping] = None, metric: str = "val_loss", tokens: str = "tokens",
                 checkpoints: bool = True, run: Optional[Run] = None) -> None:
        super().__init__()
        self.run, self.stopping, self.metric, self.tokens = run or current(), stopping, metric, tokens
        self.checkpoints = checkpoints

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        def change(rate: float) -> None:
            for optimizer in trainer.optimizers:
                set_rate(optimizer, rate)

        self.run.on_set("learning_rate", change)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.sanity_checking:
            return
        values = {k: float(v) for k, v in trainer.callback_metrics.items()}
        values.setdefault(self.tokens, trainer.global_step)
        self.run.report(trainer.global_step, **values)
        if self.stopping is not None and self.metric in values:
            self.stopping.update(values[self.metric])
        self._look(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if not self.checkpoints:
            return
        path = os.path.join(self.run.folder, "checkpoint.ckpt")
        trainer.save_checkpoint(path + ".new")
        os.replace(path + ".new", path)
        self.run.checkpoint(path, trainer.global_step)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        self._look(trainer)

    def _look(self, trainer: Any) -> None:
        if self.run.should_stop():
            trainer.should_stop = True
