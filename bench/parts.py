"""The layers that benchmark networks are made of: how each library builds one.

A part knows its shapes, its initial numbers and its products, and how gdcore, PyTorch and JAX build it. Shapes are
those of a sample; images are (height, width, channels), and a library that wants another order turns
batches and numbers round before anything is timed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

Shape = tuple[int, ...]
Arrays = list[np.ndarray]


def glorot(rng: np.random.Generator, shape: Shape, inputs: int, outputs: int) -> np.ndarray:
    """Uniform numbers of the variance 2 / (inputs + outputs), float32."""
    return (rng.uniform(-1, 1, shape) * np.sqrt(6 / (inputs + outputs))).astype(np.float32)


def torch_activation(name: str) -> Any:
    """A module of PyTorch."""
    from torch import nn

    return {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}[name]()


def jax_activation(name: str) -> Any:
    """A function of JAX."""
    import jax

    exact = lambda x: jax.nn.gelu(x, approximate=False)  # noqa: E731
    return {"relu": jax.nn.relu, "tanh": jax.numpy.tanh, "gelu": exact}[name]


class Part:
    """A layer, as every library has it. This one has no numbers and keeps the shape."""

    def output(self, shape: Shape) -> Shape:
        """Shape of the output of a sample."""
        return shape

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        """Initial parameters in the order and layout of gdcore, float32."""
        return []

    def flops(self, shape: Shape) -> int:
        """Floating-point operations of the matrix products of a sample, forward."""
        return 0

    def gdcore(self) -> Any:
        """A layer of gdcore."""
        raise NotImplementedError

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        """A module of PyTorch with these numbers; `image` is the shape of what was flattened before."""
        raise NotImplementedError

    def jax(self, numbers: Any, x: Any) -> Any:
        """The layer's output in JAX, training."""
        raise NotImplementedError

    def jax_predicting(self, numbers: Any, x: Any) -> Any:
        """The layer's output in JAX, predicting."""
        return self.jax(numbers, x)


