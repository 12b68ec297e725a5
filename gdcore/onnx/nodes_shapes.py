"""Nodes that reshape, slice, join and reduce, as traced values."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.dims import Batch, Dim, at_batch, broadcast, size
from gdcore.graph.ir import INT, Value
from gdcore.onnx.kinds import is_int, kind_of_array
from gdcore.onnx.nodes_elementwise import Row
from gdcore.onnx.nodes_host import shape_of
from gdcore.onnx.reader import Node
from gdcore.onnx.samples import MIXED, apart, batch_axis, place_batch, together

MOST_PARTS = 1 << 12  # pieces that one node may split a value into


def axis_of(axis: Any, rank: int) -> int:
    """An axis counted from the front."""
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise ValueError(f"axis {axis!r} of {rank} dimensions")
    return axis % rank


def _reshape(n: Node) -> Value:
    x, target = n.value(0), n.setting("shape", 1) or []
    if len(target) > 16:
        raise ValueError(f"{len(target)} dimensions: expected at most 16")
    kept = not n.attr("allowzero", 0)
    fixed = 1 if n.reader.together else n.reader.fixed
    if fixed is None or any(isinstance(d, Batch) for d in target):
        same = [kept and not isinstance(d, Batch) and d == 0 for d in target]
        return ops.reshape(x, [x.shape[i] if same[i] else d for i, d in enumerate(target)])
    dims = [at_batch(x.shape[i], fixed) if kept and d == 0 else d for i, d in enumerate(target)]
    try:
        return ops.reshape(x, place_batch(x, dims, fixed))
    except ValueError:
        if not n.reader.together:
            raise
    x = together(apart(x))
    return ops.reshape(x, place_batch(x, dims, fixed))


def _flatten(n: Node) -> Value:
    x = n.value(0)
    axis = n.attr("axis", 1)
    if not -x.ndim <= axis <= x.ndim:
        raise ValueError(f"axis {axis} of {x.ndim} dimensions")
    axis = axis + x.ndim if axis < 0 else axis
    return ops.reshape(x, (size(x.shape[:axis]), size(x.shape[axis:])))


def _squeeze(n: Node) -> Value:
    x, axes = n.value(0), n.setting("axes", 1)
    if axes is None:
        gone = {i for i, d in enumerate(x.shape) if d == 1}
    else:
        gone = {axis_of(a, x.ndim) for a in axes}
    if any(x.shape[a] != 1 for a in gone):
        raise ValueError(f"squeeze of the axes {sorted(gone)} of shape {x.shape}: they are not 1")
    return ops.reshape(x, [d for i, d in enumerate(x.shape) if i not in gone])


def _unsqueeze(n: Node) -> Value:
    x, axes = n.value(0), n.setting("axes", 1) or []
    rank = x.ndim + len(axes)
    if rank > 16:
        raise ValueError(f"{rank} dimensions: expected at most 16")
    new, rest = {axis_of(a, rank) for a in axes}, iter(x.shape)
    if len(new) != len(axes):
        raise ValueError(f"unsqueeze of the axes {[int(a) for a in axes]}: expected each once")
    return ops.reshape(x, [1 if i in new else next(rest) for i in range(rank)])


def transposed(x: Value, axes: Sequence[int]) -> Value:
    """Transpose; consecutive transposes are merged, or cancel."""
    order = [axis_of(a, x.ndim) for a in axes]
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(f"transpose by {tuple(axes)}: expected each axis once")
    if x.op.name == "transpose":
        before = x.attrs["axes"]
        return transposed(x.inputs[0], [before[a] for a in order])
    return ops.transpose(x, order)


def _transpose(n: Node) -> Value:
    x = n.value(0)
    return transposed(x, n.attr("perm", list(range(x.ndim))[::-1]))


def _concat(n: Node) -> Value:
    values = n.values()
    if len({is_int(v) for v in values}) > 1:
        values = [v * 1.0 if is_int(v) else v for v in values]
    return ops.concatenate(values, n.attr("axis", 1))


def index_of(x: Value, axis: int, item: Any) -> Value:
    return x[(*[slice(None)] * axis, item)]


def _slice(n: Node) -> Value:
    x = n.value(0)
    starts, stops = n.setting("starts", 1), n.setting("ends", 2)
    if starts is None or stops is None:
        raise ValueError("starts or ends are missing")
    axes = n.setting("axes", 3) or list(range(len(starts)))
    steps = n.setting("steps", 4) or [1] * len(starts)
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        at = axis_of(axis, x.ndim)
        whole = start == 0 and (
            stop == x.shape[at] or (not isinstance(stop, Batch) and stop >= 2**31 - 1)
        )
        dim = x.shape[at]
        if step < 0 and isinstance(dim, int):
            backwards = range(dim)[slice(start, None if stop < -dim else stop, step)]
            if len(backwards) > MOST_PARTS:
                raise ValueError(
                    f"{len(backwards)} elements backwards: expected at most {MOST_PARTS}"
                )
            x = ops.resample(x, at, [[(i, 1.0)] for i in backwards])
        elif not (whole and step == 1):
            x = index_of(x, at, slice(start, stop, step))
    return x


def _split(n: Node) -> list[Value]:
    x = n.value(0)
    axis = axis_of(n.attr("axis", 0), x.ndim)
    dim, parts = x.shape[axis], n.setting("split", 1)
    if n.attr("num_outputs", n.outputs) != n.outputs:
        raise ValueError(f"num_outputs={n.attr('num_outputs')} for {n.outputs} outputs")
    if isinstance(dim, Batch):
        raise ValueError("a split of the batch")
    if n.outputs > MOST_PARTS:
        raise ValueError(f"a split into {n.outputs} parts: expected at most {MOST_PARTS}")
    if parts is None:
        each = -(-dim // n.outputs)
        parts = [max(0, min(each, dim - i * each)) for i in range(n.outputs)]
    if sum(parts) != dim or len(parts) != n.outputs or min(parts) < 0:
        raise ValueError(f"a split of {dim} into {parts[:16]}: expected parts that add up to it")
    ends = np.cumsum(parts).tolist()
    return [index_of(x, axis, slice(e - p, e)) for e, p in zip(ends, parts, strict=True)]


def _gather(n: Node) -> Value:
    index = n.item(1)
    data = n.value(0, "embedding")
    axis = axis_of(n.attr("axis", 0), data.ndim)
    if isinstance(index, Value):
        if index.dtype != INT or axis != 0 or isinstance(data.shape[0], Batch):
            raise ValueError("indices that are computed: expected an input of ints, into a table")
        rows = ops.take(ops.reshape(data, (data.shape[0], -1)), index)
        return ops.reshape(rows, (*index.shape, *data.shape[1:]))
    return picked(data, axis, n.array(1))


def picked(data: Value, axis: int, at: np.ndarray) -> Value:
    """Entries along an axis, by constant indices."""
    dim, chosen = data.shape[axis], at.reshape(-1).tolist()
    if at.dtype.kind not in "iu" or not 0 < at.size <= MOST_PARTS or isinstance(dim, Batch):
        raise ValueError(
            f"{at.size} indices into dimension {axis} of shape {data.shape}: expected 1 to "
            f"{MOST_PARTS} whole numbers, and not into the batch"
        )
    if not all(-dim <= i < dim for i in chosen):
        raise ValueError(f"an index is out of range for a dimension of {dim}")
    if at.ndim == 0:
        return index_of(data, axis, int(at))
    if chosen == list(range(dim)):
        rows = data
    else:
        parts = [index_of(data, axis, slice(i % dim, i % dim + 1)) for i in chosen]
        rows = ops.concatenate(parts, axis)
    return ops.reshape(rows, (*data.shape[:axis], *at.shape, *data.shape[axis + 1 :]))


def _expand(n: Node) -> Value:
    x, target = n.value(0), n.ints(1)
    fixed, at = 1 if n.reader.together else n.reader.fixed, batch_axis(x.shape)
    if fixed is None or at is None or any(isinstance(d, Batch) for d in target):
        return ops.broadcast_to(x, broadcast(x.shape, tuple(target)))
    have = [at_batch(d, fixed) for d in x.shape]
    wide: list[Dim] = list(broadcast(tuple(have), tuple(target)))
    place = at + len(wide) - len(have)
    if wide[place] != have[at]:
        raise ValueError(MIXED)
    wide[place] = x.shape[at]
    return ops.broadcast_to(x, wide)


def _constant_of_shape(n: Node) -> Value:
    fill = n.attr("value", np.zeros(1, np.float32)).reshape(-1)
    n.makes = [kind_of_array(fill)]
    return ops.broadcast_to(float(fill[0]), tuple(n.ints(0)))


def _axes(n: Node, i: int, x: Value) -> list[int] | None:
    axes = n.setting("axes", i)
    if axes:
        return [axis_of(a, x.ndim) for a in axes]
    return [] if n.attr("noop_with_empty_axes", 0) else None


def _folds(function: Callable[..., Value]) -> Row:
    def row(n: Node) -> Value:
        x = n.value(0)
        axes = _axes(n, 1, x)
        return function(x, axes, bool(n.attr("keepdims", 1)))

    return row


def _norm1(x: Value, axes: Any, keep: bool) -> Value:
    return ops.sum(ops.abs(x), axes, keep)


def _squares(x: Value, axes: Any, keep: bool) -> Value:
    return ops.sum(ops.square(x), axes, keep)


def _product(x: Value, axes: Sequence[int] | None, keep: bool) -> Value:
    gone = range(x.ndim) if axes is None else axes
    for axis in sorted(gone, reverse=True):
        dim = x.shape[axis]
        if not isinstance(dim, int) or not 0 < dim <= MOST_PARTS:
            raise ValueError(f"a product of {dim} numbers: expected 1 to {MOST_PARTS} of a sample")
        cut = [index_of(x, axis, slice(i, i + 1)) for i in range(dim)]
        x = functools.reduce(ops.mul, cut)
    return x if keep else ops.reshape(x, [d for i, d in enumerate(x.shape) if i not in gone])


def _soft(function: Callable[[Value, int], Value]) -> Row:
    """Since opset 13 along one axis; before, along it and all behind it."""

    def row(n: Node) -> Value:
        x = n.value(0)
        axis = axis_of(n.attr("axis", -1 if n.opset >= 13 else 1), x.ndim)
        if n.opset >= 13 or axis == x.ndim - 1:
            return function(x, axis)
        flat = ops.reshape(x, (size(x.shape[:axis]), size(x.shape[axis:])))
        return ops.reshape(function(flat, 1), x.shape)

    return row


def _global(function: Callable[..., Value]) -> Row:
    return lambda n: function(n.value(0), range(2, n.value(0).ndim), True)


SHAPES: dict[str, Callable[[Node], Any]] = {
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GlobalAveragePool": _global(ops.mean),
    "GlobalMaxPool": _global(ops.max),
    "LogSoftmax": _soft(ops.log_softmax),
    "ReduceL1": _folds(_norm1),
    "ReduceL2": _folds(lambda x, axes, keep: ops.sqrt(_squares(x, axes, keep))),
    "ReduceLogSum": _folds(lambda x, axes, keep: ops.log(ops.sum(x, axes, keep))),
    "ReduceLogSumExp": _folds(ops.logsumexp),
    "ReduceMax": _folds(ops.max),
    "ReduceMean": _folds(ops.mean),
    "ReduceMin": _folds(ops.min),
    "ReduceProd": _folds(_product),
    "ReduceSum": _folds(ops.sum),
    "ReduceSumSquare": _folds(_squares),
    "Reshape": _reshape,
    "Shape": shape_of,
    "Slice": _slice,
    "Softmax": _soft(ops.softmax),
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
