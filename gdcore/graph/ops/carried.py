"""States of loops that go on from batch to batch: a state has a row for each sample of a batch of one size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gdcore.graph.dims import Batch, Shape
from gdcore.graph.ir import Op, Sample, Value, register
from gdcore.graph.layout import reshaped
from gdcore.graph.ops.leaves import STATE, apply
from gdcore.graph.ranges import same_elements


def _rows_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    shape, given = tuple(attrs["shape"]), values[0].shape
    first = [d for d in (given[:1] + shape[:1]) if not isinstance(d, int)]
    if not shape or shape[1:] != given[1:] or any(d != Batch(1) for d in first):
        raise ValueError(
            f"a state of shape {given} for {shape}: expected a row for each sample of a batch"
        )
    if not first and shape != given:
        raise ValueError(f"a state of shape {given} for {shape}: expected as many rows")
    return shape


# A batch whose size is known, as that many rows, or the other way round: the same memory. A plan with one is made
# for batches of this size alone, see `engine.carried`.
AS_ROWS: Op = register(
    Op(
        "as_rows",
        "alias",
        _rows_shape,
        lambda y, d: [apply(AS_ROWS, d, shape=y.inputs[0].shape)],
        lambda x, shape: x.reshape(shape),
        (Sample(((4, 6),), {"shape": (4, 6)}),),
        bounds=same_elements,
        view=lambda y, at: reshaped(y.inputs[0].shape, at, y.shape),
        back=lambda y, at: reshaped(y.shape, at, y.inputs[0].shape),
    )
)
# As `with_update`, but in prediction too.
CARRIED = register(
    Op(
        "carried",
        "composite",
        lambda v, _: v[0].shape,
        lambda y, d: [d, None, None],
        bounds=same_elements,
    )
)


def carried(value: Value, state: Value, new: Value) -> Value:
    """`value`, and the note that any step, of training or of prediction, sets a state to `new` when it is over.

    Parameters
    ----------
    value : Value
    state : Value
        What `Layer.state` gave, (samples, ...).
    new : Value
        (batch, ...); batches have as many samples.
    """
    assert state.op is STATE
    return apply(CARRIED, value, state, apply(AS_ROWS, new, shape=state.shape))


def batch_of(state: Value, batch: Batch) -> Value:
    """A state's rows as the samples of a batch."""
    return apply(AS_ROWS, state, shape=(batch, *state.shape[1:]))
