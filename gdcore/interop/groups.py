"""A model's variables by layer, and the shape of an image before it was flattened for a layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gdcore.engine.engine import Engine, engine_of
from gdcore.engine.store import check_range
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value, topological
from gdcore.layers.base import Variable
from gdcore.model import Model

RECURRENT = {4: "LSTM", 3: "GRU", 1: "SimpleRNN"}  # by the number of gates


@dataclass
class Group:
    """The variables of one layer.

    Attributes
    ----------
    path : str
        Where the layer is in the model.
    variables : dict of str to Variable
        By their names in the layer, in the order in which they were made.
    idle : set of str
        Those that the network does not read, such as the recurrent kernel of an LSTM of one step: they
        are no part of the model's memory.
    """

    path: str
    variables: dict[str, Variable]
    idle: set[str]

    @property
    def kind(self) -> str:
        """The layer that has such variables: a model that was loaded does not know its classes."""
        names = set(self.variables)
        if "running_mean" in names:
            return "BatchNorm"
        if names <= {"gamma", "beta"}:
            return "LayerNorm"
        if names == {"table"}:
            return "Embedding"
        if "query_kernel" in names and "output_kernel" in names:
            return "MultiHeadAttention"
        if {"kernel", "recurrent"} <= names <= {"kernel", "recurrent", "bias"}:
            rows, columns = self.variables["recurrent"].shape
            return RECURRENT.get(columns // rows, "")
        if "kernel" in names and names <= {"kernel", "bias"}:
            kinds = {2: "Dense", 3: "Conv1D", 4: "Conv2D", 5: "Conv3D"}
            return kinds.get(len(self.variables["kernel"].shape), "")
        if "depthwise_kernel" in names and names <= {"depthwise_kernel", "bias"}:
            return "DepthwiseConv2D"
        return ""

    @property
    def epsilon(self) -> float | None:
        """What the layer adds to a variance, where it is known."""
        return getattr(next(iter(self.variables.values())).owner, "epsilon", None)

    def __str__(self) -> str:
        shapes = ", ".join(f"{n} {v.shape}" for n, v in self.variables.items())
        return f"{self.path or 'the model'} ({shapes})"


def groups(model: Model) -> list[Group]:
    """The layers of a model that have variables, in order.

    Raises
    ------
    ValueError
        If the model's input is not known yet.
    """
    network = engine_of(model).network()
    held = {*network.parameters, *network.states}
    found: dict[str, Group] = {}
    for variable, name in network.names.items():
        path, _, own = name.rpartition(".")
        group = found.setdefault(path, Group(path, {}, set()))
        group.variables[own] = variable
        if variable not in held:
            group.idle.add(own)
    return list(found.values())


def load(model: Model, new: Mapping[Variable, np.ndarray]) -> None:
    """Set variables to arrays of their shapes; those that the model does not hold keep theirs."""
    engine = engine_of(model)
    if engine.bound is None and all(v.store is None for v in new):
        _begin(engine, new)
        return
    memory = engine.parameters()
    network = memory.network
    held = {*network.parameters, *network.states}
    model.load_state_dict({network.names[v]: a for v, a in new.items() if v in held}, strict=False)
    for variable, array in new.items():
        if variable not in held:
            variable.data = np.array(array, memory.dtype)


def _begin(engine: Engine, new: Mapping[Variable, np.ndarray]) -> None:
    """Give a model its first numbers, so that no random ones are drawn to be replaced."""
    network, dtype = engine.network(), engine.dtype
    held = {*network.parameters, *network.states}
    for variable, array in new.items():
        check_range(array, dtype, network.names[variable])
    for variable, array in new.items():
        variable.data = array if variable in held else np.array(array, dtype)
    engine.parameters()  # they are copied


def numbers_of(model: Model, group: Group, name: str) -> np.ndarray:
    """What a variable holds; zeros where it is idle and never got any."""
    variable = group.variables[name]
    if name not in group.idle:
        return engine_of(model).parameters().view(variable)
    return np.zeros(variable.shape, np.float32) if variable.data is None else variable.data


def numbers_behind(model: Model, group: Group, batch_size: int) -> int:
    """Number of elements over which a batch norm takes a feature's variance in a training step.

    Raises
    ------
    ValueError
        If the graph does not show what the norm is computed of.
    """
    leaf = group.variables["running_mean"].leaf
    for value in topological(engine_of(model).network().outputs):
        if any(v is leaf for v in value.inputs):
            for x in value.inputs:
                if len(x.shape) > 1 and x.shape[0] == Batch(1):
                    return batch_size * math.prod(d for d in x.shape[1:-1] if isinstance(d, int))
    raise ValueError(f"batch_size={batch_size}: {group} is not computed from a batch")


def image_before(model: Model, kernel: Variable) -> tuple[int, ...] | None:
    """(..., channels) of the image, volume or convolved sequence that was flattened into the rows of a matrix product.

    None if there was none. Only elementwise ops, such as activations and dropout, may lie between.
    """
    values = topological(engine_of(model).network().outputs)
    inputs = [v.inputs[0] for v in values if len(v.inputs) > 1 and v.inputs[1] is kernel.leaf]
    waiting, seen = inputs, set()
    while waiting:
        value = waiting.pop()
        if value in seen or value.shape != (Batch(1), kernel.shape[0]):
            continue
        seen.add(value)
        image = _image(value)
        if image is not None:
            return image
        waiting += value.inputs
    return None


def _image(value: Value) -> tuple[int, ...] | None:
    if value.op.name != "reshape":
        return None
    _, *shape = value.inputs[0].shape
    sizes = tuple(d for d in shape if isinstance(d, int))
    if len(sizes) != len(shape) or len(shape) not in (2, 3, 4):
        return None
    return sizes if len(sizes) > 2 or _convolved(value.inputs[0]) else None


def _convolved(value: Value) -> bool:
    """Whether a sequence comes from a convolution, which has channels first in PyTorch, unlike a recurrent layer."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if value.op.name in ("conv", "conv_dx"):
            return True
        if value.op.kind in ("map", "alias", "kernel") and value.op.name != "matmul":
            waiting += [x for x in value.inputs if x.ndim == value.ndim]
    return False
