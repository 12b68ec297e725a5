"""Metrics of real values: MSE, MAE, RMSE and R².

Several outputs are measured one by one and averaged evenly. For outputs that are classes the
values are the probabilities, and the truth is 0 and 1 (so that MSE is the Brier score).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gdcore.metrics import link
from gdcore.metrics.base import Metric

__all__ = ["MAE", "MSE", "R2", "RMSE"]


class _Errors(Metric):
    """The weighted sum of a function of the errors, for every output."""

    def clear(self) -> None:
        self._sum: NDArray[np.float64] = np.zeros(1)
        self._weight = 0.0

    def add(
        self, y_true: ArrayLike, scores: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        assert self.kind is not None
        errors = link.probabilities(scores, self.kind) - link.targets(y_true, scores, self.kind)
        cost = self.cost(errors)
        self._sum = self._sum + (cost.sum(axis=0) if weights is None else weights @ cost)
        self._weight += float(len(scores)) if weights is None else float(weights.sum())

    def cost(self, errors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each error costs."""
        return errors * errors

    def mean(self) -> NDArray[np.float64]:
        """Return the mean cost of every output."""
        return self._sum / self._weight if self._weight else np.zeros_like(self._sum)

    def value(self) -> float:
        return float(self.mean().mean())


class MSE(_Errors):
    """Mean squared error.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> metric = MSE().bind("regression")
    >>> metric.update([1.0, 2.0], [1.0, 4.0])
    >>> metric.result()
    2.0
    """

    def __init__(self, name: str = "mse") -> None:
        super().__init__(name)


class RMSE(_Errors):
    """Root of the mean squared error, of every output by itself.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> metric = RMSE().bind("regression")
    >>> metric.update([1.0, 2.0, 3.0, 4.0], [1.0, 4.0, 3.0, 4.0])
    >>> metric.result()
    1.0
    """

    def __init__(self, name: str = "rmse") -> None:
        super().__init__(name)

    def value(self) -> float:
        return float(np.sqrt(self.mean()).mean())


class MAE(_Errors):
    """Mean absolute error.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> metric = MAE().bind("regression")
    >>> metric.update([1.0, 2.0], [1.0, 4.0])
    >>> metric.result()
    1.0
    """

    def __init__(self, name: str = "mae") -> None:
        super().__init__(name)

    def cost(self, errors: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.abs(errors)


class R2(Metric):
    """Coefficient of determination, ``1 - sum (t - p)² / sum (t - mean t)²``.

    Where the truth does not vary: 1.0 if it is predicted exactly, else 0.0, as in scikit-learn.

    Parameters
    ----------
    name : str

    References
    ----------
    The batches' means and squares are merged after Chan, Golub and LeVeque (1979), which does
    not lose digits when the mean is large.

    Examples
    --------
    >>> metric = R2().bind("regression")
    >>> metric.update([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    >>> metric.result()
    0.5
    """

    def __init__(self, name: str = "r2") -> None:
        super().__init__(name)

    def clear(self) -> None:
        self._weight = 0.0
        self._mean: NDArray[np.float64] = np.zeros(1)
        self._spread: NDArray[np.float64] = np.zeros(1)
        self._residual: NDArray[np.float64] = np.zeros(1)

    def add(
        self, y_true: ArrayLike, scores: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        assert self.kind is not None
        truth = link.targets(y_true, scores, self.kind)
        row = np.ones(len(truth)) if weights is None else weights
        weight = float(row.sum())
        if weight <= 0:
            return
        mean = row @ truth / weight
        spread = row @ (truth - mean) ** 2
        step = mean - self._mean
        total = self._weight + weight
        self._spread = self._spread + spread + step * step * (self._weight * weight / total)
        self._mean = self._mean + step * (weight / total)
        self._weight = total
        self._residual = self._residual + row @ (
            (truth - link.probabilities(scores, self.kind)) ** 2
        )

    def value(self) -> float:
        constant = self._spread == 0
        share = self._residual / np.where(constant, 1.0, self._spread)
        each = np.where(constant, (self._residual == 0).astype(np.float64), 1.0 - share)
        return float(each.mean())
