"""Weights packed once for prediction.

A product reads its second factor in panels of a few columns each, and packs them first: that of 64 rows by a layer
spends an eighth of its time so. Where the factor is a weight, a plan of prediction begins with instructions that write
the panels to a buffer of their own, and its products read those. `_core.Runner` runs these instructions by themselves,
before a call and only if weights may have changed since it did so last.

What has changed is known by the lock of the store, which every writer holds: it counts how often one has released it.
Whoever has a writable view of a store's numbers (`Store.view`) may write without it; from then on the lock says that
it does not know, and weights are packed in each call, as they are without this.

The panels take as much memory again as the weights, for each plan and each thread that predicts at the same time.
"""

from __future__ import annotations

from gdcore.engine.session import PACKED, PARAMS, panels_size
from gdcore.graph.plan import Plan
from gdcore.graph.program import ALIGN, Instruction, Ref

# Rows of a product whose weights are packed once: fewer gain nothing, as a row or two are multiplied by weights where
# they lie, and with more the share of packing is below a hundredth (bench/predict.py).
FEWEST, MOST = 16, 1024
LEAST = 8  # rows and columns of the weights
PANELS = 2  # of a product's first attribute: its last operand are panels


def pack_weights(plan: Plan) -> None:
    """Have the products of a plan that writes to no parameter read panels, where that pays."""
    width = plan.bits // 8
    known: dict[tuple[object, ...], Ref] = {}
    packs = []
    for ins in plan.instructions:
        if not _packable(ins, plan.batch):
            continue
        k, n, row, col = (ins.dims[i][0] for i in (4, 3, 14, 15))
        key = (ins.refs[2], k, n, row, col)
        if key not in known:
            known[key] = (PACKED, 0, plan.packed_bytes)
            room = panels_size(k, n) * width
            plan.packed_bytes += -(-room // ALIGN) * ALIGN
            reads = [v for v in ins.reads if plan.is_at(v, ins.refs[2])]
            sizes = [ins.dims[i] for i in (4, 3, 14, 15)]
            packs.append(
                Instruction("pack", [known[key], ins.refs[2]], sizes, text="pack", reads=reads[:1])
            )
        ins.refs.append(known[key])
        ins.attrs[0] = PANELS
    plan.instructions[:0] = packs
    plan.n_compute += len(packs)
    plan.n_packing = len(packs)


def _packable(ins: Instruction, batch: int) -> bool:
    """Whether an instruction is a product of enough rows by one matrix of weights, in its own precision."""
    if ins.kernel != "gemm" or ins.attrs[0] or ins.attrs[3] or ins.refs[2][0] != PARAMS:
        return False
    outer, inner, (rows, per_row), n, k = ins.dims[:5]
    return (
        outer == inner == (1, 0)
        and FEWEST <= rows + per_row * batch <= MOST
        and all(fixed >= LEAST and not more for fixed, more in (n, k))
    )
