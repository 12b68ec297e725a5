"""Scan as traced values."""

from __future__ import annotations

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.graph.ops.loop_body import has_batch
from gdcore.onnx.bodies import Body, Named, Read, held
from gdcore.onnx.nodes_shapes import MOST_PARTS, axis_of
from gdcore.onnx.reader import Node


def scan(n: Node, read: Read) -> list[Value]:
    """A Scan."""
    old = n.opset < 9
    first, many = int(old), n.attr("num_scan_inputs")
    states = len(n.inputs) - first - many
    if many < 1 or states < 0:
        raise ValueError(f"num_scan_inputs={many} of {len(n.inputs)} inputs")
    body = Body(n, read, by_sample=old)
    names, outputs = body.names(states + many, states)
    each = len(outputs) - states
    ways = _settings(n, "directions" if old else "scan_input_directions", many)
    ways_out = [0] * each if old else _settings(n, "scan_output_directions", each)
    axes = [1] * many if old else _settings(n, "scan_input_axes", many)
    axes_out = [1] * each if old else _settings(n, "scan_output_axes", each)
    lengths = n.value(0) if old and n.has(0) else None
    if lengths is not None and any(ways):
        raise ValueError("sequence_lens and a direction of 1: expected sequences from their front")

    def given(i: int) -> Named:
        x, kind = n.value(first + i), held(n, n.holds(first + i))
        if i < states:
            return names[i], body.rows(x), kind
        k = i - states
        axis = axis_of(axes[k], x.ndim)
        return names[i], body.rows(_turned(x, axis, ways[k] != ways[0]), axis), kind

    inputs = [given(i) for i in range(states + many)]
    last, every, n.makes = body.run(
        inputs[:states], inputs[states:], outputs[:states], outputs[states:], bool(ways[0]), lengths
    )
    found = [body.back(v) for v in last]
    for v, axis, way in zip(every, axes_out, ways_out, strict=True):
        y = _turned(v, int(has_batch(v)), not old and way != ways[0])
        found.append(body.back(y, axis))
    return found


def _settings(n: Node, name: str, count: int) -> list[int]:
    found: list[int] = n.attr(name, [0] * count)
    if len(found) != count:
        raise ValueError(f"{name}={found[:16]}: expected {count} numbers")
    return found


def _turned(x: Value, axis: int, turn: bool) -> Value:
    """A value with its steps in reverse."""
    if not turn:
        return x
    steps = x.shape[axis]
    if not isinstance(steps, int) or steps > MOST_PARTS:
        raise ValueError(f"{steps} steps in both directions: expected at most {MOST_PARTS}")
    return ops.resample(x, axis, [[(i, 1.0)] for i in reversed(range(steps))])
