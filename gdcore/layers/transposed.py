"""Transposed convolutions, which enlarge sequences and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer
from gdcore.layers.convolutions import Convolution
from gdcore.layers.window_settings import numbers

__all__ = ["ConvTranspose1D", "ConvTranspose2D"]


class ConvTranspose2D(Convolution, Layer):
    """Transposed convolution: it enlarges images as a convolution with strides makes them smaller.

    (B, height, width, channels) becomes (B, out height, out width, filters): each pixel adds the kernel, weighted by
    its channels, to the result, `strides` pixels from where its neighbour does. It is the gradient of `Conv2D` by
    its input.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size : int or (int, int)
    strides, dilation : int or (int, int)
    padding : {"valid", "same"}, int, or sequence of int or (int, int)
        What is cut off the result (size - 1) stride + dilation (kernel_size - 1) + 1: nothing; as much as leaves
        size · stride; or the number of pixels on both sides, as in PyTorch, or pairs.
    output_padding : int or (int, int), optional
        By how much the result is longer at the bottom and right, less than the strides. None: 0 with numbers, and
        with "valid" and "same" as much as is missing to size · stride, as in Keras.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_l1, kernel_l2, name
        As for `Dense`. The kernel has the shape (kernel height, kernel width, filters / groups, channels).
    groups : int
        The channels of each of so many parts go to their own part of the filters.

    Raises
    ------
    ValueError
        As for `Conv2D`; if `output_padding` is not less than the strides.

    References
    ----------
    Zeiler et al. 2010, Deconvolutional networks.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ConvTranspose2D(8, 3, strides=2, padding="same")(gd.Input((7, 7, 16))).shape
    (B, 14, 14, 8)
    >>> gd.ConvTranspose2D(8, 3, strides=2, padding=1, output_padding=1)(gd.Input((7, 7, 16))).shape
    (B, 14, 14, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        output_padding: int | Sequence[int] | None = None,
        dilation: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_l1: float = 0.0,
        kernel_l2: float = 0.0,
        groups: int = 1,
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
        if self.padding == "causal":
            raise ValueError(
                f"{type(self).__name__} padding='causal': expected 'valid', 'same' or numbers"
            )
        self.output_padding: tuple[int, ...] | None = None
        if output_padding is not None:
            what = f"{type(self).__name__} output_padding"
            self.output_padding = numbers(what, output_padding, self.rank, low=0)

    def _margins(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What is cut off before and after along each dimension, and what is added after."""
        reach, given = self._reach(), self.output_padding
        if not isinstance(self.padding, str):
            cut = tuple(n for pair in self.padding for n in pair)
            return cut, given or (0,) * self.rank
        if given is not None:  # as Keras has it
            each = [k // 2 if self.padding == "same" else 0 for k in self.kernel_size]
            return tuple(n for k in each for n in (k, k)), given
        missing = tuple(max(0, s - r) for s, r in zip(self.strides, reach, strict=True))
        if self.padding == "valid":
            return (0,) * (2 * self.rank), missing
        spare = [max(0, r - s) for s, r in zip(self.strides, reach, strict=True)]
        return tuple(n for s in spare for n in (s // 2, s - s // 2)), missing

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        channels = self._channels(x, self.groups)
        each = self.filters // self.groups
        kernel = self._kernel(
            "kernel", (*self.kernel_size, each, channels), each, channels // self.groups
        )
        cut, more = self._margins()
        return self._finished(
            ops.conv_transpose(x, kernel, self.strides, cut, more, self.dilation, self.groups)
        )


class ConvTranspose1D(ConvTranspose2D):
    """Transposed convolution of sequences: (B, length, channels) becomes (B, out length, filters).

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size, strides, padding, output_padding, dilation
        As for `ConvTranspose2D`, of one dimension.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_l1, kernel_l2, groups, name
        As for `ConvTranspose2D`. The kernel has the shape (kernel_size, filters / groups, channels).

    Raises
    ------
    ValueError
        As for `ConvTranspose2D`.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ConvTranspose1D(8, 4, strides=2, padding=1)(gd.Input((25, 16))).shape
    (B, 50, 8)
    """

    rank = 1
