"""Elementwise ops: one row each, with derivative and reference. Shapes broadcast as in NumPy.

Gradient rules give the derivative at the broadcast shape; `differentiate` sums it back to each
input's own. A chain of these ops is one pass over memory (see `fuse`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.ir import Batch, Dim, Shape, Value, broadcast, constant_array, rewrite
from gdcore.graph.registry import Op, Sample, apply, lift, register

Grad = Callable[[Value, Value], "Sequence[Value | None]"]
SQRT_HALF = math.sqrt(0.5)
SQRT_2_PI = math.sqrt(2 / math.pi)


def _shape(values: Sequence[Value], _: Mapping[str, Any]) -> Shape:
    return broadcast(*(v.shape for v in values))


def _erf(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erf, otypes=[float])(x)


# Widths around one vector and around one block of the map kernel, for either precision.
_LENGTHS = (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 511, 512, 513, 1025)


def _unary(
    name: str,
    formula: str,
    reference: Callable[..., np.ndarray],
    grad: Callable[[Value, Value, Value], Any],
    low: float = -3.0,
    high: float = 3.0,
    kink: tuple[float, ...] = (),
    flops: int = 1,
    par: Mapping[str, float] | None = None,
) -> Callable[..., Value]:
    samples = tuple(Sample(((n,),), par or {}, low, high, kink=kink) for n in _LENGTHS)
    samples += (
        Sample(((0, 3),), par or {}, low, high),
        Sample(((5, 7),), par or {}, low, high, kink=kink),
    )
    op = register(
        Op(
            name,
            "map",
            _shape,
            lambda y, dy: [grad(y.inputs[0], y, dy)],
            reference,
            samples,
            flops=flops,
        )
    )
    defaults = dict(par or {})

    def function(x: Any, **attrs: float) -> Value:
        unknown = set(attrs) - set(defaults)
        if unknown:
            raise TypeError(
                f"{name}() got {', '.join(sorted(unknown))}; it takes x"
                + "".join(f", {k}={v}" for k, v in defaults.items())
            )
        return apply(op, x, **(defaults | {k: float(v) for k, v in attrs.items()}))

    function.__name__ = function.__qualname__ = name
    pars = "".join(f"\n    {k} : float, default {v:g}" for k, v in defaults.items())
    function.__doc__ = f"""Elementwise {formula}.

    Parameters
    ----------
    x : Value, array or number{pars}

    Returns
    -------
    Value
        Of x's shape.
    """
    return function


def _binary(
    name: str,
    formula: str,
    reference: Callable[..., np.ndarray],
    grad: Grad | None,
    low: float = -3.0,
    high: float = 3.0,
    apart: bool = False,
    ints: Mapping[int, int] | None = None,
) -> Callable[[Any, Any], Value]:
    pairs: list[tuple[tuple[int, ...], ...]] = [((n,), (n,)) for n in _LENGTHS]
    pairs += [
        ((5, 7), (7,)),
        ((5, 7), (5, 1)),
        ((5, 1), (1, 7)),
        ((), (3, 4)),
        ((3, 4), ()),
        ((0, 3), (3,)),
        ((2, 3, 4), (3, 1)),
        ((2, 300), (300,)),
        ((300, 2), (2,)),
        ((40, 33), (40, 1)),
        ((3, 1, 5), (1, 4, 1)),
        ((600, 10), (10,)),
        ((600, 10), (600, 1)),
    ]
    samples = tuple(
        Sample(p, {}, low, high, ints or {}, kink=(math.inf,) if apart else ()) for p in pairs
    )
    op = register(Op(name, "map", _shape, grad, reference, samples))

    def function(a: Any, b: Any) -> Value:
        return apply(op, a, b)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Elementwise {formula}.

    Parameters
    ----------
    a, b : Value, array or number
        Shapes that broadcast.

    Returns
    -------
    Value
        Of the broadcast shape.
    """
    return function


