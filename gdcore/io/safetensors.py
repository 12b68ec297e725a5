"""Read and write tensors in the safetensors format.

A file is 8 bytes with the header's length (unsigned, little-endian), a JSON object with each
tensor's dtype, shape and place, and one buffer that the tensors fill without holes or overlap,
little-endian and in C order. See https://github.com/huggingface/safetensors for the reference.
"""

from __future__ import annotations

import io
import json
import math
import os
import reprlib
import stat
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gdcore.io.atomic import array_chunks, fill_array, write_atomically

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["FileFormatError", "load", "save"]

_MAX_HEADER = 100_000_000  # bytes; the reference refuses longer ones
_MAX_DIMS = 64 if int(np.__version__.split(".")[0]) >= 2 else 32
_MAX_BYTES = int(np.iinfo(np.intp).max)
_METADATA = "__metadata__"
_KEYS = ("dtype", "shape", "data_offsets")
_NUMBERS = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8")
_TO_FILE = {f"{name[0].lower()}{int(name[1:]) // 8}": name for name in _NUMBERS} | {"b1": "BOOL"}
# NumPy has no bfloat16; float32 holds every one of its values.
_FROM_FILE = {name: np.dtype(code) for code, name in _TO_FILE.items()} | {"BF16": np.dtype("f4")}
_ITEM_SIZE = {name: dtype.itemsize for name, dtype in _FROM_FILE.items()} | {"BF16": 2}

_shortener = reprlib.Repr()
_shortener.maxstring = 80
_show = _shortener.repr  # one short line, whatever a file holds


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


