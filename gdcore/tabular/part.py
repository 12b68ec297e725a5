"""What was measured on one part of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.intervals import Interval
from gdcore.tabular.quantiles import Below

__all__ = ["Coverage", "Part"]


@dataclass(frozen=True)
class Coverage:
    """What intervals of predictions hold.

    Attributes
    ----------
    level : float
        The share of answers that was asked for.
    share : float
        Of the rows whose answer lies within.
    sure : (float, float)
        The 95 % interval of that share.
    width : float
        The mean distance of the ends.
    """

    level: float
    share: float
    sure: Interval
    width: float


@dataclass(frozen=True)
class Part:
    """What was measured on some rows.

    Attributes
    ----------
    scores, baseline : dict
        Metrics by name, of the model and of guessing.
    interval : dict
        The 95 % interval of a score.
    truth, answers : ndarray
        Class numbers, or quantities in their own units.
    proba : ndarray or None
        Probabilities of the classes.
    weights : ndarray or None
        What each row counts, where they do not count alike.
    coverage : Coverage or None
        Of the intervals, where some were asked for.
    below : sequence of Below
        Of the quantiles, where some were asked for.
    """

    scores: dict[str, Any]
    baseline: dict[str, Any]
    interval: dict[str, Interval]
    truth: NDArray[Any]
    answers: NDArray[Any]
    proba: NDArray[np.float64] | None
    weights: NDArray[np.float64] | None = None
    coverage: Coverage | None = None
    below: Sequence[Below] = ()
