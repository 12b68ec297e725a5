"""Probabilities and logits are told apart by the range of the output, for loss and metrics alike."""

import warnings

import numpy as np
import pytest
from numpy_losses import FORMULAS, sigmoid, softmax

import gdcore as gd
from gdcore import losses, ops
from gdcore.training.prepare import bound_metrics

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
LABEL = (X[:, 0] > 0).astype(float)
CLASS = np.digitize(X[:, 1], [-0.4, 0.4])


class Fixed(gd.Model):
    """A layer that has learned already, and an activation of one's own."""

    def __init__(self, weights, activation):
        self.weights, self.activation = np.array(weights, float), activation

    def forward(self, x):
        kernel = self.param("kernel", self.weights.shape, lambda shape, stream: self.weights)
        return self.activation(x @ kernel)


ONE, TWO, THREE = [[4.0], [0], [0]], [[-4.0, 4], [0, 0], [0, 0]], [[0, 0, 0], [-9, 0, 9], [0, 2, 0]]


def bce(p, y):
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).reshape(len(y), -1).mean()


def ce(p, y):
    return -np.log(np.maximum(p[np.arange(len(y)), y], 1e-7)).mean()


BINARY = {
    "by hand": (lambda z: 1 / (1 + ops.exp(-z)), sigmoid),
    "the other way round": (lambda z: ops.exp(z) / (1 + ops.exp(z)), sigmoid),
    "tanh": (lambda z: (ops.tanh(z) + 1) / 2, lambda z: (np.tanh(z) + 1) / 2),
    "dropped out": (lambda z: gd.Dropout(0.4)(ops.sigmoid(z)), sigmoid),
    "scaled and shifted": (lambda z: 0.98 * ops.sigmoid(z) + 0.01, lambda z: 0.98 * sigmoid(z) + 0.01),
    "hard": (ops.hard_sigmoid, lambda z: np.clip((z + 3) / 6, 0, 1)),
    "clipped": (lambda z: ops.clip(ops.sigmoid(z), 0.02, 0.98), lambda z: np.clip(sigmoid(z), 0.02, 0.98)),
}  # fmt: skip


@pytest.mark.parametrize("how", BINARY)
def test_binary_probabilities(how):
    """Loss, accuracy and predict_proba take the output for what it is."""
    activation, formula = BINARY[how]
    model = Fixed(ONE, activation)
    model.compile("sgd", "binary_cross_entropy", metrics=["accuracy"], dtype="float64")
    p = formula(X @ ONE)
    got = model.evaluate(X, LABEL)
    assert got["loss"] == pytest.approx(bce(p, LABEL[:, None]), rel=1e-6)
    assert got["accuracy"] == 1.0
    np.testing.assert_allclose(model.predict_proba(X), p, rtol=1e-9, atol=1e-12)
    model.fit(X, LABEL, epochs=2, verbose=0, seed=0)
    assert "binary_cross_entropy of probabilities" in model.summary()


def test_softmax_with_binary_cross_entropy():
    """One-hot targets: as many right as the largest output says."""
    model = Fixed(TWO, ops.softmax)
    model.compile("sgd", "binary_cross_entropy", metrics=["accuracy"], dtype="float64")
    onehot = np.stack([1 - LABEL, LABEL], 1)
    got = model.evaluate(X, onehot)
    assert got["loss"] == pytest.approx(bce(softmax(X @ TWO), onehot), rel=1e-6)
    assert got["accuracy"] == 1.0
    assert bound_metrics(model._engine)[0].kind == "multiclass_probs"
    trained = gd.Sequential([gd.Dense(2, activation="softmax")])
    trained.compile(gd.Adam(0.1), "binary_cross_entropy", metrics=["accuracy"])
    history = trained.fit(X, onehot, epochs=30, verbose=0, seed=0).history
    assert history["accuracy"][-1] > 0.95 and history["loss"][-1] < 0.3


MULTI = {
    "softmax": ops.softmax,
    "by hand": lambda z: ops.exp(z) / ops.sum(ops.exp(z), -1, keepdims=True),
    "stable": lambda z: ops.exp(z - ops.logsumexp(z, -1, keepdims=True)),
    "smoothed": lambda z: 0.9 * ops.softmax(z) + 0.1 / 3,
    "dropped out": lambda z: gd.Dropout(0.4)(ops.softmax(z)),
    "with a floor": lambda z: ops.exp(z) / (ops.sum(ops.exp(z), -1, keepdims=True) + 1e-9),
}


@pytest.mark.parametrize("how", MULTI)
@pytest.mark.parametrize("loss", ["cross_entropy", "kl_divergence"])
def test_shares_of_classes(how, loss):
    model = Fixed(THREE, MULTI[how])
    model.compile("sgd", loss, metrics=["accuracy"], dtype="float64")
    p = softmax(X @ THREE)
    p = 0.9 * p + 0.1 / 3 if how == "smoothed" else p
    got = model.evaluate(X, np.eye(3)[CLASS])
    assert got["accuracy"] == np.mean(p.argmax(1) == CLASS)
    assert got["loss"] == pytest.approx(ce(p, CLASS), rel=1e-4)
    np.testing.assert_allclose(model.predict_proba(X), p, rtol=1e-7)
    model.fit(X, np.eye(3)[CLASS], epochs=2, verbose=0, seed=0)