class _Entry(NamedTuple):
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def save(
    path: str | os.PathLike[str],
    tensors: Mapping[str, npt.NDArray[Any]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors to a safetensors file, which is replaced as a whole or not at all.

    Parameters
    ----------
    path : str or os.PathLike
        The file; see `gdcore.io.write_atomically` for links, permissions and errors.
    tensors : mapping of str to ndarray
        Any shape, any memory order and byte order; float64/32/16, (u)int64/32/16/8 or bool.
    metadata : mapping of str to str, optional
        Free text, kept in the order given.

    Raises
    ------
    TypeError
        If a name or a metadata entry is not a string, or a tensor is not an ndarray.
    ValueError
        If a name is empty or ``__metadata__``, a text is not valid Unicode, a dtype has no place
        in the format or the header would be longer than 100 MB. Nothing has been written then.

    Notes
    -----
    The same tensors and metadata in the same order give the same bytes. The header lists tensors
    in the order given, which `load` gives back; in the buffer the larger dtypes come first, so
    that every tensor starts at a multiple of its item size. No tensor is copied as a whole.

    Examples
    --------
    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "model.safetensors")
    >>> save(path, {"weight": np.eye(2, dtype=np.float32)}, {"epoch": "3"})
    >>> tensors, metadata = load(path)
    >>> tensors["weight"].tolist(), metadata
    ([[1.0, 0.0], [0.0, 1.0]], {'epoch': '3'})
    >>> folder.cleanup()
    """
    where = f"cannot save {os.fspath(path)!r}"
    for text in (item for pair in (metadata or {}).items() for item in pair):
        if not _is_text(text):
            kind = ValueError if isinstance(text, str) else TypeError
            raise kind(f"{where}: metadata: got {_show(text)}, expected a str of valid Unicode")
    arrays = {name: _checked(where, name, value) for name, value in tensors.items()}
    # The sort is stable: among tensors of one item size the order given is kept.
    layout = sorted(arrays, key=lambda name: -_ITEM_SIZE[arrays[name][0]])
    places, end = {}, 0
    for name in layout:
        places[name] = (end, end := end + arrays[name][1].nbytes)
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    for name, (dtype, array) in arrays.items():
        header[name] = dict(zip(_KEYS, (dtype, array.shape, places[name]), strict=True))
    packed = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    packed += b" " * (-len(packed) % 8)
    if len(packed) > _MAX_HEADER:
        raise ValueError(
            f"{where}: got a header of {len(packed)} bytes, expected at most {_MAX_HEADER}; "
            "use fewer or shorter names and less metadata"
        )

    def chunks() -> Iterator[bytes | memoryview]:
        yield len(packed).to_bytes(8, "little") + packed
        for name in layout:
            yield from array_chunks(arrays[name][1])

    write_atomically(path, chunks())


def load(path: str | os.PathLike[str]) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Read a safetensors file, believing nothing in it before it is checked.

    Parameters
    ----------
    path : str or os.PathLike
        The file. No memory is taken for tensors before all are checked against its size.

    Returns
    -------
    tensors : dict of str to ndarray
        In the header's order; each is writable, owns its memory, is C-contiguous and in the
        machine's byte order. BF16 is given as float32, which loses nothing.
    metadata : dict of str to str
        Empty if the file has none.

    Raises
    ------
    FileFormatError
        A `ValueError`, if the file breaks the format or changes while it is read.
    OSError
        As the system raises, such as `FileNotFoundError` and `IsADirectoryError`.

    Examples
    --------
    >>> load(os.devnull)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    gdcore.io.safetensors.FileFormatError: cannot read ... got a device or pipe, expected a file
    """
    name = os.fspath(path)
    # Without O_NONBLOCK the opening of a pipe would wait for a writer, for ever.
    flag = getattr(os, "O_NONBLOCK", 0)
    with open(name, "rb", buffering=0, opener=lambda p, flags: os.open(p, flags | flag)) as file:
        try:
            entries, metadata, start = _read_header(file)
            arrays = {}
            for entry in sorted(entries, key=lambda entry: entry.begin):
                file.seek(start + entry.begin)
                arrays[entry.name] = _read_tensor(file, entry)
        except (FileFormatError, EOFError) as error:
            raise FileFormatError(f"cannot read {name!r} as safetensors: {error}") from None
    return {entry.name: arrays[entry.name] for entry in entries}, metadata


def _is_text(value: object) -> bool:
    """Whether `value` is a str that UTF-8 can hold, which half a surrogate pair is not."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value


def _checked(where: str, name: object, value: object) -> tuple[str, npt.NDArray[Any]]:
    """Give a tensor to save and its dtype's name in the format."""
    where += f": tensor {_show(name)}"
    if not isinstance(name, str):
        raise TypeError(f"{where}: got a name of {type(name).__name__}, expected a str")
    if name in ("", _METADATA) or not _is_text(name):
        raise ValueError(f"{where}: expected a name of valid Unicode, not '' or {_METADATA!r}")
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{where}: got a {type(value).__name__}, expected a numpy.ndarray")
    code = f"{value.dtype.kind}{value.dtype.itemsize}"
    if code not in _TO_FILE or value.dtype.newbyteorder("=") != np.dtype(code):
        expected = "float64/32/16, (u)int64/32/16/8 or bool; convert it with astype"
        raise ValueError(f"{where}: got dtype {str(value.dtype)[:80]!r}, expected {expected}")
    return _TO_FILE[code], np.asarray(value)


def _bad(what: str, got: str, expected: str) -> FileFormatError:
    return FileFormatError(f"{what}: got {got}, expected {expected}")


def _read_header(file: io.FileIO) -> tuple[list[_Entry], dict[str, str], int]:
    """Check everything but the tensors' values; also give where the buffer starts."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise _bad("kind of file", "a device or pipe", "a file")
    size = status.st_size
    if size < 8:
        raise _bad("file size", f"{size} bytes", "at least 8; the file was cut short")
    length = int.from_bytes(file.read(8), "little")
    longest = min(size - 8, _MAX_HEADER)
    if length > longest:
        expected = f"at most {longest}; the file was cut short or is no safetensors file"
        raise _bad("header length", str(length), expected)
    header = _parse(file.read(length))
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(map(_is_text, [*metadata, *metadata.values()])):
        raise _bad(_METADATA, _show(metadata), "an object of strings of valid Unicode")
    entries = [_entry(name, fields) for name, fields in header.items()]
    _check_cover(entries, size - 8 - length)
    return entries, metadata, 8 + length


def _parse(raw: bytes) -> dict[str, Any]:
    """Decode the header's JSON object, more strictly than `json` alone would."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise _bad("header key", f"{_show(key)} twice", "each key once")
            found[key] = value
        return found

    def number(text: str) -> int:
        # 20 digits hold any 64-bit number; Python's time for longer ones grows with the square.
        if len(text) > 20 or text == "-0" or not text.lstrip("-").isdecimal():
            raise _bad("header number", text[:40], "an integer of at most 20 digits")
        return int(text)

    if raw[:1] != b"{":
        raise _bad("header start", _show(raw[:1]), "b'{'")
    hooks: Any = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), number)
    try:
        header: dict[str, Any] = json.loads(raw.decode(), object_pairs_hook=unique, **hooks)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise _bad("header", str(error), "JSON in UTF-8") from None
    except RecursionError:
        raise _bad("header", "deep nesting", "an object of objects") from None
    return header


