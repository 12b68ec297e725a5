"""Convolution in float64 NumPy, one tap at a time, and the samples by which it is tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.ir import Sample


def _taps(
    kernel: Sequence[int], windows: Sequence[int], attrs: Mapping[str, Any]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each tap, and where in the padded image the windows have it."""
    for tap in np.ndindex(*kernel):
        yield (
            tap,
            (
                slice(None),
                *(
                    slice(t * d, t * d + (n - 1) * s + 1, s)
                    for t, d, s, n in zip(
                        tap, attrs["dilation"], attrs["strides"], windows, strict=True
                    )
                ),
            ),
        )


def _padding(attrs: Mapping[str, Any]) -> list[tuple[int, int]]:
    around = attrs["padding"]
    return [(0, 0), *zip(around[::2], around[1::2], strict=True), (0, 0)]


def windows_of(
    image: Sequence[int], kernel: Sequence[int], attrs: Mapping[str, Any]
) -> tuple[int, ...]:
    """How many windows there are along each dimension."""
    around = attrs["padding"]
    sizes = zip(image, around[::2], around[1::2], kernel, strict=True)
    steps = zip(attrs["strides"], attrs["dilation"], strict=True)
    return tuple(
        (n + a + b - d * (k - 1) - 1) // s + 1
        for (n, a, b, k), (s, d) in zip(sizes, steps, strict=True)
    )


def _split(x: np.ndarray, groups: int) -> np.ndarray:
    return x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)


def _kernel_of(w: np.ndarray, tap: tuple[int, ...], groups: int) -> np.ndarray:
    """(channels of a group, groups, filters of a group)."""
    return _split(w[tap], groups)


