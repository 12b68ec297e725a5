"""Activations: elementwise ops that bend a line, made of the arithmetic in `elementwise`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gdcore.graph.ir import Value
from gdcore.graph.ops.elementwise import (
    SQRT_HALF,
    abs,
    clip,
    erf,
    exp,
    less,
    minimum,
    np_erf,
    square,
    where,
)
from gdcore.graph.ops.maps import unary
from gdcore.graph.ranges import gated, increasing, within

SQRT_2_PI = math.sqrt(2 / math.pi)

tanh = unary(
    "tanh",
    "hyperbolic tangent",
    np.tanh,
    lambda x, y, d: d * (1.0 - square(y)),
    flops=12,
    bounds=increasing(),
)
sigmoid = unary(
    "sigmoid",
    "logistic function 1/(1 + e^-x)",
    lambda x: 1 / (1 + np.exp(-x)),
    lambda x, y, d: d * (y * (1.0 - y)),
    flops=12,
    bounds=increasing(),
)
relu = unary(
    "relu",
    "max(x, 0); the derivative at 0 is 0",
    lambda x: np.maximum(x, 0),
    lambda x, y, d: where(less(0.0, y), d, 0.0),
    kink=(0.0,),
    source="Nair and Hinton 2010, Rectified linear units improve restricted Boltzmann machines.",
    bounds=increasing(),
)
leaky_relu = unary(
    "leaky_relu",
    "x where x > 0, else slope·x",
    lambda x, slope: np.where(x < 0, slope * x, x),
    lambda x, y, d: where(less(x, 0.0), d * y.attrs["slope"], d),
    kink=(0.0,),
    par={"slope": 0.01},
    source="Maas et al. 2013, Rectifier nonlinearities improve neural network acoustic models.",
    bounds=increasing(setting="slope"),
)
elu = unary(
    "elu",
    "x where x > 0, else alpha (e^x - 1)",
    lambda x, alpha: np.where(x < 0, alpha * np.expm1(x), x),
    lambda x, y, d: where(less(x, 0.0), d * (y + y.attrs["alpha"]), d),
    kink=(0.0,),
    flops=12,
    par={"alpha": 1.0},
    source="Clevert et al. 2015, Fast and accurate deep learning by exponential linear units.",
    bounds=increasing(setting="alpha"),
)
gelu = unary(
    "gelu",
    "x Φ(x), Φ the normal distribution function",
    lambda x: 0.5 * x * (1 + np_erf(x * SQRT_HALF)),
    lambda x, y, d: (
        d * (0.5 * (1.0 + erf(x * SQRT_HALF)) + x * exp(square(x) * -0.5) / math.sqrt(2 * math.pi))
    ),
    flops=18,
    source="Hendrycks and Gimpel 2016, Gaussian error linear units.",
    bounds=gated(-0.17),
)


def _gelu_tanh_grad(x: Value, y: Value, d: Value) -> Value:
    t = tanh(x * (square(x) * (SQRT_2_PI * 0.044715) + SQRT_2_PI))
    slope = square(x) * (3 * SQRT_2_PI * 0.044715) + SQRT_2_PI
    return d * 0.5 * (1.0 + t + x * (1.0 - square(t)) * slope)


gelu_tanh = unary(
    "gelu_tanh",
    "GELU's tanh form: x/2 (1 + tanh(√(2/π)(x + 0.044715 x³)))",
    lambda x: 0.5 * x * (1 + np.tanh(SQRT_2_PI * (x + 0.044715 * x**3))),
    _gelu_tanh_grad,
    flops=18,
    source="Hendrycks and Gimpel 2016, Gaussian error linear units.",
    bounds=gated(-0.1701),
)


def _silu_grad(x: Value, y: Value, d: Value) -> Value:
    s = sigmoid(x)
    return d * (s * (1.0 + x * (1.0 - s)))


silu = unary(
    "silu",
    "x sigmoid(x), also called swish",
    lambda x: x / (1 + np.exp(-x)),
    _silu_grad,
    flops=13,
    source="Elfwing et al. 2018, Sigmoid-weighted linear units; Ramachandran et al. 2017 (swish).",
    bounds=gated(-0.2785),
)
softplus = unary(
    "softplus",
    "log(1 + e^x), without overflow",
    lambda x: np.logaddexp(x, 0),
    lambda x, y, d: d * sigmoid(x),
    flops=24,
    source="Dugas et al. 2001, Incorporating second-order functional knowledge.",
    bounds=increasing(),
)
softsign = unary(
    "softsign",
    "x/(1 + |x|)",
    lambda x: x / (1 + np.abs(x)),
    lambda x, y, d: d * square(1.0 - abs(y)),
    flops=3,
    source="Turian et al. 2009, Quadratic features and deep architectures for chunking.",
    bounds=within(-1.0, 1.0),
)


def _inside_three(x: Value) -> Value:
    return less(abs(x), 3.0)


hard_sigmoid = unary(
    "hard_sigmoid",
    "(x + 3)/6 cut to 0..1",
    lambda x: np.clip((x + 3) / 6, 0, 1),
    lambda x, y, d: d * (_inside_three(x) * (1 / 6)),
    -5,
    5,
    (-3.0, 3.0),
    flops=4,
    source="Howard et al. 2019, Searching for MobileNetV3.",
    bounds=increasing(),
)
hard_swish = unary(
    "hard_swish",
    "x hard_sigmoid(x)",
    lambda x: x * np.clip((x + 3) / 6, 0, 1),
    lambda x, y, d: d * (hard_sigmoid(x) + x * _inside_three(x) * (1 / 6)),
    -5,
    5,
    (-3.0, 3.0),
    flops=5,
    source="Howard et al. 2019, Searching for MobileNetV3.",
    bounds=gated(-0.375),
)


def _mish_grad(x: Value, y: Value, d: Value) -> Value:
    # With e = e^x and w = e (e + 2), tanh(softplus(x)) is w/(w + 2), and its derivative 4 e (e + 1)/(w + 2)²: one
    # exponential and one division, where tanh, softplus and sigmoid have a few each. Beyond 20 it is 1.
    e = exp(minimum(x, 20.0))
    w = e * (e + 2.0)
    v = w + 2.0
    return d * ((w * v + 4.0 * (x * e * (e + 1.0))) / square(v))


mish = unary(
    "mish",
    "x tanh(softplus(x))",
    lambda x: x * np.tanh(np.logaddexp(x, 0)),
    _mish_grad,
    flops=16,
    source="Misra 2019, Mish: a self regularized non-monotonic activation function.",
    bounds=gated(-0.3089),
)


def selu(x: Any) -> Value:
    """Elementwise scaled ELU: 1.0507 x where x > 0, else 1.7581 (e^x - 1).

    Parameters
    ----------
    x : Value, array or number
        Of any shape.

    Returns
    -------
    Value
        Of x's shape.

    Raises
    ------
    TypeError
        If x does not hold numbers.

    References
    ----------
    Klambauer et al. 2017, Self-normalizing neural networks; the constants are theirs.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> print(*gd.Model(x, gd.ops.selu(x)).predict([[-0.5, 0.5, 2.0]])[0].round(3))
    -0.692 0.525 2.101
    """
    return elu(x, alpha=1.6732632423543772) * 1.0507009873554805


def relu6(x: Any) -> Value:
    """Elementwise min(max(x, 0), 6); the derivative is 0 outside of it and 1/2 at its ends.

    Parameters
    ----------
    x : Value, array or number
        Of any shape.

    Returns
    -------
    Value
        Of x's shape.

    Raises
    ------
    TypeError
        If x does not hold numbers.

    References
    ----------
    Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> gd.Model(x, gd.ops.relu6(x)).predict([[-1.0, 5.0, 8.0]])
    array([[0., 5., 6.]], dtype=float32)
    """
    return clip(x, 0.0, 6.0)
