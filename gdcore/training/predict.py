"""The outputs of a network, and the probabilities that they stand for."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from gdcore.data.frames import ColumnNames
from gdcore.data.steps import Sequences
from gdcore.data.stream import Stream, streams
from gdcore.engine.carried import batch_of
from gdcore.engine.engine import Engine
from gdcore.engine.fast_path import FastPath, batch_key, plain
from gdcore.engine.network import check_indices
from gdcore.show.progress import check_verbose
from gdcore.training.sequences import predicted

PREDICT_BATCH = 256


def check_batch_size(who: str, batch_size: Any, more: str = "") -> None:
    """Raises ValueError for anything but a whole number of at least 1."""
    if not hasattr(batch_size, "__index__") or batch_size < 1:
        raise ValueError(
            f"{who} batch_size={batch_size!r}: expected a whole number of at least 1{more}"
        )


def predict(engine: Engine, x: Any, batch_size: int = PREDICT_BATCH, verbose: int | str = 0) -> Any:
    """See `Model.predict`."""
    if type(batch_size) is int and not verbose:
        found = _repeated(engine, x, batch_size)
        if found is not None:
            return found
    check_verbose(verbose)
    check_batch_size("predict", batch_size)
    return _predict(engine, x, batch_size)


def predict_on_batch(engine: Engine, x: Any) -> Any:
    """See `Model.predict_on_batch`."""
    found = _repeated(engine, x, sys.maxsize)
    return _predict(engine, x, sys.maxsize) if found is None else found


def _repeated(engine: Engine, x: Any, batch_size: int) -> np.ndarray | None:
    """The outputs by the fast path, if all of `x` is one batch and its like has been validated before."""
    if type(x) is not np.ndarray or not x.ndim or len(x) > batch_size:
        return None
    fast = engine.predicted.get(batch_key(len(x)))
    if fast is None or not fast.holds(engine.steps, engine.bound):
        return None
    return fast.predict(x)


def _predict(engine: Engine, x: Any, batch_size: int) -> Any:
    if isinstance(x, Sequences):
        return predicted(engine, x, min(int(batch_size), len(x)))
    inputs = engine.arrays(x, ColumnNames.of(engine.columns))
    network = engine.network(inputs)
    check_indices(inputs, network)
    rows = len(inputs[0])
    batch = 1
    while batch < min(rows, batch_size):  # powers of two: few plans serve data of any length
        batch *= 2
    batch = batch_of(engine, "predict", batch, rows)
    builder = engine.builder(inputs)
    step = engine.step(("predict", batch, builder.sparse), lambda: builder.predict(batch))
    one = len(step.output_shapes) == 1 and network.output_names is None
    if one and plain(x) and rows <= min(batch, batch_size) and not network.limited:
        known, batches = engine.steps, (batch // 2 + 1, batch)
        fast = FastPath(known, step.memory, step, batches, (x,), (0,), finite=False)
        valid = {k: f for k, f in engine.predicted.items() if f.holds(known, step.memory)}
        engine.predicted = {**valid, batch_key(batch): fast}
    made = [np.empty((rows, *s), step.session.real) for s in step.output_shapes]
    done, steps = 0, -(-rows // batch)
    feeds = [(a, 1.0) for a in inputs]
    stream = Stream(feeds, None, rows, batch) if any(map(streams, inputs)) else None
    while done < steps:
        fed, samples, begun, count = feeds, rows, done, steps - done
        if stream is not None:  # arrays of these steps alone
            fed, count, samples = stream.steps(done, count)
            begun = 0
        got, _ = step.session.run(
            fed,
            samples,
            batch,
            first=begun,
            steps=count,
            outputs=[m[done * batch :] for m in made],
        )
        done += got
    if network.output_names is not None:
        return dict(zip(network.output_names, made, strict=True))
    return made[0] if len(made) == 1 else made


def predict_proba(engine: Engine, x: Any, batch_size: int = PREDICT_BATCH) -> np.ndarray:
    """See `Model.predict_proba`."""
    if not engine.settings.losses:
        raise ValueError("the model is not compiled: predict_proba needs to know the loss")
    loss = engine.settings.losses[0]
    out = predict(engine, x, batch_size)
    first = (
        next(iter(out.values()))
        if isinstance(out, dict)
        else out[0]
        if isinstance(out, list)
        else out
    )
    kind = loss.link(engine.network().outputs[0])
    if kind.endswith("_probs"):
        return np.asarray(first)
    if kind == "multiclass_logits":
        with np.errstate(over="ignore"):  # logits further apart than the largest float: 0
            e = np.exp(first - first.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))
    if kind.endswith("_logits"):
        shrunk = np.exp(-np.abs(first))
        share = np.where(first >= 0, 1.0, shrunk) / (1 + shrunk)
        return np.asarray(share, dtype=first.dtype)
    raise ValueError(
        f"the loss {loss.config()['name']!r} takes the output for {kind}, not for "
        "probabilities: use predict"
    )
