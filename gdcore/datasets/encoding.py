"""How rows of text become rows of numbers, learned once and applied to new rows.

A number column is taken as it is; a text column becomes one column of 0 and 1 per category, in
sorted order.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.datasets.sheets import MISSING, Sheet, number, read_sheet
from gdcore.errors import did_you_mean

__all__ = ["Column", "Encoder"]

MOST_CATEGORIES = 64


@dataclass(frozen=True)
class Column:
    """How one column is encoded.

    Parameters
    ----------
    name : str
    categories : tuple of str or None
        In the order of the columns of 0 and 1; None for numbers.
    fill : float, str or None
        What stands in for a missing value; None where that is an error.

    Examples
    --------
    >>> Column("sea", categories=("far", "near")).feature_names()
    ['sea=far', 'sea=near']
    """

    name: str
    categories: tuple[str, ...] | None = None
    fill: float | str | None = None

    def feature_names(self) -> list[str]:
        """Return the names of the columns of numbers that this one becomes."""
        if self.categories is None:
            return [self.name]
        return [f"{self.name}={category}" for category in self.categories]

    def encode(self, sheet: Sheet, cells: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (rows, 1) or (rows, categories)."""
        if self.categories is None:
            values = np.array([self._number(sheet, i, cell) for i, cell in enumerate(cells)])
            with np.errstate(over="ignore"):
                single = values.astype(np.float32)
            if not np.isfinite(single).all():
                row = int(np.flatnonzero(~np.isfinite(single))[0])
                raise ValueError(
                    f"{sheet.where(row, self.name)}: got {cells[row]!r}, expected a finite "
                    "float32 number: mend the cell or rescale the column"
                )
            return single.reshape(-1, 1)
        place = {category: i for i, category in enumerate(self.categories)}
        out = np.zeros((len(cells), len(place)), dtype=np.float32)
        for i, cell in enumerate(cells):
            text = cell if cell not in MISSING else self._fill(sheet, i)
            if text not in place:
                raise ValueError(
                    f"{sheet.where(i, self.name)}: got {cell!r}, which training never saw"
                    f"{did_you_mean(cell, place)}, expected one of "
                    f"{', '.join(self.categories[:8])}{', …' if len(place) > 8 else ''}"
                )
            out[i, place[str(text)]] = 1.0
        return out

    def _number(self, sheet: Sheet, row: int, cell: str) -> float:
        if cell in MISSING:
            return float(self._fill(sheet, row))
        value = number(cell)
        if value is None:
            raise ValueError(
                f"{sheet.where(row, self.name)}: got {cell!r}, expected a number: mend the cell"
            )
        return value

    def _fill(self, sheet: Sheet, row: int) -> float | str:
        if self.fill is None:
            raise ValueError(
                f"{sheet.where(row, self.name)}: the value is missing, expected one: fill it in, "
                "or read the training table with missing='mean'"
            )
        return self.fill


