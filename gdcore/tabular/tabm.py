"""TabM, the network of many members of Gorishniy et al. 2024."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gdcore import activations, ops
from gdcore.graph.ir import Value
from gdcore.layers import (
    Activation,
    Concatenate,
    Dropout,
    Embedding,
    MemberDense,
)
from gdcore.layers.base import fixed_shape
from gdcore.losses import Loss
from gdcore.tabular.learner import (
    Job,
    Learner,
    averaged,
    loss_of_mean,
    model_of,
    optimizer_of,
)
from gdcore.tabular.network import embedded, embedding_width, inputs_of
from gdcore.tabular.realmlp import ONE_HOT, one_hot

__all__ = ["EachMember", "build"]


@dataclass(frozen=True)
class EachMember(Loss):
    """The mean of a loss over members: of outputs (B, members, ...) and the targets of one.

    Parameters
    ----------
    loss : Loss

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input((2, 1))
    >>> model = gd.Model(x, x * gd.ops.broadcast_to(1.0, (2, 1)))
    >>> model = model.compile(loss=EachMember(gd.losses.get("mse")))
    >>> model.evaluate(np.array([[[1.0], [3.0]]]), [2.0])["loss"]
    1.0
    """

    name: ClassVar[str] = "each_member"
    any_shape: ClassVar[bool] = True
    loss: Loss

    @property
    def classes(self) -> bool:  # type: ignore[override]
        return self.loss.classes

    def _one(self, pred: Value) -> Value:
        return pred[:, 0]

    def __call__(self, pred: Value, target: Value) -> Value:
        if self.loss.classes and target.ndim == 1:
            target = ops.one_hot(target, fixed_shape(pred.shape[-1:], "the classes")[0])
        if self.loss.any_shape:  # quantiles: a target has no columns for them
            return self.loss(pred, ops.broadcast_to(ops.expand_dims(target, -1), pred.shape[:2]))
        shape = (pred.shape[0], 1, *pred.shape[2:])
        return self.loss(pred, ops.broadcast_to(ops.reshape(target, shape), pred.shape))

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        return self.loss.check(y, self._one(pred))

    def config(self) -> dict[str, Any]:
        return {"name": self.name, "loss": self.loss.config()}


def _features(job: Job) -> tuple[list[Any], Value]:
    """The inputs, and one vector of all that is known of a row."""
    encoder, numbers = job.encoder, job.features.numbers
    inputs = inputs_of(encoder, numbers.shape[1])
    parts = [] if inputs.numbers is None else embedded(inputs.numbers, numbers)
    for i, (column, code) in enumerate(zip(encoder.categories, inputs.codes, strict=True)):
        if column.count <= ONE_HOT:
            parts.append(one_hot(code, column))
        else:
            width = embedding_width(column.count)
            parts.append(Embedding(column.count, width, name=f"embedding_{i}")(code))
    parts += inputs.vectors()
    return inputs.all, Concatenate()(parts) if len(parts) > 1 else parts[0]


def build(job: Job) -> Learner:
    """TabM for a table: the network predicts the members' mean, the trainer each member.

    Both are models over the same layers, and share their numbers.

    Parameters
    ----------
    job : Job

    Returns
    -------
    Learner
    """
    settings, head, k = job.settings, job.head, job.settings.members
    inputs, x = _features(job)
    for i, width in enumerate(settings.hidden):
        layer = MemberDense(
            width, k, settings.activation, signs=i == 0, name=f"hidden_{i}",
            kernel_initializer="he_uniform",
        )  # fmt: skip
        x = layer(x)
        if settings.dropout:
            x = Dropout(settings.dropout)(x)
    members = MemberDense(head.units, k, shared=False, name="output")(x)
    if head.bias:
        members = members + head.bias
    members = Activation(activations.get(head.activation))(members)
    means, losses = averaged(members, head), loss_of_mean(head, settings)
    network = model_of(inputs, means)
    network.compile("sgd", losses, head.metrics, settings.dtype, compute=settings.compute)
    each = []
    for mean, own in zip(means, head.outputs(members), strict=True):
        # In validation every member is the mean: its loss is that of what will predict.
        alike = ops.broadcast_to(ops.expand_dims(mean, 1), own.shape)
        each.append(ops.when_training(own, alike))
    trainer = model_of(inputs, each)
    optimizer = optimizer_of(settings, settings.rate(job.steps, 1), settings.weight_decay)
    told = [EachMember(loss) for loss in losses]
    trainer.compile(optimizer, told, dtype=settings.dtype, compute=settings.compute)
    return Learner(job, inputs, network, trainer)
