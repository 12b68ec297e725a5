"""A model's variables by layer, and the shape that an image had before a layer got it flat."""

from __future__ import annotations

from dataclasses import dataclass

from gdcore.graph.ir import Batch, Value, topological
from gdcore.layers.base import Variable
from gdcore.model import Model


@dataclass
class Group:
    """The variables of one layer.

    Attributes
    ----------
    path : str
        Where the layer is in the model.
    variables : dict of str to Variable
        By their names in the layer, in the order in which they were made.
    """

    path: str
    variables: dict[str, Variable]

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
        if names == {"kernel", "recurrent", "bias"}:
            return "LSTM"
        if "kernel" in names and names <= {"kernel", "bias"}:
            return {2: "Dense", 4: "Conv2D"}.get(len(self.variables["kernel"].shape), "")
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
    found: dict[str, Group] = {}
    for variable, name in model.memory().network.names.items():
        path, _, own = name.rpartition(".")
        found.setdefault(path, Group(path, {})).variables[own] = variable
    return list(found.values())


def image_before(model: Model, kernel: Variable) -> tuple[int, int, int] | None:
    """(height, width, channels) of what a product's rows were before they were made flat.

    None where they are no flattened image. Only passes over single numbers, such as activations and
    dropout, may lie in between.
    """
    values = topological(model.memory().network.outputs)
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


def _image(value: Value) -> tuple[int, int, int] | None:
    if value.op.name != "reshape":
        return None
    _, *shape = value.inputs[0].shape
    if len(shape) != 3 or not all(isinstance(d, int) for d in shape):
        return None
    high, wide, channels = (d for d in shape if isinstance(d, int))
    return high, wide, channels
