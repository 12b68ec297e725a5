"""Loops written out step by step, to be tried beside the loop."""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.graph.ir import Value, rewrite, topological
from gdcore.graph.ops.joins import stack
from gdcore.graph.ops.loop_body import PART, Body, has_batch, substitute

Steps = tuple[list[Value], list[list[Value]]]  # last carries; for each stacked value its steps


def unrolled(outputs: Sequence[Value]) -> list[Value]:
    """The same values without loops; the graph grows with the steps."""
    current = list(outputs)
    while any(v.op.kind == "loop" for v in topological(current)):  # inner ones come next
        written: dict[Value, Steps] = {}
        new = rewrite(current, lambda v, known=written: _instead(v, known))  # type: ignore[misc]
        current = [new[v] for v in current]
    return current


def _instead(v: Value, written: dict[Value, Steps]) -> Value:
    if v.op is not PART:
        return v
    (loop,), i = v.inputs, v.attrs["index"]
    if loop not in written:
        written[loop] = _written(loop)
    last, steps = written[loop]
    if v.attrs["last"]:
        final: Value = last[i]
        return final
    stacked: Value = stack(steps[i], axis=int(has_batch(steps[i][0])))
    return stacked


def _written(loop: Value) -> Steps:
    body: Body = loop.attrs["body"]
    n, m = len(body.carries), len(body.carries) + len(body.sequences)
    carries, sequences, outside = (list(x) for x in _cut(loop.inputs, n, m))
    stacked: list[list[Value]] = [[v] * body.steps for v in body.stacked]
    order = range(body.steps)
    for t in reversed(order) if loop.attrs["reverse"] else order:
        elements = [x[:, t] if has_batch(x) else x[t] for x in sequences]
        new = dict(zip(body.leaves, [*carries, *elements, *outside], strict=True))
        substitute([*body.after, *body.stacked], new)
        carries = [new[v] for v in body.after]
        for steps, v in zip(stacked, body.stacked, strict=True):
            steps[t] = new[v]
    return carries, stacked


def _cut(x: Sequence[Value], n: int, m: int) -> tuple[Sequence[Value], ...]:
    return x[:n], x[n:m], x[m:]
