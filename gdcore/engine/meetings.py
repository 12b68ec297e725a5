"""Where threads meet: after which instructions of a plan all wait for one another.

Each thread takes its share of every instruction. It may go on to the next before the others have finished theirs if
the next reads nothing that they may still write, and writes nothing that they may still read or write.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import Value, base
from gdcore.graph.plan import Plan
from gdcore.graph.program import Instruction, element_bytes

Span = tuple[int, int, int]  # a buffer, and bytes of it, from and to

MOST = 32  # instructions without a meeting in between: each is compared with all of them


def meetings(plan: Plan) -> bytes:
    """A byte for each instruction: 0 where threads need not wait for one another after it.

    Parameters
    ----------
    plan : Plan
        With all that was inserted and appended after it was made.
    """
    out = bytearray(b"\x01") * len(plan.instructions)
    reads: list[Span] = []
    writes: list[Span] = []
    since = 0
    for i, ins in enumerate(plan.instructions):
        spans = _spans(plan, ins)
        free = (
            spans is not None
            and i > 0
            and i not in (plan.n_gradients, plan.n_compute)
            and 0 < since < MOST
            and not _overlap(spans[0], writes)
            and not _overlap(spans[1], writes)
            and not _overlap(spans[1], reads)
        )
        if free:
            out[i - 1] = 0
        else:
            reads, writes, since = [], [], 0
        if spans is not None:  # else the next one waits
            reads, writes, since = [*reads, *spans[0]], [*writes, *spans[1]], since + 1
    return bytes(out)


def _overlap(some: list[Span], others: list[Span]) -> bool:
    return any(a[0] == b[0] and a[1] < b[2] and b[1] < a[2] for a in some for b in others)


def _spans(plan: Plan, ins: Instruction) -> tuple[list[Span], list[Span]] | None:
    """What an instruction reads, and what it writes; None if the plan does not say."""
    if (
        ins.kernel == "all_finite" and len(ins.refs) == 2
    ):  # the flag is only ever cleared, by an atomic store
        _, (buffer, _, start) = ins.refs
        return [(buffer, start, start + ins.dims[0][0] * plan.bits // 8)], []
    if not ins.writes or ins.body is not None:
        return None
    then = ins.then
    reads = [s for v in (*ins.reads, *(then.reads if then else ())) for s in _span(plan, v)]
    written = (*ins.writes, *(then.writes if then else ()))
    writes = [s for v in written for s in (*_span(plan, v), *_workspace(plan, v))]
    return reads, writes


def _span(plan: Plan, value: Value) -> Iterator[Span]:
    """The memory of whoever owns that of a value; none for numbers that the plan brings along."""
    placement = plan.placement
    owner = placement.layouts.owner(base(value))
    if owner.op.name not in ("constant", "count"):
        at, n = placement.places[owner], at_batch(size(owner.shape), plan.batch)
        yield at.buffer, at.offset, at.offset + n * element_bytes(owner, plan.bits)


def _workspace(plan: Plan, value: Value) -> Iterator[Span]:
    spare = plan.placement.workspaces.get(value)
    if spare is not None:
        yield spare.buffer, spare.offset, spare.offset + spare.nbytes
