"""Results of many models: one `Run` for each, and the table of them all."""

from __future__ import annotations

import html
import importlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gdcore.callbacks import History, better
from gdcore.errors import missing
from gdcore.model import Model
from gdcore.printed import shown
from gdcore.show.progress import number

SHOWN = 20  # rows of a printed table, from the best down


@dataclass
class Run:
    """One model, trained or not.

    Attributes
    ----------
    setting : dict
        As it was given.
    seed : int
    fold : int or None
    history : History or None
        Its learning curves: the numbers of every epoch.
    model : Model or None
        None if it was not kept, or could not be made.
    epoch : int
        The epoch, from 0, whose weights the model has; -1 if there is none.
    seconds : float
        From making it to the end of its training.
    error : str
        Why it did not get to its end; empty if it did.
    exception : BaseException or None
        What was raised then.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> def make(width):
    ...     return gd.Sequential([gd.Dense(width), gd.Dense(10)]).compile("adam", "cross_entropy")
    >>> run = gd.fit_many(make, {"width": [4]}, x, y, epochs=2, validation_split=0.2)[0]
    >>> run.setting, run.epochs, run.error
    ({'width': 4}, 2, '')
    >>> run.value("val_loss") == run.history["val_loss"][run.epoch]
    True
    """

    setting: dict[str, Any]
    seed: int
    fold: int | None = None
    history: History | None = None
    model: Model | None = field(default=None, repr=False)
    epoch: int = -1
    seconds: float = 0.0
    error: str = ""
    exception: BaseException | None = field(default=None, repr=False)

    def value(self, name: str) -> float:
        """A number of the epoch whose weights the model has, NaN where there is none.

        Parameters
        ----------
        name : str

        Returns
        -------
        float
        """
        if self.history is None or not 0 <= self.epoch < len(self.history.history.get(name, ())):
            return math.nan
        found = self.history[name][self.epoch]
        return float(found) if np.ndim(found) == 0 else math.nan

    @property
    def epochs(self) -> int:
        """How many it was trained for."""
        return 0 if self.history is None else len(self.history.epoch)

    @property
    def record(self) -> dict[str, Any]:
        """The row of the table: setting, seed and fold, last numbers, epochs, seconds, error."""
        names = [] if self.history is None else list(self.history.history)
        return {
            **self.setting,
            "seed": self.seed,
            **({} if self.fold is None else {"fold": self.fold}),
            **{n: self.value(n) for n in names if n != "lr" or "lr" not in self.setting},
            "epochs": self.epochs,
            "seconds": self.seconds,
            "error": self.error,
        }


