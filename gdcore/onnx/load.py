"""An ONNX file as a model."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.engine.engine import engine_of
from gdcore.graph.dims import Batch
from gdcore.graph.ir import INT, REAL, Value
from gdcore.graph.ops.leaves import input_value
from gdcore.io import FileFormatError
from gdcore.model import Model
from gdcore.onnx.kinds import INT32, REALS, TRUTH, Kind, is_int, kind_of_array, whole
from gdcore.onnx.messages import names_read, one_line, opset_of, read_message, tensor
from gdcore.onnx.nodes import REFUSALS, read_node
from gdcore.onnx.reader import Reader, learned
from gdcore.onnx.samples import apart, batch_axis, check_order

_KINDS = {1: REALS, 10: Kind("real", floats=10), 11: Kind("real", floats=11),
          16: Kind("real", floats=16), 6: whole(*INT32), 7: whole(*INT32), 9: TRUTH}  # fmt: skip


def load(path: str | PathLike[str], outputs: Sequence[str] | None = None) -> Model:
    """A model of a feed-forward ONNX graph: to be asked, or compiled and trained further.

    The first dimension of every input is taken for the batch; the other sizes must be fixed. Each
    initializer of floats becomes a parameter under its own name and shape, running statistics of
    batch normalization become states, Dropout acts in training; freeze what shall stay as it is
    with `model.freeze`. Several outputs are given as a dict, by their names.

    Parameters
    ----------
    path : str or path
        One file: tensors that are kept in others are not read.
    outputs : sequence of str, optional
        Those that the model shall have; by default all.

    Returns
    -------
    Model
        Of float32, or of float64 if the file computes in doubles; not compiled yet. Its
        `class_names` is a dict: for an output of texts, which the model puts out as their numbers,
        and for one that ONNX gives as a dict for each sample, the names in order.

    Raises
    ------
    ImportError
        If the extra is not installed.
    OSError
        If the file cannot be read.
    ValueError
        If it is not a sound ONNX file, or holds a node or a setting that gdcore does not support: one line
        names it. Nothing in a file is executed, and no other file is opened.

    Notes
    -----
    A file whose batch is fixed is opened to any number of samples, if its nodes keep them apart. If
    they mix them (a softmax over the batch), a sample is the group that the file takes at once, of
    shape (batch, ...); a file with an open batch that mixes them is refused.

    Whole numbers are computed in floats, as long as they are exact there; where they might not be,
    or ONNX computes them otherwise (division), the file is refused. Nodes of float16 and bfloat16
    are computed in float32, casts to them are rounded.

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
        return _model(proto, None if outputs is None else list(outputs))
    except FileFormatError as error:
        raise FileFormatError(f"cannot read {name!r} as ONNX: {one_line(error)}") from None
    except REFUSALS as error:
        raise FileFormatError(
            f"cannot read {name!r} as ONNX: it does not make sense ({one_line(error)})"
        ) from None


def _model(proto: Any, wanted: list[str] | None) -> Model:
    graph = proto.graph
    if len(graph.sparse_initializer):
        raise FileFormatError("sparse initializers, which gdcore does not read: make them dense")
    arrays: dict[str, tuple[np.ndarray, str]] = {}
    for t in graph.initializer:
        try:
            arrays[t.name] = (tensor(t), t.doc_string)
        except FileFormatError as error:
            raise FileFormatError(f"initializer {t.name[:80]!r} {error}") from None
    inputs = [_Input(i) for i in graph.input if i.name not in arrays]
    if not inputs or len({i.name for i in inputs}) != len(inputs):
        raise FileFormatError("the inputs: expected at least one, each with a name of its own")
    batches = {i.batch for i in inputs}
    if len(batches) > 1 and None in batches:
        raise FileFormatError(
            f"inputs of the shapes {', '.join(map(str, inputs))}: expected that all of them leave "
            "the batch open, or all fix it"
        )
    fixed = inputs[0].batch if len(batches) == 1 else 1
    if fixed != 1:
        try:
            return _traced(proto, wanted, inputs, arrays, fixed, False)
        except REFUSALS:
            if fixed is None:
                raise
    return _traced(proto, wanted, inputs, arrays, fixed, True)


