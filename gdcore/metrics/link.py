"""Interpretation of a network's outputs and of their targets.

A *kind* says what the numbers mean: ``multiclass`` (one class of k per row), ``binary`` (one
yes or no per row), ``multilabel`` (k of them per row) or ``regression``; and for the first
three whether they are ``logits`` or ``probs``, or (binary and multilabel) ``margins``, which mean
class 1 above 0 and are not probabilities. Any dimensions before the last one count as rows, so a
sequence of predictions is read like a long batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gdcore.errors import unknown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KINDS", "check_kind"]

KINDS = (
    "multiclass_logits",
    "multiclass_probs",
    "binary_logits",
    "binary_probs",
    "binary_margins",
    "multilabel_logits",
    "multilabel_probs",
    "multilabel_margins",
    "regression",
)

Labels: TypeAlias = "NDArray[np.int64]"
Floats: TypeAlias = "NDArray[np.float64]"


def check_kind(kind: str) -> str:
    """Return `kind`, or raise the ValueError that lists `KINDS`.

    Examples
    --------
    >>> check_kind("regression")
    'regression'
    """
    if kind not in KINDS:
        raise unknown("kind of output", kind, KINDS)
    return kind


def task_of(kind: str) -> str:
    """Return "multiclass", "binary", "multilabel" or "regression"."""
    return kind.partition("_")[0]


def table(y_pred: ArrayLike, kind: str) -> NDArray[Any]:
    """Return predictions as (rows, columns), one column where a row has one number."""
    scores = np.asarray(y_pred)
    if scores.dtype.kind not in "fiub":
        raise TypeError(f"y_pred must be numbers, got dtype {scores.dtype}: pass a float array")
    task = task_of(kind)
    if task == "binary" or scores.ndim < 2:
        scores = scores.reshape(-1, 1)
    else:
        scores = scores.reshape(-1, scores.shape[-1])
    if task == "multiclass" and scores.shape[1] < 2:
        raise ValueError(
            f"multiclass predictions need at least 2 columns, got shape {np.shape(y_pred)}: "
            "pass (n, classes), or bind the metric to a binary kind"
        )
    return scores


def class_labels(y_true: ArrayLike, scores: NDArray[Any]) -> Labels:
    """Return multiclass truth (labels or one-hot) as labels of shape (rows,), checked."""
    truth = np.asarray(y_true)
    rows, classes = scores.shape
    if truth.ndim >= 2 and truth.shape[-1] == classes and truth.size == rows * classes:
        labels: Labels = truth.reshape(rows, classes).argmax(axis=1).astype(np.int64)
        return labels
    if truth.size != rows:
        raise ValueError(
            f"y_true has shape {truth.shape}, expected {rows} labels or one-hot rows of "
            f"{classes}: pass as many as there are predictions"
        )
    labels = _whole(truth.reshape(-1), "class labels")
    if rows and not (labels.min() >= 0 and labels.max() < classes):
        bad = labels[(labels < 0) | (labels >= classes)][0]
        raise ValueError(
            f"y_true holds label {bad}, expected 0 to {classes - 1}: number the classes from 0, "
            f"or give the network more outputs than {classes}"
        )
    return labels


def yes_no(y_true: ArrayLike, scores: NDArray[Any]) -> Labels:
    """Return truth of 0 and 1, or -1 and 1, as 0 and 1 in the shape of `scores`, checked."""
    truth = np.asarray(y_true)
    if truth.size != scores.size:
        raise ValueError(
            f"y_true has shape {truth.shape}, expected {scores.size} values of 0 or 1 to match "
            f"the predictions of shape {scores.shape}: pass one for each prediction"
        )
    labels = _whole(truth.reshape(scores.shape), "values of 0 or 1")
    if labels.size and labels.min() == -1 and (np.abs(labels) == 1).all():
        return (labels + 1) // 2
    if labels.size and not (labels.min() >= 0 and labels.max() <= 1):
        bad = labels[(labels < 0) | (labels > 1)].flat[0]
        raise ValueError(f"y_true holds {bad}, expected 0 or 1: encode the two classes so")
    return labels


def _whole(truth: NDArray[Any], what: str) -> Labels:
    if truth.dtype.kind in "iub":
        return truth.astype(np.int64, copy=False)
    if truth.dtype.kind != "f":
        raise TypeError(f"y_true must be {what}, got dtype {truth.dtype}: encode it as integers")
    odd = truth != np.floor(truth)  # true for NaN as well
    if odd.any():
        raise ValueError(
            f"y_true holds {truth[odd].flat[0]}, expected whole {what}: use a regression metric "
            "for real values"
        )
    return truth.astype(np.int64)


def decided(scores: NDArray[Any], kind: str) -> NDArray[np.bool_]:
    """Return decisions of binary or multilabel scores: a probability above one half, as in Keras."""
    limit = 0.5 if kind.endswith("probs") else 0.0
    return np.asarray(scores > limit)


def probabilities(scores: NDArray[Any], kind: str) -> Floats:
    """Return scores as float64 probabilities; regression values pass through."""
    values = scores.astype(np.float64)
    if kind == "multiclass_logits":
        values = np.exp(values - values.max(axis=1, keepdims=True))
        values /= values.sum(axis=1, keepdims=True)
    elif kind.endswith("logits"):
        # exp(-log(1 + exp(-x))) neither overflows nor loses the small probabilities.
        values = np.exp(-np.logaddexp(0.0, -values))
    return values


def targets(y_true: ArrayLike, scores: NDArray[Any], kind: str) -> Floats:
    """Return the truth as float64 in the shape of `scores`: one-hot, 0 or 1, or values."""
    if task_of(kind) == "multiclass":
        return np.eye(scores.shape[1])[class_labels(y_true, scores)]
    truth = np.asarray(y_true)
    if truth.dtype.kind not in "fiub":
        raise TypeError(f"y_true must be numbers, got dtype {truth.dtype}: pass a float array")
    if truth.size != scores.size:
        raise ValueError(
            f"y_true has shape {truth.shape}, predictions have {scores.shape}, expected as many "
            "values: pass one target for each output"
        )
    return truth.reshape(scores.shape).astype(np.float64)


def row_weights(sample_weight: ArrayLike | None, rows: int) -> Floats | None:
    """Return weights as float64 (rows,); the weight of a sequence is repeated for each of its steps."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64).reshape(-1)
    if weights.size == rows:
        return weights
    if weights.size == 0 or rows % weights.size:
        raise ValueError(
            f"sample_weight has {weights.size} values, expected {rows}: pass one for each row"
        )
    return np.repeat(weights, rows // weights.size)
