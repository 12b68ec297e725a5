"""The beginning of a training: what training rows tell of the columns, and a network for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from gdcore import optimizers
from gdcore.model import Model
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.heads import head_for
from gdcore.tabular.network import build
from gdcore.tabular.scoring import bound_metrics
from gdcore.tabular.settings import Settings, budget
from gdcore.tabular.table import Table
from gdcore.tabular.target import Target

__all__ = ["begun"]


def begun(
    table: Table, name: str, kinds: Mapping[str, str], settings: Settings
) -> tuple[Encoder, Model]:
    """The transformation, learned from training rows, and a compiled network that takes it.

    Parameters
    ----------
    table : the training rows
    name : of the target
    kinds : of columns whose inferred kind is wrong
    settings : of network and training

    Raises
    ------
    ValueError
        If the rows do not fit the settings.
    """
    target = Target.learn(table, name, settings.task)
    y = target.values(table)
    head = head_for(target.task, len(target.classes or ()), settings.loss, y)
    if not head.standardize:
        target = replace(target, mean=0.0, scale=1.0)
    encoder = Encoder.learn(table, target, kinds, settings.numbers)
    width = sum(c.width for c in encoder.numeric)
    batch, epochs = budget(len(table), settings.batch_size, settings.epochs)
    rate = settings.rate(epochs, math.ceil(len(table) / batch))
    more = {} if settings.weight_decay is None else {"weight_decay": settings.weight_decay}
    network = build(encoder, width, head, settings)
    network.compile(
        optimizers.get(settings.optimizer, lr=rate, **more), head.loss, head.metrics, settings.dtype
    )
    bound_metrics(network, target, settings.metrics)  # a mismatch is told before the training
    return encoder, network
