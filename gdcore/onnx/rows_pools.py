"""Pools and resampling as ONNX nodes, which have the channels before the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gdcore.graph.ir import Value
from gdcore.graph.ops.pool_windows import LISTS, np_places, spatial
from gdcore.onnx.rows_elementwise import Row
from gdcore.onnx.writer import Writer


def channels_first(w: Writer, name: str, rank: int) -> str:
    """(batch, ..., channels) as (batch, channels, ...)."""
    return w.transpose(name, 0, rank - 1, *range(1, rank - 1))


def channels_last(w: Writer, name: str, rank: int) -> str:
    """(batch, channels, ...) as (batch, ..., channels)."""
    return w.transpose(name, 0, *range(2, rank), 1)


def along(w: Writer, name: str, rank: int, axis: int, matrix: np.ndarray) -> str:
    """The product of an axis with a matrix, which has a row for each of its elements."""
    constant = w.constant(np.ascontiguousarray(matrix, np.float32))
    turn = [axis if i == rank - 1 else rank - 1 if i == axis else i for i in range(rank)]
    y = w.node("MatMul", w.transpose(name, *turn), constant)
    return w.transpose(y, *turn)


class _Windows(NamedTuple):
    """The windows of a pool as nodes are told about them.

    Attributes
    ----------
    attrs : attributes of the node
    parts : for each axis the elements that are to stand one after another, or None: those that do
    before, after : padding by a node of its own, which the attributes do not have
    """

    attrs: dict[str, Any]
    parts: list[list[int] | None]
    before: list[int]
    after: list[int]


def _windows(v: Value, image: Value) -> _Windows:
    sizes = spatial(image.shape, "a pool")
    kernels: list[int] = []
    strides: list[int] = []
    pads: tuple[list[int], list[int]] = ([], [])
    parts: list[list[int] | None] = []
    for i, length in enumerate(sizes):
        k, s, before, _, d, n = (v.attrs[key][i] for key in LISTS)
        own: list[int] | None = None
        if k == 0:
            held = [at for at, _ in np_places(length, v.attrs, i)]
            k = s = max(map(len, held))
            if (
                length != k * n
            ):  # windows of one length: the last element of a shorter one is repeated
                own = [p for at in held for p in at + at[-1:] * (k - len(at))]
                length = k * n
        after = max(0, (n - 1) * s + d * (k - 1) + 1 - length - before)
        for found, number in ((kernels, k), (strides, s), (pads[0], before), (pads[1], after)):
            found.append(number)
        parts.append(own)
    dilation = list(v.attrs["dilation"])
    told = {"kernel_shape": kernels, "strides": strides, "dilations": dilation}
    most = [max(p) for p in zip(*pads, strict=True)]
    # Runtimes refuse padding that a window may lie in as a whole.
    if any(p >= k or (p and d > 1) for p, k, d in zip(most, kernels, dilation, strict=True)):
        return _Windows({**told, "pads": [0] * 2 * len(sizes)}, parts, *pads)
    zeros = [0] * len(sizes)
    return _Windows({**told, "pads": [*pads[0], *pads[1]]}, parts, zeros, zeros)


def _image(w: Writer, name: str, rank: int, windows: _Windows, fill: float) -> str:
    """An image as the node takes it: channels first, its elements spread and padded."""
    y = channels_first(w, name, rank)
    for i, own in enumerate(windows.parts):
        if own is not None:
            y = w.node("Gather", y, w.ints(*own), axis=i + 2)
    if not any(windows.before) and not any(windows.after):
        return y
    widths = w.ints(0, 0, *windows.before, 0, 0, *windows.after)
    return w.node("Pad", y, widths, w.number(fill))


def _max_pool(w: Writer, v: Value, xs: Sequence[str]) -> str:
    windows = _windows(v, v.inputs[0])
    image = _image(w, xs[0], v.ndim, windows, float("-inf"))
    sizes = spatial(v.inputs[0].shape, "a pool")
    if windows.attrs["kernel_shape"] == list(sizes) and not any(windows.attrs["pads"]):
        return channels_last(w, w.node("GlobalMaxPool", image), v.ndim)
    return channels_last(w, w.node("MaxPool", image, **windows.attrs), v.ndim)


def _largest(w: Writer, v: Value, x: str) -> tuple[_Windows, str, str]:
    """The windows of x, x as the node takes it, and where in it the first largest elements are."""
    windows = _windows(v, v.inputs[1])
    image = _image(w, x, v.ndim, windows, float("-inf"))
    at = w.unique("maxpool_at")
    w.node("MaxPool", image, more=(at,), **windows.attrs)
    return windows, image, at


def _max_pool_dx(w: Writer, v: Value, xs: Sequence[str]) -> str:
    windows, image, at = _largest(w, v, xs[1])
    shape, last = w.node("Shape", image), w.ints(-1)
    zeros = w.node("Reshape", w.node("ConstantOfShape", shape), last)
    dy = w.node("Reshape", channels_first(w, xs[0], v.ndim), last)
    added = w.node("ScatterElements", zeros, w.node("Reshape", at, last), dy, reduction="add")
    y = w.node("Reshape", added, shape)
    sizes = spatial(v.shape, "a pool")
    if any(windows.before) or any(windows.after):
        axes = range(2, v.ndim)
        stops = [b + n for b, n in zip(windows.before, sizes, strict=True)]
        y = w.node("Slice", y, w.ints(*windows.before), w.ints(*stops), w.ints(*axes))
    for i, own in enumerate(windows.parts):
        if own is not None:
            y = along(w, y, v.ndim, i + 2, np.eye(sizes[i])[own])
    return channels_last(w, y, v.ndim)


def _max_pool_take(w: Writer, v: Value, xs: Sequence[str]) -> str:
    windows, _, at = _largest(w, v, xs[1])
    d = w.node("Reshape", _image(w, xs[0], v.ndim, windows, 0.0), w.ints(-1))
    return channels_last(w, w.node("Gather", d, at, axis=0), v.ndim)


def _shares(v: Value, image: Sequence[int]) -> list[np.ndarray]:
    """For each axis the share of each of its elements in each window's mean: (elements, windows)."""
    out = []
    for i, length in enumerate(image):
        held = np_places(length, v.attrs, i)
        matrix = np.zeros((length, len(held)))
        for o, (at, n) in enumerate(held):
            matrix[at, o] = 1.0 / max(1, n if v.attrs["counted"] else len(at))
        out.append(matrix)
    return out


