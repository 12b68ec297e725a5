"""Metrics: numbers accumulated batch by batch and computed over a whole epoch.

A metric is bound to a *kind* of output (``metric.bind("multiclass_logits")``), fed with
``update(y_true, y_pred, sample_weight)``, read with ``result()``. The training loop does all
three; `evaluate` does them for arrays. A sum that would be divided by zero gives 0.0, an empty
epoch gives NaN.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gdcore.lazy import LazyTable, lazy_names
from gdcore.metrics.base import FunctionMetric, Metric
from gdcore.metrics.link import KINDS
from gdcore.names import ABSENT_METRICS, canonical
from gdcore.names import METRICS as OTHER_NAMES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from gdcore.metrics.classification import F1, Accuracy, Precision, Recall, TopK
    from gdcore.metrics.ranking import ROCAUC, ConfusionMatrix
    from gdcore.metrics.regression import MAE, MSE, R2, RMSE

__all__ = [
    "F1",
    "KINDS",
    "MAE",
    "MSE",
    "R2",
    "RMSE",
    "ROCAUC",
    "Accuracy",
    "ConfusionMatrix",
    "FunctionMetric",
    "Metric",
    "Precision",
    "Recall",
    "TopK",
    "evaluate",
    "get",
]

_BY_NAME: LazyTable[Callable[..., Metric]] = LazyTable(
    {
        "accuracy": "gdcore.metrics.classification:Accuracy",
        "acc": "gdcore.metrics.classification:Accuracy",
        "precision": "gdcore.metrics.classification:Precision",
        "recall": "gdcore.metrics.classification:Recall",
        "f1": "gdcore.metrics.classification:F1",
        "roc_auc": "gdcore.metrics.ranking:ROCAUC",
        "auc": "gdcore.metrics.ranking:ROCAUC",
        "confusion_matrix": "gdcore.metrics.ranking:ConfusionMatrix",
        "mse": "gdcore.metrics.regression:MSE",
        "mean_squared_error": "gdcore.metrics.regression:MSE",
        "mae": "gdcore.metrics.regression:MAE",
        "mean_absolute_error": "gdcore.metrics.regression:MAE",
        "rmse": "gdcore.metrics.regression:RMSE",
        "root_mean_squared_error": "gdcore.metrics.regression:RMSE",
        "r2": "gdcore.metrics.regression:R2",
    }
)
_AVERAGED = ("precision", "recall", "f1")

__getattr__, __dir__ = lazy_names(
    __name__, __all__, {**_BY_NAME.modules, "TopK": "gdcore.metrics.classification"}
)


def get(spec: object) -> Metric:
    """Return the metric that `spec` stands for.

    Parameters
    ----------
    spec : Metric, str or callable
        An object; a name such as "accuracy", "f1_micro" (any of precision, recall, f1 with
        _binary, _macro, _micro or _weighted) or "top_5_accuracy" (any k; "top_k" is k = 5),
        which the new metric keeps as its own name; names that Keras has, such as
        "binary_accuracy", are understood too; or a ``function(y_true, y_pred)``, see
        `FunctionMetric`.

    Returns
    -------
    Metric
        Not bound yet, unless `spec` is a metric that is.

    Raises
    ------
    ValueError
        If the name is not known.
    TypeError
        If `spec` is none of these.

    Examples
    --------
    >>> get("acc"), get("top_3_accuracy").k, get("f1_micro").average
    (Accuracy(name='acc'), 3, 'micro')
    """
    if isinstance(spec, Metric):
        return spec
    if isinstance(spec, str):
        if spec in _BY_NAME:
            return _BY_NAME[spec](name=spec)
        stem, _, average = spec.rpartition("_")
        if stem in _AVERAGED and average in ("binary", "macro", "micro", "weighted"):
            return _BY_NAME[stem](average=average, name=spec)
        top = re.fullmatch(r"top_(k|[1-9][0-9]{0,8})(_accuracy)?", spec)
        if top:
            from gdcore.metrics.classification import TopK

            return TopK(5 if top[1] == "k" else int(top[1]), name=spec)
        known = [*_BY_NAME, "f1_micro", "top_5_accuracy"]
        found = get(canonical("metric", spec, known, OTHER_NAMES, ABSENT_METRICS))
        found.name = spec
        return found
    if isinstance(spec, type) and issubclass(spec, Metric):
        made: Callable[[], Metric] = spec
        return made()
    if callable(spec):
        return FunctionMetric(spec)
    raise TypeError(
        "a metric must be a name, a Metric or a function of (y_true, y_pred), got "
        f"{type(spec).__name__}: pass for example 'accuracy'"
    )


def evaluate(
    metric: object,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    kind: str | None = None,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """Return a metric of arrays at once.

    Parameters
    ----------
    metric : Metric, str or callable
        See `get`; a metric that is passed is reset first.
    y_true, y_pred, sample_weight
        See `Metric.update`.
    kind : str, optional
        One of `KINDS`; may be left out for a metric that is already bound.

    Returns
    -------
    float or ndarray
        See `Metric.result`.

    Raises
    ------
    ValueError, TypeError
        As `get`, `Metric.bind` and `Metric.update` do.

    Examples
    --------
    >>> evaluate("mae", [1.0, 2.0], [1.5, 2.0], "regression")
    0.25
    """
    chosen = get(metric)
    if kind is not None:
        chosen.bind(kind)
    chosen.reset()
    chosen.update(y_true, y_pred, sample_weight)
    return chosen.result()
