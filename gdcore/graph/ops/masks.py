"""Masks: which steps of a sequence count, as a value that rides on another.

A masked value is its numbers and, beside them, its mask; ops see the numbers alone, layers ask for
the mask. Both are ordinary values of the graph, so that files, copies and rewrites hold them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Shape
from gdcore.graph.ir import REAL, Op, Sample, Value, register
from gdcore.graph.ops.elementwise import less, mul
from gdcore.graph.ops.leaves import INPUT, apply, lift
from gdcore.graph.ops.shapes import RESHAPE, reshape
from gdcore.graph.ranges import same_elements, within

NOTES = ("with_update", "carried")  # ops that are their first input


def _masked_shape(values: Sequence[Value], _: Mapping[str, Any]) -> Shape:
    x, mask = values
    if mask.ndim < 2 or mask.shape != x.shape[: mask.ndim]:
        raise ValueError(
            f"a mask of shape {mask.shape} for a value of shape {x.shape}: expected (batch, steps), "
            "the value's first dimensions"
        )
    return x.shape


MASKED = register(
    Op(
        "masked",
        "composite",
        _masked_shape,
        lambda y, d: [d, None],
        lambda x, mask: x,
        (Sample(((3, 4, 2), (3, 4))), Sample(((2, 5), (2, 5)))),
        expand=lambda y: y.inputs[0],
        takes_ints=True,
        bounds=same_elements,
    )
)


def _step_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    (lengths,) = values
    if lengths.ndim != 1 or attrs["steps"] < 1:
        raise ValueError(
            f"lengths of shape {lengths.shape}: expected (batch,), one number for each sample"
        )
    return (*lengths.shape, attrs["steps"])


def _step_numbers(lengths: np.ndarray, steps: int) -> np.ndarray:
    return np.asarray(np.arange(steps) < np.asarray(lengths)[:, None], float)


STEP_MASK = register(
    Op(
        "step_mask",
        "composite",
        _step_shape,
        lambda y, d: [None],
        _step_numbers,
        (Sample(((6,),), {"steps": 4}, -1.0, 6.0, kink=(0.0, 1.0, 2.0, 3.0)),),
        expand=lambda y: less(
            np.arange(y.attrs["steps"]), reshape(y.inputs[0], (y.inputs[0].shape[0], 1))
        ),
        bounds=within(0.0, 1.0),
    )
)


# 1 where a mask that was given is above 0. That it is an op of its own tells which inputs hold masks.
SEEN = register(
    Op(
        "seen",
        "composite",
        lambda v, _: v[0].shape,
        lambda y, d: [None],
        lambda x: np.asarray(np.asarray(x) > 0, float),
        (Sample(((3, 4),), kink=(0.0,)),),
        expand=lambda y: less(0.0, y.inputs[0]),
        bounds=within(0.0, 1.0),
    )
)


def seen(mask: Any) -> Value:
    """A mask that was given, as 1 where it is above 0, else 0."""
    value = lift(mask)
    return value if value.op in (SEEN, STEP_MASK) else apply(SEEN, value)


def step_mask(lengths: Any, steps: int) -> Value:
    """The mask of sequences that begin at the first step and have given lengths.

    Parameters
    ----------
    lengths : Value
        (B,), how many steps of each sample count.
    steps : int
        Of all sequences.

    Returns
    -------
    Value
        (B, steps): 1 where a step counts, else 0.

    Raises
    ------
    ValueError
        If the lengths are not one number for each sample.

    Examples
    --------
    >>> import gdcore as gd
    >>> n = gd.Input((), dtype="int")
    >>> gd.Model(n, gd.ops.step_mask(n, 4)).predict([3, 0])
    array([[1., 1., 1., 0.],
           [0., 0., 0., 0.]], dtype=float32)
    """
    return apply(STEP_MASK, lengths, steps=int(steps))


def with_mask(x: Any, mask: Any) -> Value:
    """A value with the mask of its steps; layers read it, ops leave it aside.

    Elementwise ops keep it. A mask that x has already is combined with the new one.

    Parameters
    ----------
    x : Value
        (B, steps, ...).
    mask : Value
        (B, steps), 1 where a step counts, else 0.

    Returns
    -------
    Value
        Of x's shape and numbers.

    Raises
    ------
    ValueError
        If the mask's shape is not that of x's first dimensions.

    Examples
    --------
    >>> import gdcore as gd
    >>> x, n = gd.Input((5, 3)), gd.Input((), name="n", dtype="int")
    >>> padded = gd.ops.with_mask(x, gd.ops.step_mask(n, 5))
    >>> gd.LSTM(4)(padded).shape
    (B, 4)
    """
    value, new = lift(x), lift(mask)
    new = seen(new) if new.op is INPUT and new.dtype == REAL else new
    known = mask_of(value)
    both = new if known is None or known is new else mul(known, new)
    return apply(MASKED, value.inputs[0] if value.op is MASKED else value, both)


def mask_of(x: Value) -> Value | None:
    """The mask that a value has, or None.

    Parameters
    ----------
    x : Value

    Returns
    -------
    Value or None
        (B, steps). That of the values from which elementwise ops made x, where x is not masked itself;
        the product of several.

    Examples
    --------
    >>> import gdcore as gd
    >>> ids = gd.Input(5, dtype="int")
    >>> words = gd.Embedding(10, 3, mask_zero=True)(ids)
    >>> gd.ops.mask_of(2.0 * words).shape, gd.ops.mask_of(gd.ops.sum(words, axis=1))
    ((B, 5), None)
    """
    if not x.masked:
        return None
    found: dict[int, Value] = {}
    seen, waiting = {x}, [x]
    while waiting:
        v = waiting.pop()
        if v.op is MASKED:
            mask = v.inputs[1]
            if mask.shape == x.shape[: mask.ndim]:
                found[id(mask)] = mask
        elif v.op.kind == "map" or v.op.name in ("when_training", "stop_gradient", *NOTES):
            inputs = v.inputs[:1] if v.op.name in NOTES else v.inputs
            new = [u for u in inputs if u.masked and u not in seen]
            seen.update(new)
            waiting.extend(new)
    return together(list(found.values()))


def together(masks: Sequence[Value]) -> Value | None:
    """What counts in all of some masks; None of none."""
    distinct = list({id(m): m for m in masks}.values())
    out = distinct[0] if distinct else None
    for mask in distinct[1:]:
        out = mul(out, mask)
    return out


def drop_mask(x: Value) -> Value:
    """A value whose steps all count, whatever mask it had.

    Parameters
    ----------
    x : Value

    Returns
    -------
    Value
        Of x's shape and numbers.

    Examples
    --------
    >>> import gdcore as gd
    >>> words = gd.Embedding(10, 3, mask_zero=True)(gd.Input(5, dtype="int"))
    >>> gd.Flatten()(gd.ops.drop_mask(words)).shape
    (B, 15)
    """
    while x.op is MASKED:
        x = x.inputs[0]
    return x if mask_of(x) is None else apply(RESHAPE, x, shape=x.shape)
