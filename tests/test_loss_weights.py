"""Losses as a model takes them: labels, weights of samples and classes, losses of one's own, several outputs."""

import numpy as np
import pytest
from numpy_losses import FORMULAS, cross_entropy, mse, sigmoid, softmax
from test_losses import CASES, sample

import gdcore as gd
from gdcore.losses import LOSSES


class Affine(gd.Model):
    """An output whose gradient can be read off: x times a gain, plus a bias."""

    def __init__(self, shape, activation=None):
        self.shape, self.activation = shape, gd.activations.get(activation)

    def forward(self, x):
        return self.activation(
            x * self.param("gain", self.shape, "ones") + self.param("bias", self.shape, "zeros")
        )


def affine(shape, loss, activation=None, **options):
    model = Affine(shape, activation)
    model.compile(optimizer=gd.SGD(1.0), loss=loss, dtype="float64", **options)
    return model


def test_labels_of_every_kind():
    """Class numbers as ints, floats, a column; one-hot rows; probabilities: one loss."""
    x = np.random.default_rng(0).normal(size=(9, 4))
    y = np.arange(9) % 4
    want = cross_entropy(x, y).mean()
    for labels in (
        y,
        y.astype(np.int8),
        y.astype(float),
        y[:, None],
        np.eye(4)[y],
        np.eye(4, dtype=bool)[y],
        y.tolist(),
    ):
        assert affine((4,), "cross_entropy").evaluate(x, labels)["loss"] == pytest.approx(
            want, rel=1e-12
        )
    assert affine((4,), "cross_entropy", "softmax").evaluate(x, y)["loss"] == pytest.approx(
        want, rel=1e-12
    )
    hinges = [
        affine((4,), "hinge").evaluate(x, t)["loss"] for t in (np.eye(4)[y], np.eye(4)[y] * 2 - 1)
    ]
    assert hinges[0] == hinges[1]


