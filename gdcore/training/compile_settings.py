"""What `compile` was told, by name or as objects, as the engine takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore import losses, optimizers
from gdcore import metrics as metric_functions
from gdcore.engine.engine import CompileSettings


def compile_settings(
    optimizer: Any,
    loss: Any,
    metrics: Sequence[Any],
    dtype: Any,
    loss_weights: Sequence[float] | None,
) -> CompileSettings:
    """See `Model.compile`."""
    if dtype not in ("float32", "float64", np.float32, np.float64):
        raise ValueError(f"compile dtype={dtype!r}: expected 'float32' or 'float64'")
    if loss is None:
        raise ValueError(
            "compile needs a loss: a name such as 'mse' or 'cross_entropy', or a function of "
            "(prediction, target)"
        )
    several = (
        list(loss)
        if isinstance(loss, list | tuple)
        else list(loss.values())
        if isinstance(loss, dict)
        else [loss]
    )
    weights = [1.0] * len(several) if loss_weights is None else [float(w) for w in loss_weights]
    if len(weights) != len(several):
        raise ValueError(
            f"compile got {len(several)} losses and {len(weights)} loss_weights: expected as many"
        )
    if isinstance(metrics, str):
        metrics = [metrics]
    return CompileSettings(
        optimizers.get(optimizer),
        [losses.get(f) for f in several],
        weights,
        [metric_functions.get(m) for m in metrics],
    )
