"""Trigonometric and hyperbolic functions and their inverses, beyond sin, cos and tanh: elementwise ops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gdcore.graph.ir import Value
from gdcore.graph.ops.elementwise import sqrt, square
from gdcore.graph.ops.maps import binary, unary


def _side(x: Value) -> Value:
    """√(1 - x²), exact near 1."""
    return sqrt((1.0 - x) * (1.0 + x))


tan = unary(
    "tan",
    "tangent of x in radians",
    np.tan,
    lambda x, y, d: d * (1.0 + square(y)),
    -1.3,
    1.3,
    flops=26,
)
arcsin = unary(
    "arcsin",
    "angle, -π/2 to π/2, whose sine is x; NaN beyond -1 and 1",
    np.arcsin,
    lambda x, y, d: d / _side(x),
    -0.9,
    0.9,
    flops=30,
)
arccos = unary(
    "arccos",
    "angle, 0 to π, whose cosine is x; NaN beyond -1 and 1",
    np.arccos,
    lambda x, y, d: -d / _side(x),
    -0.9,
    0.9,
    flops=30,
)
arctan = unary(
    "arctan",
    "angle, -π/2 to π/2, whose tangent is x",
    np.arctan,
    lambda x, y, d: d / (1.0 + square(x)),
    flops=26,
)
cosh: Callable[..., Value] = unary(
    "cosh", "hyperbolic cosine", np.cosh, lambda x, y, d: d * sinh(x), flops=14
)
sinh: Callable[..., Value] = unary(
    "sinh", "hyperbolic sine", np.sinh, lambda x, y, d: d * cosh(x), flops=14
)
arcsinh = unary(
    "arcsinh",
    "number whose hyperbolic sine is x",
    np.arcsinh,
    lambda x, y, d: d / sqrt(1.0 + square(x)),
    flops=20,
)
arccosh = unary(
    "arccosh",
    "number of at least 0 whose hyperbolic cosine is x; NaN below 1",
    np.arccosh,
    lambda x, y, d: d / sqrt((x - 1.0) * (x + 1.0)),
    1.2,
    4.0,
    flops=20,
)
arctanh = unary(
    "arctanh",
    "number whose hyperbolic tangent is x; NaN beyond -1 and 1",
    np.arctanh,
    lambda x, y, d: d / ((1.0 - x) * (1.0 + x)),
    -0.9,
    0.9,
    flops=16,
)


def _arctan2_grad(y: Value, d: Value) -> list[Value | None]:
    a, b = y.inputs
    share = d / (square(a) + square(b))
    return [b * share, -a * share]


arctan2 = binary(
    "arctan2",
    "angle, -π to π, of the point whose height is a and whose abscissa is b",
    np.arctan2,
    _arctan2_grad,
    0.3,
    3.0,
)
