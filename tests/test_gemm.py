"""The product itself: any strides, two batch dimensions, C overwritten or added to, on every path through it."""

from itertools import product

import numpy as np
import pytest
from harness import ISAS, TOLERANCE, close

from gdcore import _core, runtime

# m, n, k: around the tiles and blocks of every instruction set, few rows, few columns, one column, long and short sums
SIZES = [
    *(
        (1, 1, 1),
        (1, 40, 7),
        (2, 33, 5),
        (3, 1, 40),
        (30, 1, 19),
        (40, 3, 9),
        (17, 5, 300),
        (33, 2, 1),
    ),
    *(
        (7, 33, 64),
        (14, 32, 16),
        (29, 47, 530),
        (9, 600, 3),
        (100, 64, 1),
        (1, 9, 600),
        (2, 70, 0),
        (1, 30, 130),
    ),
    *((1, 4200, 6), (2, 130, 70), (25, 37, 2), (21, 20, 4)),
]
BATCHES = [(1, 1), (2, 3)]


def laid_out(shape, lie, real, rng):
    """An array, and its strides in elements: rows, columns, or every other column of wider rows; or one matrix for
    the whole inner batch."""
    whole = (
        tuple(shape[:2])
        + {"rows": shape[2:], "columns": shape[:1:-1], "apart": (shape[2], 2 * shape[3] + 3)}[lie]
    )
    memory = rng.normal(size=whole).astype(real)
    view = {
        "rows": memory,
        "columns": memory.swapaxes(2, 3),
        "apart": memory[..., 1 : 2 * shape[3] : 2],
    }[lie]
    return memory, view


def place(memory, view):
    """(offset in bytes, strides in elements): where a view begins in its memory."""
    at = view.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
    return (at if view.size else 0), [s // memory.itemsize for s in view.strides]


def multiply(c, a, b, isa, bits, threads=1, accumulate=0, loose=0, bfloat16=0):
    """One instruction; operands are (memory, view) of shape (outer, inner, rows, columns)."""
    buffers, refs, steps = [], [], []
    for number, (memory, view) in enumerate((c, a, b)):
        at, strides = place(memory, view)
        buffers.append(memory.reshape(-1))
        refs.append((number, 0, at))
        steps.append(strides)
    assert steps[0].pop() == 1 or c[1].shape[-1] <= 1
    sizes = [*c[1].shape, a[1].shape[-1]]
    dims = [(int(d), 0) for d in (*sizes, *steps[0], *steps[1], *steps[2])]
    ins = ("gemm", refs, dims, [0, loose, accumulate, bfloat16], [], None, (0, 0))
    plan = _core.Plan(runtime.isa_number(isa), bits, [ins], 1, None)
    runner = _core.Runner(plan, 1, buffers, [], [], None, -1, None, True)
    scratch = np.zeros(threads * plan.scratch + 64, np.uint8)
    scratch = scratch[-scratch.ctypes.data % 64 :]
    assert runner.run((), None, 1, 1, 0, 1, 0, 0, None, None, (), threads, scratch, 1.0) == (1, 0)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("accumulate", [0, 1])
def test_every_path(isa, bits, accumulate):
    rng = np.random.default_rng(1)
    real = np.float32 if bits == 32 else np.float64
    for (m, n, k), (outer, inner), of_a, of_b, loose in [
        (size, batch, of_a, of_b, loose)
        for size in SIZES
        for batch in BATCHES[: 1 if max(size) > 400 else 2]
        for of_a in ("rows", "columns", "apart")
        for of_b in ("rows", "columns", "apart")
        for loose in (0, 1)
    ]:
        a = laid_out((outer, inner, m, k), of_a, real, rng)
        b = laid_out((outer, inner, k, n), of_b, real, rng)
        before = rng.normal(size=(outer, inner, m, n + 5)).astype(real)
        want = a[1].astype(np.float64) @ b[1].astype(np.float64) + accumulate * before[..., :n]
        got = []
        for threads in (1, 3):
            c = before.copy()
            multiply((c, c[..., :n]), a, b, isa, bits, threads, accumulate, loose)
            assert (c[..., n:] == before[..., n:]).all(), "wrote beside the result"
            close(c[..., :n], want, TOLERANCE[bits])
            got.append(c.tobytes())
        assert got[0] == got[1]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("bits", [32, 64])
def test_few_rows_of_a_matrix_that_no_near_cache_holds(isa, bits):
    """It is read a few rows at a time; the share of one of three threads is small enough to be read otherwise."""
    rng = np.random.default_rng(4)
    real = np.float32 if bits == 32 else np.float64
    shapes = (1, 1030, 37), (1, 100, 1400), (2, 1030, 133)  # of the second, rows are short
    for (m, n, k), accumulate in product(shapes, (0, 1)):
        a, b = (laid_out((1, 1, *s), "rows", real, rng) for s in ((m, k), (k, n)))
        before = rng.normal(size=(1, 1, m, n)).astype(real)
        one, three = before.copy(), before.copy()
        multiply((one, one), a, b, isa, bits, 1, accumulate)
        multiply((three, three), a, b, isa, bits, 3, accumulate)
        close(one, a[1].astype(np.float64) @ b[1] + accumulate * before, TOLERANCE[bits])
        assert (one == three).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("bits", [32, 64])
def test_few_columns_side_by_side(isa, bits):
    """Stores that run over into later rows stay within what a thread computes, and the bits are those of a wide C."""
    rng = np.random.default_rng(3)
    real = np.float32 if bits == 32 else np.float64
    for m, n, k in ((37, 2, 9), (19, 4, 32), (18, 5, 7)):
        a, b = (laid_out((1, 1, *s), "rows", real, rng) for s in ((m, k), (k, n)))
        wide = np.zeros((1, 1, m, n + 3), real)
        multiply((wide, wide[..., :n]), a, b, isa, bits)
        for threads in (1, 3):
            memory = np.full(m * n + 16, 7, real)
            c = memory[: m * n].reshape(1, 1, m, n)
            multiply((memory, c), a, b, isa, bits, threads)
            assert (c == wide[..., :n]).all() and (memory[m * n :] == 7).all()


@pytest.mark.parametrize("isa", ISAS)
def test_one_matrix_for_a_whole_batch_dimension(isa):
    """A stride of 0, as of the keys of all heads, or of one weight."""
    rng = np.random.default_rng(2)
    a = laid_out((3, 2, 9, 20), "rows", np.float32, rng)
    weight = rng.normal(size=(20, 33)).astype(np.float32)
    shared = (weight, np.lib.stride_tricks.as_strided(weight, (3, 2, 20, 33), (0, 0, 132, 4)))
    c = np.zeros((3, 2, 9, 33), np.float32)
    multiply((c, c), a, shared, isa, 32, 2)
    close(c, a[1].astype(np.float64) @ weight.astype(np.float64), TOLERANCE[32])
