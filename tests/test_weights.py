"""Weights: read, set and kept."""

import numpy as np
import pytest
from test_fit import ONE_HOT, X, Y, compiled

import gdcore as gd

# --- weights -----------------------------------------------------------------------


def test_weights_go_in_and_out():
    a, b = compiled(layers=[gd.BatchNorm()]), compiled(layers=[gd.BatchNorm()])
    a.fit(X, Y, seed=0)
    b.fit(X, Y, seed=1)
    b.set_weights(a.get_weights())
    assert np.array_equal(a.predict(X), b.predict(X))
    b.fit(X, Y, seed=2)
    b.load_state_dict(a.state_dict())
    assert np.array_equal(a.predict(X), b.predict(X))
    assert list(a.state_dict())[-2:] == [
        "1.running_mean",
        "1.running_var",
    ]  # states last, as get_weights


def test_what_is_given_out_is_a_copy():
    model = compiled()
    model.fit(X, Y, seed=0)
    want = model.predict(X)
    for w in (*model.get_weights(), *model.state_dict().values(), *model.gradients(X, Y).values()):
        w[...] = np.nan
    assert np.array_equal(model.predict(X), want)


def test_load_what_fits():
    a, b = compiled(), compiled()
    a.fit(X, Y, seed=0)
    b.fit(X, Y, seed=1)
    kept = b.state_dict()["1.bias"]
    b.load_state_dict({"0.kernel": a.state_dict()["0.kernel"], "else": X}, strict=False)
    assert np.array_equal(b.state_dict()["0.kernel"], a.state_dict()["0.kernel"])
    assert np.array_equal(b.state_dict()["1.bias"], kept)


def test_load_is_all_or_nothing():
    model = compiled()
    model.fit(X, Y, seed=0)
    before = model.state_dict()
    with pytest.raises(ValueError, match="has the shape"):
        model.load_state_dict({**{k: v + 1 for k, v in before.items()}, "1.bias": np.zeros(99)})
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())


def test_compiling_again_keeps_what_was_learned():
    model = compiled("sgd")
    model.fit(X, Y, seed=0)
    want = model.predict(X)
    model.compile("adam", "mse", dtype="float64")
    assert np.array_equal(model.predict(X), want)
    model.fit(X, ONE_HOT, epochs=2)
    model.compile("adam", "mse", dtype="float32")
    assert model.predict(X).dtype == np.float32
