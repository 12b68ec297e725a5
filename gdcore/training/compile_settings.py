"""The arguments of `Model.compile`, names or objects, resolved to `CompileSettings`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore import metrics as metric_functions
from gdcore import optimizers
from gdcore.compute import check_compute, warn_if_slow
from gdcore.engine.settings import CompileSettings
from gdcore.losses.by_output import losses_of


def compile_settings(
    optimizer: Any,
    loss: Any,
    metrics: Sequence[Any],
    dtype: Any,
    loss_weights: Any,
    compute: Any = "float32",
) -> CompileSettings:
    """See `Model.compile`."""
    if dtype not in ("float32", "float64", np.float32, np.float64):
        raise ValueError(f"compile dtype={dtype!r}: expected 'float32' or 'float64'")
    check_compute(compute, dtype)
    if loss is None:
        raise ValueError(
            "compile needs a loss: a name such as 'mse' or 'cross_entropy', or a function of "
            "(prediction, target)"
        )
    if isinstance(metrics, str):
        metrics = [metrics]
    if isinstance(metrics, dict):
        raise TypeError(
            f"compile metrics={metrics!r}: metrics are of the first output, expected a list of "
            "them; measure another output with gd.metrics.evaluate(metric, y, predicted, kind)"
        )
    found = [metric_functions.get(m) for m in metrics]
    chosen = optimizers.get(optimizer)
    losses, weights, names = losses_of(loss, loss_weights)
    if compute == "bfloat16":
        warn_if_slow()
    return CompileSettings(chosen, losses, weights, found, names, compute)
