"""The calibration loop: how fast this processor is just now.

A virtual machine's clock drifts by a quarter and more. What is measured right beside this loop, as a
ratio to it, does not: multiplications and additions of arrays that stay in the first cache, by NumPy,
so that nothing that gdcore changes can change it.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

ELEMENTS = 2048  # three float32 arrays of them are 24 KB: in every processor's first cache
TURNS = 300  # about 0.3 ms
TRIES = 5

_x = np.linspace(0.5, 1.5, ELEMENTS, dtype=np.float32)
_y = np.empty_like(_x)


def calibration() -> float:
    """Seconds of the loop, the best of a few."""
    best = float("inf")
    for _ in range(TRIES):
        begin = perf_counter()
        for _ in range(TURNS):
            np.multiply(_x, _x, out=_y)
            np.add(_y, _x, out=_y)
        best = min(best, perf_counter() - begin)
    return best
