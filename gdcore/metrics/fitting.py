"""Validation of metrics against the loss and the targets, before the first step."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.metrics.base import FunctionMetric, Metric, no_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bind_all", "check_targets"]

ELEMENTS = 1 << 20  # of the zero outputs made at once


def bind_all(metrics: Sequence[Metric], kind: str, loss: str) -> list[Metric]:
    """Copies of metrics, bound to a kind of output.

    Parameters
    ----------
    metrics : sequence of Metric
    kind : str
        One of `gdcore.metrics.KINDS`.
    loss : str
        Name of the loss, for errors.

    Raises
    ------
    ValueError
        If a metric is not defined for this kind.
    """
    bound = []
    for m in metrics:
        try:
            bound.append(copy.deepcopy(m).bind(kind))
        except ValueError as error:
            raise ValueError(
                f"compile metrics: {m.name!r} does not go with loss={loss!r} ({error})"
            ) from None
    return bound


def check_targets(metrics: Sequence[Metric], y: NDArray[Any], output: Any, what: str) -> None:
    """Run each metric over all targets with outputs of 0, so that errors are raised early.

    A function that computes traced values instead of numbers is refused.

    Parameters
    ----------
    metrics : sequence of Metric
        Bound; they are left as they are.
    y : ndarray of shape (n, ...)
    output : Value
        The network's output.
    what : str
        What the error calls the targets.

    Raises
    ------
    ValueError, TypeError
        If a metric cannot be computed of these targets.
    """
    shape = output.shape[1:]
    rows = max(1, ELEMENTS // max(1, math.prod(shape)))
    for m in metrics:
        if isinstance(m, FunctionMetric):
            _refuse_traced(m, output, y[:1], np.zeros((1, *shape)))
        trial = copy.deepcopy(m)
        for start in range(0, len(y), rows):
            part = y[start : start + rows]
            try:
                trial.update(part, np.zeros((len(part), *shape), np.float32))
            except (ValueError, TypeError) as error:
                raise type(error)(
                    f"compile metrics: {m.name!r} cannot be computed of the targets {what} ({error})"
                ) from None
            trial.reset()


def _refuse_traced(m: FunctionMetric, traced: Any, y_true: Any, y_pred: Any) -> None:
    """Raises TypeError if a function returns traced values, also when it is called with arrays.

    It is called with arrays only if it returned a traced value for traced values.
    """
    for given in ((traced, traced), (y_true, y_pred)):
        try:
            found = m.function(*given)
        except Exception:  # it may need a whole epoch, which reports the error
            return
        if type(found) is not type(traced):
            return
    raise no_number(m.name, found)
