"""Losses of classes: how likely, or how clear, the right one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gdcore import ops
from gdcore.graph.ir import INT, Value
from gdcore.losses.base import EPSILON, Loss, along_last, before, class_numbers, rows


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """-Σ target log p, p being the softmax of the output, or the output where that is a softmax.

    Parameters
    ----------
    label_smoothing : float
        This share of each target is spread evenly over the K classes; at least 0 and below 1.

    Raises
    ------
    ValueError
        If `label_smoothing` is out of range; when training begins, if the network has no output for
        each class, a class number is not one of 0 ... K-1, or a probability lies outside 0..1.

    Notes
    -----
    Of a prediction (B, ..., K) and targets, it makes one number for each sample, (B,). Targets are
    class numbers 0 ... K-1 of shape (B, ...), or probabilities (one-hot rows) of shape (B, ..., K).
    It is computed from logits by log-sum-exp, without overflow.

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
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing={self.label_smoothing!r}: expected at least 0 and below 1"
            )

    def __call__(self, pred: Value, target: Value) -> Value:
        logits = along_last(pred, "softmax")
        logits = pred if logits is None else logits
        k = logits.shape[-1]
        assert isinstance(k, int)
        wanted = ops.one_hot(target, k) if target.dtype == INT else target
        if self.label_smoothing:
            wanted = wanted * (1 - self.label_smoothing) + self.label_smoothing / k
        total = ops.logsumexp(logits, -1)
        if target.dtype != INT:
            total = total * ops.sum(wanted, -1)
        return rows(total - ops.sum(wanted * logits, -1))

    def link(self, pred: Value) -> str:
        return "multiclass_probs" if before(pred, "softmax") is not None else "multiclass_logits"

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


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """-(t log p + (1 - t) log(1 - p)), averaged over outputs: several outputs are several labels.

    p is the sigmoid of the output, or the output where that is a sigmoid.

    Parameters
    ----------
    label_smoothing : float
        Targets move this share of the way to 1/2; at least 0 and below 1.

    Raises
    ------
    ValueError
        If `label_smoothing` is out of range; when training begins, if a target lies outside 0..1.

    Notes
    -----
    Of a prediction and a target of one shape (B, ...), it makes one number for each sample, (B,).
    It is computed from logits z as log(1 + e^z) - t z, without overflow.

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
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing={self.label_smoothing!r}: expected at least 0 and below 1"
            )

    def __call__(self, pred: Value, target: Value) -> Value:
        logits = before(pred, "sigmoid")
        logits = pred if logits is None else ops.reshape(logits, pred.shape)
        wanted = target * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        return rows(ops.softplus(logits) - wanted * logits)

    def link(self, pred: Value) -> str:
        kind = "binary" if pred.ndim == 1 or pred.shape[1:] == (1,) else "multilabel"
        return kind + ("_probs" if before(pred, "sigmoid") is not None else "_logits")

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        if y.size and (y.min() < 0 or y.max() > 1):
            raise ValueError(
                f"binary_cross_entropy targets lie between {y.min():g} and {y.max():g}: "
                "expected 0 to 1"
            )
        return y


def _signs(y: np.ndarray, name: str) -> np.ndarray:
    """Targets -1 and 1; 0 and 1 are taken for them."""
    found = np.unique(y)
    if np.isin(found, (0, 1)).all():
        return y * 2.0 - 1.0
    if not np.isin(found, (-1, 1)).all():
        raise ValueError(f"{name} targets hold {found[:5]}: expected -1 and 1, or 0 and 1")
    return y


class Hinge(Loss):
    """max(1 - target · prediction, 0), averaged over all dimensions but the batch.

    Of a prediction and a target of one shape (B, ...), it makes one number for each sample, (B,).
    Targets are -1 and 1, or 0 and 1, which are taken for them.

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

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        return _signs(y, self.name)


class SquaredHinge(Loss):
    """max(1 - target · prediction, 0)², averaged over all dimensions but the batch.

    Of a prediction and a target of one shape (B, ...), it makes one number for each sample, (B,).
    Targets are -1 and 1, or 0 and 1, which are taken for them.

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

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        return _signs(y, self.name)


class KLDivergence(Loss):
    """Σ target log(target / p) over the last axis, p being the output, a distribution.

    Of a prediction and a target of one shape (B, ..., K), it makes one number for each sample,
    (B,). End the network in a softmax: its logits are then used. Targets and other predictions are
    cut from below at 1e-7, as in Keras.

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

    def __call__(self, pred: Value, target: Value) -> Value:
        logits = along_last(pred, "softmax")
        log_p = (
            ops.log_softmax(logits) if logits is not None else ops.log(ops.maximum(pred, EPSILON))
        )
        wanted = ops.clip(target, EPSILON, 1.0)
        return rows(ops.sum(wanted * (ops.log(wanted) - log_p), -1))

    def link(self, pred: Value) -> str:
        return "multiclass_probs" if pred.ndim > 1 and pred.shape[-1] != 1 else "regression"

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        if y.size and (y.min() < 0 or y.max() > 1 + 1e-6):
            raise ValueError(
                f"kl_divergence targets lie between {y.min():g} and {y.max():g}: "
                "expected probabilities, 0 to 1"
            )
        return y
