"""All that a model has learned, in a few vectors.

Parameters lie in one vector, those that one optimizer setting treats alike side by side and the
frozen ones last; gradients and optimizer slots lie in vectors of the same layout. Every tensor
starts on a cache line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gdcore.engine.network import Network
from gdcore.engine.session import GRADS, PARAMS, SLOTS, STATES, Gate, aligned
from gdcore.graph.ir import Value
from gdcore.graph.place import Place
from gdcore.layers.base import Parameter, Variable
from gdcore.optimizers import NO_DECAY, Optimizer
from gdcore.optimizers.groups import Group, check_fit, group_of
from gdcore.random import Stream

LINE = 64


class Settings(NamedTuple):
    """What some parameters are updated with: the group that has their rate, if any, and the decay."""

    group: Group | None
    weight_decay: float


def settings_of(parameter: Parameter, name: str, optimizer: Optimizer | None) -> Settings:
    """The optimizer's settings for one parameter."""
    if optimizer is None:
        return Settings(None, 0.0)
    group = group_of(optimizer.parts, name)
    decay = optimizer.weight_decay
    if group is not None and group.weight_decay is not None:
        decay = group.weight_decay
    return Settings(
        None if group is None or group.lr is None else group,
        0.0 if spared(parameter, optimizer) else float(decay),
    )


def spared(parameter: Parameter, optimizer: Optimizer) -> bool:
    """Whether the optimizer's decay leaves a parameter alone."""
    return optimizer.no_decay == NO_DECAY and parameter.role in ("bias", "norm")


class Memory:
    """The vectors, and where each variable lies in them.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer or None
    dtype : float32 or float64

    Attributes
    ----------
    groups : list of (Settings, first element, end)
        Ranges of the parameter vector that are updated alike.
    n_trainable : int
        Elements of the parameter vector that are trained.
    gate : Gate
        Runs that read pass it together, those that write one by one.
    """

    def __init__(self, network: Network, optimizer: Optimizer | None, dtype: np.dtype) -> None:
        self.network = network
        self.optimizer = optimizer
        self.gate = Gate()
        self.dtype = np.dtype(dtype)
        self.step = LINE // self.dtype.itemsize
        self.offsets: dict[Variable, int] = {}
        self.groups: list[tuple[Settings, int, int]] = []
        if optimizer is not None and optimizer.parts:
            names = {network.names[p]: spared(p, optimizer) for p in network.parameters}
            check_fit(optimizer.parts, names)
        trainable = self._trained = [p for p in network.parameters if p.trainable]
        settings = {p: settings_of(p, network.names[p], optimizer) for p in trainable}
        at = 0
        for group in dict.fromkeys(settings.values()):
            start = at
            for p in trainable:
                if settings[p] == group:
                    self.offsets[p], at = at, at + self._room(p)
            self.groups.append((group, start, at))
        self.n_trainable = at
        for p in network.parameters:
            if not p.trainable:
                self.offsets[p], at = at, at + self._room(p)
        n_params, at = at, 0
        for s in network.states:
            self.offsets[s], at = at, at + self._room(s)
        self.slot_names: tuple[str, ...] = tuple(optimizer.slots) if optimizer is not None else ()
        # One piece of memory: a large one comes in huge pages, which are there in a third of the time.
        sizes = n_params, self.n_trainable, len(self.slot_names) * self.n_trainable, at
        whole = aligned(max(1, sum(sizes)) * self.dtype.itemsize).view(self.dtype)
        self.params, self.grads, self.slots, self.states = np.split(whole, np.cumsum(sizes[:-1]))
        for i, slot in enumerate(self.slot_names):
            assert optimizer is not None
            first = optimizer.initial(slot)
            if first:  # zeros are there: pages that nothing is written to take no memory yet
                self.slots[i * self.n_trainable : (i + 1) * self.n_trainable] = first

    def _room(self, v: Variable) -> int:
        return -(-v.size // self.step) * self.step

    @property
    def buffers(self) -> dict[int, np.ndarray]:
        """The vectors by buffer number."""
        return {PARAMS: self.params, GRADS: self.grads, SLOTS: self.slots, STATES: self.states}

    @property
    def nbytes(self) -> int:
        """Bytes of all vectors."""
        return int(self.params.nbytes + self.grads.nbytes + self.slots.nbytes + self.states.nbytes)

    def view(self, v: Variable) -> np.ndarray:
        """A variable's numbers, as a writable view."""
        vector = self.params if isinstance(v, Parameter) else self.states
        at = self.offsets[v]
        return vector[at : at + v.size].reshape(v.shape)

    def gradient(self, p: Parameter) -> np.ndarray:
        """A trainable parameter's gradient, as a view."""
        at = self.offsets[p]
        return self.grads[at : at + p.size].reshape(p.shape)

    def end(self, p: Parameter) -> int:
        """The element of the vectors at which the next parameter begins."""
        return self.offsets[p] + self._room(p)

    def slot(self, p: Parameter, slot: str) -> np.ndarray:
        """What the optimizer remembers of a trainable parameter, as a writable view."""
        at = self.slot_names.index(slot) * self.n_trainable + self.offsets[p]
        return self.slots[at : at + p.size].reshape(p.shape)

    def place(self, leaf: Value) -> Place | None:
        """Where the leaf of a variable lies."""
        v = leaf.attrs.get("variable")
        if v is None:
            return None
        return Place(
            PARAMS if isinstance(v, Parameter) else STATES, self.offsets[v] * self.dtype.itemsize
        )

    def grad_place(self, p: Parameter) -> Place:
        """Where its gradient goes."""
        return Place(GRADS, self.offsets[p] * self.dtype.itemsize)

    def fill(self, seed: int, old: Memory | None) -> None:
        """Numbers for every variable, which has its home here from now on."""
        self.draw(seed, old)
        for v in (*self.network.parameters, *self.network.states):
            v.data = self.view(v)

    def draw(self, seed: int, old: Memory | None) -> None:
        """Numbers for every variable: those it has already, or those its initializer draws."""
        for v in (*self.network.parameters, *self.network.states):
            if v.data is not None:
                self.view(v)[...] = v.data
            elif isinstance(v, Parameter):
                name = self.network.names[v]
                v.initializer.fill(self.view(v), Stream(seed, f"init/{name}"))
                if not np.isfinite(self.view(v)).all():
                    raise ValueError(
                        f"the initializer of {name!r} gave numbers that are not finite, expected "
                        f"finite ones of {self.dtype}: mend it"
                    )
            else:
                self.view(v)[...] = v.initial  # type: ignore[attr-defined]
        if old is not None and old.optimizer is self.optimizer:
            for p in self.trainable():
                if p in old.trainable():
                    for slot in self.slot_names:
                        self.slot(p, slot)[...] = old.slot(p, slot)

    def copy(self, other: Memory) -> None:
        """Take over all numbers of a memory of the same layout."""
        for own, its in (
            (self.params, other.params),
            (self.grads, other.grads),
            (self.slots, other.slots),
            (self.states, other.states),
        ):
            np.copyto(own, its)

    def trainable(self) -> Sequence[Parameter]:
        """The parameters that are trained here."""
        return self._trained
