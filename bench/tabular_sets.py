"""The nine tables of `bench.tabular`, as frames, and the rows of their splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gdcore.tabular.splits import hold_out

HELD = 0.2


@dataclass(frozen=True)
class Case:
    """A data set, and what is asked of it.

    Attributes
    ----------
    source : names of its files, of which the rows follow one another, or one of scikit-learn's loaders
    target : the name or the number of its column
    header : whether the files have a first line of names
    task : "binary", "classes" or "regression"
    ignore : columns that tell the target
    splits : how many are asked for
    """

    source: tuple[str, ...] | Callable[..., Any]
    target: str | int
    header: bool = True
    task: str = "binary"
    ignore: tuple[str, ...] = ()
    splits: int = 10

    @property
    def measure(self) -> str:
        """The error that is measured."""
        return {"binary": "1 − AUC", "classes": "error", "regression": "1 − R²"}[self.task]


def _bundled(name: str) -> Any:
    import sklearn.datasets

    more = {"scaled": False} if name == "diabetes" else {}
    return getattr(sklearn.datasets, f"load_{name}")(as_frame=True, **more).frame


CASES = {
    "titanic": Case(("titanic.csv",), "survived", ignore=("alive",)),  # survived, in words
    "german": Case(("german.csv",), -1, header=False),
    "breast": Case(partial(_bundled, "breast_cancer"), "target"),
    "diabetes": Case(partial(_bundled, "diabetes"), "target", task="regression"),
    "digits": Case(partial(_bundled, "digits"), "target", task="classes"),
    "abalone": Case(("abalone.csv",), -1, header=False, task="regression"),
    "wine": Case(
        ("winequality-red.csv", "winequality-white.csv"), -1, header=False, task="regression"
    ),
    "california": Case(
        ("california_housing.csv",), "median_house_value", task="regression", splits=3
    ),
    "adult": Case(("adult-train.csv", "adult-test.csv"), -1, header=False, splits=3),
}


@dataclass(frozen=True)
class Set:
    """The rows of a table: features as a frame, and the answers as numbers."""

    case: Case
    x: Any
    y: np.ndarray

    def split(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Places of the rows to learn from, and of those held out, of every class alike."""
        held = hold_out(self.y, HELD, seed, self.case.task != "regression")
        return np.flatnonzero(~held), np.flatnonzero(held)


def load(name: str, folder: Path | None) -> Set:
    """Read a table; words become categories, and answers class numbers or quantities.

    Raises
    ------
    OSError
        If a file is not there.
    """
    import pandas as pd

    case = CASES[name]
    if callable(case.source):
        frame = case.source()
    else:
        assert folder is not None
        parts = [
            pd.read_csv(
                folder / file, header=0 if case.header else None, na_values="?",
                skipinitialspace=True,
            )
            for file in case.source
        ]  # fmt: skip
        frame = pd.concat(parts, ignore_index=True)
    target = case.target if isinstance(case.target, str) else frame.columns[case.target]
    y = frame[target]
    if case.task == "regression":
        answers = y.to_numpy(np.float64)
    else:
        answers = pd.factorize(y.astype(str).str.rstrip("."), sort=True)[0]  # adult's ">50K."
    x = frame.drop(columns=[target, *case.ignore])
    x.columns = [f"c{i}" for i in range(x.shape[1])]  # LightGBM takes no punctuation in names
    words = [c for c in x if not pd.api.types.is_numeric_dtype(x[c]) or x[c].dtype == bool]
    return Set(case, x.astype(dict.fromkeys(words, "category")), answers)


def error(case: Case, y: np.ndarray, said: np.ndarray) -> float:
    """The error of probabilities, a column for each class, or of quantities."""
    from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

    if case.task == "binary":
        return 1.0 - float(roc_auc_score(y, said[:, 1]))
    if case.task == "classes":
        return 1.0 - float(accuracy_score(y, said.argmax(axis=1)))
    return 1.0 - float(r2_score(y, said))
