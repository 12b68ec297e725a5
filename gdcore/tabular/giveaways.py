"""Columns that give the target away: what they hold would not be known of a new row.

Such as `alive` beside `survived`, or `casual` and `registered` that sum up to the count.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.column import floats
from gdcore.tabular.columns import Number
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.notation import PLAIN
from gdcore.tabular.table import Raw, Table
from gdcore.tabular.words import Text

__all__ = ["giveaways"]

FEWEST = 40  # rows, below which anything may fit anything
FEWEST_OF_CLASS = 5
MOST_ROWS = 20_000
MOST_COLUMNS = 200  # of numbers, in a search for sums
MOST_SUMMED = 4
EXACT, NEARLY = 1 - 1e-9, 0.9999

Floats = NDArray[np.float64]


def giveaways(table: Table, encoder: Encoder) -> list[tuple[str, ...]]:
    """Columns, or sums of few, of which the target follows in the training rows.

    Parameters
    ----------
    table : the training rows
    encoder : what was learned of them

    Returns
    -------
    list of tuples of names
        One name where one column alone suffices.
    """
    if len(table) < FEWEST:
        return []
    if len(table) > MOST_ROWS:
        table = table.take(np.linspace(0, len(table) - 1, MOST_ROWS).astype(np.int64))
    target = encoder.target.each[0]
    y = target.values(table)
    if target.classes is not None:
        counts = np.bincount(y)
        if counts[counts > 0].min() < FEWEST_OF_CLASS:  # so few are told apart by chance
            return []
    found: list[tuple[str, ...]] = []
    numbers: dict[str, Floats] = {}
    for column in encoder.columns:
        if isinstance(column, Text):
            continue
        raw = table.columns[column.name]
        values = _numbers(table, column.name, raw, getattr(column, "notation", PLAIN))
        if isinstance(column, Number) and values is not None:
            numbers[column.name] = values
        tells = _tells_class if target.classes is not None else _tells_quantity
        if tells(raw, values, y):
            found.append((column.name,))
    if found or (target.classes is not None and not target.whole):
        return found
    quantity = y if target.classes is None else np.array([float(c) for c in target.classes])[y]
    summed = _sum(numbers, np.asarray(quantity, np.float64))
    return [summed] if summed else []


def _numbers(table: Table, name: str, raw: Raw, notation: object) -> Floats | None:
    if not raw.textual:
        return np.asarray(raw.values, np.float64)
    try:
        return floats(table, name, notation)  # type: ignore[arg-type]
    except ValueError:
        return None


def _groups(raw: Raw) -> NDArray[np.int64]:
    """A number for each different value; a missing one is a value too."""
    values = raw.values.coded.codes if raw.textual else raw.values
    _, codes = np.unique(values, return_inverse=True)  # all NaN are one value
    return np.asarray(codes.reshape(-1), np.int64)


def _repeat(codes: NDArray[np.int64]) -> bool:
    """Whether values come often enough for their groups to say anything."""
    return 10 * (int(codes.max()) + 1) <= len(codes)


def _tells_class(raw: Raw, values: Floats | None, y: NDArray[np.int64]) -> bool:
    kinds = int(y.max()) + 1
    codes = _groups(raw)
    if _repeat(codes):
        counts = np.zeros((int(codes.max()) + 1, kinds), np.int64)
        np.add.at(counts, (codes, y), 1)
        return bool((counts > 0).sum(axis=1).max() == 1)
    if values is None or np.isnan(values).any():
        return False
    # Of a number: the classes lie one behind the other, without a row out of place.
    order = np.argsort(values, kind="stable")
    changes = np.flatnonzero(np.diff(y[order]))
    apart = bool((np.diff(values[order])[changes] > 0).all())
    return apart and len(changes) == len(np.unique(y)) - 1


def _tells_quantity(raw: Raw, values: Floats | None, y: Floats) -> bool:
    total = float(np.sum((y - y.mean()) ** 2))
    if not total:
        return False
    codes = _groups(raw)
    if _repeat(codes):
        mean = np.bincount(codes, y) / np.bincount(codes)
        return bool(1 - float(np.sum((y - mean[codes]) ** 2)) / total > EXACT)
    if values is None or np.isnan(values).any() or values.std() == 0:
        return False
    if abs(np.corrcoef(values, y)[0, 1]) > NEARLY:
        return True
    return bool(abs(np.corrcoef(_ranks(values), _ranks(y))[0, 1]) > NEARLY)


def _ranks(values: Floats) -> Floats:
    """Places in order, equal values at their mean place."""
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[codes.reshape(-1)], np.float64)


def _sum(columns: dict[str, Floats], y: Floats) -> tuple[str, ...] | None:
    """The fewest columns that add up to the target, each times a number."""
    usable = {n: v for n, v in columns.items() if not np.isnan(v).any() and v.std() > 0}
    names = list(usable)
    if not 2 <= len(names) <= MOST_COLUMNS or len(y) < 10 * (len(names) + 1) or y.std() == 0:
        return None
    x = np.stack([(usable[n] - usable[n].mean()) / usable[n].std() for n in names], axis=1)
    z = (y - y.mean()) / y.std()
    if not _fits(x, z):
        return None
    # Other columns may say the same: the strongest of the fit are tried together, few first.
    weights = np.linalg.lstsq(x, z, rcond=None)[0]
    strongest = np.argsort(-np.abs(weights))[:8]
    for size in range(2, MOST_SUMMED + 1):
        for some in itertools.combinations(sorted(strongest), size):
            if _fits(x[:, some], z):
                return tuple(names[i] for i in some)
    return None


def _fits(x: Floats, z: Floats) -> bool:
    left = z - x @ np.linalg.lstsq(x, z, rcond=None)[0]
    return float(np.mean(left**2)) < 1e-9
