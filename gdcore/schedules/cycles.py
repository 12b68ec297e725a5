"""Schedules made of cosines, and the warm-up that goes before any schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gdcore.graph.ir import Value
from gdcore.graph.ops import elementwise as ew
from gdcore.schedules.base import Schedule, Steps, of_step, require

__all__ = ["Cosine", "CosineRestarts", "FlatCosine", "LogCosine", "OneCycle", "Warmup"]


def _half_cosine(start: float, end: float, fraction: NDArray[np.float64]) -> Steps:
    weight = 0.5 + 0.5 * np.cos(math.pi * np.clip(fraction, 0.0, 1.0))
    return start * weight + end * (1.0 - weight)  # exact at both ends


def _traced_half_cosine(start: float, end: float, fraction: Value) -> Value:
    weight = 0.5 + 0.5 * ew.cos(math.pi * ew.clip(fraction, 0.0, 1.0))
    return end + (start - end) * weight


@dataclass(frozen=True)
class Cosine(Schedule):
    """``end + (lr - end) * (1 + cos(pi * t / decay_steps)) / 2``, then ``end``.

    Parameters
    ----------
    lr, end : float
        First and last learning rate.
    decay_steps : int
        Steps from one to the other, usually those of the whole training.

    References
    ----------
    Loshchilov and Hutter, *SGDR*, ICLR 2017, equation 5.

    Examples
    --------
    >>> round(Cosine(1.0, decay_steps=10)(5), 6)
    0.5
    """

    lr: float
    decay_steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        require(self, "decay_steps", self.decay_steps >= 1, "at least 1 step")

    def at(self, t: Steps) -> Steps:
        return _half_cosine(self.lr, self.end, t / self.decay_steps)

    def traced(self, step: Value) -> Value:
        return _traced_half_cosine(self.lr, self.end, step / self.decay_steps)


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """A `Cosine` that starts anew whenever it reaches its end (SGDR).

    Parameters
    ----------
    lr, end : float
        Highest and lowest learning rate.
    decay_steps : int
        Length of the first cycle.
    t_mul : float
        Every cycle is this many times as long as the one before; 1 or more.
    m_mul : float
        The height of every cycle above `end`, relative to the one before.

    References
    ----------
    Loshchilov and Hutter, *SGDR*, ICLR 2017.

    Examples
    --------
    >>> CosineRestarts(1.0, decay_steps=10, t_mul=2.0)(np.array([0, 10, 30])).tolist()
    [1.0, 1.0, 1.0]
    """

    lr: float
    decay_steps: int
    t_mul: float = 2.0
    m_mul: float = 1.0
    end: float = 0.0

    def __post_init__(self) -> None:
        require(self, "decay_steps", self.decay_steps >= 1, "at least 1 step")
        require(self, "t_mul", 1 <= self.t_mul < math.inf, "at least 1")
        require(self, "m_mul", 0 <= self.m_mul < math.inf, "finite and not negative")

    def at(self, t: Steps) -> Steps:
        # The cycles' bounds are listed, not found by a logarithm, whose rounding would
        # put some restarts one step off.
        bounds = [0.0]
        length = float(self.decay_steps)
        last = float(t.max(initial=0.0))
        while bounds[-1] <= last:
            bounds.append(bounds[-1] + length)
            length *= self.t_mul
        edges = np.array(bounds)
        cycle = np.searchsorted(edges, t, side="right") - 1
        fraction = (t - edges[cycle]) / np.diff(edges)[cycle]
        height = (self.lr - self.end) * self.m_mul ** cycle.astype(np.float64)
        rates: Steps = self.end + height * _half_cosine(1.0, 0.0, fraction)
        return rates


@dataclass(frozen=True)
class FlatCosine(Schedule):
    """``lr`` for the first half of the training, then a half cosine down to ``end``.

    Besides a learning rate it can be a weight decay, or the rate of a `Dropout`.

    Parameters
    ----------
    lr, end : float
        First and last value.
    total_steps : int
        Steps of the whole training.

    References
    ----------
    Holzmüller et al. 2024, *Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data*, "flat_cos" of weight decay and dropout.

    Examples
    --------
    >>> FlatCosine(1.0, total_steps=8)(np.array([0, 4, 6, 8])).round(3).tolist()
    [1.0, 1.0, 0.5, 0.0]
    """

    steady: ClassVar[bool] = True
    lr: float
    total_steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        require(self, "total_steps", self.total_steps >= 1, "at least 1 step")

    def at(self, t: Steps) -> Steps:
        return _half_cosine(self.lr, self.end, 2.0 * t / self.total_steps - 1.0)

    def traced(self, step: Value) -> Value:
        return _traced_half_cosine(self.lr, self.end, step * (2.0 / self.total_steps) - 1.0)


@dataclass(frozen=True)
class LogCosine(Schedule):
    """Humps of ``lr · (1 - cos(2π log2(1 + (2^cycles - 1) t))) / 2``, each twice as long as the last.

    t goes from 0 to 1 over the training. The rate is 0 at both ends and between humps.

    Parameters
    ----------
    lr : float
        Highest learning rate, in the middle of each hump.
    total_steps : int
        Steps of the whole training.
    cycles : int
        Number of humps.

    References
    ----------
    Holzmüller et al. 2024, *Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data*, "coslog4".

    Examples
    --------
    >>> LogCosine(1.0, total_steps=15)(np.array([0, 1, 2, 3, 7, 15])).round(3).tolist()
    [0.0, 0.0, 0.93, 0.0, 0.0, 0.0]
    """

    steady: ClassVar[bool] = True
    lr: float
    total_steps: int
    cycles: int = 4

    def __post_init__(self) -> None:
        require(self, "total_steps", self.total_steps >= 1, "at least 1 step")
        require(self, "cycles", 1 <= self.cycles <= 32, "1 to 32 humps")

    def at(self, t: Steps) -> Steps:
        humps = np.log2(1.0 + (2.0**self.cycles - 1.0) * np.minimum(t / self.total_steps, 1.0))
        rates: Steps = self.lr * (0.5 - 0.5 * np.cos(2.0 * math.pi * humps))
        return rates


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up and down again once: a half cosine to `max_lr`, another far below the start.

    Starts at ``max_lr / div_factor``, ends (and stays) at that over `final_div_factor`. The
    same numbers as PyTorch's ``OneCycleLR`` with cosine annealing in two phases; momentum is
    not cycled.

    Parameters
    ----------
    max_lr : float
        Learning rate at the peak.
    total_steps : int
        Steps of the whole training; the last one is ``total_steps - 1``.
    pct_start : float
        Part of the steps spent going up, 0 to 1.
    div_factor, final_div_factor : float
        See above.

    References
    ----------
    Smith and Topin, *Super-convergence*, 2018.

    Examples
    --------
    >>> OneCycle(1.0, total_steps=10, pct_start=0.4)(np.array([0, 3])).tolist()
    [0.04, 1.0]
    """

    max_lr: float
    total_steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self) -> None:
        require(self, "total_steps", self.total_steps >= 1, "at least 1 step")
        require(self, "pct_start", 0 <= self.pct_start <= 1, "0 to 1")
        require(self, "div_factor", self.div_factor > 0, "positive")
        require(self, "final_div_factor", self.final_div_factor > 0, "positive")

    @property
    def base_rate(self) -> float:
        return self.max_lr

    def at(self, t: Steps) -> Steps:
        first = self.max_lr / self.div_factor
        last = self.total_steps - 1.0
        # The peak may lie between two steps; before step 0 it means that there is no way up.
        peak = max(0.0, self.pct_start * self.total_steps - 1.0)
        rising = t / peak if peak > 0 else np.ones_like(t)
        falling = (t - peak) / (last - peak) if last > peak else (t > peak).astype(np.float64)
        return np.where(
            t <= peak,
            _half_cosine(first, self.max_lr, rising),
            _half_cosine(self.max_lr, first / self.final_div_factor, falling),
        )


