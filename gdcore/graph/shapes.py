"""Ops that move elements and compute nothing: reshape, transpose, slices, concatenation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.graph.ir import Batch, Dim, Shape, Value, size, strides
from gdcore.graph.registry import Op, Sample, apply, lift, register

if TYPE_CHECKING:
    from gdcore.graph.lower import Emitter


def _reshape_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    shape = tuple(attrs["shape"])
    if size(shape) != size(values[0].shape):
        raise ValueError(
            f"cannot reshape a value of shape {values[0].shape} to {shape}: "
            f"it holds {size(values[0].shape)} elements"
        )
    return shape


RESHAPE = register(
    Op(
        "reshape",
        "alias",
        _reshape_shape,
        lambda y, d: [reshape(d, y.inputs[0].shape)],
        lambda x, shape: x.reshape(shape),
        tuple(
            Sample((a,), {"shape": b})
            for a, b in (((4, 6), (24,)), ((4, 6), (2, 2, 6)), ((5,), (5, 1)), ((1, 1), ()))
        ),
    )
)


def reshape(x: Any, shape: Sequence[Dim]) -> Value:
    """x's elements in another shape, in the same order. One dimension may be -1.

    Raises
    ------
    ValueError
        If the shapes do not hold equally many elements.
    """
    value = lift(x)
    target = list(shape)
    if sum(isinstance(d, int) and d == -1 for d in target) > 1:
        raise ValueError(f"reshape to {tuple(shape)}: only one dimension can be -1")
    have = size(value.shape)
    for i, d in enumerate(target):
        if isinstance(d, int) and d == -1:
            rest = size(target[:i] + target[i + 1 :])
            if isinstance(rest, Batch):
                if not isinstance(have, Batch) or rest.rows == 0 or have.rows % rest.rows:
                    break
                target[i] = have.rows // rest.rows
            elif isinstance(have, Batch):
                if rest == 0 or have.rows % rest:
                    break
                target[i] = Batch(have.rows // rest)
            elif rest and have % rest == 0:
                target[i] = have // rest
    if any(isinstance(d, int) and d < 0 for d in target):
        raise ValueError(
            f"cannot reshape a value of shape {value.shape} to {tuple(shape)}: "
            f"it holds {have} elements"
        )
    if tuple(target) == value.shape:
        return value
    return apply(RESHAPE, value, shape=tuple(target))


def flatten(x: Any) -> Value:
    """All dimensions after the first in one."""
    value = lift(x)
    return reshape(value, (value.shape[0], size(value.shape[1:])))


def expand_dims(x: Any, axis: int) -> Value:
    """A new dimension of 1 at `axis`."""
    value = lift(x)
    at = axis % (value.ndim + 1)
    return reshape(value, (*value.shape[:at], 1, *value.shape[at:]))


def squeeze(x: Any, axis: int) -> Value:
    """Without the dimension `axis`, which must be 1.

    Raises
    ------
    ValueError
        If it is not.
    """
    value = lift(x)
    at = axis % value.ndim
    if value.shape[at] != 1:
        raise ValueError(
            f"squeeze of axis {axis} of a value of shape {value.shape}: that dimension is not 1"
        )
    return reshape(value, value.shape[:at] + value.shape[at + 1 :])


def _emit_transpose(y: Value, e: Emitter) -> None:
    steps = strides(y.inputs[0].shape)
    e.copy(y, y.inputs[0], y.shape, strides(y.shape), [steps[a] for a in y.attrs["axes"]])


def _transpose_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    if sorted(attrs["axes"]) != list(range(values[0].ndim)):
        raise ValueError(
            f"transpose with axes {tuple(attrs['axes'])} of a value with {values[0].ndim} dimensions: "
            "name each once"
        )
    return tuple(values[0].shape[a] for a in attrs["axes"])


TRANSPOSE = register(
    Op(
        "transpose",
        "kernel",
        _transpose_shape,
        lambda y, d: [transpose(d, [y.attrs["axes"].index(i) for i in range(y.ndim)])],
        lambda x, axes: x.transpose(axes),
        tuple(
            Sample((s,), {"axes": a})
            for s, a in (
                ((5, 7), (1, 0)),
                ((2, 3, 4), (0, 2, 1)),
                ((2, 3, 4), (2, 0, 1)),
                ((33, 17), (1, 0)),
                ((2, 3, 4, 5), (0, 2, 1, 3)),
            )
        ),
        emit=_emit_transpose,
        flops=0,
        takes_ints=True,
    )
)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Value:
    """Dimensions in another order; None reverses them, as in NumPy.

    Raises
    ------
    ValueError
        If `axes` is not a permutation of x's axes.
    """
    value = lift(x)
    order = tuple(range(value.ndim))[::-1] if axes is None else tuple(a % value.ndim for a in axes)
    return value if order == tuple(range(value.ndim)) else apply(TRANSPOSE, value, axes=order)


def _starts(y: Value, steps: Sequence[Dim]) -> list[tuple[int, Dim]]:
    return [(start, step) for (start, _, _), step in zip(y.attrs["cuts"], steps, strict=True)]


def _emit_slice(y: Value, e: Emitter) -> None:
    steps = strides(y.inputs[0].shape)
    inner = [step * cut[2] for step, cut in zip(steps, y.attrs["cuts"], strict=True)]
    e.copy(y, y.inputs[0], y.shape, strides(y.shape), inner, x_starts=_starts(y, steps))


def _emit_embed(y: Value, e: Emitter) -> None:
    steps, x = strides(y.shape), y.inputs[0]
    outer = [step * cut[2] for step, cut in zip(steps, y.attrs["cuts"], strict=True)]
    e.kernel("fill", [e.ref(y)], dims=[size(y.shape)], pars=[0.0])
    e.copy(y, x, x.shape, outer, strides(x.shape), y_starts=_starts(y, steps))


def _cut_length(start: int, stop: int, step: int) -> int:
    return max(0, -(-(stop - start) // step))


def _check_cuts(shape: Shape, cuts: Sequence[tuple[int, int | None, int]]) -> None:
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


def _embed_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    shape = tuple(attrs["shape"])
    _check_cuts(shape, attrs["cuts"])
    inside = tuple(
        d if stop is None else _cut_length(start, stop, step)
        for d, (start, stop, step) in zip(shape, attrs["cuts"], strict=True)
    )
    if inside != values[0].shape:
        raise ValueError(f"a value of shape {values[0].shape} embedded where {inside} is cut out")
    return shape


def _np_cuts(cuts: Sequence[tuple[int, int | None, int]]) -> tuple[slice, ...]:
    return tuple(slice(*c) for c in cuts)


def _np_embed(
    x: np.ndarray, cuts: Sequence[tuple[int, int | None, int]], shape: tuple[int, ...]
) -> np.ndarray:
    out = np.zeros(shape)
    out[_np_cuts(cuts)] = x
    return out


# cuts: (start, stop, step) for each dimension; stop None keeps all of it
SLICE = register(
    Op(
        "slice",
        "kernel",
        _slice_shape,
        lambda y, d: [apply(EMBED, d, cuts=y.attrs["cuts"], shape=y.inputs[0].shape)],
        lambda x, cuts: x[_np_cuts(cuts)],
        (
            Sample(((5, 7),), {"cuts": ((0, None, 1), (2, 5, 1))}),
            Sample(((6, 7, 3),), {"cuts": ((1, 6, 2), (0, None, 1), (1, 2, 1))}),
            Sample(((9,),), {"cuts": ((4, 9, 1),)}),
        ),
        emit=_emit_slice,
        flops=0,
        takes_ints=True,
    )
)
EMBED = register(
    Op(
        "embed",
        "kernel",
        _embed_shape,
        lambda y, d: [apply(SLICE, d, cuts=y.attrs["cuts"])],
        _np_embed,
        (
            Sample(((5, 3),), {"cuts": ((0, None, 1), (2, 5, 1)), "shape": (5, 7)}),
            Sample(((3,),), {"cuts": ((1, 7, 2),), "shape": (8,)}),
        ),
        emit=_emit_embed,
        flops=0,
    )
)


def getitem(x: Any, index: Any) -> Value:
    """x[index] with whole numbers, slices of positive step, `...` and None, as in NumPy.

    Raises
    ------
    IndexError
        If an index is out of range, or cuts the batch, whose length is known only when a step runs.
    TypeError
        For any other kind of index.
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
    cuts: list[tuple[int, int | None, int]] = []
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
                f"index {i} cuts the batch: its length is known only when a step runs. Only ':' goes there"
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
                f"concatenate along axis {axis}: shapes {[x.shape for x in values]} differ elsewhere"
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


