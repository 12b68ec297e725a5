"""The network of `gdcore train`: what stands before its first layer and behind its last one."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gdcore as gd
from gdcore.cli.sources import Source
from gdcore.cli.usage import UsageError
from gdcore.graph.ir import Value

__all__ = ["Network", "Standardize", "prepare", "split"]

Pair = tuple[np.ndarray, np.ndarray]
DEFAULT_HELD = 0.2


class Standardize(gd.Layer):
    """(x - mean) · scale, with numbers that are not learned but seen in the data.

    They are constants of the graph, so a saved model takes the data as it lies in its file.

    Parameters
    ----------
    mean, scale : arrays of the shape of a sample
    """

    def __init__(self, mean: np.ndarray, scale: np.ndarray) -> None:
        self.mean, self.scale = mean, scale

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        return (x - self.mean) * self.scale


@dataclass
class Network:
    """A model, and how its targets were scaled while it trains.

    Attributes
    ----------
    model : Sequential
    units : width of the output
    loss, metrics : what it is trained with unless options say otherwise
    mean, scale : of the target, or None where it is left as it is
    note : a line for the reader
    info : what the model's file keeps
    """

    model: gd.Sequential
    units: int
    loss: str
    metrics: list[str]
    mean: np.ndarray | None
    scale: np.ndarray | None
    note: str
    info: dict[str, Any] = field(default_factory=dict)

    def scaled(self, y: np.ndarray) -> np.ndarray:
        """Targets as the training sees them."""
        return y if self.mean is None else (y - self.mean) / self.scale

    def to_units(self) -> None:
        """Let the last layer put out the target's own units: the model speaks as the data does."""
        if self.mean is None or self.scale is None:
            return
        last = str(len(self.model.layers) - 1)
        state = self.model.state_dict()
        kernel, bias = state[f"{last}.kernel"], state[f"{last}.bias"]
        self.model.load_state_dict(
            {f"{last}.kernel": kernel * self.scale, f"{last}.bias": bias * self.scale + self.mean},
            strict=False,
        )
        self.mean = self.scale = None

    def with_error(
        self, columns: dict[str, dict[str, Any]], parts: dict[str, Pair | None]
    ) -> dict[str, dict[str, Any]]:
        """The mean absolute error beside the rest: how far off predictions are."""
        out = {}
        for name, got in columns.items():
            part = parts[name]
            if part is not None and "mae" not in got:
                guess = np.asarray(self.model.predict(part[0]), dtype=np.float64)
                got = got | {"error": float(np.abs(guess.reshape(part[1].shape) - part[1]).mean())}
            out[name] = got
        return out


def split(source: Source, share: float | None, seed: int) -> tuple[Pair, Pair | None]:
    """Rows to learn from, and rows held out: at random, of every class alike.

    Raises
    ------
    UsageError
        If a part would be empty.
    """
    if share is None:
        share = 0.0 if source.test is not None else DEFAULT_HELD
    x, y = source.x, source.y
    if share == 0:
        return (x, y), None
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(y))
    if source.task == "classification":
        order = order[np.argsort(y[order], kind="stable")]
    # Of rows that lie class by class, evenly spaced ones give every class its share.
    count = np.floor(np.arange(len(y) + 1) * share + 0.5)
    held = np.zeros(len(y), dtype=bool)
    held[order[np.diff(count) > 0]] = True
    if held.all() or not held.any():
        raise UsageError(
            f"--validation {share:g} of {len(y)} rows leaves a part empty: give another share, or 0"
        )
    return (x[~held], y[~held]), (x[held], y[held])


def prepare(args: argparse.Namespace, source: Source, x: np.ndarray, y: np.ndarray) -> Network:
    """The network for a source, with what the training rows tell of its scales.

    Raises
    ------
    UsageError
        If the loss does not go with the target.
    """
    loss = args.loss or ("cross_entropy" if source.task == "classification" else "mse")
    classes = len(source.classes) if source.classes is not None else 0
    units, activation, bias, mean, scale, note = classes, None, 0.0, None, None, ""
    if source.task == "classification":
        if loss != "cross_entropy":
            if classes != 2:
                raise UsageError(
                    f"--loss {loss} is for 2 classes, and {args.source} has {classes}: use "
                    "--loss cross_entropy"
                )
            units = 1
        names = [] if "hinge" in loss else ["accuracy"]
    else:
        units, names = int(np.prod(y.shape[1:])), ["r2"]
        if loss == "poisson":
            if y.min() < 0:
                raise UsageError(
                    f"--loss poisson is for counts, and the target holds {y.min():g}: use "
                    "--loss mse"
                )
            activation, bias = "exp", float(np.log(max(float(y.mean()), 1e-6)))
        else:
            mean = y.mean(axis=0, dtype=np.float64)
            spread = y.std(axis=0, dtype=np.float64)
            scale = np.where(spread > 1e-12 * np.abs(mean), spread, 1.0)
            note = (
                "the target is standardised while it trains: the loss is in its standard "
                "deviations, until the table below"
            )
    layers: list[Any] = [gd.Input(x.shape[1:])]
    scales = None if args.no_standardize else _scales(source, x)
    if scales is not None:
        layers.append(Standardize(*scales))
    if x.ndim > 2:
        layers.append(gd.Flatten())
    for width in args.hidden:
        layers.append(gd.Dense(width, activation=args.activation))
        if args.dropout:
            layers.append(gd.Dropout(args.dropout))
    layers.append(gd.Dense(units, activation=activation, bias_initializer=bias))
    info = {
        "source": source.kind,
        "task": source.task,
        "classes": source.classes,
        "missing": args.missing,
        "encoder": None if source.encoder is None else source.encoder.to_config(),
        "gdcore": gd.__version__,
    }
    return Network(gd.Sequential(layers), units, loss, names, mean, scale, note, info)


def _scales(source: Source, x: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and 1/deviation of every feature that wants it, or None where none does."""
    if source.kind in ("digits", "idx"):  # 0 to 1 as they come
        return None
    if x.dtype == np.uint8 and x.max() > 1:  # pixels
        return np.zeros(x.shape[1:]), np.full(x.shape[1:], 1 / 255)
    if source.encoder is None and np.abs(x).max() <= 1:
        return None
    mean, spread = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    scale = 1 / np.where(spread > 1e-6 * np.abs(mean), spread, 1.0)
    if source.encoder is not None:  # categories stay 0 and 1
        numeric = np.array(
            [c.categories is None for c in source.encoder.columns for _ in c.feature_names()]
        )
        mean, scale = np.where(numeric, mean, 0.0), np.where(numeric, scale, 1.0)
    return mean, scale
