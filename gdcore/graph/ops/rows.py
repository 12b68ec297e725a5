"""The gradient of a table as those of its rows that occur in a batch.

`row_gradient` finds, in the gradient that differentiation has made, where its rows come from. The occurrences
are grouped by row, and what belongs to one row is summed: numbers for as many rows as there are groups, of which
the number is known only when a step runs. Updates read both; see csrc/ops/rows.c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Value, register
from gdcore.graph.ops.bags import BAG_ADD
from gdcore.graph.ops.indexing import SCATTER
from gdcore.graph.ops.leaves import apply

PARTS = 64  # GD_ROW_PARTS
MOST_SOURCES = 64  # GD_ROW_SOURCES


class Source(NamedTuple):
    """One place from which rows of a gradient come: dy[i // each] · weights[i] belongs to row indices[i]."""

    dy: Value
    indices: Value
    weights: Value | None
    each: int


class RowGradient(NamedTuple):
    """A gradient by rows: `groups` says which rows occur, `numbers` has a row for each group."""

    groups: Value
    numbers: Value


def _total(dims: Sequence[Dim]) -> Dim:
    """The sum of sizes, which all grow with the batch or all do not."""
    rows = [d.rows for d in dims if isinstance(d, Batch)]
    return Batch(sum(rows)) if rows else sum(d for d in dims if not isinstance(d, Batch))


def _group_shape(values: Sequence[Value], _: Mapping[str, Any]) -> Shape:
    return (4, _total([size(v.shape) for v in values]))


def _emit_groups(y: Value, e: Emitter) -> None:
    e.kernel(
        "group_rows",
        [e.ref(y), *map(e.ref, y.inputs), e.workspace(y)],
        dims=[y.shape[1], y.attrs["rows"], *(size(v.shape) for v in y.inputs)],
    )


def _emit_sums(y: Value, e: Emitter) -> None:
    each, weighted = y.attrs["each"], y.attrs["weighted"]
    n = len(each)
    dys, groups, weights = y.inputs[:n], y.inputs[n], y.inputs[n + 1 :]
    at = iter(range(2 + n, 2 + n + len(weights)))
    dims: list[Dim] = list(y.shape)
    for dy, k in zip(dys, each, strict=True):
        dims += [size(dy.shape[:-1]) * k, k]
    e.kernel(
        "sum_rows",
        [e.ref(y), e.ref(groups), *map(e.ref, dys), *map(e.ref, weights)],
        dims=dims,
        attrs=[next(at) if w else 0 for w in weighted],
    )


def _sums_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    groups = values[len(attrs["each"])]
    return (groups.shape[1], values[0].shape[-1])


def _emit_squares(y: Value, e: Emitter) -> None:
    numbers, groups = y.inputs
    e.kernel("square_rows", [e.ref(y), e.ref(numbers), e.ref(groups)], dims=numbers.shape)


GROUP_ROWS = register(
    Op(
        "group_rows",
        "kernel",
        _group_shape,
        emit=_emit_groups,
        workspace=lambda y: y.shape[1] * 4,
        flops=lambda y: y.shape[1] * 500,  # a sort that waits for memory
        takes_ints=True,
    )
)
SUM_ROWS = register(
    Op("sum_rows", "kernel", _sums_shape, emit=_emit_sums, flops=2, takes_ints=True)
)
SQUARE_ROWS = register(
    Op(
        "square_rows",
        "kernel",
        lambda values, _: (PARTS,),
        emit=_emit_squares,
        flops=lambda y: size(y.inputs[0].shape) * 2,
        takes_ints=True,
    )
)


def sources_of(gradient: Value) -> list[Source] | None:
    """Where the rows of a gradient come from, if it is a sum of rows; None if any of it is dense."""
    if gradient.op.name == "add":
        parts = [sources_of(x) for x in gradient.inputs]
        return None if None in parts else [s for part in parts if part for s in part]
    if gradient.op not in (SCATTER, BAG_ADD):
        return None
    dy, index, *weights = gradient.inputs
    each = index.shape[-1] if gradient.op is BAG_ADD else 1
    if not isinstance(each, int) or each < 1:
        return None
    return [Source(dy, index, weights[0] if weights else None, each)]


def row_gradient(gradient: Value) -> RowGradient | None:
    """The gradient of a table by rows, or None if it is dense."""
    sources = sources_of(gradient)
    if not sources or len(sources) > MOST_SOURCES:
        return None
    if len({isinstance(size(s.indices.shape), Batch) for s in sources}) > 1:
        return None
    groups = apply(GROUP_ROWS, *(s.indices for s in sources), rows=gradient.shape[0])
    weights = [s.weights for s in sources if s.weights is not None]
    numbers = apply(
        SUM_ROWS,
        *(s.dy for s in sources),
        groups,
        *weights,
        each=tuple(s.each for s in sources),
        weighted=tuple(s.weights is not None for s in sources),
    )
    return RowGradient(groups, numbers)


def squared_norm(gradient: RowGradient) -> Value:
    """(PARTS,): sums of squares of all rows that occur."""
    return apply(SQUARE_ROWS, gradient.numbers, gradient.groups)


def block_of(width: int) -> int:
    """Rows that are updated at once: those of some thousand numbers."""
    return int(np.clip(1024 // width, 8, 256))
