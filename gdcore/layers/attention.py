"""Attention: from every step of a sequence to all steps of it, or of another one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gdcore import initializers, ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.graph.ops.attention_dropout import dropped_attention, shares
from gdcore.layers.base import Layer
from gdcore.layers.regularization import share
from gdcore.layers.rnn import sequence_mask
from gdcore.setting_checks import positive

__all__ = ["AdditiveAttention", "MultiHeadAttention"]

_FAR = 10000.0  # rotary positions: the period of the slowest pair of features is 2π times this


def sequence_sizes(x: Value, who: str) -> tuple[int, int]:
    """Steps and features of (batch, steps, features); raises ValueError for anything else."""
    if x.ndim != 3 or any(isinstance(d, Batch) for d in x.shape[1:]):
        raise ValueError(
            f"{who} got an input of shape {x.shape}: expected (batch, steps, features)"
        )
    _, steps, features = x.shape
    assert isinstance(steps, int)
    assert isinstance(features, int)
    return steps, features


class MultiHeadAttention(Layer):
    """Attention of several heads: (B, steps, n) to (B, steps, n), or to a context (B, keys, m).

    Each step puts a query to all steps of the input, or of the context, and gets the mean of their
    values, weighted by the softmax of query · key / √head_units; for each head with projections of its
    own, whose results are joined and projected to n features. The scores are computed block by block:
    memory grows with the number of steps, not with its square.

    Call it with ``layer(x)``, or ``layer(x, context)``; and with

    - ``mask``: (B, keys), above 0 where a key is seen. A step that sees none gets 0 from all heads.
    - ``lengths``: (B,), how many keys of each sample are seen.

    A mask that the input, or the context, has itself (`gd.ops.mask_of`) hides keys likewise; all of these together
    and `causal` say what is seen. The result keeps the mask of x.

    Parameters
    ----------
    heads : int
    head_units : int, optional
        Features of a query and of a key; by default n / heads.
    kv_heads : int, optional
        Heads of keys and values, a divisor of `heads`: so many queries share one (grouped queries).
    causal : bool
        Whether a step sees itself and those before it alone.
    rotary : bool
        Whether queries and keys are turned by their position, so that scores know the distance.
    relative : int, optional
        The largest distance of a learned bias for each head and distance, added to the scores; steps
        that are further apart share that of the largest.
    use_bias : bool
    kernel_initializer : Initializer, name, number or callable
    name : str, optional
    dropout : float
        In training, the probability with which a weight, that of one key for one query, is taken for 0. The
        scores are then held for all pairs at once: memory grows with the square of the steps.

    Raises
    ------
    ValueError
        If a number is out of range, or, when it is called, the inputs are not (B, steps, features),
        `heads` does not divide the features, or a mask has another shape.

    References
    ----------
    Vaswani et al. 2017, Attention is all you need. Ainslie et al. 2023, GQA, for grouped queries. Su et
    al. 2021, RoFormer, for rotary positions. Raffel et al. 2020, Exploring the limits of transfer
    learning, for the bias by distance.

    Examples
    --------
    >>> import gdcore as gd
    >>> x, context = gd.Input((20, 32)), gd.Input((50, 16))
    >>> gd.MultiHeadAttention(4, causal=True)(x).shape, gd.MultiHeadAttention(4)(x, context).shape
    ((B, 20, 32), (B, 20, 32))
    """

    masks = "use"

    def __init__(
        self,
        heads: int,
        head_units: int | None = None,
        kv_heads: int | None = None,
        causal: bool = False,
        rotary: bool = False,
        relative: int | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        name: str | None = None,
        dropout: float = 0.0,
    ) -> None:
        who = "MultiHeadAttention"
        self.heads = positive(f"{who} heads", heads)
        self.head_units = None if head_units is None else positive(f"{who} head_units", head_units)
        self.kv_heads = self.heads if kv_heads is None else positive(f"{who} kv_heads", kv_heads)
        if self.heads % self.kv_heads:
            raise ValueError(f"{who} kv_heads={kv_heads}: expected a divisor of heads={heads}")
        self.causal = bool(causal)
        self.rotary = bool(rotary)
        self.relative = None if relative is None else positive(f"{who} relative", relative)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.dropout = share(f"{who} dropout", dropout)
        self.name = name

    def forward(  # type: ignore[override]
        self,
        x: Value,
        context: Value | None = None,
        mask: Value | None = None,
        lengths: Value | None = None,
    ) -> Value:
        steps, features = sequence_sizes(x, "MultiHeadAttention")
        source = x if context is None else context
        keys, _ = sequence_sizes(source, "MultiHeadAttention's context")
        units = features // self.heads if self.head_units is None else self.head_units
        if self.head_units is None and features % self.heads:
            raise ValueError(
                f"MultiHeadAttention of {self.heads} heads got {features} features: expected a "
                "multiple of the heads, or head_units"
            )
        if self.rotary and units % 2:
            raise ValueError(
                f"MultiHeadAttention turns pairs of features and has heads of {units}: expected an "
                "even number of head_units for rotary positions"
            )
        own, seen = ops.mask_of(x), sequence_mask(source, lengths, mask)
        q = self._heads("query", x, self.heads, units)
        k = self._heads("key", source, self.kv_heads, units)
        v = self._heads("value", source, self.kv_heads, units)
        if self.rotary:
            q, k = rotated(q), rotated(k)
        more: dict[str, Any] = {"mask": seen}
        if self.relative is not None:
            table = self.param(
                "relative", (self.heads, 2 * self.relative + 1), "zeros", "embedding"
            )
            more["bias"] = by_distance(table, steps, keys)
        y = dropped_attention(ops.attention(q, k, v, causal=self.causal, **more), self.dropout)
        joined = ops.reshape(y, (*x.shape[:2], self.heads * units))
        result = self._projected("output", joined, features)
        return result if own is None else ops.with_mask(result, own)

    def _projected(self, what: str, x: Value, width: int) -> Value:
        y = x @ self.param(f"{what}_kernel", (x.shape[-1], width), self.kernel_initializer)
        return y + self.param(f"{what}_bias", (width,), "zeros", "bias") if self.use_bias else y

    def _heads(self, what: str, x: Value, heads: int, units: int) -> Value:
        return ops.reshape(self._projected(what, x, heads * units), (*x.shape[:2], heads, units))


def rotated(x: Value) -> Value:
    """Heads (batch, steps, heads, units), each pair of features (i, i + units/2) turned by an angle that grows
    with the step."""
    _, steps, _, units = x.shape
    assert isinstance(steps, int)
    assert isinstance(units, int)
    half = units // 2
    angles = np.arange(steps)[:, None, None] / _FAR ** (np.arange(half) / half)
    cos, sin = np.cos(angles), np.sin(angles)
    a, b = x[..., :half], x[..., half:]
    return ops.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def by_distance(table: Value, queries: int, keys: int) -> Value:
    """bias[h, i, j] = table[h, j - i + n], with n = (columns - 1)/2 and distances cut off at ±n."""
    heads, columns = table.shape
    assert isinstance(columns, int)
    n = (columns - 1) // 2
    low, high = -min(queries - 1, n), min(keys - 1, n)
    row = [table[:, low + n : high + n + 1]]
    if queries - 1 > n:
        row.insert(0, ops.broadcast_to(table[:, :1], (heads, queries - 1 - n)))
    if keys - 1 > n:
        row.append(ops.broadcast_to(table[:, -1:], (heads, keys - 1 - n)))
    line = (
        ops.concatenate(row, axis=1) if len(row) > 1 else row[0]
    )  # distances 1 - queries ... keys - 1
    if queries == 1:
        return ops.reshape(line, (heads, 1, keys))
    # rows of one element less begin one distance earlier each
    length = queries + keys - 1
    flat = ops.reshape(
        ops.broadcast_to(ops.reshape(line, (heads, 1, length)), (heads, queries, length)),
        (heads, queries * length),
    )
    shifted = flat[:, queries - 1 : queries - 1 + queries * (length - 1)]
    return ops.reshape(shifted, (heads, queries, length - 1))[:, :, :keys]


class AdditiveAttention(Layer):
    """Attention whose scores are v · tanh(W query + U key): ``layer(query, keys)``.

    A query (B, n), or queries (B, steps, n), and keys (B, keys, m) give the keys' weighted mean (B, m), or
    (B, steps, m). Call it with ``mask``, (B, keys), above 0 where a key is seen, or ``lengths``, (B,), how
    many are; a mask that the keys have themselves hides keys likewise. A query that sees none gives 0. The result
    keeps the mask of the queries.

    Parameters
    ----------
    units : int
        Of the layer whose tanh is taken.
    kernel_initializer : Initializer, name, number or callable
    name : str, optional

    Raises
    ------
    ValueError
        If `units` is not a whole number of at least 1, or, when it is called, the inputs have other
        shapes.

    References
    ----------
    Bahdanau et al. 2015, Neural machine translation by jointly learning to align and translate.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.AdditiveAttention(8)(gd.Input(16), gd.Input((20, 32))).shape
    (B, 32)
    """

    masks = "use"

    def __init__(
        self, units: int, kernel_initializer: Any = "glorot_uniform", name: str | None = None
    ) -> None:
        self.units = positive("AdditiveAttention units", units)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.name = name

    def forward(  # type: ignore[override]
        self, query: Value, keys: Value, mask: Value | None = None, lengths: Value | None = None
    ) -> Value:
        _, width = sequence_sizes(keys, "AdditiveAttention's keys")
        if query.ndim not in (2, 3) or (query.ndim == 2 and ops.mask_of(query) is not None):
            raise ValueError(
                f"AdditiveAttention got a query of shape {query.shape}: expected (batch, features) without a "
                "mask, or (batch, steps, features)"
            )
        seen = sequence_mask(keys, lengths, mask)
        if query.ndim == 2:
            every = query[:, None, :]
            return ops.reshape(self._attended(every, keys, seen), (keys.shape[0], width))
        sequence_sizes(query, "AdditiveAttention")
        own, result = ops.mask_of(query), self._attended(query, keys, seen)
        return result if own is None else ops.with_mask(result, own)

    def _attended(self, query: Value, keys: Value, seen: Value | None) -> Value:
        batch, count, width = keys.shape
        n = self.units
        w = self.param("query_kernel", (query.shape[-1], n), self.kernel_initializer)
        u = self.param("key_kernel", (width, n), self.kernel_initializer)
        bias = self.param("bias", (n,), "zeros", "bias")
        v = self.param("score_kernel", (n, 1), self.kernel_initializer)
        z = ops.tanh((query @ w + bias)[:, :, None, :] + (keys @ u)[:, None, :, :])
        scores = ops.reshape(z @ v, (batch, query.shape[1], count))
        if seen is not None:
            scores = ops.where(seen[:, None, :], scores, -math.inf)
        return shares(scores) @ keys
