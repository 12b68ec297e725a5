"""The order in which groups run: what needs memory no longer is read for the last time as soon as that can be.

Fusion gives an order in which each group follows those it needs: gradients of parameters come last, as they are
asked for last, and until then all that they read is kept. Here such a group moves up to where it frees more
bytes than it takes. No bits change: every group computes what it did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import Value, base
from gdcore.graph.layout import Layouts
from gdcore.graph.program import Group, Place, element_bytes

LEAST = 1 << 14  # bytes for which a group moves: less stays in the first cache anyway


def schedule(
    groups: Sequence[Group],
    pinned: Mapping[Value, Place],
    keep: Sequence[Value],
    batch: int,
    bits: int,
    layouts: Layouts,
) -> list[Group]:
    """The groups in another order, each after those it needs.

    Parameters
    ----------
    groups : in an order in which they can run
    pinned : values with places outside of the arena
    keep : values that must be there at the end
    batch, bits : the largest batch; 32 or 64
    layouts : who is written to whose memory
    """
    home = {v: g for g in groups for v in g.members}
    reads = {id(g): _reads(g) for g in groups}
    # Whose memory each reads that this section computes: leaves are there anyway, and have any number of readers.
    owners = {
        k: [o for o in dict.fromkeys(map(layouts.owner, xs)) if o in home]
        for k, xs in reads.items()
    }
    readers: dict[Value, list[Group]] = defaultdict(list)  # of a value's memory
    waits: dict[int, set[int]] = {}
    for g in groups:
        waits[id(g)] = {id(home[x]) for x in reads[id(g)] if x in home and home[x] is not g}
        for owner in owners[id(g)]:
            readers[owner].append(g)
    kept = {layouts.owner(base(v)) for v in keep}
    left = {owner: len(found) for owner, found in readers.items()}

    def nbytes(v: Value) -> int:
        if v in pinned or v in kept or v.op.kind == "leaf":
            return 0
        return at_batch(size(v.shape), batch) * element_bytes(v, bits)

    def gain(g: Group) -> int:
        """Bytes that are free when it has run, less those that it takes."""
        own = {id(v) for v in g.members}
        freed = {x for x in owners[id(g)] if left[x] == 1}
        taken = {
            layouts.owner(v)
            for v in g.members
            if v is g.root or any(r is not g for r in readers.get(layouts.owner(v), ()))
        }
        begun = {v for v in taken if id(v) in own}
        return sum(map(nbytes, freed)) - sum(map(nbytes, begun))

    out: list[Group] = []
    done: set[int] = set()

    def run(g: Group) -> None:
        out.append(g)
        done.add(id(g))
        for owner in owners[id(g)]:
            left[owner] -= 1

    for g in groups:
        if id(g) in done:
            continue
        run(g)
        moved = [g]
        while moved:
            last = moved.pop()
            near = [*owners[id(last)], *map(layouts.owner, last.members)]
            for other in {id(r): r for owner in near for r in readers.get(owner, ())}.values():
                if id(other) not in done and waits[id(other)] <= done and gain(other) >= LEAST:
                    run(other)
                    moved.append(other)
    return out


def _reads(group: Group) -> list[Value]:
    """The values of other groups, and leaves, that a group reads."""
    own = {id(v) for v in group.members}
    found = {id(x): x for v in group.members for x in map(base, v.inputs) if id(x) not in own}
    return list(found.values())
