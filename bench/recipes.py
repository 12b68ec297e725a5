"""What a training costs: its floating-point operations, counted in the plans that run, and their share of the peak.

The scripts of `examples/` that reach a published accuracy print it; the machine's peak is that of `bench.peak`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import date
from typing import Any

from bench.measure import processor
from bench.peak import peak
from gdcore import runtime

# Beginnings of the names of kernels of products.
PRODUCTS = ("matmul", "gemm", "conv", "winograd", "depthwise")


def training_flops(model: Any, samples: int) -> tuple[int, int]:
    """Operations of the model's last training step for so many samples: of the products alone, and of all.

    Parameters
    ----------
    model : gd.Model
        That has trained.
    samples : int
        Samples of all epochs together.
    """
    plan = model.plan
    of_products = [i for i in plan.instructions if i.kernel.startswith(PRODUCTS)]
    each = [sum(i.flops[1] for i in part) for part in (of_products, plan.instructions)]
    return each[0] * samples, each[1] * samples


def machine() -> str:
    """The processor, the number of threads, and the day: what stands beside a measured number."""
    threads = runtime.get_num_threads()
    return f"{processor()}, {runtime.ISA_NAME}, {threads} threads, {date.today().isoformat()}"


def compared_with_peak(flops: int, seconds: Sequence[float], compute: str = "float32") -> str:
    """A line on the speed of trainings: operations, seconds, and how many times the peak's that is."""
    threads, middle = runtime.get_num_threads(), statistics.mean(seconds)
    line = f"{flops / 1e12:.3g} TFLOP of products in {middle:.1f} s, {flops / middle / 1e9:.0f} GFLOP/s"
    measured = peak((threads,), runtime.ISA_NAME).get(threads)
    if measured is None:
        return line
    top = measured.of(compute)
    times = middle * top * 1e9 / flops
    return (
        f"{line}: {times:.2f} times what they take at the measured peak of {top:.0f} in {compute}"
    )
