"""Images that are changed at random each time that training gathers them into a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gdcore.data.arrays import as_rows
from gdcore.data.image_files import ImageFiles
from gdcore.data.image_rows import BORDERS, FLIPS, AugmentedImages, Changes
from gdcore.setting_checks import real_number, whole_number

MOST = 1 << 20  # pixels of a shift or a hole
CHANNELS = 1024  # of an image, as csrc/exec.h has it


def augmented(
    images: Any,
    *,
    shift: int | Sequence[int] = 0,
    flip: str | None = None,
    border: str = "reflect",
    cutout: int = 0,
    rotation: float = 0.0,
    zoom: float = 0.0,
    elastic: float = 0.0,
    elastic_grid: int = 3,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    channel_scale: float = 0.0,
    mixup: float = 0.0,
    cutmix: float = 0.0,
    targets: str | None = None,
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
    rotation : float
        Most degrees by which an image is turned about its centre, either way; at most 180. Between pixels, values are
        interpolated linearly.
    zoom : float
        Most by which the factor of magnification differs from 1; below 1.
    elastic : float
        Standard deviation, in pixels, of the control points of a smooth bend of the image (a cubic spline).
    elastic_grid : int
        Cells between these points along a side, 1 to 8.
    brightness, contrast, saturation : float
        Most by which the factor of all values, of the distance from the mean grey of the image, and of the distance
        from the grey of the pixel differs from 1; at most 1. Values of uint8 images stay between 0 and 255.
    channel_scale : float
        Most by which a factor of each channel of an image differs from 1; at most 1.
    mixup : float
        α of the beta distribution of the share in which an image, and its target, is blended with another one of the
        data set, which is changed too; 0 for none.
    cutmix : float
        α likewise, of the share of the area that is not cut out and filled with the same part of another image. With
        both, each has half of the images.
    targets : {None, "masks", "boxes"}
        What moves with the image: masks (n, height, width) or (n, height, width, classes), whose pixels become their
        nearest ones, 0 beyond a border of zeros; or boxes (n, k, 4) of top, left, bottom and right in pixels, zeros
        where there is none. Targets of mixed images are mixed likewise: class numbers become shares of classes.

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
    DeVries and Taylor 2017, Improved regularization of convolutional neural networks with cutout. Zhang et al. 2018,
    mixup: beyond empirical risk minimization. Yun et al. 2019, CutMix. Ronneberger et al. 2015, U-Net, for the bend.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> images = np.zeros((8, 6, 6, 3), np.uint8)
    >>> x = gd.data.augmented(images, shift=2, flip="alternating", cutout=3, rotation=15, mixup=0.2)
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
    if array.shape[3] > CHANNELS:
        raise ValueError(f"images of shape {array.shape}: expected at most {CHANNELS} channels")
    if targets not in (None, "masks", "boxes"):
        raise ValueError(f"augmented targets={targets!r}: expected None, 'masks' or 'boxes'")
    down, across = (whole_number("augmented shift", s, 0, MOST) for s in pair)
    changes = Changes(
        (down, across),
        flip,
        border,
        whole_number("augmented cutout", cutout, 0, MOST),
        real_number("augmented rotation", rotation, 180),
        real_number("augmented zoom", zoom, 1, below=True),
        real_number("augmented elastic", elastic, MOST),
        whole_number("augmented elastic_grid", elastic_grid, 1, 8),
        real_number("augmented brightness", brightness, 1),
        real_number("augmented contrast", contrast, 1),
        real_number("augmented saturation", saturation, 1),
        real_number("augmented channel_scale", channel_scale, 1),
        real_number("augmented mixup", mixup, 1000),
        real_number("augmented cutmix", cutmix, 1000),
        targets,
    )
    if changes.mixes and targets is not None:
        raise ValueError(
            f"augmented mixup={mixup!r}, cutmix={cutmix!r} with targets={targets!r}: mixed images have shares of "
            "classes for targets; leave one of them out"
        )
    if changes.mixes and isinstance(array, ImageFiles):
        raise ValueError(
            "augmented mixes images that are decoded as they are needed: any other one has to be at hand; "
            "np.asarray(x) decodes all of them"
        )
    return AugmentedImages(array, changes, tuple(array.shape[1:]))
