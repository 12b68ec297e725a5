"""The estimators in the company of scikit-learn's tools, joblib, pandas and polars."""

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import BaggingRegressor, StackingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import gdcore as gd
from gdcore.estimators import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def make_net(features, outputs):
    return gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(outputs)])


def classifiers():
    return [
        MLPClassifier((16,), max_iter=30, random_state=0, learning_rate_init=0.01),
        NetClassifier(make_net, max_iter=60, random_state=0),
    ]


def regressors():
    return [
        MLPRegressor(
            hidden_layer_sizes=(16,), max_iter=60, random_state=0, learning_rate_init=0.01
        ),
        NetRegressor(make_net, max_iter=100, random_state=0),
    ]


def name(estimator):
    return type(estimator).__name__


@pytest.mark.parametrize("clf", classifiers(), ids=name)
def test_pipeline_and_grid_search_in_four_processes(clf, digits):
    X, y = digits
    gd.set_num_threads(2)
    clf.fit(X, y)  # the pool of threads runs before the processes begin
    pipe = make_pipeline(StandardScaler(), clf)
    step = type(clf).__name__.lower()
    search = GridSearchCV(pipe, {f"{step}__batch_size": [50, 100, 200]}, n_jobs=4, cv=2)
    search.fit(X, y)
    assert search.best_score_ > 0.75
    alone = GridSearchCV(pipe, {f"{step}__batch_size": [50, 100, 200]}, n_jobs=1, cv=2).fit(X, y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("est", classifiers() + regressors(), ids=name)
def test_copies(est, digits, tmp_path):
    X, y = digits
    assert clone(est).get_params() == est.get_params()
    est.fit(X, y)
    assert not hasattr(clone(est), "n_iter_")
    path = tmp_path / "model.joblib"
    joblib.dump(est, path)
    for twin in (joblib.load(path), pickle.loads(pickle.dumps(est)), copy.deepcopy(est)):
        np.testing.assert_array_equal(twin.predict(X), est.predict(X))
        twin.partial_fit(X, y)
        assert twin.t_ > est.t_
    mapped = joblib.load(path, mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict(X), est.predict(X))
    assert type(est).__name__ in repr(est)
    assert "<div" in est._repr_html_()


@pytest.mark.parametrize("clf", classifiers(), ids=name)
def test_calibration_importance_voting_stacking(clf, digits):
    X, y = digits
    y = y % 3
    calibrated = CalibratedClassifierCV(clf, cv=2).fit(X, y)
    assert calibrated.predict_proba(X).sum(axis=1) == pytest.approx(1)
    found = permutation_importance(clone(clf).fit(X, y), X, y, n_repeats=2, random_state=0)
    assert abs(found.importances_mean[0]) < 1e-9 < found.importances_mean.max()  # pixel 0 is blank
    logistic = LogisticRegression(max_iter=200)
    for both in (
        VotingClassifier([("a", clf), ("b", logistic)], voting="soft"),
        StackingClassifier([("a", clf), ("b", logistic)], cv=2),
    ):
        assert both.fit(X, y).score(X, y) > 0.8
    proba = cross_val_predict(clf, X, y, method="predict_proba", cv=2)
    assert proba.shape == (500, 3)
    assert ClassifierChain(clf).fit(X, np.stack([y > 0, y > 1], 1)).predict(X).shape == (500, 2)


@pytest.mark.parametrize("net", regressors(), ids=name)
def test_regressors_in_company(net, numbers):
    X, y = numbers
    assert cross_val_score(net, X, y, cv=3).mean() > 0.5
    assert (
        TransformedTargetRegressor(net, transformer=StandardScaler())
        .fit(X, y * 100)
        .score(X, y * 100)
        > 0.5
    )
    assert BaggingRegressor(net, 2, random_state=0).fit(X, y).predict(X).shape == (200,)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library, digits):
    frames = pytest.importorskip(library)
    rng = np.random.RandomState(0)
    data = {
        "size": rng.normal(size=300),
        "weight": rng.normal(size=300) * 9,
        "sort": list("abc") * 100,
    }
    frame = frames.DataFrame(data)
    y = frames.Series(
        name="kind", **{"data" if library == "pandas" else "values": rng.randint(0, 2, 300)}
    )
    pipe = make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["size", "weight"]),
            (OneHotEncoder(sparse_output=False), ["sort"]),
        ),
        MLPClassifier(max_iter=5, random_state=0),
    )
    pipe.set_output(transform=library)
    pipe.fit(frame, y)
    assert pipe[-1].feature_names_in_[0] == "standardscaler__size"
    assert pipe.predict(frame).shape == (300,)
    plain = frame[["size", "weight"]]
    clf = MLPClassifier(max_iter=3, random_state=0).fit(plain, y, sample_weight=np.ones(300))
    assert clf.feature_names_in_.tolist() == ["size", "weight"]
    clf.partial_fit(plain, y)
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(frame[["weight", "size"]])
    numbers = frame["size"]
    net = MLPRegressor(max_iter=3, early_stopping=True).fit(plain, numbers)
    assert net.predict(plain).shape == (300,)


def test_sample_weight_is_routed(digits):
    X, y = digits
    weights = np.where(y == 0, 50.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = MLPClassifier(max_iter=5, random_state=0).set_fit_request(
            sample_weight=True, X_val=True, y_val=True
        )
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), clf)
        pipe.fit(X, y, sample_weight=weights, X_val=X[:50], y_val=y[:50])
        assert len(pipe[-1].validation_loss_curve_) == 5
        search = GridSearchCV(clf.set_score_request(sample_weight=True), {"alpha": [0.1]}, cv=2)
        search.fit(X, y, sample_weight=weights)
    with_weights = MLPClassifier(max_iter=5, random_state=0).fit(X, y, sample_weight=weights)
    assert (search.best_estimator_.predict(X) == 0).sum() == (with_weights.predict(X) == 0).sum()


def test_tags():
    for est in classifiers():
        tags = est.__sklearn_tags__()
        assert tags.input_tags.sparse and tags.classifier_tags.multi_label
    for est in regressors():
        assert est.__sklearn_tags__().input_tags.sparse
