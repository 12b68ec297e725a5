"""The rules by which first values are drawn, each a small frozen object."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gdcore.errors import unknown
from gdcore.random import Stream

__all__ = [
    "Constant",
    "Custom",
    "Initializer",
    "Normal",
    "Orthogonal",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "fans",
]

if TYPE_CHECKING:
    from numpy.typing import NDArray

Values: TypeAlias = "NDArray[np.float64]"

#: Standard deviation of a unit normal cut at two sigma: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)).
TRUNCATED_STD = 0.87962566103423978


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many inputs one output sees, and how many outputs one input reaches.

    Parameters
    ----------
    shape : tuple of int
        ``(*window, inputs, outputs)``; the window counts for both.

    Returns
    -------
    fan_in, fan_out : int

    Examples
    --------
    >>> fans((784, 128)), fans((3, 3, 16, 32)), fans((10,))
    ((784, 128), (144, 288), (10, 10))
    """
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


class Initializer:
    """Base class of initializers: called with ``(shape, stream)``, returns float64 values.

    Examples
    --------
    >>> Constant(1.0)((2, 2), Stream(0, "w")).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def __call__(self, shape: tuple[int, ...], stream: Stream) -> Values:
        """Return values of the given shape, drawn from `stream` where they are random."""
        raise NotImplementedError

    def fill(self, out: NDArray[Any], stream: Stream) -> None:
        """Write the values into an array, without a copy where they can be drawn in pieces.

        Parameters
        ----------
        out : ndarray of float32 or float64
            Its shape is that of the values.
        stream : Stream
            The random stream to draw from.

        Raises
        ------
        ValueError
            If the rule gives another shape.

        Examples
        --------
        >>> out = np.empty((2, 2), np.float32)
        >>> Constant(1.5).fill(out, Stream(0, "w"))
        >>> out.tolist()
        [[1.5, 1.5], [1.5, 1.5]]
        """
        out[...] = _shaped(self(out.shape, stream), out.shape)


class Rule(Initializer):
    """Base class of the initializers here: their attributes are their settings, and cannot be set again.

    Examples
    --------
    >>> Normal(0.1) == Normal(0.1), Normal(0.1) == Uniform(0.1)
    (True, False)
    """

    def __init__(self, **settings: Any) -> None:
        vars(self).update(settings)

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class Constant(Rule):
    """The same value everywhere.

    Parameters
    ----------
    value : float

    Examples
    --------
    >>> Constant(0.5)((2,), Stream(0, "b")).tolist()
    [0.5, 0.5]
    """

    value: float

    def __init__(self, value: float = 0.0) -> None:
        super().__init__(value=value)

    def __call__(self, shape: tuple[int, ...], stream: Stream) -> Values:
        """Return ``value`` everywhere."""
        return np.full(shape, self.value, dtype=np.float64)


class Uniform(Rule):
    """Spread evenly over ``[low, high)``.

    Parameters
    ----------
    low, high : float

    Examples
    --------
    >>> bool(Uniform(1, 2)((100,), Stream(0, "w")).min() >= 1)
    True
    """

    low: float
    high: float

    def __init__(self, low: float = -0.05, high: float = 0.05) -> None:
        super().__init__(low=low, high=high)

    def __call__(self, shape: tuple[int, ...], stream: Stream) -> Values:
        """Return uniform values."""
        return stream.uniform(shape, self.low, self.high)

    def fill(self, out: NDArray[Any], stream: Stream) -> None:
        stream.fill_uniform(out, self.low, self.high)


class Normal(Rule):
    """Normally distributed around zero.

    Parameters
    ----------
    std : float
        Standard deviation.

    Examples
    --------
    >>> Normal(0.02)((3, 4), Stream(0, "w")).shape
    (3, 4)
    """

    std: float

    def __init__(self, std: float = 0.05) -> None:
        super().__init__(std=std)

    def __call__(self, shape: tuple[int, ...], stream: Stream) -> Values:
        """Return normal values."""
        return stream.normal(shape, 0.0, self.std)


class TruncatedNormal(Rule):
    """Normal around zero, drawn again beyond two standard deviations, as Keras has it.

    Parameters
    ----------
    std : float
        Standard deviation before the cut; that of the values is 0.8796 `std`.

    Examples
    --------
    >>> bool(abs(TruncatedNormal(0.1)((1000,), Stream(0, "w"))).max() <= 0.2)
    True
    """

    std: float

    def __init__(self, std: float = 0.05) -> None:
        super().__init__(std=std)

    def __call__(self, shape: tuple[int, ...], stream: Stream) -> Values:
        """Return normal values within two standard deviations."""
        return stream.truncated_normal(shape, 0.0, self.std)


class VarianceScaling(Rule):
    """Variance ``scale / fan``, so that signals keep their size from layer to layer.

    Parameters
    ----------
    scale : float
    fan : {"in", "out", "mean"}
        Which of `fans` to divide by.
    distribution : {"uniform", "normal"}
        The normal one is cut at two sigma and widened so that the variance holds, as in Keras.

    Raises
    ------
    ValueError
        If `fan` or `distribution` is not one of these.

    Examples
    --------
    >>> x = VarianceScaling(2.0, "in", "normal")((50, 400), Stream(0, "w"))
    >>> bool(abs(x.var() / (2 / 50) - 1) < 0.05)
    True
    """

    scale: float
    fan: str
    distribution: str

    def __init__(self, scale: float = 1.0, fan: str = "in", distribution: str = "normal") -> None:
        if fan not in ("in", "out", "mean"):
            raise unknown("fan", fan, ("in", "out", "mean"))
        if distribution not in ("uniform", "normal"):
            raise unknown("distribution", distribution, ("uniform", "normal"))
        super().__init__(scale=scale, fan=fan, distribution=distribution)

    def __call__(self, shape: tuple[int, ...], stream: Stream) -> Values:
        """Return uniform or truncated normal values of variance ``scale / fan``."""
        return self.at(shape)(shape, stream)

    def fill(self, out: NDArray[Any], stream: Stream) -> None:
        self.at(out.shape).fill(out, stream)

    def at(self, shape: tuple[int, ...]) -> Uniform | TruncatedNormal:
        """Return the distribution that kernels of a shape are drawn from.

        Parameters
        ----------
        shape : tuple of int

        Returns
        -------
        Uniform or TruncatedNormal

        Examples
        --------
        >>> VarianceScaling(1.0, "in", "normal").at((4, 8)).std
        0.568...
        """
        fan_in, fan_out = fans(shape)
        fan = {"in": fan_in, "out": fan_out, "mean": (fan_in + fan_out) / 2}[self.fan]
        std = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "uniform":
            return Uniform(-math.sqrt(3.0) * std, math.sqrt(3.0) * std)
        return TruncatedNormal(std / TRUNCATED_STD)


class Orthogonal(Rule):
    """Orthonormal columns (or rows, where there are fewer of them), times `gain`.

    From the QR decomposition of a normal matrix, signs fixed by R's diagonal so that every
    orthogonal matrix is equally likely (Saxe et al., ICLR 2014; Mezzadri, 2007). A kernel of
    more than two dimensions is flattened to ``(everything else, outputs)``.

    Parameters
    ----------
    gain : float
        Factor on the orthonormal matrix.

    Raises
    ------
    ValueError
        If the shape has fewer than two dimensions.

    Notes
    -----
    NumPy's LAPACK does the decomposition: unlike the other initializers, its last bits may
    differ between NumPy builds.

    Examples
    --------
    >>> q = Orthogonal()((4, 4), Stream(0, "w"))
    >>> bool(np.allclose(q.T @ q, np.eye(4)))
    True
    """

    gain: float

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__(gain=gain)

    def __call__(self, shape: tuple[int, ...], stream: Stream) -> Values:
        """Return an orthogonal matrix in the given shape."""
        if len(shape) < 2:
            raise ValueError(
                f"orthogonal needs at least 2 dimensions, got shape {tuple(shape)}: "
                "use it for kernels, and 'zeros' for biases"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(stream.normal((max(rows, columns), min(rows, columns))))
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        if rows < columns:
            q = q.T
        return np.ascontiguousarray(self.gain * q.reshape(shape), dtype=np.float64)


class Custom(Rule):
    """Any function of ``(shape, stream)`` that returns an array of that shape.

    Parameters
    ----------
    function : callable
        Draw from the stream, never from a generator of your own, to stay reproducible.

    Raises
    ------
    ValueError
        If the function returns another shape.

    Examples
    --------
    >>> Custom(lambda shape, stream: np.eye(*shape))((2, 2), Stream(0, "w")).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    function: Callable[[tuple[int, ...], Stream], Any]

    def __init__(self, function: Callable[[tuple[int, ...], Stream], Any]) -> None:
        super().__init__(function=function)

    def __call__(self, shape: tuple[int, ...], stream: Stream) -> Values:
        """Return what the function returns, as float64."""
        return _shaped(np.array(self.function(shape, stream), dtype=np.float64), shape)


def _shaped(values: Values, shape: tuple[int, ...]) -> Values:
    if np.shape(values) != tuple(shape):
        raise ValueError(
            f"the initializer returned shape {np.shape(values)}, expected {tuple(shape)}: build "
            "the array from the shape that it is given"
        )
    return values
