"""What a model is before it is traced: a layer, and a graph if it was given as one."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore.data.arrays import Rows
from gdcore.graph.dims import Batch
from gdcore.graph.ir import INT, REAL, Value
from gdcore.graph.ops.leaves import input_value
from gdcore.layers.base import Layer
from gdcore.text.base import READER


class Definition:
    """A model's layer, and its graph if the model was built from one.

    Parameters
    ----------
    layer : Layer
        The model itself.

    Attributes
    ----------
    inputs : list of Value or None
        The leaves of the graph, or of the `gd.Input` that the model begins with; None if neither is there.
    outputs : Value, list, tuple or dict of Value, or None
        The outputs of the graph; None for a model that has `forward` alone.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.inputs: list[Value] | None = None
        self.outputs: Any = None

    def ends(self) -> list[Value]:
        """The outputs of a graph, in a list."""
        if self.outputs is None:
            return []
        if isinstance(self.outputs, dict):
            return list(self.outputs.values())
        return list(self.outputs) if isinstance(self.outputs, list | tuple) else [self.outputs]

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: of the leaves, or else of the arguments of `forward`."""
        if self.inputs is not None:
            return [v.name for v in self.inputs]
        return [
            p.name
            for p in inspect.signature(self.layer.forward).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]

    @property
    def readers(self) -> list[Any]:
        """What turns strings into rows, for each of the declared inputs; None for inputs of numbers."""
        return [v.attrs.get(READER) for v in self.inputs or ()]

    def leaves(self, arrays: Sequence[Rows] | None) -> list[Value]:
        """Leaves for the inputs: those that were declared, else new ones of the shapes of `arrays`.

        Raises
        ------
        ValueError
            If inputs were not declared and `arrays` is None.
        """
        if self.inputs is not None:
            return list(self.inputs)
        if arrays is None:
            raise ValueError(
                "the model's input is not known yet: call fit or predict with data, or begin "
                "the model with gd.Input(shape)"
            )
        return [
            input_value(
                (Batch(1), *a.shape[1:]),
                n,
                INT if a.dtype.kind in "iu" and a.dtype != np.uint8 else REAL,
            )
            for n, a in zip(self.input_names, arrays, strict=True)
        ]
