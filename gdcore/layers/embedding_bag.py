"""Bags of rows of a table: their sums, means or maxima."""

from __future__ import annotations

from typing import Any

from gdcore import initializers, ops
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer
from gdcore.layers.global_pooling import largest
from gdcore.setting_checks import positive

__all__ = ["EmbeddingBag"]

MODES = ("sum", "mean", "max")


class EmbeddingBag(Layer):
    """The sum, mean or maximum of rows of a table: bags of integer ids (B, ..., n) become vectors (B, ..., output_dim).

    y = Σᵢ wᵢ table[xᵢ, :]. Rows are added up as they are read, none is copied; a sum or mean over the rows of an
    `Embedding` is computed likewise.

    Parameters
    ----------
    input_dim : int
        Number of different ids; x holds 0 ... input_dim - 1.
    output_dim : int
        Size of the vectors.
    mode : {"sum", "mean", "max"}
    padding_index : int, optional
        An id that does not count, with which shorter bags are filled up. A bag of nothing else gives 0.
    initializer : Initializer, name, number or callable
    name : str, optional

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, the mode is unknown or the padding index no id; when it is
        called, if weights are given with another mode than "sum", or with another shape than x.
    TypeError
        When it is called, if the input does not hold ints.

    Examples
    --------
    >>> import gdcore as gd
    >>> words, counts = gd.Input(20, dtype="int"), gd.Input(20)
    >>> gd.EmbeddingBag(1000, 16, padding_index=0)(words).shape
    (B, 16)

    A weight for each id:

    >>> gd.EmbeddingBag(1000, 16, mode="sum")(words, counts).shape
    (B, 16)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        mode: str = "mean",
        padding_index: int | None = None,
        initializer: Any = "uniform",
        name: str | None = None,
    ) -> None:
        self.input_dim = positive("EmbeddingBag input_dim", input_dim)
        self.output_dim = positive("EmbeddingBag output_dim", output_dim)
        if mode not in MODES:
            raise ValueError(f"EmbeddingBag mode={mode!r}: expected one of {', '.join(MODES)}")
        known = padding_index is None or (
            isinstance(padding_index, int) and 0 <= padding_index < self.input_dim
        )
        if not known:
            raise ValueError(
                f"EmbeddingBag padding_index={padding_index!r}: expected None or an id from 0 to "
                f"{self.input_dim - 1}"
            )
        self.mode = mode
        self.padding_index = padding_index
        self.initializer = initializers.get(initializer)
        self.name = name

    def forward(self, x: Value, weights: Value | None = None) -> Value:  # type: ignore[override]
        if x.ndim < 2:
            raise ValueError(
                f"EmbeddingBag got an input of shape {x.shape}: expected (batch, ..., n)"
            )
        if weights is not None and (self.mode != "sum" or weights.shape != x.shape):
            raise ValueError(
                f"EmbeddingBag(mode={self.mode!r}) got ids of shape {x.shape} and weights of shape "
                f"{weights.shape}: expected mode='sum' and a weight for each id"
            )
        table = self.param(
            "table", (self.input_dim, self.output_dim), self.initializer, "embedding"
        )
        rows = ops.take(table, x)
        counts = None if self.padding_index is None else ops.not_equal(x, self.padding_index)
        if self.mode == "max":
            return ops.max(rows, -2) if counts is None else largest(rows, counts)
        if weights is not None:
            counts = weights if counts is None else counts * weights
        if counts is None:
            return ops.sum(rows, -2) if self.mode == "sum" else ops.mean(rows, -2)
        total = ops.sum(rows * ops.expand_dims(counts, -1), -2)
        if self.mode == "sum":
            return total
        return total / ops.maximum(ops.sum(counts, -1, keepdims=True), 1.0)