def _emit_concat(y: Value, e: Emitter) -> None:
    steps, axis, at = strides(y.shape), y.attrs["axis"], 0
    for x in y.inputs:
        e.copy(y, x, x.shape, steps, strides(x.shape), y_starts=[(at, steps[axis])])
        at += x.shape[axis]  # type: ignore[operator]


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
        emit=_emit_concat,
        flops=0,
        takes_ints=True,
    )
)


def concatenate(xs: Sequence[Any], axis: int = -1) -> Value:
    """Values one after another along an axis.

    Raises
    ------
    ValueError
        If there are none, or their shapes differ elsewhere, or the axis is the batch.
    """
    values = [lift(x) for x in xs]
    if not values:
        raise ValueError("concatenate of no values: expected at least one")
    return values[0] if len(values) == 1 else apply(CONCAT, *values, axis=axis % values[0].ndim)


def stack(xs: Sequence[Any], axis: int = 0) -> Value:
    """Values of one shape along a new axis."""
    return concatenate([expand_dims(x, axis) for x in xs], axis)


def pad(x: Any, widths: Sequence[tuple[int, int]]) -> Value:
    """Zeros before and after along each dimension; the batch cannot be padded."""
    value = lift(x)
    cuts: list[tuple[int, int | None, int]] = []
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
