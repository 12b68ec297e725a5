"""A folder of images, with a folder for each class, as a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from gdcore.data.image_files import MODES, ImageFiles, require_pillow, size_of
from gdcore.runtime import get_num_threads

SUFFIXES = (".png", ".jpg", ".jpeg")


def _listed(folder: Path) -> dict[str, list[Path]]:
    """The image files of each class, in the order of their names."""
    classes = {
        entry.name: sorted(
            p
            for p in entry.rglob("*")
            if p.suffix.lower() in SUFFIXES and p.is_file() and not p.name.startswith(".")
        )
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and not entry.name.startswith(".")
    }
    if len(classes) < 2:
        loose = sum(p.suffix.lower() in SUFFIXES for p in folder.iterdir())
        got = "one folder" if classes else f"no folders, and {loose} images"
        raise ValueError(
            f"{folder}: {got} in it, expected a folder of images for each of two or more classes"
        )
    empty = [name for name, found in classes.items() if not found]
    if empty:
        raise ValueError(
            f"{folder / empty[0]}: no images, expected files that end in {', '.join(SUFFIXES)}: "
            "put some into it or take it away"
        )
    return classes


def images(
    folder: str | os.PathLike[str],
    *,
    resize: int | tuple[int, int] | None = None,
    channels: int = 3,
) -> tuple[ImageFiles, np.ndarray]:
    """The images of a folder that holds a folder for each class.

    Files are decoded on threads ahead of the steps that need them, and again in each epoch: the folder may be
    larger than memory. What fits is trained on faster as an array: ``numpy.asarray(x)``.

    Parameters
    ----------
    folder : path-like
        Every folder in it is a class, with PNG and JPEG files in it or in folders below.
    resize : int or (int, int), optional
        Height and width to which every image is brought, by Pillow's bilinear filter and whatever its
        proportions; None expects that all have one size.
    channels : {3, 1, 4}
        Colours, grey, or colours and opacity.

    Returns
    -------
    x : ImageFiles
        Stands for an array of uint8 (n, height, width, channels) wherever `fit`, `evaluate` and `predict` take
        one; `x.classes` are the names of the classes, in order.
    y : ndarray of int64 (n,)
        The number of each image's class.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it has less than two classes or an empty one, a file is no image, or sizes differ without a `resize`.
    ImportError
        If Pillow is missing.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from PIL import Image
    >>> import gdcore as gd
    >>> for name, grey in (("dark", 10), ("light", 240)):
    ...     Path("folder", name).mkdir(parents=True)
    ...     for i in range(4):
    ...         Image.fromarray(np.full((6, 5, 3), grey + i, np.uint8)).save(f"folder/{name}/{i}.png")
    >>> x, y = gd.data.images("folder")
    >>> x
    <8 image files, 2 classes, (8, 6, 5, 3) uint8>
    >>> model = gd.Sequential([gd.Rescaling(1 / 255), gd.Flatten(), gd.Dense(2)])
    >>> history = model.compile(loss="cross_entropy").fit(x, y, verbose=0)
    >>> x.classes, y.tolist()
    (['dark', 'light'], [0, 0, 0, 0, 1, 1, 1, 1])
    """
    root = Path(folder)
    if channels not in MODES:
        raise ValueError(f"images channels={channels!r}: expected 3, 1 or 4")
    size = (resize, resize) if isinstance(resize, int) and not isinstance(resize, bool) else resize
    if size is not None and (
        not isinstance(size, Sequence)
        or len(size) != 2
        or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in size)
    ):
        raise ValueError(f"images resize={resize!r}: expected a number of pixels, or two")
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root}: no such folder, expected one with a folder for each class"
        )
    classes = _listed(root)
    require_pillow()
    paths = [p for found in classes.values() for p in found]
    with ThreadPoolExecutor(get_num_threads()) as pool:
        sizes = list(pool.map(size_of, paths))
    if size is None:
        other = next((i for i, s in enumerate(sizes) if s != sizes[0]), None)
        if other is not None:
            (a, b), (c, d) = sizes[0], sizes[other]
            raise ValueError(
                f"{root}: images of several sizes, {paths[0].relative_to(root)} of {a} x {b} and "
                f"{paths[other].relative_to(root)} of {c} x {d}: give images(..., resize=(height, width))"
            )
    y = np.repeat(np.arange(len(classes)), [len(found) for found in classes.values()])
    rows = ImageFiles(paths, size or sizes[0], channels, size is not None, list(classes))
    return rows, y.astype(np.int64)
