"""The text of a file, of a packed one or of standard input, in the encoding that its mark says."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import BinaryIO

__all__ = ["PACKED", "STDIN", "as_text", "contents", "name_of"]

STDIN = "-"
#: Endings of packed files, which are known by how they begin.
PACKED = {".gz": (b"\x1f\x8b", "gzip"), ".bz2": (b"BZh", "bz2"), ".xz": (b"\xfd7zXZ\0", "lzma")}
# Longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"),
)  # fmt: skip


def name_of(path: str | os.PathLike[str]) -> str:
    """What errors call a file."""
    return "standard input" if path == STDIN else os.fspath(path)


def contents(path: str | os.PathLike[str]) -> BinaryIO:
    """A file's bytes, unpacked, from their beginning.

    Parameters
    ----------
    path : path-like, or "-" for standard input

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is packed, and damaged.
    """
    if path == STDIN:
        file: BinaryIO = io.BytesIO(sys.stdin.buffer.read())
    else:
        file = open(path, "rb")  # noqa: SIM115
    head = file.read(6)
    file.seek(0)
    for magic, module in PACKED.values():
        if head.startswith(magic):
            with file:
                return io.BytesIO(_unpacked(file, module, name_of(path)))
    return file


def _unpacked(file: BinaryIO, module: str, source: str) -> bytes:
    opened = importlib.import_module(module).open(file)
    try:
        return bytes(opened.read())
    except MemoryError:
        raise
    except Exception as error:  # each module has errors of its own
        raise ValueError(
            f"{source}: cannot be unpacked ({error}), expected a whole file of {module}: fetch or "
            "pack it again"
        ) from None


def as_text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """Bytes as text; a byte order mark decides about the encoding, and is skipped."""
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    return io.TextIOWrapper(file, encoding=marked or encoding, newline="")
