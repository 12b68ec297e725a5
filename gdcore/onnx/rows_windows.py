"""Convolution and windows of images as ONNX nodes, which have the channels before the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from gdcore.graph.dims import size
from gdcore.graph.ir import Value
from gdcore.graph.ops.convolution_plans import fixed
from gdcore.onnx.rows_elementwise import Row
from gdcore.onnx.writer import Writer


def window_attrs(attrs: Mapping[str, Any], kernel: Sequence[Any]) -> dict[str, Any]:
    """What the nodes for windows are told about them."""
    top, bottom, left, right = attrs["padding"]
    return {
        "kernel_shape": list(kernel),
        "strides": list(attrs["strides"]),
        "dilations": list(attrs["dilation"]),
        "pads": [top, left, bottom, right],
    }


def padded(w: Writer, name: str, before: Sequence[int], after: Sequence[int], fill: float) -> str:
    """More of `fill` around."""
    if not any(before) and not any(after):
        return name
    return w.node("Pad", name, w.ints(*before, *after), w.number(fill))


def channels_first(w: Writer, name: str, rank: int) -> str:
    """(B, ..., channels) as (B, channels, ...)."""
    return w.transpose(name, 0, rank + 1, *range(1, rank + 1))


def channels_last(w: Writer, name: str, rank: int) -> str:
    """(B, channels, ...) as (B, ..., channels)."""
    return w.transpose(name, 0, *range(2, rank + 2), 1)


def _filters_first(w: Writer, name: str, rank: int) -> str:
    """A kernel (..., channels, filters) as (filters, channels, ...)."""
    return w.transpose(name, rank + 1, rank, *range(rank))


def convolution_attrs(attrs: Mapping[str, Any], kernel: Sequence[Any]) -> dict[str, Any]:
    """What the nodes of convolutions are told about their windows."""
    around = attrs["padding"]
    return {
        "kernel_shape": list(kernel),
        "strides": list(attrs["strides"]),
        "dilations": list(attrs["dilation"]),
        "pads": [*around[::2], *around[1::2]],
        "group": attrs["groups"],
    }


def convolution(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """Conv of images and kernel, and a bias if there is a third name."""
    rank = v.ndim - 2
    image, kernel = channels_first(w, xs[0], rank), _filters_first(w, xs[1], rank)
    attrs = convolution_attrs(v.attrs, v.inputs[1].shape[:-2])
    return channels_last(w, w.node("Conv", image, kernel, *xs[2:], **attrs), rank)


def transposed_convolution(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """ConvTranspose, and a bias if there is a third name; what no window reaches at the end is output_padding."""
    dy, kernel = v.inputs
    rank = v.ndim - 2
    attrs = convolution_attrs(v.attrs, kernel.shape[:-2])
    before, after = attrs["pads"][:rank], attrs["pads"][rank:]
    steps = zip(attrs["strides"], attrs["dilations"], attrs["kernel_shape"], strict=True)
    whole = [
        (n - 1) * s + d * (k - 1) + 1
        for n, (s, d, k) in zip(fixed(dy.shape[1:-1]), steps, strict=True)
    ]
    more = [
        n - (full - a - b)
        for n, full, a, b in zip(fixed(v.shape[1:-1]), whole, before, after, strict=True)
    ]
    y = w.node(
        "ConvTranspose",
        channels_first(w, xs[0], rank),
        _filters_first(w, xs[1], rank),
        *xs[2:],
        output_padding=more,
        **attrs,
    )
    return channels_last(w, y, rank)


def _conv_dw(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """Conv of the images, channels for samples, with dy; strides and dilation change places."""
    x, dy = v.inputs
    rank, groups = v.ndim - 2, v.attrs["groups"]
    attrs = convolution_attrs(v.attrs, dy.shape[1:-1])
    attrs["strides"], attrs["dilations"] = attrs["dilations"], attrs["strides"]
    batch, *sizes, channels = x.shape
    each = fixed((channels,))[0] // groups
    image = xs[0]
    if groups > 1:  # the samples of one group after another
        image = w.reshape(image, (batch, *sizes, groups, each))
        image = w.transpose(image, rank + 2, rank + 1, 0, *range(1, rank + 1))
        image = w.reshape(image, (each, batch * groups, *sizes))
    else:
        image = w.transpose(image, rank + 1, 0, *range(1, rank + 1))
    y = w.node("Conv", image, w.transpose(xs[1], rank + 1, 0, *range(1, rank + 1)), **attrs)
    axes = range(2, rank + 2)
    y = w.node("Slice", y, w.ints(*[0] * rank), w.ints(*v.attrs["kernel"]), w.ints(*axes))
    return w.transpose(y, *axes, 0, 1)


def _unfold(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """Windows as slices of the padded images, one for each place in the window."""
    (kh, kw), (sh, sw), (dh, dw) = (v.attrs[k] for k in ("kernel", "strides", "dilation"))
    top, bottom, left, right = v.attrs["padding"]
    image = padded(w, xs[0], (0, top, left, 0), (0, bottom, right, 0), v.attrs["outside"])
    batch, oh, ow, _, c = v.shape
    assert isinstance(oh, int) and isinstance(ow, int)
    parts = []
    for y, x in product(range(0, kh * dh, dh), range(0, kw * dw, dw)):
        stops = w.ints(y + (oh - 1) * sh + 1, x + (ow - 1) * sw + 1)
        part = w.node("Slice", image, w.ints(y, x), stops, w.ints(1, 2), w.ints(sh, sw))
        parts.append(w.reshape(part, (batch, oh, ow, 1, c)))
    return w.node("Concat", *parts, axis=3)


def _fold(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """Col2Im, which has the channels first and the windows last."""
    batch, oh, ow, k, c = v.inputs[0].shape
    columns = w.transpose(xs[0], 0, 4, 3, 1, 2)
    columns = w.reshape(columns, (batch, size((c, k)), size((oh, ow))))
    h, wide, _ = v.attrs["image"]
    top, bottom, left, right = v.attrs["padding"]
    images = w.node(
        "Col2Im",
        columns,
        w.ints(h, wide),
        w.ints(*v.attrs["kernel"]),
        dilations=list(v.attrs["dilation"]),
        pads=[top, left, bottom, right],
        strides=list(v.attrs["strides"]),
    )
    return w.transpose(images, 0, 2, 3, 1)


WINDOWS: dict[str, Row] = {
    "conv": convolution,
    "conv_dx": transposed_convolution,
    "conv_dw": _conv_dw,
    "unfold": _unfold,
    "fold": _fold,
}
