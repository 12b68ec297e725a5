"""Sums of products: each is added by its own product to what the one before it left.

The gradient of a weight that is used many times is such a sum, and so is that of a value which several
products read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce

from gdcore.graph.ir import Value, topological
from gdcore.graph.layout import straight
from gdcore.graph.ops.elementwise import add
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.products import MATMUL, MATMUL_ADD
from gdcore.graph.ops.shapes import reshape


def accumulate(roots: Sequence[Value]) -> dict[Value, Value]:
    """For every value of a graph, one in which products are accumulated."""
    order = topological(roots)
    uses = Counter(x for v in order for x in v.inputs)
    uses.update(roots)

    def is_sum(v: Value) -> bool:
        return v.op.name == "add" and all(x.shape == v.shape for x in v.inputs)

    def is_product(v: Value) -> bool:
        """Whether a term is a product, under whatever shape, that nothing else reads."""
        while v.op.kind == "alias" and uses[v] == 1:
            v = v.inputs[0]
        return v.op is MATMUL and uses[v] == 1

    absorbed: set[Value] = set()  # sums that are a part of one other sum, and of nothing else
    for v in reversed(order):
        if is_sum(v):
            absorbed.update(x for x in v.inputs if uses[x] == 1 and is_sum(x))
    new: dict[Value, Value] = {}
    for v in order:
        inputs = tuple(new[x] for x in v.inputs)
        if all(a is b for a, b in zip(inputs, v.inputs, strict=True)):
            new[v] = v
        else:
            new[v] = Value(v.op, inputs, v.attrs, v.shape, v.dtype, v.name)
            new[v].layer, new[v].within = v.layer, v.within
        if is_sum(v) and v not in absorbed:
            terms = _terms(v, absorbed)
            products = [x for x in terms if is_product(x)]
            products = [x for x in products if straight(x).shape == straight(products[0]).shape]
            if len(products) > 1:
                others = [new[x] for x in terms if not any(x is p for p in products)]
                total = reduce(_added, (straight(new[x]) for x in products))
                new[v] = reduce(add, [*others, reshape(total, v.shape)])
                new[v].name = new[v].name or v.name
    return new


def _terms(v: Value, absorbed: set[Value]) -> list[Value]:
    """What is added up, from left to right."""
    found, stack = [], list(reversed(v.inputs))
    while stack:
        x = stack.pop()
        if x in absorbed:
            stack.extend(reversed(x.inputs))
        else:
            found.append(x)
    return found


def _added(total: Value, product: Value) -> Value:
    return apply(MATMUL_ADD, *product.inputs, total, **product.attrs)
