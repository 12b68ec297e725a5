"""Convolution of sequences, images and volumes, and its two gradients: products whose packer reads the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gdcore.graph.dims import Batch, Dim, Shape, size
from gdcore.graph.ir import Op, Value, register
from gdcore.graph.ops.convolution_plans import (
    depthwise,
    emit_conv,
    emit_dw,
    emit_dx,
    fixed,
    turned_kernel,
)
from gdcore.graph.ops.convolution_samples import np_conv, np_dw, np_dx, samples
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ops.slices import pad

SIZES = {1: "length", 2: "height, width", 3: "depth, height, width"}


def _by(sizes: Sequence[Any]) -> str:
    return " x ".join(map(str, sizes))


def _kernel(w: Value) -> tuple[int, ...]:
    """The sizes of a kernel of one to three dimensions."""
    if w.ndim - 2 not in SIZES or any(isinstance(d, Batch) for d in w.shape):
        rank = min(3, max(1, w.ndim - 2))
        raise ValueError(
            f"a convolution with a kernel of shape {w.shape}: "
            f"expected ({SIZES[rank]}, channels in, channels out)"
        )
    return fixed(w.shape)


def _images(shape: Shape, rank: int) -> tuple[Dim, tuple[int, ...], int]:
    """(batch, sizes, channels) of images."""
    if len(shape) != rank + 2 or any(isinstance(d, Batch) for d in shape[1:]):
        raise ValueError(
            f"a convolution of a value of shape {shape}: expected (batch, {SIZES[rank]}, channels)"
        )
    return shape[0], fixed(shape[1:-1]), fixed(shape[-1:])[0]


def _windows(
    image: Sequence[int], kernel: Sequence[int], attrs: Mapping[str, Any]
) -> tuple[int, ...]:
    """How many windows there are along each dimension: at least one."""
    rank, padding = len(image), tuple(attrs["padding"])
    strides, dilation = tuple(attrs["strides"]), tuple(attrs["dilation"])
    if (len(kernel), len(strides), len(dilation), len(padding)) != (rank, rank, rank, 2 * rank):
        raise ValueError(
            f"a convolution over {rank} dimensions with a window of {_by(kernel)}, strides {strides}, dilation "
            f"{dilation}, padding {padding}: expected {rank} of each, and {2 * rank} of padding"
        )
    if min(*kernel, *strides, *dilation) < 1 or min(padding) < 0:
        raise ValueError(
            f"a window of {_by(kernel)}, strides {_by(strides)}, dilation {_by(dilation)}, padding "
            f"{padding}: sizes must be at least 1 and padding at least 0"
        )
    found = tuple(
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, d, before, after in zip(
            image, kernel, strides, dilation, padding[::2], padding[1::2], strict=True
        )
    )
    if min(found) < 1:
        raise ValueError(
            f"a window of {_by(kernel)} does not fit into an image of {_by(image)}: make the window smaller or "
            "pad the image; images are (batch, height, width, channels)"
        )
    return found


def _output(image: Shape, kernel: Sequence[int], attrs: Mapping[str, Any]) -> Shape:
    """The shape of the convolution of images (batch, ..., channels)."""
    groups, each = attrs["groups"], kernel[-2]
    batch, sizes, c = _images(image, len(kernel) - 2)
    if groups < 1 or kernel[-1] % groups or c % groups:
        raise ValueError(
            f"a convolution of {c} channels into {kernel[-1]} in {groups} groups: expected numbers that the groups "
            "divide"
        )
    if c != each * groups:
        raise ValueError(
            f"a convolution of {c} channels with a kernel of shape {tuple(kernel)}: its size for them, the last but "
            f"one, must be {c // groups}"
        )
    return (batch, *_windows(sizes, kernel[:-2], attrs), kernel[-1])


def _shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    return _output(values[0].shape, _kernel(values[1]), attrs)


def _dx_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    dy, w = values
    kernel = _kernel(w)
    image = (dy.shape[0], *attrs["image"], kernel[-2] * attrs["groups"])
    if _output(image, kernel, attrs) != dy.shape:
        raise ValueError(
            f"the gradient of a convolution of images {image}: got a shape of {dy.shape}, "
            f"expected {_output(image, kernel, attrs)}"
        )
    return image


def _dw_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    x, dy = values
    _, _, c = _images(x.shape, x.ndim - 2)
    filters = dy.shape[-1] if dy.ndim == x.ndim else 0
    each = c // attrs["groups"] if attrs["groups"] > 0 else 0
    if (
        not isinstance(filters, int)
        or _output(x.shape, (*attrs["kernel"], each, filters), attrs) != dy.shape
    ):
        raise ValueError(
            f"the gradient of a convolution of images {x.shape} by a kernel of {_by(attrs['kernel'])}: got a shape of "
            f"{dy.shape}"
        )
    return (*attrs["kernel"], each, filters)


def _only(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: attrs[k] for k in ("strides", "padding", "dilation", "groups", "exact") if k in attrs
    }


def _dx(dy: Value, w: Value, of: Value, attrs: Mapping[str, Any]) -> Value:
    return apply(CONV_DX, dy, w, **_only(attrs), image=tuple(of.shape[1:-1]))


def _dw(x: Value, dy: Value, of: Value, attrs: Mapping[str, Any]) -> Value:
    return apply(CONV_DW, x, dy, **_only(attrs), kernel=tuple(of.shape[:-2]))


def _grad(y: Value, d: Value) -> list[Value | None]:
    x, w = y.inputs
    return [_dx(d, w, x, y.attrs), _dw(x, d, w, y.attrs)]


def _grad_dx(y: Value, d: Value) -> list[Value | None]:
    dy, w = y.inputs
    return [apply(CONV, d, w, **_only(y.attrs)), _dw(d, dy, w, y.attrs)]


def _grad_dw(y: Value, d: Value) -> list[Value | None]:
    x, dy = y.inputs
    return [_dx(dy, d, x, y.attrs), apply(CONV, x, d, **_only(y.attrs))]


def _flops(y: Value) -> Dim:
    """A factor and a sum for each tap, channel and filter of each window."""
    windows, kernel = {
        "conv": lambda: (y.shape[:-1], y.inputs[1].shape),
        "conv_dx": lambda: (y.inputs[0].shape[:-1], y.inputs[1].shape),
        "conv_dw": lambda: (y.inputs[1].shape[:-1], y.shape),
    }[y.op.name]()
    return size((2, *kernel, *windows))


CONV: Op = register(
    Op(
        "conv",
        "kernel",
        _shape,
        _grad,
        np_conv,
        samples("conv"),
        emit=emit_conv,
        workspace=turned_kernel,
        flops=_flops,
        takes_epilogue=lambda y: True,
    )
)
CONV_DX: Op = register(
    Op(
        "conv_dx",
        "kernel",
        _dx_shape,
        _grad_dx,
        np_dx,
        samples("conv_dx"),
        emit=emit_dx,
        workspace=turned_kernel,
        flops=_flops,
        # with strides it is several instructions, none of which finishes whole rows
        takes_epilogue=lambda y: set(y.attrs["strides"]) == {1},
    )
)
CONV_DW: Op = register(
    Op(
        "conv_dw",
        "kernel",
        _dw_shape,
        _grad_dw,
        np_dw,
        samples("conv_dw"),
        emit=emit_dw,
        flops=_flops,
        column_sums=lambda y: (y.inputs[1], (0, y.inputs[1].ndim - 1)),
    )
)


def _numbers(what: str, value: Any, rank: int) -> tuple[int, ...]:
    found = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(found) != rank:
        raise ValueError(
            f"{what}={value!r} of a convolution over {rank} dimensions: expected {rank} numbers"
        )
    return found


def _around(padding: Any, rank: int) -> tuple[int, ...]:
    """Before and after, along each dimension, from one number or all of them."""
    if isinstance(padding, int):
        return (padding,) * (2 * rank)
    if len(padding) != 2 * rank:
        raise ValueError(
            f"padding={padding!r} of a convolution over {rank} dimensions: expected one number, or {2 * rank}, before "
            "and after along each"
        )
    return tuple(padding)


def conv(
    x: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    exact: bool = False,
) -> Value:
    """Convolution (cross-correlation) of sequences, images or volumes with a kernel.

    Parameters
    ----------
    x : Value of shape (batch, length, channels), (batch, height, width, channels) or
        (batch, depth, height, width, channels)
    kernel : Value or array of shape (*window, channels / groups, filters)
    strides, dilation : int or sequence of int, one for each dimension of the window
    padding : int or sequence of int
        Zeros before and after, along each dimension: of an image at the top, bottom, left and right.
    groups : int
        The channels of each of so many parts go to their own part of the filters.
    exact : bool
        Sum over the taps, whatever the sizes. Otherwise images with kernels of 3 x 3 taps may be computed in tiles, by
        Winograd's algorithm, where that is faster: see `gdcore.Conv2D`.

    Returns
    -------
    Value of shape (batch, *windows, filters)

    Raises
    ------
    ValueError
        If x or the kernel has another number of dimensions, their channels differ, the groups do not divide them, a
        size is out of range, or no window fits into the image.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> gd.ops.conv(gd.Input((28, 28, 3)), np.ones((3, 3, 3, 8)), strides=2)
    <conv (B, 13, 13, 8)>
    >>> gd.ops.conv(gd.Input((100, 4)), np.ones((5, 2, 6)), padding=(4, 0), groups=2)
    <conv (B, 100, 6)>
    """
    w = lift(kernel)
    rank = len(_kernel(w)) - 2
    return apply(
        CONV,
        lift(x),
        w,
        strides=_numbers("strides", strides, rank),
        padding=_around(padding, rank),
        dilation=_numbers("dilation", dilation, rank),
        groups=groups,
        **({"exact": True} if exact else {}),
    )


def conv_transpose(
    x: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Value:
    """Transposed convolution: the gradient by its input of a convolution with the same kernel.

    Parameters
    ----------
    x : Value of shape (batch, *sizes, channels)
    kernel : Value or array of shape (*window, filters / groups, channels)
    strides, dilation : int or sequence of int, one for each dimension of the window
    padding : int or sequence of int
        Before and after, along each dimension: what is cut off there of the result.
    output_padding : int or sequence of int
        By how much the result is longer at its end, along each dimension.
    groups : int
        The channels of each of so many parts go to their own part of the filters.

    Returns
    -------
    Value of shape (batch, *sizes, filters)
        Along a dimension (size - 1) stride - before - after + dilation (window - 1) + 1 + output_padding.

    Raises
    ------
    ValueError
        If x or the kernel has another number of dimensions, their channels differ, the groups do not divide them, a
        size is out of range, or `output_padding` is not smaller than the stride or the dilation.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> gd.ops.conv_transpose(gd.Input((7, 7, 16)), np.ones((4, 4, 8, 16)), 2, padding=1)
    <conv_dx (B, 14, 14, 8)>
    """
    x, w = lift(x), lift(kernel)
    window = _kernel(w)[:-2]
    rank = len(window)
    _, sizes, c = _images(x.shape, rank)
    steps, apart = _numbers("strides", strides, rank), _numbers("dilation", dilation, rank)
    around, more = _around(padding, rank), _numbers("output_padding", output_padding, rank)
    if c != w.shape[-1]:
        raise ValueError(
            f"a transposed convolution of {c} channels with a kernel of shape {w.shape}: its last size must be {c}"
        )
    if any(not 0 <= m < max(s, d) for m, s, d in zip(more, steps, apart, strict=True)):
        raise ValueError(
            f"output_padding={output_padding!r} with strides {steps} and dilation {apart}: expected at least 0, and "
            "less than the stride or the dilation"
        )
    cut, image, zeros = [], [], [(0, 0)]
    for n, s, d, k, before, after, m in zip(
        sizes, steps, apart, window, around[::2], around[1::2], more, strict=True
    ):
        longer = max(0, m - after)  # than all windows together: what no window reaches are zeros
        reached = min(longer, s - 1)
        cut += [before, after - (m - longer)]
        image.append((n - 1) * s + d * (k - 1) + 1 - cut[-2] - cut[-1] + reached)
        zeros.append((0, longer - reached))
    if min(image) < 1:
        raise ValueError(
            f"a transposed convolution of {_by(sizes)} with a padding of {around}: nothing would be left"
        )
    kinds = {"strides": steps, "padding": tuple(cut), "dilation": apart, "groups": groups}
    y = apply(CONV_DX, x, w, **kinds, image=tuple(image))
    return pad(y, [*zeros, (0, 0)]) if any(z for _, z in zeros) else y


__all__ = ["CONV", "CONV_DW", "CONV_DX", "conv", "conv_transpose", "depthwise"]
