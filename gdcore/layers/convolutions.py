"""Convolution of sequences, images and volumes (batch, ..., channels)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gdcore import activations, initializers, ops
from gdcore.graph.ir import Value
from gdcore.initializers import VarianceScaling
from gdcore.layers.base import Layer, fixed_shape
from gdcore.layers.masked_steps import steps_mask, zeroed
from gdcore.layers.window_settings import around, check_images, numbers, padding_of
from gdcore.setting_checks import positive

__all__ = ["Conv1D", "Conv2D", "Conv3D"]


class Convolution:
    """What layers of convolutions have in common: their settings, and what follows the sums."""

    rank = 2
    param: Callable[..., Value]  # of `Layer`

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: Any,
        dilation: int | Sequence[int],
        activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_l1: float,
        kernel_l2: float,
        name: str | None,
    ) -> None:
        who = type(self).__name__
        self.kernel_size = numbers(f"{who} kernel_size", kernel_size, self.rank)
        self.strides = numbers(f"{who} strides", strides, self.rank)
        self.dilation = numbers(f"{who} dilation", dilation, self.rank)
        self.padding = padding_of(f"{who} padding", padding, self.rank)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_l1, self.kernel_l2 = kernel_l1, kernel_l2
        self.name = name

    def _channels(self, x: Value, groups: int = 1) -> int:
        """How many channels images have; raises ValueError for what is no image, or groups that do not divide them."""
        who = type(self).__name__
        check_images(x, who, self.rank)
        (channels,) = fixed_shape(x.shape[-1:], "the channels")
        if channels % groups:
            raise ValueError(
                f"{who} groups={groups} of {channels} channels: expected a divisor of them"
            )
        return channels

    def _filters(self, filters: int, groups: int) -> tuple[int, int]:
        """Both, if they are whole numbers of which the second divides the first."""
        who = type(self).__name__
        if positive(f"{who} filters", filters) % positive(f"{who} groups", groups):
            raise ValueError(
                f"{who} groups={groups} of {filters} filters: expected a divisor of them"
            )
        return positive(f"{who} filters", filters), groups

    def _reach(self) -> tuple[int, ...]:
        """How many pixels the kernel spans along each dimension, dilation counted."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True))

    def _kernel(self, name: str, shape: Sequence[int], inputs: int, outputs: int) -> Value:
        """The kernel, whose variance is that of one group's: of so many channels in and out."""
        init, part = self.kernel_initializer, (*self.kernel_size, inputs, outputs)
        if isinstance(init, VarianceScaling) and part != tuple(shape):
            init = init.at(part)
        return self.param(name, shape, init, "kernel", self.kernel_l1, self.kernel_l2)

    def _finished(self, y: Value) -> Value:
        """The sums with bias and activation."""
        if self.use_bias:
            y = y + self.param("bias", y.shape[-1:], self.bias_initializer, "bias")
        return self.activation(y)


