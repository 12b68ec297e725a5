"""Layers one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gdcore.engine.engine import engine_of
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import INPUT
from gdcore.layers.base import Layer
from gdcore.model import Model


class Sequential(Model):
    """Layers one after another.

    Parameters
    ----------
    layers : sequence of layers, the first of which may be a `gd.Input`, or a model
        that begins with one. More can be added by `add`.
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

    def __init__(self, layers: Sequence[Any] = (), name: str | None = None) -> None:
        if not isinstance(layers, Sequence):
            raise TypeError(
                f"Sequential got {type(layers).__name__}: expected a list, as in "
                "gd.Sequential([gd.Dense(32), gd.Dense(1)])"
            )
        self.layers: list[Layer] = []
        self.name = name
        for layer in layers:
            self._append(layer)

    def _append(self, layer: Any) -> None:
        if isinstance(layer, Value) and not self.layers and self._engine.definition.inputs is None:
            if layer.op is not INPUT:
                raise TypeError(
                    "Sequential begins with a traced value: expected a layer or gd.Input(...)"
                )
            self._engine.definition.inputs = [layer]
            return
        if not isinstance(layer, Layer):
            hint = (
                " (an instance, not the class)"
                if isinstance(layer, type)
                else "; a gd.Input is the first of all"
                if isinstance(layer, Value)
                else "; wrap a function in gd.Activation"
            )
            raise TypeError(
                f"Sequential item {len(self.layers)} is {layer!r}: expected a layer{hint}"
            )
        if isinstance(layer, Model) and not self.layers and self._engine.definition.inputs is None:
            # A model that begins this one may have declared its input.
            self._engine.definition.inputs = engine_of(layer).definition.inputs
        self.layers.append(layer)

    def add(self, layer: Any) -> None:
        """Append a layer.

        Layers that have learned something keep it; what the optimizer remembers of them begins anew.

        Parameters
        ----------
        layer : Layer, or a gd.Input before the first

        Raises
        ------
        TypeError
            If it is something else.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential()
        >>> model.add(gd.Input(3))
        >>> model.add(gd.Dense(2))
        >>> model.predict([[1.0, 2.0, 3.0]]).shape
        (1, 2)
        """
        self._append(layer)
        self._engine.restructured()

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
