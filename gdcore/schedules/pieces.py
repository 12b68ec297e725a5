"""Schedules of straight lines between given points, and the end of a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gdcore.schedules.base import Schedule, Steps, of_step, require

__all__ = ["Piecewise", "Until"]


@dataclass(frozen=True)
class Piecewise(Schedule):
    """Straight lines between points; constant before the first and after the last.

    Parameters
    ----------
    steps : sequence of float
        Where the points are, ascending, each different from the last.
    rates : sequence of float
        The learning rate at each of them.

    Notes
    -----
    Rates of groups are scaled by the highest of `rates`, the schedule's `base_rate`.

    References
    ----------
    Page 2018, How to train your ResNet, for the triangle that trains images.

    Examples
    --------
    Up for a quarter of 8 steps, then down:

    >>> Piecewise([0, 2, 8], [0.2, 1.0, 0.1])(np.array([0, 1, 2, 5, 9])).round(3).tolist()
    [0.2, 0.6, 1.0, 0.55, 0.1]
    """

    steady: ClassVar[bool] = True
    steps: Sequence[float]
    rates: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("steps", "rates"):
            given = np.asarray(getattr(self, name))
            require(self, name, given.ndim == 1 and given.dtype.kind in "fiu", "a list of numbers")
            object.__setattr__(self, name, tuple(given.astype(np.float64).tolist()))
        n = len(self.steps)
        ascending = n >= 1 and bool((np.diff(self.steps) > 0).all())
        require(self, "steps", ascending, "one or more steps that ascend")
        good = len(self.rates) == n and all(0 <= r < np.inf for r in self.rates)
        require(self, "rates", good, f"a finite rate of at least 0 for each of the {n} steps")

    @property
    def base_rate(self) -> float:
        return max(self.rates)

    def at(self, t: Steps) -> Steps:
        rates: Steps = np.interp(t, self.steps, self.rates)
        return rates


@dataclass(frozen=True)
class Until(Schedule):
    """Another schedule up to a step, and 0 from there on: what trains for some epochs and is then left alone.

    As the rate of a group it freezes parameters in the middle of a training: with a rate of 0 a step
    changes nothing of them, weight decay included.

    Parameters
    ----------
    schedule : Schedule or float
        A number is a constant rate.
    end : int
        The first step with a rate of 0.

    Raises
    ------
    TypeError
        If `schedule` is neither, or depends on what happens in training.

    Examples
    --------
    >>> Until(0.1, 2)(np.arange(4)).tolist()
    [0.1, 0.1, 0.0, 0.0]
    """

    schedule: Schedule | float
    end: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "schedule", of_step("Until", self.schedule))
        require(self, "end", self.end >= 0, "0 or more steps")

    @property
    def base_rate(self) -> float | None:
        assert isinstance(self.schedule, Schedule)
        return self.schedule.base_rate

    def at(self, t: Steps) -> Steps:
        assert isinstance(self.schedule, Schedule)
        return np.where(t < self.end, self.schedule.at(t), 0.0)
