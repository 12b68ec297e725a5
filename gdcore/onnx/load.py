"""An ONNX file as a model."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

import numpy as np

from gdcore.engine.engine import engine_of
from gdcore.graph.ir import INT, REAL, Batch, Dim, Value
from gdcore.graph.registry import input_value
from gdcore.io import FileFormatError
from gdcore.model import Model
from gdcore.onnx.messages import opset_of, read_message, tensor
from gdcore.onnx.nodes_elementwise import ELEMENTWISE
from gdcore.onnx.nodes_host import FOLDS
from gdcore.onnx.nodes_layers import LAYERS
from gdcore.onnx.nodes_shapes import SHAPES
from gdcore.onnx.reader import Item, Node, Reader, checked, learned

NODES = {**ELEMENTWISE, **SHAPES, **LAYERS}
# What a node, or what is made of it, may object to: everything else would be a mistake of ours.
REFUSALS = (
    ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError, OverflowError,
    ArithmeticError,
)  # fmt: skip
_KINDS = {1: REAL, 10: REAL, 11: REAL, 16: REAL, 6: INT, 7: INT, 9: REAL}


def load(path: str | PathLike[str]) -> Model:
    """A model of a feed-forward ONNX graph: to be asked, or compiled and trained further.

    The first dimension of every input is taken for the batch; the other sizes must be fixed. Each
    initializer of floats becomes a parameter under its own name and shape, running statistics of
    batch normalization become states, Dropout acts in training; freeze what shall stay as it is
    with `model.freeze`. Several outputs are given as a dict, by their names.

    Parameters
    ----------
    path : str or path
        One file: tensors that are kept in others are not read.

    Returns
    -------
    Model
        Of float32, not compiled yet.

    Raises
    ------
    ImportError
        If the extra is not installed.
    OSError
        If the file cannot be read.
    ValueError
        If it is not a sound ONNX file, or holds a node or a setting that gdcore has not: one line
        names it. Nothing in a file is executed, and no other file is opened.

    Examples
    --------
    >>> import gdcore as gd, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "model.onnx")
    >>> gd.onnx.save(gd.Sequential([gd.Input(3), gd.Dense(2)]), path)
    >>> model = gd.onnx.load(path)
    >>> [name for name in model.state_dict()]
    ['0.kernel', '0.bias']
    >>> history = model.compile("sgd", "mse").fit([[1.0, 2.0, 3.0]], [[0.0, 1.0]])
    """
    name = fspath(path)
    proto = None
    try:
        proto = read_message(path)
        return _model(proto)
    except FileFormatError as error:
        raise FileFormatError(f"cannot read {name!r} as ONNX: {_line(error)}") from None
    except REFUSALS as error:
        raise FileFormatError(
            f"cannot read {name!r} as ONNX: it does not make sense ({_line(error)})"
        ) from None


def _line(error: BaseException) -> str:
    """What an error says, in one line whatever names a file has."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text[:500])


def _model(proto: Any) -> Model:
    graph = proto.graph
    if len(graph.sparse_initializer):
        raise FileFormatError("sparse initializers, which gdcore does not read: make them dense")
    model = Model.__new__(Model)
    initial = {t.name for t in graph.initializer}
    declared = [i for i in graph.input if i.name not in initial]
    inputs = [_input(i) for i in declared]
    if not inputs or len({v.name for v in inputs}) != len(inputs):
        raise FileFormatError("the inputs: expected at least one, each with a name of its own")
    reader = Reader(model, opset_of(proto), _fixed_batch(declared))
    for t in graph.initializer:
        try:
            reader.items[t.name] = learned(t.name, tensor(t), t.doc_string)
        except FileFormatError as error:
            raise FileFormatError(f"initializer {t.name[:80]!r} {error}") from None
    reader.items |= {v.name: v for v in inputs}
    for i, node in enumerate(graph.node):
        _read_node(reader, node, i)
    outputs = {o.name: _output(reader, o.name) for o in graph.output}
    if not outputs:
        raise FileFormatError("no outputs: expected at least one")
    one = next(iter(outputs.values()))
    Model.__init__(model, inputs, outputs if len(outputs) > 1 else one, graph.name or None)
    model.variables.update(reader.variables)
    engine_of(model).network()
    return model


