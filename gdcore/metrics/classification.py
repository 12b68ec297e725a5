"""Metrics that count: accuracy, top-k, precision, recall, F1."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gdcore.errors import unknown
from gdcore.metrics import link
from gdcore.metrics.base import Metric, ratio

__all__ = ["F1", "Accuracy", "Precision", "Recall", "TopK"]

AVERAGES = ("binary", "macro", "micro", "weighted")
_CLASSIFICATION = ("multiclass", "binary", "multilabel")


class _Share(Metric):
    """The weighted share of correct results."""

    def clear(self) -> None:
        self._right = 0.0
        self._total = 0.0

    def count(self, right: NDArray[np.bool_], weights: NDArray[np.float64] | None) -> None:
        # Whole numbers are exact in float64 up to 2**53, so counts and weighted sums share one
        # type.
        if weights is None:
            self._right += float(np.count_nonzero(right))
            self._total += float(right.size)
        else:
            per_row = right.reshape(len(weights), -1)
            self._right += float(weights @ per_row.sum(axis=1))
            self._total += float(weights.sum()) * per_row.shape[1]

    def value(self) -> float:
        return ratio(self._right, self._total)


class Accuracy(_Share):
    """Share of predictions that are right.

    Multiclass: the highest score (the first of equal ones) is at the true class. Binary and
    multilabel: the probability is above one half where the truth is 1, counted for every output
    by itself, as Keras does.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> metric = Accuracy().bind("binary_logits")
    >>> metric.update([1, 0, 1, 1], [2.0, -1.0, -3.0, 0.5])
    >>> metric.result()
    0.75
    """

    tasks = _CLASSIFICATION

    def __init__(self, name: str = "accuracy") -> None:
        super().__init__(name)

    def add(
        self, y_true: ArrayLike, scores: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        assert self.kind is not None
        if link.task_of(self.kind) == "multiclass":
            right = scores.argmax(axis=1) == link.class_labels(y_true, scores)
        else:
            right = link.decided(scores, self.kind) == link.yes_no(y_true, scores)
        self.count(right, weights)


class TopK(_Share):
    """Share of rows whose true class is among the k highest scores.

    Equal scores rank by class number, so that ``TopK(1)`` is `Accuracy`; a NaN is a miss.

    Parameters
    ----------
    k : int
        At least 1.
    name : str, optional
        ``"top_5_accuracy"`` for ``k=5``.

    Raises
    ------
    ValueError
        If k is below 1.

    Examples
    --------
    >>> metric = TopK(2).bind("multiclass_probs")
    >>> metric.update([2, 0], [[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]])
    >>> metric.result()
    0.5
    """

    tasks = ("multiclass",)

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        if k < 1:
            raise ValueError(f"TopK: k must be at least 1, got {k}: pass for example k=5")
        self.k = k
        super().__init__(name or f"top_{k}_accuracy")

    def add(
        self, y_true: ArrayLike, scores: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        labels = link.class_labels(y_true, scores)
        own = np.take_along_axis(scores, labels[:, None], axis=1)
        before = np.arange(scores.shape[1]) < labels[:, None]
        rank = np.count_nonzero((scores > own) | ((scores == own) & before), axis=1)
        self.count((rank < self.k) & ~np.isnan(own[:, 0]), weights)


class _Counts(Metric):
    """Per class: rows where prediction and truth agree, rows predicted, rows true."""

    tasks = _CLASSIFICATION

    def __init__(self, name: str, average: str | None = None) -> None:
        if average is not None and average not in AVERAGES:
            raise unknown("average", average, AVERAGES)
        self.average = average
        super().__init__(name)

    def bind(self, kind: str) -> Self:
        if self.average == "binary" and not kind.startswith("binary"):
            raise ValueError(
                f"metric {self.name!r} averages 'binary', got {kind} outputs, expected binary "
                "ones: choose 'macro', 'micro' or 'weighted'"
            )
        return super().bind(kind)

    def clear(self) -> None:
        self._hit: NDArray[np.float64] = np.zeros(0)
        self._predicted: NDArray[np.float64] = np.zeros(0)
        self._true: NDArray[np.float64] = np.zeros(0)

    def add(
        self, y_true: ArrayLike, scores: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        assert self.kind is not None
        task = link.task_of(self.kind)
        if task == "multilabel":
            chosen, truth = link.decided(scores, self.kind), link.yes_no(y_true, scores) == 1
            row = np.ones(len(scores)) if weights is None else weights
            hit, predicted, true = row @ (chosen & truth), row @ chosen, row @ truth
        else:
            if task == "multiclass":
                label, guess = link.class_labels(y_true, scores), scores.argmax(axis=1)
                classes = scores.shape[1]
            else:  # two classes, so that macro averages cover both
                label = link.yes_no(y_true, scores)[:, 0]
                guess = link.decided(scores, self.kind)[:, 0].astype(np.int64)
                classes = 2
            right = label == guess
            hit = _tally(label[right], None if weights is None else weights[right], classes)
            predicted, true = _tally(guess, weights, classes), _tally(label, weights, classes)
        if self._hit.size == 0:
            self._hit, self._predicted, self._true = hit, predicted, true
        else:
            self._hit = self._hit + hit
            self._predicted = self._predicted + predicted
            self._true = self._true + true

    def score(
        self,
        hit: NDArray[np.float64],
        predicted: NDArray[np.float64],
        true: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return the measure of every class, 0.0 where it would divide by zero."""
        raise NotImplementedError

    def value(self) -> float:
        assert self.kind is not None
        task = link.task_of(self.kind)
        average = self.average or ("binary" if task == "binary" else "macro")
        hit, predicted, true = self._hit, self._predicted, self._true
        if average == "binary":
            return float(self.score(hit, predicted, true)[1])
        if average == "micro":
            total = self.score(hit.sum(keepdims=True), predicted.sum(keepdims=True),
                               true.sum(keepdims=True))  # fmt: skip
            return float(total[0])
        each = self.score(hit, predicted, true)
        if average == "weighted":
            return ratio(float(each @ true), float(true.sum()))
        if task == "multilabel":
            return float(each.mean())
        # A class neither present nor predicted has no score to average, as in scikit-learn.
        present = (predicted > 0) | (true > 0)
        return ratio(float(each[present].sum()), float(np.count_nonzero(present)))


