"""Quantiles of a quantity: what is asked for, and how many answers lie below each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.intervals import Interval, effective_rows, wilson
from gdcore.tabular.table import SettingError

__all__ = ["Below", "check_quantiles", "shares_below"]


@dataclass(frozen=True)
class Below:
    """The share of the answers that lie below a predicted quantile.

    Attributes
    ----------
    quantile : float
        What was asked for.
    share : float
        Of the rows whose answer lies at or below it.
    sure : (float, float)
        The 95 % interval of that share.
    """

    quantile: float
    share: float
    sure: Interval


def check_quantiles(quantiles: Sequence[Any]) -> None:
    """Raises SettingError unless they are different shares between 0 and 1."""
    number = all(
        isinstance(q, int | float | np.number) and not isinstance(q, bool) for q in quantiles
    )
    if (
        not quantiles
        or not number
        or not all(0 < q < 1 for q in quantiles)
        or len({*quantiles}) < len(quantiles)
    ):
        raise SettingError(
            f"quantiles={list(quantiles)}: expected different shares of the answers that are to lie below, "
            "between 0 and 1, such as [0.1, 0.5, 0.9]"
        )


def shares_below(
    quantiles: Sequence[float],
    predicted: NDArray[Any],
    y: NDArray[Any],
    weights: NDArray[np.float64] | None = None,
) -> list[Below]:
    """Of each quantile the share of answers that lie below it.

    Parameters
    ----------
    quantiles : that were asked for
    predicted : a column for each, in the target's units
    y : true answers
    weights : of the rows, if they do not count alike

    Examples
    --------
    >>> shares_below([0.5], np.array([[2.0], [2.0]]), np.array([1.0, 3.0]))[0].share
    0.5
    """
    rows = effective_rows(len(y), weights)
    shares = [float(np.average(y <= own, weights=weights)) for own in predicted.T]
    return [Below(q, s, wilson(s, rows)) for q, s in zip(quantiles, shares, strict=True)]
