"""Normalization over the batch, over the features, and over pixels and groups of channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gdcore import ops
from gdcore.graph.dims import size
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer
from gdcore.layers.masked_steps import steps_mask
from gdcore.setting_checks import nonnegative, positive

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "RMSNorm"]


class BatchNorm(Layer):
    """Normalizes each feature over the batch and all other dimensions; the shape (B, ..., n) is kept.

    y = gamma (x - mean) / √(var + epsilon) + beta, with the batch's mean and variance in training
    and running averages of them in prediction. A frozen layer uses the running averages in training
    too. Of sequences with a mask the batch's are those of the steps that count, as in Keras; a batch in which none
    does leaves the running averages as they are.

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

    masks = "use"

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        mask, x, width = ops.mask_of(x), ops.drop_mask(x), x.shape[-1:]
        running_mean = self.state("running_mean", width, 0.0)
        running_var = self.state("running_var", width, 1.0)
        predicted = (x - running_mean) * (1.0 / ops.sqrt(running_var + self.epsilon))
        if self.trainable:
            average, counted = _over_batch(x, mask)
            mean = average(x)
            apart = x - mean
            var = average(ops.square(apart))
            trained = apart * (1.0 / ops.sqrt(var + self.epsilon))
            keep = self.momentum if counted is None else ops.where(counted, self.momentum, 1.0)
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
        return y if mask is None else ops.with_mask(y, mask)


def _over_batch(x: Value, mask: Value | None) -> tuple[Callable[[Value], Value], Value | None]:
    """The mean by feature of what counts in a value of x's shape; with a mask, whether anything does."""
    axes = range(x.ndim - 1)
    if mask is None:
        return lambda v: ops.mean(v, axes), None
    counts = ops.reshape(mask, (*mask.shape, *[1] * (x.ndim - mask.ndim)))
    steps = ops.sum(counts, axes)
    rows = ops.maximum(steps, 1.0) * size(x.shape[mask.ndim : -1])
    return lambda v: ops.sum(ops.where(counts, v, 0.0), axes) / rows, ops.less(0.0, steps)


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
        x, width = ops.drop_mask(x), x.shape[-1:]
        apart = x - ops.mean(x, -1, keepdims=True)
        y = apart * (1.0 / ops.sqrt(ops.mean(ops.square(apart), -1, keepdims=True) + self.epsilon))
        if self.scale:
            y = y * self.param("gamma", width, "ones", "norm")
        if self.center:
            y = y + self.param("beta", width, "zeros", "norm")
        return y


class RMSNorm(Layer):
    """Divides each sample by the root of its mean square over the last dimension: (B, ..., n) is kept.

    y = gamma x / √(mean x² + epsilon).

    Parameters
    ----------
    epsilon : float
    scale : bool
        Whether there is a gamma, of shape (n,).
    name : str, optional

    Raises
    ------
    ValueError
        If epsilon is not a number of at least 0.

    References
    ----------
    Zhang and Sennrich 2019, Root mean square layer normalization.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Sequential([gd.Input(2), gd.RMSNorm(epsilon=0.0)]).predict([[1.0, 7.0]])
    array([[0.2, 1.4]], dtype=float32)
    """

    masks = "keep"

    def __init__(self, epsilon: float = 1e-6, scale: bool = True, name: str | None = None) -> None:
        self.epsilon = nonnegative("RMSNorm epsilon", epsilon)
        self.scale = scale
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        x = ops.drop_mask(x)
        y = x * (1.0 / ops.sqrt(ops.mean(ops.square(x), -1, keepdims=True) + self.epsilon))
        return y * self.param("gamma", x.shape[-1:], "ones", "norm") if self.scale else y


class GroupNorm(Layer):
    """Normalizes each sample over all pixels and the channels of a group; the shape (B, ..., n) is kept.

    y = gamma (x - mean) / √(var + epsilon) + beta. Neighbouring channels are a group. Of a sequence with a mask, mean
    and var are those of the steps that count.

    Parameters
    ----------
    groups : int
        It divides the number of channels; 1 is a norm over the whole sample.
    epsilon : float
        torch has 1e-5 if nothing is said.
    center, scale : bool
        Whether there is a beta, and a gamma, of shape (n,).
    name : str, optional

    Raises
    ------
    ValueError
        If a setting is out of range, or, when it is called, the groups do not divide the channels.

    References
    ----------
    Wu and He 2018, Group normalization.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.GroupNorm(4)(gd.Input((28, 28, 8))).shape
    (B, 28, 28, 8)
    """

    masks = "use"

    def __init__(
        self,
        groups: int = 32,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        name: str | None = None,
    ) -> None:
        self.groups = positive("GroupNorm groups", groups)
        self.epsilon = nonnegative("GroupNorm epsilon", epsilon)
        self.center = center
        self.scale = scale
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        return _of_groups(self, x, self.groups, self.epsilon, self.center, self.scale)


