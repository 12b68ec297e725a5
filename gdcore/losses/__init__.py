"""Losses: what training minimizes.

A loss is a function of traced values, ``loss(prediction, target)``, that returns a scalar, or one
number for each sample. The named ones return one for each sample, so that samples can be weighted;
the loss of a batch is their mean, Σ weight · loss / B.

Whether an output holds probabilities or logits is inferred from its range, so that `from_logits` is
rarely needed: bounded by 0 and 1 it holds probabilities, unbounded it holds logits. `readings`
decides it once for loss, metrics and `predict_proba`; where it is uncertain a warning says what was
assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gdcore.lazy import LazyTable, lazy_names
from gdcore.losses.base import Loss, class_numbers
from gdcore.names import ABSENT_LOSSES, canonical
from gdcore.names import LOSSES as OTHER_NAMES
from gdcore.signatures import reversed_arguments

if TYPE_CHECKING:
    from gdcore.losses.classification import (
        BinaryCrossEntropy,
        CrossEntropy,
        Hinge,
        KLDivergence,
        SquaredHinge,
    )
    from gdcore.losses.custom import Custom
    from gdcore.losses.regression import (
        CosineSimilarity,
        Huber,
        LogCosh,
        MeanAbsoluteError,
        MeanSquaredError,
        Poisson,
        Quantile,
    )

LOSSES: LazyTable[type[Loss]] = LazyTable(
    {
        "mse": "gdcore.losses.regression:MeanSquaredError",
        "mae": "gdcore.losses.regression:MeanAbsoluteError",
        "huber": "gdcore.losses.regression:Huber",
        "log_cosh": "gdcore.losses.regression:LogCosh",
        "cross_entropy": "gdcore.losses.classification:CrossEntropy",
        "binary_cross_entropy": "gdcore.losses.classification:BinaryCrossEntropy",
        "hinge": "gdcore.losses.classification:Hinge",
        "squared_hinge": "gdcore.losses.classification:SquaredHinge",
        "poisson": "gdcore.losses.regression:Poisson",
        "quantile": "gdcore.losses.regression:Quantile",
        "kl_divergence": "gdcore.losses.classification:KLDivergence",
        "cosine_similarity": "gdcore.losses.regression:CosineSimilarity",
    }
)

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "CosineSimilarity",
    "CrossEntropy",
    "Custom",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "Quantile",
    "SquaredHinge",
    "class_numbers",
    "get",
]

__getattr__, __dir__ = lazy_names(
    __name__, __all__, {**LOSSES.modules, "Custom": "gdcore.losses.custom"}
)


def get(spec: Any) -> Loss:
    """A loss from its name, an instance, a class, or a function of (prediction, target).

    Parameters
    ----------
    spec : str, Loss, subclass of it, or callable
        Names that Keras has, such as "sparse_categorical_crossentropy", are understood too.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else, and for a loss whose `__call__` takes (target, prediction).

    Examples
    --------
    >>> from gdcore import losses
    >>> losses.get("huber"), losses.get("mean_squared_error")
    (Huber(delta=1.0), MeanSquaredError())
    """
    if isinstance(spec, str):
        return LOSSES[canonical("loss", spec, LOSSES, OTHER_NAMES, ABSENT_LOSSES)]()
    if isinstance(spec, type) and issubclass(spec, Loss):
        spec = spec()
    if isinstance(spec, Loss):
        if reversed_arguments(spec, ("prediction", "target")):
            raise TypeError(
                f"{type(spec).__name__}.__call__ names its arguments as (target, prediction): "
                "expected (prediction, target), the order in which a gd.losses.Loss is called"
            )
        return spec
    if callable(spec):
        from gdcore.losses.custom import Custom

        return Custom(spec)
    raise TypeError(
        f"loss {spec!r}: expected a name, a loss, or a function of (prediction, target)"
    )
