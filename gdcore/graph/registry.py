"""The op registry: everything that is known about an op, in one row.

Tests, gradient checks and benchmarks run over `OPS`; registering an op is all it takes to have it
checked on every instruction set, in both precisions, and timed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gdcore.graph.ir import INT, REAL, Dim, Shape, Value
from gdcore.graph.ranges import BoundsRule, of_constant, of_parameter

if TYPE_CHECKING:
    from gdcore.graph.lower import Emitter

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
    kind : {"leaf", "map", "kernel", "alias", "composite", "loop", "part"}
        A leaf has its numbers from outside. A map works element by element, fuses with its like,
        and can ride on a product. A kernel is one C routine. An alias is its input's memory under
        another shape. A composite is replaced by `expand` before planning. A loop is one
        instruction with a body of its own, its results are parts of it.
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
    bounds : bounds of the result from those of other values, see `ranges`; None where there are none
    """

    name: str
    kind: str
    shape: ShapeRule
    grad: GradRule | None = None
    reference: Reference | None = None
    samples: tuple[Sample, ...] = ()
    expand: Callable[[Value], Value] | None = None
    emit: Callable[[Value, Emitter], None] | None = None
    workspace: Callable[[Value], Dim] | None = None
    flops: Callable[[Value], Dim] | int = 1
    takes_epilogue: Callable[[Value], bool] | None = None
    column_sums: Callable[[Value], tuple[Value, tuple[int, int]] | None] | None = None
    takes_ints: bool = False
    bounds: BoundsRule | None = None


OPS: dict[str, Op] = {}


def register(op: Op) -> Op:
    """Add an op to the registry; its name must be new."""
    if op.name in OPS:
        raise ValueError(f"op {op.name!r} is registered already")
    OPS[op.name] = op
    return op


def leaf(name: str, bounds: BoundsRule | None = None) -> Op:
    """Register an op without inputs, whose shape is an attribute."""
    return register(Op(name, "leaf", lambda _, attrs: tuple(attrs["shape"]), bounds=bounds))


CONSTANT = leaf("constant", of_constant)
INPUT = leaf("input")
PARAM = leaf("param", of_parameter)
STATE = leaf("state")
RANGE = leaf("range")


def lift(x: Any) -> Value:
    """A value of whatever can stand in an expression: a value, a number, an array."""
    if isinstance(x, Value):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"cannot use {type(x).__name__} in a traced expression: expected a traced value, a "
            "number or an array of numbers"
        )
    array = array.astype(np.float64)
    return Value(CONSTANT, (), {"array": array, "shape": array.shape}, array.shape)


def apply(op: Op, *inputs: Any, **attrs: Any) -> Value:
    """The value of an op; checks shapes."""
    values = tuple(lift(x) for x in inputs)
    if op.kind == "kernel" and not op.takes_ints:  # an elementwise pass converts as it reads
        values = tuple(
            apply(OPS["identity"], v, shape=v.shape) if v.dtype == INT else v for v in values
        )
    moves = op.takes_ints or op.kind == "alias"
    return Value(op, values, attrs, op.shape(values, attrs), values[0].dtype if moves else REAL)


def input_value(shape: Shape, name: str, dtype: str = REAL) -> Value:
    """A leaf that is fed from data, one row for each sample."""
    if dtype not in (REAL, INT):
        raise ValueError(f"an input's dtype is 'real' or 'int', not {dtype!r}")
    return Value(INPUT, (), {"shape": shape, "name": name}, shape, dtype, name)
