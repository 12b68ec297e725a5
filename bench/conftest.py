"""What every benchmark records beside its time."""

import pytest

from bench.calibrate import calibration


@pytest.fixture
def note(benchmark):
    """Call after measuring, with what one round did: its steps, and the FLOPs and bytes of each step.

    The calibration loop runs before and after, so that times can be compared as ratios to it.
    """
    before = calibration()

    def write(steps=1, flops=0, nbytes=0, **more):
        benchmark.extra_info.update(
            steps=steps, flops=flops, bytes=nbytes, calibration=(before + calibration()) / 2, **more
        )
        if benchmark.stats is None:  # run once, as a test: --benchmark-disable
            return
        data = (
            benchmark.stats.stats.data
        )  # the loop over steps is in C, so times are divided here, not by the plugin
        data[:] = [seconds / steps for seconds in data]
        step = benchmark.stats.stats.median
        benchmark.extra_info.update(gflops=flops / step * 1e-9, gbs=nbytes / step * 1e-9)

    return write
