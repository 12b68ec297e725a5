"""The plan of a loop's body, and the instruction that runs it.

Each block of rows has memory of its own: an arena for the body's values, and slots for its leaves.
Moves bring elements in and results out; csrc/ops/scan.c says when, and in which form they are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch, at_batch, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import INT, Value, base, topological
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.loop_body import PART, Body, has_batch
from gdcore.graph.ops.shapes import COPY
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
    slots: dict[Value, int] = {}
    end = 0
    in_slots = [
        *(body.carries[i] for i in sorted(wanted)),
        *(v for v in body.sequences if v in reached),
        *(v for v in body.outside if v in reached and has_batch(v)),
    ]
    for leaf in in_slots:
        slots[leaf] = end
        end += _aligned(max(1, at_batch(size(leaf.shape), samples) * element_bytes(leaf, bits)))
    outside = [i for i, v in enumerate(body.outside) if v in reached and not has_batch(v)]
    if len(outside) + OUTSIDE > MOST_BUFFERS:
        raise ValueError(
            f"a scan whose body uses {len(outside)} values from outside: at most "
            f"{MOST_BUFFERS - OUTSIDE} are possible"
        )
    places = {leaf: Place(SLOTS, at) for leaf, at in slots.items()}
    places |= {body.outside[i]: Place(OUTSIDE + k, 0) for k, i in enumerate(outside)}
    names = {ARENA: "body", SLOTS: "slots", CONSTANTS: "constants"}
    names |= {OUTSIDE + k: body.outside[i].name for k, i in enumerate(outside)}
    known = set(body.carries)  # which are kept before the body runs
    compute = {v: v for v in stacked if v not in known}
    compute |= {body.after[i]: body.after[i] for i in sorted(wanted)}
    compute = {v: _own(v) for v in compute}
    plan = make_plan(list(compute.values()), [], {}, places.get, samples, bits, CONSTANTS, names)
    return LoopPlan(
        body,
        plan,
        parts,
        sorted(wanted),
        [i for i, v in enumerate(body.sequences) if v in reached],
        outside,
        slots,
        end,
        compute,
        samples,
        group.root.attrs["reverse"],
    )


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

    def move(when: int, outer: Value, buffer: int, at: int, leaf: Value) -> None:
        """Between a value outside and one of the body's own, at an offset of a block's memory."""
        width = element_bytes(leaf, e.bits)
        lead = int(has_batch(leaf))
        rows = at_batch(leaf.shape[0], 1) if lead else 0
        row = at_batch(size(leaf.shape[lead:]), 1) * width
        long = when in (BEFORE, KEEP, AFTER)
        strides = (row * body.steps, row) if long else (row, 0)
        moves.append([when, len(refs), buffer, at, row, rows, *strides])
        refs.append(e.ref(outer))

    for v in how.parts:
        i = v.attrs["index"]
        if v.attrs["last"]:
            move(LAST, v, SLOTS, how.slots[body.carries[i]], body.carries[i])
        elif any(body.stacked[i] is leaf for leaf in body.carries):
            move(KEEP, v, SLOTS, how.slots[body.stacked[i]], body.stacked[i])
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
        move(BEFORE, loop.inputs[n + i], SLOTS, how.slots[body.sequences[i]], body.sequences[i])
    for leaf, x in zip(body.outside, loop.inputs[m:], strict=True):
        if leaf in how.slots:
            move(FIRST, x, SLOTS, how.slots[leaf], leaf)
    dtype = np.float32 if e.bits == 32 else np.float64
    at = e.constants.place(plan.constants.view(dtype))
    refs.append((at.buffer, 0, at.offset))
    refs += [e.ref(loop.inputs[m + i]) for i in how.outside]
    refs.append(e.workspace(loop))
    rows = any(has_batch(v) for v in loop.inputs)
    e.kernel(
        "scan",
        refs,
        dims=[Batch(1) if rows else 1],
        attrs=[
            body.steps,
            int(loop.attrs["reverse"]),
            how.samples,
            OUTSIDE + len(how.outside),
            how.block_bytes,
            _aligned(plan.placement.arena_bytes),
            len(moves),
            *(x for one in moves for x in one),
        ],
    )
    e.out[-1].body = plan
