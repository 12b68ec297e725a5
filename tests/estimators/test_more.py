"""What the estimators have that scikit-learn's perceptrons have not."""

import pickle
import re
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

import scipy.sparse
from sklearn.exceptions import ConvergenceWarning

import gdcore as gd
from gdcore import schedules
from gdcore.estimators import MLPClassifier, MLPRegressor
from gdcore.estimators.checks import LEARNING_RATES, PERCEPTRON
from gdcore.estimators.solvers import RULES
from gdcore.losses import LOSSES
from gdcore.optimizers import OPTIMIZERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def few(**settings):
    return {"random_state": 0, "max_iter": 15, "hidden_layer_sizes": (16, 8)} | settings


def test_layers_are_what_was_asked_for():
    layers = MLPClassifier(
        **few(activation=["gelu", "tanh"], dropout=[0.0, 0.25], normalization="batch")
    )
    layers.fit(np.random.RandomState(0).normal(size=(50, 3)), np.arange(50) % 3)
    made = [type(x).__name__ for x in layers.model_.layers]
    block = ["Dense", "BatchNorm", "Activation"]
    assert made == [*block, *block, "Dropout", "Dense"]
    assert layers.model_.layers[6].rate == 0.25
    names = [
        getattr(x.activation, "__name__", "")
        for x in layers.model_.layers
        if hasattr(x, "activation")
    ]
    assert [n for n in names if n != "linear"] == ["gelu", "tanh", "softmax"]


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.3},
        {"normalization": "batch"},
        {"normalization": ["layer", "batch"], "dropout": [0.1, 0.0]},
        {"activation": lambda x: x * gd.ops.sigmoid(x)},
        {"activation": ["relu", "selu"]},
        {"optimizer": gd.AdamW(1e-2, clip_norm=1.0)},
        {"optimizer": "nadam", "learning_rate_init": 0.01},
        {"learning_rate": schedules.Cosine(0.01, 100)},
        {"optimizer": gd.SGD(schedules.ReduceOnPlateau(0.1, monitor="loss"), momentum=0.9)},
        {"loss": gd.losses.CrossEntropy(label_smoothing=0.1)},
        {"hidden_layer_sizes": ()},
    ],
    ids=lambda settings: re.sub(r" at 0x\w+", "", str(settings)),  # the same in each process
)
def test_it_learns(settings, digits):
    X, y = digits
    clf = MLPClassifier(**few(max_iter=60, learning_rate_init=0.01) | settings).fit(X, y)
    assert clf.score(X, y) > 0.9
    assert clf.predict_proba(X[:3]).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(optimizer, numbers):
    net = MLPRegressor(**few(optimizer=optimizer, learning_rate_init=0.01)).fit(*numbers)
    assert net.loss_curve_[-1] < net.loss_curve_[0]


@pytest.mark.parametrize("name", [n for n in LEARNING_RATES if n not in RULES])
def test_every_schedule(name, numbers):
    assert schedules.from_name(name, 0.1, 10)(0) >= 0
    net = MLPRegressor(**few(learning_rate=name, batch_size=50)).fit(*numbers)
    rates = net.model_.history["lr"]
    assert len(set(rates)) > 1 and max(rates) <= 1e-3
    assert net.loss_curve_[-1] < net.loss_curve_[0]


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, numbers):
    X, y = numbers
    classes = (y > 0).astype(int) + (y > 1)
    if loss not in (
        "cross_entropy",
        "binary_cross_entropy",
        "hinge",
        "squared_hinge",
        "kl_divergence",
    ):
        target = np.abs(np.stack([y, y * 2], 1))
        net = MLPRegressor(loss, **few(max_iter=40)).fit(X, target)
        assert net.loss_curve_[-1] < net.loss_curve_[0]
        assert np.isfinite(net.predict(X)).all()
    for labels in (classes, classes > 0):
        clf = MLPClassifier(**few(loss=loss, max_iter=80, learning_rate_init=0.01)).fit(X, labels)
        assert clf.score(X, labels) > 0.8
        assert hasattr(clf, "predict_proba") != hasattr(clf, "decision_function")
        assert hasattr(clf, "decision_function") == ("hinge" in loss)


