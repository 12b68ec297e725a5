"""Rows of a mapped file asked for before their turn comes, so that a step does not wait for the disk.

The kernel is told which rows come next (`madvise`), and reads them while the steps before them are
computed: no thread of our own is needed. It is told so only once a step did wait: rows that are in
memory already cost nothing.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from gdcore.data.arrays import Rows, mapping_of

try:
    import resource
except ImportError:  # Windows, where there is no madvise either
    resource = None  # type: ignore[assignment]

LEAD = 64 << 20  # bytes that are asked for ahead
NEAR = 64 << 10  # a gap of fewer bytes is read along


class ReadAhead:
    """Tells the kernel what one pass over the data will read.

    Parameters
    ----------
    arrays : arrays and sparse rows that are gathered from; those that are not mapped are let be
    order : sample numbers in the order of their turn
    """

    def __init__(self, arrays: Sequence[Rows], order: np.ndarray) -> None:
        self.order = order
        self.files: list[tuple[np.ndarray, mmap.mmap, int]] = []
        if resource is None or not hasattr(mmap, "MADV_WILLNEED"):
            return
        for array in arrays:
            file = mapping_of(array)
            if file is not None and isinstance(array, np.ndarray) and array.strides[0] > 0:
                first = np.frombuffer(file, np.uint8, 1).__array_interface__["data"][0]
                self.files.append((array, file, array.__array_interface__["data"][0] - first))
        self.waited = False
        self.told = 0
        self.faults = _faults() if self.files else 0

    def before(self, row: int) -> None:
        """A call into C begins at this place of the order."""
        if not self.files:
            return
        if not self.waited:
            self.waited = _faults() > self.faults
            if not self.waited:
                return
        each = max(1, sum(array[:1].nbytes for array, _, _ in self.files))
        lead = max(1, LEAD // each)
        self.told = max(self.told, row)
        if self.told - row > lead // 2:  # enough for now
            return
        rows = np.sort(self.order[self.told : row + lead])
        self.told += len(rows)
        for array, file, start in self.files:
            for offset, length in _stretches(rows, array, start):
                with suppress(OSError):  # it is a hint: a file that cannot be advised is read
                    file.madvise(mmap.MADV_WILLNEED, offset, length)


def _faults() -> int:
    """How often a thread of this process has waited for the disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt


def _stretches(rows: np.ndarray, array: np.ndarray, start: int) -> list[tuple[int, int]]:
    """(offset, length) in whole pages of the parts of a file that hold these rows, in order."""
    if not len(rows):
        return []
    begin = start + rows * array.strides[0]
    end = begin + array[:1].nbytes
    cut = np.flatnonzero(begin[1:] - end[:-1] > NEAR) + 1
    first = begin[np.concatenate([[0], cut])] & -mmap.PAGESIZE
    last = end[np.concatenate([cut - 1, [len(rows) - 1]])]
    return list(zip(first.tolist(), (last - first).tolist(), strict=True))
