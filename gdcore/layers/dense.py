"""Fully connected layers and activations."""

from __future__ import annotations

import math
from typing import Any

from gdcore import activations, initializers
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer, fixed_shape
from gdcore.setting_checks import positive

__all__ = ["Activation", "Dense", "ParametricActivation"]


class Dense(Layer):
    """y = activation(x W + b), over the last dimension of x: (B, ..., n) becomes (B, ..., units).

    Parameters
    ----------
    units : int
        Size of the output.
    activation : str, function of a traced value, or None
    use_bias : bool
    kernel_initializer, bias_initializer : Initializer, name, number or callable
    kernel_l1, kernel_l2, bias_l1, bias_l2 : float
        Factors of Σ|w| and Σw², which are added to the loss.
    ntk : bool
        Compute x W / √n + b (the parametrisation of the neural tangent kernel): W then is of the same
        size in layers of any width, and one learning rate suits them all. ``Normal(1.0)`` is the
        initializer that goes with it.
    name : str, optional

    Raises
    ------
    ValueError
        If `units` is not a whole number of at least 1, a name is unknown, or, when it is called,
        the input has no features.

    References
    ----------
    Jacot et al. 2018, Neural tangent kernel, for `ntk`.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(4), gd.Dense(3, activation="relu"), gd.Dense(2)])
    >>> [w.shape for w in model.get_weights()]
    [(4, 3), (3,), (3, 2), (2,)]
    """

    masks = "keep"

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_l1: float = 0.0,
        kernel_l2: float = 0.0,
        bias_l1: float = 0.0,
        bias_l2: float = 0.0,
        name: str | None = None,
        ntk: bool = False,
    ) -> None:
        self.units = positive("Dense units", units)
        self.ntk = ntk
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_l1, self.kernel_l2 = kernel_l1, kernel_l2
        self.bias_l1, self.bias_l2 = bias_l1, bias_l2
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if x.ndim < 2:
            raise ValueError(
                f"Dense got an input of shape {x.shape}: expected (batch, ..., features)"
            )
        y = x @ self.param(
            "kernel",
            (x.shape[-1], self.units),
            self.kernel_initializer,
            "kernel",
            self.kernel_l1,
            self.kernel_l2,
        )
        if self.ntk:
            y = y * (1 / math.sqrt(fixed_shape(x.shape[-1:], "the features of Dense")[0]))
        if self.use_bias:
            y = y + self.param(
                "bias", (self.units,), self.bias_initializer, "bias", self.bias_l1, self.bias_l2
            )
        return self.activation(y)


class Activation(Layer):
    """An activation as a layer; elementwise ones keep the shape (B, ...).

    Parameters
    ----------
    activation : str or function of a traced value
        The names are those of `gdcore.activations.ACTIVATIONS`.
    name : str, optional

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is neither a name nor a function.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Sequential([gd.Input(3), gd.Activation("relu")]).predict([[-1.0, 0.0, 2.0]])
    array([[0., 0., 2.]], dtype=float32)
    """

    masks = "keep"

    def __init__(self, activation: Any, name: str | None = None) -> None:
        self.activation = activations.get(activation)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        return self.activation(x)


class ParametricActivation(Layer):
    """x + a (f(x) - x) with an activation f and a learned a for each feature, which begins at 1.

    Over the last dimension of x; a share of each feature passes f by.

    Parameters
    ----------
    activation : str or function of a traced value
    name : str, optional

    Raises
    ------
    ValueError
        If the name is unknown, or, when it is called, the input has no features.
    TypeError
        If it is neither a name nor a function.

    References
    ----------
    Holzmüller et al. 2024, Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Sequential([gd.Input(3), gd.ParametricActivation("relu")]).predict([[-1.0, 0.0, 2.0]])
    array([[0., 0., 2.]], dtype=float32)
    """

    masks = "keep"

    def __init__(self, activation: Any, name: str | None = None) -> None:
        self.activation = activations.get(activation)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if x.ndim < 2:
            raise ValueError(
                f"ParametricActivation got an input of shape {x.shape}: expected (batch, ..., features)"
            )
        share = self.param("share", x.shape[-1:], "ones", "norm")
        return x + share * (self.activation(x) - x)
