"""The header of a safetensors file: read entry by entry, each checked before the next is decoded.

`json.loads` of a hostile header of empty lists would take 26 times its size in memory before anything could be
checked. So every value is decoded separately, from a substring of bounded length.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

METADATA = "__metadata__"
KEYS = ("dtype", "shape", "data_offsets")
MOST_METADATA = 10_000  # entries
_MAX_DIMS = 64 if int(np.__version__.split(".")[0]) >= 2 else 32
_MAX_BYTES = int(np.iinfo(np.intp).max)
_MAX_ENTRY = 1 << 16  # characters of one tensor's entry: 64 dimensions of 20 digits, and room
_NUMBERS = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8")
TO_FILE = {f"{name[0].lower()}{int(name[1:]) // 8}": name for name in _NUMBERS} | {"b1": "BOOL"}
# NumPy has no bfloat16; float32 holds every one of its values.
FROM_FILE = {name: np.dtype(code) for code, name in TO_FILE.items()} | {"BF16": np.dtype("f4")}
ITEM_SIZE = {name: dtype.itemsize for name, dtype in FROM_FILE.items()} | {"BF16": 2}

_shortener = reprlib.Repr()
_shortener.maxstring = 80
show = _shortener.repr  # one short line, whatever a file holds


class FileFormatError(ValueError):
    """A file that does not follow its format: one line with the file, what was got and expected.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gdcore.io import FileFormatError, safetensors
    >>> _ = Path("broken.safetensors").write_bytes(b"no such thing")
    >>> try:
    ...     safetensors.load("broken.safetensors")
    ... except FileFormatError as error:
    ...     print("refused")
    refused
    """


class Entry(NamedTuple):
    """Name, dtype, shape and byte range of a tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def is_text(value: object) -> bool:
    """Whether `value` is a str that UTF-8 can hold, which half a surrogate pair is not."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value


def bad(what: str, got: str, expected: str) -> FileFormatError:
    """The error of a header that breaks the format."""
    return FileFormatError(f"{what}: got {got}, expected {expected}")


def parse(raw: bytes, buffer: int) -> tuple[list[Entry], dict[str, str]]:
    """The tensors of a header, which must fill a buffer of `buffer` bytes exactly, and the metadata.

    Raises
    ------
    FileFormatError
        If it breaks the format.
    """
    if raw[:1] != b"{":
        raise bad("header start", show(raw[:1]), "b'{'")
    entries: dict[str, Entry] = {}
    metadata: dict[str, str] | None = None
    try:
        walk = _Walk(raw.decode())
        for name in walk.members():
            if name in entries or (name == METADATA and metadata is not None):
                raise bad("header key", f"{show(name)} twice", "each key once")
            if name == METADATA:
                metadata = _metadata(walk)
            else:
                entries[name] = _entry(name, walk.value())
        walk.end()
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise bad("header", str(error), "JSON in UTF-8") from None
    except RecursionError:
        raise bad("header", "deep nesting", "an object of objects") from None
    found = list(entries.values())
    _check_cover(found, buffer)
    return found, metadata or {}


def read_json(text: str) -> Any:
    """The value of JSON text; duplicate keys, NaN and infinity are refused.

    Raises
    ------
    ValueError
        If it holds one of these, or is no JSON; FileFormatError names a duplicate key.
    RecursionError
        If it is nested too deeply.
    """
    return json.loads(
        text, parse_constant=_no_constant, object_pairs_hook=partial(_unique, what="JSON key")
    )


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} in JSON")


def _unique(pairs: list[tuple[str, Any]], what: str = "header key") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise bad(what, f"{show(key)} twice", "each key once")
        found[key] = value
    return found


def _number(text: str) -> int:
    # 20 digits hold any 64-bit number; Python's time for longer ones grows with the square.
    if len(text) > 20 or text == "-0" or not text.lstrip("-").isdecimal():
        raise bad("header number", text[:40], "an integer of at most 20 digits")
    return int(text)


class _Walk:
    """A cursor in JSON text."""

    _blank = re.compile(r"[ \t\n\r]*")
    _decoder = json.JSONDecoder(
        object_pairs_hook=_unique, parse_int=_number, parse_float=_number, parse_constant=_number
    )

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        """The next character that is not white space, or "" at the end."""
        blank = self._blank.match(self.text, self.at)
        assert blank is not None
        self.at = blank.end()
        return self.text[self.at : self.at + 1]

    def take(self, marks: str) -> str:
        """Consume the next character, which must be one of `marks`."""
        mark = self.peek()
        if not mark or mark not in marks:
            expected = " or ".join(map(repr, marks))
            raise json.JSONDecodeError(f"Expecting {expected}", self.text, self.at)
        self.at += 1
        return mark

    def string(self) -> str:
        """Consume the next value, which must be a string."""
        if self.peek() != '"':
            raise json.JSONDecodeError("Expecting a string", self.text, self.at)
        value, self.at = self._decoder.raw_decode(self.text, self.at)
        return str(value)

    def value(self) -> Any:
        """Consume the next value, of any kind but of bounded length."""
        if self.peek() == "{":  # usually without a nested object: decode up to the first brace
            end = self.text.find("}", self.at, self.at + _MAX_ENTRY)
            try:
                value, length = self._decoder.raw_decode(self.text[self.at : end + 1])
            except json.JSONDecodeError:
                pass
            else:
                self.at += length
                return value
        value, length = self._decoder.raw_decode(self.text[self.at : self.at + _MAX_ENTRY])
        self.at += length
        return value

    def members(self) -> Iterator[str]:
        """Yield each key of an object; the caller consumes its value before the next key."""
        self.take("{")
        if self.peek() == "}":
            self.at += 1
            return
        while True:
            key = self.string()
            self.take(":")
            yield key
            if self.take(",}") == "}":
                return

    def end(self) -> None:
        """Check that only white space follows."""
        if self.peek():
            raise json.JSONDecodeError("Extra data", self.text, self.at)


def _metadata(walk: _Walk) -> dict[str, str]:
    expected = "an object of strings of valid Unicode"
    if walk.peek() != "{":
        raise bad(METADATA, show(walk.value()), expected)
    found: dict[str, str] = {}
    for key in walk.members():
        if key in found:
            raise bad("header key", f"{show(key)} twice", "each key once")
        value = walk.string() if walk.peek() == '"' else walk.value()
        if not is_text(key) or not is_text(value):
            raise bad(METADATA, show({key: value}), expected)
        if len(found) >= MOST_METADATA:
            raise bad(METADATA, "more", f"at most {MOST_METADATA} entries")
        found[key] = value
    return found


def _entry(name: str, fields: object) -> Entry:
    """Check one tensor's entry by itself."""
    where = f"tensor {show(name)}"
    if not is_text(name):
        raise bad("tensor name", show(name), "valid Unicode")
    if not isinstance(fields, dict) or fields.keys() != set(KEYS):
        raise bad(where, show(fields), f"an object of exactly {', '.join(KEYS)}")
    dtype, shape, offsets = (fields[key] for key in KEYS)
    if not isinstance(dtype, str) or dtype not in FROM_FILE:
        raise bad(f"{where} dtype", show(dtype), f"one of {' '.join(sorted(FROM_FILE))}")
    if not _is_counts(shape) or len(shape) > _MAX_DIMS:
        raise bad(f"{where} shape", show(shape), f"at most {_MAX_DIMS} non-negative integers")
    if not _is_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise bad(f"{where} data_offsets", show(offsets), "[begin, end], 0 <= begin <= end")
    # NumPy refuses sizes past its index type even where another dimension is 0.
    if math.prod(n or 1 for n in shape) * FROM_FILE[dtype].itemsize > _MAX_BYTES:
        raise bad(f"{where} shape", show(shape), f"a tensor of at most {_MAX_BYTES} bytes")
    if offsets[1] - offsets[0] != (needed := math.prod(shape) * ITEM_SIZE[dtype]):
        expected = f"{needed} bytes for {dtype} of shape {show(shape)}"
        raise bad(f"{where} data_offsets", show(offsets), expected)
    return Entry(name, dtype, tuple(shape), *offsets)


def _is_counts(value: object) -> bool:
    # `type`, because a bool is an instance of int.
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


def _check_cover(entries: list[Entry], size: int) -> None:
    """Check that the tensors fill the buffer of `size` bytes without holes or overlap."""
    end = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != end:
            expected = f"{end}, so that there is no {'hole' if entry.begin > end else 'overlap'}"
            raise bad(f"tensor {show(entry.name)} begin", str(entry.begin), expected)
        end = entry.end
    if end != size:
        raise bad("buffer size", f"{size} bytes", f"{end}, the end of the last tensor")
