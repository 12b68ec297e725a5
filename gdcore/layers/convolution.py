"""Convolution of images (batch, height, width, channels)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gdcore import activations, initializers, ops
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer, fixed_shape
from gdcore.layers.dense import positive

__all__ = ["Conv2D"]


def pair(what: str, value: int | Sequence[int]) -> tuple[int, int]:
    """A size as (vertical, horizontal), from one number or a pair."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2:
        raise ValueError(f"{what}={value!r}: expected one number or two")
    return positive(what, both[0]), positive(what, both[1])


def padding(
    kind: str, image: Sequence[Any], kernel: tuple[int, int], strides: tuple[int, int]
) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of "valid", or "same", which gives ceil(size / stride) windows."""
    if kind == "valid":
        return 0, 0, 0, 0
    if kind != "same":
        raise ValueError(f"padding={kind!r}: expected 'valid' or 'same'")
    out = []
    for length, window, stride in zip(
        fixed_shape(image, "the image"), kernel, strides, strict=True
    ):
        total = max(0, (-(-length // stride) - 1) * stride + window - length)
        out += [total // 2, total - total // 2]
    return out[0], out[1], out[2], out[3]


def _image(x: Value, who: str) -> None:
    if x.ndim != 4:
        raise ValueError(
            f"{who} got an input of shape {x.shape}: expected (batch, height, width, channels)"
        )


class Conv2D(Layer):
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
    padding : {"valid", "same"}
    activation, use_bias, kernel_initializer, bias_initializer, kernel_l1, kernel_l2, name
        As for `Dense`. The kernel has the shape (kernel height, kernel width, channels in,
        filters).

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `padding` is unknown, or, when it is called,
        the input is not (B, height, width, channels) or no window fits into it.

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
        padding: str = "valid",
        dilation: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_l1: float = 0.0,
        kernel_l2: float = 0.0,
        name: str | None = None,
    ) -> None:
        self.filters = positive("Conv2D filters", filters)
        self.kernel_size = pair("Conv2D kernel_size", kernel_size)
        self.strides = pair("Conv2D strides", strides)
        self.dilation = pair("Conv2D dilation", dilation)
        self.padding = padding
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_l1, self.kernel_l2 = kernel_l1, kernel_l2
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        _image(x, "Conv2D")
        reach = (
            self.dilation[0] * (self.kernel_size[0] - 1) + 1,
            self.dilation[1] * (self.kernel_size[1] - 1) + 1,
        )
        around = padding(self.padding, x.shape[1:3], reach, self.strides)
        kernel = self.param(
            "kernel",
            (*self.kernel_size, x.shape[-1], self.filters),
            self.kernel_initializer,
            "kernel",
            self.kernel_l1,
            self.kernel_l2,
        )
        y = ops.conv2d(x, kernel, self.strides, around, self.dilation)
        if self.use_bias:
            y = y + self.param("bias", (self.filters,), self.bias_initializer, "bias")
        return self.activation(y)
