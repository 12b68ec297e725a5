"""Networks that nobody has thought of: arbitrary graphs of every op, beside float64 NumPy.

A graph is built by Hypothesis, op by op, on values that are there already: fed arrays, parameters,
and results of other ops, shared and broadcast as it comes. Each is evaluated at once in NumPy, so
that the graph stays finite and small. `by_reference.evaluate` is the reference for whatever gdcore makes of it,
its gradients included, since they are more of the same graph.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import random_images
from by_reference import Arrays, evaluate, shape_at
from hypothesis import strategies as st

from gdcore import ops
from gdcore.graph.differentiate import gradients
from gdcore.graph.dims import Batch, size
from gdcore.graph.ir import INT, OPS, Op, Value, topological
from gdcore.graph.ops.leaves import PARAM, apply, input_value

LARGEST = 30.0  # a value beyond it is squashed before others are made of it
ELEMENTS = 4000  # of one value
NAMES = 6  # classes and rows of tables that ints name


@dataclass
class Graph:
    """A random graph, its numbers, and a scalar made of it.

    Attributes
    ----------
    rows : samples of the batch; plans are made for `room` of them
    fed, parameters : leaves, and their arrays in `arrays`, float32 numbers all
    values : everything that was built, in order
    loss : a scalar
    """

    rows: int
    room: int
    fed: list[Value] = field(default_factory=list)
    parameters: list[Value] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    arrays: Arrays = field(default_factory=dict)
    numbers: Arrays = field(default_factory=dict)
    loss: Value | None = None

    def __repr__(self) -> str:
        names = {v: v.name or f"v{i}" for i, v in enumerate(topological([*self.values]))}
        lines = [
            f"{names[v]} = {v.op.name}({', '.join(names[x] for x in v.inputs)}) {v.shape}"
            for v in names
        ]
        return f"<{self.rows} rows of {self.room}: {'; '.join(lines)}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # as Hypothesis shows it
        printer.text(repr(self))

    def gradients(self) -> list[Value]:
        assert self.loss is not None
        return gradients(self.loss, self.parameters)

    def ops(self) -> set[str]:
        """Names of all ops, those of gradients too."""
        assert self.loss is not None
        return {v.op.name for v in topological([self.loss, *self.values, *self.gradients()])}


class Builder:
    """Draws a graph, one decision after another: whole numbers of `whole(low, high)`."""

    def __init__(self, whole: Callable[[int, int], int]) -> None:
        self.whole = whole
        rows = self.pick([1, 2, 3, 5, 8, 33])
        self.graph = Graph(rows, rows + self.pick([0, 0, 1, 7]))
        self.rng = np.random.default_rng(self.whole(0, 2**32 - 1))

    def pick(self, choices: Sequence[Any]) -> Any:
        return choices[self.whole(0, len(choices) - 1)]

    # --- leaves ----------------------------------------------------------------------------

    def keep(self, leaf: Value, array: np.ndarray, into: list[Value]) -> Value:
        into.append(leaf)
        self.graph.arrays[leaf] = self.graph.numbers[leaf] = array
        return leaf

    def normal(self, shape: Sequence[int]) -> np.ndarray:
        return np.asarray(self.rng.normal(size=shape), np.float32).astype(np.float64)

    def fresh_input(self) -> Value:
        g = self.graph
        dims = [self.pick([1, 2, 3, 5, 8, 17]) for _ in range(self.whole(0, 2))]
        leaf = input_value((Batch(1), *dims), f"x{len(g.fed)}")
        return self.keep(leaf, self.normal((g.rows, *dims)), g.fed)

    def fresh_ints(self) -> Value:
        g = self.graph
        dims = [self.pick([1, 3])] if self.whole(0, 1) else []
        leaf = input_value((Batch(1), *dims), f"i{len(g.fed)}", INT)
        array = self.rng.integers(0, NAMES, (g.rows, *dims)).astype(np.float64)
        g.fed.append(leaf)
        g.arrays[leaf] = array
        return leaf

    def parameter(self, shape: Sequence[int]) -> Value:
        g = self.graph
        for p in g.parameters:  # weights are shared as often as they fit
            if p.shape == tuple(shape) and self.whole(0, 1):
                return p
        leaf = Value(PARAM, (), {"shape": tuple(shape)}, tuple(shape), name=f"p{len(g.parameters)}")
        return self.keep(leaf, self.normal(shape), g.parameters)

    # --- values ----------------------------------------------------------------------------

    def known(self, fits: Callable[[Value], bool] = lambda v: True) -> list[Value]:
        return [v for v in self.graph.numbers if fits(v)]

    def any(self, fits: Callable[[Value], bool] = lambda v: True) -> Value:
        """A value that is there; late ones more often, so that graphs grow deep."""
        choices = self.known(fits)
        if not choices:
            return self.fresh_input() if fits(x := self.fresh_input()) else x
        last = len(choices) - 1
        return choices[max(self.whole(0, last), self.whole(0, last))]

    def within(self, v: Value, low: float, high: float) -> Value:
        """The value bent into a range, where it is not."""
        x = self.graph.numbers[v]
        if low <= -2.0 and high >= 2.0:
            return v
        if x.size and (x.min() < low or x.max() > high):
            return low + (high - low) * ops.sigmoid(v)
        return v

    def partner(self, v: Value) -> Any:
        """Something that broadcasts with a value."""
        kind = self.whole(0, 3)
        if kind == 0:
            return float(np.float32(self.rng.normal()))
        dims = [d if isinstance(d, int) else 1 for d in v.shape]
        if kind == 1:
            dims = [self.pick([1, d]) for d in dims]
            return self.parameter(dims[self.whole(0, len(dims)) :])
        fitting = self.known(lambda u: broadcasts(u, v))
        return self.pick(fitting)

    def add(self, v: Value) -> bool:
        """Take a value into the graph, if its numbers are fit for others to be made of them."""
        g = self.graph
        if int(np.prod(shape_at(v, g.rows))) > ELEMENTS:
            return False
        found = evaluate([v], g.arrays | g.numbers, g.rows)
        if not np.isfinite(found[v]).all():
            return False
        if found[v].size and np.abs(found[v]).max() > LARGEST:
            v = ops.softsign(v)
            found = evaluate([v], found, g.rows)
        g.numbers[v] = found[v]
        g.values.append(v)
        return True

    # --- ops -------------------------------------------------------------------------------

    def elementwise(self, op: Op) -> Value:
        sample = op.samples[0]
        first = self.any()
        inputs: list[Any] = [first]
        for _ in sample.shapes[1:]:
            inputs.append(self.partner(first))
        if sample.low > -2.0 or sample.high < 2.0:
            inputs = [
                self.within(x, sample.low, sample.high)
                if isinstance(x, Value)
                else float(np.float32(np.clip(abs(x), sample.low, sample.high)))
                for x in inputs
            ]
        if len(inputs) > 1 and self.whole(0, 1):
            inputs[0], inputs[1] = inputs[1], inputs[0]
        return apply(op, *inputs, **sample.attrs)

    def axes(self, v: Value) -> int | list[int] | None:
        if not v.ndim or self.whole(0, 3) == 0:
            return None
        axes = [i for i in range(v.ndim) if self.whole(0, 1)] or [self.whole(0, v.ndim - 1)]
        return axes if len(axes) > 1 else axes[0]

    def reduction(self, function: Callable[..., Value]) -> Value:
        v = self.any()
        return function(v, self.axes(v), keepdims=bool(self.whole(0, 1)))

    def product(self) -> Value:
        v = self.any(lambda u: u.ndim >= 1 and isinstance(u.shape[-1], int))
        other = self.known(
            lambda u: u.ndim == v.ndim >= 2 and u.shape[:-2] == v.shape[:-2] and u.ndim < 4
        )
        if other and self.whole(0, 2) == 0:
            u, a = self.pick(other), v
            swapped = [*range(v.ndim - 2), v.ndim - 1, v.ndim - 2]
            if self.whole(0, 1):
                a = ops.transpose(a, swapped)
            if self.whole(0, 1):
                u = ops.transpose(u, swapped)
            return ops.matmul(a, u)
        weight = self.parameter((v.shape[-1], self.pick([1, 2, 3, 10, 17, 40])))
        if 2 < v.ndim < 5 and self.whole(0, 2) == 0:  # one matrix, one row or one column for all
            seen = self.pick([weight, weight[:1], weight[:, :1]])
            return ops.matmul(v, ops.broadcast_to(seen, (*v.shape[:-2], *weight.shape)))
        y = ops.matmul(v, weight)
        return y + self.parameter((weight.shape[1],)) if self.whole(0, 1) and v.ndim > 1 else y

    def permuted(self) -> Value:
        v = self.any(lambda u: u.ndim >= 1)
        axes = list(range(v.ndim))
        for i in range(v.ndim - 1, 0, -1):
            j = self.whole(0, i)
            axes[i], axes[j] = axes[j], axes[i]
        return ops.transpose(v, axes)

    def reshaped(self) -> Value:
        v = self.any()
        kind = self.whole(0, 3)
        if kind == 0 and v.ndim >= 1:
            return ops.flatten(v)
        if kind == 1 and v.ndim < 4:
            return ops.expand_dims(v, self.whole(0, v.ndim))
        if kind == 2 and any(d == 1 for d in v.shape):
            return ops.squeeze(v, self.pick([i for i, d in enumerate(v.shape) if d == 1]))
        halves = [i for i, d in enumerate(v.shape) if isinstance(d, int) and d % 2 == 0 and d]
        if halves and v.ndim < 4:
            i = self.pick(halves)
            return ops.reshape(v, (*v.shape[:i], 2, v.shape[i] // 2, *v.shape[i + 1 :]))
        return ops.reshape(v, (*v.shape, 1)[: v.ndim + 1])

    def cut(self) -> Value:
        v = self.any(lambda u: any(isinstance(d, int) for d in u.shape))
        index: list[Any] = []
        for d in v.shape:
            if not isinstance(d, int) or d < 1:
                index.append(slice(None))
                continue
            start = self.whole(0, d - 1)
            stop = self.whole(start + 1, d)
            step = self.pick([1, 1, 2])
            index.append(self.pick([slice(None), slice(start, stop, step), start]))
        return v[tuple(index)]

    def padded(self) -> Value:
        v = self.any(lambda u: u.ndim >= 1)
        fixed = [isinstance(d, int) for d in v.shape]
        return ops.pad(v, [(self.whole(0, 2), self.whole(0, 2)) if f else (0, 0) for f in fixed])

    def joined(self) -> Value:
        v = self.any(lambda u: u.ndim >= 1)
        if self.whole(0, 2) == 0:
            alike = self.known(lambda u: u.shape == v.shape)
            if v.ndim < 4:
                return ops.stack([v, self.pick(alike)], self.whole(0, v.ndim))
        fixed = [i for i, d in enumerate(v.shape) if isinstance(d, int)]
        if not fixed:
            return ops.stack([v, v], 1)
        axis = self.pick(fixed)

        def fits(u: Value) -> bool:
            return u.ndim == v.ndim and all(
                a == b or (i == axis and isinstance(a, int))
                for i, (a, b) in enumerate(zip(u.shape, v.shape, strict=True))
            )

        others = [self.pick(self.known(fits)) for _ in range(self.whole(1, 2))]
        return ops.concatenate([v, *others], axis)

    def looked_up(self) -> Value:
        index = self.fresh_ints()
        if self.whole(0, 2) == 0:
            return ops.one_hot(index, NAMES)
        return ops.take(self.parameter((NAMES, self.pick([1, 4, 9]))), index)

    def spread(self) -> Value:
        v = self.any(lambda u: u.ndim < 4)
        wide = tuple(3 if d == 1 else d for d in v.shape)
        return ops.broadcast_to(v, wide if wide != v.shape else (2, *v.shape))

    def counted(self) -> Value:
        return self.any() * (1.0 / ops.count(Batch(1)))

    def soft(self, function: Callable[..., Value]) -> Value:
        v = self.any(lambda u: u.ndim >= 1)
        return function(v, self.whole(0, v.ndim - 1))

    def step(self) -> bool:
        """One more op; False where what was drawn does not fit together."""
        _, make = self.pick(MAKERS)
        try:
            value = make(self)
            size(value.shape)  # of one batch dimension at most
        except (ValueError, TypeError, IndexError):
            return False
        return self.add(value)

    def build(self, steps: int) -> Graph:
        """A graph of up to so many ops."""
        self.fresh_input()
        for _ in range(steps):
            self.step()
        g = self.graph
        if not g.parameters:
            self.add(self.any() * self.parameter(()))
        leaves_last = g.values[-self.whole(1, 4) :]
        total: Value | None = None
        for v in [*leaves_last, self.any() * ops.mean(g.parameters[-1])]:
            part = ops.mean(
                ops.square(v - 0.25) if self.whole(0, 1) else v * self.normal(()).item()
            )
            total = part if total is None else total + part
        g.loss = total
        return g


def broadcasts(u: Value, v: Value) -> bool:
    try:
        ops.add(u, v)
    except ValueError:
        return False
    return True


def of_map(op: Op) -> Callable[[Builder], Value]:
    return lambda b: b.elementwise(op)


def of_reduction(function: Callable[..., Value]) -> Callable[[Builder], Value]:
    return lambda b: b.reduction(function)


def of_axis(function: Callable[..., Value]) -> Callable[[Builder], Value]:
    return lambda b: b.soft(function)


# What a step can be. Elementwise ops come out of the registry; the others say how they are called.
MAPS: list[tuple[str, Callable[[Builder], Value]]] = [
    (op.name, of_map(op))
    for op in OPS.values()
    if op.kind == "map" and op.reference and op.name != "identity"
]
OTHERS: Mapping[str, Callable[[Builder], Value]] = {
    "matmul": Builder.product,
    "transpose": Builder.permuted,
    "reshape": Builder.reshaped,
    "slice": Builder.cut,
    "embed": Builder.padded,
    "concatenate": Builder.joined,
    "take": Builder.looked_up,
    "unfold": random_images.windows,
    "conv": random_images.convolved,
    "identity": Builder.spread,
    "count": Builder.counted,
    "stop_gradient": lambda b: ops.stop_gradient(b.any()),
    "sum": of_reduction(ops.sum),
    "mean": of_reduction(ops.mean),
    "max": of_reduction(ops.max),
    "min": of_reduction(ops.min),
    "var": of_reduction(ops.var),
    "logsumexp": of_reduction(ops.logsumexp),
    "softmax": of_axis(ops.softmax),
    "log_softmax": of_axis(ops.log_softmax),
}


def of_samples(op: Op) -> Callable[[Builder], Value]:
    """An op without a maker above, on parameters, as the samples of its row have it."""

    def make(b: Builder) -> Value:
        sample = b.pick([s for s in op.samples if all(map(all, s.shapes))])
        inputs = [b.within(b.parameter(s), sample.low, sample.high) for s in sample.shapes]
        return apply(op, *inputs, **sample.attrs)

    return make


# Ops of gradients (as max_pool_dx) and of training steps alone: nothing but differentiation and fusion writes them.
WRITTEN_BY_PASSES = {"scatter_add", "fold", "single", "outer_peak", "random_uniform"}
SAMPLED = [
    (op.name, of_samples(op))
    for op in OPS.values()
    if op.kind not in ("map", "loop") and op.reference and op.samples
    if not any(part in op.name for part in ("pool_dx", "mask", "attention", "along"))
    if not {op.name} & {*OTHERS, *WRITTEN_BY_PASSES} and not any(s.ints for s in op.samples)
]
MAKERS = [*MAPS, *SAMPLED, *OTHERS.items(), *[("matmul", Builder.product)] * 4]


@st.composite
def graphs(draw: Callable[..., Any], largest: int = 24) -> Graph:
    """Graphs of up to so many ops, as Hypothesis likes them: corner cases first."""
    b = Builder(lambda low, high: int(draw(st.integers(low, high))))
    return b.build(b.whole(1, largest))


def graph_of(seed: int, largest: int = 40) -> Graph:
    """The graph of a number: every decision drawn evenly."""
    b = Builder(random.Random(seed).randint)
    return b.build(b.whole(1, largest))
