"""Lowering: groups become the instructions that C runs.

The result is a `Program`: plain data, with for every instruction what it reads and writes, so that
it can be printed, checked and compared before it is handed to C.
"""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.graph.dims import Dim, Shape, over, size, strides
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import INT, Value, base
from gdcore.graph.layout import Strided, straight
from gdcore.graph.passes.chains import chain_key
from gdcore.graph.program import (
    Codes,
    Constants,
    Group,
    Instruction,
    Placement,
    collapse,
    pair,
)

DIRECT, SPREAD, SCALAR, COUNT = range(4)  # kinds of input, as in csrc/ops/map.c
UNIT_BYTES = 16384  # of each output, in one unit of an elementwise pass


Walk = tuple[int, Strided, Shape, Shape]


class Lowering(Emitter):
    """The instructions of groups, one after another."""

    def map(self, group: Group, alone: bool) -> Instruction:
        """The elementwise pass of a group."""
        members = group.pass_members
        shape = group.shape
        assert shape is not None
        inside = set(members)
        outputs = [v for v in members if v in self.placement.places]
        inputs: list[Value] = []
        steps: list[list[Dim]] = []
        number: dict[Walk, int] = {}
        read: list[list[Value | int]] = []  # by each member: of the pass, or the number of an input
        for v in members:
            read.append([])
            for x in v.inputs:
                below = base(x)
                if below in inside:
                    read[-1].append(below)
                    continue
                key = self.walk(x, v.shape)
                if key not in number:
                    number[key] = len(inputs)
                    inputs.append(x)
                    steps.append(over(self.spread(x, v.shape), v.shape, shape))
                read[-1].append(number[key])
        flat = strides(shape)
        written = [over(self.steps(v), v.shape, shape) for v in outputs]
        if all(self.layouts.is_dense(v) for v in outputs):
            written = []
        short, walked = collapse(shape, [*steps, *written, flat])
        if len(short) > self.codes.dims:
            raise ValueError(
                f"an elementwise pass over {shape} walks {len(short)} dimensions: "
                f"at most {self.codes.dims} are possible"
            )
        kinds, refs = [], []
        for i, x in enumerate(inputs):
            if x.op.name == "count":
                kinds.append(COUNT)
                walked[i] = [x.attrs["dim"], *[0] * (len(short) - 1)]
                refs.append((0, 0, 0))
                continue
            refs.append(self.ref(x))
            if size(x.shape) == 1 and base(x) is not group.root:  # that is not there yet
                kinds.append(SCALAR)
                walked[i] = [0] * len(short)
            else:
                kinds.append(DIRECT if walked[i] == walked[-1] and x.dtype != INT else SPREAD)
        if not short and COUNT in kinds:  # a count needs a dimension to be written in
            short = [1]
            walked = [w or [0] for w in walked]
        code, pars = self.code(members, read, len(inputs), outputs)
        one_for_a_row = [
            kind in (SCALAR, COUNT) or (kind == SPREAD and walked[i][-1] == 0)
            for i, kind in enumerate(kinds)
        ]
        names = [v.op.name for v in members]
        chain = self.codes.chains.get(chain_key(one_for_a_row, len(outputs), names, code), -1)
        dims = [*short, *(d for w in walked[:-1] for d in w)]  # of outputs only where one has gaps
        unit = max(1, UNIT_BYTES // (self.bits // 8)) if alone else 1
        return Instruction(
            "map",
            [self.ref(v) for v in outputs] + refs,
            [pair(d) for d in dims],
            [len(short), len(outputs), len(inputs), len(members), unit, chain, *kinds, *code],
            pars,
            reads=[
                x for x in map(straight, inputs) if base(x).op.name not in ("constant", "count")
            ],
            writes=outputs,
            text="·".join(v.op.name for v in members),
        )

    def walk(self, x: Value, shape: Shape) -> Walk:
        """What tells one input of a pass from another: whose memory, where in it, over which shape."""
        layout = self.layouts.of(x)
        return id(layout.owner), layout.at, x.shape, shape

    def spread(self, x: Value, shape: Shape) -> list[Dim]:
        """Strides with which x is walked over a broadcast shape."""
        own = self.steps(x)
        lead = len(shape) - len(x.shape)
        return [
            0 if i < lead or x.shape[i - lead] == 1 else own[i - lead] for i in range(len(shape))
        ]

    def code(
        self,
        members: Sequence[Value],
        read: Sequence[Sequence[Value | int]],
        n_inputs: int,
        outputs: Sequence[Value],
    ) -> tuple[list[int], list[float]]:
        """The pass as operations on registers: inputs, then outputs, then temporaries.

        `read` has for each member what it reads: another one, or the number of an input.
        """
        register: dict[Value | int, int] = {i: i for i in range(n_inputs)}
        register |= {v: n_inputs + k for k, v in enumerate(outputs)}
        temporaries = set(members) - set(outputs)
        last = {x: k for k, own in enumerate(read) for x in own if x in temporaries}
        free: list[int] = []
        top = n_inputs + len(outputs)
        code: list[int] = []
        pars: list[float] = []
        for k, (v, own) in enumerate(zip(members, read, strict=True)):
            args = [register[x] for x in own]
            if v in temporaries:
                if not free:
                    free.append(top)
                    top += 1
                register[v] = free.pop()
            code += [self.codes.ops[v.op.name], register[v], *args, *[0] * (3 - len(args))]
            numbers = [float(v.attrs[n]) for n in ("slope", "alpha", "stream") if n in v.attrs]
            pars += [*numbers, 0.0, 0.0][:2]
            for x in dict.fromkeys(own):
                if last.get(x) == k:
                    free.append(register[x])
        if top > self.codes.registers:
            raise ValueError(
                f"an elementwise pass of {len(members)} operations needs {top} registers: "
                f"at most {self.codes.registers}"
            )
        return code, pars

    def group(self, group: Group) -> list[Instruction]:
        """All instructions of a group."""
        self.out = []
        work = [sum(n) for n in zip(*(pair(flops(v)) for v in group.members), strict=True)]
        if group.root is None:
            self.out = [self.map(group, alone=True)]
        else:
            root = group.root
            self.sums = group.sums
            self.parts = [v for v in group.members if v.op.kind == "part"]
            emit = root.op.emit if group.loop is None else group.loop.emit
            assert emit is not None
            emit(root, self)
            # every instruction of a group reads and writes what the group does, unless it says less
            for ins in self.out:
                read = map(straight, ins.reads or root.inputs)
                ins.reads = [x for x in read if base(x).op.name != "constant"]
                ins.writes = [root, *self.parts, *([] if group.sums is None else [group.sums])]
                how = [n for n in ("bfloat16", "winograd") if root.attrs.get(n)]
                ins.text = " ".join([root.op.name, *how])
                if group.loop is not None:
                    ins.writes = group.loop.parts
                    ins.text = group.loop.text
            if not self.out:  # everything was written to its place before
                return []
            if group.pass_members:
                self.out[-1].then = self.map(group, alone=False)
        parts = [ins for ins in self.out if ins.kernel == self.out[-1].kernel]  # each does a share
        for ins in parts:
            ins.flops = (work[0] // len(parts), work[1] // len(parts))
        rest = [w % len(parts) for w in work]
        self.out[-1].flops = (self.out[-1].flops[0] + rest[0], self.out[-1].flops[1] + rest[1])
        return self.out


def flops(v: Value) -> Dim:
    """Floating-point operations of a value that an instruction computes."""
    if callable(v.op.flops):
        return v.op.flops(v)
    return size(v.shape) * v.op.flops if v.op.flops else 0


def lower(
    groups: Sequence[Group],
    placement: Placement,
    batch: int,
    bits: int,
    codes: Codes,
    constants: Constants,
) -> list[Instruction]:
    """The instructions of groups that have their places."""
    lowering = Lowering(placement, batch, bits, codes, constants)
    return [ins for group in groups for ins in lowering.group(group)]
