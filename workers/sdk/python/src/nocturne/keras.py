# SPDX-License-Identifier: MIT
"""For Keras 3.

    from nocturne.keras import NocturneCallback

    model.fit(…, callbacks=[NocturneCallback()])

Reports every epoch's logs (``tokens`` is the number of batches trained on unless the logs have it), leaves a checkpoint of
the weights after each, follows changes of learning_rate, and ends training when Nocturne or the stopping rule says so. To
go on from a checkpoint: ``model.load_weights(nocturne.resume_from)``.
"""
from __future__ import annotations

import os
from typing import Any, Dict, Optional

import keras

from ._run import Run, current
from ._stopping import EarlyStopping


class NocturneCallback(keras.callbacks.Callback):
    def __init__(self, stopping: Optional[EarlyStopping] = None, metric: str = "val_loss", tokens: str = "tokens",
                 checkpoints: bool = True, run: Optional[Run] = None) -> None:
        super().__init__()
        self.run, self.stopping, self.metric, self.tokens = run or current(), stopping, metric, tokens
        self.checkpoints, self.batches = checkpoints, 0

    def on_train_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        self.run.on_set("learning_rate", self._set_rate)

    def _set_rate(self, rate: float) -> None:
        self.model.optimizer.learning_rate = rate

    def on_train_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        self.batches += 1
        self._look()

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        values = {k: float(v) for k, v in (logs or {}).items()}
        values.setdefault(self.tokens, self.batches)
        self.run.report(epoch, **values)
        if self.stopping is not None and self.metric in values:
            self.stopping.update(values[self.metric])
        if self.checkpoints:
            path = os.path.join(self.run.folder, "checkpoint.weights.h5")
            self.model.save_weights(path.replace(".weights.h5", ".new.weights.h5"))
            os.replace(path.replace(".weights.h5", ".new.weights.h5"), path)
            self.run.checkpoint(path, epoch)
        self._look()

    def _look(self) -> None:
        if self.run.should_stop():
            self.model.stop_training = True
