"""Every op of the registry as ONNX nodes: `ROWS` has one row for each, which writes its nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gdcore.graph.dims import Batch, Dim, size
from gdcore.graph.ir import Value
from gdcore.onnx.rows_elementwise import ELEMENTWISE, Row
from gdcore.onnx.rows_pools import POOLS
from gdcore.onnx.rows_windows import WINDOWS, padded
from gdcore.onnx.writer import FLOATS, INTS, Writer, single


def _identity(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """A copy; with a shape it repeats. What is the batch already stays as it is."""
    have = (1,) * (v.ndim - v.inputs[0].ndim) + v.inputs[0].shape
    dims: list[Dim] = [1 if a == b else b for a, b in zip(have, v.shape, strict=True)]
    if all(d == 1 for d in dims) and v.ndim == v.inputs[0].ndim:
        return xs[0]
    return w.node("Expand", xs[0], w.shape(dims))


def _constant(w: Writer, v: Value, xs: Sequence[str]) -> str:
    return w.constant(single(v.attrs["array"], "a constant"))


def _count(w: Writer, v: Value, xs: Sequence[str]) -> str:
    length = w.node("Cast", w.length(v.attrs["dim"]), to=FLOATS)
    return w.node("Squeeze", length, w.ints(0))


def _fold_axes(kind: str) -> Row:
    def row(w: Writer, v: Value, xs: Sequence[str]) -> str:
        return w.node(kind, xs[0], w.ints(*range(*v.attrs["axes"])), keepdims=0)

    return row


def _slice(w: Writer, v: Value, xs: Sequence[str]) -> str:
    cuts = [(i, *c) for i, c in enumerate(v.attrs["cuts"]) if c[1] is not None]
    if not cuts:
        return xs[0]
    axes, starts, stops, steps = zip(*cuts, strict=True)
    return w.node("Slice", xs[0], w.ints(*starts), w.ints(*stops), w.ints(*axes), w.ints(*steps))


def _embed(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """Zeros around, and between elements where there is a step: each is padded to a run of `step`."""
    (x,), name = v.inputs, w.real(v.inputs[0])
    shape = list(x.shape)
    before, after = [0] * v.ndim, [0] * v.ndim
    for i, (start, stop, step) in enumerate(v.attrs["cuts"]):
        whole, have = v.shape[i], shape[i]
        if stop is None or isinstance(whole, Batch) or isinstance(have, Batch):
            continue
        if step > 1:
            spread = w.reshape(name, (*shape[: i + 1], 1, *shape[i + 1 :]))
            gaps = [0] * (v.ndim + 1)
            gaps[i + 1] = step - 1
            spread = padded(w, spread, [0] * (v.ndim + 1), gaps, 0.0)
            shape[i] = have = have * step
            name = w.reshape(spread, tuple(shape))
        before[i], after[i] = start, whole - start - have  # below 0: shortened
    return padded(w, name, before, after, 0.0)


def _concatenate(w: Writer, v: Value, xs: Sequence[str]) -> str:
    names = [w.real(x) if x.dtype != v.dtype else n for x, n in zip(v.inputs, xs, strict=True)]
    return w.node("Concat", *names, axis=v.attrs["axis"])


def _take(w: Writer, v: Value, xs: Sequence[str]) -> str:
    return w.node("Gather", *xs, axis=0)


def _scatter_add(w: Writer, v: Value, xs: Sequence[str]) -> str:
    index = v.inputs[1]
    rows = w.reshape(xs[0], (size(index.shape), v.shape[-1]))
    at = w.reshape(w.node("Cast", xs[1], to=INTS), (size(index.shape), 1))
    zeros = w.constant(np.zeros([int(d) for d in v.shape if isinstance(d, int)], np.float32))
    return w.node("ScatterND", zeros, at, rows, reduction="add")


def _matmul(w: Writer, v: Value, xs: Sequence[str]) -> str:
    ta, tb = v.attrs["ta"], v.attrs["tb"]
    if v.ndim == 2 and (ta or tb):
        return w.node("Gemm", *xs, transA=int(ta), transB=int(tb))
    last = (*range(v.ndim - 2), v.ndim - 1, v.ndim - 2)
    a, b = (
        w.transpose(x, *last) if swapped else x for x, swapped in zip(xs, (ta, tb), strict=True)
    )
    return w.node("MatMul", a, b)


def _first(w: Writer, v: Value, xs: Sequence[str]) -> str:
    return xs[0]


ROWS: dict[str, Row] = {
    **ELEMENTWISE,
    "identity": _identity,
    "constant": _constant,
    "count": _count,
    "stop_gradient": _first,
    "reshape": lambda w, v, xs: w.reshape(xs[0], v.shape),
    "transpose": lambda w, v, xs: w.transpose(xs[0], *v.attrs["axes"]),
    "slice": _slice,
    "embed": _embed,
    "concatenate": _concatenate,
    "take": _take,
    "scatter_add": _scatter_add,
    "matmul": _matmul,
    "sum": _fold_axes("ReduceSum"),
    "mean": _fold_axes("ReduceMean"),
    "max": _fold_axes("ReduceMax"),
    "logsumexp": _fold_axes("ReduceLogSumExp"),
    "softmax": lambda w, v, xs: w.node("Softmax", xs[0], axis=v.attrs["axis"]),
    "log_softmax": lambda w, v, xs: w.node("LogSoftmax", xs[0], axis=v.attrs["axis"]),
    **WINDOWS,
    **POOLS,
}
# What never stands in a prediction graph: leaves that have their name already, the two phases,
# which `specialize` resolves, and the ranges of an optimizer's vectors.
ELSEWHERE = {
    *("input", "param", "state", "range", "when_training", "with_update"),
    *("as_rows", "carried"),  # refused: a graph of ONNX has no states
    *("single", "outer_peak"),  # of training steps alone
    *("bag", "bag_add", "group_rows", "sum_rows", "square_rows"),  # made while a step is planned
    *("copy", "pieces", "overlay", "matmul_add", "softmax_along"),  # passes put them in
    *("scan", "loop_leaf", "loop_part", "loop_cotangent"),  # loops are written out before
}