neg = _unary("neg", "-x", np.negative, lambda x, y, d: -d)
abs = _unary(
    "abs", "|x|; the derivative at 0 is 0", np.abs, lambda x, y, d: d * sign(x), kink=(0.0,)
)
sign = _unary("sign", "sign of x: -1, 0 or 1", np.sign, lambda x, y, d: None, kink=(0.0,))
exp = _unary("exp", "e^x", np.exp, lambda x, y, d: d * y, flops=10)
expm1 = _unary("expm1", "e^x - 1, exact near 0", np.expm1, lambda x, y, d: d * (y + 1.0), flops=12)
log = _unary("log", "natural logarithm", np.log, lambda x, y, d: d / x, 0.1, 4.0, flops=10)
log1p = _unary(
    "log1p",
    "log(1 + x), exact near 0",
    np.log1p,
    lambda x, y, d: d / (x + 1.0),
    -0.8,
    4.0,
    flops=12,
)
sqrt = _unary("sqrt", "square root", np.sqrt, lambda x, y, d: d * 0.5 / y, 0.1, 4.0)
square = _unary("square", "x²", np.square, lambda x, y, d: d * (x * 2.0))
reciprocal = _unary("reciprocal", "1/x", np.reciprocal, lambda x, y, d: -d * square(y), 0.2, 4.0)
sin = _unary("sin", "sine of x in radians", np.sin, lambda x, y, d: d * cos(x), flops=12)
cos = _unary("cos", "cosine of x in radians", np.cos, lambda x, y, d: -d * sin(x), flops=12)
floor = _unary(
    "floor",
    "largest whole number not above x; its derivative is 0",
    np.floor,
    lambda x, y, d: None,
    kink=tuple(range(-3, 4)),
)
round = _unary(
    "round",
    "nearest whole number, halves to even; its derivative is 0",
    np.round,
    lambda x, y, d: None,
    kink=tuple(i + 0.5 for i in range(-4, 4)),
)
erf = _unary(
    "erf",
    "error function",
    _erf,
    lambda x, y, d: d * exp(-square(x)) * (2 / math.sqrt(math.pi)),
    flops=16,
)
tanh = _unary(
    "tanh", "hyperbolic tangent", np.tanh, lambda x, y, d: d * (1.0 - square(y)), flops=12
)
sigmoid = _unary(
    "sigmoid",
    "logistic function 1/(1 + e^-x)",
    lambda x: 1 / (1 + np.exp(-x)),
    lambda x, y, d: d * (y * (1.0 - y)),
    flops=12,
)
relu = _unary(
    "relu",
    "max(x, 0); the derivative at 0 is 0",
    lambda x: np.maximum(x, 0),
    lambda x, y, d: where(less(0.0, y), d, 0.0),
    kink=(0.0,),
)
leaky_relu = _unary(
    "leaky_relu",
    "x where x > 0, else slope·x",
    lambda x, slope: np.where(x < 0, slope * x, x),
    lambda x, y, d: where(less(x, 0.0), d * y.attrs["slope"], d),
    kink=(0.0,),
    par={"slope": 0.01},
)
elu = _unary(
    "elu",
    "x where x > 0, else alpha (e^x - 1) (Clevert 2015)",
    lambda x, alpha: np.where(x < 0, alpha * np.expm1(x), x),
    lambda x, y, d: where(less(x, 0.0), d * (y + y.attrs["alpha"]), d),
    kink=(0.0,),
    flops=12,
    par={"alpha": 1.0},
)
gelu = _unary(
    "gelu",
    "x Φ(x), Φ the normal distribution function (Hendrycks 2016)",
    lambda x: 0.5 * x * (1 + _erf(x * SQRT_HALF)),
    lambda x, y, d: (
        d * (0.5 * (1.0 + erf(x * SQRT_HALF)) + x * exp(square(x) * -0.5) / math.sqrt(2 * math.pi))
    ),
    flops=18,
)


def _gelu_tanh_grad(x: Value, y: Value, d: Value) -> Value:
    t = tanh(x * (square(x) * (SQRT_2_PI * 0.044715) + SQRT_2_PI))
    slope = square(x) * (3 * SQRT_2_PI * 0.044715) + SQRT_2_PI
    return d * 0.5 * (1.0 + t + x * (1.0 - square(t)) * slope)


gelu_tanh = _unary(
    "gelu_tanh",
    "GELU's tanh form: x/2 (1 + tanh(√(2/π)(x + 0.044715 x³)))",
    lambda x: 0.5 * x * (1 + np.tanh(SQRT_2_PI * (x + 0.044715 * x**3))),
    _gelu_tanh_grad,
    flops=18,
)


def _silu_grad(x: Value, y: Value, d: Value) -> Value:
    s = sigmoid(x)
    return d * (s * (1.0 + x * (1.0 - s)))


silu = _unary(
    "silu", "x sigmoid(x), also called swish", lambda x: x / (1 + np.exp(-x)), _silu_grad, flops=13
)
softplus = _unary(
    "softplus",
    "log(1 + e^x)",
    lambda x: np.logaddexp(x, 0),
    lambda x, y, d: d * sigmoid(x),
    flops=24,
)
softsign = _unary(
    "softsign",
    "x/(1 + |x|)",
    lambda x: x / (1 + np.abs(x)),
    lambda x, y, d: d * square(1.0 - abs(y)),
    flops=3,
)


