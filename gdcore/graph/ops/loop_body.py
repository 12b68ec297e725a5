"""The body of a loop, and the values that a loop gives.

A loop is one value without elements; each of its results is a *part* of it: the last of a carry, or
one of the body's values of all steps, stacked. Whoever needs another of the body's values (the loop
of a gradient does) asks for one more part, and the loop that computes the results keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gdcore.graph.dims import Batch, Dim, Shape
from gdcore.graph.flat import flatten, unflatten
from gdcore.graph.ir import Op, Value, register, rewrite, topological, with_inputs
from gdcore.graph.ops.leaves import CONSTANT, apply

# What stands for a carry, an element of a sequence or a value from outside within a body.
LOOP_LEAF = register(Op("loop_leaf", "leaf", lambda _, attrs: tuple(attrs["shape"])))


def loop_leaf(shape: Shape, dtype: str, name: str) -> Value:
    """A leaf of a body."""
    return Value(LOOP_LEAF, (), {"shape": shape, "name": name}, shape, dtype, name)


def has_batch(value: Value) -> bool:
    """Whether a value has rows for each sample."""
    return bool(value.shape) and isinstance(value.shape[0], Batch)


class Body:
    """What a loop does at each step: a graph of its own, from leaves to values.

    Attributes
    ----------
    steps : int
    carries, sequences, outside : tuple of Value
        Leaves, for the inputs of the loop in this order.
    after : tuple of Value
        What the carries become.
    stacked : list of Value
        Those of its values that parts of the loop stack; grows when more are asked for.
    """

    def __init__(
        self,
        steps: int,
        carries: Sequence[Value],
        sequences: Sequence[Value],
        outside: Sequence[Value],
        after: Sequence[Value],
        stacked: Sequence[Value] = (),
    ) -> None:
        self.steps = steps
        self.carries = tuple(carries)
        self.sequences = tuple(sequences)
        self.outside = tuple(outside)
        self.after = tuple(after)
        self.stacked = list(stacked)

    def __repr__(self) -> str:
        return f"a body of {self.steps} steps"

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.carries, self.sequences, self.outside, self.after, self.stacked)
        counts = [len(p) for p in parts]
        return _unpickled, (self.steps, *flatten([v for p in parts for v in p]), counts)

    @property
    def leaves(self) -> tuple[Value, ...]:
        """All of them, in the order of the loop's inputs."""
        return self.carries + self.sequences + self.outside

    def keep(self, value: Value) -> int:
        """The number under which a value of the body is stacked."""
        for i, known in enumerate(self.stacked):
            if known is value:
                return i
        self.stacked.append(value)
        return len(self.stacked) - 1

    def depending(self, roots: Iterable[Value] = ()) -> set[Value]:
        """Those of its values, and of further roots, that depend on its leaves."""
        found = set(self.leaves)
        for v in topological([*self.after, *self.stacked, *roots]):
            if any(x in found for x in v.inputs):
                found.add(v)
        return found

    def rewritten(self, rule: Callable[[Value], Value]) -> Body:
        """The body with other values in the place of some; those that are stacked keep their numbers."""
        new = rewrite([*self.after, *self.stacked], rule)
        if all(a is b for a, b in new.items()):
            return self
        after, stacked = [new[v] for v in self.after], [new[v] for v in self.stacked]
        return Body(self.steps, self.carries, self.sequences, self.outside, after, stacked)

    def check(self, inputs: Sequence[Value]) -> None:
        """Raise ValueError unless the inputs are what the leaves stand for, and rows are apart."""
        expected = [
            *((v.shape, v.dtype) for v in self.carries),
            *((self.stacked_shape(v), v.dtype) for v in self.sequences),
            *((v.shape, v.dtype) for v in self.outside),
        ]
        got = [(v.shape, v.dtype) for v in inputs]
        if any(v.op.name == "as_rows" for v in topological([*self.after, *self.stacked])):
            raise ValueError(
                "a state for each sample of a batch in a scan's body: expected a carry"
            )
        if got != expected:
            raise ValueError(f"a scan of inputs {got}: its body was made for {expected}")
        after = [(v.shape, v.dtype) for v in self.after]
        if after != expected[: len(self.carries)]:
            raise ValueError(
                f"a scan's body makes {after} of carries that are {expected[: len(self.carries)]}: "
                "expected the same shapes and types (ops.broadcast_to gives a first carry its shape)"
            )
        if any(map(has_batch, inputs)) and not all(map(has_batch, self.carries)):
            raise ValueError(
                f"a scan with carries of shapes {[v.shape for v in self.carries]}: where something "
                "has a row for each sample each carry has (ops.broadcast_to(x, (batch, ...)))"
            )
        self._check_rows()

    def _check_rows(self) -> None:
        known = set(self.leaves)
        for v in topological(self.expanded()):
            if not v.inputs and v.op is not CONSTANT and v not in known:
                raise ValueError(f"a scan's body holds {v!r}, which it can only have from outside")
            rows = any(isinstance(d, Batch) for x in v.inputs for d in x.shape)
            across = v.op.along is not None and v.op.along(v) == 0
            moved = any(isinstance(d, Batch) for d in v.shape[1:])
            if moved or (rows and (across or not has_batch(v))):
                if v.op.kind == "loop":
                    continue
                raise ValueError(
                    f"a scan's body computes {v!r} from several samples: the samples of a batch go "
                    "through the steps one by one. Compute it outside of the scan"
                )

    def expanded(self) -> list[Value]:
        """What it computes, in terms of ops that are no formulas of others."""
        roots = [*self.after, *self.stacked]
        while any(v.op.kind == "composite" for v in topological(roots)):
            new = rewrite(roots, _expanded)
            roots = [new[v] for v in roots]
        return roots

    def stacked_shape(self, value: Value) -> Shape:
        """Shape of a value of all steps: the steps come after the batch."""
        lead = int(has_batch(value))
        return (*value.shape[:lead], self.steps, *value.shape[lead:])


