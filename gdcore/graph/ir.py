"""Values and ops: what a traced network is made of.

A `Value` is one tensor of the graph: the op that makes it, the values it is made from, a shape and
an element type. There is no other container: a graph is whatever can be reached from its outputs.

An `Op` is everything that is known about an operation, in one row of the registry `OPS`. Tests, gradient
checks and benchmarks run over it; registering an op is all it takes to have it checked on every
instruction set, in both precisions, and timed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from operator import is_not
from typing import Any, NamedTuple

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape

REAL, INT = "real", "int"
VIEWS = ("alias", "view")  # kinds of ops that compute nothing: they read their input's memory


class Value:
    """A traced tensor. Arithmetic on it, and the functions of `gdcore.ops`, extend the graph.

    Attributes
    ----------
    shape : tuple of int or Batch
        Its first dimension is the batch where the value holds one row for each sample.
    dtype : {"real", "int"}
        Reals are float32 or float64, as the model is compiled; ints are int32.
    masked : bool
        Whether it may have a mask, which `ops.masks.mask_of` finds.
    """

    __array_ufunc__ = None  # so that ndarray + Value comes to Value.__radd__
    __slots__ = (
        *("attrs", "call", "dtype", "inputs", "layer", "masked", "name", "op", "shape", "within"),
    )

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
        self.call: Any = None  # ((layer, inputs, named inputs), which result) of the outermost call
        self.masked: bool = op.name == "masked" or (
            op.kind in ("map", "composite") and any(x.masked for x in inputs)
        )

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

    # The operators live in graph/ops/elementwise.py and its neighbours, which fill this table.
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


ShapeRule = Callable[[Sequence[Value], Mapping[str, Any]], Shape]
GradRule = Callable[[Value, Value], "Sequence[Value | None]"]
Reference = Callable[..., np.ndarray]


class Sample(NamedTuple):
    """One way to try an op: shapes of its inputs, its attributes, and where inputs come from.

    `low`, `high` bound the random inputs; `ints[i]`, where given, makes input i integers below it;
    `kink` keeps inputs away from the points where a derivative jumps.
    """

    shapes: tuple[tuple[int, ...], ...]
    attrs: Mapping[str, Any] = {}
    low: float = -2.0
    high: float = 2.0
    ints: Mapping[int, int] = {}
    kink: tuple[float, ...] = ()


class Op(NamedTuple):
    """What is known about an op.

    Attributes
    ----------
    name : str
    kind : {"leaf", "map", "kernel", "alias", "view", "composite", "loop", "part"}
        A leaf has its numbers from outside. A map works element by element, fuses with its like,
        can ride on a product, and reads and writes whatever strides there are. A kernel is one C
        routine. An alias is its input's memory under another shape. A view is its input's memory
        in another order, or a part of it. A composite is replaced by `expand` before planning. A loop is one
        instruction with a body of its own, its results are parts of it. A part is one more result of its
        first input's instruction.
    shape : shape of the result, from the inputs and the attributes
    grad : gradients of the inputs from (value, gradient of value), in terms of other ops
    reference : the same in float64 NumPy
    samples : how the tests try it
    expand : for composites, the value in terms of other ops
    emit : for kernels, writes the instructions
    workspace : for kernels, the elements of memory it needs while it runs
    flops : floating-point operations for each element of the result, or a function of the value
    takes_epilogue : for kernels, whether the elementwise pass that follows a value rides on its instruction,
        and is run on each part of it as soon as it is finished
    column_sums : for kernels, (input, axes): the sums that the value's instruction can leave, too
    takes_ints : whether a kernel reads int32 as it is; its result then has its first input's type,
        unless it is a table that is read by number
    view : for aliases and views, where the result lies from (value, where its input lies); see `layout`
    back : the other way round, where view and input have the same elements
    walks : for kernels, whether input `i` is read where it lies, from (value, i, layout); others are dense
    writes : for kernels, whether the result can be written so, from (value, layout); otherwise it is dense
    parts : for kernels that only put their inputs side by side, the slice of the result that each becomes;
        an input may then be written there by whatever computes it
    reuses : for kernels, the input over which the result is written where nothing else reads it
    along : for kernels whose result has their input's shape, the axis along which elements depend on one another
    bounds : bounds of the result from those of other values, see `ranges`; None where there are none
    """

    name: str
    kind: str
    shape: ShapeRule
    grad: GradRule | None = None
    reference: Reference | None = None
    samples: tuple[Sample, ...] = ()
    expand: Callable[[Value], Value] | None = None
    emit: Callable[[Value, Any], None] | None = None
    workspace: Callable[[Value], Dim] | None = None
    flops: Callable[[Value], Dim] | int = 1
    takes_epilogue: Callable[[Value], bool] | None = None
    column_sums: Callable[[Value], tuple[Value, tuple[int, int]] | None] | None = None
    takes_ints: bool = False
    view: Callable[[Value, Any], Any] | None = None
    back: Callable[[Value, Any], Any] | None = None
    walks: Callable[[Value, int, Any], bool] | None = None
    writes: Callable[[Value, Any], bool] | None = None
    parts: Callable[[Value], Sequence[Any]] | None = None
    reuses: int | None = None
    along: Callable[[Value], int] | None = None
    bounds: Callable[[Value, Any], Any] | None = None


class Registry(Mapping[str, Op]):
    """The ops by name.

    A family of ops that only some networks use is imported when a function of it is first called; or here, when an
    op is looked up that is not registered yet, or all are asked for.
    """

    families = (
        *("attention", "attention_dropout", "loops", "pools", "resampling", "trigonometry"),
        "windows",
    )

    def __init__(self) -> None:
        self.known: dict[str, Op] = {}

    def _all(self) -> dict[str, Op]:
        for family in self.families:
            import_module(f"gdcore.graph.ops.{family}")
        return self.known

    def __getitem__(self, name: str) -> Op:
        found = self.known.get(name)
        return self._all()[name] if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._all()))  # whichever family was imported first

    def __len__(self) -> int:
        return len(self._all())


OPS = Registry()


def register(op: Op) -> Op:
    """Add an op to the registry; its name must be new."""
    if op.name in OPS.known:
        raise ValueError(f"op {op.name!r} is registered already")
    OPS.known[op.name] = op
    return op


def base(value: Value) -> Value:
    """The value whose memory this one is."""
    while value.op.kind in VIEWS:
        value = value.inputs[0]
    return value


def topological(
    outputs: Iterable[Value], after: Mapping[Value, Sequence[Value]] | None = None
) -> list[Value]:
    """Every value that the outputs are made from, after its inputs (and after `after[value]`)."""
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Value | None] = []
    stack += [*outputs][::-1]
    while stack:
        value = stack.pop()
        if value is None:  # what lies below has its inputs in order
            order.append(stack.pop())  # type: ignore[arg-type]
        elif value not in seen:
            seen.add(value)
            needs = value.inputs if after is None else (*value.inputs, *after.get(value, ()))
            if needs:
                stack += (value, None, *needs[::-1])
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


def with_inputs(value: Value, inputs: tuple[Value, ...]) -> Value:
    """The same computation of other inputs, in the same layer; the value itself if they are its own."""
    if not any(map(is_not, inputs, value.inputs)):
        return value
    out = Value(value.op, inputs, value.attrs, value.shape, value.dtype, value.name)
    out.layer, out.within = value.layer, value.within
    return out


def with_attrs(value: Value, **attrs: Any) -> Value:
    """The same computation in the same layer, with attributes changed or added."""
    out = Value(
        value.op, value.inputs, {**value.attrs, **attrs}, value.shape, value.dtype, value.name
    )
    out.layer, out.within = value.layer, value.within
    return out


def rewrite(outputs: Sequence[Value], rule: Callable[[Value], Value]) -> dict[Value, Value]:
    """Rebuild a graph from its leaves up.

    `rule` gets each value with its inputs already replaced and returns the value to stand for it.
    Returns the new value for every old one.
    """
    return rewritten(topological(outputs), rule)


def rewritten(order: Iterable[Value], rule: Callable[[Value], Value]) -> dict[Value, Value]:
    """The same for all values of a graph, each after its inputs."""
    new: dict[Value, Value] = {}
    for value in order:
        new[value] = rule(with_inputs(value, tuple([new[x] for x in value.inputs])))
    return new


def constant_array(value: Value) -> np.ndarray | None:
    """The numbers of a constant, or None for anything else."""
    return value.attrs["array"] if value.op.name == "constant" else None
