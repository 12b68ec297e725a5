"""The instructions of convolutions: csrc/ops/conv.c and csrc/ops/depthwise.c have the order of their sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import gcd, prod
from typing import Any, NamedTuple

from gdcore.graph.dims import Dim, at_batch
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Value

RANK = 3  # of what the kernels walk: sequences and images have a depth of 1, sequences a height of 1 too


class Taps(NamedTuple):
    """Along one dimension: the windows over an operand, and where their taps lie in it and in the kernel."""

    size: int
    windows: int
    step: int  # of the operand, from one window to the next
    first: int  # of the operand, for the first tap of the first window
    taps: int
    apart: int  # of the operand, from one tap to the next
    place: int = 0  # of the result, for the first window
    place_step: int = 1
    tap: int = 0  # of the kernel, for the first tap
    tap_step: int = 1


NONE = Taps(1, 1, 1, 0, 1, 1)


def fixed(shape: Sequence[Dim]) -> tuple[int, ...]:
    """Sizes, none of which is the batch."""
    return tuple(at_batch(d, 1) for d in shape)


def _forward(size: int, windows: int, kernel: int, stride: int, before: int, dilation: int) -> Taps:
    return Taps(size, windows, stride, -before, kernel, dilation)


def _backward(
    phase: int, size: int, windows: int, kernel: int, stride: int, before: int, dilation: int
) -> Taps:
    """What pixels phase, phase + stride, ... of an image need of dy: at (pixel + before - tap dilation) / stride,
    for the taps for which this is a whole number. `windows` of dy are the operand here."""
    fitting = [k for k in range(kernel) if (phase + before - k * dilation) % stride == 0]
    apart = stride // gcd(stride, dilation)
    last = fitting[-1] if fitting else 0
    return Taps(
        size=windows,
        windows=max(0, -(-(size - phase) // stride)),
        step=1,
        first=(phase + before - last * dilation) // stride,
        taps=len(fitting),
        apart=apart * dilation // stride,
        place=phase,
        place_step=stride,
        tap=last,
        tap_step=-apart,
    )


def _axes(
    image: Sequence[Dim], kernel: Sequence[Dim], windows: Sequence[Dim], attrs: Mapping[str, Any]
) -> list[tuple[int, ...]]:
    """(size, windows, taps, stride, padding before, dilation) of each dimension of the image."""
    return [
        (*fixed((size, out, taps)), stride, before, dilation)
        for size, out, taps, stride, before, dilation in zip(
            image,
            windows,
            kernel,
            attrs["strides"],
            attrs["padding"][::2],
            attrs["dilation"],
            strict=True,
        )
    ]


def depthwise(kernel: Sequence[Dim], groups: int) -> bool:
    """Whether each filter sees one channel alone, of several."""
    return groups > 1 and kernel[-2] == 1


def _strides(lengths: Sequence[int]) -> list[int]:
    """From one to the next of each dimension, of an array of so many dimensions and more behind them."""
    return [prod(lengths[i + 1 :]) for i in range(len(lengths))]


def _emit(
    e: Emitter,
    y: Value,
    x: Value,
    w: Value,
    axes: Sequence[Taps],
    groups: int,
    back: bool,
) -> None:
    """One instruction; `back`: the kernel's last dimension belongs to x."""
    *_, c, f = fixed(w.shape)
    axes = [NONE] * (RANK - len(axes)) + list(axes)
    channels = c * groups if back else f  # of y
    sizes, taps = fixed(y.shape[1:-1]), fixed(w.shape[:-2])
    places = [s * channels for s in _strides((0, *([1] * (RANK - len(sizes))), *sizes))]
    tap_strides = [s * c * f for s in _strides(([1] * (RANK - len(taps))) + list(taps))]
    begin_y = sum(a.place * s for a, s in zip(axes, places[1:], strict=True))
    begin_w = sum(a.tap * s for a, s in zip(axes, tap_strides, strict=True))
    windows = [getattr(a, name) for name in Taps._fields[:6] for a in axes]
    y_strides = [places[0], *(a.place_step * s for a, s in zip(axes, places[1:], strict=True))]
    w_strides = [a.tap_step * s for a, s in zip(axes, tap_strides, strict=True)]
    refs = [e.ref(y), e.ref(x), e.ref(w)]
    if y.attrs.get("winograd"):
        channel, room = ([1, f], [f, c]) if back else ([f, 1], [c, f])
        turned = e.workspace(y)
        strides = [a.tap_step * s for a, s in zip(axes, tap_strides, strict=True)]
        of_kernel = [*strides[1:], *channel, begin_w]
        e.kernel("winograd_filters", [turned, refs[2]], dims=room, attrs=of_kernel)
        e.kernel("winograd", [*refs[:2], turned], [y.shape[0]], [*_tiles(axes), *room])
        return
    if depthwise(w.shape, groups):
        many = f // groups
        lanes = [f, 1 if back else many, many if back else 1]
        attrs = [*windows, *lanes, *y_strides, begin_y, *w_strides, begin_w]
        e.kernel("depthwise", refs, dims=[y.shape[0]], attrs=attrs)
        return
    each = f // groups
    channel = [1, f] if back else [f, 1]
    attrs = [
        *(*windows, groups, *((each, c) if back else (c, each)), *y_strides, begin_y),
        *(*w_strides, *channel, begin_w, each, y.attrs.get("bfloat16", 0)),
    ]
    e.kernel("conv", refs, dims=[y.shape[0]], attrs=attrs)


