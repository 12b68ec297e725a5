"""The base class of losses, and helpers that they share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from gdcore import ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.graph.ops.masks import MASKED
from gdcore.signatures import Fields

EPSILON = 1e-7  # lower bound of probabilities within a logarithm, as in Keras


def rows(x: Value) -> Value:
    """Mean over everything but the batch."""
    return ops.mean(x, range(1, x.ndim)) if x.ndim > 1 else x


def before(output: Value, op: str) -> Value | None:
    """The first input of the op that computed an output, if that op is `op`; otherwise None."""
    while output.op.kind == "alias" or output.op is MASKED:
        output = output.inputs[0]
    return output.inputs[0] if output.op.name == op else None


class Reading(NamedTuple):
    """How a loss interprets an output.

    Attributes
    ----------
    logits : bool
        True for logits, False for probabilities.
    assumed : str
        Why that is uncertain, as the end of a sentence; empty if it is certain.
    """

    logits: bool
    assumed: str = ""

    @property
    def what(self) -> str:
        """Either "logits" or "probabilities"."""
        return "logits" if self.logits else "probabilities"


@dataclass(frozen=True, repr=False, eq=False)
class Loss(Fields):
    """Base class of the named losses, functions of a prediction (B, ...) and a target.

    Attributes
    ----------
    classes : bool
        Whether targets may be class numbers.
    any_shape : bool
        Whether the loss itself handles targets whose shape differs from the output's.

    Raises
    ------
    TypeError
        If the base class itself is called.

    Examples
    --------
    A loss of your own with a name and a setting; for one without, a function will do (`Custom`):

    >>> from dataclasses import dataclass
    >>> import gdcore as gd
    >>> @dataclass(frozen=True)
    ... class Quantile(gd.losses.Loss):
    ...     q: float = 0.5
    ...     def __call__(self, pred, target):
    ...         off = target - pred
    ...         return gd.ops.mean(gd.ops.maximum(self.q * off, (self.q - 1) * off), 1)
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, kernel_initializer="ones")])
    >>> round(model.compile("sgd", Quantile(0.9)).evaluate([[1.0]], [[2.0]])["loss"], 3)
    0.9
    """

    name: ClassVar[str] = ""
    classes: ClassVar[bool] = False
    any_shape: ClassVar[bool] = False

    def __call__(self, pred: Value, target: Value) -> Value:
        """One number for each sample, shape (B,)."""
        raise TypeError(
            f"{type(self).__name__} is not a loss: take one of gd.losses, such as gd.losses.MSE()"
        )

    def total(self, pred: Value, target: Value, weights: Value | None) -> Value:
        """The loss of a batch, a scalar: Σ weight · loss / B.

        Override it to combine the losses of samples in another way.

        Parameters
        ----------
        pred, target : Value
            Of shape (B, ...).
        weights : Value of shape (B,), or None

        Returns
        -------
        Value of shape ()

        Raises
        ------
        TypeError, ValueError
            If the loss of a batch is neither a scalar nor one number for each sample.

        Examples
        --------
        >>> import gdcore as gd
        >>> class Worst(gd.losses.Loss):
        ...     def __call__(self, pred, target):
        ...         return gd.ops.abs(pred - target)
        ...     def total(self, pred, target, weights):
        ...         return gd.ops.max(self(pred, target))
        >>> model = gd.Sequential([gd.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", Worst()).train_on_batch([[1.0], [2.0]], [1.0, 3.0])
        3.0
        """
        each, name = self(pred, target), self.config()["name"]
        if not isinstance(each, Value):
            raise TypeError(
                f"the loss {name!r} returned {type(each).__name__}: expected a traced value; "
                "compute it with gd.ops and + - * /"
            )
        if each.shape == ():
            if weights is not None:
                raise ValueError(
                    f"the loss {name!r} returns a scalar, so samples cannot be weighted: let it "
                    "return one number for each sample, shape (B,)"
                )
            return each
        if each.shape != (Batch(1),):
            raise ValueError(
                f"the loss {name!r} returned shape {each.shape}: expected a scalar, or one "
                "number for each sample, shape (B,); use gd.ops.mean"
            )
        return ops.mean(each if weights is None else each * weights)

    def link(self, pred: Value) -> str:
        """The kind of the output, to which metrics and `predict_proba` are bound.

        Parameters
        ----------
        pred : Value
            The network's output.

        Returns
        -------
        str
            One of `gdcore.metrics.KINDS`.

        Examples
        --------
        >>> import gdcore as gd
        >>> gd.losses.CrossEntropy().link(gd.Input(3))
        'multiclass_logits'
        """
        return "regression"

    def reading(self, pred: Value) -> Reading | None:
        """Whether the output is taken for probabilities or for logits.

        Parameters
        ----------
        pred : Value
            The network's output.

        Returns
        -------
        Reading or None
            `logits`, a bool, and `assumed`, why that is not certain; None for a loss that takes
            neither.

        Examples
        --------
        >>> import gdcore as gd
        >>> gd.losses.BinaryCrossEntropy().reading(1 / (1 + gd.ops.exp(-gd.Input(1)))).logits
        False
        """
        return None

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        """Validate targets and convert them to what the graph takes.

        Parameters
        ----------
        y : ndarray
            Targets as they were given.
        pred : Value
            The network's output.

        Returns
        -------
        ndarray

        Examples
        --------
        >>> import numpy as np
        >>> import gdcore as gd
        >>> gd.losses.Hinge().check(np.array([0.0, 1.0]), gd.Input(1))
        array([-1.,  1.])
        """
        return y

    def config(self) -> dict[str, Any]:
        """The name and the settings, for a file.

        Returns
        -------
        dict

        Examples
        --------
        >>> import gdcore as gd
        >>> gd.losses.Huber(0.5).config()
        {'name': 'huber', 'delta': 0.5}
        """
        return {"name": self.name, **{f.name: getattr(self, f.name) for f in fields(self)}}


def class_numbers(y: np.ndarray, classes: int, who: str) -> np.ndarray:
    """Validate class numbers 0 ... classes-1 and convert them to int32.

    Parameters
    ----------
    y : ndarray
        Targets as they were given.
    classes : int
        Number of classes that the network predicts.
    who : str
        Start of error messages.

    Returns
    -------
    ndarray of int32

    Raises
    ------
    ValueError
        If there are fractions, or numbers out of range; it begins with `who`.

    Examples
    --------
    >>> import numpy as np
    >>> from gdcore.losses import class_numbers
    >>> class_numbers(np.array([0.0, 2.0]), 3, "cross_entropy")
    array([0, 2], dtype=int32)
    """
    if y.dtype.kind == "f" and not (np.floor(y) == y).all():
        raise ValueError(
            f"{who} targets of shape {y.shape} are taken for class numbers, "
            "but hold fractions such "
            f"as {y[np.floor(y) != y].flat[0]:g}: expected whole numbers 0 to {classes - 1}"
        )
    if y.size and (y.min() < 0 or y.max() >= classes):
        bad = y.min() if y.min() < 0 else y.max()
        more = f", or give the last layer {int(bad) + 1} units" if bad > 0 else ""
        raise ValueError(
            f"{who} got the class number {bad:g}, and the network puts out {classes} classes: "
            f"expected 0 to {classes - 1}; number the classes from 0{more}"
        )
    return y.astype(np.int32)
