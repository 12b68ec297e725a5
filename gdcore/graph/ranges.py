"""Ranges: bounds that hold for the elements of a value, whatever the inputs and parameters are.

An interval analysis of the graph. An op's `bounds` rule gives the bounds of its result from those of
other values; an op without one is unbounded, and what it is computed from is not looked at. Beside
the elements, the sum along the last axis is bounded, so that rows of probabilities are recognised.
Bounds hold for prediction, up to rounding, and say nothing of NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan
from typing import NamedTuple

import numpy as np

from gdcore.graph.dims import Batch, Dim
from gdcore.graph.ir import Value

Span = tuple[float, float]  # lower and upper bound


class Bounds(NamedTuple):
    """What is known of a value's elements.

    Attributes
    ----------
    low, high : float
        Of each element.
    total : (float, float), optional
        Of the sum along the last axis; None leaves it to `low` and `high`.
    free : bool
        Whether parameters can bring the elements to any value, as those of a dense layer can.
    """

    low: float = -inf
    high: float = inf
    total: Span | None = None
    free: bool = False

    @property
    def span(self) -> Span:
        """`low` and `high`."""
        return self.low, self.high


Lookup = Callable[[Value], Bounds]
BoundsRule = Callable[[Value, Lookup], Bounds]
UNBOUNDED = Bounds()


def bounds_of(value: Value) -> Bounds:
    """The bounds of a value in prediction, `total` included.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> p = gd.ops.exp(x) / gd.ops.sum(gd.ops.exp(x), -1, keepdims=True)
    >>> bounds_of(0.9 * p + 0.1 / 3).total
    (1.0, 1.0)
    """
    known: dict[int, Bounds] = {}
    stack = [value]
    while stack:  # not recursive: a recurrence unrolled over many steps is deep
        v = stack[-1]
        rule = v.op.bounds
        later = [] if rule is None else [x for x in v.inputs if id(x) not in known]
        if later:
            stack.extend(later)
            continue
        stack.pop()
        if id(v) not in known:
            if rule is None:
                found = Bounds(free=any(map(_is_parameter, v.inputs)))
            else:
                found = rule(v, lambda x: known.get(id(x), UNBOUNDED))
            every = times(count(v.shape[-1] if v.shape else 1), found.span)
            total = every if found.total is None else both(found.total, every)
            known[id(v)] = found._replace(total=total)
    return known[id(value)]


def _is_parameter(v: Value) -> bool:
    while v.op.kind == "alias" or v.op.name in ("transpose", "identity"):
        v = v.inputs[0]
    return v.op.name == "param"


# --- intervals -------------------------------------------------------------------------------


def plus(a: Span, b: Span) -> Span:
    """The bounds of a sum."""
    low, high = a[0] + b[0], a[1] + b[1]
    return -inf if isnan(low) else low, inf if isnan(high) else high


def times(a: Span, b: Span) -> Span:
    """The bounds of a product; 0 times what is finite but unbounded is 0."""
    ends = [x * y if x and y else 0.0 for x in a for y in b]
    return min(ends), max(ends)


def inverse(a: Span) -> Span:
    """The bounds of 1/x."""
    if a[0] < 0 < a[1]:
        return -inf, inf
    low, high = a
    return (
        -inf if high == 0 else 1 / high,
        inf if low == 0 else 1 / low,
    )


def both(a: Span, b: Span) -> Span:
    """Where two spans overlap."""
    return max(a[0], b[0]), min(a[1], b[1])


def either(a: Span, b: Span) -> Span:
    """The span that holds two."""
    return min(a[0], b[0]), max(a[1], b[1])


def count(dim: Dim) -> Span:
    """How many elements a dimension has."""
    return (0.0, inf) if isinstance(dim, Batch) else (float(dim), float(dim))


# --- rules -----------------------------------------------------------------------------------


def within(low: float, high: float) -> BoundsRule:
    """The rule of an op whose results lie between two numbers."""
    return lambda y, of: Bounds(low, high)


def increasing(low: float = -inf, high: float = inf, setting: str = "") -> BoundsRule:
    """The rule of an op that increases with its input (where a `setting` is not negative), and stays
    between `low` and `high`: its reference, taken at both ends."""

    def rule(y: Value, of: Lookup) -> Bounds:
        x, reference = of(y.inputs[0]), y.op.reference
        if reference is None or (setting and y.attrs[setting] < 0):
            return UNBOUNDED
        with np.errstate(all="ignore"):
            ends = [float(reference(np.float64(end), **y.attrs)) for end in x.span]
        least = -inf if isnan(ends[0]) else ends[0]  # outside of where the op is defined
        most = inf if isnan(ends[1]) else ends[1]
        found = both((least, most), (low, high))
        return Bounds(*found, free=x.free and found == (-inf, inf))

    return rule


def gated(least: float) -> BoundsRule:
    """The rule of x times a factor of 0 to 1 that is nowhere below `least`."""

    def rule(y: Value, of: Lookup) -> Bounds:
        low, high = of(y.inputs[0]).span
        return Bounds(max(least, min(low, 0.0)), max(high, 0.0))

    return rule


def of_constant(y: Value, of: Lookup) -> Bounds:
    """An array of numbers."""
    array = y.attrs["array"]
    if not array.size or np.isnan(array).any():
        return UNBOUNDED
    sums = array.sum(axis=-1) if array.ndim else array
    return Bounds(float(array.min()), float(array.max()), (float(sums.min()), float(sums.max())))


def of_parameter(y: Value, of: Lookup) -> Bounds:
    """Training may bring it anywhere."""
    return Bounds(free=True)


def same_elements(y: Value, of: Lookup) -> Bounds:
    """The first input's elements, in their order or repeated."""
    x = of(y.inputs[0])
    return x if y.inputs[0].shape[-1:] == y.shape[-1:] else x._replace(total=None)


