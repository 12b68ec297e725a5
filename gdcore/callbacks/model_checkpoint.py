"""The model of each epoch, or of the best one, in a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gdcore.callbacks.base import Callback, Logs, wrong_state
from gdcore.callbacks.monitored import better, monitored
from gdcore.names import check_suffix


class ModelCheckpoint(Callback):
    """Saves the model after each epoch, or only where it is the best so far.

    The file holds architecture, weights and optimizer, and is read by `gd.load`. A run that shall go
    on where it was interrupted needs `gd.Checkpoint` instead.

    Parameters
    ----------
    filepath : path
        May hold numbers of the epoch: ``"model-{epoch:02d}-{val_loss:.2f}.safetensors"``; `epoch`
        counts from 1.
    monitor : str
        A number of the epoch.
    save_best_only : bool
        Whether to save only epochs in which `monitor` is better than before.
    mode : {"auto", "min", "max"}
        Which way `monitor` improves.
    verbose : int
        1 prints where the model is saved.

    Attributes
    ----------
    best : float or None
        The best `monitor` so far.

    Raises
    ------
    ValueError
        If `mode` is unknown or the file's name is that of another format; in training, if the epoch
        has no number that is asked for.
    OSError
        When the file cannot be written.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), (xt, yt) = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(10)]).compile("adam", "cross_entropy", ["accuracy"])
    >>> best = gd.ModelCheckpoint("best.safetensors", "val_accuracy", save_best_only=True)
    >>> history = model.fit(x, y, epochs=3, validation_data=(xt, yt), callbacks=[best], seed=0)
    >>> kept = gd.load("best.safetensors").evaluate(xt, yt)["accuracy"]
    >>> kept == max(history["val_accuracy"]) == best.best
    True
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
    ) -> None:
        check_suffix(filepath)
        self.filepath = os.fspath(filepath)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.mode = better(mode, monitor)
        self.best: float | None = None

    def on_train_begin(self, logs: Logs) -> None:
        self.best = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self.save_best_only or self.monitor in logs:
            value = monitored(logs, self.monitor)
            worst = float("inf") if self.mode == "min" else float("-inf")
            best = worst if self.best is None else self.best
            gained = value < best if self.mode == "min" else value > best
            if gained:
                self.best = value
            elif self.save_best_only:
                return
        try:
            path = self.filepath.format(**{**logs, "epoch": epoch + 1})
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ValueError(
                f"ModelCheckpoint filepath={self.filepath!r} cannot be filled in ({error}): "
                f"expected names among epoch, {', '.join(logs.keys())}"
            ) from None
        self.model.save(path)
        if self.verbose:
            print(f"epoch {epoch + 1}: saved to {path}")

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        best = state.get("best", self)
        if not isinstance(best, float | None):
            raise wrong_state(self, state, "the best number so far")
        self.best = best
