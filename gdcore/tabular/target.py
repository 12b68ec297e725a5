"""What is to be predicted: classes by name, or a quantity in its own units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.errors import did_you_mean, unknown
from gdcore.tabular.column import Floats, floats
from gdcore.tabular.kinds import mostly_different, stray_of
from gdcore.tabular.notation import (
    MOSTLY,
    PLAIN,
    STRAY,
    Notation,
    are_codes,
    notation_for,
    notation_of,
    read_numbers,
)
from gdcore.tabular.ordered import above
from gdcore.tabular.table import SettingError, Table, number, plain, quoted, some_of

__all__ = ["Target"]

TASKS = ("classification", "regression")
ORDINAL = "ordinal"  # classification with an order; a target's own task is one of the two
MOST_SHOWN = 8
HIGHEST_POWER = 300.0  # of e, beyond which squares of predictions overflow


@dataclass(frozen=True)
class Target:
    """The column to be predicted.

    Attributes
    ----------
    name : str
    task : {"classification", "regression"}
    classes : tuple of str or None
        Names of the classes by number.
    whole : bool
        Whether the classes are whole numbers, and predictions are given as such.
    mean, scale : float
        The network sees (y - mean) / scale of a quantity.
    notation : Notation
        How numbers are written, where they are text.
    prior : tuple of float
        Shares of the classes among the training rows, or the mean of the quantity in its own units.
    floor : float or None
        What no prediction lies below: 0 where no training row does.
    ordered : bool
        Whether the classes have an order: the network is asked for each whether a row lies above.
    log_unit : float or None
        An amount y is learned as log(1 + y / log_unit), which is then what is standardised.
    """

    name: str
    task: str
    classes: tuple[str, ...] | None = None
    whole: bool = False
    mean: float = 0.0
    scale: float = 1.0
    notation: Notation = PLAIN
    prior: tuple[float, ...] = ()
    floor: float | None = None
    log_unit: float | None = None
    ordered: bool = False

    @classmethod
    def learn(
        cls,
        table: Table,
        name: str,
        task: str | None,
        log: bool = False,
        weights: Floats | None = None,
        order: Sequence[str] | None = None,
    ) -> Target:
        """What training rows, none of which lacks its target, tell of it.

        Parameters
        ----------
        table, name : the rows, and the column
        task : {"classification", "regression"} or None for the one that its values speak of
        log : bool
            Learn an amount on a logarithmic scale.
        weights : ndarray, optional
            Of the rows, if they do not count alike: for `prior`.
        order : names of the classes from the lowest, where they are no numbers

        Raises
        ------
        ValueError
            If there is one class alone, a text where most values are quantities, or nothing but
            texts that differ.
        """
        if task not in (None, *TASKS, ORDINAL):
            raise unknown("task", task, (*TASKS, ORDINAL))
        raw = table.columns[name]
        reading = read_numbers(table, name)
        numeric = reading.share == 1 and (raw.kind == "number" or not are_codes(raw.counts))
        if task is None:
            sure = numeric and reading.other is None and raw.kind != "category"
            quantity = sure and reading.quantity
            if not quantity:
                _refuse_classes(table, name)
            task = "regression" if quantity else "classification"
        if task == "regression":
            notation = notation_of(table, name)
            y = floats(table, name, notation)
            return cls(
                name, task, notation=notation, prior=(float(np.average(y, weights=weights)),),
                floor=0.0 if y.min() >= 0 else None, log_unit=_log_unit(table, name, y) if log else None,
            )._standardized(y)  # fmt: skip
        notation, whole = PLAIN, False
        classes = tuple(sorted(raw.counts))
        if numeric and reading.other is None:
            notation = reading.notation
            kinds = {float(notation.number(t) or 0) for t in raw.counts}
            whole = all(v.is_integer() for v in kinds)
            classes = tuple(plain(v) for v in sorted(kinds))
        if task == ORDINAL:
            classes = _in_order(table, name, classes, numeric and reading.other is None, order)
        if len(classes) < 2:
            raise ValueError(
                f"{table.source}: the target {name!r} is always {quoted(classes[0])}, expected at least "
                "2 classes: choose another target"
            )
        ordered = task == ORDINAL
        found = cls(name, TASKS[0], classes, whole, notation=notation, ordered=ordered)
        counts = np.bincount(found.values(table), weights, len(classes))
        return replace(found, prior=tuple((counts / counts.sum()).tolist()))

    @property
    def names(self) -> tuple[str, ...]:
        """The name of the column, alone."""
        return (self.name,)

    @property
    def each(self) -> tuple[Target, ...]:
        """Itself, alone."""
        return (self,)

    def strata(self, table: Table) -> tuple[NDArray[Any], bool]:
        """What rows are held out of alike: classes, or a quantity."""
        return self.values(table), self.classes is not None

    @property
    def asked(self) -> str:
        """The task by which the same is learned of other rows."""
        return ORDINAL if self.ordered else self.task

    def unscaled(self) -> Target:
        """The target for a network that learns a quantity as it is."""
        return replace(self, mean=0.0, scale=1.0)

    def _standardized(self, y: NDArray[Any]) -> Target:
        """With the mean and the deviation of what the network is to learn."""
        z = self.scaled(y)
        mean, spread = float(z.mean()), float(z.std())
        return replace(self, mean=mean, scale=spread if spread > 1e-12 * abs(mean) else 1.0)

    def values(self, table: Table) -> NDArray[Any]:
        """The true answers: class numbers (int64), or quantities (float64) in their own units.

        Raises
        ------
        ValueError
            If the table has no such column, a value is missing, or a class is new.
        """
        if self.name not in table.columns:
            raise ValueError(
                f"{table.source}: no column {self.name!r}{did_you_mean(self.name, table.names)}, "
                "expected the target to measure against: add it, or ask for predictions alone"
            )
        raw = table.columns[self.name]
        missing = raw.missing()
        if missing.any():
            row = int(np.flatnonzero(missing)[0])
            raise ValueError(
                f"{table.where(row, self.name)}: the target is missing, expected a value: fill it "
                "in, or leave the row out"
            )
        if self.classes is None:
            return floats(table, self.name, notation_for(table, self.name, self.notation))
        place = {name: i for i, name in enumerate(self.classes)}
        if raw.kind == "boolean":  # a frame says true where a file says True or 1
            as_bool = {"0": "false", "1": "true"}
            place |= {as_bool.get(name, name.lower()): i for name, i in place.items()}

        def label(text: str) -> int:
            if text in place:
                return place[text]
            value = self.notation.number(text)
            if value is None:  # a number of a frame
                value = number(text)
            return -1 if value is None else place.get(plain(value), -1)  # "1.0" is class 1

        labels = raw.mapped(label, -1, np.int64)
        if labels.min() < 0:
            row = int(np.argmax(labels < 0))
            text = str(raw.take(np.array([row])).texts()[0])
            raise ValueError(
                f"{table.where(row, self.name)}: got {quoted(text)}, which training never "
                f"saw{did_you_mean(text, place)}, expected one of "
                f"{some_of(self.classes, 12)}"
            )
        return labels

    def scaled(self, y: NDArray[Any]) -> NDArray[Any]:
        """True answers as the network sees them."""
        if self.ordered:
            return above(y, len(self.classes or ()))
        if self.classes is not None:
            return y
        if self.log_unit is not None:
            y = np.log1p(np.maximum(y, 0.0) / self.log_unit)
        return (y - self.mean) / self.scale

    def in_units(self, out: NDArray[Any]) -> NDArray[np.float64]:
        """What the network puts out, in the target's own units."""
        y = np.asarray(out, dtype=np.float64).reshape(len(out)) * self.scale + self.mean
        if self.log_unit is not None:
            y = self.log_unit * np.expm1(np.minimum(y, HIGHEST_POWER))
        return y if self.floor is None else np.maximum(y, self.floor)

    def described(self) -> str:
        """What is predicted, in words."""
        if self.classes is not None:
            order = " in this order" if self.ordered else ""
            return f"{len(self.classes)} classes{order}: {some_of(self.classes, 8)}"
        never = "" if self.floor is None else "; never below 0, as in all training rows"
        if self.log_unit is not None:
            return f"regression on a logarithmic scale{never}"
        return f"regression: mean {self.mean:.4g}, deviation {self.scale:.4g}{never}"

    def named(self, labels: NDArray[np.int64]) -> NDArray[Any]:
        """Class numbers as the table calls them: text, or whole numbers."""
        assert self.classes is not None
        names = [int(c) for c in self.classes] if self.whole else list(self.classes)
        return np.array(names)[labels]

    def config(self) -> dict[str, Any]:
        """All attributes, as JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def _in_order(
    table: Table,
    name: str,
    classes: tuple[str, ...],
    numeric: bool,
    order: Sequence[str] | None,
) -> tuple[str, ...]:
    """Classes from the lowest: as told, as the source declares, or as numbers are.

    Raises
    ------
    SettingError
        If that is not known, or what was told does not name each class.
    """
    told = order or table.columns[name].order
    if told is None:
        if numeric:
            return classes
        raise SettingError(
            f"{table.source}: the order of the classes of {name!r} is not known, expected it for "
            f"task='ordinal': pass order={list(classes)[:MOST_SHOWN]!r}, from the lowest"
        )
    lacking = [c for c in classes if c not in told]
    if lacking or len(set(told)) < len(told):
        what = f"does not name {quoted(lacking[0])}" if lacking else "names a class twice"
        raise SettingError(
            f"{table.source}: order={list(told)[:MOST_SHOWN]!r} {what}, expected each class of "
            f"{name!r} once, from the lowest: {some_of(classes, 12)}"
        )
    return tuple(c for c in told if c in classes)


def _log_unit(table: Table, name: str, y: NDArray[Any]) -> float:
    """The median of an amount's positive values: what is much smaller is learned as it is.

    Raises
    ------
    SettingError
        If some are negative, or none is positive.
    """
    if y.min() < 0 or y.max() <= 0:
        raise SettingError(
            f"target_scale='log' is for amounts, and the target {name!r} of {table.source} holds "
            f"{y.min():g} to {y.max():g}, expected none below 0: leave it out"
        )
    return float(np.median(y[y > 0]))


def _refuse_classes(table: Table, name: str) -> None:
    """Raises ValueError if what is no quantity is no classes either."""
    raw = table.columns[name]
    if raw.kind in ("category", "boolean"):
        return
    cure = "task='classification' if these are names of classes"
    reading = read_numbers(table, name)
    if raw.kind == "text" and not are_codes(raw.counts):
        if STRAY <= reading.share < 1 or (reading.quantity and MOSTLY <= reading.share < 1):
            raise ValueError(stray_of(table, name, reading, cure))
        if reading.other is not None:
            raise SettingError(
                f"{table.source}: of the target {name!r}, {reading.doubt(raw.counts)}"
            )
    if mostly_different(raw.counts):
        raise SettingError(
            f"{table.source}: the target {name!r} holds {len(raw.counts):,} different texts in "
            f"{raw.counts.total():,} rows, such as {quoted(next(iter(raw.counts)))}, expected "
            f"numbers, or classes that repeat: choose another target, or pass {cure}"
        )
