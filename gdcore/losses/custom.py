"""A function of traced values as a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gdcore.graph.ir import Value
from gdcore.graph.ranges import bounds_of
from gdcore.losses.base import Loss
from gdcore.losses.readings import kind_of_probabilities, within_one
from gdcore.signatures import reversed_arguments


@dataclass(frozen=True, repr=False, eq=False)
class Custom(Loss):
    """A function of traced values as a loss.

    Parameters
    ----------
    function : callable
        Of (prediction, target), two values; returns a scalar, or one number for each sample, (B,).
        Where the names of its arguments say the other order, as (y_true, y_pred) or (target, output)
        do, it is called in that order.

    Raises
    ------
    TypeError
        If it does not take two arguments.

    Examples
    --------
    `Model.compile` makes one of any function:

    >>> import gdcore as gd
    >>> def halved(pred, target):
    ...     return gd.ops.mean(gd.ops.square(pred - target)) / 2
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, kernel_initializer="ones")])
    >>> model.compile("sgd", halved).evaluate([[3.0]], [1.0])["loss"]
    2.0

    The order of Keras, known by its names:

    >>> def one_sided(y_true, y_pred):
    ...     return gd.ops.mean(gd.ops.maximum(y_true - y_pred, 0.0))
    >>> model.compile("sgd", one_sided).evaluate([[3.0]], [1.0])["loss"]
    0.0
    """

    any_shape: ClassVar[bool] = True
    function: Callable[[Value, Value], Value]
    target_first: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = reversed_arguments(self.function, ("prediction", "target"))
        object.__setattr__(self, "target_first", found)

    def __call__(self, pred: Value, target: Value) -> Value:
        return self.function(target, pred) if self.target_first else self.function(pred, target)

    def link(self, pred: Value) -> str:
        return kind_of_probabilities(pred) if within_one(bounds_of(pred)) else "regression"

    def config(self) -> dict[str, Any]:
        return {"name": getattr(self.function, "__name__", "custom"), "custom": True}
