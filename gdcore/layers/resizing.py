"""Layers that pad, crop and enlarge sequences, images and volumes (batch, ..., channels)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.graph.ops.pool_windows import around, each, spatial
from gdcore.layers.base import Layer
from gdcore.layers.masked_steps import moved
from gdcore.layers.pooling import positives
from gdcore.setting_checks import positive

__all__ = [
    "Crop",
    "PixelShuffle",
    "ReflectPad",
    "UpSampling2D",
    "ZeroPad",
]

Around = int | Sequence[int] | Sequence[Sequence[int]]


def _checked(who: str, given: Any) -> Any:
    """Numbers around each dimension, looked at before the number of dimensions is known."""
    around(given, 1 if isinstance(given, int) else len(given), who)
    return given


def _widths(who: str, given: Around, x: Value) -> list[tuple[int, int]]:
    before, after = around(given, len(spatial(x.shape, who)), who)
    return [(0, 0), *zip(before, after, strict=True), (0, 0)]


class ZeroPad(Layer):
    """Zeros around a sequence, an image or a volume (B, [[planes,] height,] width, channels).

    Steps that are added to a sequence with a mask do not count.

    Parameters
    ----------
    padding : int, one for each dimension, or (before, after) for each
    name : str, optional

    Raises
    ------
    ValueError
        If a number is negative, or, when it is called, the input has another number of dimensions.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ZeroPad(((1, 0), (2, 2)))(gd.Input((28, 28, 3))).shape
    (B, 29, 32, 3)
    """

    masks = "use"

    def __init__(self, padding: Around = 1, name: str | None = None) -> None:
        self.padding = _checked("ZeroPad padding", padding)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        widths = _widths("ZeroPad padding", self.padding, x)
        return moved(self, x, lambda v: ops.pad(v, widths))


class ReflectPad(Layer):
    """The input mirrored at its outermost elements, which are not repeated: 2 1 | 0 1 2 3 | 2 1.

    Steps that are added to a sequence with a mask count as those do of which they are copies.

    Parameters
    ----------
    padding : int, one for each dimension, or (before, after) for each
        Less than the input has elements there.
    name : str, optional

    Raises
    ------
    ValueError
        If a number is negative, or, when it is called, the input has another number of dimensions or too few
        elements.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input((3, 1)), gd.ReflectPad(2)])
    >>> model.predict([[[0.0], [1.0], [2.0]]]).ravel().tolist()
    [2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0]
    """

    masks = "use"

    def __init__(self, padding: Around = 1, name: str | None = None) -> None:
        self.padding = _checked("ReflectPad padding", padding)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        widths = _widths("ReflectPad padding", self.padding, x)
        for width, length in zip(widths[1:-1], spatial(x.shape, "ReflectPad"), strict=True):
            if max(width) >= length:
                raise ValueError(
                    f"ReflectPad padding={self.padding!r} of shape {x.shape}: expected at most "
                    f"{length - 1} beside {length} elements"
                )
        return moved(self, x, lambda v: ops.pad(v, widths, "reflect"))


class Crop(Layer):
    """Cuts elements off around a sequence, an image or a volume (B, [[planes,] height,] width, channels).

    The steps of a sequence that are left count as they did.

    Parameters
    ----------
    cropping : int, one for each dimension, or (before, after) for each
    name : str, optional

    Raises
    ------
    ValueError
        If a number is negative, or, when it is called, the input has another number of dimensions or nothing
        would be left.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Crop(((1, 0), (2, 2)))(gd.Input((28, 28, 3))).shape
    (B, 27, 24, 3)
    """

    masks = "use"

    def __init__(self, cropping: Around = 1, name: str | None = None) -> None:
        self.cropping = _checked("Crop cropping", cropping)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        widths = _widths("Crop cropping", self.cropping, x)[1:-1]
        sizes = spatial(x.shape, "Crop")
        if any(sum(w) >= n for w, n in zip(widths, sizes, strict=True)):
            raise ValueError(
                f"Crop cropping={self.cropping!r} of shape {x.shape}: expected something to be left"
            )
        cuts = [slice(a, n - b) for (a, b), n in zip(widths, sizes, strict=True)]
        return moved(self, x, lambda v: ops.getitem(v, (slice(None), *cuts)))


class UpSampling2D(Layer):
    """Enlarges images (B, height, width, channels) by whole factors.

    Parameters
    ----------
    size : int or (int, int)
        Factors of height and width.
    interpolation : {"nearest", "bilinear"}
        Repeated pixels, or linear interpolation between the centres of pixels, as Keras and torch's
        `Upsample` (align_corners=False) have them.
    name : str, optional

    Raises
    ------
    ValueError
        If a factor is not a whole number of at least 1, the interpolation is unknown, or, when it is called,
        the input is not (B, height, width, channels).

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.UpSampling2D(2)(gd.Input((7, 7, 16))).shape
    (B, 14, 14, 16)
    """

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        interpolation: str = "nearest",
        name: str | None = None,
    ) -> None:
        self.size = positives("UpSampling2D size", size, 2)
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                f"UpSampling2D interpolation={interpolation!r}: expected 'nearest' or 'bilinear'"
            )
        self.interpolation = interpolation
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if x.ndim != 4:
            raise ValueError(
                f"UpSampling2D got an input of shape {x.shape}: "
                "expected (batch, height, width, channels)"
            )
        high, wide = spatial(x.shape, "UpSampling2D")
        down, across = each("UpSampling2D size", self.size, 2)
        return ops.resize(x, (high * down, wide * across), self.interpolation)


class PixelShuffle(Layer):
    """Channels as pixels: (B, height, width, n r²) becomes (B, height r, width r, n).

    Channel c r² + i r + j of a pixel is channel c of the pixel in row i and column j of its r × r, as in torch.

    Parameters
    ----------
    factor : int
        r.
    name : str, optional

    Raises
    ------
    ValueError
        If the factor is not a whole number of at least 1, or, when it is called, the input is not (B, height,
        width, channels) or its channels are not divided by r².

    References
    ----------
    Shi et al. 2016, Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input((1, 1, 4)), gd.PixelShuffle(2)])
    >>> model.predict([[[[1.0, 2.0, 3.0, 4.0]]]])[0, :, :, 0]
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """

    def __init__(self, factor: int, name: str | None = None) -> None:
        self.factor = positive("PixelShuffle factor", factor)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        r = self.factor
        channels = x.shape[-1]
        if x.ndim != 4 or not isinstance(channels, int) or channels % (r * r):
            raise ValueError(
                f"PixelShuffle got an input of shape {x.shape}: expected (batch, height, width, "
                f"channels), channels a multiple of {r * r}"
            )
        high, wide = spatial(x.shape, "PixelShuffle")
        parts = ops.reshape(x, (x.shape[0], high, wide, channels // (r * r), r, r))
        spread = ops.transpose(parts, (0, 1, 4, 2, 5, 3))
        return ops.reshape(spread, (x.shape[0], high * r, wide * r, channels // (r * r)))
