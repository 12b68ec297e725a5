"""Tables of numbers and categories from CSV files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.datasets.encoding import MOST_CATEGORIES, Column, Encoder
from gdcore.datasets.sheets import MISSING, Sheet, number, read_sheet
from gdcore.errors import did_you_mean, unknown

__all__ = ["Table", "csv"]

#: A whole-number target with more distinct values than this is taken for a quantity.
MOST_CLASSES = 20


@dataclass(frozen=True)
class Table:
    """A table ready for training.

    Attributes
    ----------
    x : ndarray of float32
        Shape ``(n, features)``.
    y : ndarray
        Shape ``(n,)``: int64 labels, or float32 values for a regression.
    feature_names : tuple of str
        One for every column of `x`.
    classes : tuple of str or None
        Texts of the classes, by label; None for a regression.
    task : {"classification", "regression"}
    encoder : Encoder
        Turns new rows into features in the same way.

    Examples
    --------
    >>> encoder = Encoder((Column("a"),), "b", "regression")
    >>> Table(np.zeros((1, 1), np.float32), np.zeros(1, np.float32), encoder).task
    'regression'
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    encoder: Encoder

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns of `x`."""
        return self.encoder.feature_names

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Texts of the classes, by label."""
        return self.encoder.classes

    @property
    def task(self) -> str:
        """What is to be learned."""
        return self.encoder.task


def csv(
    path: str | os.PathLike[str],
    target: str | int,
    delimiter: str = ",",
    *,
    header: bool = True,
    missing: str = "error",
    task: str | None = None,
    ignore: Sequence[str | int] = (),
) -> Table:
    """Read a CSV file of numbers and categories.

    Columns of numbers become float32; columns of text become one column of 0 and 1 for each of
    at most 64 categories, sorted. Empty cells, ``?``, ``NA``, ``N/A``, ``NaN`` and ``null`` are
    missing values. Nothing is standardised.

    Parameters
    ----------
    path : path-like
        UTF-8 text.
    target : str or int
        The column to be predicted, by name or by place (from 0; -1 is the last).
    delimiter : str
        One character.
    header : bool
        Whether the first line names the columns; otherwise they are called "0", "1", …
    missing : {"error", "drop", "mean"}
        Missing values are an error, cost their row, or get the column's mean (the most frequent
        category in a column of text). A missing target can only be dropped.
    task : {"classification", "regression"}, optional
        By default text and at most 20 distinct whole numbers are classes, the rest is a
        regression.
    ignore : sequence of str or int
        Columns to leave out.

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        With file, line and column, if the content does not fit.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "t.csv")
    >>> _ = path.write_text("size,sea,kind\\n1,near,a\\n2,far,b\\n")
    >>> table = csv(path, target="kind")
    >>> table.x.tolist(), table.y.tolist(), table.feature_names
    ([[1.0, 0.0, 1.0], [2.0, 1.0, 0.0]], [0, 1], ('size', 'sea=far', 'sea=near'))
    >>> folder.cleanup()
    """
    if missing not in ("error", "drop", "mean"):
        raise unknown("way with missing values", missing, ("error", "drop", "mean"))
    if task not in (None, "classification", "regression"):
        raise unknown("task", task, ("classification", "regression"))
    if len(delimiter) != 1:
        raise ValueError(f"delimiter must be one character, got {delimiter!r}: for example ';'")
    sheet = read_sheet(path, delimiter, header)
    if header:
        _check_names(sheet)
    goal = _place(sheet, target, "target")
    left_out = {_place(sheet, name, "column to ignore") for name in ignore} | {goal}
    places = [i for i in range(len(sheet.names)) if i not in left_out]
    if not places:
        raise ValueError(f"{sheet.source}: got no column besides the target, expected features")
    if missing == "drop":
        sheet = _without_missing(sheet, [goal, *places])
    columns = tuple(_learn(sheet, i, missing) for i in places)
    y, found, classes = _target(sheet, goal, task)
    encoder = Encoder(columns, sheet.names[goal], found, classes, delimiter, header)
    return Table(encoder.encode(sheet), y, encoder)


def _check_names(sheet: Sheet) -> None:
    if all(number(name) is not None for name in sheet.names):
        raise ValueError(
            f"{sheet.source}: the first line holds numbers, expected names of columns: pass "
            "header=False if the file has none"
        )
    for name, count in Counter(sheet.names).items():
        if count > 1:
            raise ValueError(
                f"{sheet.source}: {count} columns are called {name!r}, expected different names: "
                "rename them"
            )


