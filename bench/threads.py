"""Where a second thread begins to pay: training steps of W-W-W, mse, Adam, on one thread and on more.

    python -m bench.threads [--threads 2] [--widths 8,64] [--batches 1,32] [--most 2e10] [--json FILE]

Prints the times on one thread over those on several, forced, and from how many FLOPs a step on every
larger one wins: gdcore.session.THREAD_FLOPS is chosen by this. Then the rule is held against the same
numbers: ends with 0 only if no step that is given more threads is slower for it, beyond noise.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import gdcore as gd
from bench.cases import Case
from bench.measure import clock, processor, progress, spread, table
from gdcore import session

WIDTHS = (8, 16, 32, 45, 46, 64, 128, 256, 512, 1024, 2048, 4096)
BATCHES = (1, 8, 32, 128, 512, 4096)
NOISE = 0.95  # a ratio above this is not called slower


@dataclass
class Cell:
    """One width and batch: FLOPs of the plan's step, seconds on one thread, and how many times faster on more."""

    width: int
    batch: int
    flops: int
    seconds: float
    ratio: float


def measure(width: int, batch: int, threads: int, rounds: int, seconds: float) -> Cell:
    """Time one network, one and several threads in turn."""
    case = Case("threads", (width, width, width), "relu", batch, "mse", "adam", 0, 0)
    model = case.model()
    x, y = case.data(4)

    def take(steps: int) -> None:
        model.fit(x, y, batch_size=batch, epochs=steps // 4, shuffle=False, verbose=0)

    ones, ratios = [], []
    for _ in range(rounds):
        gd.set_num_threads(1)
        ones.append(clock(take, seconds, 4, blocks=3))
        gd.set_num_threads(threads)
        ratios.append(ones[-1] / clock(take, seconds, 4, blocks=3))
    return Cell(width, batch, model.plan.flops(batch), spread(ones).median, spread(ratios).median)


def threshold(cells: list[Cell]) -> int | None:
    """The fewest FLOPs from which on every step gains; None if the largest does not."""
    best = None
    for cell in sorted(cells, key=lambda c: -c.flops):
        if cell.ratio < 1:
            break
        best = cell.flops
    return best


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.threads", description="Where a second thread begins to pay."
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--widths", default=",".join(map(str, WIDTHS)))
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)))
    parser.add_argument(
        "--most", type=float, default=2e10, help="leave out steps of more FLOPs (default 2e10)"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.1, help="length of one measurement")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    widths, batches = (
        [int(n) for n in text.split(",")] for text in (options.widths, options.batches)
    )
    rule, session.THREAD_FLOPS = (
        session.THREAD_FLOPS,
        0,
    )  # every step on as many threads as it is told
    cells: dict[tuple[int, int], Cell] = {}
    for w in widths:
        for b in batches:
            if 10 * b * w * w <= options.most:
                progress(f"width {w}, batch {b}")
                cells[w, b] = measure(w, b, options.threads, options.rounds, options.seconds)
    progress("")
    print(f"{processor()}: times on 1 thread / on {options.threads}")
    print(
        table(
            ["width \\ batch", *map(str, batches)],
            [
                [str(w), *(f"{cells[w, b].ratio:.2f}" if (w, b) in cells else "—" for b in batches)]
                for w in widths
            ],
        )
    )
    found = threshold(list(cells.values()))
    where = "nowhere" if found is None else f"from {found:,} FLOPs a step on"
    print(f"more threads pay {where}; THREAD_FLOPS is {rule:,}")
    slower = [c for c in cells.values() if c.flops >= rule and c.ratio < NOISE]
    for c in slower:
        print(f"slower with it: width {c.width}, batch {c.batch}, {c.flops:,} FLOPs: {c.ratio:.2f}")
    if options.json:
        options.json.write_text(json.dumps([vars(c) for c in cells.values()], indent=1))
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
