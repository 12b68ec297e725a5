"""What is to be predicted: classes by name, or a quantity in its own units."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.errors import did_you_mean, unknown
from gdcore.tabular.column import floats
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
from gdcore.tabular.table import SettingError, Table, number, plain, quoted, some_of

__all__ = ["Target"]

TASKS = ("classification", "regression")


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
    """

    name: str
    task: str
    classes: tuple[str, ...] | None = None
    whole: bool = False
    mean: float = 0.0
    scale: float = 1.0
    notation: Notation = PLAIN

    @classmethod
    def learn(cls, table: Table, name: str, task: str | None, standardize: bool = True) -> Target:
        """What training rows, none of which lacks its target, tell of it.

        Raises
        ------
        ValueError
            If there is one class alone, a text where most values are quantities, or nothing but
            texts that differ.
        """
        if task not in (None, *TASKS):
            raise unknown("task", task, TASKS)
        raw = table.columns[name]
        reading = read_numbers(table, name)
        numeric = reading.share == 1 and not are_codes(raw.counts)
        if task is None:
            sure = numeric and reading.other is None and raw.kind != "category"
            quantity = sure and reading.quantity
            if not quantity:
                _refuse_classes(table, name)
            task = "regression" if quantity else "classification"
        if task == "regression":
            notation = notation_of(table, name)
            y = floats(table, name, notation)
            mean, spread = float(y.mean()), float(y.std())
            if not standardize:
                return cls(name, task, notation=notation)
            scale = spread if spread > 1e-12 * abs(mean) else 1.0
            return cls(name, task, mean=mean, scale=scale, notation=notation)
        notation, whole = PLAIN, False
        classes = tuple(sorted(raw.counts))
        if numeric and reading.other is None:
            notation = reading.notation
            kinds = {float(notation.number(t) or 0) for t in raw.counts}
            whole = all(v.is_integer() for v in kinds)
            classes = tuple(plain(v) for v in sorted(kinds))
        if len(classes) < 2:
            raise ValueError(
                f"{table.source}: the target {name!r} is always {quoted(classes[0])}, expected at least "
                "2 classes: choose another target"
            )
        return cls(name, task, classes, whole, notation=notation)

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
        texts = raw.texts()
        for text in set(texts):
            value = self.notation.number(str(text))
            if value is None:  # a number of a frame
                value = number(str(text))
            if text not in place and value is not None and plain(value) in place:
                place[str(text)] = place[plain(value)]  # "1.0" is class 1
        row = next((i for i, t in enumerate(texts) if t not in place), -1)
        if row >= 0:
            raise ValueError(
                f"{table.where(row, self.name)}: got {quoted(texts[row])}, which training never "
                f"saw{did_you_mean(str(texts[row]), place)}, expected one of "
                f"{some_of(self.classes, 12)}"
            )
        return np.array([place[str(t)] for t in texts], dtype=np.int64)

    def scaled(self, y: NDArray[Any]) -> NDArray[Any]:
        """True answers as the network sees them."""
        return y if self.classes is not None else (y - self.mean) / self.scale

    def in_units(self, out: NDArray[Any]) -> NDArray[np.float64]:
        """What the network puts out, in the target's own units."""
        return np.asarray(out, dtype=np.float64).reshape(len(out)) * self.scale + self.mean

    def named(self, labels: NDArray[np.int64]) -> NDArray[Any]:
        """Class numbers as the table calls them: text, or whole numbers."""
        assert self.classes is not None
        names = [int(c) for c in self.classes] if self.whole else list(self.classes)
        return np.array(names)[labels]

    def config(self) -> dict[str, Any]:
        """All attributes, as JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


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
