"""From whatever holds a table to a `Table`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gdcore.tabular.files import is_binary, read_binary
from gdcore.tabular.frames import from_columns, from_frame, from_rows
from gdcore.tabular.notation import check_marks
from gdcore.tabular.table import Raw, Table, number
from gdcore.tabular.text import read_text

__all__ = ["read", "read_like"]


def read(
    data: Any,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str = "utf-8",
    decimal: str | None = None,
    thousands: str | None = None,
    na: str | Iterable[Any] | None = None,
) -> Table:
    """A table from a file, a data frame, or plain Python.

    Parameters
    ----------
    data : path-like, frame, mapping, sequence or ndarray
        A Parquet or Feather file, or a folder of Parquet (``.parquet``, ``.pq``, ``.feather``,
        ``.arrow``, ``.ipc``; needs the extra ``tabular``), the first sheet of a workbook (``.xlsx``,
        ``.xlsm``; needs the extra ``excel``), or else delimited text,
        which may be packed by gzip, bzip2 or xz, and is standard input where it is "-";
        a pandas, polars or Arrow table, or one of any library that narwhals knows; a dict of
        columns; a list of dicts; a 2-D or a structured array.
    delimiter : str, optional
        Of text: one character, a blank for any number of blanks and tabs; by default the one of
        ``, ; tab |`` that cuts the first line most often, or else blanks.
    header : bool, optional
        Whether the first line of a text names the columns; otherwise they are called "0", "1", …
    encoding : str
        Of a text; a byte order mark says more.
    decimal : {".", ","}, optional
        The mark of decimals in numbers that are text. By default every column is read by the marks
        that fit all of it, if they are the only ones.
    thousands : {",", ".", " ", "'"}, optional
        What stands between groups of three digits.
    na : str or sequence, optional
        Values that stand for missing ones, besides the usual: "n.a.", or several with commas
        between them, or a list.

    Returns
    -------
    Table
        In a text, empty cells, ``?`` and what pandas takes for missing (``NA``, ``n/a``, ``NaN``,
        ``null``, ``None``, ``#N/A``, ``<NA>`` …) are missing values.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If it needs what is not installed; the message says what.
    TypeError, ValueError
        In one line, if it does not hold a table.

    Examples
    --------
    >>> read({"size": [3.0, None], "sea": ["near", "far"]}).names
    ['size', 'sea']
    """
    check_marks(decimal, thousands)
    if isinstance(data, Table):
        table = data
    elif isinstance(data, str | os.PathLike) and not is_binary(data):
        table = read_text(data, delimiter, header, [encoding])
        table.layout["encoding"] = encoding
    else:
        table = _from_object(data, header)
    marks = None if na is None else _marks(na)
    told = {"decimal": decimal, "thousands": thousands, "na": marks}
    layout = table.layout | {k: v for k, v in told.items() if v is not None}
    return _without(replace(table, layout=layout), marks or [])


def read_like(
    data: Any,
    layout: Mapping[str, Any],
    names: Sequence[str],
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Table:
    """A table such as one that was read before; how a text is cut and encoded is looked for anew.

    Parameters
    ----------
    data : as `read` takes it
    layout : of the table before
    names : of its columns
    delimiter, encoding : str, optional
        As for `read`, where they are told.

    Returns
    -------
    Table

    Raises
    ------
    OSError, TypeError, ValueError
        As `read`.
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, str | os.PathLike) and not is_binary(data):
        tried = dict.fromkeys(["utf-8", layout.get("encoding", "utf-8")])
        table = read_text(
            data, delimiter, layout.get("header", True), [encoding] if encoding else list(tried),
            names, layout.get("delimiter"),
        )  # fmt: skip
    else:
        table = _from_object(data, layout.get("header"))
    return _without(table, layout.get("na", []))


def _from_object(data: Any, header: bool | None = None) -> Table:
    if isinstance(data, str | os.PathLike):
        table = read_binary(data, header)
    elif isinstance(data, Mapping):
        table = from_columns(data)
    elif isinstance(data, np.ndarray | list | tuple):
        table = from_rows(data)
    else:
        table = from_frame(data)
    if not table.columns or not len(table):
        raise ValueError(
            f"{table.source}: got {len(table.columns)} columns and {len(table)} rows, expected at "
            "least one of each"
        )
    return table


def _marks(na: str | Iterable[Any]) -> list[str]:
    given = na.split(",") if isinstance(na, str) else [na] if np.ndim(na) == 0 else na  # type: ignore[arg-type]
    return [str(mark).strip() for mark in given]


def _without(table: Table, marks: Sequence[str]) -> Table:
    """A table in which values that stand for missing ones are missing."""
    if not marks:
        return table
    numbers = [v for v in map(number, marks) if v is not None]

    def cleared(raw: Raw) -> Raw:
        if raw.kind == "number":
            return Raw("number", np.where(np.isin(raw.values, numbers), np.nan, raw.values))
        if not raw.textual:
            return raw
        values = raw.numbers
        if values is not None and not np.isin(values, numbers).any():
            return raw
        gone = {t for t in raw.counts if t in marks or number(t) in numbers}
        return Raw(raw.kind, raw.values.without(gone), raw.order) if gone else raw

    return replace(table, columns={name: cleared(raw) for name, raw in table.columns.items()})
