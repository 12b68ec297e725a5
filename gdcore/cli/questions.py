"""What DATA means: what a trained model is asked about, with or without the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore import datasets
from gdcore.cli.columns import class_numbers, features_of, quantities_of, targets_of
from gdcore.cli.sources import kind_of
from gdcore.cli.usage import UsageError
from gdcore.datasets.npz_files import one_array

__all__ = ["answers", "questions"]


def questions(text: str, info: dict[str, Any]) -> np.ndarray:
    """What a model is to predict from: features alone.

    Parameters
    ----------
    text : DATA
    info : of the model

    Raises
    ------
    UsageError, OSError, ValueError
        If there is no such data, or it does not fit the model.
    """
    kind = kind_of(text)
    if kind == "table":
        raise _no_table(text, info)
    if kind in ("npy", "npz"):
        return _features(text)
    return (datasets.digits() if kind == "digits" else datasets.idx_folder(text))[1][0]


def _features(text: str) -> np.ndarray:
    """The features in a file of NumPy's, which need not hold more."""
    name, array = one_array(text, ("x_test", "X_test", "x", "X"))
    return features_of(array, f"{text}: {name}".rstrip(": "))


def answers(text: str, info: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, str]:
    """Features, the true answers, and a note on what they are."""
    kind = kind_of(text)
    if kind == "table":
        raise _no_table(text, info)
    if kind == "npy":
        raise UsageError(
            f"{text}: one array is not enough to measure on, expected an .npz file with x and y"
        )
    note = ""
    if kind == "npz":
        train, test = datasets.npz(text)
        (x, y), note = (train, "") if test is None else (test, "test part")
        x, y = features_of(x, f"{text}: x"), targets_of(y)
    else:
        x, y = (datasets.digits() if kind == "digits" else datasets.idx_folder(text))[1]
        note = "test part"
    classes = info.get("classes")
    if classes is None:
        return x, quantities_of(y, f"{text}: y"), note
    return x, class_numbers(y, classes, f"{text}: y"), note


def _no_table(text: str, info: dict[str, Any]) -> UsageError:
    return UsageError(
        f"{text}: the model was not trained on a table, so its columns mean nothing to it: "
        f"expected what it was trained on ({info.get('source', 'arrays: .npz or .npy')})"
    )
