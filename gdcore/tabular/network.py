"""The plain network of a table: numbers as they are or embedded, a vector for each category, dense layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.graph.ir import Value
from gdcore.layers import (
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    PiecewiseLinearEmbedding,
)
from gdcore.model import Model
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.learner import (
    Job,
    Learner,
    columns_of,
    loss_of,
    many_valued,
    model_of,
    optimizer_of,
)

__all__ = ["Inputs", "average_unseen", "build", "embedded", "embedding_width", "inputs_of"]

WIDEST = 50
BINS, NUMBER_WIDTH = 48, 16  # intervals of a number, and the size of its vector
TEXT_WIDTH = 32  # of the vector of a text


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


@dataclass(frozen=True)
class Inputs:
    """What a network takes, in the order of `Features.inputs`.

    Attributes
    ----------
    numbers : Value or None
    codes : list of Value
        Of each column of categories.
    texts : list of Value
        Sparse rows of each column of sentences.
    """

    numbers: Value | None
    codes: list[Value]
    texts: list[Value]

    @property
    def all(self) -> list[Value]:
        """The leaves of the graph."""
        return [*([] if self.numbers is None else [self.numbers]), *self.codes, *self.texts]

    def vectors(self) -> list[Value]:
        """A vector of each text: the sum of those of its n-grams."""
        return [Dense(TEXT_WIDTH, name=f"text_{i}")(x) for i, x in enumerate(self.texts)]


def inputs_of(encoder: Encoder, numbers: int) -> Inputs:
    """The inputs of a network, where `numbers` columns are numbers."""
    codes = [Input((), dtype="int", name=f"codes_{i}") for i in range(len(encoder.categories))]
    texts = [Input(c.learned, name=f"words_{i}") for i, c in enumerate(encoder.texts)]
    return Inputs(Input(numbers, name="numbers") if numbers else None, codes, texts)


def embedded(numbers: Value, rows: NDArray[Any]) -> list[Value]:
    """Vectors of numbers by intervals that the training rows tell; those of two values as they are.

    Parameters
    ----------
    numbers : Value of shape (B, n)
    rows : ndarray of shape (training rows, n)
    """
    many = many_valued(rows)
    several, rest = columns_of(numbers, many), columns_of(numbers, ~many)
    parts = [] if rest is None else [rest]
    if several is None:
        return parts
    edges = PiecewiseLinearEmbedding.quantile_edges(rows[:, many], BINS)
    layer = PiecewiseLinearEmbedding(edges, NUMBER_WIDTH, name="piecewise")
    return [Flatten()(layer(several)), *parts]


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
    inputs = inputs_of(encoder, job.features.numbers.shape[1])
    parts = [] if inputs.numbers is None else [inputs.numbers]
    if parts and settings.model == "mlp-ple":
        parts = embedded(parts[0], job.features.numbers)
    for i, column in enumerate(encoder.categories):
        width = embedding_width(column.count)
        parts.append(Embedding(column.count, width, name=f"embedding_{i}")(inputs.codes[i]))
    parts += inputs.vectors()
    x = Concatenate()(parts) if len(parts) > 1 else parts[0]
    for i, width in enumerate(settings.hidden):
        x = Dense(width, activation=settings.activation, name=f"hidden_{i}")(x)
        if settings.dropout:
            x = Dropout(settings.dropout)(x)
    last = Dense(head.units, activation=head.activation, bias_initializer=head.bias, name="output")
    network = model_of(inputs.all, head.outputs(last(x)))
    optimizer = optimizer_of(settings, settings.rate(job.steps, 1), settings.weight_decay)
    network.compile(
        *(optimizer, loss_of(head, settings), head.metrics, settings.dtype),
        compute=settings.compute,
    )
    return Learner(job, inputs.all, network, network)


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
