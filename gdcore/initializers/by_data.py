"""First values of a dense layer that suit the data which it will see."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.initializers.rules import Values
from gdcore.random import Stream

__all__ = ["dense_by_data"]

CORNERS = 5  # rows, between which each unit's plane is put


def dense_by_data(
    x: NDArray[Any], units: int, stream: Stream, ntk: bool = False
) -> tuple[Values, Values]:
    """A kernel whose outputs have variance 1 on given rows, and a bias that puts planes among them.

    The kernel is normal, each column divided by the deviation of x W on the rows. The bias of a unit
    is minus a random weighted mean of its outputs for 5 random rows, so that the plane where it
    changes its sign runs through the data.

    Parameters
    ----------
    x : ndarray of shape (rows, n)
        What the layer gets.
    units : int
    stream : Stream
    ntk : bool
        Whether the layer computes x W / √n, as ``Dense(units, ntk=True)`` does.

    Returns
    -------
    (kernel, bias)
        Arrays of shape (n, units) and (units,).

    References
    ----------
    Holzmüller et al. 2024, Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data; Steinwart 2019, A sober look at neural network initializations, for the bias ("he+5").

    Examples
    --------
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0], [0.0, 9.0]])
    >>> kernel, bias = dense_by_data(x, 4, Stream(0, "start"))
    >>> (x @ kernel).std(axis=0).round(6).tolist(), bias.shape
    ([1.0, 1.0, 1.0, 1.0], (4,))
    """
    x = np.asarray(x, np.float64)
    rows, n = x.shape
    gain = 1 / math.sqrt(n) if ntk else 1.0
    kernel = stream.normal((n, units))
    out = x @ (kernel * gain)
    spread = out.std(axis=0)
    spread = np.where(spread > 1e-12 * np.abs(out).max(axis=0, initial=1e-300), spread, 1.0)
    kernel, out = kernel / spread, out / spread
    corners = stream.integers(rows, (CORNERS, units))
    share = -np.log1p(-stream.uniform((CORNERS, units), 0.0, 1.0))  # exponential: even on a simplex
    share /= np.maximum(share.sum(axis=0), 1e-300)
    return kernel, -(np.take_along_axis(out, corners, axis=0) * share).sum(axis=0)
