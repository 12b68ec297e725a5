"""Nodes of images that are no product: pools, padding, interpolation, local normalization."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.pool_windows import geometry, np_places
from gdcore.graph.ops.pools import AVG_POOL, MAX_POOL
from gdcore.onnx.nodes_host import room
from gdcore.onnx.nodes_shapes import axis_of, index_of, transposed
from gdcore.onnx.reader import Node


def channels_last(x: Value) -> Value:
    """(B, channels, ...) as (B, ..., channels)."""
    return transposed(x, [0, *range(2, x.ndim), 1])


def channels_first(x: Value) -> Value:
    """(B, ..., channels) as (B, channels, ...)."""
    return transposed(x, [0, x.ndim - 1, *range(1, x.ndim - 1)])


def _numbers(n: Node, name: str, rank: int, default: int) -> list[int]:
    found: list[int] = n.attr(name, [default] * rank)
    if len(found) != rank or min(found) < default:
        raise ValueError(f"{name} {found[:8]}: expected {rank} numbers from {default}")
    return list(found)


def _geometry(n: Node, x: Value) -> dict[str, Any]:
    """The attributes of the op for the windows of (batch, channels, ...)."""
    if n.outputs > 1:
        raise ValueError("a second output, of indices, which gdcore does not support")
    kernel, sizes = n.attr("kernel_shape"), [d for d in x.shape[2:] if isinstance(d, int)]
    if not isinstance(kernel, list) or not 1 <= len(kernel) <= 3 or len(sizes) != x.ndim - 2:
        raise ValueError(f"a window of {kernel} over shape {x.shape}: expected 1 to 3 dimensions")
    rank = len(kernel)
    if len(sizes) != rank or min(kernel) < 1:
        raise ValueError(f"a window of {kernel[:8]} over shape {x.shape}: expected {rank} sizes")
    strides = _numbers(n, "strides", rank, 1)
    dilation = _numbers(n, "dilations", rank, 1)
    auto, pads = n.attr("auto_pad", b"NOTSET"), n.attr("pads", [0] * 2 * rank)
    ceil = bool(n.attr("ceil_mode", 0))
    if len(pads) != 2 * rank or min(pads) < 0:
        raise ValueError(f"pads {pads[:8]}: expected {2 * rank} numbers from 0")
    before, after = pads[:rank], pads[rank:]
    if auto in (b"SAME_UPPER", b"SAME_LOWER"):
        if any(pads):
            raise ValueError(f"auto_pad {auto!r} and pads {pads[:8]}: expected one of them")
        spread = [
            max(0, (-(-m // s) - 1) * s + d * (k - 1) + 1 - m)
            for m, s, d, k in zip(sizes, strides, dilation, kernel, strict=True)
        ]
        less, more = [t // 2 for t in spread], [t - t // 2 for t in spread]
        before, after = (less, more) if auto == b"SAME_UPPER" else (more, less)
        ceil = False
    elif auto not in (b"NOTSET", b"VALID"):
        raise ValueError(f"auto_pad {auto!r}: expected NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    attrs = geometry(sizes, kernel, strides, before, after, dilation, ceil)
    room((*attrs["windows"], *kernel))
    return attrs


def _max_pool(n: Node) -> Value:
    x = n.value(0)
    n.attr("storage_order", 0)  # of the indices, which are refused
    return channels_first(apply(MAX_POOL, channels_last(x), **_geometry(n, x)))


def _average_pool(n: Node) -> Value:
    x, counted = n.value(0), bool(n.attr("count_include_pad", 0))
    return channels_first(apply(AVG_POOL, channels_last(x), **_geometry(n, x), counted=counted))


def _lp(x: Value, p: Any) -> Value:
    """|x|^p, which is summed."""
    if not isinstance(p, int | float) or not 0 < p < math.inf:
        raise ValueError(f"p {p!r}: expected a number above 0")
    size = ops.abs(x)
    return ops.square(size) if p == 2 else size if p == 1 else ops.pow(size, float(p))


def _root(x: Value, p: Any) -> Value:
    return ops.sqrt(x) if p == 2 else x if p == 1 else ops.pow(x, 1.0 / p)


def _lp_pool(n: Node) -> Value:
    """(Σ |x|^p)^(1/p) of each window: its mean, times how many elements of the image it holds."""
    x, p = n.value(0), n.attr("p", 2)
    attrs = _geometry(n, x)
    means = apply(AVG_POOL, channels_last(_lp(x, p)), **attrs, counted=False)
    held = np.ones((1, *[1] * (x.ndim - 2), 1))
    for i, length in enumerate(x.shape[2:]):
        assert isinstance(length, int)
        counts = np.array([len(at) for at, _ in np_places(length, attrs, i)], float)
        held = held * counts.reshape([-1 if k == i + 1 else 1 for k in range(x.ndim)])
    return channels_first(_root(means * held, p))


def _global_lp_pool(n: Node) -> Value:
    x, p = n.value(0), n.attr("p", 2)
    return _root(ops.sum(_lp(x, p), range(2, x.ndim), True), p)


_PAD_MODES = {b"constant": "constant", b"reflect": "reflect", b"edge": "edge", b"wrap": "wrap"}


def _pad(n: Node) -> Value:
    x, widths = n.value(0), n.setting("paddings" if n.opset < 2 else "pads", 1)
    mode = n.attr("mode", b"constant")
    if mode not in _PAD_MODES:
        raise ValueError(f"mode {mode!r}: expected constant, reflect, edge or wrap")
    axes = n.ints(3) if n.has(3) else list(range(x.ndim))
    if widths is None or len(widths) != 2 * len(axes):
        raise ValueError("pads: expected two for each dimension")
    pairs = [(0, 0)] * x.ndim
    for i, axis in enumerate(axes):
        pairs[axis_of(axis, x.ndim)] = (widths[i], widths[i + len(axes)])
    fill = n.attr("value", 0.0) if "value" in n.attrs else n.number(2, 0.0)
    for axis, (before, after) in enumerate(pairs):
        if before < 0 or after < 0:
            dim = x.shape[axis]
            assert isinstance(dim, int)
            x = index_of(x, axis, slice(max(0, -before), dim - max(0, -after)))
    grown = [(max(0, a), max(0, b)) for a, b in pairs]
    if fill or mode != b"constant":  # lists and arrays of what is added
        room(
            [
                d + a + b if isinstance(d, int) else 1
                for d, (a, b) in zip(x.shape, grown, strict=True)
            ]
        )
    return ops.pad(x, grown, _PAD_MODES[mode], fill)


# --- interpolation ---------------------------------------------------------------------


def _places(n: Node, length: int, out: int, scale: float, kind: bytes) -> list[float]:
    """Where the elements of an axis of `out` lie in one of `length`."""
    whole = length * scale
    places: dict[bytes, Callable[[int], float]] = {
        b"half_pixel": lambda i: (i + 0.5) / scale - 0.5,
        b"half_pixel_symmetric": lambda i: length / 2 * (1 - out / whole) + (i + 0.5) / scale - 0.5,
        b"pytorch_half_pixel": lambda i: (i + 0.5) / scale - 0.5 if out > 1 else 0.0,
        b"align_corners": lambda i: i * (length - 1) / (whole - 1) if whole > 1 else 0.0,
        b"asymmetric": lambda i: i / scale,
    }
    if kind not in places:
        raise ValueError(f"coordinate_transformation_mode {kind!r}, which gdcore does not support")
    return [float(places[kind](i)) for i in range(out)]


def _cropped_places(length: int, out: int, crop: tuple[float, float]) -> list[float]:
    """Where they lie in a part of the axis, which is given in shares of its length."""
    start, end = crop
    if out == 1:
        return [0.5 * (start + end) * (length - 1)]
    return [(start + i * (end - start) / (out - 1)) * (length - 1) for i in range(out)]


_ROUND: dict[bytes, Callable[[float], int]] = {
    b"round_prefer_floor": lambda at: math.ceil(at - 0.5),
    b"round_prefer_ceil": lambda at: math.floor(at + 0.5),
    b"floor": math.floor,
    b"ceil": math.ceil,
}


def _linear(x: float) -> float:
    return max(0.0, 1.0 - abs(x))


def _cubic(a: float) -> Callable[[float], float]:
    def weight(x: float) -> float:
        x = abs(x)
        if x <= 1:
            return ((a + 2) * x - (a + 3)) * x * x + 1
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a if x < 2 else 0.0

    return weight


def _terms(
    at: float,
    length: int,
    weight: Callable[[float], float],
    reach: float,
    shrunk: float,
    inside: bool,
) -> list[tuple[int, float]]:
    """What an element at this place is made of: neighbours within `reach`, of which the ends go on beyond them.

    `shrunk` below 1 stretches the weights over as many more elements; `inside` leaves out what lies beyond the ends.
    """
    low, high = math.ceil(at - reach / shrunk), math.floor(at + reach / shrunk)
    pairs = [(i, weight((i - at) * shrunk)) for i in range(low, high + 1)]
    pairs = [(i, w) for i, w in pairs if w and (not inside or 0 <= i < length)]
    total = sum(w for _, w in pairs) if inside or shrunk < 1 else 1.0
    return [(min(max(i, 0), length - 1), w / total) for i, w in pairs]


def _scaled(
    n: Node,
    x: Value,
    scales: Sequence[float],
    sizes: Sequence[int] | None,
    crops: Sequence[tuple[float, float]] = (),
) -> Value:
    """x with each axis resampled: the whole of it, or the part that its crop says."""
    mode = n.attr("mode", b"nearest")
    kind = n.attr(
        "coordinate_transformation_mode", b"asymmetric" if n.opset < 11 else b"half_pixel"
    )
    rounding = n.attr("nearest_mode", b"floor" if n.opset < 11 else b"round_prefer_floor")
    if mode not in (b"nearest", b"linear", b"cubic") or rounding not in _ROUND:
        raise ValueError(
            f"mode {mode!r} with nearest_mode {rounding!r}: expected nearest, linear or cubic"
        )
    cubic = _cubic(n.attr("cubic_coeff_a", -0.75))
    weight, reach = (cubic, 2.0) if mode == b"cubic" else (_linear, 1.0)
    inside, smooth = bool(n.attr("exclude_outside", 0)), n.attr("antialias", 0)
    for axis, scale in enumerate(scales):
        length = x.shape[axis]
        if not isinstance(length, int):
            if scale != 1.0:
                raise ValueError("it resizes the batch")
            continue
        out = math.floor(length * scale) if sizes is None else sizes[axis]
        crop = crops[axis] if crops else (0.0, 1.0)
        if out == length and scale == 1.0 and crop == (0.0, 1.0):
            continue
        if out < 1 or length < 1:
            raise ValueError(f"{length} elements as {out}: expected at least 1")
        shrunk = min(1.0, scale) if smooth else 1.0
        room([out, math.ceil(2 * reach / shrunk) + 1])
        if crops:
            places = _cropped_places(length, out, crop)
        else:
            places = _places(n, length, out, scale, kind)
        if mode == b"nearest":
            near = [min(max(_ROUND[rounding](at), 0), length - 1) for at in places]
            x = ops.resample(x, axis, [[(i, 1.0)] for i in near])
        else:
            x = ops.resample(
                x, axis, [_terms(at, length, weight, reach, shrunk, inside) for at in places]
            )
        beyond = np.array([crops and not 0 <= at <= length - 1 for at in places], bool)
        if beyond.any():
            mask = beyond.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
            x = ops.where(mask, float(n.attr("extrapolation_value", 0.0)), x)
    return x


def _resize(n: Node) -> Value:
    x = n.value(0)
    old = n.opset < 11
    n.attr("extrapolation_value", 0.0)
    axes = [axis_of(a, x.ndim) for a in n.attr("axes", list(range(x.ndim)))]
    given = n.array(1 if old else 2) if n.has(1 if old else 2) else np.zeros(0)
    if given.size:
        factors, sizes = [float(s) for s in given.reshape(-1)], None
    else:
        sizes = n.ints(3)
        factors = []
    if len(sizes or factors) != len(axes):
        raise ValueError(f"{len(sizes or factors)} scales or sizes: expected {len(axes)}")
    n.read.update(i for i in range(len(n.inputs)) if n.has(i))
    crops = _crops(n, x.ndim, axes)
    scales, whole = [1.0] * x.ndim, [d if isinstance(d, int) else 0 for d in x.shape]
    if sizes is None:
        for axis, factor in zip(axes, factors, strict=True):
            if not 0 < factor < math.inf:
                raise ValueError(f"a scale of {factor}: expected more than 0")
            scales[axis] = factor
        return _scaled(n, x, scales, None, crops)
    policy = n.attr("keep_aspect_ratio_policy", b"stretch")
    if policy not in (b"stretch", b"not_larger", b"not_smaller"):
        raise ValueError(f"keep_aspect_ratio_policy {policy!r}, which gdcore does not support")
    for axis, wanted in zip(axes, sizes, strict=True):
        length = x.shape[axis]
        if not isinstance(length, int):
            if n.reader.fixed is not None and wanted != length.rows * n.reader.fixed:
                raise ValueError("it resizes the batch")
            continue
        scales[axis], whole[axis] = wanted / max(1, length), wanted
    if policy != b"stretch":
        chosen = (min if policy == b"not_larger" else max)(scales[a] for a in axes)
        for axis in axes:
            length = x.shape[axis]
            assert isinstance(length, int)
            scales[axis] = chosen
            whole[axis] = math.floor(length * chosen + 0.5)
    return _scaled(n, x, scales, whole, crops)


def _crops(n: Node, rank: int, axes: Sequence[int]) -> list[tuple[float, float]]:
    """The part of each axis that is resized; none unless the mode says so."""
    if n.attr("coordinate_transformation_mode", b"") != b"tf_crop_and_resize":
        return []
    region = n.array(1).reshape(-1).astype(float)
    if len(region) != 2 * len(axes) or not np.isfinite(region).all():
        raise ValueError(f"a region of {region.size} numbers: expected {2 * len(axes)}")
    crops = [(0.0, 1.0)] * rank
    for i, axis in enumerate(axes):
        crops[axis] = (float(region[i]), float(region[i + len(axes)]))
    return crops


def _upsample(n: Node) -> Value:
    x = n.value(0)
    scales = n.attr("scales") if "scales" in n.attrs else n.array(1).reshape(-1)
    if len(scales) != x.ndim or not all(1 <= s < math.inf for s in scales):
        raise ValueError(f"scales {list(scales)[:8]}: expected {x.ndim} numbers from 1")
    return _scaled(n, x, [float(s) for s in scales], None)


# --- blocks of pixels -------------------------------------------------------------------


def _blocks(n: Node, x: Value) -> tuple[int, int, int, int]:
    sizes = [d for d in x.shape[1:] if isinstance(d, int)]
    r = n.attr("blocksize")
    if len(sizes) != 3 or x.ndim != 4 or not isinstance(r, int) or r < 1:
        raise ValueError(
            f"blocks of {r} in shape {x.shape}: expected (batch, channels, height, width)"
        )
    return r, sizes[0], sizes[1], sizes[2]


def _depth_to_space(n: Node) -> Value:
    x, mode = n.value(0), n.attr("mode", b"DCR")
    r, c, h, w = _blocks(n, x)
    if c % (r * r) or mode not in (b"DCR", b"CRD"):
        raise ValueError(f"{c} channels in blocks of {r} x {r}, mode {mode!r}: expected DCR or CRD")
    d = c // (r * r)
    if mode == b"DCR":
        parts = ops.transpose(ops.reshape(x, (x.shape[0], r, r, d, h, w)), (0, 3, 4, 1, 5, 2))
    else:
        parts = ops.transpose(ops.reshape(x, (x.shape[0], d, r, r, h, w)), (0, 1, 4, 2, 5, 3))
    return ops.reshape(parts, (x.shape[0], d, h * r, w * r))


def _space_to_depth(n: Node) -> Value:
    x, mode = n.value(0), n.attr("mode", b"DCR")
    r, c, h, w = _blocks(n, x)
    if h % r or w % r or mode not in (b"DCR", b"CRD"):
        raise ValueError(
            f"an image of {h} x {w} in blocks of {r} x {r}, mode {mode!r}: expected whole ones, DCR or CRD"
        )
    parts = ops.reshape(x, (x.shape[0], c, h // r, r, w // r, r))
    turned = ops.transpose(parts, (0, 3, 5, 1, 2, 4) if mode == b"DCR" else (0, 1, 3, 5, 2, 4))
    return ops.reshape(turned, (x.shape[0], c * r * r, h // r, w // r))


def _lrn(n: Node) -> Value:
    """x / (bias + alpha / size Σ x²)^beta, over the neighbouring channels."""
    x, width = n.value(0), n.attr("size")
    channels = x.shape[1] if x.ndim > 2 else None
    if not isinstance(channels, int) or not isinstance(width, int) or width < 1:
        raise ValueError(f"{width} neighbours in shape {x.shape}: expected channels and at least 1")
    before = (width - 1) // 2
    terms = [
        [(i, 1.0) for i in range(max(0, c - before), min(channels, c - before + width))]
        for c in range(channels)
    ]
    room([sum(map(len, terms))])
    squares = ops.resample(ops.square(x), 1, terms)
    inner = squares * (n.attr("alpha", 1e-4) / width) + n.attr("bias", 1.0)
    return x / ops.pow(inner, n.attr("beta", 0.75))


POOLS: dict[str, Callable[[Node], Any]] = {
    "AveragePool": _average_pool,
    "DepthToSpace": _depth_to_space,
    "GlobalLpPool": _global_lp_pool,
    "LRN": _lrn,
    "LpPool": _lp_pool,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "Resize": _resize,
    "SpaceToDepth": _space_to_depth,
    "Upsample": _upsample,
}
