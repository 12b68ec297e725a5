"""Metrics of the whole ranking or the whole table: ROC AUC and the confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gdcore.metrics import link
from gdcore.metrics.base import Metric

__all__ = ["ROCAUC", "ConfusionMatrix"]


def _area(
    positive: NDArray[np.bool_], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    # P(score of a positive > score of a negative) + P(equal) / 2, by one sort: every group of
    # equal scores beats the negatives below it and half of those inside it.
    order = np.argsort(score, kind="stable")
    score, positive, weights = score[order], positive[order], weights[order]
    first = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    up = np.add.reduceat(np.where(positive, weights, 0.0), first)
    down = np.add.reduceat(np.where(positive, 0.0, weights), first)
    if not (up.sum() > 0 and down.sum() > 0):
        return float("nan")
    below = np.cumsum(down) - down
    return float(up @ (below + 0.5 * down) / (up.sum() * down.sum()))


class ROCAUC(Metric):
    """Area under the ROC curve: how often a positive row is scored above a negative one.

    Equal scores count one half, as in scikit-learn. Multiclass (one class against the rest, on
    probabilities) and multilabel: the plain mean over classes that have both kinds of rows;
    NaN if none has. The epoch's predictions are kept until the next reset.

    Parameters
    ----------
    name : str

    References
    ----------
    Fawcett, *An introduction to ROC analysis*, 2006; Hanley and McNeil, Radiology 143, 1982.

    Examples
    --------
    >>> metric = ROCAUC().bind("binary_probs")
    >>> metric.update([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> metric.result()
    0.75
    """

    tasks = ("multiclass", "binary", "multilabel")

    def __init__(self, name: str = "roc_auc") -> None:
        super().__init__(name)

    def clear(self) -> None:
        self._truth: list[NDArray[np.int64]] = []
        self._scores: list[NDArray[Any]] = []
        self._weights: list[NDArray[np.float64]] = []

    def add(
        self, y_true: ArrayLike, scores: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        assert self.kind is not None
        if link.task_of(self.kind) == "multiclass":
            self._truth.append(np.array(link.class_labels(y_true, scores)))
            # Softmax depends on the whole row, so it changes the ranking of rows by one class.
            self._scores.append(link.probabilities(scores, self.kind))
        else:
            # The sigmoid keeps the order, but saturates: large logits would tie.
            self._truth.append(np.array(link.yes_no(y_true, scores)))
            self._scores.append(np.array(scores))
        self._weights.append(np.ones(len(scores)) if weights is None else np.array(weights))

    def value(self) -> float:
        truth, weights = np.concatenate(self._truth), np.concatenate(self._weights)
        scores = np.concatenate(self._scores).astype(np.float64)
        areas = []
        for column in range(scores.shape[1]):
            positive = truth == column if truth.ndim == 1 else truth[:, column] == 1
            areas.append(_area(positive, scores[:, column], weights))
        known = [area for area in areas if area == area]
        return sum(known) / len(known) if known else float("nan")


class ConfusionMatrix(Metric):
    """Counts by true class (row) and predicted class (column).

    Its result is an array: ``(k, k)`` for multiclass, ``(2, 2)`` for binary, ``(k, 2, 2)`` for
    multilabel outputs; int64, or float64 sums once sample weights were given.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> metric = ConfusionMatrix().bind("binary_probs")
    >>> metric.update([1, 0, 1], [0.9, 0.8, 0.2])
    >>> metric.result().tolist()
    [[0, 1], [1, 1]]
    """

    tasks = ("multiclass", "binary", "multilabel")

    def __init__(self, name: str = "confusion_matrix") -> None:
        super().__init__(name)

    def clear(self) -> None:
        self._table: NDArray[Any] | None = None

    def add(
        self, y_true: ArrayLike, scores: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        assert self.kind is not None
        if link.task_of(self.kind) == "multiclass":
            classes = scores.shape[1]
            pair = link.class_labels(y_true, scores) * classes + scores.argmax(axis=1)
            shape: tuple[int, ...] = (classes, classes)
        else:
            truth, chosen = link.yes_no(y_true, scores), link.decided(scores, self.kind)
            columns = scores.shape[1]
            pair = (np.arange(columns) * 4 + truth * 2 + chosen).reshape(-1)
            shape = (columns, 2, 2) if link.task_of(self.kind) == "multilabel" else (2, 2)
            weights = None if weights is None else np.repeat(weights, columns)
        table = np.bincount(pair, weights=weights, minlength=int(np.prod(shape))).reshape(shape)
        self._table = table if self._table is None else self._table + table

    def value(self) -> NDArray[Any]:
        assert self._table is not None
        return self._table.copy()
