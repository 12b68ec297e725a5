"""Ops that cut: slices, and their reverse, which pads with zeros."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.layout import Cut, Layout, Strided, covers, cut_out, disjoint, same
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ops.shapes import reshape
from gdcore.graph.ranges import or_zero, same_rows


def _cut_length(start: int, stop: int, step: int) -> int:
    return max(0, -(-(stop - start) // step))


def _check_cuts(shape: Shape, cuts: Sequence[Cut]) -> None:
    if len(cuts) != len(shape):
        raise ValueError(
            f"{len(cuts)} cuts through a value of shape {shape}: expected one for each dimension"
        )
    for dim, (start, stop, step) in zip(shape, cuts, strict=True):
        whole = (start, stop, step) == (0, None, 1)
        if not whole and (
            isinstance(dim, Batch) or stop is None or not 0 <= start <= stop <= dim or step < 1
        ):
            raise ValueError(f"cut {start}:{stop}:{step} does not lie in a dimension of {dim}")


def _slice_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    _check_cuts(values[0].shape, attrs["cuts"])
    return tuple(
        d if stop is None else _cut_length(start, stop, step)
        for d, (start, stop, step) in zip(values[0].shape, attrs["cuts"], strict=True)
    )


def embed_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    """The shape of a value that is a slice among zeros."""
    shape = tuple(attrs["shape"])
    _check_cuts(shape, attrs["cuts"])
    inside = tuple(
        d if stop is None else _cut_length(start, stop, step)
        for d, (start, stop, step) in zip(shape, attrs["cuts"], strict=True)
    )
    if inside != values[0].shape:
        raise ValueError(f"a value of shape {values[0].shape} embedded where {inside} is cut out")
    return shape


def _np_cuts(cuts: Sequence[Cut]) -> tuple[slice, ...]:
    return tuple(slice(*c) for c in cuts)


def _np_embed(x: np.ndarray, cuts: Sequence[Cut], shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape)
    out[_np_cuts(cuts)] = x
    return out


def emit_join(y: Value, e: Emitter) -> None:
    """Copy those inputs that do not lie in their place, and set what no input becomes to zero."""
    layout, parts = e.layouts.of(y), y.op.parts(y) if y.op.parts is not None else ()
    if y.op.reuses is None and not covers(
        y.shape, zip((x.shape for x in y.inputs), parts, strict=True)
    ):
        for cuts in _around(y.shape, parts):
            piece = tuple(map(_length, y.shape, cuts))
            zero = Layout(lift(0.0), Strided((0, 0), (0,) * y.ndim))
            e.copy(piece, Layout(layout.owner, cut_out(layout.at, cuts)), zero, y.dtype)
            e.out[-1].reads = [zero.owner]
    for x, cuts in zip(y.inputs, parts, strict=True):
        place = Layout(layout.owner, cut_out(layout.at, cuts))
        if not same(x.shape, place, e.layouts.of(x)):
            e.copy(x.shape, place, e.layouts.of(x), y.dtype)
            e.out[-1].reads = [x]


def _length(dim: Dim, cut: Cut) -> Dim:
    start, stop, step = cut
    return dim if stop is None else _cut_length(start, stop, step)


def _around(shape: Shape, parts: Sequence[Sequence[Cut]]) -> list[tuple[Cut, ...]]:
    """Slices that are, together, what some disjoint slices leave of a shape.

    Several of them may only have steps of 1.
    """
    left: list[tuple[Cut, ...]] = [((0, None, 1),) * len(shape)]
    for cuts in parts:
        left = [rest for box in left for rest in _without(box, cuts, shape)]
    return left


def _without(box: Sequence[Cut], cuts: Sequence[Cut], shape: Shape) -> Iterator[tuple[Cut, ...]]:
    """What a slice leaves of a box, in boxes: dimension by dimension, what lies beside it."""
    if disjoint(box, cuts) or any(stop is not None and start == stop for start, stop, _ in cuts):
        yield tuple(box)
        return
    inner = list(box)
    for axis, (start, stop, step) in enumerate(cuts):
        if stop is None:
            continue
        dim = shape[axis]
        low, stop_of_box, by = inner[axis]
        high = dim if stop_of_box is None else stop_of_box
        assert isinstance(high, int) and by == 1
        end = start + (_cut_length(start, stop, step) - 1) * step + 1
        beside = [(low, min(start, high), 1), (max(end, low), high, 1)]
        beside += [(start + r, end, step) for r in range(1, step)]
        for one in beside:
            if _cut_length(*one) > 0:
                yield (*inner[:axis], one, *inner[axis + 1 :])
        inner[axis] = (max(low, start), min(high, end), 1) if step == 1 else (start, end, step)


SLICE = register(
    Op(
        "slice",
        "view",
        _slice_shape,
        lambda y, d: [apply(EMBED, d, cuts=y.attrs["cuts"], shape=y.inputs[0].shape)],
        lambda x, cuts: x[_np_cuts(cuts)],
        (
            Sample(((5, 7),), {"cuts": ((0, None, 1), (2, 5, 1))}),
            Sample(((6, 7, 3),), {"cuts": ((1, 6, 2), (0, None, 1), (1, 2, 1))}),
            Sample(((9,),), {"cuts": ((4, 9, 1),)}),
        ),
        flops=0,
        takes_ints=True,
        view=lambda y, at: cut_out(at, y.attrs["cuts"]),
        bounds=same_rows(lambda y: tuple(y.attrs["cuts"][-1]) == (0, None, 1)),
    )
)
EMBED: Op = register(
    Op(
        "embed",
        "kernel",
        embed_shape,
        lambda y, d: [apply(SLICE, d, cuts=y.attrs["cuts"])],
        _np_embed,
        (
            Sample(((5, 3),), {"cuts": ((0, None, 1), (2, 5, 1)), "shape": (5, 7)}),
            Sample(((3,),), {"cuts": ((1, 7, 2),), "shape": (8,)}),
        ),
        emit=emit_join,
        flops=0,
        walks=lambda y, i, at: True,
        writes=lambda y, at: True,
        parts=lambda y: [y.attrs["cuts"]],
        bounds=or_zero,
    )
)


def getitem(x: Any, index: Any) -> Value:
    """x[index] with whole numbers, slices of positive step, `...` and None, as in NumPy.

    Parameters
    ----------
    x : Value or array
    index : int, slice, ..., None, or a tuple of them

    Returns
    -------
    Value
        Of the shape that NumPy gives.

    Raises
    ------
    IndexError
        If an index is out of range, or cuts the batch, whose length is known only when a step runs.
    TypeError
        For any other kind of index.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input((4, 6))
    >>> x[:, -1], x[..., ::2]
    (<reshape (B, 6)>, <slice (B, 4, 3)>)
    """
    value = lift(x)
    items = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(i, Value | np.ndarray | list) for i in items):
        raise TypeError("indexing by an array: use gd.ops.take(x, indices)")
    named = sum(i is not None and i is not Ellipsis for i in items)
    if named > value.ndim:
        raise IndexError(f"{named} indices for a value with {value.ndim} dimensions {value.shape}")
    at = items.index(Ellipsis) if any(i is Ellipsis for i in items) else len(items)
    items[at : at + 1] = [slice(None)] * (value.ndim - named)
    cuts: list[Cut] = []
    shape: list[Dim | None] = []  # None: the dimension goes
    for i in items:
        if i is None:
            shape.append(1)
            continue
        dim = value.shape[len(cuts)]
        if isinstance(i, slice) and i == slice(None):
            cuts.append((0, None, 1))
            shape.append(dim)
        elif isinstance(dim, Batch):
            raise IndexError(
                f"index {i} cuts the batch: "
                "its length is known only when a step runs. Only ':' goes there"
            )
        elif isinstance(i, slice):
            if i.step is not None and i.step < 1:
                raise IndexError(f"slice with step {i.step}: expected a positive one")
            start, stop, step = i.indices(dim)
            cuts.append((start, max(start, stop), step))
            shape.append(_cut_length(start, stop, step))
        elif isinstance(i, int | np.integer):
            if not -dim <= i < dim:
                raise IndexError(
                    f"index {i} is out of range for a dimension of {dim} in {value.shape}"
                )
            cuts.append((int(i) % dim, int(i) % dim + 1, 1))
        else:
            raise TypeError(f"index {i!r}: expected whole numbers, slices, '...' or None")
    kept = tuple(d for d in shape if d is not None)
    if all(stop is None for _, stop, _ in cuts):
        return reshape(value, kept)
    return reshape(apply(SLICE, value, cuts=tuple(cuts)), kept)


def pad(x: Any, widths: Sequence[tuple[int, int]]) -> Value:
    """Zeros before and after along each dimension.

    Parameters
    ----------
    x : Value or array
    widths : sequence of (int, int)
        (before, after) for each dimension; (0, 0) for the batch, which cannot be padded.

    Returns
    -------
    Value

    Raises
    ------
    ValueError
        If there is not one pair for each dimension, or the batch is to be padded.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(2)
    >>> gd.Model(x, gd.ops.pad(x, [(0, 0), (1, 2)])).predict([[5.0, 6.0]])
    array([[0., 5., 6., 0., 0.]], dtype=float32)
    """
    value = lift(x)
    cuts: list[Cut] = []
    shape: list[Dim] = []
    for dim, (before, after) in zip(value.shape, widths, strict=True):
        if isinstance(dim, Batch) or before == after == 0:
            if before or after:
                raise ValueError("pad of the batch: its length is known only when a step runs")
            cuts.append((0, None, 1))
            shape.append(dim)
        else:
            cuts.append((before, before + dim, 1))
            shape.append(before + dim + after)
    return (
        value
        if tuple(shape) == value.shape
        else apply(EMBED, value, cuts=tuple(cuts), shape=tuple(shape))
    )


Value.operators.update(getitem=getitem)