@pytest.mark.parametrize("name", LOSSES)
def test_sample_weights(name):
    """Σ w loss / n, over uneven batches; weight 0 is as if the sample gave nothing."""
    case = [row[0] for row in CASES].index(name)
    loss, formula, pred, target, _ = sample(case, (7, 3), 5)
    weights = np.array([0.0, 1, 2, 0.5, 3, 0, 1])
    if name == "kl_divergence":  # of probabilities, which an affine output need not be
        loss = LOSSES[name](from_logits=False)
    model = affine((3,), loss)
    want = (formula(pred, target) * weights).sum() / 7
    assert model.evaluate(pred, target, batch_size=3, sample_weight=weights)[
        "loss"
    ] == pytest.approx(want, rel=1e-10)
    moved = pred.copy()
    moved[weights == 0] = pred[1]
    bias = model.gradients(pred, target, weights)["bias"]
    np.testing.assert_array_equal(bias, model.gradients(moved, target, weights)["bias"])
    each = [
        model.gradients(pred[i : i + 1], target[i : i + 1])["bias"] * w / 7
        for i, w in enumerate(weights)
    ]
    np.testing.assert_allclose(bias, np.sum(each, axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize(
    ("spec", "weights"),
    [
        ({0: 3.0, 2: 0.5}, [3, 1, 0.5]),
        ([1.0, 2.0, 0.25], [1, 2, 0.25]),
        (np.array([2, 0, 1]), [2, 0, 1]),
        ("balanced", [9 / 12, 9 / 6, 9 / 9]),
    ],
)
def test_class_weights(spec, weights, one_hot):
    x = np.random.default_rng(1).normal(size=(9, 3))
    y = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
    labels = np.eye(3)[y] if one_hot else y
    a, b = affine((3,), "cross_entropy"), affine((3,), "cross_entropy")
    options = {"batch_size": None, "seed": 0, "verbose": 0, "shuffle": False}
    one = a.fit(x, labels, class_weight=spec, **options)
    two = b.fit(x, labels, sample_weight=np.array(weights)[y], **options)
    assert one.history["loss"] == two.history["loss"]
    assert one.history["loss"][0] == pytest.approx(
        (cross_entropy(x, y) * np.array(weights)[y]).mean(), rel=1e-12
    )
    for u, v in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(u, v)


def test_class_and_sample_weights_multiply():
    x, y = np.random.default_rng(2).normal(size=(6, 1)), np.array([0, 1, 1, 1, 0, 1])
    s = np.arange(6.0)
    history = affine((1,), "binary_cross_entropy").fit(
        x, y, batch_size=None, sample_weight=s, class_weight={1: 4.0}, seed=0, verbose=0
    )
    want = (FORMULAS["binary_cross_entropy"](x, y[:, None]) * s * np.where(y == 1, 4, 1)).mean()
    assert history.history["loss"][0] == pytest.approx(want, rel=1e-12)


def test_losses_of_ones_own():
    """A scalar, and one number for each sample; only the second can be weighted."""
    x, y = np.random.default_rng(3).uniform(1, 2, (2, 8, 2))

    def log_ratio(pred, target):
        return gd.ops.mean(gd.ops.square(gd.ops.log(pred / target)))

    def each(pred, target):
        return gd.ops.sum(gd.ops.abs(pred - target) ** 3, 1)

    assert affine((2,), log_ratio).evaluate(x, y)["loss"] == pytest.approx(
        (np.log(x / y) ** 2).mean(), rel=1e-12
    )
    want = (np.abs(x - y) ** 3).sum(axis=1)
    assert affine((2,), each).evaluate(x, y, batch_size=3)["loss"] == pytest.approx(
        want.mean(), rel=1e-12
    )
    w = np.arange(8.0)
    assert affine((2,), each).evaluate(x, y, sample_weight=w)["loss"] == pytest.approx(
        (want * w).mean(), rel=1e-12
    )
    with pytest.raises(ValueError, match="one number for each sample"):
        affine((2,), log_ratio).evaluate(x, y, sample_weight=w)
    slope = affine((2,), log_ratio).gradients(x, y)["bias"]
    np.testing.assert_allclose(slope, (2 * np.log(x / y) / x).sum(axis=0) / x.size, rtol=1e-12)


def test_several_outputs_with_loss_weights():
    class Two(gd.Model):
        def __init__(self):
            self.a, self.b = gd.Dense(2), gd.Dense(3)

        def forward(self, x):
            return {"a": self.a(x), "b": self.b(x)}

    rng = np.random.default_rng(4)
    x, ya, yb = rng.normal(size=(5, 4)), rng.normal(size=(5, 2)), rng.integers(0, 3, 5)
    model = Two().compile(loss=["mse", "cross_entropy"], loss_weights=[0.25, 2.0], dtype="float64")
    out = model.predict(x)
    want = 0.25 * mse(out["a"], ya).mean() + 2 * cross_entropy(out["b"], yb).mean()
    assert model.evaluate(x, {"a": ya, "b": yb})["loss"] == pytest.approx(want, rel=1e-12)
    assert model.evaluate(x, (ya, yb))["loss"] == pytest.approx(want, rel=1e-12)
    slopes = model.gradients(x, (ya, yb))
    np.testing.assert_allclose(
        slopes["a.bias"], 0.25 * 2 * (out["a"] - ya).sum(axis=0) / 10, rtol=1e-10
    )
    np.testing.assert_allclose(
        slopes["b.bias"], 2 * (softmax(out["b"]) - np.eye(3)[yb]).sum(axis=0) / 5, rtol=1e-10
    )


def test_predict_proba_is_what_the_loss_takes_the_output_for():
    x = np.random.default_rng(5).normal(size=(6, 3)) * 50
    for activation in (None, "softmax"):
        model = affine((3,), "cross_entropy", activation)
        np.testing.assert_allclose(model.predict_proba(x), softmax(x), rtol=1e-10, atol=1e-300)
    for activation in (None, "sigmoid"):
        model = affine((3,), "binary_cross_entropy", activation)
        np.testing.assert_allclose(model.predict_proba(x), sigmoid(x), rtol=1e-10)
