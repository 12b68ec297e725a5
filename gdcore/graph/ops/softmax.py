"""Softmax and its logarithm: ops, not only formulas, so that a loss can see what an output is.

They are planned as one kernel, `softmax_along`, which walks a row while the caches hold it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Shape, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.layout import is_dense
from gdcore.graph.ops.elementwise import exp
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ops.reductions import normalize, sum
from gdcore.graph.ranges import of_softmax, within


def _expand(y: Value) -> Value:
    logarithm = y.op.name == "log_softmax"
    return apply(ALONG, *y.inputs, axis=y.attrs["axis"], logarithm=logarithm)


def _emit(y: Value, e: Emitter) -> None:
    shape, axis = y.shape, y.attrs["axis"]
    dims = [size(shape[:axis]), shape[axis], size(shape[axis + 1 :])]
    e.kernel("softmax", [e.ref(y), e.ref(y.inputs[0])], dims, [int(y.attrs["logarithm"])])


def _grad_softmax(y: Value, d: Value) -> list[Value | None]:
    return [y * (d - sum(d * y, y.attrs["axis"], keepdims=True))]


def _grad_log_softmax(y: Value, d: Value) -> list[Value | None]:
    return [d - exp(y) * sum(d, y.attrs["axis"], keepdims=True)]


def _np_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(e / e.sum(axis, keepdims=True))


_SOFT = tuple(
    Sample((s,), {"axis": a})
    for s, a in (((5, 7), 1), ((5, 7), 0), ((3, 4, 5), 1), ((9, 10), 1), ((2, 33), 1))
)


def _soft_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    if not 0 <= attrs["axis"] < values[0].ndim:
        raise ValueError(f"axis {attrs['axis']} of a value with {values[0].ndim} dimensions")
    return values[0].shape


def _grad_along(y: Value, d: Value) -> list[Value | None]:
    return _grad_log_softmax(y, d) if y.attrs["logarithm"] else _grad_softmax(y, d)


def _np_along(x: np.ndarray, axis: int, logarithm: bool) -> np.ndarray:
    return np.log(_np_softmax(x, axis)) if logarithm else _np_softmax(x, axis)


# Rows shorter and longer than a vector and than four, and columns.
_ALONG = tuple(
    s._replace(attrs={**s.attrs, "logarithm": logarithm})
    for s in (*_SOFT, *(Sample(((3, n),), {"axis": 1}) for n in (1, 8, 16, 71, 2100)))
    for logarithm in (False, True)
)
ALONG = register(
    Op(
        "softmax_along",
        "kernel",
        _soft_shape,
        _grad_along,
        _np_along,
        _ALONG,
        emit=_emit,
        flops=lambda y: (15 if y.attrs["logarithm"] else 14) * size(y.shape),
        writes=lambda y, at: is_dense(y.shape, at),
        along=lambda y: int(y.attrs["axis"]),
    )
)
SOFTMAX = register(
    Op(
        "softmax",
        "composite",
        _soft_shape,
        _grad_softmax,
        _np_softmax,
        _SOFT,
        _expand,
        bounds=of_softmax,
    )
)
LOG_SOFTMAX = register(
    Op(
        "log_softmax",
        "composite",
        _soft_shape,
        _grad_log_softmax,
        lambda x, axis: np.log(_np_softmax(x, axis)),
        _SOFT,
        _expand,
        bounds=within(-math.inf, 0.0),
    )
)


def softmax(x: Any, axis: int = -1) -> Value:
    """e^x / Σ e^x along an axis, exact however large the inputs are.

    Parameters
    ----------
    x : Value or array
    axis : int
        Negative ones count from the end.

    Returns
    -------
    Value
        Of x's shape; along the axis it sums to 1.

    Raises
    ------
    ValueError
        If the axis is out of range.

    References
    ----------
    Bridle 1990, Probabilistic interpretation of feedforward classification network outputs.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(2)
    >>> gd.Model(x, gd.ops.softmax(x)).predict([[3.0, 3.0]])
    array([[0.5, 0.5]], dtype=float32)
    """
    value = lift(x)
    return apply(SOFTMAX, value, axis=normalize(value, axis)[0])


def log_softmax(x: Any, axis: int = -1) -> Value:
    """Logarithm of the softmax, x - log Σ e^x, along an axis; exact where the softmax is near 0.

    Parameters
    ----------
    x : Value or array
    axis : int
        Negative ones count from the end.

    Returns
    -------
    Value
        Of x's shape.

    Raises
    ------
    ValueError
        If the axis is out of range.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(2)
    >>> gd.Model(x, gd.ops.log_softmax(x)).predict([[0.0, 1000.0]])
    array([[-1000.,     0.]], dtype=float32)
    """
    value = lift(x)
    return apply(LOG_SOFTMAX, value, axis=normalize(value, axis)[0])
