"""The plan of a loop's body, and the instruction that runs it.

Each block of rows has memory of its own: an arena for the body's values, and slots for its leaves. Elements are
read, and results written, in the sequences that they belong to: a leaf of the body is the whole sequence, from the
step at hand on, and its element a view. What has no rows, or does not fit, is moved in and out;
csrc/ops/scan.c says when, and in which form moves are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch, at_batch, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import INT, Value, base, topological
from gdcore.graph.layout import Layout, Strided, dense
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.loop_body import PART, Body, has_batch, loop_leaf, substitute
from gdcore.graph.ops.shapes import COPY, reshape
from gdcore.graph.ops.slices import SLICE
from gdcore.graph.program import ALIGN, Group, Place, Ref, element_bytes

SAMPLES = 16  # of one block
ARENA, SLOTS, CONSTANTS, OUTSIDE = range(
    4
)  # buffers of a body; from OUTSIDE on, one for each value
MOST_BUFFERS = 64  # GD_LOOP_BUFFERS
FIRST, BEFORE, KEEP, AFTER, CARRY, LAST = range(6)  # when a move is made

MakePlan = Callable[..., Any]


@dataclass(eq=False, repr=False)
class LoopPlan:
    """How a loop runs.

    Attributes
    ----------
    plan : Plan of the body, for one block
    carries, sequences, outside : numbers of those that it needs
    long : for a sequence's leaf, or a stacked value, the leaf that stands for all steps where those are read or written
    slots : for a leaf that lies in a slot, its byte offset
    slot_bytes : of all slots together
    parts : the loop's values that are asked for
    computed : for what is put out or carried, the value that the plan computes for it
    samples : of one block
    """

    body: Body
    plan: Any
    parts: list[Value]
    carries: list[int]
    sequences: list[int]
    outside: list[int]
    long: dict[Value, Value]
    slots: dict[Value, int]
    slot_bytes: int
    computed: dict[Value, Value]
    samples: int
    reverse: bool

    @property
    def text(self) -> str:
        """What the print of the plan calls it."""
        way = " backwards" if self.reverse else ""
        return f"scan of {self.body.steps} steps{way}, by {self.samples} rows"

    @property
    def block_bytes(self) -> int:
        """Of one block's memory."""
        return _aligned(self.plan.placement.arena_bytes) + self.slot_bytes

    def in_place(self, value: Value) -> bool:
        """Whether a stacked value is written where it lies outside."""
        found = base(self.plan.values[self.computed[value]]) if value in self.long else None
        return found is not None and self.plan.placement.layouts.owner(found) is self.long[value]

    def emit(self, loop: Value, e: Emitter) -> None:
        """Write the instruction; see csrc/ops/scan.c for the order."""
        _emit(self, loop, e)


