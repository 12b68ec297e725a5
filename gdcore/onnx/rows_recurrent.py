"""Loops that recurrent layers traced, as ONNX's nodes LSTM, GRU and RNN; all others are Scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gdcore.activations import ACTIVATIONS
from gdcore.graph.dims import size
from gdcore.graph.ir import INT, Value, constant_array, topological
from gdcore.graph.ops.identities import IDENTITY
from gdcore.graph.ops.loop_body import PART
from gdcore.graph.ops.masks import STEP_MASK
from gdcore.graph.ops.products import MATMUL
from gdcore.layers.recurrent import GRU, LSTM, SimpleRNN
from gdcore.onnx.writer import Writer

NAMES = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu", "softsign": "Softsign"}
FUNCTIONS = {ACTIVATIONS[ours]: theirs for ours, theirs in NAMES.items()}
INT32 = 6


@dataclass(frozen=True)
class Recurrent:
    """A loop and the layer that traced it.

    Attributes
    ----------
    layer : LSTM, GRU or SimpleRNN
    x : its input (B, steps, features)
    lengths : of its samples, or None
    starts : first states; None for zeros
    """

    loop: Value
    layer: LSTM | GRU | SimpleRNN
    x: Value
    lengths: Value | None
    starts: tuple[Value | None, ...]

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What the node needs: x, weights, lengths, states."""
        more = (self.lengths, *self.starts)
        weights = [v.leaf for v in self.layer.variables.values()]
        return (self.x, *weights, *(v for v in more if v is not None))

    def write(self, w: Writer) -> list[str]:
        """The node; the names of its outputs."""
        layer, of = self.layer, w.of
        gates, n = layer.gates, layer.units
        order = (0, 3, 1, 2) if isinstance(layer, LSTM) else tuple(range(gates))  # i o f g
        rows = np.concatenate([np.arange(g * n, (g + 1) * n) for g in order])

        def variable(name: str) -> str:
            return of[layer.variables[name].leaf]

        def arranged(name: str) -> str:
            return w.node("Gather", name, w.constant(rows), axis=0) if gates == 4 else name

        def first(name: str, *shape: int) -> str:
            return w.node("Reshape", name, w.ints(1, *shape))

        inputs = [w.transpose(of[self.x], 1, 0, 2)]
        for name in ("kernel", "recurrent"):
            inputs.append(first(arranged(w.transpose(variable(name), 1, 0)), gates * n, -1))
        bias = ""
        if layer.use_bias and isinstance(layer, GRU) and layer.reset_after:
            bias = first(variable("bias"), -1)
        elif layer.use_bias:
            zeros = w.constant(np.zeros(gates * n, np.float32))
            bias = first(w.node("Concat", arranged(variable("bias")), zeros, axis=0), -1)
        inputs.append(bias)
        inputs.append("" if self.lengths is None else w.node("Cast", of[self.lengths], to=INT32))
        inputs += ["" if v is None else first(of[v], -1, n) for v in self.starts]
        if isinstance(layer, LSTM) and layer.peepholes:
            turned = w.node("Gather", variable("peepholes"), w.ints(0, 2, 1), axis=0)
            inputs.append(first(turned, -1))
        kind = {4: "LSTM", 3: "GRU", 1: "RNN"}[gates]
        act, gate = FUNCTIONS[layer.activation], FUNCTIONS.get(layer.recurrent_activation, "")
        names = {"LSTM": [gate, act, act], "GRU": [gate, act], "RNN": [act]}[kind]
        more = {"linear_before_reset": int(layer.reset_after)} if isinstance(layer, GRU) else {}
        while not inputs[-1]:
            inputs.pop()
        outputs = [w.unique(f"{kind.lower()}_{o}") for o in ("y", "h", "c")[: 1 + len(self.starts)]]
        w.nodes.append(
            w.onnx.helper.make_node(
                kind,
                inputs,
                outputs,
                name=f"{outputs[0]}:{kind}",
                hidden_size=n,
                direction="reverse" if layer.go_backwards else "forward",
                activations=names,
                **more,
            )
        )
        return outputs


def recurrent(loop: Value) -> Recurrent | None:
    """The recurrent layer that traced a loop, if ONNX has a node for it."""
    layer = loop.within
    if type(layer) not in (LSTM, GRU, SimpleRNN):
        return None
    functions = [layer.activation]
    functions += [] if isinstance(layer, SimpleRNN) else [layer.recurrent_activation]
    if getattr(layer, "layer_norm", False) or not set(functions) <= set(FUNCTIONS):
        return None
    body = loop.attrs["body"]
    n = len(body.carries)
    sequences = loop.inputs[n : n + len(body.sequences)]
    lengths = None
    if len(sequences) > 1:
        mask = sequences[1]
        lengths = mask.inputs[0] if mask.op is STEP_MASK else None
        if lengths is None or lengths.dtype != INT or len(sequences) > 2:
            return None
    kernel = layer.variables["kernel"].leaf
    for v in topological(sequences[:1]):
        if v.op is MATMUL and v.inputs[1] is kernel:
            x = v.inputs[0]
            while x.op.kind == "alias" and x.ndim < 3:
                (x,) = x.inputs
            if x.ndim == 3 and size(x.shape[:2]) == size(v.shape[:1]):
                starts = tuple(None if _zero(s) else s for s in loop.inputs[:n])
                return Recurrent(loop, layer, x, lengths, starts)
    return None


def _zero(v: Value) -> bool:
    while v.op is IDENTITY or v.op.kind == "alias":
        (v,) = v.inputs
    array = constant_array(v)
    return array is not None and not array.any()


def result_of(v: Value, found: Recurrent, w: Writer, _: Sequence[str]) -> str:
    """One of a loop's results, from its node; that is written once."""
    if found.loop not in w.loops:
        w.loops[found.loop] = found.write(w)
    outputs = w.loops[found.loop]
    if v.attrs["last"]:
        return w.reshape(outputs[1 + v.attrs["index"]], v.shape)
    return w.reshape(w.transpose(outputs[0], 2, 0, 1, 3), v.shape)


def part_of(v: Value) -> Recurrent | None:
    """The node that gives a value, if it is a result of one."""
    return recurrent(v.inputs[0]) if v.op is PART else None
