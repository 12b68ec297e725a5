"""The binary version of CIFAR-10 and CIFAR-100 (A. Krizhevsky, *Learning multiple layers of features*, 2009).

A file is records of one length: one byte of class (two in CIFAR-100: of 20 and of 100), then 32 × 32 bytes of red,
as many of green, as many of blue.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["cifar10", "cifar100"]

Pair: TypeAlias = tuple[NDArray[Any], NDArray[np.int64]]
SIDE = 32
PIXELS = 3 * SIDE * SIDE


def _records(path: Path, labels: int) -> NDArray[np.uint8]:
    """The records of a file, (n, labels + pixels)."""
    length = labels + PIXELS
    size = path.stat().st_size
    if size == 0 or size % length:
        raise ValueError(
            f"{path}: got {size} bytes, expected a multiple of {length}, the size of an image and its "
            "class: the file is cut short or damaged, fetch it again"
        )
    return np.fromfile(path, np.uint8).reshape(-1, length)


def _pair(paths: list[Path], labels: int, which: int, classes: int) -> Pair:
    parts = [_records(p, labels) for p in paths]
    for path, part in zip(paths, parts, strict=True):
        if part[:, which].max() >= classes:
            raise ValueError(
                f"{path}: class {part[:, which].max()} in it, expected 0 to {classes - 1}: the file is "
                "damaged, or of another set"
            )
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    pixels = whole[:, labels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pixels), whole[:, which].astype(np.int64)


def _folder(path: str | os.PathLike[str], names: list[str], within: str) -> Path:
    folder = Path(path)
    for place in (folder, folder / within):
        if all((place / n).is_file() for n in names):
            return place
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder, expected one with {', '.join(names)}")
    absent = next(n for n in names if not (folder / n).is_file())
    pickled = any((folder / n.removesuffix(".bin")).is_file() for n in names)
    more = "the pickled version of the set is in it, which is not read" if pickled else "not in it"
    raise FileNotFoundError(
        f"{folder}: no {absent} ({more}), expected the binary version with {', '.join(names)}"
    )


def cifar10(path: str | os.PathLike[str]) -> tuple[Pair, Pair]:
    """Read the folder of CIFAR-10's binary version.

    Parameters
    ----------
    path : path-like
        Holds ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``, itself or in a folder
        ``cifar-10-batches-bin``.

    Returns
    -------
    (x, y), (x_test, y_test)
        Images of uint8 (n, 32, 32, 3), and classes of int64 (n,) from 0 to 9.

    Raises
    ------
    FileNotFoundError
        If the folder or one of the files is missing.
    ValueError
        If a file is damaged.

    Examples
    --------
    A folder of one image a file:

    >>> from pathlib import Path
    >>> for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
    ...     _ = Path(f"{name}.bin").write_bytes(bytes([7, *[200] * 1024, *[0] * 2048]))
    >>> (x, y), (x_test, y_test) = cifar10(".")
    >>> x.shape, x[0, 0, 0].tolist(), y.tolist()
    ((5, 32, 32, 3), [200, 0, 0], [7, 7, 7, 7, 7])
    """
    train = [f"data_batch_{i}.bin" for i in range(1, 6)]
    folder = _folder(path, [*train, "test_batch.bin"], "cifar-10-batches-bin")
    return (
        _pair([folder / n for n in train], 1, 0, 10),
        _pair([folder / "test_batch.bin"], 1, 0, 10),
    )


def cifar100(path: str | os.PathLike[str], *, coarse: bool = False) -> tuple[Pair, Pair]:
    """Read the folder of CIFAR-100's binary version.

    Parameters
    ----------
    path : path-like
        Holds ``train.bin`` and ``test.bin``, itself or in a folder ``cifar-100-binary``.
    coarse : bool
        The 20 superclasses in the place of the 100 classes.

    Returns
    -------
    (x, y), (x_test, y_test)
        Images of uint8 (n, 32, 32, 3), and classes of int64 (n,).

    Raises
    ------
    FileNotFoundError
        If the folder or one of the files is missing.
    ValueError
        If a file is damaged.

    Examples
    --------
    >>> from pathlib import Path
    >>> for name in ("train", "test"):
    ...     _ = Path(f"{name}.bin").write_bytes(bytes([3, 77, *[0] * 3072]))
    >>> (x, y), _ = cifar100(".")
    >>> y.tolist(), cifar100(".", coarse=True)[0][1].tolist()
    ([77], [3])
    """
    folder = _folder(path, ["train.bin", "test.bin"], "cifar-100-binary")
    which, classes = (0, 20) if coarse else (1, 100)
    return (
        _pair([folder / "train.bin"], 2, which, classes),
        _pair([folder / "test.bin"], 2, which, classes),
    )
