"""Layers that act in training only: dropout and noise."""

from __future__ import annotations

import numpy as np

from gdcore import ops
from gdcore.graph.dims import Shape
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer
from gdcore.schedules import Schedule

__all__ = ["DropPath", "Dropout", "GaussianNoise", "SpatialDropout"]


def _dropped(x: Value, shape: Shape, rate: float) -> Value:
    """In training x times 0 or 1/(1 - rate), drawn for each element of a shape that broadcasts to x's."""
    if rate == 0:
        return x
    kept = ops.less_equal(rate, ops.random_uniform(shape))
    return ops.when_training(x * (kept * (1.0 / (1.0 - rate))), x)


def share(what: str, rate: object) -> float:
    """A rate of dropout as a float in [0, 1); raises ValueError otherwise."""
    if not isinstance(rate, int | float | np.number) or not 0 <= rate < 1:
        raise ValueError(f"{what}={rate!r}: expected at least 0 and below 1")
    return float(rate)


class Dropout(Layer):
    """In training, sets elements to 0 with probability `rate` and scales the rest by 1/(1 - rate).

    The mask is a function of (seed, layer, step, element); prediction leaves x (B, ...) as it is.

    Parameters
    ----------
    rate : float or Schedule
        At least 0 and below 1. A schedule that has a formula, such as
        ``gd.schedules.FlatCosine(0.15, steps)``, changes it with the training steps, which the layer
        counts in a state of its own.
    name : str, optional

    Raises
    ------
    ValueError
        If the rate is anything else.
    TypeError
        When it is called, if the schedule has no formula.

    References
    ----------
    Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Sequential([gd.Input(2), gd.Dropout(0.5)]).predict([[1.0, 2.0]])  # no part in prediction
    array([[1., 2.]], dtype=float32)
    """

    masks = "keep"

    def __init__(self, rate: float | Schedule, name: str | None = None) -> None:
        if isinstance(rate, Schedule) and not 0 <= rate(0) < 1:
            raise ValueError(f"Dropout rate={rate!r}: expected at least 0 and below 1")
        self.rate = rate if isinstance(rate, Schedule) else share("Dropout rate", rate)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if not isinstance(self.rate, Schedule):
            return _dropped(x, x.shape, self.rate)
        steps = self.state("steps", ())
        rate = ops.clip(self.rate.traced(steps), 0.0, 1.0 - 1e-6)
        kept = ops.less_equal(rate, ops.random_uniform(x.shape)) * (1.0 / (1.0 - rate))
        return ops.with_update(ops.when_training(x * kept, x), steps, steps + 1.0)


class SpatialDropout(Layer):
    """In training, sets whole channels of a sample to 0 with probability `rate` and scales the rest by 1/(1 - rate).

    Neighbouring pixels hold much the same, so that dropping single ones drops little. Prediction leaves x
    (B, ..., channels) as it is.

    Parameters
    ----------
    rate : float
        At least 0 and below 1.
    name : str, optional

    Raises
    ------
    ValueError
        If the rate is anything else.

    References
    ----------
    Tompson et al. 2015, Efficient object localization using convolutional networks.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.SpatialDropout(0.2)(gd.Input((28, 28, 8))).shape
    (B, 28, 28, 8)
    """

    masks = "keep"

    def __init__(self, rate: float, name: str | None = None) -> None:
        self.rate = share("SpatialDropout rate", rate)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        return _dropped(x, (x.shape[0], *[1] * (x.ndim - 2), *x.shape[1:][-1:]), self.rate)


class DropPath(Layer):
    """In training, sets whole samples to 0 with probability `rate` and scales the rest by 1/(1 - rate).

    At the end of the branch of a residual block it leaves the block out for some samples (stochastic depth).
    Prediction leaves x (B, ...) as it is.

    Parameters
    ----------
    rate : float
        At least 0 and below 1.
    name : str, optional

    Raises
    ------
    ValueError
        If the rate is anything else.

    References
    ----------
    Huang et al. 2016, Deep networks with stochastic depth.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(4)
    >>> gd.Add()([x, gd.DropPath(0.1)(gd.Dense(4)(x))]).shape
    (B, 4)
    """

    masks = "keep"

    def __init__(self, rate: float, name: str | None = None) -> None:
        self.rate = share("DropPath rate", rate)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        return _dropped(x, (x.shape[0], *[1] * (x.ndim - 1)), self.rate)


class GaussianNoise(Layer):
    """In training, adds normal noise to each element; prediction leaves x (B, ...) as it is.

    Parameters
    ----------
    std : float
        Its standard deviation, at least 0, in the unit of x.
    name : str, optional

    Raises
    ------
    ValueError
        If `std` is not a number of at least 0.

    References
    ----------
    Box and Muller 1958, A note on the generation of random normal deviates.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Sequential([gd.Input(2), gd.GaussianNoise(0.1)]).predict([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)
    """

    masks = "keep"

    def __init__(self, std: float, name: str | None = None) -> None:
        if not isinstance(std, int | float | np.number) or not std >= 0:
            raise ValueError(f"GaussianNoise std={std!r}: expected at least 0")
        self.std = float(std)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        # Box and Muller 1958, of two independent uniform draws
        radius = ops.sqrt(-2.0 * ops.log(1.0 - ops.random_uniform(x.shape)))
        angle = ops.cos(6.283185307179586 * ops.random_uniform(x.shape))
        return ops.when_training(x + ops.stop_gradient(radius * angle) * self.std, x)