def some_elements(y: Value, of: Lookup) -> Bounds:
    """Elements of the first input, or what lies between them."""
    return of(y.inputs[0])._replace(total=None)


def same_rows(keeps: Callable[[Value], bool]) -> BoundsRule:
    """Elements of the first input, or means of them; its whole rows where `keeps(y)`."""
    return lambda y, of: of(y.inputs[0]) if keeps(y) else some_elements(y, of)


def in_prediction(y: Value, of: Lookup) -> Bounds:
    """Of two ways to compute it the one that prediction goes."""
    return of(y.inputs[1])


def or_else(y: Value, of: Lookup, number: float) -> Bounds:
    """Elements of the first input, or a number that stands where there are none."""
    x = of(y.inputs[0])
    return Bounds(*either(x.span, (number, number)), free=x.free)


def or_zero(y: Value, of: Lookup) -> Bounds:
    """Elements of the first input, or 0."""
    return or_else(y, of, 0.0)


def any_or_zero(y: Value, of: Lookup) -> Bounds:
    """Elements of any input, or 0."""
    found = [of(x) for x in y.inputs]
    span = (0.0, 0.0)
    for b in found:
        span = either(span, b.span)
    return Bounds(*span, free=all(b.free for b in found))


def of_concatenate(y: Value, of: Lookup) -> Bounds:
    """Elements of all inputs; along the last axis their rows' sums add up."""
    found = [of(x) for x in y.inputs]
    span, total = found[0].span, found[0].total or UNBOUNDED.span
    for b in found[1:]:
        more = b.total or UNBOUNDED.span
        total = plus(total, more) if y.attrs["axis"] == y.ndim - 1 else either(total, more)
        span = either(span, b.span)
    return Bounds(*span, total, all(b.free for b in found))


def of_sum(y: Value, of: Lookup) -> Bounds:
    """A sum over neighbouring axes; over the last alone it is the sum that is bounded already."""
    x, (lo, hi) = y.inputs[0], y.attrs["axes"]
    b = of(x)
    span, total = b.span, None
    if hi == x.ndim and b.total is not None:
        span, hi = b.total, hi - 1
    else:
        total = b.total
    for dim in x.shape[lo:hi]:
        span = times(count(dim), span)
        total = None if total is None else times(count(dim), total)
    return Bounds(*span, total, b.free)


def of_logsumexp(y: Value, of: Lookup) -> Bounds:
    """log Σ e^x of n elements is between the largest and log n above it."""
    (low, high), (lo, hi) = of(y.inputs[0]).span, y.attrs["axes"]
    most = 0.0
    for dim in y.inputs[0].shape[lo:hi]:
        most = inf if isinstance(dim, Batch) else most + float(np.log(max(dim, 1)))
    return Bounds(low, high + most)


def of_softmax(y: Value, of: Lookup) -> Bounds:
    """Shares, whose sum along the op's axis is 1."""
    return Bounds(0.0, 1.0, (1.0, 1.0) if y.attrs["axis"] == y.ndim - 1 else None)
