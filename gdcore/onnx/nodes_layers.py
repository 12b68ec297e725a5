"""Nodes that are layers: products, convolution, normalization, as traced values.

ONNX has the channels of an image first and gdcore last: an image is transposed at each of these
nodes, and adjacent transposes cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gdcore import ops
from gdcore.graph.dims import broadcast
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import STATE
from gdcore.graph.ops.training_ops import when_training, with_update
from gdcore.onnx.nodes_pools import channels_first, channels_last
from gdcore.onnx.nodes_shapes import axis_of
from gdcore.onnx.reader import Node
from gdcore.onnx.samples import apart, together


def _gemm(n: Node) -> Value:
    a, b = n.value(0), n.value(1, "kernel")
    ranks = (2, 3) if n.reader.together else (2,)  # one more where whole batches are the samples
    if a.ndim not in ranks or b.ndim not in ranks:
        raise ValueError(f"shapes {a.shape} and {b.shape}: expected two dimensions in each")
    a = _turned(a) if n.attr("transA", 0) else a
    b = _turned(b) if n.attr("transB", 0) else b
    y, alpha, beta = ops.matmul(a, b), n.attr("alpha", 1.0), n.attr("beta", 1.0)
    y = y if alpha == 1.0 else y * alpha
    n.attr("broadcast", 0)  # of opset 6: NumPy's rules, of which it is a case
    if not n.has(2) or n.item(2) is None or beta == 0.0:
        return y
    c = n.value(2, "bias")
    return y + (c if beta == 1.0 else c * beta)


def _turned(x: Value) -> Value:
    return ops.transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


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


def _layer_norm(n: Node) -> Any:
    x = n.value(0)
    axes = range(axis_of(n.attr("axis", -1), x.ndim), x.ndim)
    mean = ops.mean(x, axes, keepdims=True)
    apart = x - mean
    variance = ops.mean(ops.square(apart), axes, keepdims=True)
    inverse = 1.0 / ops.sqrt(variance + n.attr("epsilon", 1e-5))
    y = apart * inverse * n.value(1, "norm")
    y = y + n.value(2, "norm") if n.has(2) else y
    return [y, mean, inverse] if n.outputs > 1 else y


def _mean_variance_norm(n: Node) -> Value:
    """Over whole batches where a sample is one: by default the batch is among the axes."""
    axes, x = n.attr("axes", [0, 2, 3]), n.value(0)
    axes = [axis_of(a, x.ndim) for a in axes]
    if not n.reader.together:
        return _mean_variance(x, axes)
    return together(_mean_variance(apart(x), [a + 1 for a in axes]))


def _mean_variance(x: Value, axes: Sequence[int]) -> Value:
    away = x - ops.mean(x, axes, keepdims=True)
    return away / (ops.sqrt(ops.mean(ops.square(away), axes, keepdims=True)) + 1e-9)


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
    "Gemm": _gemm,
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "MeanVarianceNormalization": _mean_variance_norm,
}
