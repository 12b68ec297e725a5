"""Learning from a table: first what its columns are, then the network's weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from gdcore import optimizers
from gdcore.callbacks import Callback, EarlyStopping
from gdcore.model import Model
from gdcore.tabular.encoding import Encoder, Features
from gdcore.tabular.heads import head_for
from gdcore.tabular.network import average_unseen, build
from gdcore.tabular.scoring import bound_metrics
from gdcore.tabular.settings import Settings, budget
from gdcore.tabular.table import Table
from gdcore.tabular.target import Target

__all__ = ["begun", "train"]


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


def train(
    network: Model,
    encoder: Encoder,
    settings: Settings,
    table: Table,
    watched: Table | None,
    callbacks: Sequence[Callback],
    verbose: int | str,
) -> None:
    """Train what `begun` began, watched by other rows if there are any.

    Raises
    ------
    ValueError
        If rows do not fit the transformation.
    KeyboardInterrupt
        On Ctrl-C; what was learned by then can be used.
    """
    features, y = _pair(encoder, table)
    validation = None
    if watched is not None:
        held, truth = _pair(encoder, watched)
        validation = (held.inputs(), truth)
    stop = [EarlyStopping(patience=settings.patience)] if settings.patience is not None else []
    batch, epochs = budget(len(table), settings.batch_size, settings.epochs)
    try:
        network.fit(
            features.inputs(), y, batch_size=batch, epochs=epochs, validation_data=validation,
            callbacks=[*stop, *callbacks], seed=settings.seed, verbose=verbose,
        )  # fmt: skip
    finally:
        if network.steps_done:
            average_unseen(network, encoder, features.codes)


def _pair(encoder: Encoder, table: Table) -> tuple[Features, NDArray[Any]]:
    return encoder.encode(table), encoder.target.scaled(encoder.target.values(table))
