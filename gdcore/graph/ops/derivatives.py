"""Derivatives as values: `gradient` and `jvp`, in a forward, a loss, or another derivative.

Both are made of the rules by which training differentiates, on the same graph: what a derivative
reads of the forward pass are the forward pass's own values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from gdcore.graph.differentiate import TRAINING, gradients, read
from gdcore.graph.dims import Batch, broadcast, size
from gdcore.graph.ir import INT, Value, rewrite, topological
from gdcore.graph.ops.carried import CARRIED
from gdcore.graph.ops.identities import broadcast_to
from gdcore.graph.ops.leaves import apply, input_value, lift
from gdcore.graph.ops.reductions import sum
from gdcore.graph.ops.training_ops import UPDATE


@overload
def gradient(y: Value, x: Value) -> Value: ...
@overload
def gradient(y: Value, x: Sequence[Value]) -> list[Value]: ...
def gradient(y: Value, x: Value | Sequence[Value]) -> Value | list[Value]:
    """The derivative of y with respect to x, as a value like any other.

    It can stand in a layer's ``forward`` and in a loss, be differentiated again, and is differentiated
    by training. Of one y for each sample it is the gradient of their sum: where samples do not act on
    one another (they do in `BatchNorm`), each row of it is the gradient of that row's y.

    Parameters
    ----------
    y : Value
        A scalar, (), or one number for each sample, (B,) or (B, 1).
    x : Value, or list or tuple of them
        Of reals and any shapes: inputs, parameters, or anything in between. Ask for several at once:
        they share one backward pass.

    Returns
    -------
    Value, or list of Value
        Of the shape of x. Zeros where y was not computed from x, as in JAX: also where x is a *new*
        slice or copy of what y was computed from, so take slices first and compute y from them.

    Raises
    ------
    TypeError
        If y or x is no traced value, or holds whole numbers.
    ValueError
        If y has more than one number for each sample, or an op on the way has no gradient.

    Notes
    -----
    The derivative where a function has a kink is that of the op: 0 for `relu` and `abs` at 0. That
    of `sqrt` at 0 is infinite: the length of a gradient that may vanish is
    ``sqrt(sum(square(g), -1) + 1e-12)``. Random draws, and so dropout, are the same in y and in its
    derivative.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(2)
    >>> y = gd.ops.sum(x**3, axis=-1)
    >>> slope = gd.ops.gradient(y, x)
    >>> gd.Model(x, slope).predict([[1.0, 2.0]])
    array([[ 3., 12.]], dtype=float32)
    >>> gd.Model(x, gd.ops.gradient(slope[:, 1], x)).predict([[1.0, 2.0]])
    array([[ 0., 12.]], dtype=float32)
    """
    several = isinstance(x, list | tuple)
    wrt = [_real(v, "gradient", "x") for v in (x if several else [x])]
    if size(_real(y, "gradient", "y").shape) not in (1, Batch(1)):
        raise ValueError(
            f"gradient of {y!r}: expected a scalar or one number for each sample, (B,) or (B, 1); "
            "take one column, y[:, 0], or fold it with gd.ops.sum(y, axis=-1)"
        )
    found = _noting(y, gradients(y, wrt, broadcast_to(1.0, y.shape)))
    return found if several else found[0]


def jvp(y: Value, x: Value | Sequence[Value], v: Any) -> Value:
    """The derivative of y along v: Σ ∂y/∂x · v, the Jacobian of y times a vector.

    In one pass for all of y, whatever its width, where `gradient` needs one for each column.

    Parameters
    ----------
    y : Value
        Of reals and any shape.
    x : Value, or list or tuple of them
        Of reals.
    v : Value, array or number; for several x a list or tuple of as many
        The direction, of a shape that broadcasts to that of x.

    Returns
    -------
    Value
        Of the shape of y. Zeros where y was not computed from x, as for `gradient`.

    Raises
    ------
    TypeError
        If y or x is no traced value, or holds whole numbers.
    ValueError
        If there is not one v for each x, a v does not broadcast to its x, or an op on the way has no
        gradient.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(2)
    >>> gd.Model(x, gd.ops.jvp(x**2, x, [1.0, 0.5])).predict([[3.0, 4.0]])
    array([[6., 4.]], dtype=float32)
    """
    several = isinstance(x, list | tuple)
    wrt = [_real(item, "jvp", "x") for item in (x if several else [x])]
    along = list(v) if several else [v]
    if len(along) != len(wrt):
        raise ValueError(f"jvp with {len(wrt)} x and {len(along)} v: expected a v for each x")
    total = lift(0.0)
    # The gradient is linear in what it is pulled back from, u: its derivative by u is the jvp.
    u = input_value(_real(y, "jvp", "y").shape, "u")
    for item, back, direction in zip(wrt, gradients(y, wrt, u), along, strict=True):
        total = total + sum(back * _like(direction, item))
    (found,) = gradients(total, [u])
    # A loop keeps what depends on u beside what does not; the derivative is the same for every u.
    found = rewrite([found], lambda v: broadcast_to(0.0, u.shape) if v is u else v)[found]
    return _noting(y, [found])[0]


def _real(v: Any, who: str, what: str) -> Value:
    if not isinstance(v, Value):
        raise TypeError(
            f"{who}() got {type(v).__name__} for {what}: expected a traced value, such as the input "
            "of a layer's forward or gd.Input"
        )
    if v.dtype == INT:
        raise TypeError(
            f"{who}() got {v!r} for {what}: whole numbers have no derivative; declare the input "
            "without dtype='int'"
        )
    return v


def _like(direction: Any, x: Value) -> Value:
    v = lift(direction)
    try:
        fits = broadcast(v.shape, x.shape) == x.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"jvp along a value of shape {v.shape} of one of shape {x.shape}: expected a shape that "
            "broadcasts to it"
        )
    return broadcast_to(v, x.shape)


def _noting(y: Value, values: list[Value]) -> list[Value]:
    """The values with the updates of states that computing y notes: y itself may be of no more use."""
    order = topological([y])
    needed = {y}
    for v in reversed(order):
        if v in needed:
            needed.update(read(v, TRAINING))
    for note in order:
        if note.op in (UPDATE, CARRIED) and note in needed:
            values = [apply(note.op, v, *note.inputs[1:]) for v in values]
    return values
