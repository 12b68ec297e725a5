"""Layers that rearrange or join their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import INT, REAL, Value
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.ops.masks import together
from gdcore.layers.base import Layer
from gdcore.text.base import READER, Vectorizer

__all__ = ["Add", "Concatenate", "Flatten", "Input", "Reshape"]


def Input(
    shape: int | Sequence[int] | Vectorizer, name: str = "x", dtype: str | None = None
) -> Value:
    """A named input of a graph: one array of this shape for each sample.

    Parameters
    ----------
    shape : int, sequence of int, or Vectorizer of `gdcore.text`
        Without the batch; a number means that many features. An input with a vectorizer takes strings, and has the
        shape and dtype of its rows.
    name : str
        Its key where `fit` and `predict` get a dict of arrays.
    dtype : {"real", "int"}, optional
        Ints are for indices, as `Embedding` takes them; reals by default.

    Returns
    -------
    Value
        Of shape (B, *shape).

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, the dtype is unknown or not that of a vectorizer, or the
        vectorizer has learned nothing yet.

    Examples
    --------
    >>> import gdcore as gd
    >>> a, b = gd.Input(3, name="a"), gd.Input(2, name="b")
    >>> model = gd.Model([a, b], gd.Dense(1)(gd.Concatenate()([a, b])))
    >>> model.predict({"a": [[1.0, 2.0, 3.0]], "b": [[4.0, 5.0]]}).shape
    (1, 1)
    """
    if isinstance(shape, Vectorizer):
        if dtype not in (None, shape.dtype):
            raise ValueError(f"Input dtype={dtype!r} of a {type(shape).__name__}: leave it out")
        leaf = input_value((Batch(1), *shape.shape), name, shape.dtype)
        leaf.attrs = {**leaf.attrs, READER: shape}
        return leaf
    if dtype not in (None, REAL, INT):
        raise ValueError(f"Input dtype={dtype!r}: expected 'real' or 'int'")
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if not all(isinstance(d, int | np.integer) and d >= 1 for d in sizes):
        raise ValueError(
            f"Input shape={shape!r}: expected whole sizes of at least 1, without the batch"
        )
    return input_value((Batch(1), *map(int, sizes)), name, dtype or REAL)


class Flatten(Layer):
    """Merges all dimensions after the batch: (B, ...) becomes (B, n).

    Parameters
    ----------
    name : str, optional

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Flatten()(gd.Input((28, 28))).shape
    (B, 784)
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        return ops.flatten(x)


class Reshape(Layer):
    """Reshapes each sample, in row-major order: (B, ...) becomes (B, *shape).

    Parameters
    ----------
    shape : sequence of int
        Without the batch; one dimension may be -1.
    name : str, optional

    Raises
    ------
    ValueError
        When it is called, if the shape does not hold as many elements.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Reshape((28, -1))(gd.Input(784)).shape
    (B, 28, 28)
    """

    def __init__(self, shape: Sequence[int], name: str | None = None) -> None:
        self.shape = tuple(shape)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        return ops.reshape(x, (x.shape[0], *self.shape))


def _parts(xs: tuple[Any, ...]) -> list[Value]:
    return list(xs[0]) if len(xs) == 1 and isinstance(xs[0], list | tuple) else list(xs)


class Concatenate(Layer):
    """Concatenates inputs along an axis; it is called with a list of values.

    Parameters
    ----------
    axis : int
        Negative ones count from the end; not 0, the batch.
    name : str, optional

    Raises
    ------
    ValueError
        When it is called, if the shapes differ elsewhere, or the axis is the batch.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Concatenate()([gd.Input(3, name="a"), gd.Input(2, name="b")]).shape
    (B, 5)
    """

    masks = "use"

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        self.axis = axis
        self.name = name

    def forward(self, *xs: Any) -> Value:
        parts = _parts(xs)
        y = ops.concatenate(parts, self.axis)
        masks = [m for x in parts if (m := ops.mask_of(x)) is not None]
        if not masks:
            return y
        if self.axis % y.ndim >= masks[0].ndim:  # the same steps
            both = together(masks)
            return y if both is None else ops.with_mask(y, both)
        lead = masks[0].ndim  # more steps; those without a mask all count
        each = [ops.mask_of(x) for x in parts]
        whole = [
            ops.broadcast_to(1.0, x.shape[:lead]) if m is None else m
            for x, m in zip(parts, each, strict=True)
        ]
        return ops.with_mask(y, ops.concatenate(whole, self.axis))


class Add(Layer):
    """The sum of its inputs, of shapes that broadcast; it is called with a list of values.

    Parameters
    ----------
    name : str, optional

    Raises
    ------
    ValueError
        When it is called, if the shapes do not broadcast.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(4)
    >>> gd.Add()([x, gd.Dense(4)(x)]).shape
    (B, 4)
    """

    masks = "keep"

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def forward(self, *xs: Any) -> Value:
        first, *rest = _parts(xs)
        for x in rest:
            first = first + x
        return first
