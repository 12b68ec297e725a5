"""RealMLP, the pre-tuned network of Holzmüller et al. 2024, "Better by default"."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.initializers import Normal, dense_by_data
from gdcore.layers import (
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    OneHot,
    ParametricActivation,
    PeriodicEmbedding,
    Scale,
)
from gdcore.model import Model
from gdcore.random import Stream
from gdcore.schedules import FlatCosine
from gdcore.tabular.columns import Category
from gdcore.tabular.learner import (
    Job,
    Learner,
    columns_of,
    loss_of,
    many_valued,
    model_of,
    optimizer_of,
)
from gdcore.tabular.network import inputs_of

__all__ = ["build", "one_hot"]

ONE_HOT = 9  # categories, the unseen included, above which vectors are learned
WIDTH = 8  # of these vectors
NUMBER_WIDTH = 4  # of the embedding of a number
BETAS = (0.9, 0.95)
ROWS = 4096  # that first weights are fitted to


def one_hot(codes: Value, column: Category) -> Value:
    """A category as zeros and a one; of two kinds -1 or 1; zeros for what training never saw."""
    if column.rare:  # number 0 stands for rare ones
        every: Value = OneHot(column.count)(codes)
        return every
    hot: Value = OneHot(column.count - 1, first=1)(codes)
    return hot[:, 1:] - hot[:, :1] if column.count == 3 else hot


def _features(job: Job) -> tuple[list[Any], Value, bool]:
    """The inputs, one vector of all that is known of a row, and whether numbers are embedded in it."""
    encoder, numbers = job.encoder, job.features.numbers
    inputs = inputs_of(encoder, numbers.shape[1])
    first = inputs.numbers
    parts, embedded = [], None
    if first is not None:
        many = many_valued(numbers)
        embedded, rest = columns_of(first, many), columns_of(first, ~many)
        if embedded is not None:
            parts.append(Flatten()(PeriodicEmbedding(NUMBER_WIDTH, name="periodic")(embedded)))
        parts += [] if rest is None else [rest]
    for i, (column, code) in enumerate(zip(encoder.categories, inputs.codes, strict=True)):
        if column.count <= ONE_HOT:
            parts.append(one_hot(code, column))
        else:
            layer = Embedding(column.count, WIDTH, Normal(1.0), name=f"embedding_{i}")
            parts.append(layer(code))
    parts += inputs.vectors()
    x = Concatenate()(parts) if len(parts) > 1 else parts[0]
    return inputs.all, x, embedded is not None


def build(job: Job) -> Learner:
    """RealMLP for a table, compiled.

    Parameters
    ----------
    job : Job

    Returns
    -------
    Learner
    """
    settings, head = job.settings, job.head
    inputs, x, embedded = _features(job)
    x = Scale(name="scale")(x)
    dense: list[tuple[Dense, Value]] = []  # each with what it gets

    def layer(units: int, name: str, before: Value) -> Value:
        made = Dense(units, kernel_initializer=Normal(1.0), name=name, ntk=True)
        dense.append((made, before))
        out: Value = made(before)
        return out

    for i, width in enumerate(settings.hidden):
        x = layer(width, f"hidden_{i}", x)
        x = ParametricActivation(settings.activation, name=f"activation_{i}")(x)
        if settings.dropout:
            x = Dropout(FlatCosine(settings.dropout, job.steps), name=f"dropout_{i}")(x)
    x = layer(head.units, "output", x)
    outputs = []
    answers = head.answers(job.y) if head.parts else [job.y]
    for part, own, out in zip(head.each, answers, head.outputs(x), strict=True):
        if part.activation == "exp":
            out = ops.exp(out)
        elif part.standardize:  # predictions stay within what training saw
            y = own.reshape(len(own), -1)
            within = ops.minimum(ops.maximum(out, y.min(axis=0)), y.max(axis=0))
            out = ops.when_training(out, within)
        outputs.append(out)
    groups: list[dict[str, Any]] = [{"match": "scale.*", "lr_scale": 6.0}]
    if embedded:
        groups.append({"match": "periodic.*", "lr_scale": 0.1})
    groups.append({"match": "*.bias", "lr_scale": 0.1, "weight_decay": 0.0})
    if settings.hidden:
        groups.append({"match": "*.share", "lr_scale": 0.1})
    decay = settings.weight_decay and FlatCosine(settings.weight_decay, job.steps)
    optimizer = optimizer_of(settings, settings.rate(job.steps, 1), decay, groups, BETAS)
    network = model_of(inputs, outputs)
    network.compile(
        *(optimizer, loss_of(head, settings), head.metrics, settings.dtype),
        compute=settings.compute,
    )

    def start() -> None:
        """Weights of variance 1 and planes among the rows, layer by layer."""
        sample = np.linspace(0, len(job.features) - 1, min(len(job.features), ROWS)).astype(int)
        rows = job.features.take(sample).inputs()
        for made, before in dense:
            x = Model(inputs, before).predict(rows)
            stream = Stream(settings.seed, f"start/{made.name}")
            kernel, bias = dense_by_data(x, made.units, stream, ntk=True)
            bias = bias + head.bias if made.name == "output" else bias
            new = {f"{made.name}.kernel": kernel, f"{made.name}.bias": bias}
            network.load_state_dict(new, strict=False)

    return Learner(job, inputs, network, network, start)
