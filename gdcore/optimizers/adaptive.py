"""RMSprop, Adagrad and Adadelta: steps scaled by past squared gradients, without Adam's first moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gdcore import ops, schedules
from gdcore.graph.ir import Value
from gdcore.optimizers.base import Optimizer


@dataclass(repr=False, eq=False)
class RMSprop(Optimizer):
    """RMSprop, also centred and with momentum.

    v ← ρ v + (1-ρ) g²;  p ← p - lr g / (√v + epsilon). Centred, v is reduced by the square of the
    mean gradient. With momentum the quotient is accumulated in a velocity.

    Parameters
    ----------
    lr : float or Schedule
    weight_decay, no_decay, clip_value, clip_norm, groups, sparse, coupled
        By keyword, as for `Optimizer`.
    rho : float
        ρ.
    momentum : float
    epsilon : float
    centered : bool

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Tieleman and Hinton 2012, Lecture 6.5. Graves 2013, Generating sequences with recurrent neural
    networks, for the centred form.

    Examples
    --------
    The first step is lr/√(1-ρ) long, whatever the gradient:

    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, use_bias=False, kernel_initializer="ones")])
    >>> _ = model.compile(gd.RMSprop(0.01, rho=0.99), "mse").fit([[1.0]], [0.0], seed=0)
    >>> round(model.get_weights()[0].item(), 3)
    0.9
    """

    lr: float | schedules.Schedule = 1e-2
    rho: float = 0.99
    momentum: float = 0.0
    epsilon: float = 1e-8
    centered: bool = False
    name: ClassVar[str] = "rmsprop"

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        return (
            "v",
            *(("mean",) if self.centered else ()),
            *(("velocity",) if self.momentum else ()),
        )

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        v = slots["v"] * self.rho + ops.square(g) * (1 - self.rho)
        new = {"v": v}
        spread = v
        if self.centered:
            mean = new["mean"] = slots["mean"] * self.rho + g * (1 - self.rho)
            spread = ops.maximum(v - ops.square(mean), 0.0)  # rounding can take it below 0
        step = g / (ops.sqrt(spread) + self.epsilon)
        if self.momentum:
            step = new["velocity"] = slots["velocity"] * self.momentum + step
        return p - n["lr"] * step, new


@dataclass(repr=False, eq=False)
class Adagrad(Optimizer):
    """Adagrad: steps over the root of the sum of all squares so far.

    s ← s + g²;  p ← p - lr g / (√s + epsilon).

    Parameters
    ----------
    lr : float or Schedule
    weight_decay, no_decay, clip_value, clip_norm, groups, sparse, coupled
        By keyword, as for `Optimizer`.
    initial_accumulator : float
        Initial value of s.
    epsilon : float

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Duchi et al. 2011, Adaptive subgradient methods for online learning and stochastic optimization.

    Examples
    --------
    The first step has the length of the learning rate, later ones are shorter:

    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, use_bias=False, kernel_initializer="ones")])
    >>> _ = model.compile(gd.Adagrad(0.1), "mse").fit([[1.0]], [0.0], seed=0)
    >>> round(model.get_weights()[0].item(), 3)
    0.9
    """

    lr: float | schedules.Schedule = 1e-2
    initial_accumulator: float = 0.0
    epsilon: float = 1e-10
    name: ClassVar[str] = "adagrad"
    slots: ClassVar[tuple[str, ...]] = ("sum",)

    def initial(self, slot: str) -> float:
        return self.initial_accumulator

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        total = slots["sum"] + ops.square(g)
        return p - n["lr"] * g / (ops.sqrt(total) + self.epsilon), {"sum": total}


@dataclass(repr=False, eq=False)
class Adadelta(Optimizer):
    """Adadelta: steps scaled by the size of earlier steps.

    v ← ρ v + (1-ρ) g²;  d = √(u + epsilon)/√(v + epsilon) g;  u ← ρ u + (1-ρ) d²;  p ← p - lr d.

    Parameters
    ----------
    lr : float or Schedule
    weight_decay, no_decay, clip_value, clip_norm, groups, sparse, coupled
        By keyword, as for `Optimizer`.
    rho : float
        ρ.
    epsilon : float

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Zeiler 2012, ADADELTA: an adaptive learning rate method.

    Examples
    --------
    Steps start small and adapt their length:

    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, use_bias=False, kernel_initializer="ones")])
    >>> _ = model.compile(gd.Adadelta(), "mse").fit([[1.0]], [0.0], seed=0)
    >>> round(model.get_weights()[0].item(), 3)
    0.997
    """

    lr: float | schedules.Schedule = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6
    name: ClassVar[str] = "adadelta"
    slots: ClassVar[tuple[str, ...]] = ("v", "u")

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        v = slots["v"] * self.rho + ops.square(g) * (1 - self.rho)
        d = ops.sqrt(slots["u"] + self.epsilon) / ops.sqrt(v + self.epsilon) * g
        u = slots["u"] * self.rho + ops.square(d) * (1 - self.rho)
        return p - n["lr"] * d, {"v": v, "u": u}
