"""Graphs within nodes, the bodies of Loop and Scan, as bodies of `gd.ops.scan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.graph.ops.loop_body import has_batch
from gdcore.onnx.kinds import Kind, check_exact
from gdcore.onnx.nodes_shapes import axis_of
from gdcore.onnx.reader import Item, Node, Reader
from gdcore.onnx.samples import apart, batch_axis, check_order, together

Read = Callable[[Reader, Any, int], None]
Named = tuple[
    str, Value, Kind
]  # of a body's input: what it is of, samples first, and what that holds


class Body:
    """A graph within a node, and how its values lie in the file and in the loop.

    Parameters
    ----------
    n : Node
    read : callable
        Reads a node of the graph.
    by_sample : bool
        Whether the graph computes a single sample, as bodies do before opset 9.
    """

    def __init__(self, n: Node, read: Read, by_sample: bool = False) -> None:
        self.n, self.read, self.by_sample = n, read, by_sample
        self.graph = n.attr("body")
        self.apart = n.reader.together or by_sample
        self.scope = n.reader.inner()
        self.nodes: list[tuple[int, Any]] = list(enumerate(self.graph.node))

    def names(self, inputs: int, outputs: int) -> tuple[list[str], list[str]]:
        """Of the body's inputs, which are so many, and of its outputs, which are at least so many."""
        found = [v.name for v in self.graph.input], [v.name for v in self.graph.output]
        if len(found[0]) != inputs or len(found[1]) < outputs or len(set(found[0])) != inputs:
            raise ValueError(
                f"a body of {len(found[0])} inputs and {len(found[1])} outputs: expected {inputs}, each with a name "
                f"of its own, and at least {outputs}"
            )
        return found

    def rows(self, x: Value, axis: int | None = None) -> Value:
        """A value of the file with its samples first, and then its steps, those along an axis."""
        at = batch_axis(x.shape)
        if self.by_sample:
            if at is None and x.shape[:1] == (1,):
                x = ops.broadcast_to(x, (*self._batch(), *x.shape[1:]))
            return x
        if self.n.reader.together and (axis is None or at is not None):
            return moved(apart(x), None if axis is None else axis + 1, 1)
        if at is not None and (at == axis or at - (axis is not None and axis < at)):
            raise ValueError(
                f"the batch is dimension {at} of a state or sequence of shape {x.shape}: expected that a body's "
                "inputs have it first"
            )
        return moved(x, axis, int(at is not None))

    def _batch(self) -> Any:
        shapes = [
            x.shape for x in self.n.inputs if isinstance(x, Value) and batch_axis(x.shape) == 0
        ]
        if not shapes:
            raise ValueError("states and sequences without a batch: expected (batch, ...)")
        return shapes[0][:1]

    def back(self, y: Value, axis: int | None = None) -> Value:
        """The way back, with the steps along an axis."""
        lead = int(has_batch(y))
        if axis is not None and not self.by_sample:
            hidden = lead if self.apart else 0  # the samples are no dimension of the file
            y = moved(y, lead, hidden + axis_of(axis, y.ndim - hidden))
        return together(y) if self.apart and not self.by_sample and lead else y

    def run(
        self,
        carries: Sequence[Named],
        sequences: Sequence[Named],
        after: Sequence[str],
        each: Sequence[str],
        reverse: bool = False,
        lengths: Value | None = None,
    ) -> tuple[list[Value], list[Value], list[Kind]]:
        """The last carries and what is stacked, samples first, and what both hold."""
        kinds: list[Kind] = []

        def step(before: Any, given: Any) -> tuple[Any, Any]:
            inner = self.scope.inner(together=self.apart)
            for (name, _, kind), leaf in zip(
                [*carries, *sequences], [*before, *given], strict=True
            ):
                value = together(leaf) if self.apart and has_batch(leaf) else leaf
                inner.apart |= {leaf: (), value: ()}
                inner.put(name, value, kind)
            for i, node in self.nodes:
                self.read(inner, node, i)
            made = [inner.value(found_in(inner, name)) for name in (*after, *each)]
            for v in made:
                check_order(v, inner.apart)
            kinds[:] = [inner.kinds[name] for name in (*after, *each)]
            made = [apart(v) for v in made] if self.apart else made
            return tuple(made[: len(after)]), tuple(made[len(after) :])

        starts, elements = (tuple(x for _, x, _ in part) for part in (carries, sequences))
        last, every = ops.scan(step, starts, elements, reverse, lengths)
        for (name, _, kind), made in zip(carries, kinds, strict=False):
            if kind.name != made.name or not kind.low <= made.low <= made.high <= kind.high:
                raise ValueError(
                    f"the carry {name[:80]!r} holds {kind.name} numbers from {kind.low} to {kind.high}, and after a "
                    f"step {made.name} ones from {made.low} to {made.high}: cast it to floats"
                )
        return list(last), list(every), kinds


def moved(x: Value, source: int | None, target: int) -> Value:
    """A value with a dimension in another place."""
    if source is None or source == target:
        return x
    order = [i for i in range(x.ndim) if i != source]
    order.insert(target, source)
    return ops.transpose(x, order)


def found_in(reader: Reader, name: str) -> Item:
    """What a name stands for in a body."""
    if name not in reader.items:
        raise ValueError(f"the body's output {name[:80]!r} is not computed by any node")
    return reader.items[name]


def held(n: Node, kind: Kind) -> Kind:
    """What an input of a body holds; raises ValueError for numbers that floats do not."""
    check_exact([kind], n.reader.limit)
    return kind
