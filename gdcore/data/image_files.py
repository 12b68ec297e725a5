"""Images in files, decoded when their rows are needed: one kind of rows of a data set.

A file is decoded by Pillow, which is imported here alone. Its header is read when the rows are made, its pixels
each time that they are needed, so that a folder may be larger than memory.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.errors import missing
from gdcore.runtime import get_num_threads

if TYPE_CHECKING:
    from pathlib import Path

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
FORMATS = ("PNG", "JPEG")
MOST_PIXELS = 1 << 28  # that a header may declare: memory is taken for them before they are read


def require_pillow() -> Any:
    """Pillow's module of images.

    Raises
    ------
    ImportError
        One line that says what to install, if it cannot be imported.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise missing("image files need Pillow", "image", error) from None
    return Image


def _opened(path: Path) -> Any:
    """A file as Pillow's image, of which the header alone has been read.

    Raises
    ------
    ValueError
        If it is no PNG or JPEG file, or declares a size that cannot be.
    """
    image_module = require_pillow()
    try:
        with warnings.catch_warnings():  # of large images, which are refused here
            warnings.simplefilter("ignore")
            image = image_module.open(path, formats=FORMATS)
    except FileNotFoundError:
        raise
    except image_module.DecompressionBombError:
        raise ValueError(
            f"{path}: its header declares too many pixels: expected at most {MOST_PIXELS:,}"
        ) from None
    except Exception as error:  # Pillow has many kinds, and a damaged header any of them
        raise ValueError(
            f"{path}: not an image ({' '.join(str(error).split())[:80]}): expected a PNG or JPEG file"
        ) from None
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise ValueError(
            f"{path}: its header declares {image.height} x {image.width} pixels: expected at most "
            f"{MOST_PIXELS:,}"
        )
    if image.mode[0] in "IF":
        mode = image.mode
        image.close()
        raise ValueError(
            f"{path}: pixels of more than 8 bits (mode {mode}): expected 8; convert the file"
        )
    return image


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) as the header of a file has them.

    Raises
    ------
    ValueError
        If it is no PNG or JPEG file, or declares a size that cannot be.
    """
    with _opened(path) as image:
        return int(image.height), int(image.width)


class ImageFiles:
    """Images in files as an array (n, height, width, channels) of uint8 that is decoded as it is read.

    Attributes
    ----------
    paths : list of Path
    classes : list of str
        The names of the classes, by number; empty if there are none.
    resized : bool
        Whether files of other sizes are brought to this one.
    """

    ndim = 4
    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        paths: Sequence[Path],
        size: tuple[int, int],
        channels: int,
        resized: bool,
        classes: Sequence[str] = (),
    ) -> None:
        self.paths, self.classes, self.resized = list(paths), list(classes), resized
        self._of_one = (*size, channels)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the array that all files are."""
        return (len(self.paths), *self._of_one)

    @property
    def size(self) -> int:
        """The number of elements of all images."""
        return math.prod(self.shape)

    def min(self) -> int:
        """What no element is below; files are not read for it."""
        return 0

    def max(self) -> int:
        """What no element is above."""
        return 255

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Any) -> ImageFiles:
        """Some of the images, by a slice, an index array or a boolean mask."""
        picked = np.arange(len(self))[rows].reshape(-1)
        height, width, channels = self._of_one
        paths = [self.paths[i] for i in picked.tolist()]
        return ImageFiles(paths, (height, width), channels, self.resized, self.classes)

    def __repr__(self) -> str:
        return f"<{len(self)} image files, {len(self.classes)} classes, {self.shape} uint8>"

    def decode(self, rows: np.ndarray) -> np.ndarray:
        """The pixels of some images, decoded on as many threads as gdcore computes with.

        Parameters
        ----------
        rows : array of int
            Their numbers.

        Returns
        -------
        ndarray of uint8 (rows, height, width, channels)

        Raises
        ------
        ValueError
            If a file is cut off, damaged, or has changed its size.
        """
        out = np.empty((len(rows), *self._of_one), np.uint8)

        def one(i: int) -> None:
            out[i] = self._pixels(self.paths[int(rows[i])])

        if len(rows) < 2:
            for i in range(len(rows)):
                one(i)
            return out
        from concurrent.futures import ThreadPoolExecutor  # imports logging, which takes a while

        with ThreadPoolExecutor(get_num_threads()) as pool:
            list(pool.map(one, range(len(rows))))
        return out

    def _pixels(self, path: Path) -> np.ndarray:
        height, width, channels = self._of_one
        with _opened(path) as image:
            if not self.resized and (image.height, image.width) != (height, width):
                raise ValueError(
                    f"{path}: {image.height} x {image.width} pixels: expected {height} x {width}, as when "
                    "the folder was read"
                )
            try:
                plain = image.convert(MODES[channels])
                if self.resized and plain.size != (width, height):
                    plain = plain.resize((width, height), require_pillow().Resampling.BILINEAR)
            except Exception as error:
                raise ValueError(
                    f"{path}: cut off or damaged ({' '.join(str(error).split())[:80]}): fetch the file "
                    "again or take it out of the folder"
                ) from None
            return np.asarray(plain, np.uint8).reshape(height, width, channels)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.decode(np.arange(len(self))), dtype=dtype)

    @property
    def parts(self) -> np.ndarray:
        """All images, decoded."""
        return self.decode(np.arange(len(self)))
