"""Rows to learn from, and rows held out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.tabular.table import SettingError

__all__ = ["SPLITS", "folds_of", "hold_out", "hold_out_last"]

SPLITS = ("random", "last")


def hold_out(y: NDArray[Any], share: float, seed: int, classes: bool) -> NDArray[np.bool_]:
    """Which rows to hold out: at random, of every class alike.

    Parameters
    ----------
    y : array of n targets
    share : float
        At least 0 and below 1.
    seed : int
    classes : bool
        Whether `y` holds classes. The last row of a class is never held out. Rows of several
        targets, (n, k), are held out at random.

    Returns
    -------
    ndarray of bool, shape (n,)

    Raises
    ------
    ValueError
        If the share is out of range, or one part would be empty.

    Examples
    --------
    >>> int(hold_out(np.array([0, 1] * 10), 0.2, seed=0, classes=True).sum())
    4
    """
    if not isinstance(share, int | float | np.number) or not 0 <= share < 1:
        raise ValueError(f"held_out={share!r}: expected at least 0 and below 1")
    held = np.zeros(len(y), dtype=bool)
    if share == 0:
        return held
    order = np.random.default_rng(seed).permutation(len(y))
    if classes and y.ndim == 1:
        order = order[np.argsort(y[order], kind="stable")]
    # Of rows that lie class by class, evenly spaced ones give every class its share.
    count = np.floor(np.arange(len(y) + 1) * share + 0.5)
    held[order[np.diff(count) > 0]] = True
    for own in y.reshape(len(y), -1).T if classes else ():
        known = np.unique(own[~held])
        for lost in np.setdiff1d(own[held], known):
            held[np.flatnonzero(own == lost)[0]] = False
    if held.all() or not held.any():
        raise SettingError(
            f"a share of {share:g} held out of {len(y)} rows leaves a part empty: give another "
            "share, or 0"
        )
    return held


def hold_out_last(rows: int, share: float) -> NDArray[np.bool_]:
    """The last rows of so many.

    Raises
    ------
    ValueError
        If the share is out of range, or one part would be empty.

    Examples
    --------
    >>> hold_out_last(4, 0.25).tolist()
    [False, False, False, True]
    """
    if not isinstance(share, int | float | np.number) or not 0 <= share < 1:
        raise ValueError(f"held_out={share!r}: expected at least 0 and below 1")
    held = np.arange(rows) >= rows - int(np.floor(rows * share + 0.5))
    if held.all() or not held.any():
        raise SettingError(
            f"a share of {share:g} held out of {rows} rows leaves a part empty: give another "
            "share, or 0"
        )
    return held


def folds_of(
    y: NDArray[Any], count: int, seed: int, classes: bool
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows to train on and rows left out, for each fold: at random, of every class alike.

    Parameters
    ----------
    y : array of n targets
    count : int
    seed : int
    classes : bool
        Whether `y` holds classes.

    Returns
    -------
    list of (ndarray, ndarray)
        The largest folds first.

    Raises
    ------
    ValueError
        If there are fewer rows than folds.

    Examples
    --------
    >>> [len(left_out) for _, left_out in folds_of(np.zeros(7), 3, 0, False)]
    [3, 2, 2]
    """
    if len(y) < count:
        raise SettingError(f"folds={count}: expected at most as many as rows, {len(y)}")
    order = np.random.default_rng(seed).permutation(len(y))
    if classes:
        order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), np.int64)
    fold[order] = np.arange(len(y)) % count
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count)]
