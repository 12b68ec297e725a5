"""Windows of images (batch, height, width, channels) for convolution and pooling, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ranges import Bounds, Lookup, or_else, some_elements


def image_sizes(shape: Shape, what: str = "unfold") -> tuple[Dim, int, int, int]:
    """The four sizes of images, of which the first may be the batch."""
    if len(shape) == 4:
        batch, h, w, c = shape
        if not (isinstance(h, Batch) or isinstance(w, Batch) or isinstance(c, Batch)):
            return batch, h, w, c
    raise ValueError(
        f"{what} of a value of shape {shape}: expected (batch, height, width, channels)"
    )


def _window(attrs: Mapping[str, Any], image: Sequence[int]) -> tuple[int, int]:
    (kh, kw), (sh, sw), (dh, dw) = attrs["kernel"], attrs["strides"], attrs["dilation"]
    top, bottom, left, right = attrs["padding"]
    if min(kh, kw, sh, sw, dh, dw) < 1 or min(top, bottom, left, right) < 0:
        raise ValueError(
            f"a window of {kh} x {kw}, strides {sh} x {sw}, dilation {dh} x {dw}, padding "
            f"{attrs['padding']}: sizes must be at least 1 and padding at least 0"
        )
    oh = (image[0] + top + bottom - dh * (kh - 1) - 1) // sh + 1
    ow = (image[1] + left + right - dw * (kw - 1) - 1) // sw + 1
    return oh, ow


def windows_of(attrs: Mapping[str, Any], image: Sequence[int]) -> tuple[int, int]:
    """How many windows an image holds, down and across: at least one each."""
    oh, ow = _window(attrs, image)
    if oh < 1 or ow < 1:
        h, w = image
        raise ValueError(
            f"a window of {attrs['kernel']} does not fit into an image of {h} x {w}: make the window "
            "smaller or pad the image"
        )
    return oh, ow


def _unfold_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    batch, h, w, c = image_sizes(values[0].shape)
    oh, ow = windows_of(attrs, (h, w))
    kh, kw = attrs["kernel"]
    return (batch, oh, ow, kh * kw, c)


def _unfold_bounds(y: Value, of: Lookup) -> Bounds:
    padded = any(y.attrs["padding"])
    return or_else(y, of, y.attrs["outside"]) if padded else some_elements(y, of)


def _fold_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    batch, (h, w, c), (kh, kw) = values[0].shape[0], attrs["image"], attrs["kernel"]
    oh, ow = _window(attrs, (h, w))
    if values[0].shape != (batch, oh, ow, kh * kw, c):
        raise ValueError(
            f"fold of shape {values[0].shape} to images of {h} x {w} x {c}: "
            f"expected {(batch, oh, ow, kh * kw, c)}"
        )
    return (batch, h, w, c)


def _emit_window(y: Value, e: Emitter) -> None:
    batch, h, w, c = image_sizes(y.inputs[0].shape if y.op.name == "unfold" else y.shape)
    oh, ow = _window(y.attrs, (h, w))
    top, _, left, _ = y.attrs["padding"]
    e.kernel(
        y.op.name,
        [e.ref(y), e.ref(y.inputs[0])],
        dims=[batch],
        attrs=[
            h,
            w,
            c,
            oh,
            ow,
            *y.attrs["kernel"],
            *y.attrs["strides"],
            top,
            left,
            *y.attrs["dilation"],
        ],
        pars=[y.attrs["outside"]],
    )


def _np_positions(
    image: tuple[int, ...], attrs: Mapping[str, Any]
) -> list[tuple[int, int, int, int, int]]:
    """(oy, ox, k, iy, ix) of every window element that lies inside of the image."""
    (kh, kw), (sh, sw), (dh, dw) = attrs["kernel"], attrs["strides"], attrs["dilation"]
    top, _, left, _ = attrs["padding"]
    oh, ow = _window(attrs, image)
    out = []
    for oy in range(oh):
        for ox in range(ow):
            for ky in range(kh):
                for kx in range(kw):
                    iy, ix = oy * sh - top + ky * dh, ox * sw - left + kx * dw
                    if 0 <= iy < image[0] and 0 <= ix < image[1]:
                        out.append((oy, ox, ky * kw + kx, iy, ix))
    return out


def np_unfold(x: np.ndarray, **attrs: Any) -> np.ndarray:
    b, h, w, c = x.shape
    oh, ow = _window(attrs, (h, w))
    y = np.full((b, oh, ow, attrs["kernel"][0] * attrs["kernel"][1], c), attrs["outside"])
    for oy, ox, k, iy, ix in _np_positions((h, w), attrs):
        y[:, oy, ox, k] = x[:, iy, ix]
    return y


def np_fold(y: np.ndarray, **attrs: Any) -> np.ndarray:
    x = np.zeros((y.shape[0], *attrs["image"]))
    for oy, ox, k, iy, ix in _np_positions(attrs["image"], attrs):
        x[:, iy, ix] += y[:, oy, ox, k]
    return x


def _attrs(
    kernel: Any, strides: Any, padding: Any, dilation: Any, outside: float = 0.0, **more: Any
) -> dict[str, Any]:
    return {
        "kernel": kernel,
        "strides": strides,
        "padding": padding,
        "dilation": dilation,
        "outside": outside,
        **more,
    }


_WINDOWS = [
    _attrs((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    _attrs((2, 3), (2, 1), (0, 0, 0, 0), (1, 1)),
    _attrs((2, 2), (2, 2), (0, 1, 0, 1), (2, 1), -1.0),
]
UNFOLD = register(
    Op(
        "unfold",
        "kernel",
        _unfold_shape,
        lambda y, d: [apply(FOLD, d, **{**y.attrs, "image": y.inputs[0].shape[1:]})],
        np_unfold,
        tuple(Sample(((2, 5, 6, 3),), a) for a in _WINDOWS),
        emit=_emit_window,
        flops=0,
        bounds=_unfold_bounds,
    )
)
FOLD: Op = register(
    Op(
        "fold",
        "kernel",
        _fold_shape,
        lambda y, d: [
            apply(
                UNFOLD, d, **{**{k: v for k, v in y.attrs.items() if k != "image"}, "outside": 0.0}
            )
        ],
        np_fold,
        (
            Sample(((2, 5, 6, 9, 3),), {**_WINDOWS[0], "image": (5, 6, 3)}),
            Sample(((2, 2, 4, 6, 3),), {**_WINDOWS[1], "image": (5, 6, 3)}),
        ),
        emit=_emit_window,
    )
)


def unfold(
    x: Any,
    kernel: tuple[int, int],
    strides: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
    outside: float = 0.0,
) -> Value:
    """The windows of images, laid out one after another.

    Parameters
    ----------
    x : Value of shape (batch, height, width, channels)
    kernel, strides, dilation : (int, int), down and across
    padding : (int, int, int, int), at the top, bottom, left and right
    outside : float
        The value of the padding.

    Returns
    -------
    Value of shape (batch, out height, out width, kernel height × kernel width, channels)

    Raises
    ------
    ValueError
        If x has another number of dimensions, a size is out of range, or no window fits into the
        image.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.unfold(gd.Input((28, 28, 3)), (3, 3), strides=(2, 2))
    <unfold (B, 13, 13, 9, 3)>
    """
    return apply(UNFOLD, x, **_attrs(kernel, strides, padding, dilation, float(outside)))