def _aligned(nbytes: int) -> int:
    return -(-nbytes // ALIGN) * ALIGN


def plan_loop(group: Group, batch: int, bits: int, make_plan: MakePlan) -> LoopPlan:
    """Plan the body of a group's loop for the parts of it that the group holds."""
    assert group.root is not None
    body: Body = group.root.attrs["body"]
    parts = [v for v in group.members if v.op is PART]
    stacked = [body.stacked[v.attrs["index"]] for v in parts if not v.attrs["last"]]
    wanted = {v.attrs["index"] for v in parts if v.attrs["last"]}
    while True:  # a carry is computed if something that is asked for depends on it
        roots = [*stacked, *(body.after[i] for i in sorted(wanted))]
        reached = set(topological(roots))
        more = {i for i, leaf in enumerate(body.carries) if leaf in reached}
        if more <= wanted:
            break
        wanted |= more
    samples = min(batch, SAMPLES)
    outside = [i for i, v in enumerate(body.outside) if v in reached and not has_batch(v)]
    if len(outside) + OUTSIDE > MOST_BUFFERS:
        raise ValueError(
            f"a scan whose body uses {len(outside)} values from outside: at most "
            f"{MOST_BUFFERS - OUTSIDE} are possible"
        )
    apart = {*body.leaves, *(body.after[i] for i in wanted)}  # and what is carried
    rows = [v for v in body.sequences if v in reached and has_batch(v)]
    rows += [v for v in dict.fromkeys(stacked) if v not in apart and has_batch(v)]
    rows = rows[: MOST_BUFFERS - OUTSIDE - len(outside)]
    long = {v: loop_leaf(body.stacked_shape(v), v.dtype, v.name) for v in rows}
    slots: dict[Value, int] = {}
    end = 0
    in_slots = [
        *(body.carries[i] for i in sorted(wanted)),
        *(v for v in body.sequences if v in reached and v not in long),
        *(v for v in body.outside if v in reached and has_batch(v)),
    ]
    for leaf in in_slots:
        slots[leaf] = end
        end += _aligned(max(1, at_batch(size(leaf.shape), samples) * element_bytes(leaf, bits)))
    places = {leaf: Place(SLOTS, at) for leaf, at in slots.items()}
    places |= {body.outside[i]: Place(OUTSIDE + k, 0) for k, i in enumerate(outside)}
    names = {ARENA: "body", SLOTS: "slots", CONSTANTS: "constants"}
    names |= {OUTSIDE + k: body.outside[i].name for k, i in enumerate(outside)}
    for k, leaf in enumerate(long.values(), OUTSIDE + len(outside)):
        places[leaf], names[k] = Place(k, 0), leaf.name
    known = set(body.carries)  # which are kept before the body runs
    compute = {v: v for v in stacked if v not in known}
    compute |= {body.after[i]: body.after[i] for i in sorted(wanted)}
    elements = set(body.sequences)
    read = {v: _element(leaf, v) for v, leaf in long.items() if v in elements}
    found = substitute(compute, dict(read))
    compute = {v: _own(found[v]) for v in compute}
    written = {
        compute[v]: Layout(leaf, _at_step(leaf, v)) for v, leaf in long.items() if v not in read
    }
    plan = make_plan(
        list(compute.values()),
        *([], {}, places.get, samples, bits, CONSTANTS, names),
        within=written,
    )
    return LoopPlan(
        body,
        plan,
        parts,
        sorted(wanted),
        [i for i, v in enumerate(body.sequences) if v in reached],
        outside,
        long,
        slots,
        end,
        compute,
        samples,
        group.root.attrs["reverse"],
    )


def _element(leaf: Value, element: Value) -> Value:
    """The element of the step at hand, as a view of a sequence from that step on."""
    whole = (0, None, 1)
    first = apply(SLICE, leaf, cuts=(whole, (0, 1, 1), *[whole] * (element.ndim - 1)))
    return reshape(first, element.shape)


def _at_step(leaf: Value, element: Value) -> Strided:
    """Where the element of the step at hand lies in a sequence from that step on."""
    at = dense(leaf.shape)
    return Strided(at.start, (at.steps[0], *at.steps[2:]))


def _own(v: Value) -> Value:
    """A value in memory of its own: a plan copies reals of leaves by itself."""
    if v.dtype != INT or base(v).op.kind != "leaf":
        return v
    return apply(COPY, v)


def _emit(how: LoopPlan, loop: Value, e: Emitter) -> None:
    body, plan = how.body, how.plan
    n, m = len(body.carries), len(body.carries) + len(body.sequences)
    refs: list[Ref] = []
    moves: list[list[int]] = []

    def strides(leaf: Value) -> tuple[int, int, int, int]:
        """Bytes of a row, rows of a sample, and bytes from row to row and from step to step of a sequence."""
        width, lead = element_bytes(leaf, e.bits), int(has_batch(leaf))
        row = at_batch(size(leaf.shape[lead:]), 1) * width
        return row, at_batch(leaf.shape[0], 1) if lead else 0, row * body.steps, row

    def move(when: int, outer: Value, buffer: int, at: int, leaf: Value) -> None:
        """Between a value outside and one of the body's own, at an offset of a block's memory."""
        row, rows, *by = strides(leaf)
        long = when in (BEFORE, KEEP, AFTER)
        moves.append([when, len(refs), buffer, at, row, rows, *(by if long else (row, 0))])
        refs.append(e.ref(outer))

    where: dict[Value, Value] = {}  # outside, of what is read or written in its sequence
    for v in how.parts:
        i = v.attrs["index"]
        if v.attrs["last"]:
            move(LAST, v, SLOTS, how.slots[body.carries[i]], body.carries[i])
        elif any(body.stacked[i] is leaf for leaf in body.carries):
            move(KEEP, v, SLOTS, how.slots[body.stacked[i]], body.stacked[i])
        elif how.in_place(body.stacked[i]):
            where[body.stacked[i]] = v
        else:
            at = plan.place_of(how.computed[body.stacked[i]])
            move(AFTER, v, at.buffer, at.offset, body.stacked[i])
    for i in how.carries:
        leaf, new = body.carries[i], body.after[i]
        move(FIRST, loop.inputs[i], SLOTS, how.slots[leaf], leaf)
        total, width = size(leaf.shape), element_bytes(leaf, e.bits)
        sample = total.rows * width if isinstance(total, Batch) else 0
        fixed = 0 if isinstance(total, Batch) else total * width
        moves.append(
            [CARRY, 0, SLOTS, how.slots[leaf], sample, fixed, *plan.place_of(how.computed[new])]
        )
    for i in how.sequences:
        leaf = body.sequences[i]
        if leaf in how.long:
            where[leaf] = loop.inputs[n + i]
        else:
            move(BEFORE, loop.inputs[n + i], SLOTS, how.slots[leaf], leaf)
    for leaf, x in zip(body.outside, loop.inputs[m:], strict=True):
        if leaf in how.slots:
            move(FIRST, x, SLOTS, how.slots[leaf], leaf)
    dtype = np.float32 if e.bits == 32 else np.float64
    at = e.constants.place(plan.constants.view(dtype))
    refs.append((at.buffer, 0, at.offset))
    refs += [e.ref(loop.inputs[m + i]) for i in how.outside]
    by = [0, 0] * (1 + len(how.outside))
    for v in how.long:
        if v in where:
            _, rows, row, step = strides(v)
            by += [rows * row, step]
            refs.append(e.ref(where[v]))
        else:  # its kernel cannot write so: a move did it, and nothing reads this buffer
            by += [0, 0]
            refs.append(refs[-1])
    refs.append(e.workspace(loop))
    samples = any(has_batch(v) for v in loop.inputs)
    e.kernel(
        "scan",
        refs,
        dims=[Batch(1) if samples else 1],
        attrs=[
            body.steps,
            int(loop.attrs["reverse"]),
            how.samples,
            OUTSIDE + len(how.outside) + len(how.long),
            how.block_bytes,
            _aligned(plan.placement.arena_bytes),
            len(moves),
            *(x for one in moves for x in one),
            *by,
        ],
    )
    e.out[-1].body = plan
