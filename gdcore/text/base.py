"""What all vectorizers are: strings in, rows of numbers out, and a state of plain settings and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from gdcore.data.sparse import SparseRows, is_sparse
from gdcore.text.strings import as_texts

__all__ = ["INT32", "READER", "Vectorizer", "check_choice"]

INT32 = 2**31 - 1  # the most that ids and lengths may be
READER = "reader"  # the attribute of an input that holds its vectorizer


class Vectorizer:
    """Base of `Characters`, `Words`, `NGrams` and `Tokenizer`: turns strings into rows of numbers.

    Attributes
    ----------
    kind : str
        Its name in a model's file.
    dtype : {"int", "real"}
        Of the input that takes its rows.

    Examples
    --------
    >>> import gdcore as gd
    >>> words = gd.text.Words(4).fit(["a film", "a book"])
    >>> words.transform(["a book, a film"]).tolist()
    [[2, 3, 1, 2]]
    >>> words.read(words.transform(["a book"]), "X").tolist() == words.read(["a book"], "X").tolist()
    True
    >>> gd.text.Words.restored(words.settings(), words.arrays()).vocabulary
    ['a', 'book', 'film']
    """

    kind: ClassVar[str] = ""
    dtype: ClassVar[str] = "int"

    def fit(self, texts: Any, labels: Any = None) -> Self:
        """Learn from texts what there is.

        Parameters
        ----------
        texts : list, array or Series of n strings
        labels : array of shape (n,), optional
            Of two classes, where the weights of n-grams are to be learned from them.

        Returns
        -------
        Vectorizer
            Itself.

        Raises
        ------
        TypeError, ValueError
            If something else than strings is there, or there is nothing to learn from.
        """
        raise NotImplementedError

    def transform(self, texts: Any) -> np.ndarray | SparseRows:
        """The rows of texts.

        Parameters
        ----------
        texts : list, array or Series of n strings

        Returns
        -------
        ndarray of int32, shape (n, length), or sparse rows (n, columns)

        Raises
        ------
        TypeError, ValueError
            If something else than strings is there, or nothing was learned yet.
        """
        return self._rows(as_texts(texts, "texts"))

    def _rows(self, texts: list[str]) -> np.ndarray | SparseRows:
        """The rows of strings that were checked."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row; ValueError if nothing was learned yet."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """What was set, as JSON.

        Returns
        -------
        dict
        """
        raise NotImplementedError

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learned, as a model's file holds it.

        Returns
        -------
        dict of str to ndarray
        """
        raise NotImplementedError

    @classmethod
    def restored(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """What `settings` and `arrays` describe, which are not trusted.

        Parameters
        ----------
        settings : mapping
        arrays : mapping of str to ndarray

        Returns
        -------
        Vectorizer

        Raises
        ------
        ValueError, TypeError
            If they do not make sense.
        """
        raise NotImplementedError

    def read(self, data: Any, what: str) -> Any:
        """What a model is given for an input of text: strings as rows, rows as they are.

        Parameters
        ----------
        data : strings as `transform` takes them, or rows that it gave
        what : str
            Its name in error messages.

        Returns
        -------
        ndarray or sparse rows

        Raises
        ------
        TypeError, ValueError
            If it is neither.
        """
        numbers = isinstance(data, np.ndarray) and data.dtype.kind in "biuf" and data.ndim > 1
        if numbers or isinstance(data, SparseRows) or is_sparse(data):
            return data
        return self._rows(as_texts(data, what))

    def _unlearned(self) -> ValueError:
        name = type(self).__name__
        return ValueError(
            f"{name} has learned nothing yet: call fit with the texts of training first"
        )


def check_choice(what: str, value: Any, known: tuple[Any, ...]) -> None:
    """Raises ValueError if a setting is none of those that are known."""
    if not any(value is k or (isinstance(value, str) and value == k) for k in known):
        raise ValueError(f"{what}={value!r}: expected one of {', '.join(map(repr, known))}")
