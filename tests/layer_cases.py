"""How a layer is tried: with which inputs, beside which formula; and the layers of images but convolution."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy_layers as reference

import gdcore as gd


@dataclass
class Case:
    """A layer, the shapes of its inputs without the batch, and what it computes from them and its weights."""

    make: Any
    shapes: tuple
    formula: Any
    training: Any = None  # where the formula of training is another
    numbers: int = 0  # inputs are whole numbers below it


def plain(function):
    """A formula of inputs alone, or of one input and all weights in their order."""
    return lambda xs, ws: function(*xs, *ws)


def pool(kind, size, shape=(7, 6, 3), **options):
    of = reference.max_pool if kind.__name__.startswith("Max") else reference.avg_pool
    return Case(lambda: kind(size, **options), (shape,), plain(partial(of, pool=size, **options)))


def of(make, shape, function, **options):
    return Case(make, (shape,), plain(partial(function, **options)))


def around(make, widths, mode):
    return of(make, (6, 5, 2), lambda x: np.pad(x, ((0, 0), *widths, (0, 0)), mode))


def conv1d(x, kernel, bias, **how):
    """As an image of one row."""
    return reference.conv2d(x[:, None], kernel[None], bias, **how)[:, 0]


IMAGE_CASES = {
    "Conv1D-same": of(lambda: gd.Conv1D(4, 3, padding="same"), (5, 3), conv1d, padding="same"),
    "MaxPool2D": pool(gd.MaxPool2D, 2),
    "MaxPool2D-same": pool(gd.MaxPool2D, (3, 2), padding="same"),
    "MaxPool2D-overlap": pool(gd.MaxPool2D, 3, strides=(1, 2)),
    "MaxPool2D-same-overlap": pool(gd.MaxPool2D, 3, (7, 6, 17), strides=2, padding="same"),
    "MaxPool": pool(gd.MaxPool, 3, strides=2, padding=1, ceil=True),
    "MaxPool-apart": pool(gd.MaxPool, 2, (11, 5), strides=4),
    "MaxPool-around": pool(gd.MaxPool, (2, 3), padding=((0, 1), (2, 0)), strides=(3, 1)),
    "MaxPool1D": pool(gd.MaxPool1D, 2, (9, 5), padding="same"),
    "MaxPool3D": pool(gd.MaxPool3D, 2, (3, 4, 5, 2), strides=(1, 2, 2), padding="same"),
    "AvgPool": pool(gd.AvgPool, 3, strides=2, padding=1, ceil=True, count_padding=True),
    "AvgPool-ceil": pool(gd.AvgPool, 3, (6, 8, 2), strides=2, ceil=True),
    "AvgPool1D": pool(gd.AvgPool1D, 4, (9, 5), padding="same"),
    "AvgPool2D": pool(gd.AvgPool2D, (2, 3), padding="same", strides=2),
    "AvgPool3D": pool(gd.AvgPool3D, 2, (4, 3, 3, 2), padding=(0, 1, 1)),
    "GlobalAvgPool": of(gd.GlobalAvgPool, (4, 3, 5), lambda x: x.mean(axis=(1, 2))),
    "GlobalAvgPool-kept": of(
        lambda: gd.GlobalAvgPool(keepdims=True), (4, 5), lambda x: x.mean(axis=1, keepdims=True)
    ),
    "GlobalMaxPool": of(gd.GlobalMaxPool, (4, 3, 5), lambda x: x.max(axis=(1, 2))),
    "GlobalMaxPool-kept": of(
        lambda: gd.GlobalMaxPool(keepdims=True),
        (2, 3, 2, 2),
        lambda x: x.max(axis=(1, 2, 3), keepdims=True),
    ),
    "AdaptiveAvgPool": of(
        lambda: gd.AdaptiveAvgPool(3), (7, 6, 2), reference.adaptive_pool, of=np.mean, windows=3
    ),
    "AdaptiveMaxPool": of(
        lambda: gd.AdaptiveMaxPool((2, 4)),
        (7, 6, 2),
        reference.adaptive_pool,
        of=np.max,
        windows=(2, 4),
    ),
    "AdaptiveMaxPool-even": of(
        lambda: gd.AdaptiveMaxPool(2), (8, 3), reference.adaptive_pool, of=np.max, windows=2
    ),
    "ZeroPad": around(lambda: gd.ZeroPad(), ((1, 1), (1, 1)), "constant"),
    "ZeroPad-pairs": around(lambda: gd.ZeroPad(((0, 2), (1, 0))), ((0, 2), (1, 0)), "constant"),
    "ReflectPad": around(lambda: gd.ReflectPad((4, 2)), ((4, 4), (2, 2)), "reflect"),
    "Crop": of(lambda: gd.Crop(((1, 0), (2, 1))), (6, 5, 2), lambda x: x[:, 1:, 2:-1]),
    "UpSampling2D": of(
        lambda: gd.UpSampling2D((2, 3)), (3, 2, 4), lambda x: x.repeat(2, 1).repeat(3, 2)
    ),
    "UpSampling2D-bilinear": of(
        lambda: gd.UpSampling2D((3, 2), "bilinear"), (3, 2, 4), reference.bilinear, down=3, across=2
    ),
    "PixelShuffle": of(lambda: gd.PixelShuffle(2), (3, 2, 12), reference.pixel_shuffle, r=2),
    "RMSNorm": of(gd.RMSNorm, (3, 7), reference.rms_norm),
    "RMSNorm-plain": of(
        lambda: gd.RMSNorm(1e-2, scale=False), (5,), reference.rms_norm, epsilon=1e-2
    ),
    "GroupNorm": of(lambda: gd.GroupNorm(3), (4, 3, 6), reference.group_norm, groups=3),
    "GroupNorm-one": of(lambda: gd.GroupNorm(1, 1e-5), (5, 7), reference.group_norm, epsilon=1e-5),
    "GroupNorm-flat": of(
        lambda: gd.GroupNorm(2, center=False, scale=False), (8,), reference.group_norm, groups=2
    ),
    "InstanceNorm": of(gd.InstanceNorm, (4, 3, 6), reference.instance_norm),
    "InstanceNorm-3d": of(
        lambda: gd.InstanceNorm(1e-5), (2, 3, 2, 3), reference.instance_norm, epsilon=1e-5
    ),
    "SpatialDropout": of(lambda: gd.SpatialDropout(0.5), (3, 3, 5), lambda x: x),
    "DropPath": of(lambda: gd.DropPath(0.5), (3, 5), lambda x: x),
}