def _avg_pool(w: Writer, v: Value, xs: Sequence[str]) -> str:
    sizes = spatial(v.inputs[0].shape, "a pool")
    windows = _windows(v, v.inputs[0])
    if any(p is not None for p in windows.parts):  # a mean over windows of several lengths
        y = xs[0]
        for i, matrix in enumerate(_shares(v, sizes)):
            y = along(w, y, v.ndim, i + 1, matrix)
        return y
    attrs, factor = dict(windows.attrs), np.ones(())
    for i, length in enumerate(sizes):
        held = np_places(length, v.attrs, i)
        have = np.array([max(1, n if v.attrs["counted"] else len(at)) for at, n in held])
        factor = np.multiply.outer(factor, attrs["kernel_shape"][i] / have)
    image = _image(w, xs[0], v.ndim, windows, 0.0)
    plain = bool((factor == 1.0).all())
    inside = not plain and not v.attrs["counted"] and image == channels_first(w, xs[0], v.ndim)
    y = w.node("AveragePool", image, count_include_pad=int(not inside), **attrs)
    if not plain and not inside:
        y = w.node("Mul", y, w.constant(factor.astype(np.float32)))
    return channels_last(w, y, v.ndim)


def _avg_pool_dx(w: Writer, v: Value, xs: Sequence[str]) -> str:
    y = xs[0]
    for i, matrix in enumerate(_shares(v, v.attrs["image"])):
        y = along(w, y, v.ndim, i + 1, matrix.T)
    return y


def _resample(w: Writer, v: Value, xs: Sequence[str]) -> str:
    axis, starts, index = v.attrs["axis"], v.attrs["starts"], v.attrs["index"]
    if starts == tuple(range(len(starts))) and all(x == 1.0 for x in v.attrs["weights"]) and index:
        return w.node("Gather", xs[0], w.ints(*index), axis=axis)
    length = v.inputs[0].shape[axis]
    assert isinstance(length, int)
    matrix = np.zeros((length, len(starts) - 1))
    for o in range(len(starts) - 1):
        for k in range(starts[o], starts[o + 1]):
            matrix[index[k], o] += v.attrs["weights"][k]
    return along(w, xs[0], v.ndim, axis, matrix)


POOLS: dict[str, Row] = {
    "max_pool": _max_pool,
    "max_pool_dx": _max_pool_dx,
    "max_pool_take": _max_pool_take,
    "avg_pool": _avg_pool,
    "avg_pool_dx": _avg_pool_dx,
    "resample": _resample,
}
