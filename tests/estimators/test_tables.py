"""`TableClassifier` and `TableRegressor` with frames of mixed columns, and in scikit-learn's tools."""

import inspect
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import gdcore as gd
from gdcore.tabular import TableClassifier, TableModel, TableRegressor

QUICK = {"hidden": (16,), "epochs": 60, "lr": 0.02, "batch_size": 32, "random_state": 0}
ROWS = 240


def columns(seed=0, rows=ROWS):
    draw = np.random.default_rng(seed)
    size = draw.normal(100, 20, rows)
    return {
        "size": [None if draw.random() < 0.1 else round(float(s), 2) for s in size],
        "place": [str(p) for p in np.array(["hill", "vale", "town"])[draw.integers(0, 3, rows)]],
        "garden": [bool(g) for g in draw.random(rows) < 0.5],
        "noise": [float(v) for v in draw.normal(size=rows)],
    }


def price(made):
    size = np.array([100.0 if s is None else s for s in made["size"]])
    return size + 40 * (np.array(made["place"]) == "hill") + 20 * np.array(made["garden"])


def as_frame(library, made):
    if library == "dict":
        return made
    if library == "rows":
        return [dict(zip(made, row, strict=True)) for row in zip(*made.values(), strict=True)]
    if library == "array":
        return np.array(list(zip(*made.values(), strict=True)), dtype=object)
    pytest.importorskip("narwhals")
    return pytest.importorskip(library).DataFrame(made)


@pytest.mark.parametrize("library", ["pandas", "polars", "dict", "rows", "array"])
def test_frames_of_mixed_columns(library):
    made, new = columns(), columns(1)
    reg = TableRegressor(**QUICK).fit(as_frame(library, made), price(made))
    assert reg.score(as_frame(library, new), price(new)) > 0.8
    assert reg.n_features_in_ == 4
    if library == "array":
        assert not hasattr(reg, "feature_names_in_")
    else:
        assert reg.feature_names_in_.tolist() == list(made)
    # The same columns are the same model, whatever holds them.
    same = TableRegressor(**QUICK).fit(made, price(made))
    np.testing.assert_array_equal(same.predict(new), reg.predict(as_frame(library, new)))


