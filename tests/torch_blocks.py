"""Pieces of random networks, each of them twice: in gdcore's layers, and in torch with the same weights.

`forward` is gdcore's. `torch(x, w)` is the same computation by torch's own functions; `w(name)` is the
weight of that name, in gdcore's layout. Importing this module needs torch.
"""

import math

import torch
from torch.nn import functional as nn

import gdcore as gd

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": nn.relu,
    "leaky_relu": nn.leaky_relu,
    "relu6": nn.relu6,
    "elu": nn.elu,
    "selu": nn.selu,
    "gelu": nn.gelu,
    "gelu_tanh": lambda x: nn.gelu(x, approximate="tanh"),
    "silu": nn.silu,
    "swish": nn.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": nn.softplus,
    "softsign": nn.softsign,
    "hard_sigmoid": lambda x: torch.clamp((x + 3) / 6, 0, 1),  # torch's own slope is a float32 1/6
    "hard_swish": nn.hardswish,
    "mish": nn.mish,
    "softmax": lambda x: nn.softmax(x, -1),
    "log_softmax": lambda x: nn.log_softmax(x, -1),
    "exp": torch.exp,
}


class Dense(gd.Layer):
    def __init__(self, units, activation):
        self.dense, self.kind = gd.Dense(units, activation=activation), activation

    def forward(self, x):
        return self.dense(x)

    def torch(self, x, w):
        return ACTIVATIONS[self.kind](nn.linear(x, w("dense.kernel").T, w("dense.bias")))


class Norm(gd.Layer):
    def __init__(self, batch):
        self.batch = batch
        self.norm = gd.BatchNorm() if batch else gd.LayerNorm()

    def forward(self, x):
        return self.norm(x)

    def torch(self, x, w):
        gamma, beta = w("norm.gamma"), w("norm.beta")
        if self.batch:
            flat = x.reshape(-1, x.shape[-1])
            return nn.batch_norm(flat, None, None, gamma, beta, training=True, eps=1e-3).reshape(
                x.shape
            )
        return nn.layer_norm(x, x.shape[-1:], gamma, beta, eps=1e-3)


class Residual(gd.Layer):
    def __init__(self, inner):
        self.inner = list(inner)

    def forward(self, x):
        y = x
        for layer in self.inner:
            y = layer(y)
        return gd.Add()(x, y)

    def torch(self, x, w):
        y = x
        for i, layer in enumerate(self.inner):
            y = layer.torch(y, lambda name, i=i: w(f"inner.{i}.{name}"))
        return x + y


class Fork(gd.Layer):
    """The input beside what two branches make of it."""

    def __init__(self, left, right):
        self.left, self.right = left, right

    def forward(self, x):
        return gd.Concatenate()([self.left(x), x, self.right(x)])

    def torch(self, x, w):
        left = self.left.torch(x, lambda name: w("left." + name))
        return torch.cat([left, x, self.right.torch(x, lambda name: w("right." + name))], -1)


def padded(x, window, strides, padding, value=0.0):
    """An image (batch, channels, height, width) with the borders of "same": the odd one comes last."""
    if padding == "valid":
        return x
    sizes = []
    for length, reach, stride in zip(x.shape[:1:-1], window[::-1], strides[::-1], strict=True):
        total = max(0, (math.ceil(length / stride) - 1) * stride + reach - length)
        sizes += [total // 2, total - total // 2]
    return nn.pad(x, sizes, value=value)


class Conv(gd.Layer):
    def __init__(self, filters, size, activation, strides=(1, 1), padding="valid", dilation=(1, 1)):
        self.conv = gd.Conv2D(filters, size, strides, padding, dilation, activation=activation)
        self.kind = activation

    def forward(self, x):
        return self.conv(x)

    def torch(self, x, w):
        c = self.conv
        reach = [(k - 1) * d + 1 for k, d in zip(c.kernel_size, c.dilation, strict=True)]
        image = padded(x.permute(0, 3, 1, 2), reach, c.strides, c.padding)
        y = nn.conv2d(
            image,
            w("conv.kernel").permute(3, 2, 0, 1),
            w("conv.bias"),
            c.strides,
            dilation=c.dilation,
        )
        return ACTIVATIONS[self.kind](y.permute(0, 2, 3, 1))


class Pool(gd.Layer):
    def __init__(self, size, strides, padding):
        self.pool = gd.MaxPool2D(size, strides, padding)

    def forward(self, x):
        return self.pool(x)

    def torch(self, x, w):
        p = self.pool
        image = padded(x.permute(0, 3, 1, 2), p.pool_size, p.strides, p.padding, -math.inf)
        return nn.max_pool2d(image, p.pool_size, p.strides).permute(0, 2, 3, 1)


class Recurrent(gd.Layer):
    def __init__(self, units, sequences):
        self.lstm = gd.LSTM(units, return_sequences=sequences)

    def forward(self, x):
        return self.lstm(x)

    def torch(self, x, w):
        n = self.lstm.units
        module = torch.nn.LSTM(x.shape[-1], n, batch_first=True, dtype=x.dtype)
        weights = {
            "weight_ih_l0": w("lstm.kernel").T,
            "weight_hh_l0": w("lstm.recurrent").T,
            "bias_ih_l0": w("lstm.bias"),
            "bias_hh_l0": torch.zeros(4 * n, dtype=x.dtype),
        }
        every, (last, _) = torch.func.functional_call(module, weights, (x,))
        return every if self.lstm.return_sequences else last[0]


class Embed(gd.Layer):
    def __init__(self, numbers, width):
        self.embedding = gd.Embedding(numbers, width)

    def forward(self, x):
        return self.embedding(x)

    def torch(self, x, w):
        return nn.embedding(x, w("embedding.table"))


class Flat(gd.Layer):
    def forward(self, x):
        return gd.Flatten()(x)

    def torch(self, x, w):
        return x.flatten(1)


LOSSES = {
    "cross_entropy": nn.cross_entropy,
    "mse": nn.mse_loss,
    "huber": nn.huber_loss,
    "binary_cross_entropy": nn.binary_cross_entropy_with_logits,
}
