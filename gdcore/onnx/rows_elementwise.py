"""Elementwise ops as ONNX nodes: one row for each op of the registry that works by elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gdcore.graph.ir import Value
from gdcore.onnx.writer import FLOATS, Writer

Row = Callable[[Writer, Value, Sequence[str]], str]

# Ops that ONNX knows by another name, with the same meaning.
SAME = {
    "neg": "Neg",
    "sign": "Sign",
    "abs": "Abs",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "reciprocal": "Reciprocal",
    "cos": "Cos",
    "sin": "Sin",
    "tan": "Tan",
    "arcsin": "Asin",
    "arccos": "Acos",
    "arctan": "Atan",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "arcsinh": "Asinh",
    "arccosh": "Acosh",
    "arctanh": "Atanh",
    "floor": "Floor",
    "round": "Round",
    "erf": "Erf",
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "pow": "Pow",
    "maximum": "Max",
    "minimum": "Min",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "relu": "Relu",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "hard_swish": "HardSwish",
    "mish": "Mish",
}


def same(kind: str, **attrs: Any) -> Row:
    """The row of an op that is one node."""
    return lambda w, v, xs: w.node(kind, *xs, **attrs)


def _compared(kind: str) -> Row:
    return lambda w, v, xs: w.node("Cast", w.node(kind, *xs), to=FLOATS)


def _not_equal(w: Writer, v: Value, xs: Sequence[str]) -> str:
    return w.node("Cast", w.node("Not", w.node("Equal", *xs)), to=FLOATS)


def _where(w: Writer, v: Value, xs: Sequence[str]) -> str:
    condition, a, b = xs
    return w.node("Where", w.truth(condition), a, b)


def _square(w: Writer, v: Value, xs: Sequence[str]) -> str:
    return w.node("Mul", xs[0], xs[0])


def _expm1(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """2 sinh(x/2) e^(x/2), exact near 0; below -80 the result is -1 and sinh would overflow."""
    half = w.node("Mul", w.node("Max", xs[0], w.number(-80.0)), w.number(0.5))
    product = w.node("Mul", w.node("Sinh", half), w.node("Exp", half))
    return w.node("Mul", product, w.number(2.0))


def _log1p(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """x log(u) / (u - 1) with u = 1 + x, exact near 0 (Kahan); x itself where u rounds to 1."""
    one = w.number(1.0)
    u = w.node("Add", xs[0], one)
    same_as_one = w.node("Equal", u, one)
    # For large or infinite u, log(u) alone is exact.
    big = w.node("Less", w.number(1.0), w.node("Abs", xs[0]))
    over = w.node("Where", same_as_one, one, w.node("Sub", u, one))
    exact = w.node("Mul", w.node("Log", u), w.node("Div", xs[0], over))
    near = w.node("Where", same_as_one, xs[0], exact)
    return w.node("Where", big, w.node("Log", u), near)


def _arctan2(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """atan(y / x), half a turn on where x < 0, and ±π/2 or ±0 where x is 0."""
    y, x = xs
    zero, pi = w.number(0.0), w.number(math.pi)
    up = w.node("Less", y, zero)
    turn = w.node("Where", up, w.number(-math.pi), pi)
    steep = w.node("Mul", w.node("Sign", y), w.number(0.5 * math.pi))
    at_zero = w.node("Equal", x, zero)
    right = w.node("Atan", w.node("Div", y, w.node("Where", at_zero, w.number(1.0), x)))
    left = w.node("Add", right, turn)
    angle = w.node("Where", w.node("Less", x, zero), left, right)
    return w.node("Where", at_zero, steep, angle)


def _silu(w: Writer, v: Value, xs: Sequence[str]) -> str:
    return w.node("Mul", xs[0], w.node("Sigmoid", xs[0]))


def _random(w: Writer, v: Value, xs: Sequence[str]) -> str:
    raise ValueError(
        "gd.onnx.save: the prediction draws random numbers (random_uniform), which no ONNX runtime "
        "draws alike: use them in training only, with gd.ops.when_training"
    )


ELEMENTWISE: dict[str, Row] = {
    **{op: same(kind) for op, kind in SAME.items()},
    "equal": _compared("Equal"),
    "less": _compared("Less"),
    "less_equal": _compared("LessOrEqual"),
    "not_equal": _not_equal,
    "where": _where,
    "square": _square,
    "arctan2": _arctan2,
    "expm1": _expm1,
    "log1p": _log1p,
    "silu": _silu,
    "gelu": same("Gelu", approximate="none"),
    "gelu_tanh": same("Gelu", approximate="tanh"),
    "hard_sigmoid": same("HardSigmoid", alpha=1 / 6, beta=0.5),
    "leaky_relu": lambda w, v, xs: w.node("LeakyRelu", *xs, alpha=v.attrs["slope"]),
    "elu": lambda w, v, xs: w.node("Elu", *xs, alpha=v.attrs["alpha"]),
    "random_uniform": _random,
}
