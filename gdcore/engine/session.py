"""A plan bound to memory: takes arrays, returns losses and outputs.

The numbers of the buffers are defined here, for every plan. The vectors of parameters, gradients, optimizer
slots and layer states outlive a session and are shared by all sessions of a model; each session has its own
arena, the memory of intermediate values.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import queue
import weakref
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from gdcore import _core, runtime
from gdcore.data.arrays import Rows
from gdcore.engine.locks import planning_lock
from gdcore.engine.meetings import meetings
from gdcore.engine.scratch import scratch
from gdcore.engine.thread_count import ThreadCount
from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import INT, Value
from gdcore.graph.plan import Plan
from gdcore.graph.program import ARENA, Place

PARAMS, GRADS, SLOTS, STATES, CONSTANTS, HYPER, FLAG, ROWS, PACKED, INPUTS = range(1, 11)
BUFFER_NAMES = {
    ARENA: "arena",
    PARAMS: "params",
    GRADS: "grads",
    SLOTS: "slots",
    STATES: "states",
    CONSTANTS: "const",
    HYPER: "hyper",
    FLAG: "flag",
    ROWS: "rows",
    PACKED: "packed",
}

LINE, HUGE_PAGE = 64, 1 << 21  # bytes

# Bytes that the arenas of one plan may take beyond one for each processor: with a small plan many threads get
# an arena each, and none waits for another's.
ARENAS = 16 << 20

# Seconds after which a run returns from C, to advance the progress bar and handle signals.
SECONDS = 0.05

COLUMNS, NUMBERS = 1, 2  # parts of sparse rows, GD_COLUMNS and GD_NUMBERS

panels_size = _core.panels_size

SOURCES = {name: code for code, name in enumerate(_core.source_names())}


def aligned(nbytes: int) -> np.ndarray:
    """Zeroed bytes that start on a cache line, and on a huge page where they fill one.

    The kernel maps a huge page at one fault, in a fifth of the time of 512 small ones. The last one is asked for
    only if three quarters of it are needed, so that little memory is taken beyond what is.

    Raises
    ------
    MemoryError
        If there is no such memory.
    """
    huge = (
        (nbytes + HUGE_PAGE // 4) // HUGE_PAGE * HUGE_PAGE if hasattr(mmap, "MADV_HUGEPAGE") else 0
    )
    try:
        if huge:
            pages = mmap.mmap(
                -1, max(huge, nbytes) + HUGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            )
            raw = np.frombuffer(pages, np.uint8)
        else:
            raw = np.zeros(nbytes + LINE, np.uint8)
    except (MemoryError, ValueError, OverflowError, OSError):
        raise MemoryError(
            f"cannot get {nbytes:,} bytes of memory: make the batch or the layers smaller"
        ) from None
    start = -raw.ctypes.data % (HUGE_PAGE if huge else LINE)
    if huge:
        with contextlib.suppress(OSError):  # of a kernel without huge pages
            pages.madvise(mmap.MADV_HUGEPAGE, start, huge)
    return raw[start : start + nbytes]


ReadWriteLock = _core.ReadWriteLock  # of a store: many readers, or one writer
StepCount = _core.StepCount
Kinds = _core.Kinds  # shapes and types of arrays that the fast path accepts


class Pending(Protocol):
    """Has the sessions that catch up rows, of which others must not be behind when they are read."""

    pending: dict[Session, None]

    def catch_up(self, but: Session | None = None) -> None:
        """Run them all but one."""


class Session:
    """Runs one plan.

    Several threads may run it at once, each in an arena of its own; there are at most as many arenas as
    processors, or as fit into `ARENAS` bytes if that is more. A session that writes to shared memory has one
    arena: its runs are serialized by `lock`.

    Parameters
    ----------
    plan : Plan
    inputs : leaves of the plan that are fed with data, in the order of `run`'s `data`
    taps : values of the plan that are copied out, one row for each sample
    loss : scalar of the plan, or None
    buffers : dict of buffer number → ndarray, the shared vectors
    check : place of the int32 flag that `all_finite` clears, or None
    isa : index of the instruction set; None for the one chosen at import
    scales : for each input, the factor by which its data is multiplied while it is gathered; None for 1
    lock : guards the shared vectors; None if no other session uses them
    writes : whether a run writes to the shared vectors
    count : incremented with each step, or None
    fed : for each input, which of the data it is fed with, and which part of sparse rows (0: all of it); None
        for each with its own
    store : what holds the shared vectors: asked to catch up rows before a run; None if rows are never behind
    settles : the session that catches up the rows that runs of this one leave behind, or None
    """

    def __init__(
        self,
        plan: Plan,
        inputs: Sequence[Value],
        taps: Sequence[Value],
        loss: Value | None,
        buffers: dict[int, np.ndarray],
        check: Place | None = None,
        isa: int | None = None,
        scales: Sequence[float] | None = None,
        lock: ReadWriteLock | None = None,
        writes: bool = False,
        count: StepCount | None = None,
        fed: Sequence[tuple[int, int]] | None = None,
        store: Pending | None = None,
        settles: Session | None = None,
    ) -> None:
        self.plan = plan
        self.fed, self.store, self.settles = fed, store, settles
        self.inputs = list(inputs)
        self.scales = [1.0] * len(self.inputs) if scales is None else list(scales)
        if fed is not None:  # data gives one scale for each array
            self.scales = [self.scales[at] for at, _ in fed]
        self.taps = list(taps)
        self.real = np.dtype(np.float32 if plan.bits == 32 else np.float64)
        slots: list[np.ndarray | None] = [None] * (INPUTS + len(self.inputs))
        slots[CONSTANTS] = plan.constants
        for number, array in buffers.items():
            slots[number] = array
        self.tap_rows = [at_batch(size(t.shape), 1) for t in taps]
        tap_refs = []
        for tap, row in zip(taps, self.tap_rows, strict=True):
            at = plan.place_of(tap)
            tap_refs.append(((at.buffer, 0, at.offset), row * self.real.itemsize))
        loss_ref = None
        if loss is not None:
            at = plan.place_of(loss)
            loss_ref = (at.buffer, 0, at.offset)
        core = _core.Plan(
            runtime.ISA if isa is None else isa,
            plan.bits,
            [i.encoded() for i in plan.instructions],
            plan.n_compute,
            None if check is None else (check.buffer, check.offset),
            plan.n_gradients,
            meetings(plan),
            plan.n_packing,
        )

        def bind() -> tuple[_core.Runner, np.ndarray]:
            arena = aligned(plan.placement.arena_bytes + 64)
            mine = [*slots]
            mine[ARENA] = arena
            if plan.packed_bytes:
                mine[PACKED] = aligned(plan.packed_bytes)
            runner = _core.Runner(
                core,
                plan.batch,
                mine,
                self._stages(),
                tap_refs,
                loss_ref,
                HYPER,
                lock,
                writes,
                count,
            )
            return runner, arena

        self._bind = bind
        self.runner, self.arena = bind()
        self.scratch = core.scratch  # bytes that each thread needs
        self.writes = writes
        # All runners that are alive. They are counted by weak references, because Ctrl-C may drop one between
        # `_take` and its return to the queue.
        self._runners, self._process = weakref.WeakSet([self.runner]), os.getpid()
        self._idle: queue.SimpleQueue[_core.Runner] = queue.SimpleQueue()
        self._idle.put(self.runner)
        self.empty_losses = np.zeros(1)
        self.has_loss = loss is not None
        self.thread_count = ThreadCount(plan)

    def _stages(self) -> list[tuple[int, int, int, np.ndarray, int]]:
        """For each input: its buffer, its type, the elements of a row, a staging array for a batch, its part."""
        out = []
        for i, leaf in enumerate(self.inputs):
            kind = np.dtype(np.int32) if leaf.dtype == INT else self.real
            row = at_batch(size(leaf.shape), 1)
            room = aligned(self.plan.batch * row * kind.itemsize + 64)
            part = 0 if self.fed is None else self.fed[i][1]
            out.append((INPUTS + i, int(leaf.dtype == INT), row, room, part))
        return out

    def _take(self) -> _core.Runner:
        """An idle runner; the caller puts it back into the queue."""
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._another()

    def _another(self) -> _core.Runner:
        """A new runner, or, if the limit of arenas is reached, the next that becomes idle."""
        with planning_lock():
            if self._process != os.getpid():  # forked: runners in use are the parent's
                self._process, self._runners = os.getpid(), weakref.WeakSet()
            each = self.arena.nbytes + self.plan.packed_bytes + 1
            if len(self._runners) < max(runtime.processors(), ARENAS // each):
                try:
                    runner = self._bind()[0]
                except MemoryError:
                    if not self._runners:
                        raise
                else:
                    self._runners.add(runner)
                    return runner
        return self._idle.get()

    @property
    def nbytes(self) -> int:
        """Bytes of the session's own memory: one arena, packed weights, staging arrays, constants."""
        staged = sum(
            at_batch(size(leaf.shape), self.plan.batch) * self.real.itemsize for leaf in self.inputs
        )
        own = self.arena.nbytes + self.plan.packed_bytes
        return int(own + staged + self.plan.constants.nbytes)

    def read(self, value: Value, batch: int) -> np.ndarray:
        """A copy of a value of the plan from the arena, after a step over `batch` samples."""
        at = self.plan.place_of(value)
        shape = [at_batch(d, batch) for d in value.shape]
        count = math.prod(shape)
        kind = np.dtype(np.int32) if value.dtype == INT else self.real
        return self.arena[at.offset : at.offset + count * kind.itemsize].view(kind).reshape(shape)

    def run(
        self,
        data: Sequence[tuple[Rows, float]],
        rows: int,
        batch: int,
        *,
        first: int = 0,
        steps: int | None = None,
        order: np.ndarray | None = None,
        seed: int = 0,
        counter: int = 0,
        hyper: np.ndarray | None = None,
        losses: np.ndarray | None = None,
        outputs: Sequence[np.ndarray] = (),
        threads: int | None = None,
        seconds: float = SECONDS,
        spent: np.ndarray | None = None,
        exchange: Callable[[], None] | None = None,
    ) -> tuple[int, int]:
        """Take steps over arrays of samples.

        Parameters
        ----------
        data : (array of contiguous rows or `SparseRows`, factor) for each input; at least `rows`
            samples each
        rows, batch : number of samples, and samples of a step
        first, steps : index of the first step, and number of steps; None for all that are left
        order : (rows,) int64 array of sample numbers, or None for the order of the data
        seed, counter : of the random numbers; `counter` is that of the first step
        hyper : (steps, n) array of the plan's real type, or None
        losses : float64 array for the loss of each step
        outputs : for each tap an array with room for these steps' rows
        spent : float64 array to which each instruction's seconds are added, or None
        exchange : callable, called in each step once all gradients are computed, before they are
            checked, clipped or applied; or None

        Returns
        -------
        (steps completed, _core.DONE, PAUSED or NOT_FINITE)
        """
        if steps is None:
            steps = -(-rows // batch) - first
        if batch > self.plan.batch:
            raise ValueError(f"a batch of {batch} for a plan of at most {self.plan.batch}")
        given = self.thread_count.pick() if threads is None else threads
        if self.store is not None:
            self._catch_up(self.store)
        if self.fed is not None:
            data = [data[at] for at, _ in self.fed]
        feeds: tuple[Any, ...] = tuple(
            (a if isinstance(a, np.ndarray) else a.parts, SOURCES[a.dtype.name], scale * own)
            for (a, scale), own in zip(data, self.scales, strict=True)
        )
        if losses is None and self.has_loss:
            losses = np.empty(steps) if steps > 1 else self.empty_losses
        begun = perf_counter()
        runner = self.runner if self.writes else self._take()
        try:
            done, status = runner.run(
                feeds,
                order,
                rows,
                batch,
                first,
                steps,
                seed,
                counter,
                hyper,
                losses,
                tuple(outputs),
                given,
                scratch.get(given, self.scratch),
                seconds,
                spent,
                exchange,
            )
        finally:
            if not self.writes:
                self._idle.put(runner)
        if threads is None:
            self.thread_count.note(given, begun, done)
        return done, status

    def _catch_up(self, store: Pending) -> None:
        """Have rows caught up that other sessions have left behind, and note that this one leaves some."""
        if store.pending:
            store.catch_up(self.settles)
        if self.settles is not None:
            store.pending[self.settles] = None

    def settle(self) -> None:
        """Run once, without data."""
        self.run([], 1, 1)

    def repeat(
        self,
        kinds: Kinds,
        arrays: tuple[Any, ...],
        outputs: tuple[np.ndarray, ...],
        hyper: np.ndarray | None,
        row: int,
        seed: int,
        counter: int,
    ) -> float | None:
        """The fast path: one step over arrays that match `kinds`, or None; see `_core.Runner.repeat`."""
        if self.store is not None:
            self._catch_up(self.store)
        count = self.thread_count
        threads = 1 if count.single else count.pick()
        begun = 0.0 if count.single else perf_counter()
        runner = self.runner if self.writes else self._take()
        try:
            loss = runner.repeat(
                kinds,
                arrays,
                outputs,
                hyper,
                row,
                seed,
                counter,
                threads,
                scratch.get(threads, self.scratch),
            )
        finally:
            if not self.writes:
                self._idle.put(runner)
        if not count.single:
            count.note(threads, begun, loss is not None)
        return loss
