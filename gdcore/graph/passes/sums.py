"""Sums that need no addition of their own: gradients of slices lie side by side, products accumulate.

Each slice of a value gives it a gradient that is zero elsewhere. Where slices have no element in common,
their gradients lie beside each other: nothing is added, and the zeros are only those that no slice covers.
The gradient of a weight that is used many times is a sum of products, and so is that of a value which
several products read: each product adds to what the one before it left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import pairwise

from gdcore.graph.dims import Shape
from gdcore.graph.ir import Value, topological, with_inputs
from gdcore.graph.layout import Cut, covers, disjoint, straight
from gdcore.graph.ops.elementwise import add
from gdcore.graph.ops.joins import OVERLAY, PIECES
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.products import MATMUL, MATMUL_ADD
from gdcore.graph.ops.shapes import reshape
from gdcore.graph.ops.slices import EMBED, SLICE

Cuts = tuple[Cut, ...]
Piece = tuple[Cuts, Value]
SHARED = 8  # slices that several sums read; more would make joining them quadratic


def gather_sums(roots: Sequence[Value]) -> dict[Value, Value]:
    """For every value of a graph, one in which pieces are joined and products accumulated."""
    order = topological(roots)
    new = {v: v for v in order}
    if not any(map(_is_sum, order)):
        return new
    uses = Counter(id(x) for v in order for x in v.inputs)
    uses.update(map(id, roots))
    shared = _shared(order, uses)
    absorbed: set[Value] = set()  # what is a part of other sums, and of nothing else
    for v in reversed(order):
        if _is_sum(v):
            absorbed.update(
                x
                for x in v.inputs
                if x in shared or (uses[id(x)] == 1 and (_is_sum(x) or x.op is EMBED))
            )
    gathered: dict[Value, tuple[list[Value], list[Value], list[Value]]] = {}
    for v in order:
        if _is_sum(v) and v not in absorbed:
            terms = _terms(v, absorbed)
            pieces = [x for x in terms if x.op is EMBED and x in absorbed]
            products = [x for x in terms if _is_product(x, uses)]
            products = [x for x in products if straight(x).shape == straight(products[0]).shape]
            products = products if len(products) > 1 else []
            if pieces or products:
                taken = {id(x) for x in (*pieces, *products)}
                gathered[v] = pieces, products, [x for x in terms if id(x) not in taken]
    if not gathered:
        return new
    for v in order:
        if v in gathered:
            pieces, products, others = gathered[v]
            parts = [new[x] for x in others]
            if products:
                total = reduce(_accumulated, (straight(new[x]) for x in products))
                parts.append(reshape(total, v.shape))
            joined = _joined([(_cuts(x), new[x.inputs[0]]) for x in pieces], v)
            if len(parts) != 1 or products or uses[id(others[0])] == 1:
                free = {
                    id(new[x.inputs[0]])
                    for x in pieces
                    if uses[id(x)] == 1 and _is_product(x.inputs[0], uses)
                }
                new[v] = _overlaid(parts, joined, free)
            else:  # the only other term is read elsewhere, too
                new[v] = reduce(add, [*parts, *joined])
            new[v].name = new[v].name or v.name
            continue
        new[v] = with_inputs(v, tuple(new[x] for x in v.inputs))
    return new


def _shared(order: Sequence[Value], uses: Counter[int]) -> set[Value]:
    """Slices among zeros, and sums of few of them, which several sums read and nothing else: each joins them anew.

    To put a slice to a second place takes less than to add two values of which one is zero there.
    """
    terms: dict[Value, int] = {}
    readers: Counter[int] = Counter()
    for v in order:
        if v.op is EMBED:
            terms[v] = 1
        elif _is_sum(v):
            readers.update(map(id, v.inputs))
            a, b = (terms.get(x, SHARED + 1) for x in v.inputs)
            if a + b <= SHARED:
                terms[v] = a + b
    return {v for v in terms if readers[id(v)] == uses[id(v)] > 1}


def _is_sum(v: Value) -> bool:
    if v.op.name != "add":
        return False
    a, b = v.inputs
    return a.shape == v.shape == b.shape


def _is_product(v: Value, uses: Counter[int]) -> bool:
    """Whether a term is a product, under whatever shape, that nothing else reads."""
    while v.op.kind == "alias" and uses[id(v)] == 1:
        (v,) = v.inputs
    return v.op is MATMUL and uses[id(v)] == 1


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


def _accumulated(total: Value, product: Value) -> Value:
    return apply(MATMUL_ADD, *product.inputs, total, **product.attrs)


def _overlaid(parts: Sequence[Value], joined: Sequence[Value], products: set[int]) -> Value:
    """A sum of values of which some are joined from slices: those are added to slices of the others.

    `products` are ids of slices that nothing else reads, and that may accumulate.
    """
    dense = [x for x in joined if covers(x.shape, _pieces(x))]
    gaps = [x for x in joined if not covers(x.shape, _pieces(x))]
    total = reduce(add, [*parts, *dense, *(gaps[:1] if not parts and not dense else [])])
    for x in gaps if parts or dense else gaps[1:]:
        cuts, slices = x.attrs["cuts"], []
        for piece, cut in zip(x.inputs, cuts, strict=True):
            before = apply(SLICE, total, cuts=cut)
            free = piece.op is MATMUL and id(piece) in products
            slices.append(_accumulated(before, piece) if free else add(before, piece))
        total = apply(OVERLAY, total, *slices, cuts=cuts)
    return total


def _pieces(x: Value) -> Iterable[tuple[Shape, Cuts]]:
    return zip((v.shape for v in x.inputs), x.attrs["cuts"], strict=True)


def _cuts(embedded: Value) -> Cuts:
    return tuple((a, b, c) for a, b, c in embedded.attrs["cuts"])


def _joined(pieces: Sequence[Piece], like: Value) -> list[Value]:
    """Values that are joined from disjoint slices each, and are to be added up."""
    if not pieces:
        return []
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
    out: list[Value] = []
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
