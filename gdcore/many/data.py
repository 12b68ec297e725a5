"""The data that the jobs of `fit_many` train on: the same for all, or a fold's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore.data.arrays import Rows
from gdcore.many.settings import Fold, Job


class Plain:
    """The same data for every job."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    def take(self, job: Job) -> dict[str, Any]:
        """What `fit` is called with."""
        return self.data

    def done(self, job: Job) -> None:
        """Called when the job needs the data no longer."""


@dataclass
class Folded:
    """Each fold's rows, copied when its first job begins and freed after its last."""

    x: Any
    y: Any
    weights: Any
    several: bool
    folds: Sequence[Fold]
    jobs: Sequence[Job]

    def __post_init__(self) -> None:
        self.made: dict[int, dict[str, Any]] = {}
        self.left = [sum(j.fold == k for j in self.jobs) for k in range(len(self.folds))]

    def take(self, job: Job) -> dict[str, Any]:
        """What `fit` is called with."""
        k = job.fold
        assert k is not None
        if k not in self.made:
            parts = [
                (
                    _rows(self.x, rows, True),
                    _rows(self.y, rows, self.several),
                    None if self.weights is None else np.asarray(self.weights)[rows],
                )
                for rows in self.folds[k]
            ]
            (x, y, w), validation = parts
            self.made[k] = {"x": x, "y": y, "sample_weight": w, "validation_data": validation}
        return self.made[k]

    def done(self, job: Job) -> None:
        """Called when the job needs the data no longer."""
        assert job.fold is not None
        self.left[job.fold] -= 1
        if not self.left[job.fold]:
            self.made.pop(job.fold, None)


def _rows(data: Any, rows: np.ndarray, several: bool) -> Any:
    """Some rows of an array, or of each of several."""
    if isinstance(data, Mapping):
        return {k: _rows(v, rows, False) for k, v in data.items()}
    if several and isinstance(data, list | tuple):
        return tuple(_rows(v, rows, False) for v in data)
    return data[rows] if isinstance(data, Rows) else np.asarray(data)[rows]
