"""Training on arrays: digits, images, .npz files."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from gdcore import metrics, optimizers, schedules
from gdcore.callbacks import History
from gdcore.cli.networks import Network, Pair, prepare, split
from gdcore.cli.outcome import Outcome
from gdcore.cli.sources import Source, open_source
from gdcore.cli.usage import UsageError
from gdcore.compute import in_words
from gdcore.engine.engine import engine_of
from gdcore.printed import shown
from gdcore.tabular.presets import budget
from gdcore.tabular.report import scores_table

__all__ = ["train_arrays"]


def train_arrays(args: argparse.Namespace) -> Outcome:
    """Train on a source of arrays.

    Raises
    ------
    UsageError, OSError, ValueError
        If options do not fit the source, or it cannot be read.
    """
    source = open_source(args)
    train, held = split(source, args.validation, args.seed)
    rows = len(train[0])
    usual = {"hidden": (128, 64), "activation": "relu", "optimizer": "adam", "schedule": "cosine"}
    for name, value in usual.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    args.batch_size, args.epochs = budget(rows, args.batch_size, args.epochs)
    network = prepare(args, source, *train)
    model = network.model
    _compile(args, network, rows)
    if args.verbose == "all":
        head = _head(args, source, network, rows, 0 if held is None else len(held[0]))
        print(shown(head), flush=True)
    # A test part is what the model is measured on, rows held out are what it is watched by.
    test = source.test if source.test is not None else held
    watched = held if held is not None else source.test
    history, seconds, stopped = _fit(args, network, train, watched)
    if stopped and model.steps_done == 0:
        raise KeyboardInterrupt
    steps = model.steps_done
    network.to_units()
    model.info = network.info | {"training": _settings(args), "epochs": len(history.epoch)}
    parts = {"training": train}
    if source.test is not None and held is not None:
        parts["validation"] = held
    if test is not None:
        parts["test" if source.test is not None else "held out"] = test
    columns = {} if stopped else {part: network.measure(*pair) for part, pair in parts.items()}
    if columns:
        model.info["results"] = {
            part: {k: v for k, v in got.items() if np.ndim(v) == 0} for part, got in columns.items()
        }

    def draw(path: str) -> object:
        from gdcore.plots import curves

        title = f"{Path(args.source).name}: {args.optimizer}, {source.task}"
        return curves(history, path, title=title)

    results = scores_table(columns) if columns else ""
    return Outcome(
        model, model, history, rows, args.batch_size, steps, seconds, stopped, results, draw
    )


def _compile(args: argparse.Namespace, network: Network, rows: int) -> None:
    rate = args.lr if args.lr is not None else float(optimizers.OPTIMIZERS[args.optimizer]().lr)  # type: ignore[arg-type]
    args.lr = rate
    steps = args.epochs * math.ceil(rows / args.batch_size)
    schedule = schedules.from_name(args.schedule, rate, steps)
    names = args.metric if args.metric is not None else list(network.head.metrics)
    model = network.model
    model.compile(
        *(optimizers.get(args.optimizer, lr=schedule), network.head.loss, names, args.dtype),
        compute=args.compute,
    )
    kind = model.losses[0].link(engine_of(model).network().outputs[0])
    for name in names:
        try:
            metrics.get(name).bind(kind)
        except ValueError as error:
            raise UsageError(
                f"--metric {name} does not go with --loss {model.losses[0].name}: {error}"
            ) from None


def _fit(
    args: argparse.Namespace, network: Network, train: Pair, watched: Pair | None
) -> tuple[History, float, bool]:
    """The history, the seconds it took, and whether Ctrl-C ended it."""
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
            verbose="auto" if args.verbose == "all" else 0,
        )
    except KeyboardInterrupt:
        stopped = True
    return history, time.monotonic() - begin, stopped


def _head(args: argparse.Namespace, source: Source, network: Network, rows: int, held: int) -> str:
    parts = [f"{rows:,} training"]
    if held:
        parts.append(f"{held:,} {'held-out' if source.test is None else 'validation'}")
    if source.test is not None:
        parts.append(f"{len(source.test[0]):,} test")
    what = f"{len(source.classes)} classes" if source.classes is not None else "regression"
    features = " × ".join(map(str, source.x.shape[1:]))
    sizes = " → ".join(map(str, [math.prod(source.x.shape[1:]), *args.hidden, network.head.units]))
    trained = sum(p.size for p in engine_of(network.model).network().parameters)
    lines = [
        f"data      {args.source}: {' + '.join(parts)} samples of {features} features, {what}",
        f"network   {sizes}, {args.activation if args.hidden else 'linear'}, {trained:,} "
        f"parameters, {in_words(args.dtype, args.compute)}",
        f"training  {args.epochs} epochs in batches of {args.batch_size}, {args.optimizer}, "
        f"learning rate {args.lr:g} "
        f"({args.schedule}), seed {args.seed}",
    ]
    if network.mean is not None:
        lines.append(
            "          the target is standardised while it trains: the loss is in its standard "
            "deviations, until the table below"
        )
    return "\n".join(lines)


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
        "compute",
        "validation",
    )
    return {name: getattr(args, name) for name in kept} | {
        "source": Path(args.source).name,
        "seed": str(args.seed),
    }
