"""A learning rate for each epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gdcore.callbacks.base import Callback, Logs, wrong_state


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch, as the callback of Keras does.

    A schedule as a learning rate, such as ``gd.SGD(gd.schedules.Cosine(0.1, steps))``, changes it at
    each step instead and is saved with the model.

    Parameters
    ----------
    schedule : callable
        Of the epoch, counted from 0, or of the epoch and the learning rate before it; returns the
        learning rate.
    verbose : int
        1 prints the rate of each epoch.

    Raises
    ------
    TypeError
        If `schedule` is no such function, or, in training, returns something else than a number.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Dense(1)]).compile(gd.SGD(0.1), "mse")
    >>> halve = gd.LearningRateScheduler(lambda epoch, lr: lr / 2 if epoch else lr)
    >>> model.fit([[1.0]], [1.0], epochs=3, callbacks=[halve])["lr"]
    [0.1, 0.05, 0.025]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise TypeError(
                f"LearningRateScheduler schedule={schedule!r}: expected a function of the epoch; "
                "a gd.schedules.Schedule is given to the optimizer, gd.SGD(lr=schedule)"
            )
        self.schedule = schedule
        self.verbose = verbose
        self.takes_rate = _takes_two(schedule)
        self.rate: float | None = None

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        optimizer = self.model.optimizer
        if self.takes_rate:
            value = self.schedule(epoch, float(optimizer.schedule(self.model.steps_done)))
        else:
            value = self.schedule(epoch)
        try:
            self.rate = float(value)
        except (TypeError, ValueError):
            raise TypeError(
                f"LearningRateScheduler: the function gave {value!r} for epoch {epoch}: "
                "expected a number"
            ) from None
        optimizer.lr = self.rate
        if self.verbose:
            print(f"epoch {epoch + 1}: learning rate {self.rate:g}")

    def state_dict(self) -> dict[str, Any]:
        return {"rate": self.rate}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        rate = state.get("rate", self)
        if not isinstance(rate, float | None):
            raise wrong_state(self, state, "the rate of the epoch")
        if rate is not None:
            self.rate = self.model.optimizer.lr = rate


def _takes_two(schedule: Callable[..., float]) -> bool:
    """Whether a function takes the epoch and the rate; else the epoch alone."""
    try:
        signature = inspect.signature(schedule)
    except (TypeError, ValueError):  # no signature: a function written in C
        return False
    for given in ((0, 0.1), (0,)):
        try:
            signature.bind(*given)
        except TypeError:
            continue
        return len(given) == 2
    raise TypeError(
        f"LearningRateScheduler schedule takes {signature}: expected (epoch) or (epoch, lr)"
    )
