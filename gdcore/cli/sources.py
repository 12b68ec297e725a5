"""What SOURCE means: where the data of a training comes from, and how it becomes arrays."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gdcore import datasets
from gdcore.arrays import as_array, check_finite
from gdcore.cli.columns import class_name, class_numbers, features_of, look_like_classes, targets_of
from gdcore.cli.usage import UsageError
from gdcore.datasets import Encoder
from gdcore.datasets.sheets import number
from gdcore.errors import did_you_mean

__all__ = ["CLASS_LOSSES", "VALUE_LOSSES", "Source", "in_options", "kind_of", "open_source"]

CLASS_LOSSES = ("cross_entropy", "binary_cross_entropy", "hinge", "squared_hinge")
VALUE_LOSSES = ("mse", "mae", "huber", "log_cosh", "poisson")
TABLES = (".csv", ".tsv", ".txt", ".data")

# What the readers call a keyword is an option here.
OPTIONS = [
    (r"read the training table with missing='mean'", "train with --missing mean"),
    (r"pass missing='drop' or missing='mean'", "pass --missing drop or --missing mean"),
    (r"header=False", "--no-header"),
    (r"(missing|task)='(\w+)'", r"--\1 \2"),
    (r"ignore=\['([^']*)'\]", r"--ignore '\1'"),
    (r"ignore=", "--ignore"),
    (r"pass another delimiter", "pass another --delimiter"),
]


@dataclass
class Source:
    """Data to train on.

    Attributes
    ----------
    kind : {"digits", "npz", "idx", "csv"}
    x, y : what to learn from
    test : what the source itself keeps for measuring, or None
    task : {"classification", "regression"}
    classes : names of the classes by number, or None
    encoder : for a .csv, what makes numbers of its rows
    """

    kind: str
    x: np.ndarray
    y: np.ndarray
    test: tuple[np.ndarray, np.ndarray] | None
    task: str
    classes: list[str] | None = None
    encoder: Encoder | None = None


def kind_of(text: str) -> str:
    """Which kind of source a word or a path is.

    Raises
    ------
    UsageError
        If there is none.
    """
    if text == "digits":
        return "digits"
    path = Path(text)
    if path.is_dir():
        return "idx"
    if not path.exists():
        near = [str(p) for p in path.parent.iterdir()][:10_000] if path.parent.is_dir() else []
        raise UsageError(
            f"{text!r} is neither a file nor a folder{did_you_mean(text, ['digits', *near])}, "
            "expected digits, "
            "an .npz file, a folder of idx files or a .csv file"
        )
    ending = path.suffix.lower()
    if ending in (".npz", ".npy"):
        return ending[1:]
    if ending in TABLES:
        return "csv"
    hint = "; pass the folder, not a file in it" if "idx" in path.name else ""
    raise UsageError(
        f"{text}: cannot tell from the name what this is, expected .npz, .csv or a folder of "
        f"idx files{hint}"
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
    if args.task is not None and by_loss is not None and args.task != by_loss:
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
    if kind == "csv":
        return _table(args, task)
    for option, given in (
        ("--target", args.target),
        ("--ignore", args.ignore or None),
        ("--header", args.header),
    ):
        if given is not None:
            raise UsageError(
                f"{option} is for .csv files, and SOURCE is {args.source}: leave it out"
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


def _table(args: argparse.Namespace, task: str | None) -> Source:
    header = args.header is not False
    if len(args.delimiter) != 1:
        args.delimiter = {"\\t": "\t", "tab": "\t"}.get(args.delimiter, args.delimiter)
    if len(args.delimiter) != 1:
        raise UsageError(
            f"--delimiter {args.delimiter!r}: expected one character, such as ';', or tab"
        )
    names = _first_line(args.source, args.delimiter, header)
    data = [name for name in names if number(name) is not None]
    if header and args.header is None and data:
        raise UsageError(
            f"{args.source}: the first line holds numbers such as {data[0]}: is it data? Pass "
            "--no-header if it "
            "is, or --header if it names the columns"
        )
    if args.target is None:
        raise UsageError(
            f"{args.source}: --target is missing, expected the column to predict: one of "
            f"{', '.join(names)}"
        )
    target = _column(args.source, names, args.target, "--target")
    ignore = [_column(args.source, names, name, "--ignore") for name in args.ignore]
    try:
        table = datasets.csv(
            args.source,
            target,
            args.delimiter,
            header=header,
            missing=args.missing,
            task=task,
            ignore=ignore,
        )
    except ValueError as error:
        raise ValueError(in_options(error)) from None
    classes = None if table.classes is None else list(table.classes)
    return Source("csv", table.x, table.y, None, table.task, classes, table.encoder)


def _first_line(path: str, delimiter: str, header: bool) -> list[str]:
    """Names of the columns, so that a wrong one is found before the rows are read."""
    import csv

    with open(path, encoding="utf-8-sig", newline="", errors="replace") as file:
        try:
            cells = next(
                (
                    row
                    for row in csv.reader(file, delimiter=delimiter, skipinitialspace=True)
                    if row
                ),
                [],
            )
        except csv.Error as error:
            raise ValueError(
                f"{path}: the first line cannot be read ({error}), expected delimited text"
            ) from None
    if not cells:
        raise ValueError(f"{path}: the file is empty, expected a header and rows below it")
    if not all(cell.isprintable() for cell in cells):
        raise ValueError(f"{path}: not a text file, expected cells with {delimiter!r} between them")
    return [cell.strip() for cell in cells] if header else [str(i) for i in range(len(cells))]


def _column(path: str, names: list[str], text: str, option: str) -> int:
    """The place of a column, from its name or its place."""
    if text in names:
        return names.index(text)
    if re.fullmatch(r"-?\d+", text) and -len(names) <= int(text) < len(names):
        return int(text) % len(names)
    hint = "" if len(names) > 1 else "; is it another --delimiter?"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    raise UsageError(
        f"{path}: {option} {text!r} is not a column{did_you_mean(text, names)}, expected one of "
        f"{shown}{hint}"
    )


def in_options(error: ValueError) -> str:
    """A reader's message, with options in the place of Python's keywords."""
    text = str(error)
    for keyword, option in OPTIONS:
        text = re.sub(keyword, option, text)
    return text


def _arrays(path: str, task: str | None) -> Source:
    (x, y), test = datasets.npz(path)
    x, y = features_of(x, f"{path}: x"), targets_of(y)
    if len(x) == 0:
        raise ValueError(f"{path}: got no rows, expected at least 2")
    if task is None:
        task = "classification" if look_like_classes(y) else "regression"
    if test is not None:
        test = (features_of(test[0], f"{path}: x_test"), targets_of(test[1]))
    if task == "regression":
        y = as_array(y, f"{path}: y")
        check_finite(y, f"{path}: y")
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
