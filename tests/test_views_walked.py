"""Reductions read views where they lie, and products repetitions: nothing is written for them."""

import numpy as np
import pytest
from by_reference import evaluate
from harness import ISAS, graph_runner, run_graph
from plan_checker import assert_valid
from test_views import ROWS, kernels, predicted, turned

import gdcore as gd
from gdcore.engine.session import CONSTANTS
from gdcore.graph.differentiate import gradients
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import PARAM, input_value
from gdcore.graph.plan import make_plan
from gdcore.graph.program import Place

VIEWS = {  # of arrays (rows, 18, 5): neighbours are kept, folded, neither, repeated
    "turned": (turned, lambda x: x.transpose(0, 2, 1)),
    "cut": (lambda x: x[:, 1::2, 1:4], lambda x: x[:, 1::2, 1:4]),
    "both": (lambda x: turned(x)[:, ::2, 1:], lambda x: x.transpose(0, 2, 1)[:, ::2, 1:]),
    "repeated": (
        lambda x: gd.ops.broadcast_to(x[:, :, None, ::2], (x.shape[0], 18, 2, 3)),
        lambda x: np.repeat(x[:, :, None, ::2], 2, 2),
    ),
}
FOLDS = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "logsumexp": lambda x, axis: np.log(np.exp(x.astype(float)).sum(axis)),
}


def planned(outputs, x, batch=9):
    plan = make_plan(outputs, [], {}, {x: Place(9, 0)}.get, batch, 32, CONSTANTS)
    assert_valid(plan)
    return kernels(plan)


@pytest.mark.parametrize("seen", VIEWS)
def test_reductions_read_views_where_they_lie(seen):
    """In one instruction each, on every instruction set; results may be put among others."""
    rows = np.random.default_rng(4).normal(size=(7, 18, 5)).astype(np.float32)
    see, np_see = VIEWS[seen]
    x = input_value((Batch(1), *rows.shape[1:]), "x")
    view = see(x)
    axes = [1, 2, (1, 2)] if view.ndim == 3 else [1, 2, 3, (1, 2), (2, 3)]
    found = {(name, a): getattr(gd.ops, name)(view, a) for name in FOLDS for a in axes}
    assert set(planned([*found.values()], x)) == {*FOLDS} - {"mean"}  # which is a sum in C
    stacked = gd.ops.stack([gd.ops.max(view, -1), gd.ops.sum(view, -1)], -1)
    assert sorted(planned([stacked], x)) == ["max", "sum"]
    both = np.stack([np_see(rows).max(-1), np_see(rows).sum(-1)], -1)
    for isa in ISAS:
        for bits in (32, 64):
            got = graph_runner([x], [*found.values()], bits, isa, 2, len(rows))([rows])
            for (name, a), y in zip(found, got, strict=True):
                want = FOLDS[name](np_see(rows), a)
                np.testing.assert_allclose(y, want, rtol=2e-5, atol=2e-5, err_msg=f"{name} {a}")
            (got,) = graph_runner([x], [stacked], bits, isa, 2, len(rows))([rows])
            np.testing.assert_allclose(got, both, rtol=2e-5, atol=2e-5)


def test_long_sums_of_views_are_cut_in_parts():
    """And those of repetitions; threads share them."""
    rows = np.random.default_rng(5).normal(size=(9, 700, 5)).astype(np.float32)
    x = input_value((9, 700, 5), "x")
    most = gd.ops.broadcast_to(x[:, ::7, None, 1:], (9, 100, 6, 4))
    outputs = [gd.ops.sum(turned(x)[:, :4]), gd.ops.mean(most)]
    assert planned(outputs, x) == ["sum_partial", "sum_final"] * 2
    got = [graph_runner([x], outputs, 32, None, n)([rows]) for n in (1, 2)]
    np.testing.assert_array_equal(*got)
    want = [rows[:, :, :4].sum(dtype=float), rows[:, ::7, 1:].mean(dtype=float)]
    np.testing.assert_allclose(np.ravel(got[0]), want, rtol=1e-5)


