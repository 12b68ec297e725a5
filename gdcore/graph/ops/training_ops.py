"""Ops that differ between training and prediction; `phases.specialize` keeps one side of them.

Numbers that a layer carries from step to step are states; `with_update` says what a training step
makes of one.
"""

from __future__ import annotations

from typing import Any

from gdcore.graph.dims import broadcast
from gdcore.graph.ir import Op, Value, register
from gdcore.graph.ops.leaves import STATE, apply
from gdcore.graph.ranges import in_prediction, same_elements

# Without a rule: `differentiate.gradients` follows one of the two ways at a time.
WHEN = register(
    Op(
        "when_training",
        "composite",
        lambda v, _: broadcast(v[0].shape, v[1].shape),
        bounds=in_prediction,
    )
)
UPDATE = register(
    Op(
        "with_update",
        "composite",
        lambda v, _: v[0].shape,
        lambda y, d: [d, None, None],
        bounds=same_elements,
    )
)


def when_training(training: Any, otherwise: Any) -> Value:
    """One value in training, another in prediction.

    Parameters
    ----------
    training, otherwise : Value, array or number
        Of one shape.

    Returns
    -------
    Value
        Of that shape.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(2)
    >>> noisy = x + gd.ops.random_uniform(x.shape)
    >>> gd.Model(x, gd.ops.when_training(noisy, x)).predict([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)
    """
    value = apply(WHEN, training, otherwise)
    if value.inputs[0].shape != value.inputs[1].shape:
        raise ValueError(
            f"when_training of shapes {value.inputs[0].shape} and {value.inputs[1].shape}: "
            "they must be equal"
        )
    return value


def with_update(value: Value, state: Value, new: Value) -> Value:
    """`value`, and the note that a training step sets `state` to `new` when it is over.

    Parameters
    ----------
    value : Value
    state : Value
        What `Layer.state` returned.
    new : Value
        Of the state's shape.

    Returns
    -------
    Value
        The value itself, of its shape.

    Raises
    ------
    ValueError
        If `state` is not a state, or the shapes differ.

    Examples
    --------
    A layer that subtracts the running mean of its input:

    >>> import gdcore as gd
    >>> class Centre(gd.Layer):
    ...     def forward(self, x):
    ...         mean = self.state("mean", x.shape[1:])
    ...         new = 0.9 * mean + 0.1 * gd.ops.mean(x, axis=0)
    ...         return gd.ops.with_update(x - mean, mean, new)
    >>> gd.Sequential([gd.Input(2), Centre()]).predict([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)
    """
    if state.op is not STATE or state.shape != new.shape:
        raise ValueError(
            f"with_update of {state!r} by a value of shape {new.shape}: "
            "expected a state of that shape"
        )
    return apply(UPDATE, value, state, new)
