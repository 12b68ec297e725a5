"""Convolutions of each channel by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer
from gdcore.layers.convolutions import Conv2D, Convolution
from gdcore.layers.window_settings import around
from gdcore.setting_checks import positive

__all__ = ["DepthwiseConv2D", "SeparableConv2D"]


class DepthwiseConv2D(Convolution, Layer):
    """Convolution of each channel by kernels of its own.

    (B, height, width, channels) becomes (B, out height, out width, channels · depth_multiplier), with
    y[i, j, m c + k] = activation(Σ x[stride i + dilation u, stride j + dilation v, c] W[u, v, c, k] + b[m c + k]),
    summed over u and v, for a depth_multiplier of m.

    Parameters
    ----------
    kernel_size : int or (int, int)
    strides, padding, dilation
        As for `Conv2D`.
    depth_multiplier : int
        Channels of the output for each channel.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_l1, kernel_l2, name
        As for `Dense`. The kernel has the shape (kernel height, kernel width, channels, depth_multiplier).

    Raises
    ------
    ValueError
        As for `Conv2D`.

    References
    ----------
    Howard et al. 2017, MobileNets: efficient convolutional neural networks for mobile vision applications.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(gd.Input((28, 28, 8))).shape
    (B, 28, 28, 16)
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        depth_multiplier: int = 1,
        dilation: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_l1: float = 0.0,
        kernel_l2: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            dilation,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_l1,
            kernel_l2,
            name,
        )
        self.depth_multiplier = positive("DepthwiseConv2D depth_multiplier", depth_multiplier)

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        channels, many = self._channels(x), self.depth_multiplier
        kernel = self._kernel("depthwise_kernel", (*self.kernel_size, channels, many), 1, many)
        kernel = ops.reshape(kernel, (*self.kernel_size, 1, channels * many))
        zeros = around(self.padding, x.shape[1:-1], self._reach(), self.strides)
        return self._finished(ops.conv(x, kernel, self.strides, zeros, self.dilation, channels))


class SeparableConv2D(Layer):
    """A convolution of each channel by itself, and then of all channels of each pixel.

    (B, height, width, channels) becomes (B, out height, out width, filters): `DepthwiseConv2D` without a bias, in the
    attribute `depthwise`, and a `Conv2D` of one pixel, in `pointwise`.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size, strides, padding, depth_multiplier, dilation
        As for `DepthwiseConv2D`.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_l1, kernel_l2, name
        As for `Conv2D`; those of the kernel hold for both.

    Raises
    ------
    ValueError
        As for `Conv2D`.

    References
    ----------
    Chollet 2017, Xception: deep learning with depthwise separable convolutions.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.SeparableConv2D(32, 3, padding="same", activation="relu")(gd.Input((28, 28, 8))).shape
    (B, 28, 28, 32)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        depth_multiplier: int = 1,
        dilation: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_l1: float = 0.0,
        kernel_l2: float = 0.0,
        name: str | None = None,
    ) -> None:
        both = {
            "kernel_initializer": kernel_initializer,
            "kernel_l1": kernel_l1,
            "kernel_l2": kernel_l2,
        }
        self.depthwise = DepthwiseConv2D(
            kernel_size, strides, padding, depth_multiplier, dilation, use_bias=False, **both
        )
        self.pointwise = Conv2D(
            filters,
            1,
            activation=activation,
            use_bias=use_bias,
            bias_initializer=bias_initializer,
            **both,
        )
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        y: Value = self.pointwise(self.depthwise(x))
        return y
