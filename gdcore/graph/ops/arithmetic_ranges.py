"""Ranges of arithmetic: the bounds of a sum, a product, a quotient, and of what is made of them.

Interval arithmetic takes operands for independent. Where they are not, and it matters for
probabilities, the graph is looked at: e^x / Σ e^x, e^x / (1 + e^x), x - log Σ e^x.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gdcore.graph.dims import Dim
from gdcore.graph.ir import Value
from gdcore.graph.ranges import (
    UNBOUNDED,
    Bounds,
    Lookup,
    Span,
    both,
    count,
    either,
    increasing,
    inverse,
    plus,
    times,
)

DEPTH = 32  # of a denominator that is searched for its numerator
NODES = 64  # that are compared to see whether two values are computed alike


def of_neg(y: Value, of: Lookup) -> Bounds:
    """-x."""
    x = of(y.inputs[0])
    return Bounds(*times(x.span, (-1.0, -1.0)), times(x.total or x.span, (-1.0, -1.0)), x.free)


def of_abs(y: Value, of: Lookup) -> Bounds:
    """|x|."""
    low, high = of(y.inputs[0]).span
    return Bounds(max(low, -high, 0.0), max(-low, high))


def of_square(y: Value, of: Lookup) -> Bounds:
    """x²."""
    least, most = of_abs(y, of).span
    return Bounds(least * least, most * most)


def of_reciprocal(y: Value, of: Lookup) -> Bounds:
    """1/x."""
    return Bounds(*inverse(of(y.inputs[0]).span))


def of_exp(y: Value, of: Lookup) -> Bounds:
    """e^x; of logarithms of probabilities it gives rows that sum to 1."""
    x = y.inputs[0]
    found = increasing()(y, of)
    if x.op.name == "log_softmax" and x.attrs["axis"] == x.ndim - 1:
        return found._replace(total=(1.0, 1.0))
    if x.op.name == "sub" and _folded(x.inputs[1], x.inputs[0], "logsumexp", last=True):
        return found._replace(total=(1.0, 1.0))
    return found


def _total(x: Value, y: Value, of: Lookup) -> Span:
    """The sum along the last axis of an operand x that is repeated to the shape of y."""
    b = of(x)
    if x.shape[-1:] == y.shape[-1:] and b.total is not None:
        return b.total
    return times(count(y.shape[-1] if y.shape else 1), b.span)


def of_add(y: Value, of: Lookup) -> Bounds:
    """a + b; g a + (1 - g) b of a share g lies between a and b."""
    a, b = y.inputs
    mixed = _mixture(y, a, b, of) or _mixture(y, b, a, of)
    if mixed is not None:
        return mixed
    free = of(a).free or of(b).free
    return Bounds(*plus(of(a).span, of(b).span), plus(_total(a, y, of), _total(b, y, of)), free)


def _mixture(y: Value, a: Value, b: Value, of: Lookup) -> Bounds | None:
    """The bounds of g u + (1 - g) v, where a is the first product and b the second."""
    if a.op.name != "mul" or b.op.name != "mul":
        return None
    for g, u in (a.inputs, a.inputs[::-1]):
        for rest, v in (b.inputs, b.inputs[::-1]):
            share = rest.op.name == "sub" and of(rest.inputs[0]).span == (1.0, 1.0)
            if share and alike(rest.inputs[1], g) and 0 <= of(g).low <= of(g).high <= 1:
                by_row = g.shape[-1:] in ((), (1,))  # one share for a whole row
                total = either(_total(u, y, of), _total(v, y, of)) if by_row else None
                return Bounds(*either(of(u).span, of(v).span), total, of(u).free or of(v).free)
    return None


def of_sub(y: Value, of: Lookup) -> Bounds:
    """a - b; not above 0 where b is the largest of a, or a logarithm of the sum of e^a."""
    a, b = y.inputs
    minus = (-1.0, -1.0)
    low, high = plus(of(a).span, times(of(b).span, minus))
    if any(_folded(b, a, fold) for fold in ("max", "logsumexp")):
        return Bounds(low, min(high, 0.0))
    total = plus(_total(a, y, of), times(_total(b, y, of), minus))
    return Bounds(low, high, total, of(a).free or of(b).free)


def of_mul(y: Value, of: Lookup) -> Bounds:
    """a b."""
    a, b = y.inputs
    for numerator, factor in ((a, b), (b, a)):
        if factor.op.name == "reciprocal":
            return _quotient(y, numerator, factor.inputs[0], of(factor).span, of)
        if factor.op.name == "div" and of(factor.inputs[0]).span == (1.0, 1.0):
            return _quotient(y, numerator, factor.inputs[1], of(factor).span, of)
    span = times(of(a).span, of(b).span)
    if alike(a, b):
        span = max(span[0], 0.0), span[1]
    return Bounds(*span, _product_total(y, a, b, of), of(a).free or of(b).free)


def of_div(y: Value, of: Lookup) -> Bounds:
    """a / b; at most 1 where b is a and more, the whole of its row for instance."""
    a, b = y.inputs
    return _quotient(y, a, b, inverse(of(b).span), of)


def _quotient(y: Value, a: Value, b: Value, inverted: Span, of: Lookup) -> Bounds:
    """a / b, 1 / b being within `inverted`."""
    low, high = times(of(a).span, inverted)
    total: Span | None = None
    if of(a).low >= 0 and (found := _covers(b, a, of, DEPTH)) != "no":
        low, high = max(low, 0.0), min(high, 1.0)
        if a.shape[-1:] == y.shape[-1:]:
            total = {"more": None, "row": (0.0, 1.0), "exactly": (1.0, 1.0)}[found]
    elif inverted[0] == inverted[1]:
        total = times(_total(a, y, of), inverted)
    return Bounds(low, high, total, of(a).free)


def _product_total(y: Value, a: Value, b: Value, of: Lookup) -> Span | None:
    """The sum along the last axis of a product, where one factor is constant or both are shares."""
    found: Span | None = None
    for x, factor in ((a, b), (b, a)):
        f = of(factor)
        if of(x).low >= 0 or f.low == f.high:  # each element of the row is x's times f
            here = times(_total(x, y, of), f.span)
            found = here if found is None else both(found, here)
    return found


def of_pow(y: Value, of: Lookup) -> Bounds:
    """a^b = e^(b log a), for a of at least 0."""
    a, b = (of(x) for x in y.inputs)
    if a.low < 0:
        return UNBOUNDED
    with np.errstate(all="ignore"):
        logs = float(np.log(a.low)), float(np.log(a.high))
        low, high = np.exp(times(b.span, logs))
    return Bounds(float(low), float(high))


def of_maximum(y: Value, of: Lookup) -> Bounds:
    """The larger of two."""
    a, b = (of(x) for x in y.inputs)
    return Bounds(max(a.low, b.low), max(a.high, b.high))


def of_minimum(y: Value, of: Lookup) -> Bounds:
    """The smaller of two."""
    a, b = (of(x) for x in y.inputs)
    return Bounds(min(a.low, b.low), min(a.high, b.high))


def of_where(y: Value, of: Lookup) -> Bounds:
    """One of two."""
    _, a, b = (of(x) for x in y.inputs)
    return Bounds(*either(a.span, b.span), free=a.free and b.free)


# --- how values are made -----------------------------------------------------------------------


def alike(a: Value, b: Value) -> bool:
    """Whether two values are computed alike: as `exp(x)` is that was written twice."""
    pairs, left = [(a, b)], NODES
    while pairs:
        x, y = pairs.pop()
        if x is y:
            continue
        left -= 1
        leaves = x.op.kind == "leaf" and x.op.name != "constant"
        if left < 0 or leaves or x.op is not y.op or x.shape != y.shape:
            return False
        if len(x.inputs) != len(y.inputs) or not _equal(x.attrs, y.attrs):
            return False
        pairs.extend(zip(x.inputs, y.inputs, strict=True))
    return True


def _equal(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def _folded(b: Value, a: Value, op: str, last: bool = False) -> bool:
    """Whether b is `op` of a over some of its axes (the last alone), and stands beside each element."""
    kept = b
    while b.op.name in ("identity", "reshape"):
        b = b.inputs[0]
    if b.op.name != op:
        return False
    (x,), (lo, hi) = b.inputs, b.attrs["axes"]
    if last and (lo, hi) != (x.ndim - 1, x.ndim):
        return False
    beside = x.shape[:lo] + (1,) * (hi - lo) + x.shape[hi:]
    return _repeats(kept, b, beside, lo) and alike(x, a)


def _repeats(kept: Value, folded: Value, beside: tuple[Dim, ...], lo: int) -> bool:
    """Whether `kept` is `folded` with a dimension of 1 for each axis that is gone, or repeated."""
    while kept is not folded:
        if kept.op.name == "reshape":
            return kept.shape == beside and kept.inputs[0] is folded
        kept = kept.inputs[0]  # repeated: as an elementwise op does by itself
    return lo == 0  # leading axes need no dimension of 1


def _covers(b: Value, a: Value, of: Lookup, depth: int) -> str:
    """How b holds a, of at least 0: b is the sum of a's row "exactly", or is at least that ("row"),
    or at least a ("more"), or "no" for all that can be seen."""
    if alike(b, a):
        return "more"
    if _folded(b, a, "sum"):
        return "exactly" if _folded(b, a, "sum", last=True) else "more"
    if not depth or b.op.name not in ("add", "maximum", "identity"):
        return "no"
    best = "no"
    for i, x in enumerate(b.inputs):
        rest = [of(other).low for j, other in enumerate(b.inputs) if j != i]
        if b.op.name != "add" or min(rest) >= 0:
            found = _covers(x, a, of, depth - 1)
            if found != "no" and best != "row":
                best = "more" if found == "more" else "row"
    return best
