"""Classes as they come: some missing among the validation samples, text mixed with numbers."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from gdcore.estimators import MLPClassifier, NetClassifier

X = np.random.default_rng(0).normal(size=(60, 3))


def quick(**options):
    return MLPClassifier((4,), max_iter=3, random_state=0, tol=0, **options)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("names", [["a", "b", "c"], [0, 1, 2], ["a", "b"]])
def test_log_loss_without_a_class(names):
    """Its value is defined where validation samples lack a class: the mean of -log p of the true one."""
    y = np.array(names * (60 // len(names)))
    few = np.full(20, names[1])
    clf = quick(scoring="neg_log_loss").fit(X, y, X_val=X[:20], y_val=few)
    want = np.log(clf.predict_proba(X[:20])[:, 1]).mean()
    assert clf.validation_scores_[-1] == pytest.approx(want)


def test_a_scoring_that_needs_every_class():
    y = np.arange(60) % 3
    with pytest.raises(
        ValueError, match="scoring='roc_auc_ovr' cannot be computed of the 20 valid"
    ) as e:
        quick(scoring="roc_auc_ovr").fit(X, y, X_val=X[:20], y_val=y[:20] % 2)
    assert "X_val and y_val" in str(e.value) and "\n" not in str(e.value)


MIXED = [[1, "a", 2] * 20, ["a", None, "b"] * 20, ["a", float("nan"), "b"] * 20, [True, "no"] * 30]


@pytest.mark.parametrize("y", MIXED)
@pytest.mark.parametrize("estimator", [quick(), NetClassifier(lambda f, o: None)])
@pytest.mark.parametrize("make", [list, lambda y: np.array(y, dtype=object)])
def test_text_mixed_with_other_values(make, estimator, y):
    with pytest.raises(
        ValueError, match=r"^y mixes text such as .* with other values such as"
    ) as error:
        estimator.fit(X, make(y))
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"^classes mixes text such as"):
        estimator.partial_fit(X, ["a", "b"] * 30, classes=make(y))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_text_as_objects_is_fine():
    clf = quick().fit(X, np.array(["a", "b"] * 30, dtype=object))
    assert clf.classes_.tolist() == ["a", "b"]
