"""The steps of a model: sessions that train, evaluate or predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gdcore.compute import NOT, factors
from gdcore.data.dataset import TargetSpec
from gdcore.engine.network import Network
from gdcore.engine.parameters import Parameters
from gdcore.engine.row_updates import add_updates, finite_check, refuse_callback
from gdcore.engine.session import (
    BUFFER_NAMES,
    COLUMNS,
    CONSTANTS,
    FLAG,
    GRADS,
    HYPER,
    NUMBERS,
    Session,
    StepCount,
    aligned,
)
from gdcore.engine.settings import CompileSettings
from gdcore.engine.total_loss import target_leaves, total_loss
from gdcore.engine.updates import (
    Places,
    StepNumbers,
    element_by_element,
    is_large,
    own_value,
    updates_of,
)
from gdcore.graph.differentiate import gradients
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.graph.ops.draws import number_streams
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.ops.masks import mask_of
from gdcore.graph.ops.products import loosened
from gdcore.graph.ops.rank_one import column_and_row, largest
from gdcore.graph.ops.rows import RowGradient, row_gradient
from gdcore.graph.passes.bags import SparseInput, make_bags, sparse_leaves, sparse_readable
from gdcore.graph.passes.feeds import fold_scales
from gdcore.graph.passes.phases import specialize
from gdcore.graph.plan import Plan, make_plan
from gdcore.graph.program import Instruction, Place
from gdcore.graph.reuse import Plans, structure
from gdcore.layers.base import Parameter, fixed_shape
from gdcore.optimizers import Optimizer


@dataclass(eq=False, repr=False)
class Step:
    """A session, and the parameters that its plan was made for.

    Attributes
    ----------
    session : Session
    memory : Parameters
        What the session is bound to.
    numbers : StepNumbers or None
        The numbers that change from step to step; None for a step without an update.
    masked : bool
        Whether the first output's mask is tapped behind it, for metrics.
    """

    session: Session
    memory: Parameters
    numbers: StepNumbers | None = None
    masked: bool = False

    @property
    def output_shapes(self) -> list[tuple[int, ...]]:
        """The shape of one sample of each tapped output."""
        return [fixed_shape(v.shape[1:], "an output") for v in self.session.taps]


def joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted (start, end) ranges, adjacent ones merged."""
    out: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if out and out[-1][1] == start:
            start = out.pop()[0]
        out.append((start, end))
    return out


