"""Pools over all steps of sequences, all pixels of images: one number for each channel."""

from __future__ import annotations

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.graph.ops.pool_windows import spatial
from gdcore.layers.base import Layer
from gdcore.layers.masked_steps import LOWEST
from gdcore.layers.rnn import sequence_mask

__all__ = ["GlobalAvgPool", "GlobalMaxPool"]


class GlobalAvgPool(Layer):
    """The mean of each channel over all that is between batch and channels: (B, ..., n) becomes (B, n).

    Of a sequence (B, steps, n) with a mask, or called with ``lengths=`` as recurrent layers are, it is the
    mean over the steps that count, and 0 where none does.

    Parameters
    ----------
    keepdims : bool
        Leave a dimension of 1 for each that goes.
    name : str, optional

    Raises
    ------
    ValueError
        When it is called, if the input is not (B, [[planes,] height,] width, channels), or a mask or
        lengths do not fit.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.GlobalAvgPool()(gd.Input((7, 7, 512))).shape
    (B, 512)
    >>> x, n = gd.Input((3, 1)), gd.Input((), name="n", dtype="int")
    >>> model = gd.Model([x, n], gd.GlobalAvgPool()(x, lengths=n))
    >>> model.predict(([[[4.0], [2.0], [9.0]]], [2]))
    array([[3.]], dtype=float32)
    """

    masks = "use"

    def __init__(self, keepdims: bool = False, name: str | None = None) -> None:
        self.keepdims = bool(keepdims)
        self.name = name

    def forward(self, x: Value, lengths: Value | None = None) -> Value:  # type: ignore[override]
        counts = _counts(self, x, lengths)
        if counts is None:
            return ops.mean(x, range(1, x.ndim - 1), self.keepdims)
        steps = counts[:, :, None]
        total = ops.sum(ops.where(steps, ops.drop_mask(x), 0.0), 1, self.keepdims)
        return total / ops.maximum(ops.sum(steps, 1, self.keepdims), 1.0)


class GlobalMaxPool(Layer):
    """The largest element of each channel: (B, [[planes,] height,] width, n) becomes (B, n).

    Of equal maxima the first gets the gradient. Of a sequence (B, steps, n) with a mask, or called with
    ``lengths=`` as recurrent layers are, it is the largest over the steps that count, and 0 where none does.

    Parameters
    ----------
    keepdims : bool
        Leave a dimension of 1 for each that goes.
    name : str, optional

    Raises
    ------
    ValueError
        When it is called, if the input has other dimensions, or a mask or lengths do not fit.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.GlobalMaxPool()(gd.Input((7, 7, 512))).shape
    (B, 512)
    >>> x, n = gd.Input((3, 1)), gd.Input((), name="n", dtype="int")
    >>> model = gd.Model([x, n], gd.GlobalMaxPool()(x, lengths=n))
    >>> model.predict(([[[4.0], [2.0], [9.0]]], [2]))
    array([[4.]], dtype=float32)
    """

    masks = "use"

    def __init__(self, keepdims: bool = False, name: str | None = None) -> None:
        self.keepdims = bool(keepdims)
        self.name = name

    def forward(self, x: Value, lengths: Value | None = None) -> Value:  # type: ignore[override]
        counts = _counts(self, x, lengths)
        if counts is None:
            y = ops.max_pool(x, spatial(x.shape, "GlobalMaxPool"))
            return y if self.keepdims else ops.reshape(y, (x.shape[0], x.shape[-1]))
        return largest(ops.drop_mask(x), counts, self.keepdims)


def largest(x: Value, counts: Value, keepdims: bool = False) -> Value:
    """The maximum of (..., n, features) over those of the n rows that count, (..., n); 0 where none does."""
    rows = ops.expand_dims(counts, -1)
    most = ops.max(ops.where(rows, x, LOWEST), -2, keepdims)
    return ops.where(ops.max(rows, -2, keepdims), most, 0.0)


def _counts(layer: Layer, x: Value, lengths: Value | None) -> Value | None:
    """Which steps count, (B, steps); None: all."""
    spatial(x.shape, type(layer).__name__)
    if x.ndim == 3:
        return sequence_mask(x, lengths)
    if lengths is not None or ops.mask_of(x) is not None:
        raise ValueError(
            f"{type(layer).__name__} got a mask or lengths with an input of shape {x.shape}: expected a "
            "sequence (batch, steps, features)"
        )
    return None
