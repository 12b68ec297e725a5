"""Matrix products: one op for every layer's three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Dim, Shape, at_batch, size
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Sample, Value, register, rewrite, topological
from gdcore.graph.layout import Strided, leading, same
from gdcore.graph.ops.leaves import apply, input_value, lift
from gdcore.graph.ops.shapes import reshape, transpose
from gdcore.graph.program import collapse


def _sides(values: Sequence[Value], attrs: Mapping[str, Any]) -> tuple[Shape, Dim, Dim, Dim, Dim]:
    a, b = values[:2]
    m, ka = a.shape[-2:] if not attrs["ta"] else a.shape[-2:][::-1]
    kb, n = b.shape[-2:] if not attrs["tb"] else b.shape[-2:][::-1]
    return a.shape[:-2], m, n, ka, kb


def _shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    a, b = values[:2]
    lead, m, n, ka, kb = _sides(values, attrs)
    if ka != kb or a.shape[:-2] != b.shape[:-2]:
        raise ValueError(
            f"matmul of shapes {a.shape} and {b.shape}: the inner sizes {ka} and {kb} "
            "must be equal, and so must the leading dimensions"
        )
    return (*lead, m, n)


def _grad(y: Value, d: Value) -> list[Value | None]:
    a, b = y.inputs[:2]
    ta, tb = y.attrs["ta"], y.attrs["tb"]
    da = _product(b, d, tb, True) if ta else _product(d, b, False, not tb)
    db = _product(d, a, True, ta) if tb else _product(a, d, not ta, False)
    return [da, db]


def _emit(y: Value, e: Emitter) -> None:
    """c = a b, or c + a b; see csrc/ops/gemm.c for the order of the sizes."""
    a, b = y.inputs[:2]
    for c in y.inputs[2:]:
        if not same(y.shape, e.layouts.of(c), e.layouts.of(y)):
            e.copy(y.shape, e.layouts.of(y), e.layouts.of(c), y.dtype)
            e.out[-1].reads = [c]
    lead, m, n, k, _ = _sides(y.inputs, y.attrs)
    walks = [e.steps(v) for v in (y, a, b)]
    outer, steps = collapse(lead, [w[:-2] for w in walks])
    by_matrix = [[*s, *[0] * (2 - len(s))] for s in steps]
    sums = e.ref(e.sums) if e.sums is not None else None
    e.kernel(
        "gemm",
        [e.ref(y), e.ref(a), e.ref(b)] + ([sums] if sums else []),
        dims=[
            *(*outer, *[1] * (2 - len(outer))),
            *(m, n, k),
            *(*by_matrix[0], walks[0][-2]),
            *(*by_matrix[1], *_turned(_stepped(a, walks[1]), y.attrs["ta"])),
            *(*by_matrix[2], *_turned(_stepped(b, walks[2]), y.attrs["tb"])),
        ],
        attrs=[
            *(int(sums is not None), int(y.attrs.get("loose", False)), len(y.inputs) - 2),
            y.attrs.get("bfloat16", 0),
        ],
    )


def _stepped(x: Value, steps: Sequence[Dim]) -> tuple[Dim, Dim]:
    """Strides of a matrix; next to a stride of 1 or more, that of a single row or column is 1."""
    row, col = steps[-2:]
    return (row, 1) if x.shape[-1] == 1 else (1 if x.shape[-2] == 1 and col != 1 else row, col)


def _turned(steps: tuple[Dim, Dim], t: bool) -> tuple[Dim, Dim]:
    return (steps[1], steps[0]) if t else steps


def _walks(y: Value, i: int, at: Strided) -> bool:
    """Rows or columns lie side by side, and the matrices of a batch are found by two strides."""
    x = y.inputs[i]
    return i == 2 or (1 in _stepped(x, at.steps) and _lead_fits(x.shape, at))


def _writes(y: Value, at: Strided) -> bool:
    return (at.steps[-1] == 1 or y.shape[-1] == 1) and _lead_fits(y.shape, at)


def _lead_fits(shape: Shape, at: Strided) -> bool:
    return len(shape) <= 4 or len(leading(shape[:-2], at.steps[:-2])[0]) < 2


def _swap(x: np.ndarray, t: bool) -> np.ndarray:
    return x.swapaxes(-1, -2) if t else x


def _samples() -> tuple[Sample, ...]:
    sizes = [
        (1, 1, 1),
        (2, 3, 4),
        (5, 7, 3),
        (1, 17, 9),
        (13, 16, 15),
        (14, 32, 16),
        (15, 33, 17),
        (28, 31, 300),
        (6, 15, 8),
        (7, 16, 1),
        (3, 130, 20),
        (64, 10, 33),
        (1, 64, 40),
        (2, 65, 5),
        (29, 47, 2),
        (240, 70, 260),
    ]
    out = []
    for m, n, k in sizes:
        for ta, tb in ((False, False), (True, False), (False, True), (True, True)):
            out.append(
                Sample(((k, m) if ta else (m, k), (n, k) if tb else (k, n)), {"ta": ta, "tb": tb})
            )
    out += [
        Sample(((m, k), (n, k)), {"ta": False, "tb": True, "loose": True})
        for m, n, k in ((1, 65, 130), (2, 33, 64), (2, 5, 200), (3, 9, 100), (1, 4, 31))
    ]
    out += [
        Sample(((3, 4, 5), (3, 5, 6)), {"ta": False, "tb": False}),
        Sample(((2, 3, 5, 4), (2, 3, 5, 6)), {"ta": True, "tb": False}),
        Sample(((0, 5), (5, 3)), {"ta": False, "tb": False}),
        Sample(((4, 0), (0, 3)), {"ta": False, "tb": False}),
    ]
    return tuple(out)


def _sum_shape_of(s: Sample) -> tuple[int, ...]:
    """The result's shape in a sample of a product."""
    shape = _shape([input_value(shape, "factor") for shape in s.shapes], s.attrs)
    return tuple(at_batch(d, 1) for d in shape)


