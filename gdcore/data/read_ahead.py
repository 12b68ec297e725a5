"""Prefetches rows of a memory-mapped file, so that a step does not wait for the disk.

`madvise(MADV_WILLNEED)` makes the operating system read the pages of the next rows while earlier steps are
computed; no thread of our own is needed. It is called only after a step has caused a page fault that waited
for the disk, so that rows that are in the page cache cost nothing.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from gdcore.data.arrays import Rows, mapping_of
from gdcore.data.image_rows import AugmentedImages

try:
    import resource
except ImportError:  # Windows, where there is no madvise either
    resource = None  # type: ignore[assignment]

LEAD = 64 << 20  # bytes that are prefetched
NEAR = 64 << 10  # two ranges with a gap of fewer bytes are merged into one


class ReadAhead:
    """Prefetches the rows that one pass over the data will read.

    Parameters
    ----------
    arrays : arrays and sparse rows that batches are gathered from; those that are not mapped are ignored
    order : (n,) int64 sample numbers, in the order in which they will be read
    """

    def __init__(self, arrays: Sequence[Rows], order: np.ndarray) -> None:
        self.order = order
        self.files: list[tuple[np.ndarray, mmap.mmap, int]] = []
        if resource is None or not hasattr(mmap, "MADV_WILLNEED"):
            return
        for array in arrays:
            file = mapping_of(array)
            array = array.images if isinstance(array, AugmentedImages) else array
            if file is not None and isinstance(array, np.ndarray) and array.strides[0] > 0:
                first = np.frombuffer(file, np.uint8, 1).__array_interface__["data"][0]
                self.files.append((array, file, array.__array_interface__["data"][0] - first))
        self.waited = False
        self.told = 0
        self.faults = _faults() if self.files else 0

    def before(self, row: int) -> None:
        """Called before a call into C that starts at position `row` of the order."""
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
                with suppress(OSError):  # only a hint: without it the file is read on demand
                    file.madvise(mmap.MADV_WILLNEED, offset, length)


def _faults() -> int:
    """The number of major page faults of this process: those that waited for the disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt


def _stretches(rows: np.ndarray, array: np.ndarray, start: int) -> list[tuple[int, int]]:
    """Sorted (offset, length) ranges of a file, in whole pages, that hold the sorted `rows` of an array."""
    if not len(rows):
        return []
    begin = start + rows * array.strides[0]
    end = begin + array[:1].nbytes
    cut = np.flatnonzero(begin[1:] - end[:-1] > NEAR) + 1
    first = begin[np.concatenate([[0], cut])] & -mmap.PAGESIZE
    last = end[np.concatenate([cut - 1, [len(rows) - 1]])]
    return list(zip(first.tolist(), (last - first).tolist(), strict=True))
