"""A bidirectional LSTM over sequences of different lengths, padded with steps of zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.parts import Arrays, Lstm, Part, Shape


@dataclass(frozen=True)
class BidirectionalLstm(Part):
    """An LSTM in each direction over the steps that are not all zeros, and the last state of both."""

    units: int

    def output(self, shape: Shape) -> Shape:
        return (2 * self.units,)

    def numbers(self, shape: Shape, rng: np.random.Generator) -> Arrays:
        one = Lstm(self.units)
        return [*one.numbers(shape, rng), *one.numbers(shape, rng)]

    def flops(self, shape: Shape) -> int:
        """As if every sequence were as long as the longest."""
        return 2 * Lstm(self.units).flops(shape)

    def gdcore(self) -> Any:
        import gdcore as gd

        return gd.Sequential([gd.Masking(), gd.Bidirectional(gd.LSTM(self.units))])

    def torch(self, numbers: Arrays, image: Shape | None) -> Any:
        import torch
        from torch import nn
        from torch.nn.utils.rnn import pack_padded_sequence

        class Module(nn.Module):
            def __init__(self, features: int, units: int) -> None:
                super().__init__()
                self.lstm = nn.LSTM(features, units, batch_first=True, bidirectional=True)

            def forward(self, x: Any) -> Any:
                lengths = (x != 0).any(-1).sum(-1)
                packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
                _, (last, _) = self.lstm(packed)
                return torch.cat([last[0], last[1]], -1)

        made = Module(len(numbers[0]), self.units)
        with torch.no_grad():
            for way, own in (("", numbers[:3]), ("_reverse", numbers[3:])):
                weights = [own[0].T, own[1].T, own[2], np.zeros_like(own[2])]
                for name, array in zip(
                    ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights, strict=True
                ):
                    getattr(made.lstm, f"{name}_l0{way}").copy_(torch.from_numpy(array.copy()))
                # the second of two biases that are added
                getattr(made.lstm, f"bias_hh_l0{way}").requires_grad_(False)
        return made

    def jax(self, numbers: Any, x: Any) -> Any:
        import jax

        seen = (x != 0).any(-1, keepdims=True).swapaxes(0, 1)

        def last(numbers: Any, reverse: bool) -> Any:
            kernel, recurrent, bias = numbers

            def step(carry: Any, given: Any) -> Any:
                (h, c), (inputs, here) = carry, given
                i, f, g, o = jax.numpy.split(inputs + h @ recurrent, 4, axis=-1)
                new = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jax.numpy.tanh(g)
                out = jax.nn.sigmoid(o) * jax.numpy.tanh(new)
                return (jax.numpy.where(here, out, h), jax.numpy.where(here, new, c)), None

            zero = jax.numpy.zeros((len(x), self.units))
            inputs = (x @ kernel + bias).swapaxes(0, 1)
            return jax.lax.scan(step, (zero, zero), (inputs, seen), reverse=reverse)[0][0]

        return jax.numpy.concatenate([last(numbers[:3], False), last(numbers[3:], True)], -1)
