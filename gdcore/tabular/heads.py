"""What stands behind the last layer: its width, its loss and what is measured, by the task."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.errors import unknown
from gdcore.graph.ir import Value
from gdcore.tabular.several import AnyTarget, Targets
from gdcore.tabular.table import SettingError

__all__ = [
    "CLASS_LOSSES",
    "MEDIAN",
    "VALUE_LOSSES",
    "Head",
    "head_for",
    "head_of",
    "labels_of",
    "probabilities_of",
]

CLASS_LOSSES = ("cross_entropy", "binary_cross_entropy", "hinge", "squared_hinge")
VALUE_LOSSES = ("mse", "mae", "huber", "log_cosh", "poisson", "quantile")
MEDIAN = 0.5


@dataclass(frozen=True)
class Head:
    """The end of a network.

    Attributes
    ----------
    units : width of the output
    activation, bias : of the last layer
    loss, metrics : what it is trained with, and what is measured
    standardize : whether a quantity is standardised while it trains
    quantiles : what the columns of the output are, where they are quantiles of one quantity
    parts : one for each of several targets that are not of one kind, side by side: an output each
    """

    units: int
    loss: str
    metrics: tuple[str, ...]
    activation: str | None = None
    bias: float = 0.0
    standardize: bool = False
    quantiles: tuple[float, ...] = ()
    parts: tuple[Head, ...] = ()

    @property
    def each(self) -> tuple[Head, ...]:
        """Of each output of the network."""
        return self.parts or (self,)

    def outputs(self, x: Value) -> list[Value]:
        """The outputs in the columns of a last layer (B, units), or of members (B, members, units)."""
        if not self.parts:
            return [x]
        ends = np.cumsum([0, *(part.units for part in self.parts)]).tolist()
        places = [slice(a, b) for a, b in itertools.pairwise(ends)]
        return [x[(slice(None),) * (x.ndim - 1) + (place,)] for place in places]

    def answers(self, y: NDArray[Any]) -> Any:
        """True answers as `Model.fit` takes them: an array, or one for each output."""
        if not self.parts:
            return y
        columns = zip(self.parts, y.T, strict=True)
        return [column.astype(np.int64) if part.loss in CLASS_LOSSES else column[:, None]
                for part, column in columns]  # fmt: skip


def head_for(
    task: str, classes: int, loss: str | None, y: NDArray[Any], what: str = "the target"
) -> Head:
    """The end of a network for a task.

    Parameters
    ----------
    task : {"classification", "regression"}
    classes : how many, 0 for a regression
    loss : name, or None for the usual one
    y : true answers, class numbers or quantities

    Raises
    ------
    ValueError
        If the loss does not go with the target.
    """
    known = CLASS_LOSSES if task == "classification" else VALUE_LOSSES
    loss = loss or known[0]
    if loss not in known:
        raise unknown(f"loss for {task}", loss, known)
    if task == "classification":
        measured = ("accuracy",)
        if loss == "cross_entropy":
            return Head(classes, loss, measured)
        if classes != 2:
            raise SettingError(
                f"loss {loss} is for 2 classes, and {what} has {classes}: use cross_entropy"
            )
        return Head(1, loss, measured)
    units = int(np.prod(y.shape[1:]))
    if loss != "poisson":
        return Head(units, loss, ("r2",), standardize=True)
    if y.min() < 0:
        raise SettingError(f"loss poisson is for counts, and {what} holds {y.min():g}: use mse")
    return Head(units, loss, ("r2",), "exp", float(np.log(max(float(y.mean()), 1e-6))))


def head_of(
    target: AnyTarget, loss: str | None, y: NDArray[Any], quantiles: Sequence[float] | None = None
) -> Head:
    """The end of a network for what is to be predicted.

    Parameters
    ----------
    target : Target or Targets
    loss : name, or None for the usual one
    y : true answers
    quantiles : that are asked for; the median, which is the answer, is learned with them

    Raises
    ------
    ValueError
        If the loss does not go with the target.
    """
    if isinstance(target, Targets) and target.mixed and not quantiles:
        return _of_kinds(target, loss, y)
    classes = target.each[0].classes
    if quantiles is not None or loss == "quantile":
        return _of_quantiles(target, loss, quantiles or ())
    if target.each[0].ordered:
        if loss not in (None, "binary_cross_entropy"):
            raise unknown("loss for ordered classes", loss, ("binary_cross_entropy",))
        return Head(len(classes or ()) - 1, "binary_cross_entropy", ())
    if len(target.each) == 1 or classes is None:
        return head_for(target.task, len(classes or ()), loss, y)
    usual, known = "binary_cross_entropy", CLASS_LOSSES[1:]
    if (loss or usual) not in known:
        raise unknown("loss for several labels", loss, known)
    return Head(len(target.each), loss or usual, ("accuracy",))


def _of_kinds(targets: Targets, loss: str | None, y: NDArray[Any]) -> Head:
    """Quantities and classes side by side, each with the usual loss of its kind.

    Raises
    ------
    SettingError
        If a loss is told.
    """
    if loss is not None:
        raise SettingError(
            f"loss {loss} is for targets of one kind, and {targets.name} are of several: leave it out"
        )
    columns = zip(targets.each, y.T, strict=True)
    parts = tuple(head_for(t.task, len(t.classes or ()), None, own[:, None]) for t, own in columns)
    return Head(sum(p.units for p in parts), "several", (), standardize=True, parts=parts)


def _of_quantiles(target: AnyTarget, loss: str | None, quantiles: Sequence[float]) -> Head:
    """A column for each quantile, the median among them.

    Raises
    ------
    ValueError
        If the target is not one quantity, or the loss another.
    """
    told = f"quantiles={list(quantiles)}" if quantiles else "loss quantile"
    if len(target.each) > 1 or target.each[0].classes is not None:
        what = f"there are {len(target.each)}" if len(target.each) > 1 else "it has classes"
        raise SettingError(
            f"{told} is for one quantity, and of the target {target.name!r} {what}: leave it out"
        )
    if loss not in (None, "quantile"):
        raise SettingError(
            f"{told} does not go with loss {loss}, expected quantile: leave one of them out"
        )
    learned = tuple(sorted({*quantiles, MEDIAN}))
    return Head(len(learned), "quantile", (), standardize=True, quantiles=learned)


def labels_of(out: NDArray[Any], link: str) -> NDArray[np.int64]:
    """Class numbers from what a network puts out.

    Of one output for two classes, what lies beyond the middle is the second.
    """
    rows = out.reshape(len(out), -1)
    if rows.shape[1] > 1:
        return np.asarray(rows.argmax(axis=1), dtype=np.int64)
    return np.asarray(rows[:, 0] > (0.5 if link == "binary_probs" else 0.0), dtype=np.int64)


def probabilities_of(made: NDArray[Any]) -> NDArray[Any]:
    """A column for each class: two where the network gives the second one's alone."""
    rows = np.asarray(made).reshape(len(made), -1)
    return np.concatenate([1 - rows, rows], axis=1) if rows.shape[1] == 1 else rows
