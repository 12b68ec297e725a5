"""What learns a table, by the name of its model: a network that predicts, and how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore import ops, optimizers
from gdcore.graph.ir import Value
from gdcore.layers import MemberAverage
from gdcore.losses import LOSSES, Loss, Quantile
from gdcore.model import Model
from gdcore.schedules import Schedule
from gdcore.tabular.encoding import Encoder, Features
from gdcore.tabular.heads import CLASS_LOSSES, Head
from gdcore.tabular.presets import SMOOTHING
from gdcore.tabular.settings import Settings
from gdcore.tabular.table import SettingError

__all__ = [
    "Job",
    "Learner",
    "averaged",
    "columns_of",
    "loss_of",
    "loss_of_mean",
    "many_valued",
    "model_of",
    "optimizer_of",
    "outputs_of",
]

#: What outputs are logits of, by the loss.
AVERAGE = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}
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
    job : Job
        What it was made for.
    inputs : list of Value
        Leaves of the graph.
    network : Model
        What predicts and is saved; compiled with the loss that is reported.
    trainer : Model
        What `fit` is called on: the network itself, or another model over the same layers.
    start : callable or None
        Fits first weights to the inputs of the training rows, as `begin` calls it.
    """

    job: Job
    inputs: list[Any]
    network: Model
    trainer: Model
    start: Callable[[], None] | None = None

    def begin(self) -> None:
        """Draw first weights, by the seed of the settings."""
        self.network.resume(self.job.settings.seed, 0, 0)
        self.network.predict(self.job.features.take(np.arange(1)).inputs())
        if self.start is not None:
            self.start()

    def settle(self) -> None:
        """Tell the network how far it was trained."""
        if self.trainer is not self.network:
            told = self.trainer
            self.network.resume(told.seed, told.steps_done, told.epochs_done)


def model_of(inputs: Any, outputs: list[Value]) -> Model:
    """A network with the outputs of a head."""
    return Model(inputs, outputs if len(outputs) > 1 else outputs[0])


def outputs_of(network: Model, inputs: Any) -> NDArray[Any]:
    """What a network puts out, of several outputs side by side: (n, units)."""
    made = network.predict(inputs)
    return np.concatenate(made, axis=1) if isinstance(made, list | tuple) else np.asarray(made)


def averaged(members: Value, head: Head) -> list[Value]:
    """The mean prediction of (B, members, n), by what the outputs of a loss are: (B, n) of each output."""
    made = zip(head.each, head.outputs(members), strict=True)
    return [
        MemberAverage(AVERAGE.get(part.loss, "values"), name=f"mean_{i}" if head.parts else "mean")(
            own
        )
        for i, (part, own) in enumerate(made)
    ]


def loss_of_mean(head: Head, settings: Settings) -> list[Loss]:
    """The losses of `averaged` members, which are logits where `AVERAGE` says so."""
    return [
        _loss_of(part, own, **({"from_logits": True} if part.loss in AVERAGE else {}))
        for part, own in _smoothed(head, settings)
    ]


def loss_of(head: Head, settings: Settings) -> list[Loss]:
    """The loss of each output of a head, with label smoothing.

    Raises
    ------
    SettingError
        If smoothing is asked for of a loss that has none.
    """
    return [_loss_of(part, own) for part, own in _smoothed(head, settings)]


def _smoothed(head: Head, settings: Settings) -> list[tuple[Head, Settings]]:
    """Each output with its settings: of several kinds, labels alone are smoothed."""
    plain = replace(settings, label_smoothing=None)
    return [
        (part, plain if head.parts and part.loss not in CLASS_LOSSES else settings)
        for part in head.each
    ]


def _loss_of(head: Head, settings: Settings, **more: Any) -> Loss:
    smoothing = settings.label_smoothing
    if not head.loss.endswith("cross_entropy"):
        if smoothing:
            raise SettingError(
                f"label_smoothing={smoothing:g} does not go with loss {head.loss}, expected "
                "cross_entropy: leave it out"
            )
        if head.quantiles:
            return Quantile(head.quantiles)
        return LOSSES[head.loss]()
    loss: Any = LOSSES[head.loss]
    own = SMOOTHING.get(settings.model, 0.0)
    return loss(label_smoothing=own if smoothing is None else smoothing, **more)  # type: ignore[no-any-return]


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
