"""An average of the weights over the steps of training, which the model ends with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gdcore.callbacks.base import Callback, Logs, wrong_state
from gdcore.engine.weights import variables_of
from gdcore.layers.base import State


class WeightAverage(Callback):
    """Averages the weights while the model trains, and leaves it with the average.

    a ← decay a + (1 - decay) w after every `every` steps, from the weights w that training begins with.
    Running statistics of layers, as those of `BatchNorm`, are averaged along; a state that is a single
    number, such as a count of steps, is not.

    Parameters
    ----------
    decay : float, or callable of the number of steps done
        From 0 to 1; a `gd.schedules.Schedule` is such a function.
    every : int
        Steps between two updates of the average.
    look_ahead : bool
        Set the weights to the average after each of its updates: the steps in between look ahead from
        there. The optimizer's slots stay as they are. Without it training does not see the average, and
        validation within `fit` is that of the weights w.

    Attributes
    ----------
    average : dict of str to ndarray
        By the names of `Model.state_dict`.

    Raises
    ------
    ValueError, TypeError
        If a setting is out of range; in training, if the function gives anything but a number from 0 to 1.

    Notes
    -----
    It is called after each step: small models train slower with it.

    References
    ----------
    Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging. Zhang et al. 2019,
    Lookahead optimizer: k steps forward, 1 step back.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), (xt, yt) = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
    >>> _ = model.compile(gd.Adam(1e-2), "cross_entropy", metrics=["accuracy"])
    >>> average = gd.WeightAverage(0.95, every=5, look_ahead=True)
    >>> _ = model.fit(x, y, epochs=10, callbacks=[average], seed=0)
    >>> model.evaluate(xt, yt)["accuracy"] > 0.9
    True
    """

    def __init__(
        self,
        decay: float | Callable[[int], float] = 0.99,
        every: int = 1,
        look_ahead: bool = False,
    ) -> None:
        if not callable(decay):
            _share(decay, "WeightAverage decay")
        try:
            self.every = operator.index(every)
        except TypeError:
            self.every = 0
        if self.every < 1 or isinstance(every, bool):
            raise ValueError(
                f"WeightAverage every={every!r}: expected a whole number of at least 1, of steps"
            )
        self.decay = decay
        self.look_ahead = bool(look_ahead)
        self.average: dict[str, np.ndarray] = {}

    def on_train_begin(self, logs: Logs) -> None:
        self.average = self._weights()

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        steps = self.model.steps_done
        if steps % self.every:
            return
        decay = self.decay
        if callable(decay):
            decay = _share(decay(steps), f"WeightAverage: decay({steps})")
        for name, w in self._weights().items():
            a = self.average[name]
            a += np.asarray(1 - decay, a.dtype) * (w - a)  # exact where both are the same
        if self.look_ahead:
            self._set()

    def on_train_end(self, logs: Logs) -> None:
        self._set()

    def state_dict(self) -> dict[str, Any]:
        return {"average": {name: a.copy() for name, a in self.average.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        average = state.get("average")
        shapes = {name: w.shape for name, w in self.average.items()}
        if (
            not isinstance(average, dict)
            or {name: np.shape(a) for name, a in average.items()} != shapes
        ):
            raise wrong_state(self, state, "the average of this model's weights")
        for name, a in self.average.items():
            a[...] = average[name]

    def _weights(self) -> dict[str, np.ndarray]:
        counts = {
            name
            for name, v in variables_of(self.model._engine).items()
            if isinstance(v, State) and v.shape == ()
        }
        return {name: w for name, w in self.model.state_dict().items() if name not in counts}

    def _set(self) -> None:
        self.model.load_state_dict(self.average, strict=False)


def _share(value: Any, what: str) -> float:
    if not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
        raise ValueError(f"{what} is {value!r}: expected a number from 0 to 1")
    return float(value)
