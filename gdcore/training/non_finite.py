"""Finds the first tensor of a step that holds NaN or infinity."""

from __future__ import annotations

import numpy as np

from gdcore.data.dataset import Data, TargetSpec
from gdcore.engine.parameters import Parameters
from gdcore.engine.session import Session
from gdcore.engine.steps import Builder
from gdcore.engine.updates import own_value
from gdcore.graph.differentiate import gradients
from gdcore.graph.ir import REAL, Value, topological

GRADIENT = "gradient of"


def describe(value: Value, depth: int = 2) -> str:
    """A description of a value for an error: its name, or its op with the names of the op's inputs."""
    if value.name:
        return value.name
    if value.op.kind == "leaf" or not depth:
        return value.op.name
    named = [describe(x, depth - 1) for x in value.inputs if x.op.name not in ("constant", "count")]
    return f"{value.op.name}({', '.join(named)})" if named else value.op.name


def _every_tensor(
    builder: Builder, batch: int, targets: tuple[TargetSpec, ...], weighted: bool
) -> tuple[Session, list[Value]]:
    """A session whose arena keeps every tensor of a training step, and the tensors in order of computation."""
    inputs, loss, _ = builder.traced(targets, weighted, training=True)
    loss.name = loss.name or "loss"
    parameters = builder.memory.trainable()
    grads = []
    for p, g in zip(parameters, gradients(loss, [p.leaf for p in parameters]), strict=True):
        name = f"{GRADIENT} {builder.network.names[p]}"
        g.name = g.name or name
        grads.append(own_value(g, name))
    values = [v for v in topological([loss, *grads]) if v.op.kind not in ("leaf", "composite")]
    return builder.study(batch, inputs, values), values


def bad_weight(memory: Parameters) -> str | None:
    """The first parameter or state that is not finite, or None; only an update that overflows makes one."""
    for v in memory.variables:
        if not np.isfinite(memory.within(v)).all():
            return f"weight {memory.network.names[v]}"
    return None


def first_bad_tensor(
    builder: Builder, targets: tuple[TargetSpec, ...], data: Data, seed: int, counter: int
) -> str:
    """Run a step again with all intermediate tensors kept, and name the first that is not finite.

    Parameters
    ----------
    builder : Builder
        Over parameters and states as they were before the step.
    targets : sequence of TargetSpec
    data : Data
        The samples of the step.
    seed, counter : int
        Those of the step's random numbers.
    """
    for array, name in zip(data.inputs, builder.network.input_names, strict=True):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"input {name}"
    weight = bad_weight(builder.memory)
    if weight is not None:
        return weight
    session, values = _every_tensor(builder, data.rows, targets, data.weights is not None)
    session.run(data.feeds(), data.rows, data.rows, seed=seed, counter=counter, threads=1)
    for value in values:
        if value.dtype == REAL and not np.isfinite(session.read(value, data.rows)).all():
            return describe(value)
    for value in values:
        if value.name.startswith(GRADIENT):
            with np.errstate(over="ignore"):
                if not np.isfinite(np.square(session.read(value, data.rows))).all():
                    return f"the square of the {value.name}"
    return "loss"
