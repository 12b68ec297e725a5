"""The networks of the benchmarks: parts in a row, which every library builds from the same numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

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
PDE = Network((2,), (Laplacian((*(Dense(20, "tanh") for _ in range(8)), Dense(1))),))
