"""How the numbers of a column are written: decimal mark, thousands, percent and currencies."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.table import SettingError, Table, number, plain, quoted

__all__ = [
    "LONGEST_UNIT", "MOSTLY", "MOST_CLASSES", "PLAIN", "STRAY", "Notation", "Reading", "are_codes",
    "check_marks", "notation_for", "notation_of", "read_numbers",
]  # fmt: skip

#: Whole numbers of at most so many kinds may be names of classes; more are a quantity.
MOST_CLASSES = 20
MOSTLY = 0.5  # a column of so many numbers is looked at again
STRAY = 0.9  # a column of so many numbers is not meant to hold the text that it holds
LONGEST_UNIT = 4
SAMPLE = 200  # different texts by which a notation shows whether it is worth trying

DECIMAL = (".", ",")
THOUSANDS = (",", ".", " ", "'")
RATIOS = ("%", "‰")
CODES = frozenset((
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HUF", "INR", "JPY", "KRW",
    "MXN", "NOK", "NZD", "PLN", "SEK", "TRY", "USD", "ZAR",
))  # fmt: skip
# One character for those that look alike: blanks, apostrophes, minus signs.
_ALIKE = str.maketrans({"\xa0": " ", "\u2009": " ", "\u202f": " ", "\u2019": "'", "\u2212": "-"})
_DIGITS_AND_MARKS = str.maketrans("", "", "0123456789+-.,' ")


class Notation(NamedTuple):
    """How a number is written.

    Attributes
    ----------
    decimal : {".", ","}
    thousands : {"", ",", ".", " ", "'"}
        What stands between groups of three digits, where they are grouped.
    unit : str
        A percent sign, which every number has, or a currency, which it may have.
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def number(self, text: str) -> float | None:
        """The number that a cell holds, or None where it is written otherwise."""
        if not text.isascii():
            text = text.translate(_ALIKE)
        if self == PLAIN:
            return number(text)
        if self.unit:
            bare = self._without_unit(text)
            if bare is None:
                return None
            text = bare
        if not _form(self.decimal, self.thousands).fullmatch(text):
            return None
        if self.thousands:
            text = text.replace(self.thousands, "")
        return float(text.replace(self.decimal, "."))

    def _without_unit(self, text: str) -> str | None:
        if self.unit not in text:
            return None if self.unit in RATIOS else text
        if text.endswith(self.unit):
            return text.removesuffix(self.unit).rstrip()
        sign = text[0] if text[0] in "+-" else ""
        rest = text[len(sign) :].lstrip()
        return sign + rest.removeprefix(self.unit).lstrip() if rest.startswith(self.unit) else None

    @property
    def example(self) -> str:
        """A number written so."""
        return f"1{self.thousands}234{self.decimal}5{self.unit}"


PLAIN = Notation()


