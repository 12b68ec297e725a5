"""Tables on the command line: what train, predict and evaluate do with a .csv or .parquet file."""

from __future__ import annotations

import argparse
import re
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import gdcore as gd
from gdcore.callbacks import Callback, History
from gdcore.cli.outcome import Outcome
from gdcore.cli.sources import asked_task, kind_of
from gdcore.cli.usage import UsageError
from gdcore.compute import in_words
from gdcore.engine.engine import engine_of
from gdcore.errors import did_you_mean, listed
from gdcore.plots import curves
from gdcore.printed import shown
from gdcore.tabular import Table, TableModel, TableWarning, read
from gdcore.tabular.presets import budget, models_of
from gdcore.tabular.reading import read_like
from gdcore.tabular.report import scores_table
from gdcore.tabular.table import Raw, SettingError
from gdcore.tabular.training import apart, check_held, score

__all__ = ["evaluate_table", "predict_table", "train_table"]

DEFAULT_HELD = 0.2


def _listed_order(found: re.Match[str]) -> str:
    return "--order " + ",".join(name.strip().strip("'") for name in found[1].split(","))


def _ignored(found: re.Match[str]) -> str:
    return "--ignore '" + ",".join(re.findall(r"'([^']*)': 'ignore'", found[0])) + "'"


# What Python calls a keyword is an option here.
OPTIONS: list[tuple[str, Any]] = [
    (r"kinds=\{'([^']*)': '([^']+)'\}", r"--kind '\1=\2'"),
    (r"kinds=\{('[^']*': 'ignore', )+'[^']*': 'ignore'\}", _ignored),
    (r"header=False", "--no-header"),
    (r"header=True", "--header"),
    (r"(missing|task|encoding)='([\w-]+)'", r"--\1 \2"),
    (r"\b(decimal|thousands|na)=", r"--\1 "),
    (r"split='last'", "--split last"),
    (r"patience=None", "--patience 0"),
    (r"(patience|threshold)=(\d)", r"--\1 \2"),
    (r"\border=\[([^\]]*)\]", _listed_order),
    (r"task='ordinal'", "--task ordinal"),
    (r"\binterval=([\d.]+)", r"--interval \1"),
    (r"\bquantiles=\[([^\]]*)\]", lambda found: "--quantiles " + found[1].replace(" ", "")),
    (r"\blabel_smoothing=", "--label-smoothing "),
    (r"\b(threshold|positive)='([^']*)'", r"--\1 \2"),
    (r"loss='(\w+)'", r"--loss \1"),
    (r"target_scale='(\w+)'", r"--target-scale \1"),
    (r"weights='COLUMN'", "--weights COLUMN"),
    (r"\bclass_weight\b", "--class-weight"),
    (r"another delimiter", "another --delimiter"),
    (r"\bloss (\w+) is for", r"--loss \1 is for"),
    (r"\bdoes not go with loss (\w+), expected", r"does not go with --loss \1, expected"),
    (r"\bkinds names", "--kind names"),
    (r"\bmetric (\w+) does not go with loss", r"--metric \1 does not go with --loss"),
    (r"^a share of ", "--validation: a share of "),
]


def in_options(error: Exception | str) -> str:
    """A message of the package, with options in the place of Python's keywords."""
    text = str(error)
    for keyword, option in OPTIONS:
        text = re.sub(keyword, option, text)
    return text


