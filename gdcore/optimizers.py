"""Optimizers: one pass over all parameters, their gradients and what is remembered of them.

An optimizer is a traced function. All parameters of a group lie in one vector, so `update` is written
once, for one vector, in `+ - * /` and `gdcore.ops`; fusion makes one loop of it. What changes from
step to step (the learning rate, bias corrections) comes in as numbers, computed by `numbers` for many
steps at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from gdcore import ops, schedules
from gdcore.errors import unknown
from gdcore.graph.ir import Value

Numbers = dict[str, np.ndarray]
NO_DECAY = "biases_and_norms"


def _power(beta: float, t: np.ndarray) -> np.ndarray:
    return 1.0 - np.power(beta, t)


@dataclass
class Optimizer:
    """Base class of optimizers.

    Parameters
    ----------
    lr : float or Schedule
        Learning rate.
    weight_decay : float
        Decoupled decay: each step takes lr · weight_decay · p from each parameter p (Loshchilov 2019).
    no_decay : {None, "biases_and_norms"}
        Which parameters the decay leaves alone.
    clip_value : float, optional
        Gradients are cut to ± this.
    clip_norm : float, optional
        Gradients are scaled so that the norm of all of them together is at most this (Pascanu 2013).
    groups : sequence of dict, optional
        Settings for some parameters: ``{"match": "head.*", "lr": 1e-4, "weight_decay": 0.0}``; the first
        pattern that fits a parameter's name counts.
    """

    lr: float | schedules.Schedule = 0.01
    _: KW_ONLY
    weight_decay: float = 0.0
    no_decay: str | None = None
    clip_value: float | None = None
    clip_norm: float | None = None
    groups: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    name: ClassVar[str] = ""
    slots: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        self.schedule = schedules.get(self.lr)
        if self.no_decay not in (None, NO_DECAY):
            raise ValueError(f"no_decay={self.no_decay!r}: expected None or {NO_DECAY!r}")
        for name in ("weight_decay", "clip_value", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not (value >= 0 and np.isfinite(value)):
                raise ValueError(
                    f"{type(self).__name__} {name}={value!r}: expected a number of at least 0"
                )
        for group in self.groups:
            wrong = set(group) - {"match", "lr", "weight_decay"}
            if wrong or "match" not in group:
                raise ValueError(
                    f"optimizer group {dict(group)}: expected 'match' and any of 'lr', 'weight_decay'"
                )

    def numbers(self, t: np.ndarray) -> Numbers:
        """What `update` needs beside the learning rate, for step numbers t = 1, 2, ..."""
        return {}

    def initial(self, slot: str) -> float:
        """What a slot begins as."""
        return 0.0

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        """New parameters and slots from old ones and the gradient; n holds "lr" and the `numbers`."""
        raise TypeError(f"{type(self).__name__} has no update(p, g, slots, n)")

    def config(self) -> dict[str, Any]:
        """The name and the settings, for a file."""
        out = {"name": self.name, **{f.name: getattr(self, f.name) for f in fields(self)}}
        if isinstance(self.lr, schedules.Schedule):
            out["lr"] = {"schedule": schedules.to_config(self.lr)}
        out["groups"] = [dict(g) for g in self.groups]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in out.items()}


@dataclass
class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak 1964) and Nesterov's look-ahead.

    v ← momentum v + g;  p ← p - lr v, or p - lr (g + momentum v) with Nesterov.

    Parameters
    ----------
    lr, weight_decay, no_decay, clip_value, clip_norm, groups
        As for `Optimizer`.
    momentum : float
    nesterov : bool
    """

    lr: float | schedules.Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    name: ClassVar[str] = "sgd"

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


