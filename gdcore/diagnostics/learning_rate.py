"""The learning-rate range test: the largest learning rate at which training is stable."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.diagnostics.shadow import Shadow
from gdcore.optimizers.groups import held
from gdcore.random import Stream
from gdcore.schedules import Exponential
from gdcore.setting_checks import positive
from gdcore.training.sweep import Tally, sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gdcore.model import Model

__all__ = ["RangeTest", "lr_find"]

RUNNING = 0.9  # decay of the running mean of the loss that ends the test
WIDTH = 1 / 40  # of the test: standard deviation of the kernel that smooths the curve


@dataclass(frozen=True)
class RangeTest:
    """The result of a range test.

    Attributes
    ----------
    rates, losses : ndarray
        Of each step that was taken.
    smoothed : ndarray
        The losses, smoothed over neighbouring steps.
    suggestion : float
        `steepest`, but at most a tenth of `lowest`: a rate that is stable for a few steps of the
        test may be too large for a whole training. NaN if the loss never falls.
    steepest : float
        The rate at which the smoothed loss falls most steeply over log(rate), or NaN.
    lowest : float
        The rate at which the smoothed loss is lowest: the end of the useful range.
    diverged : bool
        Whether the loss had doubled, or risen further than that, when the test ended.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> found = gd.lr_find(model, x, y, seed=0)
    >>> found.suggestion <= found.steepest
    True
    >>> found.plot().get_xscale()
    'log'
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float
    steepest: float
    lowest: float
    diverged: bool

    def __str__(self) -> str:
        tried = f"{len(self.rates)} rates from {self.rates[0]:.1e} to {self.rates[-1]:.1e}"
        if np.isnan(self.suggestion):
            return f"no suggestion: the loss did not fall at any of {tried}"
        end = "" if self.diverged else "; the loss had not risen by then: try a larger end"
        return (
            f"suggested learning rate {self.suggestion:.1e} "
            f"(steepest descent at {self.steepest:.1e}, lowest loss at {self.lowest:.1e}; {tried}{end})"
        )

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Loss over learning rate; see `gdcore.plots.range_test`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        **options
            As for `gdcore.plots.range_test`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from gdcore.plots import range_test

        return range_test(self, ax=ax, **options)


def lr_find(
    model: Model,
    x: Any,
    y: Any,
    *,
    start: float = 1e-6,
    end: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    stop: float = 4.0,
    sample_weight: Any = None,
    seed: int | None = None,
) -> RangeTest:
    """Look for a learning rate: train with one that grows at each step until the loss blows up.

    It trains a copy. The model's weights, optimizer, steps and random numbers stay as they are, to
    the bit; a model without weights still has none.

    Parameters
    ----------
    model : Model
        Compiled; its optimizer's rule is tried, with other rates and fresh slots.
    x, y, sample_weight
        As for `fit`.
    start, end : float
        First and last rate, 0 < start < end.
    steps : int
        At least 10; the rate grows by one factor from each to the next.
    batch_size : int
    stop : float
        The test ends when a running mean of the loss is this many times its lowest.
    seed : int, optional
        Of the order of samples, and of the weights, if there are none yet.

    Returns
    -------
    RangeTest
        `.suggestion` is a rate to begin with, `.plot()` the curve to look at.

    Raises
    ------
    ValueError, TypeError
        If an option is out of range, the model is not compiled or the data does not fit.

    Notes
    -----
    Rates that groups of the optimizer have of their own are left as they are.

    References
    ----------
    Smith 2017, Cyclical learning rates for training neural networks; the exponential growth, the
    steepest descent and the tenth of the lowest point are those of fastai's `lr_find`.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(64, activation="relu"), gd.Dense(10)])
    >>> found = gd.lr_find(model.compile("adam", "cross_entropy"), x, y, seed=0)
    >>> 1e-4 < found.suggestion < 1e-1
    True
    """
    if not 0 < start < end < float("inf"):
        raise ValueError(f"lr_find start={start!r}, end={end!r}: expected 0 < start < end")
    if positive("lr_find steps", steps) < 10:
        raise ValueError(f"lr_find steps={steps!r}: expected at least 10")
    if not stop > 1:
        raise ValueError(f"lr_find stop={stop!r}: expected a factor above 1")
    batch_size = positive("lr_find batch_size", batch_size)
    rising = Exponential(start, end / start, steps - 1)
    base = model.optimizer
    optimizer = dataclasses.replace(base, lr=rising, groups=held(base.parts))
    shadow = Shadow(model, x, y, sample_weight, optimizer=optimizer, seed=seed, supervised=True)
    losses = _train(shadow, min(batch_size, shadow.data.rows), steps, stop)
    rates = rising(np.arange(len(losses)))
    return _read(rates, losses)


def _train(shadow: Shadow, batch: int, steps: int, stop: float) -> np.ndarray:
    """The loss of each step, up to where it blows up."""
    data = shadow.data
    step = shadow.builder.train(
        batch, data.spec, data.weights is not None, shadow.optimizer, outputs_kept=False
    )
    losses: list[float] = []
    running, lowest = 0.0, float("inf")

    def after(_: int, __: int, loss: float, ___: list[np.ndarray]) -> bool:
        nonlocal running, lowest
        losses.append(loss)
        running = RUNNING * running + (1 - RUNNING) * loss
        mean = running / (1 - RUNNING ** len(losses))
        lowest = min(lowest, mean)
        return len(losses) == steps or not mean <= stop * abs(lowest)

    for epoch in range(steps):  # at most: an epoch has at least one step
        taken, _ = sweep(
            step,
            data,
            batch,
            Tally(()),
            order=Stream(shadow.seed, f"lr_find/{epoch}").permutation(data.rows),
            seed=shadow.seed,
            clock=lambda: len(losses),
            one_by_one=True,
            after=after,
        )
        if taken < -(-data.rows // batch) or len(losses) == steps:  # blew up, or was enough
            break
    return np.array(losses)


def _read(rates: np.ndarray, losses: np.ndarray) -> RangeTest:
    """The curve, smoothed, and where it falls most steeply."""
    at = np.arange(len(losses))
    width = max(1.0, WIDTH * len(losses))
    kernel = np.exp(-0.5 * ((at[:, None] - at[None, :]) / width) ** 2)
    smoothed = kernel @ losses / kernel.sum(axis=1)
    bottom = int(np.argmin(smoothed))
    slope = np.gradient(smoothed, np.log(rates)) if len(losses) > 1 else np.zeros(1)
    steepest = int(np.argmin(slope[: bottom + 1]))
    found = rates[steepest] if slope[steepest] < 0 and bottom > 0 else float("nan")
    lowest = float(rates[bottom])
    suggestion = float(min(found, lowest / 10)) if found == found else found
    diverged = bool(smoothed[-1] - smoothed[0] > abs(smoothed[0]))
    return RangeTest(rates, losses, smoothed, suggestion, float(found), lowest, diverged)
