"""From what a network puts out to answers, and from answers to scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore import metrics as metric_functions
from gdcore.engine.engine import engine_of
from gdcore.metrics import Metric
from gdcore.model import Model
from gdcore.scores import Scores
from gdcore.tabular.encoding import Features
from gdcore.tabular.heads import labels_of
from gdcore.tabular.table import SettingError
from gdcore.tabular.target import Target

__all__ = ["answers_of", "bound_metrics", "classes_of", "measure"]


def link_of(network: Model) -> str:
    """How to read what a network puts out."""
    return network.losses[0].link(engine_of(network).network().outputs[0])


def classes_of(network: Model, out: NDArray[Any]) -> NDArray[np.int64]:
    """What a network puts out, as class numbers."""
    return labels_of(out, link_of(network))


def answers_of(network: Model, target: Target, out: NDArray[Any]) -> NDArray[Any]:
    """What a network puts out, as people call it: class names, or quantities in their own units."""
    if target.classes is None:
        return target.in_units(out)
    return target.named(classes_of(network, out))


def bound_metrics(network: Model, target: Target, names: Sequence[str] | None) -> list[Metric]:
    """What is measured, told how to read the network's output.

    Raises
    ------
    SettingError
        If a metric does not go with the loss.
    """
    if names is None and target.classes is None:
        names = ["r2", "mae", "rmse"]
    elif names is None:
        names = ["accuracy", *(["roc_auc"] if len(target.classes or ()) == 2 else [])]
    found, loss = [], network.losses[0]
    for name in names:
        try:
            found.append(metric_functions.get(name).bind(link_of(network)))
        except ValueError as error:
            raise SettingError(
                f"metric {name} does not go with loss {loss.name}: {error}"
            ) from None
    return found


def measure(
    network: Model, target: Target, names: Sequence[str] | None, features: Features, y: NDArray[Any]
) -> Scores:
    """Metrics by name, of quantities in their own units; also the loss of classes."""
    out = network.predict(features.inputs())
    got = Scores()
    if target.classes is None:
        out = target.in_units(out)
    else:
        got["loss"] = network.evaluate(features.inputs(), y)["loss"]
    for metric in bound_metrics(network, target, names):
        metric.update(y, out)
        value = metric.result()
        got[metric.name] = float(value) if np.ndim(value) == 0 else value
    return got
