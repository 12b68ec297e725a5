"""The .ts format of the UCR and UEA archives of time series (A. Bagnall et al., *The UEA archive*, 2018).

Lines that begin with # are remarks, those that begin with @ a header; behind @data each line is a sample: its
dimensions, separated by colons, each a series of numbers separated by commas, and last its class.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["Series", "ts"]


class Series(NamedTuple):
    """The samples of a .ts file.

    Attributes
    ----------
    x : list of float32 arrays (length, dimensions)
        NaN where a number is missing.
    y : ndarray of int64 (samples,)
        Number of each sample's class.
    classes : list of str
        Names of the classes, in the order of the header.
    """

    x: list[np.ndarray]
    y: np.ndarray
    classes: list[str]


def ts(path: str | os.PathLike[str]) -> Series:
    """Read a .ts file of series and their classes.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Series
        ``x, y, classes``. Series of several lengths go to `gdcore.data.sequences`, those of one length into
        ``numpy.stack(x)``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such file, or a line is not as its header says; the message names the line.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "small.ts"
    >>> _ = path.write_text("@classLabel true a b\\n@data\\n1,2,3:4,5,6:b\\n")
    >>> x, y, classes = ts(path)
    >>> x[0].tolist(), classes[y[0]]
    ([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]], 'b')
    >>> folder.cleanup()
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8: expected a .ts file") from None
    classes: list[str] | None = None
    x: list[np.ndarray] = []
    y: list[int] = []
    begun = False
    for number, raw in enumerate(lines, 1):
        line, where = raw.strip(), f"{path}, line {number}"
        if not line or line.startswith("#"):
            continue
        if not begun:
            key, *words = line.split()
            if not key.startswith("@"):
                raise ValueError(
                    f"{where}: expected a header of lines that begin with @, and then @data"
                )
            begun = key.lower() == "@data"
            on = bool(words) and words[0].lower() == "true"
            if key.lower() == "@timestamps" and on:
                raise ValueError(
                    f"{where}: series with times of their own; expected @timeStamps false"
                )
            if key.lower() == "@classlabel" and on:
                classes = words[1:]
            if begun and not classes:
                raise ValueError(
                    f"{where}: no classes; expected @classLabel true and their names before"
                )
            continue
        *dimensions, label = line.split(":")
        if classes is None or label not in classes:
            raise ValueError(
                f"{where}: the class {label[:40]!r}; expected one of {', '.join(classes or ())[:200]}"
            )
        x.append(_series(dimensions, len(x[0][0]) if x else None, where))
        y.append(classes.index(label))
    if not x:
        raise ValueError(f"{path}: no samples; expected lines of series behind @data")
    return Series(x, np.array(y, np.int64), classes or [])


def _series(dimensions: list[str], count: int | None, where: str) -> np.ndarray:
    """One sample, (length, dimensions)."""
    if not dimensions or count not in (None, len(dimensions)):
        raise ValueError(
            f"{where}: {len(dimensions)} dimensions; expected {count or 'at least one'}"
        )
    rows = []
    for text in dimensions:
        try:
            row = [float("nan") if n.strip() == "?" else float(n) for n in text.split(",")]
        except ValueError as error:
            raise ValueError(f"{where}: {error}; expected numbers separated by commas") from None
        rows.append(row)
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise ValueError(
            f"{where}: dimensions of {sorted(lengths)} numbers; expected as many in each"
        )
    return np.array(rows, np.float32).T.copy()
