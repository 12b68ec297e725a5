"""What is called while a model trains, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

    Examples
    --------
    Stop as soon as the loss is low enough:

    >>> import gdcore as gd
    >>> class GoodEnough(gd.Callback):
    ...     def on_epoch_end(self, epoch, logs):
    ...         if logs["loss"] < 0.5:
    ...             self.model.stop_training = True
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
    >>> _ = model.compile(gd.Adam(1e-2), "cross_entropy")
    >>> history = model.fit(x, y, epochs=50, callbacks=[GoodEnough()], seed=0)
    >>> len(history["loss"]) < 50
    True

    Every hook, in the order in which they are called:

    >>> class Trace(gd.Callback):
    ...     def on_train_begin(self, logs):
    ...         print("training begins")
    ...     def on_epoch_begin(self, epoch, logs):
    ...         print("epoch", epoch)
    ...     def on_batch_end(self, batch, logs):
    ...         print("batch", batch, sorted(logs))
    ...     def on_epoch_end(self, epoch, logs):
    ...         print("epoch ends", sorted(logs))
    ...     def on_train_end(self, logs):
    ...         print("training ends")
    >>> _ = model.fit(x, y, batch_size=1000, callbacks=[Trace()], seed=0)
    training begins
    epoch 0
    batch 0 ['loss']
    batch 1 ['loss']
    epoch ends ['loss', 'lr']
    training ends
    """

    model: Model

    def on_data(self, data: Data) -> None:
        """Before training begins: what is trained on, checked; keep no more of it than you need."""

    def on_train_begin(self, logs: Logs) -> None:
        """Before the first epoch.

        Parameters
        ----------
        logs : dict
            Empty so far.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Before each epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        logs : dict
            Empty so far.
        """

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """After each step.

        Parameters
        ----------
        batch : int
            Counted from 0 in each epoch.
        logs : dict
            The step's "loss".
        """

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After each epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        logs : dict
            All of its numbers by name: "loss", the metrics, the same with "val_" before it, "lr".
        """

    def on_train_end(self, logs: Logs) -> None:
        """After the last epoch.

        Parameters
        ----------
        logs : dict
            The last epoch's numbers.
        """

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know of this callback: kept in checkpoints.

        Returns
        -------
        dict
            Of numbers, text, None, arrays, and lists, tuples and dicts of them.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`; called after `on_train_begin`, which may have reset all.

        Raises
        ------
        ValueError
            If it is of another kind.
        """


class Saver(Callback):
    """Base class of callbacks that keep where training stands; `gd.Checkpoint` is one.

    Attributes
    ----------
    every_steps : int or None
        The loop comes back from C after every step whose number is a multiple of this.
    """

    every_steps: int | None = None

    def begin(self, resumed: bool) -> None:
        """Training begins, from a checkpoint or not; the states of all callbacks are set."""

    def save_point(
        self, state: Callable[[], dict[str, Any]], logs: Logs | None, last: bool
    ) -> None:
        """Training could be resumed from here.

        Called between calls into C, and after each epoch when everybody else has been.

        Parameters
        ----------
        state : callable
            Gives where `fit` stands.
        logs : dict or None
            The numbers of the epoch that has just ended; None in the middle of one.
        last : bool
            Whether it was the last epoch.
        """


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

    def state_dict(self) -> dict[str, Any]:
        return {"history": {k: list(v) for k, v in self.history.items()}, "epoch": list(self.epoch)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        history, epoch = state.get("history"), state.get("epoch")
        if not (
            isinstance(history, dict)
            and all(isinstance(v, list) for v in history.values())
            and isinstance(epoch, list)
        ):
            raise wrong_state(self, state, "lists of numbers by name")
        self.history, self.epoch = history, epoch

    def last(self) -> Logs:
        """The numbers of the last epoch; empty before the first."""
        return {k: v[-1] for k, v in self.history.items()}

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


def wrong_state(callback: Callback, state: Mapping[str, Any], expected: str) -> ValueError:
    """The error (not raised) for a `load_state_dict` that was given something else."""
    return ValueError(
        f"{type(callback).__name__}.load_state_dict got {', '.join(map(str, state)) or 'nothing'}: "
        f"expected {expected}, as its state_dict() gave them"
    )


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

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Dense(1, kernel_initializer="zeros")]).compile("sgd", "mse")
    >>> show = gd.LambdaCallback(lambda epoch, logs: print(epoch, round(logs["loss"], 3)))
    >>> _ = model.fit([[1.0]], [1.0], epochs=2, callbacks=[show], seed=0)
    0 1.0
    1 0.922
    """

    def __init__(self, function: Any) -> None:
        self.function = function

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.function(epoch, logs)
