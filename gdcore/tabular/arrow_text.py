"""Large delimited text by pyarrow's reader, where it reads what Python's would.

Whatever the two might read differently is left to Python's: quotes within cells, lines that are not as
long as the first, empty ones, another encoding than UTF-8. So are errors, which it names by their line.
"""

from __future__ import annotations

import io
import mmap
from importlib.util import find_spec
from typing import Any

import numpy as np

from gdcore.runtime import get_num_threads
from gdcore.tabular.table import MISSING
from gdcore.tabular.texts import Texts

__all__ = ["read_columns"]

SMALLEST = 1 << 20  # bytes, below which importing pyarrow takes longer than reading
PIECE = 1 << 24  # bytes that are looked at together
BLOCK = 1 << 22  # bytes that pyarrow reads at once: no line may be longer
LARGEST_COLUMN = 1 << 31  # bytes of text in one piece
UTF8 = ("utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii")
BLANKS = b" \t\v\f\x1c\x1d\x1e\x1f"


def read_columns(
    file: Any, encoding: str, delimiter: str, width: int, header: bool
) -> list[Texts] | None:
    """The columns of a text, or None if Python has to read it.

    Parameters
    ----------
    file : a file, or bytes in memory
    encoding : of the text
    delimiter : one character
    width : cells of the first line
    header : whether the first line is no row of the table
    """
    content = _bytes_of(file)
    if (
        content is None
        or len(content) < SMALLEST
        or not delimiter.isascii()
        or not find_spec("pyarrow")
    ):
        return None
    lines, ascii_alone, strip = _looked_at(content, delimiter)
    if lines < 0 or not (ascii_alone or encoding.lower() in UTF8):
        return None
    columns = _read(content, delimiter, width, header)
    if columns is None or not columns or len(columns[0]) != lines - header:
        return None
    if strip or not ascii_alone:
        columns = [_stripped(column) for column in columns]
    if any(column.nbytes >= LARGEST_COLUMN for column in columns):
        return None
    return [Texts.of_arrow(column) for column in columns]


def _bytes_of(file: Any) -> Any:
    if isinstance(file, io.BytesIO):
        return file.getbuffer()
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # a pipe, or an empty file
        return None


def _looked_at(content: Any, delimiter: str) -> tuple[int, bool, bool]:
    """Lines (-1: not for pyarrow), whether all is ASCII, and whether cells may have blanks around them."""
    mark, lines, ascii_alone, strip, quotes = delimiter.encode(), 0, True, False, False
    blanks = bytes(b for b in BLANKS if b != mark[0])
    size = len(content)
    for start in range(0, size, PIECE):
        piece = bytes(content[max(0, start - 1) : start + PIECE])
        own = piece[1:] if start else piece
        lines += own.count(b"\n")
        quotes = quotes or b'"' in own
        ends = own.count(b"\r") - piece.count(b"\r\n")
        if start + PIECE < size:
            ends -= own.endswith(b"\r") and content[start + PIECE : start + PIECE + 1] == b"\n"
        ends += bool(start) and piece.startswith(b"\r\n")
        if b"\0" in own or ends:
            return -1, False, False
        ascii_alone = ascii_alone and own.isascii()
        strip = strip or any(b in own for b in blanks)
    if quotes and not _quotes_are_plain(content, mark):
        return -1, False, False
    return lines + (bytes(content[-1:]) != b"\n"), ascii_alone, strip


def _quotes_are_plain(content: Any, mark: bytes) -> bool:
    """Whether quotes stand around whole cells, or are doubled within such."""
    data = np.frombuffer(content, np.uint8)
    places = np.concatenate(
        [np.flatnonzero(data[i : i + PIECE] == ord('"')) + i for i in range(0, len(data), PIECE)]
    )
    if len(places) % 2:
        return False
    around = np.frombuffer(mark + b'\n\r"', np.uint8)
    opened, closed = places[::2], places[1::2]
    before = data[np.maximum(opened - 1, 0)]
    after = data[np.minimum(closed + 1, len(data) - 1)]
    whole = (opened == 0) | np.isin(before, around)
    ended = (closed == len(data) - 1) | np.isin(after, around)
    return bool(whole.all() and ended.all())


def _read(content: Any, delimiter: str, width: int, header: bool) -> list[Any] | None:
    import pyarrow as pa
    from pyarrow import csv

    names = [str(i) for i in range(width)]
    try:
        table = csv.read_csv(
            pa.BufferReader(pa.py_buffer(content)),
            csv.ReadOptions(
                use_threads=get_num_threads() > 1, block_size=BLOCK, skip_rows=int(header),
                column_names=names,
            ),
            csv.ParseOptions(delimiter=delimiter, newlines_in_values=False),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True,
                null_values=sorted(MISSING),
            ),
        )  # fmt: skip
    except (pa.ArrowInvalid, pa.ArrowCapacityError, UnicodeError):
        return None
    return list(table.columns)


def _stripped(column: Any) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    bare = compute.utf8_trim_whitespace(column)
    gone = compute.is_in(bare, value_set=pa.array(sorted(MISSING), pa.string()))
    return compute.if_else(gone, pa.scalar(None, pa.string()), bare)
