"""Data for training and evaluation, validated against a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gdcore.data.arrays import check_finite
from gdcore.data.dataset import Data
from gdcore.data.frames import ColumnNames
from gdcore.data.image_rows import AugmentedImages
from gdcore.data.steps import Sequences
from gdcore.engine.engine import Engine
from gdcore.engine.network import check_indices
from gdcore.graph.ops.masks import mask_of
from gdcore.losses.readings import tell_assumptions
from gdcore.metrics import Metric
from gdcore.metrics.base import FunctionMetric
from gdcore.metrics.fitting import bind_all, check_targets
from gdcore.training.sequences import bucketed
from gdcore.training.targets import as_targets, weights_of


def prepare(
    engine: Engine,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Any = None,
    what: str = "",
    columns: Mapping[str, tuple[str, ...]] | None = None,
    held_out: float | None = None,
) -> Data:
    """Validated arrays, and the shapes of the targets.

    Parameters
    ----------
    engine : Engine
        Compiled.
    x, y, sample_weight, class_weight : as for `Model.fit`
    what : str
        Name of the inputs in error messages; empty for "X".
    columns : mapping, optional
        Expected column names of frames, by argument; those that the model was trained on by default.
    held_out : float, optional
        The last share of the data that is for validation; None if the data is one batch of many.

    Raises
    ------
    ValueError, TypeError
        If the model is not compiled, or the data does not fit it.
    """
    if not engine.settings.losses:
        raise ValueError(
            "the model is not compiled: call model.compile(optimizer=..., loss=...) first"
        )
    known = ColumnNames.of(engine.columns if columns is None else columns)
    if isinstance(x, Sequences):
        return _in_buckets(engine, x, y, sample_weight, class_weight, what, held_out)
    inputs = engine.arrays(x, known)
    if len(inputs[0]) == 0:
        raise ValueError(f"{what or 'X'} has no rows: expected at least one sample")
    for a, n in zip(inputs, engine.input_names, strict=True):
        check_finite(a, what or ("X" if len(inputs) == 1 else f"X[{n!r}]"))
    first = not engine.traced
    try:
        network = engine.network(inputs)
        check_indices(inputs, network)
        changed = next((a for a in inputs if isinstance(a, AugmentedImages)), None)
        mixed = changed is not None and changed.changes.mixes
        targets, spec = as_targets(y, inputs[0], network, engine.settings.losses, known, mixed)
        tell_assumptions(engine.settings.losses, network.outputs, network.told)
        output = network.outputs[0]
        weights = weights_of(sample_weight, class_weight, inputs[0], targets[0], output, held_out)
        if held_out is not None:
            check_targets(bound_metrics(engine), targets[0], output, what or "y")
        rows = [a if changed is None else changed.alongside(a) for a in targets]
    except Exception:
        if first:  # the shapes of refused data must not become those of the network
            engine.forget_trace()
        raise
    engine.target_spec = spec
    return Data(inputs, rows, weights, spec, known.known)


def _in_buckets(
    engine: Engine,
    x: Sequences,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    what: str,
    held_out: float | None,
) -> Data:
    """`prepare` of `gd.data.sequences`."""
    if held_out is None:
        raise TypeError(
            "a single batch of gd.data.sequences: expected arrays; fit, evaluate and predict take sequences"
        )
    first = not engine.traced
    try:
        data = bucketed(engine, x, y, sample_weight, class_weight, what)
        output = engine.at_steps(data.groups[-1].steps or 1).outputs[0]
        check_targets(bound_metrics(engine), np.asarray(data.targets[0]), output, what or "y")
    except Exception:
        if first:  # as for arrays
            engine.forget_trace()
        raise
    engine.target_spec = data.spec
    return data


def bound_metrics(engine: Engine) -> list[Metric]:
    """Copies of the metrics that know whether the first output is logits or probabilities."""
    if not engine.settings.metrics:
        return []
    loss, output = engine.settings.losses[0], engine.network().outputs[0]
    own = [m.name for m in engine.settings.metrics if isinstance(m, FunctionMetric)]
    if own and mask_of(output) is not None:
        raise ValueError(
            f"the metric {own[0]!r}, a function, of an output with a mask, shape {output.shape}: it would count "
            "the steps that do not. Write it as a gd.metrics.Metric, whose `add` gets weights, or drop the mask "
            "with gd.ops.drop_mask"
        )
    return bind_all(engine.settings.metrics, loss.link(output), loss.config()["name"])
