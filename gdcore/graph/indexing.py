"""Rows by number (embeddings), classes by number (one-hot), and windows of images (convolution, pooling)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.graph import elementwise as ew
from gdcore.graph.ir import INT, Shape, Value, size
from gdcore.graph.registry import Op, Sample, apply, register
from gdcore.graph.shapes import expand_dims

if TYPE_CHECKING:
    from gdcore.graph.lower import Emitter


def _emit_take(y: Value, e: Emitter) -> None:
    table, index = y.inputs
    e.kernel(
        "gather", [e.ref(y), e.ref(table), e.ref(index)], dims=[size(index.shape), *table.shape]
    )


def _emit_scatter(y: Value, e: Emitter) -> None:
    dy, index = y.inputs
    e.kernel("scatter_add", [e.ref(y), e.ref(dy), e.ref(index)], dims=[size(index.shape), *y.shape])


def _np_scatter(dy: np.ndarray, index: np.ndarray, rows: int) -> np.ndarray:
    out = np.zeros((rows, dy.shape[-1]))
    np.add.at(out, index.astype(int).reshape(-1), dy.reshape(-1, dy.shape[-1]))
    return out


def _needs_ints(index: Value) -> None:
    if index.dtype != INT:
        raise TypeError(
            "take needs whole numbers as index: declare that input with gd.Input(shape, dtype='int')"
        )


def _take_shape(values: Sequence[Value], _: Mapping[str, Any]) -> Shape:
    table, index = values
    _needs_ints(index)
    if table.ndim != 2 or table.dtype == INT:
        raise ValueError(
            f"take from a table of shape {table.shape}: expected reals of (rows, width)"
        )
    return (*index.shape, table.shape[1])


def _scatter_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    dy, index = values
    _needs_ints(index)
    if dy.shape[:-1] != index.shape or dy.dtype == INT:
        raise ValueError(f"scatter_add of shape {dy.shape} by indices of shape {index.shape}")
    return (attrs["rows"], dy.shape[-1])


TAKE = register(
    Op(
        "take",
        "kernel",
        _take_shape,
        lambda y, d: [apply(SCATTER, d, y.inputs[1], rows=y.inputs[0].shape[0]), None],
        lambda table, index: table[index.astype(int)],
        (
            Sample(((7, 5), (9,)), ints={1: 7}),
            Sample(((3, 33), (4, 6)), ints={1: 3}),
            Sample(((4, 2), (0,)), ints={1: 4}),
        ),
        emit=_emit_take,
        flops=0,
        takes_ints=True,
    )
)
SCATTER = register(
    Op(
        "scatter_add",
        "kernel",
        _scatter_shape,
        lambda y, d: [apply(TAKE, d, y.inputs[1]), None],
        _np_scatter,
        (
            Sample(((9, 5), (9,)), {"rows": 4}, ints={1: 4}),
            Sample(((4, 6, 17), (4, 6)), {"rows": 3}, ints={1: 3}),
        ),
        emit=_emit_scatter,
        takes_ints=True,
    )
)


def take(table: Any, index: Value) -> Value:
    """Rows of a table: y[..., :] = table[index[...], :].

    Parameters
    ----------
    table : Value of shape (rows, width)
    index : Value of ints, any shape; out of range gives a row of zeros

    Returns
    -------
    Value of shape index.shape + (width,)

    Raises
    ------
    TypeError
        If the index does not hold ints.
    """
    return apply(TAKE, table, index)


def one_hot(index: Any, classes: int) -> Value:
    """1 where the class number equals the position along a new last axis, else 0.

    Parameters
    ----------
    index : Value of any shape
    classes : int

    Returns
    -------
    Value of shape index.shape + (classes,)
    """
    return ew.equal(np.arange(classes), expand_dims(index, -1))


def _window(attrs: Mapping[str, Any], image: Sequence[Any]) -> tuple[int, int]:
    (kh, kw), (sh, sw), (dh, dw) = attrs["kernel"], attrs["strides"], attrs["dilation"]
    top, bottom, left, right = attrs["padding"]
    if min(kh, kw, sh, sw, dh, dw) < 1 or min(top, bottom, left, right) < 0:
        raise ValueError(
            f"a window of {kh}×{kw}, strides {sh}×{sw}, dilation {dh}×{dw}, padding "
            f"{attrs['padding']}: sizes must be at least 1 and padding at least 0"
        )
    oh = (image[0] + top + bottom - dh * (kh - 1) - 1) // sh + 1
    ow = (image[1] + left + right - dw * (kw - 1) - 1) // sw + 1
    return oh, ow


def _unfold_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    if values[0].ndim != 4:
        raise ValueError(
            f"unfold of a value of shape {values[0].shape}: expected (batch, height, width, channels)"
        )
    batch, h, w, c = values[0].shape
    oh, ow = _window(attrs, (h, w))
    if oh < 1 or ow < 1:
        raise ValueError(
            f"a window of {attrs['kernel']} does not fit into an image of {h}×{w}: make the window "
            "smaller or pad the image"
        )
    kh, kw = attrs["kernel"]
    return (batch, oh, ow, kh * kw, c)


def _fold_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    batch, (h, w, c), (kh, kw) = values[0].shape[0], attrs["image"], attrs["kernel"]
    oh, ow = _window(attrs, (h, w))
    if values[0].shape != (batch, oh, ow, kh * kw, c):
        raise ValueError(
            f"fold of shape {values[0].shape} to images of {h}×{w}×{c}: expected {(batch, oh, ow, kh * kw, c)}"
        )
    return (batch, h, w, c)


def _emit_window(y: Value, e: Emitter) -> None:
    image = y.inputs[0].shape if y.op.name == "unfold" else y.shape
    batch, h, w, c = image
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


def _np_unfold(x: np.ndarray, **attrs: Any) -> np.ndarray:
    b, h, w, c = x.shape
    oh, ow = _window(attrs, (h, w))
    y = np.full((b, oh, ow, attrs["kernel"][0] * attrs["kernel"][1], c), attrs["outside"])
    for oy, ox, k, iy, ix in _np_positions((h, w), attrs):
        y[:, oy, ox, k] = x[:, iy, ix]
    return y


def _np_fold(y: np.ndarray, **attrs: Any) -> np.ndarray:
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
        _np_unfold,
        tuple(Sample(((2, 5, 6, 3),), a) for a in _WINDOWS),
        emit=_emit_window,
        flops=0,
    )
)
FOLD = register(
    Op(
        "fold",
        "kernel",
        _fold_shape,
        lambda y, d: [
            apply(
                UNFOLD, d, **{**{k: v for k, v in y.attrs.items() if k != "image"}, "outside": 0.0}
            )
        ],
        _np_fold,
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
    padding : (top, bottom, left, right)
    outside : float
        The value of the padding.

    Returns
    -------
    Value of shape (batch, out height, out width, kernel height × kernel width, channels)

    Raises
    ------
    ValueError
        If no window fits into the image.
    """
    return apply(UNFOLD, x, **_attrs(kernel, strides, padding, dilation, float(outside)))
