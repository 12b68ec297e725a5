"""The arguments of `fit`, checked before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore.callbacks import Callback
from gdcore.data.dataset import Data
from gdcore.engine.engine import Engine
from gdcore.training.predict import check_batch_size
from gdcore.training.prepare import prepare
from gdcore.training.targets import training_rows


def check_fit(
    batch_size: Any,
    epochs: Any,
    initial_epoch: Any,
    validation_split: Any,
    shuffle: Any,
    callbacks: Any,
    seed: Any,
) -> None:
    """Raises ValueError or TypeError if an argument of `Model.fit` is out of its range."""
    if isinstance(epochs, bool) or not hasattr(epochs, "__index__") or epochs < 0:
        raise ValueError(f"fit epochs={epochs!r}: expected a whole number of at least 0")
    if not hasattr(initial_epoch, "__index__") or not 0 <= initial_epoch <= epochs:
        raise ValueError(f"fit initial_epoch={initial_epoch!r}: expected 0 to epochs={epochs}")
    if batch_size is not None:
        check_batch_size("fit", batch_size, ", or None for all samples")
    if not isinstance(validation_split, int | float | np.number) or not 0 <= validation_split < 1:
        raise ValueError(
            f"fit validation_split={validation_split!r}: expected at least 0 and below 1"
        )
    if not callable(shuffle) and shuffle not in (True, False, "blocks"):
        raise ValueError(f"fit shuffle={shuffle!r}: expected True, False, 'blocks' or a function")
    if seed is not None and (
        isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed < 2**64
    ):
        raise ValueError(f"fit seed={seed!r}: expected a whole number from 0 to 2**64 - 1")
    if not isinstance(callbacks, list | tuple) or not all(
        isinstance(c, Callback) for c in callbacks
    ):
        raise TypeError(f"fit callbacks={callbacks!r}: expected a list of gd.Callback instances")


def validation_of(
    engine: Engine, data: Data, given: Sequence[Any] | None, split: float, weighted: bool
) -> tuple[Data, Data | None]:
    """The data to train on and the data to validate on, given or split off.

    `weighted` says whether samples have weights of their own, which count in validation too.
    """
    if given is not None:
        if not isinstance(given, list | tuple) or len(given) not in (2, 3):
            raise ValueError("fit validation_data: expected (x, y) or (x, y, sample_weight)")
        x, y, *weights = given
        validation = prepare(
            engine,
            x,
            y,
            weights[0] if weights else None,
            what="validation_data",
            columns=data.columns,
            held_out=0.0,
        )
        if _kinds(validation) != _kinds(data):
            raise ValueError(
                f"validation targets of shape {validation.spec[0].shape} for training "
                f"targets of shape {data.spec[0].shape}: "
                "expected the same kind"
            )
        return data, validation
    if not split:
        return data, None
    trained = training_rows(data.rows, split)
    held = data.take(slice(trained, None))
    if not weighted:  # class weights count in training alone
        held.weights = None
    return data.take(slice(0, trained)), held


def _kinds(data: Data) -> list[tuple[tuple[int, ...], str]]:
    """Shapes and types of targets; of sequences in buckets without the steps, which differ from one to the next."""
    steps = [part.steps for part in data.groups]
    return [
        (
            spec.shape[1:]
            if steps[-1] is not None and spec.shape[:1] == (steps[-1],)
            else spec.shape,
            spec.dtype,
        )
        for spec in data.spec
    ]