class Conv2D(Convolution, Layer):
    """Two-dimensional convolution (cross-correlation, as everywhere in this field).

    (B, height, width, channels) becomes (B, out height, out width, filters), with
    y[i, j, f] = activation(Σ x[stride i + dilation u, stride j + dilation v, c] W[u, v, c, f] +
    b[f]), summed over u, v and c.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size : int or (int, int)
    strides, dilation : int or (int, int)
    padding : {"valid", "same"}, int, or sequence of int or (int, int)
        Zeros around the image: none; as many as give ceil(size / stride) windows, the odd one at the bottom and
        right, as in TensorFlow; or the number of them on both sides, as in PyTorch, of each dimension, or pairs
        (before, after).
    activation, use_bias, kernel_initializer, bias_initializer, kernel_l1, kernel_l2, name
        As for `Dense`. The kernel has the shape (kernel height, kernel width, channels in / groups,
        filters).
    groups : int
        The channels of each of so many parts go to their own part of the filters.
    exact : bool
        Sum over the taps, whatever the sizes. Otherwise, in float32, kernels of 3 x 3 taps without strides, dilation
        and groups are computed in tiles by Winograd's algorithm where sizes (and the largest batch of the plan) say
        that it is faster: by a factor of up to three, with errors some five times as large, about 1e-6 of the largest
        result. The print of a plan names each such convolution.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `padding` is unknown, `groups` does not divide the filters,
        `exact` is neither True nor False, or, when it is called, the input is not (B, height, width, channels),
        `groups` does not divide its channels, or no window fits into it.

    References
    ----------
    LeCun et al. 1989, Backpropagation applied to handwritten zip code recognition.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Conv2D(8, 3, strides=2, padding="same")(gd.Input((28, 28, 1))).shape
    (B, 14, 14, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        dilation: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_l1: float = 0.0,
        kernel_l2: float = 0.0,
        groups: int = 1,
        exact: bool = False,
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
        self.filters, self.groups = self._filters(filters, groups)
        if not isinstance(exact, bool):
            raise ValueError(f"{type(self).__name__} exact={exact!r}: expected True or False")
        self.exact = exact

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        channels = self._channels(x, self.groups)
        each = channels // self.groups
        shape = (*self.kernel_size, each, self.filters)
        kernel = self._kernel("kernel", shape, each, self.filters // self.groups)
        zeros = around(self.padding, x.shape[1:-1], self._reach(), self.strides)
        return self._finished(
            ops.conv(x, kernel, self.strides, zeros, self.dilation, self.groups, self.exact)
        )


class Conv1D(Conv2D):
    """Convolution of sequences: (B, length, channels) becomes (B, out length, filters).

    y[t, f] = activation(Σ x[stride t + dilation u, c] W[u, c, f] + b[f]), summed over u and c. Steps that a mask leaves
    out are read as zeros, and the mask is kept; so the result has to have the same steps, with strides of 1.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size, strides, dilation : int
    padding : {"valid", "same", "causal"}, int, or (int, int)
        As for `Conv2D`; "causal" has all zeros at the beginning, so that no output sees what comes after it.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_l1, kernel_l2, groups, exact, name
        As for `Conv2D`. The kernel has the shape (kernel_size, channels in / groups, filters).

    Raises
    ------
    ValueError
        As for `Conv2D`; when it is called, if the input has a mask and the result would have other steps.

    References
    ----------
    van den Oord et al. 2016, WaveNet: a generative model for raw audio.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Conv1D(8, 3, padding="causal", dilation=2)(gd.Input((100, 4))).shape
    (B, 100, 8)
    """

    masks = "use"
    rank = 1

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        mask = steps_mask(self, x)
        if mask is None:
            return super().forward(x)
        y = super().forward(zeroed(x, mask))
        if self.strides != (1,) or y.shape[1] != x.shape[1]:
            raise ValueError(
                f"Conv1D with padding={self.padding!r} and strides={self.strides[0]} got a sequence with a mask, and "
                f"makes {y.shape[1]} windows of its {x.shape[1]} steps: expected padding='same' or 'causal' and "
                "strides=1, whose windows are the steps, or drop the mask with gd.ops.drop_mask(x)"
            )
        return ops.with_mask(y, mask)


class Conv3D(Conv2D):
    """Convolution of volumes: (B, depth, height, width, channels) becomes (B, ..., filters).

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size, strides, dilation : int or (int, int, int)
    padding : {"valid", "same"}, int, or sequence of int or (int, int)
        As for `Conv2D`.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_l1, kernel_l2, groups, exact, name
        As for `Conv2D`. The kernel has the shape (*kernel_size, channels in / groups, filters).

    Raises
    ------
    ValueError
        As for `Conv2D`.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Conv3D(8, 3, padding=1)(gd.Input((16, 32, 32, 1))).shape
    (B, 16, 32, 32, 8)
    """

    rank = 3