class InstanceNorm(Layer):
    """Normalizes each channel of each sample over its pixels; the shape (B, ..., n) is kept.

    y = gamma (x - mean) / √(var + epsilon) + beta. Of a sequence with a mask mean and var are those of the steps that
    count.

    Parameters
    ----------
    epsilon : float
        torch has 1e-5 if nothing is said.
    center, scale : bool
        Whether there is a beta, and a gamma, of shape (n,); torch has neither if nothing is said.
    name : str, optional

    Raises
    ------
    ValueError
        If epsilon is not a number of at least 0, or, when it is called, there is nothing between batch and
        channels.

    References
    ----------
    Ulyanov et al. 2016, Instance normalization: the missing ingredient for fast stylization.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input((2, 1)), gd.InstanceNorm(epsilon=0.0)])
    >>> model.predict([[[3.0], [5.0]]]).ravel()
    array([-1.,  1.], dtype=float32)
    """

    masks = "use"

    def __init__(
        self,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        name: str | None = None,
    ) -> None:
        self.epsilon = nonnegative("InstanceNorm epsilon", epsilon)
        self.center = center
        self.scale = scale
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if x.ndim < 3:
            raise ValueError(
                f"InstanceNorm got an input of shape {x.shape}: expected (batch, ..., channels)"
            )
        return _of_groups(self, x, x.shape[-1], self.epsilon, self.center, self.scale)


def _of_groups(
    layer: Layer, x: Value, groups: Any, epsilon: float, center: bool, scale: bool
) -> Value:
    """The norm over pixels and the channels of a group.

    Statistics are spread to one number for each channel before they meet the pixels: the passes over pixels
    then walk whole rows of channels, however small the groups are.
    """
    batch, channels = x.shape[0], x.shape[-1]
    if x.ndim < 2 or not isinstance(channels, int) or channels % groups:
        raise ValueError(
            f"{type(layer).__name__} of {groups} groups over shape {x.shape}: "
            "expected (batch, ..., channels), channels a multiple of the groups"
        )
    mask, count = steps_mask(layer, x, most=x.ndim), size(x.shape[1:-1])
    pixels = ops.reshape(ops.drop_mask(x), (batch, count, channels))
    counts = None if mask is None else _of_pixels(mask, x)

    def over_pixels(y: Value) -> Value:
        if counts is None:
            return ops.mean(y, 1)
        return ops.sum(ops.where(counts, y, 0.0), 1) / ops.maximum(ops.sum(counts, 1), 1.0)

    def spread(y: Value) -> Value:
        """The mean over pixels and groups, once for each channel: (batch, 1, channels)."""
        each = over_pixels(y)
        if groups == channels:
            return ops.reshape(each, (batch, 1, channels))
        parts = ops.reshape(each, (batch, groups, channels // groups))
        whole = ops.broadcast_to(ops.mean(parts, 2, keepdims=True), parts.shape)
        return ops.reshape(whole, (batch, 1, channels))

    apart = pixels - spread(pixels)
    factor = 1.0 / ops.sqrt(spread(ops.square(apart)) + epsilon)
    if scale:
        factor = factor * layer.param("gamma", (channels,), "ones", "norm")
    y = apart * factor
    if center:
        y = y + layer.param("beta", (channels,), "zeros", "norm")
    y = ops.reshape(y, x.shape)
    return y if mask is None else ops.with_mask(y, mask)


def _of_pixels(mask: Value, x: Value) -> Value:
    """The mask of a sequence (batch, steps, ..., channels) for each of its pixels, (batch, pixels, 1)."""
    inner = x.shape[2:-1]
    wide = ops.reshape(mask, (*mask.shape, *[1] * len(inner)))
    whole = ops.broadcast_to(wide, (*mask.shape, *inner))
    return ops.reshape(whole, (x.shape[0], size(x.shape[1:-1]), 1))
