"""The plan: passes in order, and a result that people can print and programs can check.

compute values and updates → simplify → factor and gather sums → narrow products → recompute → repeat in place →
lay out views → fuse → schedule → place → lower → check → `Plan`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gdcore import _core
from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import VIEWS, Value, base, topological
from gdcore.graph.layout import Layout, is_dense, straight
from gdcore.graph.memory_check import PlanError, check_memory
from gdcore.graph.ops.identities import IDENTITY
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ops.shapes import COPY
from gdcore.graph.passes.factor_sums import factor_sums
from gdcore.graph.passes.fuse import fuse
from gdcore.graph.passes.loop_plan import plan_loop
from gdcore.graph.passes.lower import lower
from gdcore.graph.passes.narrow import narrow_products
from gdcore.graph.passes.place import place
from gdcore.graph.passes.recompute import recompute, worth_a_look
from gdcore.graph.passes.repeats import repeat_in_place
from gdcore.graph.passes.schedule import schedule
from gdcore.graph.passes.simplify import simplify
from gdcore.graph.passes.sums import gather_sums
from gdcore.graph.passes.views import lay_out
from gdcore.graph.passes.winograd import winograd_products
from gdcore.graph.program import (
    Codes,
    Constants,
    Instruction,
    Place,
    Placement,
    Ref,
    element_bytes,
)
from gdcore.printed import shown

__all__ = ["Plan", "PlanError", "check", "make_plan", "short_chain"]

CODES = Codes(
    {name: i for i, name in enumerate(_core.map_op_names())},
    {key: i for i, key in enumerate(_core.chain_keys())},
    _core.MAP_DIMS,
    _core.MAP_REGISTERS,
)


# What one core of today does in a microsecond, about. No more hangs on it than how many threads a step gets.
FLOPS, BYTES = 80_000, 50_000


@dataclass(eq=False, repr=False)
class Plan:
    """A step as instructions over a few buffers.

    Attributes
    ----------
    instructions : list of Instruction
    n_compute : int
        The first of them compute; the rest update, and run only if what was computed is finite.
    batch, bits : int
        The largest batch it can run, and 32 or 64.
    placement : Placement
    constants : ndarray of bytes
    values : dict
        For each value asked for, the one that the plan computes for it.
    buffer_names : dict
        What the first buffers hold, for the print; one for each input comes after them.
    n_packing : int
        How many of the first instructions only pack weights, see `gdcore.engine.packing`.
    packed_bytes : int
        What they write.
    """

    instructions: list[Instruction]
    n_compute: int
    batch: int
    bits: int
    placement: Placement
    constants: np.ndarray
    values: dict[Value, Value]
    buffer_names: Mapping[int, str]
    n_packing: int = 0
    packed_bytes: int = 0

    def is_at(self, value: Value, ref: Ref) -> bool:
        """Whether a value begins where an operand does."""
        place = self.placement.places.get(self.placement.layouts.owner(base(value)))
        return place is not None and (place.buffer, place.offset) == (ref[0], ref[2])

    def place_of(self, value: Value) -> Place:
        """Where a value that was asked for lies after a step."""
        return self.placement.places[base(self.values[value])]

    @property
    def n_gradients(self) -> int:
        """The instructions after which all gradients are there, and nothing has looked at them."""
        n = self.n_compute
        while n and self.instructions[n - 1].kernel == "all_finite":
            n -= 1
        return n

    def bodies(self) -> Iterator[Plan]:
        """The plans of its loops, and of the loops within those."""
        for ins in self.instructions:
            if ins.body is not None:
                yield ins.body
                yield from ins.body.bodies()

    def flops(self, batch: int) -> int:
        """Floating-point operations of one step."""
        return sum(i.flops[0] + i.flops[1] * batch for i in self.instructions)

    def traffic(self, ins: Instruction, batch: int) -> int:
        """Bytes that one instruction reads and writes, each value once."""
        parts = [*ins.reads, *ins.writes, *(ins.then.reads + ins.then.writes if ins.then else [])]
        return sum(
            at_batch(size(v.shape), batch) * element_bytes(v, self.bits)
            for v in {id(v): v for v in parts}.values()
        )

    def microseconds(self, batch: int) -> float:
        """About what a step takes one thread: its arithmetic or its memory, whichever is slower."""
        return sum(
            max((i.flops[0] + i.flops[1] * batch) / FLOPS, self.traffic(i, batch) / BYTES)
            for i in self.instructions
        )

    def where(self, value: Value) -> str:
        """A value as the print shows it."""
        layout = self.placement.layouts.of(value)
        at, (fixed, per_row) = self.placement.places[layout.owner], layout.at.start
        width = element_bytes(value, self.bits)
        name = f"{value.name} " if value.name else ""
        shape = "×".join(map(str, value.shape)) or "1"
        if not is_dense(value.shape, layout.at):
            shape += " by " + ",".join(map(str, layout.at.steps))
        buffer = self.buffer_names.get(at.buffer, f"in{at.buffer - len(self.buffer_names)}")
        more = f"+{per_row * width}B" if per_row else ""
        return f"{name}{buffer}+{at.offset + fixed * width}{more}[{shape}]"

    def _listed(self, values: Sequence[Value]) -> str:
        """Values as the print shows them, each place once."""
        return ", ".join(dict.fromkeys(map(self.where, values)))

    def rows(self) -> list[tuple[str, ...]]:
        """The lines of the print: number, op, what it writes and reads, operations, bytes."""
        rows: list[tuple[str, ...]] = []
        for i, ins in enumerate(self.instructions):
            writes, reads, text = list(ins.writes), list(ins.reads), short_chain(ins.text)
            if ins.kernel != "map" and not text.startswith(ins.kernel):
                text = f"{text} ({ins.kernel})"
            if ins.then is not None:
                inner = {id(v) for v in writes}
                text += " → " + short_chain(ins.then.text)
                reads += [v for v in ins.then.reads if id(v) not in inner]
                writes += ins.then.writes
            if i == self.n_compute:
                rows.append(("", "— update —", "", "", "", ""))
            rows.append(
                (
                    str(i),
                    text,
                    self._listed(writes),
                    self._listed(reads),
                    f"{ins.flops[0] + ins.flops[1] * self.batch:,}",
                    f"{self.traffic(ins, self.batch):,}",
                )
            )
            if ins.body is not None:
                rows += [(f"{i}.{r[0]}", *r[1:]) for r in ins.body.rows()]
        return rows

    def __str__(self) -> str:
        rows = [("", "op", "writes", "reads", "FLOPs", "bytes"), *self.rows()]
        rows = [tuple(map(shown, row)) for row in rows]
        widths = [max(len(r[c]) for r in rows) for c in range(4)]
        lines = [
            "  ".join(
                [
                    r[0].rjust(widths[0]),
                    *(r[c].ljust(widths[c]) for c in (1, 2, 3)),
                    r[4].rjust(12),
                    r[5].rjust(12),
                ]
            ).rstrip()
            for r in rows
        ]
        head = (
            "plan: "
            f"{len(self.instructions)} instructions, batch ≤ {self.batch}, float{self.bits}, arena "
            f"{self.placement.arena_bytes:,} bytes, {self.flops(self.batch):,} FLOPs a step"
        )
        return "\n".join([shown(head), *lines])

    def _repr_html_(self) -> str:
        text = str(self).replace("&", "&amp;").replace("<", "&lt;")
        return f'<pre style="overflow-x:auto;white-space:pre">{text}</pre>'


def short_chain(text: str) -> str:
    """A chain of elementwise operations in few words: a·b·c·…·z (13)."""
    names = text.split("·")
    return text if len(names) <= 6 else f"{'·'.join(names[:3])}·…·{names[-1]} ({len(names)})"


def make_plan(
    compute: Sequence[Value],
    update: Sequence[Value],
    pinned: Mapping[Value, Place],
    leaves: Callable[[Value], Place | None],
    batch: int,
    bits: int,
    constants_buffer: int,
    buffer_names: Mapping[int, str] | None = None,
    bfloat16: int = 0,
    within: Mapping[Value, Layout] | None = None,
) -> Plan:
    """Plan the computation of some values, and then of updates.

    Parameters
    ----------
    compute : values wanted, in any order
    update : values to compute afterwards; each must be pinned
    pinned : where some of these values have to be written
    leaves : the place of each leaf
    batch, bits : the largest batch; 32 or 64
    bfloat16 : how products round their factors to it, as `gdcore.compute` has it; 0: not
    within : where in the memory of leaves some of what is computed is written, if its kernel can
    """
    simple = simplify([*compute, *update])
    passes = [factor_sums, gather_sums]
    if bits == 32:
        passes.append(partial(winograd_products, batch=batch, bfloat16=bfloat16))
    if bfloat16:
        passes.append(partial(narrow_products, how=bfloat16))
    for rewritten in passes:
        new_values = rewritten(list(simple.values()))
        simple = {v: new_values[old] for v, old in simple.items()}
    simple = _recomputed(simple, compute, update, batch, bits)
    in_place = repeat_in_place(list(simple.values()))
    simple = {v: in_place[new] for v, new in simple.items()}
    values: dict[Value, Value] = {}
    pinned_new: dict[Value, Place] = {}
    homes: dict[Value, Layout] = {}
    several = Counter(base(simple[v]) for v in (*compute, *update))
    updated = set(update)
    # What is pinned is computed into its place, by a value of its own.
    for v in (*compute, *update):
        new = simple[v]
        if is_view(new):
            new = apply(COPY, new)
        if v in pinned:
            own = new if v in updated else straight(new)  # under whatever shape it is computed
            if own.op.kind in ("leaf", "alias") or own in pinned_new:
                own = new = apply(IDENTITY, new, shape=new.shape)
            pinned_new[own] = pinned[v]
            own.name = own.name or v.name
        elif base(new).op.kind == "leaf":  # a result must lie in memory of the plan's own
            new = apply(IDENTITY, new, shape=new.shape)
        if within and v in within:
            if new.op.kind in VIEWS or several[base(simple[v])] > 1:  # others want it elsewhere
                new = apply(IDENTITY, new, shape=new.shape)
            homes[new] = within[v]
        values[v] = new
    done_roots = [values[v] for v in compute]
    update_roots = [values[v] for v in update]
    after = _readers_first(done_roots, update_roots, values, pinned_new, leaves)
    found, layouts = lay_out(
        [values[v] for v in (*compute, *update)], {values[v] for v in update}, homes
    )
    values = {v: found[new] for v, new in values.items()}
    pinned_new = {found[new]: at for new, at in pinned_new.items()}
    after = {found[v]: [found[r] for r in readers] for v, readers in after.items()}
    done_roots = [values[v] for v in compute]
    update_roots = [values[v] for v in update]
    done, order = set(topological(done_roots)), topological(update_roots)
    parts = [  # what an update alone takes of a loop that runs before
        v for v in order if v.op.kind == "part" and v.inputs[0] in done and v not in done
    ]
    done_roots += parts
    done.update(parts)
    groups = fuse(done_roots, set(), {})
    kept = _kept(done_roots, done, order)
    groups = schedule(groups, pinned_new, kept, batch, bits, layouts)
    later = fuse(update_roots, done, after)
    for group in [*groups, *later]:
        if group.root is not None and group.root.op.kind == "loop":
            group.loop = plan_loop(group, batch, bits, partial(make_plan, bfloat16=bfloat16))
    placement = place(
        [*groups, *later], pinned_new, leaves, [*done_roots, *update_roots], batch, bits, layouts
    )
    constants = Constants(constants_buffer, bits)
    instructions = lower(groups, placement, batch, bits, CODES, constants)
    n_compute = len(instructions)
    instructions += lower(later, placement, batch, bits, CODES, constants)
    plan = Plan(
        instructions,
        n_compute,
        batch,
        bits,
        placement,
        constants.array(),
        values,
        buffer_names or {},
    )
    check(plan)
    return plan


def _kept(roots: Sequence[Value], done: set[Value], update: Sequence[Value]) -> list[Value]:
    """What must be there when updates begin: the values asked for, and what updates read of others.

    `update` is what updates are made of, `done` what is computed before.
    """
    return [*roots, *(x for v in update if v not in done for x in v.inputs)]


def _recomputed(
    simple: dict[Value, Value],
    compute: Sequence[Value],
    update: Sequence[Value],
    batch: int,
    bits: int,
) -> dict[Value, Value]:
    """What stands for each value that was asked for, where cheap values are computed again."""
    done_roots = [simple[v] for v in compute]
    done = topological(done_roots)
    if not worth_a_look(done, batch, bits):
        return simple
    keep = _kept(done_roots, set(done), topological([simple[v] for v in update]))
    new = recompute(list(simple.values()), fuse(done_roots, set(), {}), keep, batch, bits)
    return {v: new[old] for v, old in simple.items()}


def _readers_first(
    done: Sequence[Value],
    update: Sequence[Value],
    values: dict[Value, Value],
    pinned: dict[Value, Place],
    leaves: Callable[[Value], Place | None],
) -> dict[Value, list[Value]]:
    """An update is written where a leaf is still read: its other readers come first."""
    earlier = set(topological(done))
    after: dict[Value, list[Value]] = {}
    order = [v for v in topological(update) if v not in earlier]
    readers: dict[Place, list[Value]] = {}
    for v in order:
        for x in map(base, v.inputs):
            if v.op.kind in VIEWS:  # who reads the view reads the leaf
                continue
            if x.op.kind == "leaf" and (at := leaves(x)) is not None:
                readers.setdefault(at, []).append(v)
    for old, new in list(values.items()):
        at = pinned.get(new)
        others = (
            [r for r in readers.get(at, []) if r is not new or any(map(is_view, r.inputs))]
            if at is not None
            else []
        )
        if not others:
            continue
        below = set()
        for v in order:  # everything that is made of the new value
            if v is new or any(x in below for x in v.inputs):
                below.add(v)
        if any(r in below for r in others):
            copy = apply(IDENTITY, new, shape=new.shape)
            pinned[copy] = pinned.pop(new)
            values[old] = copy
            after[copy] = others
        else:
            after[new] = others
    return after


def is_view(value: Value) -> bool:
    """Whether a value reads another's memory in another order, or a part of it."""
    return straight(value).op.kind == "view"


def check(plan: Plan) -> None:
    """Walk the plan as it will run, and see that every read finds what was written for it.

    Raises
    ------
    PlanError
    """
    wanted = plan.values.values()
    check_memory(plan.instructions, plan.placement, plan.batch, plan.bits, wanted, plan.where)
