"""From whatever holds a table to a `Table`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gdcore.tabular.frames import from_columns, from_frame, from_rows, read_parquet
from gdcore.tabular.table import Table
from gdcore.tabular.text import read_text

__all__ = ["PARQUET", "read"]

PARQUET = (".parquet", ".pq")


def read(
    data: Any,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str = "utf-8",
) -> Table:
    """A table from a file, a data frame, or plain Python.

    Parameters
    ----------
    data : path-like, frame, mapping, sequence or ndarray
        A Parquet file (``.parquet``, ``.pq``; needs the extra ``tabular``) or else delimited text;
        a pandas, polars or Arrow table, or one of any library that narwhals knows; a dict of
        columns; a list of dicts; a 2-D or a structured array.
    delimiter : str, optional
        Of text: one character; by default the one of ``, ; tab |`` that cuts the first line most
        often.
    header : bool, optional
        Whether the first line of a text names the columns; otherwise they are called "0", "1", …
    encoding : str
        Of a text.

    Returns
    -------
    Table
        In a text, empty cells, ``?``, ``NA``, ``N/A``, ``NaN`` and ``null`` are missing
        values.

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
    if isinstance(data, Table):
        return data
    if isinstance(data, str | os.PathLike):
        if Path(data).suffix.lower() in PARQUET:
            table = read_parquet(data)
        else:
            table = read_text(data, delimiter, header, encoding)
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
