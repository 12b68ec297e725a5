"""Variants of Adam that fewer programs use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gdcore import ops, schedules
from gdcore.graph.ir import Value
from gdcore.optimizers.adam import Adam, power
from gdcore.optimizers.base import Numbers, Optimizer


@dataclass(repr=False, eq=False)
class AMSGrad(Adam):
    """Adam that takes the largest second moment so far.

    Parameters
    ----------
    lr, betas, epsilon, amsgrad, weight_decay, no_decay, clip_value, clip_norm, groups, sparse, coupled
        As for `Adam`.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Reddi et al. 2018, On the convergence of Adam and beyond.

    Examples
    --------
    The first step is Adam's; later ones do not grow when gradients fall:

    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, use_bias=False, kernel_initializer="ones")])
    >>> _ = model.compile(gd.AMSGrad(0.1), "mse").fit([[1.0]], [0.0], seed=0)
    >>> round(model.get_weights()[0].item(), 3)
    0.9
    """

    amsgrad: bool = True
    name: ClassVar[str] = "amsgrad"


@dataclass(repr=False, eq=False)
class Nadam(Optimizer):
    """Adam with Nesterov momentum.

    p ← p - lr ((1-μₜ) g / (1-Πμ) + μₜ₊₁ m / (1-μₜ₊₁ Πμ)) / (√v̂ + epsilon), with m, v and v̂ as in
    `Adam`, μₜ = β₁ (1 - ½ 0.96^{t ψ}) and Πμ = μ₁ μ₂ ... μₜ.

    Parameters
    ----------
    lr : float or Schedule
    weight_decay, no_decay, clip_value, clip_norm, groups, sparse, coupled
        By keyword, as for `Optimizer`.
    betas : (float, float)
        β₁, β₂.
    epsilon : float
    momentum_decay : float
        ψ.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Dozat 2016, Incorporating Nesterov momentum into Adam.

    Examples
    --------
    One step from 1 down the slope of w²:

    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1, use_bias=False, kernel_initializer="ones")])
    >>> _ = model.compile(gd.Nadam(0.1), "mse").fit([[1.0]], [0.0], seed=0)
    >>> round(model.get_weights()[0].item(), 3)
    0.894
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
            "v_scale": 1.0 / np.sqrt(power(self.betas[1], t)),
        }

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        b1, b2 = self.betas
        m = slots["m"] * b1 + g * (1 - b1)
        v = slots["v"] * b2 + ops.square(g) * (1 - b2)
        step = g * n["g_share"] + m * n["m_share"]
        return p - n["lr"] * step / (ops.sqrt(v) * n["v_scale"] + self.epsilon), {"m": m, "v": v}
