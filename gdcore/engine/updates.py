"""The update of a training step: the optimizer's function, applied to ranges of the vectors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import itemgetter

import numpy as np

from gdcore import ops
from gdcore.engine.parameters import GroupSettings, Parameters, Range
from gdcore.engine.session import GRADS, HYPER, INPUTS, PARAMS, SLOTS, aligned
from gdcore.graph.dims import Shape, size
from gdcore.graph.ir import Value, topological
from gdcore.graph.ops.identities import IDENTITY
from gdcore.graph.ops.leaves import INPUT, RANGE, apply
from gdcore.graph.ops.products import MATMUL
from gdcore.graph.ops.rows import RowGradient, squared_norm
from gdcore.graph.program import Place
from gdcore.layers.base import Parameter
from gdcore.optimizers import Optimizer

# Elements of a dense kernel from which on it is updated, and its gradient checked, by an instruction of its own, whose
# halves two threads take as they took those of the gradient: so each finds its own in its cache.
LARGE = 1 << 16
AHEAD = 256  # rows of step numbers that are computed at once for callers of single steps


class StepNumbers:
    """The numbers of an optimizer that change from step to step, such as the learning rate.

    They are scalars in the buffer HYPER; `leaves` has the leaf of each, in the order of the buffer.
    """

    def __init__(
        self, optimizer: Optimizer, groups: Sequence[GroupSettings], dtype: np.dtype
    ) -> None:
        self.optimizer = optimizer
        self.groups = groups
        self.dtype = dtype
        shared = self._shared(np.arange(1, 2, dtype=np.float64))
        self.names = [*shared, *(f"{n}/{i}" for i in range(len(groups)) for n in ("lr", "decay"))]
        self.leaves = {n: leaf((), f"h:{n}") for n in self.names}
        # Behind them, the factor that clips gradients by norm, for the updates of rows.
        self.buffer = aligned(max(64, (len(self.names) + 1) * dtype.itemsize))
        self._kept: tuple[int, int, np.ndarray] | None = None

    @property
    def changes(self) -> int:
        """Counts assignments to settings of the optimizer and of those within it."""
        return sum(m.changes for m in self.optimizer.members)

    def _shared(self, t: np.ndarray) -> dict[str, np.ndarray]:
        """The numbers that all groups of a member share, by their names behind the number of the member."""
        members = enumerate(self.optimizer.members)
        return {f"{i}:{name}": v for i, m in members for name, v in m.numbers(t).items()}

    def place(self, value: Value) -> Place | None:
        for i, v in enumerate(self.leaves.values()):
            if v is value:
                return Place(HYPER, i * self.dtype.itemsize)
        return None

    @property
    def scale_place(self) -> Place:
        """The place of the factor of gradients, behind the numbers."""
        return Place(HYPER, len(self.names) * self.dtype.itemsize)

    def rows(self, first: int, steps: int) -> np.ndarray:
        """An array (steps, n): the numbers of the steps first, first + 1, ...; the model's first step is 0."""
        at = np.arange(first, first + steps)
        columns = self._shared((at + 1).astype(np.float64))
        for i, settings in enumerate(self.groups):
            group, member = settings.group, self.optimizer.members[settings.member]
            schedule = member.schedule
            rate = schedule(at) if group is None else group.rates(at, schedule)
            columns[f"lr/{i}"] = rate
            decay = np.broadcast_to(settings.decay(at), at.shape)
            columns[f"decay/{i}"] = decay if member.coupled else 1.0 - rate * decay
        return np.ascontiguousarray(
            np.stack([columns[n] for n in self.names], axis=1), dtype=self.dtype
        )

    def one(self, step: int) -> tuple[np.ndarray, int]:
        """(rows, index): an array of rows, cached where the schedule allows, and the index of this step's row."""
        kept, changes = self._kept, self.changes
        if kept is not None and kept[0] == changes and 0 <= step - kept[1] < len(kept[2]):
            return kept[2], step - kept[1]
        if not self.optimizer.steady:
            return self.rows(step, 1), 0
        self._kept = changes, step, self.rows(step, AHEAD)
        return self._kept[2], 0


