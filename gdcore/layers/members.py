"""Many networks in one: members that share their weights, and differ by cheap factors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gdcore import activations, initializers, ops
from gdcore.errors import unknown
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer, fixed_shape
from gdcore.random import Stream
from gdcore.setting_checks import positive

__all__ = ["MemberAverage", "MemberDense"]


def _signs(shape: tuple[int, ...], stream: Stream) -> np.ndarray:
    """1 or -1 at random."""
    return np.where(stream.uniform(shape, 0.0, 1.0) < 0.5, -1.0, 1.0)


class MemberDense(Layer):
    """A dense layer of several members: (B, members, n) becomes (B, members, units).

    Member k computes activation(s_k · (W (r_k · x)) + b_k), with one kernel W for all and factors r,
    s of its own, which begin at 1; with ``shared=False`` activation(W_k x + b_k). All members are one
    product. An input (B, n) is given to each of them.

    Parameters
    ----------
    units, members : int
    activation : str, function of a traced value, or None
    shared : bool
        Whether members share the kernel.
    signs : bool
        Whether r begins at ±1 at random, so that members differ from the first layer on.
    kernel_initializer : Initializer, name, number or callable
    name : str, optional

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or, when it is called, the input is neither
        (B, n) nor (B, members, n).

    References
    ----------
    Wen et al. 2020, BatchEnsemble. Gorishniy et al. 2024, TabM: advancing tabular deep learning with
    parameter-efficient ensembling.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.MemberDense(16, members=4, activation="relu", signs=True)(gd.Input(3))
    >>> x.shape, gd.MemberDense(1, members=4, shared=False)(x).shape
    ((B, 4, 16), (B, 4, 1))
    """

    def __init__(
        self,
        units: int,
        members: int,
        activation: Any = None,
        shared: bool = True,
        signs: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        name: str | None = None,
    ) -> None:
        self.units = positive("MemberDense units", units)
        self.members = positive("MemberDense members", members)
        self.activation = activations.get(activation)
        self.shared = shared
        self.signs = signs
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        k = self.members
        if x.ndim not in (2, 3) or (x.ndim == 3 and x.shape[1] != k):
            raise ValueError(
                f"MemberDense got an input of shape {x.shape}: expected (batch, features) or "
                f"(batch, {k}, features)"
            )
        (n,) = fixed_shape(x.shape[-1:], "the features of MemberDense")
        if x.ndim == 2:
            x = ops.reshape(x, (x.shape[0], 1, n))
        bias = self.param("bias", (k, self.units), "zeros", "bias")
        if not self.shared:
            kernel = self.param("kernel", (k, n, self.units), self._each)
            every = ops.transpose(ops.broadcast_to(x, (x.shape[0], k, n)), (1, 0, 2))
            return self.activation(ops.transpose(ops.matmul(every, kernel), (1, 0, 2)) + bias)
        start: Any = _signs if self.signs else "ones"
        x = x * self.param("input_scale", (k, n), start, "norm")
        y = x @ self.param("kernel", (n, self.units), self.kernel_initializer)
        return self.activation(
            y * self.param("output_scale", (k, self.units), "ones", "norm") + bias
        )

    def _each(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """A kernel for each member, drawn as if it were alone."""
        return np.stack([self.kernel_initializer(shape[1:], stream) for _ in range(shape[0])])


MEANS = ("values", "softmax", "sigmoid")


class MemberAverage(Layer):
    """The mean prediction of members: (B, members, n) becomes (B, n).

    Parameters
    ----------
    of : {"values", "softmax", "sigmoid"}
        What is averaged: the values themselves, or the probabilities that they are logits of. The
        result then is the logarithm of the mean probability, or its log odds.
    name : str, optional

    Raises
    ------
    ValueError
        If `of` is unknown, or, when it is called, the input is not (B, members, n).

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input((2, 1))
    >>> gd.Model(x, gd.MemberAverage("sigmoid")(x)).predict([[[3.0], [-3.0]]]).round(4)
    array([[0.]], dtype=float32)
    """

    def __init__(self, of: str = "values", name: str | None = None) -> None:
        if of not in MEANS:
            raise unknown("mean of members", of, MEANS)
        self.of = of
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if x.ndim != 3:
            raise ValueError(
                f"MemberAverage got an input of shape {x.shape}: expected (batch, members, features)"
            )
        (k,) = fixed_shape(x.shape[1:2], "the members")
        if self.of == "values":
            return ops.mean(x, 1)
        if self.of == "softmax":
            return ops.logsumexp(ops.log_softmax(x), 1) - math.log(k)
        return ops.logsumexp(-ops.softplus(-x), 1) - ops.logsumexp(-ops.softplus(x), 1)
