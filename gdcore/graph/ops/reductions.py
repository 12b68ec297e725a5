"""Reductions: sum, mean, max and log-sum-exp over axes, and what is made of them.

A kernel folds one run of neighbouring axes; the public functions cut other requests into such runs. Views are read
where they lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape, at_batch, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.layout import Strided, dense
from gdcore.graph.ops import elementwise as ew
from gdcore.graph.ops.identities import broadcast_to, count
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ops.shapes import reshape
from gdcore.graph.program import Ref, collapse
from gdcore.graph.ranges import of_logsumexp, of_sum, same_rows, some_elements

PART = 4096  # elements in one part of a long sum, as in csrc/ops/reduce.c
LONG = 4 * PART
DIMS = 8  # dimensions that a kernel keeps and folds at most, as in csrc/gd.h


def _shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    shape, (lo, hi) = values[0].shape, attrs["axes"]
    if not 0 <= lo < hi <= len(shape):
        raise ValueError(f"axes {lo} to {hi} of a value with {len(shape)} dimensions")
    return shape[:lo] + shape[hi:]


def _kept(shape: Shape, axes: tuple[int, int]) -> Shape:
    """The reduced shape with a 1 for each reduced axis, so that it broadcasts against the input."""
    return shape[: axes[0]] + (1,) * (axes[1] - axes[0]) + shape[axes[1] :]


def _spread(value: Value, like: Value, axes: tuple[int, int]) -> Value:
    return reshape(value, _kept(like.shape, axes))


def _cut(y: Value) -> tuple[Dim, Dim, Dim]:
    (x,), (lo, hi) = y.inputs, y.attrs["axes"]
    return size(x.shape[:lo]), size(x.shape[lo:hi]), size(x.shape[hi:])


def _is_long(y: Value, batch: int) -> bool:
    """One result of many elements: cut in parts, so that threads can share it."""
    outer, red, inner = _cut(y)
    return outer == 1 and inner == 1 and at_batch(red, batch) > LONG


class Walk(NamedTuple):
    """How a kernel walks a view: sizes and strides of the dimensions that are kept, and of those that are folded."""

    kept: list[Dim]
    folded: list[Dim]
    x_kept: list[Dim]
    x_folded: list[Dim]
    y_kept: list[Dim]


def _far(step: Dim) -> tuple[bool, bool, int]:
    """Folded dimensions are walked from the one whose elements lie farthest apart; repeated ones come first."""
    return (step == 0, isinstance(step, Batch), at_batch(step, 1))


def _walk(y: Value, x_steps: Sequence[Dim], y_steps: Sequence[Dim]) -> Walk:
    shape, (lo, hi) = y.inputs[0].shape, y.attrs["axes"]
    folded = sorted(
        zip(shape[lo:hi], x_steps[lo:hi], strict=True), key=lambda d: _far(d[1]), reverse=True
    )
    kept = [
        d for d in zip(y.shape, [*x_steps[:lo], *x_steps[hi:]], y_steps, strict=True) if d[0] != 1
    ]
    kept.sort(key=lambda d: d[1] == 1)  # neighbours in memory are walked side by side
    sizes, (x_kept, y_kept) = collapse([d[0] for d in kept], [[d[k] for d in kept] for k in (1, 2)])
    depth, (x_folded,) = collapse([n for n, _ in folded], [[step for _, step in folded]])
    return Walk(sizes, depth or [1], x_kept, x_folded or [1], y_kept)


def _emit_reduction(y: Value, e: Emitter, kernel: str, to: Ref, par: float) -> None:
    """One instruction: over dense rows or columns, or by strides."""
    x = y.inputs[0]
    if e.layouts.is_dense(x) and e.layouts.is_dense(y):
        e.kernel(kernel, [to, e.ref(x)], dims=_cut(y), pars=[par])
        return
    walk = _walk(y, e.steps(x), e.steps(y))
    e.kernel(
        kernel,
        [to, e.ref(x)],
        dims=[d for part in walk for d in part],
        attrs=[len(walk.kept), len(walk.folded)],
        pars=[par],
    )


def _emit_sum(y: Value, e: Emitter) -> None:
    mean = float(y.op.name == "mean")
    if not _is_long(y, e.batch):
        _emit_reduction(y, e, "sum", e.ref(y), mean)
        return
    (x,), red = y.inputs, _cut(y)[1]
    if e.layouts.is_dense(x):
        e.kernel("sum_partial", [e.workspace(y), e.ref(x)], dims=[red])
    else:
        _emit_reduction(y, e, "sum_partial", e.workspace(y), mean)
    e.kernel("sum_final", [e.ref(y), e.workspace(y)], dims=[red], pars=[mean])


def _parts(y: Value) -> Dim:
    outer, red, inner = _cut(y)
    if outer != 1 or inner != 1:
        return 0
    return Batch(-(-red.rows // PART)) if isinstance(red, Batch) else -(-red // PART)


def _emit_fold(y: Value, e: Emitter) -> None:
    _emit_reduction(y, e, y.op.name, e.ref(y), 0.0)


def _fits(y: Value, x_steps: Sequence[Dim], y_steps: Sequence[Dim]) -> bool:
    return all(len(part) <= DIMS for part in _walk(y, x_steps, y_steps))


def _walks(y: Value, i: int, at: Strided) -> bool:
    return _fits(y, at.steps, dense(y.shape).steps)


def _writes(y: Value, at: Strided) -> bool:
    return _fits(y, dense(y.inputs[0].shape).steps, at.steps)


def _grad_sum(y: Value, d: Value) -> list[Value | None]:
    x = y.inputs[0]
    return [broadcast_to(_spread(d, x, y.attrs["axes"]), x.shape)]


def _grad_mean(y: Value, d: Value) -> list[Value | None]:
    x, red = y.inputs[0], _cut(y)[1]
    share = d / count(red) if isinstance(red, Batch) else d * (1.0 / red)
    return [broadcast_to(_spread(share, x, y.attrs["axes"]), x.shape)]


def _grad_max(y: Value, d: Value) -> list[Value | None]:
    (x,), axes = y.inputs, y.attrs["axes"]
    best = ew.equal(x, _spread(y, x, axes))  # equal maxima share the gradient
    ties = apply(SUM, best, axes=axes)
    return [best * _spread(d / ties, x, axes)]


def _grad_logsumexp(y: Value, d: Value) -> list[Value | None]:
    (x,), axes = y.inputs, y.attrs["axes"]
    return [ew.exp(x - _spread(y, x, axes)) * _spread(d, x, axes)]


def _np_axes(axes: tuple[int, int]) -> tuple[int, ...]:
    return tuple(range(*axes))


def _np_logsumexp(x: np.ndarray, axes: tuple[int, int]) -> np.ndarray:
    top = x.max(_np_axes(axes), keepdims=True)
    return np.asarray(np.log(np.exp(x - top).sum(_np_axes(axes))) + top.squeeze(_np_axes(axes)))


_RUNS = [
    ((5, 7), (1, 2)),
    ((5, 7), (0, 1)),
    ((5, 7), (0, 2)),
    ((2, 3, 4), (1, 2)),
    ((2, 3, 4), (1, 3)),
    ((33,), (0, 1)),
    ((3, 1), (1, 2)),
    ((17, 64), (1, 2)),
    ((64, 17), (0, 1)),
    ((130, 65), (0, 1)),
    ((2, 1000), (1, 2)),
    ((1, 20000), (0, 2)),
    ((3, 63, 5), (1, 2)),
    ((300, 1), (0, 1)),
]
_SAMPLES = tuple(Sample((shape,), {"axes": axes}) for shape, axes in _RUNS)
_EMPTY = (Sample(((0, 3),), {"axes": (0, 1)}), Sample(((0, 3),), {"axes": (1, 2)}))

SUM = register(
    Op(
        "sum",
        "kernel",
        _shape,
        _grad_sum,
        lambda x, axes: x.sum(_np_axes(axes)),
        _SAMPLES + _EMPTY,
        emit=_emit_sum,
        workspace=_parts,
        flops=lambda y: size(y.inputs[0].shape),
        walks=_walks,
        writes=_writes,
        bounds=of_sum,
    )
)
MEAN = register(
    Op(
        "mean",
        "kernel",
        _shape,
        _grad_mean,
        lambda x, axes: x.mean(_np_axes(axes)),
        _SAMPLES,
        emit=_emit_sum,
        workspace=_parts,
        flops=lambda y: size(y.inputs[0].shape),
        walks=_walks,
        writes=_writes,
        bounds=same_rows(lambda y: y.attrs["axes"][1] < y.inputs[0].ndim),
    )
)
MAX = register(
    Op(
        "max",
        "kernel",
        _shape,
        _grad_max,
        lambda x, axes: x.max(_np_axes(axes)),
        _SAMPLES,
        emit=_emit_fold,
        flops=lambda y: size(y.inputs[0].shape),
        walks=_walks,
        writes=_writes,
        bounds=some_elements,
    )
)
LOGSUMEXP = register(
    Op(
        "logsumexp",
        "kernel",
        _shape,
        _grad_logsumexp,
        _np_logsumexp,
        _SAMPLES,
        emit=_emit_fold,
        flops=lambda y: 12 * size(y.inputs[0].shape),
        walks=_walks,
        writes=_writes,
        bounds=of_logsumexp,
    )
)


def normalize(x: Value, axis: int | Sequence[int] | None) -> list[int]:
    """Axes as whole numbers from 0, in order."""
    if axis is None:
        return list(range(x.ndim))
    axes = [axis] if isinstance(axis, int) else list(axis)
    for a in axes:
        if not -x.ndim <= a < x.ndim:
            raise ValueError(
                f"axis {a} of a value with {x.ndim} dimensions {x.shape}: "
                f"expected {-x.ndim} to {x.ndim - 1}"
            )
    out = sorted({a % x.ndim for a in axes})
    if len(out) != len(axes):
        raise ValueError(f"axis {tuple(axes)} names a dimension twice")
    return out


def _reduce(op: Op, x: Any, axis: int | Sequence[int] | None, keepdims: bool) -> Value:
    value = lift(x)
    axes = normalize(value, axis)
    out = value
    stop = len(axes)
    while stop:  # from the last run of neighbours to the first, so that earlier positions stay
        start = stop - 1
        while start and axes[start - 1] == axes[start] - 1:
            start -= 1
        out = apply(op, out, axes=(axes[start], axes[stop - 1] + 1))
        stop = start
    if keepdims:
        out = reshape(out, tuple(1 if i in axes else d for i, d in enumerate(value.shape)))
    return out


_DOC = """{what} over axes.

    Parameters
    ----------
    x : Value, array or number
    axis : int, sequence of int or None
        Axes to fold; None folds all. Negative ones count from the end.
    keepdims : bool
        Leave a dimension of 1 for each folded axis.

    Returns
    -------
    Value
        Of x's shape without these axes.

    Raises
    ------
    ValueError
        If an axis is out of range or named twice.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> gd.Model(x, gd.ops.{name}(x, -1)).predict([[1.0, 2.0, 3.0]]).round(3)
    array([{shown}], dtype=float32)
    """


def sum(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
    return _reduce(SUM, x, axis, keepdims)


def mean(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
    return _reduce(MEAN, x, axis, keepdims)


def max(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
    return _reduce(MAX, x, axis, keepdims)


def min(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
    return -_reduce(MAX, -lift(x), axis, keepdims)


def logsumexp(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
    return _reduce(LOGSUMEXP, x, axis, keepdims)


for _function, _what, _shown in (
    (sum, "Sum", "6."),
    (mean, "Mean", "2."),
    (max, "Largest element; equal ones share the gradient", "3."),
    (min, "Smallest element; equal ones share the gradient", "1."),
    (logsumexp, "log(Σ e^x), without overflow,", "3.408"),
):
    _function.__doc__ = _DOC.format(what=_what, name=_function.__name__, shown=_shown)


def var(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
    """Variance over axes, with divisor n: the mean of (x - mean x)².

    Parameters
    ----------
    x : Value or array
    axis : int, sequence of int or None
        Axes to fold; None folds all. Negative ones count from the end.
    keepdims : bool
        Leave a dimension of 1 for each folded axis.

    Returns
    -------
    Value
        Of x's shape without these axes.

    Raises
    ------
    ValueError
        If an axis is out of range or named twice.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(4)
    >>> gd.Model(x, gd.ops.var(x, -1)).predict([[1.0, 1.0, 3.0, 3.0]]).tolist()
    [1.0]
    """
    value = lift(x)
    return mean(ew.square(value - mean(value, axis, keepdims=True)), axis, keepdims)
