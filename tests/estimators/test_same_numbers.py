"""With the same arguments and seed, the perceptrons learn the same numbers as scikit-learn's."""

import inspect

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn.neural_network as theirs
from sklearn.datasets import make_multilabel_classification

from gdcore import estimators as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {
    "adam": {},
    "small batches": {"batch_size": 32, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4},
    "two layers": {"hidden_layer_sizes": (20, 10), "activation": "tanh", "alpha": 0.1},
    "logistic": {"activation": "logistic", "hidden_layer_sizes": 8},
    "identity, in order": {"activation": "identity", "shuffle": False},
    "sgd": {"solver": "sgd"},
    "sgd without momentum": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1},
    "plain momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.01},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.1,
        "tol": 0.02,
        "n_iter_no_change": 1,
        "max_iter": 60,
    },
    "early stopping": {"early_stopping": True, "tol": 0.01, "n_iter_no_change": 3},
    "until it has converged": {"tol": 0.05, "n_iter_no_change": 2, "max_iter": 100},
    "lbfgs": {"solver": "lbfgs", "max_iter": 10},
}
CURVES = ("loss_curve_", "validation_scores_")
COUNTS = ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_")


def assert_same(a, b, solver="adam"):
    # the path of L-BFGS is long, and roundings grow along it
    close = {"rtol": 1e-6, "atol": 1e-7} if solver == "lbfgs" else {"rtol": 1e-9, "atol": 1e-11}
    for name in ("coefs_", "intercepts_"):
        assert len(getattr(a, name)) == len(getattr(b, name))
        for mine, other in zip(getattr(a, name), getattr(b, name), strict=True):
            assert mine.dtype == other.dtype
            np.testing.assert_allclose(mine, other, **close)
    for name in COUNTS if solver != "lbfgs" else [n for n in COUNTS if n != "t_"]:
        assert getattr(a, name) == getattr(b, name), name
    np.testing.assert_allclose(a.loss_, b.loss_, **close)
    if solver != "lbfgs":
        for name in CURVES:
            one, other = getattr(a, name), getattr(b, name)
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_allclose(one, other, **close)
        assert a.best_validation_score_ == pytest.approx(b.best_validation_score_)
        assert a.best_loss_ == pytest.approx(b.best_loss_)


def both(kind, data, **settings):
    X, y, *weights = data
    pair = [
        getattr(m, kind)(**{"max_iter": 15, "random_state": 0} | settings) for m in (ours, theirs)
    ]
    for e in pair:
        e.fit(X, y, *weights)
    return pair


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("classes", [2, 10])
def test_classifier(name, classes, digits):
    X, y = digits
    a, b = both("MLPClassifier", (X, y % classes), **SETTINGS[name])
    assert_same(a, b, a.solver)
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))


@pytest.mark.parametrize("name", SETTINGS)
def test_regressor(name, numbers):
    assert_same(*both("MLPRegressor", numbers, **SETTINGS[name]), SETTINGS[name].get("solver"))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_weights(solver, digits):
    X, y = digits
    weights = np.random.RandomState(1).uniform(0, 3, len(X))
    assert_same(*both("MLPClassifier", (X, y, weights), solver=solver, alpha=0.5), solver)


def test_poisson(numbers):
    X, y = numbers
    assert_same(*both("MLPRegressor", (X, np.exp(y).round()), loss="poisson"))


def test_labels():
    X, y = make_multilabel_classification(80, random_state=0)
    a, b = both("MLPClassifier", (X, y))
    assert_same(a, b)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))


def test_several_outputs_take_the_same_path(numbers):
    """But the loss that is told is the one that is made small: the sum over outputs, not the mean."""
    X, y = numbers
    Y = np.stack([y, y**2, -y], axis=1)
    a, b = both("MLPRegressor", (X, Y), alpha=0.0)
    for mine, other in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(a.loss_curve_, np.array(b.loss_curve_) * 3)


@pytest.mark.parametrize("alpha", [0.0, 1e-4, 0.1])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_several_outputs_end_at_the_same_epoch(loss, alpha, numbers):
    X, y = numbers
    Y = np.abs(np.stack([y, y**2, -y] * 4, axis=1))
    weights = np.random.RandomState(1).uniform(0, 3, len(X))
    for data in ((X, Y), (X, Y, weights)):
        a, b = both("MLPRegressor", data, loss=loss, alpha=alpha, max_iter=600, tol=2e-3)
        assert a.n_iter_ == b.n_iter_ < 600


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_first_weights_of_a_subclass(kind, solver, digits):
    """`_init_coef`, as people override scikit-learn's: with its random numbers, and by way of super()."""

    def made(module):
        class Own(getattr(module, kind)):
            def _init_coef(self, fan_in, fan_out, dtype):
                kernel, bias = super()._init_coef(fan_in, fan_out, dtype)
                more = self._random_state.normal(0, 0.01, kernel.shape)
                return (0.5 * kernel + more).astype(dtype), np.zeros_like(bias)

        return Own(hidden_layer_sizes=(9, 5), max_iter=3, random_state=0, solver=solver)

    a, b = (made(m).fit(*digits) for m in (ours, theirs))
    assert_same(a, b, solver)


def test_float32(digits):
    X, y = digits
    a, b = both("MLPClassifier", (X.astype(np.float32), y))
    assert {w.dtype.name for w in (*a.coefs_, *a.intercepts_)} == {"float32"}
    assert a.predict_proba(X[:5].astype(np.float32)).dtype == np.float32
    for mine, other in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-4)


def test_piece_by_piece_and_from_where_it_stood(digits):
    X, y = digits
    pair = [
        m.MLPClassifier(random_state=0, max_iter=5, solver="sgd", warm_start=True)
        for m in (ours, theirs)
    ]
    for e in pair:
        for i in range(3):
            e.partial_fit(X[i * 100 : i * 100 + 100], y[i * 100 : i * 100 + 100], classes=range(10))
        e.fit(X, y).fit(X, y)
    assert_same(*pair)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_every_argument_is_there_with_the_same_default(kind):
    mine, other = (inspect.signature(getattr(m, kind).__init__).parameters for m in (ours, theirs))
    for name, parameter in other.items():
        assert name in mine, name
        assert mine[name].default == parameter.default, name
        assert mine[name].kind == parameter.kind, name
    positions = [n for n, p in other.items() if p.kind == p.POSITIONAL_OR_KEYWORD]
    assert list(mine)[: len(positions)] == positions


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_every_learned_attribute_is_there(kind, solver, digits):
    a, b = both(kind, digits, solver=solver, max_iter=2)
    learned = {n for n in vars(b) if n.endswith("_") and not n.startswith("_")}
    assert {n for n in learned if not hasattr(a, n)} == set()
