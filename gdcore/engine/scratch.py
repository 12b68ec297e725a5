"""Working memory of the kernels."""

from __future__ import annotations

import mmap
import os
import threading

import numpy as np


class Scratch(threading.local):
    """Working memory of the kernels, one array for each Python thread that runs a plan."""

    array: np.ndarray | None = None

    def get(self, threads: int, each: int) -> np.ndarray:
        """At least `each` bytes for each of `threads` threads of C."""
        need = threads * each
        array = self.array  # read once: an attribute of a `local` takes long to find
        if array is None or len(array) < need:
            try:
                self.array = array = np.frombuffer(_pages(need), np.uint8)
            except (OSError, ValueError, OverflowError):
                raise MemoryError(
                    f"cannot get {need:,} bytes of memory for {threads} threads: free some, or use fewer"
                ) from None
        return array


def _pages(nbytes: int) -> mmap.mmap:
    """Memory from mmap. NumPy would ask for huge pages, though most of the scratch is never touched.

    It is private: a forked child gets a copy.
    """
    if os.name == "posix":
        return mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return mmap.mmap(-1, nbytes)


scratch = Scratch()
