"""The gradient of a loop: another loop over the same steps, the other way round.

Its body is the derivative of the body. What it needs of the steps is kept by the loop, stacked, and
comes as sequences; with `remat` only the carries are, and the rest is computed again from them. The
gradient of a weight is a sum over all rows and steps: the loop puts out the operands of that sum, and
outside one large product, or one sum, takes all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gdcore.graph.differentiate import gradients
from gdcore.graph.dims import size
from gdcore.graph.ir import INT, REAL, Value, topological
from gdcore.graph.ops import reductions as rd
from gdcore.graph.ops.identities import IDENTITY, broadcast_to
from gdcore.graph.ops.indexing import SCATTER
from gdcore.graph.ops.leaves import CONSTANT, apply
from gdcore.graph.ops.loop_body import (
    PART,
    Body,
    cotangents,
    has_batch,
    last,
    loop_leaf,
    make_loop,
    stacked,
    substitute,
)
from gdcore.graph.ops.products import MATMUL
from gdcore.graph.ops.reductions import SUM
from gdcore.graph.ops.shapes import reshape, transpose
from gdcore.graph.ops.training_ops import WHEN

# Of one operand, and linear in it: what comes out of a sum of it is the sum of what comes out.
LINEAR = ("reshape", "transpose", "identity", "neg", "slice", "embed", "sum")


def loop_gradient(loop: Value, dy: Value) -> list[Value | None]:
    """Gradients of a loop's inputs; see `gdcore.graph.ir.GradRule`."""
    return _Backward(loop, dy).inputs()


