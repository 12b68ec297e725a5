"""Sums of products with factors that all terms have in common: those are taken out of the sum.

What a norm's derivative adds up is a gradient times numbers that each channel has one of: Σ (d γ) x̂ with
x̂ = (x - mean) r is γ r Σ d (x - mean). Several such sums then are one, and none needs x̂ or d γ in memory. A
sum of differences from the mean is 0 and falls away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import reduce
from typing import NamedTuple

from gdcore.graph.dims import Shape, broadcast, size
from gdcore.graph.ir import INT, Value, topological, with_inputs
from gdcore.graph.layout import straight
from gdcore.graph.ops.elementwise import add, div, mul, neg
from gdcore.graph.ops.identities import IDENTITY, broadcast_to
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.reductions import MEAN, SUM
from gdcore.graph.ops.shapes import reshape

Axes = tuple[int, int]
MOST = 4  # terms of one sum


class Term(NamedTuple):
    """A product that is added up: ± factors · common / below; a factor differs along the axes of the sum."""

    factors: tuple[Value, ...]
    common: tuple[Value, ...] = ()
    below: tuple[Value, ...] = ()
    negative: bool = False

    def times(self, other: Term) -> Term:
        """The product of two."""
        return Term(
            self.factors + other.factors,
            self.common + other.common,
            self.below + other.below,
            self.negative != other.negative,
        )

    def negated(self) -> Term:
        """With the other sign."""
        return self._replace(negative=not self.negative)


def factor_sums(roots: Sequence[Value]) -> dict[Value, Value]:
    """For every value of a graph, one of the same numbers, whose sums have their common factors outside.

    A sum stays as it is where nothing but single numbers would be taken out, where more than one sum would be
    left of it, where its input is read elsewhere, too, and where a factor would be kept for it alone.
    """
    order = topological(roots)
    new = {v: v for v in order}
    if not any(v.op in (SUM, MEAN) for v in order):
        return new
    uses = Counter(id(x) for v in order for x in v.inputs)
    uses.update(map(id, roots))
    last = {x: i for i, v in enumerate(order) for x in v.inputs}
    sums = _Sums(len(order))
    for i, v in enumerate(order):
        new[v] = with_inputs(v, tuple(new[x] for x in v.inputs))
        sums.see(new[v], i, last.get(v, i))
        if v.op in (SUM, MEAN):
            new[v] = sums.found(new[v], alone=uses[id(v.inputs[0])] == 1)
    return new


class _Sums:
    """The sums that were made, so that none is made twice."""

    def __init__(self, values: int) -> None:
        self.end = values
        self.number: dict[int, int] = {}  # of each value, by its id: the order of factors
        self.seen: list[Value] = []  # keeps the ids
        self.places: list[tuple[int, int]] = []
        self.made: dict[Hashable, Value] = {}

    def see(self, v: Value, at: int, last: int) -> None:
        """Number a value, and note the places in the graph's order of it and of its last reader."""
        if id(v) not in self.number:
            self.number[id(v)] = len(self.seen)
            self.seen.append(v)
            self.places.append((at, last))

    def found(self, v: Value, alone: bool) -> Value:
        """A sum or mean: with its factors outside if it is all that reads its input, or one that was made."""
        (x,), axes = v.inputs, v.attrs["axes"]
        factored = self.factored(v, x, axes) if alone and x.op.kind == "map" else v
        return factored if factored is not v else self.made.setdefault(_key(v, (self.place(x),)), v)

    def factored(self, v: Value, x: Value, axes: Axes) -> Value:
        """A sum with its common factors outside, or as it is."""
        terms = _terms(x, x.shape, axes, {})
        left = [t for t in terms if not _vanishes(t, axes)]
        if not _outside(terms) and len(left) == len(terms):
            return v
        cores = {tuple(sorted(map(self.place, t.factors))) for t in left}
        if len(cores) > 1 or not all(t.factors for t in left):
            return v
        if not left:
            return broadcast_to(0.0, v.shape)
        (core,) = cores
        total = self.sum(v, core)
        if total is None:
            return v
        return reduce(add, [_scaled(total, t, x.ndim, axes) for t in left])

    def place(self, v: Value) -> int:
        """The number of a factor; what was made of sums is there as long as anything is."""
        self.see(v, 0, self.end)
        return self.number[id(v)]

    def sum(self, v: Value, core: tuple[int, ...]) -> Value | None:
        """The sum of a product of factors; None where they are smaller than what `v` adds up, or where one of them
        is read for the last time before another is there."""
        factors = [self.seen[i] for i in core]
        newest = max(self.places[i][0] for i in core)
        if (
            any(self.places[i][1] < newest for i in core)
            or broadcast(*(f.shape for f in factors)) != v.inputs[0].shape
        ):
            return None
        key = _key(v, core)
        if key not in self.made:
            self.made[key] = apply(v.op, reduce(mul, factors), axes=v.attrs["axes"])
        return self.made[key]


