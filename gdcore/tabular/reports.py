"""The report of a model of several targets: one for each, and the means of their scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.show.progress import number
from gdcore.tabular.report import Report, save_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Reports"]


class Reports(Mapping[str, Report]):
    """A `Report` for each target, by its name.

    Parameters
    ----------
    reports : dict of str to Report

    Examples
    --------
    >>> import gdcore as gd
    >>> rows = {"x": [0.1 * i for i in range(50)]}
    >>> rows |= {"a": [0.3 * x + 2 for x in rows["x"]], "b": [0.1 - x for x in rows["x"]]}
    >>> report = gd.tabular.fit(rows, ["a", "b"], hidden=[8], epochs=2, verbose=0).report
    >>> list(report), report["a"].rows, sorted(report.config()["targets"])
    (['a', 'b'], {'training': 40, 'held out': 10}, ['a', 'b'])
    >>> report.means_text()[:17], len(report.plot().axes)
    ('mean of 2 targets', 6)
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "report.json")
    >>> report.save(path)
    >>> os.path.exists(path)
    True
    """

    def __init__(self, reports: Mapping[str, Report]) -> None:
        self.reports = dict(reports)

    def __getitem__(self, name: str) -> Report:
        return self.reports[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.reports)

    def __len__(self) -> int:
        return len(self.reports)

    def __str__(self) -> str:
        blocks = [f"target {name!r}\n\n{report}" for name, report in self.items()]
        return "\n\n".join([self.means_text(), *blocks])

    def means(self) -> dict[str, float]:
        """The mean over the targets of each metric that all of them have as a single number.

        Returns
        -------
        dict of str to float
        """
        got = [report.scores[report.part] for report in self.values()]
        names = [n for n in got[0] if all(np.ndim(g.get(n, [])) == 0 for g in got)]
        return {n: float(np.mean([g[n] for g in got])) for n in names}

    def means_text(self) -> str:
        """The means, in a line.

        Returns
        -------
        str
        """
        first = next(iter(self.values()))
        if not self.means():
            return f"{len(self)} targets of different kinds, {first.where}"
        same = len({tuple(r.labels.items()) for r in self.values()}) == 1
        told = [f"{first.labels[n] if same else n} {number(v)}" for n, v in self.means().items()]
        return f"mean of {len(self)} targets, {first.where}: {', '.join(told)}"

    def plot(self, path: str | PathLike[str] | None = None, title: str | None = None) -> Figure:
        """Draw the pictures of each target, a row each.

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

        return draw(list(self.values()), path, title)

    def save(self, path: str | PathLike[str], title: str | None = None) -> None:
        """Write it as JSON, or as one HTML page with the pictures.

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
        save_report(path, self.config(), list(self.values()), title or f"{', '.join(self)}: report")

    def config(self) -> dict[str, Any]:
        """All numbers of it, as JSON; what a model's file keeps.

        Returns
        -------
        dict
        """
        return {
            "means": self.means(),
            "targets": {name: report.config() for name, report in self.items()},
        }
