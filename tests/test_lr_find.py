"""The learning-rate range test."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.diagnostics.learning_rate import _read


@pytest.fixture(scope="module")
def digits():
    return gd.datasets.digits()


def network(optimizer="adam"):
    model = gd.Sequential([gd.Dense(48, activation="relu"), gd.Dense(10)])
    return model.compile(optimizer, "cross_entropy", ["accuracy"])


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", gd.SGD(1.0, momentum=0.9)])
def test_the_suggestion_trains_well(digits, optimizer):
    """Better than a hundredth of it, and not so large that it fails."""
    (x, y), held = digits
    found = gd.lr_find(network(optimizer), x, y, seed=0)
    rule = gd.optimizers.get(optimizer)
    scores = {}
    for factor in (0.01, 1.0):
        rates = gd.optimizers.from_config(rule.config() | {"lr": found.suggestion * factor})
        model = network(rates)
        model.fit(x, y, epochs=15, seed=0, verbose=0)
        scores[factor] = model.evaluate(*held)["accuracy"]
    assert scores[1.0] > 0.92 > scores[0.01]
    assert found.suggestion < found.steepest < found.lowest
    assert str(found).startswith(f"suggested learning rate {found.suggestion:.1e}")


def test_steps_are_those_of_training(digits):
    """The same losses as training by hand with those rates, one step after another."""
    (x, y), _ = digits
    x, y = x[:32], y[:32]  # one batch, so that the order does not matter
    found = gd.lr_find(network("sgd"), x, y, start=1e-3, end=1.0, steps=12, seed=4)
    model = network("sgd")
    model.fit(x, y, epochs=0, seed=4)
    for rate, loss in zip(found.rates, found.losses, strict=True):
        model.optimizer.schedule = gd.schedules.Constant(float(rate))
        assert model.train_on_batch(x, y) == pytest.approx(loss, rel=1e-5)


def test_rates_grow_by_one_factor():
    x = np.random.default_rng(0).normal(size=(40, 3))
    model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    found = gd.lr_find(model, x, x[:, 0], start=1e-5, end=1e-3, steps=21, batch_size=32, seed=0)
    np.testing.assert_allclose(found.rates, np.geomspace(1e-5, 1e-3, 21))
    assert len(found.losses) == len(found.smoothed) == 21
    assert not found.diverged
    assert "had not risen" in str(found)


@pytest.mark.parametrize("end", [1e3, 1e30])
def test_it_stops_where_the_loss_blows_up(digits, end):
    found = gd.lr_find(network("sgd"), *digits[0], end=end, steps=60, seed=0)
    assert found.diverged
    assert len(found.losses) < 60 or end == 1e3
    assert found.suggestion < 10


def test_repeatable(digits):
    one, other = (gd.lr_find(network(), *digits[0], steps=30, seed=2) for _ in range(2))
    assert one.losses.tobytes() == other.losses.tobytes()
    assert gd.lr_find(network(), *digits[0], steps=30, seed=3).losses[0] != one.losses[0]


def test_steepest_descent_of_a_known_curve():
    rates = np.geomspace(1e-5, 1, 101)
    z = np.log10(rates)
    losses = 2 - 1 / (1 + np.exp(-6 * (z + 2.5))) + 5 / (1 + np.exp(-12 * (z + 0.5)))
    found = _read(rates, losses)
    assert np.log10(found.steepest) == pytest.approx(-2.5, abs=0.1)
    assert -2 < np.log10(found.lowest) < -0.5
    assert found.suggestion == min(found.steepest, found.lowest / 10)
    assert found.diverged
    rising = _read(rates, 1 + rates)
    assert np.isnan(rising.suggestion)
    assert "no suggestion" in str(rising)


def test_weights_and_validation_of_arguments(digits):
    (x, y), _ = digits
    heavy = gd.lr_find(network("sgd"), x, y, sample_weight=np.full(len(x), 2.0), steps=20, seed=0)
    plain = gd.lr_find(network("sgd"), x, y, steps=20, seed=0)
    assert heavy.losses[0] == pytest.approx(2 * plain.losses[0], rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 0.0}, "expected 0 < start < end"),
        ({"start": 1.0, "end": 0.1}, "expected 0 < start < end"),
        ({"end": float("inf")}, "expected 0 < start < end"),
        ({"steps": 9}, "expected at least 10"),
        ({"steps": 2.5}, "lr_find steps=2.5"),
        ({"batch_size": 0}, "lr_find batch_size=0"),
        ({"stop": 1.0}, "a factor above 1"),
    ],
)
def test_bad_options(digits, options, message):
    with pytest.raises(ValueError, match=message):
        gd.lr_find(network(), *digits[0], **options)


def test_a_model_that_is_not_compiled(digits):
    with pytest.raises(ValueError, match="not compiled"):
        gd.lr_find(gd.Sequential([gd.Dense(10)]), *digits[0])
