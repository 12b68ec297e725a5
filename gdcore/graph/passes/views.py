"""Views: what is read and written where it lies, and copies where a kernel cannot.

A view of a value is read in the value's memory where its reader can walk the strides (`Op.walks`). A
value that is put beside others (`Op.parts`) is written straight to its place among them, and one of which
only a view in another order is wanted is written in that order, where its kernel can (`Op.writes`).
Everything else is copied, by an instruction of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import VIEWS, Value, base, topological, with_inputs
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
    roots: Sequence[Value],
    alone: Collection[Value] = (),
    given: Mapping[Value, Layout] | None = None,
) -> tuple[dict[Value, Value], Layouts]:
    """Where values lie, and the graph with the copies that this takes.

    Parameters
    ----------
    roots : values wanted; each is dense in memory of its own, but for those `given`
    alone : values in whose memory no other may be written
    given : where in the memory of leaves some roots are written, if their kernels can

    Returns
    -------
    dict
        For each value the one that takes its place.
    Layouts
    """
    order = topological(roots)
    if not given and all(
        v.op.kind != "view" and v.op.parts is None and v.op.reuses is None for v in order
    ):
        return {v: v for v in order}, Layouts()
    found = _Homes(order, set(map(base, roots)), set(map(base, alone)), given or {}).found
    lies: dict[Value, Layout] = {}  # of what is not dense in memory of its own
    copies: dict[Value, Value] = {}
    new: dict[Value, Value] = {}
    for v in order:
        inputs = []
        if v in found:
            lies[v] = found[v]
        elif v.op.kind in VIEWS:
            (x,) = v.inputs
            below = lies.get(x) or Layout(x, dense(x.shape))
            at = view(v, below.at)
            if at is None:  # a view of a copy
                inputs.append(_copied(x, new, copies))
                below, at = Layout(copies[x], dense(x.shape)), view(v, dense(x.shape))
                assert at is not None
            lies[v] = Layout(below.owner, at)
        for i, x in enumerate(() if inputs else v.inputs):
            if x in lies and v.op.kind not in VIEWS and not _reads(v, i, x, lies[x].at):
                inputs.append(_copied(x, new, copies))
            elif x in copies and v.op.kind == "kernel" and v.op.parts is None:  # it is there
                inputs.append(copies[x])
            else:
                inputs.append(new[x])
        new[v] = with_inputs(v, tuple(inputs))
    homes = {new[v]: Layout(new.get(home.owner, home.owner), home.at) for v, home in found.items()}
    return new, Layouts(homes)


def _copied(x: Value, new: dict[Value, Value], copies: dict[Value, Value]) -> Value:
    """A dense copy of a value, one for all its readers."""
    if x not in copies:
        copies[x] = apply(COPY, new[x])
    return copies[x]


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

    def __init__(
        self,
        order: Sequence[Value],
        roots: set[Value],
        alone: set[Value],
        given: Mapping[Value, Layout],
    ) -> None:
        self.roots, self.alone = roots, alone
        self.reused: set[Value] = (
            set()
        )  # values over which others are written before their memory ends
        self.readers: dict[Value, list[Read]] = defaultdict(list)
        self.below: dict[Value, Value] = {}  # whose memory a view reads
        self.found = {v: layout for v, layout in given.items() if _writes(v, layout.at)}
        wanting: set[Value] = set()  # of which somebody may want another layout
        turned: set[Value] = set()  # views that are more than another shape
        for v in order:
            if v.op.kind in VIEWS:
                (x,) = v.inputs
                self.below[v] = self.below.get(x, x)
                if v.op.kind == "view" or x in turned:
                    turned.add(v)
                continue
            for i, x in enumerate(v.inputs):
                below = self.below.get(x, x)
                self.readers[below].append((v, i, x))
                if v.op.parts is not None or v.op.reuses == i or x in turned:
                    wanting.add(below)
        for v in reversed(order):
            if v.op.parts is not None and v.op.reuses is not None:
                self.take_over(v)
            writes = v.op.kind == "map" or v.op.writes is not None
            if writes and v in wanting and v not in roots and v not in self.found:
                self.settle(v)

    def take_over(self, v: Value) -> None:
        """Have the input of which a value replaces slices written to the value's memory, before those are."""
        assert v.op.reuses is not None
        x = v.inputs[v.op.reuses]
        below, whole = self.below.get(x, x), self.layout(v)
        at = pulled(x, whole.at, below)
        if (
            at is not None
            and whole.owner not in self.alone
            and below not in self.roots
            and below.op.kind in ("map", "kernel")
            and all(self.is_own(v, read, Layout(whole.owner, at)) for read in self.readers[below])
        ):
            self.found[below] = Layout(whole.owner, at)
            self.reused.add(below)
        else:
            self.alone.add(v)  # all of it is copied, and then the slices

    def is_own(self, v: Value, read: Read, below: Layout) -> bool:
        """Whether a read of what slices replace is that of the value itself, or of a slice at its own place."""
        reader, _, x = read
        number = next((k for k, y in enumerate(v.inputs) if y is reader), None)
        if reader is v or number is None:
            return reader is v
        at = _pushed(x, below.at, self.below.get(x, x))
        return (
            at is not None
            and x.shape == reader.shape
            and same(x.shape, self.place(v, number), Layout(below.owner, at))
        )

    def settle(self, v: Value) -> None:
        """Find the layout of a value with which the fewest elements are copied."""
        best = self.copied(v, Layout(v, dense(v.shape)))
        over = False
        for layout, reused in islice(self.wanted(v), CANDIDATES) if best else ():
            if best and _writes(v, layout.at) and (cost := self.copied(v, layout)) < best:
                best, over, self.found[v] = cost, reused, layout
        if over:
            self.reused.add(v)

    def layout(self, v: Value) -> Layout:
        """Where a value lies whose readers are settled."""
        return self.found.get(v) or Layout(v, dense(v.shape))

    def place(self, joined: Value, i: int) -> Layout:
        """Where in a value its input `i` is put."""
        assert joined.op.parts is not None
        whole = self.layout(joined)
        return Layout(whole.owner, cut_out(whole.at, joined.op.parts(joined)[i]))

    def wanted(self, v: Value) -> Iterator[tuple[Layout, bool]]:
        """The layouts that readers would have, and whether something is written over the value there."""
        for reader, i, x in self.readers[v]:
            reused = reader.op.reuses == i or (
                reader.op.parts is not None and reader in self.reused
            )
            if reused and len(self.readers[v]) > 1:
                continue
            if reader.op.parts is not None:
                layout = self.place(reader, i)
            elif reader.op.reuses == i:
                layout = self.layout(reader)
            else:
                layout = Layout(v, dense(x.shape))
            if reader in self.alone or layout.owner in self.alone or layout.owner.dtype != v.dtype:
                continue
            at = pulled(x, layout.at, v)
            if at is not None:
                yield Layout(layout.owner, at), reused

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
                fits = same(x.shape, self.layout(reader), Layout(layout.owner, at))
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