@dataclass(frozen=True)
class Encoder:
    """What was learned from a training table: applies the same encoding to new rows.

    Parameters
    ----------
    columns : tuple of Column
        In the order of the features.
    target : str
        Name of the column that was to be predicted.
    task : {"classification", "regression"}
    classes : tuple of str or None
        Texts of the classes, by label.
    delimiter : str
    header : bool
        How the file was read, so that new files are read alike.

    Examples
    --------
    >>> encoder = Encoder((Column("size"), Column("sea", ("far", "near"))), "price", "regression")
    >>> encoder.transform([{"size": 3, "sea": "near"}]).tolist()
    [[3.0, 0.0, 1.0]]
    """

    columns: tuple[Column, ...]
    target: str
    task: str
    classes: tuple[str, ...] | None = None
    delimiter: str = ","
    header: bool = True

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(name for column in self.columns for name in column.feature_names())

    def transform(
        self, source: str | os.PathLike[str] | Iterable[Mapping[str, object]]
    ) -> NDArray[np.float32]:
        """Return the features of new rows, which need not have the target.

        Parameters
        ----------
        source : path-like or iterable of mappings
            A file laid out as the training file was (columns in any order if it has a header),
            or rows such as ``{"size": 3, "sea": "near"}``.

        Returns
        -------
        ndarray of float32
            Shape ``(n, features)``.

        Raises
        ------
        ValueError
            If a column is missing, a value is, or a category is new.
        """
        if isinstance(source, (str, os.PathLike)):
            sheet = read_sheet(source, self.delimiter, self.header)
            if not self.header:
                sheet = self._named(sheet)
        else:
            sheet = self._sheet(source)
        return self.encode(sheet)

    def encode(self, sheet: Sheet) -> NDArray[np.float32]:
        """Return the features of a sheet.

        Parameters
        ----------
        sheet : Sheet
            A table as text, as `gdcore.datasets.sheets` reads it.

        Returns
        -------
        ndarray of float32
            Shape ``(n, features)``.

        Raises
        ------
        ValueError
            If a column is missing, a value is, or a category is new.

        Examples
        --------
        >>> from gdcore.datasets.sheets import Sheet
        >>> from gdcore.datasets.encoding import Column, Encoder
        >>> encoder = Encoder((Column("size"),), "price", "regression")
        >>> encoder.encode(Sheet("rows", ["size"], [["3"], ["4.5"]], [1, 2])).tolist()
        [[3.0], [4.5]]
        """
        place = {name: i for i, name in enumerate(sheet.names)}
        parts = [np.zeros((len(sheet.rows), 0), dtype=np.float32)]
        for column in self.columns:
            if column.name not in place:
                raise ValueError(
                    f"{sheet.source}: no column {column.name!r}"
                    f"{did_you_mean(column.name, place)}, expected the columns of training: add it"
                )
            i = place[column.name]
            parts.append(column.encode(sheet, [row[i] for row in sheet.rows]))
        return np.concatenate(parts, axis=1)

    def _named(self, sheet: Sheet) -> Sheet:
        # Without a header columns are known by place; one fewer means that the target is left out.
        if len(sheet.names) == self._width() - 1:
            names = [str(i) for i in range(self._width()) if str(i) != self.target]
            return Sheet(sheet.source, names, sheet.rows, sheet.lines)
        return sheet

    def _width(self) -> int:
        return max(int(name) for name in (self.target, *(c.name for c in self.columns))) + 1

    def _sheet(self, rows: Iterable[Mapping[str, object]]) -> Sheet:
        names = [column.name for column in self.columns]
        cells: list[list[str]] = []
        for i, row in enumerate(rows):
            lacking = [name for name in names if name not in row]
            if lacking:
                raise ValueError(
                    f"row {i}: no value for {lacking[0]!r}{did_you_mean(lacking[0], row)}, "
                    "expected the columns of training: add it"
                )
            cells.append(list(_texts(row[name] for name in names)))
        return Sheet("rows", names, cells, list(range(len(cells))))

    def to_config(self) -> dict[str, Any]:
        """Return a JSON-able description that `from_config` turns back into the encoder.

        Returns
        -------
        dict

        Examples
        --------
        >>> from gdcore.datasets.encoding import Column, Encoder
        >>> encoder = Encoder((Column("size"),), "price", "regression")
        >>> encoder.to_config()["target"]
        'price'
        """
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Encoder:
        """Return the encoder that `to_config` described.

        Parameters
        ----------
        config : mapping

        Returns
        -------
        Encoder

        Raises
        ------
        ValueError
            If an entry is missing.

        Examples
        --------
        >>> from gdcore.datasets.encoding import Column, Encoder
        >>> encoder = Encoder((Column("size"),), "price", "regression")
        >>> Encoder.from_config(encoder.to_config()) == encoder
        True
        """
        try:
            columns = tuple(
                Column(
                    c["name"],
                    None if c["categories"] is None else tuple(c["categories"]),
                    c["fill"],
                )
                for c in config["columns"]
            )
            classes = config["classes"]
            return cls(
                columns, config["target"], config["task"],
                None if classes is None else tuple(classes),
                config["delimiter"], config["header"],
            )  # fmt: skip
        except KeyError as error:
            raise ValueError(
                f"the encoder's description lacks {error}, expected all that to_config() gives"
            ) from None


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        none = value is None or (isinstance(value, float) and math.isnan(value))
        yield "" if none else str(value).strip()
