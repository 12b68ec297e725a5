"""A network for every layer, whose bits are compared."""

import attention_model
from layer_table import CASES
from sequence_stacks import STACKS

import gdcore as gd

CLASSES = 4


def image(*layers):
    return lambda: gd.Sequential(
        [
            gd.Input(64),
            gd.Reshape((8, 8, 1)),
            *[make() for make in layers],
            gd.Flatten(),
            gd.Dense(CLASSES),
        ]
    )


def stack(*layers):
    """The layers between two dense ones that are large enough to be shared out among threads."""
    return lambda: gd.Sequential(
        [gd.Input(64), gd.Dense(160), *[make() for make in layers], gd.Dense(CLASSES)]
    )


def branches(join):
    def make():
        x = gd.Input(64)
        return gd.Model(
            x, gd.Dense(CLASSES)(join()([gd.Dense(96, activation="tanh")(x), gd.Dense(96)(x)]))
        )

    return make


class Scale(gd.Layer):
    """A layer of one's own, with weights used twice."""

    def forward(self, x):
        scale = self.param("scale", x.shape[-1:], "ones")
        return gd.ops.where(x > 0, x * scale, x / (1 + scale * scale))


LAYERS = {
    "Input": stack(),
    "Dense": stack(lambda: gd.Dense(161, activation="gelu", kernel_l1=1e-4, bias_l2=1e-3)),
    "Activation": stack(lambda: gd.Activation("softmax")),
    "Dropout": stack(lambda: gd.Dropout(0.3)),
    "GaussianNoise": stack(lambda: gd.GaussianNoise(0.3)),
    "BatchNorm": stack(gd.BatchNorm),
    "LayerNorm": stack(gd.LayerNorm),
    "Layer": stack(Scale),
    "Rescaling": lambda: gd.Sequential([gd.Input(64), gd.Rescaling(0.25, 0.5), gd.Dense(CLASSES)]),
    "Flatten": image(),
    "Reshape": stack(lambda: gd.Reshape((4, 40)), lambda: gd.Dense(12), gd.Flatten),
    "Conv2D": image(lambda: gd.Conv2D(6, 3, padding="same", activation="relu")),
    "Conv1D": stack(lambda: gd.Reshape((40, 4)), lambda: gd.Conv1D(6, 3), gd.Flatten),
    "Conv3D": stack(lambda: gd.Reshape((4, 4, 5, 2)), lambda: gd.Conv3D(3, 2), gd.Flatten),
    "DepthwiseConv2D": image(lambda: gd.Conv2D(6, 3), lambda: gd.DepthwiseConv2D(3, padding=1)),
    "SeparableConv2D": image(lambda: gd.SeparableConv2D(6, 3, depth_multiplier=2)),
    "ConvTranspose1D": stack(
        lambda: gd.Reshape((40, 4)), lambda: gd.ConvTranspose1D(3, 2, 2), gd.Flatten
    ),
    "ConvTranspose2D": image(lambda: gd.ConvTranspose2D(3, 3, 2)),
    "MaxPool2D": image(lambda: gd.Conv2D(6, 3), lambda: gd.MaxPool2D(2)),
    **STACKS,
    "attention": lambda: attention_model.attending(CLASSES),
    "Add": branches(gd.Add),
    "Concatenate": branches(gd.Concatenate),
    "Embedding": lambda: gd.Sequential(
        [gd.Input(64, dtype="int"), gd.Embedding(30, 16), gd.Flatten(), gd.Dense(CLASSES)]
    ),
}


def of_case(case):
    """A layer as the table of layers has it, and a dense one behind it."""

    def make():
        leaves = [
            gd.Input(s, name=f"x{i}", dtype="int" if case.numbers else "real")
            for i, s in enumerate(case.shapes)
        ]
        layer = case.make()
        y = layer(leaves) if len(leaves) > 1 else layer(leaves[0])
        return gd.Model(leaves, gd.Dense(CLASSES)(gd.Flatten()(y)))

    return make


# Every other layer by its first case.
ALONE = {
    kind: next(c for n, c in CASES.items() if n.split("-")[0] == kind)
    for kind in gd.layers.__all__
    if kind not in {*LAYERS, *attention_model.LAYERS}
}
LAYERS |= {kind: of_case(case) for kind, case in ALONE.items()}
