"""How many planned steps a model keeps, whatever sizes of batches and lengths of sequences come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gdcore.engine.steps import Step

KEPT_STEPS = 64  # planned steps of a model, at most
LATEST = 16  # so many are kept whatever memory they take
KEPT_BYTES = 1 << 30  # of all of them else

Steps = dict[Any, Step]


def crowded(steps: Steps) -> bool:
    """Whether there are so many steps that it matters which were used last."""
    return len(steps) >= LATEST


def newest(steps: Steps, key: tuple[Any, ...], make: Callable[[], Step]) -> Step:
    """The step of a key, made if it is not there; those that were used longest ago are dropped beyond the limits.

    The dict is in the order of use. It stays the same object, by which fast paths know that it is valid.
    """
    found = steps.pop(key, None)
    if found is None:
        found = make()
    steps[key] = found
    held = sum(step.session.nbytes for step in steps.values()) if len(steps) > LATEST else 0
    while len(steps) > KEPT_STEPS or (len(steps) > LATEST and held > KEPT_BYTES):
        held -= steps.pop(next(iter(steps))).session.nbytes
    return found
