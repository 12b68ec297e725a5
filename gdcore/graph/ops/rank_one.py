"""The gradient of a weight from one sample: x' dy is a column times a row.

Where a plan is for one sample, it need not be written: the update of the weight reads x and dy, which are
as long as one side of it each.
"""

from __future__ import annotations

import numpy as np

from gdcore.graph.dims import Batch, at_batch, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.layout import Strided, dense, is_dense
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.products import MATMUL


def _emit_peak(y: Value, e: Emitter) -> None:
    e.kernel("outer_peak", [e.ref(v) for v in (y, *y.inputs)], [size(x.shape) for x in y.inputs])


def _np_peak(column: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(column).max() * np.abs(row).max())


def _view(y: Value, at: Strided) -> Strided | None:
    return Strided(at.start, dense(y.shape).steps) if is_dense(y.inputs[0].shape, at) else None


SINGLE = register(
    Op(
        "single",
        "alias",
        lambda values, attrs: tuple(attrs["shape"]),
        None,
        lambda x, shape: x.reshape(shape),
        (Sample(((1, 5),), {"shape": (5, 1)}), Sample(((1, 5),), {"shape": (1, 5)})),
        view=_view,
    )
)

PEAK = register(
    Op(
        "outer_peak",
        "kernel",
        lambda values, attrs: (),
        None,
        _np_peak,
        tuple(Sample(((n, 1), (1, m))) for n, m in ((1, 1), (3, 17), (16, 15), (33, 5))),
        emit=_emit_peak,
        flops=lambda y: sum(at_batch(size(x.shape), 1) for x in y.inputs),
    )
)


def largest(column: Value, row: Value) -> Value:
    """The largest magnitude in a column times a row: finite if and only if all of it is.

    Parameters
    ----------
    column, row : Value
        Of shapes (I, 1) and (1, O).
    """
    return apply(PEAK, column, row)


def column_and_row(gradient: Value) -> tuple[Value, Value] | None:
    """What the gradient of one sample is the product of, shapes (I, 1) and (1, O).

    Parameters
    ----------
    gradient : Value

    Returns
    -------
    tuple of Value, or None
        None if it is anything but x' dy with the samples as rows.
    """
    if gradient.op is not MATMUL or not gradient.attrs["ta"] or gradient.attrs["tb"]:
        return None
    x, dy = gradient.inputs
    if x.ndim != 2 or x.shape[0] != Batch(1) or dy.shape[0] != Batch(1):
        return None
    rows, columns = (at_batch(size(v.shape), 1) for v in (x, dy))
    return apply(SINGLE, x, shape=(rows, 1)), apply(SINGLE, dy, shape=(1, columns))