def _unpickled(steps: int, rows: Any, wanted: Any, counts: Sequence[int]) -> Body:
    values = iter(unflatten(rows, wanted))
    return Body(steps, *([next(values) for _ in range(n)] for n in counts))


def _expanded(v: Value) -> Value:
    if v.op.kind != "composite":
        return v
    if v.op.name in ("with_update", "carried"):
        raise ValueError(
            "with_update in a scan's body: a state is set once in a training step. Carry the value "
            "through the steps, and call with_update with the last of it outside of the scan"
        )
    return v.op.expand(v) if v.op.expand is not None else v.inputs[0]


def element_shape(sequence: Value) -> Shape:
    """Shape of one step's element of a sequence."""
    lead = int(has_batch(sequence))
    return sequence.shape[:lead] + sequence.shape[lead + 1 :]


def sequence_steps(sequence: Value) -> Dim:
    """Length of a sequence."""
    return sequence.shape[int(has_batch(sequence))]


def _part_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    body: Body = values[0].attrs["body"]
    i = attrs["index"]
    return body.carries[i].shape if attrs["last"] else body.stacked_shape(body.stacked[i])


# A part's gradient on its way to the loop; the loop's own gradient takes it from there.
COTANGENT = register(Op("loop_cotangent", "composite", lambda v, _: (0,)))
# One of the values that a loop gives: the last of carry `index`, or the stacked value `index`.
PART = register(
    Op(
        "loop_part",
        "part",
        _part_shape,
        lambda y, d: [Value(COTANGENT, (d,), dict(y.attrs), (0,))],
        flops=0,
    )
)


def part(loop: Value, is_last: bool, index: int) -> Value:
    """The last of a carry, or a stacked value."""
    body: Body = loop.attrs["body"]
    attrs = {"last": is_last, "index": index}
    dtype = (body.carries if is_last else body.stacked)[index].dtype
    return Value(PART, (loop,), attrs, _part_shape((loop,), attrs), dtype)


def last(loop: Value, carry: int) -> Value:
    """A carry after all steps."""
    return part(loop, True, carry)


def stacked(loop: Value, value: Value) -> Value:
    """A value of the body at all steps."""
    return part(loop, False, loop.attrs["body"].keep(value))


def make_loop(
    op: Op, body: Body, inputs: Iterable[Value], reverse: bool, remat: bool = False
) -> Value:
    """The loop of a body over its inputs."""
    return apply(op, *inputs, body=body, reverse=reverse, remat=remat)


def cotangents(dy: Value) -> list[Value]:
    """The parts' gradients that were added up into a loop's."""
    found, stack = [], [dy]
    while stack:
        v = stack.pop()
        if v.op is COTANGENT:
            found.append(v)
        else:
            stack.extend(v.inputs)
    return found[::-1]


def substitute(roots: Iterable[Value], new: dict[Value, Value]) -> dict[Value, Value]:
    """`new`, and for everything that the roots are made of what it is with those replaced."""
    for v in topological(roots):
        if v in new:
            continue
        new[v] = with_inputs(v, tuple(new[x] for x in v.inputs))
    return new
