"""Results of an experiment: runs, their table, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.callbacks import better
from gdcore.printed import setting_text, shown
from gdcore.show.summary import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Comparison", "Trial"]

WAY = 0.95  # of the way from the first loss to the lowest: there a run has converged
TIMES = ("epochs_to_converge", "seconds_per_epoch")


@dataclass(frozen=True)
class Trial:
    """One training run of a comparison.

    Attributes
    ----------
    settings : dict
    seed : int
    history : dict of str to list
        Every number of every epoch.
    seconds : float
        Median time of an epoch.
    diverged : bool
        Whether it ended in NaN or infinity.
    target : float or None
        The loss at which it has converged, if that was given.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), held = gd.datasets.digits()
    >>> result = gd.lab.compare(
    ...     None, x, y, {"lr": [1e-4, 1e-2]}, epochs=2, seeds=2, validation_data=held, verbose=0
    ... )
    >>> run = result.runs[0]
    >>> run.settings, run.seed, sorted(run.numbers())[:3]
    ({'lr': 0.0001}, 0, ['accuracy', 'epochs_to_converge', 'loss'])
    """

    settings: dict[str, Any]
    seed: int
    history: dict[str, list[Any]]
    seconds: float
    diverged: bool
    target: float | None = None

    @property
    def watched(self) -> list[float]:
        """The validation loss by epoch, or else the loss."""
        return self.history.get("val_loss") or self.history.get("loss") or []

    @property
    def epochs_to_converge(self) -> float:
        """The first epoch, from 1, at which the run had converged; NaN if it never did."""
        losses = np.asarray(self.watched, dtype=float)
        if self.diverged or not losses.size or not np.isfinite(losses).any():
            return float("nan")
        lowest = np.nanmin(losses)
        limit = self.target if self.target is not None else losses[0] - WAY * (losses[0] - lowest)
        there = np.flatnonzero(losses <= limit)
        return float(there[0] + 1) if there.size else float("nan")

    def numbers(self) -> dict[str, float]:
        """The scalars of its last epoch, and its times.

        Returns
        -------
        dict of str to float
        """
        last = {
            k: float(v[-1])
            for k, v in self.history.items()
            if v and k != "lr" and np.ndim(v[-1]) == 0
        }
        if self.diverged:
            last = dict.fromkeys(last, float("nan"))
        times = (self.epochs_to_converge, self.seconds)
        return last | dict(zip(TIMES, times, strict=True))


class Comparison:
    """Runs under settings that differ.

    Parameters
    ----------
    settings : sequence of str
    runs : sequence of Trial

    Attributes
    ----------
    settings : list of str
    runs : list of Trial
    rows : list of dict
        For each combination its settings, the mean of each number over the seeds, its standard
        deviation as ``"..._std"``, "runs" and "diverged".

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), held = gd.datasets.digits()
    >>> result = gd.lab.compare(
    ...     None, x, y, {"lr": [1e-4, 1e-2]}, epochs=2, seeds=2, validation_data=held, verbose=0
    ... )
    >>> result.best["lr"], len(result.runs), len(result.table())
    (0.01, 4, 2)
    >>> result.line({"lr": 0.01})
    'lr=0.01: val accuracy 0.9... ± ..., ... s an epoch'
    >>> result.plot("val_accuracy").get_ylabel()
    'validation accuracy'
    >>> result.curves("val_loss").get_xlabel()
    'epoch'
    """

    def __init__(self, settings: Sequence[str], runs: Sequence[Trial]) -> None:
        self.settings, self.runs = list(settings), list(runs)
        self.groups: list[list[Trial]] = []
        for run in self.runs:
            group = next((g for g in self.groups if _same(g[0].settings, run.settings)), None)
            if group is None:
                self.groups.append([run])
            else:
                group.append(run)
        found = [run.numbers() for run in self.runs]
        names = list(dict.fromkeys(n for numbers in found for n in numbers if n not in TIMES))
        self.numbers = [*names, *TIMES]
        self.rows = [self._row(group) for group in self.groups]

    def _row(self, group: Sequence[Trial]) -> dict[str, Any]:
        row: dict[str, Any] = dict(group[0].settings)
        several = [run.numbers() for run in group]
        for name in self.numbers:
            values = np.array([numbers.get(name, np.nan) for numbers in several])
            good = values[np.isfinite(values)]
            row[name] = float(good.mean()) if good.size else float("nan")
            row[name + "_std"] = float(good.std()) if good.size else float("nan")
        row["runs"] = len(group)
        row["diverged"] = sum(run.diverged for run in group)
        return row

    @property
    def judged(self) -> str:
        """The number by which `best` ranks: a validation metric, or else the validation loss."""
        for prefix in ("val_", ""):
            metrics = [n for n in self.numbers if n not in TIMES and n != prefix + "loss"]
            own = [n for n in metrics if n.startswith("val_") == bool(prefix)]
            if own:
                return own[0]
            if prefix + "loss" in self.numbers:
                return prefix + "loss"
        return self.numbers[0]

    @property
    def best(self) -> dict[str, Any]:
        """The row that is best by `judged`, among those of which no run diverged, if there are."""
        name = self.judged
        sign = 1.0 if better("auto", name) == "min" else -1.0
        return min(
            self.rows,
            key=lambda r: (r["diverged"] > 0, sign * np.nan_to_num(r[name], nan=np.inf * sign)),
        )

    def table(self) -> Any:
        """The rows as a pandas frame where pandas is installed, else as a list of dicts.

        Returns
        -------
        pandas.DataFrame, or list of dict
        """
        try:
            import pandas as pd
        except ImportError:
            return self.rows
        return pd.DataFrame(self.rows)

    def _text(self) -> list[tuple[str, ...]]:
        several = any(row["runs"] > 1 for row in self.rows)
        lost = any(row["diverged"] for row in self.rows)
        head = (*self.settings, *(n.replace("_", " ") for n in self.numbers))
        rows: list[tuple[str, ...]] = [(*head, "diverged") if lost else head]
        for row in self.rows:
            cells = [setting_text(row[s]) for s in self.settings]
            cells += [_number(row[n], row[n + "_std"] if several else None) for n in self.numbers]
            rows.append((*cells, f"{row['diverged']} of {row['runs']}") if lost else tuple(cells))
        return rows

    def __str__(self) -> str:
        rows = self._text()
        align = "<" * len(self.settings) + ">" * (len(rows[0]) - len(self.settings))
        best = ", ".join(f"{s}={setting_text(self.best[s])}" for s in self.settings)
        return shown(f"{table(rows, align)}\n\nbest {self.judged.replace('_', ' ')}: {best}")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from gdcore.show.html import table_html

        rows = self._text()
        align = "<" * len(self.settings) + ">" * (len(rows[0]) - len(self.settings))
        return table_html(rows, align)

    def line(self, settings: Mapping[str, Any]) -> str:
        """One combination in a line.

        Parameters
        ----------
        settings : mapping
            The combination.

        Returns
        -------
        str
        """
        row = next(r for r in self.rows if _same({s: r[s] for s in self.settings}, settings))
        told = ", ".join(f"{s}={setting_text(row[s])}" for s in self.settings)
        name = self.judged
        lost = f", {row['diverged']} of {row['runs']} diverged" if row["diverged"] else ""
        number = _number(row[name], row[name + "_std"])
        return f"{told}: {name.replace('_', ' ')} {number}, {row['seconds_per_epoch']:.3g} s an epoch{lost}"

    def plot(self, what: str | None = None, ax: Axes | None = None) -> Any:
        """Loss, metrics, epochs to converge and time per epoch over the settings.

        Parameters
        ----------
        what : str, optional
            One of `numbers`; the main ones by default, each in a panel.
        ax : matplotlib.axes.Axes, optional
            Where to draw one of them.

        Returns
        -------
        matplotlib.axes.Axes, or an array of them
        """
        from gdcore.plots.comparison import comparison, panels

        if what is None and ax is None:
            return panels(self)
        return comparison(self, what or self.judged, ax)

    def curves(self, what: str | None = None, ax: Axes | None = None) -> Axes:
        """A number over the epochs, a line for each combination, its spread over seeds shaded.

        Parameters
        ----------
        what : str, optional
            A number of the histories; the validation loss, or else the loss, by default.
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        matplotlib.axes.Axes
        """
        from gdcore.plots.comparison import learning_curves

        return learning_curves(self, what, ax)


def _same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return all(a[k] is b[k] or bool(np.all(a[k] == b[k])) for k in a)


def _number(mean: float, std: float | None) -> str:
    if not np.isfinite(mean):
        return "–"
    return f"{mean:.4g}" if std is None else f"{mean:.4g} ± {std:.2g}"
