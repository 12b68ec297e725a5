"""Ops that change no number: a copy that may repeat, a stop for gradients; and a length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape, broadcast
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ranges import same_elements, within


def repeated_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    """The attribute `shape`, to which a value is repeated, or its own where there is none."""
    shape = tuple(attrs.get("shape", values[0].shape))
    if broadcast(values[0].shape, shape) != shape:
        raise ValueError(f"cannot broadcast a value of shape {values[0].shape} to {shape}")
    return shape


# A copy; with the attribute shape it repeats its input to that shape.
IDENTITY = register(
    Op(
        "identity",
        "map",
        repeated_shape,
        lambda y, d: [d],
        lambda x, shape=None: np.broadcast_to(x, x.shape if shape is None else shape),
        (
            Sample(((9,),)),
            Sample(((3, 1),), {"shape": (3, 5)}),
            Sample(((),), {"shape": (2, 2)}),
            Sample(((7,),), {"shape": (100, 7)}),
            Sample(((1, 7, 1),), {"shape": (3, 7, 5)}),
        ),
        flops=0,
        bounds=same_elements,
    )
)


def broadcast_to(x: Any, shape: Sequence[Dim]) -> Value:
    """Repeat x along dimensions of size 1 and new leading ones, as `numpy.broadcast_to`.

    Parameters
    ----------
    x : Value, array or number
    shape : sequence of int or Batch

    Returns
    -------
    Value
        Of that shape.

    Raises
    ------
    ValueError
        If x's shape does not broadcast to it.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> gd.ops.broadcast_to(x[:, None], (x.shape[0], 2, 3))
    <identity (B, 2, 3)>
    """
    value = lift(x)
    target = tuple(shape)
    if value.shape == target:
        return value
    return apply(IDENTITY, value, shape=target)


# How many elements a dimension has, known when the step runs: for means over the batch.
COUNT = register(Op("count", "leaf", lambda _, attrs: (), bounds=within(0.0, math.inf)))


def count(dim: Dim) -> Value:
    """The length of a dimension as a number: that of the batch is known when the step runs.

    Parameters
    ----------
    dim : int or Batch
        An element of a value's shape.

    Returns
    -------
    Value
        Of shape ().

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> gd.ops.sum(x, axis=0) / gd.ops.count(x.shape[0])  # the mean over the batch
    <div (3,)>
    """
    return apply(COUNT, dim=dim) if isinstance(dim, Batch) else lift(float(dim))


STOP = register(
    Op(
        "stop_gradient",
        "composite",
        lambda v, _: v[0].shape,
        lambda y, d: [None],
        expand=lambda y: y.inputs[0],
        bounds=same_elements,
    )
)


def stop_gradient(x: Any) -> Value:
    """x, through which no gradient flows.

    Parameters
    ----------
    x : Value, array or number

    Returns
    -------
    Value
        Of x's shape.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> x - gd.ops.stop_gradient(gd.ops.mean(x, axis=0))
    <sub (B, 3)>
    """
    return apply(STOP, x)