def np_conv(x: np.ndarray, w: np.ndarray, **attrs: Any) -> np.ndarray:
    """The convolution; see `gdcore.ops.conv`."""
    groups, padded = attrs["groups"], np.pad(x, _padding(attrs))
    windows = windows_of(x.shape[1:-1], w.shape[:-2], attrs)
    y = np.zeros((x.shape[0], *windows, groups, w.shape[-1] // groups))
    for tap, at in _taps(w.shape[:-2], windows, attrs):
        y += np.einsum("...gc,cgf->...gf", _split(padded[at], groups), _kernel_of(w, tap, groups))
    return y.reshape(*y.shape[:-2], w.shape[-1])


def np_dx(dy: np.ndarray, w: np.ndarray, **attrs: Any) -> np.ndarray:
    """Its gradient by the input."""
    groups, image = attrs["groups"], attrs["image"]
    channels = w.shape[-2] * groups
    shape = (dy.shape[0], *image, channels)
    padding = _padding(attrs)
    padded = np.zeros([n + a + b for n, (a, b) in zip(shape, padding, strict=True)])
    for tap, at in _taps(w.shape[:-2], dy.shape[1:-1], attrs):
        part = np.einsum("...gf,cgf->...gc", _split(dy, groups), _kernel_of(w, tap, groups))
        padded[at] += part.reshape(*dy.shape[:-1], channels)
    return padded[tuple(slice(a, a + n) for n, (a, _) in zip(shape, padding, strict=True))]


def np_dw(x: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    """Its gradient by the kernel."""
    groups, padded = attrs["groups"], np.pad(x, _padding(attrs))
    c, f = x.shape[-1] // groups, dy.shape[-1]
    dw = np.zeros((*attrs["kernel"], c, f))
    for tap, at in _taps(attrs["kernel"], dy.shape[1:-1], attrs):
        rows, by = _split(padded[at], groups), _split(dy, groups)
        rows, by = rows.reshape(-1, groups, c), by.reshape(-1, groups, f // groups)
        dw[tap] = np.einsum("pgc,pgf->cgf", rows, by).reshape(c, f)
    return dw


# images, kernel, strides, padding (before, after for each dimension), dilation, groups
_Case = tuple[tuple[int, ...], tuple[int, ...], Any, Any, Any, int]
_CASES: list[_Case] = [
    ((2, 4, 5, 2), (2, 3, 2, 2), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    ((1, 5, 4, 1), (3, 3, 1, 2), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    ((2, 5, 5, 1), (3, 2, 1, 1), (2, 3), (0, 1, 1, 1), (1, 1), 1),
    ((1, 6, 6, 2), (2, 2, 2, 1), (1, 2), (1, 0, 0, 2), (3, 2), 1),
    ((1, 7, 5, 1), (3, 2, 1, 2), (3, 2), (2, 0, 1, 0), (2, 4), 1),
    ((2, 4, 4, 3), (1, 1, 3, 2), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    ((1, 5, 4, 2), (1, 1, 2, 3), (2, 3), (0, 0, 0, 0), (1, 1), 1),
    ((3, 9, 8, 5), (3, 3, 5, 7), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    ((2, 9, 11, 16), (3, 3, 16, 33), (2, 2), (1, 1, 1, 1), (1, 1), 1),
    ((2, 6, 6, 64), (3, 3, 64, 20), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    ((40, 5, 5, 4), (3, 3, 4, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    ((9, 12, 12, 1), (5, 5, 1, 6), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    ((2, 9, 9, 300), (2, 2, 300, 3), (3, 3), (4, 4, 4, 4), (2, 2), 1),
    ((0, 4, 4, 2), (3, 3, 2, 3), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    # few channels, rows longer and shorter than a vector, rims
    ((3, 17, 19, 3), (3, 3, 3, 24), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    ((5, 14, 14, 6), (5, 5, 6, 16), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    ((2, 13, 21, 3), (4, 4, 3, 8), (2, 2), (1, 2, 2, 1), (1, 1), 1),
    ((2, 3, 70, 1), (3, 5, 1, 2), (1, 1), (1, 1, 2, 2), (1, 2), 1),
    # groups: of several channels, and of one, once or several times
    ((2, 4, 3, 4), (2, 2, 2, 2), (1, 1), (1, 0, 0, 1), (1, 1), 2),
    ((2, 7, 6, 24), (3, 3, 8, 30), (2, 1), (1, 1, 1, 1), (1, 1), 3),
    ((1, 4, 3, 3), (2, 2, 1, 3), (1, 1), (1, 0, 1, 1), (1, 1), 3),
    ((1, 5, 4, 2), (2, 2, 1, 4), (2, 3), (1, 1, 0, 1), (1, 1), 2),
    ((1, 6, 4, 2), (2, 2, 1, 6), (1, 1), (2, 0, 1, 1), (3, 2), 2),
    ((2, 9, 75, 21), (3, 3, 1, 21), (1, 1), (1, 1, 1, 1), (1, 1), 21),
    ((2, 8, 7, 33), (5, 5, 1, 66), (2, 2), (2, 2, 2, 2), (1, 1), 33),
    ((3, 5, 70, 17), (3, 6, 1, 17), (2, 2), (1, 1, 3, 3), (1, 1), 17),
    ((2, 4, 4, 2), (3, 3, 1, 2), (1, 1), (4, 4, 4, 4), (2, 2), 2),
    ((0, 4, 4, 2), (3, 3, 1, 4), (1, 1), (0, 0, 0, 0), (1, 1), 2),
    # sequences and volumes
    ((2, 9, 2), (3, 2, 3), (2,), (2, 0), (1,), 1),
    ((2, 150, 3), (4, 3, 5), (1,), (9, 0), (3,), 1),
    ((1, 24, 70, 8), (3, 3, 8, 4), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    ((1, 1100, 2), (3, 2, 3), (1,), (2, 1), (2,), 1),
    ((1, 600, 4), (3, 2, 2), (1,), (0, 0), (1,), 2),
    ((2, 9, 4), (3, 1, 8), (2,), (1, 1), (1,), 4),
    ((2, 100, 20), (3, 1, 20), (1,), (2, 0), (1,), 20),
    ((1, 3, 4, 3, 1), (2, 2, 2, 1, 2), (1, 1, 1), (0, 1, 1, 0, 0, 0), (1, 1, 1), 1),
    ((2, 5, 6, 7, 3), (3, 2, 3, 3, 9), (2, 1, 2), (1, 1, 0, 0, 1, 1), (1, 1, 1), 1),
    ((1, 4, 3, 4, 2), (2, 2, 2, 1, 4), (2, 1, 1), (1, 1, 0, 0, 0, 1), (1, 1, 2), 2),
    ((2, 4, 5, 6, 18), (3, 3, 3, 1, 18), (1, 2, 1), (1, 1, 1, 1, 1, 1), (1, 1, 1), 18),
]  # fmt: skip


def samples(which: str) -> tuple[Sample, ...]:
    """The cases for one of the three ops."""
    out = []
    for x, w, strides, padding, dilation, groups in _CASES:
        attrs = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
        y = (x[0], *windows_of(x[1:-1], w[:-2], attrs), w[-1])
        shapes, more = {
            "conv": ((x, w), {}),
            "conv_dx": ((y, w), {"image": x[1:-1]}),
            "conv_dw": ((x, y), {"kernel": w[:-2]}),
        }[which]
        out.append(Sample(shapes, {**attrs, **more}))
    return tuple(out)
