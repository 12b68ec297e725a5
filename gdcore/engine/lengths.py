"""The network of a model for sequences of another length: its layers traced once more, over the same variables.

A model that was built from a graph is replayed: layers are called as they were, and ops between them applied
anew, if their attributes hold no shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gdcore.engine.definition import Definition
from gdcore.engine.network import Network, trace
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import apply, input_value
from gdcore.layers.base import Layer, values_of

MOST = 64  # networks that are kept


class Lengths:
    """Networks by the number of steps, the least recently used of which are dropped.

    Parameters
    ----------
    definition : Definition
    network : Network
        That of the model itself.
    layers : callable
        Gives the model's layers.
    """

    def __init__(
        self, definition: Definition, network: Network, layers: Callable[[], list[Layer]]
    ) -> None:
        self.definition, self.network, self.layers = definition, network, layers
        self.found: dict[int, Network] = {}

    def of(self, steps: int) -> Network:
        """The network for sequences of so many steps.

        Raises
        ------
        ValueError
            If the model's own inputs are no sequences, or its variables or ops need the steps that it has.
        """
        own = self.network.inputs[0].shape
        if len(own) < 2:
            raise ValueError(
                f"the model's first input has the shape {own}: expected sequences, (batch, steps) or (batch, "
                "steps, features)"
            )
        if steps == own[1]:
            return self.network
        found = self.found.pop(steps, None)
        if found is None:
            found = self._traced(steps)
            while len(self.found) >= MOST:
                del self.found[next(iter(self.found))]
        self.found[steps] = found
        return found

    def _traced(self, steps: int) -> Network:
        own, inputs = self.network.inputs[0].shape[1], self.network.inputs
        leaves = [
            input_value((x.shape[0], steps, *x.shape[2:]), x.name, x.dtype)
            if x.ndim > 1 and x.shape[1] == own
            else x
            for x in inputs
        ]
        shown = [(layer, layer._output_shapes) for layer in self.layers()]
        layer = self.definition.layer
        if self.definition.outputs is None:
            result = layer.forward(*leaves)
        else:
            ends = replayed(self.definition.ends(), dict(zip(inputs, leaves, strict=True)))
            names = self.network.output_names
            result = ends if names is None else dict(zip(names, ends, strict=True))
        made = trace(layer, leaves, result)
        for part, shapes in shown:  # a summary shows the model's own steps
            part._output_shapes = shapes
        known = set(self.network.names)
        new = [made.names[v] for v in made.names if v not in known]
        if new:
            raise ValueError(
                f"at {steps} steps the model makes the new parameter {new[0]!r}: expected the same parameters at "
                "any length of sequences"
            )
        return made


def replayed(outputs: Sequence[Value], given: Mapping[Value, Value]) -> list[Value]:
    """The outputs of a graph from other inputs: its layers called again, the ops between them applied again.

    Raises
    ------
    ValueError
        If an op between layers holds a shape, or cuts the steps elsewhere than at the first ones.
    """
    new = dict(given)
    made: dict[int, list[Any]] = {}  # by call

    def of(v: Any) -> Any:
        if isinstance(v, list | tuple):
            return type(v)(map(of, v))
        if not isinstance(v, Value):
            return v
        if v not in new:
            if v.call is not None:
                call, i = v.call
                layer, inputs, named = call
                if id(call) not in made:
                    result = layer(*map(of, inputs), **{k: of(x) for k, x in named.items()})
                    made[id(call)] = values_of(result)
                new[v] = made[id(call)][i]
            else:
                new[v] = _applied(v, [of(x) for x in v.inputs])
        return new[v]

    return [of(v) for v in outputs]


def _applied(v: Value, inputs: list[Value]) -> Value:
    """An op of other inputs."""
    if all(a is b for a, b in zip(inputs, v.inputs, strict=True)):
        return v
    attrs = dict(v.attrs)
    if any(a.shape != b.shape for a, b in zip(inputs, v.inputs, strict=True)):
        if v.op.name == "slice":
            attrs["cuts"] = _cuts(v, inputs[0])
        elif v.op.name != "masked" and {"shape", "body", "steps", "index", "cuts"} & set(attrs):
            raise _fixed(v)
    made = apply(v.op, *inputs, **attrs)
    made.layer, made.within = v.layer, v.within
    return made


def _cuts(v: Value, x: Value) -> tuple[Any, ...]:
    """What a slice takes of another number of steps: all, or some of the first."""
    cuts = list(v.attrs["cuts"])
    for dim, (old, new) in enumerate(zip(v.inputs[0].shape, x.shape, strict=True)):
        begin, end, step = cuts[dim]
        if old == new:
            continue
        if begin == 0 and end in (None, old):
            cuts[dim] = (0, None, step)
        elif begin or not isinstance(end, int) or not isinstance(new, int) or end > new:
            raise _fixed(v)
    return tuple(cuts)


def _fixed(v: Value) -> ValueError:
    """The error (not raised) for an op that cannot be applied to another number of steps."""
    return ValueError(
        f"sequences of other lengths through {v.op.name!r} {v.shape}, an op that holds a shape and is in no layer, as "
        "none is in a graph that was loaded or copied: put it into a layer, or write the model as gd.Sequential or "
        "as a class with forward"
    )
