"""Convolution of images, and its two gradients: products whose packer reads the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any, NamedTuple

import numpy as np

from gdcore.graph.dims import Dim, Shape, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ops.windows import image_sizes, np_fold, np_unfold, windows_of


def _geometry(attrs: Mapping[str, Any], kernel: Sequence[Dim]) -> dict[str, Any]:
    """The attributes of `unfold` for a kernel of shape (height, width, ...)."""
    return {
        **{k: attrs[k] for k in ("strides", "padding", "dilation")},
        "kernel": tuple(kernel[:2]),
    }


def _kernel(w: Value) -> tuple[int, int, int, int]:
    found = tuple(d for d in w.shape if isinstance(d, int))
    if len(found) != 4 or w.ndim != 4:
        raise ValueError(
            f"a convolution with a kernel of shape {w.shape}: "
            "expected (height, width, channels in, channels out)"
        )
    return found


def _output(image: Sequence[Dim], kernel: Sequence[int], attrs: Mapping[str, Any]) -> Shape:
    """The shape of the convolution of images (batch, height, width, channels)."""
    batch, h, w, c = image_sizes(tuple(image), "a convolution")
    if c != kernel[2]:
        raise ValueError(
            f"a convolution of {c} channels with a kernel of shape {tuple(kernel)}: "
            f"its third size must be {c}"
        )
    return (batch, *windows_of(_geometry(attrs, kernel), (h, w)), kernel[3])


def _shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    return _output(values[0].shape, _kernel(values[1]), attrs)


def _dx_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    dy, w = values
    kernel = _kernel(w)
    image = (dy.shape[0], *attrs["image"], kernel[2])
    if _output(image, kernel, attrs) != dy.shape:
        raise ValueError(
            f"the gradient of a convolution of images {image}: got a shape of {dy.shape}, "
            f"expected {_output(image, kernel, attrs)}"
        )
    return image


def _dw_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    x, dy = values
    _, _, _, c = image_sizes(x.shape, "a convolution")
    filters = dy.shape[-1] if dy.ndim == 4 else 0
    kernel = (*attrs["kernel"], c, filters)
    if not isinstance(filters, int) or _output(x.shape, kernel, attrs) != dy.shape:
        raise ValueError(
            f"the gradient of a convolution of images {x.shape}: got a shape of {dy.shape}, "
            f"expected {_output(x.shape, kernel, attrs)}"
        )
    return kernel


def _only(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {k: attrs[k] for k in ("strides", "padding", "dilation")}


def _grad(y: Value, d: Value) -> list[Value | None]:
    x, w = y.inputs
    attrs = _only(y.attrs)
    return [
        apply(CONV_DX, d, w, **attrs, image=tuple(x.shape[1:3])),
        apply(CONV_DW, x, d, **attrs, kernel=tuple(w.shape[:2])),
    ]


def _grad_dx(y: Value, d: Value) -> list[Value | None]:
    dy, w = y.inputs
    attrs = _only(y.attrs)
    return [apply(CONV, d, w, **attrs), apply(CONV_DW, d, dy, **attrs, kernel=tuple(w.shape[:2]))]


def _grad_dw(y: Value, d: Value) -> list[Value | None]:
    x, dy = y.inputs
    attrs = _only(y.attrs)
    return [apply(CONV_DX, dy, d, **attrs, image=tuple(x.shape[1:3])), apply(CONV, x, d, **attrs)]


# --- instructions: see csrc/ops/conv.c for the order of the sizes ----------------------


def _windows(image: Shape, kernel: Sequence[Dim], y: Shape, attrs: Mapping[str, Any]) -> list[Any]:
    """The windows that a convolution reads."""
    top, _, left, _ = attrs["padding"]
    steps = (*attrs["strides"], -top, -left)
    return [*image[1:], *y[1:3], *steps, *kernel[:2], *attrs["dilation"]]


def _emit(y: Value, e: Emitter) -> None:
    x, w = y.inputs
    _, kw, c, n = _kernel(w)
    _, oh, ow, _ = image_sizes(y.shape, "a convolution")
    places = (n, oh * ow * n, ow * n, n, 0)
    weights = (kw * c * n, c * n, n, 1, 0)
    e.kernel(
        "conv",
        [e.ref(y), e.ref(x), e.ref(w)],
        dims=[y.shape[0]],
        attrs=[*_windows(x.shape, w.shape, y.shape, y.attrs), *places, *weights],
    )


class _Taps(NamedTuple):
    """Along one dimension, what of dy and of the kernel the pixels of one remainder need, in the order of dy."""

    pixels: int
    first: int  # of dy, for the first of them
    number: int
    step: int
    tap: int  # the kernel's that belongs to the first of dy
    tap_step: int


def _taps(phase: int, length: int, kernel: int, stride: int, before: int, dilation: int) -> _Taps:
    """Pixels phase, phase + stride, ... get dy[(pixel + before - tap dilation) / stride] of the taps
    for which this is a whole number."""
    fitting = [k for k in range(kernel) if (phase + before - k * dilation) % stride == 0]
    pixels = max(0, -(-(length - phase) // stride))
    apart = stride // gcd(stride, dilation)
    last = fitting[-1] if fitting else 0
    return _Taps(
        pixels,
        (phase + before - last * dilation) // stride,
        len(fitting),
        apart * dilation // stride,
        last,
        -apart,
    )


def _emit_dx(y: Value, e: Emitter) -> None:
    """A convolution of dy, the taps from last to first; one for each remainder by the strides."""
    dy, w = y.inputs
    kh, kw, c, f = _kernel(w)
    _, height, width, _ = image_sizes(y.shape, "a convolution")
    (sh, sw), (dh, dw) = y.attrs["strides"], y.attrs["dilation"]
    top, _, left, _ = y.attrs["padding"]
    for py in range(min(sh, height)):
        down = _taps(py, height, kh, sh, top, dh)
        for px in range(min(sw, width)):
            across = _taps(px, width, kw, sw, left, dw)
            taps = (down.number, across.number) if down.number and across.number else (0, 0)
            windows = (down.pixels, across.pixels, 1, 1, down.first, across.first)
            places = (height * width * c, sh * width * c, sw * c, (py * width + px) * c)
            begin = (down.tap * kw + across.tap) * c * f
            weights = (down.tap_step * kw * c * f, across.tap_step * c * f, 1, f, begin)
            e.kernel(
                "conv",
                [e.ref(y), e.ref(dy), e.ref(w)],
                dims=[y.shape[0]],
                attrs=[
                    *(*image_sizes(dy.shape)[1:], *windows, *taps, down.step, across.step),
                    *(c, *places, *weights),
                ],
            )


def _emit_dw(y: Value, e: Emitter) -> None:
    x, dy = y.inputs
    sums = [] if e.sums is None else [e.ref(e.sums)]
    e.kernel(
        "conv_dw",
        [e.ref(y), e.ref(x), e.ref(dy), *sums],
        dims=[dy.shape[0]],
        attrs=[*_windows(x.shape, y.shape, dy.shape, y.attrs), _kernel(y)[3], len(sums)],
    )


# --- references and samples ------------------------------------------------------------


def _np_rows(x: np.ndarray, kernel: Sequence[int], attrs: Mapping[str, Any]) -> np.ndarray:
    windows = np_unfold(x, **_geometry(attrs, kernel), outside=0.0)
    return windows.reshape(*windows.shape[:3], windows.shape[3] * windows.shape[4])


def _np_conv(x: np.ndarray, w: np.ndarray, **attrs: Any) -> np.ndarray:
    return np.asarray(_np_rows(x, w.shape, attrs) @ w.reshape(-1, w.shape[-1]))


def _np_dx(dy: np.ndarray, w: np.ndarray, **attrs: Any) -> np.ndarray:
    windows = (dy @ w.reshape(-1, w.shape[-1]).T).reshape(
        *dy.shape[:3], w.shape[0] * w.shape[1], w.shape[2]
    )
    image = (*attrs["image"], w.shape[2])
    return np_fold(windows, **_geometry(attrs, w.shape), image=image)


def _np_dw(x: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    rows = _np_rows(x, attrs["kernel"], attrs)
    dw = np.tensordot(rows, dy, ((0, 1, 2), (0, 1, 2)))
    return np.asarray(dw.reshape(*attrs["kernel"], x.shape[3], dy.shape[3]))


def _flops(y: Value) -> Dim:
    """A factor and a sum for each tap, channel and filter of each window."""
    windows, kernel = {
        "conv2d": lambda: (y.shape[:3], y.inputs[1].shape),
        "conv2d_dx": lambda: (y.inputs[0].shape[:3], y.inputs[1].shape),
        "conv2d_dw": lambda: (y.inputs[1].shape[:3], y.shape),
    }[y.op.name]()
    return size((2, *kernel, *windows))


# images, kernel, strides, padding (top, bottom, left, right), dilation
_CASES: list[tuple[tuple[int, ...], tuple[int, ...], Any, Any, Any]] = [
    ((2, 4, 5, 2), (2, 3, 2, 2), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((1, 5, 4, 1), (3, 3, 1, 2), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((2, 5, 5, 1), (3, 2, 1, 1), (2, 3), (0, 1, 1, 1), (1, 1)),
    ((1, 6, 6, 2), (2, 2, 2, 1), (1, 2), (1, 0, 0, 2), (3, 2)),
    ((1, 7, 5, 1), (3, 2, 1, 2), (3, 2), (2, 0, 1, 0), (2, 4)),
    ((2, 4, 4, 3), (1, 1, 3, 2), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((1, 5, 4, 2), (1, 1, 2, 3), (2, 3), (0, 0, 0, 0), (1, 1)),
    ((3, 9, 8, 5), (3, 3, 5, 7), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((2, 9, 11, 16), (3, 3, 16, 33), (2, 2), (1, 1, 1, 1), (1, 1)),
    ((2, 6, 6, 64), (3, 3, 64, 20), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((40, 5, 5, 4), (3, 3, 4, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((9, 12, 12, 1), (5, 5, 1, 6), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((2, 9, 9, 300), (2, 2, 300, 3), (3, 3), (4, 4, 4, 4), (2, 2)),
    ((0, 4, 4, 2), (3, 3, 2, 3), (1, 1), (0, 0, 0, 0), (1, 1)),
]


def _samples(which: str) -> tuple[Sample, ...]:
    out = []
    for x, w, strides, padding, dilation in _CASES:
        attrs = {"strides": strides, "padding": padding, "dilation": dilation}
        y = (x[0], *windows_of({**attrs, "kernel": w[:2]}, x[1:3]), w[3])
        shapes, more = {
            "conv2d": ((x, w), {}),
            "conv2d_dx": ((y, w), {"image": x[1:3]}),
            "conv2d_dw": ((x, y), {"kernel": w[:2]}),
        }[which]
        out.append(Sample(shapes, {**attrs, **more}))
    return tuple(out)


CONV: Op = register(
    Op(
        "conv2d",
        "kernel",
        _shape,
        _grad,
        _np_conv,
        _samples("conv2d"),
        emit=_emit,
        flops=_flops,
        takes_epilogue=lambda y: True,
    )
)
CONV_DX: Op = register(
    Op(
        "conv2d_dx",
        "kernel",
        _dx_shape,
        _grad_dx,
        _np_dx,
        _samples("conv2d_dx"),
        emit=_emit_dx,
        flops=_flops,
        # with strides it is several instructions, none of which finishes whole rows
        takes_epilogue=lambda y: tuple(y.attrs["strides"]) == (1, 1),
    )
)
CONV_DW: Op = register(
    Op(
        "conv2d_dw",
        "kernel",
        _dw_shape,
        _grad_dw,
        _np_dw,
        _samples("conv2d_dw"),
        emit=_emit_dw,
        flops=_flops,
        column_sums=lambda y: (y.inputs[1], (0, 3)),
    )
)


def conv2d(
    x: Any,
    kernel: Any,
    strides: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
) -> Value:
    """Two-dimensional convolution (cross-correlation) of images with a kernel.

    Parameters
    ----------
    x : Value of shape (batch, height, width, channels)
    kernel : Value or array of shape (height, width, channels, filters)
    strides, dilation : (int, int), down and across
    padding : (int, int, int, int), zeros at the top, bottom, left and right

    Returns
    -------
    Value of shape (batch, out height, out width, filters)

    Raises
    ------
    ValueError
        If x or the kernel has another number of dimensions, their channels differ, a size is out of
        range, or no window fits into the image.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.conv2d(gd.Input((28, 28, 3)), np.ones((3, 3, 3, 8)), strides=(2, 2))
    <conv2d (B, 13, 13, 8)>
    """
    return apply(
        CONV,
        lift(x),
        kernel,
        strides=tuple(strides),
        padding=tuple(padding),
        dilation=tuple(dilation),
    )
