"""Which layers a model trains: what was frozen when it was compiled, whatever is frozen later."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from gdcore.graph.ir import Value, topological
from gdcore.layers.base import Layer, Parameter


def every_layer(layer: Layer) -> Iterator[Layer]:
    """A layer and all that are frozen with it, each once."""
    seen: set[int] = set()
    waiting = [layer]
    while waiting:
        found = waiting.pop(0)
        if id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting.extend(found.parts())


def layers_of(values: Sequence[Value]) -> list[Layer]:
    """The layers that values of a graph were made by, or whose variables they depend on."""
    found: dict[int, Layer] = {}
    for v in topological(list(values)):
        variable = v.attrs.get("variable")
        for layer in (v.layer, v.within, None if variable is None else variable.owner):
            if layer is not None:
                found.setdefault(id(layer), layer)
    return list(found.values())


class Freezing:
    """A snapshot of what is frozen in some layers.

    Parameters
    ----------
    layers : iterable of Layer
    """

    def __init__(self, layers: Sequence[Layer] = ()) -> None:
        self.layers = {id(layer): (layer, layer.trainable) for layer in layers}
        self.parameters = {
            v
            for layer in layers
            for v in layer.variables.values()
            if isinstance(v, Parameter) and v.frozen
        }

    def __getstate__(self) -> tuple[list[tuple[Layer, bool]], list[Parameter]]:
        return list(self.layers.values()), list(self.parameters)

    def __setstate__(self, state: tuple[list[tuple[Layer, bool]], list[Parameter]]) -> None:
        self.layers = {id(layer): (layer, on) for layer, on in state[0]}
        self.parameters = set(state[1])

    def trains(self, p: Parameter) -> bool:
        """Whether a parameter is trained."""
        _, trainable = self.layers.get(id(p.owner), (p.owner, p.owner.trainable))
        return trainable and p not in self.parameters

    def same(self, other: Freezing) -> bool:
        """Whether both leave the same layers and parameters untrained."""
        return self.parameters == other.parameters and (
            {i for i, (_, on) in self.layers.items() if not on}
            == {i for i, (_, on) in other.layers.items() if not on}
        )

    def note(self) -> None:
        """Let the layers remember this snapshot, for as long as its model lives."""
        for layer, _ in self.layers.values():
            layer.snapshots.add(self)

    def outdated(self) -> bool:
        """Whether a layer differs from this snapshot, and is not as another model trains it."""
        return any(
            not self._agrees(layer) and not any(other._agrees(layer) for other in layer.snapshots)
            for layer, _ in self.layers.values()
        )

    def _agrees(self, layer: Layer) -> bool:
        """Whether what is frozen in a layer now was so in this snapshot."""
        _, on = self.layers.get(id(layer), (layer, None))
        return layer.trainable == on and all(
            v.frozen == (v in self.parameters)
            for v in layer.variables.values()
            if isinstance(v, Parameter)
        )

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The layers as they were, while a model is traced: a layer's `forward` may look."""
        now = Freezing([layer for layer, _ in self.layers.values()])
        try:
            self._set()
            yield
        finally:
            now._set()

    def _set(self) -> None:
        for layer, on in self.layers.values():
            layer._trainable = on
