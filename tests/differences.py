"""Gradients by central differences, and how far from them a gradient may be."""

import numpy as np


def central_differences(function, arrays, step=1e-5, at_most=400):
    """The gradient of a scalar function of float64 arrays, an array for each.

    Of an array larger than `at_most`, only that many elements, evenly spread, are moved; the others are NaN.
    """
    found = []
    for a in arrays:
        gradient = np.full(a.size, np.nan)
        flat = a.reshape(-1)
        assert np.shares_memory(flat, a)
        for i in (
            np.unique(np.linspace(0, a.size - 1, min(a.size, at_most)).astype(int))
            if a.size
            else ()
        ):
            before, values = flat[i], []
            for sign in (1, -1):
                flat[i] = before + sign * step
                values.append(float(function()))
            flat[i] = before
            gradient[i] = (values[0] - values[1]) / (2 * step)
        found.append(gradient.reshape(a.shape))
    return found


def assert_gradient(got, want, tolerance=1e-6, floor=0.0, what=""):
    """|got - want| ≤ tolerance · max|want|, over the elements that were differenced."""
    assert got.shape == want.shape, f"{what}: {got.shape} and {want.shape}"
    there = np.isfinite(want)
    assert np.isfinite(got).all(), what
    if there.any():
        scale = max(float(np.abs(want[there]).max()), floor)
        worst = float(np.abs(got[there] - want[there]).max())
        assert worst <= tolerance * scale, (
            f"{what}: off by {worst:.3g} where the largest element is {scale:.3g}"
        )