@dataclass(frozen=True)
class Warmup(Schedule):
    """A straight line up to the first rate of another schedule, which then begins.

    Step ``t < warmup_steps`` gets ``start + (first - start) * t / warmup_steps``, and step
    ``warmup_steps`` is step 0 of `schedule`.

    Parameters
    ----------
    schedule : Schedule or float
        What follows; a number is a constant rate.
    warmup_steps : int
        Length of the line; 0 leaves it out.
    start : float
        Rate of step 0. With 0.0, as customary, the very first update changes nothing.

    Raises
    ------
    TypeError
        If `schedule` is neither, or depends on what happens in training.

    Examples
    --------
    >>> Warmup(0.1, warmup_steps=4)(np.arange(6)).tolist()
    [0.0, 0.025, 0.05, 0.07500000000000001, 0.1, 0.1]
    """

    schedule: Schedule | float
    warmup_steps: int
    start: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "schedule", of_step("Warmup", self.schedule))
        require(self, "warmup_steps", self.warmup_steps >= 0, "0 or more steps")

    @property
    def base_rate(self) -> float | None:
        assert isinstance(self.schedule, Schedule)
        return self.schedule.base_rate

    def at(self, t: Steps) -> Steps:
        assert isinstance(self.schedule, Schedule)
        after = self.schedule.at(np.maximum(t - self.warmup_steps, 0.0))
        first = self.schedule(0)
        line = self.start + (first - self.start) * (t / max(1, self.warmup_steps))
        return np.where(t < self.warmup_steps, line, after)
