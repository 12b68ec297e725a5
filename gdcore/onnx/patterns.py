"""Groups of ops that ONNX has one node for: Gemm, Conv, pooling, normalization, Clip.

`recognise` matches a value and its inputs. What matches no pattern is written op by op (`rows`),
which computes the same; patterns give files that other programs understand and run fast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value, constant_array
from gdcore.graph.ops.leaves import PARAM, STATE
from gdcore.onnx.rows_recurrent import part_of, result_of
from gdcore.onnx.rows_windows import convolution, transposed_convolution, window_attrs
from gdcore.onnx.writer import Writer


@dataclass(frozen=True)
class Match:
    """A matched value: the inputs of the pattern, and the function that writes its nodes from their names."""

    inputs: tuple[Value, ...]
    write: Callable[[Writer, Sequence[str]], str]


def recognise(v: Value) -> Match | None:
    """The pattern whose result a value is, if any."""
    for pattern in PATTERNS:
        match = pattern(v)
        if match is not None:
            return match
    return None


def _is(v: Value, name: str) -> bool:
    return v.op.name == name


def _number(v: Value) -> float | None:
    array = constant_array(v)
    return float(array) if array is not None and array.shape == () else None


def _vector(v: Value, width: object) -> bool:
    """Whether a value is a variable or a constant of shape (width,)."""
    return v.shape == (width,) and (v.op in (PARAM, STATE) or constant_array(v) is not None)


def _recurrent(v: Value) -> Match | None:
    """A result of a recurrent layer's loop."""
    found = part_of(v)
    return None if found is None else Match(found.inputs, partial(result_of, v, found))


# --- Dense ---------------------------------------------------------------------------


def _gemm(v: Value) -> Match | None:
    """a b + c of two dimensions."""
    if not _is(v, "add") or v.ndim != 2:
        return None
    product, c = v.inputs
    if not _is(product, "matmul") or product.ndim != 2 or not _vector(c, v.shape[-1]):
        return None
    ta, tb = int(product.attrs["ta"]), int(product.attrs["tb"])
    return Match((*product.inputs, c), lambda w, xs: w.node("Gemm", *xs, transA=ta, transB=tb))


def _rows_times(v: Value) -> Match | None:
    """x W over the last dimension of x, which is traced as the product of all rows at once."""
    if not _is(v, "reshape") or not _is(v.inputs[0], "matmul"):
        return None
    product = v.inputs[0]
    rows, kernel = product.inputs
    if product.attrs["ta"] or product.attrs["tb"] or not _is(rows, "reshape"):
        return None
    (x,) = rows.inputs
    wide = x.ndim > 2 and kernel.ndim == 2 and rows.ndim == 2
    if not wide or (*x.shape[:-1], kernel.shape[-1]) != v.shape or x.shape[-1] != rows.shape[-1]:
        return None
    return Match((x, kernel), lambda w, xs: w.node("MatMul", *xs))


# --- Convolution and pooling --------------------------------------------------------------


def _conv(v: Value) -> Match | None:
    """A convolution, or a transposed one, and its bias."""
    rows = {"conv": convolution, "conv_dx": transposed_convolution}
    if (
        not _is(v, "add")
        or v.inputs[0].op.name not in rows
        or not _vector(v.inputs[1], v.shape[-1])
    ):
        return None
    sums, bias = v.inputs
    return Match((*sums.inputs, bias), lambda w, xs: rows[sums.op.name](w, sums, xs))


def _pool(v: Value) -> Match | None:
    """The largest, or the mean, of each window."""
    if v.op.name not in ("max", "mean") or not _is(v.inputs[0], "unfold"):
        return None
    (windows,) = v.inputs
    outside = {"max": float("-inf"), "mean": 0.0}[v.op.name]
    if v.attrs["axes"] != (3, 4) or windows.attrs["outside"] != outside:
        return None
    (top, bottom, left, right), (kh, kw) = windows.attrs["padding"], windows.attrs["kernel"]
    if max(top, bottom) >= kh or max(left, right) >= kw:  # a window of padding alone
        return None
    kind, more = "MaxPool", dict[str, Any]()
    if v.op.name == "mean":
        kind, more = "AveragePool", {"count_include_pad": 1}

    def write(w: Writer, xs: Sequence[str]) -> str:
        image = w.transpose(xs[0], 0, 3, 1, 2)
        return w.transpose(
            w.node(kind, image, **window_attrs(windows.attrs, windows.attrs["kernel"]), **more),
            0,
            2,
            3,
            1,
        )

    return Match(windows.inputs, write)