def leaf(shape: Shape, name: str) -> Value:
    """A leaf for a contiguous range of a buffer."""
    return apply(RANGE, shape=shape, label=name)


def own_value(value: Value, name: str = "") -> Value:
    """The identity of a value, which can be placed elsewhere than the value itself."""
    own = apply(IDENTITY, value, shape=value.shape)
    own.name = name
    return own


class Places:
    """The places (buffer, byte offset) of the leaves of one plan, as a function of the leaf."""

    def __init__(self, memory: Parameters, inputs: Sequence[Value]) -> None:
        self.memory = memory
        self.inputs = {v: Place(INPUTS + i, 0) for i, v in enumerate(inputs)}
        self.more: dict[Value, Place] = {}

    def __call__(self, value: Value) -> Place | None:
        if value.op is INPUT:
            return self.inputs[value]
        if value.op is RANGE:
            return self.more[value]
        return self.memory.place(value)


def numbers_of(leaves: Mapping[str, Value], member: int) -> dict[str, Value]:
    """The numbers that all groups of a member of an optimizer share, by the names that it gives them."""
    begin = f"{member}:"
    return {n.removeprefix(begin): v for n, v in leaves.items() if n.startswith(begin)}


def element_by_element(optimizer: Optimizer, numbers: StepNumbers, memory: Parameters) -> bool:
    """Whether an update is elementwise, so that it may be applied to parts of the vectors.

    It is if tracing it for a vector and for a matrix gives the same elementwise ops.
    """
    if len(optimizer.members) > 1 or optimizer.by_tensor:
        return False
    shared = numbers_of(numbers.leaves, 0) | {"lr": leaf((), "lr")}

    def formula(shape: Shape) -> list[tuple[str, str, list[int]]] | None:
        slots = {s: leaf(shape, s) for s in memory.slot_names}
        new, new_slots = optimizer.update(leaf(shape, "p"), leaf(shape, "g"), slots, shared)
        values = topological([new, *new_slots.values()])
        if any(v.op.kind not in ("leaf", "map") and any(x.shape for x in v.inputs) for v in values):
            return None
        number = {v: i for i, v in enumerate(values)}
        return [
            (
                v.op.name,
                v.attrs["label"] if v.op is RANGE else repr(v.attrs),
                [number[x] for x in v.inputs],
            )
            for v in values
        ]

    try:
        vector, matrix = formula((4,)), formula((3, 2))
    except Exception:  # a user's update that works on vectors alone
        return False
    return vector is not None and vector == matrix


def is_large(gradient: Value) -> bool:
    """Whether a gradient is that of a large dense kernel, x' dy."""
    if gradient.op is not MATMUL or not gradient.attrs["ta"]:
        return False
    elements = size(gradient.shape)
    return isinstance(elements, int) and elements >= LARGE


def updates_of(
    optimizer: Optimizer,
    numbers: StepNumbers,
    memory: Parameters,
    places: Places,
    rank_one: Mapping[Parameter, Value],
    by_rows: Mapping[Parameter, RowGradient],
    large: Collection[Parameter] = (),
) -> list[tuple[Value, Place]]:
    """The optimizer's update of each group, over ranges of the vectors, and the factor that clips by norm.

    Parameters
    ----------
    rank_one : mapping of Parameter to Value
        Gradients that are computed within the update (see `graph/ops/rank_one.py`). Those of all other
        parameters are read from the buffer GRADS.
    by_rows : mapping of Parameter to RowGradient
        Parameters that are left out: `row_updates` updates them.
    large : collection of Parameter
        Those that are updated by themselves: see `LARGE`.

    Returns
    -------
    list of (new value, place that it is written to)
    """
    width, total = memory.dtype.itemsize, memory.n_trainable
    out: list[tuple[Value, Place]] = []
    for v in numbers.leaves.values():
        at = numbers.place(v)
        assert at is not None
        places.more[v] = at

    def stretch(buffer: int, start: int, shape: Shape, name: str) -> Value:
        value = leaf(shape, name)
        value.name = name
        places.more[value] = Place(buffer, start * width)
        return value

    scale: Value | None = None
    pieces = list(_pieces(optimizer, memory, rank_one, by_rows, large))
    if optimizer.clip_norm is not None:
        parts = [ops.square(stretch(GRADS, 0, (total,), "g"))]
        if by_rows:
            parts = [ops.square(stretch(GRADS, x.grads, (x.size,), "g")) for x, _, _ in pieces]
            parts += map(squared_norm, by_rows.values())
        norm = ops.sqrt(sum((ops.sum(x) for x in parts[1:]), ops.sum(parts[0])))
        scale = ops.minimum(optimizer.clip_norm / (norm + 1e-6), 1.0)
        if by_rows:
            out.append((own_value(scale), numbers.scale_place))
    for piece, shape, gradient in pieces:
        i, start = piece.group, piece.grads
        settings = memory.groups[i]
        p = stretch(PARAMS, piece.params, shape, "p")
        g = stretch(GRADS, start, shape, "g") if gradient is None else gradient
        slots = {
            s: stretch(SLOTS, k * total + start, shape, s) for k, s in enumerate(memory.slot_names)
        }
        for value, source in updated(optimizer, numbers.leaves, i, settings, p, g, slots, scale):
            out.append((own_value(value), places.more[source]))
    return out


