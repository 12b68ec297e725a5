"""The arrays of a data set, validated, in the order in which a step takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gdcore.data.arrays import Rows
from gdcore.data.image_rows import AugmentedImages


class TargetSpec(NamedTuple):
    """Shape of one sample, and element type, of the targets of one output."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(eq=False, repr=False)
class Data:
    """Arrays of a data set, ready for a session.

    Attributes
    ----------
    inputs : list of arrays or sparse rows
    targets : list of arrays, or of what goes along with augmented images
    weights : array or None
    spec : tuple of TargetSpec
        One for each output.
    columns : names of the columns of frames, by argument ("X", "y")
    """

    inputs: list[Rows]
    targets: list[np.ndarray | AugmentedImages]
    weights: np.ndarray | None = None
    spec: tuple[TargetSpec, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of samples."""
        return len(self.inputs[0])

    @property
    def width(self) -> int:
        """The number of elements of one sample, over all inputs."""
        return sum(math.prod(a.shape[1:]) for a in self.inputs)

    def feeds(self) -> list[tuple[Rows, float]]:
        """(data, scale) of each input of a step, in the order of `Session.run`: inputs, targets, weights."""
        more = [] if self.weights is None else [self.weights]
        return [(a, 1.0) for a in (*self.inputs, *self.targets, *more)]

    def take(self, rows: slice) -> Data:
        """Some of the samples."""
        return Data(
            [a[rows] for a in self.inputs],
            [a[rows] for a in self.targets],
            None if self.weights is None else self.weights[rows],
            self.spec,
            self.columns,
        )
