"""What the values of a quantity say of how it is best learned: as a count, or as an amount."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.table import quoted
from gdcore.tabular.target import Target

__all__ = ["recognised"]

FEWEST = 40  # rows, below which values say little
TAIL = 1.5  # mean by median of what has a long tail


def recognised(target: Target, y: NDArray[np.float64], loss: str | None) -> str | None:
    """A line on a quantity that may be learned better in another way; None if there is none.

    Parameters
    ----------
    target : Target
    y : of the training rows, in its units
    loss : that was asked for

    Examples
    --------
    >>> counts = np.arange(60) % 12 * 1.0
    >>> recognised(Target("n", "regression", floor=0.0), counts, None)
    "'n' holds whole numbers from 0 on: if it counts, loss='poisson' learns it as such"
    >>> recognised(Target("n", "regression", floor=0.0), counts, "poisson") is None
    True
    """
    known = target.classes is not None or target.log_unit is not None or loss is not None
    if known or target.floor is None or len(y) < FEWEST:
        return None
    if y.min() == 0 and (y == np.floor(y)).all():
        return (
            f"{quoted(target.name)} holds whole numbers from 0 on: if it counts, loss='poisson' learns "
            "it as such"
        )
    middle = float(np.median(y))
    if float(y.mean()) < TAIL * middle or not y.max() > middle > 0:
        return None
    return (
        f"{quoted(target.name)} is never negative and has a long tail (median {middle:.4g}, mean "
        f"{y.mean():.4g}): target_scale='log' may fit it better, in proportion"
    )
