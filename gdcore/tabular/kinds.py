"""Which kind a column is of: inferred from its values, or as it was told."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import Any

from gdcore.errors import unknown
from gdcore.tabular.table import Raw, SettingError, Table, number, quoted

__all__ = ["KINDS", "choose", "infer", "parse_kind"]

#: Kinds, with what may stand behind a colon.
KINDS: dict[str, tuple[str, ...]] = {
    "number": ("standardize", "quantile", "raw"),
    "category": (),
    "boolean": (),
    "date": ("a format such as %d/%m/%Y",),
    "ignore": (),
}
WORDS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
MOST_TEXTS = 64  # more texts than this, and most of them different: no categories
TOLD = 5  # an error names so many of the columns that are left out
STRAY = 0.9  # a column of so many numbers is not meant to hold the text that it holds

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)


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


def infer(table: Table, name: str) -> tuple[str, str]:
    """The kind of a column, and the reason where it is "ignore".

    Raises
    ------
    ValueError
        If it holds numbers, and a text that does not belong there.
    """
    raw = table.columns[name]
    present = _present(raw)
    kinds = dict.fromkeys(present)
    if not kinds:
        return "ignore", "no values"
    if len(kinds) == 1 and len(present) == len(raw):
        return "ignore", f"always {quoted(raw.texts()[0])}"
    if raw.kind != "text":
        return raw.kind, ""
    numbers = {text for text in kinds if number(text) is not None}
    if len(numbers) == len(kinds):
        return "number", ""
    if words_of(kinds) is not None:
        return "boolean", ""
    if all(iso_date(text) is not None for text in kinds):
        return "date", ""
    if len(kinds) <= MOST_TEXTS or len(kinds) <= len(present) / 2:
        return "category", ""
    if sum(text in numbers for text in present) >= STRAY * len(present):
        row = next(i for i, v in enumerate(raw.values) if v is not None and v not in numbers)
        raise ValueError(
            f"{table.where(row, name)}: got {quoted(raw.values[row])}, expected a number as in the "
            f"rest of the column: mend the cell, or pass kinds={{{name!r}: 'category'}}"
        )
    return "ignore", f"{len(kinds):,} different texts in {len(present):,} rows"


def choose(
    table: Table, target: str, kinds: Mapping[str, str] | None
) -> tuple[dict[str, tuple[str, str | None]], dict[str, str]]:
    """The kind of every column but the target, as told or as inferred.

    Returns
    -------
    (kinds, ignored)
        A kind with what stands behind its colon, by name; the reasons for what is left out.

    Raises
    ------
    ValueError, TypeError
        If a kind or a column is not known, or no column is left.
    """
    told = {table.find(n, "kinds names"): parse_kind(k, str(n)) for n, k in (kinds or {}).items()}
    if target in told:
        raise SettingError(
            f"kinds names the target {target!r}, expected other columns: pass task='regression' or "
            "task='classification' to say what it is"
        )
    found: dict[str, tuple[str, str | None]] = {}
    ignored: dict[str, str] = {}
    for name in table.names:
        if name == target:
            continue
        if name in told:
            kind, how, reason = *told[name], "as told"
        else:
            (kind, reason), how = infer(table, name), None
        if kind == "ignore":
            ignored[name] = reason
        else:
            found[name] = (kind, how)
    if not found:
        reasons = [f"{n}: {reason}" for n, reason in ignored.items()]
        why = "; ".join([*reasons[:TOLD], *["..."][: len(reasons) > TOLD]]) or "no other column"
        raise ValueError(
            f"{table.source}: no column to learn from besides the target ({why}), expected features"
        )
    return found, ignored


def _present(raw: Raw) -> list[Any]:
    if raw.kind == "text":
        return [v for v in raw.values if v is not None]
    return raw.values[~raw.missing()].tolist()  # type: ignore[no-any-return]


def words_of(texts: Iterable[str]) -> tuple[str, str] | None:
    """The words for no and yes that all of the texts are, or None."""
    found = {text.lower() for text in texts}
    return next((pair for pair in WORDS if found and found <= set(pair)), None)


def iso_date(text: str) -> datetime.datetime | None:
    """A date as ISO 8601 writes it, with or without a time, or None."""
    if not _ISO.fullmatch(text):
        return None
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
