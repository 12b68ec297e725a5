"""scikit-learn estimators: `MLPClassifier` and `MLPRegressor` with scikit-learn's own arguments and
more, and `NetClassifier` and `NetRegressor`, which wrap any gdcore model.

>>> from gdcore.estimators import MLPClassifier
>>> from sklearn.datasets import load_iris
>>> X, y = load_iris(return_X_y=True)
>>> clf = MLPClassifier(hidden_layer_sizes=(32,), max_iter=1000, random_state=0).fit(X, y)
>>> bool(clf.score(X, y) > 0.95)
True

Needs the extra `sklearn`: ``pip install "gdcore[sklearn]"``.
"""

from importlib.util import find_spec

from gdcore.errors import missing

if find_spec("sklearn") is None:
    raise missing("gdcore.estimators needs scikit-learn", "sklearn")

from gdcore.estimators.expected import EXPECTED_FAILURES
from gdcore.estimators.mlp import MLPClassifier, MLPRegressor
from gdcore.estimators.net import NetClassifier, NetRegressor

__all__ = [
    "EXPECTED_FAILURES",
    "MLPClassifier",
    "MLPRegressor",
    "NetClassifier",
    "NetRegressor",
]
