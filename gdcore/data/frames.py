"""Data frames of pandas, polars, Arrow and narwhals: their columns, matched by name.

None of these libraries is imported: a frame is recognized by its attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_NAMED = 3  # columns that an error lists


class Frame:
    """A data frame as named, one-dimensional columns.

    Attributes
    ----------
    names : tuple of str
    columns : sequence of columns that `numpy.asarray` accepts
    whole : the original frame
    """

    __slots__ = ("columns", "names", "whole")

    def __init__(self, names: tuple[str, ...], columns: Sequence[Any], whole: Any) -> None:
        self.names, self.columns, self.whole = names, columns, whole


def frame_of(data: Any, what: str) -> Frame | None:
    """The columns of a data frame; None if `data` is not one.

    Raises
    ------
    TypeError
        If it is a lazy frame, whose rows are not computed yet.
    """
    if hasattr(data, "to_native") and hasattr(data, "columns"):  # narwhals
        data = data.to_native()
    if hasattr(data, "iloc") and hasattr(data, "columns"):  # pandas
        columns = [data.iloc[:, i] for i in range(data.shape[1])]
        return Frame(tuple(map(str, data.columns)), columns, data)
    if hasattr(data, "get_columns") and hasattr(data, "columns"):  # polars
        return Frame(tuple(data.columns), data.get_columns(), data)
    if hasattr(data, "column_names") and hasattr(data, "columns"):  # Arrow
        return Frame(tuple(data.column_names), data.columns, data)
    if hasattr(data, "collect_schema") and hasattr(data, "collect"):
        raise TypeError(f"{what} is a lazy frame: expected its rows; call .collect() on it")
    return None


class ColumnNames:
    """The names and the order of columns, taken from the frames of training.

    Attributes
    ----------
    known : dict of str to tuple of str
        Names of columns by argument: "X", "X['name of an input']", "y".
    orders : dict of str to list of int
        For frames whose last order differed: the index of each known column among those given.

    Examples
    --------
    >>> columns = ColumnNames()
    >>> columns.order("X", ("age", "height"))
    >>> columns.order("X", ("height", "age"))
    [1, 0]
    >>> columns.known
    {'X': ('age', 'height')}
    """

    def __init__(self, known: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.known: dict[str, tuple[str, ...]] = dict(known or {})
        self.orders: dict[str, list[int]] = {}

    @classmethod
    def of(cls, known: Mapping[str, Sequence[str]]) -> ColumnNames:
        """A copy of known names."""
        return cls({what: tuple(names) for what, names in known.items()})

    def order(self, what: str, given: tuple[str, ...]) -> list[int] | None:
        """The index of each known column among those given; None if the order is the same.

        Names of an argument that was not seen before are stored. Default names, 0 to n - 1, are ignored
        unless both frames have them.

        Raises
        ------
        ValueError
            If the columns are not those that are known.
        """
        self.orders.pop(what, None)
        known = self.known.setdefault(what, given)
        if known == given:
            return None
        place = {name: i for i, name in enumerate(given)}
        if len(place) == len(given) == len(known) and place.keys() == set(known):
            self.orders[what] = [place[name] for name in known]
            return self.orders[what]
        if _made_up(known) or _made_up(given):
            if _made_up(known):
                self.known[what] = given
            return None
        raise ValueError(f"{what} {_difference(known, given)}")


def _made_up(names: Sequence[str]) -> bool:
    """Whether names are the default names 0 to n - 1 that libraries give to unnamed columns."""
    return any(all(n == f"{head}{i}" for i, n in enumerate(names)) for head in ("", "column_"))


def _difference(known: Sequence[str], given: Sequence[str]) -> str:
    lacking, more = ([n for n in a if n not in set(b)] for a, b in ((known, given), (given, known)))
    said = [f"lacks {_listed(lacking)}"] if lacking else []
    said += [f"has {_listed(more)}, which training had not"] if more else []
    twice = [n for n in dict.fromkeys(given) if given.count(n) > 1]
    said = said or [f"has two columns called {twice[0]!r}" if twice else "has another order"]
    return (
        f"{' and '.join(said)}: expected the {len(known)} columns of training, in any order; for columns "
        "as they lie pass an array, such as frame.to_numpy()"
    )


def _listed(names: Sequence[str]) -> str:
    """The first few names, for an error message of one line."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    shown = ", ".join(repr(n[:40]) for n in names[:MOST_NAMED])
    return f"the column{'s' if len(names) > 1 else ''} {shown}{more}"
