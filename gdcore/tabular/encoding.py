"""The transformation of a table: every column's own, learned together and kept with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.data.sparse import SparseRows
from gdcore.errors import did_you_mean, unknown
from gdcore.show.summary import table as text_table
from gdcore.tabular.columns import COLUMNS, Boolean, Category, Date, Number
from gdcore.tabular.kinds import KINDS, Chosen, choose
from gdcore.tabular.reading import read_like
from gdcore.tabular.several import AnyTarget
from gdcore.tabular.table import Table, some_of
from gdcore.tabular.words import Text

__all__ = ["Encoder", "Features", "check_columns"]

AnyColumn = Number | Boolean | Date | Category | Text


@dataclass(frozen=True)
class Features:
    """What a network takes of a table.

    Attributes
    ----------
    numbers : ndarray of float32, shape (rows, n)
    codes : list of ndarray of int32, each of shape (rows,)
        A number for each category, one array for each column of categories.
    texts : list of sparse rows, each of shape (rows, n-grams)
        One for each column of sentences.

    Examples
    --------
    >>> features = Features(np.zeros((3, 2), np.float32), [np.zeros(3, np.int32)])
    >>> len(features), len(features.inputs()), len(features.take(np.array([0, 2])))
    (3, 2, 2)
    """

    numbers: NDArray[np.float32]
    codes: list[NDArray[np.int32]]
    texts: list[SparseRows] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)

    def inputs(self) -> Any:
        """As `gd.Model` takes them.

        Returns
        -------
        array, or tuple of them
        """
        numbers = [self.numbers] if self.numbers.shape[1] else []
        parts = (*numbers, *self.codes, *self.texts)
        return parts if len(parts) > 1 else parts[0]

    def take(self, rows: NDArray[Any]) -> Features:
        """Some of the rows.

        Parameters
        ----------
        rows : ndarray of int or of bool

        Returns
        -------
        Features
        """
        return Features(
            self.numbers[rows], [c[rows] for c in self.codes], [t[rows] for t in self.texts]
        )


def check_columns(
    table: Table, wanted: Sequence[str], names: Sequence[str], layout: Mapping[str, Any]
) -> None:
    """Raises ValueError if a table lacks columns that are learned from, of a training table's."""
    lacking = [name for name in wanted if name not in table.columns]
    if lacking and len(lacking) == len(wanted):
        mark = layout.get("delimiter") if len(table.names) == 1 else None
        between = f", and the training's file had {mark!r} between them" if mark else ""
        raise ValueError(
            f"{table.source}: no column of training, but {some_of(table.names, 4)}: expected "
            f"{some_of(lacking, 4)} as the names of columns, in a file in its first line{between}"
        )
    if lacking:
        more = f"s {some_of(lacking, 8)}" if len(lacking) > 1 else f" {lacking[0]!r}"
        spare = [name for name in table.names if name not in names]
        raise ValueError(
            f"{table.source}: no column{more}{did_you_mean(lacking[0], spare)}, expected the "
            f"columns of training: add {'it' if len(lacking) == 1 else 'them'}"
        )


