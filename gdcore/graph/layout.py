"""Layouts: how the elements of a value lie in memory, as strides and an offset.

Most values have memory of their own, in which they are dense: row by row, without gaps. A *view* reads
the memory of its input (`Op.view`); a value may also be written to a part of another's memory, such as
the place of a slice in the value that is joined from slices. Whose memory it is, is the layout's owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from gdcore.graph.dims import Batch, Dim, Shape, along, over, refined, size, strides
from gdcore.graph.ir import VIEWS, Value

Cut = tuple[
    int, int | None, int
]  # start, stop and step along a dimension; stop None keeps all of it
Offset = tuple[int, int]  # elements: fixed, and for each sample of the batch


class Strided(NamedTuple):
    """Where elements lie: an offset in elements, and the stride of each dimension."""

    start: Offset
    steps: tuple[Dim, ...]


class Layout(NamedTuple):
    """Where a value lies in the memory of its owner."""

    owner: Value
    at: Strided


@lru_cache(4096)
def dense(shape: Shape) -> Strided:
    """Row by row from the beginning of the owner's memory."""
    return Strided((0, 0), tuple(strides(shape)))


def is_dense(shape: Shape, at: Strided) -> bool:
    """Whether elements lie row by row without gaps, from a fixed offset on."""
    return at.start[1] == 0 and _in_order(shape, at.steps)


def _in_order(shape: Shape, steps: Sequence[Dim]) -> bool:
    own = dense(shape).steps
    if steps is own or steps == own or size(shape) == 0:
        return True
    return all(d == 1 or s == o for d, s, o in zip(shape, steps, own, strict=True))


def reshaped(shape: Shape, at: Strided, target: Shape) -> Strided | None:
    """The same elements in the same order under another shape; None if no strides give that."""
    steps = _steps_under(shape, at.steps, target)
    return None if steps is None else Strided(at.start, steps)


@lru_cache(4096)
def _steps_under(shape: Shape, own: tuple[Dim, ...], target: Shape) -> tuple[Dim, ...] | None:
    if _in_order(shape, own):
        return dense(target).steps
    fine = refined(shape, target)
    if fine is None:
        return None
    steps = over(own, shape, fine)
    out: list[Dim] = []
    i = len(fine)
    for dim in reversed(target):
        done: Dim = 1
        inner: Dim = 0
        last: Dim = 0
        while done != dim:
            i -= 1
            part = fine[i]
            if done == 1:
                inner = steps[i]
            elif (isinstance(last, Batch) and isinstance(fine[i + 1], Batch)) or steps[i] != along(
                last, fine[i + 1]
            ):
                return None
            last = steps[i]
            done = part * done if isinstance(part, Batch) else done * part
        out.append(inner)
    return tuple(out[::-1])


def cut_out(at: Strided, cuts: Sequence[Cut]) -> Strided:
    """A slice of what lies so."""
    fixed, per_row = at.start
    for (begin, _, _), step in zip(cuts, at.steps, strict=True):
        if isinstance(step, Batch):
            per_row += step.rows * begin
        else:
            fixed += step * begin
    steps = tuple(step * cut[2] for cut, step in zip(cuts, at.steps, strict=True))
    return Strided((fixed, per_row), steps)


def same(shape: Shape, a: Layout, b: Layout) -> bool:
    """Whether both are the same elements in the same order."""
    return (
        a.owner is b.owner
        and a.at.start == b.at.start
        and all(d == 1 or s == t for d, s, t in zip(shape, a.at.steps, b.at.steps, strict=True))
    )


def straight(value: Value) -> Value:
    """The value whose elements these are, one for one in the same order: what reshapes are made of."""
    while value.op.kind == "alias":
        value = value.inputs[0]
    return value


def leading(shape: Shape, steps: Sequence[Dim]) -> tuple[list[Dim], list[Dim]]:
    """The dimensions and strides of a walk, those merged that can be walked as one."""
    out: list[Dim] = []
    by: list[Dim] = []
    for dim, step in zip(shape, steps, strict=True):
        if dim == 1:
            continue
        both = isinstance(step, Batch) and isinstance(dim, Batch)
        if out and not both and by[-1] == along(step, dim):
            out[-1], by[-1] = out[-1] * dim, step
        else:
            out.append(dim)
            by.append(step)
    return out, by


class Layouts:
    """Where the values of a plan lie.

    Attributes
    ----------
    homes : dict
        The layouts of values that are not dense in memory of their own.
    """

    def __init__(self, homes: Mapping[Value, Layout] | None = None) -> None:
        self.homes = dict(homes or {})
        self.known: dict[Value, Layout] = {}

    def of(self, value: Value) -> Layout:
        """The layout of a value; each view on the way must have one."""
        found = self.known.get(value)
        if found is None:
            chain = []
            v = value
            while v.op.kind in VIEWS and v not in self.known:
                chain.append(v)
                v = v.inputs[0]
            found = self.known.get(v) or self.homes.get(v) or Layout(v, dense(v.shape))
            self.known[v] = found
            for v in reversed(chain):
                at = view(v, found.at)
                assert at is not None, f"{v!r} cannot be read where its input lies"
                found = self.known[v] = Layout(found.owner, at)
        return found

    def owner(self, value: Value) -> Value:
        """The value in whose memory another lies that is no view."""
        home = self.homes.get(value)
        return value if home is None else home.owner

    def is_dense(self, value: Value) -> bool:
        """Whether a value lies row by row without gaps."""
        return is_dense(value.shape, self.of(value).at)


def view(v: Value, at: Strided) -> Strided | None:
    """Where a view lies whose input lies so."""
    assert v.op.view is not None
    found: Strided | None = v.op.view(v, at)
    return found


def pulled(v: Value, at: Strided, base: Value) -> Strided | None:
    """Where the value must lie that `v` is a view of, for the view to lie so; None if there is no such way."""
    while v is not base:
        if v.op.back is None:
            return None
        found: Strided | None = v.op.back(v, at)
        if found is None:
            return None
        v, at = v.inputs[0], found
    return at


def disjoint(a: Sequence[Cut], b: Sequence[Cut]) -> bool:
    """Whether two slices have no element in common."""
    for (start, stop, step), (first, end, by) in zip(a, b, strict=True):
        if stop is None or end is None:
            continue
        if start >= end or first >= stop or (step == by and (start - first) % step):
            return True
    return False


def covers(shape: Shape, pieces: Iterable[tuple[Shape, Sequence[Cut]]]) -> bool:
    """Whether disjoint slices, given with their shapes, are all of a shape."""
    total, held = size(shape), 0
    for piece, _ in pieces:
        n = size(piece)
        held += n.rows if isinstance(n, Batch) else n
    return held == (total.rows if isinstance(total, Batch) else total)
