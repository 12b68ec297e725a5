"""What the published networks have in common: their input, whose network it is, convolutions with a norm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gdcore.engine.engine import engine_of
from gdcore.errors import unknown
from gdcore.initializers import VarianceScaling
from gdcore.layers import BatchNorm, Conv2D, Input
from gdcore.model import Model
from gdcore.setting_checks import positive

TORCHVISION, KERAS = "torchvision", "keras"
FAN_OUT = VarianceScaling(2.0, "out", "normal")  # He et al. 2015, as torchvision draws kernels


@dataclass(frozen=True)
class Settings:
    """What the caller of a published network chose, validated.

    Attributes
    ----------
    classes : int
    input_shape : (height, width, channels)
    include_top : bool
    keras : whether it is the network of ``keras.applications``
    """

    classes: int
    input_shape: tuple[int, int, int]
    include_top: bool
    keras: bool

    def name(self, theirs: str) -> str | None:
        """A layer's name in Keras where it is Keras's network; None where its attribute names it, as in torchvision."""
        return theirs if self.keras else None


def settings(
    who: str,
    classes: int,
    input_shape: Sequence[int],
    include_top: bool,
    variant: str,
    smallest: int = 32,
) -> Settings:
    """The arguments of a published network, validated.

    Raises
    ------
    ValueError
        In one line.
    """
    if variant not in (TORCHVISION, KERAS):
        raise unknown(f"{who} variant", variant, (TORCHVISION, KERAS))
    shape = tuple(input_shape) if isinstance(input_shape, Sequence) else ()
    if len(shape) != 3 or isinstance(input_shape, str):
        raise ValueError(
            f"{who} input_shape={input_shape!r}: expected (height, width, channels), as in (224, 224, 3)"
        )
    height, width, channels = (positive(f"{who} input_shape", n) for n in shape)
    if height < smallest or width < smallest:
        hint = "; channels come last" if height in (1, 3) else ""
        raise ValueError(
            f"{who} input_shape={shape}: expected at least {smallest} x {smallest} pixels{hint}"
        )
    number = positive(f"{who} classes", classes)
    return Settings(number, (height, width, channels), bool(include_top), variant == KERAS)


class ImageModel(Model):
    """A model over images of one shape.

    Parameters
    ----------
    given : Settings
    """

    def __init__(self, given: Settings) -> None:
        self.name = None
        engine_of(self).definition.inputs = [Input(given.input_shape)]


def convolution(
    filters: int,
    size: Any,
    strides: int = 1,
    padding: Any = 0,
    use_bias: bool = False,
    name: str | None = None,
) -> Conv2D:
    """A convolution of a network that has norms."""
    return Conv2D(
        filters,
        size,
        strides,
        padding,
        use_bias=use_bias,
        kernel_initializer=FAN_OUT,
        name=name,
    )


def norm(
    given: Settings, name: str, keras: float, torch: float = 1e-5, **options: Any
) -> BatchNorm:
    """A batch norm with the library's momentum, and the epsilon that the network has in Keras or in torchvision."""
    options = {"momentum": 0.99 if given.keras else 0.9} | options
    return BatchNorm(epsilon=keras if given.keras else torch, name=given.name(name), **options)
