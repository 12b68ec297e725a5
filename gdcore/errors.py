"""Errors that say what was wrong and how to mend it, in one line.

Every module words its own messages; what they share lives here: the guess at a
mistyped name, what to install for an optional part, and the error of a training run whose
numbers stopped being finite.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping

__all__ = ["NonFiniteError", "cut", "did_you_mean", "listed", "missing", "unknown"]


def _nearest(name: str, known: Iterable[str]) -> str | None:
    import difflib  # only an error needs it, and every import counts

    # Compared in lower case, so that "Adam" finds "adam"; the spelling returned is the known one.
    by_folded = {word.lower(): word for word in known}
    found = difflib.get_close_matches(str(name).lower(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word nearest to `name`.

    Parameters
    ----------
    name : str
        What was got.
    known : iterable of str
        What would have been understood.

    Returns
    -------
    str
        ``" (did you mean 'adam'?)"``, or ``""`` where nothing is near.

    Examples
    --------
    >>> did_you_mean("adm", ["sgd", "adam"])
    " (did you mean 'adam'?)"
    >>> did_you_mean("xyz", ["sgd", "adam"])
    ''
    """
    word = _nearest(name, known)
    return f" (did you mean {word!r}?)" if word is not None else ""


def cut(text: object, most: int = 80) -> str:
    """Return a text that fits into one line of an error message: the middle of a long one is left out.

    Parameters
    ----------
    text : object
        Its `str` is shown.
    most : int
        How many characters are shown.

    Examples
    --------
    >>> cut("short"), cut("a" * 50 + "b" * 50, 10)
    ('short', 'aaaa ... b')
    """
    shown = str(text)
    if len(shown) <= most:
        return shown
    last = (most - 5) // 3
    return f"{shown[: most - 5 - last]} ... {shown[-last:]}"


def listed(names: Collection[object], most: int = 8) -> str:
    """Return the first names of a list that fit into one line of an error message.

    Parameters
    ----------
    names : collection
        Their `str` is shown, each in at most 80 characters on one line.
    most : int
        How many are shown; "..." stands for the others.

    Examples
    --------
    >>> listed(["a", "b"]), listed(range(100), 3)
    ('a, b', '0, 1, 2, ...')
    """
    shown = ", ".join(cut(" ".join(str(n).split())) for n in itertools.islice(names, most))
    return shown + (", ..." if len(names) > most else "")


def missing(what: str, extra: str, error: ImportError | None = None) -> ImportError:
    """Build (not raise) the error for an optional library that is not there.

    Parameters
    ----------
    what : str
        What needs which library, as the beginning of a sentence.
    extra : str
        The name under which pip installs it along with gdcore.
    error : ImportError, optional
        How importing it failed.

    Returns
    -------
    ImportError

    Examples
    --------
    >>> str(missing("plots need matplotlib", "plot"))
    'plots need matplotlib: pip install "gdcore[plot]"'
    """
    # The message of a missing shared library has many lines; the first one names it.
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0] if error else ""
    told = f", which cannot be imported ({reason})" if reason else ""
    return ImportError(f'{what}{told}: pip install "gdcore[{extra}]"')


def unknown(
    kind: str, name: object, known: Iterable[str], others: Mapping[str, str] | None = None
) -> ValueError:
    """Build (not raise) the error for a name that is not in a list of known names.

    Parameters
    ----------
    kind : str
        What the name stands for, such as ``"optimizer"``.
    name : object
        What was got.
    known : iterable of str
        Every name that would have been understood, in the order to show them.
    others : mapping of str to str, optional
        More names, and the known ones that they stand for: where one of these is nearest, what it
        stands for is shown.

    Returns
    -------
    ValueError
        To be raised by the caller, so that the traceback ends there.

    Examples
    --------
    >>> print(unknown("optimizer", "adm", ["adam", "sgd"]))
    unknown optimizer 'adm': did you mean 'adam'? known: adam, sgd
    """
    words = list(known)
    stands_for = {**{w: w for w in words}, **(others or {})}
    word = _nearest(name, stands_for) if isinstance(name, str) else None
    word = stands_for[word] if word is not None else None
    guess = f"did you mean {word!r}? " if word is not None else ""
    return ValueError(f"unknown {kind} {name!r}: {guess}known: {', '.join(words)}")


class NonFiniteError(ArithmeticError):
    """A NaN or an infinity turned up during training.

    Parameters
    ----------
    epoch : int
        The epoch in which it was seen.
    step : int
        The optimizer step within the epoch.
    tensor : str
        The first tensor that held a number that is not finite.

    Attributes
    ----------
    epoch, step, tensor
        As given.

    Examples
    --------
    >>> error = NonFiniteError(epoch=2, step=17, tensor="dense_1/weight")
    >>> error.step, error.tensor
    (17, 'dense_1/weight')
    """

    def __init__(self, epoch: int, step: int, tensor: str) -> None:
        updated = tensor.startswith("weight ")  # finite gradients, and an update that overflowed
        super().__init__(
            f"{tensor!r} holds NaN or infinity at epoch {epoch}, step {step}, expected finite "
            "numbers: "
            + (
                "an update has overflowed, and the weights before it are lost: lower the learning rate"
                if updated
                else "lower the learning rate, clip the gradients, or look for NaN in the data"
            )
        )
        self.epoch = epoch
        self.step = step
        self.tensor = tensor

    def __reduce__(self) -> tuple[type[NonFiniteError], tuple[int, int, str]]:
        # Exceptions are unpickled from their message by default, which is not what __init__ takes.
        return type(self), (self.epoch, self.step, self.tensor)
