"""Sums of rows that are taken from a table become bags, and so do products of sparse rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gdcore.graph.dims import Batch
from gdcore.graph.ir import INT, Value, base, rewrite, topological
from gdcore.graph.ops.bags import BAG
from gdcore.graph.ops.indexing import TAKE
from gdcore.graph.ops.leaves import apply, input_value
from gdcore.graph.ops.products import MATMUL


class SparseInput(NamedTuple):
    """The leaves that stand for an input of sparse rows: up to k columns and numbers of each row."""

    columns: Value
    numbers: Value


def sparse_leaves(leaf: Value, k: int) -> SparseInput:
    """Leaves for an input whose rows have at most k numbers."""
    shape = (Batch(1), k)
    return SparseInput(
        input_value(shape, f"{leaf.name}.columns", INT), input_value(shape, f"{leaf.name}.numbers")
    )


def sparse_readable(outputs: Sequence[Value], leaf: Value) -> bool:
    """Whether everything that reads an input multiplies it by a matrix."""
    readers = [v for v in topological(outputs) if any(base(x) is leaf for x in v.inputs)]
    return bool(readers) and all(
        v.op is MATMUL
        and v.inputs[0] is leaf
        and base(v.inputs[1]) is not leaf
        and v.inputs[1].ndim == 2
        and not (v.attrs["ta"] or v.attrs["tb"])
        for v in readers
    )


def make_bags(outputs: Sequence[Value], sparse: Mapping[Value, SparseInput]) -> list[Value]:
    """The same outputs with bags in place of sums of taken rows, and of products of sparse inputs."""
    if not sparse and all(v.op is not TAKE for v in topological(outputs)):
        return list(outputs)

    def rule(v: Value) -> Value:
        if v.op is MATMUL and v.inputs[0] in sparse:
            return apply(BAG, v.inputs[1], *sparse[v.inputs[0]])
        if v.op.name not in ("sum", "mean"):
            return v
        (x,), axes = v.inputs, v.attrs["axes"]
        count = x.shape[axes[0]] if axes == (x.ndim - 2, x.ndim - 1) and x.ndim > 2 else None
        if not isinstance(count, int) or count < 1:
            return v
        taken, weights = _taken(x)
        if taken is None:
            return v
        y = apply(BAG, *taken.inputs, *weights)
        return y * (1.0 / count) if v.op.name == "mean" else y

    made = rewrite(outputs, rule)
    return [made[v] for v in outputs]


def _taken(x: Value) -> tuple[Value | None, list[Value]]:
    """The rows that are taken from a table, of which x is a multiple, and the weight of each."""
    if x.op is TAKE:
        return x, []
    if x.op.name != "mul":
        return None, []
    for rows, factor in (x.inputs, x.inputs[::-1]):
        weights = factor
        while weights.op.kind == "alias":  # an expanded dimension
            weights = weights.inputs[0]
        if (
            rows.op is TAKE
            and factor.shape == (*rows.shape[:-1], 1)
            and weights.shape == rows.shape[:-1]
            and weights.dtype != INT
        ):
            return rows, [weights]
    return None, []
