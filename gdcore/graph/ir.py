"""Values: what a traced network is made of.

A `Value` is one tensor of the graph: the op that makes it, the values it is made from, a shape and
an element type. There is no other container: a graph is whatever can be reached from its outputs.

The number of samples in a batch is known only when a step runs. A dimension that grows with it is a
`Batch`: ``Batch(1)`` is the batch itself, ``Batch(28)`` is 28 times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gdcore.graph.registry import Op

REAL, INT = "real", "int"


class Batch:
    """A dimension of ``rows`` elements for each sample of the batch.

    Examples
    --------
    >>> Batch(1) * 28
    28B
    """

    __slots__ = ("rows",)

    def __init__(self, rows: int = 1) -> None:
        self.rows = rows

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Batch) and other.rows == self.rows

    def __hash__(self) -> int:
        return hash(("Batch", self.rows))

    def __repr__(self) -> str:
        return "B" if self.rows == 1 else f"{self.rows}B"


Dim = int | Batch
Shape = tuple[Dim, ...]


def size(shape: Iterable[Dim]) -> Dim:
    """Number of elements of a shape."""
    total: Dim = 1
    for dim in shape:
        total = dim * total if isinstance(dim, Batch) else total * dim
    return total


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


class Value:
    """A traced tensor. Arithmetic on it, and the functions of `gdcore.ops`, extend the graph.

    Attributes
    ----------
    shape : tuple of int or Batch
        Its first dimension is the batch where the value holds one row for each sample.
    dtype : {"real", "int"}
        Reals are float32 or float64, as the model is compiled; ints are int32.
    """

    __array_ufunc__ = None  # so that ndarray + Value comes to Value.__radd__
    __slots__ = ("attrs", "dtype", "inputs", "layer", "name", "op", "shape", "within")

    def __init__(
        self,
        op: Op,
        inputs: tuple[Value, ...],
        attrs: Mapping[str, Any],
        shape: Shape,
        dtype: str = REAL,
        name: str = "",
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.attrs = attrs
        self.shape = shape
        self.dtype = dtype
        self.name = name
        self.layer: Any = None  # the layer that put it out, for `summary`
        self.within: Any = None  # the innermost layer that computes it

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<{self.name or self.op.name} {self.shape}{'' if self.dtype == REAL else ' int'}>"

    def __bool__(self) -> bool:
        raise TypeError(
            f"a branch on the traced value {self!r}: its numbers are known only when a step runs. "
            "Use gd.ops.where(condition, a, b) to choose element by element"
        )

    def __len__(self) -> int:
        if not self.shape or isinstance(self.shape[0], Batch):
            raise TypeError(
                f"len() of {self!r}: its first dimension is known only when a step runs"
            )
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        raise TypeError(
            f"float() of the traced value {self!r}: its numbers are known only when a step runs"
        )

    __int__ = __index__ = __float__
    __hash__ = object.__hash__

    # The operators live in graph/elementwise.py and its neighbours, which fill this table.
    operators: dict[str, Callable[..., Value]] = {}

    def __add__(self, other: Any) -> Value:
        return self.operators["add"](self, other)

    def __radd__(self, other: Any) -> Value:
        return self.operators["add"](other, self)

    def __sub__(self, other: Any) -> Value:
        return self.operators["sub"](self, other)

    def __rsub__(self, other: Any) -> Value:
        return self.operators["sub"](other, self)

    def __mul__(self, other: Any) -> Value:
        return self.operators["mul"](self, other)

    def __rmul__(self, other: Any) -> Value:
        return self.operators["mul"](other, self)

    def __truediv__(self, other: Any) -> Value:
        return self.operators["div"](self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return self.operators["div"](other, self)

    def __pow__(self, other: Any) -> Value:
        return self.operators["pow"](self, other)

    def __rpow__(self, other: Any) -> Value:
        return self.operators["pow"](other, self)

    def __matmul__(self, other: Any) -> Value:
        return self.operators["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Value:
        return self.operators["matmul"](other, self)

    def __neg__(self) -> Value:
        return self.operators["neg"](self)

    def __abs__(self) -> Value:
        return self.operators["abs"](self)

    def __lt__(self, other: Any) -> Value:
        return self.operators["less"](self, other)

    def __le__(self, other: Any) -> Value:
        return self.operators["less_equal"](self, other)

    def __gt__(self, other: Any) -> Value:
        return self.operators["less"](other, self)

    def __ge__(self, other: Any) -> Value:
        return self.operators["less_equal"](other, self)

    def __eq__(self, other: Any) -> Value:  # type: ignore[override]
        return self.operators["equal"](self, other)

    def __ne__(self, other: Any) -> Value:  # type: ignore[override]
        return self.operators["not_equal"](self, other)

    def __getitem__(self, index: Any) -> Value:
        return self.operators["getitem"](self, index)


def topological(
    outputs: Iterable[Value], after: Mapping[Value, Sequence[Value]] | None = None
) -> list[Value]:
    """Every value that the outputs are made from, after its inputs (and after `after[value]`)."""
    order: list[Value] = []
    seen: set[int] = set()
    for root in outputs:
        if id(root) in seen:
            continue
        seen.add(id(root))
        stack: list[tuple[Value, int]] = [(root, 0)]
        while stack:
            value, i = stack.pop()
            needs = value.inputs if after is None else (*value.inputs, *after.get(value, ()))
            if i < len(needs):
                stack.append((value, i + 1))
                if id(needs[i]) not in seen:
                    seen.add(id(needs[i]))
                    stack.append((needs[i], 0))
            else:
                order.append(value)
    return order


def between(inputs: Sequence[Value], outputs: Sequence[Value]) -> list[Value]:
    """What the outputs are made from, themselves included, up to the inputs."""
    seen = set(inputs)
    found: list[Value] = []
    stack = list(outputs)
    while stack:
        value = stack.pop()
        if value not in seen:
            seen.add(value)
            found.append(value)
            stack.extend(value.inputs)
    return found


def rewrite(outputs: Sequence[Value], rule: Callable[[Value], Value]) -> dict[Value, Value]:
    """Rebuild a graph from its leaves up.

    `rule` gets each value with its inputs already replaced and returns the value to stand for it.
    Returns the new value for every old one.
    """
    new: dict[Value, Value] = {}
    for value in topological(outputs):
        inputs = tuple(new[x] for x in value.inputs)
        if all(a is b for a, b in zip(inputs, value.inputs, strict=True)):
            new[value] = rule(value)
        else:
            copy = Value(value.op, inputs, value.attrs, value.shape, value.dtype, value.name)
            copy.layer, copy.within = value.layer, value.within
            new[value] = rule(copy)
    return new


def constant_array(value: Value) -> np.ndarray | None:
    """The numbers of a constant, or None for anything else."""
    return value.attrs["array"] if value.op.name == "constant" else None
