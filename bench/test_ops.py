"""Every registered op alone, on one thread. A round is one call into C that runs it `steps` times, about 0.1 ms."""

import pytest

from bench.measure import timed
from bench.ops import Alone, samples
from gdcore.graph.ir import OPS

ROUND = 1e-4  # seconds, at least: beside it the call itself does not count
TIMED = [
    pytest.param(op, sample, id=f"{op.name}-{name}")
    for op in OPS.values()
    for name, sample in samples(op)
]


@pytest.mark.parametrize(("op", "sample"), TIMED)
def test_op(op, sample, benchmark, note):
    alone = Alone(op, sample)
    steps = 1
    while timed(alone.run, steps) < ROUND:
        steps *= 2
    benchmark.group = op.name
    benchmark(alone.run, steps)
    note(steps, alone.flops, alone.nbytes)
