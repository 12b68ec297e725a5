"""Vectors for integer ids, such as words or categories: learned ones, and one-hot ones."""

from __future__ import annotations

from typing import Any

from gdcore import initializers, ops
from gdcore.graph.ir import INT, Value
from gdcore.layers.base import Layer
from gdcore.setting_checks import positive

__all__ = ["Embedding", "OneHot"]


class Embedding(Layer):
    """y[..., :] = table[x[...], :]: integer ids (B, ...) become vectors (B, ..., output_dim).

    Parameters
    ----------
    input_dim : int
        Number of different ids; x holds 0 ... input_dim - 1.
    output_dim : int
        Size of the vectors.
    initializer : Initializer, name, number or callable
    name : str, optional
    mask_zero : bool
        Whether id 0 stands for steps that do not count: the result has a mask.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1.
    TypeError
        When it is called, if the input does not hold ints.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Embedding(1000, 16)(gd.Input(20, dtype="int")).shape
    (B, 20, 16)
    """

    masks = "keep"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        initializer: Any = "uniform",
        name: str | None = None,
        *,
        mask_zero: bool = False,
    ) -> None:
        self.input_dim = positive("Embedding input_dim", input_dim)
        self.output_dim = positive("Embedding output_dim", output_dim)
        self.initializer = initializers.get(initializer)
        self.mask_zero = bool(mask_zero)
        self.name = name

    def table(self) -> Value:
        """The vectors, (input_dim, output_dim), as a traced value.

        Returns
        -------
        Value

        Examples
        --------
        >>> import gdcore as gd
        >>> gd.Embedding(1000, 16).table().shape
        (1000, 16)
        """
        return self.param("table", (self.input_dim, self.output_dim), self.initializer, "embedding")

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        ids = ops.drop_mask(x)
        vectors = ops.take(self.table(), ids)
        return ops.with_mask(vectors, ops.not_equal(ids, 0)) if self.mask_zero else vectors


class OneHot(Layer):
    """1 at the place of an id, else 0: integer ids (B, ...) become (B, ..., count).

    Parameters
    ----------
    count : int
        Number of places.
    first : int
        The id of the first place: ids below it, or of `first` + `count` and more, become zeros.
    name : str, optional

    Raises
    ------
    ValueError
        If `count` is not a whole number of at least 1.
    TypeError
        If `first` is not a whole number, or, when it is called, the input does not hold ints.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> x = gd.Input((), dtype="int")
    >>> gd.Model(x, gd.OneHot(2, first=1)(x)).predict(np.array([0, 1, 2]))
    array([[0., 0.],
           [1., 0.],
           [0., 1.]], dtype=float32)
    """

    masks = "keep"

    def __init__(self, count: int, first: int = 0, name: str | None = None) -> None:
        self.count = positive("OneHot count", count)
        if isinstance(first, bool) or not isinstance(first, int):
            raise TypeError(f"OneHot first={first!r}: expected a whole number")
        self.first = first
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if x.dtype != INT:
            raise TypeError(
                "OneHot got reals: declare that input with gd.Input(shape, dtype='int')"
            )
        return ops.one_hot(x - self.first if self.first else x, self.count)
