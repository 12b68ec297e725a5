"""Where a model errs, as a report says it: the confusion matrix, or the size of the errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.show.progress import number
from gdcore.show.summary import table as text_table

__all__ = ["count_text", "error_marks", "errors_text", "quantiles"]

WIDEST = 12  # classes of which a confusion matrix is printed


def errors_text(report: Any) -> str:
    """The confusion matrix of a `Report`, or the size of its errors."""
    return _residuals(report) if report.confusion is None else _confusion(report)


def _confusion(report: Any) -> str:
    counts, classes = report.confusion, report.classes
    if len(classes) > WIDEST:
        off = counts.copy()
        np.fill_diagonal(off, 0)
        worst = [np.unravel_index(i, off.shape) for i in np.argsort(-off, axis=None)[:5]]
        pairs = [
            f"{classes[t]} taken for {classes[p]} ({count_text(off[t, p])})"
            for t, p in worst
            if off[t, p]
        ]
        return "most frequent errors: " + (", ".join(pairs) or "none")
    head = ["true class", *(f"→ {c}" for c in classes), "right"]
    rows = []
    for name, found, i in zip(classes, counts, range(99), strict=False):
        share = f"{found[i] / found.sum():.1%}" if found.sum() else ""
        rows.append([name, *map(count_text, found), share])
    title = f"confusion matrix of {report.where} (a column for each predicted class)"
    return title + "\n" + text_table([head, *rows], "<" + ">" * (len(classes) + 1))


def _residuals(report: Any) -> str:
    half, most, largest = map(number, error_marks(report).values())
    return (
        f"errors of {report.where}: half are below {half}, nine in ten below {most}, the largest "
        f"is {largest}"
    )


def error_marks(report: Any) -> dict[str, float]:
    """Below what half of the errors are, nine in ten, and all."""
    off = np.abs(report.answers - report.truth)
    half, most = quantiles(off, (0.5, 0.9), report.weights)
    return {"half below": half, "nine in ten below": most, "largest": float(off.max())}


def count_text(count: float) -> str:
    """A number of rows, or a sum of their weights."""
    return f"{int(count):,}" if float(count).is_integer() else number(float(count))


def quantiles(
    values: NDArray[Any], levels: Sequence[float], weights: NDArray[Any] | None
) -> list[float]:
    """Quantiles of rows that count what their weights say.

    Examples
    --------
    >>> quantiles(np.array([1.0, 2.0, 3.0]), [0.5], None)
    [2.0]
    >>> quantiles(np.array([1.0, 2.0, 3.0]), [0.5], np.array([3.0, 1.0, 1.0]))
    [1.0]
    """
    if weights is None:
        return [float(q) for q in np.quantile(values, levels)]
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    places = np.minimum(np.searchsorted(share, levels), len(values) - 1)
    return [float(v) for v in values[order][places]]
