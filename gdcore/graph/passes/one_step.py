"""A causal network over sequences, for one step at a time: its attention reads keys and values of earlier steps
from caches, and its loops their carries, instead of computing them again.

Every value that depends on the sequence has one dimension in which its steps lie; it becomes one step long.
What does not depend on the sequence, such as learned positions, gives the row of the step at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape, at_batch, size
from gdcore.graph.ir import INT, REAL, Value, rewrite, topological
from gdcore.graph.ops.attention import ATTENTION
from gdcore.graph.ops.elementwise import equal, less_equal, where
from gdcore.graph.ops.indexing import TAKE, take
from gdcore.graph.ops.leaves import apply, input_value
from gdcore.graph.ops.loop_body import PART, has_batch, substitute
from gdcore.graph.ops.loops import SCAN
from gdcore.graph.ops.products import MATMUL
from gdcore.graph.ops.shapes import reshape, transpose

FOLDS = ("sum", "mean", "max", "logsumexp")


class _Steps(NamedTuple):
    """Where the steps of a value lie: its dimension, and how many elements of that belong to one step."""

    dim: int
    inner: int


@dataclass(eq=False, repr=False)
class OneStep:
    """A network for one step.

    Attributes
    ----------
    inputs : ids (B, 1), the number of the step (B,), and the caches: of attention (B, steps, heads, features), of
        loops as their carries
    outputs : those of the network, and what is to be written into each cache: the step's row, (B, 1, heads,
        features), or the carry
    """

    inputs: list[Value]
    outputs: list[Value]


def one_step(outputs: Sequence[Value], ids: Value) -> OneStep:
    """The network of one step.

    Parameters
    ----------
    outputs : in prediction; each of (B, steps, ...)
    ids : the input, (B, steps)

    Raises
    ------
    ValueError
        If a step needs others in another way than by causal attention.
    """
    return _Rewriting(list(outputs), ids).result()


@dataclass(eq=False, repr=False)
class _Rewriting:
    outputs: list[Value]
    ids: Value
    steps: dict[Value, _Steps] = field(default_factory=dict)
    new: dict[Value, Value] = field(default_factory=dict)
    loops: dict[Value, list[Value]] = field(default_factory=dict)
    caches: list[Value] = field(default_factory=list)
    rows: list[Value] = field(default_factory=list)

    def result(self) -> OneStep:
        length = self.ids.shape[1]
        assert isinstance(length, int)
        self.length = length
        self.now = input_value((Batch(1), 1), self.ids.name, INT)
        self.position = input_value((Batch(1),), "step", INT)
        outputs = _expanded(self.outputs)
        self.steps[self.ids], self.new[self.ids] = _Steps(1, 1), self.now
        for v in topological(outputs):
            if v not in self.new and any(x in self.steps for x in v.inputs):
                self.add(v)
        for v in outputs:
            if self.steps.get(v) != _Steps(1, 1):
                raise ValueError(
                    f"an output of shape {v.shape} has no step for each of the input's"
                )
        found = [self.new[v] for v in outputs]
        return OneStep([self.now, self.position, *self.caches], [*found, *self.rows])

    def add(self, v: Value) -> None:
        """Write a value that depends on the sequence."""
        x = next(x for x in v.inputs if x in self.steps)
        at = self.steps[x]
        if v.op.kind == "map":
            self.map(v)
        elif v.op is SCAN:
            self.loop(v)
        elif v.op is PART and not v.attrs["last"] and has_batch(v):
            value = self.loops[x][v.attrs["index"]]
            self.new[v] = reshape(value, (Batch(1), 1, *v.shape[2:]))
            self.steps[v] = _Steps(1, 1)
        elif v.op is ATTENTION:
            self.attend(v)
        elif v.op.name == "reshape":
            self.note(v, self.reshaped(v, x, at))
        elif v.op.name == "transpose":
            axes = v.attrs["axes"]
            self.new[v] = apply(v.op, self.new[x], axes=axes)
            self.steps[v] = _Steps(axes.index(at.dim), at.inner)
        elif v.op.name == "slice" and v.attrs["cuts"][at.dim] in _all_of(x.shape[at.dim]):
            cuts = list(v.attrs["cuts"])
            cuts[at.dim] = (0, None, 1)
            self.new[v], self.steps[v] = apply(v.op, self.new[x], cuts=tuple(cuts)), at
        elif v.op.name in ("concatenate", "softmax_along") and v.attrs["axis"] != at.dim:
            self.same(v, at)
        elif v.op.name in FOLDS and not v.attrs["axes"][0] <= at.dim < v.attrs["axes"][1]:
            low, high = v.attrs["axes"]
            self.new[v] = apply(v.op, self.new[x], axes=(low, high))
            self.steps[v] = at if at.dim < low else _Steps(at.dim - (high - low), at.inner)
        elif v.op is TAKE and v.inputs[1] is x and v.inputs[0] not in self.steps:
            self.new[v], self.steps[v] = apply(TAKE, v.inputs[0], self.new[x]), at
        elif v.op is MATMUL and v.inputs[0] is x and self.is_row(v, at):
            self.new[v] = apply(MATMUL, self.new[x], v.inputs[1], **v.attrs)
            self.steps[v] = at
        else:
            raise self.refused(v)

    def refused(self, v: Value) -> ValueError:
        """The error (not raised) for a value that mixes steps."""
        layer = type(v.within or v.layer).__name__ if v.within or v.layer else "the network"
        return ValueError(
            f"a step of {layer} needs other steps by {v.op.name!r}, {v.shape}: expected attention with "
            "causal=True and no mask, loops forwards, and else what computes each step by itself"
        )

    def is_row(self, v: Value, at: _Steps) -> bool:
        """Whether a product of the sequence with a weight computes each of its rows by itself."""
        x, w = v.inputs
        return w not in self.steps and not v.attrs["ta"] and x.ndim == 2 and at.dim == 0

    def shrunk(self, shape: Shape, at: _Steps) -> Shape:
        """A shape with one step."""
        dim = shape[at.dim]
        one: Dim = Batch(dim.rows // self.length) if isinstance(dim, Batch) else dim // self.length
        return (*shape[: at.dim], one, *shape[at.dim + 1 :])

    def note(self, v: Value, at: _Steps | None) -> None:
        """Write a value whose attributes hold its shape."""
        if at is None:
            raise self.refused(v)
        shape = self.shrunk(v.shape, at)
        x = next(x for x in v.inputs if x in self.steps)
        self.new[v], self.steps[v] = reshape(self.new[x], shape), at

    def reshaped(self, v: Value, x: Value, at: _Steps) -> _Steps | None:
        """Where the steps lie after a reshape: at the same distance from one another."""
        apart = at.inner * at_batch(size(x.shape[at.dim + 1 :]), 1)
        for dim in range(v.ndim):
            rest, own = at_batch(size(v.shape[dim + 1 :]), 1), at_batch(v.shape[dim], 1)
            if apart % rest == 0 and rest * own >= apart * self.length and rest <= apart:
                inner = apart // rest
                return _Steps(dim, inner) if own % (inner * self.length) == 0 else None
        return None

    def map(self, v: Value) -> None:
        """Element by element: the steps of all inputs lie in one dimension."""
        found = {
            _Steps(at.dim + v.ndim - x.ndim, at.inner)
            for x in v.inputs
            if (at := self.steps.get(x)) is not None
        }
        if len(found) > 1:
            raise self.refused(v)
        self.same(v, found.pop())

    def same(self, v: Value, at: _Steps) -> None:
        """The same op of one step of each input."""
        inputs = [self.new[x] if x in self.steps else self.row(v, x, at) for x in v.inputs]
        attrs = dict(v.attrs)
        if "shape" in attrs:
            attrs["shape"] = self.shrunk(v.shape, at)
        self.new[v], self.steps[v] = apply(v.op, *inputs, **attrs), at

    def row(self, v: Value, x: Value, at: _Steps) -> Value:
        """What belongs to the step at hand, of a value that does not depend on the sequence."""
        dim = at.dim - (v.ndim - x.ndim)
        if dim < 0 or x.shape[dim] == 1:
            return x
        if isinstance(x.shape[dim], Batch) or x.shape[dim] != self.length or at.inner != 1:
            raise self.refused(v)
        if x.ndim == v.ndim and x.shape[0] != 1:
            raise self.refused(v)
        if x.dtype != REAL:
            raise self.refused(v)
        rest = (*x.shape[:dim], *x.shape[dim + 1 :])
        first = transpose(x, (dim, *(i for i in range(x.ndim) if i != dim))) if dim else x
        table = reshape(first, (self.length, size(rest)))
        shape = (*x.shape[:dim], 1, *x.shape[dim + 1 :])
        lead = v.ndim - x.ndim
        wide = (Batch(1), *[1] * (lead - 1), *shape) if lead else (Batch(1), *shape[1:])
        return reshape(take(table, self.position), wide)

    def attend(self, v: Value) -> None:
        """Attention to the caches, into which the step's key and value are written first."""
        q, k, value, *bias = v.inputs
        sequences = (q, k, value)
        apart = any(self.steps.get(x) != _Steps(1, 1) for x in sequences)
        if apart or not v.attrs["causal"] or v.attrs["mask"] or any(b in self.steps for b in bias):
            raise self.refused(v)
        numbers = np.arange(self.length)
        here = equal(numbers[:, None, None], self.position[:, None, None, None])
        whole = []
        for x in (k, value):
            cache = input_value(x.shape, f"cache {len(self.caches)}")
            self.caches.append(cache)
            self.rows.append(self.new[x])
            whole.append(where(here, self.new[x], cache))
        seen = less_equal(numbers, self.position[:, None])
        rows = [self.bias_row(v, b) for b in bias]
        attrs = {**v.attrs, "causal": False, "mask": True}
        self.new[v] = apply(ATTENTION, self.new[q], *whole, *rows, seen, **attrs)
        self.steps[v] = _Steps(1, 1)

    def loop(self, v: Value) -> None:
        """One step of a loop, from the carries after the last one."""
        body = v.attrs["body"]
        n, m = len(body.carries), len(body.carries) + len(body.sequences)
        sequences = v.inputs[n:m]
        if (
            v.attrs["reverse"]
            or any(self.steps.get(x) != _Steps(1, 1) for x in sequences)
            or any(x in self.steps for x in (*v.inputs[:n], *v.inputs[m:]))
            or not all(map(has_batch, body.carries))
        ):
            raise self.refused(v)
        known: dict[Value, Value] = dict(zip(body.outside, v.inputs[m:], strict=True))
        for leaf, x in zip(body.sequences, sequences, strict=True):
            known[leaf] = reshape(self.new[x], leaf.shape)
        for leaf, start in zip(body.carries, v.inputs[:n], strict=True):
            cache = input_value(leaf.shape, f"cache {len(self.caches)}")
            self.caches.append(cache)
            first = equal(reshape(self.position, (Batch(1), *[1] * (leaf.ndim - 1))), 0.0)
            known[leaf] = where(first, start, cache)
        found = substitute([*body.after, *body.stacked], known)
        self.rows += [found[x] for x in body.after]
        self.loops[v] = [found[x] for x in body.stacked]
        self.new[v], self.steps[v] = v, _Steps(1, 1)

    def bias_row(self, v: Value, bias: Value) -> Value:
        """The step's row of (heads, queries, keys)."""
        if bias.ndim != 3:
            raise self.refused(v)
        heads, _, keys = bias.shape
        table = reshape(transpose(bias, (1, 0, 2)), (self.length, size((heads, keys))))
        return reshape(take(table, self.position), (Batch(1), heads, 1, keys))


def _all_of(length: Dim) -> tuple[tuple[int, Dim | None, int], ...]:
    """The cuts that leave a dimension as it is."""
    return ((0, None, 1), (0, length, 1))


def _expanded(outputs: list[Value]) -> list[Value]:
    """Without formulas of other ops."""
    while any(v.op.kind == "composite" for v in topological(outputs)):
        new = rewrite(outputs, _expand)
        outputs = [new[v] for v in outputs]
    return outputs


def _expand(v: Value) -> Value:
    if v.op.kind != "composite":
        return v
    return v.op.expand(v) if v.op.expand is not None else v.inputs[0]
