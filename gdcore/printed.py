"""Printed text, in characters that the encoding of its stream can represent.

A stream that is not UTF-8 (a redirected stdout on Windows, `LANG=C`, `PYTHONIOENCODING=cp1252`) raises
UnicodeEncodeError for a rule or an arrow. What is printed therefore goes through `shown`.
"""

from __future__ import annotations

import sys
from typing import Any, TextIO

__all__ = ["setting_text", "shown"]

# Characters that gdcore prints, and their replacements for encodings that lack them.
PLAIN = {
    "─": "-", "━": "=", "╌": "-", "…": "...", "→": "->", "×": "x", "·": ".", "≤": "<=", "±": "+-",
    "²": "2", "–": "-", "—": "-",
}  # fmt: skip


def shown(text: str, stream: TextIO | None = None) -> str:
    """Text with replacements for characters that a stream cannot encode.

    Parameters
    ----------
    text : str
    stream : text stream, optional
        Where it is going to be written; standard output by default. One that names no encoding
        takes every text.

    Returns
    -------
    str
        The text itself if the stream's encoding has all of its characters. Otherwise those that it
        lacks are replaced: rules, arrows and signs of the package by ASCII characters that look
        alike, all others by their escapes.

    Examples
    --------
    >>> import io
    >>> shown("256 → 10 café", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    '256 -> 10 caf\\\\xe9'
    """
    if text.isascii():
        return str.__str__(text)
    encoding = _encoding(sys.stdout if stream is None else stream)
    if encoding is None or _has(encoding, text):
        return str.__str__(text)
    return "".join(c if _has(encoding, c) else _plain(c) for c in text)


def _encoding(stream: object) -> str | None:
    try:
        name = getattr(stream, "encoding", None)
        "".encode(name or "utf-8")
    except (LookupError, TypeError):  # an encoding that Python does not have
        return "ascii"
    except ValueError:  # a closed or detached stream: writing to it raises the error
        return None
    return name or None


def _has(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _plain(character: str) -> str:
    return PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode("ascii")


def setting_text(value: Any) -> str:
    """A setting in a few letters.

    Parameters
    ----------
    value : object

    Returns
    -------
    str

    Examples
    --------
    >>> setting_text(0.10), setting_text(len)
    ('0.1', 'len')
    """
    if isinstance(value, float):
        return f"{value:g}"
    return getattr(value, "__name__", None) or str(value)