def test_margins(numbers):
    X, y = numbers
    clf = MLPClassifier(**few(loss="hinge", max_iter=50)).fit(X, y > 0)
    margin = clf.decision_function(X)
    assert margin.shape == (200,) and margin.min() < -0.5 and margin.max() > 0.5
    np.testing.assert_array_equal(clf.predict(X), margin > 0)
    with pytest.raises(AttributeError) as error:
        clf.predict_proba(X)
    assert "predict_proba is not available with loss='hinge'" in str(error.value)


def test_loss_of_ones_own(numbers):
    def quantile(pred, target):
        off = target - pred
        return gd.ops.mean(gd.ops.maximum(0.9 * off, -0.1 * off), 1)

    X, y = numbers
    net = MLPRegressor(quantile, **few(max_iter=200)).fit(X, y)
    assert 0.8 < (net.predict(X) > y).mean() < 0.99


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_partial_fit_says_why_it_is_not_there(kind):
    net = kind(solver="lbfgs")
    words = "partial_fit is not available with solver='lbfgs', which takes all samples at once: use"
    assert not hasattr(net, "partial_fit")
    with pytest.raises(AttributeError, match=words):
        net.partial_fit([[0.0]], [1])
    with pytest.raises(AttributeError, match=words):
        kind.partial_fit(net, [[0.0]], [1])


def test_what_a_subclass_overrides_in_vain_is_refused(numbers):
    class Own(MLPRegressor):
        def _backprop(self, *args):
            raise AssertionError

    with pytest.raises(TypeError, match="Own overrides _backprop of scikit-learn's MLPRegressor"):
        Own().fit(*numbers)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((np.ones((3, 3)), np.ones(3)), "returned .3, 3. and .3,., expected a kernel and a bias"),
        (np.ones(3), "returned ndarray, expected a kernel and a bias"),
        (None, "returned NoneType, expected a kernel and a bias"),
    ],
)
def test_first_weights_that_do_not_fit(given, words, numbers):
    class Own(MLPRegressor):
        def _init_coef(self, fan_in, fan_out, dtype):
            return given

    with pytest.raises(ValueError, match=words):
        Own(hidden_layer_sizes=4).fit(*numbers)


def test_class_weight(digits):
    X, y = digits
    two = (y == 3).astype(int)
    plain, balanced, dear = (
        MLPClassifier(**few(class_weight=w, max_iter=5)).fit(X, two).predict_proba(X)[:, 1].mean()
        for w in (None, "balanced", {1: 100.0})
    )
    assert plain < balanced < dear


def test_class_weights_count_in_training_alone(digits):
    X, y = digits
    clf = MLPClassifier(**few(class_weight="balanced", early_stopping=True, scoring="neg_log_loss"))
    clf.fit(X[:400], y[:400] > 6, X_val=X[400:], y_val=y[400:] > 6)
    right = clf.predict_proba(X[400:])[np.arange(100), (y[400:] > 6).astype(int)]
    assert min(clf.validation_loss_curve_) == pytest.approx(-np.log(right).mean())
    assert max(clf.validation_scores_) == pytest.approx(np.log(right).mean())
    with pytest.raises(ValueError, match="class_weight='balanced' and partial_fit"):
        clf.set_params(early_stopping=False).partial_fit(X, y > 6)


def test_validation_set_of_ones_own(digits):
    X, y = digits
    clf = MLPClassifier(**few()).fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    assert len(clf.validation_loss_curve_) == len(clf.validation_scores_) == clf.n_iter_ == 15
    assert clf.validation_scores_[-1] == clf.score(X[400:], y[400:])
    p = clf.predict_proba(X[400:])[np.arange(100), y[400:]]
    assert clf.validation_loss_curve_[-1] == pytest.approx(-np.log(p).mean())
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    assert clf.t_ == 15 * 400  # nothing else was held out
    weights = np.random.RandomState(0).uniform(size=100)
    clf.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:], sample_weight_val=weights)
    p = clf.predict_proba(X[400:])[np.arange(100), y[400:]]
    assert clf.validation_loss_curve_[-1] == pytest.approx(np.average(-np.log(p), weights=weights))
    for wrong in ({"X_val": X}, {"X_val": X[:1], "y_val": y[:1]}, {"X_val": X[:, :3], "y_val": y}):
        with pytest.raises(ValueError, match=r"X_val|features"):
            clf.fit(X, y, **wrong)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "balanced_accuracy", "roc_auc_ovr"])
