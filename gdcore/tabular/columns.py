"""How a column becomes numbers: learned from training rows, applied to any, kept as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.column import Column, Floats, floats, tell_unseen, with_flag
from gdcore.tabular.dates import date_of
from gdcore.tabular.frames import days_of
from gdcore.tabular.kinds import words_of
from gdcore.tabular.notation import PLAIN, Notation, notation_for, notation_of
from gdcore.tabular.table import Table, number, plain, quoted, some_of
from gdcore.tabular.texts import Texts
from gdcore.tabular.words import Text

__all__ = ["COLUMNS", "Boolean", "Category", "Date", "Number", "spelling"]

LANDMARKS = 257  # quantiles that a column is mapped by
OUTERMOST = 1e-3  # share of the rows beyond the first and the last of them
MOST_CATEGORIES = 1000
SOFT_LIMIT = 3.0  # within which "robust" keeps numbers
RARE_FROM = 100  # rows from which on a category seen once is no category


@dataclass(frozen=True)
class Number(Column):
    """A quantity, standardised, scaled by its quartiles, or mapped to a normal distribution.

    Attributes
    ----------
    how : {"standardize", "robust", "quantile", "raw"}
    fill : float
        The median, which stands in for missing values.
    mean, scale : float
        The number becomes z = (x - mean) / scale. For "robust" they are the median and the distance
        of the quartiles, and z becomes z / √(1 + (z/3)²), which lies within ±3 (Holzmüller et al.
        2024, Better by default).
    landmarks : tuple of float
        Equally spaced quantiles; none unless `how` is "quantile".
    notation : Notation
        How the numbers are written, where they are text.
    """

    kind: ClassVar[str] = "number"

    how: str
    fill: float
    mean: float
    scale: float
    landmarks: tuple[float, ...] = ()
    notation: Notation = PLAIN

    @classmethod
    def learn(cls, table: Table, name: str, how: str | None) -> Number:
        notation = notation_of(table, name)
        values = floats(table, name, notation, infinity_is_missing=True)
        missing = np.isnan(values)
        present = values[~missing]
        if not len(present):
            raise ValueError(
                f"{table.source}: column {name!r} has no values, expected some: leave it out"
            )
        mean, spread, landmarks = 0.0, 1.0, ()
        if how == "quantile":
            levels = np.linspace(0.0, 1.0, min(LANDMARKS, max(len(present), 2)))
            landmarks = tuple(np.quantile(present, levels).tolist())
        elif how == "robust":
            mean, spread = _middle(present)
        elif how != "raw":
            mean, deviation = float(np.mean(present)), float(np.std(present))
            spread = deviation if deviation > 1e-12 * abs(mean) else 1.0
        return cls(
            name, bool(missing.any()), how or "standardize", float(np.median(present)), mean,
            spread, landmarks, notation,
        )  # fmt: skip

    def encode(self, table: Table) -> NDArray[np.float32]:
        """Numbers of shape (rows, 1), or (rows, 2) with the flag of missing values."""
        notation = notation_for(table, self.name, self.notation)
        values = floats(table, self.name, notation, infinity_is_missing=True)
        missing = np.isnan(values)
        values = np.where(missing, self.fill, values)
        if self.landmarks:
            made = self._normal(values)
        else:
            made = (values - self.mean) / self.scale
        if self.how == "robust":
            made = np.clip(made, -1e100, 1e100)  # whose squares are finite
            made = made / np.sqrt(1 + np.square(made / SOFT_LIMIT))
        limit = float(np.finfo(np.float32).max)
        made = np.clip(made, -limit, limit)
        return with_flag(table, self, [made], missing, f"the median, {self.fill:g}")

    def _normal(self, values: Floats) -> Floats:
        marks = np.array(self.landmarks)
        levels = np.clip(np.linspace(0.0, 1.0, len(marks)), OUTERMOST, 1 - OUTERMOST)
        normal = np.array([NormalDist().inv_cdf(p) for p in levels])
        # Where landmarks repeat, the middle of their levels: the mean of both ends.
        below = np.interp(values, marks, normal)
        above = -np.interp(-values, -marks[::-1], -normal[::-1])
        return np.asarray((below + above) / 2)

    def described(self) -> str:
        how = {
            "standardize": f"standardised: mean {self.mean:.4g}, deviation {self.scale:.4g}",
            "robust": f"by median {self.mean:.4g} and quartiles {self.scale:.4g} apart, within -3 to 3",
            "quantile": f"by quantiles, median {self.fill:.4g}",
            "raw": "as it is",
        }[self.how]
        written = "" if self.notation == PLAIN else f"; written as {self.notation.example}"
        return how + (f"; missing: {self.fill:.4g}, flagged" if self.flag else "") + written


def _middle(present: Floats) -> tuple[float, float]:
    """The median, and the distance of the quartiles; half of the range where that is 0."""
    low, median, high = (float(q) for q in np.quantile(present, (0.25, 0.5, 0.75)))
    spread = high - low or float(np.ptp(present)) / 2
    return median, spread if spread > 1e-12 * abs(median) else 1.0


@dataclass(frozen=True)
class Boolean(Column):
    """Yes or no: 1 and -1, and 0 where it is missing."""

    kind: ClassVar[str] = "boolean"

    no: str
    yes: str

    @classmethod
    def learn(cls, table: Table, name: str, how: str | None) -> Boolean:
        raw = table.columns[name]
        present = {t.lower() for t in raw.counts}
        pair = words_of(present) or (("0", "1") if present <= {"0", "1"} else None)
        if pair is None and len(present) == 2:
            pair = tuple(sorted(present))  # type: ignore[assignment]
        if pair is None:
            raise ValueError(
                f"{table.source}: column {name!r} holds {len(present)} different values, expected "
                "2 of a boolean: call it a category"
            )
        return cls(name, bool(raw.missing().any()), *pair)

    def encode(self, table: Table) -> NDArray[np.float32]:
        """Numbers of shape (rows, 1), or (rows, 2) with the flag of missing values."""
        raw = table.columns[self.name]
        known: dict[str, float] = {self.no: -1.0, self.yes: 1.0}
        if self.no in ("0", "false"):  # a frame says true where a file says 1
            known |= {"false": -1.0, "true": 1.0, "0": -1.0, "1": 1.0}
        values = raw.mapped(lambda t: known.get(t.lower(), np.nan), np.nan, np.float64)
        new = raw.mapped(lambda t: t.lower() not in known, False, bool)
        never = [str(t).lower() for t in raw.take(np.flatnonzero(new)).texts()]
        if never:
            tell_unseen(table, self.name, never, "missing")
        missing = np.isnan(values)
        values = np.where(missing, 0.0, values)
        return with_flag(table, self, [values], missing, "neither", told=len(never))

    def described(self) -> str:
        return f"{self.no} or {self.yes}" + ("; missing: flagged" if self.flag else "")


@dataclass(frozen=True)
class Date(Column):
    """A moment: when it was, and its place in the year, the week and the day.

    Attributes
    ----------
    format : str or None
        Of text, as `datetime.strptime` takes it; ISO 8601 if there is none.
    mean, scale : float
        Of the days since 1970-01-01.
    times : bool
        Whether moments differ in their time of the day.
    """

    kind: ClassVar[str] = "date"

    format: str | None
    mean: float
    scale: float
    times: bool

    @classmethod
    def learn(cls, table: Table, name: str, how: str | None) -> Date:
        days = _days(table, name, how)
        present = days[~np.isnan(days)]
        if not len(present):
            raise ValueError(
                f"{table.source}: column {name!r} has no values, expected some: leave it out"
            )
        spread = float(present.std())
        times = len(np.unique(present % 1)) > 1
        return cls(name, len(present) < len(days), how, float(present.mean()), spread or 1.0, times)

    @property
    def width(self) -> int:
        """How many columns of numbers it becomes."""
        return 5 + 2 * self.times + self.flag

    def days(self, table: Table) -> Floats:
        """Days since 1970-01-01, NaN where a date is missing."""
        return _days(table, self.name, self.format)

    def encode(self, table: Table) -> NDArray[np.float32]:
        """Numbers of shape (rows, width)."""
        days = self.days(table)
        missing = np.isnan(days)
        days = np.where(missing, self.mean, days)
        whole = np.floor(days)
        date = whole.astype("datetime64[D]")
        year = date.astype("datetime64[Y]")
        length = ((year + 1).astype("datetime64[D]") - year.astype("datetime64[D]")).astype(float)
        turns = [(date - year.astype("datetime64[D]")).astype(float) / length, whole % 7 / 7]
        if self.times:
            turns.append(days - whole)
        parts = [(days - self.mean) / self.scale]
        for turn in turns:
            parts += [np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)]
        parts = [np.where(missing, 0.0, p) for p in parts]
        return with_flag(table, self, parts, missing, "an average day")

    def described(self) -> str:
        middle = np.datetime64(0, "D") + np.timedelta64(round(self.mean), "D")
        return (
            f"around {middle}, with the time of year and week{' and day' if self.times else ''}"
            + ("; missing: flagged" if self.flag else "")
        )


def _days(table: Table, name: str, pattern: str | None) -> Floats:
    raw = table.columns[name]
    if raw.kind == "date":
        out: Floats = raw.values
        return out
    own = raw.values if raw.textual else Texts(raw.texts())
    row = own.first(lambda text: date_of(text, pattern) is None)
    if row is not None:
        raise ValueError(
            f"{table.where(row, name)}: got {quoted(own[row])}, expected a date "
            + (f"as {pattern}" if pattern else "such as 2024-03-31 (or kind 'date:%d/%m/%Y')")
        )
    different = days_of(date_of(text, pattern) for text in own.coded.different)
    return np.asarray(np.append(different, np.nan)[own.coded.codes])


@dataclass(frozen=True)
class Category(Column):
    """One of a set of names, which the network gives a vector each.

    Number 0 is for names that training never saw, or (where `rare` is set) saw too seldom; the
    names follow from 1, and a last one stands for missing values if training saw some.
    """

    kind: ClassVar[str] = "category"

    categories: tuple[str, ...]
    rare: bool

    @classmethod
    def learn(cls, table: Table, name: str, how: str | None) -> Category:
        raw = table.columns[name]
        counts = raw.counts
        if not counts:
            raise ValueError(
                f"{table.source}: column {name!r} has no values, expected some: leave it out"
            )
        least = 2 if len(raw) >= RARE_FROM else 1
        kept = [t for t, n in counts.most_common(MOST_CATEGORIES) if n >= least]
        gaps = bool(raw.missing().any())
        return cls(name, gaps, tuple(sorted(kept)), len(kept) < len(counts))

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return 1 + len(self.categories) + self.flag

    def encode(self, table: Table) -> NDArray[np.int32]:
        """Numbers of shape (rows,)."""
        raw = table.columns[self.name]
        place = {t: i for i, t in enumerate(self.categories, 1)}
        spelt = {s: i for t, i in place.items() if (s := spelling(t)) != t}

        def code(text: str) -> int:
            if text in place:
                return place[text]
            return spelt.get(text, place.get(spelling(text), 0))

        out = raw.mapped(code, len(place) + 1 if self.flag else 0, np.int32)
        if not self.rare and not out.all():
            tell_unseen(
                table, self.name, raw.take(np.flatnonzero(out == 0)).texts(), "an average one"
            )
        return out

    def described(self) -> str:
        extra = (["rare ones pooled"] if self.rare else []) + (
            ["missing is one of its own"] if self.flag else []
        )
        return "; ".join([f"{len(self.categories)}: {some_of(self.categories, 6)}", *extra])


def spelling(text: str) -> str:
    """One spelling for each number: 3 for 3.0 and 03."""
    value = number(text)
    return text if value is None else plain(value)


COLUMNS: dict[str, type[Number | Boolean | Date | Category | Text]] = {
    c.kind: c for c in (Number, Boolean, Date, Category, Text)
}
