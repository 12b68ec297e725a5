"""First values of the filters of convolutions: the identity, and filters that whiten given images."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore.initializers.rules import Constant, Initializer, Rule, Values
from gdcore.random import Stream

__all__ = ["Dirac", "Whitening"]

ROWS = 1000  # images whose patches are laid out at once


class Dirac(Rule):
    """Filters that pass channels on: filter i begins as the identity of channel i, while there is one.

    The 1 stands at the centre of the kernel, or before it where a size is even: with zeros around an
    image as `padding="same"` has them, the first channels of the output are the input.

    Parameters
    ----------
    rest : Initializer
        What draws the filters beyond the number of channels.
    groups : int
        Of the convolution; each group's filters begin with the channels of that group.

    Raises
    ------
    TypeError
        If `rest` is no initializer.
    ValueError
        For a shape of less than three dimensions, or groups that do not divide the filters.

    References
    ----------
    Zagoruyko and Komodakis 2017, DiracNets: training very deep neural networks without
    skip-connections. Jordan 2024, 94% on CIFAR-10 in 3.29 seconds on a single GPU, for random
    filters beyond the first ones.

    Examples
    --------
    >>> kernel = Dirac()((3, 3, 2, 4), Stream(0, "w"))
    >>> kernel[1, 1].tolist(), kernel.sum().item()
    ([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], 2.0)
    """

    rest: Initializer
    groups: int

    def __init__(self, rest: Initializer | None = None, groups: int = 1) -> None:
        rest = Constant() if rest is None else rest
        if not isinstance(rest, Initializer) or isinstance(rest, Dirac):
            raise TypeError(
                f"Dirac rest={rest!r}: expected another initializer, such as gd.initializers.he_normal"
            )
        if not isinstance(groups, int) or groups < 1:
            raise ValueError(f"Dirac groups={groups!r}: expected a whole number of at least 1")
        super().__init__(rest=rest, groups=groups)

    def __call__(self, shape: tuple[int, ...], stream: Stream) -> Values:
        """Return the identity and, behind it, what `rest` draws."""
        if len(shape) < 3:
            raise ValueError(
                f"dirac is for kernels of convolutions (*window, channels, filters), got the shape "
                f"{tuple(shape)}: use orthogonal for dense kernels"
            )
        if shape[-1] % self.groups:
            raise ValueError(
                f"dirac groups={self.groups} of {shape[-1]} filters: expected a divisor of them"
            )
        values = np.array(self.rest(tuple(shape), stream), dtype=np.float64)
        channels, each = shape[-2], shape[-1] // self.groups
        filters = np.arange(shape[-1])
        first = filters[filters % each < channels]
        values[..., first] = 0.0
        centre: Any = tuple((size - 1) // 2 for size in shape[:-2])
        values[centre][first % each, first] = 1.0
        return values


class Whitening(Rule):
    """Filters whose responses to the patches of given images are uncorrelated and of variance 1.

    They are the eigenvectors of the patches' second moments, from the largest eigenvalue to the
    smallest, each divided by √(eigenvalue + epsilon), and then the same with the other sign: a
    convolution from c channels with a window of s pixels needs 2 · s · c filters. It is not meant to
    be trained: ``model.freeze("0.kernel")`` before `compile`.

    Parameters
    ----------
    images : array of shape (n, ..., channels)
        As the convolution gets them, scaled and shifted; some thousand are enough.
    epsilon : float
        Keeps directions in which patches hardly differ from being amplified.

    Raises
    ------
    ValueError
        If the images are not numbers of that shape, or are too small; for a shape with another number
        of channels or of filters.

    Notes
    -----
    NumPy's LAPACK does the decomposition: the last bits, and the sign of each eigenvector, may differ
    between NumPy builds; the set of filters has both signs.

    References
    ----------
    Page 2018, How to train your ResNet; Jordan 2024, 94% on CIFAR-10 in 3.29 seconds on a single
    GPU, for the fixed first layer.

    Examples
    --------
    >>> images = Stream(0, "images").normal((50, 8, 8, 3)) * [1.0, 2.0, 5.0]
    >>> import gdcore as gd
    >>> white = gd.initializers.Whitening(images)
    >>> model = gd.Sequential([gd.Conv2D(24, 2, kernel_initializer=white)])
    >>> y = model.predict(images.astype("float32"))
    >>> bool(abs((y**2).mean((0, 1, 2)) - 1).max() < 0.01)
    True
    """

    images: np.ndarray
    epsilon: float

    def __init__(self, images: Any, epsilon: float = 5e-4) -> None:
        images = np.asarray(images)
        if images.ndim < 3 or images.dtype.kind not in "fiub" or 0 in images.shape:
            raise ValueError(
                f"Whitening images of type {images.dtype} and shape {images.shape}: expected numbers "
                "(n, ..., channels)"
            )
        if not (isinstance(epsilon, int | float) and 0 < epsilon < np.inf):
            raise ValueError(f"Whitening epsilon={epsilon!r}: expected a number above 0")
        super().__init__(images=images, epsilon=epsilon)

    def __eq__(self, other: object) -> bool:  # of the images it is
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"Whitening(epsilon={self.epsilon!r})"

    def __call__(self, shape: tuple[int, ...], stream: Stream) -> Values:
        """Return the filters; nothing is drawn."""
        *window, channels, filters = shape
        patch = int(np.prod(window)) * channels
        given = self.images.shape
        if len(window) != len(given) - 2 or channels != given[-1]:
            raise ValueError(
                f"Whitening of images {given} for a kernel {tuple(shape)}: expected (*window, "
                f"{given[-1]}, filters), with {len(given) - 2} dimensions in the window"
            )
        if filters != 2 * patch:
            raise ValueError(
                f"Whitening for {filters} filters: expected {2 * patch}, both signs of the "
                f"{patch} numbers of a patch"
            )
        if any(w > size for w, size in zip(window, given[1:-1], strict=True)):
            raise ValueError(
                f"Whitening of images {given}: no window {tuple(window)} fits into one"
            )
        moments, count = np.zeros((patch, patch)), 0
        for at in range(0, len(self.images), ROWS):
            part = np.asarray(self.images[at : at + ROWS], dtype=np.float64)
            axes = tuple(range(1, part.ndim - 1))
            patches = np.lib.stride_tricks.sliding_window_view(part, window, axis=axes)
            # (n, ..., channels, *window) to the order of the kernel (*window, channels)
            rows = np.moveaxis(patches, len(window) + 1, -1).reshape(-1, patch)
            moments, count = moments + rows.T @ rows, count + len(rows)
        values, vectors = np.linalg.eigh(moments / count)
        scaled = (vectors / np.sqrt(np.maximum(values, 0.0) + self.epsilon))[:, ::-1]
        return np.concatenate([scaled, -scaled], axis=1).reshape(shape)
