"""Nodes of transformers: attention, and the norm by the root of the mean square."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gdcore import ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.onnx.nodes_shapes import axis_of
from gdcore.onnx.reader import Node


def _heads(x: Value, heads: int) -> Value:
    """(B, steps, heads, features) of (B, heads, steps, features), or of (B, steps, heads · features)."""
    if x.ndim == 4:
        return ops.transpose(x, (0, 2, 1, 3))
    width = x.shape[-1] if x.ndim == 3 else None
    if not isinstance(width, int) or heads < 1 or width % heads:
        raise ValueError(
            f"shape {x.shape} and {heads} heads: expected (batch, heads, steps, features), or (batch, "
            "steps, heads * features) and the number of heads"
        )
    return ops.reshape(x, (*x.shape[:2], heads, width // heads))


def _attention(n: Node) -> Value:
    """Softmax of the scores without a cap, over the keys that are given; no keys of earlier calls."""
    if n.outputs > 1 or n.has(4) or n.has(5):
        raise ValueError(
            "keys and values of earlier steps, or scores as an output: expected attention to what is given, "
            "and its result alone"
        )
    if n.attr("softcap", 0.0) or n.attr("qk_matmul_output_mode", 0):
        raise ValueError("scores with a cap, or put out: expected plain attention")
    n.attr("softmax_precision", 1)
    flat, groups = n.value(0).ndim == 3, n.attr("kv_num_heads", 0)
    q = _heads(n.value(0), n.attr("q_num_heads", 0))
    k, v = (_heads(n.value(i), groups) for i in (1, 2))
    more: dict[str, Any] = {}
    if n.has(3):
        mask = n.value(3)
        bias = ops.where(mask, 0.0, -math.inf) if n.holds(3).name == "truth" else mask
        more["bias"] = ops.squeeze(bias, 0) if bias.ndim == 4 and bias.shape[0] == 1 else bias
    if n.has(6):
        if n.attr("is_causal", 0):
            raise ValueError("causal attention by the number of keys: expected one of both")
        more["lengths"] = n.value(6)
    y = ops.attention(
        q, k, v, causal=bool(n.attr("is_causal", 0)), scale=n.attr("scale", None), **more
    )
    if not flat:
        return ops.transpose(y, (0, 2, 1, 3))
    return ops.reshape(y, (*y.shape[:2], y.shape[2] * y.shape[3]))


def _rms_norm(n: Node) -> Value:
    x = n.value(0)
    n.attr("stash_type", 1)
    axes = range(axis_of(n.attr("axis", -1), x.ndim), x.ndim)
    if any(isinstance(x.shape[i], Batch) for i in axes):
        raise ValueError("a norm of several samples at once: expected an axis behind the batch")
    square = ops.mean(ops.square(x), axes, keepdims=True)
    return x * (1.0 / ops.sqrt(square + n.attr("epsilon", 1e-5))) * n.value(1, "norm")


ATTENTION: dict[str, Callable[[Node], Any]] = {
    "Attention": _attention,
    "RMSNormalization": _rms_norm,
}
