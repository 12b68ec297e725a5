"""What all columns of a table have in common, and what is said of values that are new."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.notation import PLAIN, Notation
from gdcore.tabular.table import Table, quoted

__all__ = ["Column", "Floats", "TableWarning", "floats", "tell_unseen", "with_flag"]

Floats = NDArray[np.float64]

#: The sum of the squares of as many such numbers as fit in memory is finite.
LARGEST = 1e145


class TableWarning(UserWarning):
    """Something in a table that is in doubt or was never seen, and what was made of it.

    Examples
    --------
    >>> import warnings
    >>> warnings.simplefilter("error", TableWarning)  # stop at values that training never saw
    >>> warnings.simplefilter("default", TableWarning)
    """


@dataclass(frozen=True)
class Column:
    """What all columns are: a name, and a way from raw values to numbers.

    Attributes
    ----------
    name : str
    flag : bool
        Whether a missing value is told to the network: training rows had some.
    """

    kind: ClassVar[str] = ""

    name: str
    flag: bool

    def config(self) -> dict[str, Any]:
        """The kind and all attributes, as JSON."""
        return {"kind": self.kind} | {
            f.name: list(v) if isinstance(v := getattr(self, f.name), tuple) else v
            for f in fields(self)
        }

    @property
    def width(self) -> int:
        """How many columns of numbers it becomes."""
        return 1 + self.flag

    def described(self) -> str:
        """What becomes of it, in words."""
        raise NotImplementedError


def floats(
    table: Table, name: str, notation: Notation = PLAIN, infinity_is_missing: bool = False
) -> Floats:
    """A column as numbers, NaN where they are missing.

    Raises
    ------
    ValueError
        If a value is no number, or so large that squares of such cannot be added up.

    Warns
    -----
    TableWarning
        Of infinity that is taken for missing.
    """
    raw = table.columns[name]
    if not raw.textual:
        out: Floats = raw.values
    else:
        values = raw.numbers if notation == PLAIN else None
        row = None
        if values is None:
            row = raw.values.first(lambda text: notation.number(text) is None)
        if row is not None:
            such = "" if notation == PLAIN else f" such as {notation.example}"
            raise ValueError(
                f"{table.where(row, name)}: got {quoted(raw.values[row])}, expected a "
                f"number{such}: mend the cell"
            )
        out = raw.mapped(notation.number, np.nan, np.float64) if values is None else values
    endless = np.isinf(out)
    if infinity_is_missing and endless.any():
        row, more = int(np.argmax(endless)), int(endless.sum()) - 1
        warnings.warn(
            f"{table.where(row, name)}: got {out[row]:g}, expected a finite number: taken for "
            f"missing{f', as are {more:,} more in the column' if more else ''}",
            TableWarning,
            stacklevel=2,
        )
        out = np.where(endless, np.nan, out)
    large = np.abs(out) > LARGEST
    if large.any():
        row = int(np.argmax(large))
        raise ValueError(
            f"{table.where(row, name)}: got {out[row]:g}, expected a finite number of at most "
            f"{LARGEST:g}: mend the cell, or rescale the column"
        )
    return out


def with_flag(
    table: Table,
    column: Column,
    parts: list[Floats],
    missing: NDArray[np.bool_],
    taken_for: str,
    told: int = 0,
) -> NDArray[np.float32]:
    """Columns of numbers side by side, with the flag of missing values behind them.

    Of the missing values, so many were told of before.
    """
    untold = int(missing.sum()) - told
    if untold and not column.flag:
        tell_unseen(table, column.name, [None] * untold, taken_for)
    columns = [*parts, missing.astype(np.float64)] if column.flag else parts
    return np.stack(columns, axis=1).astype(np.float32)


def tell_unseen(table: Table, name: str, never: Sequence[str | None], taken_for: str) -> None:
    """Warn of values that training never saw."""
    shown = next((repr(t) for t in never if t is not None), "a missing value")
    warnings.warn(
        f"{table.source}: column {name!r} holds {len(never):,} value{'s' if len(never) > 1 else ''}"
        f" that training never saw, such as {shown}: taken for {taken_for}",
        TableWarning,
        stacklevel=2,
    )
