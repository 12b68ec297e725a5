"""Whether a plan is valid, found out by another road than `gdcore.graph.plan.check`.

Two walks. The first follows lifetimes: a value lives from the instruction that writes it to the last
that reads it, and the memory of no two that live at once may share a byte. The second paints: memory is
an array of values, one for each word of every buffer, which each write paints and each read looks up
element by element, for the batch at hand; what is not painted in its reader's colour was overwritten, or
never written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import Value, base
from gdcore.graph.plan import Plan
from gdcore.graph.program import ARENA, Instruction, element_bytes

LINE = 64
WORD = 4  # bytes: what one element of memory is painted by


def owner(plan: Plan, v: Value) -> Value:
    """The value in whose memory another lies."""
    return plan.placement.layouts.of(v).owner


def span(plan: Plan, v: Value, batch: int) -> tuple[int, int]:
    """First byte and end, in its buffer, of the memory in which a value lies."""
    mine = owner(plan, v)
    at = plan.placement.places[mine].offset
    return at, at + at_batch(size(mine.shape), batch) * element_bytes(mine, plan.bits)


def walked(start: int, shape: Sequence[int], steps: Sequence[int], width: int) -> np.ndarray:
    """Numbers of the words of each element of a walk, from a byte offset on; the last axis is the words."""
    at = np.full((1,) * len(shape), start, np.int64)
    for axis, (n, step) in enumerate(zip(shape, steps, strict=True)):
        along = [1] * len(shape)
        along[axis] = n
        at = at + (np.arange(n) * step * width).reshape(along)
    return at[..., None] // WORD + np.arange(width // WORD)


def words(plan: Plan, v: Value, batch: int) -> np.ndarray:
    """Numbers of the words of each element of a value, in its buffer."""
    where = plan.placement.layouts.of(v)
    width = element_bytes(v, plan.bits)
    fixed, per_row = where.at.start
    start = plan.placement.places[where.owner].offset + (fixed + per_row * batch) * width
    shape, steps = ([at_batch(d, batch) for d in x] for x in (v.shape, where.at.steps))
    return walked(start, shape, steps, width)


def steps_of(plan: Plan) -> Iterator[tuple[list[Value], list[Value]]]:
    """For each instruction and each epilogue, the values of the arena that it reads and writes."""

    def lies(v: Value) -> bool:
        mine = owner(plan, v)
        at = plan.placement.places.get(mine)
        return at is not None and at.buffer == ARENA and mine.op.kind != "leaf"

    for ins in plan.instructions:
        for k, part in enumerate((ins, ins.then)):
            if part is not None:
                own = {id(v) for v in ins.writes} if k else set()
                yield (
                    [base(v) for v in part.reads if lies(v) and id(v) not in own],
                    [v for v in part.writes if lies(v)],
                )


def overlapping(plan: Plan) -> list[tuple[Value, Value]]:
    """Pairs of values that are alive at once and whose memory shares bytes.

    Memory lives as long as anything that lies in it. In the instruction where one ends and another
    begins they may share exactly the same place, walked element by element.
    """
    begin: dict[Value, int] = {}
    end: dict[Value, int] = {}
    steps = [[[owner(plan, v) for v in part] for part in step] for step in steps_of(plan)]
    for t, (reads, writes) in enumerate(steps):
        for v in reads:
            assert v in begin, f"{v!r} is read before it is written"
            end[v] = t
        for v in writes:
            begin.setdefault(v, t)
            end[v] = max(end.get(v, t), t)
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


class Painted:
    """Memory whose words know which value was written there last."""

    def __init__(self, plan: Plan, batch: int) -> None:
        self.plan, self.batch = plan, batch
        self.colours: dict[int, int] = {}
        self.memory: dict[int, np.ndarray] = {}
        for v in plan.placement.places:
            at, end = plan.placement.places[owner(plan, v)], span(plan, v, plan.batch)[1]
            old = self.memory.get(at.buffer)
            if old is None or len(old) * WORD < end:
                self.memory[at.buffer] = np.zeros(-(-end // WORD), np.int32)
        self.memory[ARENA] = np.zeros(plan.placement.arena_bytes // WORD, np.int32)

    def colour(self, v: Value) -> int:
        return self.colours.setdefault(id(v), len(self.colours) + 1)

    def buffer(self, v: Value) -> np.ndarray:
        return self.memory[self.plan.placement.places[owner(self.plan, v)].buffer]

    def paint(self, v: Value) -> None:
        at = words(self.plan, v, self.batch)
        assert at.size == 0 or at.max() < len(self.buffer(v)), (
            f"{self.plan.where(v)} reaches beyond"
        )
        self.buffer(v)[at] = self.colour(v)

    def paint_copy(self, v: Value, ins: Instruction) -> None:
        """What a copy writes, read off the instruction: it may be a part of the value."""
        buffer, kind, offset = ins.refs[0]
        width = 4 if kind else self.plan.bits // 8
        n = ins.attrs[0]
        dims = [fixed + per_row * self.batch for fixed, per_row in ins.dims]
        at = walked(offset + dims[3 * n] * width, dims[:n], dims[n : 2 * n], width)
        self.memory[buffer][at] = self.colour(v)

    def held(self, v: Value) -> set[int]:
        """Colours that what a value consists of may have: its own, and those of what is written into it."""
        found = {self.colour(v)}
        for x in map(base, v.inputs if v.op.parts is not None else ()):
            if owner(self.plan, x) is owner(self.plan, v):
                found |= self.held(x)
        return found

    def there(self, v: Value) -> bool:
        """Whether all that a value, or a view of one, consists of is there."""
        x = base(v)
        if not np.isin(self.buffer(x)[words(self.plan, v, self.batch)], list(self.held(x))).all():
            return False
        if x is not v or x.op.parts is None:
            return True
        whole = words(self.plan, x, self.batch)
        return all(
            np.isin(self.buffer(x)[whole[tuple(slice(*c) for c in cuts)]], list(allowed)).all()
            for i, (y, cuts) in enumerate(zip(x.inputs, x.op.parts(x), strict=True))
            for allowed in [self.held(x if x.op.reuses == i else base(y)) | {self.colour(x)}]
        )


def repaint(plan: Plan, batch: int) -> list[str]:
    """What is wrong when the plan is walked over memory whose words know their owner."""
    wrong: list[str] = []
    painted = Painted(plan, batch)
    arena = painted.memory[ARENA]
    for v in plan.placement.places:  # what is there before the step begins
        if v.op.kind == "leaf":
            painted.paint(v)
    for number, ins in enumerate(plan.instructions):
        for part in (ins, ins.then):
            if part is None:
                continue
            for v in part.reads:
                if owner(plan, v) in plan.placement.places and not painted.there(v):
                    wrong.append(f"instruction {number} ({part.text}) reads {plan.where(v)}")
            spare = [s for v in part.writes if (s := plan.placement.workspaces.get(v)) is not None]
            for s in spare:
                arena[s.offset // WORD : (s.offset + s.nbytes) // WORD] = -1 - number
            for v in part.writes:
                if part.kernel == "copy":
                    painted.paint_copy(v, part)
                else:
                    painted.paint(v)
            for s in spare:
                mine = arena[s.offset // WORD : (s.offset + s.nbytes) // WORD]
                if len(mine) * WORD != s.nbytes or not (mine == -1 - number).all():
                    wrong.append(f"instruction {number} ({part.text}) writes over its workspace")
    for v in map(base, plan.values.values()):
        if v.op.kind != "leaf" and not painted.there(v):
            wrong.append(f"{plan.where(v)} is wanted")
    return wrong


def assert_valid(plan: Plan) -> None:
    """Raises AssertionError if two live values overlap, or a read does not follow its write."""
    assert overlapping(plan) == []
    for ins in plan.instructions:
        if ins.body is not None:  # of a loop, over the memory of one block
            assert_valid(ins.body)
    for batch in sorted({1, (plan.batch + 1) // 2, plan.batch}):
        wrong = repaint(plan, batch)
        assert not wrong, wrong
    for v, at in plan.placement.places.items():
        if at.buffer == ARENA and v.op.kind != "leaf" and owner(plan, v) is v:
            assert at.offset % LINE == 0
            assert span(plan, v, plan.batch)[1] <= plan.placement.arena_bytes
