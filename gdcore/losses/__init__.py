"""Losses: what training makes small.

A loss is a function of traced values, ``loss(prediction, target)``, that returns a scalar, or one
number for each sample. The named ones return one for each sample, so that samples can be weighted;
the loss of a batch is their mean, Σ weight · loss / B.

The graph is looked at, so that nobody passes `from_logits`: `cross_entropy` and
`binary_cross_entropy` take what a softmax or sigmoid was computed from, if the output is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gdcore.errors import unknown
from gdcore.graph.ir import Value
from gdcore.losses.base import Loss, before
from gdcore.losses.classification import (
    BinaryCrossEntropy,
    CrossEntropy,
    Hinge,
    KLDivergence,
    SquaredHinge,
    class_numbers,
)
from gdcore.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
)


@dataclass(frozen=True)
class Custom(Loss):
    """A function of traced values as a loss.

    Parameters
    ----------
    function : callable
        Of (prediction, target), two values; returns a scalar, or one number for each sample, (B,).

    Examples
    --------
    `Model.compile` makes one of any function:

    >>> import gdcore as gd
    >>> def halved(pred, target):
    ...     return gd.ops.mean(gd.ops.square(pred - target)) / 2
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, kernel_initializer="ones")])
    >>> model.compile("sgd", halved).evaluate([[3.0]], [1.0])["loss"]
    2.0
    """

    function: Callable[[Value, Value], Value]

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

    Parameters
    ----------
    spec : str, Loss, subclass of it, or callable

    Returns
    -------
    Loss

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
    "class_numbers",
    "get",
]