def _column_sums(y: Value) -> tuple[Value, tuple[int, int]] | None:
    """dw = x' dy, and db = the sums of dy over its rows."""
    return (y.inputs[1], (0, 1)) if y.ndim == 2 and y.attrs["ta"] and not y.attrs["tb"] else None


def _flops(y: Value) -> Dim:
    k = _sides(y.inputs, y.attrs)[3]
    return size((2, k, *y.shape))


MATMUL = register(
    Op(
        "matmul",
        "kernel",
        _shape,
        _grad,
        lambda a, b, ta, tb, loose=False: _swap(a, ta) @ _swap(b, tb),
        _samples(),
        emit=_emit,
        flops=_flops,
        takes_epilogue=lambda y: True,
        column_sums=_column_sums,
        walks=_walks,
        writes=_writes,
    )
)


def _sum_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    shape = _shape(values, attrs)
    if values[2].shape != shape:
        raise ValueError(f"a product of shape {shape} added to a value of {values[2].shape}")
    return shape


# c + a b, written over c where nothing else reads that.
MATMUL_ADD = register(
    MATMUL._replace(
        name="matmul_add",
        shape=_sum_shape,
        grad=lambda y, d: [*_grad(y, d), d],
        reference=lambda a, b, c, ta, tb, loose=False: c + _swap(a, ta) @ _swap(b, tb),
        samples=tuple(s._replace(shapes=(*s.shapes, _sum_shape_of(s))) for s in _samples()[::3]),
        reuses=2,
    )
)


def _product(a: Value, b: Value, ta: bool, tb: bool) -> Value:
    return apply(MATMUL, a, b, ta=ta, tb=tb)


def loosened(gradients: Sequence[Value], forward: Sequence[Value]) -> list[Value]:
    """Gradients whose products may sum a row in another order if it comes alone, which is faster.

    Parameters
    ----------
    gradients : values of a training step
    forward : what the step predicts; a row of that is the same among any others, and stays so
    """
    kept = set(topological(forward))

    def loose(v: Value) -> Value:
        return (
            apply(MATMUL, *v.inputs, **v.attrs, loose=True)
            if v.op is MATMUL and v not in kept
            else v
        )

    found = rewrite(gradients, loose)
    return [found[v] for v in gradients]


def matmul(a: Any, b: Any) -> Value:
    """Matrix product of the last two dimensions, as `numpy.matmul`.

    Parameters
    ----------
    a, b : Value or array
        (..., M, K) and (..., K, N) with equal leading dimensions, or a 2-D b for all of them; a 1-D
        operand counts as a row or a column.

    Returns
    -------
    Value
        (..., M, N).

    Raises
    ------
    ValueError
        If the sizes do not fit, or an operand is a number.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input((5, 3))
    >>> x @ np.ones((3, 2)), gd.ops.matmul(x, gd.ops.transpose(x, (0, 2, 1)))
    (<reshape (B, 5, 2)>, <matmul (B, 5, 5)>)
    """
    x, w = lift(a), lift(b)
    if not x.ndim or not w.ndim:
        raise ValueError("matmul of a number: use * to scale")
    if x.ndim == 1:
        y = matmul(reshape(x, (1, *x.shape)), w)
        return reshape(y, y.shape[:-2] + y.shape[-1:])
    if w.ndim == 1:
        y = matmul(x, reshape(w, (*w.shape, 1)))
        return reshape(y, y.shape[:-1])
    if x.shape[-1] != w.shape[-2]:
        raise ValueError(
            f"matmul of shapes {x.shape} and {w.shape}: "
            f"the inner sizes {x.shape[-1]} and {w.shape[-2]} differ"
        )
    if w.ndim == 2 and x.op.name == "transpose" and x.attrs["axes"][-1] == x.ndim - 1:
        # rows in the order in which they lie: put in another one, they are no matrix of two strides
        return transpose(matmul(x.inputs[0], w), x.attrs["axes"])
    if w.ndim == 2 and x.ndim > 2:  # all rows at once
        y = matmul(reshape(x, (size(x.shape[:-1]), x.shape[-1])), w)
        return reshape(y, (*x.shape[:-1], w.shape[-1]))
    ta = x.op.name == "transpose" and _swaps_last(x)
    tb = w.op.name == "transpose" and _swaps_last(w)
    return _product(x.inputs[0] if ta else x, w.inputs[0] if tb else w, ta, tb)


def _swaps_last(x: Value) -> bool:
    n = x.ndim
    axes: tuple[int, ...] = x.attrs["axes"]
    return axes == (*range(n - 2), n - 1, n - 2)


Value.operators.update(matmul=matmul)