def _tiles(axes: Sequence[Taps]) -> list[int]:
    """Height and width of the operand, of the result, and the first tap of the first window."""
    return [getattr(a, name) for name in ("size", "windows", "first") for a in axes[1:]]


def turned_kernel(y: Value) -> int:
    """Elements that the kernel takes in tiles of Winograd's algorithm, or 0: 36 matrices in panels, as gd_panels_of."""
    if not y.attrs.get("winograd") or y.op.name == "conv_dw":
        return 0
    *_, c, f = fixed(y.inputs[1].shape)
    k, n = (c, f) if y.op.name == "conv" else (f, c)
    wide = -(-n // 32) * 32
    return 36 * (k * wide + (k // 256 + 1) * (wide // 2))


def emit_conv(y: Value, e: Emitter) -> None:
    x, w = y.inputs
    axes = _axes(x.shape[1:-1], w.shape[:-2], y.shape[1:-1], y.attrs)
    _emit(e, y, x, w, [_forward(*a) for a in axes], y.attrs["groups"], back=False)


def emit_dx(y: Value, e: Emitter) -> None:
    """A convolution of dy, the taps from last to first; one for each remainder by the strides."""
    dy, w = y.inputs
    axes = _axes(y.shape[1:-1], w.shape[:-2], dy.shape[1:-1], y.attrs)
    each = [[_backward(phase, *a) for phase in range(min(a[3], a[0]))] for a in axes]
    for taps in product(*each):
        if all(t.taps for t in taps):
            found = list(taps)
        else:  # nothing reaches these pixels: they are zeros
            found = [t._replace(taps=0) for t in taps]
        _emit(e, y, dy, w, found, y.attrs["groups"], back=True)


def emit_dw(y: Value, e: Emitter) -> None:
    x, dy = y.inputs
    groups = y.attrs["groups"]
    *_, c, f = fixed(y.shape)
    found = [_forward(*a) for a in _axes(x.shape[1:-1], y.shape[:-2], dy.shape[1:-1], y.attrs)]
    axes = [NONE] * (RANK - len(found)) + found
    windows = [getattr(a, name) for name in Taps._fields[:6] for a in axes]
    sums = [] if e.sums is None else [e.ref(e.sums)]
    refs = [e.ref(y), e.ref(x), e.ref(dy), *sums]
    if y.attrs.get("winograd"):
        e.kernel("winograd_dw", refs, [dy.shape[0]], [*_tiles(axes), c, f, len(sums)])
        return
    alone = depthwise(y.shape, groups)
    lanes = [f, f // groups] if alone else [groups, c, f // groups]
    how = [] if alone else [y.attrs.get("bfloat16", 0)]
    e.kernel(
        "depthwise_dw" if alone else "conv_dw",
        refs,
        dims=[dy.shape[0]],
        attrs=[*windows, *lanes, len(sums), *how],
    )
