"""The networks of the benchmarks: parts in a row, which every library builds from the same numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bench.blocks import Depthwise, Embedding, Encoder, Gru, Mean, Residual
from bench.parts import (
    Activation,
    Arrays,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    Laplacian,
    Lstm,
    MaxPool,
    Part,
    Shape,
)


@dataclass(frozen=True)
class Network:
    """Parts in a row.

    Attributes
    ----------
    inputs : shape of a sample
    parts : the layers
    tokens : if not 0, inputs are whole numbers below it
    """

    inputs: Shape
    parts: tuple[Part, ...]
    tokens: int = 0

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

    def jax(self, numbers: Sequence[Any], x: Any, trains: bool = True) -> Any:
        """JAX's output for a batch."""
        for part, own in zip(self.parts, numbers, strict=True):
            x = part.jax(own, x) if trains else part.jax_predicting(own, x)
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
PDE = Network((2,), (Laplacian((*(Dense(20, "tanh") for _ in range(8)), Dense(1))),))
GRU = Network((64, 64), (Gru(128), Dense(10)))


def transformer(steps: int, blocks: int = 4, size: int = 128, heads: int = 4) -> Network:
    """Characters, attention over those before, and one of 65 classes for the sample."""
    inner = (Encoder(heads, 4 * size),) * blocks
    return Network((steps,), (Embedding(65, size), *inner, Mean(), Dense(65)), tokens=65)


BAG = Network((300,), (Embedding(100_000, 64, bag=True), Dense(10)), tokens=100_000)


def _separable(channels: int) -> tuple[Part, ...]:
    bend = (BatchNorm(), Activation("relu"))
    return (Depthwise(3), *bend, Conv(channels, 1), *bend)


# Howard et al. 2017, MobileNets: a stem and three of its blocks.
SEPARABLE = Network(
    (32, 32, 3),
    (
        *(Conv(32, 3, "same"), BatchNorm(), Activation("relu")),
        *(*_separable(64), MaxPool(), *_separable(128), *_separable(128)),
        *(Mean(), Dense(10)),
    ),
)


def _residual(channels: int, stride: int) -> Residual:
    bend = (BatchNorm(), Activation("relu"))
    first = Conv(channels, 3, "same", stride=stride)
    beside = (Conv(channels, 1, "same", stride=2), BatchNorm()) if stride == 2 else ()
    return Residual((first, *bend, Conv(channels, 3, "same"), BatchNorm()), beside)


# He et al. 2015, Deep residual learning: ResNet-20 for CIFAR, with convolutions beside where sizes change.
RESNET20 = Network(
    (32, 32, 3),
    (
        *(Conv(16, 3, "same"), BatchNorm(), Activation("relu")),
        *(_residual(n, 2 if n > 16 and i == 0 else 1) for n in (16, 32, 64) for i in range(3)),
        *(Mean(), Dense(10)),
    ),
)
