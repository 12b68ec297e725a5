"""Nodes that work element by element, as traced values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.layers import Dropout
from gdcore.onnx.kinds import cast, element_type
from gdcore.onnx.reader import Item, Node

Row = Callable[[Node], Item]


def _unary(function: Callable[[Any], Value]) -> Row:
    return lambda n: function(n.value(0))


def _binary(function: Callable[[Any, Any], Value]) -> Row:
    return lambda n: function(*_pair(n))


def _pair(n: Node) -> tuple[Value, Value]:
    """Two operands; before opset 7 the second lies where the attributes say."""
    a, b = n.value(0), n.value(1)
    if n.opset < 7 and n.attr("broadcast", 0):
        behind = a.ndim - n.attr("axis", a.ndim - b.ndim) - b.ndim
        if behind < 0:
            raise ValueError(f"shapes {a.shape} and {b.shape} from axis {n.attr('axis')} on")
        b = ops.reshape(b, (*b.shape, *[1] * behind))
    return a, b


def _folded(function: Callable[[Any, Any], Value]) -> Row:
    return lambda n: functools.reduce(function, n.values())


def _mean(n: Node) -> Value:
    values = n.values()
    return functools.reduce(ops.add, values) * (1.0 / len(values))


def _clip(n: Node) -> Value:
    x = n.value(0)
    low, high = (
        n.attr(key, None) if key in n.attrs else (n.number(i, np.nan) if n.has(i) else None)
        for i, key in ((1, "min"), (2, "max"))
    )
    if low is not None:
        x = ops.maximum(x, float(low))
    return x if high is None else ops.minimum(x, float(high))


def _prelu(n: Node) -> Value:
    x = n.value(0)
    slope = n.value(1)
    if n.opset < 7 and slope.ndim == 1 and slope.shape != (1,):  # one for each channel
        slope = ops.reshape(slope, (*slope.shape, *[1] * (x.ndim - 2)))
    return ops.where(ops.less(x, 0.0), x * slope, x)


def _gelu(n: Node) -> Value:
    form = n.attr("approximate", b"none")
    if form not in (b"none", b"tanh"):
        raise ValueError(f"approximate={form!r}: expected 'none' or 'tanh'")
    return (ops.gelu if form == b"none" else ops.gelu_tanh)(n.value(0))


def _hard_sigmoid(n: Node) -> Value:
    alpha, beta = n.attr("alpha", 0.2), n.attr("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-7 and beta == 0.5:
        return ops.hard_sigmoid(n.value(0))
    return ops.clip(n.value(0) * alpha + beta, 0.0, 1.0)


def _celu(n: Node) -> Value:
    alpha = n.attr("alpha", 1.0)
    x = n.value(0)
    return ops.maximum(x, 0.0) + ops.minimum(ops.expm1(x / alpha) * alpha, 0.0)


def _selu(n: Node) -> Value:
    alpha: float = n.attr("alpha", 1.6732631921768188)
    gamma: float = n.attr("gamma", 1.0507010221481323)
    x = ops.elu(n.value(0), alpha=alpha)
    return x * gamma


def _thresholded(n: Node) -> Value:
    x = n.value(0)
    return ops.where(ops.less(n.attr("alpha", 1.0), x), x, 0.0)


def _swish(n: Node) -> Value:
    x, alpha = n.value(0), n.attr("alpha", 1.0)
    return ops.silu(x) if alpha == 1.0 else x * ops.sigmoid(x * alpha)


def _shrink(n: Node) -> Value:
    x, lambd, bias = n.value(0), n.attr("lambd", 0.5), n.attr("bias", 0.0)
    return ops.where(x < -lambd, x + bias, ops.where(x > lambd, x - bias, 0.0))


def _cast(n: Node) -> Value:
    y, made = cast(n.value(0), n.holds(0), element_type(n.attr("to")), n.reader.wide)
    n.makes = [made]
    return y


def _dropout(n: Node) -> Value:
    drops = not n.attr("is_test", 0) if n.opset < 7 else n.has(2) and n.number(2, 0.0)
    if drops:
        raise ValueError("it drops in prediction too, at random: export the model for inference")
    rate = n.attr("ratio", 0.5) if "ratio" in n.attrs else n.number(1, 0.5)
    return Dropout(rate).forward(n.value(0))


def _identity(n: Node) -> Item:
    return n.item(0)


ELEMENTWISE: dict[str, Row] = {
    "Abs": _unary(ops.abs),
    "Acos": _unary(ops.arccos),
    "Acosh": _unary(ops.arccosh),
    "Add": _binary(ops.add),
    "And": _binary(ops.mul),
    "Asin": _unary(ops.arcsin),
    "Asinh": _unary(ops.arcsinh),
    "Atan": _unary(ops.arctan),
    "Atanh": _unary(ops.arctanh),
    "Cast": _cast,
    "Ceil": _unary(lambda x: -ops.floor(-x)),
    "Celu": _celu,
    "Clip": _clip,
    "Cos": _unary(ops.cos),
    "Cosh": _unary(ops.cosh),
    "Div": _binary(ops.div),
    "Dropout": _dropout,
    "Elu": lambda n: ops.elu(n.value(0), alpha=n.attr("alpha", 1.0)),
    "Equal": _binary(ops.equal),
    "Erf": _unary(ops.erf),
    "Exp": _unary(ops.exp),
    "Floor": _unary(ops.floor),
    "Gelu": _gelu,
    "Greater": _binary(lambda a, b: ops.less(b, a)),
    "GreaterOrEqual": _binary(lambda a, b: ops.less_equal(b, a)),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _unary(ops.hard_swish),
    "Identity": _identity,
    "LeakyRelu": lambda n: ops.leaky_relu(n.value(0), slope=n.attr("alpha", 0.01)),
    "Less": _binary(ops.less),
    "LessOrEqual": _binary(ops.less_equal),
    "Log": _unary(ops.log),
    "Max": _folded(ops.maximum),
    "Mean": _mean,
    "Min": _folded(ops.minimum),
    "Mish": _unary(ops.mish),
    "Mul": _binary(ops.mul),
    "Neg": _unary(ops.neg),
    "Not": _unary(lambda x: 1.0 - x),
    "Or": _binary(ops.maximum),
    "PRelu": _prelu,
    "Pow": _binary(ops.pow),
    "Reciprocal": _unary(ops.reciprocal),
    "Relu": _unary(ops.relu),
    "Round": _unary(ops.round),
    "Selu": _selu,
    "Shrink": _shrink,
    "Sigmoid": _unary(ops.sigmoid),
    "Sign": _unary(ops.sign),
    "Sin": _unary(ops.sin),
    "Sinh": _unary(ops.sinh),
    "Softplus": _unary(ops.softplus),
    "Softsign": _unary(ops.softsign),
    "Sqrt": _unary(ops.sqrt),
    "Sub": _binary(ops.sub),
    "Sum": _folded(ops.add),
    "Swish": _swish,
    "Tan": _unary(ops.tan),
    "Tanh": _unary(ops.tanh),
    "ThresholdedRelu": _thresholded,
    "Where": lambda n: ops.where(*n.values()),
    "Xor": _binary(ops.not_equal),
}
