"""What tests of bad input share: small data and networks, and what an error must look like."""

import re

import numpy as np

import gdcore as gd

ROWS, WIDTH, CLASSES = 40, 5, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, WIDTH)).astype(np.float32)
Y = RNG.integers(0, CLASSES, ROWS)


def network():
    return gd.Sequential(
        [gd.Input(WIDTH), gd.Dense(8, activation="relu"), gd.Dropout(0.2), gd.Dense(CLASSES)]
    )


def classifier():
    return network().compile("adam", "cross_entropy")


def two_inputs():
    a, b = gd.Input(2, name="a"), gd.Input(3, name="b")
    return gd.Model([a, b], gd.Dense(CLASSES)(gd.Concatenate()([a, b]))).compile(
        "adam", "cross_entropy"
    )


def two_outputs():
    x = gd.Input(WIDTH)
    return gd.Model(x, {"kind": gd.Dense(CLASSES)(x), "size": gd.Dense(1)(x)}).compile(
        "adam", ["cross_entropy", "mse"]
    )


def spoiled(array, value, row=7):
    out = np.array(array, dtype=np.float64)
    out[(row, *[2] * (out.ndim - 1))] = value
    return out


def built(layer):
    return gd.Sequential([gd.Input(WIDTH), layer]).get_weights()


def pattern(text):
    """Brackets and points as they stand; .* and the like as patterns."""
    return re.sub(r"([()\[\]{}?])", r"\\\1", text)


def one_line(error):
    message = str(error)
    assert "\n" not in message
    assert 15 < len(message) < 400, message
