"""Layers that scale inputs to a range suited to training."""

from __future__ import annotations

import math

from gdcore.graph.ir import Value
from gdcore.layers.base import Layer

__all__ = ["Rescaling"]


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
