"""Features and targets as the commands take them: numbers, and classes by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore.data.arrays import as_array, check_finite
from gdcore.errors import did_you_mean, listed
from gdcore.tabular.column import floats
from gdcore.tabular.frames import from_columns
from gdcore.tabular.notation import MOSTLY, are_codes, read_numbers
from gdcore.tabular.table import number, quoted

__all__ = [
    "class_name",
    "class_numbers",
    "features_of",
    "look_like_classes",
    "quantities_of",
    "targets_of",
]

MOST_CLASSES = 1000  # whole numbers of more kinds than this are taken for quantities


def features_of(x: np.ndarray, what: str) -> np.ndarray:
    """Features that can be computed with: numbers, all of them finite, a row for each sample."""
    if x.ndim == 0:
        raise ValueError(f"{what} is a single number, expected a row for each sample")
    x = as_array(x[:, None] if x.ndim == 1 else x, what)
    check_finite(x, what)
    return x


def targets_of(y: np.ndarray) -> np.ndarray:
    """Targets without a needless dimension, and class numbers for one-hot rows."""
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if (
        y.ndim == 2
        and y.dtype.kind in "biuf"
        and np.isin(y, (0, 1)).all()
        and (y.sum(axis=1) == 1).all()
    ):
        return np.asarray(y.argmax(axis=1))
    return y


def quantities_of(y: np.ndarray, what: str) -> np.ndarray:
    """Targets that are text, as numbers where a table's target would be a quantity.

    Raises
    ------
    ValueError
        If most of them are numbers, and one is none.
    """
    if y.ndim != 1 or y.dtype.kind not in "US":
        return y
    table = from_columns({"y": y}, what)
    texts = table.columns["y"].counts
    reading = read_numbers(table, "y")
    if not reading.quantity or reading.share < MOSTLY or reading.other or are_codes(texts):
        return y
    if reading.share == 1:
        return floats(table, "y", reading.notation)
    stray = next(t for t in texts if reading.notation.number(t) is None)
    raise ValueError(
        f"{what}: got {quoted(stray)}, expected a number as in most rows: leave such rows out, or "
        "pass --task classification if these are names of classes"
    )


def look_like_classes(y: np.ndarray) -> bool:
    """Whether targets are taken for classes: text, or whole numbers of few kinds."""
    if y.ndim != 1:
        return False
    if y.dtype.kind == "f":
        return bool(np.isfinite(y).all() and (np.floor(y) == y).all() and len(np.unique(y)) <= 20)
    return y.dtype.kind in "USb" or len(np.unique(y)) <= MOST_CLASSES


def class_name(value: Any) -> str:
    """A label as people write it: 3 for 3.0."""
    if isinstance(value, np.bytes_):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def class_numbers(y: Sequence[Any] | np.ndarray, classes: Sequence[str], what: str) -> np.ndarray:
    """Class numbers of labels, by the names of the classes."""
    place = {name: i for i, name in enumerate(classes)}
    out = np.empty(len(y), np.int64)
    for i, value in enumerate(y):
        name = class_name(value)
        if name not in place and isinstance(value, str):  # "1.0" is class 1
            as_number = number(value)
            name = class_name(np.float64(as_number)) if as_number is not None else name
        if name not in place:
            raise ValueError(
                f"{what}: row {i} is {class_name(value)!r}, which training never "
                f"saw{did_you_mean(name, place)}, "
                f"expected one of {listed(classes, 12)}"
            )
        out[i] = place[name]
    return out
