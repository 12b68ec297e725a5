"""Where the first number that is not finite came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gdcore.graph.ir import REAL, Value
from gdcore.steps import Builder, Target

if TYPE_CHECKING:
    from gdcore.fitting import Data


def describe(value: Value, depth: int = 2) -> str:
    """A value in words: its name, or how it is made."""
    if value.name:
        return value.name
    if value.op.kind == "leaf" or not depth:
        return value.op.name
    named = [describe(x, depth - 1) for x in value.inputs if x.op.name not in ("constant", "count")]
    return f"{value.op.name}({', '.join(named)})" if named else value.op.name


def first_bad_tensor(
    builder: Builder, targets: tuple[Target, ...], data: Data, seed: int, counter: int
) -> str:
    """Run a step again with every tensor kept, and name the first that is not finite.

    Parameters
    ----------
    builder : of the model, whose memory is as it was before the step
    targets : what the targets look like
    data : the step's samples
    seed, counter : of the step's random numbers
    """
    for array, name in zip(data.inputs, builder.network.input_names, strict=True):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"input {name}"
    memory = builder.memory
    for variable, name in builder.network.names.items():
        if variable in memory.offsets and not np.isfinite(memory.view(variable)).all():
            return f"weight {name}"
    session, values = builder.examine(data.rows, targets, data.weights is not None)
    session.run(data.feeds(), data.rows, data.rows, seed=seed, counter=counter, threads=1)
    for value in values:
        if value.dtype == REAL and not np.isfinite(session.read(value, data.rows)).all():
            return describe(value)
    return "loss"
