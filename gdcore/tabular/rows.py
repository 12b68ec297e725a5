"""Rows that cannot be learned from: those without a target, a weight, or a value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gdcore.errors import unknown
from gdcore.tabular.table import SettingError, Table
from gdcore.tabular.weighting import told_weights

__all__ = ["MISSING_WAYS", "with_target", "without_missing"]

MISSING_WAYS = ("impute", "drop", "error")


def with_target(
    table: Table, names: Sequence[str], weights: str | None = None, measured: bool = False
) -> tuple[Table, list[str]]:
    """The rows that have a target and count something, and notes where some do not.

    Parameters
    ----------
    table : Table
    names : of the targets
    weights : name of the column of weights, if there is one
    measured : whether the rows are there to measure by, and the column of weights may be away

    Raises
    ------
    ValueError
        If none has a target, or a weight is no number of at least 0.
    """
    notes: list[str] = []
    for name in names:
        table, more = _with_values(table, name)
        notes += more
    if weights is None or (measured and weights not in table.columns):
        return table, notes
    if table.find(weights, "weights") in names:
        raise SettingError(f"weights={weights!r} is the target, expected another column")
    counts = told_weights(table, weights) != 0
    if np.all(counts):
        return table, notes
    left = rows(len(table) - int(np.sum(counts)))
    return table.take(np.asarray(counts)), [*notes, f"{left} of weight 0 left out"]


def _with_values(table: Table, name: str) -> tuple[Table, list[str]]:
    missing = table.columns[name].missing()
    if not missing.any():
        return table, []
    if missing.all():
        raise ValueError(
            f"{table.source}: the target {name!r} has no values, expected some: choose another"
        )
    count = int(missing.sum())
    return table.take(~missing), [f"{rows(count)} without {name!r} left out"]


def without_missing(table: Table, names: Sequence[str], missing: str) -> tuple[Table, list[str]]:
    """The rows to learn from, by what is to become of missing values.

    Raises
    ------
    ValueError
        If a value is missing where that is an error, or no row is complete.
    """
    if missing not in MISSING_WAYS:
        raise unknown("way with missing values", missing, MISSING_WAYS)
    if missing == "impute":
        return table, []
    by_name = {name: table.columns[name].missing() for name in names}
    lacking = np.any(list(by_name.values()), axis=0)
    if not lacking.any():
        return table, []
    if missing == "error":
        name, where = next((n, m) for n, m in by_name.items() if m.any())
        row, count = int(np.flatnonzero(where)[0]), int(where.sum())
        raise ValueError(
            f"{table.where(row, name)}: the value is missing (as are {count - 1} more in the "
            "column), expected one: fill it in, or pass missing='impute' or missing='drop'"
        )
    if lacking.all():
        raise ValueError(
            f"{table.source}: every row lacks a value, so missing='drop' leaves none: leave out a "
            "column, or pass missing='impute'"
        )
    return table.take(~lacking), [f"{rows(int(lacking.sum()))} with missing values left out"]


def rows(count: int) -> str:
    """1 row, or 2 rows."""
    return f"{count:,} row{'s' if count != 1 else ''}"
