"""Weighted sums of rows of a table by number: bags of embeddings, and sparse rows times a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Shape, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import INT, Op, Sample, Value, register
from gdcore.graph.ops import reductions as rd
from gdcore.graph.ops.indexing import take
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.shapes import expand_dims


def _bag_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    table, index = values[:2]
    if index.dtype != INT or any(w.shape != index.shape for w in values[2:]):
        raise ValueError(f"a bag of indices {index!r} with weights {values[2:]}")
    return (*index.shape[:-1], table.shape[1])


def _add_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    return (attrs["rows"], values[0].shape[-1])


def _emit(y: Value, e: Emitter) -> None:
    back = y.op is BAG_ADD
    index = y.inputs[1]
    table = y if back else y.inputs[0]
    e.kernel(
        y.op.name,
        [e.ref(y), *map(e.ref, y.inputs)],
        dims=[size(index.shape[:-1]), index.shape[-1], *table.shape],
        attrs=[int(len(y.inputs) > 2)],
    )


def _weight_grad(rows: Value, dy: Value, index: Value) -> Value:
    """dw[..., i] = rows[index[..., i], :] · dy[..., :]."""
    return rd.sum(take(rows, index) * expand_dims(dy, -2), -1)


def _bag_grad(y: Value, d: Value) -> list[Value | None]:
    table, index, *weights = y.inputs
    dtable = apply(BAG_ADD, d, index, *weights, rows=table.shape[0])
    return [dtable, None, *(_weight_grad(table, d, index) for _ in weights)]


def _add_grad(y: Value, d: Value) -> list[Value | None]:
    dy, index, *weights = y.inputs
    return [apply(BAG, d, index, *weights), None, *(_weight_grad(d, dy, index) for _ in weights)]


def _np_bag(table: np.ndarray, index: np.ndarray, weights: Any = 1.0) -> np.ndarray:
    return np.asarray((table[index.astype(int)] * np.expand_dims(weights, -1)).sum(-2))


def _np_add(dy: np.ndarray, index: np.ndarray, weights: Any = 1.0, rows: int = 0) -> np.ndarray:
    out = np.zeros((rows, dy.shape[-1]))
    each = np.expand_dims(dy, -2) * np.expand_dims(np.broadcast_to(weights, index.shape), -1)
    np.add.at(out, index.astype(int).reshape(-1), each.reshape(-1, dy.shape[-1]))
    return out


BAG = register(
    Op(
        "bag",
        "kernel",
        _bag_shape,
        _bag_grad,
        _np_bag,
        (
            Sample(((7, 5), (4, 3)), ints={1: 7}),
            Sample(((6, 1), (2, 9), (2, 9)), ints={1: 6}),
            Sample(((9, 70), (5, 20), (5, 20)), ints={1: 9}),
        ),
        emit=_emit,
        flops=lambda y: size((len(y.inputs) - 1, y.inputs[0].shape[1], *y.inputs[1].shape)),
        takes_ints=True,
    )
)
BAG_ADD: Op = register(
    Op(
        "bag_add",
        "kernel",
        _add_shape,
        _add_grad,
        _np_add,
        (
            Sample(((4, 5), (4, 3)), {"rows": 7}, ints={1: 7}),
            Sample(((2, 1), (2, 9), (2, 9)), {"rows": 6}, ints={1: 6}),
            Sample(((5, 70), (5, 20), (5, 20)), {"rows": 9}, ints={1: 9}),
        ),
        emit=_emit,
        flops=lambda y: size((len(y.inputs) - 1, y.shape[1], *y.inputs[1].shape)),
        takes_ints=True,
    )
)
