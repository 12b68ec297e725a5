"""Feeds whose rows are decoded as they are needed: some steps at a time, the next ones while these are computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gdcore.data.arrays import Rows
from gdcore.data.image_files import ImageFiles
from gdcore.data.image_rows import AugmentedImages

if TYPE_CHECKING:
    from concurrent.futures import Future

AHEAD = 32 << 20  # bytes of rows that are decoded at a time

Feeds = list[tuple[Rows, float]]


def streams(rows: Rows) -> bool:
    """Whether rows are decoded as they are needed."""
    images = rows.images if isinstance(rows, AugmentedImages) else rows
    return isinstance(images, ImageFiles)


class Stream:
    """The feeds of a pass over data, in arrays that hold the rows of some steps.

    Parameters
    ----------
    feeds : sequence of (rows, scale)
    order : (rows,) int64 array of sample numbers, or None for the order of the data
    rows, batch : int
        Number of samples, and samples of a step.
    """

    def __init__(
        self, feeds: Sequence[tuple[Rows, float]], order: np.ndarray | None, rows: int, batch: int
    ) -> None:
        from concurrent.futures import ThreadPoolExecutor  # imports logging, which takes a while

        self.feeds, self.order, self.rows, self.batch = list(feeds), order, rows, batch
        each = sum(a.dtype.itemsize * a.size // max(1, len(a)) for a, _ in feeds if streams(a))
        self.length = max(1, AHEAD // max(1, each * batch))  # steps
        self.begin = self.end = 0
        self.held: Feeds = []
        self._pool = ThreadPoolExecutor(1)
        self._next: tuple[int, Future[Feeds]] | None = None

    def steps(self, first: int, count: int) -> tuple[Feeds, int, int]:
        """The feeds from a step on, how many steps they are for, and how many samples they hold."""
        if not self.begin <= first < self.end:
            if self._next is not None and self._next[0] == first:
                made = self._next[1]
            else:
                made = self._pool.submit(self._decoded, first)
            self.begin, self.end = first, min(first + self.length, -(-self.rows // self.batch))
            self.held = made.result()
            self._next = None
            if self.end * self.batch < self.rows:
                self._next = self.end, self._pool.submit(self._decoded, self.end)
        taken = min(count, self.end - first)
        start = (first - self.begin) * self.batch
        samples = min((first + taken) * self.batch, self.rows) - first * self.batch
        span = slice(start, start + samples)
        return [(a[span], s) for a, s in self.held], taken, samples

    def _decoded(self, first: int) -> Feeds:
        at = slice(first * self.batch, min(self.rows, (first + self.length) * self.batch))
        numbers = np.arange(at.start, at.stop) if self.order is None else self.order[at]
        return [(_picked(a, numbers), s) for a, s in self.feeds]


def _picked(rows: Rows, numbers: np.ndarray) -> Rows:
    if isinstance(rows, AugmentedImages):
        images = rows.images
        pixels = images.decode(numbers) if isinstance(images, ImageFiles) else images[numbers]
        return rows.of(pixels, np.ascontiguousarray(numbers, np.int64))
    return rows.decode(numbers) if isinstance(rows, ImageFiles) else rows[numbers]