def test_early_stopping_on_a_scorer(scoring, digits):
    pd = pytest.importorskip("pandas")
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    settings = few(early_stopping=True, scoring=scoring, n_iter_no_change=3, max_iter=300)
    clf = MLPClassifier(**settings, learning_rate_init=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        clf.fit(frame, y, X_val=frame[400:], y_val=y[400:])
    assert clf.n_iter_ < 300
    from sklearn.metrics import get_scorer

    best = get_scorer(scoring)(clf, frame[400:], y[400:])
    assert best == pytest.approx(max(clf.validation_scores_))  # the best weights were put back


def test_scorer_may_be_a_function(numbers):
    X, y = numbers
    net = MLPRegressor(
        **few(early_stopping=True, scoring=lambda est, X, y: -abs(est.predict(X) - y).max())
    ).fit(X, y)
    assert all(s < 0 for s in net.validation_scores_)


def test_a_mistyped_scorer_is_refused_also_where_none_is_needed(digits):
    with pytest.raises(ValueError, match=r"scoring='roc_au': .*did you mean 'roc_auc'\?"):
        MLPClassifier(scoring="roc_au").fit(*digits)


def farthest(est, X, y):
    return -abs(est.predict(X) - y).max()


def by_weight(est, X, y, sample_weight):
    return -np.average(abs(est.predict(X) - y), weights=sample_weight)


@pytest.mark.parametrize("scoring", ["neg_max_error", farthest])
def test_scorer_that_takes_no_weights(scoring, numbers):
    """Weighted samples are not scored as if they were not, unless that was asked for."""
    X, y = numbers
    weights = np.linspace(0.5, 1.5, len(X))
    net = MLPRegressor(**few(early_stopping=True, scoring=scoring))
    with pytest.raises(ValueError, match=r"takes no sample_weight.*X_val and y_val") as caught:
        net.fit(X, y, sample_weight=weights)
    assert "\n" not in str(caught.value)
    net.fit(X, y, sample_weight=weights, X_val=X[:50], y_val=y[:50])
    assert len(net.validation_scores_) == net.n_iter_


@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", by_weight])
def test_scorer_that_takes_weights_gets_them(scoring, numbers):
    X, y = numbers
    weights = np.linspace(0.5, 1.5, len(X))
    net = MLPRegressor(**few(early_stopping=True, scoring=scoring))
    net.fit(X, y, sample_weight=weights, X_val=X, y_val=y, sample_weight_val=weights)
    assert max(net.validation_scores_) == pytest.approx(by_weight(net, X, y, weights))


def test_callbacks(digits):
    seen = []
    stop = gd.EarlyStopping(monitor="loss", patience=1, min_delta=0.2)
    callbacks = [gd.LambdaCallback(lambda epoch, logs: seen.append(logs["loss"])), stop]
    clf = MLPClassifier(**few(callbacks=callbacks, max_iter=100)).fit(*digits)
    assert seen == clf.loss_curve_
    assert clf.n_iter_ < 100


def test_hidden_activations(digits):
    X, y = digits
    clf = MLPClassifier(**few(dropout=0.5, activation=["relu", "tanh"], max_iter=2)).fit(X, y)
    for _ in range(2):  # they follow training
        first, second = clf.hidden_activations(X)
        np.testing.assert_allclose(first, np.maximum(X @ clf.coefs_[0] + clf.intercepts_[0], 0))
        np.testing.assert_allclose(second, np.tanh(first @ clf.coefs_[1] + clf.intercepts_[1]))
        clf.partial_fit(X, y)
    assert MLPClassifier(**few(hidden_layer_sizes=())).fit(X, y).hidden_activations(X) == []
    one = MLPClassifier(**few(hidden_layer_sizes=5, normalization="batch")).fit(X, y)
    assert [a.shape for a in one.hidden_activations(X)] == [(500, 5)]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_rows_are_not_made_dense(solver, digits, monkeypatch):
    X, y = digits
    dense = MLPClassifier(**few(solver=solver)).fit(X, y)

    def refused(*_, **__):
        raise AssertionError("made dense")

    for kind in ("csr_matrix", "csr_array"):
        for name in ("toarray", "todense"):
            monkeypatch.setattr(getattr(scipy.sparse, kind), name, refused)
    for kind in (scipy.sparse.csr_matrix, scipy.sparse.csr_array):
        sparse = MLPClassifier(**few(solver=solver)).fit(kind(X), y)
        for a, b in zip(dense.coefs_, sparse.coefs_, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(sparse.predict_proba(kind(X)), dense.predict_proba(X))
        np.testing.assert_array_equal(
            sparse.hidden_activations(kind(X))[0], dense.hidden_activations(X)[0]
        )


def test_coefs_may_be_replaced(digits):
    X, y = digits
    clf = MLPClassifier(**few()).fit(X, y)
    clf.coefs_[-1] = np.zeros_like(clf.coefs_[-1])
    clf.intercepts_[-1][:] = 0.0
    np.testing.assert_allclose(clf.predict_proba(X), 0.1)
    clf.model_.load_state_dict({k: v * 0 + 1 for k, v in clf.model_.state_dict().items()})
    assert (clf.coefs_[0] == 1).all()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_same_bits_on_any_number_of_threads(threads, digits):
    X, y = digits
    settings = few(dropout=0.2, hidden_layer_sizes=(300,), batch_size=500, max_iter=3)
    gd.set_num_threads(1)
    one = MLPClassifier(**settings).fit(X, y)
    gd.set_num_threads(threads)
    other = MLPClassifier(**settings).fit(X, y)
    for a, b in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("how", [{"solver": "sgd"}, {"dropout": 0.2, "normalization": "batch"}])
def test_pickled_in_the_middle(how, digits):
    """partial_fit goes on with the same optimizer state, dropout masks and running statistics."""
    X, y = digits
    one = MLPClassifier(**few(**how))
    for _ in range(2):
        one.partial_fit(X, y, classes=range(10))
    other = pickle.loads(pickle.dumps(one))
    for e in (one, other):
        e.partial_fit(X, y)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert len(pickle.dumps(one)) < 8 * 8 * sum(c.size for c in one.coefs_) + 60_000


@pytest.mark.parametrize("setting", sorted(PERCEPTRON))
def test_wrong_settings_are_refused_in_one_line(setting, digits):
    value = {"n_iter_no_change": 0, "random_state": "x", "callbacks": 3}.get(setting, object())
    with pytest.raises(ValueError) as error:
        MLPClassifier(**{setting: value}).fit(*digits)
    text = str(error.value)
    assert text.startswith(f"MLPClassifier {setting}=") and "expected" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solver": "adm"}, "did you mean 'adam'"),
        ({"activation": "rleu"}, "did you mean 'relu'"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes=(3, 0): expected a whole number"),
        ({"dropout": [0.1]}, "dropout has 1 entries for 2 hidden layers"),
        ({"solver": "lbfgs", "dropout": 0.5}, "dropout with solver='lbfgs'"),
        ({"solver": "lbfgs", "normalization": "batch"}, "normalization='batch' with solver"),
        ({"solver": "lbfgs", "optimizer": "adamw"}, "optimizer='adamw' with solver='lbfgs'"),
        ({"optimizer": gd.Adam(), "learning_rate": "cosine"}, "has one of its own"),
        ({"loss": "cros_entropy"}, "did you mean 'cross_entropy'"),
    ],
    ids=str,
)
def test_what_does_not_go_together_says_so(settings, message, digits):
    with pytest.raises(ValueError) as error:
        MLPClassifier(**few(**settings)).fit(*digits)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_numbers_that_explode(numbers):
    X, y = numbers
    wild = few(solver="sgd", learning_rate_init=1e8, activation="identity")
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        MLPRegressor(**wild).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="stopped being finite"):
        net = MLPRegressor(**wild | {"learning_rate_init": 3.0}, early_stopping=True).fit(X, y)
    assert np.isfinite(net.predict(X)).all()


def test_ctrl_c(digits):
    class Interrupt(gd.Callback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 2:
                raise KeyboardInterrupt

    X, y = digits
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        clf = MLPClassifier(**few(callbacks=[Interrupt()])).fit(X, y)
    assert clf.n_iter_ == 3
    assert clf.predict(X).shape == (500,)
