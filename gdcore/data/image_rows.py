"""Images with what training does to them: one kind of rows of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np

FLIPS = {None: 0, "random": 1, "alternating": 2}
BORDERS = ("zeros", "reflect")


class AugmentedImages:
    """Images (n, height, width, channels) with what `fit` does to them; made by `augmented`.

    Whatever else reads them (`evaluate`, `predict`, `numpy.asarray`) gets them as they are.

    Attributes
    ----------
    images : ndarray or ImageFiles
        The images themselves.
    shift : (int, int)
    flip : {None, "random", "alternating"}
    border : {"zeros", "reflect"}
    cutout : int
    """

    ndim = 4

    def __init__(
        self,
        images: Any,
        shift: tuple[int, int],
        flip: str | None,
        border: str,
        cutout: int,
        drawn: tuple[int, int, np.ndarray | None] | None = None,
    ) -> None:
        self.images = images
        self.shift, self.flip, self.border, self.cutout = shift, flip, border, cutout
        self._drawn = drawn  # seed, epoch and the numbers of the samples, where they are changed

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array of images."""
        return tuple(self.images.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array of images."""
        found: np.dtype[Any] = self.images.dtype
        return found

    @property
    def size(self) -> int:
        """The number of elements of all images."""
        return int(self.images.size)

    @property
    def parts(self) -> Any:
        """The array; where images are changed, (array, recipe), as the C core takes them."""
        images = self.images if isinstance(self.images, np.ndarray) else np.asarray(self.images)
        if self._drawn is None:
            return images
        seed, epoch, samples = self._drawn
        return images, (
            *(self.shape[1:], self.shift, FLIPS[self.flip], int(self.border == "reflect")),
            *(self.cutout, seed, epoch, samples),
        )

    def drawn(self, seed: int, epoch: int, samples: np.ndarray | None = None) -> AugmentedImages:
        """The images as an epoch of training sees them.

        Parameters
        ----------
        seed, epoch : int
            Of which, with the number of a sample, all that is random is a function.
        samples : (n,) int64 array, optional
            The number of each image; its row if None.

        Returns
        -------
        AugmentedImages
        """
        return self._with(self.images, (seed, epoch, samples))

    def of(self, images: Any, samples: np.ndarray) -> AugmentedImages:
        """Other images, of samples with these numbers, changed in the same way."""
        known = self._drawn
        return self._with(images, None if known is None else (*known[:2], samples))

    def _with(self, images: Any, drawn: Any = None) -> AugmentedImages:
        return AugmentedImages(images, self.shift, self.flip, self.border, self.cutout, drawn)

    def min(self) -> Any:
        """The least element of the images as they are."""
        return self.images.min()

    def max(self) -> Any:
        """The largest element of the images as they are."""
        return self.images.max()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Any) -> AugmentedImages:
        drawn = self._drawn
        if drawn is not None:
            seed, epoch, samples = drawn
            numbers = np.arange(len(self)) if samples is None else samples
            drawn = seed, epoch, np.ascontiguousarray(numbers[rows])
        return self._with(self.images[rows], drawn)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.images, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        told = (
            f"shift={self.shift}, flip={self.flip!r}, border={self.border!r}, cutout={self.cutout}"
        )
        return f"<images {self.shape} {self.dtype}, {told}>"
