"""Layers that scale their inputs, by given numbers or by learned ones."""

from __future__ import annotations

from typing import Any

import numpy as np

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
    """x · scale + offset, with given numbers, of all features or of each.

    At the head of a model it lets `fit` and `predict` take uint8 images as they are: one scale is fused into the
    gathering of a batch and needs no pass of its own.

    Parameters
    ----------
    scale, offset : float, or sequence of float
        A sequence has a number for each feature of the last dimension, as for the channels of images.
    name : str, optional

    Raises
    ------
    ValueError
        If one of them is not a finite number, or a list of them; when it is called, if the
        number of features is another.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(2), gd.Rescaling(1 / 255)])
    >>> model.predict(np.array([[0, 51]], dtype=np.uint8)).round(4)
    array([[0. , 0.2]], dtype=float32)

    To mean 0 and deviation 1, of features whose mean and deviation are known:

    >>> mean, std = np.array([3.0, 5.0]), np.array([1.0, 2.0])
    >>> model = gd.Sequential([gd.Input(2), gd.Rescaling(1 / std, -mean / std)])
    >>> model.predict([[4.0, 5.0]])
    array([[1., 0.]], dtype=float32)
    """

    masks = "keep"

    def __init__(self, scale: Any, offset: Any = 0.0, name: str | None = None) -> None:
        self.scale = _numbers("Rescaling scale", scale)
        self.offset = _numbers("Rescaling offset", offset)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        for key, given in (("scale", self.scale), ("offset", self.offset)):
            if isinstance(given, tuple) and x.shape[-1:] != (len(given),):
                raise ValueError(
                    f"Rescaling with {len(given)} numbers as {key} got an input of shape {x.shape}: expected "
                    f"(batch, ..., {len(given)}), a feature for each"
                )
        scaled = x * np.asarray(self.scale)
        return scaled + np.asarray(self.offset) if np.any(self.offset) else scaled


def _numbers(what: str, given: Any) -> float | tuple[float, ...]:
    """A finite number, or some of them."""
    try:
        array = np.asarray(given)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if (
        array.dtype.kind not in "fiu"
        or array.ndim > 1
        or not array.size
        or not np.isfinite(array).all()
    ):
        raise ValueError(f"{what}={given!r}: expected a finite number, or a list of them")
    return float(array) if array.ndim == 0 else tuple(array.astype(np.float64).tolist())
