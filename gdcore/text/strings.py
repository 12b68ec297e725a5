"""Strings from whatever holds them: lists, arrays, columns of frames, files."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

import numpy as np

from gdcore.data.frames import frame_of
from gdcore.errors import cut

__all__ = ["as_texts", "read"]

LISTS = ("tolist", "to_list", "to_pylist")  # of NumPy and pandas, polars, Arrow


def as_texts(data: Any, what: str) -> list[str]:
    """Strings as a list.

    Parameters
    ----------
    data : list, tuple, array, Series or frame of one column
    what : str
        Its name in error messages.

    Returns
    -------
    list of str

    Raises
    ------
    TypeError
        If it is one string, or something else than strings is there: the message names the row.
    ValueError
        If it has several columns, or a string that Unicode does not allow.
    """
    if isinstance(data, str | bytes):
        raise TypeError(
            f"{what} is one string, {cut(repr(data), 40)}: expected a list of them, [text]"
        )
    frame = None if isinstance(data, np.ndarray) else frame_of(data, what)
    shape = (len(frame.whole), len(frame.columns)) if frame else getattr(data, "shape", (0,))
    if len(shape) != 1 and shape[1:] != (1,):
        raise ValueError(
            f"{what} has the shape {tuple(shape)}: expected one string for each sample, (n,)"
        )
    column = frame.columns[0] if frame else data
    if isinstance(column, np.ndarray):
        column = column.reshape(-1)
    convert = next((getattr(column, n) for n in LISTS if hasattr(column, n)), None)
    try:
        found = list(column if convert is None else convert())
    except TypeError:
        raise TypeError(
            f"{what} is a {type(data).__name__}: expected a list, array or Series of strings"
        ) from None
    for row, text in enumerate(found):
        if not isinstance(text, str):
            raise TypeError(f"{what} holds {_not_text(text)} at row {row}: {_cure(text)}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{what} holds half of a surrogate pair at row {row}, character {error.start}: expected valid "
                "Unicode; read files with the encoding that they have, without errors='surrogateescape'"
            ) from None
    return found


def _not_text(item: Any) -> str:
    shown = cut(repr(item), 40)
    return shown if item is None or item != item else f"{type(item).__name__} {shown}"


def _cure(item: Any) -> str:
    if isinstance(item, bytes):
        return "expected a string; decode it, text.decode('utf-8')"
    missing = item is None or type(item).__name__ == "NAType" or item != item
    return (
        "expected a string; give '' where there is none"
        if missing
        else "expected one string for each sample"
    )


def read(path: str | PathLike[str], encoding: str = "utf-8") -> str:
    """The text of a file; a byte order mark is left out.

    Parameters
    ----------
    path : path-like
    encoding : str

    Returns
    -------
    str

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not text in this encoding, or the encoding is unknown.

    Examples
    --------
    >>> from pathlib import Path
    >>> import gdcore as gd
    >>> _ = Path("cafe.txt").write_bytes("café".encode("latin-1"))
    >>> gd.text.read("cafe.txt", encoding="latin-1")
    'café'
    """
    with open(path, "rb") as file:
        content = file.read()
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{fspath(path)}: not a text file in {encoding.upper()} ({error.reason} at byte {error.start}): "
            "save it as UTF-8, or name its encoding, for example encoding='latin-1'"
        ) from None
    except LookupError:
        raise ValueError(
            f"unknown encoding {encoding!r}, expected for example 'utf-8' or 'latin-1'"
        ) from None
