"""A loss may say itself how a batch is put together, and fit may be given the order of samples."""

from dataclasses import dataclass

import numpy as np
import pytest

import gdcore as gd

X = np.random.default_rng(0).normal(size=(12, 3)).astype("f")


@dataclass(frozen=True)
class Worst(gd.losses.Loss):
    """Only the sample with the largest error counts."""

    name = "worst"

    def __call__(self, pred, target):
        return gd.ops.sum(gd.ops.square(pred - target), 1)

    def total(self, pred, target, weights):
        each = self(pred, target)
        return gd.ops.max(each if weights is None else each * weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_loss_of_the_worst_sample(weighted):
    model = gd.Sequential([gd.Input(3), gd.Dense(1)]).compile("sgd", Worst())
    weights = np.arange(12.0) if weighted else None
    each = ((model.predict(X) - X[:, :1]) ** 2)[:, 0] * (1 if weights is None else weights)
    found = model.evaluate(X, X[:, :1], sample_weight=weights)["loss"]
    assert found == pytest.approx(each.max(), rel=1e-6)
    worst = each.argmax()
    gradient = model.gradients(X, X[:, :1], sample_weight=weights)["0.kernel"]
    assert np.linalg.norm(np.cross(gradient[:, 0], X[worst])) < 1e-4 * np.linalg.norm(gradient)


def bits(shuffle, **settings):
    model = gd.Sequential([gd.Input(3), gd.Dense(1)]).compile("sgd", "mse")
    model.fit(X, X[:, 0], batch_size=5, epochs=2, seed=1, shuffle=shuffle, verbose=0, **settings)
    return model.get_weights()[0]


def test_order_of_ones_own():
    asked = []
    backwards = np.arange(12)[::-1]

    def order(epoch):
        asked.append(epoch)
        return backwards

    turned = bits(order)
    assert asked == [0, 1]
    model = gd.Sequential([gd.Input(3), gd.Dense(1)]).compile("sgd", "mse")
    model.fit(X[::-1], X[::-1, 0], batch_size=5, epochs=2, seed=1, shuffle=False, verbose=0)
    np.testing.assert_array_equal(turned, model.get_weights()[0])
    assert not np.array_equal(turned, bits(False))


@pytest.mark.parametrize(
    "order",
    [range(11), [0] * 12, range(1, 13), np.arange(12) + 0.5, [[0]], []],
    ids=["short", "twice", "beyond", "fractions", "shape", "empty"],
)
def test_wrong_order_is_refused(order):
    with pytest.raises(ValueError, match="expected each of 0 to 11 once"):
        bits(lambda epoch: order)
