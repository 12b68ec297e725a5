"""Recurrent layers beside PyTorch's and Keras's: numbers with their weights, packed sequences, and back."""

import os

import numpy as np
import pytest

import gdcore as gd
from gdcore.interop import from_keras, from_torch, to_keras, to_torch

RNG = np.random.default_rng(0)
STEPS, FEATURES, ROWS = 7, 3, 12
X = RNG.normal(size=(ROWS, STEPS, FEATURES)).astype(np.float32)
LENGTHS = np.array([STEPS, 1, *RNG.integers(1, STEPS + 1, ROWS - 2)])
MODULES = {"LSTM": gd.LSTM, "GRU": gd.GRU, "RNN": gd.SimpleRNN}


def ours(kind, layers, both, bias):
    def one(last):
        return MODULES[kind](4, True, return_state=last, use_bias=bias)

    x, n = gd.Input((STEPS, FEATURES)), gd.Input((), name="n", dtype="int")
    y = x
    for k in range(layers):
        layer = one(k + 1 == layers)
        y = (gd.Bidirectional(layer) if both else layer)(y, lengths=n)
    return gd.Model([x, n], [gd.ops.drop_mask(v) for v in y])


@pytest.mark.parametrize(
    "layers, both, bias", [(1, False, True), (2, True, True), (2, False, False)]
)
@pytest.mark.parametrize("kind", MODULES)
def test_packed_sequences(kind, layers, both, bias):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    make = getattr(torch.nn, kind)
    how = {"batch_first": True, "bidirectional": both, "bias": bias}
    module = make(FEATURES, 4, layers, **how)
    model = from_torch(module, ours(kind, layers, both, bias))
    every, *last = model.predict((X, LENGTHS))
    pack = torch.nn.utils.rnn.pack_padded_sequence
    packed = pack(torch.from_numpy(X), LENGTHS, batch_first=True, enforce_sorted=False)
    with torch.no_grad():
        y, states = module(packed)
    want, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=STEPS)
    np.testing.assert_allclose(every, want.numpy(), rtol=1e-5, atol=1e-6)
    states = states if isinstance(states, tuple) else (states,)
    ways = 2 if both else 1
    theirs = [s[-ways + i].numpy() for i in range(ways) for s in states]  # of the last layer
    for a, b in zip(last, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    fresh = make(FEATURES, 4, layers, **how)
    to_torch(model, fresh)
    with torch.no_grad():
        again, _ = fresh(packed)
    np.testing.assert_allclose(again.data.numpy(), y.data.numpy(), rtol=1e-5, atol=1e-6)


def test_a_gru_that_resets_before_the_product_is_not_torchs():
    torch = pytest.importorskip("torch")
    model = gd.Sequential([gd.Input((4, 3)), gd.GRU(4, reset_after=False)])
    with pytest.raises(ValueError, match="from_torch: what does not fit"):
        from_torch(torch.nn.GRU(3, 4), model)


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


PAIRS = {
    "GRU": (lambda k: [k.GRU(4)], lambda: [gd.GRU(4)]),
    "GRU before": (
        lambda k: [k.GRU(4, return_sequences=True, reset_after=False)],
        lambda: [gd.GRU(4, return_sequences=True, reset_after=False)],
    ),
    "simple": (lambda k: [k.SimpleRNN(5)], lambda: [gd.SimpleRNN(5)]),
    "both ways": (
        lambda k: [k.Masking(), k.Bidirectional(k.LSTM(4, return_sequences=True), merge_mode="ave"),
                   k.Bidirectional(k.GRU(3))],
        lambda: [gd.Masking(),
                 gd.Bidirectional(gd.LSTM(4, return_sequences=True), merge_mode="ave"),
                 gd.Bidirectional(gd.GRU(3))],
    ),
    "masked": (
        lambda k: [k.Masking(), k.GRU(4, return_sequences=True), k.LSTM(3)],
        lambda: [gd.Masking(), gd.GRU(4, return_sequences=True), gd.LSTM(3)],
    ),
    "pooled": (
        lambda k: [k.Masking(), k.GlobalAveragePooling1D()],
        lambda: [gd.Masking(), gd.GlobalAvgPool()],
    ),
    "each step": (
        lambda k: [k.TimeDistributed(k.Dense(2)), k.LSTM(3)],
        lambda: [gd.TimeDistributed(gd.Dense(2)), gd.LSTM(3)],
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if "both" in n else n for n in PAIRS]
)
def test_keras(keras, name):
    theirs, layers = PAIRS[name]
    k = keras.layers
    module = keras.Sequential([k.Input((STEPS, FEATURES)), *theirs(k)])
    module.set_weights([RNG.uniform(-1.0, 1.0, w.shape) for w in module.get_weights()])
    model = from_keras(module, gd.Sequential([gd.Input((STEPS, FEATURES)), *layers()]))
    padded = X * (np.arange(STEPS) < LENGTHS[:, None])[:, :, None]
    want = keras.ops.convert_to_numpy(module(padded, training=False))
    np.testing.assert_allclose(model.predict(padded), want, rtol=1e-4, atol=1e-5)
    for a, b in zip(to_keras(model), module.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
