"""The fast path of repeated calls: skips validation for arrays of the same kind as those of the last call.

Validating data, looking up a plan and gathering the arguments of C takes Python ten times longer than a small
network takes to learn from a batch. So the first call notes the types and shapes of its arrays, and a later
one whose arrays match goes straight to C. Whatever differs is validated as usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore import runtime
from gdcore.engine.parameters import Parameters
from gdcore.engine.session import SOURCES, Kinds
from gdcore.engine.steps import Step
from gdcore.graph.ir import INT, Value
from gdcore.layers.base import fixed_shape

# Letters of the buffer protocol by the names of the types that need no conversion beforehand.
LETTERS = {n: np.empty(0, n).data.format for n in ("float32", "float64", "int32", "int64", "uint8")}


class FastPath:
    """What one call of a model's looked like.

    Parameters
    ----------
    steps : dict
        The engine's, as they were.
    bound : Parameters
        Likewise.
    step : Step
        That was taken.
    batches : (int, int)
        The least and the largest number of samples that take this step.
    arrays : sequence of ndarray
        What was given, in the order of the step's inputs.
    limits : sequence of int
        For each array 1 + the largest whole number that may be in it, or 0.
    finite : bool
        Whether reals must be finite.
    """

    def __init__(
        self,
        steps: dict[Any, Step],
        bound: Parameters,
        step: Step,
        batches: tuple[int, int],
        arrays: Sequence[np.ndarray],
        limits: Sequence[int],
        finite: bool,
    ) -> None:
        self.steps, self.bound, self.store = steps, bound, bound.store
        self.gate = self.store.gate
        self.step, self.session = step, step.session
        plan = self.session.plan
        self.kinds = Kinds(
            runtime.ISA,
            plan.bits,
            *batches,
            [
                (
                    LETTERS[a.dtype.name],
                    a.shape[1:],
                    SOURCES[a.dtype.name],
                    int(leaf.dtype == INT),
                    scale,
                    limit,
                    finite,
                )
                for a, leaf, scale, limit in zip(
                    arrays, self.session.inputs, self.session.scales, limits, strict=True
                )
            ],
        )
        self.real = self.session.real
        self.shapes = step.output_shapes

    def holds(self, steps: dict[Any, Step], bound: Parameters | None) -> bool:
        """Whether an engine is as it was: no other plans or parameters, and these in the same store."""
        return steps is self.steps and bound is self.bound and not self.store.stale

    def train(self, arrays: tuple[Any, ...], seed: int, steps_done: int) -> float | None:
        """One training step: its loss, or None where the arrays want validation."""
        numbers = self.step.numbers
        assert numbers is not None
        rows, row = numbers.one(steps_done)
        return self.session.repeat(self.kinds, arrays, (), rows, row, seed, steps_done)

    def predict(self, x: np.ndarray) -> np.ndarray | None:
        """The one output for the samples of the one input, or None."""
        out = np.empty((len(x), *self.shapes[0]), self.real)
        done = self.session.repeat(self.kinds, (x,), (out,), None, 0, 0, 0)
        return out if done is not None else None


def plain(array: Any) -> bool:
    """Whether it is an array that C can read as it is."""
    return (
        type(array) is np.ndarray
        and array.dtype.name in LETTERS
        and array.dtype.isnative
        and array.flags.c_contiguous
        and array.ndim > 0
    )


def class_limit(output: Value) -> int:
    """How many classes an output tells apart, if it is one score for each."""
    shape = fixed_shape(output.shape[1:], "an output")
    return shape[-1] if len(shape) == 1 and shape[-1] > 1 else 0
