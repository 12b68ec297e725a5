"""What came of a training, measured on rows that had no part in it."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gdcore import metrics as metric_functions
from gdcore.show.progress import number
from gdcore.show.summary import table as text_table
from gdcore.tabular.encoding import Features
from gdcore.tabular.importance import Importance, importance
from gdcore.tabular.scoring import classes_of, measure
from gdcore.tabular.table import quoted
from gdcore.text import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["Report", "make_report", "scores_table"]

LABELS = {"r2": "R²", "mae": "mean absolute error", "rmse": "root mean squared error"}
WIDEST = 12  # classes of which a confusion matrix is printed
MOST_SHOWN = 15  # columns whose importance is printed


@dataclass(frozen=True)
class Report:
    """Scores, where it errs, and which columns matter.

    Attributes
    ----------
    target : str
    classes : tuple of str or None
    scores : dict of str to dict
        Metrics of the "training" rows and of those "held out".
    rows : dict of str to int
        How many rows each part has.
    baseline : dict
        The same metrics for always the commonest class, or always the mean, on the held-out rows.
    baseline_note : str
        Which of the two.
    truth, answers : ndarray
        Of the held-out rows: class numbers, or quantities in the target's own units.
    confusion : ndarray of int or None
        Counts by true class (row) and predicted class (column).
    importance : list of Importance
        The greatest first, measured on the held-out rows.
    history : dict of str to list
        Of the training, by epoch.

    Examples
    --------
    >>> import gdcore as gd
    >>> rows = {"x": [0.1 * i for i in range(50)], "y": [0.3 * i + 2 for i in range(50)]}
    >>> report = gd.tabular.fit(rows, "y", hidden=[8], epochs=2, verbose=0).report
    >>> report.rows, sorted(report.config())
    ({'training': 40, 'held out': 10}, ['importance', 'rows', 'scores'])
    >>> figure = report.plot()
    >>> len(figure.axes)
    3
    """

    target: str
    classes: tuple[str, ...] | None
    rows: dict[str, int]
    scores: dict[str, dict[str, Any]]
    baseline: dict[str, float]
    baseline_note: str
    truth: NDArray[Any]
    answers: NDArray[Any]
    confusion: NDArray[np.int64] | None
    importance: list[Importance]
    history: dict[str, list[Any]]

    def __str__(self) -> str:
        known = ", ".join(f"{LABELS.get(k, k)} {number(v)}" for k, v in self.baseline.items())
        parts = [f"{scores_table(self.scores)}\nto compare: {self.baseline_note}: {known}"]
        if self.confusion is not None:
            parts.append(self._confusion())
        else:
            parts.append(self._residuals())
        if self.importance:
            parts.append(self._importance())
        return shown("\n\n".join(parts))

    def _confusion(self) -> str:
        assert self.confusion is not None and self.classes is not None
        if len(self.classes) > WIDEST:
            off = self.confusion.copy()
            np.fill_diagonal(off, 0)
            worst = [np.unravel_index(i, off.shape) for i in np.argsort(-off, axis=None)[:5]]
            pairs = [
                f"{self.classes[t]} taken for {self.classes[p]} ({off[t, p]:,})"
                for t, p in worst
                if off[t, p]
            ]
            return "most frequent errors: " + (", ".join(pairs) or "none")
        head = ["true class", *(f"→ {c}" for c in self.classes), "right"]
        rows = []
        for name, counts, i in zip(self.classes, self.confusion, range(99), strict=False):
            share = f"{counts[i] / counts.sum():.1%}" if counts.sum() else ""
            rows.append([name, *(f"{n:,}" for n in counts), share])
        title = "confusion matrix of the held-out rows (a column for each predicted class)"
        return title + "\n" + text_table([head, *rows], "<" + ">" * (len(self.classes) + 1))

    def _residuals(self) -> str:
        off = self.answers - self.truth
        marks = np.quantile(np.abs(off), [0.5, 0.9])
        return (
            f"errors of the held-out rows: half are below {number(marks[0])}, nine in ten below "
            f"{number(marks[1])}, the largest is {number(np.abs(off).max())}"
        )

    def _importance(self) -> str:
        score = "accuracy" if self.classes is not None else "R²"
        rows = [("column", f"{score} lost", "±")]
        rows += [
            (i.column, f"{round(i.drop, 4) + 0.0:.4f}", f"{i.deviation:.4f}")
            for i in self.importance[:MOST_SHOWN]
        ]
        left = len(self.importance) - MOST_SHOWN
        more = f"\nand {left} more" if left > 0 else ""
        title = "which columns mattered: what shuffling one costs on the held-out rows"
        return f"{title}\n{text_table(rows, '<>>')}{more}"

    def plot(self, path: str | PathLike[str] | None = None, title: str | None = None) -> Figure:
        """Draw the training curve, the confusion matrix or the residuals, and what mattered.

        Parameters
        ----------
        path : path-like, optional
            Where to write the picture; its ending tells the format.
        title : str, optional

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If matplotlib is not there; the message says what to install.
        ValueError
            If the ending is not known.
        """
        from gdcore.tabular.pictures import draw

        return draw(self, path, title)

    def config(self) -> dict[str, Any]:
        """What a model's file keeps of it.

        Returns
        -------
        dict
        """
        return {
            "scores": {
                part: {k: v for k, v in got.items() if np.ndim(v) == 0}
                for part, got in self.scores.items()
            },
            "rows": self.rows,
            "importance": [[i.column, i.drop, i.deviation] for i in self.importance],
        }


def scores_table(scores: dict[str, dict[str, Any]], header: bool = True) -> str:
    """Metrics of each part, side by side; those that are no single number below."""
    names = list(dict.fromkeys(k for got in scores.values() for k, _ in got.items()))
    single = [k for k in names if all(np.ndim(got.get(k, 0)) == 0 for got in scores.values())]
    rows = [
        (LABELS.get(k, k), *(number(got[k]) if k in got else "" for got in scores.values()))
        for k in single
    ]
    text = text_table([("", *scores), *rows] if header else rows, "<" + ">" * len(scores), header)
    for k in names:
        if k not in single:
            for part, got in scores.items():
                if k in got:
                    head = f"{k}, {part}" if part else k
                    text += f"\n{head}:\n{np.array2string(np.asarray(got[k]), threshold=2500)}"
    return text


def make_report(
    model: Any,
    parts: dict[str, tuple[Features, NDArray[Any]]],
    repeats: int = 5,
) -> Report:
    """Measure a model on the rows it was trained on, and on those held out."""
    target = model.target
    scores = {
        name: dict(measure(model.network, target, model.settings.metrics, x, y))
        for name, (x, y) in parts.items()
    }
    features, truth = parts["held out"]
    known = parts["training"][1]
    out = model.network.predict(features.inputs())
    answers: NDArray[Any]
    if target.classes is None:
        answers = target.in_units(out)
        confusion = None
        constant = np.full(len(truth), known.mean())
        baseline, note = _measured(truth, constant, ("r2", "mae", "rmse")), "always the mean"
    else:
        answers = classes_of(model.network, out)
        size = len(target.classes)
        confusion = np.bincount(truth * size + answers, minlength=size * size).reshape(size, size)
        common = int(np.bincount(known).argmax())
        baseline = {"accuracy": float(np.mean(truth == common))}
        note = f"always {quoted(target.classes[common])}"
    return Report(
        target.name, target.classes, {name: len(x) for name, (x, _) in parts.items()}, scores,
        baseline, note, truth, answers, confusion,
        importance(model, features, truth, repeats) if repeats else [],
        dict(model.history.history) if model.history else {},
    )  # fmt: skip


def _measured(truth: NDArray[Any], guess: NDArray[Any], names: tuple[str, ...]) -> dict[str, float]:
    got = {}
    for name in names:
        metric = metric_functions.get(name).bind("regression")
        metric.update(truth, guess)
        got[name] = float(metric.result())
    return got
