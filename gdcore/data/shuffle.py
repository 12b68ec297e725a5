"""The order in which an epoch takes its samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gdcore import _core

BLOCK = 1 << 16  # elements of neighbouring rows that are read together
WINDOW = 256  # blocks whose rows are mixed


def epoch_order(
    shuffle: bool | str, rows: int, width: int, seed: int, epoch: int
) -> np.ndarray | None:
    """Sample numbers in the order of their turn, a function of these arguments alone.

    Parameters
    ----------
    shuffle : bool or "blocks"
        True for any order of all rows; "blocks" for blocks of neighbouring rows in any order, the
        rows of `WINDOW` blocks at a time mixed: a file is read in long stretches then.
    rows : int
    width : int
        Elements of one row: a block has as many rows as come to about `BLOCK` elements.
    seed, epoch : int

    Returns
    -------
    ndarray of int64, or None for the order in which they lie
    """
    if not shuffle:
        return None
    if shuffle != "blocks":
        order = np.empty(rows, np.int64)
        _core.permutation(order, seed, epoch)
        return order
    size = max(1, BLOCK // max(1, width))
    blocks = np.empty(-(-rows // size), np.int64)
    _core.permutation(blocks, seed, epoch)
    order = (blocks[:, None] * size + np.arange(size)).reshape(-1)
    order = order[order < rows]  # the last block may be shorter
    for k, start in enumerate(range(0, rows, WINDOW * size)):
        part = order[start : start + WINDOW * size]
        mixed = np.empty(len(part), np.int64)
        _core.permutation(mixed, seed, epoch + ((k + 1) << 32))
        part[...] = part[mixed]
    return order


def given_order(function: Callable[[int], Any], epoch: int, rows: int) -> np.ndarray:
    """The order that a user's function gives for an epoch: int64 numbers, each sample once.

    Raises
    ------
    ValueError
        If it gives anything else.
    """
    given = np.asarray(function(epoch))
    # A copy is what is tested and used: the function may keep its array, and change it.
    order = given.astype(np.int64, "C") if given.dtype.kind in "iu" else given
    seen = np.zeros(rows, bool)
    whole = order.dtype == np.int64 and order.shape == seen.shape
    if whole and 0 <= order.min() <= order.max() < rows:
        seen[order] = True
    if not seen.all():
        raise ValueError(
            f"fit shuffle gave {order.size} numbers for epoch {epoch}: expected each of "
            f"0 to {rows - 1} once"
        )
    return order
