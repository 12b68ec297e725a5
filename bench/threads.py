"""Whether more threads ever make a step slower: training steps of W-W-W, mse, Adam, on one thread and on more.

    python -m bench.threads [--threads 2] [--widths 8,64] [--batches 1,32] [--most 2e10] [--forced]

A step that gdcore runs on one thread, although more are allowed, is not timed. With --forced every step runs
on all threads, and the least work between two barriers, in microseconds, from which on every step is faster
on all threads is printed too: gdcore.engine.thread_count.MIN_WORK is chosen by it.
"""

from __future__ import annotations

import argparse
from contextlib import contextmanager
from typing import Any

import numpy as np

import gdcore as gd
from bench.cases import Case
from bench.measure import clock, progress, spread, table
from bench.networks import dense
from bench.study import Record, Study, figure, numbers, run, setting, told
from gdcore.engine import thread_count
from gdcore.engine.session import Session
from gdcore.training.evaluate import training_step
from gdcore.training.prepare import prepare

WIDTHS = (8, 16, 32, 45, 46, 64, 128, 256, 512, 1024, 2048, 4096)
BATCHES = (1, 8, 32, 128, 512, 4096)
NOISE = 0.95  # a ratio above this is not called slower
UNIT = 4  # batches of the data set


def network(width: int, batch: int, depth: int = 2) -> Case:
    """W-W-W, or of another depth."""
    return Case("threads", dense((width,) * (depth + 1), "relu"), batch, "mse", "adam", 0, 0)


