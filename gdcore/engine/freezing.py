"""Which layers a model trains: a snapshot of what was frozen when it was compiled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from gdcore.graph.ir import Value, topological
from gdcore.layers.base import Layer, Parameter


def every_layer(layer: Layer) -> Iterator[Layer]:
    """A layer and the layers within it, at any depth, each once."""
    seen: set[int] = set()
    waiting = [layer]
    while waiting:
        found = waiting.pop(0)
        if id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting.extend(found._parts())


def layers_of(values: Sequence[Value]) -> list[Layer]:
    """The layers that traced the values that `values` depend on, and the owners of their variables."""
    found: dict[int, Layer] = {}
    for v in topological(list(values)):
        variable = v.attrs.get("variable")
        for layer in (v.layer, v.within, None if variable is None else variable.owner):
            if layer is not None:
                found.setdefault(id(layer), layer)
    return list(found.values())


class Freezing:
    """A snapshot of which parameters of some layers are frozen.

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
        """Whether both snapshots have the same layers and parameters frozen."""
        return self.parameters == other.parameters and (
            {i for i, (_, on) in self.layers.items() if not on}
            == {i for i, (_, on) in other.layers.items() if not on}
        )

    def note(self) -> None:
        """Add this snapshot to its layers' weak sets, which `outdated` of other models reads."""
        for layer, _ in self.layers.values():
            layer.snapshots.add(self)

    def outdated(self) -> bool:
        """Whether a layer agrees neither with this snapshot nor with that of another model."""
        return any(
            not self._agrees(layer) and not any(other._agrees(layer) for other in layer.snapshots)
            for layer, _ in self.layers.values()
        )

    def _agrees(self, layer: Layer) -> bool:
        """Whether a layer is frozen now as it is in this snapshot."""
        _, on = self.layers.get(id(layer), (layer, None))
        return layer.trainable == on and all(
            v.frozen == (v in self.parameters)
            for v in layer.variables.values()
            if isinstance(v, Parameter)
        )

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Set the layers' `trainable` as in the snapshot for a while: `forward` may read it while it is traced."""
        now = Freezing([layer for layer, _ in self.layers.values()])
        try:
            self._set()
            yield
        finally:
            now._set()

    def _set(self) -> None:
        for layer, on in self.layers.values():
            layer._trainable = on
