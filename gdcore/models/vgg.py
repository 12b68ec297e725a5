"""VGG16: thirteen convolutions of 3×3 and three dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from gdcore.layers.base import Layer
from gdcore.model import Model
from gdcore.models.base import FAN_OUT, TORCHVISION, ImageModel, Settings, settings
from gdcore.sequential import Sequential

WIDTHS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # (filters, convolutions) of each block
POOLED = 7  # windows along each side, which the dense layers are made for


def vgg16(
    classes: int = 1000,
    input_shape: Sequence[int] = (224, 224, 3),
    include_top: bool = True,
    variant: str = TORCHVISION,
) -> Model:
    """VGG16: 138,357,544 parameters for 1000 classes.

    Parameters
    ----------
    classes : int
        Outputs of the last layer, which are logits.
    input_shape : (int, int, int)
        (height, width, channels), of at least 32 pixels each way.
    include_top : bool
        Whether the dense layers follow; else the result is the last pool, (B, height / 32, width / 32, 512).
    variant : {"torchvision", "keras"}
        Whose network it is: the names of its layers, by which weights are loaded. For images that are not of 224 x 224
        pixels torchvision averages over 7 x 7 windows before the dense layers, and Keras makes these for what there is;
        Keras has no dropout.

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
    Simonyan and Zisserman 2015, Very deep convolutional networks for large-scale image recognition.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.models.vgg16(include_top=False)(gd.Input((224, 224, 3))).shape
    (B, 7, 7, 512)
    """
    return VGG(settings("vgg16", classes, input_shape, include_top, variant))


class VGG(ImageModel):
    """The network: `features`, and `classifier` on top.

    Parameters
    ----------
    given : Settings
    """

    def __init__(self, given: Settings) -> None:
        super().__init__(given)
        layers: list[Layer] = []
        for i, (filters, count) in enumerate(WIDTHS, 1):
            for k in range(1, count + 1):
                name = given.name(f"block{i}_conv{k}")
                conv = Conv2D(filters, 3, padding=1, kernel_initializer=FAN_OUT, name=name)
                layers += [conv, Activation("relu")]
            layers.append(MaxPool2D())
        self.features = Sequential(layers)
        self.pooled = not given.keras
        self.classifier: Sequential | None = None
        if given.include_top:
            rate = 0.0 if given.keras else 0.5
            dense = [
                Dense(units, name=given.name(name))
                for units, name in ((4096, "fc1"), (4096, "fc2"), (given.classes, "predictions"))
            ]
            self.classifier = Sequential(
                [
                    *(dense[0], Activation("relu"), Dropout(rate)),
                    *(dense[1], Activation("relu"), Dropout(rate), dense[2]),
                ]
            )

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        x = self.features(x)
        if self.classifier is None:
            return x
        if self.pooled and x.shape[1:3] != (POOLED, POOLED):
            x = ops.adaptive_avg_pool(x, (POOLED, POOLED))
        y: Value = self.classifier(Flatten()(x))
        return y
