"""Blocks of transformers, positions, and an output layer that shares the table of an embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore import initializers, ops
from gdcore.graph.ir import Value
from gdcore.layers.attention import MultiHeadAttention, sequence_sizes
from gdcore.layers.base import Layer
from gdcore.layers.dense import Dense
from gdcore.layers.embedding import Embedding
from gdcore.layers.normalization import LayerNorm
from gdcore.layers.regularization import Dropout
from gdcore.setting_checks import positive

__all__ = ["PositionalEncoding", "TiedDense", "TransformerDecoder", "TransformerEncoder"]


class PositionalEncoding(Layer):
    """Adds to each step of (B, steps, n) a vector of its position.

    Parameters
    ----------
    kind : {"sinusoidal", "learned"}
        Sines and cosines of the position, of periods from 2π to 20000π; or a parameter of (steps, n).
    steps : int, optional
        Most steps that a learned one knows; by default as many as its first input has.
    initializer : Initializer, name, number or callable
        Of learned positions.
    name : str, optional

    Raises
    ------
    ValueError
        If `kind` is unknown, or, when it is called, the input is not (B, steps, features) or has more
        steps than the parameter.

    References
    ----------
    Vaswani et al. 2017, Attention is all you need.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input((3, 2))
    >>> gd.Model(x, gd.PositionalEncoding()(x)).predict([[[0.0, 0.0]] * 3]).round(2)
    array([[[ 0.  ,  1.  ],
            [ 0.84,  0.54],
            [ 0.91, -0.42]]], dtype=float32)
    """

    masks = "keep"

    def __init__(
        self,
        kind: str = "sinusoidal",
        steps: int | None = None,
        initializer: Any = "uniform",
        name: str | None = None,
    ) -> None:
        if kind not in ("sinusoidal", "learned"):
            raise ValueError(
                f"PositionalEncoding kind={kind!r}: expected 'sinusoidal' or 'learned'"
            )
        self.kind = kind
        self.steps = None if steps is None else positive("PositionalEncoding steps", steps)
        self.initializer = initializers.get(initializer)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        steps, features = sequence_sizes(x, "PositionalEncoding")
        if self.kind == "sinusoidal":
            return x + sinusoids(steps, features)
        known = self.variables["table"].shape[0] if self.variables else self.steps or steps
        if steps > known:
            raise ValueError(
                f"PositionalEncoding knows {known} positions and got {steps} steps: give it steps={steps}"
            )
        table = self.param("table", (known, features), self.initializer, "embedding")
        return x + (table if steps == known else table[:steps])


def sinusoids(steps: int, features: int) -> np.ndarray:
    """(steps, features): sines in the even columns, cosines in the odd ones."""
    pairs = np.arange(features) // 2 * 2
    angles = np.arange(steps)[:, None] / 10000.0 ** (pairs / features)
    return np.where(np.arange(features) % 2, np.cos(angles), np.sin(angles))


def _given(**masks: Value | None) -> dict[str, Value]:
    return {k: v for k, v in masks.items() if v is not None}


class TransformerEncoder(Layer):
    """A block of attention to all steps and of two dense layers, with residual connections: (B, steps, n) is kept.

    Call it with ``layer(x)``, and ``mask``, (B, steps), or ``lengths``, (B,), as `MultiHeadAttention`. A mask that x
    has itself is used likewise, and kept.

    Parameters
    ----------
    heads, hidden : int
        Of the attention; and the units between the dense layers.
    activation : str, function of a traced value, or None
        Of the first dense layer.
    dropout : float
        Share of what each half adds, and of the hidden units, that is dropped in training.
    norm_first : bool
        Whether what goes into each half is normalized, instead of what comes out of the addition. After
        the last block stands a norm then.
    epsilon : float
        Of the norms.
    use_bias : bool
        Of the dense layers, the attention and the norms.
    kernel_initializer : Initializer, name, number or callable
        Of the dense layers and the attention.
    name : str, optional
    attention_dropout : float
        Share of the weights of the attention that is dropped in training.
    **attention
        Further settings of `MultiHeadAttention`, such as ``causal=True``.

    Raises
    ------
    ValueError
        If a setting is out of range, or, when it is called, the input is not (B, steps, features).

    References
    ----------
    Vaswani et al. 2017, Attention is all you need. Xiong et al. 2020, On layer normalization in the
    transformer architecture, for `norm_first`.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.TransformerEncoder(4, 64, norm_first=True)(gd.Input((20, 32))).shape
    (B, 20, 32)
    """

    masks = "use"  # by the layers within

    def __init__(
        self,
        heads: int,
        hidden: int,
        activation: Any = "relu",
        dropout: float = 0.0,
        norm_first: bool = False,
        epsilon: float = 1e-5,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        name: str | None = None,
        attention_dropout: float = 0.0,
        **attention: Any,
    ) -> None:
        self.use_bias = bool(use_bias)
        own = {"use_bias": use_bias, "kernel_initializer": kernel_initializer}
        attention = {**own, "dropout": attention_dropout, **attention}
        self.attention = MultiHeadAttention(heads, **attention)
        self.norm1 = LayerNorm(epsilon, center=use_bias)
        self._open_context(heads, epsilon, attention)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.hidden = self._dense(hidden, activation)
        self.norm2 = LayerNorm(epsilon, center=use_bias)
        self.dropout = Dropout(dropout)
        self.norm_first = bool(norm_first)
        self.name = name

    def _dense(self, units: int, activation: Any = None) -> Dense:
        return Dense(units, activation, self.use_bias, self.kernel_initializer)

    def _open_context(self, heads: int, epsilon: float, attention: dict[str, Any]) -> None:
        """Make what attends to a context, if the block does."""

    def _with(self, x: Value, norm: LayerNorm, function: Any) -> Value:
        """x + f(x), normalized before or after."""
        if self.norm_first:
            added: Value = x + self.dropout(function(norm(x)))
            return added
        normed: Value = norm(x + self.dropout(function(x)))
        return normed

    def _fed_forward(self, x: Value) -> Value:
        if not hasattr(self, "output"):
            self.output = self._dense(int(x.shape[-1]))  # type: ignore[arg-type]
        fed: Value = self.output(self.dropout(self.hidden(x)))
        return fed

    def forward(  # type: ignore[override]
        self, x: Value, mask: Value | None = None, lengths: Value | None = None
    ) -> Value:
        seen = _given(mask=mask, lengths=lengths)
        x = self._with(x, self.norm1, lambda z: self.attention(z, **seen))
        return self._with(x, self.norm2, self._fed_forward)


class TransformerDecoder(TransformerEncoder):
    """A block of causal attention, of attention to a context, if there is one, and of two dense layers.

    Call it with ``layer(x)`` or ``layer(x, context)``, and ``mask`` or ``lengths`` for the steps of x,
    ``context_mask`` or ``context_lengths`` for those of the context, as `MultiHeadAttention`; masks that x and the
    context have themselves are used likewise. The shape (B, steps, n) of x is kept, and its mask.

    Parameters
    ----------
    heads, hidden, activation, dropout, norm_first, epsilon, use_bias, kernel_initializer, name
    attention_dropout, **attention
        As for `TransformerEncoder`; the further settings are of both attentions, but for rotary and
        relative positions, which the attention to the context has not.

    Raises
    ------
    ValueError
        If a setting is out of range, or, when it is called, an input is not (B, steps, features).

    References
    ----------
    Vaswani et al. 2017, Attention is all you need.

    Examples
    --------
    >>> import gdcore as gd
    >>> x, context = gd.Input((20, 32)), gd.Input((50, 16))
    >>> gd.TransformerDecoder(4, 64)(x).shape, gd.TransformerDecoder(4, 64)(x, context).shape
    ((B, 20, 32), (B, 20, 32))
    """

    def __init__(
        self,
        heads: int,
        hidden: int,
        activation: Any = "relu",
        dropout: float = 0.0,
        norm_first: bool = False,
        epsilon: float = 1e-5,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        name: str | None = None,
        attention_dropout: float = 0.0,
        **attention: Any,
    ) -> None:
        plain = (heads, hidden, activation, dropout, norm_first, epsilon, use_bias)
        attention = {"causal": True, **attention}
        super().__init__(*plain, kernel_initializer, name, attention_dropout, **attention)

    def _open_context(self, heads: int, epsilon: float, attention: dict[str, Any]) -> None:
        plain = {k: v for k, v in attention.items() if k not in ("causal", "rotary", "relative")}
        self.context_attention = MultiHeadAttention(heads, **plain)
        self.norm_context = LayerNorm(epsilon, center=self.use_bias)

    def forward(  # type: ignore[override]
        self,
        x: Value,
        context: Value | None = None,
        mask: Value | None = None,
        lengths: Value | None = None,
        context_mask: Value | None = None,
        context_lengths: Value | None = None,
    ) -> Value:
        if context is None and (context_mask is not None or context_lengths is not None):
            raise ValueError("TransformerDecoder got a mask of a context and no context")
        seen = _given(mask=mask, lengths=lengths)
        x = self._with(x, self.norm1, lambda z: self.attention(z, **seen))
        if context is not None:
            there = _given(mask=context_mask, lengths=context_lengths)
            x = self._with(
                x, self.norm_context, lambda z: self.context_attention(z, context, **there)
            )
        return self._with(x, self.norm2, self._fed_forward)


class TiedDense(Layer):
    """y = x E' + b with the table E of an embedding: (B, ..., n) becomes (B, ..., ids), one number for each id.

    Embedding and output share one variable, which gets the gradients of both.

    Parameters
    ----------
    embedding : Embedding
    use_bias : bool
    name : str, optional

    Raises
    ------
    TypeError
        If `embedding` is something else.
    ValueError
        When it is called, if x has another width than the table.

    References
    ----------
    Press and Wolf 2017, Using the output embedding to improve language models.

    Examples
    --------
    >>> import gdcore as gd
    >>> ids = gd.Input(20, dtype="int")
    >>> table = gd.Embedding(65, 32)
    >>> model = gd.Model(ids, gd.TiedDense(table)(gd.TransformerEncoder(4, 64)(table(ids))))
    >>> model.predict([[0] * 20]).shape
    (1, 20, 65)
    """

    masks = "keep"

    def __init__(
        self, embedding: Embedding, use_bias: bool = False, name: str | None = None
    ) -> None:
        if not isinstance(embedding, Embedding):
            raise TypeError(
                f"TiedDense got {type(embedding).__name__}: expected the gd.Embedding whose table it shares"
            )
        self.embedding = embedding
        self.use_bias = bool(use_bias)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        shared = self.embedding
        if x.ndim < 2 or x.shape[-1] != shared.output_dim:
            raise ValueError(
                f"TiedDense got an input of shape {x.shape}: expected (batch, ..., {shared.output_dim}), "
                "the width of the embedding"
            )
        y = x @ ops.transpose(shared.table())
        return y + self.param("bias", (shared.input_dim,), "zeros", "bias") if self.use_bias else y
