"""The arrays of a data set, validated, in the order in which a step takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    steps : of sequences that were padded to a bucket: how many; None for inputs as the model has them
    """

    inputs: list[Rows]
    targets: Sequence[np.ndarray | AugmentedImages]
    weights: np.ndarray | None = None
    spec: tuple[TargetSpec, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    steps: int | None = None

    @property
    def rows(self) -> int:
        """Number of samples."""
        return len(self.inputs[0])

    @property
    def groups(self) -> list[Data]:
        """The data, in parts of one shape each."""
        return [self]

    def batches(self, batch: int) -> int:
        """Number of batches of at most so many samples."""
        return sum(-(-part.rows // batch) for part in self.groups)

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


class Buckets(Data):
    """Sequences in parts, each padded to the length of its bucket; inputs and targets are those of the longest.

    Parameters
    ----------
    groups : list of Data
        By the length of their sequences.
    samples : list of int64 arrays
        The number of each sample of each group, in the order in which they were given.
    """

    def __init__(self, groups: list[Data], samples: list[np.ndarray]) -> None:
        last = groups[-1]
        super().__init__(last.inputs, last.targets, last.weights, last.spec)
        self._groups, self.samples = groups, samples

    @property
    def groups(self) -> list[Data]:
        """The parts."""
        return self._groups

    @property
    def rows(self) -> int:
        """Number of samples, of all parts."""
        return sum(part.rows for part in self._groups)

    def feeds(self) -> list[tuple[Rows, float]]:
        """Those of all parts, one after another."""
        return [feed for part in self._groups for feed in part.feeds()]

    def take(self, rows: slice) -> Data:
        """Not there: samples of several lengths are in no array.

        Raises
        ------
        ValueError
        """
        raise ValueError(
            "some rows of gd.data.sequences, as validation_split and gd.diagnostics.Monitor take them: expected "
            "validation_data=gd.data.sequences(...), or a Monitor with arrays of its own"
        )
