"""The optimizers of the perceptrons, as scikit-learn computes them, and their learning rates.

They differ from gdcore's own in where the learning rate and epsilon stand: scikit-learn's velocity
holds the learning rate, and its Adam adds epsilon to the uncorrected root (the ε̂ of Kingma and Ba
2015, section 2), so that the same settings give the same numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from gdcore import ops, optimizers, schedules
from gdcore.graph.ir import Value
from gdcore.optimizers import Numbers, Optimizer
from gdcore.schedules import Schedule

RULES = ("constant", "invscaling", "adaptive")
SMALLEST = 1e-6  # of an adaptive learning rate: training ends there
DROP = 5.0


@dataclass
class EpochRate(Schedule):
    """A learning rate that may change between epochs.

    Parameters
    ----------
    lr : float
        The first one.
    rule : {"constant", "invscaling", "adaptive"}
        "invscaling": lr / (t + 1)^power_t, t being the samples seen so far. "adaptive": a fifth
        whenever training has stopped improving, down to 1e-6.
    power_t : float
    """

    lr: float
    rule: str = "constant"
    power_t: float = 0.5
    current: float = field(init=False)

    def __post_init__(self) -> None:
        self.current = float(self.lr)

    def at(self, t: Any) -> Any:
        return np.full_like(t, self.current)

    def epoch_ended(self, t: int) -> None:
        """After an epoch; t is the number of samples seen so far."""
        if self.rule == "invscaling":
            self.current = float(self.lr) / (t + 1) ** self.power_t

    def drop(self) -> bool:
        """Lower the rate when training has stopped improving; False if it is at its minimum already."""
        if self.rule != "adaptive" or self.current <= SMALLEST:
            return False
        self.current /= DROP
        return True


class _Rated(Optimizer):
    """An optimizer that exposes its learning rate as a number."""

    @property  # type: ignore[misc]  # read by name, as scikit-learn does
    def learning_rate(self) -> float:
        """That of the next step, where it does not depend on the step."""
        schedule = self.schedule
        return schedule.current if isinstance(schedule, EpochRate) else float(schedule(0))


@dataclass
class Momentum(_Rated):
    """v ← keep v - lr g;  p ← p + v, or p + keep v - lr g with Nesterov.

    Parameters
    ----------
    lr : float or Schedule
    keep : float
        The momentum, 0 to 1.
    nesterov : bool
    """

    keep: float = 0.9
    nesterov: bool = True
    name: ClassVar[str] = "momentum"

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("velocity",) if self.keep else ()

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        step = n["lr"] * g
        if not self.keep:
            return p - step, {}
        v = slots["velocity"] * self.keep - step
        return (p + (v * self.keep - step) if self.nesterov else p + v), {"velocity": v}


@dataclass
class AdamHat(_Rated):
    """p ← p - lr √(1-β₂ᵗ)/(1-β₁ᵗ) m / (√v + epsilon), with Adam's m and v.

    Parameters
    ----------
    lr : float or Schedule
    betas : (float, float)
    epsilon : float

    References
    ----------
    Kingma and Ba 2015, Adam: a method for stochastic optimization, end of section 2.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    name: ClassVar[str] = "adam_hat"
    slots: ClassVar[tuple[str, ...]] = ("m", "v")

    def numbers(self, t: np.ndarray) -> Numbers:
        b1, b2 = self.betas
        return {"scale": np.sqrt(1.0 - np.power(b2, t)) / (1.0 - np.power(b1, t))}

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        b1, b2 = self.betas
        m = slots["m"] * b1 + g * (1 - b1)
        v = slots["v"] * b2 + ops.square(g) * (1 - b2)
        return p - n["lr"] * n["scale"] * m / (ops.sqrt(v) + self.epsilon), {"m": m, "v": v}


def optimizer_of(settings: Any, steps: int) -> Optimizer:
    """The optimizer of an estimator that trains for so many steps at most.

    Parameters
    ----------
    settings : estimator
        Whose `optimizer`, `solver`, `learning_rate` and so on count.
    steps : int

    Raises
    ------
    ValueError
        If a name is unknown, or an optimizer with a learning rate of its own is given another.
    """
    spec, rule = settings.optimizer, settings.learning_rate
    if isinstance(spec, Optimizer):
        if not isinstance(rule, str) or rule != "constant":
            raise ValueError(
                f"learning_rate={rule!r} beside optimizer={type(spec).__name__}(...), which has "
                "one of its own: give the optimizer its schedule, as in gd.Adam(gd.schedules...)"
            )
        return copy.deepcopy(spec)
    rate: Schedule
    if isinstance(rule, Schedule):
        rate = copy.deepcopy(rule)
    elif rule in RULES:
        rule = rule if settings.solver == "sgd" or spec is not None else "constant"
        rate = EpochRate(settings.learning_rate_init, rule, settings.power_t)
    else:
        rate = schedules.from_name(rule, settings.learning_rate_init, max(1, steps))
    if spec is not None:
        return optimizers.get(spec, lr=rate)
    if settings.solver == "sgd":
        return Momentum(rate, keep=settings.momentum, nesterov=settings.nesterovs_momentum)
    return AdamHat(rate, betas=(settings.beta_1, settings.beta_2), epsilon=settings.epsilon)
