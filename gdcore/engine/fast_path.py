"""A call that was made before, made again with arrays of the same kind: nothing is asked twice.

Checking data, finding a plan and gathering the arguments of C takes Python ten times longer than a small
network takes to learn from a batch. So the first call leaves a note of what the arrays looked like, and a
later one whose arrays look the same goes straight to C. Whatever is different goes the long way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore import runtime
from gdcore.engine.session import SOURCES, Kinds
from gdcore.engine.steps import Step
from gdcore.graph.ir import INT, Value
from gdcore.layers.base import Layer, fixed_shape

if TYPE_CHECKING:
    from gdcore.engine.engine import Compiled

# Letters of the buffer protocol by the names of the types that need no conversion beforehand.
LETTERS = {n: np.empty(0, n).data.format for n in ("float32", "float64", "int32", "int64", "uint8")}


class Again:
    """What one call of a model's looked like.

    Parameters
    ----------
    model : Compiled
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
        model: Compiled,
        step: Step,
        batches: tuple[int, int],
        arrays: Sequence[np.ndarray],
        limits: Sequence[int],
        finite: bool,
    ) -> None:
        self.steps, self.memory, self.freezes = model._steps, model._memory, Layer.freezes
        self.gate = model.memory().gate
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

    def holds(self, model: Compiled) -> bool:
        """Whether the model is as it was: no other plans, memory or layers that are trained."""
        return (
            model._steps is self.steps
            and model._memory is self.memory
            and Layer.freezes == self.freezes
        )

    def train(self, model: Compiled, arrays: tuple[Any, ...]) -> float | None:
        """One training step: its loss, or None where the long way is to be gone."""
        numbers = self.step.numbers
        assert numbers is not None
        rows, row = numbers.one(model.steps_done)
        return self.session.again(self.kinds, arrays, (), rows, row, model.seed, model.steps_done)

    def predict(self, x: np.ndarray) -> np.ndarray | None:
        """The one output for the samples of the one input, or None."""
        out = np.empty((len(x), *self.shapes[0]), self.real)
        done = self.session.again(self.kinds, (x,), (out,), None, 0, 0, 0)
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
