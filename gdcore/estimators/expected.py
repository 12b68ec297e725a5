"""The tests of scikit-learn that are expected to fail, each with its reason."""

from __future__ import annotations

# scikit-learn's own tests of its perceptrons (sklearn/neural_network/tests/test_mlp.py), run
# against these.
TEST_MLP: dict[str, str] = {
    "test_gradient": "calls _loss_grad_lbfgs, a private method that fills scikit-learn's own arrays",
}

# Checks of sklearn.utils.estimator_checks, by estimator.
_BY_ROWS = {
    "check_sample_weight_equivalence_on_dense_data": "which rows are set apart and make up a batch, and "
    "what a column's mean is, goes by rows: a row of weight 2 is not the same as two rows",
}
ESTIMATOR_CHECKS: dict[str, dict[str, str]] = {
    "TableClassifier": _BY_ROWS,
    "TableRegressor": _BY_ROWS,
}

EXPECTED_FAILURES = {"test_mlp": TEST_MLP, "estimator_checks": ESTIMATOR_CHECKS}
