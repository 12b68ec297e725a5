"""Loss, metrics and gradients on data, without an update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore.data.dataset import Data
from gdcore.engine.carried import batch_of
from gdcore.engine.engine import Engine
from gdcore.engine.steps import Step
from gdcore.metrics import Metric
from gdcore.training.non_finite import first_bad_tensor
from gdcore.training.prepare import prepare
from gdcore.training.sweep import Tally, sweep


def measure(engine: Engine, data: Data, batch: int, metrics: Sequence[Metric]) -> Tally:
    """Loss and metrics, those of `bound_metrics`, on validated data, in prediction mode."""
    whole = Tally(metrics)
    for part in data.groups:
        size = batch_of(engine, "evaluate", min(batch, part.rows), part.rows)
        tally = Tally(metrics)
        sweep(_evaluation(engine, part, size), part, size, tally, seed=engine.seed)
        whole.loss, whole.rows = whole.loss + tally.loss, whole.rows + tally.rows
    return whole


def _evaluation(engine: Engine, data: Data, batch: int) -> Step:
    """The step of `measure` for data of these types and shapes."""
    builder, weighted = engine.builder(data.inputs, data.steps), data.weights is not None
    key = ("evaluate", batch, data.spec, weighted, builder.sparse, data.steps)
    return engine.step(key, lambda: builder.evaluate(batch, data.spec, weighted))


def gradients(engine: Engine, x: Any, y: Any, sample_weight: Any = None) -> dict[str, np.ndarray]:
    """See `Model.gradients`."""
    data = prepare(engine, x, y, sample_weight)
    while True:
        step = training_step(engine, data, data.rows, keep_outputs=False, update=False)
        memory = step.memory
        with memory.lock:
            if memory.store.stale:  # another thread has moved the parameters meanwhile: bind again
                continue
            counter = engine.steps_done
            sweep(step, data, data.rows, Tally(()), seed=engine.seed, counter=counter)
            return {memory.network.names[p]: memory.gradient(p).copy() for p in memory.trainable()}


def training_step(
    engine: Engine,
    data: Data,
    batch: int,
    keep_outputs: bool,
    update: bool = True,
    keep_gradients: bool = False,
) -> Step:
    """The training step for data of these types and shapes, from the cache or newly planned.

    Parameters
    ----------
    engine : Engine
    data : Data
    batch : int
        The largest batch.
    keep_outputs : bool
        Whether the outputs are copied out, for metrics.
    update : bool
        Whether the optimizer updates the parameters; if not, the step ends with the gradients.
    keep_gradients : bool
        Whether all gradients are written to memory, also those that could be folded into the update.
    """
    builder, weighted = engine.builder(data.inputs, data.steps), data.weights is not None
    optimizer = engine.optimizer if update else None
    settings = weighted, keep_outputs, update, keep_gradients
    return engine.step(
        ("train", batch, data.spec, *settings, builder.sparse, data.steps),
        lambda: builder.train(batch, data.spec, weighted, optimizer, keep_outputs, keep_gradients),
    )


def bad_tensor(engine: Engine, data: Data, rows: np.ndarray) -> str:
    """The first tensor of a step on these samples that is not finite, in the order of computation."""
    part = Data(
        [np.asarray(a[rows]) for a in data.inputs],
        [np.asarray(a[rows]) for a in data.targets],
        None if data.weights is None else data.weights[rows],
    )
    builder = engine.builder(part.inputs, data.steps)
    return first_bad_tensor(builder, data.spec, part, engine.seed, engine.steps_done)
