"""Adam and its variants: steps scaled by bias-corrected running moments of the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np

from gdcore import ops, schedules
from gdcore.graph.ir import Value
from gdcore.optimizers.base import Numbers, Optimizer


def power(beta: float, t: np.ndarray) -> np.ndarray:
    """1 - βᵗ, the bias correction of a running mean that starts at 0."""
    return np.asarray(1.0 - np.power(beta, t))


@dataclass(repr=False, eq=False)
class Adam(Optimizer):
    """Adam, and AMSGrad: steps of the gradient's running mean over the root of its running square.

    m ← β₁ m + (1-β₁) g;  v ← β₂ v + (1-β₂) g²;  p ← p - lr m̂ / (√v̂ + epsilon), with m̂ =
    m/(1-β₁ᵗ) and v̂ = v/(1-β₂ᵗ). AMSGrad takes the largest v so far.

    Parameters
    ----------
    lr : float or Schedule
    weight_decay, no_decay, clip_value, clip_norm, groups, sparse, coupled
        By keyword, as for `Optimizer`.
    betas : (float, float)
        β₁, β₂.
    epsilon : float
    amsgrad : bool

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Kingma and Ba 2015, Adam: a method for stochastic optimization. Reddi et al. 2018, On the
    convergence of Adam and beyond, for AMSGrad.

    Examples
    --------
    The first step has the length of the learning rate, whatever the gradient:

    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, use_bias=False, kernel_initializer="ones")])
    >>> _ = model.compile(gd.Adam(0.1), "mse").fit([[1.0]], [0.0], seed=0)
    >>> round(model.get_weights()[0].item(), 3)
    0.9
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
            "m_scale": 1.0 / power(self.betas[0], t),
            "v_scale": 1.0 / np.sqrt(power(self.betas[1], t)),
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


@dataclass(repr=False, eq=False)
class AdamW(Adam):
    """Adam with decoupled weight decay, 0.01 unless told otherwise.

    Parameters
    ----------
    lr, betas, epsilon, amsgrad, weight_decay, no_decay, clip_value, clip_norm, groups, sparse
        As for `Adam`; pass ``no_decay="biases_and_norms"`` to leave these alone.
    coupled : bool
        Not True: that is `Adam`.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Loshchilov and Hutter 2019, Decoupled weight decay regularization.

    Examples
    --------
    The decay takes lr · weight_decay of the weight, beside Adam's own step:

    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, use_bias=False, kernel_initializer="ones")])
    >>> _ = model.compile(gd.AdamW(0.1, weight_decay=0.5), "mse").fit([[1.0]], [0.0], seed=0)
    >>> round(model.get_weights()[0].item(), 3)
    0.85
    """

    _: KW_ONLY
    weight_decay: float | schedules.Schedule = 0.01
    name: ClassVar[str] = "adamw"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coupled:
            raise ValueError("AdamW is the one whose decay is not coupled: use Adam(coupled=True)")
