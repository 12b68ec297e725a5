"""What came of a training, measured on rows that had no part in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gdcore.errors import unknown
from gdcore.io import write_atomically
from gdcore.printed import shown
from gdcore.show.progress import number
from gdcore.show.summary import table as text_table
from gdcore.tabular.errors_text import error_marks, errors_text
from gdcore.tabular.findings import Finding
from gdcore.tabular.importance import Importance
from gdcore.tabular.intervals import Interval
from gdcore.tabular.part import Coverage
from gdcore.tabular.quantiles import Below
from gdcore.tabular.scoring import LABELS, higher_is_better

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ENDINGS", "Report", "check_report_path", "save_report", "scores_table"]

ENDINGS = (".json", ".html")
MOST_SHOWN = 15  # columns whose importance is printed
IN_WORDS = {"held out": "the held-out rows", "measured": "these rows"}


@dataclass(frozen=True)
class Report:
    """Scores, where it errs, and which columns matter.

    Attributes
    ----------
    target : str
    classes : tuple of str or None
    part : str
        The rows that the model is judged by: "held out", or "measured".
    scores : dict of str to dict
        Metrics of the "training" rows and of those "held out", or of those "measured".
    rows : dict of str to int
        How many rows each part has.
    intervals : dict of str to (float, float)
        The 95 % interval of each metric of the part.
    coverage : Coverage or None
        What the intervals of predictions hold, where some were asked for.
    below : sequence of Below
        The share of answers below each quantile, where some were asked for.
    baseline : dict
        The same metrics for whoever guesses without looking at a row.
    baseline_note : str
        What the guess is: the commonest class at the classes' shares, or the mean.
    labels : dict of str to str
        What the metrics are called: "precision of 'yes'".
    findings : list of Finding
        What has to be said before the scores are believed.
    truth, answers : ndarray
        Of the part: class numbers, or quantities in the target's own units.
    weights : ndarray or None
        What each of its rows counts, where they do not count alike.
    weighted_by : str or None
        The column that tells.
    confusion : ndarray or None
        Counts by true class (row) and predicted class (column), or sums of weights.
    calibration_error : float or None
        The expected gap between how sure answers are, and how many are right.
    reliability : list of (float, float, int)
        By bins: mean probability of the answers, share of right ones, rows.
    threshold : float or None
        The probability from which on the positive class is answered, if one was asked for.
    positive : int or None
        The number of that class.
    importance : list of Importance
        The greatest first, measured on the part.
    judged_by : str
        The metric that importance is measured in.
    history : dict of str to list
        Of the training, by epoch.
    notes : list of str
        What was done with rows.
    columns : str
        The columns, their kinds, and what became of them.

    Examples
    --------
    >>> import gdcore as gd
    >>> rows = {"x": [0.1 * i for i in range(50)], "y": [0.3 * i + 2 for i in range(50)]}
    >>> report = gd.tabular.fit(rows, "y", hidden=[8], epochs=2, verbose=0).report
    >>> report.rows, report.config()["findings"][0]["text"][:24]
    ({'training': 40, 'held out': 10}, "'x' gives 'y' away: if n")
    >>> figure = report.plot()
    >>> len(figure.axes)
    3
    >>> report.score_rows()[0]
    ('', 'training', 'held out', '95 % interval', 'guessing')
    >>> report.scores_text().splitlines()[-1], report.remarks()
    ('guessing: always the mean', ['guessing: always the mean'])
    >>> report.errors_text()[:28], report.importance_text().splitlines()[1].split()
    ('errors of the held-out rows:', ['column', 'R²', 'lost', '±'])
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "report.json")
    >>> report.save(path)
    >>> os.path.exists(path)
    True
    """

    target: str
    classes: tuple[str, ...] | None
    part: str
    rows: dict[str, int]
    scores: dict[str, dict[str, Any]]
    intervals: dict[str, Interval]
    coverage: Coverage | None
    below: Sequence[Below]
    baseline: dict[str, Any]
    baseline_note: str
    labels: dict[str, str]
    findings: list[Finding]
    truth: NDArray[Any]
    answers: NDArray[Any]
    weights: NDArray[np.float64] | None
    weighted_by: str | None
    confusion: NDArray[Any] | None
    calibration_error: float | None
    reliability: list[tuple[float, float, int]]
    threshold: float | None
    positive: int | None
    importance: list[Importance]
    judged_by: str
    history: dict[str, list[Any]]
    notes: list[str]
    columns: str

    @property
    def where(self) -> str:
        """The rows that the model is judged by, in words."""
        return IN_WORDS.get(self.part, self.part)

    @property
    def judged_in(self) -> str:
        """What a shuffled column costs, in words."""
        label = self.labels[self.judged_by]
        return f"{label} {'lost' if higher_is_better(self.judged_by) else 'added'}"

    def __str__(self) -> str:
        parts = [f"note: {f.text}" for f in self.findings]
        blocks = ["\n".join(parts)] if parts else []
        blocks += [self.scores_text(), self.errors_text()]
        if self.importance:
            blocks.append(self.importance_text())
        return shown("\n\n".join(blocks))

    def score_rows(self) -> list[tuple[str, ...]]:
        """The table of scores: parts, interval and guess, a line for each metric.

        Returns
        -------
        list of tuple of str
            The head first; metrics that are no single number are left out.
        """
        rows = [("", *self.scores, "95 % interval", "guessing")]
        for name in dict.fromkeys(n for got in self.scores.values() for n in got):
            values = [got.get(name) for got in self.scores.values()]
            if any(np.ndim(v) for v in values if v is not None):
                continue
            sure, guess = self.intervals.get(name), self.baseline.get(name)
            rows.append(
                (
                    self.labels[name],
                    *("" if v is None else number(v) for v in values),
                    "" if sure is None else f"{number(sure[0])} to {number(sure[1])}",
                    "" if guess is None else number(guess),
                )
            )
        return rows

    def scores_text(self) -> str:
        """Scores, how sure they are, and what guessing gives.

        Returns
        -------
        str
        """
        text = text_table(self.score_rows(), "<" + ">" * (len(self.scores) + 2))
        return "\n".join([text + _arrays(self.scores), *self.remarks()])

    def remarks(self) -> list[str]:
        """What the guess is, the threshold, and what probabilities are worth.

        Returns
        -------
        list of str
            A line each.
        """
        lines = [f"guessing: {self.baseline_note}"]
        if self.weighted_by is not None:
            lines.append(f"weights: each row counts what {self.weighted_by!r} says, in all numbers")
        if self.coverage is not None:
            low, high = self.coverage.sure
            lines.append(
                f"intervals: {self.coverage.share:.1%} of {self.where} lie within theirs ({low:.1%} to "
                f"{high:.1%}), {self.coverage.level:.5g} was asked for; mean width "
                f"{number(self.coverage.width)}"
            )
        for own in self.below:
            lines.append(
                f"quantile {own.quantile:g}: {own.share:.1%} of {self.where} lie below it "
                f"({own.sure[0]:.1%} to {own.sure[1]:.1%})"
            )
        if self.threshold is not None and self.classes is not None and self.positive is not None:
            lines.append(
                f"threshold: {self.classes[self.positive]!r} from a probability of "
                f"{number(self.threshold)} on"
            )
        if self.calibration_error is not None:
            lines.append(
                f"probabilities: off by {self.calibration_error:.1%} on average (expected "
                "calibration error)"
            )
        return lines

    def errors_text(self) -> str:
        """The confusion matrix, or the size of the errors.

        Returns
        -------
        str
        """
        return errors_text(self)

    def importance_text(self) -> str:
        """Which columns matter, the greatest importance first.

        Returns
        -------
        str
        """
        rows = [("column", self.judged_in, "±")]
        rows += [
            (i.column, f"{round(i.drop, 4) + 0.0:.4f}", f"{i.deviation:.4f}")
            for i in self.importance[:MOST_SHOWN]
        ]
        left = len(self.importance) - MOST_SHOWN
        more = f"\nand {left} more" if left > 0 else ""
        title = f"which columns mattered: what shuffling one costs on {self.where}"
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

        return draw([self], path, title)

    def save(self, path: str | PathLike[str], title: str | None = None) -> None:
        """Write it as JSON, or as one HTML page with its pictures.

        Parameters
        ----------
        path : path-like
            Its ending tells: .json, or .html (which needs matplotlib).
        title : str, optional
            Of the page.

        Raises
        ------
        ValueError
            For another ending.
        ImportError
            If matplotlib is not there; the message says what to install.
        OSError
            If it cannot be written; a file that was there is left as it was.
        """
        save_report(path, self.config(), [self], title or f"{self.target}: report")

    def config(self) -> dict[str, Any]:
        """All numbers of it, as JSON; what a model's file keeps.

        Returns
        -------
        dict
        """
        return {
            "target": self.target,
            "classes": None if self.classes is None else list(self.classes),
            "part": self.part,
            "rows": self.rows,
            "findings": [{"kind": f.kind, "text": f.text} for f in self.findings],
            "scores": {part: _plain(got) for part, got in self.scores.items()},
            "intervals": {k: list(v) for k, v in self.intervals.items()},
            "coverage": None if self.coverage is None else asdict(self.coverage),
            "below": [asdict(own) for own in self.below],
            "baseline": _plain(self.baseline),
            "baseline_note": self.baseline_note,
            "weighted_by": self.weighted_by,
            "labels": self.labels,
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "errors": None if self.confusion is not None else error_marks(self),
            "calibration_error": self.calibration_error,
            "reliability": [list(b) for b in self.reliability],
            "threshold": self.threshold,
            "judged_by": self.judged_by,
            "importance": [[i.column, i.drop, i.deviation] for i in self.importance],
            "notes": self.notes,
        }


def save_report(
    path: str | PathLike[str], config: dict[str, Any], reports: list[Report], title: str
) -> None:
    """Write reports as JSON, or as a page, by the ending of the path."""
    if check_report_path(path) == ".json":
        text = json.dumps(finite(config), indent=1, ensure_ascii=False, allow_nan=False)
    else:
        from gdcore.tabular.pages import page

        text = page(reports, title)
    write_atomically(path, [text.encode()])


def check_report_path(path: str | PathLike[str]) -> str:
    """The ending of a report's file.

    Raises
    ------
    ValueError
        If it is none of those that can be written.
    """
    ending = Path(fspath(path)).suffix.lower()
    if ending not in ENDINGS:
        raise unknown("ending of a report", ending or fspath(path), ENDINGS)
    return ending


def finite(value: Any) -> Any:
    """JSON without NaN and infinity, which it does not know: null in their place."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _plain(got: dict[str, Any]) -> dict[str, Any]:
    return {k: np.asarray(v).tolist() if np.ndim(v) else float(v) for k, v in got.items()}


def scores_table(scores: dict[str, dict[str, Any]], header: bool = True) -> str:
    """Metrics of each part, side by side; those that are no single number below."""
    names = list(dict.fromkeys(k for got in scores.values() for k, _ in got.items()))
    rows = [
        (LABELS.get(k, k), *(number(got[k]) if k in got else "" for got in scores.values()))
        for k in names
        if all(np.ndim(got.get(k, 0)) == 0 for got in scores.values())
    ]
    shown = [("", *scores), *rows] if header else rows
    return text_table(shown, "<" + ">" * len(scores), header) + _arrays(scores)


def _arrays(scores: dict[str, dict[str, Any]]) -> str:
    """Metrics that are no single number."""
    text = ""
    for k in dict.fromkeys(k for got in scores.values() for k, _ in got.items()):
        for part, got in scores.items():
            if np.ndim(got.get(k, 0)):
                head = f"{k}, {part}" if part else k
                text += f"\n{head}:\n{np.array2string(np.asarray(got[k]), threshold=2500)}"
    return text
