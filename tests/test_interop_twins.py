"""For each layer with weights its twin in PyTorch and in Keras, or why there is none: equal outputs, and back."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from layer_table import CASES, network

import gdcore as gd
from gdcore import layers
from gdcore.interop.groups import groups

IMAGE, STEPS, ROW, VOLUME = (7, 6, 4), (5, 4), (4,), (3, 4, 3, 2)
TOKENS = (5,)
EPS = 1e-3


@dataclass
class Twin:
    """A layer, and what the others call it.

    Attributes
    ----------
    make : the layer
    shape : of a sample; of tokens where it is TOKENS
    torch, keras : the twin, made of torch.nn or keras.layers; or why there is none
    """

    make: Callable
    shape: tuple
    torch: Callable | str
    keras: Callable | str


FACTORS, OWN = "it has no such factors", "it has no such layer"
ATTENTION = "Keras has no block of these; its attention is MultiHeadAttention"
CORE = "a cell of one's own has the names and shapes that its author gave it"

TWINS = {
    "Dense": Twin(
        lambda: gd.Dense(3), ROW, lambda nn: nn.Linear(4, 3), lambda k: k.Dense(3)
    ),
    "Conv1D": Twin(
        lambda: gd.Conv1D(6, 3, strides=2, groups=2), STEPS,
        lambda nn: nn.Conv1d(4, 6, 3, 2, groups=2), lambda k: k.Conv1D(6, 3, 2, groups=2),
    ),
    "Conv2D": Twin(
        lambda: gd.Conv2D(6, (3, 2), dilation=2, groups=2, use_bias=False), IMAGE,
        lambda nn: nn.Conv2d(4, 6, (3, 2), dilation=2, groups=2, bias=False),
        lambda k: k.Conv2D(6, (3, 2), dilation_rate=2, groups=2, use_bias=False),
    ),
    "Conv3D": Twin(
        lambda: gd.Conv3D(3, 2), VOLUME, lambda nn: nn.Conv3d(2, 3, 2), lambda k: k.Conv3D(3, 2)
    ),
    "ConvTranspose1D": Twin(
        lambda: gd.ConvTranspose1D(6, 3, 2, groups=2), STEPS,
        lambda nn: nn.ConvTranspose1d(4, 6, 3, 2, groups=2), "its transposed ones have no groups",
    ),
    "ConvTranspose1D-one-group": Twin(
        lambda: gd.ConvTranspose1D(3, 3, 2), STEPS,
        lambda nn: nn.ConvTranspose1d(4, 3, 3, 2), lambda k: k.Conv1DTranspose(3, 3, 2),
    ),
    "ConvTranspose2D": Twin(
        lambda: gd.ConvTranspose2D(3, (2, 3), 2), IMAGE,
        lambda nn: nn.ConvTranspose2d(4, 3, (2, 3), 2), lambda k: k.Conv2DTranspose(3, (2, 3), 2),
    ),
    "DepthwiseConv2D": Twin(
        lambda: gd.DepthwiseConv2D(3, depth_multiplier=2), IMAGE,
        lambda nn: nn.Conv2d(4, 8, 3, groups=4), lambda k: k.DepthwiseConv2D(3, depth_multiplier=2),
    ),
    "SeparableConv2D": Twin(
        lambda: gd.SeparableConv2D(5, 3, depth_multiplier=2), IMAGE,
        lambda nn: nn.Sequential(nn.Conv2d(4, 8, 3, groups=4, bias=False), nn.Conv2d(8, 5, 1)),
        lambda k: k.SeparableConv2D(5, 3, depth_multiplier=2),
    ),
    "BatchNorm": Twin(
        lambda: gd.BatchNorm(), IMAGE,
        lambda nn: nn.BatchNorm2d(4, EPS), lambda k: k.BatchNormalization(),
    ),
    "BatchNorm-plain": Twin(
        lambda: gd.BatchNorm(center=False, scale=False), ROW,
        lambda nn: nn.BatchNorm1d(4, EPS, affine=False),
        lambda k: k.BatchNormalization(center=False, scale=False),
    ),
    "BatchNorm-shift": Twin(
        lambda: gd.BatchNorm(scale=False), ROW, "its norms have both or none",
        lambda k: k.BatchNormalization(scale=False),
    ),
    "LayerNorm": Twin(
        lambda: gd.LayerNorm(), STEPS,
        lambda nn: nn.LayerNorm(4, EPS), lambda k: k.LayerNormalization(),
    ),
    "GroupNorm": Twin(
        lambda: gd.GroupNorm(2), IMAGE,
        lambda nn: nn.GroupNorm(2, 4, EPS), lambda k: k.GroupNormalization(2),
    ),
    "InstanceNorm": Twin(
        lambda: gd.InstanceNorm(EPS), IMAGE,
        lambda nn: nn.InstanceNorm2d(4, EPS, affine=True), lambda k: k.GroupNormalization(-1),
    ),
    "RMSNorm": Twin(
        lambda: gd.RMSNorm(1e-6), STEPS,
        lambda nn: nn.RMSNorm(4, 1e-6), lambda k: k.RMSNormalization(epsilon=1e-6),
    ),
    "Embedding": Twin(
        lambda: gd.Embedding(7, 3), TOKENS,
        lambda nn: nn.Embedding(7, 3), lambda k: k.Embedding(7, 3),
    ),
    "EmbeddingBag": Twin(
        lambda: gd.EmbeddingBag(7, 3), TOKENS, lambda nn: nn.EmbeddingBag(7, 3), OWN
    ),
    "LSTM": Twin(
        lambda: gd.LSTM(3, return_sequences=True), STEPS,
        lambda nn: nn.LSTM(4, 3, batch_first=True), lambda k: k.LSTM(3, return_sequences=True),
    ),
    "LSTM-peepholes": Twin(lambda: gd.LSTM(3, peepholes=True), STEPS, FACTORS, FACTORS),
    "LSTM-layer-norm": Twin(lambda: gd.LSTM(3, layer_norm=True), STEPS, FACTORS, FACTORS),
    "GRU": Twin(
        lambda: gd.GRU(3, return_sequences=True), STEPS,
        lambda nn: nn.GRU(4, 3, batch_first=True), lambda k: k.GRU(3, return_sequences=True),
    ),
    "GRU-before": Twin(
        lambda: gd.GRU(3, reset_after=False), STEPS, "it resets behind the product alone",
        lambda k: k.GRU(3, reset_after=False),
    ),
    "SimpleRNN": Twin(
        lambda: gd.SimpleRNN(3, return_sequences=True), STEPS,
        lambda nn: nn.RNN(4, 3, batch_first=True), lambda k: k.SimpleRNN(3, return_sequences=True),
    ),
    "Bidirectional": Twin(
        lambda: gd.Bidirectional(gd.GRU(3, return_sequences=True)), STEPS,
        lambda nn: nn.GRU(4, 3, batch_first=True, bidirectional=True),
        lambda k: k.Bidirectional(k.GRU(3, return_sequences=True)),
    ),
    "TimeDistributed": Twin(
        lambda: gd.TimeDistributed(gd.Dense(3)), STEPS,
        lambda nn: nn.Linear(4, 3), lambda k: k.TimeDistributed(k.Dense(3)),
    ),
    "RNN": Twin(None, STEPS, CORE, CORE),
    "MultiHeadAttention": Twin(
        lambda: gd.MultiHeadAttention(2, 2), STEPS,
        lambda nn: nn.MultiheadAttention(4, 2, batch_first=True),
        lambda k: k.MultiHeadAttention(2, 2),
    ),
    "MultiHeadAttention-grouped": Twin(
        lambda: gd.MultiHeadAttention(4, 2, kv_heads=2, use_bias=False), STEPS,
        "its heads have keys of their own each",
        lambda k: k.GroupQueryAttention(2, 4, 2, use_bias=False),
    ),
    "TransformerEncoder": Twin(
        lambda: gd.TransformerEncoder(2, 6), STEPS,
        lambda nn: nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True), ATTENTION,
    ),
    "TransformerDecoder": Twin(
        None, STEPS, "its decoder layer attends to another sequence, too", ATTENTION
    ),
    "PositionalEncoding": Twin(
        None, STEPS, "it has no such layer; a table is an nn.Embedding", OWN
    ),
    "AdditiveAttention": Twin(
        None, STEPS, OWN, "its attention of this name has no projections, but a factor for each feature"
    ),
    "TiedDense": Twin(None, TOKENS, "two modules that share a weight, which is named twice", OWN),
    "Scale": Twin(None, ROW, FACTORS, FACTORS),
    "ParametricActivation": Twin(
        None, ROW, "nn.PReLU learns a slope, not a share of the activation", "so does its PReLU"
    ),
    **{
        n: Twin(None, ROW, OWN, OWN)
        for n in ("PeriodicEmbedding", "PiecewiseLinearEmbedding", "MemberDense")
    },
}  # fmt: skip


def test_every_layer_with_weights_has_a_row():
    weighted = set()
    for name in sorted(CASES):
        if not name.startswith(("Activation", "Dense-")) and groups(network(CASES[name])):
            weighted.add(name.partition("-")[0])
    assert weighted == {n.partition("-")[0] for n in TWINS} <= set(layers.__all__)


def model_of(twin):
    tokens = twin.shape is TOKENS
    x = gd.Input(twin.shape, dtype="int" if tokens else "real")
    return gd.Sequential([x, twin.make()])


def data(twin):
    rng = np.random.default_rng(0)
    if twin.shape is TOKENS:
        return rng.integers(0, 7, (3, *twin.shape)).astype(np.int32)
    return rng.normal(size=(3, *twin.shape)).astype(np.float32)


def drawn(shape, seed):
    return np.random.default_rng(seed).uniform(0.2, 1.0, shape).astype(np.float32)


def torch_answer(twin, module, x):
    import torch

    images = twin.shape in (IMAGE, VOLUME) or type(module).__name__.startswith("Conv")
    t = torch.from_numpy(x)
    t = t.movedim(-1, 1) if images else t
    given = (t, t, t) if isinstance(module, torch.nn.MultiheadAttention) else (t,)
    with torch.no_grad():
        y = module(*given)
    y = y[0] if isinstance(y, tuple) else y
    return (y.movedim(1, -1) if images else y).numpy()


@pytest.mark.parametrize("name", [n for n, t in TWINS.items() if callable(t.torch)])
def test_torch(name):
    torch = pytest.importorskip("torch", minversion="2.4")
    twin, x = TWINS[name], data(TWINS[name])
    module, model = twin.torch(torch.nn).eval(), model_of(TWINS[name])
    for i, t in enumerate(t for t in module.state_dict().values() if t.is_floating_point()):
        t.copy_(torch.from_numpy(drawn(t.shape, i)))
    gd.interop.from_torch(module, model)
    np.testing.assert_allclose(model.predict(x), torch_answer(twin, module, x), 2e-5, 2e-6)
    model.set_weights([w + 0.25 for w in model.get_weights()])
    gd.interop.to_torch(model, module)
    np.testing.assert_allclose(model.predict(x), torch_answer(twin, module, x), 2e-5, 2e-6)


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras", minversion="3.9")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.slow) if n == "Bidirectional" else n
        for n, t in TWINS.items()
        if callable(t.keras)
    ],
)
def test_keras(keras, name):
    twin, x = TWINS[name], data(TWINS[name])
    model = model_of(twin)
    given = keras.Input(twin.shape, dtype=str(x.dtype))
    layer = twin.keras(keras.layers)
    module = keras.Model(given, layer(given, given) if "Attention" in name else layer(given))

    def asked():
        return keras.ops.convert_to_numpy(module(x, training=False))

    module.set_weights([drawn(w.shape, i) for i, w in enumerate(module.get_weights())])
    gd.interop.from_keras(module, model)
    np.testing.assert_allclose(model.predict(x), asked(), 1e-4, 1e-5)
    model.set_weights([w + 0.25 for w in model.get_weights()])
    gd.interop.to_keras(model, module)
    np.testing.assert_allclose(model.predict(x), asked(), 1e-4, 1e-5)
    for a, b in zip(gd.interop.to_keras(model), module.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
