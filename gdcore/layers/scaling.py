"""Layers that scale their inputs, by given numbers or by learned ones."""

from __future__ import annotations

import math
from typing import Any

from gdcore import initializers
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer

__all__ = ["Rescaling", "Scale"]


class Scale(Layer):
    """x times a learned factor for each feature, over the last dimension: (B, ..., n) stays so.

    At the head of a model it learns how much each input counts; a higher learning rate than that of
    the rest suits it.

    Parameters
    ----------
    initializer : Initializer, name, number or callable
    name : str, optional

    Raises
    ------
    ValueError
        When it is called, if the input has no features.

    References
    ----------
    Holzmüller et al. 2024, Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Sequential([gd.Input(2), gd.Scale(0.5)]).predict([[1.0, 2.0]])
    array([[0.5, 1. ]], dtype=float32)
    """

    masks = "keep"

    def __init__(self, initializer: Any = "ones", name: str | None = None) -> None:
        self.initializer = initializers.get(initializer)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if x.ndim < 2:
            raise ValueError(
                f"Scale got an input of shape {x.shape}: expected (batch, ..., features)"
            )
        return x * self.param("scale", x.shape[-1:], self.initializer, "norm")


class Rescaling(Layer):
    """x · scale + offset, with two numbers.

    At the head of a model it lets `fit` and `predict` take uint8 images as they are: the scaling is
    fused into the gathering of a batch and needs no pass of its own.

    Parameters
    ----------
    scale : float
    offset : float
    name : str, optional

    Raises
    ------
    ValueError
        If one of them is not a finite number.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(2), gd.Rescaling(1 / 255)])
    >>> model.predict(np.array([[0, 51]], dtype=np.uint8)).round(4)
    array([[0. , 0.2]], dtype=float32)
    """

    masks = "keep"

    def __init__(self, scale: float, offset: float = 0.0, name: str | None = None) -> None:
        for key, number in (("scale", scale), ("offset", offset)):
            if not isinstance(number, int | float) or not math.isfinite(number):
                raise ValueError(f"Rescaling {key}={number!r}: expected a finite number")
        self.scale = float(scale)
        self.offset = float(offset)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        scaled = x * self.scale
        return scaled + self.offset if self.offset else scaled