@dataclass(frozen=True)
class Encoder:
    """How a table becomes numbers.

    Attributes
    ----------
    columns : tuple of Number, Boolean, Date, Category and Text
    target : Target or Targets
    ignored : dict of str to str
        Columns that are left out, and why.
    layout : dict
        How the text of the training table was read.
    names : tuple of str
        All columns of the training table, in its order.

    Examples
    --------
    >>> from gdcore.tabular import read
    >>> from gdcore.tabular.target import Target
    >>> table = read({"size": [1.0, 3.0], "sea": ["near", "far"], "price": [1.5, 2.5]})
    >>> encoder = Encoder.learn(table, Target("price", "regression"))
    >>> features = encoder.encode(encoder.read({"size": [5.0], "sea": ["far"]}))
    >>> features.numbers.tolist(), features.codes[0].tolist()
    ([[3.0]], [1])
    >>> "category" in encoder.described(), sorted(encoder.config())
    (True, ['columns', 'ignored', 'layout', 'names', 'target'])
    """

    columns: tuple[AnyColumn, ...]
    target: AnyTarget
    ignored: dict[str, str] = field(default_factory=dict)
    layout: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    @classmethod
    def learn(
        cls,
        table: Table,
        target: AnyTarget,
        kinds: Mapping[str, str] | None = None,
        numbers: str = "standardize",
        chosen: Chosen | None = None,
    ) -> Encoder:
        """Learn from training rows.

        Parameters
        ----------
        table : Table
        target : Target
        kinds : dict of str to str, optional
            What columns are, where the inferred kind is wrong.
        numbers : {"standardize", "robust", "quantile", "raw"}
        chosen : pair of dicts, optional
            What columns are, and why others are left out, if that was decided by more rows.

        Returns
        -------
        Encoder

        Raises
        ------
        ValueError
            If a column does not fit the kind it was given, or none is left to learn from.
        """
        if numbers not in KINDS["number"]:
            raise unknown("way to scale numbers", numbers, KINDS["number"])
        found, ignored = choose(table, target.names, kinds) if chosen is None else chosen
        columns = tuple(
            COLUMNS[kind].learn(table, name, how or (numbers if kind == "number" else None))
            for name, (kind, how) in found.items()
        )
        return cls(columns, target, ignored, table.layout, tuple(table.names))

    @property
    def chosen(self) -> Chosen:
        """What the columns are, and why others are left out: for learning from other rows."""
        found: dict[str, tuple[str, str | None]] = {}
        for c in self.columns:
            how = c.how if isinstance(c, Number) else c.format if isinstance(c, Date) else None
            found[c.name] = (c.kind, how)
        return found, dict(self.ignored)

    @property
    def numeric(self) -> tuple[Number | Boolean | Date, ...]:
        """The columns that become numbers."""
        return tuple(c for c in self.columns if not isinstance(c, Category | Text))

    @property
    def categories(self) -> tuple[Category, ...]:
        """The columns that become codes."""
        return tuple(c for c in self.columns if isinstance(c, Category))

    @property
    def texts(self) -> tuple[Text, ...]:
        """The columns that become sparse rows of n-grams."""
        return tuple(c for c in self.columns if isinstance(c, Text))

    def read(self, data: Any, delimiter: str | None = None, encoding: str | None = None) -> Table:
        """A table with a header, marks of numbers and of missing values as the training table had.

        Parameters
        ----------
        data : as `gdcore.tabular.read` takes it
        delimiter, encoding : str, optional
            Of a text; by default they are looked for, among those of the training table too.

        Returns
        -------
        Table

        Raises
        ------
        OSError, TypeError, ValueError
            As `gdcore.tabular.read`.
        """
        table = read_like(data, self.layout, self.names, delimiter, encoding)
        names = [n for n in self.names if n not in self.target.names]
        if self.layout.get("header") is False and len(table.names) == len(names):
            # Columns are known by place, and fewer mean that the target is left out.
            columns = dict(zip(names, table.columns.values(), strict=True))
            return Table(table.source, columns, table.lines, table.layout)
        return table

    def encode(self, table: Table) -> Features:
        """The features of a table, which need not have the target.

        Parameters
        ----------
        table : Table

        Returns
        -------
        Features

        Raises
        ------
        ValueError
            If a column is not there, or a value does not fit its kind.
        """
        check_columns(table, [c.name for c in self.columns], self.names, self.layout)
        parts = [np.zeros((len(table), 0), np.float32), *(c.encode(table) for c in self.numeric)]
        return Features(
            np.concatenate(parts, axis=1),
            [c.encode(table) for c in self.categories],
            [c.encode(table) for c in self.texts],
        )

    def described(self) -> str:
        """The columns, their kinds, and what becomes of them.

        Returns
        -------
        str
        """
        rows = [("column", "kind", "")]
        rows += [(name, "ignored", reason) for name, reason in self.ignored.items()]
        rows += [(c.name, c.kind, c.described()) for c in self.columns]
        rows += [(t.name, "target", t.described()) for t in self.target.each]
        return text_table(rows, "<<<")

    def config(self) -> dict[str, Any]:
        """Everything, as JSON.

        Returns
        -------
        dict
        """
        return {
            "columns": [c.config() for c in self.columns],
            "target": self.target.config(),
            "ignored": dict(self.ignored),
            "layout": dict(self.layout),
            "names": list(self.names),
        }
