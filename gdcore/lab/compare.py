"""The runner: every combination of settings, every seed, one training each."""

from __future__ import annotations

import inspect
import itertools
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gdcore import optimizers
from gdcore.callbacks import Callback, Logs
from gdcore.data.arrays import as_array
from gdcore.engine.engine import engine_of
from gdcore.errors import NonFiniteError, unknown
from gdcore.lab.networks import mlp
from gdcore.lab.results import Comparison, Trial
from gdcore.many import fit_many
from gdcore.model import Model
from gdcore.printed import shown
from gdcore.setting_checks import positive

__all__ = ["compare"]

RATE = ("lr", "learning_rate")
OF_OPTIMIZER = (*RATE, "optimizer", "weight_decay", "clip_norm", "momentum")
OF_FIT = ("batch_size", "epochs", "class_weight", "shuffle")


class _Clock(Callback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.seconds.append(time.perf_counter() - self.begun)


def compare(
    model_fn: Callable[..., Model] | None,
    x: Any,
    y: Any,
    grid: Mapping[str, Sequence[Any]],
    *,
    epochs: int = 20,
    batch_size: int = 32,
    seeds: int | Sequence[int] = 3,
    validation_data: Any = None,
    validation_split: float = 0.2,
    optimizer: Any = "adam",
    loss: Any = None,
    metrics: Sequence[Any] | None = None,
    target: float | None = None,
    callbacks: Callable[[], Sequence[Callback]] | None = None,
    verbose: int = 1,
) -> Comparison:
    """Train the same network under every combination of some settings, with several seeds each.

    Parameters
    ----------
    model_fn : function of keyword settings that returns a new model, or None
        The model may be compiled, or is compiled here. None is `gdcore.lab.mlp`, fitted to the
        data, with the settings `width`, `depth`, `activation`, `dropout`, `l1`, `l2`,
        `initializer` and `norm`.
    x, y : as for `fit`
    grid : dict of setting to its values
        "lr", "optimizer", "weight_decay", "clip_norm" and "momentum" go to the optimizer,
        "batch_size", "epochs", "class_weight" and "shuffle" to `fit`, everything else to
        `model_fn`; what `model_fn` has a parameter for goes to `model_fn` in any case.
    epochs, batch_size : int
    seeds : int or sequence of int
        How many, or which.
    validation_data, validation_split
        As for `fit`; the split is used where no data is given.
    optimizer, loss, metrics
        As for `compile`, of a model that is not compiled. Without a loss, whole-number targets
        are classes ("cross_entropy" and "accuracy"), others numbers ("mse").
    target : float, optional
        The (validation) loss at which a run has converged; by default, that at which it has made
        95 % of its way from the first epoch's to its lowest.
    callbacks : function that returns new callbacks for each run, optional
    verbose : {0, 1}
        How many runs are done, and a line for each combination, on standard error.

    Returns
    -------
    Comparison
        Print it, or `.plot()` it; `.table()` is a pandas frame where pandas is installed.

    Raises
    ------
    ValueError, TypeError
        If the grid is empty, a setting is not known, or whatever `compile` and `fit` refuse.

    Notes
    -----
    A run whose loss becomes infinite is kept, as diverged. The runs are trained by `fit_many`, one on
    each thread at a time, with the bits of `fit`. Time per epoch is the median of the run's epochs,
    validation included, on the threads that it had.

    Examples
    --------
    >>> import gdcore as gd
    >>> def network(width):
    ...     return gd.Sequential([gd.Dense(width, activation="tanh"), gd.Dense(10)])
    >>> (x, y), held = gd.datasets.digits()
    >>> result = gd.lab.compare(
    ...     network, x, y, {"width": [4, 32]}, epochs=3, seeds=2, validation_data=held, verbose=0
    ... )
    >>> result.best["width"]
    32
    """
    settings = _checked(grid)
    chosen = _seeds(seeds)
    make, classes = model_fn, None
    if make is None or loss is None:
        classes = _classes(y)
    if make is None:
        make = _default(x, y, classes)
    own = _parameters(make)
    combinations = [
        dict(zip(settings, values, strict=True)) for values in itertools.product(*settings.values())
    ]
    parts = [_dealt(combination, own) for combination in combinations]
    clocks: dict[tuple[int, int], _Clock] = {}

    def new_model(place: int) -> Model:
        model = make(**parts[place]["model"])
        if not isinstance(model, Model):
            raise TypeError(f"model_fn returned {type(model).__name__}: expected a new model")
        if model.steps_done:
            raise ValueError("model_fn returned a model that is trained: expected a new one")
        _compile(model, parts[place]["optimizer"], optimizer, loss, metrics, classes)
        return model

    def new_callbacks(place: int, seed: int, **_: Any) -> list[Callback]:
        clocks[place, seed] = _Clock()
        return [clocks[place, seed], *(callbacks() if callbacks is not None else ())]

    split = validation_split if validation_data is None else 0.0
    found = fit_many(
        new_model,
        [
            {"place": i, "seed": seed, **part["fit"]}
            for i, part in enumerate(parts)
            for seed in chosen
        ],
        *(x, y),
        epochs=epochs,
        batch_size=batch_size,
        validation_data=validation_data,
        validation_split=split,
        callbacks=new_callbacks,
        verbose="auto" if verbose else 0,
    )
    runs: list[Trial] = []
    for run in found:
        diverged = isinstance(run.exception, NonFiniteError)
        if run.exception is not None and not diverged:
            raise run.exception
        assert run.history is not None
        place = run.setting["place"]
        spent = clocks[place, run.seed].seconds
        runs.append(
            Trial(
                dict(combinations[place]),
                run.seed,
                {k: list(v) for k, v in run.history.history.items()},
                float(np.median(spent)) if spent else float("nan"),
                diverged,
                target,
            )
        )
    result = Comparison(list(settings), runs)
    if verbose:
        for combination in combinations:
            print(shown(result.line(combination), sys.stderr), file=sys.stderr, flush=True)
    return result


def _checked(grid: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    if not isinstance(grid, Mapping) or not grid:
        raise TypeError(f"compare grid={grid!r}: expected a dict such as {{'lr': [1e-3, 1e-2]}}")
    out = {}
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
            raise TypeError(f"compare grid[{name!r}]={values!r}: expected a list of values")
        if len(values) == 0:
            raise ValueError(f"compare grid[{name!r}] is empty: expected at least one value")
        out[str(name)] = list(values)
    if sum(n in RATE for n in out) > 1:
        raise ValueError("compare grid has both 'lr' and 'learning_rate': expected one of them")
    return out


def _seeds(seeds: Any) -> list[int]:
    """Which seeds: those given, or 0, 1, ... as many as given."""
    if not isinstance(seeds, Sequence) or isinstance(seeds, str):
        return list(range(positive("compare seeds", seeds)))
    if not seeds or not all(hasattr(s, "__index__") for s in seeds):
        raise ValueError(f"compare seeds={seeds!r}: expected at least one, whole numbers")
    return [int(s) for s in seeds]


def _classes(y: Any) -> int | None:
    """How many classes whole-number targets name; None for numbers."""
    if isinstance(y, Mapping | list | tuple) and not np.isscalar(next(iter(y), 0)):
        raise ValueError("compare with several outputs needs a model_fn and a loss")
    array = as_array(y, "y")
    if array.dtype.kind not in "iu" or array.ndim > 2 or (array.ndim == 2 and array.shape[1] > 1):
        return None
    return int(array.max()) + 1 if array.size else None


def _default(x: Any, y: Any, classes: int | None) -> Callable[..., Model]:
    """The perceptron for this data."""
    target = as_array(y, "y")
    outputs = classes or (1 if target.ndim == 1 else int(np.prod(target.shape[1:])))
    flatten = as_array(x, "X").ndim > 2

    def network(
        width: int = 64,
        depth: int = 2,
        activation: Any = "relu",
        dropout: float = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        initializer: Any = None,
        norm: str | None = None,
    ) -> Model:
        return mlp(
            outputs,
            width=width,
            depth=depth,
            activation=activation,
            dropout=dropout,
            l1=l1,
            l2=l2,
            initializer=initializer,
            norm=norm,
            flatten=flatten,
        )

    return network


def _parameters(make: Callable[..., Any]) -> set[str] | None:
    """Keywords that a function takes; None if it takes any."""
    found = inspect.signature(make).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in found):
        return None
    return {p.name for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def _dealt(combination: Mapping[str, Any], own: set[str] | None) -> dict[str, dict[str, Any]]:
    """Settings split into those of the model, the optimizer and `fit`."""
    parts: dict[str, dict[str, Any]] = {"model": {}, "optimizer": {}, "fit": {}}
    for name, value in combination.items():
        if own is not None and name in own:
            parts["model"][name] = value
        elif name in OF_OPTIMIZER:
            parts["optimizer"]["lr" if name in RATE else name] = value
        elif name in OF_FIT:
            parts["fit"][name] = value
        elif own is None:
            parts["model"][name] = value
        else:
            raise unknown("setting", name, [*sorted(own), *OF_OPTIMIZER, *OF_FIT])
    return parts


def _compile(
    model: Model,
    changes: Mapping[str, Any],
    optimizer: Any,
    loss: Any,
    metrics: Sequence[Any] | None,
    classes: int | None,
) -> None:
    """Compile a model, with its own settings where it has some."""
    base = model.optimizer if model.compiled else optimizer
    more = dict(changes)
    base = more.pop("optimizer", base)
    made = optimizers.get(base) if not isinstance(base, str) else optimizers.get(base, **more)
    if not isinstance(base, str) and more:
        config = made.config() | more
        made = optimizers.from_config(config)
    if model.compiled:
        if changes:
            losses = list(model.losses)
            model.compile(
                made,
                losses if len(losses) > 1 else losses[0],
                list(model.metrics),
                dtype=engine_of(model).dtype.name,
                loss_weights=list(model.loss_weights),
                compute=engine_of(model).settings.compute,
            )
        return
    told = loss if loss is not None else "cross_entropy" if classes else "mse"
    measured = metrics if metrics is not None else ["accuracy"] if classes and loss is None else []
    model.compile(made, told, measured)
