"""Lists of strings as two arrays: UTF-8 bytes one after another, and where each string ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["packed", "unpacked"]


def packed(strings: Sequence[str]) -> dict[str, np.ndarray]:
    """Strings as arrays: "bytes", uint8, and "ends", int64, one for each.

    Examples
    --------
    >>> {name: array.tolist() for name, array in packed(["ab", "c"]).items()}
    {'bytes': [97, 98, 99], 'ends': [2, 3]}
    """
    parts = [s.encode() for s in strings]
    return {
        "bytes": np.frombuffer(b"".join(parts), np.uint8),
        "ends": np.cumsum([len(p) for p in parts], dtype=np.int64),
    }


def unpacked(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """The strings of `packed`, which are not trusted.

    Raises
    ------
    ValueError
        If the ends do not rise to the number of bytes, or the bytes are not UTF-8.
    """
    data, ends = arrays["bytes"], arrays["ends"]
    fits = data.dtype == np.uint8 and ends.dtype == np.int64 and data.ndim == ends.ndim == 1
    if not fits or (np.diff(ends, prepend=0) < 0).any() or ends[-1:].sum() != len(data):
        raise ValueError("a vocabulary's ends do not fit its bytes")
    whole, begin, found = data.tobytes(), 0, []
    for end in ends.tolist():
        found.append(whole[begin:end].decode())
        begin = end
    return found
