"""`gdcore train`: from a source to a trained model, a table, a file and a picture."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import gdcore as gd
from gdcore import metrics, optimizers, schedules
from gdcore.callbacks import History
from gdcore.cli.networks import Network, prepare, split
from gdcore.cli.sources import Source, open_source
from gdcore.cli.usage import UsageError
from gdcore.progress import duration, number, rate
from gdcore.runtime import ISA_NAME
from gdcore.summary import table

__all__ = ["results_table", "run"]

LARGE = 20_000  # rows from which on fewer passes and larger batches do
FEWEST_STEPS = 1500


@dataclass
class Run:
    """What came of a training."""

    history: History
    seconds: float
    stopped: bool


def run(args: argparse.Namespace) -> int:
    """Train, and tell how it went."""
    _check_outputs(args)
    if args.threads is not None:
        gd.set_num_threads(args.threads)
    source = open_source(args)
    train, held = split(source, args.validation, args.seed)
    _settle(args, len(train[0]))
    network = prepare(args, source, *train)
    model = network.model
    _compile(args, network, len(train[0]))
    if not args.quiet:
        print(
            _head(args, source, network, len(train[0]), 0 if held is None else len(held[0])),
            flush=True,
        )
    # A test part is what the model is measured on, rows held out are what it is watched by.
    test = source.test if source.test is not None else held
    watched = held if held is not None else source.test
    result = _fit(args, network, train, watched)
    if result.stopped and model.steps_done == 0:
        raise KeyboardInterrupt
    network.to_units()
    model.info = network.info | {"training": _settings(args), "epochs": len(result.history.epoch)}
    columns: dict[str, dict[str, Any]] = {}
    if not result.stopped:
        columns["training"] = model.evaluate(train[0], train[1])
        if source.test is not None and held is not None:
            columns["validation"] = model.evaluate(*held)
        if test is not None:
            columns["test" if source.test is not None else "held out"] = model.evaluate(*test)
            if source.task == "regression":
                columns = network.with_error(
                    columns, {"training": train, "validation": held, "test": test, "held out": test}
                )
        model.info["results"] = {
            part: {k: v for k, v in got.items() if np.ndim(v) == 0} for part, got in columns.items()
        }
    made = _outputs(args, model, result, source)
    if result.stopped:
        done = f"after {model.steps_done:,} steps ({len(result.history.epoch)} epochs)"
        saved = f"; the model is saved in {args.out}" if args.out else ""
        print(f"gdcore train: interrupted {done}{saved}", file=sys.stderr, flush=True)
        return 130
    if not args.quiet:
        print(results_table(columns))
        print(_facts(args, network, result, len(train[0]), made), flush=True)
    return 0


def _check_outputs(args: argparse.Namespace) -> None:
    """What would fail after the training fails before it."""
    for option, path in (("--out", args.out), ("--plot", args.plot)):
        if path is None:
            continue
        folder = Path(path).resolve().parent
        if not folder.is_dir():
            raise UsageError(
                f"{option} {path}: there is no folder {folder}, expected one: make it first"
            )
        if Path(path).is_dir():
            raise UsageError(f"{option} {path} is a folder, expected the name of a file")
        if not os.access(folder, os.W_OK):
            raise UsageError(f"{option} {path}: the folder {folder} cannot be written to")
    if args.plot is not None:
        from gdcore.plots import check_path

        try:
            check_path(args.plot)
        except ValueError as error:
            raise UsageError(f"--plot: {error}") from None


def _settle(args: argparse.Namespace, rows: int) -> None:
    """Defaults that depend on the number of rows."""
    if args.batch_size is None:
        args.batch_size = 32 if rows < LARGE else 128
    args.batch_size = min(args.batch_size, rows)
    if args.epochs is None:
        steps = math.ceil(rows / args.batch_size)  # a small set still wants its steps
        args.epochs = min(400, max(10, min(50, 600_000 // rows), FEWEST_STEPS // steps))


def _compile(args: argparse.Namespace, network: Network, rows: int) -> None:
    rate_ = args.lr if args.lr is not None else float(optimizers.OPTIMIZERS[args.optimizer]().lr)  # type: ignore[arg-type]
    args.lr = rate_
    steps = args.epochs * math.ceil(rows / args.batch_size)
    schedule = schedules.from_name(args.schedule, rate_, steps)
    names = args.metric if args.metric is not None else network.metrics
    model = network.model
    model.compile(
        optimizers.get(args.optimizer, lr=schedule), args.loss or network.loss, names, args.dtype
    )
    kind = model.losses[0].link(model.network().outputs[0])
    for name in names:
        try:
            metrics.get(name).bind(kind)
        except ValueError as error:
            raise UsageError(
                f"--metric {name} does not go with --loss {model.losses[0].name}: {error}"
            ) from None


def _fit(
    args: argparse.Namespace,
    network: Network,
    train: tuple[np.ndarray, np.ndarray],
    watched: tuple[np.ndarray, np.ndarray] | None,
) -> Run:
    history = History()
    begin = time.monotonic()
    stopped = False
    scaled = None if watched is None else (watched[0], network.scaled(watched[1]))
    try:
        network.model.fit(
            train[0],
            network.scaled(train[1]),
            batch_size=args.batch_size,
            epochs=args.epochs,
            validation_data=scaled,
            callbacks=[history],
            seed=args.seed,
            verbose=0 if args.quiet else 1,
        )
    except KeyboardInterrupt:
        stopped = True
    return Run(history, time.monotonic() - begin, stopped)


def _head(args: argparse.Namespace, source: Source, network: Network, rows: int, held: int) -> str:
    parts = [f"{rows:,} training"]
    if held:
        parts.append(f"{held:,} {'held-out' if source.test is None else 'validation'}")
    if source.test is not None:
        parts.append(f"{len(source.test[0]):,} test")
    what = f"{len(source.classes)} classes" if source.classes is not None else "regression"
    features = " × ".join(map(str, source.x.shape[1:]))
    sizes = " → ".join(map(str, [math.prod(source.x.shape[1:]), *args.hidden, network.units]))
    trained = sum(p.size for p in network.model.network().parameters)
    lines = [
        f"data      {args.source}: {' + '.join(parts)} samples of {features} features, {what}",
        f"network   {sizes}, {args.activation if args.hidden else 'linear'}, {trained:,} "
        f"parameters, {args.dtype}",
        f"training  {args.epochs} epochs in batches of {args.batch_size}, {args.optimizer}, "
        f"learning rate {args.lr:g} "
        f"({args.schedule}), seed {args.seed}",
    ]
    if network.note:
        lines.append(f"          {network.note}")
    return "\n".join(lines)


def results_table(columns: dict[str, dict[str, Any]], header: bool = True) -> str:
    """Loss and metrics of each part of the data; numbers that are no scalars below."""
    names = list(dict.fromkeys(k for got in columns.values() for k in got))
    scalars = [
        k for k in names if all(np.ndim(got[k]) == 0 for got in columns.values() if k in got)
    ]
    rows = [
        (LABELS.get(k, k), *(number(got[k]) if k in got else "" for got in columns.values()))
        for k in scalars
    ]
    text = table([("", *columns), *rows] if header else rows, "<" + ">" * len(columns), header)
    for k in names:
        if k not in scalars:
            for part, got in columns.items():
                head = f"{k}, {part}" if part else k
                text += f"\n{head}:\n{np.array2string(np.asarray(got[k]), threshold=2500)}"
    return text


LABELS = {"r2": "R²", "error": "mean absolute error"}


def _facts(
    args: argparse.Namespace, network: Network, result: Run, rows: int, made: list[tuple[str, str]]
) -> str:
    model, epochs = network.model, len(result.history.epoch)
    batch, plan = args.batch_size, network.model.plan
    full, rest = divmod(rows, batch)
    work = epochs * (full * plan.flops(batch) + (plan.flops(rest) if rest else 0))
    threads = gd.get_num_threads()
    seconds = max(result.seconds, 1e-9)
    lines = [
        ("time", f"{duration(seconds)} for {epochs} epochs, {model.steps_done:,} steps"),
        ("throughput", f"{rate(epochs * rows / seconds, ' samples/s')}"),
        (
            "compute",
            f"{work / seconds / 1e9:,.1f} GFLOP/s ({ISA_NAME}, up to {threads} "
            f"thread{'s' if threads > 1 else ''})",
        ),
        *made,
    ]
    width = max(len(name) for name, _ in lines)
    return "\n" + "\n".join(f"{name:{width}}  {text}" for name, text in lines)


def _outputs(
    args: argparse.Namespace, model: gd.Model, result: Run, source: Source
) -> list[tuple[str, str]]:
    made = []
    if args.out is not None:
        model.save(args.out)
        made.append(("model", args.out))
    if args.plot is not None and result.history.epoch:
        from gdcore.plots import curves

        curves(
            result.history,
            args.plot,
            title=f"{Path(args.source).name}: {args.optimizer}, {source.task}",
        )
        made.append(("plot", args.plot))
    return made


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """The options of a training, to be kept with the model."""
    kept = (
        "hidden",
        "activation",
        "dropout",
        "optimizer",
        "lr",
        "schedule",
        "epochs",
        "batch_size",
        "dtype",
        "validation",
    )
    return {name: getattr(args, name) for name in kept} | {
        "source": Path(args.source).name,
        "seed": str(args.seed),
    }
