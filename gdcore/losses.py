"""Losses: what training makes small.

A loss is a function of traced values, ``loss(prediction, target)``, that returns a scalar, or one
number for each sample. The named ones return one for each sample, so that samples can be weighted;
the loss of a batch is their mean, Σ weight · loss / B.

The graph is looked at, so that nobody passes `from_logits`: `cross_entropy` and
`binary_cross_entropy` take what a softmax or sigmoid was computed from, if the output is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from gdcore import ops
from gdcore.errors import unknown
from gdcore.graph.ir import INT, Value

EPSILON = 1e-7  # where a logarithm of a probability is cut, as in Keras


def rows(x: Value) -> Value:
    """Mean over everything but the batch."""
    return ops.mean(x, range(1, x.ndim)) if x.ndim > 1 else x


def before(output: Value, op: str) -> Value | None:
    """What an output was computed from, if it is `op` of something."""
    while output.op.kind == "alias":
        output = output.inputs[0]
    return output.inputs[0] if output.op.name == op else None


def _along_last(pred: Value, op: str) -> Value | None:
    """The logits, if the output is a softmax over its last axis."""
    return pred.inputs[0] if pred.op.name == op and pred.attrs["axis"] == pred.ndim - 1 else None


@dataclass(frozen=True)
class Loss:
    """Base class of the named losses.

    Attributes
    ----------
    classes : bool
        Whether targets may be class numbers.
    """

    name: ClassVar[str] = ""
    classes: ClassVar[bool] = False

    def __call__(self, pred: Value, target: Value) -> Value:
        """One number for each sample, shape (B,)."""
        raise TypeError(f"{type(self).__name__} is not a loss: take one of {', '.join(LOSSES)}")

    def link(self, pred: Value) -> str:
        """How to read the output: as metrics and `predict_proba` are told."""
        return "regression"

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        """Targets as the graph takes them, or one line that says what is wrong."""
        return y

    def config(self) -> dict[str, Any]:
        """The name and the settings, for a file."""
        return {"name": self.name, **{f.name: getattr(self, f.name) for f in fields(self)}}


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """(prediction - target)², averaged."""

    name: ClassVar[str] = "mse"

    def __call__(self, pred: Value, target: Value) -> Value:
        return rows(ops.square(pred - target))


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """abs(prediction - target), averaged."""

    name: ClassVar[str] = "mae"

    def __call__(self, pred: Value, target: Value) -> Value:
        return rows(ops.abs(pred - target))


@dataclass(frozen=True)
class Huber(Loss):
    """Quadratic up to `delta`, linear beyond (Huber 1964).

    Parameters
    ----------
    delta : float
    """

    name: ClassVar[str] = "huber"
    delta: float = 1.0

    def __call__(self, pred: Value, target: Value) -> Value:
        off = ops.abs(pred - target)
        near = ops.minimum(off, self.delta)
        return rows(near * (off - 0.5 * near))


@dataclass(frozen=True)
class LogCosh(Loss):
    """log cosh(prediction - target), averaged; without overflow."""

    name: ClassVar[str] = "log_cosh"

    def __call__(self, pred: Value, target: Value) -> Value:
        off = pred - target
        return rows(off + ops.softplus(-2.0 * off) - 0.6931471805599453)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """-Σ target log p, p being the softmax of the output, or the output where that is a softmax.

    Parameters
    ----------
    label_smoothing : float
        This share of each target is spread evenly over the classes (Szegedy 2016).

    Notes
    -----
    Targets are class numbers 0 ... K-1, or K columns of probabilities (one-hot).
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
        logits = _along_last(pred, "softmax")
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
        if pred.ndim < 2 or k == 1:
            raise ValueError(
                f"cross_entropy needs an output for each class, and the network puts out shape {pred.shape}: "
                "give the last layer one unit a class, or use binary_cross_entropy"
            )
        if y.ndim == pred.ndim and y.shape[-1] == 1 and k != 1:
            y = y[..., 0]
        if y.ndim == pred.ndim:
            if y.size and (y.min() < 0 or y.max() > 1 + 1e-6):
                raise ValueError(
                    f"cross_entropy targets of shape {y.shape} are taken for probabilities, but lie between "
                    f"{y.min():g} and {y.max():g}: expected 0 to 1 (one-hot), or class numbers of shape {y.shape[:-1]}"
                )
            return y
        return class_numbers(y, int(k), "cross_entropy")  # type: ignore[arg-type]


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """-(t log p + (1 - t) log(1 - p)), averaged over outputs; p is the sigmoid of the output, or the
    output where that is a sigmoid. Several outputs are several labels.

    Parameters
    ----------
    label_smoothing : float
        Targets move this share of the way to 1/2.
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
                f"binary_cross_entropy targets lie between {y.min():g} and {y.max():g}: expected 0 to 1"
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


@dataclass(frozen=True)
class Hinge(Loss):
    """max(1 - target · prediction, 0), averaged; targets are -1 and 1, or 0 and 1."""

    name: ClassVar[str] = "hinge"

    def __call__(self, pred: Value, target: Value) -> Value:
        return rows(ops.relu(1.0 - target * pred))

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        return _signs(y, self.name)


@dataclass(frozen=True)
class SquaredHinge(Loss):
    """max(1 - target · prediction, 0)², averaged; targets are -1 and 1, or 0 and 1."""

    name: ClassVar[str] = "squared_hinge"

    def __call__(self, pred: Value, target: Value) -> Value:
        return rows(ops.square(ops.relu(1.0 - target * pred)))

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        return _signs(y, self.name)


@dataclass(frozen=True)
class Poisson(Loss):
    """prediction - target log prediction, averaged; predictions must be positive (activation "exp" or
    "softplus")."""

    name: ClassVar[str] = "poisson"

    def __call__(self, pred: Value, target: Value) -> Value:
        return rows(pred - target * ops.log(pred + EPSILON))

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        if y.size and y.min() < 0:
            raise ValueError(f"poisson targets hold {y.min():g}: expected counts of at least 0")
        return y


@dataclass(frozen=True)
class KLDivergence(Loss):
    """Σ target log(target / p) over the last axis, p being the output, a distribution."""

    name: ClassVar[str] = "kl_divergence"

    def __call__(self, pred: Value, target: Value) -> Value:
        logits = _along_last(pred, "softmax")
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
                f"kl_divergence targets lie between {y.min():g} and {y.max():g}: expected probabilities, 0 to 1"
            )
        return y


@dataclass(frozen=True)
class CosineSimilarity(Loss):
    """-cos of the angle between prediction and target along the last axis: -1 is the best, as in Keras."""

    name: ClassVar[str] = "cosine_similarity"

    def __call__(self, pred: Value, target: Value) -> Value:
        dot = ops.sum(pred * target, -1)
        lengths = ops.sum(ops.square(pred), -1) * ops.sum(ops.square(target), -1)
        return rows(-dot / ops.sqrt(ops.maximum(lengths, EPSILON**2)))


@dataclass(frozen=True)
class Custom(Loss):
    """A function of traced values as a loss."""

    function: Callable[[Value, Value], Value] = MeanSquaredError()

    def __call__(self, pred: Value, target: Value) -> Value:
        return self.function(pred, target)

    def link(self, pred: Value) -> str:
        if before(pred, "softmax") is not None:
            return "multiclass_probs"
        if before(pred, "sigmoid") is not None:
            return BinaryCrossEntropy().link(pred)
        return "regression"

    def config(self) -> dict[str, Any]:
        return {"name": getattr(self.function, "__name__", "custom"), "custom": True}


def class_numbers(y: np.ndarray, classes: int, who: str) -> np.ndarray:
    """Class numbers 0 ... classes-1 as int32, or one line that says what is wrong."""
    if y.dtype.kind == "f" and not (np.floor(y) == y).all():
        raise ValueError(
            f"{who} targets of shape {y.shape} are taken for class numbers, but hold fractions such as "
            f"{y[np.floor(y) != y].flat[0]:g}: expected whole numbers 0 to {classes - 1}"
        )
    if y.size and (y.min() < 0 or y.max() >= classes):
        bad = y.min() if y.min() < 0 else y.max()
        raise ValueError(
            f"{who} got the class number {bad:g}, and the network puts out {classes} classes: expected 0 to "
            f"{classes - 1}; number the classes from 0, or give the last layer {int(max(y.max(), 0)) + 1} units"
        )
    return y.astype(np.int32)


LOSSES: dict[str, type[Loss]] = {
    c.name: c
    for c in (
        MeanSquaredError,
        MeanAbsoluteError,
        Huber,
        LogCosh,
        CrossEntropy,
        BinaryCrossEntropy,
        Hinge,
        SquaredHinge,
        Poisson,
        KLDivergence,
        CosineSimilarity,
    )
}


def get(spec: Any) -> Loss:
    """A loss from its name, an instance, a class, or a function of (prediction, target).

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.

    Examples
    --------
    >>> from gdcore import losses
    >>> losses.get("huber")
    Huber(delta=1.0)
    """
    if isinstance(spec, Loss):
        return spec
    if isinstance(spec, str):
        if spec not in LOSSES:
            raise unknown("loss", spec, LOSSES)
        return LOSSES[spec]()
    if isinstance(spec, type) and issubclass(spec, Loss):
        return spec()
    if callable(spec):
        return Custom(spec)
    raise TypeError(
        f"loss {spec!r}: expected a name, a loss, or a function of (prediction, target)"
    )


__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "CosineSimilarity",
    "CrossEntropy",
    "Custom",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "SquaredHinge",
    "get",
]
