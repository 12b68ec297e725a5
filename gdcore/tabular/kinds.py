"""Which kind a column is of: inferred from its values, or as it was told."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore.errors import unknown
from gdcore.tabular.column import TableWarning
from gdcore.tabular.dates import date_of, read_dates
from gdcore.tabular.notation import MOST_CLASSES, MOSTLY, STRAY, Reading, are_codes, read_numbers
from gdcore.tabular.table import Raw, SettingError, Table, quoted
from gdcore.tabular.words import are_sentences

__all__ = [
    "KINDS",
    "Chosen",
    "Seen",
    "check_some_left",
    "choose",
    "infer",
    "mostly_different",
    "parse_kind",
    "stray_of",
]

#: Kinds, with what may stand behind a colon.
KINDS: dict[str, tuple[str, ...]] = {
    "number": ("standardize", "robust", "quantile", "raw"),
    "category": (),
    "boolean": (),
    "date": ("a format such as %d/%m/%Y",),
    "text": (),
    "ignore": (),
}
#: The kind of each column with what stands behind its colon; and the reasons for what is left out.
Chosen = tuple[dict[str, tuple[str, str | None]], dict[str, str]]
WORDS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
MOST_TEXTS = 64  # more texts than this, and most of them different: no categories
TOLD = 5  # an error names so many of the columns that are left out

_QUANTITY = re.compile(r"[^\w\s]{0,3}\s*\d")  # a number, or one behind a sign or a symbol


@dataclass(frozen=True)
class Seen:
    """What a column was taken for.

    Attributes
    ----------
    kind : str
    how : str or None
        What stands behind its colon.
    reason : str
        Why it is left out, if it is.
    doubt : str
        What is to be told of it: it looks like more than it was taken for.
    """

    kind: str
    how: str | None = None
    reason: str = ""
    doubt: str = ""


def parse_kind(text: Any, name: str) -> tuple[str, str | None]:
    """A kind and what stands behind its colon, from text such as "number:quantile".

    Raises
    ------
    ValueError, TypeError
        If it is not known.
    """
    if not isinstance(text, str):
        raise TypeError(
            f"the kind of column {name!r} is {text!r}, expected one of {', '.join(KINDS)}"
        )
    kind, colon, how = text.partition(":")
    if kind not in KINDS:
        raise SettingError(str(unknown(f"kind of column {name!r}", kind, KINDS)))
    if not colon:
        return kind, None
    if kind == "date" and "%" in how:
        return kind, how
    if how not in KINDS[kind] or kind == "date":
        known = [f"{kind}:{h}" for h in KINDS[kind]] or [kind]
        raise SettingError(str(unknown(f"kind of column {name!r}", text, known)))
    return kind, how


def infer(table: Table, name: str) -> Seen:
    """The kind of a column.

    Raises
    ------
    ValueError
        If it holds numbers or dates, and a text that does not belong there.
    """
    raw = table.columns[name]
    if not raw.textual:  # no text is made of what may be a million different numbers
        there = raw.values[~raw.missing()]
        if not len(there):
            return Seen("ignore", reason="no values")
        if len(there) == len(raw) and (there == there[0]).all():
            return Seen("ignore", reason=f"always {quoted(raw.take(np.arange(1)).texts()[0])}")
        return Seen(raw.kind)
    if _are_fractions(table, raw):  # no text is looked at of what may be a million different ones
        return Seen("number")
    counts = raw.counts
    if not counts:
        return Seen("ignore", reason="no values")
    if len(counts) == 1 and counts.total() == len(raw):
        return Seen("ignore", reason=f"always {quoted(raw.texts()[0])}")
    if raw.kind == "category" and len(counts) == counts.total():
        return _names(name, counts, "")
    if raw.kind == "category":
        return Seen(raw.kind)
    if are_codes(counts):
        return _names(name, counts, "")
    numbers = read_numbers(table, name)
    if numbers.share == 1 and numbers.other is None:
        return Seen("number")
    if words_of(counts) is not None:
        return Seen("boolean")
    dates = read_dates(counts)
    if dates.share == 1 and dates.other is None:
        return Seen("date", dates.format)
    as_names = f"kinds={{{name!r}: 'category'}}"
    if numbers.quantity and MOSTLY <= numbers.share < 1:
        stray = stray_of(table, name, numbers, as_names)
        if numbers.share >= STRAY:
            raise ValueError(stray)
        return _names(name, counts, stray.removeprefix(f"{table.source}: "))
    if MOSTLY <= dates.share < 1:
        form = f" as {dates.format}" if dates.format else ""
        row = raw.values.first(lambda text: date_of(text, dates.format) is None)
        stray = _stray(table, name, row, f"a date{form}", dates.share, as_names)
        if dates.share >= STRAY:
            raise ValueError(stray)
        return _names(name, counts, stray.removeprefix(f"{table.source}: "))
    if numbers.other is not None:
        return _names(name, counts, numbers.doubt(counts))
    if dates.other is not None:
        text = next(t for t in counts if date_of(t, dates.format) != date_of(t, dates.other))
        one, other = (f"'date:{f}'" if f else "'date'" for f in (dates.format, dates.other))
        return _names(
            name,
            counts,
            f"{quoted(text)} can be two dates: pass kinds={{{name!r}: {one}}} or {other}",
        )
    return _names(name, counts, "")


def _are_fractions(table: Table, raw: Raw) -> bool:
    """Whether texts are plain numbers, some of which are not whole: no codes, and not always the same."""
    values = raw.numbers if not {"decimal", "thousands"} & set(table.layout) else None
    if values is None:
        return False
    there = values[~np.isnan(values)]
    return bool((there != np.floor(there)).any() and (there != there[0]).any())


def _names(name: str, counts: Counter[str], doubt: str) -> Seen:
    """Categories if there are few of them, and what is to be told where they may be more."""
    present = counts.total()
    looks = sum(n for t, n in counts.items() if _QUANTITY.match(t)) >= MOSTLY * present
    if not mostly_different(counts):
        if not doubt and looks and len(counts) > MOST_CLASSES and not are_codes(counts):
            text = quoted(next(t for t in counts if _QUANTITY.match(t)))
            doubt = (
                f"is taken for a category of {len(counts)}, such as {text}: pass "
                f"kinds={{{name!r}: 'category'}} if that is right, else 'number' or 'date:FORMAT'"
            )
            return Seen("category", doubt=doubt)
        return Seen("category", doubt=doubt and f"is taken for a category: {doubt}")
    if not doubt and are_sentences(counts):
        return Seen("text")
    reason = f"{len(counts):,} different texts in {present:,} rows"
    if not doubt and sum(n for t, n in counts.items() if _has_digit(t)) >= MOSTLY * present:
        doubt = (
            f"{reason}, such as {quoted(next(filter(_has_digit, counts)))}: pass "
            f"kinds={{{name!r}: 'ignore'}} if that is right, else 'category', 'number' or "
            "'date:FORMAT'"
        )
    return Seen("ignore", reason=reason, doubt=doubt and f"is left out: {doubt}")


def _has_digit(text: str) -> bool:
    return any(c.isdigit() for c in text)


def mostly_different(counts: Counter[str]) -> bool:
    """Whether texts are too many, and too seldom the same, to be names of kinds."""
    return len(counts) > MOST_TEXTS and 2 * len(counts) > counts.total()


def stray_of(table: Table, name: str, reading: Reading, cure: str) -> str:
    """Which text stands among a column's numbers, and what to pass for it."""
    row = table.columns[name].values.first(lambda text: reading.notation.number(text) is None)
    return _stray(table, name, row, "a number", reading.share, cure)


