"""What SOURCE means: where the data of a training comes from, and how it becomes arrays."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gdcore import datasets
from gdcore.cli.columns import (
    class_name,
    class_numbers,
    features_of,
    look_like_classes,
    quantities_of,
    targets_of,
)
from gdcore.cli.usage import UsageError
from gdcore.data.arrays import as_array, check_finite
from gdcore.errors import did_you_mean
from gdcore.tabular.files import BINARY, is_folder_of_parquet
from gdcore.tabular.heads import CLASS_LOSSES
from gdcore.tabular.opening import PACKED, STDIN

__all__ = ["Source", "asked_task", "kind_of", "open_source"]

FOR_TABLES = (
    "target", "ignore", "header", "kind", "test", "patience", "delimiter", "encoding", "decimal",
    "thousands", "na", "weights", "class-weight", "positive", "threshold", "target-scale", "interval", "quantiles",
    "label-smoothing", "order", "split",
    "report", "no-refit", "model", "members", "folds", "budget",
)  # fmt: skip
TABLES = (".csv", ".tsv", ".txt", ".data", *BINARY)


@dataclass
class Source:
    """Data to train on.

    Attributes
    ----------
    kind : {"digits", "npz", "idx"}
    x, y : what to learn from
    test : what the source itself keeps for measuring, or None
    task : {"classification", "regression"}
    classes : names of the classes by number, or None
    """

    kind: str
    x: np.ndarray
    y: np.ndarray
    test: tuple[np.ndarray, np.ndarray] | None
    task: str
    classes: list[str] | None = None


def kind_of(text: str) -> str:
    """Which kind of source a word or a path is.

    Raises
    ------
    UsageError
        If there is none.
    """
    if text == "digits":
        return "digits"
    if text == STDIN:
        return "table"
    path = Path(text)
    if path.is_dir():
        return "table" if is_folder_of_parquet(path) else "idx"
    if not path.exists():
        near = [str(p) for p in path.parent.iterdir()][:10_000] if path.parent.is_dir() else []
        raise UsageError(
            f"{text!r} is neither a file nor a folder{did_you_mean(text, ['digits', *near])}, "
            "expected digits, "
            "an .npz file, a folder of idx files, or a .csv or .parquet file"
        )
    ending = path.suffix.lower()
    if ending in PACKED:
        ending = path.with_suffix("").suffix.lower()
    if ending in (".npz", ".npy"):
        return ending[1:]
    if ending in TABLES:
        return "table"
    hint = "; pass the folder, not a file in it" if "idx" in path.name else ""
    raise UsageError(
        f"{text}: cannot tell from the name what this is, expected .npz, .csv, .parquet or a "
        f"folder of idx files{hint}"
    )


def asked_task(args: argparse.Namespace) -> str | None:
    """The task that options ask for, or None where the target tells."""
    by_loss = (
        None
        if args.loss is None
        else "classification"
        if args.loss in CLASS_LOSSES
        else "regression"
    )
    plain = "classification" if args.task == "ordinal" else args.task
    if args.task is not None and by_loss is not None and plain != by_loss:
        raise UsageError(
            f"--loss {args.loss} is for {by_loss}, and --task says {args.task}: leave one of "
            "them out"
        )
    return args.task or by_loss


def open_source(args: argparse.Namespace) -> Source:
    """Read the source of a training.

    Raises
    ------
    UsageError
        If options do not fit it.
    OSError, ValueError
        If it cannot be read.
    """
    kind, task = kind_of(args.source), asked_task(args)
    if kind == "npy":
        raise UsageError(
            f"{args.source}: one array is not enough to train on, expected an .npz file with x "
            "and y"
        )
    for option in FOR_TABLES:
        if getattr(args, option.replace("-", "_")) not in (None, []):
            raise UsageError(
                f"--{option} is for .csv files and other tables, and SOURCE is {args.source}: "
                "leave it out"
            )
    if task == "ordinal":
        raise UsageError(
            f"--task ordinal is for .csv files and other tables, and SOURCE is {args.source}: take "
            "--task classification"
        )
    if kind == "npz":
        return _arrays(args.source, task)
    train, test = datasets.digits() if kind == "digits" else datasets.idx_folder(args.source)
    if task == "regression":
        raise UsageError(
            f"{args.source} holds classes, not quantities: leave out --task and --loss, or take "
            "--loss cross_entropy"
        )
    names = [str(i) for i in range(int(max(train[1].max(initial=0), test[1].max(initial=0))) + 1)]
    return Source(kind, train[0], train[1], test, "classification", names)


def _arrays(path: str, task: str | None) -> Source:
    (x, y), test = datasets.npz(path)
    x, y = features_of(x, f"{path}: x"), targets_of(y)
    if len(x) == 0:
        raise ValueError(f"{path}: got no rows, expected at least 2")
    if task is None:
        y = quantities_of(y, f"{path}: y")
        task = "classification" if look_like_classes(y) else "regression"
    if test is not None:
        test = (features_of(test[0], f"{path}: x_test"), targets_of(test[1]))
    if task == "regression":
        y = as_array(y, f"{path}: y")
        check_finite(y, f"{path}: y")
        if test is not None:
            what = f"{path}: y_test"
            test = (test[0], as_array(quantities_of(test[1], what), what))
        return Source("npz", x, y, test, task)
    kinds, labels = np.unique(y, return_inverse=True)
    if len(kinds) < 2:
        raise ValueError(
            f"{path}: y is always {kinds[0]}, expected at least 2 classes, or quantities with "
            "--task regression"
        )
    names = [class_name(k) for k in kinds]
    if test is not None:
        test = (test[0], class_numbers(test[1], names, f"{path}: y_test"))
    return Source("npz", x, labels.reshape(-1).astype(np.int64), test, task, names)