def test_extremes_are_folded_from_views():
    """Nothing, what is not a number, and infinities."""
    x = input_value((Batch(1), 6, 4), "x")
    rows = ROWS.copy()
    rows[0, 1, 2], rows[1, :, 0], rows[2, 3, 1] = np.nan, -np.inf, np.inf
    for name, fold in FOLDS.items():
        for see, np_see, axis in (
            (turned, lambda a: a.transpose(0, 2, 1), 2),
            (lambda v: turned(v)[:, :, ::2], lambda a: a.transpose(0, 2, 1)[..., ::2], 1),
        ):
            got = graph_runner([x], [getattr(gd.ops, name)(see(x), axis)], 32, rows=9)([rows])[0]
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                want = fold(np_see(rows), axis)
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5, err_msg=name)
    none = gd.ops.sum(turned(x)[:, :0], axis=1)
    np.testing.assert_array_equal(graph_runner([x], [none], 32, rows=9)([rows])[0], 0)


def test_products_read_repetitions_where_they_lie():
    """Of a matrix for all samples, of a row, and of a column; and passes do so under another shape."""
    rng = np.random.default_rng(6)
    w, row, column = (rng.normal(size=s).astype(np.float32) for s in ((4, 6), (1, 4, 1, 1), (4, 1)))

    def function(x):
        y = gd.ops.matmul(x, gd.ops.broadcast_to(w, (x.shape[0], 4, 6)))
        wide = gd.ops.broadcast_to(y[:, :1], (x.shape[0], 4, 6))
        z = gd.ops.matmul(y, turned(wide))
        z = gd.ops.matmul(z, gd.ops.broadcast_to(column, (x.shape[0], 4, 3)))
        many = gd.ops.reshape(gd.ops.broadcast_to(gd.ops.exp(row), (3, 4, 6, 1)), (12, 6))
        return z + gd.ops.reshape(many * 2.0, (12, 6))[:6, :3]

    wide = np.broadcast_to((ROWS @ w)[:, :1], (9, 4, 6))
    many = np.broadcast_to(np.exp(row), (3, 4, 6, 1)).reshape(12, 6)
    want = ROWS @ w @ wide.transpose(0, 2, 1) @ np.broadcast_to(column, (4, 3)) + 2 * many[:6, :3]
    np.testing.assert_allclose(predicted(function), want, rtol=1e-4, atol=1e-4)
    x = input_value((Batch(1), 6, 4), "x")
    assert sorted(planned([function(x)], x)) == ["gemm", "gemm", "gemm", "map", "map"]


def test_a_convolution_of_what_is_repeated_for_each_sample_is_computed_once():
    """And its gradient by the kernel takes the sum of the samples'; nothing is written for the repetition."""
    shapes = {"image": (6, 5, 2), "x": (4, 6, 5, 2), "w": (3, 3, 2, 4)}
    image, x, w = leaves = [input_value(shape, name) for name, shape in shapes.items()]
    y = gd.ops.conv(gd.ops.broadcast_to(image, x.shape), w, padding=1)
    z = gd.ops.conv(x, w, padding=1)
    wanted = gradients(gd.ops.sum(gd.ops.tanh(y * z)), [w, image])
    places = {v: Place(9 + i, 0) for i, v in enumerate(leaves)}
    plan = make_plan(wanted, [], {}, places.get, 1, 32, CONSTANTS)
    assert_valid(plan)
    repeated = [i for i in plan.instructions if i.kernel.startswith("conv") and i.dims[0] == (1, 0)]
    assert len(repeated) == 2 and not {"copy", "fill"} & set(kernels(plan)), str(plan)
    assert kernels(plan).count("map") == 1, str(plan)
    rng = np.random.default_rng(7)
    arrays = [rng.normal(size=s) * 0.3 for s in shapes.values()]
    want = evaluate(wanted, dict(zip(leaves, arrays, strict=True)), 1)
    for v, got in zip(wanted, run_graph(leaves, arrays, wanted, 64), strict=True):
        np.testing.assert_allclose(got, want[v], rtol=1e-12, atol=1e-12)


