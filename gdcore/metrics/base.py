"""The base class of metrics, and the metric that wraps a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gdcore.errors import listed
from gdcore.metrics import link
from gdcore.signatures import reversed_arguments

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["FunctionMetric", "Metric"]

ORDER = ("target", "prediction")  # in which a function is called, as in scikit-learn and Keras
# Types that may replace one another in a metric's state while it accumulates.
_KINDS: tuple[tuple[type, ...], ...] = ((int, float), (np.ndarray, type(None)))


class Metric:
    """A number computed over a whole epoch, batch by batch.

    Not an average of the batches' values: sums and counts (or, where there is no other way, the
    predictions themselves) are accumulated, so any batch size gives the same result.

    Parameters
    ----------
    name : str
        Its name in logs and histories.

    Attributes
    ----------
    name : str
    kind : str or None
        How the network's outputs are read, once bound.

    Notes
    -----
    A metric of your own overrides `reset`, `add` and `value`, and may narrow `tasks`.

    Examples
    --------
    >>> from gdcore.metrics import Accuracy
    >>> metric = Accuracy().bind("multiclass_probs")
    >>> metric.update([0, 1], [[0.9, 0.1], [0.8, 0.2]])
    >>> metric.update([1], [[0.3, 0.7]])
    >>> round(metric.result(), 4)
    0.6667
    >>> metric.reset()
    >>> metric.result()
    nan

    The largest error, whatever the batches:

    >>> import numpy as np
    >>> class Worst(Metric):
    ...     tasks = ("regression",)
    ...     def clear(self):
    ...         self.worst = 0.0
    ...     def add(self, y_true, scores, weights):
    ...         errors = np.abs(scores - np.asarray(y_true).reshape(scores.shape))
    ...         self.worst = max(self.worst, errors.max())
    ...     def value(self):
    ...         return float(self.worst)
    >>> metric = Worst("worst").bind("regression")
    >>> metric.update([1.0, 2.0], [1.5, 2.0])
    >>> metric.result()
    0.5
    """

    #: Tasks that the metric is defined for.
    tasks: tuple[str, ...] = ("multiclass", "binary", "multilabel", "regression")

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind: str | None = None
        self._seen = 0
        self.reset()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"

    def bind(self, kind: str) -> Self:
        """Set how the network's outputs are interpreted, and reset.

        Parameters
        ----------
        kind : str
            One of `gdcore.metrics.KINDS`.

        Returns
        -------
        Metric
            Itself.

        Raises
        ------
        ValueError
            If the kind is not known, or the metric not defined for it.
        """
        task = link.task_of(link.check_kind(kind))
        if task not in self.tasks:
            raise ValueError(
                f"metric {self.name!r} is not defined for {task} outputs, expected "
                f"{' or '.join(self.tasks)}: leave it out or choose another metric"
            )
        self.kind = kind
        self._seen = 0
        self.reset()
        return self

    def update(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Accumulate a batch.

        Parameters
        ----------
        y_true : array_like
            Multiclass: labels ``(n,)`` or one-hot ``(n, k)``; binary: ``(n,)`` or ``(n, 1)`` of
            0 and 1; multilabel: ``(n, k)`` of 0 and 1; regression: as `y_pred`.
        y_pred : array_like
            Outputs of the network, ``(n, k)``, ``(n, 1)`` or ``(n,)``.
        sample_weight : array_like, optional
            Shape ``(n,)``; 1 for each row by default.

        Raises
        ------
        ValueError, TypeError
            If the metric is not bound, or shapes and values do not fit together.
        """
        if self.kind is None:
            raise ValueError(
                f"metric {self.name!r} does not know how to read outputs, expected a kind: "
                f"call bind() first with one of {', '.join(link.KINDS)}"
            )
        scores = link.table(y_pred, self.kind)
        self.add(y_true, scores, link.row_weights(sample_weight, len(scores)))
        self._seen += len(scores)

    def result(self) -> Any:
        """Return the value over everything since the last reset; NaN if that is nothing.

        Returns
        -------
        float
            An array in the case of `ConfusionMatrix`.
        """
        return self.value() if self._seen else float("nan")

    def reset(self) -> None:
        """Clear what was accumulated; called at the start of every epoch."""
        self._seen = 0
        self.clear()

    def state_dict(self) -> dict[str, Any]:
        """What was accumulated since the last reset, for a checkpoint in the middle of an epoch.

        Returns
        -------
        dict
            All attributes but the name, the kind and functions.

        Examples
        --------
        >>> from gdcore.metrics import Accuracy
        >>> Accuracy().state_dict()
        {'_seen': 0, '_right': 0.0, '_total': 0.0}
        """
        return {
            k: v for k, v in vars(self).items() if k not in ("name", "kind") and not callable(v)
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`.

        Parameters
        ----------
        state : mapping
            What `state_dict` gave.

        Raises
        ------
        ValueError
            If it holds other names than this metric's own, or values of another kind.

        Examples
        --------
        >>> from gdcore.metrics import Accuracy
        >>> one, other = (Accuracy().bind("multiclass_probs") for _ in range(2))
        >>> one.update([0, 1], [[0.9, 0.1], [0.8, 0.2]])
        >>> other.load_state_dict(one.state_dict())
        >>> other.result()
        0.5
        """
        own = Metric.state_dict(self)
        if set(state) != set(own):
            raise ValueError(
                f"the state of metric {self.name!r} holds {listed(state) or 'nothing'}: "
                f"expected {', '.join(own)}"
            )
        for key, value in state.items():
            kinds = next((k for k in _KINDS if isinstance(own[key], k)), (type(own[key]),))
            if not isinstance(value, kinds):
                raise ValueError(
                    f"the state of metric {self.name!r} holds a {type(value).__name__} as {key!r}: "
                    f"expected {' or '.join(k.__name__ for k in kinds)}"
                )
        vars(self).update(state)

    def clear(self) -> None:
        """Set the sums to zero (for subclasses)."""

    def add(
        self, y_true: ArrayLike, scores: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        """Accumulate scores and their targets; written by a subclass.

        Parameters
        ----------
        y_true : array_like
            As `update` got it.
        scores : ndarray of shape (rows, columns)
            Outputs of the network.
        weights : ndarray of shape (rows,), or None
        """
        raise NotImplementedError

    def value(self) -> Any:
        """Return the value over what was accumulated, at least one row; written by a subclass.

        Returns
        -------
        float or ndarray
        """
        raise NotImplementedError


def ratio(above: float, below: float) -> float:
    """Return the quotient, 0.0 where it would divide by zero."""
    return float(above / below) if below else 0.0


def no_number(name: str, found: Any) -> TypeError:
    """Build (not raise) the error of a metric function that gives no number."""
    return TypeError(
        f"the metric function {name!r} returned {type(found).__name__}: expected one number; it "
        "gets NumPy arrays (y_true, y_pred), so compute it with NumPy, not gd.ops"
    )


class FunctionMetric(Metric):
    """Any ``function(y_true, y_pred)``, called once with the whole epoch.

    Parameters
    ----------
    function : callable
        Gets the truth as it was passed, and the predictions as ``(n, k)`` (``(n,)`` where there
        is one output), logits having been turned into probabilities. Sample weights are not
        passed on. Where the names of its arguments say the other order, as (pred, target) do, it is
        called in that order.
    name : str, optional
        The function's own by default.

    Raises
    ------
    TypeError
        If it does not take two arguments.

    Examples
    --------
    >>> worst = FunctionMetric(lambda t, p: abs(t - p).max(), name="worst").bind("regression")
    >>> worst.update([1.0, 2.0], [1.5, 2.0])
    >>> worst.result()
    0.5
    """

    def __init__(self, function: Callable[[Any, Any], float], name: str | None = None) -> None:
        self.function = function
        reversed_arguments(function, ORDER)  # raises
        super().__init__(name or str(getattr(function, "__name__", type(function).__name__)))

    def clear(self) -> None:
        self._truth: list[NDArray[Any]] = []
        self._scores: list[NDArray[Any]] = []

    def add(
        self, y_true: ArrayLike, scores: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        assert self.kind is not None
        self._truth.append(np.array(y_true))  # copies: the loop may reuse its buffers
        self._scores.append(link.probabilities(scores, self.kind))

    def value(self) -> Any:
        truth, scores = np.concatenate(self._truth), np.concatenate(self._scores)
        if scores.shape[1] == 1:
            scores = scores[:, 0]
            truth = truth.reshape(-1) if truth.size == scores.size else truth
        order = (scores, truth) if reversed_arguments(self.function, ORDER) else (truth, scores)
        found = self.function(*order)
        try:
            return float(found)
        except TypeError:
            raise no_number(self.name, found) from None
