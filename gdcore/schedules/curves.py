"""Schedules that are a plain function of the step: ``t`` below is the global step, from 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gdcore.schedules.base import Schedule, Steps, require

__all__ = ["Exponential", "MultiStep", "Polynomial", "Step"]


@dataclass(frozen=True)
class Step(Schedule):
    """``lr * gamma ** floor(t / step_size)``.

    Parameters
    ----------
    lr : float
        First learning rate.
    step_size : int
        Steps between two drops.
    gamma : float
        Factor of every drop.

    Examples
    --------
    >>> Step(1.0, step_size=10, gamma=0.5)(25)
    0.25
    """

    steady: ClassVar[bool] = True
    lr: float
    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        require(self, "step_size", self.step_size >= 1, "at least 1 step")

    def at(self, t: Steps) -> Steps:
        return self.lr * self.gamma ** np.floor(t / self.step_size)


@dataclass(frozen=True)
class MultiStep(Schedule):
    """``lr * gamma ** (number of milestones <= t)``.

    Parameters
    ----------
    lr : float
        First learning rate.
    milestones : sequence of int
        Steps at which the rate drops, ascending.
    gamma : float
        Factor of every drop.

    Examples
    --------
    >>> MultiStep(1.0, [10, 30], gamma=0.5)(np.array([9, 10, 30])).tolist()
    [1.0, 0.5, 0.25]
    """

    steady: ClassVar[bool] = True
    lr: float
    milestones: tuple[int, ...]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "milestones", tuple(self.milestones))
        require(
            self, "milestones", list(self.milestones) == sorted(self.milestones), "in rising order"
        )

    def at(self, t: Steps) -> Steps:
        passed = np.searchsorted(np.asarray(self.milestones, np.float64), t, side="right")
        return self.lr * self.gamma ** passed.astype(np.float64)


@dataclass(frozen=True)
class Exponential(Schedule):
    """``lr * decay_rate ** (t / decay_steps)``.

    Parameters
    ----------
    lr : float
        First learning rate.
    decay_rate : float
        Factor over `decay_steps` steps.
    decay_steps : int
        See `decay_rate`.
    staircase : bool
        Round ``t / decay_steps`` down, so that the rate drops in steps.

    Examples
    --------
    >>> Exponential(1.0, decay_rate=0.25, decay_steps=10)(5)
    0.5
    """

    steady: ClassVar[bool] = True
    lr: float
    decay_rate: float
    decay_steps: int
    staircase: bool = False

    def __post_init__(self) -> None:
        require(self, "decay_steps", self.decay_steps >= 1, "at least 1 step")
        require(self, "decay_rate", self.decay_rate > 0, "positive")

    def at(self, t: Steps) -> Steps:
        periods = t / self.decay_steps
        rates: Steps = self.lr * self.decay_rate ** (
            np.floor(periods) if self.staircase else periods
        )
        return rates


@dataclass(frozen=True)
class Polynomial(Schedule):
    """``end + (lr - end) * (1 - t / decay_steps) ** power``, then ``end``.

    Parameters
    ----------
    lr, end : float
        First and last learning rate.
    decay_steps : int
        Steps from one to the other.
    power : float
        1 is a straight line.

    Examples
    --------
    >>> Polynomial(1.0, decay_steps=10)(5)
    0.5
    """

    steady: ClassVar[bool] = True
    lr: float
    decay_steps: int
    end: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        require(self, "decay_steps", self.decay_steps >= 1, "at least 1 step")
        require(self, "power", self.power > 0, "positive")

    def at(self, t: Steps) -> Steps:
        left: Steps = (1.0 - np.minimum(t / self.decay_steps, 1.0)) ** self.power
        return self.end + (self.lr - self.end) * left
