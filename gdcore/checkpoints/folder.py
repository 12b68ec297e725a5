"""A folder of checkpoints: file names, their order, and removal of temporary files of killed writers."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gdcore.io.atomic import remove_leftovers

BEST = "best.safetensors"
_NAME = re.compile(r"step-(\d{9,18})\.safetensors")


def file_name(step: int) -> str:
    """The name of the checkpoint of a step: names sort as steps do.

    Examples
    --------
    >>> file_name(1200)
    'step-000001200.safetensors'
    """
    return f"step-{step:09d}.safetensors"


def checkpoints(folder: str | os.PathLike[str]) -> list[tuple[int, Path]]:
    """(step, file) of each checkpoint in a folder, oldest first; none if there is no folder.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = [(int(m[1]), Path(folder, n)) for n in names if (m := _NAME.fullmatch(n))]
    return sorted(found)


def tidy(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary files of killed writers; those of running writers stay."""
    remove_leftovers(folder, lambda name: bool(_NAME.fullmatch(name)) or name == BEST)
