"""Classification losses: cross-entropies, hinges, Kullback-Leibler divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gdcore import ops
from gdcore.graph.ir import INT, Value
from gdcore.graph.ranges import bounds_of
from gdcore.losses.base import EPSILON, Loss, before, class_numbers, rows
from gdcore.losses.readings import (
    OfProbabilities,
    behind_softmax,
    kind_of_probabilities,
    labels,
    within_one,
)


@dataclass(frozen=True, repr=False, eq=False)
class CrossEntropy(OfProbabilities):
    """-Σ target log p, p being the softmax of the output, or the output where that is probabilities.

    Parameters
    ----------
    label_smoothing : float
        This share of each target is spread evenly over the K classes; at least 0 and below 1.
    from_logits : bool or None
        Whether the output is logits (True) or probabilities (False). None infers it from the
        output's range: bounded by 0 and 1, in rows that sum to 1, it is probabilities, unbounded it
        is logits; otherwise a warning says what was assumed.

    Raises
    ------
    ValueError
        If `label_smoothing` is out of range; when training begins, if the network has no output for
        each class, a class number is not one of 0 ... K-1, or a probability lies outside 0..1.

    Notes
    -----
    A prediction (B, ..., K) and targets give one number for each sample, (B,). Targets are class
    numbers 0 ... K-1 of shape (B, ...), or probabilities (one-hot rows) of shape (B, ..., K). It is
    computed from logits by log-sum-exp, without overflow, also where the output is a softmax. Other
    probabilities are divided by their row's sum, and clipped to at least 1e-7.

    References
    ----------
    Szegedy et al. 2016, Rethinking the Inception architecture, for the smoothing.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(2, name="pred"), gd.Input(2, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.CrossEntropy()(pred, target))
    >>> loss.predict({"pred": [[3.0, 3.0]], "target": [[1.0, 0.0]]})  # log 2
    array([0.6931472], dtype=float32)
    """

    name: ClassVar[str] = "cross_entropy"
    classes: ClassVar[bool] = True
    by_row: ClassVar[bool] = True
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing={self.label_smoothing!r}: expected at least 0 and below 1"
            )

    def __call__(self, pred: Value, target: Value) -> Value:
        logits = pred if self.reading(pred).logits else behind_softmax(pred)
        k = pred.shape[-1]
        assert isinstance(k, int)
        wanted = ops.one_hot(target, k) if target.dtype == INT else target
        if self.label_smoothing:
            wanted = wanted * (1 - self.label_smoothing) + self.label_smoothing / k
        if logits is None:
            share = pred / ops.maximum(ops.sum(pred, -1, keepdims=True), EPSILON)
            return rows(-ops.sum(wanted * ops.log(ops.maximum(share, EPSILON)), -1))
        total = ops.logsumexp(logits, -1)
        if target.dtype != INT:
            total = total * ops.sum(wanted, -1)
        return rows(total - ops.sum(wanted * logits, -1))

    def link(self, pred: Value) -> str:
        return "multiclass_logits" if self.reading(pred).logits else "multiclass_probs"

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        k = pred.shape[-1]
        if pred.ndim < 2 or k == 1 or not isinstance(k, int):
            raise ValueError(
                "cross_entropy needs an output for each class, and the network puts out shape "
                f"{pred.shape}: give the last layer one unit a class, or use binary_cross_entropy"
            )
        if y.ndim == pred.ndim and y.shape[-1] == 1 and k != 1:
            y = y[..., 0]
        if y.shape[1:] not in (pred.shape[1:], pred.shape[1:-1]):
            sizes = ", ".join(map(str, pred.shape[1:]))
            raise ValueError(
                f"cross_entropy targets have the shape {y.shape} and the network puts out (n, "
                f"{sizes}): "
                "expected a class number for each row of outputs, "
                "or targets of the output's own shape "
                "(one-hot)"
            )
        if y.ndim == pred.ndim:
            if y.size and (y.min() < 0 or y.max() > 1 + 1e-6):
                raise ValueError(
                    f"cross_entropy targets of shape {y.shape} are taken for probabilities, "
                    "but lie "
                    f"between {y.min():g} and {y.max():g}: "
                    "expected 0 to 1 (one-hot), or class numbers "
                    f"of shape {y.shape[:-1]}"
                )
            return y
        return class_numbers(y, k, "cross_entropy")


@dataclass(frozen=True, repr=False, eq=False)
class BinaryCrossEntropy(OfProbabilities):
    """-(t log p + (1 - t) log(1 - p)), averaged over outputs: several outputs are several labels.

    p is the sigmoid of the output, or the output where that is probabilities.

    Parameters
    ----------
    label_smoothing : float
        Targets move this share of the way to 1/2; at least 0 and below 1.
    from_logits : bool or None
        Whether the output is logits (True) or probabilities (False). None infers it from the
        output's range: bounded by 0 and 1 it is probabilities, unbounded it is logits; otherwise a
        warning says what was assumed.

    Raises
    ------
    ValueError
        If `label_smoothing` is out of range; when training begins, if a target lies outside 0..1.

    Notes
    -----
    A prediction and a target of the same shape (B, ...) give one number for each sample, (B,). It
    is computed from logits z as log(1 + e^z) - t z, without overflow, also where the output is a
    sigmoid. Other probabilities are clipped to 1e-7 ... 1 - 1e-7. Where each row of outputs sums to
    1, as that of a softmax does, metrics treat the row as class probabilities, not as independent
    labels.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(1, name="pred"), gd.Input(1, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.BinaryCrossEntropy()(pred, target))
    >>> loss.predict({"pred": [[0.0]], "target": [[1.0]]}).round(3)
    array([0.693], dtype=float32)
    """

    name: ClassVar[str] = "binary_cross_entropy"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing={self.label_smoothing!r}: expected at least 0 and below 1"
            )

    def __call__(self, pred: Value, target: Value) -> Value:
        logits = pred if self.reading(pred).logits else before(pred, "sigmoid")
        wanted = target * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        if logits is None:
            p = ops.clip(pred, EPSILON, 1 - EPSILON)
            return rows(-(wanted * ops.log(p) + (1 - wanted) * ops.log(1 - p)))
        logits = ops.reshape(logits, pred.shape)
        return rows(ops.softplus(logits) - wanted * logits)

    def link(self, pred: Value) -> str:
        if self.reading(pred).logits:
            return f"{labels(pred)}_logits"
        return kind_of_probabilities(pred)

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        if y.size and (y.min() < 0 or y.max() > 1):
            raise ValueError(
                f"binary_cross_entropy targets lie between {y.min():g} and {y.max():g}: "
                "expected 0 to 1"
            )
        return y


def _signs(y: np.ndarray, name: str) -> np.ndarray:
    """Targets as -1 and 1; 0 and 1 are mapped to them."""
    found = np.unique(y)
    if np.isin(found, (0, 1)).all():
        return y * 2.0 - 1.0
    if not np.isin(found, (-1, 1)).all():
        raise ValueError(f"{name} targets hold {found[:5]}: expected -1 and 1, or 0 and 1")
    return y


class _Margin(Loss):
    """Base class of the hinges: targets are -1 and 1, the sign of an output is the predicted class."""

    def link(self, pred: Value) -> str:
        if within_one(bounds_of(pred)):  # never negative: the threshold is 0.5, not 0
            return f"{labels(pred)}_probs"
        return f"{labels(pred)}_margins"

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        return _signs(y, self.name)


class Hinge(_Margin):
    """max(1 - target · prediction, 0), averaged over all dimensions but the batch.

    A prediction and a target of the same shape (B, ...) give one number for each sample, (B,).
    Targets are -1 and 1, or 0 and 1, which are mapped to them.

    Raises
    ------
    ValueError
        When training begins, if there are other targets.

    References
    ----------
    Cortes and Vapnik 1995, Support-vector networks.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(1, name="pred"), gd.Input(1, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.Hinge()(pred, target))
    >>> loss.predict({"pred": [[0.25]], "target": [[1.0]]}).round(3)
    array([0.75], dtype=float32)
    """

    name: ClassVar[str] = "hinge"

    def __call__(self, pred: Value, target: Value) -> Value:
        return rows(ops.relu(1.0 - target * pred))


class SquaredHinge(_Margin):
    """max(1 - target · prediction, 0)², averaged over all dimensions but the batch.

    A prediction and a target of the same shape (B, ...) give one number for each sample, (B,).
    Targets are -1 and 1, or 0 and 1, which are mapped to them.

    Raises
    ------
    ValueError
        When training begins, if there are other targets.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(1, name="pred"), gd.Input(1, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.SquaredHinge()(pred, target))
    >>> loss.predict({"pred": [[0.5]], "target": [[1.0]]}).round(3)
    array([0.25], dtype=float32)
    """

    name: ClassVar[str] = "squared_hinge"

    def __call__(self, pred: Value, target: Value) -> Value:
        return rows(ops.square(ops.relu(1.0 - target * pred)))


@dataclass(frozen=True, repr=False, eq=False)
class KLDivergence(OfProbabilities):
    """Σ target log(target / p) over the last axis, p being the output, a distribution.

    A prediction and a target of the same shape (B, ..., K) give one number for each sample, (B,).
    Of logits, or of a softmax, log p is computed without overflow. Targets and other predictions
    are clipped to at least 1e-7, as in Keras.

    Parameters
    ----------
    from_logits : bool or None
        Whether the output is logits (True) or probabilities (False). None infers it from the
        output's range: bounded by 0 and 1, in rows that sum to 1, it is probabilities, unbounded it
        is logits; otherwise a warning says what was assumed.

    Raises
    ------
    ValueError
        When training begins, if a target lies outside 0..1.

    References
    ----------
    Kullback and Leibler 1951, On information and sufficiency.

    Examples
    --------
    >>> import gdcore as gd
    >>> pred, target = gd.Input(2, name="pred"), gd.Input(2, name="target")
    >>> loss = gd.Model([pred, target], gd.losses.KLDivergence()(pred, target))
    >>> loss.predict({"pred": [[0.5, 0.5]], "target": [[1.0, 0.0]]}).round(3)
    array([0.693], dtype=float32)
    """

    name: ClassVar[str] = "kl_divergence"
    by_row: ClassVar[bool] = True
    when_unknown: ClassVar[bool] = False

    def __call__(self, pred: Value, target: Value) -> Value:
        logits = pred if self.reading(pred).logits else behind_softmax(pred)
        log_p = (
            ops.log_softmax(logits) if logits is not None else ops.log(ops.maximum(pred, EPSILON))
        )
        wanted = ops.clip(target, EPSILON, 1.0)
        return rows(ops.sum(wanted * (ops.log(wanted) - log_p), -1))

    def link(self, pred: Value) -> str:
        if pred.ndim == 1 or pred.shape[-1] == 1:
            return "regression"
        return "multiclass_logits" if self.reading(pred).logits else "multiclass_probs"

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        if y.size and (y.min() < 0 or y.max() > 1 + 1e-6):
            raise ValueError(
                f"kl_divergence targets lie between {y.min():g} and {y.max():g}: "
                "expected probabilities, 0 to 1"
            )
        return y
