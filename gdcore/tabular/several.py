"""Several targets at once: quantities, or labels of which any may be true; one network for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.column import Floats
from gdcore.tabular.table import SettingError, Table, some_of
from gdcore.tabular.target import Target

__all__ = ["AnyTarget", "Targets", "find_targets", "learned"]


@dataclass(frozen=True)
class Targets:
    """The columns to be predicted: all quantities, or all of two classes.

    Attributes
    ----------
    columns : tuple of Target

    Examples
    --------
    >>> both = Targets((Target("a", "regression"), Target("b", "regression", scale=2.0)))
    >>> both.names, both.scaled(np.array([[1.0, 4.0]])).tolist()
    (('a', 'b'), [[1.0, 2.0]])
    """

    columns: tuple[Target, ...]

    @property
    def name(self) -> str:
        """All names."""
        return ", ".join(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(t.name for t in self.columns)

    @property
    def each(self) -> tuple[Target, ...]:
        """One for each column."""
        return self.columns

    @property
    def task(self) -> str:
        """That of all of them."""
        return self.columns[0].task

    @property
    def asked(self) -> str:
        """The task by which the same is learned of other rows."""
        return self.columns[0].asked

    def values(self, table: Table) -> NDArray[Any]:
        """The true answers, a column for each target."""
        return np.stack([t.values(table) for t in self.columns], axis=1)

    def scaled(self, y: NDArray[Any]) -> NDArray[Any]:
        """True answers as the network sees them."""
        made = [t.scaled(y[:, i]) for i, t in enumerate(self.columns)]
        return np.stack(made, axis=1).astype(np.float64)

    def unscaled(self) -> Targets:
        """The targets for a network that learns quantities as they are."""
        return Targets(tuple(t.unscaled() for t in self.columns))

    def config(self) -> dict[str, Any]:
        """All attributes, as JSON."""
        return {"columns": [t.config() for t in self.columns]}


AnyTarget = Target | Targets


def find_targets(table: Table, target: Any) -> tuple[str, ...]:
    """The names of the columns that are to be predicted.

    Raises
    ------
    ValueError, TypeError
        If one is none of the table's, or is named twice.
    """
    if not isinstance(target, list | tuple):
        return (table.find(target, "the target"),)
    names = tuple(table.find(t, "the target") for t in target)
    twice = [n for i, n in enumerate(names) if n in names[:i]]
    if twice or not names:
        what = f"{twice[0]!r} twice" if twice else "no column"
        raise SettingError(f"target names {what}, expected different columns of the table")
    return names


def learned(
    table: Table,
    names: Sequence[str],
    task: str | None,
    log: bool = False,
    weights: Floats | None = None,
    order: Sequence[str] | None = None,
) -> AnyTarget:
    """What rows, none of which lacks a target, tell of it, or of all of them.

    Raises
    ------
    ValueError
        As `Target.learn`; and if several are partly quantities, or have more than two classes.
    """
    made = [Target.learn(table, n, task, log, weights, order) for n in names]
    if len(made) == 1:
        return made[0]
    cure = "expected all quantities, or all of two classes: train a model for each kind"
    kinds = {t.task: t.name for t in made}
    if len(kinds) > 1:
        raise SettingError(
            f"of the targets, {kinds['regression']!r} is a quantity and {kinds['classification']!r} "
            f"has classes, {cure}; or pass task='regression' or task='classification'"
        )
    if made[0].ordered:
        raise SettingError(
            f"task='ordinal' is for one target, got {len(made)}: {some_of(names, 8)}: train a model for "
            "each"
        )
    many = next((t for t in made if t.classes is not None and len(t.classes) > 2), None)
    if many is not None:
        raise SettingError(
            f"of the targets, {many.name!r} has {len(many.classes or ())} classes, "
            f"{some_of(many.classes or (), 4)}, {cure}"
        )
    return Targets(tuple(made))
