"""Sequences of ids as sorted numbers, level by level, so that NumPy finds all of a corpus at once.

A sequence of k parts is its first k - 1 parts and a last one. Its key is node · words + last, where node is the place
of the first k - 1 parts among the sorted keys of the level below; of a single part it is the part itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Level", "Sequences", "grown", "of_parts", "pruned"]


@dataclass(frozen=True)
class Level:
    """The sequences of one length.

    Attributes
    ----------
    keys : ndarray of int64
        Sorted.
    columns : ndarray of int32
        The column of each, -1 for what only begins longer ones.
    """

    keys: np.ndarray
    columns: np.ndarray


@dataclass(frozen=True)
class Sequences:
    """Words, and sequences of them that have columns.

    Attributes
    ----------
    words : list of str
    levels : list of Level
        Of sequences of 1, 2, ... parts.
    number : dict of str to int
        The number of each word.
    columns : int
    """

    words: list[str]
    levels: list[Level]
    number: dict[str, int] = field(init=False)
    columns: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", {w: i for i, w in enumerate(self.words)})
        most = max((int(level.columns.max(initial=-1)) for level in self.levels), default=-1)
        object.__setattr__(self, "columns", most + 1)

    def occurrences(self, ids: np.ndarray, row: np.ndarray) -> np.ndarray:
        """row · columns + column for each sequence among the ids of rows; -1 is a part that is not known."""
        found = [np.zeros(0, np.int64)]
        nodes = np.zeros(len(ids), np.int64)  # of the sequences that begin at each part; -1: none
        for k, level in enumerate(self.levels, 1):
            if len(ids) < k or not len(level.keys):  # nor are there any longer ones
                break
            last, whole = ids[k - 1 :], row[k - 1 :] == row[: len(ids) - k + 1]
            nodes = nodes[: len(last)]
            keys = np.where(whole & (nodes >= 0) & (last >= 0), nodes * len(self.words) + last, -1)
            nodes = _places(level.keys, keys)
            columns = np.where(nodes >= 0, level.columns[nodes], -1)
            held = columns >= 0
            found.append(row[: len(last)][held] * self.columns + columns[held])
        return np.concatenate(found)

    def names(self, between: str) -> list[str]:
        """The sequence of each column."""
        found = [""] * self.columns
        before = [""]
        for k, level in enumerate(self.levels):
            node, last = np.divmod(level.keys, len(self.words))
            texts = [
                before[i] + between * (k > 0) + self.words[j]
                for i, j in zip(node.tolist(), last.tolist(), strict=True)
            ]
            for column, text in zip(level.columns.tolist(), texts, strict=True):
                if column >= 0:
                    found[column] = text
            before = texts
        return found

    def check(self) -> None:
        """Raises ValueError if levels do not make sense: keys out of order or range, or columns that do not fit."""
        nodes, held = 1, 0
        if len(self.number) < len(self.words):
            raise ValueError("the words of n-grams hold one twice")
        for k, level in enumerate(self.levels, 1):
            keys, columns = level.keys, level.columns
            kinds = keys.dtype == np.int64 and columns.dtype == np.int32
            if not kinds or keys.ndim != 1 or keys.shape != columns.shape:
                raise ValueError(f"the n-grams of {k} parts are not a column for each key")
            low, high = keys.min(initial=0), keys.max(initial=-1)
            if low < 0 or high >= nodes * len(self.words) or (np.diff(keys) <= 0).any():
                raise ValueError(f"the keys of n-grams of {k} parts are out of order or range")
            nodes, held = len(keys), held + int((columns >= 0).sum())
        every = np.concatenate([level.columns for level in self.levels])
        if (
            held != self.columns
            or len(np.unique(every[every >= 0])) != held
            or every.min(initial=0) < -1
        ):
            raise ValueError("the columns of n-grams are not 0, 1, ..., each once")


def _places(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The place of each wanted number among sorted keys, of which there are some; -1 if it is not there."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


def grown(
    ids: np.ndarray, row: np.ndarray, words: int, n: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Keys of all sequences of 1 to n parts that occur, a level each, and how often each does."""
    levels, counts = [np.arange(words)], [np.bincount(ids, minlength=words)]
    nodes, begin = ids, np.arange(len(ids))  # the sequences so far, and where they begin
    for k in range(2, n + 1):
        inside = begin + k <= len(ids)
        inside[inside] = row[begin[inside]] == row[begin[inside] + k - 1]
        begin = begin[inside]
        keys = nodes[inside] * words + ids[begin + k - 1]
        found, nodes, times = np.unique(keys, return_inverse=True, return_counts=True)
        levels.append(found)
        counts.append(times)
    return levels, counts


def pruned(
    words: list[str],
    levels: Sequence[np.ndarray],
    counts: Sequence[np.ndarray],
    shortest: int,
    most: int | None,
    least: int,
) -> Sequences:
    """The most frequent sequences, of those that are not too short; shorter ones stay where longer ones need them."""
    sizes = [len(c) for c in counts]
    times = np.concatenate([c if k >= shortest else c * 0 for k, c in enumerate(counts, 1)])
    first = np.argsort(-times, kind="stable")[:most]  # of equal ones the shorter
    chosen = np.zeros(len(times), bool)
    chosen[first] = times[first] >= least
    by_level = np.split(chosen, np.cumsum(sizes)[:-1])
    kept = [own.copy() for own in by_level]
    for k in range(len(levels) - 1, 0, -1):
        node, last = np.divmod(levels[k][kept[k]], sizes[0])
        kept[k - 1][node] = True
        kept[0][last] = True
    new = [np.cumsum(own) - 1 for own in kept]  # the number of what is kept
    count, made, begin = int(kept[0].sum()), [], 0
    for k, (keys, own, column) in enumerate(zip(levels, kept, by_level, strict=True)):
        node, last = np.divmod(keys[own], sizes[0])
        held = column[own]
        columns = np.where(held, begin + np.cumsum(held) - 1, -1).astype(np.int32)
        begin += int(held.sum())
        fresh = new[0][last] + (new[k - 1][node] * count if k else 0)
        made.append(Level(fresh.astype(np.int64), columns))
    return Sequences([w for w, own in zip(words, kept[0].tolist(), strict=True) if own], made)


def of_parts(grams: Sequence[Sequence[str]]) -> Sequences:
    """Sequences of parts, whose columns are 0, 1, ...

    Examples
    --------
    >>> of_parts([("to", "be"), ("be",)]).names(" ")
    ['to be', 'be']
    """
    words = sorted({word for gram in grams for word in gram})
    number = {w: i for i, w in enumerate(words)}
    by_length: list[dict[tuple[str, ...], int]] = [{} for _ in range(max(map(len, grams)))]
    for column, gram in enumerate(grams):
        for k in range(1, len(gram)):
            by_length[k - 1].setdefault(tuple(gram[:k]), -1)
        by_length[len(gram) - 1][tuple(gram)] = column
    for word in words:
        by_length[0].setdefault((word,), -1)
    levels: list[Level] = []
    place: dict[tuple[str, ...], int] = {(): 0}
    for own in by_length:
        keyed = sorted((place[g[:-1]] * len(words) + number[g[-1]], g) for g in own)
        keys = np.array([key for key, _ in keyed], np.int64)
        levels.append(Level(keys, np.array([own[g] for _, g in keyed], np.int32)))
        place = {g: i for i, (_, g) in enumerate(keyed)}
    return Sequences(words, levels)
