"""Classes that have an order, such as ratings: for each but the lowest, whether a row reaches it.

The network has an output for each step from class to class, trained on whether a row's class lies above
it (Cheng, Wang and Pollastri 2008, A neural network approach to ordinal regression), so that what is
learned of one step serves the others, and a miss by two classes costs more than one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["above", "log_probabilities", "rank_error"]


def above(y: NDArray[Any], classes: int) -> NDArray[np.float64]:
    """Class numbers as 1 for each step below them, and 0 for the others.

    Examples
    --------
    >>> above(np.array([0, 2]), 3).tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    return (np.asarray(y)[:, None] > np.arange(classes - 1)).astype(np.float64)


def log_probabilities(reached: NDArray[Any]) -> NDArray[np.float64]:
    """Logarithms of the probabilities of the classes.

    Parameters
    ----------
    reached : ndarray of shape (n, classes - 1)
        The probability that a row lies above each step; what rises from step to step is cut.

    Returns
    -------
    ndarray of shape (n, classes)

    Examples
    --------
    >>> np.exp(log_probabilities(np.array([[0.75, 0.5]]))).round(2).tolist()
    [[0.25, 0.25, 0.5]]
    """
    falling = np.minimum.accumulate(np.asarray(reached, np.float64), axis=1)
    edges = np.ones((len(falling), 1))
    steps = np.concatenate([edges, falling, 0 * edges], axis=1)
    return np.asarray(np.log(np.maximum(steps[:, :-1] - steps[:, 1:], 1e-30)))


def rank_error(
    y: NDArray[Any], answers: NDArray[Any], weights: NDArray[np.float64] | None = None
) -> float:
    """By how many classes answers are off, on average.

    Examples
    --------
    >>> rank_error(np.array([0, 1, 2]), np.array([0, 2, 0]))
    1.0
    """
    return float(np.average(np.abs(y - answers), weights=weights))
