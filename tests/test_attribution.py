"""What a network has learned: slopes, contributions, importances."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.diagnostics import input_gradients, integrated_gradients, permutation_importance


@pytest.fixture(scope="module")
def classifier():
    (x, y), (xt, yt) = gd.datasets.digits()
    model = gd.Sequential([gd.Dense(24, activation="tanh"), gd.Dropout(0.2), gd.Dense(10)])
    model.compile("adam", "cross_entropy", ["accuracy"], dtype="float64")
    model.fit(x, y, epochs=3, seed=0, verbose=0)
    return model, xt, yt


@pytest.mark.parametrize("target", [None, 3, "each"])
def test_slopes_are_central_differences(classifier, target):
    model, x, _ = classifier
    x = x[:300].astype(np.float64)  # more than a batch
    which = np.arange(300) % 10 if target == "each" else target
    got = input_gradients(model, x, which)
    assert got.shape == x.shape
    chosen = model.predict(x).argmax(axis=1) if target is None else np.broadcast_to(which, 300)
    h = 1e-6
    for column in (9, 20, 43):
        step = np.zeros(64)
        step[column] = h
        change = (model.predict(x + step) - model.predict(x - step)) / (2 * h)
        np.testing.assert_allclose(got[:, column], change[np.arange(300), chosen], atol=1e-6)


def test_contributions_sum_to_the_difference(classifier):
    model, x, _ = classifier
    x = x[:20].astype(np.float64)
    base = x.mean(axis=0)
    got = integrated_gradients(model, x, 4, baseline=base, steps=200)
    change = model.predict(x)[:, 4] - model.predict(base[None])[0, 4]
    np.testing.assert_allclose(got.sum(axis=1), change, atol=1e-4)
    zero = integrated_gradients(model, x, 4, baseline=x)
    assert not zero.any()


def test_several_inputs():
    a, b = gd.Input(2, name="a"), gd.Input(3, name="b")
    model = gd.Model([a, b], gd.Dense(1, kernel_initializer="ones")(gd.Concatenate()([a, 2.0 * b])))
    x = {"a": np.ones((4, 2)), "b": np.ones((4, 3))}
    got = input_gradients(model, x)
    assert (got["a"] == 1).all()
    assert (got["b"] == 2).all()
    parts = integrated_gradients(model, x, baseline=[0.0, 1.0])
    np.testing.assert_allclose(parts["a"], 1)
    np.testing.assert_allclose(parts["b"], 0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, x: input_gradients(m, x, 10), ValueError, "expected 0 to 9"),
        (lambda m, x: input_gradients(m, x, 0.5), ValueError, "the number of an output"),
        (lambda m, x: input_gradients(m, x, [1, 2]), ValueError, "one for each of 5"),
        (
            lambda m, x: integrated_gradients(m, x, baseline=np.zeros(3)),
            ValueError,
            r"baseline of shape \(3,\) for an input of shape \(5, 64\)",
        ),
        (lambda m, x: integrated_gradients(m, x, steps=0), ValueError, "steps=0"),
    ],
)
def test_bad_arguments(classifier, call, error, message):
    with pytest.raises(error, match=message):
        call(classifier[0], classifier[1][:5])


def test_whole_numbers_have_no_slope():
    model = gd.Sequential([gd.Embedding(5, 2), gd.Flatten(), gd.Dense(1)]).compile("sgd", "mse")
    model.fit(np.ones((4, 2), int), np.ones(4), seed=0, verbose=0)
    with pytest.raises(TypeError, match="no derivative: use permutation_importance"):
        input_gradients(model, np.ones((4, 2), int))


def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4))
    return x, 3 * x[:, 2] + x[:, 0]


def regressor(x, y):
    model = gd.Sequential([gd.Dense(1)]).compile(gd.Adam(0.05), "mse", ["r2", "mae"])
    model.fit(x, y, epochs=40, seed=0, verbose=0)
    return model


@pytest.mark.parametrize("score", ["loss", "r2", "mae"])
def test_columns_that_matter(score):
    x, y = table()
    found = permutation_importance(regressor(x, y), x, y, score=score, names=list("abcd"))
    assert [found.names[i] for i in np.argsort(-found.mean)[:2]] == ["c", "a"]
    assert abs(found.mean[[1, 3]]).max() < 0.02 * found.mean[2]
    assert str(found).splitlines()[2].startswith("c ")
    if score == "loss":  # E(w (x' - x))² = 2 w² var x
        assert found.mean[2] == pytest.approx(18 * x[:, 2].var(), rel=0.15)


def test_names_come_with_a_frame():
    pandas = pytest.importorskip("pandas")
    x, y = table()
    frame = pandas.DataFrame(x, columns=["age", "height", "mass", "zone"])
    assert permutation_importance(regressor(x, y), frame, y).names == tuple(frame.columns)


def test_inputs_are_shuffled_as_a_whole():
    x, y = table()
    a, b = gd.Input(2, name="a"), gd.Input(2, name="b")
    model = gd.Model([a, b], gd.Dense(1)(gd.Concatenate()([a, b])))
    parts = {"a": x[:, :2], "b": x[:, 2:]}
    model.compile(gd.Adam(0.05), "mse").fit(parts, y, epochs=40, seed=0, verbose=0)
    found = permutation_importance(model, parts, y)
    assert found.names == ("a", "b")
    assert found.mean[1] > 4 * found.mean[0] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "acuracy"}, "no 'acuracy' among"),
        ({"names": ["a"]}, "names has 1 entries: expected 4"),
        ({"repeats": 0}, "repeats=0"),
    ],
)
def test_bad_options_of_importance(options, message):
    x, y = table()
    with pytest.raises(ValueError, match=message):
        permutation_importance(regressor(x, y), x, y, **options)