@contextmanager
def told(command: str) -> Iterator[None]:
    """Warnings about tables become lines on standard error, errors speak of options."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", TableWarning)
        other, lines = warnings.showwarning, set()

        def show(message: Any, category: Any, *rest: Any, **more: Any) -> None:
            if issubclass(category, TableWarning):
                line = shown(f"gdcore {command}: {in_options(message)}", sys.stderr)
                if line not in lines:  # a table is looked at more than once
                    print(line, file=sys.stderr, flush=True)
                lines.add(line)
            else:
                other(message, category, *rest, **more)

        warnings.showwarning = show
        try:
            yield
        except SettingError as error:
            raise UsageError(in_options(error)) from None
        except (ValueError, TypeError) as error:
            raise ValueError(in_options(error)) from None


class Head(Callback):
    """Prints what is about to be trained, when that is known."""

    def __init__(self, args: argparse.Namespace, table: TableModel, held: int) -> None:
        self.args, self.table, self.held = args, table, held
        self.notes: list[str] = []

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        table, args = self.table, self.args
        settings = table.settings.of_task(table.target.task)
        trained = sum(p.size for p in engine_of(self.model).network().parameters)
        outputs: Any = engine_of(self.model).network().outputs
        sizes = " → ".join(map(str, [*settings.hidden, sum(out.shape[-1] for out in outputs)]))
        batch, epochs = budget(
            self.table.rows, settings.batch_size, settings.epochs, settings.model
        )
        shares = (
            (self.table.rows, "training"),
            (self.table.watched, "validation"),
            (self.held, "held-out"),
        )
        several = models_of(settings.model, self.table.rows, settings.budget)
        kind = {
            "mlp": "",
            "tabm": f"tabm of {settings.members} members, ",
            "auto": f"{', '.join(several)} on each fold, ",
        }.get(settings.model, f"{settings.model}, ")
        parts = " + ".join(f"{count:,} {part}" for count, part in shares if count)
        stop = f", {settings.folds} folds" if settings.folds > 1 else ""
        if self.table.watched:
            stops = settings.patience is not None and settings.patience < epochs
            stop = f", early stopping ({settings.patience})" if stops else ", the best epoch kept"
        self.notes = list(table.notes)
        lines = [
            f"data      {args.source}: {parts} rows",
            *(f"          {note}" for note in self.notes),
            f"network   {kind}{len(table.encoder.columns)} columns → {sizes}, "
            f"{settings.activation if settings.hidden else 'linear'}, {trained:,} parameters, "
            f"{in_words(settings.dtype, settings.compute)}",
            f"training  {epochs} epochs in batches of {batch}, {settings.optimizer}, learning rate "
            f"{settings.top_rate:g} ({settings.schedule}){stop}, seed {settings.seed}",
            "",
            str(table),
            "",
        ]
        print(shown("\n".join(lines)), flush=True)


def train_table(args: argparse.Namespace) -> Outcome:
    """Train on a table.

    Raises
    ------
    UsageError, OSError, ValueError
        If options do not fit the table, or it cannot be read.
    """
    with told("train"):
        return _fit(args)


def _fit(args: argparse.Namespace) -> Outcome:
    marks = {"decimal": args.decimal, "thousands": args.thousands, "na": args.na}
    table = read(
        args.source,
        header=args.header,
        encoding=args.encoding or "utf-8",
        delimiter=_delimiter(args),
        **marks,
    )
    target = _target(args, table)
    model = _model(args, table)
    whole = table
    share = args.validation
    if args.test is not None:
        if share is not None:
            raise UsageError("--test and --validation both say what to measure on: leave one out")
        rows = read_like(args.test, table.layout, table.names)
        check_held(model, table, rows, target)
        held: Table | None = rows
    else:
        share = DEFAULT_HELD if share is None else share
        if share == 0 and args.report is not None:
            raise UsageError("--report tells of held-out rows, and none are: leave it out")
        table, held, notes = apart(table, target, share, model.settings, args.split or "random")
        model.notes += notes
    head = Head(args, model, 0 if held is None else len(held))
    begin, stopped, results = time.monotonic(), False, ""
    try:
        model.fit(
            table, target, refit=not args.no_refit and held is None,
            callbacks=[head] if args.verbose == "all" else [],
            verbose="auto" if args.verbose == "all" else 0,
        )  # fmt: skip
    except KeyboardInterrupt:
        if "network" not in model.__dict__ or model.network.steps_done == 0:
            raise
        stopped = True
    seconds = time.monotonic() - begin
    if not stopped and held is not None:
        score(model, table, held)
        results = in_options(str(model.report))
        stopped = not args.no_refit and not _refit(args, model, whole)
    elif not stopped:
        got = model.evaluate(table)
        results = scores_table(got if model.views else {"training": got})
    network, history = model.network, model.history or History()
    network.info |= {"source": Path(args.source).name, "gdcore": gd.__version__}

    def draw(path: str) -> object:
        title = f"{Path(args.source).name}: {model.target.name}"
        return model.report.plot(path, title) if model.report else curves(history, path, title)

    def report(path: str) -> None:
        if model.report is not None:
            model.report.save(path, f"{Path(args.source).name}: {model.target.name}")

    batch, _ = budget(model.rows, args.batch_size, args.epochs, model.settings.model)
    return Outcome(
        model, network, history, model.rows, batch, network.steps_done, seconds, stopped, results,
        draw, report, model.notes[len(head.notes) :],
        alone=model.settings.folds == 1 and model.settings.model != "tabm",
    )  # fmt: skip


def _refit(args: argparse.Namespace, model: TableModel, whole: Table) -> bool:
    """Train anew on all rows; False if Ctrl-C ended it, and the model is as it was."""
    how = f", for {model.epochs} epochs"
    if model.settings.folds > 1:
        how = f", in {model.settings.folds} folds"
    elif model.settings.finds_best:
        how = ", a part of which said which epoch is best"
    model.notes.append(
        f"the model that is kept was trained anew on all {len(whole):,} rows{how}; the report is of "
        "the one before"
    )
    try:
        model.refit(whole, verbose="auto" if args.verbose == "all" else 0)
    except KeyboardInterrupt:
        model.notes.pop()
        return False
    return True


def _delimiter(args: argparse.Namespace) -> str | None:
    delimiter: str | None = {"\\t": "\t", "tab": "\t"}.get(args.delimiter, args.delimiter)
    if delimiter is not None and len(delimiter) != 1:
        raise UsageError(
            f"--delimiter {args.delimiter!r}: expected one character, such as ';', or tab"
        )
    return delimiter


def _target(args: argparse.Namespace, table: Table) -> tuple[str, ...]:
    if args.target is None:
        raise UsageError(
            f"{args.source}: --target is missing, expected the column to predict: one of "
            f"{', '.join(table.names)}"
        )
    if args.target in table.names:  # whatever commas it has
        return (args.target,)
    parts = [part.strip() for part in args.target.split(",")]
    return tuple(_column(args.source, table.names, part, "--target") for part in parts)


def _column(path: str, names: list[str], text: str, option: str) -> str:
    """The name of a column, from its name or its place."""
    if text in names:
        return text
    if re.fullmatch(r"-?\d+", text) and -len(names) <= int(text) < len(names):
        return names[int(text)]
    hint = "" if len(names) > 1 else "; is it another --delimiter?"
    raise UsageError(
        f"{path}: {option} {text!r} is not a column{did_you_mean(text, names)}, expected one of "
        f"{listed(names, 12)}{hint}"
    )


def _model(args: argparse.Namespace, table: Table) -> TableModel:
    kinds = {}
    for text in args.kind:
        name, equals, kind = text.partition("=")
        if not equals:
            raise UsageError(f"--kind {text!r}: expected COLUMN=KIND, such as zip=category")
        kinds[_column(args.source, table.names, name, "--kind")] = kind
    for name in args.ignore:
        kinds[_column(args.source, table.names, name, "--ignore")] = "ignore"
    weights = None
    if args.weights is not None:
        weights = _column(args.source, table.names, args.weights, "--weights")
    numbers = "raw" if args.no_standardize else args.numbers
    try:
        return TableModel(
            args.hidden, model=args.model, activation=args.activation, kinds=kinds,
            numbers=numbers, dropout=args.dropout, missing=args.missing, members=args.members or 32,
            folds=args.folds, budget=_budget(args),
            task=asked_task(args), loss=args.loss, optimizer=args.optimizer, lr=args.lr,
            schedule=args.schedule, epochs=args.epochs, batch_size=args.batch_size,
            patience="auto" if args.patience is None else args.patience or None,
            metrics=args.metric, dtype=args.dtype, compute=args.compute, seed=args.seed,
            weights=weights, class_weight=_class_weight(args.class_weight), positive=args.positive,
            threshold=args.threshold, target_scale=args.target_scale, interval=args.interval,
            order=args.order, quantiles=args.quantiles, label_smoothing=args.label_smoothing,
        )  # fmt: skip
    except ValueError as error:
        raise UsageError(in_options(error)) from None


def _budget(args: argparse.Namespace) -> float | None:
    """Seconds of each training, of which there are two if the model is trained anew."""
    twice = not args.no_refit and (args.test is not None or args.validation != 0)
    return None if args.budget is None else args.budget / (2 if twice else 1)


def _class_weight(text: str | None) -> Any:
    """ "balanced", or weights such as yes=5,no=1."""
    if text is None or text == "balanced":
        return text
    weights = {}
    for part in text.split(","):
        name, equals, weight = part.rpartition("=")
        try:
            weights[name.strip()] = float(weight)
        except ValueError:
            equals = ""
        if not equals:
            raise UsageError(
                f"--class-weight {text!r}: expected balanced, or CLASS=WEIGHT with commas between, "
                "such as yes=5,no=1"
            )
    return weights


def _read(model: TableModel, args: argparse.Namespace) -> Table:
    """The table that a model is asked about."""
    if kind_of(args.data) != "table":
        raise UsageError(
            f"{args.data}: the model was trained on a table, expected one: a .csv or .parquet file"
        )
    return model.encoder.read(args.data, _delimiter(args), args.encoding)


def predict_table(
    model: TableModel, args: argparse.Namespace
) -> tuple[dict[str, np.ndarray], dict[str, Raw]]:
    """Predictions by the names of their columns, and the columns that are kept beside them.

    Raises
    ------
    UsageError, OSError, ValueError
        If probabilities of a quantity are asked for, or the table does not fit the model.
    """
    if args.proba and all(t.classes is None for t in model.target.each):
        raise UsageError("--proba is for classes, and this model predicts quantities: leave it out")
    with told("predict"):
        table = _read(model, args)
        names = [_column(table.source, table.names, name, "--keep") for name in args.keep]
        kept = {name: table.columns[name] for name in names}
        made: dict[str, Any] = {}
        own: list[Any] = model.views or [model]
        for view in own:
            name = view.target.name if model.views else "prediction"
            if args.proba and view.classes is not None:
                before = f"{name}_" if model.views else ""
                proba = view.predict_proba(table).T
                made |= {f"{before}{c}": p for c, p in zip(view.classes, proba, strict=True)}
                continue
            made[name] = view.predict(table)
            if view.decision.margin is not None:
                low, high = view.predict_interval(table).T
                made |= {f"{name}_low": low, f"{name}_high": high}
            quantiles = model.settings.quantiles
            if quantiles is not None:
                told_each = zip(quantiles, model.predict_quantiles(table).T, strict=True)
                made |= {f"{name}_{q:g}": values for q, values in told_each}
        return made, kept


def evaluate_table(model: TableModel, args: argparse.Namespace) -> str:
    """What is to be printed of a table with known answers; written too, if that is asked for.

    Raises
    ------
    OSError, ValueError
        If it does not fit the model.
    """
    with told("evaluate"):
        table = _read(model, args)
        report = model.examine(table)
        if args.report is not None:
            report.save(args.report, f"{Path(table.source).name}: {model.target.name}")
        return in_options(f"{table.source}: {len(table):,} rows\n{report}")