def _tally(
    labels: NDArray[Any], weights: NDArray[np.float64] | None, classes: int
) -> NDArray[np.float64]:
    return np.bincount(labels, weights=weights, minlength=classes).astype(np.float64)


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


class Precision(_Counts):
    """Of the rows predicted to be of a class, the share that are: ``tp / (tp + fp)``.

    Parameters
    ----------
    average : {"binary", "macro", "micro", "weighted"}, optional
        Over classes, as in scikit-learn: "binary" looks at class 1 alone (the default for binary
        outputs), "macro" is the plain mean (the default otherwise), "micro" counts all classes
        together, "weighted" weights by the true counts.
    name : str, optional

    Examples
    --------
    >>> metric = Precision().bind("binary_probs")
    >>> metric.update([1, 0, 1, 1], [0.9, 0.8, 0.2, 0.7])
    >>> round(metric.result(), 4)
    0.6667
    """

    def __init__(self, average: str | None = None, name: str = "precision") -> None:
        super().__init__(name, average)

    def score(
        self,
        hit: NDArray[np.float64],
        predicted: NDArray[np.float64],
        true: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        return _divide(hit, predicted)


class Recall(_Counts):
    """Of the rows of a class, the share predicted to be: ``tp / (tp + fn)``.

    Parameters
    ----------
    average, name
        As for `Precision`.

    Examples
    --------
    >>> metric = Recall().bind("binary_probs")
    >>> metric.update([1, 0, 1, 1, 1], [0.9, 0.8, 0.2, 0.7, 0.6])
    >>> metric.result()
    0.75
    """

    def __init__(self, average: str | None = None, name: str = "recall") -> None:
        super().__init__(name, average)

    def score(
        self,
        hit: NDArray[np.float64],
        predicted: NDArray[np.float64],
        true: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        return _divide(hit, true)


class F1(_Counts):
    """Harmonic mean of precision and recall: ``2 tp / (2 tp + fp + fn)``.

    Parameters
    ----------
    average, name
        As for `Precision`.

    Examples
    --------
    >>> metric = F1().bind("binary_probs")
    >>> metric.update([1, 0, 1, 1], [0.9, 0.8, 0.7, 0.2])
    >>> round(metric.result(), 4)
    0.6667
    """

    def __init__(self, average: str | None = None, name: str = "f1") -> None:
        super().__init__(name, average)

    def score(
        self,
        hit: NDArray[np.float64],
        predicted: NDArray[np.float64],
        true: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        return _divide(2.0 * hit, predicted + true)