CLASSES = {
    "text": np.array(["no", "yes"]),
    "numbers of text": np.array(["10", "9"]),  # in the order of text, not of numbers
    "numbers": np.array([-1, 3]),
    "floats": np.array([1.0, 2.0]),
    "booleans": np.array([False, True]),
    "marks of missing values": np.array(["NA", "None"]),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_classes_are_those_of_y(kind):
    names, made = CLASSES[kind], columns()
    high = (price(made) > 125).astype(int)
    y = names[high]
    clf = TableClassifier(**QUICK, positive=names[0], class_weight={names[0]: 1.0}).fit(made, y)
    np.testing.assert_array_equal(clf.classes_, names)
    assert clf.predict(made).dtype == names.dtype
    assert clf.score(made, y) > 0.85
    proba = clf.predict_proba(made)
    np.testing.assert_array_equal(names[proba.argmax(axis=1)], clf.predict(made))
    np.testing.assert_array_equal(clf.decision_function(made) > 0, proba[:, 1] > 0.5)


def test_three_classes_in_the_order_of_y():
    made = columns()
    names = np.array(["10", "2", "1"])
    y = names[(price(made) > 110).astype(int) + (price(made) > 135)]
    clf = TableClassifier(**QUICK).fit(made, y)
    assert clf.classes_.tolist() == ["1", "10", "2"]
    scores = clf.decision_function(made)
    assert scores.shape == clf.predict_log_proba(made).shape == (ROWS, 3)
    np.testing.assert_array_equal(clf.classes_[scores.argmax(axis=1)], clf.predict(made))
    assert clf.score(made, y) > 0.8


def test_scikit_learns_tools():
    pd = pytest.importorskip("pandas")
    pytest.importorskip("narwhals")
    made = columns()
    X, y = pd.DataFrame(made), price(made)
    y = pd.Series(np.where(y > 125, "yes", "no"), name="dear")
    clf = TableClassifier(**QUICK | {"epochs": 20})
    assert cross_val_score(clf, X, y, cv=3).mean() > 0.75
    assert clone(clf).get_params() == clf.get_params()
    found = GridSearchCV(clf, {"hidden": [(8,), (16,)]}, cv=2, scoring="roc_auc").fit(X, y)
    assert found.best_score_ > 0.75 and found.best_estimator_.model_.target.name == "dear"
    keep = FunctionTransformer(lambda frame: frame.drop(columns="noise"))
    pipe = make_pipeline(keep, clf).fit(X, y)
    assert pipe[-1].feature_names_in_.tolist() == ["size", "place", "garden"]
    clf.fit(X, y)
    drops = permutation_importance(clf, X, y, n_repeats=2, random_state=0).importances_mean
    assert drops.argmax() in (0, 1) and drops[3] < drops.max() / 2
    curve = partial_dependence(clf, X.dropna(), ["size"], grid_resolution=5)["average"][0]
    assert curve[-1] > curve[0] + 0.2
    bars = partial_dependence(clf, X, ["place"], categorical_features=["place"])
    assert dict(zip(bars["grid_values"][0], bars["average"][0], strict=True))["hill"] == max(
        bars["average"][0]
    )
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_a_model_within_is_a_table_model(tmp_path):
    made = columns()
    clf = TableClassifier(**QUICK).fit(made, np.where(price(made) > 125, "yes", "no"))
    clf.model_.save(tmp_path / "m.safetensors")
    same = gd.load(tmp_path / "m.safetensors")
    assert same.classes == ["no", "yes"]
    np.testing.assert_array_equal(same.predict(made), clf.predict(made))


def test_weights_of_rows():
    """What a few rows say outweighs the others; without them it does not."""
    x = [0.0, 1.0] * 40
    y = np.array([0.0, 1.0] * 30 + [1.0, 0.0] * 10)
    heavy = np.r_[np.full(60, 0.01), np.full(20, 10.0)]
    plain, told = (
        TableRegressor(**QUICK, patience=None).fit({"x": x}, y, w).predict({"x": [0.0, 1.0]})
        for w in (None, heavy)
    )
    assert plain[0] < plain[1] and told[0] > told[1]
    light = TableClassifier(**QUICK, class_weight={0: 1e-3}).fit({"x": x}, y.astype(int))
    assert light.predict({"x": x}).all()


def test_parameters_are_those_of_a_table_model():
    """What `TableModel` can be told, an estimator can be told, but for what fit's arguments say."""
    known = set(inspect.signature(TableModel).parameters)
    for estimator, others in (
        (TableClassifier, {"target_scale", "interval", "quantiles"}),
        (TableRegressor, {"class_weight", "threshold", "positive", "order", "label_smoothing"}),
    ):
        own = set(inspect.signature(estimator).parameters)
        assert own - known == {"random_state", "verbose"}
        assert known - own == {"seed", "task", "weights", "metrics", *others}


REFUSED = {
    "two spellings of a class": (
        lambda X, y: TableClassifier().fit(X, np.where(y > 125, "1", "1.0")),
        r"^y holds classes that are one number, such as '1' and '1.0'",
    ),
    "a class_weight of no class": (
        lambda X, y: TableClassifier(class_weight={"maybe": 2}).fit(X, np.where(y > 125, "a", "b")),
        r"^class_weight names 'maybe', expected classes of 'target': a, b$",
    ),
    "probabilities of a hinge": (
        lambda X, y: TableClassifier(loss="hinge").predict_proba,
        r"^predict_proba is not available with loss='hinge'",
    ),
    "a column that is away": (
        lambda X, y: (
            TableRegressor((4,), epochs=1)
            .fit(X, y)
            .predict({k: v for k, v in X.items() if k != "place"})
        ),
        r"no column 'place', expected the columns of training: add it$",
    ),
    "a setting": (
        lambda X, y: TableRegressor(epochs=0).fit(X, y),
        r"^epochs=0: expected at least 1$",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_one_line_says_what_is_wrong(what):
    do, message = REFUSED[what]
    made = columns()
    with pytest.raises((ValueError, AttributeError), match=message) as caught:
        do(made, price(made))
    assert "\n" not in str(caught.value)


def test_several_targets():
    made, new = columns(), columns(1)
    y = np.stack([price(made), -price(made) / 100], axis=1)
    reg = TableRegressor(**QUICK, interval=0.8).fit(made, y)
    want = np.stack([price(new), -price(new) / 100], axis=1)
    assert reg.predict(new).shape == want.shape and reg.score(new, want) > 0.8
    assert reg.predict_interval(new).shape == (*want.shape, 2)
    labels = np.stack([price(made) > 125, np.array(made["garden"])], axis=1).astype(int)
    clf = TableClassifier(**QUICK).fit(made, labels)
    np.testing.assert_array_equal(clf.predict(made), clf.predict_proba(made) > 0.5)
    assert clf.classes_.tolist() == [0, 1] and clf.score(made, labels) > 0.8
    assert clf.decision_function(made).shape == labels.shape
    with pytest.raises(ValueError, match=r"^y has the shape \(240, 2\) and holds multiclass-multi"):
        TableClassifier(**QUICK).fit(made, labels * 2 + np.arange(240)[:, None] % 2)


def test_several_targets_by_name():
    pd = pytest.importorskip("pandas")
    pytest.importorskip("narwhals")
    made = columns()
    y = pd.DataFrame({"price": price(made), "half": price(made) / 2})
    reg = TableRegressor((4,), epochs=1).fit(pd.DataFrame(made), y)
    assert reg.model_.target.names == ("price", "half")


def test_classes_in_an_order():
    made = columns()
    y = np.array(["low", "mid", "high"])[(price(made) > 110).astype(int) + (price(made) > 135)]
    clf = TableClassifier(**QUICK, order=["low", "mid", "high"]).fit(made, y)
    assert clf.classes_.tolist() == ["high", "low", "mid"]
    assert clf.model_.classes == ["low", "mid", "high"]
    assert clf.score(made, y) > 0.8
    np.testing.assert_array_equal(
        clf.classes_[clf.predict_proba(made).argmax(1)], clf.predict(made)
    )
