"""What the values of a quantity say of how it is best learned: as a count, or as an amount."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.settings import Settings
from gdcore.tabular.several import AnyTarget
from gdcore.tabular.table import Table, quoted
from gdcore.tabular.target import Target

__all__ = ["as_it_was", "as_values_say", "recognised", "said"]

FEWEST = 40  # rows, below which values say little
TAIL = 1.5  # mean by median of what has a long tail
MANY_CLASSES, UNEVEN = (
    5,
    5.0,
)  # whole numbers of so many kinds, one of them so much rarer, may be counts
COUNT, AMOUNT = "count", "amount"


def recognised(target: Target, y: NDArray[np.float64]) -> str | None:
    """ "count" of whole numbers from 0 on, "amount" of what has a long tail, or neither.

    Parameters
    ----------
    target : Target
    y : of the rows, in its units

    Examples
    --------
    >>> rows = np.arange(60) % 12 * 1.0
    >>> recognised(Target("n", "regression", floor=0.0), rows)
    'count'
    >>> recognised(Target("n", "regression", floor=0.0), rows + 1) is None
    True
    """
    if target.classes is not None or target.floor is None or len(y) < FEWEST:
        return None
    if y.min() == 0 and y.max() > 0 and (y == np.floor(y)).all():
        return COUNT
    middle = float(np.median(y))
    return AMOUNT if y.max() > middle > 0 and float(y.mean()) >= TAIL * middle else None


def as_values_say(settings: Settings, target: AnyTarget, table: Table) -> Settings:
    """With the task of the target; and where neither loss nor scale is told, with those of a count or an
    amount.
    """
    settings = replace(settings, task=target.asked)
    if settings.loss is not None or settings.target_scale is not None or len(target.each) > 1:
        return settings
    found = recognised(target.each[0], target.each[0].values(table))
    if found == AMOUNT:
        return replace(settings, target_scale="log")
    poisson = found == COUNT and settings.quantiles is None
    return replace(settings, loss="poisson") if poisson else settings


def as_it_was(settings: Settings, target: AnyTarget, loss: str) -> Settings:
    """The settings of a training anew: what the values said at first holds.

    Parameters
    ----------
    settings : as they were told
    target : as it was learned
    loss : name of the loss that the network was trained with
    """
    settings = replace(settings, task=target.asked)
    if settings.loss is None and loss == "poisson":
        settings = replace(settings, loss=loss)
    scale = settings.target_scale
    if scale is None and target.task == "regression":
        scale = "linear" if target.each[0].log_unit is None else "log"
    return replace(settings, target_scale=scale)


def said(settings: Settings, target: Target, y: NDArray[Any], loss: str) -> str | None:
    """A line on how whole numbers or an amount were learned, if their values said so and nobody else."""
    if settings.task is None and _may_be_counts(target):
        low, high = (target.classes or ("",))[0], (target.classes or ("",))[-1]
        return (
            f"{quoted(target.name)} holds whole numbers from {low} to {high}, taken for {len(target.prior)} "
            "classes: pass task='regression' if they are counts or quantities, task='ordinal' if they are grades"
        )
    if settings.loss is None and loss == "poisson":
        return (
            f"{quoted(target.name)} holds whole numbers from 0 on: learned as a count; loss='mse' learns it "
            "as a quantity"
        )
    if settings.target_scale is None and target.log_unit is not None:
        return (
            f"{quoted(target.name)} is never negative and has a long tail (median {np.median(y):.4g}, mean "
            f"{np.mean(y):.4g}): learned on a logarithmic scale, in proportion; target_scale='linear' learns it "
            "as it is"
        )
    return None


def _may_be_counts(target: Target) -> bool:
    """Whether classes are whole numbers one after the other, some of them much rarer than others."""
    if (
        not target.whole
        or target.ordered
        or len(target.classes or ()) < MANY_CLASSES
        or not target.prior
    ):
        return False
    numbers = [int(c) for c in target.classes or ()]
    uneven = max(target.prior) >= UNEVEN * min(target.prior)
    return numbers[-1] - numbers[0] == len(numbers) - 1 and uneven
