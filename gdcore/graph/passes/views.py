"""Views: what is read and written where it lies, and copies where a kernel cannot.

A view of a value is read in the value's memory where its reader can walk the strides (`Op.walks`). A
value that is put beside others (`Op.parts`) is written straight to its place among them, and one of which
only a view in another order is wanted is written in that order, where its kernel can (`Op.writes`).
Everything else is copied, by an instruction of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import VIEWS, Value, topological
from gdcore.graph.layout import (
    Layout,
    Layouts,
    Strided,
    cut_out,
    dense,
    is_dense,
    pulled,
    same,
    view,
)
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.shapes import COPY

Read = tuple[Value, int, Value]  # who reads, which input that is, and the view that it reads
CANDIDATES = 4  # layouts that are tried for one value


def lay_out(
    roots: Sequence[Value], alone: Collection[Value] = ()
) -> tuple[dict[Value, Value], Layouts]:
    """Where values lie, and the graph with the copies that this takes.

    Parameters
    ----------
    roots : values wanted; each is dense in memory of its own
    alone : values in whose memory no other may be written

    Returns
    -------
    dict
        For each value the one that takes its place.
    Layouts
    """
    order = topological(roots)
    if all(v.op.kind != "view" and v.op.parts is None and v.op.reuses is None for v in order):
        return {v: v for v in order}, Layouts()
    found = _Homes(order, set(roots), set(alone)).found
    lies: dict[Value, Layout] = {}
    copies: dict[Value, Value] = {}
    new: dict[Value, Value] = {}
    for v in order:
        inputs = []
        for i, x in enumerate(v.inputs):
            if v.op.kind in VIEWS:
                fits = view(v, lies[x].at) is not None
            else:
                fits = _reads(v, i, x, lies[x].at)
            if not fits and x not in copies:
                copies[x] = apply(COPY, new[x])
            inputs.append(new[x] if fits else copies[x])
        lies[v] = _layout(v, lies, found)
        new[v] = v
        if any(a is not b for a, b in zip(inputs, v.inputs, strict=True)):
            new[v] = Value(v.op, tuple(inputs), v.attrs, v.shape, v.dtype, v.name)
            new[v].layer, new[v].within = v.layer, v.within
    homes = {new[v]: Layout(new[home.owner], home.at) for v, home in found.items()}
    return new, Layouts(homes)


def _layout(v: Value, lies: dict[Value, Layout], homes: dict[Value, Layout]) -> Layout:
    """Where a value lies whose inputs lie so; a view that cannot be read is one of a copy."""
    if v.op.kind not in VIEWS:
        return homes.get(v) or Layout(v, dense(v.shape))
    (x,) = v.inputs
    at = view(v, lies[x].at)
    if at is not None:
        return Layout(lies[x].owner, at)
    at = view(v, dense(x.shape))
    assert at is not None
    return Layout(v, at)


def _reads(v: Value, i: int, x: Value, at: Strided) -> bool:
    """Whether a value's kernel can read its input `i` where it lies."""
    if v.op.parts is not None:
        return True
    if at.start[1]:
        return False
    return (
        v.op.kind == "map"
        or is_dense(x.shape, at)
        or (v.op.walks is not None and v.op.walks(v, i, at))
    )


def _writes(v: Value, at: Strided) -> bool:
    """Whether a value's kernel can write its result so."""
    if v.op.parts is not None:
        return True
    if at.start[1]:
        return False
    return v.op.kind == "map" or (v.op.writes is not None and v.op.writes(v, at))


class _Homes:
    """The layouts of values that are better not dense in memory of their own; readers are settled first."""

    def __init__(self, order: Sequence[Value], roots: set[Value], alone: set[Value]) -> None:
        self.alone = alone
        self.readers: dict[Value, list[Read]] = defaultdict(list)
        self.below: dict[Value, Value] = {}  # whose memory a view reads
        self.found: dict[Value, Layout] = {}
        for v in order:
            self.below[v] = self.below[v.inputs[0]] if v.op.kind in VIEWS else v
            for i, x in enumerate(v.inputs if v.op.kind not in VIEWS else ()):
                self.readers[self.below[x]].append((v, i, x))
        for v in reversed(order):
            writes = v.op.kind == "map" or v.op.writes is not None
            if writes and v not in roots and v in self.readers:
                self.settle(v)

    def settle(self, v: Value) -> None:
        """Find the layout of a value with which the fewest elements are copied."""
        best = self.copied(v, Layout(v, dense(v.shape)))
        for layout in islice(self.wanted(v), CANDIDATES) if best else ():
            if best and _writes(v, layout.at) and (cost := self.copied(v, layout)) < best:
                best, self.found[v] = cost, layout

    def place(self, joined: Value, i: int) -> Layout:
        """Where in a value its input `i` is put."""
        assert joined.op.parts is not None
        whole = self.found.get(joined) or Layout(joined, dense(joined.shape))
        return Layout(whole.owner, cut_out(whole.at, joined.op.parts(joined)[i]))

    def wanted(self, v: Value) -> Iterator[Layout]:
        """The layouts that readers would have."""
        for reader, i, x in self.readers[v]:
            if reader.op.parts is not None:
                layout = self.place(reader, i)
            elif reader.op.reuses == i and len(self.readers[v]) == 1:
                layout = self.found.get(reader) or Layout(reader, dense(reader.shape))
            else:
                layout = Layout(v, dense(x.shape))
            if layout.owner in self.alone or layout.owner.dtype != v.dtype:
                continue
            at = pulled(x, layout.at, v)
            if at is not None:
                yield Layout(layout.owner, at)

    def copied(self, v: Value, layout: Layout) -> int:
        """How many elements are copied where a value lies so, each reader taken by itself."""
        total = 0
        for reader, i, x in self.readers[v]:
            at = _pushed(x, layout.at, v)
            if at is None:
                fits = False
            elif reader.op.parts is not None:
                fits = same(x.shape, self.place(reader, i), Layout(layout.owner, at))
            elif reader.op.reuses == i:
                over = self.found.get(reader) or Layout(reader, dense(reader.shape))
                fits = same(x.shape, over, Layout(layout.owner, at))
            else:
                fits = _reads(reader, i, x, at)
            if not fits:
                total += max(1, at_batch(size(x.shape), 16))
        return total


def _pushed(x: Value, at: Strided, below: Value) -> Strided | None:
    """Where a view lies if the value that it reads lies so."""
    chain = []
    while x is not below:
        chain.append(x)
        x = x.inputs[0]
    found: Strided | None = at
    for v in reversed(chain):
        found = None if found is None else view(v, found)
    return found
