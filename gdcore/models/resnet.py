"""Residual networks: ResNet-18 and ResNet-50 for large images, ResNet-20 for those of CIFAR."""

from __future__ import annotations

from collections.abc import Sequence

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.layers import Dense, GlobalAvgPool, MaxPool2D
from gdcore.layers.base import Layer
from gdcore.model import Model
from gdcore.models.base import TORCHVISION, ImageModel, Settings, convolution, norm, settings
from gdcore.sequential import Sequential

EPSILON = 1.001e-5  # of Keras's norms


def resnet18(
    classes: int = 1000, input_shape: Sequence[int] = (224, 224, 3), include_top: bool = True
) -> Model:
    """ResNet-18, as torchvision has it: 11,689,512 parameters for 1000 classes.

    Parameters
    ----------
    classes, input_shape, include_top
        As for `resnet50`; without the top the result has 512 channels.

    Returns
    -------
    Model
        Not compiled, with random weights.

    Raises
    ------
    ValueError
        For an input shape that is too small or not (height, width, channels).

    References
    ----------
    He et al. 2016, Deep residual learning for image recognition.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.models.resnet18()(gd.Input((224, 224, 3))).shape
    (B, 1000)
    """
    given = settings("resnet18", classes, input_shape, include_top, TORCHVISION)
    return ResNet(given, Basic, 64, (2, 2, 2, 2))


def resnet20(
    classes: int = 10, input_shape: Sequence[int] = (32, 32, 3), include_top: bool = True
) -> Model:
    """ResNet-20 for small images such as CIFAR's: 269,722 parameters for 10 classes.

    Its shortcuts have no parameters: where a block halves the image, they take every second pixel, and zeros
    for the channels that are new.

    Parameters
    ----------
    classes, input_shape, include_top
        As for `resnet50`, with images of at least 8 pixels each way; without the top the result is
        (B, height / 4, width / 4, 64).

    Returns
    -------
    Model
        Not compiled, with random weights.

    Raises
    ------
    ValueError
        For an input shape that is too small or not (height, width, channels).

    References
    ----------
    He et al. 2016, Deep residual learning for image recognition, section 4.2.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.models.resnet20(classes=100)(gd.Input((32, 32, 3))).shape
    (B, 100)
    """
    given = settings("resnet20", classes, input_shape, include_top, TORCHVISION, smallest=8)
    return ResNet(given, Basic, 16, (3, 3, 3))


def resnet50(
    classes: int = 1000,
    input_shape: Sequence[int] = (224, 224, 3),
    include_top: bool = True,
    variant: str = TORCHVISION,
) -> Model:
    """ResNet-50: 25,557,032 parameters for 1000 classes, or Keras's with 25,636,712, its moving statistics counted.

    Parameters
    ----------
    classes : int
        Outputs of the last layer, which are logits.
    input_shape : (int, int, int)
        (height, width, channels), of at least 32 pixels each way.
    include_top : bool
        Whether the mean over the pixels and the dense layer follow; else the result is
        (B, height / 32, width / 32, 2048).
    variant : {"torchvision", "keras"}
        Whose network it is: the names of its layers, by which weights are loaded. In Keras a block's stride lies in its
        first convolution instead of the second, and convolutions have biases.

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
    He et al. 2016, Deep residual learning for image recognition.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.models.resnet50(include_top=False)(gd.Input((224, 224, 3))).shape
    (B, 7, 7, 2048)
    """
    given = settings("resnet50", classes, input_shape, include_top, variant)
    return ResNet(given, Bottleneck, 64, (3, 4, 6, 3))


class Basic(Layer):
    """Two convolutions of 3×3 and a shortcut.

    Parameters
    ----------
    given : Settings
    filters, strides : int
    projects : bool
        Whether the shortcut is a convolution, too.
    name : of the block, in Keras
    """

    widens = 1  # channels of the result for each filter

    def __init__(
        self, given: Settings, filters: int, strides: int, projects: bool, name: str
    ) -> None:
        self.strides = strides
        self.conv1 = convolution(filters, 3, strides, 1)
        self.bn1 = norm(given, "", EPSILON)
        self.conv2 = convolution(filters, 3, 1, 1)
        self.bn2 = norm(given, "", EPSILON)
        self.downsample = _projection(given, filters, strides, name) if projects else None

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        y = ops.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return ops.relu(y + _shortcut(self.downsample, x, y, self.strides))


