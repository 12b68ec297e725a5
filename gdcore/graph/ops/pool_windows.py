"""The windows of pools: how many there are, which elements each holds, and pools in NumPy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from gdcore.graph.dims import Shape

Attrs = Mapping[str, Any]
LISTS = ("kernel", "strides", "before", "after", "dilation", "windows")
_LEAST = {"kernel": 0, "strides": 1, "before": 0, "after": 0, "dilation": 1, "windows": 1}


def spatial(shape: Shape, what: str) -> tuple[int, ...]:
    """The sizes between batch and channels, of which there are one to three."""
    sizes = tuple(d for d in shape[1:] if isinstance(d, int))
    if not 3 <= len(shape) <= 5 or len(sizes) != len(shape) - 1:
        raise ValueError(
            f"{what} of a value of shape {shape}: "
            "expected (batch, [[planes,] height,] width, channels)"
        )
    if 0 in sizes[:-1]:
        raise ValueError(f"{what} of a value of shape {shape}: expected sizes of at least 1")
    return sizes[:-1]


def check(sizes: Sequence[int], attrs: Attrs) -> None:
    for key in LISTS:
        found = attrs[key]
        if len(found) != len(sizes) or min(found) < _LEAST[key]:
            raise ValueError(
                f"a pool with {key}={tuple(found)} over {tuple(sizes)}: expected {len(sizes)} whole "
                f"numbers from {_LEAST[key]}"
            )
    for i, length in enumerate(sizes):
        k, s, b, a, d, n = (attrs[key][i] for key in LISTS)
        spare = length + b + a - d * (k - 1) - 1
        if k and n > 1 and not -s < (n - 1) * s - spare < s:
            raise ValueError(
                f"a pool with windows={tuple(attrs['windows'])} over {tuple(sizes)}: expected "
                f"{spare // s + 1} or, with one that is not full, {-(-spare // s) + 1} along axis {i}"
            )
    if any(k == 0 and d != 1 for k, d in zip(attrs["kernel"], attrs["dilation"], strict=True)):
        raise ValueError("an adaptive pool with dilation: expected a dilation of 1")


def geometry(
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    before: Sequence[int],
    after: Sequence[int],
    dilation: Sequence[int],
    ceil: bool = False,
) -> dict[str, tuple[int, ...]]:
    """The attributes of a pool over such sizes: how many windows there are, and all else as it is.

    With `ceil` a last window that is not full counts, if it begins within the image or the padding before it.
    """
    given = {
        "kernel": kernel,
        "strides": strides,
        "before": before,
        "after": after,
        "dilation": dilation,
        "windows": (1,) * len(sizes),
    }
    check(sizes, given)
    windows = []
    for n, k, s, b, a, d in zip(sizes, kernel, strides, before, after, dilation, strict=True):
        spare = n + b + a - (k - 1) * d - 1
        if spare < 0 or k < 1:
            raise ValueError(
                f"a pool with windows of {tuple(kernel)} does not fit into {tuple(sizes)}: "
                "make it smaller or pad the image"
            )
        count = (-(-spare // s) if ceil else spare // s) + 1
        windows.append(count - 1 if ceil and (count - 1) * s >= n + b else count)
    return {k: tuple(map(int, v)) for k, v in {**given, "windows": windows}.items()}


def adaptive(sizes: Sequence[int], windows: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The attributes of a pool whose windows divide each axis into equal parts, as far as that comes out."""
    zeros, ones = (0,) * len(sizes), (1,) * len(sizes)
    return {
        "kernel": zeros,
        "strides": ones,
        "before": zeros,
        "after": zeros,
        "dilation": ones,
        "windows": tuple(map(int, windows)),
    }


