"""Layers in float64 NumPy, written as loops and sums from their definitions, with the weights in gdcore's order."""

import math
from functools import partial

import numpy as np
from by_reference import numpy_of

from gdcore.activations import ACTIVATIONS

erf = np.vectorize(math.erf, otypes=[float])


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ACTIVATION = {
    "linear": lambda x: x,
    "relu": lambda x: x * (x > 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": elu,
    "selu": lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "softmax": softmax,
    "log_softmax": lambda x: np.log(softmax(x)),
    "exp": np.exp,
}
assert set(ACTIVATION) <= set(ACTIVATIONS)
ACTIVATION = {name: ACTIVATION.get(name, numpy_of(f)) for name, f in ACTIVATIONS.items()}


def dense(x, kernel, bias=0.0):
    return np.einsum("...i,io->...o", x, kernel) + bias


def around(size, window, stride, padding):
    """Zeros before and after, as "same" has them: the odd one comes last."""
    if padding == "valid":
        return 0, 0
    total = max(0, (math.ceil(size / stride) - 1) * stride + window - size)
    return total // 2, total - total // 2


def conv2d(x, kernel, bias=0.0, strides=(1, 1), padding="valid", dilation=(1, 1)):
    n, height, width, _ = x.shape
    kh, kw, _, filters = kernel.shape
    reach = [(k - 1) * d + 1 for k, d in zip((kh, kw), dilation, strict=True)]
    top, left = (
        around(height, reach[0], strides[0], padding),
        around(width, reach[1], strides[1], padding),
    )
    padded = np.pad(x, ((0, 0), top, left, (0, 0)))
    high = (padded.shape[1] - reach[0]) // strides[0] + 1
    wide = (padded.shape[2] - reach[1]) // strides[1] + 1
    y = np.zeros((n, high, wide, filters))
    for r in range(high):
        for c in range(wide):
            for i in range(kh):
                for j in range(kw):
                    pixel = padded[
                        :, r * strides[0] + i * dilation[0], c * strides[1] + j * dilation[1]
                    ]
                    y[:, r, c] += pixel @ kernel[i, j]
    return y + bias


def pooled(x, of, pool=2, strides=None, padding="valid", ceil=False, count_padding=False):
    """`of` (max or mean) of each window of (batch, ..., channels), which are cut out of the padded input.

    Places of `ceil` beyond the padding, and the padding where it does not count, are NaN.
    """
    rank = x.ndim - 2
    pool = tuple(np.broadcast_to(pool, rank))
    strides = pool if strides is None else tuple(np.broadcast_to(strides, rank))
    if isinstance(padding, str):
        pads = [around(*a, padding) for a in zip(x.shape[1:-1], pool, strides, strict=True)]
    else:
        each = (padding,) * rank if isinstance(padding, int) else padding
        pads = [(p, p) if isinstance(p, int) else p for p in each]
    inside = np.pad(np.ones(x.shape), ((0, 0), *pads, (0, 0)), constant_values=count_padding)
    padded = np.where(inside > 0, np.pad(x, ((0, 0), *pads, (0, 0))), np.nan)
    spare = [n - k for n, k in zip(padded.shape[1:-1], pool, strict=True)]
    counts = [(-(-r // s) if ceil else r // s) + 1 for r, s in zip(spare, strides, strict=True)]
    counts = [
        n - 1 if ceil and (n - 1) * s >= length + p[0] else n
        for n, s, p, length in zip(counts, strides, pads, x.shape[1:-1], strict=True)
    ]
    y = np.zeros((len(x), *counts, x.shape[-1]))
    for at in np.ndindex(*counts):
        cut = tuple(slice(i * s, i * s + k) for i, s, k in zip(at, strides, pool, strict=True))
        window = padded[(slice(None), *cut)].reshape(len(x), -1, x.shape[-1])
        y[(slice(None), *at)] = of(window, axis=1)
    return y


max_pool = partial(pooled, of=np.nanmax)
avg_pool = partial(pooled, of=np.nanmean)


def adaptive_pool(x, of, windows):
    sizes = x.shape[1:-1]
    windows = tuple(np.broadcast_to(windows, len(sizes)))
    y = np.zeros((len(x), *windows, x.shape[-1]))
    for at in np.ndindex(*windows):
        cut = tuple(
            slice(math.floor(i * n / m), math.ceil((i + 1) * n / m))
            for i, m, n in zip(at, windows, sizes, strict=True)
        )
        y[(slice(None), *at)] = of(x[(slice(None), *cut)], axis=tuple(range(1, x.ndim - 1)))
    return y


def bilinear(x, down, across):
    """Images enlarged by factors, between the centres of pixels."""
    for axis, factor in ((1, down), (2, across)):
        n = x.shape[axis]
        at = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)
        low = np.floor(at).astype(int)
        share = (at - low).reshape([-1 if i == axis else 1 for i in range(4)])
        high = np.minimum(low + 1, n - 1)
        x = x.take(low, axis) * (1 - share) + x.take(high, axis) * share
    return x


def pixel_shuffle(x, r):
    n, high, wide, channels = x.shape
    y = np.zeros((n, high * r, wide * r, channels // r**2))
    for i, j in np.ndindex(r, r):
        y[:, i::r, j::r] = x[..., i * r + j :: r**2]
    return y


def recurrent(x, starts, step, return_sequences=False, mask=None, backwards=False):
    """States go by steps that do not count; outputs are the first state, and 0 there."""
    states, every = starts, [None] * x.shape[1]
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        counts = np.ones(len(x), bool) if mask is None else np.asarray(mask)[:, t] != 0
        after = step(x[:, t], *states)
        states = [np.where(counts[:, None], a, b) for a, b in zip(after, states, strict=True)]
        every[t] = np.where(counts[:, None], after[0], 0.0)
    return np.stack(every, axis=1) if return_sequences else states[0]


def lstm(x, kernel, recurrent_kernel, bias=0.0, peepholes=None, starts=None, **way):
    n = recurrent_kernel.shape[0]
    p = np.zeros((3, n)) if peepholes is None else peepholes

    def step(x, h, c):
        i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
        c = sigmoid(f + p[1] * c) * c + sigmoid(i + p[0] * c) * np.tanh(g)
        return sigmoid(o + p[2] * c) * np.tanh(c), c

    return recurrent(x, starts or [np.zeros((len(x), n))] * 2, step, **way)


def normed_lstm(x, kernel, recurrent_kernel, gamma_x, bias, gamma_h, gamma_c, beta_c):
    n = recurrent_kernel.shape[0]

    def step(x, h, c):
        z = layer_norm(x @ kernel, gamma_x, 0.0, 1e-5)
        z = z + layer_norm(h @ recurrent_kernel, gamma_h, 0.0, 1e-5) + bias
        i, f, g, o = np.split(z, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(layer_norm(c, gamma_c, beta_c, 1e-5)), c

    return recurrent(x, [np.zeros((len(x), n))] * 2, step)


def gru(x, kernel, recurrent_kernel, bias=0.0, reset_after=True, starts=None, **way):
    n = recurrent_kernel.shape[0]
    first, second = bias if np.ndim(bias) == 2 else (bias, 0.0)

    def step(x, h):
        z, r, g = np.split(x @ kernel + first, 3, axis=1)
        u, v, w = np.split(h @ recurrent_kernel + second, 3, axis=1)
        z, r = sigmoid(z + u), sigmoid(r + v)
        g = np.tanh(g + (r * w if reset_after else (r * h) @ recurrent_kernel[:, 2 * n :]))
        return (z * h + (1 - z) * g,)

    return recurrent(x, starts or [np.zeros((len(x), n))], step, **way)


def simple_rnn(x, kernel, recurrent_kernel, bias=0.0, starts=None, **way):
    def step(x, h):
        return (np.tanh(x @ kernel + h @ recurrent_kernel + bias),)

    return recurrent(x, starts or [np.zeros((len(x), len(recurrent_kernel)))], step, **way)


def both_ways(layer):
    """Forwards with the first half of the weights, backwards with the second."""

    def run(x, *weights, merge=lambda a, b: np.concatenate([a, b], -1), **way):
        half = len(weights) // 2
        return merge(
            layer(x, *weights[:half], **way), layer(x, *weights[half:], backwards=True, **way)
        )

    return run


def layer_norm(x, gamma=1.0, beta=0.0, epsilon=1e-3):
    return (
        gamma
        * (x - x.mean(axis=-1, keepdims=True))
        / np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)
        + beta
    )


def batch_norm(x, gamma=1.0, beta=0.0, mean=None, var=None, epsilon=1e-3):
    """With the batch's own statistics unless others are given."""
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axis=axes) if mean is None else mean
    var = x.var(axis=axes) if var is None else var
    return gamma * (x - mean) / np.sqrt(var + epsilon) + beta


def group_norm(x, gamma=1.0, beta=0.0, groups=1, epsilon=1e-3):
    cut = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    mean, var = cut.mean(axis=(1, 3), keepdims=True), cut.var(axis=(1, 3), keepdims=True)
    return gamma * ((cut - mean) / np.sqrt(var + epsilon)).reshape(x.shape) + beta


def instance_norm(x, gamma=1.0, beta=0.0, epsilon=1e-3):
    axes = tuple(range(1, x.ndim - 1))
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return gamma * (x - mean) / np.sqrt(var + epsilon) + beta


def rms_norm(x, gamma=1.0, epsilon=1e-6):
    return gamma * x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + epsilon)


def periodic_embedding(x, frequencies, phases, kernel, bias):
    """One number at a time."""
    out = []
    for i, column in enumerate(x.T):
        waves = np.cos(2 * np.pi * column[:, None] * frequencies[i] + phases[i])
        out.append(np.column_stack([waves @ kernel[i] + bias[i], column]))
    return np.stack(out, 1)


def piecewise_linear_embedding(edges, x, linear, kernel, bias):
    """One number and one interval at a time."""
    out = []
    for i, column in enumerate(x.T):
        y = column[:, None] * linear[i] + bias[i]
        for t, (left, right) in enumerate(zip(edges[i][:-1], edges[i][1:], strict=True)):
            share = np.clip((column - left) / (right - left), 0, 1)
            y = y + share[:, None] * kernel[i, t]
        out.append(y)
    return np.stack(out, 1)


def member_dense(x, bias, r, kernel, s):
    """One member at a time."""
    return np.stack(
        [s[k] * ((r[k] * x[:, k]) @ kernel) + bias[k] for k in range(len(bias))], axis=1
    )
