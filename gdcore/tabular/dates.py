"""Dates as people write them, and the one format that fits a whole column."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from dataclasses import dataclass

__all__ = ["DateReading", "date_of", "read_dates"]

FIRST = 10  # different texts that say which formats are worth trying

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_PARTS = re.compile(
    r"(\d{1,4}|[A-Za-z]{3,9})([/.\- ]|, ?)(\d{1,2}|[A-Za-z]{3,9})([/.\- ]|, ?)(\d{4}|\d{1,2})"
    r"(?:([ T]|, )\d{1,2}(:\d\d(?::\d\d(\.\d{1,6})?)?)( ?[AaPp][Mm])?)?",
    re.ASCII,
)


def date_of(text: str, pattern: str | None) -> datetime.datetime | None:
    """The moment that a text names, or None.

    Parameters
    ----------
    text : str
    pattern : str or None
        As `datetime.strptime` takes it; ISO 8601, with or without a time, if there is none.
    """
    try:
        if pattern is not None:
            return datetime.datetime.strptime(text, pattern)
        return datetime.datetime.fromisoformat(text) if _ISO.fullmatch(text) else None
    except ValueError:
        return None


@dataclass(frozen=True)
class DateReading:
    """What the texts of a column are as dates.

    Attributes
    ----------
    format : str or None
        The one that reads most cells; None for ISO 8601.
    share : float
        Of the cells that it reads.
    other : str or None
        One that reads all cells as well, and as other dates.
    """

    format: str | None
    share: float
    other: str | None = None


def read_dates(counts: Counter[str]) -> DateReading:
    """The format of a column's dates.

    Parameters
    ----------
    counts : how often each text occurs
    """
    cells = sum(counts.values())
    patterns: dict[str | None, None] = {None: None}
    for text in list(counts)[:FIRST]:
        patterns |= dict.fromkeys(_formats(text))
    tried = []
    for pattern in patterns:
        dates = {t: date_of(t, pattern) for t in counts}
        share = sum(n for t, n in counts.items() if dates[t] is not None) / max(cells, 1)
        tried.append((share, pattern, dates))
        if share == 1 and pattern is None:
            break
    share, pattern, dates = max(tried, key=lambda t: t[0])  # the first of equal ones
    rivals = (p for s, p, d in tried if share == s == 1 and d != dates)
    return DateReading(pattern, share, next(rivals, None))


def _formats(text: str) -> list[str]:
    """The formats that a text can be of: day, month and year in the orders that people use."""
    found = _PARTS.fullmatch(text)
    if found is None:
        return []
    one, gap, two, other_gap, three, before, clock, fraction, half = found.groups()
    year = "%Y" if len(three) == 4 else "%y"
    if two.isalpha() and one.isdigit() and three.isdigit():
        orders = [("%Y", "%b", "%d")] if len(one) == 4 else [("%d", "%b", year)]
    elif one.isalpha():
        orders = [("%b", "%d", year)] if two.isdigit() else []
    elif len(one) == 4:
        orders = [("%Y", "%m", "%d")]
    else:
        orders = [("%d", "%m", year), ("%m", "%d", year)]
        orders += [("%y", "%m", "%d")] if year == "%y" else []
    time = ""
    if clock is not None:
        seconds = ":%S" * (clock.count(":") == 2) + ".%f" * (fraction is not None)
        time = before + ("%I" if half else "%H") + ":%M" + seconds
        time += "" if half is None else half[:-2] + "%p"
    made = [a + gap + b + other_gap + c + time for a, b, c in orders]
    return made + [m.replace("%b", "%B") for m in made if "%b" in m]
