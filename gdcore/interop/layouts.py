"""How PyTorch keeps the numbers of each kind of layer, and how gdcore does.

A row of the table belongs to a layer of gdcore: for each of its variables the names in PyTorch and
a function for each way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Part:
    """One variable.

    Attributes
    ----------
    ours : its name in gdcore
    theirs : names in PyTorch's module
    read : what PyTorch has of it, in gdcore's layout
    write : the other way, an array for each of `theirs`
    split : whether gdcore has two dimensions, the last ones, where PyTorch has their product and 1 before it
    """

    ours: str
    theirs: tuple[str, ...]
    read: Callable[..., np.ndarray]
    write: Callable[[np.ndarray], tuple[np.ndarray, ...]]
    split: bool = False


def same(ours: str, theirs: str) -> Part:
    """The same layout on both sides."""
    return Part(ours, (theirs,), lambda a: a, lambda a: (a,))


def transposed(ours: str, theirs: str) -> Part:
    """Transposed: (out, in) in PyTorch, (in, out) in gdcore."""
    return Part(ours, (theirs,), lambda a: a.T, lambda a: (a.T,))


# Gates stand in the order i, f, g, o on both sides; PyTorch has two biases that are added.
LSTM = (
    transposed("kernel", "weight_ih_l0"),
    transposed("recurrent", "weight_hh_l0"),
    Part("bias", ("bias_ih_l0", "bias_hh_l0"), lambda a, b: a + b, lambda a: (a, np.zeros_like(a))),
)


def swapped(a: np.ndarray) -> np.ndarray:
    """The first two of three gates in the other's place: r, z, g in PyTorch and z, r, g in gdcore."""
    r, z, g = np.split(a, 3)
    return np.concatenate([z, r, g])


GRU = (
    *(
        Part(ours, (theirs,), lambda a: swapped(a).T, lambda a: (swapped(a.T),))
        for ours, theirs in (("kernel", "weight_ih_l0"), ("recurrent", "weight_hh_l0"))
    ),
    Part(
        "bias",
        ("bias_ih_l0", "bias_hh_l0"),
        lambda a, b: np.stack([swapped(a), swapped(b)]),
        lambda a: tuple(map(swapped, a)),
    ),
)


def _filters_last(a: np.ndarray) -> np.ndarray:
    return a.transpose(*range(2, a.ndim), 1, 0)


def _filters_first(a: np.ndarray) -> np.ndarray:
    return a.transpose(a.ndim - 1, a.ndim - 2, *range(a.ndim - 2))


# (filters, channels, ...) in PyTorch; the same for transposed ones, where both say the other way round.
CONVOLUTION = (
    Part("kernel", ("weight",), _filters_last, lambda a: (_filters_first(a),)),
    same("bias", "bias"),
)
DEPTHWISE = (
    Part(
        "depthwise_kernel",
        ("weight",),
        _filters_last,
        lambda a: (_filters_first(a.reshape(*a.shape[:-2], 1, -1)),),
        split=True,
    ),
    same("bias", "bias"),
)

LAYOUTS: dict[str, tuple[Part, ...]] = {
    "Dense": (transposed("kernel", "weight"), same("bias", "bias")),
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), CONVOLUTION),
    "DepthwiseConv2D": DEPTHWISE,
    "BatchNorm": (
        same("running_mean", "running_mean"),
        same("running_var", "running_var"),
        same("gamma", "weight"),
        same("beta", "bias"),
    ),
    "LayerNorm": (same("gamma", "weight"), same("beta", "bias")),
    "Embedding": (same("table", "weight"),),
    "GRU": GRU,
    "LSTM": LSTM,
    "MultiHeadAttention": tuple(
        part
        for n in ("query", "key", "value", "output")
        for part in (transposed(f"{n}_kernel", f"{n}_weight"), same(f"{n}_bias", f"{n}_bias"))
    ),
    "SimpleRNN": LSTM,
}

# What PyTorch keeps and gdcore has no use for.
LEFT_OUT = ("num_batches_tracked",)


def rows_from_channels_first(kernel: np.ndarray, image: tuple[int, ...]) -> np.ndarray:
    """The rows of a product over a flat image: PyTorch's order (c, ...) to gdcore's (..., c)."""
    *sizes, channels = image
    rows = kernel.reshape(channels, *sizes, -1)
    return rows.transpose(*range(1, len(image)), 0, len(image)).reshape(kernel.shape)


def rows_to_channels_first(kernel: np.ndarray, image: tuple[int, ...]) -> np.ndarray:
    """The other way."""
    rows, last = kernel.reshape(*image, -1), len(image) - 1
    return rows.transpose(last, *range(last), len(image)).reshape(kernel.shape)
