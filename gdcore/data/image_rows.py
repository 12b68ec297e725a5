"""Rows of a data set that training changes at random as it gathers them: images, and targets that go along."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

FLIPS = {None: 0, "random": 1, "alternating": 2}
BORDERS = ("zeros", "reflect")
ROLES = {"images": 0, "masks": 1, "labels": 2, "boxes": 3}  # as csrc/exec.h numbers them


class Changes(NamedTuple):
    """What is done to images; the parameters of `augmented`, checked."""

    shift: tuple[int, int] = (0, 0)
    flip: str | None = None
    border: str = "reflect"
    cutout: int = 0
    rotation: float = 0.0
    zoom: float = 0.0
    elastic: float = 0.0
    elastic_grid: int = 3
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    channel_scale: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    targets: str | None = None

    @property
    def mixes(self) -> bool:
        """Whether an image is mixed with another one."""
        return self.mixup > 0 or self.cutmix > 0

    def __str__(self) -> str:
        """Shift, flip, border and cutout, and what else is not as it is by default."""
        usual = self._field_defaults
        told = [k for k in self._fields if k in ALWAYS or getattr(self, k) != usual[k]]
        return ", ".join(f"{k}={getattr(self, k)!r}" for k in told)


ALWAYS = ("shift", "flip", "border", "cutout")


class AugmentedImages:
    """Images (n, height, width, channels) with what `fit` does to them; made by `augmented`.

    Whatever else reads them (`evaluate`, `predict`, `numpy.asarray`) gets them as they are.

    Attributes
    ----------
    images : ndarray or ImageFiles
        The images themselves; where this stands for targets, the targets.
    changes : Changes
    extent : (int, int, int)
        Height, width and channels of an image.
    role : {"images", "masks", "labels", "boxes"}
        What the rows are.
    """

    def __init__(
        self,
        images: Any,
        changes: Changes,
        extent: tuple[int, ...],
        role: str = "images",
        drawn: tuple[int, int, np.ndarray | None] | None = None,
    ) -> None:
        self.images, self.changes, self.extent, self.role = images, changes, extent, role
        self._drawn = drawn  # seed, epoch and the numbers of the samples, where they are changed

    @property
    def ndim(self) -> int:
        """Of the array."""
        return len(self.images.shape)

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
        c, (seed, epoch, samples) = self.changes, self._drawn
        most = 255.0 if self.dtype == np.uint8 and self.role == "images" else 0.0
        return images, (
            *(self.extent, ROLES[self.role], c.shift, FLIPS[c.flip], int(c.border == "reflect")),
            *(c.cutout, c.elastic_grid),
            (
                *(float(np.deg2rad(c.rotation)), c.zoom, c.elastic),
                *(c.brightness, c.contrast, c.saturation, c.channel_scale, most),
                *(c.mixup, c.cutmix),
            ),
            *(seed, epoch, samples),
        )

    @property
    def moved(self) -> bool:
        """Whether they are targets that move with the images of an epoch; shares of classes are mixed instead."""
        return self._drawn is not None and self.role in ("masks", "boxes")

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

    def alongside(self, targets: np.ndarray) -> np.ndarray | AugmentedImages:
        """The targets as they go along with the images: a row for each of them.

        Raises
        ------
        ValueError
            If they do not have the shape of masks or boxes.
        """
        c, extent = self.changes, self.extent
        if c.mixes:
            return AugmentedImages(targets, c, extent, "labels", self._drawn)
        if c.targets == "masks":
            if targets.shape[1:3] != extent[:2] or targets.ndim > 4:
                raise ValueError(
                    f"masks of shape {targets.shape} for images of {extent[0]} x {extent[1]}: expected "
                    "(n, height, width) or (n, height, width, classes)"
                )
            channels = targets.shape[3] if targets.ndim == 4 else 1
            return AugmentedImages(targets, c, (*extent[:2], channels), "masks", self._drawn)
        if c.targets == "boxes":
            if targets.ndim < 2 or targets.shape[-1] != 4 or targets.dtype.kind != "f":
                raise ValueError(
                    f"boxes of shape {targets.shape} and type {targets.dtype}: expected reals (n, boxes, 4), "
                    "top, left, bottom, right in pixels; zeros where there is none"
                )
            return AugmentedImages(targets, c, extent, "boxes", self._drawn)
        return targets

    def _with(self, images: Any, drawn: Any = None) -> AugmentedImages:
        return AugmentedImages(images, self.changes, self.extent, self.role, drawn)

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
        return f"<{self.role} {self.shape} {self.dtype}, {self.changes}>"
