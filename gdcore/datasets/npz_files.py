"""NumPy's .npz archives, validated before memory is allocated.

`np.load` compiles an array's header as Python source and allocates what the header claims; here the header of
an untrusted file is matched, and its claims compared with the size of the file, first.
"""

from __future__ import annotations

import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gdcore.datasets.idx_files import MOST_INFLATION
from gdcore.errors import cut, listed

__all__ = ["npz"]

Pair: TypeAlias = tuple[NDArray[Any], NDArray[Any]]

_HEADER_LENGTHS = {b"\x01\x00": "<H", b"\x02\x00": "<I", b"\x03\x00": "<I"}
_LONGEST_HEADER = 10_000  # bytes; NumPy's own limit
_MOST_DIMENSIONS = 32
_HEADER = re.compile(
    r"""\{'descr': (?P<descr>'[^']*'|\[.*\]), 'fortran_order': (?P<fortran>True|False), """
    r"""'shape': \((?P<shape>(-?\d{1,20}L?(, -?\d{1,20}L?)*,?)?)\),? ?\}\s*"""  # Python 2 wrote 3L
)
_PLAIN = re.compile(r"[<>|=]?[biufcSUVOMm?]\d{0,8}(\[\w{1,4}\])?")

# What zipfile raises for invalid offsets, flags, methods, names or streams.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError,
    RuntimeError, UnicodeDecodeError,
)  # fmt: skip


def npz(path: str | os.PathLike[str]) -> tuple[Pair, Pair | None]:
    """Read training and test arrays from an .npz file.

    Parameters
    ----------
    path : path-like
        Holds ``x_train, y_train`` and mostly ``x_test, y_test``, or ``x, y``; ``X`` will do for
        ``x`` and ``Y`` for ``y``.

    Returns
    -------
    (x, y), test
        `test` is ``(x_test, y_test)``, or None where the file has none. Arrays are as stored.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not an .npz file, an array is missing, sizes contradict one another, or an
        array holds Python objects (which would have to be unpickled).

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> np.savez(Path(folder.name) / "data.npz", x=np.zeros((3, 2)), y=np.arange(3))
    >>> (x, y), test = npz(Path(folder.name) / "data.npz")
    >>> x.shape, y.tolist(), test
    ((3, 2), [0, 1, 2], None)
    >>> folder.cleanup()
    """
    path = Path(path)
    with _archive(path) as (_, size, archive):
        if archive is None:
            raise ValueError(
                f"{path}: one array, as numpy.save writes it, expected x and y: write them with "
                "numpy.savez"
            )
        members = _members(archive)
        train = _pair(archive, members, path, size, "_train")
        if train is not None:
            return train, _pair(archive, members, path, size, "_test")
        plain = _pair(archive, members, path, size, "")
    if plain is None:
        raise ValueError(
            f"{path}: got arrays {_listed(members) or 'none'}, expected x and y, or "
            "x_train, y_train, x_test and y_test: rename them"
        )
    return plain, None


def one_array(path: str | os.PathLike[str], names: Sequence[str]) -> tuple[str, NDArray[Any]]:
    """The array of an .npy file, or the first of these that an .npz file holds.

    Returns
    -------
    (name, array)
        The name is empty for an .npy file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        As `npz`.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> np.save(Path(folder.name) / "data.npy", np.arange(3))
    >>> one_array(Path(folder.name) / "data.npy", ["x"])
    ('', array([0, 1, 2]))
    >>> folder.cleanup()
    """
    path = Path(path)
    with _archive(path) as (file, size, archive):
        if archive is None:
            return "", _body(file, size, str(path))
        members = _members(archive)
        name = next((n for n in names if n in members), None)
        if name is not None:
            return name, _array(archive, members[name], path, size)
    raise ValueError(
        f"{path}: got arrays {_listed(members) or 'none'}, expected one of "
        f"{', '.join(names)}: rename one"
    )


@contextmanager
def _archive(path: Path) -> Iterator[tuple[IO[bytes], int, zipfile.ZipFile | None]]:
    """A file, its size, and the archive that it is unless it begins as an .npy file does."""
    size = path.stat().st_size
    with open(path, "rb") as file:  # opened here, so that below an OSError means bad offsets
        try:
            alone = file.read(6) == b"\x93NUMPY"
            file.seek(0)
            if alone:
                yield file, size, None
                return
            with zipfile.ZipFile(file) as archive:
                yield file, size, archive
        except _DAMAGE as error:
            raise ValueError(
                f"{path}: not a sound .npz file ({cut(error, 200) or type(error).__name__}), got {size} "
                "bytes, expected what numpy.savez writes: write it again"
            ) from None


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {info.filename.removesuffix(".npy"): info for info in archive.infolist()}


