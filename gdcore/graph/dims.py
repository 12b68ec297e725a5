"""Shapes: sizes along dimensions, of which one may grow with the batch.

The number of samples in a batch is known only when a step runs. A dimension that grows with it is a
`Batch`: ``Batch(1)`` is the batch itself, ``Batch(28)`` is 28 times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, ClassVar


class Batch:
    """A dimension of ``rows`` elements for each sample of the batch.

    There is one object for each number of rows, so that shapes are compared and hashed without Python code.

    Examples
    --------
    >>> Batch(1) * 28
    28B
    """

    __slots__ = ("rows",)
    rows: int
    known: ClassVar[dict[int, Batch]] = {}

    def __new__(cls, rows: int = 1) -> Batch:
        found = cls.known.get(rows)
        if found is None:
            found = super().__new__(cls)
            found.rows = rows
            found = cls.known.setdefault(rows, found)
        return found

    def __reduce__(self) -> Any:
        return Batch, (self.rows,)

    def __mul__(self, other: Dim) -> Batch:
        if isinstance(other, Batch):
            raise ValueError(
                f"a size of {self} * {other} grows with the square of the batch: reshape so "
                "that the batch is in one dimension only"
            )
        return Batch(self.rows * other)

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> Batch:
        if self.rows % other:
            raise ValueError(f"a dimension of {self} cannot be cut into {other} equal parts")
        return Batch(self.rows // other)

    def __repr__(self) -> str:
        return "B" if self.rows == 1 else f"{self.rows}B"


Dim = int | Batch
Shape = tuple[Dim, ...]


def size(shape: Iterable[Dim]) -> Dim:
    """Number of elements of a shape."""
    return _product(tuple(shape))


@lru_cache(1 << 14)
def _product(shape: Shape) -> Dim:
    total, batch = 1, None
    for dim in shape:
        if isinstance(dim, Batch):
            batch = dim if batch is None else batch * dim
        else:
            total *= int(dim)
    return total if batch is None else batch * total


def at_batch(dim: Dim, batch: int) -> int:
    """A dimension as a number, for a batch of that many samples."""
    return dim.rows * batch if isinstance(dim, Batch) else dim


def strides(shape: Sequence[Dim]) -> list[Dim]:
    """Elements between neighbours along each dimension of a contiguous tensor."""
    out: list[Dim] = []
    step: Dim = 1
    for dim in reversed(shape):
        out.append(step)
        step = dim * step if isinstance(dim, Batch) else step * dim
    return out[::-1]


@lru_cache(4096)
def refined(a: Shape, b: Shape) -> Shape | None:
    """The coarsest shape of which both are reshapes by merging neighbours; None if there is none.

    Examples
    --------
    >>> refined((6, 4), (2, 12))
    (2, 3, 4)
    """
    if a == b:
        return a
    if size(a) != size(b) or size(a) == 0:
        return None
    order = {d: (isinstance(d, Batch), at_batch(d, 1)) for s in (a, b) for d in _ends(s)}
    out: list[Dim] = []
    before: Dim = 1
    for end in sorted(order, key=order.__getitem__):
        whole, part = at_batch(end, 1), at_batch(before, 1)
        if whole % part:
            return None
        if whole != part or type(end) is not type(before):
            both = isinstance(end, Batch) == isinstance(before, Batch)
            out.append(whole // part if both else Batch(whole // part))
        before = end
    return tuple(out[::-1])


def _ends(shape: Shape) -> set[Dim]:
    """Elements of the last dimension, of the last two, and so on."""
    return {size(shape[i:]) for i in range(len(shape))}


def over(steps: Sequence[Dim], shape: Shape, fine: Shape) -> list[Dim]:
    """The strides of a walk over a shape as those of the same walk over a finer one."""
    if shape == fine:
        return list(steps)
    out: list[Dim] = []
    i = len(fine)
    for dim, step in zip(shape[::-1], steps[::-1], strict=True):
        done: Dim = 1
        while done != dim:
            i -= 1
            out.append(step * done)
            done = fine[i] * done if isinstance(fine[i], Batch) else done * fine[i]
    return out[::-1]


def broadcast(*shapes: Shape) -> Shape:
    """The shape that NumPy's rules give for these shapes together.

    Raises
    ------
    ValueError
        Where two sizes differ and neither is 1.
    """
    rank = max((len(s) for s in shapes), default=0)
    out: list[Dim] = []
    for i in range(rank):
        dims = [s[i - rank + len(s)] for s in shapes if i - rank + len(s) >= 0]
        wide = [d for d in dims if d != 1]
        if any(d != wide[0] for d in wide):
            raise ValueError(
                f"shapes {' and '.join(map(str, shapes))} do not go together: dimension "
                f"{i - rank} is {' and '.join(map(str, wide))}"
            )
        out.append(wide[0] if wide else 1)
    return tuple(out)
