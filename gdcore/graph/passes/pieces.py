"""Gradients of slices: a sum of slices among zeros is one value that is joined from them.

Each slice of a value gives it a gradient that is zero elsewhere. Where slices have no element in common,
their gradients lie beside each other: nothing is added, and the zeros are only those that no slice covers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

from gdcore.graph.ir import Value, topological
from gdcore.graph.layout import Cut, covers, disjoint
from gdcore.graph.ops.elementwise import add
from gdcore.graph.ops.joins import PIECES
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.slices import EMBED

Cuts = tuple[Cut, ...]
Piece = tuple[Cuts, Value]


def gather_pieces(roots: Sequence[Value]) -> dict[Value, Value]:
    """For every value of a graph, one in which sums of slices among zeros are joined."""
    order = topological(roots)
    if sum(v.op is EMBED for v in order) < 2:
        return {v: v for v in order}
    uses = Counter(x for v in order for x in v.inputs)
    uses.update(roots)
    absorbed: set[Value] = set()  # a part of a sum, and of nothing else
    for v in reversed(order):
        if _is_sum(v):
            absorbed.update(x for x in v.inputs if uses[x] == 1 and (_is_sum(x) or x.op is EMBED))
    new: dict[Value, Value] = {}
    for v in order:
        terms = _terms(v, absorbed) if _is_sum(v) and v not in absorbed else []
        pieces = [x for x in terms if x.op is EMBED and x in absorbed]
        if len(pieces) > 1:
            found = [(_cuts(x), new[x.inputs[0]]) for x in pieces]
            others = [new[x] for x in terms if not (x.op is EMBED and x in absorbed)]
            new[v] = reduce(add, [*others, *_joined(found, v)])
            new[v].name = new[v].name or v.name
            continue
        inputs = tuple(new[x] for x in v.inputs)
        if all(a is b for a, b in zip(inputs, v.inputs, strict=True)):
            new[v] = v
        else:
            new[v] = Value(v.op, inputs, v.attrs, v.shape, v.dtype, v.name)
            new[v].layer, new[v].within = v.layer, v.within
    return new


def _is_sum(v: Value) -> bool:
    return v.op.name == "add" and all(x.shape == v.shape for x in v.inputs)


def _terms(v: Value, absorbed: set[Value]) -> list[Value]:
    """What is added up, from left to right."""
    found, stack = [], list(reversed(v.inputs))
    while stack:
        x = stack.pop()
        if x in absorbed and _is_sum(x):
            stack.extend(reversed(x.inputs))
        else:
            found.append(x)
    return found


def _cuts(embedded: Value) -> Cuts:
    return tuple((a, b, c) for a, b, c in embedded.attrs["cuts"])


def _joined(pieces: Sequence[Piece], like: Value) -> list[Value]:
    """Values that are joined from disjoint slices each, and are to be added up."""
    found: dict[Cuts, Value] = {}
    for cuts, x in pieces:
        found[cuts] = add(found[cuts], x) if cuts in found else x
    layers: list[list[Piece]] = []
    if _side_by_side(list(found)):
        layers = [list(found.items())]
    else:
        for piece in found.items():
            for layer in layers:
                if all(disjoint(piece[0], other) for other, _ in layer):
                    layer.append(piece)
                    break
            else:
                layers.append([piece])
    out = []
    for layer in layers:
        gaps = not covers(like.shape, [(x.shape, cuts) for cuts, x in layer])
        steps = any(step != 1 for cuts, _ in layer for _, _, step in cuts)
        groups = [[piece] for piece in layer] if gaps and steps else [layer]
        for group in groups:
            every = tuple(cuts for cuts, _ in group)
            out.append(apply(PIECES, *(x for _, x in group), cuts=every, shape=like.shape))
    return out


def _side_by_side(cuts: Sequence[Cuts]) -> bool:
    """Whether slices follow one another along one dimension, and are the same in all others."""
    axes = [i for i, along in enumerate(zip(*cuts, strict=True)) if len(set(along)) > 1]
    if len(axes) != 1:
        return False
    (axis,) = axes
    runs = [c[axis] for c in cuts]
    if any(stop is None or step != 1 for _, stop, step in runs):
        return False
    ends = sorted((start, stop or 0) for start, stop, _ in runs)
    return all(before[1] <= after[0] for before, after in pairwise(ends))
