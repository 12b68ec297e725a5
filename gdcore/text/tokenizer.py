"""Texts as ids by a tokenizer of the library `tokenizers`: byte pairs, word pieces, unigrams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from gdcore.errors import cut, missing
from gdcore.setting_checks import whole_number
from gdcore.text.base import INT32, Vectorizer, check_choice
from gdcore.text.strings import as_texts

__all__ = ["Tokenizer"]

PADDING = ("[PAD]", "<pad>", "<|padding|>", "<|endoftext|>")  # usual names of what fills up


class Tokenizer(Vectorizer):
    """Texts as the ids that a `tokenizers.Tokenizer` gives them, cut or filled up to one length.

    It needs the extra `text` (`tokenizers`), where the model is loaded too. What it learned is kept in the model's
    file as the tokenizer's own JSON.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        Trained, or `tokenizers.Tokenizer.from_file(path)`.
    length : int
        Ids of a row.
    padding : int, optional
        The id that fills up shorter texts: by default that of the token "[PAD]" or "<pad>".
        ``gd.Embedding(mask_zero=True)`` masks it if it is 0.
    keep : {"first", "last"}
        Which ids of a longer text are kept.

    Raises
    ------
    TypeError
        If it is no tokenizer.
    ValueError
        If a setting is out of range, or nothing says what fills up.

    Examples
    --------
    >>> import gdcore as gd
    >>> from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    >>> own = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    >>> own.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> trainer = trainers.WordLevelTrainer(special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    >>> own.train_from_iterator(["a film", "a book"], trainer)
    >>> words = gd.text.Tokenizer(own, length=4)
    >>> gd.Input(words).shape, len(words), words.transform(["a", ""]).tolist(), words.decode(words.encode("a"))
    ((B, 4), 5, [[2, 0, 0, 0], [0, 0, 0, 0]], 'a')
    """

    kind = "tokenizer"

    def __init__(
        self, tokenizer: Any, length: int, padding: int | None = None, keep: str = "first"
    ) -> None:
        if not isinstance(tokenizer, _library().Tokenizer):
            raise TypeError(
                f"Tokenizer got {type(tokenizer).__name__}: expected a tokenizers.Tokenizer"
            )
        self.length = whole_number("Tokenizer length", length, high=INT32)
        check_choice("Tokenizer keep", keep, ("first", "last"))
        self.keep = keep
        found = (tokenizer.token_to_id(name) for name in PADDING)
        pad = next((i for i in found if i is not None), None) if padding is None else padding
        size = tokenizer.get_vocab_size()
        if pad is None:
            raise ValueError(
                f"Tokenizer has none of the tokens {', '.join(PADDING)}: pass padding=, the id that fills up"
            )
        self.padding = whole_number("Tokenizer padding", pad, 0, size - 1)
        # A copy that neither fills up nor cuts: rows do.
        self._json = tokenizer.to_str()
        self.tokenizer = _loaded(self._json)

    def fit(self, texts: Any, labels: Any = None) -> Self:
        """Raises ValueError: the library trains it.

        Parameters
        ----------
        texts, labels : not used

        Returns
        -------
        Tokenizer
            Never.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            "Tokenizer is trained by the library: call tokenizer.train_from_iterator(texts) before "
            "gd.text.Tokenizer(tokenizer, length)"
        )

    def __len__(self) -> int:
        """How many ids there are."""
        return int(self.tokenizer.get_vocab_size())

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row."""
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
        return np.array(self.tokenizer.encode(checked).ids, np.int32)

    def decode(self, ids: Any) -> str:
        """The text of ids; special tokens are left out.

        Parameters
        ----------
        ids : iterable of int

        Returns
        -------
        str
        """
        return str(self.tokenizer.decode([int(i) for i in ids]))

    def _rows(self, texts: list[str]) -> np.ndarray:
        rows = np.full((len(texts), self.length), self.padding, np.int32)
        for row, made in zip(rows, self.tokenizer.encode_batch(texts), strict=True):
            ids = made.ids[: self.length] if self.keep == "first" else made.ids[-self.length :]
            row[: len(ids)] = ids
        return rows

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "tokenizer"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.tokenizer = _loaded(self._json)

    def settings(self) -> dict[str, Any]:
        return {"length": self.length, "padding": self.padding, "keep": self.keep}

    def arrays(self) -> dict[str, np.ndarray]:
        return {"json": np.frombuffer(self._json.encode(), np.uint8)}

    @classmethod
    def restored(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        if arrays["json"].dtype != np.uint8:
            raise ValueError("the tokenizer is not text")
        return cls(_loaded(arrays["json"].tobytes().decode()), **settings)


def _loaded(text: str) -> Any:
    """A tokenizer from its JSON, without filling up or cutting.

    Raises
    ------
    ImportError
        If the library is not installed.
    ValueError
        If it makes no sense of it.
    """
    library = _library()
    try:
        made = library.Tokenizer.from_str(text)
    except Exception as error:  # of any class: the library raises Exception itself
        raise ValueError(f"no tokenizer ({cut(error)})") from None
    made.no_padding()
    made.no_truncation()
    return made


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise missing("gd.text.Tokenizer needs tokenizers", "text", error) from None
    return tokenizers