def _stray(table: Table, name: str, row: int | None, what: str, share: float, cure: str) -> str:
    assert row is not None
    text = quoted(table.columns[name].values[row])
    rest = "the rest" if share >= STRAY else "most"
    return (
        f"{table.where(row, name)}: got {text}, expected {what} as in {rest} of the column: mend "
        f"the cell, pass na={text} if it stands for a missing value, or pass {cure}"
    )


def choose(
    table: Table,
    targets: Sequence[str],
    kinds: Mapping[str, str] | None,
    tell: bool = True,
) -> Chosen:
    """The kind of every column but the targets, as told or as inferred.

    Parameters
    ----------
    table : Table
    targets : names of one or more
    kinds : dict of str to str or None
    tell : bool
        Warn of columns that look like more than they were taken for.

    Returns
    -------
    (kinds, ignored)
        A kind with what stands behind its colon, by name; the reasons for what is left out.

    Raises
    ------
    ValueError, TypeError
        If a kind or a column is not known, or no column is left.

    Warns
    -----
    TableWarning
    """
    told = {table.find(n, "kinds names"): parse_kind(k, str(n)) for n, k in (kinds or {}).items()}
    named = [t for t in targets if t in told]
    if named:
        raise SettingError(
            f"kinds names the target {named[0]!r}, expected other columns: pass task='regression' or "
            "task='classification' to say what it is"
        )
    found: dict[str, tuple[str, str | None]] = {}
    ignored: dict[str, str] = {}
    for name in table.names:
        if name in targets:
            continue
        seen = Seen(*told[name], "as told") if name in told else infer(table, name)
        if seen.kind == "ignore":
            ignored[name] = seen.reason
        else:
            found[name] = (seen.kind, seen.how)
        if seen.doubt and tell:
            message = f"{table.source}: column {name!r} {seen.doubt}"
            warnings.warn(message, TableWarning, stacklevel=2)
    check_some_left(table, found, ignored)
    return found, ignored


def check_some_left(table: Table, found: Mapping[str, Any], ignored: Mapping[str, str]) -> None:
    """Raises ValueError if no column is left to learn from."""
    if found:
        return
    reasons = [f"{n}: {reason}" for n, reason in ignored.items()]
    why = "; ".join([*reasons[:TOLD], *["..."][: len(reasons) > TOLD]]) or "no other column"
    raise ValueError(
        f"{table.source}: no column to learn from besides the target ({why}), expected features"
    )


def words_of(texts: Iterable[str]) -> tuple[str, str] | None:
    """The words for no and yes that all of the texts are, or None."""
    found = {text.lower() for text in texts}
    return next((pair for pair in WORDS if found and found <= set(pair)), None)
