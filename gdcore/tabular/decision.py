"""From scores to probabilities that mean what they say, to an answer by a threshold, and to intervals.

A network that has been trained for long is surer than it is right. Its scores are divided by one
number, the temperature, which makes the validation rows most likely (Guo et al. 2017, On
calibration of modern neural networks); no answer changes by it.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.table import SettingError

__all__ = ["Decision", "Threshold", "calibration_error", "log_loss", "probabilities", "temperature"]

BINS = 10
COLDEST, HOTTEST = 0.05, 20.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """What lies between a network's scores and an answer.

    Attributes
    ----------
    temperature : float
        What scores are divided by before they become probabilities.
    positive : int
        Which of two classes precision, recall, F1 and the threshold are about.
    threshold : float or None
        The probability from which on a row is said to be of the positive class; None for whatever
        class is the most probable.
    margin : float or None
        Half the width of intervals around a quantity, on the scale that the network learns on.
    """

    temperature: float = 1.0
    positive: int = 1
    threshold: float | None = None
    margin: float | None = None

    def config(self) -> dict[str, Any]:
        """All attributes, as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Threshold:
    """What is asked of a threshold: a probability, the best F1, or so much recall or precision.

    Examples
    --------
    >>> Threshold.parse("recall=0.9"), Threshold.parse(0.3).least
    (Threshold(goal='recall', least=0.9), 0.3)
    """

    goal: str
    least: float = 0.0

    @classmethod
    def parse(cls, text: Any) -> Threshold:
        """From "f1", "recall=0.9", "precision=0.8" or a probability.

        Raises
        ------
        SettingError
            If it is none of these.
        """
        found = re.fullmatch(r"(?:(recall|precision)=)?([0-9.]+(?:e-?[0-9]+)?)", str(text).strip())
        if str(text).strip() == "f1":
            return cls("f1")
        try:
            least = float(found[2]) if found else -1.0
        except ValueError:
            least = -1.0
        if found is None or not 0 < least < 1:
            raise SettingError(
                f"threshold={text!r}: expected f1, recall=0.9, precision=0.8, or a probability "
                "between 0 and 1"
            )
        return cls(found[1] or "probability", least)

    def choose(
        self, positive: NDArray[np.bool_], p: Floats, weights: Floats | None = None
    ) -> float:
        """The threshold for rows whose answers are known.

        Parameters
        ----------
        positive : which rows are of the positive class
        p : its probability
        weights : of the rows, if they do not count alike

        Returns
        -------
        float
            The one of the best F1; or the highest that still has the recall, or the lowest that has
            the precision (the highest precision there is, if none has it).
        """
        if self.goal == "probability":
            return self.least
        order = np.argsort(-p, kind="stable")
        each = np.ones(len(p)) if weights is None else weights[order]
        p, hit, count = p[order], np.cumsum(each * positive[order]), np.cumsum(each)
        last = np.r_[p[1:] != p[:-1], True]  # a threshold takes all rows of one probability
        p, total = p[last], hit[-1]
        hit, count = hit[last], np.maximum(count[last], 1e-300)
        recall, precision = hit / (total or 1.0), hit / count
        if self.goal == "f1":
            place = int(np.argmax(2 * hit / (count + total)))
        elif self.goal == "recall":
            place = int(np.argmax(recall >= self.least - 1e-12))
        else:
            enough = np.flatnonzero(precision >= self.least - 1e-12)
            place = int(enough[-1] if len(enough) else np.argmax(precision))
        below = p[place + 1] if place + 1 < len(p) else 0.0
        return float((p[place] + below) / 2)  # halfway to the next row: new rows lie around it


def probabilities(scores: NDArray[Any]) -> Floats:
    """A column for each class, of logits (n, k), or of log odds (n, 1) of the second of two."""
    z = np.asarray(scores, dtype=np.float64)
    if z.shape[1] == 1:
        z = np.concatenate([np.zeros_like(z), z], axis=1)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def log_loss(
    scores: NDArray[Any], y: NDArray[Any], heat: float = 1.0, weights: Floats | None = None
) -> float:
    """Minus the mean log of the true classes' probabilities, in nats."""
    z = np.asarray(scores, dtype=np.float64) / heat
    if z.shape[1] == 1:
        z = np.concatenate([np.zeros_like(z), z], axis=1)
    top = z.max(axis=1)
    total = top + np.log(np.exp(z - top[:, None]).sum(axis=1))
    return float(np.average(total - z[np.arange(len(y)), y], weights=weights))


def temperature(scores: NDArray[Any], y: NDArray[Any], weights: Floats | None = None) -> float:
    """The number to divide scores by that makes the true classes most probable.

    The loss is convex in its reciprocal: golden section over the logarithm finds it.

    Examples
    --------
    >>> scores = np.array([[4.0], [4.0], [4.0], [-4.0]])  # sure of itself, and wrong in 1 of 4
    >>> round(temperature(scores, np.array([1, 1, 0, 0])), 2)
    3.64
    """
    low, high = math.log(COLDEST), math.log(HOTTEST)
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        cold, hot = (log_loss(scores, y, math.exp(v), weights) for v in (a, b))
        if cold <= hot:
            high = b
        else:
            low = a
    return math.exp((low + high) / 2)


def calibration_error(
    p: Floats, y: NDArray[Any], weights: Floats | None = None
) -> tuple[float, list[tuple[float, float, int]]]:
    """Expected calibration error of the answers, and the curve of reliability.

    Parameters
    ----------
    p : probabilities, a column for each class
    y : class numbers
    weights : of the rows, if they do not count alike

    Returns
    -------
    (error, curve)
        The mean gap between how sure the answers are and how many are right, over ten bins of
        probability; and for each bin with rows its mean probability, its share of right answers
        and its rows (Guo et al. 2017, section 2).
    """
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    place = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    each = np.ones(len(y)) if weights is None else weights
    curve, error = [], 0.0
    for rows in (place == i for i in range(BINS)):
        own = each[rows]
        if own.any():
            mean, share = (float(np.average(v[rows], weights=own)) for v in (sure, right))
            curve.append((mean, share, int(rows.sum())))
            error += abs(mean - share) * float(own.sum())
    return error / float(each.sum()), curve
