"""The result of `Model.evaluate`: a dict of numbers that unpacks to the numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["Scores"]


class Scores(dict[str, Any]):
    """The loss and the metrics by name: a dict, but iterating over it gives the numbers.

    ``scores["accuracy"]``, ``scores.items()``, ``"accuracy" in scores``, ``scores == {...}`` and
    ``dict(scores)`` are as those of any dict. ``loss, accuracy = scores``, ``list(scores)`` and
    ``scores[1]`` give numbers in the order in which they stand.

    Raises
    ------
    KeyError
        For a name that is not there; the message says which are.
    IndexError
        For a number past the last.

    Examples
    --------
    >>> from gdcore.scores import Scores
    >>> scores = Scores(loss=0.25, accuracy=0.9)
    >>> loss, accuracy = scores
    >>> accuracy, scores["accuracy"], scores[1], list(scores.keys())
    (0.9, 0.9, 0.9, ['loss', 'accuracy'])
    >>> scores
    {'loss': 0.25, 'accuracy': 0.9}
    """

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self.values())

    def __missing__(self, key: object) -> Any:
        if isinstance(key, int):
            if not -len(self) <= key < len(self):
                raise IndexError(f"[{key}] of {len(self)} numbers: {', '.join(self.keys())}")
            return list(self.values())[key]
        raise KeyError(f"no {key!r} among the numbers: {', '.join(self.keys())}")

    def copy(self) -> Scores:
        """Another one of the same numbers.

        Returns
        -------
        Scores

        Examples
        --------
        >>> from gdcore.scores import Scores
        >>> loss, = Scores(loss=0.25).copy()
        >>> loss
        0.25
        """
        return Scores(self)