class Builder:
    """Makes the sessions of one model.

    Parameters
    ----------
    network, memory
    settings : those of `compile`; losses are empty if the model is not compiled
    plans : cache of plans that models of the same structure share, or None
    count : incremented by steps that update parameters, or None
    sparse : for each input of sparse rows the most numbers of a row, or 0 where rows are better read in full
    """

    def __init__(
        self,
        network: Network,
        memory: Parameters,
        settings: CompileSettings,
        plans: Plans | None = None,
        count: StepCount | None = None,
        sparse: tuple[int, ...] = (),
    ) -> None:
        self.factors = factors(settings.compute, memory.dtype)
        self.sparse = sparse
        self.network, self.memory = network, memory
        self.settings = settings
        self.plans, self.count = plans, count
        self.bits = 8 * memory.dtype.itemsize

    def _plan(
        self,
        compute: Sequence[Value],
        update: Sequence[Value],
        pinned: dict[Value, Place],
        places: Places,
        batch: int,
        checked: Sequence[tuple[int, int]] = (),
        squared: bool = False,
        by_rows: Mapping[Parameter, RowGradient] | None = None,
    ) -> Plan:
        """The plan of a step.

        Between computation and update, the ranges `checked` of the gradients are checked for numbers that
        are not finite; if `squared`, so are their squares. So are the numbers of gradients by rows.
        """
        samples = self.network.carried_samples
        if samples not in (None, batch):
            raise ValueError(
                f"a batch of {batch} samples, and layers carry their states from batch to batch for {samples} "
                f"sequences side by side: expected batches of {samples}"
            )
        roots = [*compute, *update]
        key = None
        if self.plans is not None and not by_rows:
            checks = tuple(checked), squared
            key = structure(compute, update, pinned, places), batch, self.bits, checks, self.factors
            found = self.plans.find(key, roots)
            if found is not None:
                return found
        plan = make_plan(
            *(compute, update, pinned, places, batch, self.bits, CONSTANTS, BUFFER_NAMES),
            bfloat16=self.factors,
        )
        for start, end in checked:
            plan.instructions.insert(
                plan.n_compute,
                Instruction(
                    "all_finite",
                    [(FLAG, 1, 0), (GRADS, 0, start * self.memory.dtype.itemsize)],
                    [(end - start, 0)],
                    attrs=[int(squared)],
                    text="all_finite",
                    flops=(2 * (end - start), 0),
                ),
            )
            plan.n_compute += 1
        for rows in (by_rows or {}).values():
            plan.instructions.insert(plan.n_compute, finite_check(plan, rows, squared))
            plan.n_compute += 1
        if key is not None and self.plans is not None:
            self.plans.keep(key, roots, plan)
        return plan

    def _session(
        self,
        plan: Plan,
        inputs: Sequence[Value],
        taps: Sequence[Value],
        loss: Value | None,
        scales: Sequence[float],
        found: Mapping[Value, SparseInput],
        **more: Any,
    ) -> Session:
        """A session whose inputs are fed as `_bags` found them."""
        leaves: list[Value] = []
        fed: list[tuple[int, int]] = []
        for i, x in enumerate(inputs):
            leaves += found.get(x, (x,))
            fed += [(i, COLUMNS), (i, NUMBERS)] if x in found else [(i, 0)]
        memory = self.memory
        return Session(
            plan,
            leaves,
            taps,
            loss,
            memory.buffers | more.pop("buffers", {}),
            scales=scales,
            lock=memory.lock,
            store=memory.store,
            fed=fed if found else None,
            **more,
        )

    def _bags(
        self, values: Sequence[Value], inputs: Sequence[Value]
    ) -> tuple[list[Value], dict[Value, SparseInput], Places]:
        """The values with bags where rows are summed, the leaves of sparse inputs, the places of all leaves."""
        found = {
            x: sparse_leaves(x, k)
            for x, k in zip(inputs, self.sparse, strict=False)
            if k and sparse_readable(values, x)
        }
        leaves = [leaf for x in inputs for leaf in found.get(x, (x,))]
        return make_bags(values, found), found, Places(self.memory, leaves)

    def predict(self, batch: int) -> Step:
        """A step that computes the outputs in prediction mode."""
        inputs = self.network.inputs
        folded, scales = fold_scales(self.network.outputs, inputs)
        chosen, states = specialize(folded, training=False)
        made, found, places = self._bags([*chosen, *(new for _, new in states)], inputs)
        outputs, pinned = made[: len(chosen)], self._written(states, made[len(chosen) :])
        plan = self._plan(outputs, list(pinned), pinned, places, batch)
        session = self._session(plan, inputs, outputs, None, scales, found, writes=bool(pinned))
        return Step(session, self.memory)

    def _written(
        self, states: Sequence[tuple[Value, Value]], after: Sequence[Value]
    ) -> dict[Value, Place]:
        """What is written to states when a step is over, and where."""
        pinned: dict[Value, Place] = {}
        for (state, _), new in zip(states, after, strict=True):
            at = self.memory.place(state)
            assert at is not None
            pinned[own_value(new)] = at
        return pinned

    def evaluate(self, batch: int, targets: Sequence[TargetSpec], weighted: bool) -> Step:
        """A step that computes the loss and the outputs in prediction mode."""
        inputs, values = self._graph(targets, weighted, masks=True)
        folded, scales = fold_scales(values, inputs)
        chosen, states = specialize(folded, training=False)
        made, found, places = self._bags([*chosen, *(new for _, new in states)], inputs)
        (loss, *outputs), pinned = made[: len(chosen)], self._written(states, made[len(chosen) :])
        plan = self._plan([loss, *outputs], list(pinned), pinned, places, batch)
        session = self._session(plan, inputs, outputs, loss, scales, found, writes=bool(pinned))
        return Step(session, self.memory, masked=self._mask() is not None)

    def train(
        self,
        batch: int,
        targets: Sequence[TargetSpec],
        weighted: bool,
        optimizer: Optimizer | None,
        outputs_kept: bool,
        gradients_kept: bool = False,
    ) -> Step:
        """A training step: loss, gradients and, with an optimizer, the update.

        For a batch of one, a gradient that is the product of a column and a row may be folded into the
        update and never written, unless `gradients_kept`.
        """
        inputs, values = self._graph(targets, weighted, masks=outputs_kept)
        folded, scales = fold_scales(values, inputs)
        chosen, states = specialize(folded, training=True)
        made, found, places = self._bags([*chosen, *(new for _, new in states)], inputs)
        (loss, *outputs), after = made[: len(chosen)], made[len(chosen) :]
        parameters = self.memory.trainable()
        grads = loosened(gradients(loss, [p.leaf for p in parameters]), [loss, *outputs])
        numbers = None
        in_pieces = False
        large: set[Parameter] = set()
        if optimizer is not None:
            numbers = StepNumbers(optimizer, self.memory.groups, self.memory.dtype)
            in_pieces = (
                batch == 1
                and not gradients_kept
                and self.factors == NOT  # its factors would not be rounded
                and optimizer.clip_norm is None
                and element_by_element(optimizer, numbers, self.memory)
            )
        pinned: dict[Value, Place] = {}
        wanted: list[Value] = []
        rank_one: dict[Parameter, Value] = {}
        by_rows: dict[Parameter, RowGradient] = {}
        checked: list[tuple[int, int]] = []
        for p, g in zip(parameters, grads, strict=True):
            rows = row_gradient(g) if optimizer is not None and optimizer.sparse else None
            if rows is not None:
                by_rows[p] = rows
                rows.numbers.name = f"d {self.network.names[p]}"
                wanted.append(rows.numbers)
                continue
            start, end = self.memory.offsets[p], self.memory.end(p)
            parts = column_and_row(g) if in_pieces else None
            if parts is not None:
                rank_one[p] = parts[0] * parts[1]
                g, end = largest(*parts), start + 1
            own = own_value(g, f"d {self.network.names[p]}")
            pinned[own] = self.memory.grad_place(p)
            wanted.append(own)
            checked.append((start, end))
            if batch > 1 and is_large(g):
                large.add(p)
        kept = outputs if outputs_kept else []
        update: list[Value] = []
        if optimizer is not None:
            assert numbers is not None
            if large and not element_by_element(optimizer, numbers, self.memory):
                large.clear()
            written = self._written(states, after)
            pinned |= written
            update += written
            if gradients_kept:
                refuse_callback(optimizer, [self.network.names[p] for p in by_rows])
            for own, at in updates_of(
                optimizer, numbers, self.memory, places, rank_one, by_rows, large
            ):
                pinned[own] = at
                update.append(own)
        apart = [(self.memory.offsets[p], self.memory.end(p)) for p in large]
        checked = sorted([*joined([c for c in checked if c not in apart]), *apart])
        squared = optimizer is not None and optimizer.takes_squares
        plan = self._plan(
            [*(rows.groups for rows in by_rows.values()), loss, *wanted, *kept],
            update,
            pinned,
            places,
            batch,
            checked,
            squared,
            by_rows,
        )
        settles = None
        if by_rows:
            assert optimizer is not None
            assert numbers is not None
            settles = add_updates(plan, optimizer, numbers, self.memory, by_rows)
        if self.memory.log is not None and optimizer is not None:
            self.memory.store.catch_up()
            self.memory.log.all_done(p for p in parameters if p not in by_rows)
        buffers = {FLAG: aligned(64)}
        if numbers is not None:
            buffers[HYPER] = numbers.buffer
        session = self._session(
            plan,
            inputs,
            kept,
            loss,
            scales,
            found,
            buffers=buffers,
            check=Place(FLAG, 0),
            writes=True,
            count=None if optimizer is None else self.count,
            settles=settles,
        )
        return Step(session, self.memory, numbers, outputs_kept and self._mask() is not None)

    def traced(
        self, targets: Sequence[TargetSpec], weighted: bool, training: bool
    ) -> tuple[list[Value], Value, list[Value]]:
        """The graph of training or of prediction: input leaves, loss, outputs."""
        inputs, values = self._graph(targets, weighted)
        (loss, *outputs), _ = specialize(values, training)
        return inputs, loss, outputs

    def study(self, batch: int, inputs: Sequence[Value], values: Sequence[Value]) -> Session:
        """A session that computes some values without an update; `Session.read` returns them."""
        plan = self._plan(values, [], {}, Places(self.memory, inputs), batch)
        memory = self.memory
        return Session(plan, inputs, [], None, memory.buffers, lock=memory.lock, store=memory.store)

    def _mask(self) -> Value | None:
        """The mask of the first output."""
        return mask_of(self.network.traced[0])

    def _graph(
        self, targets: Sequence[TargetSpec], weighted: bool, masks: bool = False
    ) -> tuple[list[Value], list[Value]]:
        """The input leaves, and [loss, *outputs], before training or prediction mode is chosen.

        With `masks`, that of the first output comes behind it.
        """
        leaves = target_leaves(targets)
        weights = input_value((Batch(1),), "weight") if weighted else None
        trained = self.memory.trainable()
        loss = total_loss(self.network, self.settings, leaves, weights, trained)
        inputs = [*self.network.inputs, *leaves, *([weights] if weights is not None else [])]
        mask = self._mask() if masks else None
        first, *more = self.network.traced
        values = [loss, first, *([] if mask is None else [mask]), *more]
        return inputs, number_streams(values, dict(self.network.streams))