class _Backward:
    """The backward loop of one loop, while it is made."""

    def __init__(self, loop: Value, dy: Value) -> None:
        self.loop = loop
        self.body: Body = loop.attrs["body"]
        body = self.body
        self.number = {leaf: i for i, leaf in enumerate(body.leaves)}
        self.real = [v for v in body.leaves if v.dtype != INT]
        self.found: dict[Value, Value] = {}  # for an input's leaf, its gradient within a step
        starts: list[Value] = []
        carries: list[Value] = []
        self.sequences: list[tuple[Value, Value]] = []  # leaf and what it is an element of
        self.outside: list[tuple[Value, Value]] = []
        loss = None
        given: dict[tuple[bool, int], Value] = {}
        for v in cotangents(dy):
            (d,), key = v.inputs, (v.attrs["last"], v.attrs["index"])
            given[key] = given[key] + d if key in given else d
        for i, leaf in enumerate(body.carries):
            if leaf.dtype == INT:
                continue
            start = given.get((True, i))
            starts.append(broadcast_to(0.0, leaf.shape) if start is None else start)
            carries.append(loop_leaf(leaf.shape, leaf.dtype, f"d {leaf.name}"))
            term = rd.sum(body.after[i] * carries[-1])
            loss = term if loss is None else loss + term
        for (is_last, i), d in given.items():
            if not is_last and body.stacked[i].dtype != INT:
                value = body.stacked[i]
                leaf = self.sequence(d, value, "d output")
                term = rd.sum(value * leaf)
                loss = term if loss is None else loss + term
        assert loss is not None
        self.forward = set(topological([*body.after, *body.stacked]))
        self.depending = body.depending()
        within = dict(zip(self.real, gradients(loss, self.real), strict=True))
        self.new: dict[Value, Value] = {}
        for v in within.values():
            self.provide(v)
        for v in topological(within.values()):
            if v.op is PART and v.inputs[0] in self.forward:  # of a loop within the body
                self.forward.add(v)
                self.depending.add(v)
        for v in topological(within.values()):
            for x in v.inputs if v not in self.forward else ():
                self.provide(x)
        self.turn_weights(within.values())
        substitute(within.values(), self.new)
        within = {leaf: self.new[v] for leaf, v in within.items()}
        after = [within[leaf] for leaf in body.carries if leaf in within]
        # what has rows of its own, or where nothing has any, is summed over the steps in a carry
        alone = not any(map(has_batch, self.loop.inputs))
        self.sums: dict[Value, int] = {}
        for leaf in body.outside:
            if leaf in within and (alone or has_batch(leaf)):
                self.sums[leaf] = len(carries)
                carries.append(loop_leaf(leaf.shape, leaf.dtype, f"d {leaf.name}"))
                starts.append(broadcast_to(0.0, leaf.shape))
                after.append(carries[-1] + within[leaf])
        back = Body(
            body.steps,
            carries,
            [leaf for leaf, _ in self.sequences],
            [leaf for leaf, _ in self.outside],
            after,
        )
        inputs = [*starts, *(x for _, x in self.sequences), *(x for _, x in self.outside)]
        self.within, self.back_body = within, back
        self.outer = dict(self.sequences)
        self.back = make_loop(loop.op, back, inputs, not loop.attrs["reverse"], loop.attrs["remat"])
        self.changing = back.depending(within.values())

    def sequence(self, x: Value, like: Value, name: str) -> Value:
        """A leaf for the elements of x, each of the shape of a value of the body."""
        leaf = loop_leaf(like.shape, like.dtype, name)
        self.sequences.append((leaf, x))
        return leaf

    def provide(self, x: Value) -> None:
        """Have a value of the forward body in the backward one."""
        if x not in self.forward or x in self.new or x not in self.depending:
            return
        body, inputs = self.body, self.loop.inputs
        number = self.number.get(x)
        if number is not None and number >= len(body.carries) + len(body.sequences):
            self.new[x] = leaf = loop_leaf(x.shape, x.dtype, x.name)
            self.outside.append((leaf, inputs[number]))
        elif number is not None and number >= len(body.carries):
            self.new[x] = self.sequence(inputs[number], x, x.name)
        elif x.op.kind == "alias":
            self.provide(x.inputs[0])
        elif number is None and self.loop.attrs["remat"]:
            for leaf in topological([x]):  # `substitute` rebuilds x from these
                if leaf in self.number:
                    self.provide(leaf)
        else:
            self.new[x] = self.sequence(stacked(self.loop, x), x, x.name or x.op.name)

    def turn_weights(self, roots: Iterable[Value]) -> None:
        """Products with the transpose of a weight take one that is transposed outside, once for all steps."""
        turned: dict[Value, Value] = {}
        for v in topological(roots):
            if v.op is not MATMUL or not v.attrs["tb"] or v in self.new:
                continue
            weight = self.new.get(v.inputs[1])
            outer = dict(self.outside).get(weight) if weight is not None else None
            if weight is None or outer is None or has_batch(outer) or weight.ndim != 2:
                continue
            if weight not in turned:
                across = transpose(outer, (1, 0))
                turned[weight] = loop_leaf(across.shape, REAL, weight.name)
                self.outside.append((turned[weight], across))
            rows = substitute([v.inputs[0]], self.new)[v.inputs[0]]
            self.new[v] = apply(MATMUL, rows, turned[weight], **{**v.attrs, "tb": False})

    def inputs(self) -> list[Value | None]:
        """The gradient of each of the loop's inputs."""
        body = self.body
        out: list[Value | None] = []
        number = 0
        for leaf in body.leaves:
            if leaf not in self.within:
                out.append(None)
            elif self.number[leaf] < len(body.carries):
                out.append(last(self.back, number))
                number += 1
            elif leaf in self.sums:
                out.append(last(self.back, self.sums[leaf]))
            elif self.loop.inputs[self.number[leaf]].op is CONSTANT:
                out.append(None)
            elif self.number[leaf] >= len(body.carries) + len(body.sequences):
                out.append(self.over_rows(self.within[leaf], each=False))
            elif has_batch(leaf) or not any(map(has_batch, self.loop.inputs)):
                out.append(stacked(self.back, self.within[leaf]))
            else:
                out.append(self.over_rows(self.within[leaf], each=True))
        return out

    def all_steps(self, v: Value) -> Value:
        """A value of the backward body at all steps, outside."""
        return self.outer[v] if v in self.outer else stacked(self.back, v)

    def over_rows(self, v: Value, each: bool) -> Value:
        """A value without rows, outside of the loop: summed over the steps, or of `each` of them.

        It is made of sums over the rows, of which the loop puts out the operands, and of what is
        linear in those.
        """
        steps = self.body.steps
        lead = (steps,) if each else ()
        if v not in self.changing:
            return broadcast_to(v, (*lead, *v.shape)) if each else v * float(steps)
        x = v.inputs[0]
        if v.op is WHEN:
            return apply(WHEN, *(self.over_rows(x, each) for x in v.inputs))
        if v.op.name == "add":
            a, b = (self.over_rows(broadcast_to(x, v.shape), each) for x in v.inputs)
            return a + b
        if v.op is MATMUL and has_batch(x):
            if each:
                return apply(MATMUL, *(self.by_step(x) for x in v.inputs), **v.attrs)
            return apply(MATMUL, *(self.long(x) for x in v.inputs), **v.attrs)
        if v.op is SCATTER and has_batch(x) and not each:
            return apply(SCATTER, *(self.long(x) for x in v.inputs), **v.attrs)
        if v.op is SUM and has_batch(x):
            lo, hi = v.attrs["axes"]
            if not each:
                return apply(SUM, self.all_steps(x), axes=(lo, hi + 1))
            rows = apply(SUM, self.all_steps(x), axes=(0, 1))
            return apply(SUM, rows, axes=(1, hi)) if hi > 1 else rows
        if v.op.name in LINEAR and not has_batch(x):
            if each:
                rest = (1,) * (v.ndim - x.ndim) if v.op is IDENTITY else ()
                inner = reshape(self.over_rows(x, each), (*lead, *rest, *x.shape))
                return apply(v.op, inner, **_with_steps(v, steps))
            return apply(v.op, self.over_rows(x, each), **v.attrs)
        raise ValueError(
            f"a gradient through the {v.op.name!r} of values without rows in a scan's body: compute "
            "what is the same for all samples outside of the scan"
        )

    def long(self, v: Value) -> Value:
        """The rows of all steps in one dimension."""
        return reshape(self.all_steps(v), (size((v.shape[0], self.body.steps)), *v.shape[1:]))

    def by_step(self, v: Value) -> Value:
        """The steps first, then the rows."""
        return transpose(self.all_steps(v), (1, 0, *range(2, v.ndim + 1)))


def _with_steps(v: Value, steps: int) -> dict[str, Any]:
    """Attributes of a linear op that does the same at each of some steps, its first dimension."""
    attrs = dict(v.attrs)
    if "shape" in attrs or v.op is IDENTITY:
        attrs["shape"] = (steps, *v.shape)
    if v.op is SUM:
        attrs["axes"] = tuple(a + 1 for a in attrs["axes"])
    elif "axes" in attrs:
        attrs["axes"] = (0, *(a + 1 for a in attrs["axes"]))
    if "cuts" in attrs:
        attrs["cuts"] = ((0, None, 1), *attrs["cuts"])
    return attrs
