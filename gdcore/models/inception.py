"""InceptionV3: branches of convolutions side by side, joined along the channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.layers import AvgPool2D, Dense, Dropout, GlobalAvgPool, MaxPool2D
from gdcore.layers.base import Layer
from gdcore.model import Model
from gdcore.models.base import TORCHVISION, ImageModel, Settings, convolution, norm, settings

EPSILON = 1e-3  # of the norms of both


def inception_v3(
    classes: int = 1000,
    input_shape: Sequence[int] = (299, 299, 3),
    include_top: bool = True,
    variant: str = TORCHVISION,
) -> Model:
    """InceptionV3: 23,834,568 parameters for 1000 classes, or Keras's with 23,851,784, its moving statistics counted.

    Parameters
    ----------
    classes : int
        Outputs of the last layer, which are logits. There is no auxiliary classifier: leave torchvision's out by
        ``from_torch(state, model, skip=["AuxLogits.*"])``.
    input_shape : (int, int, int)
        (height, width, channels), of at least 75 pixels each way.
    include_top : bool
        Whether the mean over the pixels and the dense layer follow; else the result is (B, height, width, 2048)
        of the last block, 8 x 8 for images of 299 x 299.
    variant : {"torchvision", "keras"}
        Whose network it is: the names of its layers, by which weights are loaded. Means of windows over the border
        count its zeros in torchvision and leave them out in Keras, whose norms have no gamma and which has no dropout.

    Returns
    -------
    Model
        Not compiled, with random weights. It takes pixels as the published weights expect them.

    Raises
    ------
    ValueError
        For an input shape that is too small or not (height, width, channels), or an unknown variant.

    References
    ----------
    Szegedy et al. 2016, Rethinking the inception architecture for computer vision.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.models.inception_v3(include_top=False)(gd.Input((299, 299, 3))).shape
    (B, 8, 8, 2048)
    """
    given = settings("inception_v3", classes, input_shape, include_top, variant, smallest=75)
    return Inception(given)


class ConvNorm(Layer):
    """A convolution, its norm and relu.

    Parameters
    ----------
    maker : _Maker
    filters, size, strides, padding
        As for `gd.Conv2D`.
    """

    def __init__(
        self, maker: _Maker, filters: int, size: Any, strides: int = 1, padding: Any = 0
    ) -> None:
        given, k = maker.given, next(maker.numbers)
        end = f"_{k}" if k else ""  # as Keras numbers layers that have no name
        self.conv = convolution(filters, size, strides, padding, name=given.name(f"conv2d{end}"))
        name = f"batch_normalization{end}"
        self.bn = norm(given, name, EPSILON, EPSILON, scale=not given.keras)

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        return ops.relu(self.bn(self.conv(x)))


class _Maker:
    """Makes convolutions and pools of a network, and counts the former."""

    def __init__(self, given: Settings) -> None:
        self.given, self.numbers = given, count()

    def __call__(self, *args: Any) -> ConvNorm:
        return ConvNorm(self, *args)

    def means(self) -> AvgPool2D:
        """Means of windows of 3×3 around each pixel."""
        return AvgPool2D(3, 1, 1, count_padding=not self.given.keras)


# Convolutions one after another, each (end of its name, filters, size, strides, padding).
Chain = Sequence[tuple[Any, ...]]


class Mixed(Layer):
    """Branches side by side.

    Parameters
    ----------
    maker : _Maker
    branches : dict of str to Chain
        By the beginnings of their names. The last convolutions of a branch whose names end in a and b are side by
        side, too.
    pooled : int or None
        Filters of the convolution behind the means of windows; None where the largest elements of windows, every
        second one, are a branch as they are.
    """

    def __init__(self, maker: _Maker, branches: dict[str, Chain], pooled: int | None) -> None:
        self._chains = []
        for name, chain in branches.items():
            names = [f"{name}{end}" for end, *_ in chain]
            for own, (_, *rest) in zip(names, chain, strict=True):
                setattr(self, own, maker(*rest))
            self._chains.append(names)
        self.pool: Layer = MaxPool2D(3, 2) if pooled is None else maker.means()
        self.branch_pool = None if pooled is None else maker(pooled, 1)

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        parts = []
        for names in self._chains:
            y = x
            for name in names:
                if name[-1] in "ab":
                    parts.append(getattr(self, name)(y))
                else:
                    y = getattr(self, name)(y)
            if names[-1][-1] not in "ab":
                parts.append(y)
        y = self.pool(x)
        parts.append(y if self.branch_pool is None else self.branch_pool(y))
        return ops.concatenate(parts, -1)


ROW, COLUMN = ((1, 7), 1, (0, 3)), ((7, 1), 1, (3, 0))  # of seven pixels
THREE = ((3, 3), 1, 1)


def _a(maker: _Maker, pooled: int) -> Mixed:
    branches: dict[str, Chain] = {
        "branch1x1": [("", 64, 1)],
        "branch5x5": [("_1", 48, 1), ("_2", 64, 5, 1, 2)],
        "branch3x3dbl": [("_1", 64, 1), ("_2", 96, *THREE), ("_3", 96, *THREE)],
    }
    return Mixed(maker, branches, pooled)


def _b(maker: _Maker) -> Mixed:
    branches: dict[str, Chain] = {
        "branch3x3": [("", 384, 3, 2)],
        "branch3x3dbl": [("_1", 64, 1), ("_2", 96, *THREE), ("_3", 96, 3, 2)],
    }
    return Mixed(maker, branches, None)


def _c(maker: _Maker, n: int) -> Mixed:
    branches: dict[str, Chain] = {
        "branch1x1": [("", 192, 1)],
        "branch7x7": [("_1", n, 1), ("_2", n, *ROW), ("_3", 192, *COLUMN)],
        "branch7x7dbl": [
            *(("_1", n, 1), ("_2", n, *COLUMN), ("_3", n, *ROW)),
            *(("_4", n, *COLUMN), ("_5", 192, *ROW)),
        ],
    }
    return Mixed(maker, branches, 192)


def _d(maker: _Maker) -> Mixed:
    branches: dict[str, Chain] = {
        "branch3x3": [("_1", 192, 1), ("_2", 320, 3, 2)],
        "branch7x7x3": [("_1", 192, 1), ("_2", 192, *ROW), ("_3", 192, *COLUMN), ("_4", 192, 3, 2)],
    }
    return Mixed(maker, branches, None)


def _e(maker: _Maker) -> Mixed:
    ends = (("a", 384, (1, 3), 1, (0, 1)), ("b", 384, (3, 1), 1, (1, 0)))
    branches: dict[str, Chain] = {
        "branch1x1": [("", 320, 1)],
        "branch3x3": [("_1", 384, 1), *((f"_2{e}", *rest) for e, *rest in ends)],
        "branch3x3dbl": [
            *(("_1", 448, 1), ("_2", 384, *THREE)),
            *((f"_3{e}", *rest) for e, *rest in ends),
        ],
    }
    return Mixed(maker, branches, 192)


class Inception(ImageModel):
    """The network, its layers named as torchvision's.

    Parameters
    ----------
    given : Settings
    """

    def __init__(self, given: Settings) -> None:
        super().__init__(given)
        make = _Maker(given)
        self.Conv2d_1a_3x3 = make(32, 3, 2)
        self.Conv2d_2a_3x3 = make(32, 3)
        self.Conv2d_2b_3x3 = make(64, 3, 1, 1)
        self.maxpool1 = MaxPool2D(3, 2)
        self.Conv2d_3b_1x1 = make(80, 1)
        self.Conv2d_4a_3x3 = make(192, 3)
        self.maxpool2 = MaxPool2D(3, 2)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = (_a(make, n) for n in (32, 64, 64))
        self.Mixed_6a = _b(make)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = (
            _c(make, n) for n in (128, 160, 160, 192)
        )
        self.Mixed_7a = _d(make)
        self.Mixed_7b, self.Mixed_7c = _e(make), _e(make)
        self.dropout = Dropout(0.0 if given.keras else 0.5)
        self.fc: Dense | None = None
        if given.include_top:
            self.fc = Dense(given.classes, name=given.name("predictions"))

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        for name, layer in self.sublayers():
            if name not in ("dropout", "fc"):
                x = layer(x)
        return x if self.fc is None else self.fc(self.dropout(GlobalAvgPool()(x)))
