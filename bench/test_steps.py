"""One step of each case by one call: `train_on_batch`, or `predict` of one batch."""

import pytest

import gdcore as gd
from bench.cases import CASES


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_step(case, threads, benchmark, note):
    model = case.model()
    x, y = case.data(1)
    gd.set_num_threads(threads)
    benchmark.group = case.name
    if case.trains:
        benchmark(model.train_on_batch, x, y)
    else:
        benchmark(model.predict, x)
    note(flops=case.flops, threads=threads)
