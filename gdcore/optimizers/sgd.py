"""Gradient descent, plain and with momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gdcore import schedules
from gdcore.graph.ir import Value
from gdcore.optimizers.base import Optimizer


@dataclass(repr=False, eq=False)
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum and Nesterov's look-ahead.

    v ← momentum v + g;  p ← p - lr v, or p - lr (g + momentum v) with Nesterov.

    Parameters
    ----------
    lr : float or Schedule
    weight_decay, no_decay, clip_value, clip_norm, groups, sparse, coupled
        By keyword, as for `Optimizer`.
    momentum : float
        Factor of the velocity v in each step; with 0 there is no velocity and no slot for it.
    nesterov : bool

    Raises
    ------
    ValueError
        If a setting is out of range, or Nesterov is asked for without momentum.

    References
    ----------
    Polyak 1964, Some methods of speeding up the convergence of iteration methods. Sutskever et al.
    2013, On the importance of initialization and momentum in deep learning, for Nesterov's in this
    form.

    Examples
    --------
    One step from 1 down the slope of w²:

    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, use_bias=False, kernel_initializer="ones")])
    >>> _ = model.compile(gd.SGD(0.25, momentum=0.9), "mse").fit([[1.0]], [0.0], seed=0)
    >>> model.get_weights()[0].item()
    0.5
    """

    lr: float | schedules.Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    name: ClassVar[str] = "sgd"
    squares: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise ValueError("SGD(nesterov=True) needs momentum: give it, for example momentum=0.9")

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("velocity",) if self.momentum else ()

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        if not self.momentum:
            return p - n["lr"] * g, {}
        v = slots["velocity"] * self.momentum + g
        step = g + v * self.momentum if self.nesterov else v
        return p - n["lr"] * step, {"velocity": v}