def stepper(case: Case) -> tuple[Any, Any]:
    """The model of a case, and a function of a count that takes so many steps, in multiples of `UNIT`."""
    model = case.model()
    x, y = case.data(UNIT)

    def take(steps: int) -> None:
        model.fit(x, y, batch_size=case.batch, epochs=steps // UNIT, shuffle=False, verbose=0)

    return model, take


def session_of(model: Any, case: Case) -> Session:
    """What runs its training step."""
    return training_step(
        model._engine, prepare(model._engine, *case.data(1)), case.batch, False
    ).session  # type: ignore[no-any-return]


def cell(width: int, batch: int, threads: int, rounds: int, seconds: float) -> Record:
    """Time one network alternately on one and on several threads."""
    case = network(width, batch)
    model, take = stepper(case)
    take(UNIT)
    gd.set_num_threads(threads)
    step = session_of(model, case)
    used = step.thread_count.most()
    ones, ratios = [], []
    for _ in range(rounds if used > 1 else 0):
        gd.set_num_threads(1)
        ones.append(clock(take, seconds, UNIT, blocks=3))
        gd.set_num_threads(threads)
        ratios.append(ones[-1] / clock(take, seconds, UNIT, blocks=3))
    return {
        "width": width,
        "batch": batch,
        "flops": model.plan.flops(batch),
        "between": round(step.thread_count.work, 2),
        "threads": used,
        "seconds": ones,
        "ratios": ratios,
    }


@contextmanager
def ruled(**rules: float) -> Any:
    """Replace constants of gdcore.engine.thread_count for a while."""
    before = {name: getattr(thread_count, name) for name in rules}
    vars(thread_count).update(rules)
    try:
        yield
    finally:
        vars(thread_count).update(before)


def measure(options: argparse.Namespace) -> Record:
    """All widths and batches."""
    cells = []
    before = gd.get_num_threads()
    with ruled(**({"MIN_WORK": 0.0} if options.forced else {})):
        for w in options.widths:
            for b in options.batches:
                if 10 * b * w * w <= options.most:
                    progress(f"width {w}, batch {b}")
                    cells.append(cell(w, b, options.threads, options.rounds, options.seconds))
    progress("")
    gd.set_num_threads(before)
    rule = {"threads": options.threads, "forced": options.forced, "rule": thread_count.MIN_WORK}
    return {"setting": setting(), **rule, "cells": cells}


def ratio(one: Record) -> float:
    """The time on one thread over that on more; 1 for a step that is left on one."""
    return spread(one["ratios"]).median if one["ratios"] else 1.0


def threshold(cells: list[Record]) -> float | None:
    """The least work between two barriers from which on every step is faster; None if there is none."""
    best = None
    for one in sorted(cells, key=lambda c: -c["between"]):
        if ratio(one) < 1:
            break
        best = float(one["between"])
    return best


def grid(record: Record) -> tuple[list[int], list[int], dict[tuple[int, int], Record]]:
    """Widths, batches, and the cells by them."""
    cells = {(c["width"], c["batch"]): c for c in record["cells"]}
    return sorted({w for w, _ in cells}), sorted({b for _, b in cells}), cells


def show(record: Record) -> str:
    """Widths down, batches across."""
    widths, batches, cells = grid(record)

    def said(w: int, b: int) -> str:
        one = cells.get((w, b))
        if one is None:
            return "—"
        return f"{ratio(one):.2f}" if one["ratios"] else "1 thread"

    head = ["width \\ batch", *map(str, batches)]
    body = [[str(w), *(said(w, b) for b in batches)] for w in widths]
    text = f"{told(record['setting'])} Times on 1 thread over those on {record['threads']}"
    text += ", every step on all of them" if record["forced"] else ""
    text += f".\n\n{table(head, body)}"
    if record["forced"]:
        found = threshold(record["cells"])
        where = "nowhere" if found is None else f"from {found:.1f} µs between barriers on"
        text += f"\n\nMore threads pay {where}; MIN_WORK is {record['rule']}."
    return text


def missed(record: Record) -> list[str]:
    """Steps that are given more threads and are slower for it."""
    return [
        f"width {c['width']}, batch {c['batch']}, {c['flops']:,} FLOPs: {ratio(c):.2f} with {c['threads']} threads"
        for c in record["cells"]
        if ratio(c) < NOISE and (not record["forced"] or c["between"] >= record["rule"])
    ]


def draw(record: Record) -> dict[str, Any]:
    """The table as a heat map."""
    widths, batches, cells = grid(record)
    made = figure(2.2 + 0.8 * len(batches), 1.5 + 0.36 * len(widths))
    ax = made.add_subplot()
    values = np.array(
        [[ratio(cells[w, b]) if (w, b) in cells else np.nan for b in batches] for w in widths]
    )
    image = ax.imshow(np.log2(values), cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    ax.set_facecolor("#eeeeee")
    for (y, x), value in np.ndenumerate(values):
        if np.isfinite(value):
            measured = cells[widths[y], batches[x]]["ratios"]
            ax.text(
                x, y, f"{value:.2f}" if measured else "1 thread", ha="center", va="center",
                fontsize=8, color="white" if value > 1.6 else "black",
            )  # fmt: skip
    ax.set_xticks(range(len(batches)), [str(b) for b in batches])
    ax.set_yticks(range(len(widths)), [str(w) for w in widths])
    ax.set_xlabel("batch")
    ax.set_ylabel("width of three layers")
    ax.set_title(f"A step on 1 thread over that on {record['threads']}, in time", fontsize=10)
    bar = made.colorbar(image, ax=ax, fraction=0.05)
    bar.set_ticks([-1, -0.5, 0, 0.5, 1], labels=["0.5", "0.7", "1", "1.4", "2"])
    return {"threads": made}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--widths", type=numbers, default=list(WIDTHS))
    parser.add_argument("--batches", type=numbers, default=list(BATCHES))
    parser.add_argument(
        "--most", type=float, default=2e10, help="leave out steps of more FLOPs (default 2e10)"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.1, help="length of one measurement")
    parser.add_argument("--forced", action="store_true", help="every step on all threads")


STUDY = Study(
    "threads", "Whether more threads ever make a step slower.", measure, show, missed, options, draw
)

if __name__ == "__main__":
    run(STUDY)
