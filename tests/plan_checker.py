"""Whether a plan is valid, found out by another road than `gdcore.graph.plan.check`.

Two walks. The first follows lifetimes: a value lives from the instruction that writes it to the last
that reads it, and no two that live at once may share a byte. The second paints: memory is an array of
owners, one for each byte of every buffer, which each write paints and each read looks up, for the
batch at hand; what is not painted in its reader's colour was overwritten, or never written.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import Value, base
from gdcore.graph.plan import Plan
from gdcore.graph.program import ARENA, element_bytes

LINE = 64


def span(plan: Plan, v: Value, batch: int) -> tuple[int, int]:
    """First byte and end of a value in its buffer."""
    at = plan.placement.places[v].offset
    return at, at + at_batch(size(v.shape), batch) * element_bytes(v, plan.bits)


def steps_of(plan: Plan) -> Iterator[tuple[list[Value], list[Value]]]:
    """For each instruction and each epilogue, the values of the arena that it reads and writes."""

    def lies(v: Value) -> bool:
        at = plan.placement.places.get(v)
        return at is not None and at.buffer == ARENA and v.op.kind != "leaf"

    for ins in plan.instructions:
        for k, part in enumerate((ins, ins.then)):
            if part is not None:
                own = {id(v) for v in ins.writes} if k else set()
                yield (
                    [base(v) for v in part.reads if lies(base(v)) and id(v) not in own],
                    [v for v in part.writes if lies(v)],
                )


def overlapping(plan: Plan) -> list[tuple[Value, Value]]:
    """Pairs of values that are alive at once and share bytes.

    In the instruction where one ends and another begins they may share exactly the same place, walked
    element by element.
    """
    begin: dict[Value, int] = {}
    end: dict[Value, int] = {}
    steps = list(steps_of(plan))
    for t, (reads, writes) in enumerate(steps):
        for v in reads:
            assert v in begin, f"{v!r} is read before it is written"
            end[v] = t
        for v in writes:
            begin.setdefault(v, t)
            end.setdefault(v, t)
    for v in map(base, plan.values.values()):
        if v in begin:
            end[v] = len(steps)
    place = {v: span(plan, v, plan.batch) for v in begin}
    wrong = []
    for v in begin:
        for u in begin:
            if v is u or begin[u] > begin[v]:
                continue
            shares = place[v][0] < place[u][1] and place[u][0] < place[v][1]
            if shares and (
                end[u] > begin[v] or (end[u] == begin[v] and place[u][0] != place[v][0])
            ):
                wrong.append((u, v))
    return wrong


def repaint(plan: Plan, batch: int) -> list[str]:
    """What is wrong when the plan is walked over memory whose bytes know their owner."""
    colours: dict[int, int] = {}
    memory: dict[int, np.ndarray] = {}
    wrong: list[str] = []
    for v, at in plan.placement.places.items():
        end = span(plan, v, plan.batch)[1]
        old = memory.get(at.buffer)
        if old is None or len(old) < end:
            memory[at.buffer] = np.zeros(end, np.int32)
    memory[ARENA] = np.zeros(plan.placement.arena_bytes, np.int32)

    def part_of(v: Value) -> np.ndarray:
        start, end = span(plan, v, batch)
        found = memory[plan.placement.places[v].buffer][start:end]
        assert len(found) == end - start, f"{plan.where(v)} reaches beyond its buffer"
        return found

    def colour(v: Value) -> int:
        return colours.setdefault(id(v), len(colours) + 1)

    for v in plan.placement.places:  # what is there before the step begins
        if v.op.kind == "leaf":
            part_of(v)[:] = colour(v)
    for number, ins in enumerate(plan.instructions):
        for part in (ins, ins.then):
            if part is None:
                continue
            for v in map(base, part.reads):
                if v in plan.placement.places and not (part_of(v) == colour(v)).all():
                    wrong.append(f"instruction {number} ({part.text}) reads {plan.where(v)}")
            spare = [s for v in part.writes if (s := plan.placement.workspaces.get(v)) is not None]
            for s in spare:
                memory[ARENA][s.offset : s.offset + s.nbytes] = -1 - number
            for v in part.writes:
                part_of(v)[:] = colour(v)
            for s in spare:
                mine = memory[ARENA][s.offset : s.offset + s.nbytes]
                if len(mine) != s.nbytes or not (mine == -1 - number).all():
                    wrong.append(f"instruction {number} ({part.text}) writes over its workspace")
    for v in map(base, plan.values.values()):
        if v.op.kind != "leaf" and not (part_of(v) == colour(v)).all():
            wrong.append(f"{plan.where(v)} is wanted")
    return wrong


def assert_valid(plan: Plan) -> None:
    """Raises AssertionError if two live values overlap, or a read does not follow its write."""
    assert overlapping(plan) == []
    for ins in plan.instructions:
        if ins.body is not None:  # of a loop, over the memory of one block
            assert_valid(ins.body)
    for batch in sorted({1, (plan.batch + 1) // 2, plan.batch}):
        assert repaint(plan, batch) == []
    for v, at in plan.placement.places.items():
        if at.buffer == ARENA and v.op.kind != "leaf":
            assert at.offset % LINE == 0
            assert span(plan, v, plan.batch)[1] <= plan.placement.arena_bytes
