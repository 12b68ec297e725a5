"""`gdcore predict` and `gdcore evaluate`: what a trained model says, and how often it is right."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import gdcore as gd
from gdcore.cli.questions import answers, questions
from gdcore.cli.tables import evaluate_table, predict_table
from gdcore.cli.train import check_report
from gdcore.cli.usage import UsageError
from gdcore.cli.writing import check_out, write
from gdcore.engine.engine import engine_of
from gdcore.printed import shown
from gdcore.tabular.heads import labels_of, probabilities_of
from gdcore.tabular.report import scores_table
from gdcore.tabular.table import Raw

__all__ = ["evaluate", "open_model", "predict"]


def open_model(path: str) -> Any:
    """A model from a file: a `TableModel` if it was trained on a table.

    Raises
    ------
    UsageError
        If there is no such file.
    ValueError
        If it is damaged, or no model.
    """
    if not Path(path).is_file():
        what = "is a folder" if Path(path).is_dir() else "is not there"
        raise UsageError(f"MODEL {path} {what}, expected a file that gdcore train --out wrote")
    return gd.load(path)


def _asked(args: argparse.Namespace) -> Any:
    """The model that is asked, on as many threads as told."""
    if args.threads is not None:
        gd.set_num_threads(args.threads)
    model = open_model(args.model)
    for option in ("delimiter", "encoding"):
        if isinstance(model, gd.Model) and getattr(args, option) is not None:
            raise UsageError(
                f"--{option} is for models of tables, and {args.model} was not trained on one: "
                "leave it out"
            )
    return model


def predict(args: argparse.Namespace) -> int:
    """Predictions, printed or written."""
    check_out(args.out, args.keep)
    model = _asked(args)
    digits = 17
    columns: dict[str, np.ndarray]
    kept: dict[str, Raw] = {}
    if not isinstance(model, gd.Model):
        columns, kept = predict_table(model, args)
        digits = 9 if model.settings.dtype == "float32" else 17
    elif args.keep:
        raise UsageError(
            f"--keep is for models of tables, and {args.model} was not trained on one: leave it out"
        )
    elif args.proba and model.info.get("task") == "regression":
        raise UsageError("--proba is for classes, and this model predicts quantities: leave it out")
    else:
        names, made = _table(model, questions(args.data, model.info), args.proba)
        columns = dict(zip(names, made.T, strict=True))
    write(args.out, kept, columns, digits, not args.proba)
    return 0


def _table(model: gd.Model, x: np.ndarray, proba: bool) -> tuple[list[str], np.ndarray]:
    """Names of columns, and predictions as people call them: class names or numbers."""
    classes = model.info.get("classes")
    if classes is not None and not isinstance(classes, list):
        raise ValueError(
            f"the model's file names the classes as {classes!r}, expected a list of names"
        )
    if proba:
        made = np.asarray(model.predict_proba(x)).reshape(len(x), -1)
        if classes is not None and len(classes) == 2:
            made = probabilities_of(made)
        names = (
            classes
            if classes is not None and len(classes) == made.shape[1]
            else range(made.shape[1])
        )
        return [str(n) for n in names], made
    out = model.predict(x)
    if not isinstance(out, np.ndarray):
        raise ValueError(
            "the model has several outputs: ask it from Python, gd.load(path).predict(x)"
        )
    out = out.reshape(len(x), -1)
    if classes is None:
        return ["prediction"] if out.shape[1] == 1 else [
            f"prediction_{i}" for i in range(out.shape[1])
        ], out
    link = model.losses[0].link(engine_of(model).network().outputs[0]) if model.losses else ""
    labels = labels_of(out, link)
    if max(out.shape[1], 2) > len(classes):
        raise ValueError(
            f"the model puts out {out.shape[1]} classes, and its file names {len(classes)}"
        )
    whole = all(
        isinstance(c, str) and c.isascii() and c.isdigit() and str(int(c)) == c for c in classes
    )
    return ["prediction"], np.array(
        [int(c) for c in classes] if whole else [str(c) for c in classes]
    )[labels][:, None]


def evaluate(args: argparse.Namespace) -> int:
    """Loss and metrics, printed."""
    check_report(args.report)
    model = _asked(args)
    if not isinstance(model, gd.Model):
        print(shown(evaluate_table(model, args)))
        return 0
    if args.report is not None:
        raise UsageError(
            f"--report is for models of tables, and {args.model} was not trained on one: leave it "
            "out"
        )
    if not model.compiled:
        raise ValueError(
            f"{args.model}: the model was saved without a loss, expected one that was trained"
        )
    x, y, note = answers(args.data, model.info)
    got = model.evaluate(x, y)
    print(shown(f"{args.data}: {len(x):,} samples" + (f" ({note})" if note else "")))
    print(scores_table({"": got}, header=False))
    return 0
