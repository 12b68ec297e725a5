"""What an op's `emit` rule writes instructions with."""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.graph.dims import Dim, Shape
from gdcore.graph.ir import INT, Value, base
from gdcore.graph.program import (
    Codes,
    Constants,
    Instruction,
    Pair,
    Place,
    Placement,
    Ref,
    collapse,
    pair,
)


class Emitter:
    """What an op's `emit` rule writes with.

    Attributes
    ----------
    batch : int
        The largest batch of the plan.
    sums : Value or None
        Column sums that the product at hand is to leave too.
    parts : list of Value
        Further results of the value at hand that are wanted, each a value of its own.
    """

    def __init__(
        self,
        placement: Placement,
        batch: int,
        bits: int,
        codes: Codes,
        constants: Constants,
    ) -> None:
        self.placement = placement
        self.batch = batch
        self.bits = bits
        self.codes = codes
        self.constants = constants
        self.out: list[Instruction] = []
        self.sums: Value | None = None
        self.parts: list[Value] = []

    def place(self, value: Value) -> Place:
        v = base(value)
        if v.op.name == "constant":
            return self.constants.place(v.attrs["array"])
        return self.placement.places[v]

    def ref(self, value: Value) -> Ref:
        """Where a value lies."""
        at = self.place(value)
        return (at.buffer, int(value.dtype == INT), at.offset)

    def workspace(self, value: Value) -> Ref:
        """Memory for as long as the value's instructions run."""
        at = self.placement.workspaces[value]
        return (at.buffer, 0, at.offset)

    def kernel(
        self,
        name: str,
        refs: list[Ref],
        dims: Sequence[Dim | Pair] = (),
        attrs: Sequence[int] = (),
        pars: Sequence[float] = (),
    ) -> None:
        """Write one instruction."""
        self.out.append(
            Instruction(
                name,
                refs,
                [d if isinstance(d, tuple) else pair(d) for d in dims],
                list(attrs),
                list(pars),
            )
        )

    def copy(
        self,
        y: Value,
        x: Value,
        shape: Shape,
        y_steps: Sequence[Dim],
        x_steps: Sequence[Dim],
        y_starts: Sequence[tuple[int, Dim]] = (),
        x_starts: Sequence[tuple[int, Dim]] = (),
    ) -> None:
        """Write a strided copy; starts are (index, stride) pairs to be added up."""
        short, (ys, xs) = collapse(shape, [y_steps, x_steps])

        def start(parts: Sequence[tuple[int, Dim]]) -> Pair:
            pairs = [pair(step * index) for index, step in parts]
            return (sum(p[0] for p in pairs), sum(p[1] for p in pairs))

        self.kernel(
            "copy",
            [self.ref(y), self.ref(x)],
            [*short, *ys, *xs, start(y_starts), start(x_starts)],
            [len(short)],
        )
