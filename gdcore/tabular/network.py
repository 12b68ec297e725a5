"""The network of a table: numbers as they are, a vector for each category, then dense layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore.layers import Concatenate, Dense, Dropout, Embedding, Input
from gdcore.model import Model
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.heads import Head
from gdcore.tabular.settings import Settings

__all__ = ["average_unseen", "build", "embedding_width"]

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


def build(encoder: Encoder, numbers: int, head: Head, settings: Settings) -> Model:
    """A network that takes `Features.inputs()`.

    Parameters
    ----------
    encoder : says how many categories there are
    numbers : columns of numbers
    head : the end of it
    settings : hidden layers, activation, dropout
    """
    inputs: list[Any] = [Input(numbers, name="numbers")] if numbers else []
    parts = list(inputs)
    for i, column in enumerate(encoder.categories):
        codes = Input((), dtype="int", name=f"codes_{i}")
        inputs.append(codes)
        width = embedding_width(column.count)
        parts.append(Embedding(column.count, width, name=f"embedding_{i}")(codes))
    x = Concatenate()(parts) if len(parts) > 1 else parts[0]
    for i, width in enumerate(settings.hidden):
        x = Dense(width, activation=settings.activation, name=f"hidden_{i}")(x)
        if settings.dropout:
            x = Dropout(settings.dropout)(x)
    last = Dense(head.units, activation=head.activation, bias_initializer=head.bias, name="output")
    return Model(inputs, last(x))


def average_unseen(network: Model, encoder: Encoder, codes: list[np.ndarray]) -> None:
    """Give categories that training never saw the mean vector of those that it saw, by row."""
    state = network.state_dict()
    new = {}
    for i, (column, seen) in enumerate(zip(encoder.categories, codes, strict=True)):
        name = next(n for n in state if n.split(".")[0] == f"embedding_{i}")
        counts = np.bincount(seen, minlength=column.count).astype(np.float64)
        if counts[0] == 0:
            table = state[name].copy()
            table[0] = counts @ table / counts.sum()
            new[name] = table
    if new:
        network.load_state_dict(new, strict=False)
