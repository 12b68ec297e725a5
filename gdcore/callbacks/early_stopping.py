"""Ends training when a monitored number stops improving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gdcore.callbacks.base import Callback, Logs, wrong_state
from gdcore.callbacks.monitored import better, monitored


class EarlyStopping(Callback):
    """Ends training when a number has stopped improving.

    Parameters
    ----------
    monitor : str
        A key of the epoch's numbers.
    patience : int
        Epochs without improvement after which to stop.
    min_delta : float
        A smaller change is no improvement.
    mode : {"auto", "min", "max"}
    restore_best : bool
        Put back the weights of the best epoch; `restore_best_weights` is another name of it.
    verbose : int
        1 prints the epoch after which training ends.

    Attributes
    ----------
    best, best_epoch : the best number, and its epoch
    stopped_epoch : int or None

    Raises
    ------
    ValueError
        If `patience` is below 0 or `mode` unknown; in training, if the epoch has no number `monitor`.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
    >>> _ = model.compile(gd.Adam(1e-2), "cross_entropy")
    >>> stop = gd.EarlyStopping(patience=2)
    >>> history = model.fit(x, y, epochs=200, validation_split=0.2, callbacks=[stop], seed=0)
    >>> len(history["val_loss"]) < 200
    True
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
        verbose: int = 0,
    ) -> None:
        if patience < 0:
            raise ValueError(f"EarlyStopping patience={patience}: expected at least 0")
        self.monitor = monitor
        self.patience = patience
        self.min_delta = abs(min_delta)
        self.mode = better(mode, monitor)
        self.restore_best = restore_best
        self.verbose = verbose

    def on_train_begin(self, logs: Logs) -> None:
        self.best = float("inf") if self.mode == "min" else float("-inf")
        self.best_epoch = -1
        self.stopped_epoch: int | None = None
        self.weights: Mapping[str, np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        value = monitored(logs, self.monitor)
        gain = self.best - value if self.mode == "min" else value - self.best
        if gain > self.min_delta:
            self.best, self.best_epoch = value, epoch
            if self.restore_best:
                self.weights = self.model.state_dict()
        elif epoch - self.best_epoch >= max(1, self.patience):
            self.stopped_epoch = epoch
            self.model.stop_training = True
            if self.verbose:
                print(f"epoch {epoch + 1}: {self.monitor} has stopped improving")

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "weights": None if self.weights is None else dict(self.weights),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        best, at, stopped, weights = (
            state.get(k) for k in ("best", "best_epoch", "stopped_epoch", "weights")
        )
        if not (
            isinstance(best, float)
            and isinstance(at, int)
            and isinstance(stopped, int | None)
            and isinstance(weights, dict | None)
            and all(isinstance(w, np.ndarray) for w in (weights or {}).values())
        ):
            raise wrong_state(self, state, "best, best_epoch, stopped_epoch and weights")
        self.best, self.best_epoch, self.stopped_epoch, self.weights = best, at, stopped, weights

    def on_train_end(self, logs: Logs) -> None:
        if self.restore_best and self.weights is not None and self.best_epoch >= 0:
            self.model.load_state_dict(self.weights)
