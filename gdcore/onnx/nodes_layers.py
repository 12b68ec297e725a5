"""Nodes that are layers: products, convolution, normalization, as traced values.

ONNX has the channels of an image first and gdcore last: an image is transposed at each of these
nodes, and adjacent transposes cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gdcore import ops
from gdcore.graph.dims import Dim, broadcast, size
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import STATE
from gdcore.graph.ops.training_ops import when_training, with_update
from gdcore.onnx.nodes_pools import channels_first, channels_last
from gdcore.onnx.nodes_shapes import axis_of, transposed
from gdcore.onnx.reader import Node


def _gemm(n: Node) -> Value:
    a, b = n.value(0), n.value(1, "kernel")
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"shapes {a.shape} and {b.shape}: expected two dimensions in each")
    a = ops.transpose(a) if n.attr("transA", 0) else a
    b = ops.transpose(b) if n.attr("transB", 0) else b
    y, alpha, beta = ops.matmul(a, b), n.attr("alpha", 1.0), n.attr("beta", 1.0)
    y = y if alpha == 1.0 else y * alpha
    n.attr("broadcast", 0)  # of opset 6: NumPy's rules, of which it is a case
    if not n.has(2) or n.item(2) is None or beta == 0.0:
        return y
    c = n.value(2, "bias")
    return y + (c if beta == 1.0 else c * beta)


def _matmul(n: Node) -> Value:
    a, b = n.value(0), n.value(1, "kernel")
    if min(a.ndim, b.ndim) >= 2 and b.ndim > 2 and a.shape[:-2] != b.shape[:-2]:
        lead = broadcast(a.shape[:-2], b.shape[:-2])
        a = ops.broadcast_to(a, (*lead, *a.shape[-2:]))
        b = ops.broadcast_to(b, (*lead, *b.shape[-2:]))
    elif b.ndim > 2 and a.ndim == 1:
        a = ops.broadcast_to(a, (*b.shape[:-2], 1, *a.shape))
        return ops.squeeze(ops.matmul(a, b), -2)
    return ops.matmul(a, b)


# --- windows -------------------------------------------------------------------------


class Window:
    """The settings of a window over images, those of a sequence among them, as gdcore has them."""

    def __init__(self, n: Node, image: Sequence[Dim], kernel: Sequence[int]) -> None:
        rank = len(kernel)
        if rank not in (1, 2) or len(image) != rank:
            raise ValueError(
                f"a window of {rank} dimensions over shape {tuple(image)}: expected 1 or 2 of both"
            )
        self.sizes = [d for d in image if isinstance(d, int)]
        self.kernel = list(kernel)
        self.strides = self._each(n, "strides", rank)
        self.dilation = self._each(n, "dilations", rank)
        if len(self.sizes) != rank or min(*self.sizes, *self.kernel, *self.strides) < 1:
            raise ValueError(f"a window of {kernel} over {tuple(image)}: expected sizes from 1")
        self.before, self.after = self._pads(n, rank)

    def _each(self, n: Node, name: str, rank: int) -> list[int]:
        found = n.attr(name, [1] * rank)
        if len(found) != rank or min(found) < 1:
            raise ValueError(f"{name} {found[:8]}: expected {rank} numbers from 1")
        return list(found)

    def _reach(self, i: int) -> int:
        return self.dilation[i] * (self.kernel[i] - 1) + 1

    def _pads(self, n: Node, rank: int) -> tuple[list[int], list[int]]:
        auto, pads = n.attr("auto_pad", b"NOTSET"), n.attr("pads", [0] * 2 * rank)
        if auto != b"NOTSET" and any(pads):
            raise ValueError(f"auto_pad {auto!r} and pads {pads[:8]}: expected one of them")
        if auto in (b"SAME_UPPER", b"SAME_LOWER"):
            before, after = [], []
            for i in range(rank):
                length, stride = self.sizes[i], self.strides[i]
                total = max(0, (-(-length // stride) - 1) * stride + self._reach(i) - length)
                less, more = total // 2, total - total // 2
                before.append(less if auto == b"SAME_UPPER" else more)
                after.append(more if auto == b"SAME_UPPER" else less)
            return before, after
        if auto not in (b"NOTSET", b"VALID"):
            raise ValueError(f"auto_pad {auto!r}: expected NOTSET, VALID, SAME_UPPER or SAME_LOWER")
        if len(pads) != 2 * rank or min(pads) < 0:
            raise ValueError(f"pads {pads[:8]}: expected {2 * rank} numbers from 0")
        return list(pads[:rank]), list(pads[rank:])

    def over(self, x: Value, outside: float = 0.0) -> Value:
        """The windows of (B, channels, ...): (B, rows, columns, places, channels)."""
        kernel = self._two(self.kernel, 1)
        return ops.unfold(self._image(x), kernel, *self._geometry(), outside)

    def convolved(self, x: Value, kernel: Value) -> Value:
        """(B, rows, columns, filters) by a kernel of shape (..., channels, filters)."""
        flat = kernel if kernel.ndim == 4 else ops.expand_dims(kernel, 0)
        return ops.conv2d(self._image(x), flat, *self._geometry())

    def _image(self, x: Value) -> Value:
        image = channels_last(x)
        return ops.expand_dims(image, 1) if len(self.kernel) == 1 else image

    def _geometry(self) -> tuple[Any, Any, Any]:
        """Strides, padding and dilation."""
        (top, left), (bottom, right) = self._two(self.before, 0), self._two(self.after, 0)
        around = (top, bottom, left, right)
        return self._two(self.strides, 1), around, self._two(self.dilation, 1)

    def back(self, y: Value) -> Value:
        """(B, rows, columns, channels) as (B, channels, ...)."""
        return channels_first(ops.squeeze(y, 1) if len(self.kernel) == 1 else y)

    @staticmethod
    def _two(found: Sequence[Any], other: Any) -> tuple[Any, Any]:
        return (other, found[0]) if len(found) == 1 else (found[0], found[1])


def _conv(n: Node) -> Value:
    x, kernel = n.value(0), n.value(1, "kernel")
    groups = n.attr("group", 1)
    filters, depth, *sizes = kernel.shape
    if not isinstance(filters, int) or groups < 1 or filters % groups or x.ndim < 3:
        raise ValueError(f"{groups} groups of {filters} filters over shape {x.shape}")
    if x.shape[1] != depth * groups or n.attr("kernel_shape", list(sizes)) != sizes:
        raise ValueError(
            f"a kernel of shape {kernel.shape} over shape {x.shape}, in {groups} groups"
        )
    window = Window(n, x.shape[2:], [d for d in sizes if isinstance(d, int)])
    if groups == 1:
        y = window.convolved(x, transposed(kernel, [*range(2, kernel.ndim), 1, 0]))
    else:
        y = _grouped(window.over(x), kernel, groups)
    if n.has(2):
        y = y + n.value(2, "bias")
    return window.back(y)


def _grouped(windows: Value, kernel: Value, groups: int) -> Value:
    """Each group of channels with its own filters."""
    batch, high, wide, places, _ = windows.shape
    filters, depth = kernel.shape[:2]
    assert isinstance(filters, int)
    rows, each = batch * high * wide, filters // groups
    parts = ops.reshape(windows, (rows, places, groups, depth))
    parts = ops.reshape(ops.transpose(parts, (2, 0, 1, 3)), (groups, rows, size((places, depth))))
    places_last = transposed(kernel, [*range(2, kernel.ndim), 1, 0])  # (places, depth, filters)
    cut = ops.reshape(places_last, (places, depth, groups, each))
    cut = ops.reshape(ops.transpose(cut, (2, 0, 1, 3)), (groups, size((places, depth)), each))
    y = ops.transpose(ops.matmul(parts, cut), (1, 0, 2))
    return ops.reshape(y, (batch, high, wide, filters))


# --- normalization -------------------------------------------------------------------


def _batch_norm(n: Node) -> Value:
    """As `gdcore.BatchNorm`: the batch's statistics in training, running ones in prediction."""
    trains = not n.attr("is_test", 0) if n.opset < 7 else n.attr("training_mode", 0)
    if n.outputs > 1 or trains or not n.attr("spatial", 1):
        raise ValueError("statistics of the batch, as in training: export the model for inference")
    epsilon, keep = n.attr("epsilon", 1e-5), n.attr("momentum", 0.9)
    x = n.value(0)
    if x.ndim < 2:
        raise ValueError(f"shape {x.shape}: expected (batch, channels, ...)")
    last = channels_last(x) if x.ndim > 2 else x
    gamma, beta = n.value(1, "norm"), n.value(2, "norm")
    mean = n.reader.state(n.item(3), 0.0)
    var = n.reader.state(n.item(4), 1.0)
    if any(v.shape != x.shape[1:2] for v in (gamma, beta, mean, var)):
        raise ValueError(
            f"shape {x.shape}: expected scale, bias, mean and variance of {x.shape[1]}"
        )
    y = (last - mean) * (1.0 / ops.sqrt(var + epsilon))
    if mean.op is STATE and var.op is STATE:
        axes = range(last.ndim - 1)
        now = ops.mean(last, axes)
        apart = last - now
        spread = ops.mean(ops.square(apart), axes)
        trained = apart * (1.0 / ops.sqrt(spread + epsilon))
        for state, new in ((mean, now), (var, spread)):
            changed = state * keep + ops.stop_gradient(new) * (1 - keep)
            trained = with_update(trained, state, changed)
        y = when_training(trained, y)
    y = y * gamma + beta
    return channels_first(y) if x.ndim > 2 else y


