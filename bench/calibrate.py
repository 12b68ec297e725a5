"""The calibration loop: the present speed of this processor.

The clock of a virtual machine drifts by a quarter and more. A time divided by that of this loop, measured
just before and after, does not drift. The loop multiplies and adds arrays in the L1 cache by NumPy, so that
no change of gdcore can change it.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

ELEMENTS = 2048  # three float32 arrays of them are 24 KB: they fit into every processor's L1 cache
TURNS = 300  # about 0.3 ms
TRIES = 5

_x = np.linspace(0.5, 1.5, ELEMENTS, dtype=np.float32)
_y = np.empty_like(_x)


def calibration() -> float:
    """Seconds of the loop, the minimum of a few runs."""
    best = float("inf")
    for _ in range(TRIES):
        begin = perf_counter()
        for _ in range(TURNS):
            np.multiply(_x, _x, out=_y)
            np.add(_y, _x, out=_y)
        best = min(best, perf_counter() - begin)
    return best
