"""Where each model of `fit_many` keeps its checkpoints, so that a call that was interrupted can resume."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gdcore.checkpoints import Checkpoint
from gdcore.many.settings import Job

EVERY = 10.0  # seconds between two checkpoints of one model, besides that of its end
READABLE = 60  # characters of a folder's name that tell the setting


def folders(place: str | os.PathLike[str], jobs: Sequence[Job]) -> list[Path]:
    """A folder for each job, named by its setting, so that another grid finds the settings that it shares.

    Examples
    --------
    >>> jobs = [Job(i, {"lr": 0.1}, {"lr": 0.1}, {"seed": 0, "batch_size": 32}, None) for i in (0, 1)]
    >>> [path.name for path in folders("runs", jobs)]
    ['lr=0.1-a64cccb1', 'lr=0.1-a64cccb1-1']
    """
    seen: dict[str, int] = {}
    out = []
    for job in jobs:
        fit = {k: v for k, v in job.fit.items() if k != "epochs"}  # resumable with more
        told = {k: v for k, v in job.setting.items() if k != "epochs"}
        told |= {} if job.fold is None else {"fold": job.fold}
        text = ",".join(f"{k}={plain(v)}" for k, v in told.items())
        whole = repr([sorted((k, plain(v)) for k, v in (job.model | fit).items()), job.fold])
        readable = re.sub(r"[^\w.,=+-]+", "_", text)[:READABLE] or "model"
        name = f"{readable}-{zlib.crc32(whole.encode()):08x}"
        again = seen.setdefault(name, 0)
        seen[name] += 1
        out.append(Path(place, f"{name}-{again}" if again else name))
    return out


def plain(value: Any) -> str:
    """A setting as text that is the same in another process."""
    if isinstance(value, list | tuple):
        return "(" + ",".join(map(plain, value)) + ")"
    if value is None or isinstance(value, bool | int | float | str):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # a NumPy number
        return str(value.item())
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def going_on(folder: Path) -> dict[str, Any]:
    """Arguments of `fit` that resume from a folder and write checkpoints into it."""
    return {"resume_from": folder, "callbacks": [Checkpoint(folder, every_seconds=EVERY, keep=1)]}
