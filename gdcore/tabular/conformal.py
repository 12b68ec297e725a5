"""Intervals that hold a given share of new answers, by the residuals of rows that were set apart.

Split conformal prediction (Lei et al. 2018, Distribution-free predictive inference for regression): an
answer's distance from its prediction is measured on the scale that the network learns on, so that
amounts on a logarithmic scale have intervals in proportion, and in standard deviations for counts. Of
n distances the ⌈(n + 1) · level⌉-th smallest is the margin; a new row of the same kind then lies within it
with at least that probability, whatever the network is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.column import Floats
from gdcore.tabular.table import SettingError
from gdcore.tabular.target import Target

__all__ = ["check_enough", "check_level", "covered", "fewest", "limits", "margin"]


def check_level(level: Any) -> None:
    """Raises SettingError unless it is a share that an interval can hold."""
    number = isinstance(level, int | float) and not isinstance(level, bool)
    if not number or not 0 < level < 1:
        raise SettingError(
            f"interval={level!r}: expected the share of answers that it is to hold, between 0 and 1, "
            "such as 0.9"
        )


def fewest(level: float) -> int:
    """The rows without which no finite margin holds so much.

    Examples
    --------
    >>> fewest(0.9), fewest(0.99)
    (9, 99)
    """
    return math.ceil(round(level / (1 - level), 9))


def check_enough(level: float, rows: int) -> None:
    """Raises SettingError if so few rows tell of no finite margin."""
    if rows < fewest(level):
        raise SettingError(
            f"interval={level:g} is measured on rows that are set apart from the training, and "
            f"{rows} are: expected {fewest(level)} or more: pass more rows, or a lower interval"
        )


def _unit(middle: Floats, counts: bool) -> Floats:
    """What distances are measured in: the deviation of a count is the root of its mean."""
    return np.sqrt(np.maximum(middle, 1e-12)) if counts else np.ones_like(middle)


def margin(
    target: Target,
    predicted: NDArray[Any],
    y: NDArray[Any],
    level: float,
    counts: bool,
    weights: Floats | None = None,
) -> float:
    """Half the width of intervals, on the scale that the network learns on.

    Parameters
    ----------
    target : Target
    predicted, y : of rows that the weights were not learned from, in the target's units
    level : the share that is to lie within
    counts : whether the network was trained with the Poisson loss
    weights : of the rows, if they do not count alike
    """
    middle = target.scaled(predicted)
    off = np.abs(target.scaled(y) - middle) / _unit(middle, counts)
    order = np.argsort(off, kind="stable")
    each = np.ones(len(y)) if weights is None else weights
    held = np.cumsum(each[order])
    wanted = level * (held[-1] + each.mean())  # the new row counts too
    place = int(np.searchsorted(held, wanted * (1 - 1e-12)))
    return float(off[order][min(place, len(y) - 1)])


def limits(target: Target, predicted: NDArray[Any], width: float, counts: bool) -> Floats:
    """The ends of intervals in the target's units, (n, 2)."""
    middle = target.scaled(predicted)
    half = width * _unit(middle, counts)
    ends = [target.in_units(middle - half), target.in_units(middle + half)]
    return np.stack(ends, axis=1)


def covered(ends: Floats, y: NDArray[Any], weights: Floats | None = None) -> float:
    """The share of answers that lie within their interval."""
    return float(np.average((y >= ends[:, 0]) & (y <= ends[:, 1]), weights=weights))