def _inside_three(x: Value) -> Value:
    return less(abs(x), 3.0)


hard_sigmoid = _unary(
    "hard_sigmoid",
    "(x + 3)/6 cut to 0..1",
    lambda x: np.clip((x + 3) / 6, 0, 1),
    lambda x, y, d: d * (_inside_three(x) * (1 / 6)),
    -5,
    5,
    (-3.0, 3.0),
    flops=4,
)
hard_swish = _unary(
    "hard_swish",
    "x hard_sigmoid(x) (Howard 2019)",
    lambda x: x * np.clip((x + 3) / 6, 0, 1),
    lambda x, y, d: d * (hard_sigmoid(x) + x * _inside_three(x) * (1 / 6)),
    -5,
    5,
    (-3.0, 3.0),
    flops=5,
)


def _mish_grad(x: Value, y: Value, d: Value) -> Value:
    w = tanh(softplus(x))
    return d * (w + x * sigmoid(x) * (1.0 - square(w)))


mish = _unary(
    "mish",
    "x tanh(softplus(x)) (Misra 2019)",
    lambda x: x * np.tanh(np.logaddexp(x, 0)),
    _mish_grad,
    flops=16,
)

add = _binary("add", "a + b", np.add, lambda y, d: [d, d])
sub = _binary("sub", "a - b", np.subtract, lambda y, d: [d, -d])
mul = _binary("mul", "a b", np.multiply, lambda y, d: [d * y.inputs[1], d * y.inputs[0]])
div = _binary(
    "div", "a / b", np.divide, lambda y, d: [d / y.inputs[1], -d * y / y.inputs[1]], 0.3, 3.0
)


def _pow_grad(y: Value, d: Value) -> list[Value | None]:
    a, b = y.inputs
    da = d * (b * pow(a, b - 1.0))
    return [da, None if constant_array(b) is not None else d * (y * log(a))]


pow_op = _binary("pow", "a to the power b", np.power, _pow_grad, 0.3, 3.0)


def pow(a: Any, b: Any) -> Value:
    """Elementwise a to the power b; whole and half powers that are constants take their short forms.

    Parameters
    ----------
    a, b : Value, array or number
        Shapes that broadcast. A negative a needs whole numbers in b, or the result is NaN.

    Returns
    -------
    Value
        Of the broadcast shape.
    """
    exponent = constant_array(lift(b))
    if exponent is not None and exponent.shape == ():
        short = {
            1.0: lambda x: x,
            2.0: square,
            3.0: lambda x: x * square(x),
            0.5: sqrt,
            -1.0: reciprocal,
            4.0: lambda x: square(square(x)),
        }.get(float(exponent))
        if short is not None:
            return short(lift(a))
    return pow_op(a, b)


def _choose(y: Value, d: Value, first: Callable[[Any, Any], Value]) -> list[Value | None]:
    """Half to each where the two are equal."""
    a, b = y.inputs
    share = (first(a, b) + (1.0 - first(b, a))) * 0.5
    return [d * share, d * (1.0 - share)]


maximum = _binary(
    "maximum",
    "larger of a and b, NaN if either is; equal ones share the gradient",
    np.maximum,
    lambda y, d: _choose(y, d, lambda a, b: less(b, a)),
    apart=True,
)
minimum = _binary(
    "minimum",
    "smaller of a and b, NaN if either is; equal ones share the gradient",
    np.minimum,
    lambda y, d: _choose(y, d, lambda a, b: less(a, b)),
    apart=True,
)
_ONES = {0: 3, 1: 3}
equal = _binary("equal", "1 where a = b, else 0", np.equal, None, ints=_ONES)
not_equal = _binary("not_equal", "1 where a ≠ b, else 0", np.not_equal, None, ints=_ONES)
less = _binary("less", "1 where a < b, else 0", np.less, None, ints=_ONES)
less_equal = _binary("less_equal", "1 where a ≤ b, else 0", np.less_equal, None, ints=_ONES)

WHERE = register(
    Op(
        "where",
        "map",
        _shape,
        lambda y, d: [None, where(y.inputs[0], d, 0.0), where(y.inputs[0], 0.0, d)],
        lambda c, a, b: np.where(c != 0, a, b),
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
    )
)


