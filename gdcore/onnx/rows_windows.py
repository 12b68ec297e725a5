"""Convolution and windows of images as ONNX nodes, which have the channels before the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from gdcore.graph.dims import size
from gdcore.graph.ir import Value
from gdcore.graph.ops.windows import image_sizes
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


def convolution(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """Conv of images and kernel, and a bias if there is a third name."""
    image = w.transpose(xs[0], 0, 3, 1, 2)
    kernel = w.transpose(xs[1], 3, 2, 0, 1)
    y = w.node("Conv", image, kernel, *xs[2:], **window_attrs(v.attrs, v.inputs[1].shape[:2]))
    return w.transpose(y, 0, 2, 3, 1)


def _conv_dx(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """ConvTranspose; pixels behind the last window, which no window reads, are zeros."""
    dy, kernel = v.inputs
    attrs = window_attrs(v.attrs, kernel.shape[:2])
    top, left, bottom, right = attrs.pop("pads")
    (_, oh, ow, _), (_, h, wide, _) = image_sizes(dy.shape), image_sizes(v.shape)
    whole = [
        (n - 1) * s + d * (k - 1) + 1
        for n, s, d, k in zip(
            (oh, ow), attrs["strides"], attrs["dilations"], attrs["kernel_shape"], strict=True
        )
    ]
    have = [n + a + b for n, a, b in zip((h, wide), (top, left), (bottom, right), strict=True)]
    rest = [h - n for h, n in zip(have, whole, strict=True)]
    y = w.node(
        "ConvTranspose",
        w.transpose(xs[0], 0, 3, 1, 2),
        w.transpose(xs[1], 3, 2, 0, 1),
        **attrs,
    )
    y = padded(w, y, (0, 0, 0, 0), (0, 0, *rest), 0.0)
    stops = w.ints(have[0] - bottom, have[1] - right)
    y = w.node("Slice", y, w.ints(top, left), stops, w.ints(2, 3))
    return w.transpose(y, 0, 2, 3, 1)


def _conv_dw(w: Writer, v: Value, xs: Sequence[str]) -> str:
    """Conv of the images, channels for samples, with dy; strides and dilation change places."""
    attrs = window_attrs(v.attrs, v.inputs[1].shape[1:3])
    attrs["strides"], attrs["dilations"] = attrs["dilations"], attrs["strides"]
    image = w.transpose(xs[0], 3, 0, 1, 2)
    y = w.node("Conv", image, w.transpose(xs[1], 3, 0, 1, 2), **attrs)
    y = w.node("Slice", y, w.ints(0, 0), w.ints(*v.attrs["kernel"]), w.ints(2, 3))
    return w.transpose(y, 2, 3, 0, 1)


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
    "conv2d": convolution,
    "conv2d_dx": _conv_dx,
    "conv2d_dw": _conv_dw,
    "unfold": _unfold,
    "fold": _fold,
}
