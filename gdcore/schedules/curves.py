"""Schedules that are a plain function of the step: ``t`` below is the global step, from 0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Constant",
    "Exponential",
    "MultiStep",
    "Polynomial",
    "Schedule",
    "Step",
]

Steps: TypeAlias = NDArray[np.float64]


def require(schedule: object, name: str, condition: bool, expected: str) -> None:
    """Raise the one-line ValueError for an option out of range."""
    if not condition:
        value = getattr(schedule, name)
        raise ValueError(
            f"{type(schedule).__name__}: {name} must be {expected}, got {value!r}: "
            f"pass another {name}"
        )


class Schedule:
    """What all schedules are: called with global steps, returns learning rates.

    Subclasses give `at`; one for your own use needs nothing else.

    Examples
    --------
    >>> class Halving(Schedule):
    ...     def at(self, t):
    ...         return 0.5**t
    >>> Halving()(3), Halving()(np.arange(3)).tolist()
    (0.125, [1.0, 0.5, 0.25])
    """

    steady: ClassVar[bool] = False  # whether a step's rate stays what it is, whatever happens

    @overload
    def __call__(self, step: int) -> float: ...
    @overload
    def __call__(self, step: NDArray[np.integer]) -> Steps: ...
    def __call__(self, step: int | NDArray[np.integer]) -> float | Steps:
        """Return the learning rate of a step, or of every step in an array of any shape.

        Parameters
        ----------
        step : int or ndarray of int
            Global optimizer steps; the first update is step 0.

        Returns
        -------
        float or ndarray of float64
            As many as `step`.

        Raises
        ------
        ValueError
            If a step is negative.
        """
        t = np.asarray(step, dtype=np.float64)
        if t.size and t.min() < 0:
            raise ValueError(f"steps must be 0 or more, got {t.min():g}: count from the first step")
        rates = np.broadcast_to(np.asarray(self.at(t.reshape(-1)), np.float64), (t.size,))
        return float(rates[0]) if t.ndim == 0 else np.array(rates).reshape(t.shape)

    def at(self, t: Steps) -> Steps:
        """Learning rates for steps; written by a subclass.

        Parameters
        ----------
        t : ndarray of float64
            Steps, the first of which is 0.

        Returns
        -------
        ndarray
            Of t's shape.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Schedule):
    """``lr``, always.

    Parameters
    ----------
    lr : float
        Learning rate.

    Examples
    --------
    >>> Constant(0.1)(1000)
    0.1
    """

    steady: ClassVar[bool] = True
    lr: float

    def __post_init__(self) -> None:
        require(self, "lr", 0 <= self.lr < math.inf, "finite and not negative")

    def at(self, t: Steps) -> Steps:
        return np.full_like(t, self.lr)


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