@dataclass
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015), and AMSGrad (Reddi 2018).

    m ← β₁ m + (1-β₁) g;  v ← β₂ v + (1-β₂) g²;  p ← p - lr m̂ / (√v̂ + epsilon), with m̂ = m/(1-β₁ᵗ),
    v̂ = v/(1-β₂ᵗ). AMSGrad takes the largest v so far.

    Parameters
    ----------
    lr, weight_decay, no_decay, clip_value, clip_norm, groups
        As for `Optimizer`.
    betas : (float, float)
    epsilon : float
    amsgrad : bool
    """

    lr: float | schedules.Schedule = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    amsgrad: bool = False
    name: ClassVar[str] = "adam"

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("m", "v", "v_max") if self.amsgrad else ("m", "v")

    def numbers(self, t: np.ndarray) -> Numbers:
        return {
            "m_scale": 1.0 / _power(self.betas[0], t),
            "v_scale": 1.0 / np.sqrt(_power(self.betas[1], t)),
        }

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        b1, b2 = self.betas
        m = slots["m"] * b1 + g * (1 - b1)
        v = slots["v"] * b2 + ops.square(g) * (1 - b2)
        new = {"m": m, "v": v}
        if self.amsgrad:
            v = new["v_max"] = ops.maximum(slots["v_max"], v)
        return p - m * (n["lr"] * n["m_scale"]) / (ops.sqrt(v) * n["v_scale"] + self.epsilon), new


@dataclass
class AdamW(Adam):
    """Adam with decoupled weight decay, 0.01 unless told otherwise (Loshchilov and Hutter 2019)."""

    _: KW_ONLY
    weight_decay: float = 0.01
    name: ClassVar[str] = "adamw"


@dataclass
class AMSGrad(Adam):
    """Adam that takes the largest second moment so far (Reddi et al. 2018)."""

    amsgrad: bool = True
    name: ClassVar[str] = "amsgrad"


@dataclass
class Nadam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2016), with the momentum schedule μₜ = β₁ (1 - ½ 0.96^{t ψ}).

    Parameters
    ----------
    lr, weight_decay, no_decay, clip_value, clip_norm, groups
        As for `Optimizer`.
    betas : (float, float)
    epsilon : float
    momentum_decay : float
        ψ.
    """

    lr: float | schedules.Schedule = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    momentum_decay: float = 4e-3
    name: ClassVar[str] = "nadam"
    slots: ClassVar[tuple[str, ...]] = ("m", "v")

    def numbers(self, t: np.ndarray) -> Numbers:
        steps = np.arange(1, int(t.max()) + 2, dtype=np.float64) if t.size else np.ones(1)
        mu = self.betas[0] * (1 - 0.5 * 0.96 ** (steps * self.momentum_decay))
        product = np.cumprod(mu)
        i = t.astype(np.int64) - 1
        return {
            "g_share": (1 - mu[i]) / (1 - product[i]),
            "m_share": mu[i + 1] / (1 - product[i + 1]),
            "v_scale": 1.0 / np.sqrt(_power(self.betas[1], t)),
        }

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        b1, b2 = self.betas
        m = slots["m"] * b1 + g * (1 - b1)
        v = slots["v"] * b2 + ops.square(g) * (1 - b2)
        step = g * n["g_share"] + m * n["m_share"]
        return p - n["lr"] * step / (ops.sqrt(v) * n["v_scale"] + self.epsilon), {"m": m, "v": v}


@dataclass
class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012), also centred (Graves 2013) and with momentum.

    v ← ρ v + (1-ρ) g²;  p ← p - lr g / (√v + epsilon). Centred, v is reduced by the square of the mean
    gradient. With momentum the quotient is gathered in a velocity.

    Parameters
    ----------
    lr, weight_decay, no_decay, clip_value, clip_norm, groups
        As for `Optimizer`.
    rho : float
    momentum : float
    epsilon : float
    centered : bool
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


@dataclass
class Adagrad(Optimizer):
    """Adagrad (Duchi 2011): s ← s + g²;  p ← p - lr g / (√s + epsilon).

    Parameters
    ----------
    lr, weight_decay, no_decay, clip_value, clip_norm, groups
        As for `Optimizer`.
    initial_accumulator : float
        What s begins as.
    epsilon : float
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


@dataclass
class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012): steps in units of the steps before.

    v ← ρ v + (1-ρ) g²;  d = √(u + epsilon)/√(v + epsilon) g;  u ← ρ u + (1-ρ) d²;  p ← p - lr d.

    Parameters
    ----------
    lr, weight_decay, no_decay, clip_value, clip_norm, groups
        As for `Optimizer`.
    rho : float
    epsilon : float
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


OPTIMIZERS: dict[str, type[Optimizer]] = {
    c.name: c for c in (SGD, Adam, AdamW, AMSGrad, Nadam, RMSprop, Adagrad, Adadelta)
}


def get(spec: Any, **settings: Any) -> Optimizer:
    """An optimizer from its name, an instance or a class; settings go to the constructor.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.

    Examples
    --------
    >>> from gdcore import optimizers
    >>> optimizers.get("sgd", lr=0.1).momentum
    0.0
    """
    if isinstance(spec, Optimizer):
        return spec
    if isinstance(spec, str):
        if spec not in OPTIMIZERS:
            raise unknown("optimizer", spec, OPTIMIZERS)
        return OPTIMIZERS[spec](**settings)
    if isinstance(spec, type) and issubclass(spec, Optimizer):
        return spec(**settings)
    raise TypeError(f"optimizer {spec!r}: expected a name or an optimizer such as gd.Adam(1e-3)")


def from_config(config: Mapping[str, Any]) -> Optimizer:
    """The optimizer that `Optimizer.config` described."""
    settings = {k: tuple(v) if k == "betas" else v for k, v in config.items() if k != "name"}
    lr = settings.get("lr")
    if isinstance(lr, Mapping):
        settings["lr"] = schedules.from_config(lr["schedule"])
    cls = OPTIMIZERS.get(str(config.get("name")))
    if cls is None:
        raise unknown("optimizer", config.get("name"), OPTIMIZERS)
    known = {f.name for f in fields(cls)}
    if set(settings) - known:
        raise ValueError(
            f"optimizer {cls.name} has no setting {sorted(set(settings) - known)[0]!r}"
        )
    return cls(**settings)
