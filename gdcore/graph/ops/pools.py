"""Pools of sequences, images and volumes (batch, ..., channels): the largest element or the mean of each window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gdcore.graph.dims import Dim, Shape, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ops.pool_windows import (
    LISTS,
    Attrs,
    adaptive,
    around,
    check,
    each,
    geometry,
    np_max,
    np_max_dx,
    np_mean,
    np_mean_dx,
    np_take,
    spatial,
)
from gdcore.graph.ranges import Bounds, Lookup, or_else, or_zero, some_elements


def _pool_shape(values: Sequence[Value], attrs: Attrs) -> Shape:
    x = values[0]
    check(spatial(x.shape, "a pool"), attrs)
    return (x.shape[0], *attrs["windows"], x.shape[-1])


def _dx_shape(values: Sequence[Value], attrs: Attrs) -> Shape:
    """Of the largest elements of x, its second input."""
    dy, x = values
    if dy.shape != _pool_shape([x], attrs):
        raise ValueError(
            f"the gradient of a pool of shape {x.shape}: got a shape of {dy.shape}, "
            f"expected {_pool_shape([x], attrs)}"
        )
    return x.shape


def _take_shape(values: Sequence[Value], attrs: Attrs) -> Shape:
    d, x = values
    if d.shape != x.shape:
        raise ValueError(f"elements of shape {d.shape} at the maxima of shape {x.shape}")
    return _pool_shape([x], attrs)


def _mean_dx_shape(values: Sequence[Value], attrs: Attrs) -> Shape:
    dy, image = values[0], tuple(attrs["image"])
    check(image, attrs)
    if dy.shape != (dy.shape[0], *attrs["windows"], dy.shape[-1]):
        raise ValueError(f"the gradient of a pool with windows {attrs['windows']}: got {dy.shape}")
    return (dy.shape[0], *image, dy.shape[-1])


def _without_image(attrs: Attrs) -> dict[str, Any]:
    return {k: v for k, v in attrs.items() if k != "image"}


# --- instructions: see csrc/ops/pool.c for the order of the sizes ---------------------------


def _emit(y: Value, e: Emitter) -> None:
    """Of one or two dimensions, those that lack are of one element."""
    image = y if y.op.name.endswith("dx") else y.inputs[0]
    sizes, attrs, lists = spatial(image.shape, "a pool"), y.attrs, []
    for _ in range(3 - len(sizes)):
        lists += [1, 1, 1, 1, 0, 0, 1]
    for i, length in enumerate(sizes):
        k, s, before, after, d, n = (attrs[key][i] for key in LISTS)
        lists += [length, n, k, s, before, after, d]
    channels = image.shape[-1]
    assert isinstance(channels, int)
    e.kernel(
        y.op.name,
        [e.ref(y), *(e.ref(x) for x in y.inputs)],
        dims=[y.shape[0]],
        attrs=[channels, int(attrs.get("counted", False)), *lists],
    )


def _flops(y: Value) -> Dim:
    """One for each element of each window."""
    image = y if y.op.name.endswith("dx") else y.inputs[0]
    sizes = spatial(image.shape, "a pool")
    kernel = [
        k or -(-length // n)
        for k, length, n in zip(y.attrs["kernel"], sizes, y.attrs["windows"], strict=True)
    ]
    return size((image.shape[0], image.shape[-1], *kernel, *y.attrs["windows"]))


# --- samples and registry -------------------------------------------------------------------


# shape of x, and its pool: kernel, strides, before, after, dilation, ceil
_CASES: list[tuple[tuple[int, ...], dict[str, tuple[int, ...]]]] = [
    ((2, 4, 6, 3), geometry((4, 6), (2, 2), (2, 2), (0, 0), (0, 0), (1, 1))),
    ((1, 5, 4, 2), geometry((5, 4), (3, 2), (1, 1), (1, 1), (1, 0), (1, 1))),
    ((1, 7, 5, 1), geometry((7, 5), (3, 3), (2, 2), (1, 0), (0, 1), (1, 1), True)),
    ((1, 7, 6, 1), geometry((7, 6), (2, 2), (3, 4), (0, 1), (0, 0), (1, 1))),
    ((1, 6, 5, 2), geometry((6, 5), (2, 3), (1, 2), (2, 3), (0, 2), (3, 2))),
    ((2, 9, 2), geometry((9,), (2,), (2,), (0,), (0,), (1,))),
    ((1, 1, 2), geometry((1,), (2,), (1,), (2,), (3,), (3,))),  # a window of padding alone
    ((1, 3, 4, 3, 2), geometry((3, 4, 3), (2, 2, 2), (1, 2, 2), (0, 0, 1), (0, 0, 0), (1, 1, 1))),
    ((2, 4, 2, 3, 1), geometry((4, 2, 3), (2, 2, 2), (2, 2, 2), (0, 0, 0), (0, 0, 1), (1, 1, 1))),
    ((1, 7, 5, 2), adaptive((7, 5), (3, 2))),
    ((1, 6, 4, 2), adaptive((6, 4), (3, 1))),
    ((1, 3, 2), adaptive((3,), (5,))),
    ((3, 9, 8, 33), geometry((9, 8), (3, 3), (2, 2), (1, 1), (1, 1), (1, 1))),
    ((2, 6, 6, 64), geometry((6, 6), (2, 2), (2, 2), (0, 0), (0, 0), (1, 1))),
    ((1, 4, 4, 2048), geometry((4, 4), (3, 3), (2, 2), (0, 0), (0, 0), (1, 1), True)),
    ((2, 5, 5, 300), geometry((5, 5), (2, 2), (2, 2), (0, 0), (1, 1), (1, 1))),
    ((1, 200, 3), geometry((200,), (150,), (50,), (0,), (0,), (1,))),
    ((0, 4, 4, 2), geometry((4, 4), (2, 2), (2, 2), (0, 0), (0, 0), (1, 1))),
]


def _samples(which: str) -> tuple[Sample, ...]:
    out = []
    for x, attrs in _CASES:
        if which == "max_pool" and x == (1, 1, 2):
            continue  # -inf
        y = (x[0], *attrs["windows"], x[-1])
        shapes = {"w": y, "i": x}
        means = which in ("avg_pool", "avg_pool_dx")
        operands = {"max_pool": "i", "max_pool_dx": "wi", "max_pool_take": "ii", "avg_pool": "i"}
        for counted in (False, True)[: 1 + means]:
            more: dict[str, Any] = {"counted": counted} if means else {}
            if which == "avg_pool_dx":
                more["image"] = x[1:-1]
            given = tuple(shapes[k] for k in operands.get(which, "w"))
            out.append(Sample(given, {**attrs, **more}))
    return tuple(out)


def _mean_bounds(y: Value, of: Lookup) -> Bounds:
    """A window that counts its padding has zeros in it; one of padding alone is 0."""
    return or_zero(y, of) if _padded(y) else some_elements(y, of)


def _max_bounds(y: Value, of: Lookup) -> Bounds:
    return or_else(y, of, -math.inf) if _padded(y) else some_elements(y, of)


def _padded(y: Value) -> bool:
    return any(y.attrs["before"]) or any(y.attrs["after"])


MAX_POOL: Op = register(
    Op(
        "max_pool",
        "kernel",
        _pool_shape,
        lambda y, d: [apply(MAX_POOL_DX, d, y.inputs[0], **y.attrs)],
        np_max,
        _samples("max_pool"),
        emit=_emit,
        flops=_flops,
        bounds=_max_bounds,
    )
)
MAX_POOL_DX: Op = register(
    Op(
        "max_pool_dx",
        "kernel",
        _dx_shape,
        lambda y, d: [apply(MAX_POOL_TAKE, d, y.inputs[1], **y.attrs), None],
        np_max_dx,
        _samples("max_pool_dx"),
        emit=_emit,
        flops=_flops,
    )
)
MAX_POOL_TAKE: Op = register(
    Op(
        "max_pool_take",
        "kernel",
        _take_shape,
        lambda y, d: [apply(MAX_POOL_DX, d, y.inputs[1], **y.attrs), None],
        np_take,
        _samples("max_pool_take"),
        emit=_emit,
        flops=_flops,
    )
)
AVG_POOL: Op = register(
    Op(
        "avg_pool",
        "kernel",
        _pool_shape,
        lambda y, d: [
            apply(
                AVG_POOL_DX,
                d,
                **y.attrs,
                image=spatial(y.inputs[0].shape, "the gradient of a pool"),
            )
        ],
        np_mean,
        _samples("avg_pool"),
        emit=_emit,
        flops=_flops,
        bounds=_mean_bounds,
    )
)
AVG_POOL_DX: Op = register(
    Op(
        "avg_pool_dx",
        "kernel",
        _mean_dx_shape,
        lambda y, d: [apply(AVG_POOL, d, **_without_image(y.attrs))],
        np_mean_dx,
        _samples("avg_pool_dx"),
        emit=_emit,
        flops=_flops,
    )
)


# --- public functions -----------------------------------------------------------------------


def _attrs(
    x: Value, kernel: Any, strides: Any, padding: Any, dilation: Any, ceil: bool, what: str
) -> dict[str, Any]:
    sizes = spatial(x.shape, what)
    rank = len(sizes)
    window = each("kernel", kernel, rank)
    steps = window if strides is None else each("strides", strides, rank)
    before, after = around(padding, rank)
    return geometry(sizes, window, steps, before, after, each("dilation", dilation, rank), ceil)


def max_pool(
    x: Any,
    kernel: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: int | Sequence[Any] = 0,
    dilation: int | Sequence[int] = 1,
    ceil: bool = False,
) -> Value:
    """The largest element of each window, channel by channel; of equal ones the first gets the gradient.

    Parameters
    ----------
    x : Value of shape (batch, [[planes,] height,] width, channels)
    kernel : int or one for each axis between batch and channels
        Elements of a window.
    strides : likewise, optional
        From one window to the next; None stands for the kernel.
    padding : int, one for each axis, or (before, after) for each axis
        It takes no part in a maximum; a window of padding alone gives -inf.
    dilation : int or one for each axis
        Elements from one of a window to the next.
    ceil : bool
        Whether a last window that is not full counts.

    Returns
    -------
    Value of shape (batch, [[windows,] windows,] windows, channels)

    Raises
    ------
    ValueError
        If x has another number of dimensions, a size is out of range, or no window fits into the image.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.max_pool(gd.Input((28, 28, 3)), 3, strides=2)
    <max_pool (B, 13, 13, 3)>
    """
    value = lift(x)
    return apply(
        MAX_POOL, value, **_attrs(value, kernel, strides, padding, dilation, ceil, "max_pool")
    )


def avg_pool(
    x: Any,
    kernel: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: int | Sequence[Any] = 0,
    dilation: int | Sequence[int] = 1,
    ceil: bool = False,
    count_padding: bool = False,
) -> Value:
    """The mean of each window, channel by channel.

    Parameters
    ----------
    x, kernel, strides, padding, dilation, ceil
        As for `max_pool`; padding is of zeros.
    count_padding : bool
        Whether the mean is over the padding in a window, too. What `ceil` adds beyond it never counts.

    Returns
    -------
    Value of shape (batch, [[windows,] windows,] windows, channels)
        A window of padding alone gives 0.

    Raises
    ------
    ValueError
        If x has another number of dimensions, a size is out of range, or no window fits into the image.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input((4, 1))
    >>> gd.Model(x, gd.ops.avg_pool(x, 2)).predict([[[1.0], [3.0], [5.0], [6.0]]]).tolist()
    [[[2.0], [5.5]]]
    """
    value = lift(x)
    attrs = _attrs(value, kernel, strides, padding, dilation, ceil, "avg_pool")
    return apply(AVG_POOL, value, **attrs, counted=bool(count_padding))


def adaptive_max_pool(x: Any, windows: int | Sequence[int]) -> Value:
    """The largest element of each of so many windows of equal length, which overlap where it does not come out.

    Parameters
    ----------
    x : Value of shape (batch, [[planes,] height,] width, channels)
    windows : int or one for each axis
        Window o of n along an axis of l elements holds elements ⌊o l / n⌋ to ⌈(o + 1) l / n⌉ - 1.

    Returns
    -------
    Value of shape (batch, *windows, channels)

    Raises
    ------
    ValueError
        If x has another number of dimensions, or there is less than one window.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.adaptive_max_pool(gd.Input((30, 25, 8)), 7)
    <max_pool (B, 7, 7, 8)>
    """
    return apply(MAX_POOL, x, **_adaptive(lift(x), windows, "adaptive_max_pool"))


def adaptive_avg_pool(x: Any, windows: int | Sequence[int]) -> Value:
    """The mean of each of so many windows of equal length, which overlap where it does not come out.

    Parameters
    ----------
    x, windows
        As for `adaptive_max_pool`.

    Returns
    -------
    Value of shape (batch, *windows, channels)

    Raises
    ------
    ValueError
        If x has another number of dimensions, or there is less than one window.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.adaptive_avg_pool(gd.Input((30, 25, 8)), (7, 1))
    <avg_pool (B, 7, 1, 8)>
    """
    return apply(AVG_POOL, x, **_adaptive(lift(x), windows, "adaptive_avg_pool"), counted=False)


def _adaptive(x: Value, windows: int | Sequence[int], what: str) -> dict[str, tuple[int, ...]]:
    sizes = spatial(x.shape, what)
    return adaptive(sizes, each("windows", windows, len(sizes)))
