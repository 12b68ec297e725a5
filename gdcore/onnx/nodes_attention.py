"""Nodes of transformers: attention, and the norm by the root of the mean square."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.onnx.nodes_host import room
from gdcore.onnx.nodes_shapes import axis_of
from gdcore.onnx.reader import Node

HIDDEN = -math.inf  # added to the score of a key that a query must not see


def _heads(x: Value, heads: int) -> Value:
    """(B, heads, steps, features) of itself, or of (B, steps, heads · features)."""
    if x.ndim == 4:
        return x
    width = x.shape[-1] if x.ndim == 3 else None
    if not isinstance(width, int) or heads < 1 or width % heads:
        raise ValueError(
            f"shape {x.shape} and {heads} heads: expected (batch, heads, steps, features), or (batch, "
            "steps, heads * features) and the number of heads"
        )
    return ops.transpose(ops.reshape(x, (*x.shape[:2], heads, width // heads)), (0, 2, 1, 3))


def _steps(x: Value) -> int:
    steps = x.shape[2]
    if not isinstance(steps, int):
        raise ValueError(f"shape {x.shape}: expected a fixed number of steps")
    return steps


class _Scores:
    """Which keys each query sees, as what is added to the scores: an array, a value, or nothing.

    Parameters
    ----------
    n : Node
    queries, keys : number of them, those of earlier steps counted
    earlier : number of keys of earlier steps
    """

    def __init__(self, n: Node, queries: int, keys: int, earlier: int) -> None:
        self.bias: Any = None
        causal = bool(n.attr("is_causal", 0))
        left, right = n.attr("left_window_size", -1), n.attr("right_window_size", -1)
        room((queries, keys))
        # of each query and key, how many steps the query is ahead, if both begin together
        ahead = np.arange(queries)[:, None] - np.arange(keys)
        self.lengths = n.value(6) if n.has(6) else None
        self.causal = causal and not earlier and self.lengths is None and left < 0 and right < 0
        bounds = [(left, 1)] if left >= 0 else []
        bounds += [(0 if causal else right, -1)] if causal or right >= 0 else []
        if causal and right >= 0:
            bounds[-1] = (min(0, right), -1)
        if n.has(3):
            self.add(self.mask(n, keys))
        if self.causal:
            return
        for most, sign in bounds:
            if self.lengths is None or n.has(4):
                seen = sign * (ahead + earlier) <= most
                self.add(np.where(seen, 0.0, HIDDEN))
            else:  # the last query stands at the last key of its sample
                behind = ops.reshape(self.lengths * 1.0, (self.lengths.shape[0], 1, 1, 1))
                place = (ahead - queries).astype(np.float64) + behind
                self.add(ops.where(ops.less_equal(place * float(sign), float(most)), 0.0, HIDDEN))

    def add(self, more: Any) -> None:
        """Another condition."""
        self.bias = more if self.bias is None else self.bias + more

    def mask(self, n: Node, keys: int) -> Value:
        """The mask of the node, for all keys: those that it does not reach to are hidden."""
        mask = n.value(3)
        if n.holds(3).name == "truth":
            mask = ops.where(mask, 0.0, HIDDEN)
        have = mask.shape[-1]
        if not isinstance(have, int) or have > keys:
            raise ValueError(f"a mask of shape {mask.shape} for {keys} keys")
        if have == keys:
            return mask
        return ops.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, keys - have)], "constant", HIDDEN)


def _attention(n: Node) -> Any:
    """Attention over the keys given and those of earlier steps, which are put out together."""
    flat, groups = n.value(0).ndim == 3, n.attr("kv_num_heads", 0)
    q = _heads(n.value(0), n.attr("q_num_heads", 0))
    k, v = (_heads(n.value(i), groups) for i in (1, 2))
    if n.has(4) != n.has(5):
        raise ValueError("keys of earlier steps without their values: expected both or neither")
    earlier = 0
    if n.has(4):
        earlier = _steps(n.value(4))
        k, v = (ops.concatenate([n.value(i), x], 2) for i, x in ((4, k), (5, v)))
    n.attr("softmax_precision", 1)
    scores = _Scores(n, _steps(q), _steps(k), earlier)
    cap, mode = n.attr("softcap", 0.0), n.attr("qk_matmul_output_mode", 0)
    shown = len(n.wanted) > 3 and n.wanted[3]
    scale = n.attr("scale", None)
    if shown or cap:
        y, shows = _written_out(q, k, v, scores, scale, cap, mode)
    else:
        y, shows = _fused(q, k, v, scores, scale), None
    if flat:
        y = ops.transpose(y, (0, 2, 1, 3))
        y = ops.reshape(y, (*y.shape[:2], y.shape[2] * y.shape[3]))
    return y if n.outputs == 1 else [y, k, v, y if shows is None else shows]


def _fused(q: Value, k: Value, v: Value, scores: _Scores, scale: float | None) -> Value:
    q, k, v = (ops.transpose(x, (0, 2, 1, 3)) for x in (q, k, v))
    bias = scores.bias
    if isinstance(bias, Value) and bias.ndim == 4 and bias.shape[0] == 1:
        bias = ops.squeeze(bias, 0)
    more = {"bias": bias} if bias is not None else {}
    more |= {"lengths": scores.lengths} if scores.lengths is not None else {}
    y = ops.attention(q, k, v, causal=scores.causal, scale=scale, **more)
    return ops.transpose(y, (0, 2, 1, 3))


def _written_out(
    q: Value, k: Value, v: Value, scores: _Scores, scale: float | None, cap: float, mode: int
) -> tuple[Value, Value]:
    """The result, and the scores: products, capped, with what was added, or as shares, by the mode."""
    if mode not in (0, 1, 2, 3) or cap < 0:
        raise ValueError(
            f"softcap {cap}, qk_matmul_output_mode {mode}: expected 0 and above, 0 to 3"
        )
    heads, width, queries, keys = q.shape[1], q.shape[3], _steps(q), _steps(k)
    if not isinstance(heads, int) or not isinstance(width, int) or width < 1:
        raise ValueError(f"queries of shape {q.shape}: expected fixed heads and features")
    k, v = (_repeated(x, heads) for x in (k, v))
    products = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2)))
    products = products * (1.0 / math.sqrt(width) if scale is None else scale)
    capped = ops.tanh(products / cap) * cap if cap else products
    if scores.causal:
        scores.add(np.where(np.arange(queries)[:, None] < np.arange(keys), HIDDEN, 0.0))
    if scores.lengths is not None:
        lengths = ops.reshape(scores.lengths * 1.0, (scores.lengths.shape[0], 1, 1, 1))
        scores.add(ops.where(ops.less(np.arange(keys) * 1.0, lengths), 0.0, HIDDEN))
    bias = 0.0 if scores.bias is None else scores.bias
    biased = capped + bias
    # a query that sees no key gives 0, whatever its scores are
    blind = ops.equal(ops.max(ops.add(bias, np.zeros((queries, keys))), -1, True), HIDDEN)
    shares = ops.where(blind, 0.0, ops.softmax(ops.where(blind, 0.0, biased), -1))
    return ops.matmul(shares, v), (products, capped, biased, shares)[mode]


def _repeated(x: Value, heads: int) -> Value:
    """Keys or values of groups for each head."""
    batch, groups, steps, width = x.shape
    if groups == heads:
        return x
    if not isinstance(groups, int) or heads % groups:
        raise ValueError(f"{heads} heads over shape {x.shape}: expected a multiple of its heads")
    wide = ops.reshape(x, (batch, groups, 1, steps, width))
    wide = ops.broadcast_to(wide, (batch, groups, heads // groups, steps, width))
    return ops.reshape(wide, (batch, heads, steps, width))


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
