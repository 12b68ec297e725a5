"""Updates of the rows of a table that occur in a batch.

The optimizer's update is planned for a block of rows, as the body of an instruction that brings rows together,
updates them and puts them back: csrc/ops/update_rows.c. With ``sparse="exact"`` rows that are behind first take the
steps that they have skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gdcore.engine.parameters import Parameters
from gdcore.engine.row_log import ENTRIES, PERIOD
from gdcore.engine.session import (
    BUFFER_NAMES,
    CONSTANTS,
    FLAG,
    HYPER,
    PARAMS,
    ROWS,
    SLOTS,
    Session,
    aligned,
)
from gdcore.engine.updates import StepNumbers, element_by_element, leaf, own_value, updated
from gdcore.graph.dims import Batch, size
from gdcore.graph.ir import Value, base
from gdcore.graph.layout import Layouts
from gdcore.graph.ops.rows import RowGradient, block_of
from gdcore.graph.plan import Plan, make_plan
from gdcore.graph.program import Instruction, Pair, Place, Placement, Ref, pair
from gdcore.layers.base import Parameter
from gdcore.optimizers import Optimizer

LINE = 64
# Buffers of a body.
BODY, BLOCK, BODY_CONSTANTS, NUMBERS, FACTOR, GRADIENT = range(6)
NAMES = {
    BODY: "body",
    BLOCK: "rows",
    BODY_CONSTANTS: "const",
    NUMBERS: "hyper",
    FACTOR: "factor",
    GRADIENT: "grads",
}
OPERATIONS = 40  # that updating a number costs, its way from and to memory included


class Update(NamedTuple):
    """How the rows of one table are updated.

    Attributes
    ----------
    body : Plan
        Of the update of a block of rows.
    block : int
        Rows of a block.
    idle : bool
        Whether a step with a gradient of 0 changes nothing.
    rests : bool
        Whether it changes nothing of a row that no gradient has met.
    """

    parameter: Parameter
    width: int
    body: Plan
    block: int
    idle: bool
    rests: bool


def padded(nbytes: int) -> int:
    """Whole cache lines."""
    return -(-nbytes // LINE) * LINE


def plan_update(
    p: Parameter, optimizer: Optimizer, numbers: StepNumbers, memory: Parameters
) -> Update:
    """Plan the update of the rows of one table.

    Raises
    ------
    ValueError
        If the optimizer's update is not elementwise.
    """
    if not element_by_element(optimizer, numbers, memory):
        raise ValueError(
            f"{type(optimizer).__name__}(sparse={optimizer.sparse!r}): its update mixes the elements of a vector, "
            "expected an elementwise one: give sparse=None"
        )
    group = next(r.group for r in memory.ranges if 0 <= memory.offsets[p] - r.grads < r.size)
    width, wide = p.size // p.shape[0], memory.dtype.itemsize
    block = min(block_of(width), p.shape[0])
    each = padded(block * width * wide)
    places: dict[Value, Place] = {}

    def placed(shape: tuple[int | Batch, ...], name: str, buffer: int, offset: int) -> Value:
        value = leaf(shape, name)
        value.name = name
        places[value] = Place(buffer, offset)
        return value

    shape = (Batch(1), width)
    old = placed(shape, "p", BLOCK, 0)
    slots = {s: placed(shape, s, BLOCK, (1 + k) * each) for k, s in enumerate(memory.slot_names)}
    leaves = {n: placed((), n, NUMBERS, i * wide) for i, n in enumerate(numbers.names)}
    scale = placed((), "factor", FACTOR, 0) if optimizer.clip_norm is not None else None
    gradient = placed(shape, "g", GRADIENT, 0)
    new = updated(optimizer, leaves, group, memory.groups[group], old, gradient, slots, scale)
    pinned = {own_value(value): places[source] for value, source in new}
    body = make_plan([], list(pinned), pinned, places.get, block, 8 * wide, BODY_CONSTANTS, NAMES)
    slots_at = [1.0] * len(slots)
    first = [optimizer.initial(s) for s in slots]
    idle, rests = (_changes_nothing(body, block, width, memory, at) for at in (slots_at, first))
    return Update(p, width, body, block, idle, rests)


def _changes_nothing(
    body: Plan, block: int, width: int, memory: Parameters, slots: list[float]
) -> bool:
    """Whether a step with a gradient of 0 leaves parameters and slots, of given numbers, as they are."""
    each = padded(block * width * memory.dtype.itemsize)
    rows = aligned((1 + len(slots)) * each)
    numbers = aligned(body.batch * width * memory.dtype.itemsize + 4096)
    # Any numbers will do, but not 0: a step with a learning rate of 0 says nothing of others.
    numbers.view(memory.dtype)[...] = np.linspace(0.1, 0.9, numbers.nbytes // memory.dtype.itemsize)
    for k, number in enumerate([1.25, *slots]):
        rows[k * each : (k + 1) * each].view(memory.dtype)[...] = number
    before = rows.copy()
    buffers = {
        BLOCK: rows,
        BODY_CONSTANTS: body.constants,
        NUMBERS: numbers,
        FACTOR: numbers,
        GRADIENT: aligned(each),
    }
    Session(body, [], [], None, buffers, writes=True).run([], block, block, threads=1)
    return bool((rows == before).all())


def _constants(plan: Plan, body: Plan) -> Ref:
    """Where a body's constants lie, once they are among those of the plan."""
    at = padded(len(plan.constants))
    plan.constants = np.concatenate(
        [plan.constants, np.zeros(at - len(plan.constants), np.uint8), body.constants]
    )
    return (CONSTANTS, 0, at)


