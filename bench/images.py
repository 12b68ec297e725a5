"""The published networks of large images, as parts: VGG16, ResNet-50, InceptionV3. What drops values out is left out.

`wide` is the number of channels of the first block: with fewer, and smaller images, the tests see the same networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.blocks import Mean, Parts, Residual, split
from bench.networks import Network
from bench.parts import (
    Arrays,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    MaxPool,
    Part,
    Shape,
    glorot,
)

Pair = tuple[int, int]


@dataclass(frozen=True)
class ConvNorm(Part):
    """A convolution without a bias, its norm, and relu or nothing.

    Attributes
    ----------
    size, around : along height and width: of the kernel, and zeros on each side
    """

    channels: int
    size: Pair = (1, 1)
    stride: int = 1
    around: Pair = (0, 0)
    bends: bool = True

    def output(self, shape: Shape) -> Shape:
        height, width = (
            (n + 2 * a - s) // self.stride + 1
            for n, s, a in zip(shape[:2], self.size, self.around, strict=True)
        )
        return (height, width, self.channels)

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        taps, kernel = self.size[0] * self.size[1], (*self.size, shape[-1], self.channels)
        ones, zeros = np.ones(self.channels, np.float32), np.zeros(self.channels, np.float32)
        return [glorot(rng, kernel, taps * shape[-1], taps * self.channels), ones, zeros]

    def flops(self, shape: Shape) -> int:
        height, width, channels = self.output(shape)
        return 2 * height * width * channels * self.size[0] * self.size[1] * shape[-1]

    def gdcore(self) -> Any:
        import gdcore as gd

        conv = gd.Conv2D(self.channels, self.size, self.stride, self.around, use_bias=False)
        bend = [gd.Activation("relu")] if self.bends else []
        return gd.Sequential([conv, BatchNorm().gdcore(), *bend])

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        how: dict[str, Any] = {"stride": self.stride, "padding": self.around, "bias": False}
        conv = nn.Conv2d(numbers[0].shape[2], self.channels, self.size, **how)
        with torch.no_grad():
            conv.weight.copy_(torch.from_numpy(numbers[0].transpose(3, 2, 0, 1).copy()))
        return nn.Sequential(
            conv, BatchNorm().torch(numbers[1:], None), *([nn.ReLU()] if self.bends else [])
        )

    def _with(self, norm: Callable[[Any, Any], Any], numbers: Any, x: Any) -> Any:
        import jax

        y = jax.lax.conv_general_dilated(
            *(x, numbers[0], (self.stride,) * 2, [(a, a) for a in self.around]),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        y = norm(numbers[1:], y)
        return jax.nn.relu(y) if self.bends else y

    def jax(self, numbers: Any, x: Any) -> Any:
        return self._with(BatchNorm().jax, numbers, x)

    def jax_predicting(self, numbers: Any, x: Any) -> Any:
        return self._with(BatchNorm().jax_predicting, numbers, x)


@dataclass(frozen=True)
class Pool(Part):
    """Windows that overlap: the largest element of each, or the mean, zeros of the border counted."""

    mean: bool = False
    stride: int = 2
    around: int = 0
    size: int = 3

    def output(self, shape: Shape) -> Shape:
        height, width = ((n + 2 * self.around - self.size) // self.stride + 1 for n in shape[:2])
        return (height, width, shape[-1])

    def gdcore(self) -> Any:
        import gdcore as gd

        how = (self.size, self.stride, self.around)
        return gd.AvgPool2D(*how, count_padding=True) if self.mean else gd.MaxPool2D(*how)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        from torch import nn

        return (nn.AvgPool2d if self.mean else nn.MaxPool2d)(self.size, self.stride, self.around)

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        window, steps = (1, self.size, self.size, 1), (1, self.stride, self.stride, 1)
        around = [(0, 0), (self.around,) * 2, (self.around,) * 2, (0, 0)]
        if self.mean:
            return jax.lax.reduce_window(x, 0.0, jax.lax.add, window, steps, around) / self.size**2
        return jax.lax.reduce_window(x, -np.inf, jax.lax.max, window, steps, around)


@dataclass(frozen=True)
class Branches(Part):
    """Ways side by side, joined along the channels."""

    ways: tuple[Parts, ...]

    def output(self, shape: Shape) -> Shape:
        ends = [self._ends(way, shape)[-1] for way in self.ways]
        return (*ends[0][:2], sum(end[-1] for end in ends))

    @staticmethod
    def _ends(way: Parts, shape: Shape) -> list[Shape]:
        """The shapes before, between and behind the parts of a way."""
        out = [shape]
        for part in way:
            out.append(part.output(out[-1]))
        return out

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        return [
            array
            for way in self.ways
            for part, at in zip(way, self._ends(way, shape), strict=False)
            for array in part.numbers(at, rng)
        ]

    def flops(self, shape: Shape) -> int:
        return sum(
            part.flops(at)
            for way in self.ways
            for part, at in zip(way, self._ends(way, shape), strict=False)
        )

    def gdcore(self) -> Any:
        import gdcore as gd

        class Layer(gd.Layer):
            def __init__(self, ways: tuple[Parts, ...]) -> None:
                self.ways = [gd.Sequential([part.gdcore() for part in way]) for way in ways]

            def forward(self, x: Any) -> Any:  # type: ignore[override]
                return gd.ops.concatenate([way(x) for way in self.ways], -1)

        return Layer(self.ways)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        class Module(nn.Module):
            def __init__(self, ways: list[Any]) -> None:
                super().__init__()
                self.ways = nn.ModuleList(ways)

            def forward(self, x: Any) -> Any:
                return torch.cat([way(x) for way in self.ways], 1)

        return Module(
            [
                nn.Sequential(*(p.torch(w, None) for p, w in zip(way, own, strict=True)))
                for way, own in zip(self.ways, split(self.ways, numbers), strict=True)
            ]
        )

    def _by(self, how: str, numbers: Any, x: Any) -> Any:
        import jax

        ends = []
        for way, own in zip(self.ways, split(self.ways, numbers), strict=True):
            y = x
            for part, w in zip(way, own, strict=True):
                y = getattr(part, how)(w, y)
            ends.append(y)
        return jax.numpy.concatenate(ends, -1)

    def jax(self, numbers: Any, x: Any) -> Any:
        return self._by("jax", numbers, x)

    def jax_predicting(self, numbers: Any, x: Any) -> Any:
        return self._by("jax_predicting", numbers, x)


def vgg16(size: int = 224, wide: int = 64, classes: int = 1000) -> Network:
    """Simonyan and Zisserman 2015."""
    parts: list[Part] = []
    for times, count in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
        parts += [Conv(times * wide, 3, "same", "relu")] * count + [MaxPool()]
    dense = Dense(64 * wide, "relu"), Dense(64 * wide, "relu"), Dense(classes)
    return Network((size, size, 3), (*parts, Flatten(), *dense))


THREE = ((3, 3), 1, (1, 1))


def _bottleneck(wide: int, stride: int, first: bool) -> Part:
    inner = ConvNorm(wide), ConvNorm(wide, (3, 3), stride, (1, 1)), ConvNorm(4 * wide, bends=False)
    beside = (ConvNorm(4 * wide, stride=stride, bends=False),) if first else ()
    return Residual(inner, beside)


def resnet50(size: int = 224, wide: int = 64, classes: int = 1000) -> Network:
    """He et al. 2016, with the strides where torchvision has them."""
    blocks = [
        _bottleneck(wide << i, 2 if i and not k else 1, k == 0)
        for i, count in enumerate((3, 4, 6, 3))
        for k in range(count)
    ]
    stem = ConvNorm(wide, (7, 7), 2, (3, 3)), Pool(around=1)
    return Network((size, size, 3), (*stem, *blocks, Mean(), Dense(classes)))


def inception_v3(size: int = 299, wide: int = 32, classes: int = 1000) -> Network:
    """Szegedy et al. 2016, without the auxiliary classifier."""

    def conv(channels: int, *how: Any) -> ConvNorm:
        return ConvNorm(channels * wide // 32, *how)

    def row(n: int) -> ConvNorm:
        return conv(n, (1, 7), 1, (0, 3))

    def column(n: int) -> ConvNorm:
        return conv(n, (7, 1), 1, (3, 0))

    def apart(n: int) -> Part:
        return Branches(((conv(n, (1, 3), 1, (0, 1)),), (conv(n, (3, 1), 1, (1, 0)),)))

    def means(n: int) -> Parts:
        return Pool(True, 1, 1), conv(n)

    double = conv(64), conv(96, *THREE)
    halves = (3, 3), 2

    def a(n: int) -> Part:
        five = conv(48), conv(64, (5, 5), 1, (2, 2))
        return Branches(((conv(64),), five, (*double, conv(96, *THREE)), means(n)))

    def c(n: int) -> Part:
        long = conv(n), column(n), row(n), column(n), row(192)
        return Branches(((conv(192),), (conv(n), row(n), column(192)), long, means(192)))

    def e() -> Part:
        deep = conv(448), conv(384, *THREE), apart(384)
        return Branches(((conv(320),), (conv(384), apart(384)), deep, means(192)))

    seven = conv(192), row(192), column(192), conv(192, *halves)
    stem = (
        *(conv(32, *halves), conv(32, (3, 3)), conv(64, *THREE), Pool()),
        *(conv(80), conv(192, (3, 3)), Pool()),
    )
    mixed = (
        *(a(32), a(64), a(64)),
        Branches(((conv(384, *halves),), (*double, conv(96, *halves)), (Pool(),))),
        *(c(128), c(160), c(160), c(192)),
        Branches(((conv(192), conv(320, *halves)), seven, (Pool(),))),
        *(e(), e()),
    )
    return Network((size, size, 3), (*stem, *mixed, Mean(), Dense(classes)))


__all__ = ["inception_v3", "resnet50", "vgg16"]
