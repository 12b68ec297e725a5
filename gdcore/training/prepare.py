"""Data for training and evaluation, validated against a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gdcore.data.arrays import as_inputs, check_finite
from gdcore.data.dataset import Data
from gdcore.engine.engine import Engine
from gdcore.engine.network import check_indices
from gdcore.frames import ColumnNames
from gdcore.training.targets import as_targets, class_weights, sample_weights


def prepare(
    engine: Engine,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Any = None,
    what: str = "",
    columns: Mapping[str, tuple[str, ...]] | None = None,
) -> Data:
    """Validated arrays, and the shapes of the targets.

    Parameters
    ----------
    engine : Engine
        Compiled.
    x, y, sample_weight, class_weight : as for `Model.fit`
    what : str
        What errors call the inputs, if not X.
    columns : mapping, optional
        Names of the columns of frames, if not those that the model was trained on.

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
    inputs = as_inputs(x, engine.input_names, known)
    if len(inputs[0]) == 0:
        raise ValueError(f"{what or 'X'} has no rows: expected at least one sample")
    for a, n in zip(inputs, engine.input_names, strict=True):
        check_finite(a, what or ("X" if len(inputs) == 1 else f"X[{n!r}]"))
    first = not engine.traced
    try:
        network = engine.network(inputs)
        check_indices(inputs, network)
        targets, spec = as_targets(y, inputs[0], network, engine.settings.losses, known)
        weights = sample_weights(sample_weight, inputs[0])
        if class_weight is not None:
            by_class = class_weights(class_weight, targets[0], network.outputs[0])
            weights = by_class if weights is None else weights * by_class
    except Exception:
        if first:  # data that was refused does not settle what the network is
            engine.forget_trace()
        raise
    engine.target_spec = spec
    return Data(inputs, targets, weights, spec, known.known)
