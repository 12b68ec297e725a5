"""The idx format of the MNIST files (Y. LeCun et al., *The MNIST database*).

Two zero bytes, a code for the type, the number of dimensions, the dimensions as big-endian
32-bit numbers, then the values, big-endian.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["idx", "idx_folder", "mnist"]

Pair: TypeAlias = tuple[NDArray[Any], NDArray[np.int64]]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 8
#: Deflate expands a byte to at most 1,032 bytes, so that this bounds what a file can inflate to.
MOST_INFLATION = 1032


def idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read one idx file, gzipped or not.

    Parameters
    ----------
    path : path-like
        Whether it is gzipped is seen from its first bytes, not from its name.

    Returns
    -------
    ndarray
        Of the shape and type that the file declares, in native byte order.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not an idx file, is cut short, or holds more than it declares.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "labels-idx1-ubyte"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    >>> idx(path).tolist()
    [7, 2, 1]
    >>> folder.cleanup()
    """
    path = Path(path)
    size = path.stat().st_size
    with open(path, "rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not zipped:
            return _parse(raw, path, size)
        try:
            with gzip.open(raw, "rb") as inflated:
                return _parse(inflated, path, size * MOST_INFLATION)  # type: ignore[arg-type]
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path}: the gzip data is cut short or damaged ({error}), got {size} bytes: "
                "fetch the file again"
            ) from None


def _parse(file: BinaryIO, path: Path, at_most: int) -> NDArray[Any]:
    start = file.read(4)
    if len(start) < 4:
        raise ValueError(f"{path}: got {len(start)} bytes, expected an idx header of at least 4")
    if start[:2] != b"\0\0" or start[2] not in _TYPES or not 1 <= start[3] <= _MOST_DIMENSIONS:
        raise ValueError(
            f"{path}: not an idx file: starts with {start.hex(' ')}, expected 00 00, a type code "
            f"08 to 0e and 1 to {_MOST_DIMENSIONS} dimensions: pass a file such as "
            "train-images-idx3-ubyte"
        )
    dimensions = file.read(4 * start[3])
    if len(dimensions) < 4 * start[3]:
        raise ValueError(
            f"{path}: cut short, got {4 + len(dimensions)} bytes, expected a header of "
            f"{4 + 4 * start[3]}: fetch the file again"
        )
    shape = tuple(int(n) for n in np.frombuffer(dimensions, ">u4"))
    dtype = np.dtype(_TYPES[start[2]])
    header = 4 + len(dimensions)
    expected = header + math.prod(shape) * dtype.itemsize  # Python's integers cannot overflow
    if expected > at_most:
        raise ValueError(
            f"{path}: cut short, got {at_most} bytes at most, expected {expected} for shape "
            f"{shape} of {dtype.name}: fetch the file again"
        )
    # Read one byte more than declared, to detect that there is too much.
    body = bytearray()
    wanted = expected - header
    while len(body) <= wanted:
        chunk = file.read(min(1 << 20, wanted + 1 - len(body)))
        if not chunk:
            break
        body += chunk
    if len(body) < wanted:
        raise ValueError(
            f"{path}: cut short, got {header + len(body)} bytes, expected {expected} for shape "
            f"{shape} of {dtype.name}: fetch the file again"
        )
    if len(body) > wanted:
        raise ValueError(
            f"{path}: got more than the {expected} bytes expected for shape {shape} of "
            f"{dtype.name}: the header or the file is damaged, fetch it again"
        )
    values = np.frombuffer(body, dtype).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def _find(folder: Path, stem: str, suffix: str) -> Path:
    names = [f"{stem}{mark}{suffix}{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"{folder}: no {names[0]}, expected it, or {', '.join(names[1:])}: "
        "pass the folder that holds the four idx files"
    )


def _pair(folder: Path, stem: str, flatten: bool, scale: bool) -> Pair:
    images_path = _find(folder, f"{stem}-images", "idx3-ubyte")
    labels_path = _find(folder, f"{stem}-labels", "idx1-ubyte")
    images, labels = idx(images_path), idx(labels_path)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise ValueError(
            f"{images_path}: got shape {images.shape} of {images.dtype}, expected (n, rows, "
            "columns) of uint8: read it with idx() instead"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "ui":
        raise ValueError(
            f"{labels_path}: got shape {labels.shape} of {labels.dtype}, expected integers (n,): "
            "read it with idx() instead"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{folder}: got {len(images)} images and {len(labels)} labels for {stem!r}, expected "
            "as many of both: fetch the files again"
        )
    x: NDArray[Any] = images
    if flatten:
        # Not -1, which cannot be inferred where there are no images.
        x = images.reshape(len(images), images.shape[1] * images.shape[2])
    if scale:
        x = x.astype(np.float32)
        x /= np.float32(255)
    return x, labels.astype(np.int64)


def idx_folder(
    path: str | os.PathLike[str], *, flatten: bool = True, scale: bool = True
) -> tuple[Pair, Pair]:
    """Read a folder of MNIST-like idx files: MNIST, Fashion-MNIST, Kuzushiji-MNIST.

    Parameters
    ----------
    path : path-like
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same for ``t10k``;
        a dot instead of the dash before ``idx`` and a ``.gz`` at the end are understood.
    flatten : bool
        Images as rows ``(n, rows * columns)``, otherwise ``(n, rows, columns)``.
    scale : bool
        Pixels as float32 from 0 to 1, otherwise the file's uint8.

    Returns
    -------
    (x, y), (x_test, y_test)
        y is int64 ``(n,)``.

    Raises
    ------
    FileNotFoundError
        If the folder or one of the files is missing.
    ValueError
        If a file is damaged, or images and labels do not match.

    Examples
    --------
    Two images of 2 × 2 pixels to train on, and the same to test:

    >>> from pathlib import Path
    >>> images = bytes.fromhex("00000803 00000002 00000002 00000002 00ff00ff 33333333")
    >>> labels = bytes.fromhex("00000801 00000002 07 04")
    >>> for part in ("train", "t10k"):
    ...     _ = Path(f"{part}-images-idx3-ubyte").write_bytes(images)
    ...     _ = Path(f"{part}-labels-idx1-ubyte").write_bytes(labels)
    >>> (x, y), (x_test, y_test) = idx_folder(".")
    >>> x.shape, x[0].tolist(), y.tolist()
    ((2, 4), [0.0, 1.0, 0.0, 1.0], [7, 4])
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder, expected one with train-images-idx3-ubyte and its "
            "companions: pass the folder, not a file in it"
        )
    return _pair(folder, "train", flatten, scale), _pair(folder, "t10k", flatten, scale)


#: MNIST's own name for `idx_folder`.
mnist = idx_folder
