"""Layers in float64 NumPy, written as loops and sums from their definitions, with the weights in gdcore's order."""

import math

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


def max_pool2d(x, pool=(2, 2), strides=None, padding="valid"):
    strides = strides or pool
    n, height, width, channels = x.shape
    top, left = (
        around(height, pool[0], strides[0], padding),
        around(width, pool[1], strides[1], padding),
    )
    padded = np.pad(x, ((0, 0), top, left, (0, 0)), constant_values=-np.inf)
    high = (padded.shape[1] - pool[0]) // strides[0] + 1
    wide = (padded.shape[2] - pool[1]) // strides[1] + 1
    y = np.zeros((n, high, wide, channels))
    for r in range(high):
        for c in range(wide):
            at = r * strides[0], c * strides[1]
            y[:, r, c] = padded[:, at[0] : at[0] + pool[0], at[1] : at[1] + pool[1]].max(
                axis=(1, 2)
            )
    return y


def lstm(x, kernel, recurrent, bias, return_sequences=False):
    n = recurrent.shape[0]
    h = c = np.zeros((len(x), n))
    every = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        every.append(h)
    return np.stack(every, axis=1) if return_sequences else h


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
