"""The digits that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gdcore.datasets.npz_files import npz

__all__ = ["digits"]

Pair: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64]]


def digits(test_fraction: float = 0.2) -> tuple[Pair, Pair]:
    """Return 1,797 handwritten digits of 8 by 8 pixels, split into training and test rows.

    The test part of the UCI set *Optical Recognition of Handwritten Digits* (E. Alpaydin and
    C. Kaynak, 1998, doi:10.24432/C50P49, CC BY 4.0), as scikit-learn's ``load_digits`` has it.

    Parameters
    ----------
    test_fraction : float
        Part held out, at least 0 and below 1. The split is always the same and stratified: of
        every digit's rows, in the order of the file, evenly spaced ones are held out (at 0.2 the
        5th, 10th, 15th …). The order of the file is kept, so shuffle while training.

    Returns
    -------
    (x, y), (x_test, y_test)
        x: float32 ``(n, 64)``, ink from 0 to 1; y: int64 ``(n,)``, 0 to 9.

    Raises
    ------
    ValueError
        If `test_fraction` is out of range.

    Examples
    --------
    >>> (x, y), (x_test, y_test) = digits()
    >>> x.shape, x_test.shape
    ((1442, 64), (355, 64))
    """
    if not 0 <= test_fraction < 1:
        raise ValueError(
            f"test_fraction must be at least 0 and below 1, got {test_fraction}: 0.2 is a fifth"
        )
    (pixels, labels), _ = npz(Path(__file__).with_name("digits.npz"))
    x = pixels.astype(np.float32) / np.float32(16)
    y = labels.astype(np.int64)
    held_out = np.zeros(len(y), dtype=bool)
    for digit in range(10):
        rows = np.flatnonzero(y == digit)
        # A row is held out when the running count of held-out rows reaches a whole number;
        # the small term keeps 5 * 0.2 from falling short of 1.
        count = np.floor(np.arange(len(rows) + 1) * test_fraction + 1e-9)
        held_out[rows[np.diff(count) > 0]] = True
    return (x[~held_out], y[~held_out]), (x[held_out], y[held_out])
