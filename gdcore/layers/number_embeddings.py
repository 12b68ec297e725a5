"""Embeddings of numbers: each input number becomes a vector of its own, by cosines or by intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.initializers import Normal, Uniform
from gdcore.layers.base import Layer, fixed_shape
from gdcore.setting_checks import positive

__all__ = ["PeriodicEmbedding", "PiecewiseLinearEmbedding"]


def _columns(x: Value, who: str) -> tuple[Value, int]:
    """(B, n) as (n, 1, B): a product treats every number with weights of its own, and loops run over samples."""
    if x.ndim != 2:
        raise ValueError(f"{who} got an input of shape {x.shape}: expected (batch, numbers)")
    (n,) = fixed_shape(x.shape[1:], f"the numbers of {who}")
    return ops.reshape(ops.transpose(x, (1, 0)), (n, 1, x.shape[0])), n


def _upright(parameter: Value) -> Value:
    """(n, rows, columns) as (n, columns, rows)."""
    return ops.transpose(parameter, (0, 2, 1))


def _quantiles(values: NDArray[Any], most: int) -> NDArray[Any]:
    """At most so many different quantiles; each that would occur twice once, and others of the rest."""
    edges = np.zeros(0)
    while len(values) and len(edges) < most:
        left = most - len(edges)
        levels = np.linspace(0.0, 1.0, left) if left > 1 else np.ones(1)
        found, times = np.unique(np.quantile(values, levels), return_counts=True)
        shared = found[times > 1]
        edges = np.union1d(edges, shared if len(shared) else found)
        values = values[~np.isin(values, shared)] if len(shared) else values[:0]
    return edges


class PeriodicEmbedding(Layer):
    """Each number becomes itself and linear functions of cosines: (B, n) becomes (B, n, output_dim).

    y = (W cos(2π f x + p) + b, x), with frequencies f, phases p, W and b of each number's own, all
    learned.

    Parameters
    ----------
    output_dim : int
        Size of the vectors, the number itself included; at least 2.
    frequencies : int
        Cosines of each number.
    scale : float
        Standard deviation of the initial frequencies. Phases begin uniform in ±π, W and b uniform
        in ±1/√frequencies.
    name : str, optional

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1 (`output_dim` 2), `scale` is not above 0, or,
        when it is called, the input is not (B, n).

    References
    ----------
    Gorishniy et al. 2022, On embeddings for numerical features in tabular deep learning. Holzmüller
    et al. 2024, Better by default: strong pre-tuned MLPs and boosted trees on tabular data, for this
    variant ("PBLD").

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.PeriodicEmbedding(4)(gd.Input(7)).shape
    (B, 7, 4)
    """

    def __init__(
        self,
        output_dim: int = 4,
        frequencies: int = 16,
        scale: float = 0.1,
        name: str | None = None,
    ) -> None:
        self.output_dim = positive("PeriodicEmbedding output_dim", output_dim)
        self.frequencies = positive("PeriodicEmbedding frequencies", frequencies)
        if self.output_dim < 2:
            raise ValueError(
                f"PeriodicEmbedding output_dim={output_dim!r}: expected at least 2, for the number "
                "itself is one of them"
            )
        if (
            isinstance(scale, bool)
            or not isinstance(scale, int | float)
            or not 0 < scale < math.inf
        ):
            raise ValueError(f"PeriodicEmbedding scale={scale!r}: expected a number above 0")
        self.scale = float(scale)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        columns, n = _columns(x, "PeriodicEmbedding")
        k, width = self.frequencies, self.output_dim - 1
        bound = 1 / math.sqrt(k)
        f = self.param("frequencies", (n, 1, k), Normal(self.scale))
        p = self.param("phases", (n, 1, k), Uniform(-math.pi, math.pi), "bias")
        w = self.param("kernel", (n, k, width), Uniform(-bound, bound))
        b = self.param("bias", (n, 1, width), Uniform(-bound, bound), "bias")
        waves = ops.cos(columns * (2 * math.pi * _upright(f)) + _upright(p))
        y = ops.concatenate([ops.matmul(_upright(w), waves) + _upright(b), columns], 1)
        return ops.transpose(y, (2, 0, 1))


class PiecewiseLinearEmbedding(Layer):
    """Each number becomes a vector by intervals: (B, n) becomes (B, n, output_dim).

    y = v x + W e + b with v, W and b of each number's own, and e_t = clip((x - edge_t) / (edge_t+1 -
    edge_t), 0, 1), how far x has come through interval t: a piecewise linear function of x, bent at
    the edges and, but for v x, constant beyond them. W begins at 0, so that it is linear at first.

    Parameters
    ----------
    edges : sequence of sequences of float
        For each number the bounds of its intervals, rising; `quantile_edges` finds some.
    output_dim : int
        Size of the vectors.
    name : str, optional

    Raises
    ------
    ValueError
        If edges do not rise, or fewer than two are given; when it is called, if the input is not
        (B, n) with n lists of edges.

    References
    ----------
    Gorishniy et al. 2022, On embeddings for numerical features in tabular deep learning; with the
    linear term of Gorishniy et al. 2024, TabM.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> edges = gd.PiecewiseLinearEmbedding.quantile_edges(np.arange(20.0).reshape(-1, 2), 3)
    >>> edges
    [[0.0, 6.0, 12.0, 18.0], [1.0, 7.0, 13.0, 19.0]]
    >>> gd.PiecewiseLinearEmbedding(edges, 8)(gd.Input(2)).shape
    (B, 2, 8)
    """

    def __init__(
        self, edges: Sequence[Sequence[float]], output_dim: int = 16, name: str | None = None
    ) -> None:
        self.output_dim = positive("PiecewiseLinearEmbedding output_dim", output_dim)
        try:
            self.edges = [[float(e) for e in bounds] for bounds in edges]
        except TypeError:
            raise ValueError(
                f"PiecewiseLinearEmbedding edges={edges!r}: expected a list of bounds for each number"
            ) from None
        for i, bounds in enumerate(self.edges):
            if len(bounds) < 2 or not np.isfinite(bounds).all() or (np.diff(bounds) <= 0).any():
                raise ValueError(
                    f"PiecewiseLinearEmbedding edges[{i}]={bounds[:4]}: expected two or more finite "
                    "numbers that rise"
                )
        self.name = name

    @staticmethod
    def quantile_edges(x: NDArray[Any], bins: int = 48) -> list[list[float]]:
        """Bounds of intervals that hold equally many values of each column.

        A value that so many rows share that it is several of the quantiles, such as 0 where most are 0,
        is a bound, and the other bounds are quantiles of the values beside it.

        Parameters
        ----------
        x : ndarray of shape (rows, n)
        bins : int
            At most so many intervals; fewer where a column has fewer values.

        Returns
        -------
        list of n lists of float

        Examples
        --------
        >>> import numpy as np
        >>> import gdcore as gd
        >>> gd.PiecewiseLinearEmbedding.quantile_edges(np.array([[1.0], [1.0], [5.0]]), 2)
        [[1.0, 5.0]]
        """
        most = positive("quantile_edges bins", bins) + 1
        found = [_quantiles(column, most) for column in np.asarray(x, np.float64).T]
        return [(e if len(e) > 1 else np.array([e[0], e[0] + 1.0])).tolist() for e in found]

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        columns, n = _columns(x, "PiecewiseLinearEmbedding")
        if n != len(self.edges):
            raise ValueError(
                f"PiecewiseLinearEmbedding got {n} numbers and has the edges of {len(self.edges)}: "
                "expected as many"
            )
        most = max(len(e) for e in self.edges) - 1
        slopes, starts = np.zeros((n, most, 1)), np.zeros((n, most, 1))
        for i, bounds in enumerate(self.edges):  # intervals that a number lacks are always 0
            slopes[i, : len(bounds) - 1, 0] = 1 / np.diff(bounds)
            starts[i, : len(bounds) - 1, 0] = bounds[:-1]
        size = self.output_dim
        bound = 1 / math.sqrt(2)
        v = self.param("linear", (n, 1, size), Uniform(-bound, bound))
        w = self.param("kernel", (n, most, size), "zeros")
        b = self.param("bias", (n, 1, size), Uniform(-bound, bound), "bias")
        inside = ops.clip((columns - starts) * slopes, 0.0, 1.0)  # exact for narrow ones
        y = ops.matmul(_upright(w), inside) + columns * _upright(v) + _upright(b)
        return ops.transpose(y, (2, 0, 1))
