"""The plain network of a table: numbers as they are, a vector for each category, then dense layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore.layers import Concatenate, Dense, Dropout, Embedding, Input
from gdcore.model import Model
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.learner import Job, Learner, loss_of, optimizer_of

__all__ = ["average_unseen", "build", "embedding_width", "inputs_of"]

WIDEST = 50


def embedding_width(count: int) -> int:
    """The size of the vectors of so many categories: 1.6 n^0.56, at least 2, at most 50.

    The rule of thumb of fastai's tabular learner (Howard and Gugger 2020, Deep learning for coders
    with fastai and PyTorch, chapter 9).

    Examples
    --------
    >>> [embedding_width(n) for n in (2, 8, 42, 10_000)]
    [2, 5, 13, 50]
    """
    return int(min(WIDEST, max(2, round(1.6 * count**0.56))))


def inputs_of(encoder: Encoder, numbers: int) -> tuple[Any, list[Any]]:
    """What a network takes: numbers, None where there are none, and the codes of each category."""
    codes = [Input((), dtype="int", name=f"codes_{i}") for i in range(len(encoder.categories))]
    return (Input(numbers, name="numbers") if numbers else None), codes


def build(job: Job) -> Learner:
    """A network that takes `Features.inputs()`, compiled.

    Parameters
    ----------
    job : Job

    Returns
    -------
    Learner
    """
    encoder, head, settings = job.encoder, job.head, job.settings
    first, codes = inputs_of(encoder, job.features.numbers.shape[1])
    inputs = [*([] if first is None else [first]), *codes]
    parts = [] if first is None else [first]
    for i, column in enumerate(encoder.categories):
        width = embedding_width(column.count)
        parts.append(Embedding(column.count, width, name=f"embedding_{i}")(codes[i]))
    x = Concatenate()(parts) if len(parts) > 1 else parts[0]
    for i, width in enumerate(settings.hidden):
        x = Dense(width, activation=settings.activation, name=f"hidden_{i}")(x)
        if settings.dropout:
            x = Dropout(settings.dropout)(x)
    last = Dense(head.units, activation=head.activation, bias_initializer=head.bias, name="output")
    network = Model(inputs, last(x))
    optimizer = optimizer_of(settings, settings.rate(job.steps, 1), settings.weight_decay)
    network.compile(
        *(optimizer, loss_of(head, settings), head.metrics, settings.dtype),
        compute=settings.compute,
    )
    return Learner(job, inputs, network, network)


def average_unseen(network: Model, encoder: Encoder, codes: list[np.ndarray]) -> None:
    """Give categories that training never saw the mean vector of those that it saw, by row."""
    state = network.state_dict()
    new = {}
    for i, (column, seen) in enumerate(zip(encoder.categories, codes, strict=True)):
        name = next((n for n in state if n.split(".")[0] == f"embedding_{i}"), None)
        if name is None:  # one-hot: zeros
            continue
        counts = np.bincount(seen, minlength=column.count).astype(np.float64)
        if counts[0] == 0:
            table = state[name].copy()
            table[0] = counts @ table / counts.sum()
            new[name] = table
    if new:
        network.load_state_dict(new, strict=False)
