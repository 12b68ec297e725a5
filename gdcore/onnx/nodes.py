"""Reads one node: finds its row, computes its outputs, and checks that no attribute or input is ignored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gdcore.graph.ir import Value
from gdcore.io import FileFormatError
from gdcore.onnx.groups import GROUPED, in_groups
from gdcore.onnx.kinds import REALS, Kind, kind_of_array, result
from gdcore.onnx.messages import check_known, one_line, tensor
from gdcore.onnx.nodes_attention import ATTENTION
from gdcore.onnx.nodes_classic import CHOICES, CLASSIC
from gdcore.onnx.nodes_convolution import CONVOLUTIONS
from gdcore.onnx.nodes_einsum import EINSUM
from gdcore.onnx.nodes_elementwise import ELEMENTWISE
from gdcore.onnx.nodes_host import FOLDS
from gdcore.onnx.nodes_indices import INDICES
from gdcore.onnx.nodes_layers import LAYERS
from gdcore.onnx.nodes_loop import loop
from gdcore.onnx.nodes_pools import POOLS
from gdcore.onnx.nodes_recurrent import RECURRENT
from gdcore.onnx.nodes_scan import scan
from gdcore.onnx.nodes_shapes import SHAPES
from gdcore.onnx.reader import Item, Node, Reader, checked
from gdcore.onnx.samples import check_apart, in_front

NODES = {
    **ELEMENTWISE,
    **SHAPES,
    **INDICES,
    **EINSUM,
    **LAYERS,
    **CONVOLUTIONS,
    **POOLS,
    **RECURRENT,
    **ATTENTION,
    **CHOICES,
    "Loop": lambda n: loop(n, read_node),
    "Scan": lambda n: scan(n, read_node),
}
# Errors that mean an invalid or unsupported node; any other exception is a bug of gdcore.
REFUSALS = (
    ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError, OverflowError,
    ArithmeticError,
)  # fmt: skip


def read_node(reader: Reader, proto: Any, i: int) -> None:
    """Compute the i-th node and store its outputs under their names."""
    kind = proto.op_type
    where = f"node {i} {proto.name[:80]!r} ({kind[:80]})"
    classic = proto.domain == "ai.onnx.ml"
    known = kind in CLASSIC if classic else kind in NODES or kind in FOLDS
    if proto.domain not in ("", "ai.onnx", "ai.onnx.ml") or not known:
        domain = f" of the domain {proto.domain[:80]!r}" if proto.domain else ""
        raise FileFormatError(
            f"node {i} {proto.name[:80]!r} is a {kind[:80]}{domain}, which gdcore does not support"
        )
    inputs: list[Item | None] = []
    for name in proto.input:
        if name and name not in reader.items:
            raise FileFormatError(f"{where} takes {name[:80]!r}, which nothing before it makes")
        inputs.append(reader.items[name] if name else None)
    outputs = [o for o in proto.output if o]
    try:
        if not classic:
            check_known(kind, reader.opset)
        node = Node(
            reader,
            kind,
            proto.name or next(iter(outputs), kind),
            inputs,
            [reader.kinds[name] if name else None for name in proto.input],
            {a.name: _attribute(a) for a in proto.attribute},
            [bool(o) for o in proto.output],
        )
        with np.errstate(all="ignore"):
            made = _made(node, CLASSIC[kind] if classic else NODES.get(kind))
        kinds = _kinds(node, made, classic)
        ignored = node.unread()
        if ignored:
            raise ValueError(f"{ignored}, which gdcore does not support in opset {reader.opset}")
        for j, (name, item) in enumerate(zip(proto.output, made, strict=False)):
            if not name:
                continue
            if name in reader.items:
                raise ValueError(f"it makes {name[:80]!r}, which is there already")
            reader.put(name, checked(item), kinds[min(j, len(kinds) - 1)])
    except REFUSALS as error:
        raise FileFormatError(f"{where}: {one_line(error)}") from None


def _made(node: Node, row: Callable[[Node], Any] | None) -> list[Item]:
    if all(x is None or isinstance(x, np.ndarray) for x in node.inputs):
        found = _fold(node, row)
    elif row is None:
        raise ValueError("its inputs are computed: expected constants")
    else:
        found = _computed(node, row)
    return found if isinstance(found, list) else [found]


def _fold(node: Node, row: Callable[[Node], Any] | None) -> Any:
    """A node of constants alone; one that gives a shape of the batch may still need a value."""
    if node.kind in FOLDS:
        try:
            return FOLDS[node.kind](node)
        except TypeError:
            if row is None:
                raise
    assert row is not None
    return row(node)


def _computed(node: Node, row: Callable[[Node], Any]) -> Any:
    """The result of a row, with samples kept separate."""
    reader = node.reader
    try:
        if reader.together and node.kind == "Squeeze" and not node.setting("axes", 1):
            raise ValueError("the batch is a dimension of 1 here")
        found = row(node)
        check_apart(_values(found), reader.apart)
    except (ValueError, IndexError):
        if not reader.together or node.kind not in GROUPED:
            raise
        found = in_groups(node, row)
        check_apart(_values(found), reader.apart)
    if reader.together:
        moved = [in_front(v) if isinstance(v, Value) else v for v in _listed(found)]
        return moved if isinstance(found, list) else moved[0]
    return found


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def _values(found: Any) -> list[Value]:
    return [v for v in _listed(found) if isinstance(v, Value)]


def _kinds(node: Node, made: list[Item], classic: bool) -> list[Kind]:
    if all(isinstance(item, np.ndarray) for item in made):
        return [kind_of_array(item) for item in made if isinstance(item, np.ndarray)]
    if node.makes is not None or classic:
        return node.makes or [REALS]
    return [result(node.kind, node.inputs, node.kinds, node.reader.limit)]


def _attribute(a: Any) -> Any:
    kind = a.type
    if kind in (1, 2, 3):
        return {1: a.f, 2: a.i, 3: a.s}[kind]
    if kind in (4, 5):
        return tensor(a.t) if kind == 4 else a.g
    if kind in (6, 7, 8):
        return list({6: a.floats, 7: a.ints, 8: a.strings}[kind])
    raise ValueError(f"the attribute {a.name[:80]!r} is of kind {kind}: expected numbers or a text")