def _entry(name: str, fields: object) -> _Entry:
    """Check one tensor's entry by itself."""
    where = f"tensor {_show(name)}"
    if not _is_text(name):
        raise _bad("tensor name", _show(name), "valid Unicode")
    if not isinstance(fields, dict) or fields.keys() != set(_KEYS):
        raise _bad(where, _show(fields), f"an object of exactly {', '.join(_KEYS)}")
    dtype, shape, offsets = (fields[key] for key in _KEYS)
    if not isinstance(dtype, str) or dtype not in _FROM_FILE:
        raise _bad(f"{where} dtype", _show(dtype), f"one of {' '.join(sorted(_FROM_FILE))}")
    if not _is_counts(shape) or len(shape) > _MAX_DIMS:
        raise _bad(f"{where} shape", _show(shape), f"at most {_MAX_DIMS} non-negative integers")
    if not _is_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _bad(f"{where} data_offsets", _show(offsets), "[begin, end], 0 <= begin <= end")
    # NumPy refuses sizes past its index type even where another dimension is 0.
    if math.prod(n or 1 for n in shape) * _FROM_FILE[dtype].itemsize > _MAX_BYTES:
        raise _bad(f"{where} shape", _show(shape), f"a tensor of at most {_MAX_BYTES} bytes")
    if offsets[1] - offsets[0] != (needed := math.prod(shape) * _ITEM_SIZE[dtype]):
        expected = f"{needed} bytes for {dtype} of shape {_show(shape)}"
        raise _bad(f"{where} data_offsets", _show(offsets), expected)
    return _Entry(name, dtype, tuple(shape), *offsets)


def _is_counts(value: object) -> bool:
    # `type`, because a bool is an instance of int.
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


def _check_cover(entries: list[_Entry], size: int) -> None:
    """Check that the tensors fill the buffer of `size` bytes without holes or overlap."""
    end = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != end:
            expected = f"{end}, so that there is no {'hole' if entry.begin > end else 'overlap'}"
            raise _bad(f"tensor {_show(entry.name)} begin", str(entry.begin), expected)
        end = entry.end
    if end != size:
        raise _bad("buffer size", f"{size} bytes", f"{end}, the end of the last tensor")


def _read_tensor(file: io.FileIO, entry: _Entry) -> npt.NDArray[Any]:
    """Read a checked tensor from the file's present position."""
    array: npt.NDArray[Any] = np.empty(entry.shape, _FROM_FILE[entry.dtype])
    if entry.dtype == "BF16":
        halves = np.empty(entry.shape, np.uint16)  # a bfloat16 is the upper half of a float32
        fill_array(file, halves)
        np.left_shift(halves, 16, out=array.view(np.uint32), dtype=np.uint32)
        return array
    fill_array(file, array)
    if entry.dtype == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
        raise _bad(f"tensor {_show(entry.name)} of BOOL", "a byte above 1", "0 or 1")
    return array