def test_gradients_of_reductions_of_views_copy_nothing():
    """Those of slices lie side by side, and that of a repeated matrix is a sum over what it is repeated for."""
    x = input_value((9, 6, 4), "x")

    def function(w):
        y = gd.ops.matmul(x, gd.ops.broadcast_to(w, (9, 4, 8)))
        heads = gd.ops.transpose(gd.ops.reshape(y, (9, 6, 2, 4)), (0, 2, 1, 3))
        one, other = heads[:, 0], heads[:, 1]
        return gd.ops.sum(gd.ops.logsumexp(one, 1)) + gd.ops.mean(gd.ops.max(other, 2))

    w = Value(PARAM, (), {"shape": (4, 8)}, (4, 8), name="w")
    (dw,) = gradients(function(w), [w])
    places = {w: Place(1, 0), x: Place(2, 0)}.get
    plan = make_plan([dw], [], {dw: Place(3, 0)}, places, 1, 32, CONSTANTS)
    assert_valid(plan)
    assert not {"copy", "fill"} & set(kernels(plan)), str(plan)


def test_the_gradient_of_a_sum_is_repeated_by_its_product():
    """One number for each sample, which the product by the weights reads as a row of equal ones."""
    x = input_value((9, 6), "x")
    w, v = (Value(PARAM, (), {"shape": s}, s, name="w") for s in ((6, 8), (9, 1)))
    y = gd.ops.sum(gd.ops.sum(gd.ops.matmul(x, w), 1, keepdims=True) * v)
    (dw,) = gradients(y, [w])
    places = {w: Place(1, 0), v: Place(1, 512), x: Place(2, 0)}.get
    plan = make_plan([dw], [], {dw: Place(3, 0)}, places, 1, 32, CONSTANTS)
    assert kernels(plan) == ["map", "gemm"], str(plan)  # v · 1, and x' times its columns
    assert "[9×8 by 1,0]" in str(plan)


def test_the_gradient_of_a_reshaped_weight_is_written_to_its_place():
    """Its product writes there, under its own shape; of a transposed one, and of slices, too."""
    x = input_value((5, 6), "x")
    places = [
        ((2, 3, 4), lambda w: [gd.ops.reshape(w, (6, 4))], [0]),
        ((4, 6), lambda w: [gd.ops.transpose(w)], [0]),
        ((6, 9), lambda w: [w[:, :4], w[:, 4:]], [0, 16]),
        ((6, 2, 2), lambda w: [gd.ops.expand_dims(w, 1)[:, 0, i] for i in (0, 1)], [0, 8]),
    ]
    for shape, seen, offsets in places:
        w = Value(PARAM, (), {"shape": shape}, shape, name="w")
        products = [gd.ops.tanh(gd.ops.matmul(x, part)) for part in seen(w)]
        (dw,) = gradients(gd.ops.sum(gd.ops.concatenate(products)), [w])
        leaves = {w: Place(1, 0), x: Place(2, 0)}.get
        plan = make_plan([dw], [], {dw: Place(3, 0)}, leaves, 1, 32, CONSTANTS)
        assert_valid(plan)
        assert not {"copy", "fill"} & set(kernels(plan)), str(plan)
        written = [i for i in plan.instructions if i.refs[0][0] == 3]
        assert [i.kernel for i in written] == ["gemm"] * len(offsets), str(plan)
        assert sorted(i.refs[0][2] for i in written) == offsets
        assert all(i.then is None for i in written)


def test_slices_that_two_sums_share_are_put_to_both():
    """As the gates of a GRU, whose gradients go to the inputs' product and to the state's: nothing is added."""
    a, b = input_value((9, 12), "a"), input_value((9, 12), "b")

    def function(w, u):
        x, h = gd.ops.matmul(a, w), gd.ops.matmul(b, u)
        z, r = (gd.ops.sigmoid(x[:, i : i + 4] + h[:, i : i + 4]) for i in (0, 4))
        return gd.ops.sum(z * gd.ops.tanh(x[:, 8:] + r * h[:, 8:]))

    w, u = (Value(PARAM, (), {"shape": (12, 12)}, (12, 12), name=n) for n in "wu")
    wanted = gradients(function(w, u), [w, u])
    places = {w: Place(1, 0), u: Place(1, 1024), a: Place(2, 0), b: Place(4, 0)}.get
    pinned = {v: Place(3, 1024 * i) for i, v in enumerate(wanted)}
    plan = make_plan(wanted, [], pinned, places, 1, 32, CONSTANTS)
    assert_valid(plan)
    assert sorted(kernels(plan)) == ["copy"] * 2 + ["gemm"] * 4 + ["map"], str(plan)
