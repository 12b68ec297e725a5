"""Layers whose numbers mean something else in PyTorch or Keras, or that a network reads in part."""

import os

import numpy as np
import pytest

import gdcore as gd
from gdcore.interop import from_keras, from_torch, to_keras, to_torch

RNG = np.random.default_rng(0)

# --- an LSTM of one step does not read its recurrent kernel ----------------------------------------


def one_step():
    return gd.Sequential([gd.Input((1, 3)), gd.LSTM(4), gd.Dense(2)])


def test_one_step_from_torch():
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Theirs(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.fc = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x):
            return self.fc(self.lstm(x)[0][:, -1])

    theirs, model = Theirs(), one_step()
    assert from_torch(theirs, model) is model
    x = RNG.normal(size=(5, 1, 3)).astype(np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(model.predict(x), theirs(torch.from_numpy(x)), atol=1e-6)
    fresh = Theirs()
    to_torch(model, fresh)
    x = RNG.normal(size=(5, 6, 3)).astype(np.float32)  # the layer keeps what longer sequences need
    with torch.no_grad():
        np.testing.assert_allclose(
            fresh(torch.from_numpy(x)), theirs(torch.from_numpy(x)), atol=1e-6
        )
    assert {k: tuple(v.shape) for k, v in to_torch(model).items()} == {
        "0.weight_ih_l0": (16, 3),
        "0.weight_hh_l0": (16, 4),
        "0.bias_ih_l0": (16,),
        "0.bias_hh_l0": (16,),
        "1.weight": (2, 4),
        "1.bias": (2,),
    }


def test_one_step_that_does_not_fit():
    torch = pytest.importorskip("torch")
    model = gd.Sequential([gd.Input((1, 3)), gd.LSTM(4)])
    before = model.get_weights()
    for wrong in (torch.nn.LSTM(3, 5), torch.nn.Linear(3, 16), torch.nn.LSTM(3, 4, bias=False)):
        with pytest.raises(ValueError, match="from_torch: what does not fit"):
            from_torch(wrong, model)
    dense = gd.Sequential([gd.Input((1, 3)), gd.Dense(16)])
    with pytest.raises(ValueError, match="from_torch: what does not fit"):
        from_torch(torch.nn.LSTM(3, 4), dense)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_one_step_from_keras():
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    k = keras.layers
    theirs = keras.Sequential([k.Input((1, 3)), k.LSTM(4), k.Dense(2)])
    model = one_step()
    x = RNG.normal(size=(5, 1, 3)).astype(np.float32)
    want = keras.ops.convert_to_numpy(theirs(x, training=False))
    np.testing.assert_allclose(from_keras(theirs, model).predict(x), want, atol=1e-6)
    for a, b in zip(to_keras(model), theirs.get_weights(), strict=True):
        assert np.array_equal(a, b)


# --- running variances: unbiased in PyTorch, biased in Keras and here ------------------------------


def trained_norms(shape):
    """A module and a model whose running averages are those of one batch."""
    torch = pytest.importorskip("torch")
    image = len(shape) == 4
    x = RNG.normal(2.0, 3.0, shape).astype(np.float32)
    norm = torch.nn.BatchNorm2d if image else torch.nn.BatchNorm1d
    theirs = torch.nn.Sequential(norm(shape[-1], momentum=1.0)).train()
    there = torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if image else x)
    theirs(there)
    ours = gd.Sequential([gd.Input(shape[1:]), gd.BatchNorm(momentum=0.0, epsilon=1e-5)])
    ours.compile(gd.SGD(0.0), "mse").train_on_batch(x, x)
    return theirs.eval(), there, ours, x


@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 2, 5)])
def test_variances_of_torch(shape):
    theirs, there, ours, x = trained_norms(shape)
    kept, n = ours.state_dict()["0.running_var"], x[..., 0].size
    unbiased = theirs.state_dict()["0.running_var"].numpy()
    np.testing.assert_allclose(unbiased, kept * n / (n - 1), rtol=1e-5)
    from_torch(theirs, ours, batch_size=shape[0])
    np.testing.assert_allclose(ours.state_dict()["0.running_var"], kept, rtol=1e-5)
    back = to_torch(ours, batch_size=shape[0])
    np.testing.assert_allclose(back["0.running_var"], unbiased, rtol=1e-5)
    # Without it both sides predict the same.
    from_torch(theirs, ours)
    want = theirs(there).detach().numpy()
    want = want.transpose(0, 2, 3, 1) if want.ndim == 4 else want
    np.testing.assert_allclose(ours.predict(x), want, rtol=1e-4, atol=1e-5)


def test_batch_sizes_that_make_no_variance():
    theirs, _, ours, _ = trained_norms((8, 3))
    for size, says in ((1, "of one number"), (0, "at least 1"), (2.5, "a whole number")):
        with pytest.raises(ValueError, match=says):
            from_torch(theirs, ours, batch_size=size)
        with pytest.raises(ValueError, match=says):
            to_torch(ours, theirs, batch_size=size)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_variances_of_keras_are_biased():
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    norm = keras.layers.BatchNormalization(momentum=0.0)
    x = RNG.normal(2.0, 3.0, (6, 3)).astype(np.float32)
    norm(x, training=True)
    kept = keras.ops.convert_to_numpy(norm.moving_variance)
    np.testing.assert_allclose(kept, x.var(axis=0), rtol=1e-5)


# --- penalties of what is frozen -------------------------------------------------------------------


def test_a_frozen_penalty_is_not_in_the_loss():
    """As in Keras, which adds up those of trainable weights."""
    layer = gd.Dense(1, use_bias=False, kernel_initializer="ones", kernel_l2=0.5)
    model = gd.Sequential([gd.Input(2), layer]).compile("sgd", "mse")
    x, y = [[1.0, 2.0]], [[3.0]]
    assert model.evaluate(x, y)["loss"] == 1.0
    layer.trainable = False
    model.compile("sgd", "mse")
    assert model.evaluate(x, y)["loss"] == 0.0
    layer.trainable = True
    model.freeze("*")
    model.compile("sgd", "mse")
    assert model.evaluate(x, y)["loss"] == 0.0
