"""Settings that are numbers within a range: checked in one way, with one form of error, wherever they are given."""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import Any


def whole_number(what: str, value: Any, low: int = 1, high: int | None = None) -> int:
    """A setting that is a whole number from `low` to `high`, or of at least `low`.

    Parameters
    ----------
    what : str
        Whose setting it is, and its name: the beginning of the error message.
    value : int, or what Python takes for an index
        No bool, and no array but one number of NumPy's.
    low, high : int
        The bounds, both included; None for no upper one.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> whole_number("Dense units", 3)
    3
    >>> whole_number("Dense units", True)
    Traceback (most recent call last):
    ValueError: Dense units=True: expected a whole number of at least 1
    """
    try:
        number = low - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:  # an array has the method, too
        number = low - 1
    if number < low or (high is not None and number > high):
        expected = f"of at least {low:,}" if high is None else f"from {low:,} to {high:,}"
        raise ValueError(f"{what}={_shown(value)}: expected a whole number {expected}")
    return number


def positive(what: str, value: Any) -> int:
    """A setting that is a whole number of at least 1: see `whole_number`."""
    return whole_number(what, value)


def real_number(what: str, value: Any, high: float = math.inf, below: bool = False) -> float:
    """A setting that is a finite number of at least 0 and at most `high`, or below it.

    Parameters
    ----------
    what : str
        As for `whole_number`.
    value : int or float
    high : float
        The upper bound.
    below : bool
        Whether the number must be less than `high`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> real_number("augmented zoom", 0.2, 1.0, below=True)
    0.2
    """
    good = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not 0 <= value <= high or (below and value == high):
        bound = "" if high == math.inf else f" and {'below' if below else 'at most'} {high:g}"
        raise ValueError(f"{what}={_shown(value)}: expected a number of at least 0{bound}")
    return float(value)


def nonnegative(what: str, value: Any) -> float:
    """A setting that is a finite number of at least 0: see `real_number`."""
    return real_number(what, value)


def _shown(value: Any) -> str:
    """A value in an error message of one line."""
    return " ".join(repr(value).split())[:60]
