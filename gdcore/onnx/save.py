"""A model's prediction as an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any

import numpy as np

from gdcore.engine.engine import engine_of
from gdcore.engine.network import Network
from gdcore.graph.ir import INT, Value, topological
from gdcore.graph.ops.leaves import PARAM, STATE
from gdcore.graph.passes.phases import specialize
from gdcore.io import write_atomically
from gdcore.model import Model
from gdcore.onnx.library import IR_VERSION, OPSET, require_onnx
from gdcore.onnx.patterns import Match, recognise
from gdcore.onnx.references import formula_of
from gdcore.onnx.rows import ROWS
from gdcore.onnx.rows_scan import write_loop
from gdcore.onnx.writer import FLOATS, INTS, Writer

MOST_BYTES = 2**31 - 1  # of a protobuf message


def save(model: Model, path: str | PathLike[str]) -> None:
    """Write what a model computes in prediction to an ONNX file, for other programs.

    The file holds float32, whatever the model computes in; inputs of ints are int64. The batch is
    a dimension of any size. Layers become nodes that other programs know (Gemm, Conv, MaxPool,
    BatchNormalization, Softmax, ...); what is made of `gd.ops` becomes elementary nodes, a loop a Scan. Loss,
    optimizer and dropout are not in it: to train on, use `model.save`.

    Parameters
    ----------
    model : Model
        Whose inputs are known: it begins with `gd.Input`, or has seen data.
    path : str or path
        Replaced as a whole or not at all.

    Raises
    ------
    ImportError
        If the extra is not installed.
    ValueError
        If the inputs are not known, prediction draws random numbers, or the file would be larger
        than the 2 GiB that ONNX allows.
    OSError
        If it cannot be written; a file that was there is left as it was.

    Notes
    -----
    The file declares opset 20. Each learned tensor is an initializer under its name in
    `model.state_dict()`.

    Examples
    --------
    >>> import gdcore as gd, tempfile, os
    >>> model = gd.Sequential([gd.Input(4), gd.Dense(3, activation="relu"), gd.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.onnx")
    >>> gd.onnx.save(model, path)
    >>> import onnx
    >>> [node.op_type for node in onnx.load(path).graph.node]
    ['Gemm', 'Relu', 'Gemm']
    """
    require_onnx()
    data = to_onnx(model)
    size = data.ByteSize()
    if size > MOST_BYTES:
        raise ValueError(
            f"cannot save {fspath(path)!r}: the ONNX file would have {size:,} bytes, "
            "and the format allows 2 GiB: use model.save"
        )
    write_atomically(path, [data.SerializeToString(deterministic=True)])


def to_onnx(model: Model) -> Any:
    """The model's prediction as an `onnx.ModelProto`."""
    onnx = require_onnx()
    network = engine_of(model).network()
    names = _output_names(network)
    writer = Writer(network.inputs, names)
    outputs = specialize(network.outputs, training=False)[0]
    write_graph(writer, network, outputs, model.state_dict())
    writer.finish(outputs, names)
    graph = onnx.helper.make_graph(
        writer.nodes,
        getattr(model, "name", None) or type(model).__name__,
        [_declared(onnx, v.name, v) for v in network.inputs],
        [_declared(onnx, n, v, FLOATS) for n, v in zip(names, outputs, strict=True)],
        writer.initializers,
    )
    return onnx.helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        producer_name="gdcore",
    )


def write_graph(
    writer: Writer, network: Network, outputs: Sequence[Value], weights: dict[str, np.ndarray]
) -> None:
    """Nodes for all that the outputs need, and an initializer for each variable among it."""
    order = topological(outputs)
    matches: dict[Value, Match] = {}
    needed = set(outputs)
    for v in reversed(order):  # backwards, so that values inside a pattern are not written
        if v in needed:
            match = recognise(v)
            if match is not None:
                matches[v] = match
            needed.update(v.inputs if match is None else match.inputs)
    for v in order:
        if v not in needed or v in writer.of:
            continue
        if v.op in (PARAM, STATE):
            name = network.names[v.attrs["variable"]]
            writer.variable(v, weights[name], name)
        elif v.op.kind == "loop":
            write_loop(writer, v, lambda inner, roots: write_graph(inner, network, roots, weights))
            writer.of[v] = ""  # its parts have names
        elif v in matches:
            match = matches[v]
            writer.of[v] = match.write(writer, [writer.of[x] for x in match.inputs])
        else:
            row = ROWS.get(v.op.name)
            formula = formula_of(v) if row is None else None
            if formula is not None:
                write_graph(writer, network, [formula], weights)
                writer.of[v] = writer.of[formula]
                continue
            if row is None:
                raise ValueError(f"gd.onnx.save: the op {v.op.name!r} has no form in ONNX yet")
            reads = writer.real if v.op.kind == "map" else writer.of.__getitem__
            writer.of[v] = row(writer, v, [reads(x) for x in v.inputs])


def _output_names(network: Network) -> list[str]:
    if network.output_names is not None:
        wanted = network.output_names
    elif len(network.outputs) == 1:
        wanted = ["output"]
    else:
        wanted = [f"output_{i}" for i in range(len(network.outputs))]
    taken, names = set(network.input_names), []
    for name in wanted:
        while name in taken or not name:
            name += "_output"
        taken.add(name)
        names.append(name)
    return names


def _declared(onnx: Any, name: str, v: Value, kind: int | None = None) -> Any:
    dims = ["batch", *v.shape[1:]]
    number = (INTS if v.dtype == INT else FLOATS) if kind is None else kind
    return onnx.helper.make_tensor_value_info(name, number, dims)
