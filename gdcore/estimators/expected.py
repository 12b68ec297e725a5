"""The tests of scikit-learn that are expected to fail, each with its reason."""

from __future__ import annotations

# scikit-learn's own tests of its perceptrons (sklearn/neural_network/tests/test_mlp.py), run
# against these.
TEST_MLP: dict[str, str] = {
    "test_gradient": "calls _loss_grad_lbfgs, a private method that fills scikit-learn's own arrays",
}

# Checks of sklearn.utils.estimator_checks, by estimator.
ESTIMATOR_CHECKS: dict[str, dict[str, str]] = {}

EXPECTED_FAILURES = {"test_mlp": TEST_MLP, "estimator_checks": ESTIMATOR_CHECKS}
