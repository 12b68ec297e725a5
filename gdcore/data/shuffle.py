"""The order of the samples of an epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gdcore import _core

BLOCK = 1 << 16  # elements of a block of neighbouring rows
WINDOW = 256  # number of blocks whose rows are shuffled together


def epoch_order(
    shuffle: bool | str, rows: int, width: int, seed: int, epoch: int
) -> np.ndarray | None:
    """The sample numbers of an epoch in the order of training, a function of these arguments alone.

    Parameters
    ----------
    shuffle : bool or "blocks"
        True for a random order of all rows. "blocks" shuffles blocks of neighbouring rows, and then the
        rows within each `WINDOW` of blocks, so that a file is read in long contiguous ranges.
    rows : int
    width : int
        Elements of one row: a block has as many rows as come to about `BLOCK` elements.
    seed, epoch : int

    Returns
    -------
    ndarray of int64 (rows,), or None for the order of the data
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
    # Copied before it is validated, because the function may keep its array and change it later.
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
