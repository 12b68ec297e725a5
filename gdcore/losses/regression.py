"""Regression losses: distances between prediction and target."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.losses.base import EPSILON, Loss, rows


class MeanSquaredError(Loss):
    """Mean squared error: (prediction - target)², averaged over all dimensions but the batch.

    A prediction and a target of the same shape (B, ...) give one number for each sample, (B,).

    References
    ----------
    Legendre 1805, Nouvelles méthodes pour la détermination des orbites des comètes.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(2, name="pred"), gd.Input(2, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.MeanSquaredError()(pred, target))
    >>> loss.predict({"pred": [[1.0, 4.0]], "target": [[2.0, 2.0]]}).round(3)
    array([2.5], dtype=float32)
    """

    name: ClassVar[str] = "mse"

    def __call__(self, pred: Value, target: Value) -> Value:
        return rows(ops.square(pred - target))


class MeanAbsoluteError(Loss):
    """Mean absolute error: |prediction - target|, averaged over all dimensions but the batch.

    A prediction and a target of the same shape (B, ...) give one number for each sample, (B,). The
    median of the targets minimizes it, so outliers weigh less than in the squared error.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(2, name="pred"), gd.Input(2, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.MeanAbsoluteError()(pred, target))
    >>> loss.predict({"pred": [[1.0, 4.0]], "target": [[2.0, 2.0]]}).round(3)
    array([1.5], dtype=float32)
    """

    name: ClassVar[str] = "mae"

    def __call__(self, pred: Value, target: Value) -> Value:
        return rows(ops.abs(pred - target))


@dataclass(frozen=True, repr=False, eq=False)
class Huber(Loss):
    """Quadratic up to `delta`, linear beyond, averaged over all dimensions but the batch.

    With d = |prediction - target|, it is d²/2 up to `delta` and delta (d - delta/2) beyond. A
    prediction and a target of the same shape (B, ...) give one number for each sample, (B,).

    Parameters
    ----------
    delta : float
        Distance at which the loss turns linear, in the unit of the targets.

    References
    ----------
    Huber 1964, Robust estimation of a location parameter.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(2, name="pred"), gd.Input(2, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.Huber(delta=1.0)(pred, target))
    >>> loss.predict({"pred": [[1.0, 5.0]], "target": [[2.0, 5.0]]})
    array([0.25], dtype=float32)
    """

    name: ClassVar[str] = "huber"
    delta: float = 1.0

    def __post_init__(self) -> None:
        if not self.delta > 0:
            raise ValueError(f"Huber delta={self.delta!r}: expected a number above 0")

    def __call__(self, pred: Value, target: Value) -> Value:
        off = ops.abs(pred - target)
        near = ops.minimum(off, self.delta)
        return rows(near * (off - 0.5 * near))


class LogCosh(Loss):
    """log cosh(prediction - target), averaged over all dimensions but the batch; without overflow.

    A prediction and a target of the same shape (B, ...) give one number for each sample, (B,). With
    d = |prediction - target|, it is about d²/2 for small d and d - log 2 for large d.

    Notes
    -----
    Computed as d + log(1 + e^(-2d)) - log 2.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(1, name="pred"), gd.Input(1, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.LogCosh()(pred, target))
    >>> loss.predict({"pred": [[101.0]], "target": [[1.0]]}).round(3)
    array([99.307], dtype=float32)
    """

    name: ClassVar[str] = "log_cosh"

    def __call__(self, pred: Value, target: Value) -> Value:
        off = pred - target
        return rows(off + ops.softplus(-2.0 * off) - 0.6931471805599453)


class Poisson(Loss):
    """Poisson loss: prediction - target log prediction, averaged over all dimensions but the batch.

    A prediction and a target of the same shape (B, ...) give one number for each sample, (B,).
    Predictions are rates and must be positive: end the network in "exp" or "softplus".

    Raises
    ------
    ValueError
        When training begins, if a target is negative.

    Notes
    -----
    The negative log-likelihood of counts, without the term log(target!), which does not depend on
    the prediction. The logarithm is that of prediction + 1e-7.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(1, name="pred"), gd.Input(1, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.Poisson()(pred, target))
    >>> loss.predict({"pred": [[1.0]], "target": [[3.0]]}).round(3)
    array([1.], dtype=float32)
    """

    name: ClassVar[str] = "poisson"

    def __call__(self, pred: Value, target: Value) -> Value:
        return rows(pred - target * ops.log(pred + EPSILON))

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        if y.size and y.min() < 0:
            raise ValueError(f"poisson targets hold {y.min():g}: expected counts of at least 0")
        return y


@dataclass(frozen=True, repr=False, eq=False)
class Quantile(Loss):
    """Quantile (pinball) loss: q · off above, (1 - q) · -off below, off being target - prediction.

    A share q of the targets lies below what minimizes it. With one `q`, a prediction and a target of the
    same shape (B, ...) give one number for each sample, (B,); with k of them the prediction has the shape
    (B, ..., k), a column for each, and the target (B, ...). Averaged over all dimensions but the batch.

    Parameters
    ----------
    q : float, or sequence of float
        Above 0 and below 1.

    Raises
    ------
    ValueError
        If one is not, or a prediction has not as many columns.

    References
    ----------
    Koenker and Bassett 1978, Regression quantiles.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(2, name="pred"), gd.Input((), name="target")
    >>> loss = gd.Model([pred, target], gd.losses.Quantile((0.1, 0.9))(pred, target))
    >>> loss.predict({"pred": [[1.0, 4.0]], "target": [2.0]}).round(3)  # (0.1 · 1 + 0.1 · 2) / 2
    array([0.15], dtype=float32)
    """

    name: ClassVar[str] = "quantile"
    q: float | tuple[float, ...] = 0.5

    def __post_init__(self) -> None:
        several = isinstance(self.q, Iterable)
        told = tuple(self.q) if isinstance(self.q, Iterable) else (self.q,)
        if not told or not all(isinstance(q, Real) and 0 < q < 1 for q in told):
            raise ValueError(f"Quantile q={self.q!r}: expected numbers above 0 and below 1")
        object.__setattr__(self, "q", tuple(map(float, told)) if several else float(told[0]))

    @property
    def any_shape(self) -> bool:  # type: ignore[override]
        """Whether the prediction has a column for each quantile, and the target has not."""
        return isinstance(self.q, tuple)

    def __call__(self, pred: Value, target: Value) -> Value:
        q = np.asarray(self.q)
        if isinstance(self.q, tuple):
            if pred.ndim < 2 or pred.shape[-1] != len(self.q):
                raise ValueError(
                    f"Quantile got a prediction of shape {pred.shape} for {len(self.q)} quantiles: expected "
                    f"(B, ..., {len(self.q)}), a column for each"
                )
            if target.ndim < pred.ndim:
                target = ops.expand_dims(target, -1)
        off = target - pred
        return rows(ops.maximum(off * q, off * (q - 1.0)))


class CosineSimilarity(Loss):
    """-cos of the angle between prediction and target along the last axis; -1 is the best.

    A prediction and a target of the same shape (B, ..., n) give one number for each sample, (B,),
    as in Keras.

    Notes
    -----
    -p·t / √max(|p|² |t|², 1e-14): a vector of zeros gives 0.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(2, name="pred"), gd.Input(2, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.CosineSimilarity()(pred, target))
    >>> loss.predict({"pred": [[3.0, 4.0]], "target": [[6.0, 8.0]]}).round(3)
    array([-1.], dtype=float32)
    """

    name: ClassVar[str] = "cosine_similarity"

    def __call__(self, pred: Value, target: Value) -> Value:
        dot = ops.sum(pred * target, -1)
        lengths = ops.sum(ops.square(pred), -1) * ops.sum(ops.square(target), -1)
        return rows(-dot / ops.sqrt(ops.maximum(lengths, EPSILON**2)))
