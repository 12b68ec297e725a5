"""What learns a table, by the name of its model: a network that predicts, and how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore import ops, optimizers
from gdcore.graph.ir import Value
from gdcore.losses import LOSSES, Loss
from gdcore.model import Model
from gdcore.schedules import Schedule
from gdcore.tabular.encoding import Encoder, Features
from gdcore.tabular.heads import Head
from gdcore.tabular.settings import Settings
from gdcore.tabular.table import SettingError

__all__ = ["Job", "Learner", "columns_of", "loss_of", "many_valued", "optimizer_of"]

BETAS = ("adam", "adamw", "amsgrad", "nadam")  # optimizers that have them


@dataclass(frozen=True)
class Job:
    """What a network is made for.

    Attributes
    ----------
    encoder : Encoder
    features : Features
        Of the training rows.
    y : ndarray
        Their targets as the network sees them.
    head : Head
    settings : Settings
        Those that depend on the task filled in.
    steps : int
        Of the whole training.
    """

    encoder: Encoder
    features: Features
    y: NDArray[Any]
    head: Head
    settings: Settings
    steps: int


@dataclass(frozen=True)
class Learner:
    """A network, and what trains it.

    Attributes
    ----------
    network : Model
        What predicts and is saved; compiled with the loss that is reported.
    trainer : Model
        What `fit` is called on: the network itself, or another model over the same layers.
    start : callable or None
        Gives the network its first weights, from the inputs of the training rows.
    """

    network: Model
    trainer: Model
    start: Callable[[], None] | None = None


def loss_of(head: Head, settings: Settings, **more: Any) -> Loss:
    """The loss of a head, with label smoothing.

    Raises
    ------
    SettingError
        If smoothing is asked for of a loss that has none.
    """
    smoothing = settings.label_smoothing
    if not head.loss.endswith("cross_entropy"):
        if smoothing and settings.loss is not None:
            raise SettingError(
                f"label_smoothing={smoothing:g} does not go with loss {head.loss}, expected "
                "cross_entropy: pass label_smoothing=0"
            )
        return LOSSES[head.loss]()
    loss: Any = LOSSES[head.loss]
    return loss(label_smoothing=smoothing, **more)  # type: ignore[no-any-return]


def optimizer_of(
    settings: Settings, rate: Schedule, decay: Any = None, groups: Any = (), betas: Any = None
) -> optimizers.Optimizer:
    """The optimizer that the settings name."""
    more: dict[str, Any] = {} if decay is None else {"weight_decay": decay}
    if betas is not None and settings.optimizer in BETAS:
        more["betas"] = betas
    return optimizers.get(settings.optimizer, lr=rate, groups=groups, **more)


def many_valued(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    """Which columns hold more than two different numbers.

    Examples
    --------
    >>> many_valued(np.array([[0, 1], [1, 2], [1, 3]])).tolist()
    [False, True]
    """
    found = []
    for column in numbers.T:
        other = column[column != column[:1]]
        found.append(bool((other != other[:1]).any()))
    return np.array(found, dtype=bool)


def columns_of(x: Value, chosen: NDArray[np.bool_]) -> Value | None:
    """Some of the columns of (B, n), in their order; None if there are none."""
    edges = np.flatnonzero(np.diff(np.r_[False, chosen, False].astype(np.int8)))
    runs = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
    parts = [x[:, a:b] for a, b in runs]
    if not parts:
        return None
    return ops.concatenate(parts, -1) if len(parts) > 1 else parts[0]
