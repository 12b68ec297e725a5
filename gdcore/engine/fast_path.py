"""The fast path of repeated calls: skips validation for arrays of the same shapes and types as at the last call.

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
    """A step, and the arrays for which it may be called without validation.

    Parameters
    ----------
    steps : dict
        The engine's cache of steps; a new one invalidates the fast path.
    bound : Parameters
        The engine's parameters; others, or a stale store, invalidate the fast path.
    step : Step
        What is run.
    batches : (int, int)
        The smallest and the largest number of samples for which this step is the right one.
    arrays : sequence of ndarray
        Examples of the arrays, in the order of the step's inputs: later ones must match their dtype, and
        their shape but for the number of samples.
    limits : sequence of int
        For each array of whole numbers, the value that all must be below; 0 for no limit.
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
        self.lock = self.store.lock
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
        self.shape = step.output_shapes[0] if step.output_shapes else ()

    def holds(self, steps: dict[Any, Step], bound: Parameters | None) -> bool:
        """Whether the fast path is still valid for an engine with these steps and parameters."""
        return steps is self.steps and bound is self.bound and not self.store.stale

    def train(self, arrays: tuple[Any, ...], seed: int, steps_done: int) -> float | None:
        """One training step: its loss, or None if the arrays have to be validated."""
        numbers = self.step.numbers
        assert numbers is not None
        rows, row = numbers.one(steps_done)
        return self.session.repeat(self.kinds, arrays, (), rows, row, seed, steps_done)

    def predict(self, x: np.ndarray) -> np.ndarray | None:
        """The output (samples, ...) of a model of one input and one output, or None as for `train`."""
        out = np.empty((len(x), *self.shape), self.real)
        done = self.session.repeat(self.kinds, (x,), (out,), None, 0, 0, 0)
        return out if done is not None else None


def batch_key(rows: int) -> int:
    """Equal for the numbers of samples that one plan of prediction serves: those up to the same power of two."""
    return (rows - 1).bit_length()


def plain(array: Any) -> bool:
    """Whether it is an array that C can read without conversion: contiguous, native, of a type of `LETTERS`."""
    return (
        type(array) is np.ndarray
        and array.dtype.name in LETTERS
        and array.dtype.isnative
        and array.flags.c_contiguous
        and array.ndim > 0
    )


def class_limit(output: Value) -> int:
    """The number of classes, if an output is a vector of one score for each; else 0."""
    shape = fixed_shape(output.shape[1:], "an output")
    return shape[-1] if len(shape) == 1 and shape[-1] > 1 else 0
