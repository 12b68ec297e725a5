"""Leaves, whose numbers come from outside: inputs, parameters, state, constants. And how an op is applied."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore.graph.dims import Shape
from gdcore.graph.ir import INT, OPS, REAL, Op, Value, register
from gdcore.graph.ranges import BoundsRule, of_constant, of_parameter


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
