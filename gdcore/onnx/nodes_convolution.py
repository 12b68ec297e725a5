"""Conv and ConvTranspose, of one to three dimensions, as traced values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.onnx.nodes_pools import channels_first, channels_last
from gdcore.onnx.nodes_shapes import transposed
from gdcore.onnx.reader import Node

SAME = (b"SAME_UPPER", b"SAME_LOWER")


class Geometry:
    """The settings of a convolution: of each dimension the size of the image, kernel, stride and dilation, and pads."""

    def __init__(self, n: Node, x: Value, sizes: Sequence[Any], groups: int) -> None:
        self.rank = rank = len(sizes)
        self.image = [d for d in x.shape[2:] if isinstance(d, int)]
        self.kernel = [d for d in sizes if isinstance(d, int)]
        if rank not in (1, 2, 3) or len(self.image) != rank or len(self.kernel) != rank:
            raise ValueError(
                f"a kernel of {rank} dimensions over shape {x.shape}: expected 1 to 3 of both, all sizes known"
            )
        if groups < 1 or n.attr("kernel_shape", self.kernel) != self.kernel:
            raise ValueError(
                f"{groups} groups and a kernel of {self.kernel}: expected the shape of its numbers"
            )
        self.groups = groups
        self.strides = self.each(n, "strides", 1)
        self.dilation = self.each(n, "dilations", 1)
        self.auto = n.attr("auto_pad", b"NOTSET")
        pads = n.attr("pads", [0] * 2 * rank)
        if self.auto not in (b"NOTSET", b"VALID", *SAME):
            raise ValueError(
                f"auto_pad {self.auto!r}: expected NOTSET, VALID, SAME_UPPER or SAME_LOWER"
            )
        if self.auto != b"NOTSET" and any(pads):
            raise ValueError(f"auto_pad {self.auto!r} and pads {pads[:8]}: expected one of them")
        if len(pads) != 2 * rank or min(pads) < 0:
            raise ValueError(f"pads {pads[:8]}: expected {2 * rank} numbers from 0")
        self.pads = [(pads[i], pads[rank + i]) for i in range(rank)]

    def each(self, n: Node, name: str, low: int) -> list[int]:
        """An attribute with a number for each dimension."""
        found = n.attr(name, [low] * self.rank)
        if len(found) != self.rank or min(found) < low:
            raise ValueError(f"{name} {found[:8]}: expected {self.rank} numbers from {low}")
        return list(found)

    def reach(self) -> list[int]:
        """How far the kernel spans along each dimension."""
        return [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]

    def convolution(self) -> list[int]:
        """Padding before and after along each dimension."""
        if self.auto in SAME:
            lengths = zip(self.image, self.strides, self.reach(), strict=True)
            totals = [max(0, (-(-n // s) - 1) * s + r - n) for n, s, r in lengths]
            self.pads = [self.halves(t, self.auto == b"SAME_UPPER") for t in totals]
        return [p for pair in self.pads for p in pair]

    @staticmethod
    def halves(total: int, odd_after: bool) -> tuple[int, int]:
        """A padding on both sides."""
        less, more = total // 2, total - total // 2
        return (less, more) if odd_after else (more, less)

    def transposed(self, n: Node) -> tuple[list[int], list[int]]:
        """What a transposed convolution cuts off before and after, and what it adds after."""
        more = self.each(n, "output_padding", 0)
        shape = n.attr("output_shape", [])
        shape = shape[-self.rank :] if len(shape) == self.rank + 2 else shape
        if self.auto in SAME and not shape:
            shape = [size * s for size, s in zip(self.image, self.strides, strict=True)]
        if shape and (len(shape) != self.rank or min(shape) < 1):
            raise ValueError(f"output_shape {shape[:8]}: expected {self.rank} numbers from 1")
        for i, length in enumerate(shape):
            whole = (self.image[i] - 1) * self.strides[i] + self.reach()[i] + more[i]
            self.pads[i] = self.halves(max(0, whole - length), self.auto == b"SAME_UPPER")
            more[i] += max(0, length - whole)
        return [p for pair in self.pads for p in pair], more


def _sizes(n: Node, x: Value, kernel: Value) -> tuple[int, int]:
    """The first two sizes of a kernel."""
    first, second = kernel.shape[:2] if kernel.ndim > 2 else (None, None)
    if not isinstance(first, int) or not isinstance(second, int) or x.ndim != kernel.ndim:
        raise ValueError(f"a kernel of shape {kernel.shape} over shape {x.shape}")
    return first, second


def _finished(n: Node, y: Value) -> Value:
    return channels_first(y + n.value(2, "bias") if n.has(2) else y)


def _conv(n: Node) -> Value:
    x, kernel, groups = n.value(0), n.value(1, "kernel"), n.attr("group", 1)
    _, depth = _sizes(n, x, kernel)
    if x.shape[1] != depth * groups:
        raise ValueError(
            f"a kernel of shape {kernel.shape} over shape {x.shape}, in {groups} groups"
        )
    g = Geometry(n, x, kernel.shape[2:], groups)
    last = transposed(kernel, [*range(2, kernel.ndim), 1, 0])
    y = ops.conv(channels_last(x), last, g.strides, g.convolution(), g.dilation, groups)
    return _finished(n, y)


def _conv_transpose(n: Node) -> Value:
    x, kernel, groups = n.value(0), n.value(1, "kernel"), n.attr("group", 1)
    channels, _ = _sizes(n, x, kernel)
    if x.shape[1] != channels:
        raise ValueError(
            f"a kernel of shape {kernel.shape} over shape {x.shape}, in {groups} groups"
        )
    g = Geometry(n, x, kernel.shape[2:], groups)
    cut, more = g.transposed(n)
    last = transposed(kernel, [*range(2, kernel.ndim), 1, 0])
    y = ops.conv_transpose(channels_last(x), last, g.strides, cut, more, g.dilation, groups)
    return _finished(n, y)


CONVOLUTIONS: dict[str, Callable[[Node], Any]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
}
