"""Sparse rows for tests, which SciPy has no part in."""

import numpy as np

import gdcore as gd

N = 120
RNG = np.random.default_rng(1)
SPARSE = (RNG.random((N, 200)) < 0.03) * RNG.normal(size=(N, 200))
SPARSE[7] = 0.0
SPARSE[9, 40:100] = 1.5


def linear(optimizer="adam", units=11, columns=200):
    layers = [gd.Input(columns), gd.Dense(units, activation="tanh"), gd.Dense(2)]
    return gd.Sequential(layers).compile(optimizer, "cross_entropy", dtype="float64")


def csr(full):
    """Sparse rows that SciPy has no part in."""
    rows, columns = np.nonzero(full)
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(full)))])

    class Matrix:
        shape, nnz = full.shape, len(rows)

        def tocsr(self):
            self.data, self.indices, self.indptr = full[rows, columns], columns, starts
            return self

    return Matrix()
