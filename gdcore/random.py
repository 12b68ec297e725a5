"""Random numbers that are a function of (seed, stream, position) and of nothing else.

NumPy promises that the raw output of its bit generators never changes, but not what a
``Generator`` makes of it. So the 64-bit words are those of NumPy's Philox-4x64 (Salmon et al., *Parallel
random numbers: as easy as 1, 2, 3*, SC 2011), computed in C, and are turned into numbers here: importing
``numpy.random`` for them takes longer than planning a network.

A stream is named after its use (``"init/dense_1"``, ``"shuffle/3"``): two uses never share
numbers, and the numbers of one use do not depend on how many another has drawn.
"""

from __future__ import annotations

import math
import operator
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore import _core

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Stream", "fresh_seed"]

_WORD = 1 << 64
_PIECE = 1 << 13  # pairs of normal numbers that are drawn at once: they stay in the cache


def fresh_seed() -> int:
    """Return an unpredictable seed from the operating system.

    Returns
    -------
    int
        0 to 2**32 - 1: short enough to be printed and typed in again.

    Examples
    --------
    >>> 0 <= fresh_seed() < 2**32
    True
    """
    return int.from_bytes(os.urandom(4), "little")


def _key_word(what: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{what} must be an integer, got {type(value).__name__}: pass for example {what}=0"
        ) from None
    if not 0 <= number < _WORD:
        raise ValueError(f"{what} must be 0 to 2**64 - 1, got {number}: pass for example {what}=0")
    return number