def _listed(names: Iterable[str]) -> str:
    """Names for a message, which stay on one short line whatever they are."""
    shown = [n if n.isidentifier() else repr(n) for n in sorted(names)]
    return listed(shown)


def _pair(
    archive: zipfile.ZipFile,
    members: dict[str, zipfile.ZipInfo],
    path: Path,
    size: int,
    suffix: str,
) -> Pair | None:
    found = []
    for letter in "xy":
        names = [name + suffix for name in (letter, letter.upper()) if name + suffix in members]
        if names:
            found.append(_array(archive, members[names[0]], path, size))
    if not found:
        return None
    if len(found) != 2:
        raise ValueError(
            f"{path}: got only one of x{suffix} and y{suffix}, expected both: add the other"
        )
    x, y = found
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"{path}: got x{suffix} of shape {x.shape} and y{suffix} of shape {y.shape}, expected "
            "as many rows in both: one y for every x"
        )
    return x, y


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of an array, without evaluating the header as Python, as NumPy does.

    See https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html for the format.
    """
    magic = file.read(8)
    if magic[:6] != b"\x93NUMPY" or magic[6:] not in _HEADER_LENGTHS:
        raise ValueError(f"it starts with {magic.hex(' ')}")
    code = _HEADER_LENGTHS[magic[6:]]
    wide = file.read(struct.calcsize(code))
    length = struct.unpack(code, wide)[0]
    if length > _LONGEST_HEADER:
        raise ValueError(f"it would be {length} bytes long")
    found = _HEADER.fullmatch(file.read(length).decode("utf-8"))
    if found is None:
        raise ValueError("it does not give descr, fortran_order and shape")
    sizes = tuple(int(n) for n in re.findall(r"-?\d+", found["shape"]))
    if len(sizes) > _MOST_DIMENSIONS:
        raise ValueError(f"it has {len(sizes)} dimensions")
    return sizes, found["fortran"] == "True", _dtype(found["descr"])


def _dtype(text: str) -> np.dtype[Any]:
    if text.startswith("["):
        return np.dtype("V8")  # a record of several fields
    if not _PLAIN.fullmatch(text[1:-1]):
        raise ValueError("its type is not one of NumPy's")
    return np.dtype(text[1:-1])


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, size: int) -> NDArray[Any]:
    name = info.filename
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(
            f"{path}: {name} is compressed by method {info.compress_type}, expected stored or "
            "deflated: write it with numpy.savez"
        )
    if info.compress_size > size or info.file_size > info.compress_size * MOST_INFLATION:
        raise ValueError(
            f"{path}: {name} declares {info.file_size} bytes packed into {info.compress_size} in "
            f"a file of {size}, expected sizes that can be true: the file is damaged"
        )
    with archive.open(info) as file:
        # The last check is that of the content's CRC, which zipfile does while reading.
        return _body(file, info.file_size, f"{path}: {name}")


def _body(file: IO[bytes], size: int, what: str) -> NDArray[Any]:
    """An array as NumPy writes it, from a file or member that says it has `size` bytes."""
    try:
        shape, fortran, dtype = _header(file)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{what} has no sound array header ({cut(error, 200)}), expected what numpy.savez "
            "writes: write it again"
        ) from None
    if dtype.hasobject:
        raise ValueError(
            f"{what} holds Python objects, which are never unpickled, expected "
            "numbers or text: convert it with .astype(...) before saving"
        )
    if dtype.kind not in "biufUS" or dtype.itemsize == 0:
        raise ValueError(
            f"{what} holds {dtype}, expected numbers or text: convert it with "
            ".astype(...) before saving"
        )
    header = file.tell()
    if any(n < 0 for n in shape):
        raise ValueError(f"{what} declares shape {shape}, expected none below 0")
    expected = header + math.prod(shape) * dtype.itemsize
    if expected != size:
        raise ValueError(
            f"{what} declares shape {shape} of {dtype}, which is {expected} bytes, "
            f"got {size}: the file is damaged, write it again"
        )
    body = bytearray(file.read(size - header + 1))
    if header + len(body) != expected:
        raise ValueError(
            f"{what} is cut short, got {header + len(body)} bytes, expected {expected}: "
            "write it again"
        )
    return np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
