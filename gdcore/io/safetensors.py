"""Read and write tensors in the safetensors format.

A file is 8 bytes with the header's length (unsigned, little-endian), a JSON object with each
tensor's dtype, shape and place, and one buffer that the tensors fill without holes or overlap,
little-endian and in C order. See https://github.com/huggingface/safetensors for the reference.
"""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.data.arrays import is_masked_array
from gdcore.io.atomic import array_chunks, fill_array, write_atomically
from gdcore.io.header import (
    FROM_FILE,
    ITEM_SIZE,
    KEYS,
    METADATA,
    MOST_METADATA,
    TO_FILE,
    Entry,
    FileFormatError,
    bad,
    is_text,
    parse,
    show,
)

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["FileFormatError", "load", "save"]

_MAX_HEADER = 100_000_000  # bytes; the reference refuses longer ones


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
        in the format, or the header would be longer than 100 MB or hold more than 10,000 entries
        of metadata. Nothing has been written then.

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
        if not is_text(text):
            kind = ValueError if isinstance(text, str) else TypeError
            raise kind(f"{where}: metadata: got {show(text)}, expected a str of valid Unicode")
    if len(metadata or {}) > MOST_METADATA:
        raise ValueError(
            f"{where}: got {len(metadata or {})} entries of metadata, expected at most "
            f"{MOST_METADATA}"
        )
    arrays = {name: _checked(where, name, value) for name, value in tensors.items()}
    # The sort is stable: among tensors of one item size the order given is kept.
    layout = sorted(arrays, key=lambda name: -ITEM_SIZE[arrays[name][0]])
    places, end = {}, 0
    for name in layout:
        places[name] = (end, end := end + arrays[name][1].nbytes)
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    for name, (dtype, array) in arrays.items():
        header[name] = dict(zip(KEYS, (dtype, array.shape, places[name]), strict=True))
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
    """Read a safetensors file; everything in it is validated before it is used.

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
    gdcore.io.header.FileFormatError: cannot read ... got a device or pipe, expected a file
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


def _checked(where: str, name: object, value: object) -> tuple[str, npt.NDArray[Any]]:
    """Validate a tensor to save; returns its dtype's name in the format, and the tensor."""
    where += f": tensor {show(name)}"
    if not isinstance(name, str):
        raise TypeError(f"{where}: got a name of {type(name).__name__}, expected a str")
    if name in ("", METADATA) or not is_text(name):
        raise ValueError(f"{where}: expected a name of valid Unicode, not '' or {METADATA!r}")
    if not isinstance(value, np.ndarray) or is_masked_array(value):
        raise TypeError(f"{where}: got a {type(value).__name__}, expected a numpy.ndarray")
    code = f"{value.dtype.kind}{value.dtype.itemsize}"
    if code not in TO_FILE or value.dtype.newbyteorder("=") != np.dtype(code):
        expected = "float64/32/16, (u)int64/32/16/8 or bool; convert it with astype"
        raise ValueError(f"{where}: got dtype {str(value.dtype)[:80]!r}, expected {expected}")
    return TO_FILE[code], np.asarray(value)


def _read_header(file: io.FileIO) -> tuple[list[Entry], dict[str, str], int]:
    """Read and validate the header; returns (entries, metadata, position of the buffer)."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise bad("kind of file", "a device or pipe", "a file")
    size = status.st_size
    if size < 8:
        raise bad("file size", f"{size} bytes", "at least 8; the file was cut short")
    length = int.from_bytes(file.read(8), "little")
    longest = min(size - 8, _MAX_HEADER)
    if length > longest:
        expected = f"at most {longest}; the file was cut short or is no safetensors file"
        raise bad("header length", str(length), expected)
    return *parse(file.read(length), size - 8 - length), 8 + length


def _read_tensor(file: io.FileIO, entry: Entry) -> npt.NDArray[Any]:
    """Read a checked tensor from the file's present position."""
    array: npt.NDArray[Any] = np.empty(entry.shape, FROM_FILE[entry.dtype])
    if entry.dtype == "BF16":
        halves = np.empty(entry.shape, np.uint16)  # a bfloat16 is the upper half of a float32
        fill_array(file, halves)
        np.left_shift(halves, 16, out=array.view(np.uint32), dtype=np.uint32)
        return array
    fill_array(file, array)
    if entry.dtype == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
        raise bad(f"tensor {show(entry.name)} of BOOL", "a byte above 1", "0 or 1")
    return array
