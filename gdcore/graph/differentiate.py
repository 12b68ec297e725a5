"""Reverse-mode differentiation: gradients as more of the same graph."""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.graph.dims import Shape
from gdcore.graph.ir import Value, topological
from gdcore.graph.ops import reductions as rd
from gdcore.graph.ops.identities import broadcast_to
from gdcore.graph.ops.leaves import lift
from gdcore.graph.ops.shapes import reshape
from gdcore.graph.ops.training_ops import WHEN, when_training

TRAINING, PREDICTION = 0, 1  # which input of WHEN counts


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


def gradients(y: Value, wrt: Sequence[Value], dy: Value | None = None) -> list[Value]:
    """The derivative of a scalar, or of Σ dy · y, with respect to each of some values.

    Only what lies between them and y is differentiated; a value on which y does not depend has the
    gradient 0. Where training and prediction part on the way, so do the gradients.

    Parameters
    ----------
    y : Value
    wrt : sequence of Value
    dy : Value of y's shape, or None for a scalar y

    Raises
    ------
    ValueError
        If y is not a scalar and there is no `dy`, or an op on the way has no gradient.
    """
    if dy is None:
        if y.shape != ():
            raise ValueError(
                f"the gradient of a value of shape {y.shape}: expected a scalar; "
                "take its mean or sum"
            )
        dy = lift(1.0)
    order = topological([y])
    training = _backward(order, dy, wrt, TRAINING)
    if not any(v.op is WHEN for v in _depending(order, wrt)):
        return training
    prediction = _backward(order, dy, wrt, PREDICTION)
    return [when_training(a, b) for a, b in zip(training, prediction, strict=True)]


def _depending(
    order: Sequence[Value], wrt: Sequence[Value], phase: int | None = None
) -> set[Value]:
    """Those of some values and of what is computed from them that `order` holds."""
    found = set(wrt)
    for v in order:
        if any(x in found for x in read(v, phase)):
            found.add(v)
    return found


def _backward(order: Sequence[Value], dy: Value, wrt: Sequence[Value], phase: int) -> list[Value]:
    """The gradients in training or in prediction of the last value, of which all were computed."""
    wanted = _depending(order, wrt, phase)
    found: dict[Value, list[Value]] = {order[-1]: [dy]}
    for v in reversed(order):
        if v not in found or not any(x in wanted for x in read(v, phase)):
            continue
        d = _total(found[v])
        found[v] = [d]
        if v.op is WHEN:
            parts: Sequence[Value | None] = [d]
        elif v.op.grad is not None:
            parts = v.op.grad(v, d)
        elif v.op.kind == "map":
            continue  # comparisons: the derivative is 0 wherever there is one
        else:
            raise ValueError(f"op {v.op.name!r} has no gradient")
        for x, dx in zip(read(v, phase), parts, strict=True):
            if dx is not None and x in wanted:
                found.setdefault(x, []).append(unbroadcast(dx, x.shape))
    return [_total(found[v]) if v in found else broadcast_to(0.0, v.shape) for v in wrt]


def read(v: Value, phase: int | None) -> Sequence[Value]:
    """The inputs on which a value depends in training, in prediction, or in either."""
    return v.inputs if phase is None or v.op is not WHEN else v.inputs[phase : phase + 1]


def _total(parts: list[Value]) -> Value:
    out = parts[0]
    for part in parts[1:]:
        out = out + part
    return out
