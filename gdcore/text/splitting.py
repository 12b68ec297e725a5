"""Plain splitting of texts: words and signs of any alphabet, or characters.

A word is a run of letters, digits and the marks that belong to them, as vowel signs of Indic scripts do. Signs stand by
themselves, and so do Chinese ideographs and Japanese kana, which are written without blanks between words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

__all__ = ["SPLITS", "splitter"]

ASCII = re.compile(r"\w+|[^\w\s]", re.ASCII)
# Kana, ideographs with their extensions and compatibility forms.
ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
LONGER = re.compile(r"\b\w\w+\b")
LAST_MARK = 0x20000  # code points from which on there are ideographs alone


@cache
def _any_alphabet() -> re.Pattern[str]:
    """The pattern of words and signs; Python's \\w lacks the marks."""
    marks = "".join(
        chr(c) for c in range(0x300, LAST_MARK) if unicodedata.category(chr(c))[0] == "M"
    )
    marks = re.escape(marks)
    return re.compile(rf"[{ALONE}]|(?:[^\W{ALONE}]|[{marks}])+|[^\w\s]")


def _words(text: str) -> list[str]:
    """Words and signs."""
    if text.isascii():
        return ASCII.findall(text)
    return _any_alphabet().findall(unicodedata.normalize("NFC", text))


#: Ways to split a text by name: "longer words" are those of scikit-learn, of two letters or more, without signs.
SPLITS: dict[str, Callable[[str], list[str]]] = {
    "words": _words,
    "characters": list,
    "longer words": LONGER.findall,
}


def splitter(split: str, lower: bool) -> Callable[[str], list[str]]:
    """The function that splits a text, in lower case if need be."""
    own = SPLITS[split]
    return (lambda text: own(text.lower())) if lower else own
