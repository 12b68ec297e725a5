"""The point of exchange: a callback between computing gradients and everything that looks at them."""

import numpy as np
import pytest

import gdcore as gd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5)).astype(np.float32)
Y = RNG.normal(size=(40, 2)).astype(np.float32)


class Scale(gd.Callback):
    def __init__(self, factor):
        self.factor, self.calls = factor, 0

    def on_gradients(self, gradients):
        self.calls += 1
        gradients *= self.factor


def trained(optimizer, callbacks=(), batch_size=8, loss="mse", epochs=3):
    layers = [gd.Input(5), gd.Dense(4, activation="tanh"), gd.Dense(2)]
    model = gd.Sequential(layers).compile(optimizer, loss)
    model.fit(X, Y, batch_size=batch_size, epochs=epochs, seed=0, callbacks=callbacks, verbose=0)
    return model


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_halved_gradients(batch_size, threads):
    """Half the gradient at twice the rate is the same step: powers of two round nothing."""
    before = gd.get_num_threads()
    gd.set_num_threads(threads)
    try:
        half = Scale(0.5)
        found = trained(gd.SGD(0.2), [half], batch_size)
        wanted = trained(gd.SGD(0.1), (), batch_size)
    finally:
        gd.set_num_threads(before)
    assert half.calls == found.steps_done == 3 * 40 // batch_size
    for a, b in zip(found.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6 if batch_size == 1 else 0, atol=1e-7)


def test_clipping_sees_what_is_left():
    found = trained(gd.SGD(0.1, clip_norm=1e-3), [Scale(1e6)])
    wanted = trained(gd.SGD(0.1, clip_norm=1e-3))
    for a, b in zip(found.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2)


def test_finiteness_is_looked_at_afterwards():
    """A callback may mend what is not finite, and is caught where it breaks something."""

    class Mend(gd.Callback):
        def on_gradients(self, gradients):
            np.nan_to_num(gradients, copy=False)

    def steep(pred, target):
        return gd.ops.mean(gd.ops.sqrt(gd.ops.maximum(pred - target, 0.0)))

    with pytest.raises(gd.NonFiniteError):
        trained("sgd", [Scale(np.nan)])
    with pytest.raises(gd.NonFiniteError):
        trained("sgd", loss=steep)
    assert np.isfinite(trained("sgd", [Mend()], loss=steep).get_weights()[0]).all()


def test_an_error_in_it_leaves_the_step():
    class Fails(Scale):
        def on_gradients(self, gradients):
            super().on_gradients(gradients)
            if self.calls == 4:
                raise OSError("the others are gone")

    model = gd.Sequential([gd.Input(5), gd.Dense(2)]).compile("sgd", "mse")
    with pytest.raises(OSError, match="the others are gone"):
        model.fit(X, Y, batch_size=8, seed=0, callbacks=[Fails(1.0)], verbose=0)
    assert model.steps_done == 3
    three = gd.Sequential([gd.Input(5), gd.Dense(2)]).compile("sgd", "mse")

    class Three(gd.Callback):
        def on_batch_end(self, batch, logs):
            self.model.stop_training = self.model.steps_done == 3

    three.fit(X, Y, batch_size=8, seed=0, callbacks=[Three()], verbose=0)
    assert three.steps_done == 3
    for a, b in zip(model.get_weights(), three.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
