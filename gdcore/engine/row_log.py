"""What rows of tables have to take later: the number of each row's last step, and the numbers of past steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from gdcore.engine.session import ROWS, aligned
from gdcore.graph.program import Place
from gdcore.layers.base import Parameter
from gdcore.optimizers import Optimizer

ENTRIES = 512  # steps of which the numbers are kept, at most GD_ROW_LOG
PERIOD = 500  # steps in which every row is caught up at least once: below ENTRIES - 1
UNTOUCHED = -1  # the last step of a row that no gradient has met
LINE = 64


class RowLog:
    """The memory of updates by rows with ``sparse="exact"``; csrc/ops/update_rows.c reads and writes it.

    Parameters
    ----------
    tables : mapping of Parameter to int
        The rows of each parameter that may be updated by rows.
    optimizer : Optimizer
    groups : int
        The number of groups with a learning rate of their own.
    dtype : float32 or float64

    Attributes
    ----------
    memory : ndarray of bytes
        The number of the last step, int32; that of each row, int32; `ENTRIES` rows of step numbers, reals.
    now, entries : Place
        Where the number of the last step and the numbers of past steps lie.
    """

    def __init__(
        self,
        tables: Mapping[Parameter, int],
        optimizer: Optimizer,
        groups: int,
        dtype: np.dtype,
    ) -> None:
        self.now = Place(ROWS, 0)
        self.rows = dict(tables)
        self.offsets: dict[Parameter, int] = {}
        at = LINE
        for p, rows in tables.items():
            self.offsets[p], at = at, at + -(-4 * rows // LINE) * LINE
        self.entries = Place(ROWS, at)
        numbers = len(optimizer.numbers(np.arange(1, 2, dtype=np.float64))) + 2 * groups
        self.memory = aligned(at + ENTRIES * numbers * dtype.itemsize)
        for p in tables:
            self._last(p)[...] = UNTOUCHED

    def _last(self, p: Parameter) -> np.ndarray:
        at = self.offsets[p]
        return self.memory[at : at + 4 * self.rows[p]].view(np.int32)

    def last(self, p: Parameter) -> Place:
        """Where the numbers of the last steps of a parameter's rows lie."""
        return Place(ROWS, self.offsets[p])

    def all_done(self, parameters: Iterable[Parameter] | None = None) -> None:
        """Say that the rows of some parameters, or of all, have taken all steps so far, and may have slots."""
        for p in self.rows if parameters is None else parameters:
            if p in self.rows:
                self._last(p)[...] = self.memory[:4].view(np.int32)[0]