def each(what: str, given: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """One number for each axis, from one or as many."""
    found = (given,) * rank if isinstance(given, int | np.integer) else tuple(given)
    if len(found) != rank or not all(isinstance(n, int | np.integer) for n in found):
        raise ValueError(f"{what}={given!r} over {rank} dimensions: expected 1 or {rank} numbers")
    return tuple(map(int, found))


def around(
    given: int | Sequence[int | Sequence[int]], rank: int, what: str = "padding"
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers before and after along each axis, from one number, one for each axis, or (before, after) for each."""
    each = [given] * rank if isinstance(given, int | np.integer) else list(given)
    pairs = [(p, p) if isinstance(p, int | np.integer) else tuple(p) for p in each]
    if len(pairs) != rank or any(
        len(p) != 2 or not all(isinstance(n, int | np.integer) and n >= 0 for n in p) for p in pairs
    ):
        raise ValueError(
            f"{what}={given!r} over {rank} dimensions: expected a number from 0, {rank} of them, or "
            f"{rank} pairs (before, after)"
        )
    before, after = zip(*pairs, strict=True)
    return tuple(map(int, before)), tuple(map(int, after))


def same_padding(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """(before, after) for ⌈size / stride⌉ windows along each axis; of an odd number the larger half comes after."""
    totals = [
        max(0, (-(-n // s) - 1) * s + k - n) for n, k, s in zip(sizes, kernel, strides, strict=True)
    ]
    return [(t // 2, t - t // 2) for t in totals]


# --- references -----------------------------------------------------------------------------


def np_places(length: int, attrs: Attrs, i: int) -> list[tuple[list[int], int]]:
    """For each window along an axis the elements that it holds, and how many it has with its padding."""
    k, s, before, after, d, n = (attrs[key][i] for key in LISTS)
    out = []
    for o in range(n):
        if k == 0:
            at = list(range(o * length // n, -(-(o + 1) * length // n)))
            out.append((at, len(at)))
        else:
            at = [o * s - before + j * d for j in range(k)]
            out.append(([p for p in at if 0 <= p < length], sum(p < length + after for p in at)))
    return out


def _np_windows(image: Sequence[int], attrs: Attrs) -> list[tuple[Any, Any, int]]:
    """(index of the window, index of its elements, what a mean divides by) of every window."""
    axes = [np_places(length, attrs, i) for i, length in enumerate(image)]
    out = []
    for window in product(*(range(len(a)) for a in axes)):
        held = [a[o] for a, o in zip(axes, window, strict=True)]
        n = math.prod(h[1] if attrs.get("counted") else len(h[0]) for h in held)
        at = list(product(*(h[0] for h in held)))
        index = tuple(np.array([p[i] for p in at], int) for i in range(len(image)))
        out.append(((slice(None), *window), (slice(None), *index), n))
    return out


def np_max(x: np.ndarray, **attrs: Any) -> np.ndarray:
    y = np.empty((len(x), *attrs["windows"], x.shape[-1]))
    for window, at, _ in _np_windows(x.shape[1:-1], attrs):
        y[window] = x[at].max(axis=1, initial=-np.inf)
    return y


def np_mean(x: np.ndarray, **attrs: Any) -> np.ndarray:
    y = np.empty((len(x), *attrs["windows"], x.shape[-1]))
    for window, at, n in _np_windows(x.shape[1:-1], attrs):
        y[window] = x[at].sum(axis=1) / max(n, 1)
    return y


def np_max_dx(dy: np.ndarray, x: np.ndarray, **attrs: Any) -> np.ndarray:
    dx = np.zeros(x.shape)
    for window, at, _ in _np_windows(x.shape[1:-1], attrs):
        if x[at].shape[1]:
            first = np.arange(x[at].shape[1])[:, None] == x[at].argmax(axis=1)[:, None]
            dx[at] += first * dy[window][:, None]
    return dx


def np_take(d: np.ndarray, x: np.ndarray, **attrs: Any) -> np.ndarray:
    y = np.zeros((len(x), *attrs["windows"], x.shape[-1]))
    for window, at, _ in _np_windows(x.shape[1:-1], attrs):
        if x[at].shape[1]:
            y[window] = np.take_along_axis(d[at], x[at].argmax(axis=1)[:, None], 1)[:, 0]
    return y


def np_mean_dx(dy: np.ndarray, **attrs: Any) -> np.ndarray:
    dx = np.zeros((len(dy), *attrs["image"], dy.shape[-1]))
    for window, at, n in _np_windows(attrs["image"], attrs):
        dx[at] += dy[window][:, None] / max(n, 1)
    return dx
