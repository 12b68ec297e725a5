"""Weights from Keras models and back."""

import os

import numpy as np
import pytest
from test_interop import IMAGE, RNG, SEQUENCE, TABLE, TOKENS, data

import gdcore as gd
from gdcore.interop import from_keras, to_keras

# --- Keras ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


def keras_pair(keras, name):
    k = keras.layers
    made = {
        "dense": (
            [k.Input((7,)), k.Dense(9, activation="relu"), k.Dropout(0.5), k.Dense(4)],
            [gd.Input(7), gd.Dense(9, activation="relu"), gd.Dropout(0.5), gd.Dense(4)],
            TABLE,
        ),
        "image": (
            [
                k.Input((9, 8, 2)),
                k.Conv2D(5, (3, 2), padding="same"),
                k.BatchNormalization(),
                k.MaxPooling2D(2),
                k.Flatten(),
                k.LayerNormalization(),
                k.Dense(3),
            ],
            [
                gd.Input((9, 8, 2)),
                gd.Conv2D(5, (3, 2), padding="same"),
                gd.BatchNorm(),
                gd.MaxPool2D(2),
                gd.Flatten(),
                gd.LayerNorm(),
                gd.Dense(3),
            ],
            IMAGE,
        ),
        "convolutions": (
            [
                k.Input((9, 8, 2)),
                k.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
                k.Conv2D(4, 3, groups=2),
                k.SeparableConv2D(5, (2, 3), depth_multiplier=2),
                k.Conv2DTranspose(3, 3, strides=2, padding="same"),
                k.Flatten(),
                k.Dense(3),
            ],
            [
                gd.Input((9, 8, 2)),
                gd.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
                gd.Conv2D(4, 3, groups=2),
                gd.SeparableConv2D(5, (2, 3), depth_multiplier=2),
                gd.ConvTranspose2D(3, 3, strides=2, padding="same"),
                gd.Flatten(),
                gd.Dense(3),
            ],
            IMAGE,
        ),
        "sequence": (
            [
                k.Input((5, 3)),
                k.Conv1D(4, 3, padding="causal"),
                k.Conv1DTranspose(3, 2, strides=3),
                k.Flatten(),
                k.Dense(2),
            ],
            [
                gd.Input((5, 3)),
                gd.Conv1D(4, 3, padding="causal"),
                gd.ConvTranspose1D(3, 2, strides=3),
                gd.Flatten(),
                gd.Dense(2),
            ],
            SEQUENCE,
        ),
        "lstm": (
            [k.Input((5, 3)), k.LSTM(8, return_sequences=True), k.LSTM(4), k.Dense(2)],
            [gd.Input((5, 3)), gd.LSTM(8, return_sequences=True), gd.LSTM(4), gd.Dense(2)],
            SEQUENCE,
        ),
        "embedding": (
            [k.Input((6,), dtype="int32"), k.Embedding(11, 4), k.Flatten(), k.Dense(3)],
            [gd.Input(6, dtype="int"), gd.Embedding(11, 4), gd.Flatten(), gd.Dense(3)],
            TOKENS,
        ),
    }
    theirs, layers, kind = made[name]
    module = keras.Sequential(theirs)
    module.set_weights([RNG.uniform(0.1, 1.0, w.shape) for w in module.get_weights()])
    return module, gd.Sequential(layers), kind


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "name", ["dense", "image", "convolutions", "sequence", "lstm", "embedding"]
)
def test_keras_there_and_back(keras, name):
    module, model, kind = keras_pair(keras, name)
    x = data(*kind)
    want = keras.ops.convert_to_numpy(module(x, training=False))
    np.testing.assert_allclose(from_keras(module, model).predict(x), want, rtol=1e-4, atol=1e-5)
    _, again, _ = keras_pair(keras, name)
    from_keras(module.get_weights(), again)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.set_weights([w + 0.25 for w in model.get_weights()])
    module.set_weights(to_keras(model))
    want = keras.ops.convert_to_numpy(module(x, training=False))
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-4, atol=1e-5)


def test_keras_that_does_not_match():
    model = gd.Sequential([gd.Input(3), gd.Dense(4), gd.BatchNorm()])
    good = to_keras(model)
    with pytest.raises(ValueError, match=r"got 5 arrays for 6: array 0 \(3, 4\)"):
        from_keras(good[:5], model)
    good[0] = good[0].T
    with pytest.raises(ValueError, match=r"array 0 \(4, 3\) for 0.kernel \(3, 4\)"):
        from_keras(good, model)
    with pytest.raises(TypeError, match=r"got dict: expected a keras\.Model"):
        from_keras({}, model)