def updated(
    optimizer: Optimizer,
    leaves: Mapping[str, Value],
    group: int,
    settings: GroupSettings,
    p: Value,
    g: Value,
    slots: dict[str, Value],
    scale: Value | None,
) -> list[tuple[Value, Value]]:
    """The new value of some parameters of one group, and of each slot of theirs, each with its old one.

    Parameters
    ----------
    leaves : mapping of str to Value
        The numbers of the step, by the names of `StepNumbers`.
    scale : Value or None
        What gradients are multiplied by first.
    """
    member, old = optimizer.members[settings.member], p
    if scale is not None:
        g = g * scale
    if member.clip_value is not None:
        g = ops.clip(g, -member.clip_value, member.clip_value)
    n = numbers_of(leaves, settings.member) | {"lr": leaves[f"lr/{group}"]}
    if settings.weight_decay and member.coupled:
        g = g + old * leaves[f"decay/{group}"]
    elif settings.weight_decay:
        p = p * leaves[f"decay/{group}"]
    own = {s: slots[kept] for s, kept in optimizer.slots_of(settings.member).items()}
    new_p, new_slots = member.update(p, g, own, n)
    optimizer.planned()
    member.planned()
    if set(new_slots) != set(own):
        raise ValueError(
            f"{type(member).__name__}.update returned the slots {sorted(new_slots)}: "
            f"expected {sorted(own)}"
        )
    return [(new_p, old), *((new_slots[s], own[s]) for s in own)]


def _pieces(
    optimizer: Optimizer,
    memory: Parameters,
    rank_one: Mapping[Parameter, Value],
    by_rows: Mapping[Parameter, RowGradient],
    large: Collection[Parameter],
) -> Iterator[tuple[Range, Shape, Value | None]]:
    """Parts that are updated at once: range, shape, and the gradient if it is not read from GRADS."""
    apart = [(memory.offsets[p], p) for p in (*rank_one, *by_rows, *large)]
    alone = sorted(apart, key=itemgetter(0))
    every = sorted(((at, p) for p, at in memory.offsets.items()), key=itemgetter(0))
    for group, params, grads, count in memory.ranges:
        ahead, end = params - grads, grads + count
        by_tensor = optimizer.members[memory.groups[group].member].by_tensor
        for at, p in every if by_tensor else alone:
            if grads <= at < end:
                if grads < at:
                    yield Range(group, grads + ahead, grads, at - grads), (at - grads,), None
                grads = memory.end(p)
                if p in rank_one:
                    yield Range(group, at + ahead, at, grads - at), p.shape, rank_one[p]
                elif by_tensor or p in large:
                    shape = p.shape if by_tensor else (grads - at,)
                    yield Range(group, at + ahead, at, grads - at), shape, None
        if grads < end:
            yield Range(group, grads + ahead, grads, end - grads), (end - grads,), None
