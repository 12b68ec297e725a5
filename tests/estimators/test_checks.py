"""scikit-learn's checks of estimators, all of them, on every estimator."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

import gdcore as gd
from gdcore.estimators import (
    EXPECTED_FAILURES,
    MLPClassifier,
    MLPRegressor,
    NetClassifier,
    NetRegressor,
)
from gdcore.tabular import TableClassifier, TableRegressor

pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


class Small(gd.Sequential):
    """A class, not a function: the names of tests show it, and each process must give them the same ones."""

    def __init__(self, features, outputs):
        super().__init__([gd.Dense(16, activation="relu"), gd.Dense(outputs)])


INSTANCES = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    MLPClassifier(solver="lbfgs", max_iter=50, hidden_layer_sizes=(8,)),
    MLPRegressor(optimizer="adamw", learning_rate="one_cycle", normalization="layer", max_iter=50),
    NetClassifier(Small, max_iter=50),
    NetRegressor(Small),
    TableClassifier((16,), epochs=30, lr=0.02, patience=None),
    TableRegressor((16,), epochs=30, lr=0.02, patience=None),
]


def expected(estimator):
    return EXPECTED_FAILURES["estimator_checks"].get(type(estimator).__name__, {})


@parametrize_with_checks(INSTANCES, expected_failed_checks=expected)
def test_estimator(estimator, check):
    check(estimator)


def test_the_list_of_exceptions_is_short():
    listed = EXPECTED_FAILURES["estimator_checks"]
    assert set(listed) <= {type(e).__name__ for e in INSTANCES}
    assert sum(map(len, listed.values())) <= 2
