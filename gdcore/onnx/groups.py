"""Nodes along the batch dimension, for files in which a sample is a whole batch of the file.

The node is computed over (samples, *shape in the file): its axes move by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gdcore import ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.onnx.nodes_elementwise import ELEMENTWISE
from gdcore.onnx.reader import Item, Learned, Node
from gdcore.onnx.samples import apart, batch_axis, in_file, together

_BY_SHAPE = (*ELEMENTWISE, "Gemm", "MatMul")
_AXIS = {"Softmax": -1, "LogSoftmax": -1, "Concat": 1, "Split": 0, "Gather": 0, "ArgMax": 0,
         "ArgMin": 0, "LayerNormalization": -1, "RMSNormalization": -1}  # fmt: skip
_AXES = ("Slice", "Squeeze", *(f"Reduce{k}" for k in (
    "L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum",
    "SumSquare")))  # fmt: skip
GROUPED = {*_BY_SHAPE, *_AXIS, *_AXES}


def in_groups(n: Node, row: Callable[[Node], Any]) -> Any:
    """The result of a row for a node over (samples, *shape in the file), in the file's shape.

    Parameters
    ----------
    n : a node of `GROUPED`
    row : what computes it
    """
    inner = _by_shape(n) if n.kind in _BY_SHAPE else _along(n)
    made = row(inner)
    n.read.update(range(len(n.inputs)))
    n.attrs.read |= inner.attrs.read
    n.makes = inner.makes
    return [together(v) for v in made] if isinstance(made, list) else together(made)


def _rank(x: Item | None) -> int:
    return 0 if x is None else x.array.ndim if isinstance(x, Learned) else x.ndim


def _by_shape(n: Node) -> Node:
    """For operands that broadcast: the sample dimension goes before the longest of their shapes."""
    rank = max(_rank(x) for x in n.inputs)
    if n.kind == "MatMul" and min(_rank(x) for x in n.inputs) < 2:
        raise ValueError("a product with a vector over the batch: expected matrices")
    found: list[Item | None] = []
    for x in n.inputs:
        if isinstance(x, Value) and batch_axis(x.shape) is not None:
            shape = in_file(x.shape)
            x = ops.reshape(apart(x), (Batch(1), *[1] * (rank - len(shape)), *shape))
        found.append(x)
    return n.like(found)


def _along(n: Node) -> Node:
    """Axes shifted by the sample dimension."""
    joined = len(n.inputs) if n.kind == "Concat" else 1
    found = [apart(n.value(i)) if i < joined else x for i, x in enumerate(n.inputs)]
    x = found[0]
    assert isinstance(x, Value)
    if n.kind in _AXIS:
        old = n.kind.endswith("oftmax") and n.opset < 13
        axis: int = n.attr("axis", 1 if old else _AXIS[n.kind])
        return n.like(found, axis=axis + 1 if axis >= 0 else axis)
    axes = n.setting("axes", 3 if n.kind == "Slice" else 1)
    if n.kind == "Slice":
        axes = axes or list(range(len(n.setting("starts", 1) or [])))
    elif n.kind == "Squeeze" and axes is None:
        axes = [i for i, d in enumerate(x.shape[1:]) if d == 1]
    elif not axes and not n.attr("noop_with_empty_axes", 0):
        axes = list(range(x.ndim - 1))
    return n.like(found, axes=[a + 1 if a >= 0 else a for a in axes or []])
