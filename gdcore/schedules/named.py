"""Schedules by name: as settings give them, and as files keep them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from gdcore.errors import unknown
from gdcore.schedules.base import Constant, Schedule
from gdcore.schedules.curves import Exponential, MultiStep, Polynomial, Step
from gdcore.schedules.cycles import Cosine, CosineRestarts, FlatCosine, LogCosine, OneCycle, Warmup
from gdcore.schedules.pieces import Piecewise, Until
from gdcore.schedules.plateau import ReduceOnPlateau

__all__ = ["from_config", "from_name", "to_config"]

_BY_NAME: dict[str, Callable[[float, int], Schedule]] = {
    "constant": lambda lr, total: Constant(lr),
    "step": lambda lr, total: Step(lr, max(1, -(-total // 3)), 0.1),
    "exponential": lambda lr, total: Exponential(lr, 0.01, total),
    "polynomial": lambda lr, total: Polynomial(lr, total),
    "cosine": lambda lr, total: Cosine(lr, total),
    "flat_cosine": lambda lr, total: FlatCosine(lr, total),
    "coslog4": lambda lr, total: LogCosine(lr, total, 4),
    "one_cycle": lambda lr, total: OneCycle(lr, total),
    "warmup_cosine": lambda lr, total: Warmup(Cosine(lr, max(1, total - total // 20)), total // 20),
}
_CLASSES: dict[str, type[Any]] = {
    "constant": Constant,
    "step": Step,
    "multi_step": MultiStep,
    "exponential": Exponential,
    "polynomial": Polynomial,
    "cosine": Cosine,
    "cosine_restarts": CosineRestarts,
    "flat_cosine": FlatCosine,
    "log_cosine": LogCosine,
    "one_cycle": OneCycle,
    "piecewise": Piecewise,
    "until": Until,
    "warmup": Warmup,
    "reduce_on_plateau": ReduceOnPlateau,
}


def from_name(name: str, lr: float, total_steps: int) -> Schedule:
    """Return a schedule by name, stretched over a training of known length.

    Parameters
    ----------
    name : str
        "constant"; "step" (a tenth after each third); "exponential" (down to 1 %);
        "polynomial" (a line to 0); "cosine" (to 0); "flat_cosine" (the
        same, over the second half); "coslog4" (four humps, each twice as long as the last);
        "one_cycle" (`lr` is its peak); "warmup_cosine" (the first twentieth is warm-up).
    lr : float
        The highest learning rate.
    total_steps : int
        Steps of the whole training, at least 1.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        If the name is not known or `total_steps` is below 1.

    Examples
    --------
    >>> from_name("cosine", 0.1, 1000)
    Cosine(lr=0.1, decay_steps=1000, end=0.0)
    """
    if name not in _BY_NAME:
        raise unknown("schedule", name, _BY_NAME)
    if total_steps < 1:
        raise ValueError(
            f"total_steps must be at least 1, got {total_steps}: pass epochs times steps per epoch"
        )
    return _BY_NAME[name](lr, total_steps)


def to_config(schedule: Schedule) -> dict[str, Any]:
    """Return a JSON-able description that `from_config` turns back into the schedule.

    The progress of a `ReduceOnPlateau` is not in it: that is its ``state_dict()``.

    Parameters
    ----------
    schedule : Schedule

    Returns
    -------
    dict

    Raises
    ------
    TypeError
        If it is a class of your own, which cannot be written down.

    Examples
    --------
    >>> to_config(Constant(0.1))
    {'name': 'constant', 'lr': 0.1}
    """
    for name, cls in _CLASSES.items():
        if type(schedule) is cls:
            config: dict[str, Any] = {"name": name}
            for option in _options(cls):
                value = getattr(schedule, option)
                if isinstance(value, Schedule):
                    value = to_config(value)
                config[option] = list(value) if isinstance(value, tuple) else value
            return config
    raise TypeError(
        f"{type(schedule).__name__} cannot be saved, only the built-in schedules can: "
        f"use one of {', '.join(_CLASSES)}"
    )


def from_config(config: Mapping[str, Any]) -> Schedule:
    """Return the schedule that `to_config` described.

    Parameters
    ----------
    config : mapping

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        If the name or one of the options is not known.

    Examples
    --------
    >>> from_config({"name": "constant", "lr": 0.1})
    Constant(lr=0.1)
    """
    name = config.get("name")
    if name not in _CLASSES:
        raise unknown("schedule", name, _CLASSES)
    known = _options(_CLASSES[name])
    options: dict[str, Any] = {}
    for key, value in config.items():
        if key == "name":
            continue
        if key not in known:
            raise unknown(f"option of schedule {name!r}", key, known)
        options[key] = from_config(value) if isinstance(value, Mapping) else value
    schedule: Schedule = _CLASSES[name](**options)
    return schedule


def _options(cls: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(cls) if field.init]
