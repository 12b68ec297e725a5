"""Reverse-mode differentiation: gradients as more of the same graph."""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.graph import reductions as rd
from gdcore.graph.identities import broadcast_to
from gdcore.graph.ir import Shape, Value, topological
from gdcore.graph.registry import lift
from gdcore.graph.shapes import reshape


def unbroadcast(value: Value, shape: Shape) -> Value:
    """Sums a gradient over the dimensions along which its input was repeated."""
    if value.shape == shape:
        return value
    lead = len(value.shape) - len(shape)
    axes = [i for i, d in enumerate(value.shape) if i < lead or (shape[i - lead] == 1 and d != 1)]
    out = rd.sum(value, axes) if axes else value
    return (
        broadcast_to(reshape(out, shape), shape)
        if _holds_as_much(out.shape, shape)
        else broadcast_to(out, shape)
    )


def _holds_as_much(have: Shape, want: Shape) -> bool:
    return [d for d in have if d != 1] == [d for d in want if d != 1]


def gradients(loss: Value, wrt: Sequence[Value]) -> list[Value]:
    """The derivative of a scalar with respect to each of some values.

    Only what lies between them and the scalar is differentiated; a value on which it does not
    depend has the gradient 0.

    Raises
    ------
    ValueError
        If `loss` is not a scalar, or an op on the way has no gradient.
    """
    if loss.shape != ():
        raise ValueError(
            f"the gradient of a value of shape {loss.shape}: expected a scalar; "
            "take its mean or sum"
        )
    order = topological([loss])
    wanted = set(wrt)
    for v in order:
        if v not in wanted and any(x in wanted for x in v.inputs):
            wanted.add(v)
    found: dict[Value, list[Value]] = {loss: [lift(1.0)]}
    for v in reversed(order):
        if v not in wanted or v not in found or not v.inputs:
            continue
        dy = _total(found[v])
        found[v] = [dy]
        if v.op.grad is None:
            if v.op.kind in ("map", "leaf"):
                continue  # comparisons: the derivative is 0 wherever there is one
            raise ValueError(f"op {v.op.name!r} has no gradient")
        for x, dx in zip(v.inputs, v.op.grad(v, dy), strict=True):
            if dx is not None and x in wanted:
                found.setdefault(x, []).append(unbroadcast(dx, x.shape))
    return [_total(found[v]) if v in found else broadcast_to(0.0, v.shape) for v in wrt]


def _total(parts: list[Value]) -> Value:
    out = parts[0]
    for part in parts[1:]:
        out = out + part
    return out
