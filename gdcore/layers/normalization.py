"""Normalization over the batch and over the features."""

from __future__ import annotations

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer
from gdcore.layers.dense import nonnegative

__all__ = ["BatchNorm", "LayerNorm"]


class BatchNorm(Layer):
    """Normalizes each feature over the batch and all other dimensions; the shape (B, ..., n) is kept.

    y = gamma (x - mean) / √(var + epsilon) + beta, with the batch's mean and variance in training
    and running averages of them in prediction. A frozen layer uses the running averages in training
    too.

    Parameters
    ----------
    momentum : float
        Weight of the old running average in each step; the batch gets 1 - momentum.
    epsilon : float
    center, scale : bool
        Whether there is a beta, and a gamma, of shape (n,).
    name : str, optional

    Raises
    ------
    ValueError
        If `momentum` lies outside 0..1.

    References
    ----------
    Ioffe and Szegedy 2015, Batch normalization: accelerating deep network training.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.BatchNorm()(gd.Input((28, 28, 8))).shape
    (B, 28, 28, 8)
    """

    def __init__(
        self,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        name: str | None = None,
    ) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f"BatchNorm momentum={momentum!r}: expected 0 to 1")
        self.momentum = float(momentum)
        self.epsilon = nonnegative(f"{type(self).__name__} epsilon", epsilon)
        self.center = center
        self.scale = scale
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        width = x.shape[-1:]
        running_mean = self.state("running_mean", width, 0.0)
        running_var = self.state("running_var", width, 1.0)
        predicted = (x - running_mean) * (1.0 / ops.sqrt(running_var + self.epsilon))
        if self.trainable:
            axes = range(x.ndim - 1)
            mean = ops.mean(x, axes)
            apart = x - mean
            var = ops.mean(ops.square(apart), axes)
            trained = apart * (1.0 / ops.sqrt(var + self.epsilon))
            keep = self.momentum
            trained = ops.with_update(
                trained, running_mean, running_mean * keep + ops.stop_gradient(mean) * (1 - keep)
            )
            trained = ops.with_update(
                trained, running_var, running_var * keep + ops.stop_gradient(var) * (1 - keep)
            )
            y = ops.when_training(trained, predicted)
        else:
            y = predicted
        if self.scale:
            y = y * self.param("gamma", width, "ones", "norm")
        if self.center:
            y = y + self.param("beta", width, "zeros", "norm")
        return y


class LayerNorm(Layer):
    """Normalizes each sample over its last dimension; the shape (B, ..., n) is kept.

    y = gamma (x - mean) / √(var + epsilon) + beta.

    Parameters
    ----------
    epsilon : float
    center, scale : bool
        Whether there is a beta, and a gamma, of shape (n,).
    name : str, optional

    References
    ----------
    Ba et al. 2016, Layer normalization.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Sequential([gd.Input(2), gd.LayerNorm(epsilon=0.0)]).predict([[3.0, 5.0]])
    array([[-1.,  1.]], dtype=float32)
    """

    masks = "keep"

    def __init__(
        self,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        name: str | None = None,
    ) -> None:
        self.epsilon = nonnegative(f"{type(self).__name__} epsilon", epsilon)
        self.center = center
        self.scale = scale
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        width = x.shape[-1:]
        apart = x - ops.mean(x, -1, keepdims=True)
        y = apart * (1.0 / ops.sqrt(ops.mean(ops.square(apart), -1, keepdims=True) + self.epsilon))
        if self.scale:
            y = y * self.param("gamma", width, "ones", "norm")
        if self.center:
            y = y + self.param("beta", width, "zeros", "norm")
        return y
