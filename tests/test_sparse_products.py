"""Bags of rows, and sparse rows times a kernel: nothing is made dense on the way."""

import numpy as np
import pytest
from sparse_rows import SPARSE, N, csr, linear

import gdcore as gd
from gdcore.data.sparse import SparseRows
from gdcore.engine.engine import engine_of

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, N)
SETTINGS = {"batch_size": 4, "epochs": 2, "seed": 3, "verbose": 0}


def kernels(model):
    return [i.kernel for i in engine_of(model).train_steps()[-1].session.plan.instructions]


# --- products of sparse rows ---------------------------------------------------------


@pytest.mark.parametrize("units", [1, 11, 70])
def test_sparse_rows_times_a_kernel(units):
    dense, sparse = linear(units=units), linear(units=units)
    for model, x in ((dense, SPARSE), (sparse, csr(SPARSE))):
        model.fit(x, Y, **SETTINGS)
    assert "bag" in kernels(sparse) and "bag" not in kernels(dense)
    assert kernels(sparse).count("gemm") < kernels(dense).count("gemm")
    for a, b in zip(dense.get_weights(), sparse.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sparse.predict(csr(SPARSE)), dense.predict(SPARSE), atol=1e-12)
    got, want = sparse.evaluate(csr(SPARSE), Y), dense.evaluate(SPARSE, Y)
    assert got["loss"] == pytest.approx(want["loss"], rel=1e-12)


def test_columns_that_occur_twice_count_twice_and_factors_are_kept():
    data, columns, starts = np.ones(3, "f4"), np.array([40, 40, 2]), np.array([0, 2, 3, 3])
    rows = SparseRows(data, columns, starts, (3, 100))
    layers = [gd.Input(100), gd.Rescaling(0.5), gd.Dense(3, use_bias=False)]
    model = gd.Sequential(layers).compile("sgd", "mse")

    class Given(SparseRows):
        nnz, indices, indptr = 3, columns, starts

        def tocsr(self):
            return self

    given = Given(*rows.parts, rows.shape)
    got = model.predict(given)
    w = model.get_weights()[0]
    np.testing.assert_allclose(got, [w[40], 0.5 * w[2], 0 * w[0]], rtol=1e-6)


def test_what_else_reads_sparse_rows_reads_them_in_full():
    x = gd.Input(200)
    model = gd.Model(x, gd.Dense(2)(x) + gd.ops.sum(x, 1, keepdims=True))
    np.testing.assert_allclose(model.predict(csr(SPARSE)), model.predict(SPARSE), atol=1e-5)


# --- bags ---


@pytest.mark.parametrize(("mode", "padding", "weighted"), [
    ("sum", None, False), ("sum", 3, True), ("mean", 3, False), ("max", 3, False),
])  # fmt: skip
def test_torch_bags(mode, padding, weighted):
    torch = pytest.importorskip("torch")
    ids, weights = gd.Input(6, dtype="int"), gd.Input(6)
    layer = gd.EmbeddingBag(8, 5, mode, padding)
    inputs = [ids, weights] if weighted else [ids]
    model = gd.Model(inputs, layer(*inputs)).compile("sgd", "mse", dtype="float64")
    x, w = RNG.integers(0, 8, (30, 6)), RNG.normal(size=(30, 6))
    x[0], target = 3, RNG.normal(size=(30, 5))
    data = [x, w] if weighted else x
    table = torch.tensor(model.get_weights()[0].copy())
    bag = torch.nn.EmbeddingBag.from_pretrained(table, freeze=False, mode=mode, padding_idx=padding)
    out = bag(torch.tensor(x), per_sample_weights=torch.tensor(w) if weighted else None)
    np.testing.assert_allclose(model.predict(data), out.detach().numpy(), atol=1e-12)
    torch.nn.functional.mse_loss(out, torch.tensor(target)).backward()
    (got,) = model.gradients(data, target).values()
    np.testing.assert_allclose(got, bag.weight.grad.numpy(), atol=1e-12)


@pytest.mark.bounds_memory
def test_tables_are_not_touched_as_a_whole():
    """800,000 columns: neither gradients nor slots of the rows that do not occur take memory."""
    resource = pytest.importorskip("resource")
    columns, each, rows = 800_000, 200, 64
    at = RNG.integers(0, columns, (rows, each))

    class Matrix:
        shape, nnz = (rows, columns), rows * each
        data, indices, indptr = np.ones(nnz, "f4"), at.ravel(), np.arange(0, nnz + 1, each)

        def tocsr(self):
            return self

    model = gd.Sequential(
        [gd.Input(columns), gd.Dense(16, kernel_initializer="ones"), gd.Dense(2)]
    ).compile(gd.Adam(sparse="lazy"), "cross_entropy")
    parameters = columns * 16 * 4
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model.fit(Matrix(), Y[:rows], batch_size=32, epochs=1, verbose=0, seed=0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 3.5 * parameters