def _instruction(
    plan: Plan,
    how: Update,
    numbers: StepNumbers,
    memory: Parameters,
    gradient: RowGradient | None = None,
    period: int = 0,
    step: bool = False,
) -> Instruction:
    """Rows catch up, those of a gradient or all of them, or those of one `period` of the table; or take a step."""
    p, wide = how.parameter, memory.dtype.itemsize
    at = memory.place(p.leaf)
    assert at is not None
    refs: list[Ref] = [(PARAMS, 0, at.offset)]
    for k in range(len(memory.slot_names)):
        refs.append((SLOTS, 0, (k * memory.n_trainable + memory.offsets[p]) * wide))
    refs.append(_constants(plan, how.body))
    if not step:  # the numbers of past steps come from the log
        assert memory.log is not None
        refs += [(ROWS, 0, memory.log.entries.offset)] * 2
    else:
        refs += [(HYPER, 0, 0), (HYPER, 0, numbers.scale_place.offset)]
    n: Pair = (1, 0)
    reads: list[Value] = []
    if gradient is not None:
        groups, values = plan.place_of(gradient.groups), plan.place_of(gradient.numbers)
        refs += [(groups.buffer, 1, groups.offset), (values.buffer, 0, values.offset)][: 1 + step]
        n = pair(gradient.numbers.shape[0])
        reads = [base(plan.values[v]) for v in gradient[: 1 + step]]
    logged = memory.log is not None and not how.idle
    if logged:
        assert memory.log is not None
        refs += [
            (memory.log.now.buffer, 1, memory.log.now.offset),
            (ROWS, 1, memory.log.last(p).offset),
            (ROWS, 0, memory.log.entries.offset),
        ]
    done = n if gradient is not None else (p.shape[0] // max(1, period), 0)
    return Instruction(
        "update_rows",
        refs,
        [(p.shape[0], 0), (how.width, 0), n],
        attrs=[
            0 if gradient is None else 1 + step,
            int(logged),
            len(memory.slot_names),
            how.block,
            padded(how.body.placement.arena_bytes),
            ENTRIES,
            len(numbers.names) * wide,
            period,
            int(how.rests),
        ],
        text=f"{'update_rows' if step else 'catch_up'} {memory.network.names[p]}",
        reads=reads,
        flops=(done[0] * how.width * OPERATIONS, done[1] * how.width * OPERATIONS),
        body=how.body,
    )


def add_updates(
    plan: Plan,
    optimizer: Optimizer,
    numbers: StepNumbers,
    memory: Parameters,
    gradients: Mapping[Parameter, RowGradient],
) -> Session | None:
    """Add the updates of rows to a plan.

    Returns
    -------
    Session or None
        What catches up the rows that the plan leaves behind, if it leaves any.
    """
    first = [i.kernel for i in plan.instructions[: len(gradients)]]
    assert first == ["group_rows"] * len(gradients), first
    updates = [plan_update(p, optimizer, numbers, memory) for p in gradients]
    behind = [] if memory.log is None else [how for how in updates if not how.idle]
    if behind:
        assert memory.log is not None
        plan.instructions.append(
            Instruction(
                "log_numbers",
                [
                    (ROWS, 1, memory.log.now.offset),
                    (ROWS, 0, memory.log.entries.offset),
                    (HYPER, 0, 0),
                ],
                [(len(numbers.names), 0)],
                attrs=[ENTRIES],
                text="log_numbers",
            )
        )
    for how in behind:
        own = gradients[how.parameter]
        # Rows that occur are caught up before the network reads them.
        plan.instructions.insert(len(gradients), _instruction(plan, how, numbers, memory, own))
        plan.n_compute += 1
        plan.instructions.append(_instruction(plan, how, numbers, memory, period=PERIOD))
    for how in updates:
        own = gradients[how.parameter]
        plan.instructions.append(_instruction(plan, how, numbers, memory, own, step=True))
    return _settling(behind, numbers, memory) if behind else None


def _settling(behind: list[Update], numbers: StepNumbers, memory: Parameters) -> Session:
    """A session that catches up all rows of some tables.

    Its instructions are those of a computation, which Ctrl-C may end between any two blocks of rows.
    """
    nothing = Placement({}, {}, 0, Layouts())
    plan = Plan(
        [], 0, 1, 8 * memory.dtype.itemsize, nothing, np.zeros(64, np.uint8), {}, BUFFER_NAMES
    )
    plan.instructions += [_instruction(plan, how, numbers, memory) for how in behind]
    plan.n_compute = len(plan.instructions)
    return Session(plan, [], [], None, memory.buffers, lock=memory.lock, writes=True)


def refuse_callback(optimizer: Optimizer, names: Sequence[str]) -> None:
    """Raises ValueError if a callback would have to see gradients of which only rows are there."""
    if names:
        raise ValueError(
            f"{type(optimizer).__name__}(sparse={optimizer.sparse!r}) has only those rows of the gradient of "
            f"{names[0]!r} that occur, and a callback's on_gradients takes whole gradients: give sparse=None, or "
            "leave the callback out"
        )


def finite_check(plan: Plan, gradient: RowGradient, squared: bool) -> Instruction:
    """The check that the numbers of a gradient by rows, or their squares, are finite."""
    numbers, groups = plan.place_of(gradient.numbers), plan.place_of(gradient.groups)
    shape = gradient.numbers.shape
    return Instruction(
        "all_finite",
        [(FLAG, 1, 0), (numbers.buffer, 0, numbers.offset), (groups.buffer, 1, groups.offset)],
        [pair(d) for d in shape],
        attrs=[int(squared)],
        text="all_finite",
        flops=pair(size(shape)),
    )
