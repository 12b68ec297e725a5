"""Pools of sequences, images and volumes (batch, [[planes,] height,] width, channels)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.graph.ops.pool_windows import around, each, same_padding, spatial
from gdcore.layers.base import Layer
from gdcore.layers.masked_steps import max_of_windows, mean_of_windows
from gdcore.setting_checks import positive

__all__ = [
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "AvgPool",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "MaxPool",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
]

Sizes = int | Sequence[int]


def positives(what: str, given: Any, rank: int | None = None) -> int | tuple[int, ...]:
    """One whole number of at least 1, or one for each dimension; the latter where their number is known."""
    if isinstance(given, Sequence) and not isinstance(given, str):
        if not 1 <= len(given) <= 3 or rank not in (None, len(given)):
            expected = "each dimension" if rank is None else f"each of {rank} dimensions"
            raise ValueError(f"{what}={given!r}: expected one number, or one for {expected}")
        return tuple(positive(what, n) for n in given)
    number = positive(what, given)
    return number if rank is None else (number,) * rank


class _Windows:
    """The settings of a pool, and its windows over an input."""

    dimensions: int | None = None  # that it takes; None: those of its input

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: str | Sizes | Sequence[Sequence[int]] = "valid",
        ceil: bool = False,
        name: str | None = None,
    ) -> None:
        who = type(self).__name__
        self.pool_size = positives(f"{who} pool_size", pool_size, self.dimensions)
        self.strides = (
            self.pool_size
            if strides is None
            else positives(f"{who} strides", strides, self.dimensions)
        )
        if isinstance(padding, str) and padding not in ("valid", "same"):
            raise ValueError(f"{who} padding={padding!r}: expected 'valid', 'same' or numbers")
        if not isinstance(padding, str):
            around(padding, 1 if isinstance(padding, int) else len(padding), f"{who} padding")
        self.padding = padding
        self.ceil = bool(ceil)
        self.name = name

    def _over(self, x: Value) -> dict[str, Any]:
        """The arguments of the op over an input."""
        who = type(self).__name__
        sizes = spatial(x.shape, who)
        rank = len(sizes)
        if self.dimensions not in (None, rank):
            want = ("width", "height, width", "planes, height, width")[self.dimensions - 1]
            raise ValueError(
                f"{who} got an input of shape {x.shape}: expected (batch, {want}, channels)"
            )
        kernel = each(f"{who} pool_size", self.pool_size, rank)
        strides = each(f"{who} strides", self.strides, rank)
        if self.padding == "same":
            pairs: Any = same_padding(sizes, kernel, strides)
        else:
            given = 0 if isinstance(self.padding, str) else self.padding
            pairs = list(zip(*around(given, rank, f"{who} padding"), strict=True))
        return {"kernel": kernel, "strides": strides, "padding": pairs, "ceil": self.ceil}


class MaxPool(_Windows, Layer):
    """The largest element of each window, channel by channel, of a sequence, an image or a volume.

    (B, [[planes,] height,] width, channels) becomes (B, [[windows,] windows,] windows, channels). Of equal
    maxima the first gets the gradient. `MaxPool1D`, `MaxPool2D` and `MaxPool3D` are the same, and refuse inputs
    of other dimensions. Steps of a sequence that a mask leaves out take no part; a window of such steps alone gives 0,
    and does not count.

    Parameters
    ----------
    pool_size : int or one for each dimension
    strides : int or one for each dimension, optional
        The pool's size if None.
    padding : {"valid", "same"}, int, one for each dimension, or (before, after) for each
        "same" gives ⌈size / stride⌉ windows, as TensorFlow pads for them. Padding takes no part in a maximum.
    ceil : bool
        Whether a last window that is not full counts, as torch's `ceil_mode`.
    name : str, optional

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `padding` is unknown, or, when it is called,
        the input has other dimensions or no window fits into it.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.MaxPool(2)(gd.Input((28, 28, 8))).shape
    (B, 14, 14, 8)
    >>> gd.MaxPool(3, strides=2, padding="same")(gd.Input((99, 8))).shape
    (B, 50, 8)
    """

    masks = "use"

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        how = self._over(x)
        return max_of_windows(self, x, lambda v: ops.max_pool(v, **how))


class AvgPool(_Windows, Layer):
    """The mean of each window, channel by channel, of a sequence, an image or a volume.

    (B, [[planes,] height,] width, channels) becomes (B, [[windows,] windows,] windows, channels). `AvgPool1D`,
    `AvgPool2D` and `AvgPool3D` are the same, and refuse inputs of other dimensions. Steps of a sequence that a mask
    leaves out take no part; a window of such steps alone gives 0, and does not count.

    Parameters
    ----------
    pool_size, strides, padding, ceil, name
        As for `MaxPool`.
    count_padding : bool
        Whether the mean is over the zeros of the padding, too. TensorFlow leaves them out, as is done here if
        nothing is said; torch counts them if nothing is said (`count_include_pad`).

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `padding` is unknown, or, when it is called,
        the input has other dimensions or no window fits into it.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input((3, 1)), gd.AvgPool(2, padding="same")])
    >>> model.predict([[[1.0], [3.0], [5.0]]]).tolist()
    [[[2.0], [5.0]]]
    """

    masks = "use"

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: str | Sizes | Sequence[Sequence[int]] = "valid",
        ceil: bool = False,
        count_padding: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(pool_size, strides, padding, ceil, name)
        self.count_padding = bool(count_padding)

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        how = self._over(x) | {"count_padding": self.count_padding}
        return mean_of_windows(self, x, lambda v: ops.avg_pool(v, **how), self.count_padding)


class MaxPool1D(MaxPool):
    """`MaxPool` of sequences (B, width, channels).

    Parameters
    ----------
    pool_size, strides, padding, ceil, name
        As for `MaxPool`.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.MaxPool1D(2)(gd.Input((28, 8))).shape
    (B, 14, 8)
    """

    dimensions = 1


class MaxPool2D(MaxPool):
    """`MaxPool` of images (B, height, width, channels).

    Parameters
    ----------
    pool_size, strides, padding, ceil, name
        As for `MaxPool`.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.MaxPool2D(2)(gd.Input((28, 28, 8))).shape
    (B, 14, 14, 8)
    """

    masks = "refuse"
    dimensions = 2


class MaxPool3D(MaxPool):
    """`MaxPool` of volumes (B, planes, height, width, channels).

    Parameters
    ----------
    pool_size, strides, padding, ceil, name
        As for `MaxPool`.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.MaxPool3D(2)(gd.Input((8, 28, 28, 4))).shape
    (B, 4, 14, 14, 4)
    """

    masks = "refuse"
    dimensions = 3


class AvgPool1D(AvgPool):
    """`AvgPool` of sequences (B, width, channels).

    Parameters
    ----------
    pool_size, strides, padding, ceil, count_padding, name
        As for `AvgPool`.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.AvgPool1D(4)(gd.Input((28, 8))).shape
    (B, 7, 8)
    """

    dimensions = 1


class AvgPool2D(AvgPool):
    """`AvgPool` of images (B, height, width, channels).

    Parameters
    ----------
    pool_size, strides, padding, ceil, count_padding, name
        As for `AvgPool`.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.AvgPool2D(2)(gd.Input((28, 28, 8))).shape
    (B, 14, 14, 8)
    """

    masks = "refuse"
    dimensions = 2


class AvgPool3D(AvgPool):
    """`AvgPool` of volumes (B, planes, height, width, channels).

    Parameters
    ----------
    pool_size, strides, padding, ceil, count_padding, name
        As for `AvgPool`.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.AvgPool3D(2)(gd.Input((8, 28, 28, 4))).shape
    (B, 4, 14, 14, 4)
    """

    masks = "refuse"
    dimensions = 3


class AdaptiveAvgPool(Layer):
    """The means of so many windows of equal length, whatever the size of the input.

    (B, [[planes,] height,] width, channels) becomes (B, *windows, channels). Window o of n along an axis of l
    elements holds elements ⌊o l / n⌋ to ⌈(o + 1) l / n⌉ - 1: they overlap where it does not come out even. Steps of a
    sequence that a mask leaves out take no part, as in `AvgPool`.

    Parameters
    ----------
    windows : int or one for each dimension
    name : str, optional

    Raises
    ------
    ValueError
        If a number is not whole and at least 1, or, when it is called, the input has other dimensions.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.AdaptiveAvgPool(7)(gd.Input((12, 9, 64))).shape
    (B, 7, 7, 64)
    """

    masks = "use"

    def __init__(self, windows: Sizes, name: str | None = None) -> None:
        self.windows = positives("AdaptiveAvgPool windows", windows)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        return mean_of_windows(self, x, lambda v: ops.adaptive_avg_pool(v, self.windows))


class AdaptiveMaxPool(Layer):
    """The largest elements of so many windows of equal length, whatever the size of the input.

    Steps of a sequence that a mask leaves out take no part, as in `MaxPool`.

    Parameters
    ----------
    windows, name
        As for `AdaptiveAvgPool`.

    Raises
    ------
    ValueError
        If a number is not whole and at least 1, or, when it is called, the input has other dimensions.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.AdaptiveMaxPool((7, 1))(gd.Input((12, 9, 64))).shape
    (B, 7, 1, 64)
    """

    masks = "use"

    def __init__(self, windows: Sizes, name: str | None = None) -> None:
        self.windows = positives("AdaptiveMaxPool windows", windows)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        return max_of_windows(self, x, lambda v: ops.adaptive_max_pool(v, self.windows))
