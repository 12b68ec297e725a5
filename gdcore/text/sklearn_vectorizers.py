"""What a vectorizer of scikit-learn has learned, as n-grams of a model's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore.text.ngrams import LONGEST, NGrams
from gdcore.text.sequences import of_parts

__all__ = ["from_sklearn"]

PATTERN = r"(?u)\b\w\w+\b"  # the default token_pattern
# Settings that `NGrams` does not have, and the values at which it needs none.
FIXED: dict[str, Any] = {
    "input": "content",
    "analyzer": "word",
    "token_pattern": PATTERN,
    "tokenizer": None,
    "preprocessor": None,
    "strip_accents": None,
    "stop_words": None,
    "sublinear_tf": False,
    "use_idf": True,
    "norm": "l2",
}


def from_sklearn(vectorizer: Any) -> NGrams:
    """The n-grams of a fitted `CountVectorizer` or `TfidfVectorizer`: the same rows, and a model's file can hold them.

    Parameters
    ----------
    vectorizer : CountVectorizer or TfidfVectorizer
        Fitted, of words; with any `ngram_range`, `lowercase`, `binary`, `min_df`, `max_df`, `max_features`.

    Returns
    -------
    NGrams

    Raises
    ------
    TypeError
        If it is something else, or not fitted.
    ValueError
        If it has a setting that `NGrams` lacks, such as stop words or a token pattern of its own.

    Examples
    --------
    >>> import gdcore as gd
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> words = gd.text.from_sklearn(TfidfVectorizer().fit(["a fine film", "a dull film"]))
    >>> words.names()
    ['dull', 'film', 'fine']
    """
    known = getattr(vectorizer, "vocabulary_", None)
    if not isinstance(known, dict) or not hasattr(vectorizer, "get_params"):
        raise TypeError(
            f"from_sklearn got {type(vectorizer).__name__}: expected a fitted CountVectorizer or TfidfVectorizer"
        )
    params = vectorizer.get_params()
    tfidf = "use_idf" in params
    for name, value in FIXED.items():
        if name in params and params[name] != value:
            raise ValueError(f"from_sklearn: {name}={params[name]!r}: expected {value!r}")
    if tfidf and params["binary"]:
        raise ValueError("from_sklearn: binary=True of a TfidfVectorizer: expected False")
    if params["ngram_range"][1] > LONGEST or not known:
        raise ValueError(
            f"from_sklearn: n-grams of up to {params['ngram_range'][1]} words, {len(known)} of them: expected "
            f"some, of up to {LONGEST}"
        )
    weights = "tfidf" if tfidf else "binary" if params["binary"] else "count"
    made = NGrams(
        params["ngram_range"],
        most=None,
        split="longer words",
        weights=weights,
        lower=bool(params["lowercase"]),
    )
    made.sequences = of_parts([text.split(" ") for text in sorted(known, key=known.__getitem__)])
    if len(made.sequences.levels) < made.n[1]:
        made.n = (made.n[0], len(made.sequences.levels))
    made.weight = np.asarray(vectorizer.idf_, np.float32) if tfidf else None
    return made
