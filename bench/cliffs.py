"""Whether the time of a step jumps when a width or a batch grows by one.

    python -m bench.cliffs [--widths 45,64] [--batches 31,32] [--threads 1,2]

Two networks W-W-W of widths (or with batches) that differ by one are timed alternately. Their times per FLOP
may differ by at most a factor ALLOWED in either direction: a size for which the kernels have no good tiles is
slower than both of its neighbours.
"""

from __future__ import annotations

import argparse
from typing import Any

import gdcore as gd
from bench.measure import clock, progress, spread, table
from bench.study import Record, Study, figure, numbers, run, setting, told
from bench.threads import UNIT, network, stepper

ALLOWED = 1.15
WIDTHS = (15, 16, 31, 32, 45, 47, 48, 63, 64, 127, 128, 255, 256, 511, 512, 1023, 1024)
BATCHES = (1, 7, 15, 16, 31, 32, 47, 63, 64, 127, 128, 255, 256, 511)
BATCH, WIDTH = 64, 256  # the one that is fixed while the other varies


def pair(what: str, size: int, threads: int, rounds: int, seconds: float) -> Record:
    """Time two neighbouring sizes alternately."""
    two = [network(s, BATCH) if what == "width" else network(WIDTH, s) for s in (size, size + 1)]
    gd.set_num_threads(threads)
    models, takes = zip(*(stepper(c) for c in two), strict=True)
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for own, take in zip(times, takes, strict=True):
            own.append(clock(take, seconds, UNIT, blocks=3))
    flops = [m.plan.flops(c.batch) for m, c in zip(models, two, strict=True)]
    return {"what": what, "size": size, "threads": threads, "seconds": times, "flops": flops}


def measure(options: argparse.Namespace) -> Record:
    """All pairs."""
    before, pairs = gd.get_num_threads(), []
    for threads in options.threads:
        for what, sizes in (("width", options.widths), ("batch", options.batches)):
            for size in sizes:
                progress(f"{what} {size} on {threads}")
                pairs.append(pair(what, size, threads, options.rounds, options.seconds))
    progress("")
    gd.set_num_threads(before)
    return {"setting": setting(), "pairs": pairs}


def step_up(one: Record) -> float:
    """The ratio of the times, larger over smaller, divided by the ratio of their FLOPs."""
    small, large = one["seconds"]
    ratio = spread(b / a for a, b in zip(small, large, strict=True)).median
    return ratio * one["flops"][0] / one["flops"][1]


def show(record: Record) -> str:
    """A line for each pair."""
    rows = [
        [
            f"{one['what']} {one['size']} → {one['size'] + 1}",
            str(one["threads"]),
            *(f"{spread(s).median * 1e6:,.1f}" for s in one["seconds"]),
            f"{step_up(one):.2f}",
        ]
        for one in record["pairs"]
    ]
    head = ["pair", "threads", "smaller, µs", "larger, µs", "time a FLOP, ratio"]
    return f"{told(record['setting'])}\n\n{table(head, rows)}"


def missed(record: Record) -> list[str]:
    """Jumps, either way."""
    return [
        f"{one['what']} {one['size']} → {one['size'] + 1} on {one['threads']}: a FLOP takes "
        f"{step_up(one):.2f} times as long (allowed {1 / ALLOWED:.2f} to {ALLOWED})"
        for one in record["pairs"]
        if not 1 / ALLOWED <= step_up(one) <= ALLOWED
    ]


def draw(record: Record) -> dict[str, Any]:
    """GFLOP/s over the size; neighbours stand side by side."""
    made = figure(10, 4)
    axes = made.subplots(1, 2, sharey=True)
    for ax, what in zip(axes, ("width", "batch"), strict=True):
        for threads in sorted({p["threads"] for p in record["pairs"]}):
            rates: dict[int, list[float]] = {}
            for one in record["pairs"]:
                if one["what"] == what and one["threads"] == threads:
                    for i in (0, 1):
                        rate = one["flops"][i] / spread(one["seconds"][i]).median * 1e-9
                        rates.setdefault(one["size"] + i, []).append(rate)
            sizes = sorted(rates)
            best = [max(rates[s]) for s in sizes]
            ax.plot(sizes, best, "o-", ms=4, lw=1, label=f"{threads} thread{'s' * (threads > 1)}")
        ax.set_xscale("log", base=2)
        ax.grid(True, color="#dddddd")
        ax.set_xlabel(f"{what} ({f'batch {BATCH}' if what == 'width' else f'width {WIDTH}'})")
        ax.legend(frameon=False)
    axes[0].set_ylabel("GFLOP/s of a training step")
    made.suptitle("Sizes side by side: no cliff between neighbours", fontsize=11)
    return {"cliffs": made}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--widths", type=numbers, default=list(WIDTHS))
    parser.add_argument("--batches", type=numbers, default=list(BATCHES))
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="default 1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.05, help="length of one measurement")


STUDY = Study(
    "cliffs", "Whether time jumps between neighbouring sizes.", measure, show, missed, options, draw
)

if __name__ == "__main__":
    run(STUDY)
