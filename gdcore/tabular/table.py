"""What a table is in here: named columns of raw values, and where each row came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.errors import cut, did_you_mean
from gdcore.tabular.texts import Texts, number

__all__ = ["MISSING", "Raw", "SettingError", "Table", "number", "quoted", "some_of"]

#: Texts that stand for a value that is not there: those of pandas, and a question mark.
MISSING = frozenset((
    "", "?", "NA", "N/A", "n/a", "<NA>", "#NA", "#N/A", "#N/A N/A", "NaN", "nan", "-NaN", "-nan",
    "null", "NULL", "None", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
))  # fmt: skip


#: Characters of a column's name: a longer one is a sign of a file that is no table.
LONGEST_NAME = 200


class SettingError(ValueError):
    """A setting does not go with the table; another one would."""


@dataclass(frozen=True)
class Raw:
    """A column as it was read.

    Attributes
    ----------
    kind : {"text", "category", "number", "boolean", "date"}
        What the source says that it holds; a .csv holds nothing but text.
    values : Texts, or ndarray of float64
        None and NaN are missing. Texts and categories are text, booleans 0 and 1, dates days since
        1970-01-01. A list of texts becomes `Texts`.
    order : tuple of str or None
        Of categories, from the lowest, where the source declares one.
    """

    kind: str
    values: Any
    order: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.textual and not isinstance(self.values, Texts):
            object.__setattr__(self, "values", Texts(self.values))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def textual(self) -> bool:
        """Whether the values are text."""
        return self.kind in ("text", "category")

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each text occurs; missing values are left out."""
        if self.textual:
            own: Counter[str] = self.values.counts
            return own
        return Counter(t for t in self.texts() if t is not None)

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        """Texts that are plain numbers, all of them, as such; None where they are not."""
        found: NDArray[np.float64] | None = self.values.numbers if self.kind == "text" else None
        return found

    def mapped(self, value: Callable[[str], Any], missing: Any, dtype: Any = None) -> NDArray[Any]:
        """A value for each cell, from a function of its text."""
        own = self.values if self.textual else Texts(self.texts())
        return own.mapped(value, missing, dtype)

    def take(self, rows: NDArray[np.int64]) -> Raw:
        """Some of the rows."""
        if self.textual:
            return Raw(self.kind, self.values.take(rows), self.order)
        return Raw(self.kind, self.values[rows])

    def missing(self) -> NDArray[np.bool_]:
        """Which values are not there."""
        if self.textual:
            return np.asarray(self.values.missing())
        return np.asarray(np.isnan(self.values))

    def texts(self) -> list[str | None]:
        """The values as people write them: 3 for 3.0."""
        if self.textual:
            return list(self.values)
        if self.kind == "boolean":
            return [None if v != v else "true" if v else "false" for v in self.values.tolist()]
        if self.kind == "date":
            return [None if v != v else _day(v) for v in self.values.tolist()]
        return [None if v != v else plain(v) for v in self.values.tolist()]


@dataclass(frozen=True)
class Table:
    """Named columns of the same length.

    Parameters
    ----------
    source : str
        What errors call it.
    columns : dict of str to Raw
    lines : sequence of int or None
        The line of each row in its file.
    layout : dict
        How the file was read, so that new ones are read alike.
    rows : sequence of int or None
        The numbers that rows had before some were taken.

    Examples
    --------
    >>> table = Table("t", {"size": Raw("number", np.array([3.0, np.nan]))})
    >>> len(table), table.names
    (2, ['size'])
    >>> table.where(1, "size"), table.find(-1, "column"), len(table.take(np.array([0])))
    ("t: row 1, column 'size'", 'size', 1)
    """

    source: str
    columns: dict[str, Raw]
    lines: Sequence[int] | NDArray[np.int64] | None = None
    layout: dict[str, Any] = field(default_factory=dict)
    rows: Sequence[int] | NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.columns)

    def where(self, row: int, name: str) -> str:
        """Where a cell stands, for an error.

        Parameters
        ----------
        row : int
        name : str

        Returns
        -------
        str
        """
        number = row if self.rows is None else self.rows[row]
        place = f"row {number}" if self.lines is None else f"line {self.lines[row]}"
        return f"{self.source}: {place}, column {name!r}"

    def take(self, rows: NDArray[Any]) -> Table:
        """Some of the rows.

        Parameters
        ----------
        rows : ndarray of int or of bool
            Their numbers, or which to take.

        Returns
        -------
        Table
        """
        which = np.flatnonzero(rows) if rows.dtype == bool else np.asarray(rows, np.int64)
        lines = None if self.lines is None else np.asarray(self.lines)[which]
        kept = which if self.rows is None else np.asarray(self.rows)[which]
        columns = {n: c.take(which) for n, c in self.columns.items()}
        return Table(self.source, columns, lines, self.layout, kept)

    def find(self, name: str | int, what: str) -> str:
        """The name of a column, from its name or its place.

        Parameters
        ----------
        name : str or int
        what : str
            What an error calls it.

        Returns
        -------
        str

        Raises
        ------
        ValueError, TypeError
            If there is none.
        """
        names = self.names
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise TypeError(
                f"{what} is {name!r}, expected the name of a column, or its place from 0"
            )
        if isinstance(name, int):
            if -len(names) <= name < len(names):
                return names[name]
            raise ValueError(
                f"{self.source}: {what} {name} is not there, expected {-len(names)} to "
                f"{len(names) - 1}: columns count from 0"
            )
        if name in self.columns:
            return name
        raise ValueError(
            f"{self.source}: {what} {name!r} is not a column{did_you_mean(name, names)}, "
            f"expected one of {some_of(names, 12)}"
        )


def check_names(source: str, names: Sequence[str]) -> None:
    """Raises ValueError if a name is too long to be one, or stands for two columns."""
    longest = max(names, key=len, default="")
    if len(longest) > LONGEST_NAME:
        raise ValueError(
            f"{source}: a column's name has {len(longest):,} characters, expected at most "
            f"{LONGEST_NAME}: is it the right file, and the right separator?"
        )
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(
                f"{source}: {count} columns are called {name!r}, expected different names: "
                "rename them"
            )


def quoted(text: object) -> str:
    """A cell as an error shows it: the middle of a long one is left out."""
    return cut(repr(text))


def some_of(texts: Sequence[str], most: int) -> str:
    """The first of many names, long ones cut."""
    shown = [t if len(t) <= 40 else t[:37] + "..." for t in texts[:most]]
    return ", ".join(shown) + (", ..." if len(texts) > most else "")


def plain(value: float) -> str:
    """A number as people write it: 3 for 3.0."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _day(days: float) -> str:
    """A date, with its time if it has one."""
    moment = np.datetime64(round(days * 86_400_000_000), "us")
    return str(moment.astype("datetime64[D]" if days.is_integer() else "datetime64[s]"))