# --- Normalization -------------------------------------------------------------------


def _scaled(v: Value) -> tuple[Value, Value | None, Value | None]:
    """(y, gamma, beta) of y gamma + beta, each of which may be missing."""
    gamma = beta = None
    if _is(v, "add") and _vector(v.inputs[1], v.shape[-1]):
        v, beta = v.inputs
    if _is(v, "mul") and _vector(v.inputs[1], v.shape[-1]):
        v, gamma = v.inputs
    return v, gamma, beta


def _inverse_root(v: Value) -> tuple[Value, float] | None:
    """(x, epsilon) of 1 / √(x + epsilon)."""
    if not _is(v, "div") or _number(v.inputs[0]) != 1.0 or not _is(v.inputs[1], "sqrt"):
        return None
    (total,) = v.inputs[1].inputs
    epsilon = _number(total.inputs[1]) if _is(total, "add") else None
    return None if epsilon is None else (total.inputs[0], epsilon)


def _normalized(v: Value) -> tuple[Value, Value, Value, float] | None:
    """(x, mean, variance, epsilon) of (x - mean) (1 / √(variance + epsilon))."""
    if not _is(v, "mul") or not _is(v.inputs[0], "sub"):
        return None
    apart, factor = v.inputs
    root = _inverse_root(factor)
    return None if root is None else (*apart.inputs, *root)  # type: ignore[return-value]


def _batch_norm(v: Value) -> Match | None:
    core, gamma, beta = _scaled(v)
    found = _normalized(core)
    if found is None or v.ndim < 2:
        return None
    x, mean, var, epsilon = found
    width = v.shape[-1]
    if x.shape != v.shape or not _vector(mean, width) or not _vector(var, width):
        return None
    assert isinstance(width, int)

    def write(w: Writer, xs: Sequence[str]) -> str:
        given = iter(xs[3:])
        scale = w.constant(np.ones(width, np.float32)) if gamma is None else next(given)
        shift = w.constant(np.zeros(width, np.float32)) if beta is None else next(given)
        inner = tuple(range(1, v.ndim - 1))
        image = w.transpose(xs[0], 0, v.ndim - 1, *inner) if inner else xs[0]
        y = w.node("BatchNormalization", image, scale, shift, xs[1], xs[2], epsilon=epsilon)
        return w.transpose(y, 0, *(i + 1 for i in inner), 1) if inner else y

    return Match((x, mean, var, *(p for p in (gamma, beta) if p is not None)), write)


def _mean_of_last(v: Value) -> Value | None:
    """x of the mean over its last dimension, kept as 1."""
    if not _is(v, "reshape") or not _is(v.inputs[0], "mean"):
        return None
    (x,) = v.inputs[0].inputs
    kept = v.shape == (*x.shape[:-1], 1)
    return x if kept and v.inputs[0].attrs["axes"] == (x.ndim - 1, x.ndim) else None


def _layer_norm(v: Value) -> Match | None:
    core, gamma, beta = _scaled(v)
    found = _normalized(core)
    if found is None:
        return None
    x, mean, var, epsilon = found
    square = _mean_of_last(var)
    if _mean_of_last(mean) is not x or square is None or not _is(square, "square"):
        return None
    if square.inputs[0] is not core.inputs[0] or isinstance(x.shape[-1], Batch):
        return None
    width = x.shape[-1]

    def write(w: Writer, xs: Sequence[str]) -> str:
        given = iter(xs[1:])
        scale = w.constant(np.ones(width, np.float32)) if gamma is None else next(given)
        shift = [] if beta is None else [next(given)]
        return w.node("LayerNormalization", xs[0], scale, *shift, axis=-1, epsilon=epsilon)

    return Match((x, *(p for p in (gamma, beta) if p is not None)), write)


# --- Clip ----------------------------------------------------------------------------


def _clip(v: Value) -> Match | None:
    """min(max(x, low), high)."""
    if not _is(v, "minimum") or not _is(v.inputs[0], "maximum"):
        return None
    (x, low), high = v.inputs[0].inputs, v.inputs[1]
    below, above = _number(low), _number(high)
    if below is None or above is None or below > above or x.dtype != "real":
        return None
    return Match((x,), lambda w, xs: w.node("Clip", xs[0], w.number(below), w.number(above)))


PATTERNS: tuple[Callable[[Value], Match | None], ...] = (
    _recurrent, _gemm, _conv, _rows_times, _pool, _batch_norm, _layer_norm, _clip,
)  # fmt: skip
