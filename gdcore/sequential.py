"""Layers one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gdcore.engine.engine import engine_of
from gdcore.graph.ir import Value
from gdcore.graph.registry import INPUT
from gdcore.layers.base import Layer
from gdcore.model import Model


class Sequential(Model):
    """Layers one after another.

    Parameters
    ----------
    layers : sequence of layers, the first of which may be a `gd.Input`, or a model
        that begins with one
    name : str, optional

    Raises
    ------
    TypeError
        If it is not a list, or something in it is not a layer.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(8), gd.Dense(4, activation="relu"), gd.Dense(1)])
    >>> len(model.layers)
    2
    """

    def __init__(self, layers: Sequence[Any], name: str | None = None) -> None:
        if not isinstance(layers, Sequence):
            raise TypeError(
                f"Sequential got {type(layers).__name__}: expected a list, as in "
                "gd.Sequential([gd.Dense(32), gd.Dense(1)])"
            )
        items = list(layers)
        if items and isinstance(items[0], Value):
            if items[0].op is not INPUT:
                raise TypeError(
                    "Sequential begins with a traced value: expected a layer or gd.Input(...)"
                )
            self._engine.graph_inputs = [items.pop(0)]
        elif items and isinstance(items[0], Model):  # which may know its own input
            self._engine.graph_inputs = engine_of(items[0]).graph_inputs
        for i, layer in enumerate(items):
            if not isinstance(layer, Layer):
                hint = (
                    " (an instance, not the class)"
                    if isinstance(layer, type)
                    else "; wrap a function in gd.Activation"
                )
                raise TypeError(f"Sequential item {i} is {layer!r}: expected a layer{hint}")
        self.layers = items
        self.name = name

    def forward(self, x: Value) -> Any:  # type: ignore[override]
        for layer in self.layers:
            x = layer(x)
        return x

    def sublayers(self) -> Iterator[tuple[str, Layer]]:
        """The layers, numbered.

        Yields
        ------
        (str, Layer)

        Examples
        --------
        >>> import gdcore as gd
        >>> [name for name, _ in gd.Sequential([gd.Dense(4), gd.Dense(2)]).sublayers()]
        ['0', '1']
        """
        return ((str(i), layer) for i, layer in enumerate(self.layers))
