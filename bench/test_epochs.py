"""One epoch of each training case by `fit`, shuffled."""

import pytest

import gdcore as gd
from bench.cases import CASES

TRAINED = {n: c for n, c in CASES.items() if c.trains}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", TRAINED.values(), ids=TRAINED)
def test_epoch(case, threads, benchmark, note):
    model = case.model()
    x, y = case.data()
    gd.set_num_threads(threads)
    benchmark.group = case.name
    benchmark(model.fit, x, y, batch_size=case.batch, seed=0, verbose=0)
    note(case.batches, case.flops, threads=threads)