@dataclass(frozen=True)
class Dense(Part):
    """x W + b, and an activation."""

    outputs: int
    activation: str | None = None

    def output(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.outputs)

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        kernel = glorot(rng, (shape[-1], self.outputs), shape[-1], self.outputs)
        return [kernel, np.zeros(self.outputs, np.float32)]

    def flops(self, shape: Shape) -> int:
        return 2 * prod(shape) * self.outputs

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.Dense(self.outputs, activation=self.activation)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        kernel, bias = numbers
        if image is not None:  # PyTorch flattens (channels, height, width)
            kernel = kernel.reshape(*image, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        linear = nn.Linear(*kernel.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(kernel.T.copy()))
            linear.bias.copy_(torch.from_numpy(bias))
        return (
            nn.Sequential(linear, torch_activation(self.activation)) if self.activation else linear
        )

    def jax(self, numbers: Any, x: Any) -> Any:
        out = x @ numbers[0] + numbers[1]
        return jax_activation(self.activation)(out) if self.activation else out


@dataclass(frozen=True)
class Conv(Part):
    """A convolution of images; with a stride, half a kernel of zeros stands on every side."""

    channels: int
    size: int
    padding: str = "valid"
    activation: str | None = None
    stride: int = 1

    def output(self, shape: Shape) -> Shape:
        lost = self.size - 1 if self.padding == "valid" else 0
        height, width = (-(-(n - lost) // self.stride) for n in shape[:2])
        return (height, width, self.channels)

    @property
    def around(self) -> Any:
        """Zeros around an image, as gdcore and PyTorch take them."""
        return self.padding if self.stride == 1 else self.size // 2

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        taps, inputs = self.size**2, shape[-1]
        kernel = (self.size, self.size, inputs, self.channels)
        return [
            glorot(rng, kernel, taps * inputs, taps * self.channels),
            np.zeros(self.channels, np.float32),
        ]

    def flops(self, shape: Shape) -> int:
        return 2 * prod(self.output(shape)) * self.size**2 * shape[-1]

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.Conv2D(
            *(self.channels, self.size, self.stride), self.around, activation=self.activation
        )

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        conv = nn.Conv2d(
            *(numbers[0].shape[2], self.channels, self.size, self.stride), padding=self.around
        )
        with torch.no_grad():
            conv.weight.copy_(torch.from_numpy(numbers[0].transpose(3, 2, 0, 1).copy()))
            assert conv.bias is not None
            conv.bias.copy_(torch.from_numpy(numbers[1]))
        return nn.Sequential(conv, torch_activation(self.activation)) if self.activation else conv

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        padding: Any = self.padding.upper() if self.stride == 1 else [(self.around,) * 2] * 2
        steps = (self.stride, self.stride)
        out = jax.lax.conv_general_dilated(
            x, numbers[0], steps, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        out = out + numbers[1]
        return jax_activation(self.activation)(out) if self.activation else out


@dataclass(frozen=True)
class MaxPool(Part):
    """The largest element of each window, without overlap."""

    size: int = 2

    def output(self, shape: Shape) -> Shape:
        return (shape[0] // self.size, shape[1] // self.size, shape[2])

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.MaxPool2D(self.size)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        from torch import nn

        return nn.MaxPool2d(self.size)

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        window = (1, self.size, self.size, 1)
        return jax.lax.reduce_window(x, -np.inf, jax.lax.max, window, window, "VALID")


@dataclass(frozen=True)
class BatchNorm(Part):
    """Batch normalization. In JAX without running averages: its layers are functions."""

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        return [np.ones(shape[-1], np.float32), np.zeros(shape[-1], np.float32)]

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.BatchNorm(momentum=0.9, epsilon=1e-5)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        from torch import nn

        return nn.BatchNorm2d(len(numbers[0]))

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        axes = tuple(range(x.ndim - 1))
        mean, var = x.mean(axes), x.var(axes)
        return (x - mean) * jax.lax.rsqrt(var + 1e-5) * numbers[0] + numbers[1]

    def jax_predicting(self, numbers: Any, x: Any) -> Any:
        return x * ((1 + 1e-5) ** -0.5 * numbers[0]) + numbers[1]  # the averages before any step


@dataclass(frozen=True)
class Activation(Part):
    """An activation by itself."""

    name: str

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.Activation(self.name)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        return torch_activation(self.name)

    def jax(self, numbers: Any, x: Any) -> Any:
        return jax_activation(self.name)(x)


@dataclass(frozen=True)
class Flatten(Part):
    """All elements of a sample in one row."""

    def output(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.Flatten()

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        from torch import nn

        return nn.Flatten()

    def jax(self, numbers: Any, x: Any) -> Any:
        return x.reshape(len(x), -1)


@dataclass(frozen=True)
class Lstm(Part):
    """An LSTM over (steps, features), and its last state."""

    units: int

    def output(self, shape: Shape) -> Shape:
        return (self.units,)

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        n = self.units
        bias = np.zeros(4 * n, np.float32)
        bias[n : 2 * n] = 1  # of the forget gate
        kernels = [glorot(rng, (i, 4 * n), i, 4 * n) for i in (shape[-1], n)]
        return [*kernels, bias]

    def flops(self, shape: Shape) -> int:
        return 2 * shape[0] * (shape[1] + self.units) * 4 * self.units

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.LSTM(self.units)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        class Last(nn.LSTM):
            def forward(self, x: Any) -> Any:  # type: ignore[override]
                return super().forward(x)[0][:, -1]

        layer = Last(len(numbers[0]), self.units, batch_first=True)
        with torch.no_grad():
            layer.weight_ih_l0.copy_(torch.from_numpy(numbers[0].T.copy()))
            layer.weight_hh_l0.copy_(torch.from_numpy(numbers[1].T.copy()))
            layer.bias_ih_l0.copy_(torch.from_numpy(numbers[2]))
            layer.bias_hh_l0.zero_()
        layer.bias_hh_l0.requires_grad_(False)  # the second of two that are added
        return layer

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        kernel, recurrent, bias = numbers
        inputs = x @ kernel + bias

        def step(carry: Any, inputs: Any) -> Any:
            h, c = carry
            i, f, g, o = jax.numpy.split(inputs + h @ recurrent, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jax.numpy.tanh(g)
            return (jax.nn.sigmoid(o) * jax.numpy.tanh(c), c), None

        zero = jax.numpy.zeros((len(x), self.units))
        (last, _), _ = jax.lax.scan(step, (zero, zero), inputs.swapaxes(0, 1))
        return last


@dataclass(frozen=True)
class Laplacian(Part):
    """Σ ∂²u/∂xᵢ² of dense layers u(x), as a loss on a differential equation has it."""

    inner: tuple[Dense, ...]

    def output(self, shape: Shape) -> Shape:
        return (1,)

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        """Without the last bias, which no derivative depends on."""
        out: Arrays = []
        for part in self.inner:
            out += part.numbers(shape, rng)
            shape = part.output(shape)
        return out[:-1]

    def flops(self, shape: Shape) -> int:
        """Of u, of its gradient, and of the derivative of both for each of its elements."""
        sizes = (*shape, *(part.outputs for part in self.inner))
        return 2 * sum(i * o for i, o in pairwise(sizes)) * (2 + 2 * shape[0])

    def gdcore(self) -> Any:
        import gdcore as gd

        class Layer(gd.Layer):
            def __init__(self, parts: tuple[Dense, ...]) -> None:
                self.u = gd.Sequential([part.gdcore() for part in parts])

            def forward(self, x: Any) -> Any:  # type: ignore[override]
                slope = gd.ops.gradient(self.u(x), x)
                return sum(
                    gd.ops.gradient(slope[:, i : i + 1], x)[:, i : i + 1]
                    for i in range(x.shape[-1])
                )

        return Layer(self.inner)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        class Module(nn.Module):
            def __init__(self, parts: list[Any]) -> None:
                super().__init__()
                self.u = nn.Sequential(*parts)

            def forward(self, x: Any) -> Any:
                x = x.requires_grad_()
                (slope,) = torch.autograd.grad(self.u(x).sum(), x, create_graph=True)
                bends = [
                    torch.autograd.grad(slope[:, i].sum(), x, create_graph=True)[0][:, i]
                    for i in range(x.shape[1])
                ]
                return torch.stack(bends).sum(0)[:, None]

        numbers = [*numbers, np.zeros(1, np.float32)]
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        return Module([p.torch([*w], None) for p, w in zip(self.inner, pairs, strict=True)])

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        def u(x: Any) -> Any:
            for i, part in enumerate(self.inner):
                x = part.jax([*numbers, 0.0][2 * i : 2 * i + 2], x)
            return x[0]

        return jax.vmap(lambda x: jax.numpy.trace(jax.hessian(u)(x))[None])(x)