@dataclass
class Results(Sequence[Run]):
    """The runs of `fit_many`, in the order of the settings.

    It is a sequence of `Run`; printed, it is a table from the best down.

    Attributes
    ----------
    runs : list of Run
    monitor : str
        The number by which models are compared.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> def make(width):
    ...     net = gd.Sequential([gd.Dense(width, activation="relu"), gd.Dense(10)])
    ...     return net.compile("adam", "cross_entropy")
    >>> results = gd.fit_many(make, {"width": [4, 32]}, x, y, epochs=3, validation_split=0.2)
    >>> results.best().setting
    {'width': 32}
    >>> results.curves("val_loss").shape
    (2, 3)
    >>> [run.setting["width"] for run in results.ranked()]
    [32, 4]
    >>> sorted(results.records()[0])
    ['epochs', 'error', 'loss', 'lr', 'seconds', 'seed', 'val_loss', 'width']
    >>> [row["runs"] for row in results.averaged()]
    ['1/1', '1/1']
    """

    runs: list[Run] = field(default_factory=list)
    monitor: str = "val_loss"

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __getitem__(self, i: Any) -> Any:
        return self.runs[i]

    def ranked(self, monitor: str | None = None, mode: str = "auto") -> list[Run]:
        """The runs from the best to the worst; those without the number come last.

        Parameters
        ----------
        monitor : str, optional
        mode : {"auto", "min", "max"}
            Which way is better; "auto" tells it from the name.

        Returns
        -------
        list of Run
        """
        name = self.monitor if monitor is None else monitor
        sign = -1.0 if better(mode, name) == "max" else 1.0

        def key(run: Run) -> tuple[bool, float]:
            value = run.value(name)
            return math.isnan(value) or bool(run.error), sign * value

        return sorted(self.runs, key=key)

    def best(self, monitor: str | None = None, mode: str = "auto") -> Run:
        """The best run that came to its end.

        Parameters
        ----------
        monitor : str, optional
        mode : {"auto", "min", "max"}
            As for `ranked`.

        Returns
        -------
        Run

        Raises
        ------
        ValueError
            If there is none, or none has that number.
        """
        name = self.monitor if monitor is None else monitor
        first = self.ranked(name, mode)[0]
        if first.error or math.isnan(first.value(name)):
            known = {k for r in self.runs if r.history is not None for k in r.history.history}
            raise ValueError(
                f"no run that came to its end has {name!r}: "
                + (f"there is {', '.join(sorted(known))}" if known else "none was trained")
                + next((f"; the first error: {r.error}" for r in self.runs if r.error), "")
            )
        return first

    def curves(self, name: str) -> np.ndarray:
        """One number of every epoch of every run, NaN where a run was over.

        Parameters
        ----------
        name : str

        Returns
        -------
        ndarray of shape (runs, epochs)
        """
        found = [
            [] if r.history is None else [float(v) for v in r.history.history.get(name, [])]
            for r in self.runs
        ]
        out = np.full((len(found), max(map(len, found), default=0)), np.nan)
        for row, values in zip(out, found, strict=True):
            row[: len(values)] = values
        return out

    def records(self) -> list[dict[str, Any]]:
        """The table as a list of dicts, one for each run.

        Returns
        -------
        list of dict
        """
        return [run.record for run in self.runs]

    def averaged(self) -> list[dict[str, Any]]:
        """The table with seeds and folds of the same setting taken together.

        Returns
        -------
        list of dict
            The setting, how many "runs" came to their end out of how many, as text, and for every
            number its mean and, as ``name_std``, its standard deviation (of a sample, with n - 1).
        """
        groups: dict[str, list[Run]] = {}
        for run in self.runs:
            key = repr({k: v for k, v in run.setting.items() if k != "seed"})
            groups.setdefault(key, []).append(run)
        table = []
        for runs in groups.values():
            done = [r for r in runs if not r.error]
            row = {k: v for k, v in runs[0].setting.items() if k != "seed"}
            row["runs"] = f"{len(done)}/{len(runs)}"
            names = {k: None for r in done if r.history is not None for k in r.history.history}
            for name in names:
                if name == "lr":
                    continue
                values = np.array([r.value(name) for r in done])
                row[name] = float(values.mean())
                row[f"{name}_std"] = float(values.std(ddof=1)) if len(values) > 1 else math.nan
            table.append(row)
        return table

    def to_pandas(self) -> Any:
        """The table as a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            A row for each run.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from gdcore.many import Results, Run
        >>> table = Results([Run({"lr": 0.1}, seed=0)]).to_pandas()  # needs pandas
        >>> list(table.columns)
        ['lr', 'seed', 'epochs', 'seconds', 'error']
        """
        try:
            pandas: Any = importlib.import_module("pandas")
        except ImportError as error:
            raise missing("to_pandas, unlike records(), needs pandas", "pandas", error) from None
        return pandas.DataFrame(self.records())

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        rows = [run.record for run in self.ranked()[:SHOWN]]
        head = list({k: None for row in rows for k in row})
        if not any(row["error"] for row in rows):
            head.remove("error")
        named = set(self.runs[0].setting) if self.runs else set()
        return head, [
            [f"{row[k]}" if k in named else _cell(row.get(k, "")) for k in head] for row in rows
        ]

    def _title(self) -> str:
        failed = sum(bool(r.error) for r in self.runs)
        more = f", {failed} with an error" if failed else ""
        cut = f"; the best {SHOWN}" if len(self.runs) > SHOWN else ""
        return f"{len(self.runs)} models by {self.monitor}{more}{cut}"

    def __repr__(self) -> str:
        head, rows = self._cells()
        cells = [[shown(cell) for cell in line] for line in [head, *rows]]
        widths = [max(len(line[c]) for line in cells) for c in range(len(head))]
        lines = [
            "  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in cells
        ]
        return "\n".join([shown(self._title()), *lines])

    def _repr_html_(self) -> str:
        head, rows = self._cells()
        lines = ["<th>" + "</th><th>".join(map(html.escape, head)) + "</th>"]
        lines += ["<td>" + "</td><td>".join(map(html.escape, row)) + "</td>" for row in rows]
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<p>{html.escape(self._title())}</p><table>{body}</table>"


def _cell(value: Any) -> str:
    """A value in few characters."""
    return number(value) if isinstance(value, float) else str(value)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while many models were trained.

    Attributes
    ----------
    results : Results
        What was done until then; models that were not finished say so in their `error`.

    Examples
    --------
    >>> from gdcore.many import Interrupted, Results
    >>> try:
    ...     raise Interrupted(Results())  # as fit_many does on Ctrl-C
    ... except KeyboardInterrupt as error:
    ...     print(len(error.results), "are done")
    0 are done
    """

    def __init__(self, results: Results) -> None:
        super().__init__("fit_many was interrupted: what is done lies in the results of this error")
        self.results = results
