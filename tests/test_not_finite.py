"""NaN and infinity while training: an error that names where, and the last good weights."""

import numpy as np
import pytest
from refusals import ROWS, WIDTH, X, Y, classifier, network, one_line

import gdcore as gd


def divides(pred, target):
    return gd.ops.mean(gd.ops.square(pred - target) / gd.ops.sum(target * 0.0, -1, keepdims=True))


def test_loss_that_divides_by_zero():
    model = network().compile("sgd", divides)
    before = model.state_dict()
    with pytest.raises(
        gd.NonFiniteError, match="holds NaN or infinity at epoch 0, step 0, expected finite numbers"
    ) as caught:
        model.fit(X, np.eye(3)[Y], seed=0)
    one_line(caught.value)
    assert caught.value.epoch == caught.value.step == 0
    assert "div" in caught.value.tensor
    after = model.state_dict()
    assert all(np.array_equal(before[k], after[k]) for k in before)
    model.compile("sgd", "mse").fit(X, np.eye(3)[Y], seed=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_learning_rate_that_explodes(dtype, shuffle):
    """The weights are those before the bad step: those of as many good steps."""

    def make():
        return gd.Sequential([gd.Input(WIDTH), gd.Dense(8), gd.Dense(1)]).compile(
            gd.SGD(50.0), "mse", dtype=dtype
        )

    weights = []

    class Watch(gd.Callback):
        def on_batch_end(self, batch, logs):
            weights.append(self.model.get_weights())

    model, watched = make(), make()
    with pytest.raises(gd.NonFiniteError) as caught:
        model.fit(X, X[:, :1], batch_size=8, epochs=500, seed=1, shuffle=shuffle)
    with pytest.raises(gd.NonFiniteError) as again:
        watched.fit(
            X, X[:, :1], batch_size=8, epochs=500, seed=1, shuffle=shuffle, callbacks=[Watch()]
        )
    one_line(caught.value)
    assert (again.value.epoch, again.value.step, again.value.tensor) == (
        caught.value.epoch,
        caught.value.step,
        caught.value.tensor,
    )
    good = caught.value.epoch * 5 + caught.value.step
    assert good > 0
    for got, want in zip(model.get_weights(), weights[good - 1], strict=True):
        assert np.isfinite(got).all()
        assert np.array_equal(got, want)
    assert any(
        word in caught.value.tensor
        for word in ("gradient", "loss", "matmul", "square", "sub", "add")
    )
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    model.compile(gd.SGD(1e-3), "mse", dtype=dtype).fit(X, X[:, :1], seed=1)


def test_weights_that_are_not_finite():
    model = classifier()
    model.fit(X, Y, seed=0)
    model.load_state_dict({"0.kernel": np.full((WIDTH, 8), np.nan)}, strict=False)
    with pytest.raises(gd.NonFiniteError) as caught:
        model.train_on_batch(X, Y)
    assert caught.value.tensor == "weight 0.kernel"


def test_numbers_too_large_for_the_dtype():
    """A float64 array that float32 cannot hold is found as the step runs, or before."""
    model = classifier()
    with pytest.raises((ValueError, gd.NonFiniteError)) as caught:
        model.fit(np.full((ROWS, WIDTH), 1e300), Y)
    one_line(caught.value)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_memmap_with_nan_is_found_step_by_step(tmp_path):
    file = np.memmap(tmp_path / "x", np.float32, "w+", shape=X.shape)
    file[...] = X
    file[23, 2] = np.nan
    model = classifier()
    with pytest.raises(gd.NonFiniteError) as caught:
        model.fit(file, Y, batch_size=10, shuffle=False, seed=0)
    assert caught.value.step == 2
    assert caught.value.tensor == "input x"