def _standard(x: Value, axes: Sequence[int], epsilon: float) -> Value:
    apart = x - ops.mean(x, axes, keepdims=True)
    return apart * (1.0 / ops.sqrt(ops.mean(ops.square(apart), axes, keepdims=True) + epsilon))


def _layer_norm(n: Node) -> Value:
    x = n.value(0)
    if n.outputs > 1:
        raise ValueError("more than one output: expected the normalized values alone")
    y = _standard(x, range(axis_of(n.attr("axis", -1), x.ndim), x.ndim), n.attr("epsilon", 1e-5))
    y = y * n.value(1, "norm")
    return y + n.value(2, "norm") if n.has(2) else y


def _per_channel(v: Value, rank: int) -> Value:
    return ops.reshape(v, (*v.shape, *[1] * (rank - 2)))


def _instance_norm(n: Node) -> Value:
    x = n.value(0)
    y = _standard(x, range(2, x.ndim), n.attr("epsilon", 1e-5))
    return y * _per_channel(n.value(1, "norm"), x.ndim) + _per_channel(n.value(2, "norm"), x.ndim)


def _group_norm(n: Node) -> Value:
    x, groups = n.value(0), n.attr("num_groups", 0)
    channels = x.shape[1]
    if not isinstance(channels, int) or groups < 1 or channels % groups or n.opset < 21:
        raise ValueError(f"{groups} groups of {channels} channels in opset {n.opset}: expected 21")
    cut = ops.reshape(x, (x.shape[0], groups, channels // groups, *x.shape[2:]))
    y = ops.reshape(_standard(cut, range(2, cut.ndim), n.attr("epsilon", 1e-5)), x.shape)
    return y * _per_channel(n.value(1, "norm"), x.ndim) + _per_channel(n.value(2, "norm"), x.ndim)


LAYERS: dict[str, Callable[[Node], Any]] = {
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "Gemm": _gemm,
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
}