def _place(sheet: Sheet, name: str | int, what: str) -> int:
    if isinstance(name, int):
        if -len(sheet.names) <= name < len(sheet.names):
            return name % len(sheet.names)
        raise ValueError(
            f"{sheet.source}: {what} {name} is not there, expected {-len(sheet.names)} to "
            f"{len(sheet.names) - 1}: columns count from 0"
        )
    if name in sheet.names:
        return sheet.names.index(name)
    raise ValueError(
        f"{sheet.source}: {what} {name!r} is not a column{did_you_mean(name, sheet.names)}, "
        f"expected one of {', '.join(sheet.names)}"
    )


def _without_missing(sheet: Sheet, places: list[int]) -> Sheet:
    kept = [k for k, row in enumerate(sheet.rows) if not any(row[i] in MISSING for i in places)]
    if not kept:
        raise ValueError(
            f"{sheet.source}: every row lacks a value, so missing='drop' leaves none: leave out a "
            "column with ignore=, or pass missing='mean'"
        )
    return Sheet(
        sheet.source, sheet.names, [sheet.rows[k] for k in kept], [sheet.lines[k] for k in kept]
    )


def _learn(sheet: Sheet, place: int, missing: str) -> Column:
    name = sheet.names[place]
    cells = [row[place] for row in sheet.rows]
    present = [cell for cell in cells if cell not in MISSING]
    if not present:
        raise ValueError(
            f"{sheet.source}: column {name!r} is empty, expected values: leave it out with "
            f"ignore=[{name!r}]"
        )
    if len(present) < len(cells) and missing == "error":
        row = next(i for i, cell in enumerate(cells) if cell in MISSING)
        raise ValueError(
            f"{sheet.where(row, name)}: the value is missing (as are "
            f"{len(cells) - len(present) - 1} more in the column), expected one: fill it in, or "
            "pass missing='drop' or missing='mean'"
        )
    values = [number(cell) for cell in present]
    numbers = [value for value in values if value is not None]
    if len(numbers) == len(values):
        return Column(name, None, float(np.mean(numbers)) if missing == "mean" else None)
    counts = Counter(present)
    if len(counts) > MOST_CATEGORIES:
        text = next(cell for cell, value in zip(present, values, strict=True) if value is None)
        raise ValueError(
            f"{sheet.source}: column {name!r} holds {len(counts)} different texts such as "
            f"{text!r}, expected numbers or at most {MOST_CATEGORIES} categories: leave it out "
            f"with ignore=[{name!r}]"
        )
    categories = tuple(sorted(counts))
    fill = max(categories, key=lambda category: counts[category])  # the first of equal ones
    return Column(name, categories, fill if missing == "mean" else None)


def _target(
    sheet: Sheet, place: int, task: str | None
) -> tuple[NDArray[Any], str, tuple[str, ...] | None]:
    name = sheet.names[place]
    cells = [row[place] for row in sheet.rows]
    for i, cell in enumerate(cells):
        if cell in MISSING:
            raise ValueError(
                f"{sheet.where(i, name)}: the target is missing, expected a value: fill it in, or "
                "pass missing='drop'"
            )
    values = [number(cell) for cell in cells]
    numbers = [value for value in values if value is not None]
    if len(numbers) == len(values):
        whole = all(value.is_integer() for value in numbers)
        if task is None:
            few = whole and len(set(numbers)) <= MOST_CLASSES
            task = "classification" if few else "regression"
        if task == "regression":
            return Column(name).encode(sheet, cells)[:, 0], task, None
        order = sorted(set(numbers))
        label = {value: i for i, value in enumerate(order)}
        y = np.array([label[value] for value in numbers], dtype=np.int64)
        classes = tuple(str(int(v)) if whole else repr(v) for v in order)
    else:
        if task == "regression":
            row = values.index(None)
            raise ValueError(
                f"{sheet.where(row, name)}: got {cells[row]!r}, expected a number to regress on: "
                "mend the cell, or pass task='classification'"
            )
        task, classes = "classification", tuple(sorted(set(cells)))
        place_of = {text: i for i, text in enumerate(classes)}
        y = np.array([place_of[cell] for cell in cells], dtype=np.int64)
    if len(classes) < 2:
        raise ValueError(
            f"{sheet.source}: the target {name!r} is always {classes[0]!r}, expected at least 2 "
            "classes: choose another target"
        )
    return y, task, classes
