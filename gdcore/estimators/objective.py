"""What the perceptrons minimize: scikit-learn's losses and penalty, or any loss of gdcore.

scikit-learn's objective of a batch is (Σ w · loss + alpha/2 · Σ W²) / Σ w, the second sum being over
the kernels. gdcore's own is Σ w · loss / B; `Objective` converts the latter to the former.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gdcore import losses, ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value, topological
from gdcore.graph.ops.leaves import PARAM
from gdcore.losses import (
    BinaryCrossEntropy,
    CosineSimilarity,
    CrossEntropy,
    KLDivergence,
    Loss,
)
from gdcore.losses.base import Reading, before

TINY = 1e-30  # lower bound of divisors and arguments of logarithms; a normal number in float32

# Losses whose outputs are no probabilities: above 0 is the second class.
MARGINS = ("hinge", "squared_hinge")

# Losses that compare distributions: they need an output for each class, also for two.
OF_DISTRIBUTIONS = (CrossEntropy, KLDivergence, CosineSimilarity)


def _over_outputs(x: Value) -> Value:
    return ops.sum(x, range(1, x.ndim))


@dataclass(frozen=True)
class HalfSquaredError(Loss):
    """½ (prediction - target)², summed over the outputs: one number for each sample, (B,)."""

    name: ClassVar[str] = "squared_error"

    def __call__(self, pred: Value, target: Value) -> Value:
        return 0.5 * _over_outputs(ops.square(pred - target))


@dataclass(frozen=True)
class HalfPoissonDeviance(Loss):
    """target log(target / prediction) - target + prediction, summed over the outputs.

    The prediction is exp of the logits, which are reused as its logarithm.
    """

    name: ClassVar[str] = "poisson"

    def __call__(self, pred: Value, target: Value) -> Value:
        z = before(pred, "exp")
        log_pred = ops.log(ops.maximum(pred, TINY)) if z is None else z
        log_target = ops.log(ops.maximum(target, TINY))
        return _over_outputs(target * (log_target - log_pred) - target + pred)

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        if y.size and y.min() < 0:
            raise ValueError(f"loss='poisson' and y holds {y.min():g}: expected at least 0")
        return y


@dataclass(frozen=True)
class LabelLogLoss(Loss):
    """Binary cross-entropy, summed over the labels: one number for each sample, (B,)."""

    name: ClassVar[str] = "log_loss"

    def __call__(self, pred: Value, target: Value) -> Value:
        labels = int(np.prod([d for d in pred.shape[1:] if isinstance(d, int)]))
        return BinaryCrossEntropy()(pred, target) * float(labels)

    def link(self, pred: Value) -> str:
        return BinaryCrossEntropy().link(pred)

    def reading(self, pred: Value) -> Reading:
        return BinaryCrossEntropy().reading(pred)


@dataclass(frozen=True)
class Objective(Loss):
    """A loss as scikit-learn puts it together for a batch, with the penalty on the kernels.

    Parameters
    ----------
    base : Loss
        Of one sample; a loss of one's own may return a scalar, where samples have no weights.
    alpha : float
        The penalty is alpha/2 · Σ W² / Σ w. It counts in training alone: the validation loss is
        without it.
    """

    base: Loss
    alpha: float = 0.0

    @property
    def classes(self) -> bool:  # type: ignore[override]
        return self.base.classes

    def __call__(self, pred: Value, target: Value) -> Value:
        return self.base(pred, target)

    def total(self, pred: Value, target: Value, weights: Value | None) -> Value:
        plain = self.base.total(pred, target, weights)
        amount = ops.count(Batch(1)) if weights is None else ops.maximum(ops.sum(weights), TINY)
        trained = plain
        if weights is not None:
            trained = ops.sum(self.base(pred, target) * weights) / amount
        if self.alpha:
            for kernel in kernels(pred):
                trained = trained + ops.sum(ops.square(kernel)) * (0.5 * self.alpha) / amount
        return trained if trained is plain else ops.when_training(trained, plain)

    def link(self, pred: Value) -> str:
        return self.base.link(pred)

    def reading(self, pred: Value) -> Reading | None:
        return self.base.reading(pred)

    def check(self, y: np.ndarray, pred: Value) -> np.ndarray:
        return self.base.check(y, pred)

    def config(self) -> dict[str, Any]:
        known = type(self.base) is losses.LOSSES.get(self.base.name)
        return self.base.config() if known else {"name": self.base.config()["name"], "custom": True}


def kernels(output: Value) -> list[Value]:
    """The kernels that an output was computed with."""
    found = [v for v in topological([output]) if v.op is PARAM]
    return [v for v in found if v.attrs["variable"].role == "kernel"]


def classification_loss(spec: Any, kind: str) -> Loss:
    """The loss of a classifier.

    Parameters
    ----------
    spec : "log_loss", or whatever `gdcore.losses.get` takes
    kind : {"binary", "multiclass", "multilabel-indicator"}

    Raises
    ------
    ValueError
        If the loss is for one class a sample, and there are several labels.
    """
    if isinstance(spec, str) and spec == "log_loss":
        return CrossEntropy() if kind == "multiclass" else LabelLogLoss()
    loss = losses.get(spec)
    if kind == "multilabel-indicator" and isinstance(loss, OF_DISTRIBUTIONS):
        raise ValueError(
            f"loss={loss.name!r} is for one class a sample and y holds several labels: use "
            "'log_loss' or 'binary_cross_entropy'"
        )
    return loss


def regression_loss(spec: Any) -> Loss:
    """The loss of a regressor: "squared_error", "poisson", or what `gdcore.losses.get` takes."""
    if isinstance(spec, str) and spec == "squared_error":
        return HalfSquaredError()
    if isinstance(spec, str) and spec == "poisson":
        return HalfPoissonDeviance()
    return losses.get(spec)


def outputs_summed(loss: Loss, outputs: int) -> int:
    """Number of outputs over which the loss sums and scikit-learn reports the mean."""
    return outputs if isinstance(loss, HalfSquaredError) else 1
