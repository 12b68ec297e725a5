"""Texts as sparse rows: a column for each sequence of up to n words or characters, and what it weighs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from gdcore.data.sparse import SparseRows
from gdcore.setting_checks import whole_number
from gdcore.text.base import INT32, Vectorizer, check_choice
from gdcore.text.sequences import Level, Sequences, grown, pruned
from gdcore.text.splitting import SPLITS, splitter
from gdcore.text.strings import as_texts
from gdcore.text.vocabulary import packed, unpacked

__all__ = ["NGrams"]

LONGEST = 16  # parts of an n-gram
WEIGHTS = ("binary", "count", "tfidf", "log_ratio")


class NGrams(Vectorizer):
    """Texts as sparse rows of n-grams: sequences of neighbouring words or characters.

    A `Dense` layer, or an `EmbeddingBag`-like first layer, reads only the rows of its kernel that occur; compile with
    ``gd.Adam(sparse="lazy")``, and only those are updated.

    Parameters
    ----------
    n : int or (int, int)
        The shortest and the longest sequences; a number stands for 1 to n.
    most : int or None
        Sequences that are kept, the most frequent ones.
    least : int
        How often a sequence must occur.
    split : {"words", "characters", "longer words"}
        Into what texts are split: words and signs of any alphabet; characters; or words of two letters or more
        without signs, as scikit-learn does.
    weights : {"binary", "count", "tfidf", "log_ratio"}
        The number of a sequence that occurs in a text: 1; how often; how often, times log((1 + texts) / (1 + texts that
        have it)) + 1, the row divided by its length (as scikit-learn); or how much more often it occurs in texts of the
        second class, as a logarithm: log((p + 1) / Σ(p + 1)) - log((q + 1) / Σ(q + 1)), of the numbers p and q of
        texts of both classes that have it (Wang and Manning 2012, Baselines and bigrams), for which `fit` needs labels.
    lower : bool
        Whether texts are put in lower case.

    Attributes
    ----------
    weight : ndarray of float32, shape (columns,), or None
        By which a column is multiplied.

    Raises
    ------
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> import gdcore as gd
    >>> pairs = gd.text.NGrams((1, 2), weights="count").fit(["to be or not to be"])
    >>> pairs.names()
    ['to', 'be', 'or', 'not', 'to be', 'be or', 'or not', 'not to']
    >>> import numpy as np
    >>> np.asarray(pairs.transform(["to be", "be to be"])).astype(int).tolist()
    [[1, 1, 0, 0, 1, 0, 0, 0], [1, 2, 0, 0, 1, 0, 0, 0]]
    """

    kind = "ngrams"
    dtype = "real"

    def __init__(
        self,
        n: int | Sequence[int] = (1, 2),
        most: int | None = 200_000,
        least: int = 1,
        split: str = "words",
        weights: str = "binary",
        lower: bool = True,
    ) -> None:
        ends = list(n) if isinstance(n, list | tuple) else [1, n]
        if len(ends) != 2:
            raise ValueError(
                f"NGrams n={n!r}: expected a whole number, or the shortest and longest"
            )
        high = whole_number("NGrams n", ends[1], high=LONGEST)
        self.n = (whole_number("NGrams n", ends[0], high=high), high)
        self.most = None if most is None else whole_number("NGrams most", most, high=INT32)
        self.least = whole_number("NGrams least", least, high=INT32)
        check_choice("NGrams split", split, tuple(SPLITS))
        check_choice("NGrams weights", weights, WEIGHTS)
        check_choice("NGrams lower", lower, (True, False))
        self.split, self.weights, self.lower = split, weights, lower
        self.sequences = Sequences([], [])
        self.weight: np.ndarray | None = None

    # --- learning ------------------------------------------------------------------------------

    def fit(self, texts: Any, labels: Any = None) -> Self:
        found = as_texts(texts, "texts")
        second = _second_class(labels, len(found)) if self.weights == "log_ratio" else None
        number: defaultdict[str, int] = defaultdict()
        number.default_factory = number.__len__
        parts = splitter(self.split, self.lower)
        ids, row = _flat([list(map(number.__getitem__, parts(text))) for text in found])
        levels, counts = grown(ids, row, len(number), self.n[1])
        sequences = pruned(list(number), levels, counts, self.n[0], self.most, self.least)
        if not sequences.columns:
            raise ValueError(
                f"NGrams fit: no sequence of {self.n[0]} to {self.n[1]} parts occurs {self.least} times or more"
            )
        self.sequences, self.weight = sequences, None
        if self.weights == "tfidf":
            at, _, _ = self._occurrences(found)
            having = np.bincount(at % len(self), minlength=len(self))
            self.weight = (np.log((1 + len(found)) / (1 + having)) + 1).astype(np.float32)
        elif second is not None:
            at, _, _ = self._occurrences(found)
            own = second[at // len(self)]
            p, q = (
                np.bincount(at[own == k] % len(self), minlength=len(self)) + 1.0
                for k in (True, False)
            )
            self.weight = (np.log(p / p.sum()) - np.log(q / q.sum())).astype(np.float32)
        return self

    # --- rows ----------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many columns there are."""
        if not self.sequences.columns:
            raise self._unlearned()
        return self.sequences.columns

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row."""
        return (len(self),)

    def names(self) -> list[str]:
        """The sequence of each column; words with blanks between them.

        Returns
        -------
        list of str
        """
        len(self)
        return self.sequences.names("" if self.split == "characters" else " ")

    def _occurrences(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray, int]:
        """row · columns + column of each sequence that occurs in a row, sorted, and how often it does."""
        known, parts = self.sequences.number, splitter(self.split, self.lower)
        ids, row = _flat([[known.get(p, -1) for p in parts(text)] for text in texts])
        at, counts = np.unique(self.sequences.occurrences(ids, row), return_counts=True)
        return at, counts, len(texts)

    def _rows(self, texts: list[str]) -> SparseRows:
        columns = len(self)
        at, counts, rows = self._occurrences(texts)
        row, column = np.divmod(at, columns)
        numbers = (
            counts.astype(np.float32)
            if self.weights in ("count", "tfidf")
            else np.ones(len(at), np.float32)
        )
        if self.weight is not None:
            numbers *= self.weight[column]
        if self.weights == "tfidf":
            lengths = np.sqrt(np.bincount(row, numbers.astype(np.float64) ** 2, minlength=rows))
            numbers = (numbers / lengths[row]).astype(np.float32)
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))])
        narrow = np.int32 if max(columns, len(at)) < 2**31 else np.int64
        return SparseRows(
            numbers, column.astype(narrow), starts.astype(narrow), (rows, columns), "texts"
        )

    # --- files ---------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        names = ("most", "least", "split", "weights", "lower")
        return {"n": list(self.n)} | {name: getattr(self, name) for name in names}

    def arrays(self) -> dict[str, np.ndarray]:
        found = packed(self.sequences.words)
        for k, level in enumerate(self.sequences.levels, 1):
            found |= {f"keys{k}": level.keys, f"columns{k}": level.columns}
        return found if self.weight is None else found | {"weight": self.weight}

    @classmethod
    def restored(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        made = cls(**settings)
        numbers = range(1, made.n[1] + 1)
        levels = [Level(arrays[f"keys{k}"], arrays[f"columns{k}"]) for k in numbers]
        made.sequences = Sequences(unpacked(arrays), levels)
        made.sequences.check()
        made.weight = arrays.get("weight")
        if (made.weight is not None) != (made.weights in ("tfidf", "log_ratio")):
            raise ValueError(f"weights={made.weights!r} and a tensor of weights do not go together")
        if made.weight is not None and (
            made.weight.dtype != np.float32
            or made.weight.shape != made.shape
            or not np.isfinite(made.weight).all()
        ):
            raise ValueError("the weights of n-grams are not a finite number for each column")
        return made


def _flat(lists: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids of all texts one after another, and the row of each."""
    lengths = [len(ids) for ids in lists]
    flat = np.fromiter((i for ids in lists for i in ids), np.int64, sum(lengths))
    return flat, np.repeat(np.arange(len(lists)), lengths)


def _second_class(labels: Any, rows: int) -> np.ndarray:
    """Whether each text is of the second of two classes."""
    if labels is None:
        raise ValueError("NGrams fit: weights='log_ratio' needs labels of two classes, got None")
    given = np.asarray(labels).reshape(-1)
    classes = np.unique(given)
    if len(classes) != 2 or len(given) != rows:
        raise ValueError(
            f"NGrams fit: got {len(given)} labels of {len(classes)} classes for {rows} texts: weights='log_ratio' "
            "expects a label of one of two classes for each"
        )
    return np.asarray(given == classes[1])