@cache
def _form(decimal: str, thousands: str) -> re.Pattern[str]:
    mark, group = re.escape(decimal), re.escape(thousands)
    whole = rf"(?:\d+|[1-9]\d{{0,2}}(?:{group}\d{{3}})+)" if thousands else r"\d+"
    return re.compile(rf"[+-]?(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def check_marks(decimal: str | None, thousands: str | None) -> None:
    """Raises ValueError if marks that were told cannot be those of a number."""
    if decimal not in (None, *DECIMAL):
        raise SettingError(f"decimal={decimal!r}: expected '.' or ','")
    if thousands not in (None, *THOUSANDS):
        raise SettingError(f"thousands={thousands!r}: expected ',', '.', ' ' or \"'\"")
    if decimal is not None and decimal == thousands:
        raise SettingError(f"decimal and thousands are both {decimal!r}, expected two marks")


@dataclass(frozen=True)
class Reading:
    """What the texts of a column are as numbers.

    Attributes
    ----------
    notation : Notation
        The one that reads most cells.
    share : float
        Of the cells that it reads.
    quantity : bool
        Whether the numbers are too many, or too fine, to be names of classes.
    other : Notation or None
        One that reads all cells as well, and as other numbers.
    """

    notation: Notation
    share: float
    quantity: bool
    other: Notation | None = None

    def doubt(self, texts: Iterable[str]) -> str:
        """A text that two notations read, and the settings that would decide between them."""
        assert self.other is not None
        one, other = sorted((self.notation, self.other), key=lambda n: not n.thousands)
        text = next(t for t in texts if one.number(t) != other.number(t))
        a, b = (plain(float(n.number(text) or 0)) for n in (one, other))
        return (
            f"{quoted(text)} can be {a} or {b}: pass thousands={one.thousands!r} or "
            f"decimal={other.decimal!r}"
        )


def read_numbers(table: Table, name: str) -> Reading:
    """What a column is as numbers, by the marks that were told or the only ones that fit."""
    raw = table.columns[name]
    if raw.kind == "number":
        there = raw.values[~raw.missing()]
        return Reading(PLAIN, float(bool(len(there))), _are_quantity(there))
    decimal, thousands = (table.layout.get(k) for k in ("decimal", "thousands"))
    plainly = decimal in (None, ".") and thousands != "."
    if plainly and (values := raw.numbers) is not None:
        there = values[~raw.missing()]
        return Reading(PLAIN, float(bool(len(there))), _are_quantity(there))
    counts = raw.counts
    if raw.kind != "text" or (plainly and all(PLAIN.number(t) is not None for t in counts)):
        return _reading(PLAIN, counts)
    sample = list(counts)[:SAMPLE]
    unit = _unit(sample)
    tried = []
    for notation in _notations(decimal, thousands, unit):
        read = sum(notation.number(t) is not None for t in sample)
        if 2 * read >= len(sample):
            tried.append(_reading(notation, counts))
    if not tried:
        return _reading(Notation(decimal or ".", "", unit), counts)
    best = max(tried, key=lambda r: r.share)  # the first of equal ones
    if best.share < 1 or best.notation[:2] == PLAIN[:2]:
        return best
    for rival in tried:
        if rival.share == 1 and any(
            rival.notation.number(t) != best.notation.number(t) for t in counts
        ):
            return replace(best, other=rival.notation)
    return best


def notation_of(table: Table, name: str) -> Notation:
    """How the numbers of a column are written.

    Raises
    ------
    ValueError
        If they can be read in two ways.
    """
    reading = read_numbers(table, name)
    if reading.other is not None:
        raise SettingError(
            f"{table.source}: column {name!r}: {reading.doubt(table.columns[name].counts)}"
        )
    return reading.notation


def notation_for(table: Table, name: str, usual: Notation) -> Notation:
    """How the numbers of a column are written, which training rows had in a notation of theirs.

    Another one is taken where that cannot read them, and all that can read them as the same numbers.

    Raises
    ------
    ValueError
        If marks were told, and the numbers can be read in two ways all the same.
    """
    raw = table.columns[name]
    if raw.kind != "text" or (usual == PLAIN and raw.numbers is not None and not _told(table)):
        return usual
    if _told(table):
        told = notation_of(table, name)
        return told if told.unit == usual.unit else usual
    found: list[tuple[Notation, list[float | None]]] = []
    for notation in (usual, *_notations(None, None, usual.unit)):
        values = [notation.number(t) for t in raw.counts]
        if None not in values:
            if notation == usual:
                return usual
            found.append((notation, values))
    if found and all(values == found[0][1] for _, values in found):
        return found[0][0]
    return usual


def _told(table: Table) -> bool:
    """Whether marks of numbers were told."""
    return bool(table.layout.get("decimal") or table.layout.get("thousands"))


def _are_quantity(there: NDArray[np.float64]) -> bool:
    """Whether numbers are too many, or too fine, to be names of classes."""
    return bool((there != np.floor(there)).any()) or len(np.unique(there)) > MOST_CLASSES


def are_codes(texts: Iterable[str]) -> bool:
    """Whether texts are digits alone, and some begin with a zero that a number would not have."""
    padded = False
    for text in texts:
        if not (text.isascii() and text.isdigit()):
            return False
        padded = padded or (len(text) > 1 and text[0] == "0")
    return padded


def _notations(decimal: str | None, thousands: str | None, unit: str) -> list[Notation]:
    """Those that the marks which were told allow; the plainest first."""
    marks = [(d, "") for d in DECIMAL] + [(d, t) for t in THOUSANDS for d in DECIMAL if d != t]
    return [
        Notation(d, t, unit)
        for d, t in marks
        if decimal in (None, d) and (thousands is None or (t in ("", thousands) and d != thousands))
    ]


def _reading(notation: Notation, counts: Counter[str]) -> Reading:
    values = {t: notation.number(t) for t in counts}
    found = {v for v in values.values() if v is not None}
    cells = sum(counts.values())
    read = sum(n for t, n in counts.items() if values[t] is not None)
    quantity = len(found) > MOST_CLASSES or not all(v.is_integer() for v in found)
    return Reading(notation, read / max(cells, 1), quantity)


def _unit(texts: Iterable[str]) -> str:
    """The percent sign or currency that most of the texts which have any have."""
    rests = (t.translate(_ALIKE).translate(_DIGITS_AND_MARKS) for t in texts)
    found = Counter(r for r in rests if r and _is_unit(r))
    return found.most_common(1)[0][0] if found else ""


def _is_unit(text: str) -> bool:
    if text in RATIOS or text in CODES:
        return True
    # a sign of its own, or behind a country: $, US$, R$
    return len(text) <= LONGEST_UNIT and unicodedata.category(text[-1]) == "Sc"
