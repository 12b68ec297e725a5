"""Predictions as they are printed or written: lines of text, an array, or Parquet."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gdcore.cli.usage import UsageError
from gdcore.errors import missing
from gdcore.io import write_atomically
from gdcore.printed import shown
from gdcore.tabular.files import PARQUET
from gdcore.tabular.table import Raw

__all__ = ["check_out", "write"]

ENDINGS = (".csv", ".npy", *PARQUET)
PIECE = 1 << 14  # rows that are written at once
MOST_KEPT = 1 << 16  # cells of different text whose spelling is kept


def check_out(path: str | None, keep: Sequence[str]) -> None:
    """Raises UsageError if predictions cannot be written to a path, before they are made."""
    if path is None:
        return
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"--out {path}: expected a name that ends in .csv, .npy or .parquet")
    if ending == ".npy" and keep:
        raise UsageError("--keep is for .csv and .parquet: an .npy file holds predictions alone")
    if ending in PARQUET:
        _parquet()


def write(
    path: str | None,
    kept: Mapping[str, Raw],
    columns: Mapping[str, np.ndarray],
    digits: int,
    flat: bool,
) -> None:
    """Print or write predictions, the columns that are kept before them.

    Parameters
    ----------
    path : where to, by its ending; None for standard output
    kept : columns of the table that was asked about
    columns : the predictions, by name
    digits : of float64 numbers in text
    flat : whether an .npy file of one column is one-dimensional
    """
    for name in kept:
        if name in columns:
            raise UsageError(
                f"--keep {name}: the predictions have a column of this name: leave it out"
            )
    ending = "" if path is None else Path(path).suffix.lower()
    if ending == ".npy":
        made = io.BytesIO()
        arrays = list(columns.values())
        one = flat and len(arrays) == 1
        np.save(made, arrays[0] if one else np.stack(arrays, axis=1), allow_pickle=False)
        content: Iterable[bytes] = [made.getvalue()]
    elif ending in PARQUET:
        content = [_as_parquet(kept, columns)]
    else:
        cells = [raw.texts() for raw in kept.values()]
        lines = _lines([*kept, *columns], cells, list(columns.values()), digits)
        if path is None:
            _check_printable([*kept, *columns], cells, list(columns.values()))
            sys.stdout.writelines(lines)
            return
        content = (line.encode() for line in lines)
    assert path is not None
    write_atomically(path, content)


def _check_printable(
    names: Sequence[str], kept: list[list[str | None]], columns: Sequence[np.ndarray]
) -> None:
    """Answers are data, which is never spelt otherwise than it is.

    Raises
    ------
    ValueError
        If standard output has no characters for a name or a cell.
    """
    texts = (str(t) for c in columns if c.dtype.kind != "f" for t in np.unique(c))
    told = (text for cells in kept for text in dict.fromkeys(cells) if text is not None)
    for text in (*names, *texts, *told):
        if shown(text) != text:
            raise ValueError(
                f"{text!r} cannot be written in {sys.stdout.encoding}, the encoding of standard output: "
                "write a file with --out, or set PYTHONIOENCODING=utf-8"
            )


def _lines(
    names: Sequence[str],
    kept: list[list[str | None]],
    columns: Sequence[np.ndarray],
    digits: int,
) -> Iterable[str]:
    """The rows of a .csv; numbers that were computed in float32 have nine digits."""
    yield ",".join(map(_cell, names)) + "\n"
    forms = [
        f"%.{9 if c.dtype == np.float32 else digits}g" if c.dtype.kind == "f" else None
        for c in columns
    ]
    spelt: dict[str | None, str] = {None: ""}
    for start in range(0, len(columns[0]), PIECE):
        own = slice(start, start + PIECE)
        cells = [[_known(text, spelt) for text in texts[own]] for texts in kept]
        for form, column in zip(forms, columns, strict=True):
            values = column[own].tolist()
            told = (
                [_known(str(v), spelt) for v in values]
                if form is None
                else map(form.__mod__, values)
            )
            cells.append(list(told))
        yield "\n".join(map(",".join, zip(*cells, strict=True))) + "\n"


def _known(text: str | None, spelt: dict[str | None, str]) -> str:
    """A cell as the file has it, kept for the next of the same text."""
    found = spelt.get(text)
    if found is None:
        assert text is not None
        found = _cell(text)
        if len(spelt) < MOST_KEPT:
            spelt[text] = found
    return found


def _cell(text: str) -> str:
    """A cell as the csv module writes it: in quotes where it has to be."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([text, ""])
    return buffer.getvalue()[:-1]


def _parquet() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise missing("Parquet files need pyarrow", "tabular", error) from None
    return pa, pq


def _as_parquet(kept: Mapping[str, Raw], columns: Mapping[str, np.ndarray]) -> bytes:
    pa, pq = _parquet()
    made = {name: _values(raw) for name, raw in kept.items()}
    made |= dict(columns)
    sink = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(values) for name, values in made.items()}), sink)
    return sink.getvalue()


def _values(raw: Raw) -> Any:
    """A column as Arrow takes it: numbers, truths, moments, text; None where it is missing."""
    if raw.textual:
        return list(raw.values)
    gone = raw.missing()
    if raw.kind == "date":
        made = np.where(gone, 0, np.round(raw.values * 86_400_000_000)).astype("datetime64[us]")
    elif raw.kind == "boolean":
        made = raw.values == 1
    elif all(v.is_integer() and abs(v) < 2**53 for v in raw.values[~gone].tolist()):
        made = np.where(gone, 0, raw.values).astype(np.int64)
    else:
        made = raw.values
    return [None if g else v for g, v in zip(gone, made, strict=True)] if gone.any() else made
