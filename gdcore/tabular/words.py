"""Columns of sentences: which they are, and their n-grams as sparse rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any, ClassVar

from gdcore.data.sparse import SparseRows
from gdcore.tabular.column import Column
from gdcore.tabular.table import Table
from gdcore.text.ngrams import NGrams
from gdcore.text.splitting import splitter

__all__ = ["Text", "are_sentences"]

SHORTEST = 5  # words of the middle one of sentences; names of people have fewer
LOOKED_AT = 1000  # texts
MOST = 20_000  # n-grams
MANY = 100  # rows from which on an n-gram seen once is left out


@dataclass(frozen=True)
class Text(Column):
    """Sentences: which words and pairs of neighbouring words occur, by tf-idf; nothing where they are missing.

    Attributes
    ----------
    vectorizer : NGrams or None
        What was learned; the network's input holds it, and so does its file.
    """

    kind: ClassVar[str] = "text"

    vectorizer: NGrams | None = None

    @classmethod
    def learn(cls, table: Table, name: str, how: str | None) -> Text:
        texts = _texts(table, name)
        ngrams = NGrams((1, 2), MOST, least=2 if len(texts) >= MANY else 1, weights="tfidf")
        try:
            ngrams.fit(texts)
        except ValueError:
            raise ValueError(
                f"{table.source}: column {name!r} has no words that occur {ngrams.least} times, expected "
                "sentences: leave it out"
            ) from None
        return cls(name, False, ngrams)

    def config(self) -> dict[str, Any]:
        """The kind and the name, as JSON."""
        return {"kind": self.kind, "name": self.name, "flag": self.flag}

    @property
    def learned(self) -> NGrams:
        """What was learned."""
        assert self.vectorizer is not None
        return self.vectorizer

    def encode(self, table: Table) -> SparseRows:
        """Sparse rows of shape (rows, n-grams)."""
        made = self.learned.transform(_texts(table, self.name))
        assert isinstance(made, SparseRows)
        return made

    def described(self) -> str:
        """What becomes of it, in words."""
        return f"{len(self.learned):,} words and pairs of neighbouring words, by tf-idf"


def _texts(table: Table, name: str) -> list[str]:
    return [text or "" for text in table.columns[name].texts()]


def are_sentences(texts: Iterable[str]) -> bool:
    """Whether texts are sentences: of several words, most of which occur in other texts too.

    Examples
    --------
    >>> are_sentences(["the film was good", "the film was not good at all", "it was not a good film"])
    True
    >>> are_sentences(["Owen Harris", "Laina Heikkinen"])
    False
    """
    split = splitter("words", lower=True)
    found = [
        [word for word in split(text) if word[0].isalpha()]
        for _, text in zip(range(LOOKED_AT), texts, strict=False)
    ]
    if not found or median(map(len, found)) < SHORTEST:
        return False
    counts = Counter(word for words in found for word in set(words))
    return 2 * sum(n for n in counts.values() if n > 1) > counts.total()