class Stream:
    """An endless sequence of random numbers, fixed by a seed and a stream.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.
    stream : int or str
        Which of the seed's independent sequences; a string is hashed with BLAKE2b.

    Raises
    ------
    TypeError, ValueError
        If `seed` or an integer `stream` is not an integer in range.

    Notes
    -----
    The integers and uniform numbers are the same on every machine. The normal numbers go
    through NumPy's log, sin and cos, whose last bit may differ between instruction sets.

    Examples
    --------
    >>> a, b = Stream(7, "init"), Stream(7, "init")
    >>> bool((a.normal((2, 3)) == b.normal((2, 3))).all())
    True
    """

    def __init__(self, seed: int, stream: int | str = 0) -> None:
        if isinstance(stream, str):
            from _blake2 import blake2b  # hashlib's, which loads OpenSSL beside it for 5 ms

            word = int.from_bytes(blake2b(stream.encode("utf-8"), digest_size=8).digest(), "little")
        else:
            word = _key_word("stream", stream)
        self._key = _key_word("seed", seed), word
        self._drawn = 0  # words

    def raw(self, count: int) -> NDArray[np.uint64]:
        """Return the next `count` 64-bit words, shape ``(count,)``.

        Examples
        --------
        >>> Stream(0, 0).raw(3).shape
        (3,)
        """
        words = np.empty(count, np.uint64)
        _core.random_words(words, *self._key, self._drawn)
        self._drawn += count
        return words

    def uniform(
        self, shape: int | tuple[int, ...] = (), low: float = 0.0, high: float = 1.0
    ) -> NDArray[np.float64]:
        """Return numbers spread evenly over ``[low, high)``.

        Parameters
        ----------
        shape : int or tuple of int
            Shape of the result.
        low, high : float
            The bounds; `high` itself can only be reached by rounding.

        Returns
        -------
        ndarray of float64
            Of the given shape.

        Examples
        --------
        >>> x = Stream(0, 0).uniform((2, 5), -1, 1)
        >>> x.shape, bool((abs(x) <= 1).all())
        ((2, 5), True)
        """
        out = np.empty(_as_shape(shape))
        self.fill_uniform(out, low, high)
        return out

    def fill_uniform(self, out: NDArray[Any], low: float = 0.0, high: float = 1.0) -> None:
        """Write what `uniform` returns into an array, without another of its size.

        Parameters
        ----------
        out : ndarray of float64 or float32, contiguous
            What is drawn as float64 is rounded to its type.
        low, high : float
            The bounds.

        Raises
        ------
        TypeError
            If the array holds something else.

        Examples
        --------
        >>> out = np.empty(3, np.float32)
        >>> Stream(0, 0).fill_uniform(out)
        >>> bool((out == Stream(0, 0).uniform(3).astype(np.float32)).all())
        True
        """
        if out.dtype not in (np.float32, np.float64):
            raise TypeError(f"fill_uniform of an array of {out.dtype}: expected float32 or float64")
        _core.random_uniform(out, *self._key, self._drawn, low, high - low)
        self._drawn += out.size

    def normal(
        self, shape: int | tuple[int, ...] = (), mean: float = 0.0, std: float = 1.0
    ) -> NDArray[np.float64]:
        """Return normally distributed numbers, by Box and Muller (1958).

        Parameters
        ----------
        shape : int or tuple of int
            Shape of the result.
        mean, std : float
            Of the distribution.

        Returns
        -------
        ndarray of float64
            Of the given shape.

        Examples
        --------
        >>> x = Stream(0, 0).normal(10_000, mean=3.0, std=0.5)
        >>> bool(abs(x.mean() - 3.0) < 0.02)
        True
        """
        size = _as_shape(shape)
        count = math.prod(size)
        pairs = (count + 1) // 2
        both = np.empty((2, pairs))  # the radius of each pair comes first, then the angle
        self.fill_uniform(both)
        for at in range(0, pairs, _PIECE):
            first, second = both[:, at : at + _PIECE]
            radius = np.sqrt(-2.0 * np.log(1.0 - first))  # 1 - u is never zero
            angle = (2.0 * math.pi) * second
            first[...] = mean + std * (radius * np.cos(angle))
            second[...] = mean + std * (radius * np.sin(angle))
        return both.reshape(-1)[:count].reshape(size)

    def truncated_normal(
        self, shape: int | tuple[int, ...] = (), mean: float = 0.0, std: float = 1.0
    ) -> NDArray[np.float64]:
        """Return normal numbers, drawn again while they lie beyond two `std` of the mean.

        Parameters
        ----------
        shape : int or tuple of int
            Shape of the result.
        mean, std : float
            Of the normal distribution before it is cut; the result's own deviation is
            0.8796 `std`.

        Returns
        -------
        ndarray of float64
            Of the given shape.

        Examples
        --------
        >>> x = Stream(0, 0).truncated_normal(10_000, std=0.1)
        >>> bool((abs(x) <= 0.2).all())
        True
        """
        size = _as_shape(shape)
        flat = self.normal(math.prod(size))
        outside = np.flatnonzero(np.abs(flat) > 2.0)
        while outside.size:
            flat[outside] = self.normal(outside.size)
            outside = outside[np.abs(flat[outside]) > 2.0]
        return (mean + std * flat).reshape(size)

    def integers(self, n: int, size: int | tuple[int, ...] = ()) -> NDArray[np.int64]:
        """Return integers drawn evenly from ``0 … n - 1``.

        Parameters
        ----------
        n : int
            1 to 2**63.
        size : int or tuple of int
            Shape of the result.

        Returns
        -------
        ndarray of int64
            Of shape `size`.

        Raises
        ------
        ValueError
            If `n` is out of range.

        Examples
        --------
        >>> sorted(set(Stream(0, 0).integers(3, 100).tolist()))
        [0, 1, 2]
        """
        if not 1 <= n <= 1 << 63:
            raise ValueError(f"n must be 1 to 2**63, got {n}: there are no integers below it")
        shape = _as_shape(size)
        words = self.raw(math.prod(shape))
        # Words past the last whole multiple of n would favour the small results: draw them again.
        last = np.uint64(_WORD - _WORD % n - 1)
        again = np.flatnonzero(words > last)
        while again.size:
            words[again] = self.raw(again.size)
            again = again[words[again] > last]
        return (words % np.uint64(n)).astype(np.int64).reshape(shape)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """Return ``0 … n - 1`` in random order, shape ``(n,)``.

        Parameters
        ----------
        n : int
            How many; zero gives an empty array.

        Returns
        -------
        ndarray of int64
            Shape ``(n,)``.

        Raises
        ------
        ValueError
            If `n` is negative.

        Notes
        -----
        The order of `n` random 64-bit keys; a stable sort settles the (hardly ever) equal ones
        in the same way everywhere.

        Examples
        --------
        >>> sorted(Stream(0, "shuffle/0").permutation(4).tolist())
        [0, 1, 2, 3]
        """
        if n < 0:
            raise ValueError(f"n must be at least 0, got {n}: pass the number of rows to shuffle")
        return np.argsort(self.raw(n), kind="stable").astype(np.int64)


def _as_shape(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (operator.index(shape),)
