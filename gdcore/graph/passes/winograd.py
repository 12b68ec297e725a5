"""Convolutions that Winograd's algorithm computes: the attribute `winograd` of each is set, and the print names it.

It takes a quarter of the products of a sum over 3 x 3 taps, and rounds some five times as much. Chosen by sizes alone,
so that a plan does not depend on the machine: where the products saved are worth more than turning tiles and kernel. A
layer with ``exact=True`` is left as it is, as are all in float64. Products of rounded factors would make the error of
the factors many times larger here, so that what is chosen beside bfloat16 stays in float32, where it is faster yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from gdcore.graph.dims import at_batch
from gdcore.graph.ir import Value, rewrite, with_attrs
from gdcore.graph.ops.convolution_plans import fixed
from gdcore.graph.ops.convolutions import CONV, CONV_DW, CONV_DX

TILE, POINTS, TAPS = 4, 36, 9
BY_INSTRUCTIONS = 2  # of `gdcore.compute`
LEAST = 16  # channels and filters
# What turning a tile's or the kernel's element of one point takes, in products and sums; and how much less all of it
# has to be than the sum over taps, in float32 and in products of pairs of bfloat16. Measured on AVX-512 over images of
# 3 to 56 pixels, 16 to 512 channels, batches of 1 to 64 (bench/profile.py: cnn, resnet20).
TURN_TILE, TURN_KERNEL, GAIN, GAIN_OVER_PAIRS = 10, 21, 1.25, 1.7


def winograd_products(roots: Sequence[Value], batch: int, bfloat16: int) -> dict[Value, Value]:
    """For every value of a graph, one whose convolutions of 3 x 3 taps are computed in tiles where that pays.

    Parameters
    ----------
    roots : sequence of Value
    batch : int
        The plan's largest.
    bfloat16 : int
        How other products round their factors, see `gdcore.compute`.
    """
    gain = GAIN_OVER_PAIRS if bfloat16 == BY_INSTRUCTIONS else GAIN

    def tiled(v: Value) -> Value:
        if v.op not in (CONV, CONV_DX, CONV_DW) or not _pays(v, batch, gain):
            return v
        return with_attrs(v, winograd=True)

    return rewrite(roots, tiled)


def _pays(v: Value, batch: int, gain: float) -> bool:
    """Whether the tiles of a convolution of 3 x 3 neighbouring taps take so much less than its sums."""
    kernel = fixed((v if v.op is CONV_DW else v.inputs[1]).shape)
    *taps, c, n = kernel
    plain = {1} == {*v.attrs["strides"], *v.attrs["dilation"], v.attrs["groups"]}
    if taps != [3, 3] or not plain or v.attrs.get("exact") or min(c, n) < LEAST:
        return False
    images, *sizes, _ = (v.inputs[1] if v.op is CONV_DW else v).shape
    many, pixels = at_batch(images, batch), fixed(sizes)
    tiles = many * prod(-(-s // TILE) for s in pixels)
    turned = TURN_TILE * tiles * (c + n) + TURN_KERNEL * c * n
    return TAPS * many * prod(pixels) * c * n > gain * POINTS * (tiles * c * n + turned)