def _fixed_batch(declared: list[Any]) -> int | None:
    """The size of the batch that the file was written for, if it names one."""
    sizes = {i.type.tensor_type.shape.dim[0].dim_value for i in declared}
    return sizes.pop() if len(sizes) == 1 and min(sizes) > 0 else None


def _input(info: Any) -> Value:
    where = f"input {info.name[:80]!r}"
    kind = info.type.tensor_type
    if not info.name or not info.type.HasField("tensor_type") or kind.elem_type not in _KINDS:
        raise FileFormatError(f"{where}: expected a named tensor of floats, int32 or int64")
    dims = kind.shape.dim
    if not 1 <= len(dims) <= 16:
        raise FileFormatError(f"{where} has {len(dims)} dimensions: expected the batch and others")
    for i, d in enumerate(dims[1:], 1):
        if not 0 < d.dim_value < 2**31:
            raise FileFormatError(
                f"{where} leaves dimension {i} ({d.dim_param[:80] or 'unnamed'}) open: expected a "
                "fixed size in all but the first, the batch; fix it when you export the model"
            )
    shape: tuple[Dim, ...] = (Batch(1), *(int(d.dim_value) for d in dims[1:]))
    return input_value(shape, info.name, _KINDS[kind.elem_type])


def _output(reader: Reader, name: str) -> Value:
    if name not in reader.items:
        raise FileFormatError(f"output {name[:80]!r} is not computed by any node")
    value = reader.items[name]
    if not isinstance(value, Value):
        raise FileFormatError(f"output {name[:80]!r} does not depend on the inputs")
    return value


def _read_node(reader: Reader, proto: Any, i: int) -> None:
    kind = proto.op_type
    where = f"node {i} {proto.name[:80]!r} ({kind[:80]})"
    known = kind in NODES or kind in FOLDS
    if proto.domain not in ("", "ai.onnx") or not known:
        domain = f" of the domain {proto.domain[:80]!r}" if proto.domain else ""
        raise FileFormatError(
            f"node {i} {proto.name[:80]!r} is a {kind[:80]}{domain}, which gdcore has not"
        )
    inputs: list[Item | None] = []
    for name in proto.input:
        if name and name not in reader.items:
            raise FileFormatError(f"{where} takes {name[:80]!r}, which nothing before it makes")
        inputs.append(reader.items[name] if name else None)
    try:
        attrs = {a.name: _attribute(a) for a in proto.attribute}
        node = Node(reader, kind, inputs, attrs, len([o for o in proto.output if o]))
        with np.errstate(all="ignore"):
            found = _fold(node) if all(_constant(x) for x in inputs) else NODES[kind](node)
        made = found if isinstance(found, list) else [found]
        for name, item in zip([o for o in proto.output if o], made, strict=False):
            if name in reader.items:
                raise ValueError(f"it makes {name[:80]!r}, which is there already")
            reader.items[name] = checked(item)
    except REFUSALS as error:
        raise FileFormatError(f"{where}: {_line(error)}") from None


def _constant(item: Item | None) -> bool:
    return item is None or isinstance(item, np.ndarray)


def _fold(node: Node) -> Any:
    """A node of constants alone; one that gives a shape of the batch may still need a value."""
    if node.kind in FOLDS:
        try:
            return FOLDS[node.kind](node)
        except TypeError:
            if node.kind not in NODES:
                raise
    return NODES[node.kind](node)


def _attribute(a: Any) -> Any:
    kind = a.type
    if kind in (1, 2, 3):
        return {1: a.f, 2: a.i, 3: a.s}[kind]
    if kind == 4:
        return tensor(a.t)
    if kind in (6, 7):
        return list(a.floats if kind == 6 else a.ints)
    raise ValueError(f"the attribute {a.name[:80]!r} is of kind {kind}: expected numbers or a text")
