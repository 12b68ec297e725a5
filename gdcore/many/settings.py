"""What each model is made and trained with: settings as a grid or a list, and folds of the data."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore.random import Stream

FIT = (
    "seed",
    "batch_size",
    "epochs",
    "class_weight",
    "shuffle",
)  # for `fit`; the rest is the model's


@dataclass(frozen=True)
class Job:
    """One model to be trained.

    Attributes
    ----------
    number : int
        Its place in the table.
    setting : dict
        Everything that the person named for it.
    model : dict
        What `model_fn` is called with.
    fit : dict
        What it is called with, as `fit` takes it.
    fold : int or None
    """

    number: int
    setting: dict[str, Any]
    model: dict[str, Any]
    fit: dict[str, Any]
    fold: int | None


def expand(settings: Any) -> list[dict[str, Any]]:
    """Settings one by one.

    Parameters
    ----------
    settings : dict of name to values, or sequence of dicts
        Of a dict every combination is made, the last name changing fastest. A list, range or
        array holds several values; anything else, a tuple too, is one.

    Raises
    ------
    TypeError, ValueError
        If it is something else, or empty.

    Examples
    --------
    >>> expand({"width": [8, 16], "lr": 0.1})
    [{'width': 8, 'lr': 0.1}, {'width': 16, 'lr': 0.1}]
    """
    if isinstance(settings, Mapping):
        axes = [
            list(v) if isinstance(v, list | range | np.ndarray) else [v] for v in settings.values()
        ]
        rows = [dict(zip(settings, values, strict=True)) for values in itertools.product(*axes)]
    elif isinstance(settings, Sequence) and all(isinstance(s, Mapping) for s in settings):
        rows = [dict(s) for s in settings]
    else:
        raise TypeError(
            f"fit_many settings={settings!r}: expected a dict of name to list of values, or a list "
            "of dicts"
        )
    if not rows:
        raise ValueError("fit_many settings hold no combination: expected at least one")
    for row in rows:
        if not all(isinstance(name, str) for name in row):
            raise TypeError(f"fit_many setting {row!r}: expected names as keys")
    return [{k: v.item() if isinstance(v, np.generic) else v for k, v in r.items()} for r in rows]


def make_jobs(settings: Any, fit: Mapping[str, Any], folds: int | None) -> list[Job]:
    """Every setting, on every fold.

    Parameters
    ----------
    settings : as `expand` takes them
    fit : what `fit` is called with where a setting does not name it
    folds : how many, or None without
    """
    rows = expand(settings)
    which: Sequence[int | None] = [None] if folds is None else range(folds)
    return [
        Job(
            i * len(which) + j,
            row,
            {k: v for k, v in row.items() if k not in FIT},
            {k: row.get(k, v) for k, v in fit.items()},
            fold,
        )
        for i, row in enumerate(rows)
        for j, fold in enumerate(which)
    ]


Fold = tuple[np.ndarray, np.ndarray]


def make_folds(cv: Any, x: Any, rows: int, y: Any, classes: np.ndarray | None) -> list[Fold]:
    """(rows to train on, rows to validate on) of each fold.

    Parameters
    ----------
    cv : int, iterable of such pairs, or a splitter of scikit-learn
    x, y : what a splitter is given
    rows : how many samples there are
    classes : class numbers that are shared out evenly among the folds, or None

    Raises
    ------
    ValueError, TypeError
        If a fold has no rows, or names some that are not there.
    """
    if isinstance(cv, int) and not isinstance(cv, bool):
        if not 2 <= cv <= rows:
            raise ValueError(f"fit_many cv={cv}: expected 2 to {rows}, the number of samples")
        order = Stream(0, "folds").permutation(rows)
        if classes is not None:
            order = order[np.argsort(classes[order], kind="stable")]
        fold = np.empty(rows, np.int64)
        fold[order] = np.arange(rows) % cv  # round robin, so that folds differ by at most one row
        return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(cv)]
    pairs: Any = cv.split(x, y) if hasattr(cv, "split") else cv
    if not isinstance(pairs, Iterable):
        raise TypeError(
            f"fit_many cv={cv!r}: expected a number of folds, pairs of row numbers, or a splitter "
            "of scikit-learn"
        )
    out: list[Fold] = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TypeError("fit_many cv: expected pairs (rows to train on, rows to validate on)")
        train, test = (np.asarray(part) for part in pair)
        for part in (train, test):
            if part.ndim != 1 or part.dtype.kind not in "iu" or not len(part):
                raise ValueError(
                    f"fit_many cv: fold {len(out)} has rows of shape {part.shape} and type "
                    f"{part.dtype}: expected at least one row number"
                )
            if part.min() < 0 or part.max() >= rows:
                raise ValueError(
                    f"fit_many cv: fold {len(out)} names the row "
                    f"{part.min() if part.min() < 0 else part.max()}: expected 0 to {rows - 1}"
                )
        out.append((train.astype(np.int64), test.astype(np.int64)))
    if not out:
        raise ValueError("fit_many cv has no folds: expected at least one")
    return out
