"""MobileNetV2: blocks that widen, filter each channel by itself, and narrow again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gdcore.graph.ir import Value
from gdcore.layers import Activation, Dense, DepthwiseConv2D, Dropout, GlobalAvgPool
from gdcore.layers.base import Layer
from gdcore.model import Model
from gdcore.models.base import (
    FAN_OUT,
    TORCHVISION,
    ImageModel,
    Settings,
    convolution,
    norm,
    settings,
)
from gdcore.sequential import Sequential

EPSILON = 1e-3  # of Keras's norms
# (widening, filters, blocks, strides of the first)
STAGES = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)


def mobilenet_v2(
    classes: int = 1000,
    input_shape: Sequence[int] = (224, 224, 3),
    include_top: bool = True,
    variant: str = TORCHVISION,
) -> Model:
    """MobileNetV2: 3,504,872 parameters for 1000 classes, or Keras's with 3,538,984, its moving statistics counted.

    Parameters
    ----------
    classes : int
        Outputs of the last layer, which are logits.
    input_shape : (int, int, int)
        (height, width, channels), of at least 32 pixels each way.
    include_top : bool
        Whether the mean over the pixels and the dense layer follow; else the result is
        (B, height / 32, width / 32, 1280).
    variant : {"torchvision", "keras"}
        Whose network it is: the names of its layers, by which weights are loaded. Where a convolution halves an
        image of even size, the border is before the pixels in torchvision and behind them in Keras, which has no
        dropout.

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
    Sandler et al. 2018, MobileNetV2: inverted residuals and linear bottlenecks.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.models.mobilenet_v2(include_top=False)(gd.Input((224, 224, 3))).shape
    (B, 7, 7, 1280)
    """
    return MobileNet(settings("mobilenet_v2", classes, input_shape, include_top, variant))


def _normed(given: Settings, conv: Layer, name: str) -> list[Layer]:
    momentum: dict[str, Any] = {"momentum": 0.999} if given.keras else {}
    return [conv, norm(given, name, EPSILON, **momentum)]


class Inverted(Layer):
    """A block: to `widening` times the channels, a filter for each of them, and to few channels.

    Parameters
    ----------
    given : Settings
    channels, widening, filters, strides : int
    name : beginning of its layers' names in Keras
    """

    def __init__(
        self,
        given: Settings,
        channels: int,
        widening: int,
        filters: int,
        strides: int,
        name: str,
    ) -> None:
        self.adds = strides == 1 and channels == filters
        layers: list[Layer] = []
        if widening > 1:
            wide = convolution(channels * widening, 1, name=given.name(f"{name}expand"))
            layers.append(
                Sequential([*_normed(given, wide, f"{name}expand_BN"), Activation("relu6")])
            )
        each = DepthwiseConv2D(
            3,
            strides,
            "same" if given.keras else 1,
            use_bias=False,
            kernel_initializer=FAN_OUT,
            name=given.name(f"{name}depthwise"),
        )
        layers.append(
            Sequential([*_normed(given, each, f"{name}depthwise_BN"), Activation("relu6")])
        )
        narrow = convolution(filters, 1, name=given.name(f"{name}project"))
        self.conv = [*layers, *_normed(given, narrow, f"{name}project_BN")]

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        y = x
        for layer in self.conv:
            y = layer(y)
        return x + y if self.adds else y


class MobileNet(ImageModel):
    """The network: `features`, and `classifier` on top.

    Parameters
    ----------
    given : Settings
    """

    def __init__(self, given: Settings) -> None:
        super().__init__(given)

        def plain(filters: int, size: int, strides: int, names: tuple[str, str]) -> Sequential:
            around = "same" if given.keras else size // 2
            conv = convolution(filters, size, strides, around, name=given.name(names[0]))
            return Sequential([*_normed(given, conv, names[1]), Activation("relu6")])

        layers: list[Layer] = [plain(32, 3, 2, ("Conv1", "bn_Conv1"))]
        channels = 32
        for widening, filters, blocks, strides in STAGES:
            for k in range(blocks):
                name = f"block_{len(layers) - 1}_" if len(layers) > 1 else "expanded_conv_"
                step = 1 if k else strides
                layers.append(Inverted(given, channels, widening, filters, step, name))
                channels = filters
        self.features = [*layers, plain(1280, 1, 1, ("Conv_1", "Conv_1_bn"))]
        self.classifier: list[Layer] = []
        if given.include_top:
            rate = 0.0 if given.keras else 0.2
            self.classifier = [
                Dropout(rate),
                Dense(given.classes, name=given.name("predictions")),
            ]

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        for layer in self.features:
            x = layer(x)
        if self.classifier:
            x = GlobalAvgPool()(x)
        for layer in self.classifier:
            x = layer(x)
        return x
