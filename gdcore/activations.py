"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gdcore import ops
from gdcore.errors import unknown
from gdcore.graph.ir import Value

Activation = Callable[[Value], Value]


def linear(x: Value) -> Value:
    """x itself."""
    return x


ACTIVATIONS: dict[str, Activation] = {
    "linear": linear,
    **{
        f.__name__: f
        for f in (
            ops.relu,
            ops.leaky_relu,
            ops.relu6,
            ops.elu,
            ops.selu,
            ops.gelu,
            ops.gelu_tanh,
            ops.silu,
            ops.sigmoid,
            ops.tanh,
            ops.softplus,
            ops.softsign,
            ops.hard_sigmoid,
            ops.hard_swish,
            ops.mish,
            ops.softmax,
            ops.log_softmax,
            ops.exp,
        )
    },
    "swish": ops.silu,
}


def get(spec: Any) -> Activation:
    """The function of an activation: None (linear), a name, or a function of a traced value.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.

    Examples
    --------
    >>> from gdcore import activations
    >>> activations.get("relu").__name__
    'relu'
    """
    if spec is None:
        return linear
    if isinstance(spec, str):
        if spec not in ACTIVATIONS:
            raise unknown("activation", spec, ACTIVATIONS)
        return ACTIVATIONS[spec]
    if not callable(spec):
        raise TypeError(
            f"activation {spec!r}: expected a name, a function of a traced value, or None"
        )
    return spec  # type: ignore[no-any-return]
