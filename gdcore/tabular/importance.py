"""Which columns matter: how much worse predictions become when a column's values are shuffled.

Breiman 2001, Random forests, section 10; here as scikit-learn's permutation_importance does it, on
rows that the model has not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.columns import Category
from gdcore.tabular.encoding import Features
from gdcore.tabular.scoring import Scorer, higher_is_better
from gdcore.tabular.words import Text

__all__ = ["Importance", "importance", "judged_by"]


@dataclass(frozen=True)
class Importance:
    """What a column is worth.

    Attributes
    ----------
    column : str
    drop : float
        By how much the score is worse when the column is shuffled, on average.
    deviation : float
        Of the drop, over the repeats.

    Examples
    --------
    >>> Importance("size", drop=0.3, deviation=0.02).column
    'size'
    """

    column: str
    drop: float
    deviation: float


def judged_by(scorer: Scorer) -> str:
    """The metric by which columns are judged: the first that is a single number."""
    single = [n for n in scorer.wanted if n != "confusion_matrix"]
    return single[0] if single else "accuracy"


def importance(
    model: Any,
    features: Features,
    y: NDArray[Any],
    repeats: int = 5,
    seed: int = 0,
    weights: NDArray[np.float64] | None = None,
) -> list[Importance]:
    """Every column's importance, the greatest first.

    Parameters
    ----------
    model : Asking
    features, y : of rows that it was not trained on
    repeats : int
        Times that each column is shuffled.
    seed : int
    weights : of the rows, if they do not count alike

    Raises
    ------
    ValueError
        If `repeats` is below 1.
    """
    if repeats < 1:
        raise ValueError(f"importance repeats={repeats!r}: expected at least 1")
    draw = np.random.default_rng(seed)
    orders = [draw.permutation(len(y)) for _ in range(repeats)]  # the same for every column
    scorer = model.scorer
    name = judged_by(scorer)
    sign = 1.0 if higher_is_better(name) else -1.0

    def score(asked: Features) -> float:
        return sign * float(scorer.metric(name, y, model.scores(asked), weights))

    whole = score(features)
    found = []
    first = code = text = 0
    for column in model.encoder.columns:
        drops = []
        for order in orders:
            numbers, codes, texts = features.numbers, list(features.codes), list(features.texts)
            if isinstance(column, Category):
                codes[code] = codes[code][order]
            elif isinstance(column, Text):
                texts[text] = texts[text][order]
            else:
                numbers = numbers.copy()
                own = slice(first, first + column.width)
                numbers[:, own] = numbers[order, own]
            drops.append(whole - score(Features(numbers, codes, texts)))
        if isinstance(column, Category):
            code += 1
        elif isinstance(column, Text):
            text += 1
        else:
            first += column.width
        found.append(Importance(column.name, float(np.mean(drops)), float(np.std(drops))))
    return sorted(found, key=lambda i: -i.drop)
