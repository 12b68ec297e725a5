"""What was measured on one part of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.intervals import Interval

__all__ = ["Part"]


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
    """

    scores: dict[str, Any]
    baseline: dict[str, Any]
    interval: dict[str, Interval]
    truth: NDArray[Any]
    answers: NDArray[Any]
    proba: NDArray[np.float64] | None
    weights: NDArray[np.float64] | None = None
