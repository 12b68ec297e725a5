"""What the threads of a step write and read of one another: cache lines that change hands, counted from the plan.

    python -m bench.owners mnist [--threads 2]
    python -m bench.owners mnist,gelu,big --rounds 9

Each thread has a cache that holds everything, as L2 nearly does. A line that a thread reads or writes and another
has written last is moved; a line that it writes and another has read has to be taken from that. Counted are the bytes
of such lines in one step, when the step before has left each line with whom it would.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import gdcore as gd
from bench.cases import Case, chosen
from bench.measure import Spread, clock, spread, table
from bench.threads import UNIT as ROUND
from bench.threads import ruled, stepper
from gdcore.graph.program import Instruction
from gdcore.training.evaluate import training_step
from gdcore.training.prepare import prepare

LINE = 64
VL = 8  # of AVX2 in float32: csrc/gemm.h cuts by it
PIECE, STRIPE, ROWS = 16384, 4 * VL, 16  # units of csrc/ops/finite.c and csrc/ops/reduce.c
DIRECT, SPREAD, SCALAR = range(3)


class Touch(NamedTuple):
    """Elements of a buffer: rows and columns of a matrix whose strides are `row` and `col`."""

    write: bool
    ref: tuple[int, int, int]
    rows: tuple[int, int]
    cols: tuple[int, int]
    row: int
    col: int

    def lines(self) -> np.ndarray:
        """The cache lines, numbered within the buffer."""
        r, c = np.arange(*self.rows), np.arange(*self.cols)
        if self.col == 1 and len(c):
            first = (self.ref[2] + 4 * (r * self.row + c[0])) // LINE
            last = (self.ref[2] + 4 * (r * self.row + c[-1])) // LINE
            width = int((last - first).max(initial=0)) + 1
            at = first[:, None] + np.arange(width)
            return np.unique(at[at <= last[:, None]])
        return np.unique((self.ref[2] + 4 * (r[:, None] * self.row + c * self.col)) // LINE)


def share(units: int, thread: int, threads: int) -> tuple[int, int]:
    """As `take_share` in csrc/exec.c deals them."""
    return units * thread // threads, units * (thread + 1) // threads


def cut(m: int, n: int, of_weight: bool) -> tuple[bool, int]:
    """Whether a product is cut through its rows, and how wide a unit is: see csrc/gemm.h."""
    by_rows = m >= 8 and (n < 8 * VL or m > n or (of_weight and 4 * m >= n))
    return by_rows, 4 if by_rows else 2 * VL


def window(
    m: int, n: int, of_weight: bool, thread: int, threads: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns of a product that a thread computes."""
    by_rows, width = cut(m, n, of_weight)
    lo, hi = share(-(-(m if by_rows else n) // width), thread, threads)
    return (
        ((lo * width, min(hi * width, m)), (0, n))
        if by_rows
        else ((0, m), (lo * width, min(hi * width, n)))
    )


def of_pass(ins: Instruction, d: list[int], rows: Any, cols: Any, width: int) -> Iterator[Touch]:
    """What an elementwise pass touches for a window of its output, seen as rows of `width` elements."""
    nd, n_out, n_in = ins.attrs[:3]
    kinds = ins.attrs[6 : 6 + n_in]
    for ref, kind in zip(ins.refs[n_out:], kinds, strict=True):
        if kind == DIRECT:
            yield Touch(False, ref, rows, cols, width, 1)
        elif kind == SCALAR:
            yield Touch(False, ref, (0, 1), (0, 1), 1, 1)
        elif kind == SPREAD:
            i = list(ins.refs[n_out:]).index(ref)
            steps = d[nd * (i + 1) : nd * (i + 2)]
            inner = cols if steps[-1] else (0, 1)
            outer = rows if len(steps) > 1 and steps[0] else (0, 1)
            yield Touch(False, ref, outer, inner, steps[0] if len(steps) > 1 else 1, steps[-1] or 1)
    for ref in ins.refs[:n_out]:
        yield Touch(True, ref, rows, cols, width, 1)


def touches(ins: Instruction, batch: int, thread: int, threads: int) -> Iterator[Touch]:
    """What a thread reads and writes in its share of an instruction."""
    d = [fixed + per_row * batch for fixed, per_row in ins.dims]
    if ins.kernel == "gemm":
        m, n, k = d[2:5]
        rows, cols = window(m, n, d[10] == 1 and d[11] != 1, thread, threads)
        if rows[0] >= rows[1] or cols[0] >= cols[1]:
            return
        yield Touch(False, ins.refs[1], rows, (0, k), d[10], d[11])
        yield Touch(False, ins.refs[2], (0, k), cols, d[14], d[15])
        yield Touch(True, ins.refs[0], rows, cols, d[7], 1)
        if ins.then is not None:
            inner = [fixed + per_row * batch for fixed, per_row in ins.then.dims]
            yield from of_pass(ins.then, inner, rows, cols, n)
        return
    if ins.kernel == "map":
        nd, unit = ins.attrs[0], ins.attrs[4]
        n = int(np.prod(d[:nd]))
        lo, hi = share(-(-n // unit), thread, threads)
        if lo < hi:
            yield from of_pass(ins, d, (0, 1), (lo * unit, min(hi * unit, n)), n)
        return
    if ins.kernel == "all_finite":
        lo, hi = share(-(-d[0] // PIECE), thread, threads)
        if lo < hi:
            yield Touch(False, ins.refs[1], (0, 1), (lo * PIECE, min(hi * PIECE, d[0])), 1, 1)
        return
    if ins.kernel in ("sum", "max", "logsumexp"):
        outer, red, inner = d
        if inner == 1:
            lo, hi = share(-(-outer // ROWS), thread, threads)
            lo, hi = lo * ROWS, min(hi * ROWS, outer)
            yield Touch(False, ins.refs[1], (lo, hi), (0, red), red, 1)
            yield Touch(True, ins.refs[0], (0, 1), (lo, hi), 1, 1)
            return
        lo, hi = share(-(-inner // STRIPE), thread, threads)
        yield Touch(False, ins.refs[1], (0, red), (lo * STRIPE, min(hi * STRIPE, inner)), inner, 1)
        yield Touch(True, ins.refs[0], (0, 1), (lo * STRIPE, min(hi * STRIPE, inner)), 1, 1)
        return
    if thread == threads - 1:  # of one unit, mostly; small
        for i, ref in enumerate(ins.refs):
            yield Touch(i == 0, ref, (0, 1), (0, d[0] if d and i else 1), 1, 1)


def moved(plan: Any, batch: int, threads: int, steps: int = 3) -> list[dict[int, int]]:
    """For each instruction, by buffer, the bytes that change hands in the last of some steps."""
    held: dict[int, np.ndarray] = {}  # by buffer: which threads hold each line
    last: dict[int, np.ndarray] = {}  # and which wrote it last, -1: nobody
    shares = [
        [
            [(t, t.lines()) for t in touches(ins, batch, thread, threads)]
            for thread in range(threads)
        ]
        for ins in plan.instructions
    ]
    most: dict[int, int] = defaultdict(int)
    for instruction in shares:
        for every in instruction:
            for touch, lines in every:
                most[touch.ref[0]] = max(most[touch.ref[0]], int(lines.max(initial=0)) + 1)
    for buffer, n in most.items():
        held[buffer] = np.zeros((threads, n), bool)
        last[buffer] = np.full(n, -1)
    out: list[dict[int, int]] = []
    for _ in range(steps):
        out = []
        for instruction in shares:
            found: dict[int, int] = defaultdict(int)
            for thread, every in enumerate(instruction):
                for touch, lines in every:
                    buffer = touch.ref[0]
                    here, writer = held[buffer], last[buffer]
                    others = np.delete(here, thread, axis=0)[:, lines].any(axis=0)
                    foreign = (
                        (writer[lines] >= 0) & (writer[lines] != thread) & ~here[thread, lines]
                    )
                    taken = others & (writer[lines] >= 0) if touch.write else foreign
                    found[buffer] += LINE * int((taken | foreign).sum())
                    here[thread, lines] = True
                    if touch.write:
                        here[:, lines] = False
                        here[thread, lines] = True
                        writer[lines] = thread
            out.append(found)
    return out


def report(case: Case, threads: int) -> str:
    """A table of the instructions and the bytes that change hands in each."""
    model = case.model()
    x, y = case.data(1)
    data = prepare(model._engine, x, y)
    plan = training_step(model._engine, data, case.batch, keep_outputs=False).session.plan
    found = moved(plan, case.batch, threads)
    buffers = sorted({b for f in found for b, n in f.items() if n})
    names = [plan.buffer_names.get(b, f"in{b - len(plan.buffer_names)}") for b in buffers]
    rows = [
        [
            str(i),
            (ins.text + (" → " + ins.then.text if ins.then else ""))[:40],
            *(f"{f.get(b, 0):,}" for b in buffers),
            f"{sum(f.values()):,}",
        ]
        for i, (ins, f) in enumerate(zip(plan.instructions, found, strict=True))
    ]
    total = ["", "all", *(f"{sum(f.get(b, 0) for f in found):,}" for b in buffers)]
    rows.append([*total, f"{sum(sum(f.values()) for f in found):,}"])
    return table(["", "instruction", *names, "bytes"], rows)


def gained(case: Case, threads: int, rounds: int, seconds: float) -> Spread:
    """The time of a step on one thread over that on several, measured in turn."""
    before = gd.get_num_threads()
    ratios = []
    with ruled(MIN_WORK=0.0):  # all threads, whatever times say
        _, take = stepper(case)
        take(ROUND)
        for _ in range(rounds):
            times = []
            for n in (1, threads):
                gd.set_num_threads(n)
                times.append(clock(take, seconds, ROUND, blocks=3))
            ratios.append(times[0] / times[1])
    gd.set_num_threads(before)
    return spread(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", help="names of cases, separated by commas")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--rounds", type=int, default=0, help="time steps so often, on one thread and on all"
    )
    parser.add_argument("--seconds", type=float, default=0.2, help="length of one measurement")
    options = parser.parse_args()
    for case in chosen(options.cases):
        if options.rounds:
            found = gained(case, options.threads, options.rounds, options.seconds)
            print(f"{case.name}: {found:.2f} times as fast on {options.threads} threads")
            continue
        print(f"{case.name}, {options.threads} threads: bytes that change hands in a step\n")
        print(report(case, options.threads), "\n")


if __name__ == "__main__":
    main()
