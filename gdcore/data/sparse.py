"""Rows of a CSR matrix, which C converts to dense rows while it gathers a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

SPARSE = 16  # times fewer numbers than elements


class SparseRows:
    """A validated CSR matrix, which can be used in place of an array of a data set.

    Parameters
    ----------
    data : ndarray
        The stored elements, row by row.
    columns : ndarray of int32 or int64
        The column of each; elements of the same row and column are summed.
    starts : ndarray of the same type
        Row pointers, (rows + 1,): row i is the range starts[i]:starts[i + 1] of the other two.
    shape : (int, int)
    what : str
        Its name in error messages.

    Raises
    ------
    ValueError
        If rows or columns lie outside of the matrix.
    """

    ndim = 2

    def __init__(
        self,
        data: np.ndarray,
        columns: np.ndarray,
        starts: np.ndarray,
        shape: tuple[int, int],
        what: str = "X",
    ) -> None:
        narrow = columns.dtype == np.int32 and starts.dtype == np.int32
        wide = np.dtype(np.int32 if narrow else np.int64)
        self.data: np.ndarray = np.ascontiguousarray(data)
        self.columns: np.ndarray = np.ascontiguousarray(columns, wide)
        self.starts: np.ndarray = np.ascontiguousarray(starts, wide)
        self.shape = (int(shape[0]), int(shape[1]))
        held = min(len(self.data), len(self.columns))
        if (
            len(self.starts) != self.shape[0] + 1
            or self.starts[0] < 0
            or self.starts[-1] > held
            or (np.diff(self.starts) < 0).any()
        ):
            raise ValueError(
                f"{what} is a sparse matrix whose row pointers do not fit its {self.shape[0]} rows "
                f"and {held} numbers: make it anew, for example with scipy.sparse.csr_array"
            )
        if len(self.columns) and not 0 <= self.columns.min() <= self.columns.max() < self.shape[1]:
            raise ValueError(
                f"{what} is a sparse matrix that names the columns {self.columns.min()} to "
                f"{self.columns.max()}: expected 0 to {self.shape[1] - 1}"
            )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""
        return self.data.dtype

    @property
    def size(self) -> int:
        """The number of elements, zeros included."""
        return self.shape[0] * self.shape[1]

    def capacity(self) -> int:
        """The most numbers of a row, rounded up by at most a quarter: data sets that are alike have the same."""
        most = max(1, int(np.diff(self.starts).max(initial=1)))
        step = max(8, 1 << max(0, most.bit_length() - 3))
        return -(-most // step) * step

    @property
    def worth_it(self) -> bool:
        """Whether so few columns of a row have numbers that a product is faster without the others."""
        return SPARSE * int(self.starts[-1] - self.starts[0]) <= self.size

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(data, columns, starts), as the C core takes them."""
        return self.data, self.columns, self.starts

    def __len__(self) -> int:
        return self.shape[0]

    def min(self) -> Any:
        """The minimum of the stored elements and 0; right unless every element is stored and positive."""
        return min(self.data.min(), 0) if len(self.data) else 0

    def max(self) -> Any:
        """The maximum of the stored elements and 0."""
        return max(self.data.max(), 0) if len(self.data) else 0

    def place(self, number: int) -> tuple[int, int]:
        """Row and column of the stored element with this index."""
        row = int(np.searchsorted(self.starts, number, side="right")) - 1
        return row, int(self.columns[number])

    def __getitem__(self, rows: slice | np.ndarray) -> SparseRows:
        """Some of the rows, by a slice, an index array or a boolean mask."""
        picked = np.arange(len(self))[rows]
        begin = self.starts[picked].astype(np.int64)
        counts = self.starts[picked + 1] - begin
        starts = np.concatenate([[0], np.cumsum(counts)])
        at = np.arange(starts[-1]) + np.repeat(begin - starts[:-1], counts)
        return SparseRows(
            self.data[at], self.columns[at], starts, (len(picked), self.shape[1]), "X"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        full = np.zeros(self.shape, self.dtype if dtype is None else dtype)
        counts = np.diff(self.starts)
        rows = np.repeat(np.arange(len(self)), counts)
        held = slice(int(self.starts[0]), int(self.starts[-1]))
        np.add.at(full, (rows, self.columns[held]), self.data[held])
        return full


def is_sparse(data: Any) -> bool:
    """Whether it is a sparse matrix or array of SciPy, or an object with the same attributes."""
    return hasattr(data, "tocsr") and hasattr(data, "nnz")
