"""A column of text as codes: each different text once, and for each cell which of them it is.

Whatever is asked of a text is then asked of each different one. A column that pyarrow read is coded when
that is asked for alone: of numbers nothing but their values is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Coded", "Texts", "number"]

Floats = NDArray[np.float64]


class Coded(NamedTuple):
    """Cells as places in a list.

    Attributes
    ----------
    codes : ndarray of int32
        -1 where a cell is missing.
    different : list of str
        Some of them may occur in no cell.
    """

    codes: NDArray[np.int32]
    different: list[str]


def number(text: str) -> float | None:
    """The number that a cell holds, or None where it is text."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


class Texts(Sequence[str | None]):
    """A column of texts, None where they are missing.

    Parameters
    ----------
    cells : sequence of (str or None)

    Examples
    --------
    >>> texts = Texts(["3", None, "4.0", "3"])
    >>> texts.coded.codes.tolist(), texts.counts, texts.numbers.tolist()
    ([0, -1, 1, 0], Counter({'3': 2, '4.0': 1}), [3.0, nan, 4.0, 3.0])
    >>> list(texts.take(np.array([1, 2]))), texts.without({"3"})[0], texts.mapped(len, 0).tolist()
    ([None, '4.0'], None, [1, 0, 3, 1])
    """

    def __init__(self, cells: Sequence[str | None]) -> None:
        self._length = len(cells)
        self._code: Callable[[], Coded] = lambda: _code(cells)
        self._read: Callable[[], Floats | None] = lambda: None

    @classmethod
    def _of(
        cls, length: int, code: Callable[[], Coded], read: Callable[[], Floats | None]
    ) -> Texts:
        made = cls.__new__(cls)
        made._length, made._code, made._read = length, code, read
        return made

    @classmethod
    def of_codes(cls, coded: Coded) -> Texts:
        """Cells that are coded already."""
        return cls._of(len(coded.codes), lambda: coded, lambda: None)

    @classmethod
    def of_arrow(cls, column: Any) -> Texts:
        """Those of a pyarrow.ChunkedArray of strings."""
        return cls._of(len(column), lambda: _code_arrow(column), lambda: _read_arrow(column))

    @cached_property
    def coded(self) -> Coded:
        """The cells as places in a list of different texts."""
        return self._code()

    @cached_property
    def numbers(self) -> Floats | None:
        """The cells as plain numbers, NaN where they are missing; None if one is no such number."""
        read = self._read()
        if read is not None:
            return read
        codes, different = self.coded
        values = np.full(len(different) + 1, np.nan)
        for i, text in enumerate(different):
            value = number(text)
            if value is None:
                return None
            values[i] = value
        return np.asarray(values[codes])

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each text occurs, in the order of their first cells."""
        codes, different = self.coded
        there = codes[codes >= 0]
        times = np.bincount(there, minlength=len(different))
        first = np.zeros(len(different), np.int64)
        first[there[::-1]] = np.arange(len(there))[::-1]  # of equal places the last is kept
        occur = np.flatnonzero(times)
        order = occur[np.argsort(first[occur])].tolist()
        return Counter(dict(zip([different[i] for i in order], times[order].tolist(), strict=True)))

    def missing(self) -> NDArray[np.bool_]:
        """Which cells are not there."""
        numbers = self.numbers
        if numbers is not None and not np.isnan(numbers).any():
            return np.zeros(len(self), dtype=bool)
        return self.coded.codes < 0

    def take(self, rows: NDArray[np.int64]) -> Texts:
        """Some of the cells."""
        numbers = self.numbers
        if numbers is None:
            return Texts.of_codes(Coded(self.coded.codes[rows], self.coded.different))
        made = Texts._of(
            len(rows), lambda: Coded(self.coded.codes[rows], self.coded.different), lambda: None
        )
        made.__dict__["numbers"] = numbers[rows]  # the texts are looked for if they are asked for
        return made

    def without(self, gone: set[str]) -> Texts:
        """The same with some texts taken for missing."""
        codes, different = self.coded
        place = np.arange(len(different) + 1, dtype=np.int32)
        place[[i for i, text in enumerate(different) if text in gone] + [len(different)]] = -1
        return Texts.of_codes(Coded(place[codes], different))

    def mapped(self, value: Callable[[str], Any], missing: Any, dtype: Any = None) -> NDArray[Any]:
        """A value for each cell, from a function of its text that is called once for each different one."""
        codes, different = self.coded
        return np.array([*map(value, different), missing], dtype=dtype)[codes]

    def first(self, which: Callable[[str], bool]) -> int | None:
        """The first cell whose text is such, or None."""
        found = np.flatnonzero(self.mapped(which, False, bool))
        return int(found[0]) if len(found) else None

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, row: Any) -> Any:
        codes, different = self.coded
        if isinstance(row, slice):
            return [None if c < 0 else different[c] for c in codes[row].tolist()]
        code = int(codes[row])
        return None if code < 0 else different[code]

    def __iter__(self) -> Iterator[str | None]:
        cells: Any = [*self.coded.different, None]
        return iter([cells[c] for c in self.coded.codes.tolist()])

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Texts | list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Texts({self[:5]}{'...' if len(self) > 5 else ''})"

    def __reduce__(self) -> Any:
        return Texts, (list(self),)


def _code(cells: Sequence[str | None]) -> Coded:
    different = list(dict.fromkeys(cells))
    place: dict[str | None, int] = {
        t: i for i, t in enumerate(t for t in different if t is not None)
    }
    names = [t for t in place if t is not None]
    place[None] = -1
    return Coded(np.fromiter(map(place.__getitem__, cells), np.int32, len(cells)), names)


def _code_arrow(column: Any) -> Coded:
    coded = column.combine_chunks().dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Coded(np.asarray(codes, np.int32), coded.dictionary.to_pylist())


def _read_arrow(column: Any) -> Floats | None:
    """Numbers by pyarrow, where it can read all of them; it rounds as Python does."""
    import pyarrow as pa

    try:
        return np.asarray(column.cast(pa.float64()).to_numpy())
    except pa.ArrowInvalid:
        return None
