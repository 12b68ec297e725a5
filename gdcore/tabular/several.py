"""Several targets at once: quantities, labels of which any may be true, classes; one network for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.column import Floats
from gdcore.tabular.table import SettingError, Table, some_of
from gdcore.tabular.target import ORDINAL, TASKS, Target

__all__ = ["AnyTarget", "Targets", "find_targets", "learned", "tasks_of"]


@dataclass(frozen=True)
class Targets:
    """The columns to be predicted: quantities, classes, or some of each.

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
        """That of all of them; of different kinds, that of each with commas between."""
        tasks = [t.task for t in self.columns]
        return tasks[0] if len(set(tasks)) == 1 else ",".join(tasks)

    @property
    def asked(self) -> str:
        """The task by which the same is learned of other rows."""
        return self.task

    @property
    def mixed(self) -> bool:
        """Whether they are neither all quantities nor all labels of two classes: each has its own output."""
        return len({len(t.classes or ()) for t in self.columns} | {0, 2}) > 2 or "," in self.task

    @property
    def widths(self) -> list[int]:
        """How many numbers the network puts out for each."""
        return [len(t.classes or (0,)) if self.mixed else 1 for t in self.columns]

    def strata(self, table: Table) -> tuple[NDArray[Any], bool]:
        """What rows are held out of alike: the classes of those that have some, or quantities."""
        classes = [t.values(table) for t in self.columns if t.classes is not None]
        if not classes:
            return self.values(table), False
        return (classes[0] if len(classes) == 1 else np.stack(classes, axis=1)), True

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
        As `Target.learn`; and if tasks are told for another number of targets, or an order for several.
    """
    tasks = tasks_of(task, len(names))
    if ORDINAL in tasks and len(names) > 1:
        raise SettingError(
            f"task='ordinal' is for one target, got {len(names)}: {some_of(names, 8)}: train a model "
            "for each"
        )
    made = [
        Target.learn(table, n, t, log and t != TASKS[0], weights, order)
        for n, t in zip(names, tasks, strict=True)
    ]
    return made[0] if len(made) == 1 else Targets(tuple(made))


def tasks_of(task: str | None, count: int) -> list[str | None]:
    """The task of each of so many targets: one for all, or as many with commas between.

    Raises
    ------
    SettingError
        If there are neither one nor as many.

    Examples
    --------
    >>> tasks_of(None, 2), tasks_of("regression,classification", 2)
    ([None, None], ['regression', 'classification'])
    """
    told: list[str | None] = [None] if task is None else [*task.split(",")]
    if count > 1 and len(told) not in (1, count):
        raise SettingError(f"task={task!r} tells {len(told)} tasks, expected one, or {count}")
    return told * count if len(told) == 1 else told
