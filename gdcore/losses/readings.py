"""Whether an output is probabilities or logits: decided by its range, once, for loss and metrics."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import ClassVar

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.graph.ranges import Bounds, bounds_of
from gdcore.losses.base import Loss, Reading

ROUNDING = 1e-6  # tolerance of bounds and row sums at 1


def within_one(bounds: Bounds) -> bool:
    """Whether elements lie between 0 and 1."""
    return bounds.low >= -ROUNDING and bounds.high <= 1 + ROUNDING


def is_distribution(pred: Value, bounds: Bounds) -> bool:
    """Whether each row of an output is a distribution over several classes, with sum 1."""
    total = bounds.total or (-inf, inf)
    several = pred.ndim > 1 and pred.shape[-1] != 1
    return several and within_one(bounds) and total[0] >= 1 - ROUNDING and total[1] <= 1 + ROUNDING


def kind_of_probabilities(pred: Value) -> str:
    """The kind (one of `gdcore.metrics.KINDS`) of an output of probabilities: multiclass, or labels."""
    return "multiclass_probs" if is_distribution(pred, bounds_of(pred)) else f"{labels(pred)}_probs"


def labels(pred: Value) -> str:
    """ "binary" for one label a sample, "multilabel" for several."""
    return "binary" if pred.ndim == 1 or pred.shape[1:] == (1,) else "multilabel"


@dataclass(frozen=True, repr=False, eq=False)
class OfProbabilities(Loss):
    """Base class of the losses that take probabilities, or logits in their place.

    Attributes
    ----------
    from_logits : bool or None
        True for logits, False for probabilities, None to infer it from the output's range.
    by_row : bool
        Whether the probabilities of a row are those of one distribution.
    when_unknown : bool
        What to assume of an output whose range is unknown: True for logits.
    """

    by_row: ClassVar[bool] = False
    when_unknown: ClassVar[bool] = True
    from_logits: bool | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.from_logits not in (None, True, False):
            raise ValueError(
                f"{type(self).__name__} from_logits={self.from_logits!r}: expected True, False, or "
                "None to look at the output's range"
            )

    def reading(self, pred: Value) -> Reading:
        if self.from_logits is not None:
            return Reading(bool(self.from_logits))
        bounds = bounds_of(pred)
        if within_one(bounds):
            total = bounds.total or (-inf, inf)
            if not self.by_row or total[1] <= 1 + ROUNDING:
                return Reading(False)
            return Reading(False, "it lies within 0 to 1, and nothing says that its rows sum to 1")
        if bounds.free:
            return Reading(True)
        return Reading(self.when_unknown, "nothing says whether it stays within 0 to 1")


def behind_softmax(pred: Value) -> Value | None:
    """The logits, in the output's shape, if the output is their softmax over its last axis."""
    v = pred
    while v.op.kind == "alias" and v.shape[-1:] == v.inputs[0].shape[-1:]:
        v = v.inputs[0]
    found = v.op.name == "softmax" and v.attrs["axis"] == v.ndim - 1
    return ops.reshape(v.inputs[0], pred.shape) if found else None


def describe(loss: Loss, pred: Value) -> str | None:
    """How a loss interprets an output, in a few words; None for a loss that has no choice.

    Examples
    --------
    >>> import gdcore as gd
    >>> describe(gd.losses.CrossEntropy(), gd.ops.softmax(gd.Input(3)))
    'cross_entropy of probabilities'
    """
    reading = loss.reading(pred)
    if reading is None:
        return None
    assumed = f" (assumed: {reading.assumed})" if reading.assumed else ""
    return f"{loss.config()['name']} of {reading.what}{assumed}"


def tell_assumptions(
    losses: Sequence[Loss], outputs: Sequence[Value], told: list[tuple[Loss, Value]]
) -> None:
    """Warn of each output whose interpretation is uncertain, once: `told` holds earlier warnings."""
    for loss, output in zip(losses, outputs, strict=False):
        if any(loss is a and output is b for a, b in told):
            continue
        told.append((loss, output))
        reading = loss.reading(output)
        if reading is not None and reading.assumed:
            name = loss.config()["name"]
            kind = type(loss).__name__
            other = not reading.logits
            warnings.warn(
                f"{name} takes the output for {reading.what}: {reading.assumed}; pass "
                f"loss=gd.losses.{kind}(from_logits={other}) if it is "
                f"{Reading(other).what}, from_logits={reading.logits} if this is right",
                stacklevel=4,
            )
