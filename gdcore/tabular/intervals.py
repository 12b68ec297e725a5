"""How sure a score is: an interval in which it would lie, had other rows been held out.

By the bootstrap (Efron 1979): the rows are drawn anew many times, with repetition. A score at which
no row errs does not vary then, though few rows do not show much: the share of right answers has
Wilson's interval (1927) instead, which knows their number.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.scoring import Scorer

__all__ = ["effective_rows", "intervals", "wilson"]

TIMES, FEWEST_TIMES = 200, 40
ENOUGH = 2_000_000  # rows in all draws together
SURE = (2.5, 97.5)  # per cent
Z = 1.959964

Interval = tuple[float, float]


def wilson(right: float, rows: float) -> Interval:
    """The 95 % interval of a share.

    Examples
    --------
    >>> low, high = wilson(1.0, 10)
    >>> round(low, 3), round(high, 3)
    (0.722, 1.0)
    """
    around = (right + Z * Z / (2 * rows)) / (1 + Z * Z / rows)
    half = Z / (1 + Z * Z / rows) * math.sqrt(right * (1 - right) / rows + Z * Z / (4 * rows**2))
    return max(0.0, around - half), min(1.0, around + half)


def effective_rows(rows: int, weights: NDArray[np.float64] | None) -> float:
    """How many rows that count alike tell as much (Kish 1965, Survey sampling).

    Examples
    --------
    >>> effective_rows(3, None), float(effective_rows(3, np.array([1.0, 1.0, 0.0])))
    (3, 2.0)
    """
    return rows if weights is None else float(weights.sum() ** 2 / (weights**2).sum())


def intervals(
    scorer: Scorer,
    y: NDArray[Any],
    scores: NDArray[Any],
    got: dict[str, Any],
    weights: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> dict[str, Interval]:
    """The 95 % interval of every metric that is a single number.

    Parameters
    ----------
    scorer : Scorer
    y, scores : the true answers, and what the model says
    got : the metrics by name
    weights : of the rows, if they do not count alike
    seed : of the draws
    """
    rows = len(y)
    names = [n for n, v in got.items() if np.ndim(v) == 0]
    shares = {n for n in names if n in ("accuracy", "acc")}
    found = {n: wilson(float(got[n]), effective_rows(rows, weights)) for n in shares}
    if rows < 2:
        return found
    draw = np.random.default_rng(seed)
    times = max(FEWEST_TIMES, min(TIMES, ENOUGH // rows))
    drawn: dict[str, list[float]] = {n: [] for n in names if n not in shares}
    for _ in range(times if drawn else 0):
        some = draw.integers(0, rows, rows)
        for name, values in drawn.items():
            own = None if weights is None else weights[some]
            values.append(float(scorer.metric(name, y[some], scores[some], own)))
    for name, values in drawn.items():
        finite = [v for v in values if math.isfinite(v)]
        if finite:
            low, high = np.percentile(finite, SURE)
            found[name] = float(low), float(high)
    return {n: found[n] for n in names if n in found}
