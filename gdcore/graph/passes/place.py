"""Memory: where each value lies.

Leaves and pinned values (gradients, updated states) have places of their own. Everything else lies
in one arena, placed by lifetime; an elementwise result takes over the place of an input that nobody
needs any more. Offsets are for the largest batch planned, so peak memory is known before a step
runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from gdcore.graph.dims import Dim, at_batch, size
from gdcore.graph.ir import Value, base
from gdcore.graph.layout import Layouts, straight
from gdcore.graph.program import ALIGN, ARENA, Group, Place, Placement, Workspace, element_bytes


class Arena:
    """Free gaps of a growing piece of memory; the smallest gap that holds a request is taken."""

    def __init__(self) -> None:
        self.free: list[tuple[int, int]] = []  # (offset, bytes), by offset
        self.end = 0

    def take(self, nbytes: int) -> int:
        fits = [(have, at, i) for i, (at, have) in enumerate(self.free) if have >= nbytes]
        if fits:
            have, at, i = min(fits)
            self.free[i : i + 1] = [(at + nbytes, have - nbytes)] if have > nbytes else []
            return at
        at = self.end
        if self.free and sum(self.free[-1]) == self.end:  # the last gap grows
            at = self.free.pop()[0]
        self.end = at + nbytes
        return at

    def give(self, at: int, nbytes: int) -> None:
        gaps = sorted([*self.free, (at, nbytes)])
        self.free = []
        for gap, have in gaps:
            if self.free and sum(self.free[-1]) == gap:
                self.free[-1] = (self.free[-1][0], self.free[-1][1] + have)
            else:
                self.free.append((gap, have))


def place(
    groups: Sequence[Group],
    pinned: Mapping[Value, Place],
    leaves: Callable[[Value], Place | None],
    keep: Sequence[Value],
    batch: int,
    bits: int,
    layouts: Layouts,
) -> Placement:
    """Give every value that reaches memory a place.

    Parameters
    ----------
    groups : in the order in which they run
    pinned : places that were settled before
    leaves : the place of a leaf; None for those that need none
    keep : values that must be there at the end
    batch, bits : the largest batch; 32 or 64
    layouts : who is written to whose memory
    """
    first: dict[Value, int] = {}
    last: dict[Value, int] = {}
    order = {v: i for i, g in enumerate(groups) for v in g.members}
    for i, group in enumerate(groups):
        for v in group.members:
            for x in map(base, v.inputs):
                last[x] = i
    for v in map(base, keep):
        last[v] = len(groups)
    for v, i in order.items():
        group = groups[i]
        if v is group.root or last.get(v, i) > i or v in pinned:
            first[v] = i
            last.setdefault(v, i)
    for v in layouts.homes:  # memory lives as long as anything that lies in it
        owner = layouts.owner(v)
        if owner.op.kind == "leaf":
            continue
        first[owner] = min(first[owner], first[v])
        last[owner] = max(last[owner], last[v])
    starting: dict[int, list[Value]] = defaultdict(list)
    for v, i in first.items():
        if layouts.owner(v) is v and order.get(v) != i:
            starting[i].append(v)
    places: dict[Value, Place] = dict(pinned)
    workspaces: dict[Value, Workspace] = {}
    for group in groups:
        for v in group.members:
            for x in map(base, v.inputs):
                if x.op.kind == "leaf" and x not in places and (home := leaves(x)) is not None:
                    places[x] = home

    def nbytes(dim: Dim, width: int) -> int:
        return max(ALIGN, -(-at_batch(dim, batch) * width // ALIGN) * ALIGN)

    arena = Arena()
    users: dict[int, int] = defaultdict(int)  # values that still use what starts at an offset
    taken: dict[int, int] = {}
    for i, group in enumerate(groups):
        used_up: set[Value] = set()
        new = [
            v
            for v in (*group.members, *starting[i])
            if first.get(v) == i and v not in places and layouts.owner(v) is v
        ]
        # a product first: its epilogue may write over it
        for v in sorted(new, key=lambda v: v is not group.root):
            over = _takes_over(v, group, last, i, places, used_up, bits, layouts)
            if over is not None:
                used_up.add(over)
                places[v] = places[over]
                users[places[v].offset] += 1
                continue
            size_bytes = nbytes(size(v.shape), element_bytes(v, bits))
            at = arena.take(size_bytes)
            places[v], taken[at] = Place(ARENA, at), size_bytes
            users[at] += 1
        spare: list[tuple[int, int]] = []
        for v in group.members:
            if v is group.root and group.loop is not None:
                size_bytes = -(-batch // group.loop.samples) * group.loop.block_bytes
                at = arena.take(size_bytes)
                workspaces[v] = Workspace(ARENA, at, size_bytes)
                spare.append((at, size_bytes))
            if v.op.workspace is not None and (need := v.op.workspace(v)) != 0:
                size_bytes = nbytes(need, bits // 8)
                at = arena.take(size_bytes)
                workspaces[v] = Workspace(ARENA, at, size_bytes)
                spare.append((at, size_bytes))
        for at, size_bytes in spare:
            arena.give(at, size_bytes)
        touched = [x for v in group.members for x in (v, *map(base, v.inputs))]
        ended = {x for x in map(layouts.owner, touched) if last.get(x) == i}
        for v in ended:
            if (
                v in places
                and places[v].buffer == ARENA
                and v not in pinned
                and v.op.kind != "leaf"
            ):
                at = places[v].offset
                users[at] -= 1
                if users[at] == 0:
                    arena.give(at, taken.pop(at))
    for v, layout in layouts.homes.items():
        if layout.owner not in places and (home := leaves(layout.owner)) is not None:
            places[layout.owner] = home
        whole, width = places[layout.owner], element_bytes(v, bits)
        places[v] = Place(whole.buffer, whole.offset + layout.at.start[0] * width)
    return Placement(places, workspaces, arena.end, layouts)


def _takes_over(
    v: Value,
    group: Group,
    last: Mapping[Value, int],
    i: int,
    places: Mapping[Value, Place],
    used_up: set[Value],
    bits: int,
    layouts: Layouts,
) -> Value | None:
    """An input whose place an elementwise result can have: read here for the last time, element by
    element, and by no member that comes after the result is written."""
    if v.op.kind != "map" or v in layouts.homes:
        return None
    members = group.pass_members
    position = next(k for k, m in enumerate(members) if m is v)
    for candidate in [x for m in members for x in map(base, m.inputs)]:
        at = places.get(candidate)
        if (
            at is None
            or at.buffer != ARENA
            or candidate in used_up
            or candidate in layouts.homes
            or candidate.op.kind == "leaf"
            or any(candidate is m for m in members)
            or last.get(candidate) != i
            or size(candidate.shape) != size(v.shape)
            or element_bytes(candidate, bits) != element_bytes(v, bits)
        ):
            continue
        if (
            group.root is not None
            and candidate is not group.root
            and any(base(x) is candidate for x in group.root.inputs)
        ):
            continue
        reads = [(k, x) for k, m in enumerate(members) for x in m.inputs if base(x) is candidate]
        if all(
            k <= position and size(x.shape) == size(group.shape or ()) and straight(x) is candidate
            for k, x in reads
        ):
            return candidate
    return None
