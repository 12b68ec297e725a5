"""Masks of sequences in layers that read several steps at once: windows, pools, margins, statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import lift
from gdcore.layers.base import Layer
from gdcore.layers.rnn import sequence_mask

LOWEST = float(np.finfo(np.float32).min)
Function = Callable[[Value], Value]


def steps_mask(layer: Layer, x: Value, most: int = 3) -> Value | None:
    """Which steps of a sequence count, (batch, steps); None: all, as x has no mask.

    Parameters
    ----------
    layer : Layer
        Who asks.
    x : Value (batch, steps, ..., features)
    most : int
        Dimensions that x may have with a mask.

    Raises
    ------
    ValueError
        If x has a mask and is no such sequence.
    """
    if ops.mask_of(x) is None:
        return None
    if not 3 <= x.ndim <= most:
        raise ValueError(
            f"{type(layer).__name__} got a mask with an input of shape {x.shape}: expected a sequence (batch, "
            f"steps, features); give it that shape, or drop the mask with gd.ops.drop_mask(x)"
        )
    return sequence_mask(x, None)


def zeroed(x: Value, mask: Value) -> Value:
    """A sequence without its mask, 0 at the steps that do not count."""
    return ops.where(ops.expand_dims(mask, -1), ops.drop_mask(x), 0.0)


def moved(layer: Layer, x: Value, move: Function) -> Value:
    """A sequence whose steps a function moves, drops or adds to, and its mask likewise."""
    mask = steps_mask(layer, x)
    y = move(ops.drop_mask(x))
    return y if mask is None else _with_each(y, move(ops.expand_dims(mask, -1)))


def max_of_windows(layer: Layer, x: Value, pool: Function) -> Value:
    """A pool of largest elements over the steps that count; a window counts if one of its steps does."""
    mask = steps_mask(layer, x)
    if mask is None:
        return pool(x)
    counts = ops.expand_dims(mask, -1)
    some = ops.less(0.0, pool(counts))
    most = pool(ops.where(counts, ops.drop_mask(x), LOWEST))
    return _with_each(ops.where(some, most, 0.0), some)


def mean_of_windows(layer: Layer, x: Value, pool: Function, count_padding: bool = False) -> Value:
    """A pool of means over the steps that count; a window counts if one of its steps does."""
    mask = steps_mask(layer, x)
    if mask is None:
        return pool(x)
    share = pool(ops.expand_dims(mask, -1))  # of each window's elements
    some = ops.less(0.0, share)
    if count_padding:
        share = share + (1.0 - pool(lift(np.ones((1, x.shape[1], 1)))))
    return _with_each(pool(zeroed(x, mask)) / ops.where(some, share, 1.0), some)


def _with_each(y: Value, counts: Value) -> Value:
    """A sequence with a mask that is given as (batch, steps, 1)."""
    return ops.with_mask(y, ops.squeeze(counts, -1))
