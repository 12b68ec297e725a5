"""What DATA means: what a trained model is asked about, with or without the answers."""

from __future__ import annotations

import zipfile
import zlib
from typing import Any

import numpy as np

from gdcore import datasets
from gdcore.cli.columns import class_numbers, features_of, targets_of
from gdcore.cli.sources import in_options, kind_of
from gdcore.cli.usage import UsageError
from gdcore.datasets import Encoder
from gdcore.datasets.sheets import MISSING, Sheet, number, read_sheet
from gdcore.errors import did_you_mean

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
    if kind == "csv":
        try:
            return _encoder(text, info).transform(text)
        except ValueError as error:
            raise ValueError(in_options(error)) from None
    if kind in ("npy", "npz"):
        return _features(text)
    return (datasets.digits() if kind == "digits" else datasets.idx_folder(text))[1][0]


def _features(text: str) -> np.ndarray:
    """The features in a file of NumPy's, which need not hold more."""
    array: np.ndarray | None
    try:
        found = np.load(text, allow_pickle=False)
        if isinstance(found, np.ndarray):
            array, names, held = found, [""], []
        else:
            with found:
                held = list(found.files)
                names = [n for n in ("x_test", "X_test", "x", "X") if n in held]
                array = found[names[0]] if names else None
    except (
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
    ):
        # NumPy's own words would have people unpickle what they were sent.
        raise ValueError(
            f"{text}: not a sound file of numbers, expected what numpy.save or numpy.savez writes"
        ) from None
    if array is None:
        raise ValueError(
            f"{text}: got arrays {', '.join(held) or 'none'}, expected x or x_test: rename one"
        )
    return features_of(array, f"{text}: {names[0]}".rstrip(": "))


def answers(text: str, info: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, str]:
    """Features, the true answers, and a note on what they are."""
    kind = kind_of(text)
    if kind == "csv":
        return _table_answers(text, info)
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
    return x, y if classes is None else class_numbers(y, classes, f"{text}: y"), note


def _encoder(text: str, info: dict[str, Any]) -> Encoder:
    if not isinstance(info.get("encoder"), dict):
        raise UsageError(
            f"{text}: the model was not trained on a .csv file, so its columns mean nothing to "
            "it: expected what "
            f"it was trained on ({info.get('source', 'arrays: .npz or .npy')})"
        )
    return Encoder.from_config(info["encoder"])


def _table_answers(text: str, info: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, str]:
    encoder = _encoder(text, info)
    sheet, note = read_sheet(text, encoder.delimiter, encoder.header), ""
    if encoder.target not in sheet.names:
        raise ValueError(
            f"{text}: no column {encoder.target!r}{did_you_mean(encoder.target, sheet.names)}, "
            "expected the target "
            "to measure against: add it, or use gdcore predict"
        )
    place = sheet.names.index(encoder.target)
    if info.get("missing") == "drop":  # as it was in training
        needed = [
            place,
            *(sheet.names.index(c.name) for c in encoder.columns if c.name in sheet.names),
        ]
        kept = [i for i, row in enumerate(sheet.rows) if not any(row[c] in MISSING for c in needed)]
        dropped = len(sheet.rows) - len(kept)
        if not kept:
            raise ValueError(f"{text}: every row lacks a value, expected some that are complete")
        sheet = Sheet(
            sheet.source, sheet.names, [sheet.rows[i] for i in kept], [sheet.lines[i] for i in kept]
        )
        note = f"{dropped:,} rows with missing values left out" if dropped else ""
    try:
        x = encoder.encode(sheet)
    except ValueError as error:
        raise ValueError(in_options(error)) from None
    cells = [row[place] for row in sheet.rows]
    if encoder.classes is not None:
        return x, class_numbers(cells, encoder.classes, f"{text}: column {encoder.target!r}"), note
    values = [number(cell) for cell in cells]
    if None in values:
        row = values.index(None)
        raise ValueError(
            f"{sheet.where(row, encoder.target)}: got {cells[row]!r}, expected a number: mend "
            "the cell"
        )
    return x, np.array(values, dtype=np.float64), note