@pytest.mark.parametrize(
    "network",
    [
        gd.Sequential([gd.Dense(3)]),
        gd.Sequential([gd.Dense(3), gd.BatchNorm()]),
        gd.Sequential([gd.Dense(3), gd.GaussianNoise(0.1)]),
        gd.Sequential([gd.Dense(3, activation="leaky_relu")]),
    ],
)
def test_logits_are_certain(network):
    """What a layer's weights bring to any value: no warning, as warnings are errors here."""
    network.compile("sgd", "cross_entropy", metrics=["accuracy"]).fit(X, CLASS, verbose=0)
    assert "cross_entropy of logits\n" in network.summary()
    assert bound_metrics(network._engine)[0].kind == "multiclass_logits"


def test_what_is_assumed_is_said_once():
    """Sigmoids are no shares of classes, and the range of a relu says nothing."""
    model = gd.Sequential([gd.Dense(3, activation="sigmoid")]).compile("sgd", "cross_entropy")
    with pytest.warns(
        UserWarning, match="takes the output for probabilities: .*rows sum to 1"
    ) as told:
        model.fit(X, CLASS, verbose=0)
        model.evaluate(X, CLASS)
    assert len(told) == 1 and "\n" not in str(told[0].message)
    assert told[0].filename == __file__
    assert "cross_entropy of probabilities (assumed:" in model.summary()
    model = gd.Sequential([gd.Dense(1, activation="relu")]).compile("sgd", "binary_cross_entropy")
    with pytest.warns(UserWarning, match=r"logits: .*BinaryCrossEntropy\(from_logits=False\)"):
        model.fit(X, LABEL, verbose=0)
    for chosen in (True, False):
        model.compile("sgd", losses.BinaryCrossEntropy(from_logits=chosen))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.evaluate(X, LABEL)


def test_unnormalised_rows_are_divided_by_their_sum():
    model = Fixed(THREE, ops.sigmoid)
    model.compile("sgd", losses.CrossEntropy(from_logits=False), dtype="float64")
    p = sigmoid(X @ THREE)
    want = ce(p / p.sum(1, keepdims=True), CLASS)
    assert model.evaluate(X, CLASS)["loss"] == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy", "kl_divergence"])
@pytest.mark.parametrize("activation", [None, "sigmoid", "softmax"])
def test_from_logits_decides(name, activation):
    """True and False are taken at their word, whatever the network ends in."""
    target = np.eye(3)[CLASS]
    loss = losses.LOSSES[name]
    for from_logits in (True, False):
        model = Fixed(THREE, gd.activations.get(activation))
        model.compile("sgd", loss(from_logits=from_logits), ["accuracy"], dtype="float64")
        out = model.predict(X)
        kind = bound_metrics(model._engine)[0].kind
        assert kind.endswith("logits" if from_logits else "probs")
        got = model.evaluate(X, target)["loss"]
        if from_logits and name != "kl_divergence":
            assert got == pytest.approx(FORMULAS[name](out, target).mean(), rel=1e-9)
        elif name == "binary_cross_entropy":
            assert got == pytest.approx(bce(out, target), rel=1e-6)
    with pytest.raises(ValueError, match="from_logits=2: expected True, False, or None"):
        loss(from_logits=2)


def test_losses_of_ones_own_and_files(tmp_path):
    """A function's metrics follow the range too; a file keeps from_logits."""

    def own(pred, target):
        return ops.mean(ops.square(pred - target), 1)

    model = Fixed(ONE, lambda z: 1 / (1 + ops.exp(-z))).compile("sgd", own, ["accuracy"])
    assert model.evaluate(X, LABEL)["accuracy"] == 1.0
    model = gd.Sequential([gd.Input(3), gd.Dense(3)])
    model.compile("sgd", losses.CrossEntropy(0.1, from_logits=True))
    model.save(tmp_path / "m.safetensors")
    assert gd.load(tmp_path / "m.safetensors").losses == [
        losses.CrossEntropy(0.1, from_logits=True)
    ]


@pytest.mark.parametrize("targets", [LABEL, LABEL * 2 - 1])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_margins(loss, targets):
    """Above 0 is the second class, as the hinge has it; a margin is no probability."""
    model = Fixed(ONE, lambda z: z).compile("sgd", loss, ["accuracy", "f1", "roc_auc"])
    got = model.evaluate(X, targets)
    assert got["accuracy"] == got["f1"] == got["roc_auc"] == 1.0
    with pytest.raises(ValueError, match="margins, not for probabilities: use predict"):
        model.predict_proba(X)
    bounded = Fixed(ONE, ops.sigmoid).compile("sgd", loss, ["accuracy"])
    assert bounded.evaluate(X, targets)["accuracy"] == 1.0
