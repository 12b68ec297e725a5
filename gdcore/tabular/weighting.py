"""What a row counts: by a column of weights, and (in training) by its class."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.errors import did_you_mean
from gdcore.tabular.column import Floats, TableWarning, floats
from gdcore.tabular.notation import notation_of
from gdcore.tabular.several import AnyTarget
from gdcore.tabular.table import SettingError, Table, quoted, some_of
from gdcore.tabular.target import Target

__all__ = ["check_class_weight", "measuring_weights", "row_weights", "told_weights"]


def check_class_weight(spec: Any) -> None:
    """Raises SettingError unless it is "balanced", or a weight for each of some classes."""
    if spec == "balanced" or (
        isinstance(spec, Mapping)
        and spec
        and all(
            isinstance(w, int | float) and not isinstance(w, bool) and 0 <= w < math.inf
            for w in spec.values()
        )
    ):
        return
    raise SettingError(
        f"class_weight={spec!r}: expected 'balanced', or a dict of class to weight, such as "
        "{'yes': 5, 'no': 1}"
    )


def told_weights(table: Table, column: str | None) -> Floats | None:
    """The weights that a column tells, or None where there is none.

    Raises
    ------
    ValueError
        If one is negative or missing, or all are zero.
    """
    if column is None:
        return None
    made = floats(table, column, notation_of(table, column))
    wrong = ~(made >= 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{table.where(row, column)}: the weight is {made[row]:g}, expected a number of at "
            "least 0: mend the cell, or leave the row out"
        )
    if not made.any():
        raise ValueError(f"{table.source}: every row has the weight 0, expected some above it")
    return made


def measuring_weights(table: Table, column: str | None) -> Floats | None:
    """What rows count where a model is measured: rows that come later may lack the column.

    Warns
    -----
    TableWarning
        If they do.
    """
    if column is None or column in table.columns:
        return told_weights(table, column)
    warnings.warn(
        f"{table.source}: no column {column!r} of weights, as training rows had: each row counts "
        "once",
        TableWarning,
        stacklevel=2,
    )
    return None


def row_weights(
    table: Table, target: AnyTarget, column: str | None, by_class: Any
) -> NDArray[np.float64] | None:
    """The weight of every row in training, 1 on average, or None where all count alike.

    Parameters
    ----------
    table : Table
    target : Target or Targets
    column : name of the column of weights, or None
    by_class : "balanced", weights by class, or None

    Raises
    ------
    ValueError
        If weights are negative, missing, or all zero, or a class is not one of the target's.
    """
    if column is None and by_class is None:
        return None
    told = told_weights(table, column)
    made = np.ones(len(table)) if told is None else told
    if by_class is not None:
        if not isinstance(target, Target):
            raise SettingError(
                f"class_weight is for one target, and {target.name} are {len(target.names)}: leave it "
                "out, or pass weights='COLUMN'"
            )
        made = made * _of_classes(target, by_class)[target.values(table)]
    if not made.any():
        raise ValueError(f"{table.source}: every row has the weight 0, expected some above it")
    return np.asarray(made / made.mean())  # the learning rate stays what it is


def _of_classes(target: Target, spec: Any) -> NDArray[np.float64]:
    if target.classes is None:
        raise SettingError(
            f"class_weight is for classes, and {target.name!r} is a quantity: leave it out, or "
            "pass weights='COLUMN'"
        )
    if spec == "balanced":
        return np.asarray(1 / (len(target.classes) * np.maximum(target.prior, 1e-12)))
    named = {str(k): float(v) for k, v in spec.items()}
    for name in named:
        if name not in target.classes:
            raise SettingError(
                f"class_weight names {quoted(name)}{did_you_mean(name, target.classes)}, expected "
                f"classes of {target.name!r}: {some_of(target.classes, 12)}"
            )
    return np.array([named.get(c, 1.0) for c in target.classes])
