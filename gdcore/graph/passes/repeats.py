"""Repetitions that their readers walk: nothing is written for them, they are views with strides of 0.

An elementwise pass repeats its inputs by itself. What else repeats a value is one more elementwise pass that writes
all of it; where the kernel that reads it can walk strides, it reads the value itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.graph.ir import REAL, VIEWS, Value, base, topological, with_inputs
from gdcore.graph.layout import Strided, dense, view
from gdcore.graph.ops.identities import IDENTITY
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.shapes import REPEAT


def repeat_in_place(roots: Sequence[Value]) -> dict[Value, Value]:
    """For every value of a graph, the one that takes its place."""
    order = topological(roots)
    new = {v: v for v in order}
    if not any(map(_repeats, order)):
        return new
    repeated: dict[Value, Value] = {}  # what is seen of a repetition, as a view
    for v in order:
        inputs = tuple(
            _seen(x, new, repeated) if _walks(v, i, x) else new[x] for i, x in enumerate(v.inputs)
        )
        new[v] = with_inputs(v, inputs)
    return new


def _repeats(v: Value) -> bool:
    return v.op is IDENTITY and v.inputs[0].dtype == REAL and v.shape != v.inputs[0].shape


def _walks(v: Value, i: int, x: Value) -> bool:
    """Whether a value reads a repetition, and its kernel can walk it where it lies."""
    if v.op.kind in VIEWS or v.op.parts is not None or v.op.reuses == i or not _repeats(base(x)):
        return False
    at = _steps(x)
    return at is not None and (
        v.op.kind == "map" or (v.op.walks is not None and v.op.walks(v, i, at))
    )


def _steps(x: Value) -> Strided | None:
    """Where a view of a repetition would lie, if what is repeated is not moved."""
    chain = []
    while x.op.kind in VIEWS or _repeats(x):
        chain.append(x if x.op.kind in VIEWS else apply(REPEAT, *x.inputs, shape=x.shape))
        (x,) = x.inputs
    at: Strided | None = dense(x.shape)
    for v in reversed(chain):
        at = None if at is None else view(v, at)
    return at


def _seen(x: Value, new: dict[Value, Value], repeated: dict[Value, Value]) -> Value:
    """A view of a repetition as one of the value that is repeated."""
    if x not in repeated:
        (below,) = x.inputs
        repeated[x] = (
            with_inputs(x, (_seen(below, new, repeated),))
            if x.op.kind in VIEWS
            else apply(REPEAT, new[below], shape=x.shape)
        )
    return repeated[x]