def _key(v: Value, core: tuple[int, ...]) -> Hashable:
    """What tells a sum of a product of factors from another."""
    return v.op.name, tuple(v.attrs["axes"]), core


def _terms(x: Value, shape: Shape, axes: Axes, known: dict[Value, list[Term]]) -> list[Term]:
    """What is added up, if `x`, broadcast to a shape, is summed over axes; `known` holds what was found."""
    if x not in known:
        found = _taken_apart(x, shape, axes, known)
        few = len(found) <= MOST and all(len(t.factors) <= MOST for t in found)
        known[x] = found if few else [Term((x,))]
    return known[x]


def _taken_apart(x: Value, shape: Shape, axes: Axes, known: dict[Value, list[Term]]) -> list[Term]:
    if _common(x, shape, axes):
        return [Term((), (x,))]
    whole = [Term((x,))]
    name = x.op.name
    if name in ("neg", "add", "sub", "mul") or x.op is IDENTITY:
        each = [_terms(y, shape, axes, known) for y in x.inputs]
        first, last = each[0], each[-1]
        if x.op is IDENTITY:
            return first if x.inputs[0].dtype != INT else whole
        if name == "neg":
            return [t.negated() for t in first]
        if name == "mul":
            found = [s.times(t) for s in first for t in last] if 1 in map(len, each) else []
            scaled = any(_common(y, shape, axes) for y in x.inputs)
        else:
            full = all(y.shape == shape for y in x.inputs)
            found = first + [t.negated() if name == "sub" else t for t in last] if full else []
            scaled = False
        return found if found and (scaled or _outside(found)) else whole
    if name == "div" and _common(x.inputs[1], shape, axes):
        over = Term((), (), (x.inputs[1],))
        return [t.times(over) for t in _terms(x.inputs[0], shape, axes, known)]
    return whole


def _outside(terms: Sequence[Term]) -> bool:
    """Whether more than single numbers can be taken out of a sum of these."""
    return any(size(c.shape) != 1 for t in terms for c in (*t.common, *t.below))


def _common(x: Value, shape: Shape, axes: Axes) -> bool:
    """Whether all elements along the axes are the same number."""
    before = len(shape) - x.ndim
    return all(x.shape[i - before] == 1 for i in range(*axes) if i >= before)


def _vanishes(t: Term, axes: Axes) -> bool:
    """Whether a term is a difference from the mean that is taken over the same axes."""
    if len(t.factors) != 1 or t.factors[0].op.name != "sub":
        return False
    x, mean = t.factors[0].inputs
    if mean.op is IDENTITY:
        (mean,) = mean.inputs
    of, (lo, hi) = straight(mean), axes
    kept = x.shape[:lo] + (1,) * (hi - lo) + x.shape[hi:]  # as it stands against x
    return (
        of.op is MEAN
        and of.inputs[0] is x
        and of.attrs["axes"] == axes
        and (1,) * (x.ndim - mean.ndim) + mean.shape == kept
    )


def _scaled(total: Value, t: Term, ndim: int, axes: Axes) -> Value:
    """A sum times what all its terms had in common."""

    def folded(c: Value) -> Value:
        """As it broadcasts against the sum: without the axes."""
        if size(c.shape) == 1:
            return reshape(c, ())
        whole = (1,) * (ndim - c.ndim) + c.shape
        return reshape(c, whole[: axes[0]] + whole[axes[1] :])

    for c in t.common:
        total = mul(total, folded(c))
    for c in t.below:
        total = div(total, folded(c))
    return neg(total) if t.negative else total
