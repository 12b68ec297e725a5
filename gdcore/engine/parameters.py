"""What one engine trains: views of its variables in their store, and its own gradients and optimizer slots.

All gradients lie in one vector, sorted by group: the parameters that share a learning rate and a weight
decay. Each optimizer slot lies in a vector of the same layout. Parameters lie in the store, which other
models may use too, in an order of its own; an update therefore loops over ranges that are contiguous both in
the store and in the gradients. A store that one model alone uses has the order of the gradients, with frozen
parameters last, so that each group is one range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gdcore.engine.network import Network
from gdcore.engine.row_log import RowLog
from gdcore.engine.session import GRADS, PARAMS, ROWS, SLOTS, STATES, ReadWriteLock, aligned
from gdcore.engine.store import Store
from gdcore.graph.ir import Value
from gdcore.graph.program import Place
from gdcore.layers.base import Parameter, Variable
from gdcore.optimizers import NO_DECAY, Optimizer
from gdcore.optimizers.groups import Group, check_fit, group_of
from gdcore.schedules import Schedule


class GroupSettings(NamedTuple):
    """The settings that a group of parameters shares.

    `group` is the optimizer's group that sets their learning rate, None for the optimizer's own rate; `member` is
    which of the optimizer's `members` that is.
    """

    group: Group | None
    weight_decay: float | Schedule
    member: int = 0

    def decay(self, steps: np.ndarray) -> Any:
        """The weight decay of steps."""
        return (
            self.weight_decay(steps)
            if isinstance(self.weight_decay, Schedule)
            else self.weight_decay
        )


class Range(NamedTuple):
    """Elements of one group, contiguous in the store and in the gradients."""

    group: int
    params: int  # index of the first element in the store's vector of parameters
    grads: int  # and in the vector of gradients, and in the vector of each slot
    size: int  # number of elements


def group_settings(parameter: Parameter, name: str, optimizer: Optimizer | None) -> GroupSettings:
    """The optimizer's settings for one parameter."""
    if optimizer is None:
        return GroupSettings(None, 0.0)
    member = optimizer.member_of(name, parameter.role, parameter.shape)
    optimizer = optimizer.members[member]
    group = group_of(optimizer.parts, name)
    decay = optimizer.weight_decay
    if group is not None and group.weight_decay is not None:
        decay = group.weight_decay
    return GroupSettings(
        None if group is None or not group.own_rate else group,
        0.0 if spared(parameter, optimizer) else decay,
        member,
    )


def spared(parameter: Parameter, optimizer: Optimizer) -> bool:
    """Whether a parameter is exempt from weight decay."""
    return optimizer.no_decay == NO_DECAY and parameter.role in ("bias", "norm")


class Layout:
    """The order of parameters that suits an engine: group by group, frozen ones last.

    Parameters
    ----------
    network : Network
    trains : callable
        Whether a parameter is trained.
    optimizer : Optimizer or None

    Attributes
    ----------
    groups : list of GroupSettings
    members : list of lists of Parameter
        The parameters of each group.
    frozen : list of Parameter
    """

    def __init__(
        self, network: Network, trains: Callable[[Parameter], bool], optimizer: Optimizer | None
    ) -> None:
        for one in () if optimizer is None else optimizer.members:
            if one.parts:
                names = {network.names[p]: spared(p, one) for p in network.parameters}
                check_fit(one.parts, names)
        found: dict[GroupSettings, list[Parameter]] = {}
        for p in network.parameters:
            if trains(p):
                found.setdefault(group_settings(p, network.names[p], optimizer), []).append(p)
        self.groups, self.members = list(found), list(found.values())
        self.frozen = [p for p in network.parameters if not trains(p)]

    @property
    def order(self) -> list[Parameter]:
        """All parameters: group by group, then the frozen ones."""
        return [*(p for group in self.members for p in group), *self.frozen]

    def store(self, network: Network, dtype: np.dtype) -> Store:
        """A store of this layout, without numbers yet."""
        return Store(self.order, network.states, dtype)


