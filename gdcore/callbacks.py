"""What is called while a model trains, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.html import sparkline, table_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gdcore.fitting import Data
    from gdcore.model import Model

Logs = dict[str, Any]


class Callback:
    """Base class of callbacks: override what you need.

    Attributes
    ----------
    model : Model
        Set before training begins. Setting ``model.stop_training = True`` ends it after the epoch,
        or after the batch if `on_batch_end` set it.

    Notes
    -----
    A callback that overrides `on_batch_end` costs one call into C for each step, instead of one for
    many.
    """

    model: Model

    def on_data(self, data: Data) -> None:
        """Before training begins: what is trained on, checked; keep no more of it than you need."""

    def on_train_begin(self, logs: Logs) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Before each epoch, counted from 0."""

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """After each step, with its "loss"."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After each epoch, with all of its numbers."""

    def on_train_end(self, logs: Logs) -> None:
        """After the last epoch."""


def wants_batches(callback: Callback) -> bool:
    """Whether a callback must be called after every step."""
    return getattr(callback.on_batch_end, "__func__", None) is not Callback.on_batch_end


class History(Callback):
    """The numbers of every epoch.

    Attributes
    ----------
    history : dict of str to list
        "loss", the metrics, "val_loss", "val_..." and "lr": one number for each epoch.
    epoch : list of int

    Examples
    --------
    >>> from gdcore.callbacks import History
    >>> h = History()
    >>> h.on_epoch_end(0, {"loss": 0.5})
    >>> h["loss"]
    [0.5]
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.epoch.append(epoch)
        for key, value in logs.items():
            self.history.setdefault(key, []).append(value)

    def __getitem__(self, key: str) -> list[Any]:
        return self.history[key]

    def __repr__(self) -> str:
        last = ", ".join(
            f"{k}={v[-1]:.4g}" for k, v in self.history.items() if v and np.ndim(v[-1]) == 0
        )
        return f"<History of {len(self.epoch)} epochs: {last}>"

    def _repr_html_(self) -> str:
        scalars = {k: v for k, v in self.history.items() if v and np.ndim(v[0]) == 0}
        rows: list[tuple[str, ...]] = [("", "first", "last", "best", "at epoch")]
        for name, values in scalars.items():
            finite = [v for v in values if np.isfinite(v)]
            if name == "lr" or not finite:
                rows.append((name, f"{values[0]:.4g}", f"{values[-1]:.4g}", "", ""))
                continue
            best = min(finite) if better("auto", name) == "min" else max(finite)
            numbers = (f"{v:.4g}" for v in (values[0], values[-1], best))
            rows.append((name, *numbers, str(values.index(best) + 1)))
        losses = [scalars[k] for k in ("loss", "val_loss") if k in scalars]
        caption = f"History of {len(self.epoch)} epochs"
        return sparkline(losses) + table_html(rows, "<>>>>", caption)

    def plot(self, metric: str | None = None, ax: Axes | None = None) -> Any:
        """Draw the numbers over the epochs, training beside validation; needs matplotlib.

        Parameters
        ----------
        metric : str, optional
            "loss", a metric or "lr"; all but "lr" by default, each in a panel.
        ax : matplotlib.axes.Axes, optional
            Where to draw one number, the loss by default.

        Returns
        -------
        matplotlib.axes.Axes, or an array of them for all numbers

        Raises
        ------
        ImportError
            If matplotlib is not there; the message says what to install.
        ValueError
            If there are no epochs, or no such number.
        """
        from gdcore.plots import curve, curves

        if metric is None and ax is None:
            return np.array(curves(self).axes)
        return curve(self, metric or "loss", ax)


def better(mode: str, monitor: str) -> str:
    """ "min" or "max": which way a number improves, told from its name where mode is "auto".

    Raises
    ------
    ValueError
        For another mode.
    """
    if mode not in ("auto", "min", "max"):
        raise ValueError(f"mode={mode!r}: expected 'auto', 'min' or 'max'")
    grows = any(
        word in monitor for word in ("acc", "auc", "precision", "recall", "f1", "r2", "top_")
    )
    return mode if mode != "auto" else "max" if grows else "min"


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
        Put back the weights of the best epoch.

    Attributes
    ----------
    best, best_epoch : the best number, and its epoch
    stopped_epoch : int or None
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        if patience < 0:
            raise ValueError(f"EarlyStopping patience={patience}: expected at least 0")
        self.monitor = monitor
        self.patience = patience
        self.min_delta = abs(min_delta)
        self.mode = better(mode, monitor)
        self.restore_best = restore_best

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

    def on_train_end(self, logs: Logs) -> None:
        if self.restore_best and self.weights is not None and self.best_epoch >= 0:
            self.model.load_state_dict(self.weights)


def monitored(logs: Mapping[str, Any], name: str) -> float:
    """A number of an epoch by name.

    Raises
    ------
    ValueError
        If the epoch has no such number.
    """
    if name not in logs:
        hint = " (give fit validation_data or validation_split)" if name.startswith("val_") else ""
        raise ValueError(
            f"no {name!r} among the epoch's numbers: expected one of {', '.join(logs)}{hint}"
        )
    return float(logs[name])


class LambdaCallback(Callback):
    """A callback of one function, called after every epoch as ``function(epoch, logs)``.

    Parameters
    ----------
    function : callable
    """

    def __init__(self, function: Any) -> None:
        self.function = function

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.function(epoch, logs)
