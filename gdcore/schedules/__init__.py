"""Learning rates as a function of the optimizer step.

A schedule is a frozen object, called with the global step (0 for the very first update) or with
an array of steps: a whole epoch's learning rates are computed in one call. Steps are the only
unit. With ``n`` rows in batches of ``b``, an epoch has ``math.ceil(n / b)`` steps, so "every 30
epochs" is ``30 * math.ceil(n / b)``.

`Schedule.update` is called with the logs of each epoch; of the schedules here, only
`ReduceOnPlateau` depends on them.
"""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING

from gdcore.lazy import lazy_names
from gdcore.schedules.base import Constant, Schedule

if TYPE_CHECKING:
    from gdcore.schedules.curves import Exponential, MultiStep, Polynomial, Step
    from gdcore.schedules.cycles import (
        Cosine,
        CosineRestarts,
        FlatCosine,
        LogCosine,
        OneCycle,
        Warmup,
    )
    from gdcore.schedules.named import from_config, from_name, to_config
    from gdcore.schedules.pieces import Piecewise, Until
    from gdcore.schedules.plateau import ReduceOnPlateau

__all__ = [
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "FlatCosine",
    "LogCosine",
    "MultiStep",
    "OneCycle",
    "Piecewise",
    "Polynomial",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "Until",
    "Warmup",
    "from_config",
    "from_name",
    "get",
    "to_config",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "Exponential": "gdcore.schedules.curves",
        "MultiStep": "gdcore.schedules.curves",
        "Polynomial": "gdcore.schedules.curves",
        "Step": "gdcore.schedules.curves",
        "Cosine": "gdcore.schedules.cycles",
        "CosineRestarts": "gdcore.schedules.cycles",
        "FlatCosine": "gdcore.schedules.cycles",
        "LogCosine": "gdcore.schedules.cycles",
        "OneCycle": "gdcore.schedules.cycles",
        "Warmup": "gdcore.schedules.cycles",
        "Piecewise": "gdcore.schedules.pieces",
        "Until": "gdcore.schedules.pieces",
        "from_config": "gdcore.schedules.named",
        "from_name": "gdcore.schedules.named",
        "to_config": "gdcore.schedules.named",
        "ReduceOnPlateau": "gdcore.schedules.plateau",
    },
)


def get(spec: object) -> Schedule:
    """Return the schedule that `spec` stands for.

    Parameters
    ----------
    spec : Schedule or float
        An object, or a number (constant).

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        If the number is negative or not finite.
    TypeError
        If `spec` is neither.

    Examples
    --------
    >>> get(0.1)
    Constant(lr=0.1)
    """
    if isinstance(spec, Schedule):
        return spec
    if isinstance(spec, numbers.Real) and not isinstance(spec, bool):
        return Constant(float(spec))
    raise TypeError(
        f"a learning rate must be a number or a schedule, got {type(spec).__name__}: "
        "pass for example 1e-3 or Cosine(1e-3, decay_steps=1000)"
    )
