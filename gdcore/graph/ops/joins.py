"""Ops that join: concatenation and stacking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch, Shape
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.layout import Cut
from gdcore.graph.ops.identities import broadcast_to
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ops.shapes import expand_dims
from gdcore.graph.ops.slices import SLICE, embed_shape, emit_join, getitem
from gdcore.graph.ranges import any_or_zero, of_concatenate


def _concat_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    first, axis = values[0].shape, attrs["axis"]
    if not 0 <= axis < len(first):
        raise ValueError(f"concatenate along axis {axis} of shape {first}")
    total: int = 0
    for v in values:
        if len(v.shape) != len(first) or any(
            a != b for i, (a, b) in enumerate(zip(v.shape, first, strict=True)) if i != axis
        ):
            raise ValueError(
                f"concatenate along axis {axis}: "
                f"shapes {[x.shape for x in values]} differ elsewhere"
            )
        dim = v.shape[axis]
        if isinstance(dim, Batch):
            raise ValueError(
                "concatenate along the batch: its length is known only when a step runs"
            )
        total += dim
    return (*first[:axis], total, *first[axis + 1 :])


def _grad_concat(y: Value, d: Value) -> list[Value | None]:
    axis, at, out = y.attrs["axis"], 0, []
    for x in y.inputs:
        width = x.shape[axis]
        assert isinstance(width, int)
        out.append(getitem(d, (*[slice(None)] * axis, slice(at, at + width))))
        at += width
    return list(out)


def _parts(y: Value) -> list[tuple[Cut, ...]]:
    axis, at, out = y.attrs["axis"], 0, []
    whole: Cut = (0, None, 1)
    for x in y.inputs:
        width = x.shape[axis]
        assert isinstance(width, int)
        cut: Cut = (at, at + width, 1)
        out.append((*(whole,) * axis, cut, *(whole,) * (y.ndim - axis - 1)))
        at += width
    return out


CONCAT = register(
    Op(
        "concatenate",
        "kernel",
        _concat_shape,
        _grad_concat,
        lambda *x, axis: np.concatenate(x, axis),
        (
            Sample(((5, 3), (5, 4)), {"axis": 1}),
            Sample(((2, 3), (1, 3), (4, 3)), {"axis": 0}),
            Sample(((2, 3, 4), (2, 1, 4)), {"axis": 1}),
        ),
        emit=emit_join,
        flops=0,
        takes_ints=True,
        walks=lambda y, i, at: True,
        writes=lambda y, at: True,
        parts=_parts,
        bounds=of_concatenate,
    )
)


def _pieces_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    shape, cuts = tuple(attrs["shape"]), attrs["cuts"]
    for v, cut in zip(values, cuts, strict=True):
        embed_shape([v], {"shape": shape, "cuts": cut})
    return shape


def _np_pieces(*x: np.ndarray, cuts: Sequence[Sequence[Cut]], shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape)
    for piece, cut in zip(x, cuts, strict=True):
        out[tuple(slice(*c) for c in cut)] = piece
    return out


_ALL: Cut = (0, None, 1)
# Disjoint slices beside one another, and zeros elsewhere: what gradients of slices add up to.
PIECES = register(
    Op(
        "pieces",
        "kernel",
        _pieces_shape,
        lambda y, d: [apply(SLICE, d, cuts=cuts) for cuts in y.attrs["cuts"]],
        _np_pieces,
        (
            Sample(
                ((5, 3), (5, 4)), {"cuts": ((_ALL, (0, 3, 1)), (_ALL, (3, 7, 1))), "shape": (5, 7)}
            ),
            Sample(((4,), (3,)), {"cuts": (((0, 7, 2),), ((1, 7, 2),)), "shape": (7,)}),
            Sample(
                ((2, 2), (1, 5), (3, 2)),
                {
                    "cuts": (((1, 3, 1), (1, 3, 1)), ((3, 4, 1), _ALL), ((0, 3, 1), (3, 5, 1))),
                    "shape": (6, 5),
                },
            ),
        ),
        emit=emit_join,
        flops=0,
        walks=lambda y, i, at: True,
        writes=lambda y, at: True,
        parts=lambda y: y.attrs["cuts"],
        bounds=any_or_zero,
    )
)


def _np_overlay(x: np.ndarray, *parts: np.ndarray, cuts: Sequence[Sequence[Cut]]) -> np.ndarray:
    out = x.copy()
    for piece, cut in zip(parts, cuts, strict=True):
        out[tuple(slice(*c) for c in cut)] = piece
    return out


def _overlay_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    return _pieces_shape(values[1:], {**attrs, "shape": values[0].shape}) and values[0].shape


def _grad_overlay(y: Value, d: Value) -> list[Value | None]:
    cuts, parts = y.attrs["cuts"], y.inputs[1:]
    zeros = [broadcast_to(0.0, x.shape) for x in parts]
    return [apply(OVERLAY, d, *zeros, cuts=cuts), *(apply(SLICE, d, cuts=c) for c in cuts)]


# The first input with disjoint slices of it replaced, in its own memory where nothing else reads that.
OVERLAY: Op = register(
    Op(
        "overlay",
        "kernel",
        _overlay_shape,
        _grad_overlay,
        _np_overlay,
        (
            Sample(((5, 7), (5, 3)), {"cuts": ((_ALL, (2, 5, 1)),)}),
            Sample(((9,), (4,), (2,)), {"cuts": (((1, 9, 2),), ((2, 5, 2),))}),
        ),
        emit=emit_join,
        flops=0,
        parts=lambda y: [(_ALL,) * y.ndim, *y.attrs["cuts"]],
        reuses=0,
        bounds=any_or_zero,
    )
)


def concatenate(xs: Sequence[Any], axis: int = -1) -> Value:
    """Values one after another along an axis.

    Parameters
    ----------
    xs : sequence of Value or array
        Of shapes that are equal but for that axis.
    axis : int
        Negative ones count from the end; not the batch.

    Returns
    -------
    Value

    Raises
    ------
    ValueError
        If there are none, or their shapes differ elsewhere, or the axis is the batch.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.concatenate([gd.Input(3), gd.Input(2)])
    <concatenate (B, 5)>
    """
    values = [lift(x) for x in xs]
    if not values:
        raise ValueError("concatenate of no values: expected at least one")
    return values[0] if len(values) == 1 else apply(CONCAT, *values, axis=axis % values[0].ndim)


def stack(xs: Sequence[Any], axis: int = 0) -> Value:
    """Values of one shape along a new axis.

    Parameters
    ----------
    xs : sequence of Value or array
        n of them, of one shape.
    axis : int
        Where the new dimension stands in the result. Not 0 for values with a batch, whose rows must
        stay first.

    Returns
    -------
    Value
        With a dimension of n at `axis`.

    Raises
    ------
    ValueError
        If there are none, or their shapes differ.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> gd.ops.stack([x, 2 * x], axis=1)
    <concatenate (B, 2, 3)>
    """
    return concatenate([expand_dims(x, axis) for x in xs], axis)
