"""Larger parts of benchmark networks: recurrence by gates, residual blocks, attention, tables of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from bench.parts import Arrays, Part, Shape, glorot, jax_activation

Parts = tuple[Part, ...]


def split(ways: Sequence[Parts], numbers: Any) -> list[list[Any]]:
    """The numbers of each part of some ways; how many a part has does not depend on its sizes."""
    some = np.random.default_rng(0)
    left, out = list(numbers), []
    for way in ways:
        counts = [len(part.numbers((1, 1, 1), some)) for part in way]
        out.append([[left.pop(0) for _ in range(n)] for n in counts])
    return out


@dataclass(frozen=True)
class Gru(Part):
    """A GRU over (steps, features), and its last state."""

    units: int

    def output(self, shape: Shape) -> Shape:
        return (self.units,)

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        n = self.units
        kernels = [glorot(rng, (i, 3 * n), i, 3 * n) for i in (shape[-1], n)]
        return [*kernels, np.zeros((2, 3 * n), np.float32)]

    def flops(self, shape: Shape) -> int:
        return 2 * shape[0] * (shape[1] + self.units) * 3 * self.units

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.GRU(self.units)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        class Last(nn.GRU):
            def forward(self, x: Any) -> Any:  # type: ignore[override]
                return super().forward(x)[0][:, -1]

        layer = Last(len(numbers[0]), self.units, batch_first=True)
        z, r, g = (np.arange(self.units) + i * self.units for i in range(3))
        order = np.concatenate([r, z, g])  # PyTorch's order of the gates
        with torch.no_grad():
            layer.weight_ih_l0.copy_(torch.from_numpy(numbers[0].T[order]))
            layer.weight_hh_l0.copy_(torch.from_numpy(numbers[1].T[order]))
            layer.bias_ih_l0.copy_(torch.from_numpy(numbers[2][0, order]))
            layer.bias_hh_l0.copy_(torch.from_numpy(numbers[2][1, order]))
        return layer

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        kernel, recurrent, (bias, own) = numbers

        def step(h: Any, inputs: Any) -> Any:
            z, r, g = jax.numpy.split(inputs, 3, axis=-1)
            hz, hr, hg = jax.numpy.split(h @ recurrent + own, 3, axis=-1)
            z, g = jax.nn.sigmoid(z + hz), jax.numpy.tanh(g + jax.nn.sigmoid(r + hr) * hg)
            return z * h + (1 - z) * g, None

        zero = jax.numpy.zeros((len(x), self.units))
        return jax.lax.scan(step, zero, (x @ kernel + bias).swapaxes(0, 1))[0]


@dataclass(frozen=True)
class Depthwise(Part):
    """A convolution of each channel by itself; the image keeps its size."""

    size: int

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        kernel = (self.size, self.size, shape[-1], 1)
        return [glorot(rng, kernel, self.size**2, self.size**2), np.zeros(shape[-1], np.float32)]

    def flops(self, shape: Shape) -> int:
        return 2 * prod(shape) * self.size**2

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.DepthwiseConv2D(self.size, padding="same")

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        n = numbers[0].shape[2]
        conv = nn.Conv2d(n, n, self.size, padding="same", groups=n)
        with torch.no_grad():
            conv.weight.copy_(torch.from_numpy(numbers[0].transpose(2, 3, 0, 1).copy()))
            assert conv.bias is not None
            conv.bias.copy_(torch.from_numpy(numbers[1]))
        return conv

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        kernel = numbers[0].swapaxes(2, 3)
        return numbers[1] + jax.lax.conv_general_dilated(
            *(x, kernel, (1, 1), "SAME"),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=x.shape[-1],
        )


@dataclass(frozen=True)
class Residual(Part):
    """An activation of the sum of two ways: some parts, and others or none."""

    inner: Parts
    beside: Parts = ()
    activation: str = "relu"

    def output(self, shape: Shape) -> Shape:
        for part in self.inner:
            shape = part.output(shape)
        return shape

    def walk(self, shape: Shape) -> list[tuple[Part, Shape]]:
        """Each part of both ways with the shape of its input."""
        out = []
        for way in (self.inner, self.beside):
            at = shape
            for part in way:
                out.append((part, at))
                at = part.output(at)
        return out

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        return [a for part, at in self.walk(shape) for a in part.numbers(at, rng)]

    def flops(self, shape: Shape) -> int:
        return sum(part.flops(at) for part, at in self.walk(shape))

    def gdcore(self) -> Any:
        import gdcore as gd

        class Layer(gd.Layer):
            def __init__(self, inner: Parts, beside: Parts, activation: str) -> None:
                self.inner = [part.gdcore() for part in inner]
                self.beside = [part.gdcore() for part in beside]
                self.activation = gd.Activation(activation)

            def forward(self, x: Any) -> Any:  # type: ignore[override]
                y = x
                for layer in self.inner:
                    y = layer(y)
                for layer in self.beside:
                    x = layer(x)
                return self.activation(x + y)

        return Layer(self.inner, self.beside, self.activation)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        from torch import nn

        from bench.parts import torch_activation

        class Module(nn.Module):
            def __init__(self, inner: list[Any], beside: list[Any], activation: Any) -> None:
                super().__init__()
                self.inner, self.beside = nn.Sequential(*inner), nn.Sequential(*beside)
                self.activation = activation

            def forward(self, x: Any) -> Any:
                return self.activation(self.beside(x) + self.inner(x))

        ways = zip(
            (self.inner, self.beside), split((self.inner, self.beside), numbers), strict=True
        )
        both = [[p.torch(w, None) for p, w in zip(parts, own, strict=True)] for parts, own in ways]
        return Module(both[0], both[1], torch_activation(self.activation))

    def _by(self, how: str, numbers: Any, x: Any) -> Any:
        y = x
        inner, beside = split((self.inner, self.beside), numbers)
        for part, own in zip(self.inner, inner, strict=True):
            y = getattr(part, how)(own, y)
        for part, own in zip(self.beside, beside, strict=True):
            x = getattr(part, how)(own, x)
        return jax_activation(self.activation)(x + y)

    def jax(self, numbers: Any, x: Any) -> Any:
        return self._by("jax", numbers, x)

    def jax_predicting(self, numbers: Any, x: Any) -> Any:
        return self._by("jax_predicting", numbers, x)


@dataclass(frozen=True)
class Mean(Part):
    """The mean of all steps, or of all pixels."""

    def output(self, shape: Shape) -> Shape:
        return shape[-1:]

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.GlobalAvgPool()

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        from torch import nn

        class Module(nn.Module):
            def forward(self, x: Any) -> Any:
                return x.mean((2, 3)) if x.ndim == 4 else x.mean(1)

        return Module()

    def jax(self, numbers: Any, x: Any) -> Any:
        return x.mean(tuple(range(1, x.ndim - 1)))


@dataclass(frozen=True)
class Embedding(Part):
    """A vector for each whole number below `rows`; `bag`: the mean of those of a sample."""

    rows: int
    size: int
    bag: bool = False

    def output(self, shape: Shape) -> Shape:
        return (self.size,) if self.bag else (*shape, self.size)

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        return [rng.standard_normal((self.rows, self.size), np.float32) * np.float32(0.1)]

    def gdcore(self) -> Any:
        import gdcore as gd

        return (gd.EmbeddingBag if self.bag else gd.Embedding)(self.rows, self.size)

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        kind = nn.EmbeddingBag if self.bag else nn.Embedding
        return kind.from_pretrained(torch.from_numpy(numbers[0].copy()), freeze=False)

    def jax(self, numbers: Any, x: Any) -> Any:
        found = numbers[0][x]
        return found.mean(1) if self.bag else found


@dataclass(frozen=True)
class Encoder(Part):
    """A block of causal attention and two dense layers, each behind a norm."""

    heads: int
    hidden: int

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        n, m = shape[-1], self.hidden
        zeros = lambda k: np.zeros(k, np.float32)  # noqa: E731
        norm = [np.ones(n, np.float32), zeros(n)]
        attention = [a for _ in range(4) for a in (glorot(rng, (n, n), n, n), zeros(n))]
        first, second = glorot(rng, (n, m), n, m), glorot(rng, (m, n), m, n)
        return [*attention, *norm, first, zeros(m), *norm, second, zeros(n)]

    def flops(self, shape: Shape) -> int:
        t, n = shape
        return 2 * t * n * (4 * n + 2 * self.hidden + t)  # half of the scores are masked

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.TransformerEncoder(
            self.heads, self.hidden, activation="gelu", norm_first=True, epsilon=1e-5, causal=True
        )

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn

        heads = self.heads
        wide = [numbers[0].T, numbers[2].T, numbers[4].T]
        given = [
            (np.concatenate(wide), np.concatenate(numbers[1:6:2])),
            (numbers[6].T, numbers[7]),
            *((numbers[8], numbers[9]), (numbers[10].T, numbers[11])),
            *((numbers[12], numbers[13]), (numbers[14].T, numbers[15])),
        ]

        class Module(nn.Module):
            def __init__(self, n: int, m: int) -> None:
                super().__init__()
                self.norm1, self.norm2 = nn.LayerNorm(n), nn.LayerNorm(n)
                self.wide, self.out = nn.Linear(n, 3 * n), nn.Linear(n, n)
                self.first, self.second = nn.Linear(n, m), nn.Linear(m, n)

            def forward(self, x: Any) -> Any:
                q, k, v = (
                    y.unflatten(-1, (heads, -1)).transpose(1, 2)
                    for y in self.wide(self.norm1(x)).chunk(3, -1)
                )
                y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
                x = x + self.out(y.transpose(1, 2).flatten(2))
                return x + self.second(nn.functional.gelu(self.first(self.norm2(x))))

        made = Module(len(numbers[0]), self.hidden)
        layers = made.wide, made.out, made.norm1, made.first, made.norm2, made.second
        with torch.no_grad():
            for layer, (weight, bias) in zip(layers, given, strict=True):
                layer.weight.copy_(torch.from_numpy(weight.copy()))
                layer.bias.copy_(torch.from_numpy(bias.copy()))
        return made

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        wq, bq, wk, bk, wv, bv, wo, bo, g1, b1, w1, c1, g2, b2, w2, c2 = numbers

        def norm(x: Any, gain: Any, bias: Any) -> Any:
            far = x - x.mean(-1, keepdims=True)
            return far * jax.lax.rsqrt((far * far).mean(-1, keepdims=True) + 1e-5) * gain + bias

        z = norm(x, g1, b1)
        q, k, v = (
            (z @ w + b).reshape(*x.shape[:2], self.heads, -1)
            for w, b in ((wq, bq), (wk, bk), (wv, bv))
        )
        y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        x = x + y.reshape(x.shape) @ wo + bo
        return x + jax_activation("gelu")(norm(x, g2, b2) @ w1 + c1) @ w2 + c2
