"""The layers that benchmark networks are made of: what each library calls a layer, in one place.

A part knows its shapes, its initial numbers and its products, and how gdcore, PyTorch and JAX build it. Shapes are
those of a sample; images are (height, width, channels), and a library that wants another order turns
batches and numbers round before anything is timed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
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
    """A convolution of images, stride 1."""

    channels: int
    size: int
    padding: str = "valid"
    activation: str | None = None

    def output(self, shape: Shape) -> Shape:
        lost = self.size - 1 if self.padding == "valid" else 0
        return (shape[0] - lost, shape[1] - lost, self.channels)

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

        return gd.Conv2D(self.channels, self.size, padding=self.padding, activation=self.activation)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        conv = nn.Conv2d(numbers[0].shape[2], self.channels, self.size, padding=self.padding)
        with torch.no_grad():
            conv.weight.copy_(torch.from_numpy(numbers[0].transpose(3, 2, 0, 1).copy()))
            assert conv.bias is not None
            conv.bias.copy_(torch.from_numpy(numbers[1]))
        return nn.Sequential(conv, torch_activation(self.activation)) if self.activation else conv

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        out = jax.lax.conv_general_dilated(
            x, numbers[0], (1, 1), self.padding.upper(), dimension_numbers=("NHWC", "HWIO", "NHWC")
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
class Network:
    """Parts in a row.

    Attributes
    ----------
    inputs : shape of a sample
    parts : the layers
    """

    inputs: Shape
    parts: tuple[Part, ...]

    def walk(self) -> Iterator[tuple[Part, Shape]]:
        """Each part with the shape of its input."""
        shape = self.inputs
        for part in self.parts:
            yield part, shape
            shape = part.output(shape)

    @cached_property
    def outputs(self) -> Shape:
        """Shape of a sample's output."""
        *_, (last, shape) = self.walk()
        return last.output(shape)

    @property
    def widths(self) -> tuple[int, ...]:
        """Sizes of the input and of every layer's output; the network is made of dense layers."""
        assert self.dense
        return (*self.inputs, *(part.outputs for part in self.parts if isinstance(part, Dense)))

    @property
    def dense(self) -> bool:
        """Whether it is made of dense layers alone."""
        return all(isinstance(part, Dense) for part in self.parts)

    @property
    def activation(self) -> str:
        """Of all dense layers but the last."""
        first = self.parts[0]
        assert isinstance(first, Dense)
        return first.activation or "identity"

    def numbers(self) -> list[Arrays]:
        """The initial parameters of each part, drawn from a fixed seed."""
        rng = np.random.default_rng(1)
        return [part.numbers(shape, rng) for part, shape in self.walk()]

    def flops(self, trains: bool) -> int:
        """Floating-point operations of the matrix products of a sample; others are not counted.

        Forward, and for training the gradients of all weights and of every layer's input but the first's.
        """
        each = [n for part, shape in self.walk() if (n := part.flops(shape))]
        return 3 * sum(each) - each[0] if trains else sum(each)

    def gdcore(self) -> list[Any]:
        """gdcore's layers."""
        return [part.gdcore() for part in self.parts]

    def torch(self) -> list[Any]:
        """PyTorch's modules."""
        out, image = [], None
        for (part, shape), numbers in zip(self.walk(), self.numbers(), strict=True):
            out.append(part.torch(numbers, image))
            if isinstance(part, Flatten):
                image = shape if len(shape) == 3 else None
            elif isinstance(part, Dense):
                image = None
        return out

    def jax(self, numbers: Sequence[Any], x: Any) -> Any:
        """JAX's output for a batch."""
        for part, own in zip(self.parts, numbers, strict=True):
            x = part.jax(own, x)
        return x


def dense(widths: Sequence[int], activation: str) -> Network:
    """Dense layers with an activation after all but the last."""
    *hidden, last = widths[1:]
    return Network((widths[0],), (*(Dense(n, activation) for n in hidden), Dense(last)))


LENET = Network(
    (28, 28, 1),
    (
        *(Conv(6, 5, "same", "relu"), MaxPool()),
        *(Conv(16, 5, "valid", "relu"), MaxPool()),
        *(Flatten(), Dense(120, "relu"), Dense(84, "relu"), Dense(10)),
    ),
)


def _block(channels: int) -> tuple[Part, ...]:
    bend = (BatchNorm(), Activation("gelu"))
    return (Conv(channels, 3, "same"), MaxPool(), *bend, Conv(channels, 3, "same"), *bend)


# After Jordan 2024, 94% on CIFAR-10 in 3.29 seconds on a single GPU: the widths of its network.
CNN = Network(
    (32, 32, 3),
    (
        *(Conv(24, 2), Activation("gelu"), *_block(64), *_block(256), *_block(256)),
        *(MaxPool(3), Flatten(), Dense(10)),
    ),
)
LSTM = Network((64, 64), (Lstm(128), Dense(10)))
