"""Images in random graphs: their windows and convolutions. `b` is the `Builder` that draws them."""

from __future__ import annotations

from typing import Any

from gdcore import ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import input_value


def images(b: Any, rank: int) -> Value:
    """Something of (batch, ..., channels) with so many dimensions between."""
    v: Value = b.any(
        lambda u: u.ndim == rank + 2 and all(isinstance(d, int) and d > 1 for d in u.shape[1:-1])
    )
    if v.ndim != rank + 2:
        g, sizes = b.graph, [*(b.whole(2, 5) for _ in range(rank)), b.whole(1, 3)]
        v = input_value((Batch(1), *sizes), f"x{len(g.fed)}")
        v = b.keep(v, b.normal((g.rows, *sizes)), g.fed)
    return v * b.parameter((v.shape[-1],)) if b.whole(0, 1) else v


def windows(b: Any) -> Value:
    v = images(b, 2)
    kernel = (b.whole(1, 2), b.whole(1, 2))
    padding = tuple(b.whole(0, 1) for _ in range(4))
    strides = b.whole(1, 2), b.whole(1, 2)
    return ops.unfold(v, kernel, strides, padding, outside=b.pick([0.0, -1.0]))


def convolved(b: Any) -> Value:
    """Sequences, images or volumes, in groups, dilated, or the other way."""
    rank = b.pick([2, 2, 1, 3])
    v = images(b, rank)
    channels = v.shape[-1]
    assert isinstance(channels, int)
    groups = b.pick([n for n in range(1, channels + 1) if channels % n == 0])
    window = [b.whole(1, 3) for _ in range(rank)]
    strides, dilation = [[b.whole(1, 2) for _ in range(rank)] for _ in range(2)]
    padding = [b.whole(0, 1) for _ in range(2 * rank)]
    each = b.pick([1, 2, 3])
    if b.whole(0, 2) == 0:
        kernel = b.parameter((*window, each, channels))
        return ops.conv_transpose(v, kernel, strides, padding, 0, dilation, groups)
    kernel = b.parameter((*window, channels // groups, each * groups))
    return ops.conv(v, kernel, strides, padding, dilation, groups)
