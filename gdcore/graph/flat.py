"""A graph as a list, for copies and pickles: values hold one another, and chains are long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gdcore.graph.ir import OPS, Value, topological

Row = tuple[str, tuple[int, ...], dict[str, Any], Any, str, str, Any, Any]


def flatten(values: Sequence[Value]) -> tuple[list[Row], list[int]]:
    """Rows for everything that the values are made of, and the numbers of the values' own rows."""
    order = topological(values)
    number = {v: i for i, v in enumerate(order)}
    rows = [
        (
            v.op.name,
            tuple(number[x] for x in v.inputs),
            dict(v.attrs),
            v.shape,
            v.dtype,
            v.name,
            v.layer,
            v.within,
        )
        for v in order
    ]
    return rows, [number[v] for v in values]


def unflatten(rows: Sequence[Row], wanted: Sequence[int]) -> list[Value]:
    """The values that `flatten` was given; leaves of variables are those that the variables have."""
    made: list[Value] = []
    for op, inputs, attrs, shape, dtype, name, layer, within in rows:
        if "variable" in attrs:
            made.append(attrs["variable"].leaf)
            continue
        value = Value(OPS[op], tuple(made[i] for i in inputs), attrs, shape, dtype, name)
        value.layer, value.within = layer, within
        made.append(value)
    return [made[i] for i in wanted]
