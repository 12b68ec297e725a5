"""One step on one batch: `Model.train_on_batch`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore.data.dataset import Data
from gdcore.engine.engine import Engine
from gdcore.engine.fast_path import FastPath, class_limit, plain
from gdcore.errors import NonFiniteError
from gdcore.graph.ir import INT
from gdcore.losses import Loss
from gdcore.training.evaluate import bad_tensor, training_step
from gdcore.training.prepare import prepare
from gdcore.training.sweep import Tally, sweep


def train_on_batch(engine: Engine, x: Any, y: Any, sample_weight: Any = None) -> float:
    """See `Model.train_on_batch`."""
    engine.training_lock.check()
    fast = engine.trained
    if fast is not None and sample_weight is None and type(x) is type(y) is np.ndarray:
        with fast.lock:
            if fast.holds(engine.steps, engine.bound):
                loss = fast.train((x, y), engine.seed, engine.steps_done)
                if loss is not None:
                    return loss
    data = prepare(engine, x, y, sample_weight)
    while True:
        step = training_step(engine, data, data.rows, keep_outputs=False)
        memory = step.memory
        if sample_weight is None and _repeatable(engine, x, y, data):
            limit = class_limit(engine.network().outputs[0]) if data.spec[0].dtype == INT else 0
            batches, limits = (data.rows, data.rows), (0, limit)
            engine.trained = FastPath(
                engine.steps, memory, step, batches, (x, y), limits, finite=True
            )
        tally = Tally(())
        engine.columns = data.columns
        with memory.lock:
            if memory.store.stale:  # another thread has moved the parameters meanwhile: bind again
                continue
            clock = lambda: engine.steps_done  # noqa: E731
            done, _ = sweep(step, data, data.rows, tally, seed=engine.seed, clock=clock)
            if done:
                return tally.mean
            tensor = bad_tensor(engine, data, np.arange(data.rows))
            raise NonFiniteError(engine.epochs_done, engine.steps_done, tensor)


def _repeatable(engine: Engine, x: Any, y: Any, data: Data) -> bool:
    """Whether C can validate arrays of these types, so that the fast path may take them."""
    network = engine.network()
    if not (plain(x) and plain(y)) or network.limited or len(data.targets) != 1:
        return False
    if data.spec[0].dtype == INT:
        return y.shape == data.targets[0].shape and class_limit(network.outputs[0]) > 0
    return y.dtype.kind == "f" and type(engine.settings.losses[0]).check is Loss.check
