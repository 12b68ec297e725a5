"""Loops as ONNX's Scan: the body is a graph of its own, in which the names around it are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gdcore.graph.dims import Batch
from gdcore.graph.ir import INT, Value
from gdcore.graph.ops.loop_body import Body, has_batch
from gdcore.onnx.writer import FLOATS, INTS, Writer


def write_loop(w: Writer, loop: Value, write: Callable[[Writer, Sequence[Value]], None]) -> None:
    """The node of a loop; `w.loops` gets the names of its outputs, last carries first.

    Parameters
    ----------
    w : Writer
    loop : Value
    write : callable
        Writes nodes for values, with the writer of the body.
    """
    body: Body = loop.attrs["body"]
    n, m = len(body.carries), len(body.carries) + len(body.sequences)
    inner, given = w.within(), (*body.carries, *body.sequences)
    inner.of = {leaf: w.of[x] for leaf, x in zip(body.outside, loop.inputs[m:], strict=True)}
    inner.of |= {leaf: w.unique("scan_input") for leaf in given}
    roots = [*body.after, *body.stacked]
    write(inner, roots)
    made = [inner.node("Identity", inner.of[v]) for v in roots]
    graph = w.onnx.helper.make_graph(
        inner.nodes,
        w.unique("scan_body"),
        [_declared(w, inner.of[leaf], leaf) for leaf in given],
        [_declared(w, name, v) for name, v in zip(made, roots, strict=True)],
    )
    way = int(loop.attrs["reverse"])
    names = [w.unique("scan") for _ in roots]
    node = w.onnx.helper.make_node(
        "Scan",
        [w.of[x] for x in loop.inputs[:m]],
        names,
        name=f"{names[0]}:Scan",
        body=graph,
        num_scan_inputs=m - n,
        scan_input_axes=[int(has_batch(v)) for v in body.sequences],
        scan_input_directions=[way] * (m - n),
    )
    if body.stacked:
        axes = [int(has_batch(v)) for v in body.stacked]
        more = {"scan_output_axes": axes, "scan_output_directions": [way] * len(axes)}
        node.attribute.extend(w.onnx.helper.make_attribute(k, v) for k, v in more.items())
    w.nodes.append(node)
    w.loops[loop] = names


def result_of_loop(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """One of the values that a loop gives."""
    (loop,), i = v.inputs, v.attrs["index"]
    name: str = w.loops[loop][i if v.attrs["last"] else len(loop.attrs["body"].carries) + i]
    return name


def _declared(w: Writer, name: str, v: Value) -> Any:
    dims = [("batch" if d.rows == 1 else None) if isinstance(d, Batch) else d for d in v.shape]
    return w.onnx.helper.make_tensor_value_info(name, INTS if v.dtype == INT else FLOATS, dims)
