"""Elementwise arithmetic, comparison and choice, each a row with derivative and reference.

Activations are in `nonlinearities`, random numbers in `draws`; `maps` makes the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gdcore.graph.ir import Op, Sample, Value, constant_array, register
from gdcore.graph.ops.arithmetic_ranges import (
    of_abs,
    of_add,
    of_div,
    of_exp,
    of_maximum,
    of_minimum,
    of_mul,
    of_neg,
    of_pow,
    of_reciprocal,
    of_square,
    of_sub,
    of_where,
)
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ops.maps import binary, together, unary
from gdcore.graph.ranges import increasing, within

SQRT_HALF = math.sqrt(0.5)


def np_erf(x: np.ndarray) -> np.ndarray:
    """The error function of an array."""
    return np.asarray(np.vectorize(math.erf, otypes=[float])(x))


_ONES = {0: 3, 1: 3}
equal = binary(
    "equal", "1 where a = b, else 0", np.equal, None, ints=_ONES, bounds=within(0.0, 1.0)
)
not_equal = binary(
    "not_equal", "1 where a ≠ b, else 0", np.not_equal, None, ints=_ONES, bounds=within(0.0, 1.0)
)
less = binary("less", "1 where a < b, else 0", np.less, None, ints=_ONES, bounds=within(0.0, 1.0))
less_equal = binary(
    "less_equal", "1 where a ≤ b, else 0", np.less_equal, None, ints=_ONES, bounds=within(0.0, 1.0)
)

neg = unary("neg", "-x", np.negative, lambda x, y, d: -d, bounds=of_neg)
sign = unary(
    "sign", "sign of x: -1, 0 or 1", np.sign, lambda x, y, d: None, kink=(0.0,), bounds=increasing()
)
abs = unary(
    "abs",
    "|x|; the derivative at 0 is 0",
    np.abs,
    lambda x, y, d: d * sign(x),
    kink=(0.0,),
    bounds=of_abs,
)
exp = unary("exp", "e^x", np.exp, lambda x, y, d: d * y, flops=10, bounds=of_exp)
expm1 = unary(
    "expm1",
    "e^x - 1, exact near 0",
    np.expm1,
    lambda x, y, d: d * (y + 1.0),
    flops=12,
    bounds=increasing(),
)
log = unary(
    "log",
    "natural logarithm",
    np.log,
    lambda x, y, d: d / x,
    0.1,
    4.0,
    flops=10,
    bounds=increasing(),
)
log1p = unary(
    "log1p",
    "log(1 + x), exact near 0",
    np.log1p,
    lambda x, y, d: d / (x + 1.0),
    -0.8,
    4.0,
    flops=12,
    bounds=increasing(),
)
sqrt = unary(
    "sqrt", "square root", np.sqrt, lambda x, y, d: d * 0.5 / y, 0.1, 4.0, bounds=increasing(0.0)
)
square = unary("square", "x²", np.square, lambda x, y, d: d * (x * 2.0), bounds=of_square)
reciprocal = unary(
    "reciprocal",
    "1/x",
    np.reciprocal,
    lambda x, y, d: -d * square(y),
    0.2,
    4.0,
    bounds=of_reciprocal,
)
cos: Callable[..., Value] = unary(
    "cos",
    "cosine of x in radians",
    np.cos,
    lambda x, y, d: -d * sin(x),
    flops=12,
    bounds=within(-1.0, 1.0),
)
sin: Callable[..., Value] = unary(
    "sin",
    "sine of x in radians",
    np.sin,
    lambda x, y, d: d * cos(x),
    flops=12,
    bounds=within(-1.0, 1.0),
)
floor = unary(
    "floor",
    "largest whole number not above x; its derivative is 0",
    np.floor,
    lambda x, y, d: None,
    kink=tuple(range(-3, 4)),
    bounds=increasing(),
)
round = unary(
    "round",
    "nearest whole number, halves to even; its derivative is 0",
    np.round,
    lambda x, y, d: None,
    kink=tuple(i + 0.5 for i in range(-4, 4)),
    bounds=increasing(),
)
erf = unary(
    "erf",
    "error function 2/√π ∫₀ˣ e^(-t²) dt",
    np_erf,
    lambda x, y, d: d * exp(-square(x)) * (2 / math.sqrt(math.pi)),
    flops=16,
    bounds=increasing(),
)

add = binary("add", "a + b", np.add, lambda y, d: [d, d], bounds=of_add)
sub = binary("sub", "a - b", np.subtract, lambda y, d: [d, -d], bounds=of_sub)
mul = binary(
    "mul", "a b", np.multiply, lambda y, d: [d * y.inputs[1], d * y.inputs[0]], bounds=of_mul
)
div = binary(
    "div",
    "a / b",
    np.divide,
    lambda y, d: [d / y.inputs[1], -d * y / y.inputs[1]],
    0.3,
    3.0,
    bounds=of_div,
)


def _pow_grad(y: Value, d: Value) -> list[Value | None]:
    """b a^(b-1), which is 0 where b is 0, though a^-1 may be infinite there."""
    a, b = y.inputs
    known = constant_array(b)
    if known is not None:
        return [d * (b * pow(a, np.where(known == 0.0, 1.0, known - 1.0))), None]
    below = where(equal(b, 0.0), 1.0, b - 1.0)
    return [d * (b * pow(a, below)), d * (y * log(a))]


# log, a product and exp
pow_op = binary("pow", "a to the power b", np.power, _pow_grad, 0.3, 3.0, flops=21, bounds=of_pow)
SHORT_POWERS: dict[float, Callable[[Value], Value]] = {
    -1.0: reciprocal,
    0.5: sqrt,
    1.0: lambda x: x,
    2.0: square,
    3.0: lambda x: x * square(x),
    4.0: lambda x: square(square(x)),
}


def pow(a: Any, b: Any) -> Value:
    """Elementwise a to the power b; the constants -1, 1/2, 1, 2, 3 and 4 take their short forms.

    Parameters
    ----------
    a, b : Value, array or number
        Of shapes that broadcast. A negative a needs whole numbers in b, or the result is NaN.

    Returns
    -------
    Value
        Of the broadcast shape.

    Raises
    ------
    TypeError
        If an operand does not hold numbers.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> x**2, x**2.5
    (<square (B, 3)>, <pow (B, 3)>)
    """
    exponent = constant_array(lift(b))
    if exponent is not None and exponent.shape == ():
        short = SHORT_POWERS.get(float(exponent))
        if short is not None:
            return short(lift(a))
    return pow_op(a, b)


def _choose(y: Value, d: Value, first: Callable[[Any, Any], Value]) -> list[Value | None]:
    """Half to each where the two are equal."""
    a, b = y.inputs
    share = (first(a, b) + (1.0 - first(b, a))) * 0.5
    return [d * share, d * (1.0 - share)]


maximum = binary(
    "maximum",
    "larger of a and b, NaN if either is; equal ones share the gradient",
    np.maximum,
    lambda y, d: _choose(y, d, lambda a, b: less(b, a)),
    apart=True,
    bounds=of_maximum,
)
minimum = binary(
    "minimum",
    "smaller of a and b, NaN if either is; equal ones share the gradient",
    np.minimum,
    lambda y, d: _choose(y, d, lambda a, b: less(a, b)),
    apart=True,
    bounds=of_minimum,
)


def clip(x: Any, low: float, high: float) -> Value:
    """Elementwise x cut to low..high; the gradient is 0 outside of it and half at its ends.

    Parameters
    ----------
    x : Value, array or number
        Of any shape.
    low, high : float

    Returns
    -------
    Value
        Of x's shape.

    Raises
    ------
    ValueError
        If low is above high.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> gd.Model(x, gd.ops.clip(x, 0.0, 1.0)).predict([[-1.0, 0.5, 2.0]])
    array([[0. , 0.5, 1. ]], dtype=float32)
    """
    if low > high:
        raise ValueError(f"clip() with low={low} above high={high}: swap them")
    return minimum(maximum(x, low), high)


def _np_where(condition: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.where(condition != 0, a, b)


WHERE = register(
    Op(
        "where",
        "map",
        together,
        lambda y, d: [None, where(y.inputs[0], d, 0.0), where(y.inputs[0], 0.0, d)],
        _np_where,
        tuple(
            Sample(s, {}, ints={0: 2})
            for s in (
                ((5, 7), (5, 7), (7,)),
                ((17,), (17,), (17,)),
                ((5, 1), (), (1, 7)),
                ((513,), (513,), ()),
                ((0, 2), (0, 2), ()),
            )
        ),
        bounds=of_where,
    )
)


def where(condition: Any, a: Any, b: Any) -> Value:
    """Elementwise choice: a where the condition is not 0, else b.

    Parameters
    ----------
    condition, a, b : Value, array or number
        Of shapes that broadcast. Only a and b pass gradients on.

    Returns
    -------
    Value
        Of the broadcast shape.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> gd.Model(x, gd.ops.where(x > 0, x, -10.0 * x)).predict([[-1.0, 1.0, 2.0]])
    array([[10.,  1.,  2.]], dtype=float32)
    """
    return apply(WHERE, condition, a, b)


Value.operators.update(
    add=add,
    sub=sub,
    mul=mul,
    div=div,
    pow=pow,
    neg=neg,
    abs=abs,
    less=less,
    less_equal=less_equal,
    equal=equal,
    not_equal=not_equal,
)
