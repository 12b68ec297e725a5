"""Rows of several lengths: one array for each sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Steps:
    """Rows of one array each, of several lengths: sequences, or targets of each step.

    Attributes
    ----------
    rows : list of ndarray (length, ...)
    lengths : ndarray of int32 (samples,)
    """

    def __init__(self, rows: Sequence[np.ndarray]) -> None:
        self.rows = list(rows)
        self.lengths = np.array([len(a) for a in self.rows], np.int32)

    def __len__(self) -> int:
        return len(self.rows)

    def padded(self, samples: np.ndarray, steps: int) -> np.ndarray:
        """Some of the rows in one array (samples, steps, ...), zeros behind their ends."""
        first = self.rows[0]
        out = np.zeros((len(samples), steps, *first.shape[1:]), first.dtype)
        for to, i in zip(out, samples.tolist(), strict=True):
            row = self.rows[i]
            to[: len(row)] = row
        return out


class Sequences(Steps):
    """Sequences in buckets: what `fit`, `evaluate` and `predict` take in the place of one array.

    Attributes
    ----------
    buckets : list of int
        The length to which sequences are padded: the first that holds them.
    """

    def __init__(self, rows: Sequence[np.ndarray], buckets: Sequence[int]) -> None:
        super().__init__(rows)
        self.buckets = list(buckets)

    def __repr__(self) -> str:
        return f"<{len(self)} sequences in buckets of {', '.join(map(str, self.buckets))} steps>"

    def groups(self) -> list[tuple[int, np.ndarray]]:
        """(steps, numbers of its samples) of each bucket that has any, the shortest first."""
        at = np.searchsorted(self.buckets, self.lengths)
        found = [(n, np.flatnonzero(at == i)) for i, n in enumerate(self.buckets)]
        return [(n, samples) for n, samples in found if len(samples)]
