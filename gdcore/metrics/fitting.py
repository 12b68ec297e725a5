"""Metrics beside a loss and targets: what does not go together is said before the first step."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.metrics.base import FunctionMetric, Metric, no_number

__all__ = ["bind_all", "check_targets"]

ELEMENTS = 1 << 20  # of outputs that are supposed at once


def bind_all(metrics: Sequence[Metric], kind: str, loss: str) -> list[Metric]:
    """Copies of metrics, told how to read outputs.

    Parameters
    ----------
    metrics : sequence of Metric
    kind : str
        One of `gdcore.metrics.KINDS`.
    loss : str
        The loss that takes the outputs so, for an error.

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
    """Let each metric see all targets, beside outputs of 0, and forget them.

    A function is looked at for whether it is written for traced values.

    Parameters
    ----------
    metrics : sequence of Metric
        Bound; they are left as they are.
    y : ndarray of shape (n, ...)
    output : Value
        What the network puts out.
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
    """Raises TypeError if a function makes traced values of arrays.

    Only one that takes traced values at all is asked about a sample of arrays, too.
    """
    for given in ((traced, traced), (y_true, y_pred)):
        try:
            found = m.function(*given)
        except Exception:  # whatever it misses here: it is told by the whole epoch
            return
        if type(found) is not type(traced):
            return
    raise no_number(m.name, found)
