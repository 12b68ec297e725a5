"""A plan's memory, walked as the plan will run: every read finds what was written for it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import Value, base
from gdcore.graph.layout import Layout, covers, cut_out, same
from gdcore.graph.program import ARENA, Instruction, Placement, element_bytes


class PlanError(AssertionError):
    """A plan that would compute with the wrong memory: a fault of gdcore's, never of its user's."""


class MemoryCheck:
    """Who owns the bytes of the arena, and what is there, after each instruction.

    A value that is written to another's memory is there until that memory is taken by a third. What is
    joined from parts is there when each of them is, and what its own instruction copies.
    """

    def __init__(
        self, placement: Placement, batch: int, bits: int, where: Callable[[Value], str]
    ) -> None:
        self.placement, self.where = placement, where
        self.owned: dict[Value, tuple[int, int]] = {}
        self.starts: list[int] = []  # of what is owned, in order; nothing overlaps
        self.owners: list[Value] = []
        self.there: set[Value] = set()
        self.held: dict[Value, list[Value]] = {}  # by whose memory it is
        layouts = placement.layouts

        @cache
        def span(v: Value) -> tuple[int, int]:
            owner = layouts.owner(base(v))
            at = placement.places[owner].offset
            return at, at + at_batch(size(owner.shape), batch) * element_bytes(owner, bits)

        self.span = span

    def in_arena(self, v: Value) -> bool:
        """Whether a value lies in the arena, whose bytes others use too."""
        owner = self.placement.layouts.owner(base(v))
        return owner.op.kind != "leaf" and self.placement.places[owner].buffer == ARENA

    def drop(self, i: int) -> None:
        self.there.difference_update(self.held.pop(self.owners[i], ()))
        del self.owned[self.owners[i]], self.starts[i], self.owners[i]

    def take(self, start: int, end: int) -> int:
        """Drop whoever owns some of these bytes; where a new owner stands among the starts."""
        i = bisect_left(self.starts, start)
        if i and self.owned[self.owners[i - 1]][1] > start:
            self.drop(i := i - 1)
        while i < len(self.starts) and self.starts[i] < end:
            self.drop(i)
        return i

    def write(self, v: Value) -> None:
        """A value is written."""
        owner = self.placement.layouts.owner(v)
        if owner not in self.owned:
            start, end = self.span(v)
            i = self.take(start, end)
            self.owned[owner] = start, end
            self.starts.insert(i, start)
            self.owners.insert(i, owner)
        self.there.add(v)
        self.held.setdefault(owner, []).append(v)

    @cache  # noqa: B019  # lives as long as the check
    def parts(self, v: Value) -> tuple[list[Value], bool]:
        """The inputs of a joined value that lie in their places, and whether nothing else is left to do."""
        layouts, layout = self.placement.layouts, self.placement.layouts.of(v)
        cuts = v.op.parts(v) if v.op.parts is not None else ()
        found = [
            base(x)
            for x, cut in zip(v.inputs, cuts, strict=True)
            if same(x.shape, Layout(layout.owner, cut_out(layout.at, cut)), layouts.of(x))
        ]
        pieces = zip((x.shape for x in v.inputs), cuts, strict=True)
        all_of_it = v.op.reuses is not None or covers(v.shape, pieces)
        return found, len(found) == len(v.inputs) and all_of_it

    def is_there(self, v: Value) -> bool:
        """Whether a value can be read."""
        if self.owned.get(self.placement.layouts.owner(v)) != self.span(v):
            return False
        if v.op.parts is None:
            return v in self.there
        found, complete = self.parts(v)
        return (complete or v in self.there) and all(map(self.is_there, found))

    def step(self, number: int, ins: Instruction) -> None:
        """What an instruction reads is there; what it writes is from now on."""
        end_of_arena = self.placement.arena_bytes
        for part in (ins, ins.then):
            if part is None:
                continue
            for v in filter(self.in_arena, part.reads):
                if not self.is_there(base(v)):
                    raise PlanError(
                        f"instruction {number} ({ins.text}) reads {self.where(v)}, "
                        "which is not there"
                    )
            for v in part.writes:
                if (spare := self.placement.workspaces.get(v)) is None:
                    continue
                start, end = spare.offset, spare.offset + spare.nbytes
                touched = map(self.span, filter(self.in_arena, [*part.reads, *part.writes]))
                if end > end_of_arena or any(a < end and start < b for a, b in touched):
                    raise PlanError(
                        f"instruction {number} ({ins.text}) has its workspace at {start} to {end} "
                        "over what it reads or writes, or beyond the arena"
                    )
                self.take(start, end)
            for v in filter(self.in_arena, part.writes):
                start, end = self.span(v)
                if end > end_of_arena:
                    raise PlanError(
                        f"instruction {number} ({ins.text}) writes {self.where(v)} beyond the arena"
                    )
                self.not_over(number, ins, v, filter(self.in_arena, ins.reads))
                self.write(v)

    def not_over(self, number: int, ins: Instruction, v: Value, reads: Iterable[Value]) -> None:
        """Only an elementwise pass may write where it reads."""
        layouts, (start, end) = self.placement.layouts, self.span(v)
        # what a product adds to lies where its result does, and so may what its epilogue writes
        known = {layouts.owner(v), *map(layouts.owner, ins.writes)}
        for x in reads:
            if layouts.owner(base(x)) in known:
                continue
            low, high = self.span(x)
            if start < high and low < end and (ins.kernel != "map" or low != start):
                raise PlanError(
                    f"instruction {number} ({ins.text}) writes {self.where(v)} over {self.where(x)}"
                )


def check_memory(
    instructions: Sequence[Instruction],
    placement: Placement,
    batch: int,
    bits: int,
    wanted: Iterable[Value],
    where: Callable[[Value], str],
) -> None:
    """Walk a plan as it will run, and see that every read finds what was written for it.

    Each byte of the arena belongs to the value that wrote it last; reading a value whose bytes
    belong to another, or that nobody has written, is an error, as is a place beyond the arena's
    end, and writing over what the same instruction still reads. A workspace belongs to nobody.

    Parameters
    ----------
    instructions, placement : of the plan
    batch, bits : the largest batch; 32 or 64
    wanted : values that must be there at the end
    where : how errors name a value

    Raises
    ------
    PlanError
    """
    memory = MemoryCheck(placement, batch, bits, where)
    for number, ins in enumerate(instructions):
        memory.step(number, ins)
    for v in map(base, wanted):
        if v in placement.places and memory.in_arena(v) and not memory.is_there(v):
            raise PlanError(f"{where(v)} is wanted but is overwritten before the step ends")