class Parameters:
    """The variables of one network, and what training keeps for them.

    Parameters
    ----------
    network : Network
    store : Store
        Holds all variables of the network, and possibly more.
    layout : Layout
    optimizer : Optimizer or None

    Attributes
    ----------
    groups : list of GroupSettings
    ranges : list of Range
    n_trainable : int
        Elements of the vector of gradients, padding to cache lines included.
    grads : ndarray of shape (n_trainable,)
    slots : ndarray of shape (number of slots * n_trainable,)
    """

    def __init__(
        self, network: Network, store: Store, layout: Layout, optimizer: Optimizer | None
    ) -> None:
        self.network, self.store, self.optimizer = network, store, optimizer
        self.dtype = store.dtype
        self.groups = layout.groups
        self.offsets: dict[Parameter, int] = {}  # among the gradients
        self.ranges: list[Range] = []
        at = 0
        for group, members in enumerate(layout.members):
            for p in members:
                begin, room = store.offsets[p], store.room(p)
                last = self.ranges[-1] if self.ranges else None
                if last and last.group == group and last.params + last.size == begin:
                    self.ranges[-1] = last._replace(size=last.size + room)
                else:
                    self.ranges.append(Range(group, begin, at, room))
                self.offsets[p], at = at, at + room
        self.n_trainable = at
        self._trained = list(self.offsets)
        order = {p: i for i, p in enumerate(network.parameters)}
        self._trained.sort(key=order.__getitem__)
        self.slot_names: tuple[str, ...] = tuple(optimizer.slots) if optimizer is not None else ()
        # One allocation for all: the kernel backs a large one with huge pages, which take a third of the time
        # to fault in.
        whole = aligned(max(1, (1 + len(self.slot_names)) * at) * self.dtype.itemsize)
        self.grads, self.slots = np.split(
            whole.view(self.dtype)[: (1 + len(self.slot_names)) * at], [at]
        )
        for i, slot in enumerate(self.slot_names):
            assert optimizer is not None
            first = optimizer.initial(slot)
            if first:  # the memory is zeroed already; a page that is not written to stays unmapped
                self.slots[i * at : (i + 1) * at] = first
        self.log: RowLog | None = None
        if optimizer is not None and optimizer.sparse == "exact":
            tables = {p: p.shape[0] for p in self.offsets if len(p.shape) == 2}
            self.log = RowLog(tables, optimizer, len(self.groups), self.dtype)

    @property
    def lock(self) -> ReadWriteLock:
        """The lock of the store."""
        return self.store.lock

    @property
    def params(self) -> np.ndarray:
        """The store's vector of parameters, which may hold those of other models too."""
        return self.store.params

    @property
    def states(self) -> np.ndarray:
        """The store's vector of states."""
        return self.store.states

    @property
    def buffers(self) -> dict[int, np.ndarray]:
        """The vectors by buffer number."""
        own = {PARAMS: self.params, GRADS: self.grads, SLOTS: self.slots, STATES: self.states}
        return own if self.log is None else own | {ROWS: self.log.memory}

    @property
    def variables(self) -> list[Variable]:
        """Parameters in the order of the layers, then states."""
        return [*self.network.parameters, *self.network.states]

    @property
    def nbytes(self) -> int:
        """Bytes of the model's own variables, their gradients and slots."""
        own = sum(self.store.room(v) for v in self.variables) * self.dtype.itemsize
        logged = 0 if self.log is None else self.log.memory.nbytes
        return int(own + self.grads.nbytes + self.slots.nbytes + logged)

    def view(self, v: Variable) -> np.ndarray:
        """A variable's numbers, as a writable view: see `Store.view`."""
        return self.store.view(v)

    def within(self, v: Variable) -> np.ndarray:
        """A variable's numbers, to be read, or written with the lock held, and not to be kept."""
        return self.store.within(v)

    def gradient(self, p: Parameter) -> np.ndarray:
        """A trained parameter's gradient, as a view."""
        at = self.offsets[p]
        return self.grads[at : at + p.size].reshape(p.shape)

    def end(self, p: Parameter) -> int:
        """The index in the gradients at which a parameter ends, padding included."""
        return self.offsets[p] + self.store.room(p)

    def slot(self, p: Parameter, slot: str) -> np.ndarray:
        """One optimizer slot (such as the momentum) of a trained parameter, as a writable view of its shape."""
        if (
            self.log is not None
        ):  # the numbers may be changed: what is behind no longer is, whatever it was
            self.store.catch_up()
            self.log.all_done([p])
        at = self.slot_names.index(slot) * self.n_trainable + self.offsets[p]
        return self.slots[at : at + p.size].reshape(p.shape)

    def place(self, leaf: Value) -> Place | None:
        """The place (buffer, byte offset) of the leaf of a variable; None for other leaves."""
        v = leaf.attrs.get("variable")
        if v is None:
            return None
        return Place(
            PARAMS if isinstance(v, Parameter) else STATES,
            self.store.offsets[v] * self.dtype.itemsize,
        )

    def grad_place(self, p: Parameter) -> Place:
        """The place of a parameter's gradient."""
        return Place(GRADS, self.offsets[p] * self.dtype.itemsize)

    def take_slots(self, old: Parameters) -> None:
        """Copy the slots of parameters that were trained before, if the optimizer is the same."""
        if old.optimizer is self.optimizer:
            for p in self._trained:
                if p in old.offsets:
                    for slot in self.slot_names:
                        self.slot(p, slot)[...] = old.slot(p, slot)

    def copy(self, other: Parameters) -> None:
        """Copy variables, gradients and slots from parameters of the same network and layout."""
        for v in self.variables:
            self.store.put(v, other.within(v))
        for parameters in (self, other):
            parameters.store.catch_up()
        np.copyto(self.grads, other.grads)
        np.copyto(self.slots, other.slots)
        if self.log is not None:
            self.log.all_done()

    def trainable(self) -> Sequence[Parameter]:
        """The trained parameters, in the order of the layers."""
        return self._trained


def detached(
    network: Network,
    trains: Callable[[Parameter], bool],
    optimizer: Optimizer | None,
    dtype: np.dtype,
) -> Parameters:
    """Uninitialized parameters in a store of their own, to which the layers' variables are not bound."""
    layout = Layout(network, trains, optimizer)
    return Parameters(network, layout.store(network, dtype), layout, optimizer)
