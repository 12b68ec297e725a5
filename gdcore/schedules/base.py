"""The base class of schedules, and the constant schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, overload

import numpy as np

from gdcore.graph.ir import Value
from gdcore.signatures import Fields

__all__ = ["Constant", "Schedule"]

if TYPE_CHECKING:
    from numpy.typing import NDArray

Steps: TypeAlias = "NDArray[np.float64]"


def require(schedule: object, name: str, condition: bool, expected: str) -> None:
    """Raise the one-line ValueError for an option out of range."""
    if not condition:
        value = getattr(schedule, name)
        raise ValueError(
            f"{type(schedule).__name__}: {name} must be {expected}, got {value!r}: "
            f"pass another {name}"
        )


class Schedule:
    """Base class of schedules: called with global steps, returns learning rates.

    A subclass needs `at` alone.

    Examples
    --------
    >>> class Halving(Schedule):
    ...     def at(self, t):
    ...         return 0.5**t
    >>> Halving()(3), Halving()(np.arange(3)).tolist()
    (0.125, [1.0, 0.5, 0.25])
    """

    steady: ClassVar[bool] = False  # whether rates depend on the step alone

    @property
    def base_rate(self) -> float | None:
        """The reference rate: groups of an optimizer scale their own lr by rate / base_rate.

        Returns
        -------
        float or None
            `lr`, or the peak of a `OneCycle`; None if a schedule of your own has no `lr`.

        Examples
        --------
        >>> Constant(0.1).base_rate
        0.1
        """
        rate = getattr(self, "lr", None)
        return None if rate is None else float(rate)

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

    def traced(self, step: Value) -> Value:
        """The value of a step as part of a graph, for what a layer does by schedule.

        Parameters
        ----------
        step : Value of shape ()
            Steps done so far.

        Returns
        -------
        Value of shape ()

        Raises
        ------
        TypeError
            If the schedule has no such formula; `Cosine` and `FlatCosine` have one.

        Examples
        --------
        >>> import gdcore as gd
        >>> step = gd.Input(1)
        >>> rate = gd.schedules.Cosine(1.0, decay_steps=10).traced(step)
        >>> gd.Model(step, rate).predict([[5.0]]).round(3)
        array([[0.5]], dtype=float32)
        """
        raise TypeError(
            f"{type(self).__name__} has no formula for a graph, expected a schedule that has one: pass "
            "Cosine or FlatCosine, or write its `traced`"
        )

    def update(self, logs: Mapping[str, Any]) -> None:
        """Called with the logs of each epoch; does nothing unless the schedule depends on them.

        Parameters
        ----------
        logs : mapping
            The epoch's values by name.

        Examples
        --------
        >>> schedule = Constant(0.1)
        >>> schedule.update({"val_loss": 1.0})
        >>> schedule(0)
        0.1
        """

    def state_dict(self) -> dict[str, Any]:
        """State that depends on past epochs; empty if there is none.

        Returns
        -------
        dict

        Examples
        --------
        >>> Constant(0.1).state_dict()
        {}
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`.

        Parameters
        ----------
        state : mapping

        Raises
        ------
        ValueError
            If there is something in it that this schedule does not keep.

        Examples
        --------
        >>> Constant(0.1).load_state_dict({})
        """
        if state:
            raise ValueError(
                f"{type(self).__name__} keeps no state, got {', '.join(map(repr, state))}: "
                "load it into the schedule that it was taken from"
            )


@dataclass(frozen=True, repr=False, eq=False)
class Constant(Fields, Schedule):
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


def of_step(who: str, given: object) -> Schedule:
    """A schedule that another one contains: it must depend on the step alone; a number is constant."""
    if isinstance(given, (int, float)):
        return Constant(float(given))
    if not isinstance(given, Schedule) or type(given).update is not Schedule.update:
        raise TypeError(
            f"{who}: schedule must be a number or a schedule of the step, got "
            f"{type(given).__name__}: pass for example Cosine(0.1, 1000)"
        )
    return given
