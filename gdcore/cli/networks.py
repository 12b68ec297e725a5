"""The network of `gdcore train`: what stands before its first layer and behind its last one."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np

import gdcore as gd
from gdcore.cli.sources import Source
from gdcore.cli.usage import UsageError
from gdcore.engine.engine import engine_of
from gdcore.graph.ir import Value
from gdcore.tabular.heads import Head, head_for
from gdcore.tabular.splits import hold_out

__all__ = ["Network", "Pair", "Standardize", "prepare", "split"]

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
    """A model, and how its targets are scaled while it trains.

    Attributes
    ----------
    model : Sequential
    head : what stands behind its last layer
    mean, scale : of the target, or None where it is left as it is
    info : what the model's file keeps
    """

    model: gd.Sequential
    head: Head
    mean: np.ndarray | None
    scale: np.ndarray | None
    info: dict[str, Any]

    def scaled(self, y: np.ndarray) -> np.ndarray:
        """Targets as the training sees them."""
        return y if self.mean is None else (y - self.mean) / self.scale

    def to_units(self) -> None:
        """Let the last layer put out the target's own units: the model speaks as the data does.

        What the optimizer gathered was in other units, so it begins anew.
        """
        if self.mean is None or self.scale is None:
            return
        model = self.model
        last = str(len(model.layers) - 1)
        state = model.state_dict()
        kernel, bias = state[f"{last}.kernel"], state[f"{last}.bias"]
        model.load_state_dict(
            {f"{last}.kernel": kernel * self.scale, f"{last}.bias": bias * self.scale + self.mean},
            strict=False,
        )
        engine = engine_of(model)
        model.compile(
            *(model.optimizer, model.losses, model.metrics, engine.parameters().dtype.name),
            compute=engine.settings.compute,
        )
        self.mean = self.scale = None

    def measure(self, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
        """Loss and metrics, and of quantities the mean absolute error: how far off they are."""
        got = self.model.evaluate(x, y)
        if self.head.metrics == ("r2",) and "mae" not in got:
            guess = np.asarray(self.model.predict(x), dtype=np.float64)
            got["mae"] = float(np.abs(guess.reshape(y.shape) - y).mean())
        return got


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
    try:
        held = hold_out(y, share, seed, source.task == "classification")
    except ValueError as error:
        raise UsageError(f"--validation: {error}") from None
    return (x[~held], y[~held]), (x[held], y[held])


def prepare(args: argparse.Namespace, source: Source, x: np.ndarray, y: np.ndarray) -> Network:
    """The network for a source, with what the training rows tell of its scales.

    Raises
    ------
    UsageError
        If the loss does not go with the target.
    """
    classes = len(source.classes) if source.classes is not None else 0
    try:
        head = head_for(source.task, classes, args.loss, y, args.source)
    except ValueError as error:
        raise UsageError(f"--{error}") from None
    mean = scale = None
    if head.standardize:
        mean = y.mean(axis=0, dtype=np.float64)
        spread = y.std(axis=0, dtype=np.float64)
        scale = np.where(spread > 1e-12 * np.abs(mean), spread, 1.0)
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
    layers.append(gd.Dense(head.units, activation=head.activation, bias_initializer=head.bias))
    info = {
        "source": source.kind,
        "task": source.task,
        "classes": source.classes,
        "gdcore": gd.__version__,
    }
    return Network(gd.Sequential(layers), head, mean, scale, info)


def _scales(source: Source, x: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and 1/deviation of every feature that wants it, or None where none does."""
    if source.kind in ("digits", "idx"):  # 0 to 1 as they come
        return None
    if x.dtype == np.uint8 and x.max() > 1:  # pixels
        return np.zeros(x.shape[1:]), np.full(x.shape[1:], 1 / 255)
    if np.abs(x).max() <= 1:
        return None
    mean, spread = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    return mean, 1 / np.where(spread > 1e-6 * np.abs(mean), spread, 1.0)
