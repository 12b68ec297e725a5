"""How the time of a step grows with threads, batch, width and depth, and a model that predicts more cores.

    python -m bench.scaling [--widths 64,256] [--batches 32,256] [--depths 1,4] [--threads 1,2]

Networks of equal layers W-…-W, mse, Adam, are timed, and the time of a step t on T threads is taken
apart as

    t = c₁ F / (T P) + c₂ B₂ / (T b₂) + c₃ B₃ / b₃(T) + c₄ Bₘ / bₘ(T) + c₅ n + c₆ n log₂ T

with F operations at the measured peak P of a core; B₂, B₃, Bₘ the bytes that the plan reads and writes in the
L2 cache, the L3 cache and memory, at the measured bandwidths b₂, b₃, bₘ; and n instructions, each of which has
a cost to start and ends at a barrier of all threads. The part of a step's memory that exceeds the L2 caches of
the threads is read from L3, and what exceeds that from memory. A product of few tiles keeps fewer threads
busy: T is then the number of tiles. The factors c ≥ 0 are fitted to the relative errors of every second
network by non-negative least squares (Lawson and Hanson 1974), and checked on the other networks. For more
cores than were measured, b₂ grows in proportion, b₃ and bₘ as they did from one core to two.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np

import gdcore as gd
from bench.measure import clock, progress, table
from bench.peak import LEVELS, bandwidths, caches, peak
from bench.study import Record, Study, figure, numbers, run, setting, told
from bench.threads import UNIT, network, ruled, stepper
from gdcore import runtime
from gdcore.training.evaluate import training_step
from gdcore.training.prepare import prepare

WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048)
BATCHES = (8, 32, 128, 512, 2048)
DEPTHS = (1, 2, 4, 8, 16)
WIDTH, BATCH, DEPTH = 256, 128, 2  # the values of those that do not vary
MOST = 1e10  # FLOPs of a step
CORES = (4, 16, 64)  # predicted
SHOWN = ((64, 64, 2), (256, 256, 2), (1024, 512, 2))  # width, batch, depth
TILE = (12, 32)  # rows and columns of a product that a thread computes at a time, about
TERMS = ("compute", "L2", "L3", "memory", "instructions", "synchronisation")
WITHIN = 0.25  # the median of the errors on networks that were not fitted


def point(width: int, batch: int, depth: int, threads: int, seconds: float) -> Record:
    """One network on `threads` threads: its time, and the quantities of the model."""
    case = network(width, batch, depth)
    gd.set_num_threads(threads)
    model, take = stepper(case)
    with ruled(CLEAR=0):  # use all threads, even if fewer would be faster
        took = clock(take, seconds, UNIT, blocks=5)
    data = prepare(model._engine, *case.data(UNIT))
    step = training_step(model._engine, data, batch, False)
    plan = step.session.plan
    return {
        "width": width,
        "batch": batch,
        "depth": depth,
        "threads": step.session.thread_count.most(),
        "seconds": took,
        "flops": plan.flops(batch),
        "bytes": sum(plan.traffic(i, batch) for i in plan.instructions),
        "memory": model._engine.parameters().nbytes + step.session.nbytes,
        "instructions": len(plan.instructions),
    }


def networks(options: argparse.Namespace) -> list[tuple[int, int, int]]:
    """(width, batch, depth) of all networks, none of too many FLOPs."""
    found = {(w, b, DEPTH) for w in options.widths for b in options.batches}
    found |= {(WIDTH, BATCH, d) for d in options.depths}
    found |= {(64, 32, d) for d in options.depths}
    return sorted(n for n in found if 6 * n[1] * n[0] ** 2 * n[2] <= options.most)


def measure(options: argparse.Namespace) -> Record:
    """All networks on all numbers of threads, and what the machine gives."""
    where, before = setting(), gd.get_num_threads()
    threads = tuple(options.threads)
    tops, levels = peak((1,), runtime.ISA_NAME), bandwidths((1, 2), runtime.ISA_NAME)
    if not tops:
        raise SystemExit("without a C compiler the machine is not measured, and there is no model")
    points = []
    for n in networks(options):
        for t in threads:
            progress(f"width {n[0]}, batch {n[1]}, depth {n[2]} on {t}")
            points.append({**point(*n, t, options.seconds), "asked": t})
    progress("")
    gd.set_num_threads(before)
    return {
        "setting": where,
        "peak": tops[1].gflops,
        "bandwidth": {str(t): b for t, b in levels.items()},
        "caches": caches(),
        "points": points,
    }


def bandwidth(record: Record, level: str, threads: int) -> float:
    """GB/s of all threads together, extrapolated by the growth from one thread to two."""
    one, two = (record["bandwidth"][t][level] for t in ("1", "2"))
    if level == "L2":
        return float(one * threads)
    return float(one * threads ** min(1.0, max(0.0, math.log2(two / one))))


def terms(one: Record, record: Record, threads: int) -> np.ndarray:
    """Seconds of each term before its factor; for the last two, how often."""
    second, third = record["caches"]["L2"] * threads, record["caches"]["L3"]
    beyond = [max(0.0, 1 - size / one["memory"]) for size in (second, third)]
    out, far = beyond[0], min(beyond)
    shares = (1 - out, out - far, far)
    rows, columns = (-(-one[k] // t) for k, t in zip(("batch", "width"), TILE, strict=True))
    busy = min(threads, rows * columns)
    return np.array(
        [
            one["flops"] / (busy * record["peak"] * 1e9),
            *(
                share * one["bytes"] / (bandwidth(record, level, threads) * 1e9)
                for share, level in zip(shares, LEVELS, strict=True)
            ),
            one["instructions"],
            one["instructions"] * math.log2(threads),
        ]
    )


def factors(points: list[Record], record: Record) -> np.ndarray:
    """The c of every term, fitted to relative errors."""
    from scipy.optimize import nnls

    rows = np.array([terms(p, record, p["threads"]) / p["seconds"] for p in points])
    scale = np.maximum(rows.max(axis=0), 1e-30)  # so that all unknowns are of a size
    found, _ = nnls(rows / scale, np.ones(len(rows)))
    return np.asarray(found / scale)


def errors(points: list[Record], record: Record, c: np.ndarray) -> np.ndarray:
    """Relative errors of the model."""
    return np.array([terms(p, record, p["threads"]) @ c / p["seconds"] - 1 for p in points])


def checked(record: Record) -> tuple[float, float, float]:
    """Medians of the absolute errors on fitted and on other networks; the 90th percentile of the latter."""
    half, other = record["points"][::2], record["points"][1::2]
    c = factors(half, record)
    fitted, unseen = (np.abs(errors(p, record, c)) for p in (half, other))
    return float(np.median(fitted)), float(np.median(unseen)), float(np.quantile(unseen, 0.9))


def at(record: Record, width: int, batch: int, depth: int) -> Record | None:
    """A network that was measured, on one thread."""
    where = {"width": width, "batch": batch, "depth": depth, "asked": 1}
    return next((p for p in record["points"] if where.items() <= p.items()), None)


def shown(record: Record) -> list[Record]:
    """The networks whose scaling is shown: those of SHOWN that were measured, else the last one."""
    found = [p for n in SHOWN if (p := at(record, *n)) is not None]
    return found or [p for p in record["points"] if p["asked"] == 1][-1:]


def named(one: Record) -> str:
    """A network in words."""
    return f"width {one['width']}, batch {one['batch']}, depth {one['depth']}"


def best(one: Record, record: Record, c: np.ndarray, cores: int) -> tuple[int, float]:
    """The number of threads, at most `cores`, for which the model predicts the least time, and that time."""
    tries = [2**k for k in range(int(math.log2(cores)) + 1)]
    times = {t: float(terms(one, record, t) @ c) for t in tries}
    quickest = min(times, key=lambda t: times[t])
    return quickest, times[quickest]


def show(record: Record) -> str:
    """The factors, what binds whom, and the prediction."""
    c = factors(record["points"], record)
    fitted, unseen, most = checked(record)
    said = ["compute, times the peak's", *(f"{k}, times its bandwidth's" for k in LEVELS)]
    said += ["an instruction, µs", "a barrier, µs for log₂ T"]
    scale = (1, 1, 1, 1, 1e6, 1e6)
    first = [[n, f"{v * s:.2f}"] for n, v, s in zip(said, c, scale, strict=True)]
    body = []
    for one in shown(record):
        alone = best(one, record, c, 1)[1]
        cells = []
        for cores in CORES:
            threads, seconds = best(one, record, c, cores)
            parts = terms(one, record, threads) * c
            bound = TERMS[int(parts.argmax())]
            cells.append(f"{alone / seconds:.1f} × on {threads}, {bound}")
        body.append([named(one), f"{one['seconds'] * 1e6:,.0f}", *cells])
    head = ["network", "1 thread, µs", *(f"{n} cores" for n in CORES)]
    bound_by = [TERMS[int((terms(p, record, p["threads"]) * c).argmax())] for p in record["points"]]
    counts = ", ".join(f"{bound_by.count(n)} by {n}" for n in TERMS if n in bound_by)
    return (
        f"{told(record['setting'])} {len(record['points'])} measurements; most of a step's time is taken: "
        f"{counts}. The model is off by {fitted:.0%} in the median where it was fitted, by {unseen:.0%} on "
        f"the networks that it had not seen, and by {most:.0%} at the 90th percentile of them.\n\n"
        f"{table(['factor', 'fitted'], first)}\n\nPredicted, on the number of threads that is best, and "
        f"what binds it then:\n\n{table(head, body)}"
    )


def missed(record: Record) -> list[str]:
    """A model that does not predict."""
    unseen = checked(record)[1]
    return [f"off by {unseen:.0%} in the median, asked {WITHIN:.0%}"] if unseen > WITHIN else []


def panel(ax: Any, record: Record, c: np.ndarray, along: str) -> None:
    """Measured times as points and the model as lines, over one size, for each number of threads."""
    still = {"width": WIDTH, "batch": BATCH, "depth": DEPTH}
    del still[along]
    for number, asked in enumerate(sorted({p["asked"] for p in record["points"]})):
        chosen = [p for p in record["points"] if p["asked"] == asked and still.items() <= p.items()]
        chosen.sort(key=lambda p: p[along])
        if not chosen:
            continue
        sizes, colour = [p[along] for p in chosen], f"C{number}"
        ax.plot(sizes, [p["seconds"] * 1e6 for p in chosen], "o", ms=5, color=colour)
        model = [terms(p, record, p["threads"]) @ c * 1e6 for p in chosen]
        ax.plot(sizes, model, "-", lw=1, color=colour, label=f"{asked} thread{'s' * (asked > 1)}")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xlabel(f"{along} ({', '.join(f'{k} {v}' for k, v in still.items())})")
    ax.grid(True, color="#dddddd")
    if ax.lines:
        ax.legend(fontsize=8, frameon=False)


def draw(record: Record) -> dict[str, Any]:
    """Time against each size, speed-up against cores, and what the time is made of."""
    c = factors(record["points"], record)
    made = figure(11, 7)
    axes = made.subplots(2, 2)
    for ax, along in zip(axes.flat, ("width", "batch", "depth"), strict=False):
        panel(ax, record, c, along)
        ax.set_ylabel("µs a step")
    ax = axes[1, 1]
    cores = [1, 2, *CORES]
    for number, one in enumerate(shown(record)):
        alone = best(one, record, c, 1)[1]
        speeds = [alone / best(one, record, c, n)[1] for n in cores]
        ax.plot(cores, speeds, "--", lw=1, color=f"C{number}", label=named(one))
        for p in record["points"]:
            if all(p[k] == one[k] for k in ("width", "batch", "depth")):
                ax.plot(p["asked"], one["seconds"] / p["seconds"], "o", color=f"C{number}")
    ax.plot(cores, cores, ":", color="#999999", lw=1)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ax.set_xticks(cores, [str(n) for n in cores])
    ax.set_xlabel("cores: measured (points), predicted (lines)")
    ax.set_ylabel("times faster than on one")
    ax.grid(True, color="#dddddd")
    ax.legend(fontsize=8, frameon=False)
    made.suptitle("A training step measured (points) and modelled (lines)", fontsize=11)

    parts = figure(10, 4)
    for ax, asked in zip(parts.subplots(1, 2, sharey=True), (1, 2), strict=True):
        chosen = [
            p
            for p in record["points"]
            if (p["asked"], p["batch"], p["depth"]) == (asked, BATCH, DEPTH)
        ]
        chosen.sort(key=lambda p: p["width"])
        if not chosen:
            continue
        shares = np.array([terms(p, record, p["threads"]) * c for p in chosen])
        shares /= shares.sum(axis=1, keepdims=True)
        bottom = np.zeros(len(chosen))
        for k, name in enumerate(TERMS):
            ax.bar(range(len(chosen)), shares[:, k], bottom=bottom, label=name)
            bottom += shares[:, k]
        ax.set_xticks(range(len(chosen)), [str(p["width"]) for p in chosen])
        ax.set_xlabel(f"width (batch {BATCH}), {asked} thread{'s' * (asked > 1)}")
        ax.yaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
        if asked == 2:
            ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    parts.suptitle("What a step's time is made of, by the model", fontsize=11)
    return {"scaling": made, "scaling-parts": parts}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--widths", type=numbers, default=list(WIDTHS))
    parser.add_argument("--batches", type=numbers, default=list(BATCHES))
    parser.add_argument("--depths", type=numbers, default=list(DEPTHS))
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="default 1,2")
    parser.add_argument(
        "--most", type=float, default=MOST, help="leave out steps of more FLOPs (default 1e10)"
    )
    parser.add_argument("--seconds", type=float, default=0.2, help="length of one measurement")


STUDY = Study(
    "scaling",
    "How a step's time grows, measured and modelled.",
    measure,
    show,
    missed,
    options,
    draw,
)

if __name__ == "__main__":
    run(STUDY)