def _traced(
    proto: Any,
    wanted: list[str] | None,
    inputs: list[_Input],
    arrays: dict[str, tuple[np.ndarray, str]],
    fixed: int | None,
    together: bool,
) -> Model:
    """The model of a graph; a sample is one row of the batch, or the whole batch of the file."""
    model = Model.__new__(Model)
    wide = _computes_doubles(proto.graph, inputs, arrays)
    reader = Reader(model, opset_of(proto), fixed, together, wide)
    for name, (array, note) in arrays.items():
        reader.put(name, learned(name, array, note), kind_of_array(array))
    group = together and any(i.batch != 1 for i in inputs)
    leaves = [i.leaf(group) for i in inputs]
    for i, leaf in zip(inputs, leaves, strict=True):
        reader.put(i.name, i.in_file(leaf) if group else leaf, i.kind)
    names = [o.name for o in proto.graph.output]
    chosen = names if wanted is None else wanted
    if not chosen or not set(chosen) <= set(names):
        raise FileFormatError(
            f"outputs {', '.join(names)[:300] or 'none'}: expected at least one"
            + ("" if wanted is None else f", and {', '.join(map(str, wanted))} among them")
        )
    nodes = list(enumerate(proto.graph.node))
    for at, node in nodes if wanted is None else _needed(nodes, chosen):
        read_node(reader, node, at)
    outputs = {n: _output(reader, n, group) for n in chosen}
    one = next(iter(outputs.values()))
    Model.__init__(model, leaves, outputs if len(outputs) > 1 else one, proto.graph.name or None)
    model.variables.update(reader.variables)
    engine_of(model).network()
    if wide:
        model.set_dtype("float64")
    vars(model)["class_names"] = {
        n: list(reader.kinds[n].names) for n in chosen if reader.kinds[n].names
    }
    return model


def _needed(nodes: list[tuple[int, Any]], outputs: Sequence[str]) -> list[tuple[int, Any]]:
    """The nodes that the outputs depend on, with their positions."""
    wanted, found = set(outputs), []
    for at, node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(names_read(node))
            found.append((at, node))
    return found[::-1]


def _computes_doubles(
    graph: Any, inputs: list[_Input], arrays: dict[str, tuple[np.ndarray, str]]
) -> bool:
    said = [a for node in graph.node for a in node.attribute]
    if any(a.type == 5 and _computes_doubles(a.g, [], {}) for a in said):
        return True
    return (
        any(i.kind.floats == 11 for i in inputs)
        or any(array.dtype == np.float64 for array, _ in arrays.values())
        or any(a.t.data_type == 11 if a.type == 4 else a.name == "to" and a.i == 11 for a in said)
    )


class _Input:
    """An input of the graph, as the file declares it."""

    def __init__(self, info: Any) -> None:
        where = f"input {info.name[:80]!r}"
        found = info.type.tensor_type
        if not info.name or not info.type.HasField("tensor_type") or found.elem_type not in _KINDS:
            texts = "; number the texts before" if found.elem_type == 8 else ""
            raise FileFormatError(
                f"{where}: expected a named tensor of floats, int32 or int64{texts}"
            )
        dims = found.shape.dim
        if not 1 <= len(dims) <= 16:
            raise FileFormatError(
                f"{where} has {len(dims)} dimensions: expected the batch and others"
            )
        for i, d in enumerate(dims):
            if not min(i, 1) <= d.dim_value < 2**31:
                raise FileFormatError(
                    f"{where} leaves dimension {i} ({d.dim_param[:80] or 'unnamed'}) open: expected "
                    "a fixed size in all but the first, the batch; fix it when you export the model"
                )
        self.name, self.kind = info.name, _KINDS[found.elem_type]
        self.batch = int(dims[0].dim_value) or None
        self.dims = [int(d.dim_value) for d in dims[1:]]

    def __str__(self) -> str:
        return f"({', '.join(map(str, [self.batch or '?', *self.dims]))})"

    def leaf(self, group: bool) -> Value:
        """A sample of it: one row, or a group of as many as the file takes."""
        more = [self.batch or 1] if group else []
        dtype = INT if self.kind.name == "whole" else REAL
        return input_value((Batch(1), *more, *self.dims), self.name, dtype)

    def in_file(self, leaf: Value) -> Value:
        """The value of a group in the file's shape: samples concatenated along the batch."""
        return ops.reshape(leaf, (Batch(self.batch or 1), *self.dims))


def _output(reader: Reader, name: str, group: bool) -> Value:
    if name not in reader.items:
        raise FileFormatError(f"output {name[:80]!r} is not computed by any node")
    value = reader.items[name]
    if not isinstance(value, Value) or batch_axis(value.shape) is None:
        raise FileFormatError(
            f"output {name[:80]!r} does not depend on the inputs: leave it out, with outputs="
        )
    check_order(value, reader.apart)
    if is_int(value) and not reader.wide:
        raise FileFormatError(
            f"output {name[:80]!r} is whole numbers as they come in, and a model puts out floats, "
            f"which are exact up to {reader.limit}: leave it out, with outputs="
        )
    if not reader.together or (value.shape[0] == Batch(1) and not group):
        return value
    y = apart(value)
    alone = not group and y.shape[1] == 1  # a batch dimension of 1 per sample
    return ops.reshape(y, (y.shape[0], *y.shape[2:])) if alone else y
