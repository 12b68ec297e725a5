"""What the tests of the estimators share."""

import pytest


@pytest.fixture(scope="session")
def digits():
    """(500, 64) pixels from 0 to 1, and the digits."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X[:500] / 16.0, y[:500]


@pytest.fixture(scope="session")
def numbers():
    """(200, 10) numbers and one for each, all of about 1."""
    from sklearn.datasets import make_regression
    from sklearn.preprocessing import scale

    X, y = make_regression(200, 10, noise=5.0, random_state=0)
    return X, scale(y)
