"""Pictures of images as training sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.data.arrays import as_rows
from gdcore.data.image_rows import AugmentedImages
from gdcore.engine.gathering import gathered
from gdcore.plots.style import axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 2  # pixels between images


def batch(
    x: Any,
    y: Any = None,
    ax: Axes | None = None,
    *,
    count: int = 24,
    seed: int = 0,
    epoch: int = 0,
    classes: Sequence[str] | None = None,
) -> Axes:
    """Draw the first images of a data set as `fit` sees them in an epoch, augmented where they are.

    Parameters
    ----------
    x : array (n, height, width, channels), what `gd.data.augmented` makes of one, or `gd.data.images`
    y : array of n class numbers, optional
        Each image is labelled with its own.
    ax : matplotlib.axes.Axes, optional
    count : int
        The most images that are drawn.
    seed, epoch : int
        As `fit(seed=)`, and the number of the epoch, from 0.
    classes : sequence of str, optional
        The names of the classes; those of the folder if x are its images.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If x is not (n, height, width, 1, 3 or 4), is empty, or y has another length.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> images = np.arange(12 * 8 * 8 * 3, dtype=np.uint8).reshape(12, 8, 8, 3)
    >>> axes = batch(gd.data.augmented(images, shift=2, flip="random"), np.arange(12), epoch=3)
    >>> axes.get_title()
    '12 of 12 images, epoch 3'
    """
    rows = as_rows(x, "x")
    if rows.ndim != 4 or rows.shape[-1] not in (1, 3, 4) or len(rows) == 0:
        raise ValueError(
            f"a picture of images of shape {rows.shape}: expected (n, height, width, channels), 1, 3 or "
            "4 of them"
        )
    labels = None if y is None else np.asarray(y)
    if labels is not None and labels.shape[:1] != (len(rows),):
        raise ValueError(
            f"x has {len(rows)} images and y the shape {labels.shape}: expected one each"
        )
    count = min(max(1, int(count)), len(rows))
    seen = rows.drawn(seed, epoch) if isinstance(rows, AugmentedImages) else rows
    images = gathered(seen, count)
    low, high = (0.0, 255.0) if rows.dtype == np.uint8 else (images.min(), images.max())
    images = np.clip((images - low) / max(high - low, 1e-12), 0.0, 1.0)
    across = int(np.ceil(np.sqrt(count * 1.5)))
    down = -(-count // across)
    height, width = images.shape[1] + GAP, images.shape[2] + GAP
    sheet = np.ones((down * height - GAP, across * width - GAP, images.shape[3]))
    names = classes or getattr(getattr(rows, "images", rows), "classes", None)
    ax = axes_for(ax, (0.9 * across + 0.6, 0.9 * down * height / width + 0.8))
    for i, image in enumerate(images):
        top, left = i // across * height, i % across * width
        sheet[top : top + height - GAP, left : left + width - GAP] = image
        if labels is not None:
            shown = names[int(labels[i])] if names else str(labels[i])
            ax.text(left, top, shown, va="top", fontsize=7, color="white",
                    bbox={"facecolor": "black", "alpha": 0.6, "pad": 1, "linewidth": 0})  # fmt: skip
    ax.imshow(sheet if sheet.shape[-1] > 1 else sheet[..., 0], cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()
    ax.set_title(f"{count} of {len(rows)} images, epoch {epoch}", fontsize=11)
    return ax
