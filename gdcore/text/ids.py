"""Texts as sequences of ids: a number for each character or word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from gdcore.setting_checks import whole_number
from gdcore.text.base import INT32, Vectorizer, check_choice
from gdcore.text.splitting import splitter
from gdcore.text.strings import as_texts
from gdcore.text.vocabulary import packed, unpacked

__all__ = ["Characters", "Words"]

PADDING, UNKNOWN = 0, 1  # ids; those of the vocabulary follow
LOST = "\ufffd"  # what an unknown id is written as


class _Ids(Vectorizer):
    """Ids of the parts of a text, the most frequent ones first, cut or filled up to one length."""

    split: ClassVar[str]
    between: ClassVar[str]  # what is written between two parts

    def __init__(
        self,
        length: int,
        most: int | None = None,
        least: int = 1,
        lower: bool = False,
        keep: str = "first",
    ) -> None:
        name = type(self).__name__
        self.length = whole_number(f"{name} length", length, high=INT32)
        self.most = None if most is None else whole_number(f"{name} most", most, high=INT32)
        self.least = whole_number(f"{name} least", least, high=INT32)
        check_choice(f"{name} lower", lower, (True, False))
        check_choice(f"{name} keep", keep, ("first", "last"))
        self.lower, self.keep = lower, keep
        self.vocabulary: list[str] = []
        self._id: dict[str, int] = {}

    def fit(self, texts: Any, labels: Any = None) -> Self:
        parts = splitter(self.split, self.lower)
        counts: Counter[str] = Counter()
        for text in as_texts(texts, "texts"):
            counts.update(parts(text))
        # Equally frequent ones in the order of the alphabet: the order of the texts does not count.
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        found = [part for part, n in ranked[: self.most] if n >= self.least]
        if not found:
            raise ValueError(
                f"{type(self).__name__} fit: nothing in the texts occurs {self.least} times or more"
            )
        self._learned(found)
        return self

    def _learned(self, vocabulary: list[str]) -> None:
        self.vocabulary = vocabulary
        self._id = {part: i for i, part in enumerate(vocabulary, UNKNOWN + 1)}

    def __len__(self) -> int:
        """How many ids there are, those of padding and of what is unknown included."""
        if not self.vocabulary:
            raise self._unlearned()
        return UNKNOWN + 1 + len(self.vocabulary)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row."""
        len(self)
        return (self.length,)

    def encode(self, text: str) -> np.ndarray:
        """The ids of one text, however long it is.

        Parameters
        ----------
        text : str

        Returns
        -------
        ndarray of int32, shape (parts,)
        """
        (checked,) = as_texts([text], "text")
        return np.array(self._ids(checked), np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; padding is left out.

        Parameters
        ----------
        ids : iterable of int

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If an id is out of range.
        """
        known = ["", LOST, *self.vocabulary]
        numbers = [int(i) for i in ids]
        bad = next((i for i in numbers if not 0 <= i < len(self)), None)
        if bad is not None:
            raise ValueError(f"decode: got the id {bad}, expected 0 to {len(self) - 1}")
        return self.between.join(known[i] for i in numbers if i != PADDING)

    def _ids(self, text: str) -> list[int]:
        if not self.vocabulary:
            raise self._unlearned()
        known = self._id.get
        return [known(part, UNKNOWN) for part in splitter(self.split, self.lower)(text)]

    def _rows(self, texts: list[str]) -> np.ndarray:
        rows = np.full((len(texts), *self.shape), PADDING, np.int32)
        for row, text in zip(rows, texts, strict=True):
            ids = self._ids(text)
            ids = ids[: self.length] if self.keep == "first" else ids[-self.length :]
            row[: len(ids)] = ids
        return rows

    def settings(self) -> dict[str, Any]:
        names = ("length", "most", "least", "lower", "keep")
        return {name: getattr(self, name) for name in names}

    def arrays(self) -> dict[str, np.ndarray]:
        return packed(self.vocabulary)

    @classmethod
    def restored(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        made = cls(**settings)
        vocabulary = unpacked(arrays)
        if len(set(vocabulary)) < len(vocabulary):
            raise ValueError("a vocabulary holds a text twice")
        made._learned(vocabulary)
        return made


class Characters(_Ids):
    """Texts as ids of their characters: 0 fills up, 1 is what training never saw, the most frequent is 2.

    Parameters
    ----------
    length : int
        Ids of a row.
    most : int, optional
        Characters that are kept, the most frequent ones.
    least : int
        How often a character must occur.
    lower : bool
        Whether texts are put in lower case.
    keep : {"first", "last"}
        Which characters of a longer text are kept.

    Attributes
    ----------
    vocabulary : list of str

    Raises
    ------
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> import gdcore as gd
    >>> characters = gd.text.Characters(length=6).fit(["banana"])
    >>> characters.vocabulary, characters.transform(["nab", "bananas"]).tolist()
    (['a', 'n', 'b'], [[3, 2, 4, 0, 0, 0], [4, 2, 3, 2, 3, 2]])
    >>> characters.decode([4, 2, 3]), len(characters)
    ('ban', 5)
    """

    kind = split = "characters"
    between = ""


class Words(_Ids):
    """Texts as ids of their words and signs: 0 fills up, 1 is what training never saw, the most frequent is 2.

    Words are runs of letters, digits and their marks, of any alphabet; signs, ideographs and kana stand alone.
    ``gd.Embedding(len(words), width, mask_zero=True)`` takes the rows, and masks what fills them up.

    Parameters
    ----------
    length : int
        Ids of a row.
    most : int, optional
        Words that are kept, the most frequent ones.
    least : int
        How often a word must occur.
    lower : bool
        Whether texts are put in lower case.
    keep : {"first", "last"}
        Which words of a longer text are kept.

    Attributes
    ----------
    vocabulary : list of str

    Raises
    ------
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> import gdcore as gd
    >>> words = gd.text.Words(length=4).fit(["The cat sat.", "A cat, the cat!"])
    >>> words.vocabulary[:2], words.transform(["The dog sat", ""]).tolist()
    (['cat', 'the'], [[3, 1, 8, 0], [0, 0, 0, 0]])
    """

    kind = split = "words"
    between = " "

    def __init__(
        self,
        length: int,
        most: int | None = 20_000,
        least: int = 1,
        lower: bool = True,
        keep: str = "first",
    ) -> None:
        super().__init__(length, most, least, lower, keep)
