"""Resampling along one axis: interpolation, and padding with what the value itself holds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.ops import slices
from gdcore.graph.ops.leaves import apply, lift

Terms = Sequence[Sequence[tuple[int, float]]]  # for each element of y: (element of x, its weight)


def _shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    shape, axis = values[0].shape, attrs["axis"]
    starts, index, weights = attrs["starts"], attrs["index"], attrs["weights"]
    dim = shape[axis] if 0 <= axis < len(shape) else None
    if not isinstance(dim, int):
        raise ValueError(f"resample along axis {axis} of shape {shape}: expected one of fixed size")
    if (
        not starts
        or starts[0] != 0
        or any(a > b for a, b in itertools.pairwise(starts))
        or not starts[-1] == len(index) == len(weights)
        or any(not 0 <= i < dim for i in index)
    ):
        raise ValueError(f"resample along an axis of {dim}: its lists name no elements of it")
    return (*shape[:axis], len(starts) - 1, *shape[axis + 1 :])


def _terms(attrs: Mapping[str, Any]) -> list[list[tuple[int, float]]]:
    starts, pairs = attrs["starts"], list(zip(attrs["index"], attrs["weights"], strict=True))
    return [pairs[a:b] for a, b in itertools.pairwise(starts)]


def _lists(axis: int, terms: Terms) -> dict[str, Any]:
    flat = [pair for row in terms for pair in row]
    starts = np.cumsum([0, *map(len, terms)]).tolist()
    return {
        "axis": axis,
        "starts": tuple(starts),
        "index": tuple(i for i, _ in flat),
        "weights": tuple(float(w) for _, w in flat),
    }


def _grad(y: Value, d: Value) -> list[Value | None]:
    """The same with the lists transposed."""
    axis = y.attrs["axis"]
    length = y.inputs[0].shape[axis]
    assert isinstance(length, int)
    back: list[list[tuple[int, float]]] = [[] for _ in range(length)]
    for o, row in enumerate(_terms(y.attrs)):
        for i, w in row:
            back[i].append((o, w))
    return [apply(RESAMPLE, d, **_lists(axis, back))]


def _np_resample(x: np.ndarray, **attrs: Any) -> np.ndarray:
    moved = np.moveaxis(x, attrs["axis"], 0)
    y = np.zeros((len(attrs["starts"]) - 1, *moved.shape[1:]))
    for o, row in enumerate(_terms(attrs)):
        for i, w in row:
            y[o] += w * moved[i]
    return np.moveaxis(y, 0, attrs["axis"])


def _emit(y: Value, e: Emitter) -> None:
    x, axis = y.inputs[0], y.attrs["axis"]
    n, m = x.shape[axis], y.shape[axis]
    assert isinstance(n, int) and isinstance(m, int)
    e.kernel(
        "resample",
        [e.ref(y), e.ref(x)],
        dims=[size(x.shape[:axis]), size(x.shape[axis + 1 :])],
        attrs=[n, m, *y.attrs["starts"], *y.attrs["index"]],
        pars=list(y.attrs["weights"]),
    )


def _flops(y: Value) -> Dim:
    shape, axis = y.shape, y.attrs["axis"]
    return size((2 * len(y.attrs["index"]), *shape[:axis], *shape[axis + 1 :]))


_TERMS: list[Terms] = [
    [[(1, 1.0)], [(0, 0.25), (2, 0.75)], [], [(2, 1.0), (2, -0.5)], [(0, 1.0)]],
    [[(i % 3, 1.0)] for i in range(70)],
]
RESAMPLE: Op = register(
    Op(
        "resample",
        "kernel",
        _shape,
        _grad,
        _np_resample,
        tuple(
            Sample((shape,), _lists(axis, terms))
            for shape, axis, terms in (
                ((2, 3, 4), 1, _TERMS[0]),
                ((3,), 0, _TERMS[0]),
                ((5, 3), 1, _TERMS[1]),
                ((2, 3, 33), 1, _TERMS[0]),
                ((3, 2, 17), 0, _TERMS[1]),
                ((0, 3, 2), 1, _TERMS[0]),
            )
        ),
        emit=_emit,
        flops=_flops,
    )
)


def resample(x: Any, axis: int, terms: Terms) -> Value:
    """Each element along an axis as a weighted sum of a few elements of x along it.

    Parameters
    ----------
    x : Value or array
    axis : int
        Negative ones count from the end; not the batch.
    terms : sequence of sequence of (int, float)
        For each element of the result the elements of x it is made of, and their weights.

    Returns
    -------
    Value of x's shape, but of len(terms) along the axis

    Raises
    ------
    ValueError
        If the axis is the batch, or an element is named that there is not.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(2)
    >>> gd.Model(x, gd.ops.resample(x, 1, [[(1, 1.0)], [(0, 0.5), (1, 0.5)]])).predict([[2.0, 4.0]])
    array([[4., 3.]], dtype=float32)
    """
    value = lift(x)
    if not -value.ndim <= axis < value.ndim:
        raise ValueError(
            f"axis {axis} of a value with {value.ndim} dimensions {value.shape}: "
            f"expected {-value.ndim} to {value.ndim - 1}"
        )
    return apply(RESAMPLE, value, **_lists(axis % value.ndim, terms))


# --- padding --------------------------------------------------------------------------------

_SOURCES: dict[
    str, Callable[[int, int], int]
] = {  # the element of an axis of n that stands at position i of its endless continuation
    "edge": lambda i, n: min(max(i, 0), n - 1),
    "reflect": lambda i, n: abs((i - n + 1) % (2 * n - 2) - (n - 1)) if n > 1 else 0,
    "symmetric": lambda i, n: min(i % (2 * n), 2 * n - 1 - i % (2 * n)),
    "wrap": lambda i, n: i % n,
}
PAD_MODES = ("constant", *_SOURCES)


def pad(
    x: Any, widths: Sequence[tuple[int, int]], mode: str = "constant", value: float = 0.0
) -> Value:
    """More elements before and after along each dimension, as `numpy.pad` makes them.

    Parameters
    ----------
    x : Value or array
    widths : sequence of (int, int)
        (before, after) for each dimension; (0, 0) for the batch, which cannot be padded.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        Of one number; of the outermost element; mirrored at it, which is not repeated; mirrored behind it; or
        from the other end.
    value : float
        The number of "constant".

    Returns
    -------
    Value

    Raises
    ------
    ValueError
        If there is not one pair for each dimension, the batch is to be padded, a width is negative, or the mode
        is unknown.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> gd.Model(x, gd.ops.pad(x, [(0, 0), (2, 1)], "reflect")).predict([[5.0, 6.0, 7.0]])
    array([[7., 6., 5., 6., 7., 6.]], dtype=float32)
    """
    whole = lift(x)
    if mode not in PAD_MODES:
        raise ValueError(f"pad mode={mode!r}: expected one of {', '.join(PAD_MODES)}")
    if len(widths) != whole.ndim or any(len(w) != 2 or min(w) < 0 for w in widths):
        raise ValueError(
            f"pad of shape {whole.shape} by {list(widths)}: expected (before, after) from 0 for each "
            "dimension"
        )
    if mode == "constant":
        padded = slices.pad(whole, widths)
        if value == 0.0 or padded is whole:
            return padded
        fixed = [1 if isinstance(d, Batch) else d for d in padded.shape]
        outside = np.ones(fixed)
        outside[tuple(slice(b, n - a) for (b, a), n in zip(widths, fixed, strict=True))] = 0.0
        # not 0 x value, which infinite values would make NaN
        return padded + np.where(outside, value, 0.0)
    y = whole
    for axis, (before, after) in enumerate(widths):
        if before == after == 0:
            continue
        n = y.shape[axis]
        if isinstance(n, Batch):
            raise ValueError("pad of the batch: its length is known only when a step runs")
        if n == 0:
            raise ValueError(f"pad of shape {whole.shape} with mode={mode!r}: expected elements")
        y = resample(y, axis, [[(_SOURCES[mode](i, n), 1.0)] for i in range(-before, n + after)])
    return y


# --- interpolation --------------------------------------------------------------------------


def nearest_terms(n: int, m: int) -> Terms:
    """Element ⌊i n / m⌋ for each i: of m elements made of n."""
    return [[(i * n // m, 1.0)] for i in range(m)]


def linear_terms(n: int, m: int) -> Terms:
    """Linear interpolation at (i + ½) n / m - ½, beyond the ends the outermost element: of m elements made of n."""
    out = []
    for i in range(m):
        at = min(max((i + 0.5) * n / m - 0.5, 0.0), n - 1.0)
        low = math.floor(at)
        out.append([(low, 1.0 - (at - low))] + ([(low + 1, at - low)] if at > low else []))
    return out


RESIZE_MODES = {"nearest": nearest_terms, "bilinear": linear_terms}


def resize(x: Any, shape: Sequence[int], mode: str = "nearest") -> Value:
    """Images of another size, by interpolation along each axis; pixels are squares, not points.

    Parameters
    ----------
    x : Value of shape (batch, [[planes,] height,] width, channels)
    shape : sequence of int
        The new sizes between batch and channels.
    mode : {"nearest", "bilinear"}
        As TensorFlow's `resize` and torch's `interpolate(align_corners=False)`; nothing is smoothed where
        an image is made smaller.

    Returns
    -------
    Value of shape (batch, *shape, channels)

    Raises
    ------
    ValueError
        If x has another number of dimensions, a size is not at least 1, or the mode is unknown.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input((2, 1))
    >>> gd.Model(x, gd.ops.resize(x, (4,), "bilinear")).predict([[[0.0], [4.0]]]).ravel()
    array([0., 1., 3., 4.], dtype=float32)
    """
    value = lift(x)
    if mode not in RESIZE_MODES:
        raise ValueError(f"resize mode={mode!r}: expected one of {', '.join(RESIZE_MODES)}")
    have = tuple(d for d in value.shape[1:-1] if isinstance(d, int) and d > 0)
    if not 3 <= value.ndim <= 5 or len(have) != value.ndim - 2 or len(shape) != len(have):
        raise ValueError(
            f"resize of shape {value.shape} to {tuple(shape)}: expected (batch, [[planes,] height,] "
            "width, channels) and a size for each axis between"
        )
    if any(not isinstance(m, int | np.integer) or m < 1 for m in shape):
        raise ValueError(f"resize to {tuple(shape)}: expected whole sizes of at least 1")
    for axis, (n, m) in enumerate(zip(have, shape, strict=True), 1):
        if n != m:
            value = resample(value, axis, RESIZE_MODES[mode](n, int(m)))
    return value
