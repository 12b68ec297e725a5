"""Ops that arrange elements and compute nothing: reshape, transpose and repetition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.layout import Strided, reshaped
from gdcore.graph.ops.identities import repeated_shape
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ranges import same_elements, same_rows


def _reshape_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    shape = tuple(attrs["shape"])
    if size(shape) != size(values[0].shape):
        raise ValueError(
            f"cannot reshape a value of shape {values[0].shape} to {shape}: "
            f"it holds {size(values[0].shape)} elements"
        )
    return shape


RESHAPE = register(
    Op(
        "reshape",
        "alias",
        _reshape_shape,
        lambda y, d: [reshape(d, y.inputs[0].shape)],
        lambda x, shape: x.reshape(shape),
        tuple(
            Sample((a,), {"shape": b})
            for a, b in (((4, 6), (24,)), ((4, 6), (2, 2, 6)), ((5,), (5, 1)), ((1, 1), ()))
        ),
        bounds=same_elements,
        view=lambda y, at: reshaped(y.inputs[0].shape, at, y.shape),
        back=lambda y, at: reshaped(y.shape, at, y.inputs[0].shape),
    )
)


def reshape(x: Any, shape: Sequence[Dim]) -> Value:
    """x's elements in another shape, in the same order. One dimension may be -1.

    Parameters
    ----------
    x : Value, array or number
    shape : sequence of int or Batch
        With the batch, ``x.shape[0]``, where x has it.

    Returns
    -------
    Value
        Of that shape.

    Raises
    ------
    ValueError
        If the shapes do not hold equally many elements.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(12)
    >>> gd.ops.reshape(x, (x.shape[0], 3, -1))
    <reshape (B, 3, 4)>
    """
    value = lift(x)
    target = list(shape)
    if sum(isinstance(d, int) and d == -1 for d in target) > 1:
        raise ValueError(f"reshape to {tuple(shape)}: only one dimension can be -1")
    have = size(value.shape)
    for i, d in enumerate(target):
        if isinstance(d, int) and d == -1:
            rest = size(target[:i] + target[i + 1 :])
            if isinstance(rest, Batch):
                if not isinstance(have, Batch) or rest.rows == 0 or have.rows % rest.rows:
                    break
                target[i] = have.rows // rest.rows
            elif isinstance(have, Batch):
                if rest == 0 or have.rows % rest:
                    break
                target[i] = Batch(have.rows // rest)
            elif rest and have % rest == 0:
                target[i] = have // rest
    if any(isinstance(d, int) and d < 0 for d in target):
        raise ValueError(
            f"cannot reshape a value of shape {value.shape} to {tuple(shape)}: "
            f"it holds {have} elements"
        )
    if tuple(target) == value.shape:
        return value
    return apply(RESHAPE, value, shape=tuple(target))


def flatten(x: Any) -> Value:
    """All dimensions after the first in one.

    Parameters
    ----------
    x : Value or array of shape (n, ...)

    Returns
    -------
    Value
        Of shape (n, elements of a row).

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.flatten(gd.Input((28, 28)))
    <reshape (B, 784)>
    """
    value = lift(x)
    return reshape(value, (value.shape[0], size(value.shape[1:])))


def expand_dims(x: Any, axis: int) -> Value:
    """A new dimension of 1 at `axis`.

    Parameters
    ----------
    x : Value, array or number
    axis : int
        Where it stands in the result; negative ones count from the end.

    Returns
    -------
    Value

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.expand_dims(gd.Input(3), -1)
    <reshape (B, 3, 1)>
    """
    value = lift(x)
    at = axis % (value.ndim + 1)
    return reshape(value, (*value.shape[:at], 1, *value.shape[at:]))


def squeeze(x: Any, axis: int) -> Value:
    """Without the dimension `axis`, which must be 1.

    Parameters
    ----------
    x : Value or array
    axis : int
        Negative ones count from the end.

    Returns
    -------
    Value

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.squeeze(gd.Input((3, 1)), -1)
    <reshape (B, 3)>
    """
    value = lift(x)
    at = axis % value.ndim
    if value.shape[at] != 1:
        raise ValueError(
            f"squeeze of axis {axis} of a value of shape {value.shape}: that dimension is not 1"
        )
    return reshape(value, value.shape[:at] + value.shape[at + 1 :])


def _permuted(y: Value, at: Strided) -> Strided:
    return Strided(at.start, tuple(at.steps[a] for a in y.attrs["axes"]))


def _permuted_back(y: Value, at: Strided) -> Strided:
    axes = y.attrs["axes"]
    return Strided(at.start, tuple(at.steps[axes.index(i)] for i in range(y.ndim)))


def _transpose_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    if sorted(attrs["axes"]) != list(range(values[0].ndim)):
        raise ValueError(
            f"transpose with axes {tuple(attrs['axes'])} of a value with {values[0].ndim} "
            "dimensions: "
            "name each once"
        )
    return tuple(values[0].shape[a] for a in attrs["axes"])


TRANSPOSE = register(
    Op(
        "transpose",
        "view",
        _transpose_shape,
        lambda y, d: [transpose(d, [y.attrs["axes"].index(i) for i in range(y.ndim)])],
        lambda x, axes: x.transpose(axes),
        tuple(
            Sample((s,), {"axes": a})
            for s, a in (
                ((5, 7), (1, 0)),
                ((2, 3, 4), (0, 2, 1)),
                ((2, 3, 4), (2, 0, 1)),
                ((33, 17), (1, 0)),
                ((2, 3, 4, 5), (0, 2, 1, 3)),
            )
        ),
        flops=0,
        takes_ints=True,
        view=_permuted,
        back=_permuted_back,
        bounds=same_rows(lambda y: y.ndim > 0 and y.attrs["axes"][-1] == y.ndim - 1),
    )
)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Value:
    """Dimensions in another order; None reverses them, as in NumPy.

    Parameters
    ----------
    x : Value or array
    axes : sequence of int, optional
        For each dimension of the result the one of x that it was.

    Returns
    -------
    Value

    Raises
    ------
    ValueError
        If `axes` is not a permutation of x's axes.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.transpose(gd.Input((5, 7)), (0, 2, 1))
    <transpose (B, 7, 5)>
    """
    value = lift(x)
    order = tuple(range(value.ndim))[::-1] if axes is None else tuple(a % value.ndim for a in axes)
    return value if order == tuple(range(value.ndim)) else apply(TRANSPOSE, value, axes=order)


def _emit_copy(y: Value, e: Emitter) -> None:
    e.copy(y.shape, e.layouts.of(y), e.layouts.of(y.inputs[0]), y.dtype)


# What the pass over layouts puts before a kernel that cannot read a view where it lies.
COPY = register(
    Op(
        "copy",
        "kernel",
        lambda values, _: values[0].shape,
        lambda y, d: [d],
        lambda x: x,
        (Sample(((5, 7),)), Sample(((2, 3, 4),)), Sample(((0, 3),))),
        emit=_emit_copy,
        flops=0,
        takes_ints=True,
        walks=lambda y, i, at: True,
        writes=lambda y, at: True,
        bounds=same_elements,
    )
)


def _repeated(y: Value, at: Strided) -> Strided:
    """A stride of 0 along dimensions of which there is one element, or none."""
    (x,) = y.inputs
    lead = y.ndim - x.ndim
    own = zip(x.shape, y.shape[lead:], at.steps, strict=True)
    return Strided(at.start, (0,) * lead + tuple(0 if d != n else step for d, n, step in own))


# What a pass puts in the place of a repetition whose reader walks strides.
REPEAT = register(
    Op(
        "repeat",
        "view",
        repeated_shape,
        lambda y, d: [d],
        lambda x, shape: np.broadcast_to(x, shape),
        (
            Sample(((3, 1),), {"shape": (3, 5)}),
            Sample(((),), {"shape": (2, 2)}),
            Sample(((7,),), {"shape": (100, 7)}),
            Sample(((1, 7, 1),), {"shape": (3, 7, 5)}),
        ),
        flops=0,
        view=_repeated,
        bounds=same_elements,
    )
)
