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
from gdcore.tabular.scoring import answers_of

__all__ = ["Importance", "importance", "score_of"]


@dataclass(frozen=True)
class Importance:
    """What a column is worth.

    Attributes
    ----------
    column : str
    drop : float
        By how much the score falls when the column is shuffled, on average.
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


def score_of(model: Any, features: Features, y: NDArray[Any]) -> float:
    """The share of right answers, or R²."""
    out = model.network.predict(features.inputs())
    answers = answers_of(model.network, model.target, out)
    if model.target.classes is not None:
        return float(np.mean(answers == model.target.named(y)))
    left = float(np.sum((y - answers) ** 2))
    total = float(np.sum((y - y.mean()) ** 2))
    return 1.0 - left / total if total else 0.0  # a constant has nothing to be explained


def importance(
    model: Any, features: Features, y: NDArray[Any], repeats: int = 5, seed: int = 0
) -> list[Importance]:
    """Every column's importance, the greatest first.

    Parameters
    ----------
    model : TableModel
    features, y : of rows that it was not trained on
    repeats : int
        Times that each column is shuffled.
    seed : int

    Raises
    ------
    ValueError
        If `repeats` is below 1.
    """
    if repeats < 1:
        raise ValueError(f"importance repeats={repeats!r}: expected at least 1")
    draw = np.random.default_rng(seed)
    orders = [draw.permutation(len(y)) for _ in range(repeats)]  # the same for every column
    whole = score_of(model, features, y)
    found = []
    first = code = 0
    for column in model.encoder.columns:
        drops = []
        for order in orders:
            numbers, codes = features.numbers, list(features.codes)
            if isinstance(column, Category):
                codes[code] = codes[code][order]
            else:
                numbers = numbers.copy()
                own = slice(first, first + column.width)
                numbers[:, own] = numbers[order, own]
            drops.append(whole - score_of(model, Features(numbers, codes), y))
        if isinstance(column, Category):
            code += 1
        else:
            first += column.width
        found.append(Importance(column.name, float(np.mean(drops)), float(np.std(drops))))
    return sorted(found, key=lambda i: -i.drop)
