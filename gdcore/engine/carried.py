"""Layers that carry their states from batch to batch: batches of one size, in order, and states that begin anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from gdcore.engine.engine import Engine


@contextmanager
def set_aside(engine: Engine) -> Iterator[None]:
    """States of 0 within, such as for validation; then those from before."""
    states = [v.attrs["variable"] for v in engine.network().carried]
    kept = [state.numbers.copy() for state in states]
    for state, numbers in zip(states, kept, strict=True):
        state.data = np.zeros_like(numbers)
    yield
    for state, numbers in zip(states, kept, strict=True):
        state.data = numbers


def batch_of(engine: Engine, who: str, batch: int, rows: int) -> int:
    """The size of a batch: that of the states if any are carried, else `batch`.

    Raises
    ------
    ValueError
        If states are carried and the last batch would be smaller.
    """
    samples = engine.network().carried_samples
    if samples is None:
        return batch
    if rows % samples:
        raise ValueError(
            f"{who} got {rows} samples, and layers carry their states through batches of {samples}: expected a "
            f"multiple of {samples}"
        )
    return samples


def check_fit(engine: Engine, batch: int, rows: int, in_order: bool) -> None:
    """Raises ValueError if a layer carries its states and `fit` would shuffle samples or change the batch's size."""
    samples = engine.network().carried_samples
    if samples is None:
        return
    batch_of(engine, "fit", batch, rows)
    if batch != samples or not in_order:
        got = f"batch_size={batch}" if batch != samples else "shuffled samples"
        raise ValueError(
            f"fit got {got}, and layers carry their states from batch to batch, for {samples} sequences side by "
            f"side: expected batch_size={samples} and shuffle=False, sample i of a batch going on with sample i of the "
            "one before"
        )
