"""What an op's `emit` rule writes instructions with."""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.graph.dims import Dim, Shape
from gdcore.graph.ir import INT, Value
from gdcore.graph.layout import Layout, Layouts
from gdcore.graph.program import (
    Codes,
    Constants,
    Instruction,
    Pair,
    Place,
    Placement,
    Ref,
    collapse,
    element_bytes,
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

    @property
    def layouts(self) -> Layouts:
        """In which order and in whose memory values lie."""
        return self.placement.layouts

    def place(self, owner: Value) -> Place:
        """Where a value's own memory begins."""
        if owner.op.name == "constant":
            return self.constants.place(owner.attrs["array"])
        return self.placement.places[owner]

    def ref(self, value: Value) -> Ref:
        """Where the first element of a value lies."""
        layout = self.layouts.of(value)
        at, (fixed, per_row) = self.place(layout.owner), layout.at.start
        assert per_row == 0, f"{value!r} begins elsewhere in each batch"
        width = element_bytes(value, self.bits)
        return (at.buffer, int(value.dtype == INT), at.offset + fixed * width)

    def steps(self, value: Value) -> tuple[Dim, ...]:
        """The strides of a value."""
        return self.layouts.of(value).at.steps

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

    def copy(self, shape: Shape, to: Layout, of: Layout, dtype: str) -> None:
        """Write a copy of elements that lie anywhere, to anywhere."""
        short, (to_steps, of_steps) = collapse(shape, [to.at.steps, of.at.steps])
        refs = [
            (p.buffer, int(dtype == INT), p.offset) for p in map(self.place, (to.owner, of.owner))
        ]
        dims = [*short, *to_steps, *of_steps, to.at.start, of.at.start]
        self.kernel("copy", refs, dims, [len(short)])