def where(condition: Any, a: Any, b: Any) -> Value:
    """Elementwise choice: a where the condition is not 0, else b.

    Parameters
    ----------
    condition, a, b : Value, array or number
        Shapes that broadcast. Only a and b pass gradients on.

    Returns
    -------
    Value
        Of the broadcast shape.
    """
    return apply(WHERE, condition, a, b)


# A copy; with the attribute shape it repeats its input to that shape.
def _identity_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    shape = tuple(attrs.get("shape", values[0].shape))
    if broadcast(values[0].shape, shape) != shape:
        raise ValueError(f"cannot broadcast a value of shape {values[0].shape} to {shape}")
    return shape


IDENTITY = register(
    Op(
        "identity",
        "map",
        _identity_shape,
        lambda y, d: [d],
        lambda x, shape=None: np.broadcast_to(x, x.shape if shape is None else shape),
        (
            Sample(((9,),)),
            Sample(((3, 1),), {"shape": (3, 5)}),
            Sample(((),), {"shape": (2, 2)}),
            Sample(((7,),), {"shape": (100, 7)}),
            Sample(((1, 7, 1),), {"shape": (3, 7, 5)}),
        ),
    )
)


def broadcast_to(x: Any, shape: Sequence[Dim]) -> Value:
    """Repeat x along dimensions of size 1 and new leading ones, as `numpy.broadcast_to`.

    Raises
    ------
    ValueError
        If x's shape does not broadcast to it.
    """
    value = lift(x)
    target = tuple(shape)
    if value.shape == target:
        return value
    return apply(IDENTITY, value, shape=target)


OWN_STREAMS = 1 << 20  # streams from here on are numbered by number_streams
RANDOM = register(
    Op("random_uniform", "map", lambda _, attrs: tuple(attrs["shape"]), lambda y, d: [], flops=30)
)


def random_uniform(shape: Sequence[Dim], stream: int | None = None) -> Value:
    """Numbers uniform on [0, 1), new at every step; a function of (seed, stream, step, element).

    Parameters
    ----------
    shape : sequence of int or Batch
    stream : int, optional
        Below 2**20. Two values with the same stream draw the same numbers; None gives the value a
        stream of its own, numbered by its place in the network.

    Raises
    ------
    ValueError
        If the stream is out of range.
    """
    if stream is not None and not 0 <= stream < OWN_STREAMS:
        raise ValueError(f"random_uniform stream={stream}: expected None or 0 to {OWN_STREAMS - 1}")
    return apply(RANDOM, shape=tuple(shape), stream=object() if stream is None else int(stream))


def number_streams(outputs: Sequence[Value]) -> list[Value]:
    """Number the streams that values have of their own, in the order of the graph.

    The same network so draws the same numbers wherever and whenever it is traced.
    """
    numbers: dict[int, int] = {}

    def number(v: Value) -> Value:
        if v.op is not RANDOM or isinstance(v.attrs["stream"], int):
            return v
        stream = numbers.setdefault(id(v.attrs["stream"]), OWN_STREAMS + len(numbers))
        return Value(v.op, (), {**v.attrs, "stream": stream}, v.shape)

    new = rewrite(outputs, number)
    return [new[v] for v in outputs]


# How many elements a dimension has, known when the step runs: for means over the batch.
COUNT = register(Op("count", "leaf", lambda _, attrs: ()))


def count(dim: Dim) -> Value:
    """The length of a dimension as a number."""
    return apply(COUNT, dim=dim) if isinstance(dim, Batch) else lift(float(dim))


def clip(x: Any, low: float, high: float) -> Value:
    """Cut x to low..high; outside of it the gradient is 0.

    Raises
    ------
    ValueError
        If low is above high.
    """
    if low > high:
        raise ValueError(f"clip() with low={low} above high={high}: swap them")
    return minimum(maximum(x, low), high)


def selu(x: Any) -> Value:
    """Elementwise scaled ELU, with the constants of Klambauer et al. 2017 (self-normalizing networks)."""
    return elu(x, alpha=1.6732632423543772) * 1.0507009873554805


def relu6(x: Any) -> Value:
    """Elementwise min(max(x, 0), 6)."""
    return clip(x, 0.0, 6.0)


STOP = register(
    Op(
        "stop_gradient",
        "composite",
        lambda v, _: v[0].shape,
        lambda y, d: [None],
        expand=lambda y: y.inputs[0],
    )
)


def stop_gradient(x: Any) -> Value:
    """x, through which no gradient flows."""
    return apply(STOP, x)


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
