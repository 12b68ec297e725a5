"""Images that are changed at random each time that training gathers them into a batch."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from gdcore.data.arrays import as_rows
from gdcore.data.image_rows import BORDERS, FLIPS, AugmentedImages

MOST = 1 << 20  # pixels of a shift or a hole


def _whole(what: str, value: Any, most: int = MOST) -> int:
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number <= most:
        raise ValueError(f"{what}={value!r}: expected a whole number from 0 to {most}")
    return number


def augmented(
    images: Any,
    *,
    shift: int | Sequence[int] = 0,
    flip: str | None = None,
    border: str = "reflect",
    cutout: int = 0,
) -> AugmentedImages:
    """Images that `fit` changes at random each time that it gathers them: no copies, no pass of their own.

    What is drawn for an image is a function of (seed, epoch, sample) alone: it does not depend on the batch, on
    the number of threads, or on whether training was interrupted and resumed. `fit` alone changes images;
    `evaluate`, `predict` and `train_on_batch` take them as they are.

    Parameters
    ----------
    images : array (n, height, width, channels), or the files of `images`
        Of any type that `fit` takes; uint8 with `Rescaling(1 / 255)` at the head of the model is the least memory.
    shift : int or (int, int)
        Most pixels up or down, and left or right, each whole number as likely as the others: the same as a random
        crop of an image padded by as many.
    flip : {None, "random", "alternating"}
        Mirror left and right with probability ½; "alternating" draws it for the first epoch and then changes it
        from epoch to epoch, so that two epochs see both.
    border : {"reflect", "zeros"}
        What comes in beyond the edge: the image mirrored at its outermost pixels, or zeros.
    cutout : int
        Side of a square of zeros whose centre is any pixel; 0 for none.

    Returns
    -------
    AugmentedImages
        To be passed to `fit` in the place of the images.

    Raises
    ------
    ValueError
        If the array is not (n, height, width, channels), or a setting is out of range.

    References
    ----------
    DeVries and Taylor 2017, Improved regularization of convolutional neural networks with cutout.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> images = np.zeros((8, 6, 6, 3), np.uint8)
    >>> x = gd.data.augmented(images, shift=2, flip="alternating", cutout=3)
    >>> model = gd.Sequential([gd.Rescaling(1 / 255), gd.Flatten(), gd.Dense(2)])
    >>> history = model.compile(loss="cross_entropy").fit(x, np.arange(8) % 2, verbose=0)
    """
    array = as_rows(images, "images")
    if isinstance(array, AugmentedImages):
        raise ValueError("augmented of augmented images: give all settings in one call")
    if array.ndim != 4 or 0 in array.shape[1:]:
        raise ValueError(
            f"images of shape {array.shape}: expected (n, height, width, channels)"
            + ("; add the channel with images[..., None]" if array.ndim == 3 else "")
        )
    if array.shape[1] in (1, 3) and array.shape[3] not in (1, 2, 3, 4) and array.shape[2] > 4:
        raise ValueError(
            f"images of shape {array.shape} have their channels first: expected (n, height, width, "
            "channels); images.transpose(0, 2, 3, 1) turns them over"
        )
    pair = (shift, shift) if not isinstance(shift, Sequence) else tuple(shift)
    if len(pair) != 2:
        raise ValueError(f"augmented shift={shift!r}: expected one number or two")
    if flip not in FLIPS:
        raise ValueError(f"augmented flip={flip!r}: expected None, 'random' or 'alternating'")
    if border not in BORDERS:
        raise ValueError(f"augmented border={border!r}: expected 'reflect' or 'zeros'")
    down, across = (_whole("augmented shift", s) for s in pair)
    return AugmentedImages(array, (down, across), flip, border, _whole("augmented cutout", cutout))
