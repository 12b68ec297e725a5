"""Any gdcore model as a classifier or regressor; labels and several outputs."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.datasets import make_multilabel_classification

import gdcore as gd
from gdcore.estimators import MLPClassifier, NetClassifier, NetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Residual(gd.Model):
    def __init__(self, width, outputs):
        self.first = gd.Dense(width, activation="gelu")
        self.inner = gd.Sequential([gd.Dense(width, activation="gelu"), gd.Dropout(0.1)])
        self.out = gd.Dense(outputs)

    def forward(self, x):
        x = self.first(x)
        return self.out(x + self.inner(x))


def residual(features, outputs, width=32):
    return Residual(width, outputs)


def sigmoid_end(features, outputs):
    model = gd.Sequential([gd.Input(features), gd.Dense(1, activation="sigmoid")])
    return model.compile(gd.Adam(0.05), "binary_cross_entropy", dtype="float64")


def net(kind, make=residual, **settings):
    return kind(make, **{"max_iter": 60, "random_state": 0} | settings)


def test_net_classifier(digits):
    X, y = digits
    clf = net(NetClassifier, model_args={"width": 48}).fit(X, np.array(list("abcdefghij"))[y])
    assert clf.score(X, np.array(list("abcdefghij"))[y]) > 0.9
    assert clf.model_.first.units == 48
    assert clf.predict_proba(X).shape == (500, 10)
    assert pickle.loads(pickle.dumps(clf)).predict(X).tolist() == clf.predict(X).tolist()


@pytest.mark.parametrize("loss", [None, "binary_cross_entropy", "hinge", "mse"])
@pytest.mark.parametrize("make", [residual, sigmoid_end])
def test_two_classes(loss, make, digits):
    X, y = digits
    y = np.where(y % 2, "odd", "even")
    clf = net(NetClassifier, make, loss=loss).fit(X, y)
    assert clf.score(X, y) > 0.8
    if hasattr(clf, "predict_proba"):
        assert clf.predict_proba(X).shape == (500, 2)
    else:
        assert clf.decision_function(X).shape[0] == 500


def test_labels():
    X, Y = make_multilabel_classification(150, random_state=0)
    X = X / 10
    for clf in (
        net(NetClassifier, max_iter=200),
        MLPClassifier((16, 8), max_iter=100, random_state=0, learning_rate_init=0.02),
    ):
        clf.set_params(batch_size=50).fit(X, Y)
        assert clf.predict(X).shape == Y.shape
        assert (clf.predict(X) == Y).mean() > 0.8


def test_net_regressor_of_several_outputs(numbers):
    X, y = numbers
    Y = np.stack([y, -y], axis=1)
    model = net(NetRegressor, max_iter=200).fit(X, Y, sample_weight=np.ones(200))
    assert model.predict(X).shape == (200, 2)
    assert model.score(X, Y) > 0.8


def test_net_of_images_and_of_words(digits):
    X, y = digits
    images = X.reshape(-1, 8, 8, 1).astype(np.float32)

    def convolution(shape, outputs):
        assert shape == (8, 8, 1)
        return gd.Sequential([gd.Conv2D(4, 3, activation="relu"), gd.Flatten(), gd.Dense(outputs)])

    clf = net(NetClassifier, convolution, max_iter=40, optimizer=gd.Adam(0.01)).fit(images, y)
    assert clf.score(images, y) > 0.9
    words = np.random.RandomState(0).randint(0, 20, (200, 5))
    model = gd.Sequential(
        [gd.Input(5, dtype="int"), gd.Embedding(20, 8), gd.Flatten(), gd.Dense(2)]
    )
    clf = net(NetClassifier, model, optimizer=gd.Adam(0.05)).fit(words, words[:, 0] > 9)
    assert clf.score(words, words[:, 0] > 9) > 0.95


def test_a_model_is_copied():
    model = gd.Sequential([gd.Input(2), gd.Dense(1)]).compile("sgd", "mse")
    before = model.get_weights()
    X = np.random.RandomState(0).normal(size=(50, 2))
    one = NetRegressor(model, max_iter=3, random_state=0).fit(X, X[:, 0])
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert not np.array_equal(one.model_.get_weights()[0], before[0])


@pytest.mark.parametrize(
    ("model_fn", "message"),
    [
        (None, "model_fn=None: expected a gdcore model, or a function of"),
        (lambda f, o: 3, "model_fn returned int: expected a gdcore model"),
        (lambda: 3, r"model_fn cannot be called with \(features, outputs\) \(too many positional"),
    ],
)
def test_no_model(model_fn, message, numbers):
    with pytest.raises(TypeError, match=message):
        NetRegressor(model_fn).fit(*numbers)
