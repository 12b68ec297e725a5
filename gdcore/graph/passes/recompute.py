"""Recomputation: elementwise values that are cheap are computed again where that keeps less memory alive.

The backward pass reads what the forward pass computed long before. Where such a value is a few cheap operations
on others that are kept until then in any case, such as a norm's result on the norm's input, the pass that reads it
computes it again, in registers, to the same bits: nobody writes it, keeps it or reads it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import Value, base, topological, with_inputs
from gdcore.graph.program import Group, element_bytes

CHEAP = frozenset(
    [
        *("add", "sub", "mul", "neg", "abs", "square", "relu", "leaky_relu", "maximum", "minimum"),
        *("where", "less", "less_equal", "equal", "not_equal", "identity"),
    ]
)
MOST = 8  # values that are computed again in place of one
LEAST = 1 << 14  # bytes of a value for which that pays: less stays in the first cache anyway
SMALL = 16  # a value of so much less is kept longer without being counted

Again = set[tuple[Value, int]]  # values, and groups in which each is computed again


def recompute(
    roots: Sequence[Value], groups: Sequence[Group], keep: Sequence[Value], batch: int, bits: int
) -> dict[Value, Value]:
    """For every value of a graph, one of the same bits whose readers compute cheap inputs again.

    Parameters
    ----------
    roots : values wanted
    groups : what is computed together, in the order in which it runs
    keep : values that must be there at the end
    batch, bits : the largest batch; 32 or 64
    """
    lifetimes = _Lifetimes(groups, keep, batch, bits)
    for group in groups:
        for v in group.members:
            lifetimes.shorten(v)
    new: dict[Value, Value] = {}
    made: dict[tuple[Value, int], Value] = {}

    def read(x: Value, at: int) -> Value:
        """What a member of a group reads in the place of a value."""
        if (x, at) not in lifetimes.again:
            return new[x]
        if (x, at) not in made:
            inputs = tuple(read(y, at) for y in x.inputs)
            made[x, at] = Value(x.op, inputs, x.attrs, x.shape, x.dtype, x.name)
            made[x, at].within = x.within
        return made[x, at]

    for v in topological(roots):
        at = lifetimes.group.get(v, -1)
        new[v] = with_inputs(v, tuple(read(x, at) for x in v.inputs))
    return new


def worth_a_look(order: Sequence[Value], batch: int, bits: int) -> bool:
    """Whether a large elementwise value is read for the last time by another elementwise one."""
    last = {base(x): v for v in order for x in v.inputs}
    return any(
        v.op.name in CHEAP and reader.op.kind == "map" and _nbytes(v, batch, bits) >= LEAST
        for v, reader in last.items()
    )


def _nbytes(v: Value, batch: int, bits: int) -> int:
    return at_batch(size(v.shape), batch) * element_bytes(v, bits)


def _reads_elements(reader: Value, v: Value) -> bool:
    """Whether a value is read as it is, not through a reshape."""
    return all(x is v for x in reader.inputs if base(x) is v)


class _Lifetimes:
    """Which groups read a value from memory, and where it is computed again instead."""

    def __init__(
        self, groups: Sequence[Group], keep: Sequence[Value], batch: int, bits: int
    ) -> None:
        self.batch, self.bits = batch, bits
        self.kept = set(map(base, keep))
        self.group = {v: i for i, g in enumerate(groups) for v in g.members}
        self.readers: dict[Value, dict[int, list[Value]]] = defaultdict(dict)  # by their groups
        for i, g in enumerate(groups):
            for v in g.members:
                for x in map(base, v.inputs):
                    if self.group.get(x) != i:
                        self.readers[x].setdefault(i, []).append(v)
        self.again: Again = set()
        self.ends = [0]  # bytes written by the groups before each, in all
        for i, g in enumerate(groups):
            stored = [v for v in g.members if v is g.root or any(r != i for r in self.readers[v])]
            self.ends.append(self.ends[i] + sum(map(self.nbytes, stored)))

    def nbytes(self, v: Value) -> int:
        """Of a value, in memory."""
        return _nbytes(v, self.batch, self.bits)

    def shorten(self, v: Value) -> None:
        """Have the last groups that read a value compute it again, as many as can."""
        if v.op.name not in CHEAP or v in self.kept or self.nbytes(v) < LEAST:
            return
        needed: Again = set()
        read: set[tuple[Value, int]] = set()
        left = sorted(self.readers[v])
        while left and self.can(v, left[-1], needed, read):
            first = left.pop()
        # one that is written all the same is read again, unless others want its memory in the meantime
        if not needed or (left and self.written(left[-1], first) < self.nbytes(v)):
            return
        self.again |= needed
        for x, at in read:
            self.readers[x].setdefault(at, []).append(v)
        for x, at in needed:
            self.readers[x].pop(at, None)

    def written(self, after: int, before: int) -> int:
        """Bytes that are written to memory by the groups between two."""
        return self.ends[before] - self.ends[after + 1]

    def can(self, v: Value, at: int, needed: Again, read: set[tuple[Value, int]]) -> bool:
        """Whether a group can compute a value again; adds to what is needed, and read, for that."""
        more: Again = {(v, at)}
        memory: set[Value] = set()
        if (
            all(u.op.kind == "map" and _reads_elements(u, v) for u in self.readers[v][at])
            and all(self.there(x, at, v, more, memory) for x in v.inputs)
            and sum(self.is_large(x, v) and at not in self.readers[x] for x in memory) <= 1
        ):
            needed |= more
            read |= {(x, at) for x in memory}
            return True
        return False

    def is_large(self, x: Value, v: Value) -> bool:
        """Whether a value counts beside another."""
        return SMALL * self.nbytes(x) > self.nbytes(v)

    def there(self, x: Value, at: int, v: Value, needed: Again, read: set[Value]) -> bool:
        """Whether a group can have a value without anything large being kept longer for it.

        Adds what the group computes again to `needed`, and what it reads from memory to `read`.
        """
        if (x, at) in self.again or (x, at) in needed:
            return True
        below = base(x)
        if self.group.get(below) == at:
            return False
        lives = below.op.kind == "leaf" or any(r >= at for r in self.readers[below])
        stored = below.op.kind != "map" or bool(self.readers[below])
        if lives or below in self.kept or (stored and not self.is_large(below, v)):
            read.add(below)
            return True
        if x is not below or x.op.name not in CHEAP or len(needed) >= MOST:
            return False
        needed.add((x, at))
        return all(self.there(y, at, v, needed, read) for y in x.inputs)
