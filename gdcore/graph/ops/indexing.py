"""Rows by number (embeddings) and classes by number (one-hot)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Shape, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import INT, Op, Sample, Value, register
from gdcore.graph.ops import elementwise as ew
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.shapes import expand_dims
from gdcore.graph.ranges import or_zero


def _emit_take(y: Value, e: Emitter) -> None:
    table, index = y.inputs
    e.kernel(
        "gather", [e.ref(y), e.ref(table), e.ref(index)], dims=[size(index.shape), *table.shape]
    )


def _emit_scatter(y: Value, e: Emitter) -> None:
    dy, index = y.inputs
    e.kernel("scatter_add", [e.ref(y), e.ref(dy), e.ref(index)], dims=[size(index.shape), *y.shape])


def _np_scatter(dy: np.ndarray, index: np.ndarray, rows: int) -> np.ndarray:
    out = np.zeros((rows, dy.shape[-1]))
    np.add.at(out, index.astype(int).reshape(-1), dy.reshape(-1, dy.shape[-1]))
    return out


def _needs_ints(index: Value) -> None:
    if index.dtype != INT:
        raise TypeError(
            "take needs whole numbers as index: "
            "declare that input with gd.Input(shape, dtype='int')"
        )


def _take_shape(values: Sequence[Value], _: Mapping[str, Any]) -> Shape:
    table, index = values
    _needs_ints(index)
    if table.ndim != 2 or table.dtype == INT:
        raise ValueError(
            f"take from a table of shape {table.shape}: expected reals of (rows, width)"
        )
    return (*index.shape, table.shape[1])


def _scatter_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    dy, index = values
    _needs_ints(index)
    if dy.shape[:-1] != index.shape or dy.dtype == INT:
        raise ValueError(f"scatter_add of shape {dy.shape} by indices of shape {index.shape}")
    return (attrs["rows"], dy.shape[-1])


TAKE = register(
    Op(
        "take",
        "kernel",
        _take_shape,
        lambda y, d: [apply(SCATTER, d, y.inputs[1], rows=y.inputs[0].shape[0]), None],
        lambda table, index: table[index.astype(int)],
        (
            Sample(((7, 5), (9,)), ints={1: 7}),
            Sample(((3, 33), (4, 6)), ints={1: 3}),
            Sample(((4, 2), (0,)), ints={1: 4}),
        ),
        emit=_emit_take,
        flops=0,
        takes_ints=True,
        bounds=or_zero,
    )
)
SCATTER: Op = register(
    Op(
        "scatter_add",
        "kernel",
        _scatter_shape,
        lambda y, d: [apply(TAKE, d, y.inputs[1]), None],
        _np_scatter,
        (
            Sample(((9, 5), (9,)), {"rows": 4}, ints={1: 4}),
            Sample(((4, 6, 17), (4, 6)), {"rows": 3}, ints={1: 3}),
        ),
        emit=_emit_scatter,
        takes_ints=True,
    )
)


def take(table: Any, index: Value) -> Value:
    """Rows of a table: y[..., :] = table[index[...], :].

    Parameters
    ----------
    table : Value of shape (rows, width)
    index : Value of ints, any shape; out of range gives a row of zeros

    Returns
    -------
    Value of shape index.shape + (width,)

    Raises
    ------
    TypeError
        If the index does not hold ints.
    ValueError
        If the table does not have two dimensions of reals.

    Examples
    --------
    >>> import gdcore as gd
    >>> i = gd.Input(2, dtype="int")
    >>> table = np.array([[0.0, 0.5], [1.0, 1.5], [2.0, 2.5]])
    >>> gd.Model(i, gd.ops.take(table, i)).predict([[2, 0]])
    array([[[2. , 2.5],
            [0. , 0.5]]], dtype=float32)
    """
    return apply(TAKE, table, index)


def one_hot(index: Any, classes: int) -> Value:
    """1 where the class number equals the position along a new last axis, else 0.

    Parameters
    ----------
    index : Value of any shape
    classes : int

    Returns
    -------
    Value of shape index.shape + (classes,)

    Examples
    --------
    >>> import gdcore as gd
    >>> i = gd.Input(2, dtype="int")
    >>> gd.Model(i, gd.ops.one_hot(i, 3)).predict([[2, 0]])
    array([[[0., 0., 1.],
            [1., 0., 0.]]], dtype=float32)
    """
    return ew.equal(np.arange(classes), expand_dims(index, -1))