class Bottleneck(Layer):
    """Convolutions of 1×1, 3×3 and 1×1, the last to four times the filters, and a shortcut.

    Parameters
    ----------
    given, filters, strides, projects, name
        As for `Basic`.
    """

    widens = 4

    def __init__(
        self, given: Settings, filters: int, strides: int, projects: bool, name: str
    ) -> None:
        self.strides = strides
        first, second = (strides, 1) if given.keras else (1, strides)
        bias = given.keras

        def pair(k: int, filters: int, size: int, strides: int) -> tuple[Layer, Layer]:
            conv = convolution(
                filters,
                size,
                strides,
                size // 2,
                use_bias=bias,
                name=given.name(f"{name}_{k}_conv"),
            )
            return conv, norm(given, f"{name}_{k}_bn", EPSILON)

        self.conv1, self.bn1 = pair(1, filters, 1, first)
        self.conv2, self.bn2 = pair(2, filters, 3, second)
        self.conv3, self.bn3 = pair(3, 4 * filters, 1, 1)
        self.downsample = _projection(given, 4 * filters, strides, name) if projects else None

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        y = ops.relu(self.bn1(self.conv1(x)))
        y = ops.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return ops.relu(y + _shortcut(self.downsample, x, y, self.strides))


def _projection(given: Settings, filters: int, strides: int, name: str) -> Sequential:
    """The shortcut of a block whose result has another shape than its input."""
    conv = convolution(filters, 1, strides, use_bias=given.keras, name=given.name(f"{name}_0_conv"))
    return Sequential([conv, norm(given, f"{name}_0_bn", EPSILON)])


def _shortcut(projection: Layer | None, x: Value, y: Value, strides: int) -> Value:
    """What is added to the result of a block; zeros stand for channels that its input does not have."""
    if projection is not None:
        found: Value = projection(x)
        return found
    if strides > 1:
        x = x[:, ::strides, ::strides]
    more = y.shape[-1] - x.shape[-1]  # type: ignore[operator]
    return ops.pad(x, ((0, 0), (0, 0), (0, 0), (more // 2, more - more // 2))) if more else x


class ResNet(ImageModel):
    """The network: a convolution, stages of blocks, of which all but the first halve the image, and the top.

    Parameters
    ----------
    given : Settings
    block : Basic or Bottleneck
    filters : int
        Of the first stage; each further one has twice as many.
    counts : blocks of each stage
    """

    def __init__(
        self,
        given: Settings,
        block: type[Basic] | type[Bottleneck],
        filters: int,
        counts: Sequence[int],
    ) -> None:
        super().__init__(given)
        large = len(counts) == 4
        size, strides = (7, 2) if large else (3, 1)
        name = given.name("conv1_conv")
        self.conv1 = convolution(filters, size, strides, size // 2, given.keras, name)
        self.bn1 = norm(given, "conv1_bn", EPSILON)
        self.maxpool = MaxPool2D(3, 2, 1) if large else None
        self.stages = [f"layer{i}" for i in range(1, len(counts) + 1)]
        for i, count in enumerate(counts):
            layers = []
            for k in range(count):
                strides = 2 if i and not k else 1
                projects = large and not k and (strides > 1 or block.widens > 1)
                own = f"conv{i + 2}_block{k + 1}"
                layers.append(block(given, filters << i, strides, projects, own))
            setattr(self, self.stages[i], layers)
        self.fc: Dense | None = None
        if given.include_top:
            self.fc = Dense(given.classes, name=given.name("predictions"))

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        x = ops.relu(self.bn1(self.conv1(x)))
        if self.maxpool is not None:
            x = self.maxpool(x)
        for stage in self.stages:
            for layer in getattr(self, stage):
                x = layer(x)
        return x if self.fc is None else self.fc(GlobalAvgPool()(x))
