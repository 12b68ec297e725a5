"""The three products of a layer over a grid of shapes, against NumPy's OpenBLAS and torch's MKL.

    python -m bench.products [--isa avx512,avx2] [--threads 1,2] [--shapes 32x784x128,...]

x W, xᵀ dy and dy Wᵀ for a batch B, inputs I and outputs O. Each library runs in a process of its own, limited
to the same instruction set and processors. They are timed alternately, shape by shape, so that all are
exposed to the same disturbances, and their results must agree. One call computes many products, for the
peers' BLAS by a loop in C, with sgemv where that is faster. A ratio is the better peer's time over gdcore's,
the median over the rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from importlib import metadata
from typing import Any

import numpy as np

from bench.blas import Blas
from bench.measure import (
    Worker,
    clock,
    drawn,
    geometric_mean,
    keep_to,
    progress,
    serve,
    spread,
    table,
)
from bench.peak import peak
from bench.study import Record, Study, figure, numbers, run, setting, told, words

MEAN, WORST, OF_PEAK = 1.25, 0.9, 0.9
BATCHES = (1, 7, 32, 45, 128, 257, 1024, 4096)
SIDES = (
    (1, 1),
    (4, 32),
    (33, 1),
    (54, 256),
    (256, 7),
    (45, 46),
    (255, 257),
    (784, 128),
    (512, 10),
    (784, 512),
    (512, 512),
    (100, 4096),
    (1023, 1025),
    (4096, 63),
    (4096, 4096),
)
LEAST, MOST = 50_000, 2**34  # FLOPs
SQUARE = (2048, 2048, 2048)
GRID = [(b, i, o) for b in BATCHES for i, o in SIDES if LEAST <= 2 * b * i * o <= MOST] + [SQUARE]

Shape = tuple[int, int, int]
PRODUCTS: dict[str, tuple[Callable[[int, int, int], tuple[Any, Any]], bool, bool]] = {
    "x W": (lambda b, i, o: ((b, i), (i, o)), False, False),
    "xᵀ dy": (lambda b, i, o: ((b, i), (b, o)), True, False),
    "dy Wᵀ": (lambda b, i, o: ((b, o), (i, o)), False, True),
}
LIBRARIES = {"gdcore": "gdcore", "numpy": "numpy", "torch": "torch"}
SETTLE = 0.03  # seconds in which a library's idle threads stop spinning, where there are several


def of_gdcore(product: str, shape: Shape, threads: int) -> tuple[Any, Any]:
    """(function that computes a product so many times, function that returns its result), by gdcore."""
    from bench.ops import Alone
    from gdcore.graph.ir import Sample

    shapes, ta, tb = PRODUCTS[product]
    alone = Alone("matmul", Sample(shapes(*shape), {"ta": ta, "tb": tb, "loose": ta or tb}))
    # No more threads than gdcore would choose: the peers choose theirs, too.
    used = min(threads, alone.session.thread_count.most())
    return lambda count: alone.run(count, used), alone.output


def of_peer(blas: Blas, product: str, shape: Shape) -> tuple[Any, Any]:
    """The same by another library, of the same numbers, by the faster of `Blas.ways`."""
    shapes, ta, tb = PRODUCTS[product]
    rng = np.random.default_rng(0)  # as bench.ops.Alone draws them
    a, b = (drawn(rng, s, -2.0, 2.0) for s in shapes(*shape))
    rows, columns = a.shape[1 if ta else 0], b.shape[0 if tb else 1]
    out = np.empty((rows, columns), np.float32)
    ways = blas.ways(a, b, out, ta, tb)
    best = ways[0] if len(ways) == 1 else min(ways, key=lambda way: clock(way, 0.005, blocks=3))
    # the arrays live as long as what reads them
    return lambda count, _=(a, b): best(count), lambda: out


def server(library: str, threads: int) -> Callable[[Any], Any]:
    """What a library's process answers: seconds of a product, and some numbers of its result."""
    keep_to(threads)
    if library == "gdcore":
        import gdcore

        gdcore.set_num_threads(threads)
    if library == "torch":
        import torch

        torch.set_num_threads(threads)
    blas = None if library == "gdcore" else Blas(library)

    @lru_cache(maxsize=1)  # it is asked again in the next round
    def made(product: str, shape: Shape) -> tuple[Any, Any]:
        if blas is None:
            return of_gdcore(product, shape, threads)
        return of_peer(blas, product, shape)

    def timed(product: str, shape: Shape, seconds: float) -> tuple[float, list[float]]:
        take, output = made(product, shape)
        took = clock(take, seconds, blocks=3)
        flat = output().ravel()
        return took, [float(v) for v in (flat[0], flat[len(flat) // 2], flat[-1])]

    def answer(question: Any) -> Any:
        shape = tuple(question["shape"])
        took, check = timed(question["product"], shape, question["seconds"])
        return {"seconds": took, "check": check}

    return answer


def measure_one(
    isa: str, threads: int, shapes: list[Shape], rounds: int, seconds: float
) -> list[Record]:
    """The grid on one instruction set and number of threads."""
    out: list[Record] = []
    there = [n for n, module in LIBRARIES.items() if importlib.util.find_spec(module)]
    with ExitStack() as stack:
        workers = {
            n: stack.enter_context(
                Worker(
                    "bench.products", "--serve", n, "--threads", str(threads),
                    threads=threads, isa=isa,
                )
            )
            for n in there
        }  # fmt: skip
        for shape in shapes:
            for product in PRODUCTS:
                progress(f"{isa} on {threads}: {product} of {shape}")
                times: dict[str, list[float]] = {n: [] for n in there}
                for _ in range(rounds):
                    checks = {}
                    for name, worker in workers.items():
                        got = worker.ask({"product": product, "shape": shape, "seconds": seconds})
                        times[name].append(got["seconds"])
                        checks[name] = got["check"]
                        if threads > 1:
                            time.sleep(SETTLE)
                    inner = dict(zip(PRODUCTS, (shape[1], shape[0], shape[2]), strict=True))[
                        product
                    ]
                    for name, check in checks.items():
                        if not np.allclose(
                            check, checks["gdcore"], rtol=1e-3, atol=1e-3 * inner**0.5
                        ):
                            raise ArithmeticError(
                                f"{product} of {shape}: gdcore says {checks['gdcore']}, {name} {check}"
                            )
                ratios = [
                    min(times[n][k] for n in there if n != "gdcore") / times["gdcore"][k]
                    for k in range(rounds)
                ]
                out.append({"product": product, "shape": shape, "seconds": times, "ratios": ratios})
    return out


def measure(options: argparse.Namespace) -> Record:
    """All instruction sets and thread counts."""
    shapes = options.shapes or GRID
    where = setting(numpy=np.__version__)
    if importlib.util.find_spec("torch"):
        where["torch"] = metadata.version("torch")
    runs = []
    for isa in options.isa:
        tops = peak(tuple(options.threads), isa)
        for threads in options.threads:
            runs.append(
                {
                    "isa": isa,
                    "threads": threads,
                    "peak": tops[threads].gflops if threads in tops else None,
                    "products": measure_one(isa, threads, shapes, options.rounds, options.seconds),
                }
            )
    progress("")
    return {"setting": where, "runs": runs}


def gflops(row: Record, library: str) -> float:
    """Of a product by a library."""
    b, i, o = row["shape"]
    return float(2e-9 * b * i * o / spread(row["seconds"][library]).median)


def ratio(row: Record) -> float:
    """The better peer's time over gdcore's."""
    return spread(row["ratios"]).median


def verdict(one: Record) -> tuple[float, float, float | None]:
    """Geometric mean and least of the ratios, and the share of peak at 2048, where it was measured."""
    square = [gflops(r, "gdcore") for r in one["products"] if tuple(r["shape"]) == SQUARE]
    ratios = [ratio(r) for r in one["products"]]
    share = min(square) / one["peak"] if square and one["peak"] else None
    return geometric_mean(ratios), min(ratios), share


def show(record: Record) -> str:
    """A line for each run, and the worst products of each."""
    head = ["ISA", "threads", "shapes", f"geometric mean (≥ {MEAN})", f"worst (≥ {WORST})"]
    head += [f"of peak at 2048 (≥ {OF_PEAK:.0%})", "peak, GFLOP/s"]
    lines, worst = [], []
    for one in record["runs"]:
        mean, least, share = verdict(one)
        lines.append(
            [
                one["isa"],
                str(one["threads"]),
                str(len({tuple(r["shape"]) for r in one["products"]})),
                f"{mean:.2f}",
                f"{least:.2f}",
                "—" if share is None else f"{share:.0%}",
                "—" if one["peak"] is None else f"{one['peak']:.0f}",
            ]
        )
        for r in sorted(one["products"], key=ratio)[:5]:
            others = [f"{n} {gflops(r, n):.1f}" for n in r["seconds"]]
            worst.append(
                [
                    f"{one['isa']} on {one['threads']}",
                    r["product"],
                    " × ".join(map(str, r["shape"])),
                    f"{spread(r['ratios']):.2f}",
                    ", ".join(others),
                ]
            )
    names = ["run", "product", "B × I × O", "ratio [quartiles]", "GFLOP/s"]
    return "\n\n".join(
        [told(record["setting"]), table(head, lines), "The worst of each:", table(names, worst)]
    )


def missed(record: Record) -> list[str]:
    """What is not reached."""
    out = []
    for one in record["runs"]:
        mean, least, share = verdict(one)
        name = f"{one['isa']} on {one['threads']}"
        if mean < MEAN:
            out.append(f"{name}: geometric mean {mean:.2f}, asked {MEAN}")
        if least < WORST:
            below = sum(ratio(r) < WORST for r in one["products"])
            out.append(
                f"{name}: {below} of {len(one['products'])} products below {WORST}, the worst {least:.2f}"
            )
        if share is None or share < OF_PEAK:
            said = "not measured" if share is None else f"at {share:.1%} of peak"
            out.append(f"{name}: square 2048 {said}, asked {OF_PEAK:.0%}")
    return out


def draw(record: Record) -> dict[str, Any]:
    """A heat map of the ratios for each run: a panel for each product, batches across, layers down."""
    out = {}
    for one in record["runs"]:
        found = {(r["product"], tuple(r["shape"])): ratio(r) for r in one["products"]}
        shapes = {shape for _, shape in found}
        sides = sorted({s[1:] for s in shapes}, key=lambda s: (s[0] * s[1], s))
        batches = sorted({s[0] for s in shapes})
        made = figure(4.0 + 1.4 * len(batches), 1.8 + 0.32 * len(sides))
        axes = made.subplots(1, 3, sharey=True, squeeze=False)[0]
        image = None
        for ax, product in zip(axes, PRODUCTS, strict=True):
            grid = np.array(
                [[found.get((product, (b, *s)), np.nan) for b in batches] for s in sides]
            )
            image = ax.imshow(
                np.log2(grid), cmap="RdBu", vmin=-1.6, vmax=1.6, aspect="auto", interpolation="none"
            )
            ax.set_facecolor("#eeeeee")
            for (y, x), value in np.ndenumerate(grid):
                if np.isfinite(value):
                    strong = abs(np.log2(value)) > 1.0
                    ax.text(
                        x, y, f"{value:.2f}" if value < 10 else f"{value:.0f}", ha="center",
                        va="center", fontsize=7, color="white" if strong else "black",
                        fontweight="bold" if value < WORST else "normal",
                    )  # fmt: skip
            ax.set_xticks(range(len(batches)), [str(b) for b in batches], fontsize=8)
            ax.set_yticks(range(len(sides)), [f"{i} × {o}" for i, o in sides], fontsize=8)
            ax.set_title(product, fontsize=10)
            ax.set_xlabel("batch B")
        axes[0].set_ylabel("inputs I × outputs O")
        bar = made.colorbar(image, ax=axes, fraction=0.02, pad=0.01)
        marks = [1 / 3, 1 / 2, 1 / 1.4, 1, 1.4, 2, 3]
        bar.set_ticks([float(np.log2(m)) for m in marks], labels=[f"{m:.2g}" for m in marks])
        mean, least, _ = verdict(one)
        made.suptitle(
            f"The better of MKL and OpenBLAS over gdcore, in time: {one['isa']}, {one['threads']} "
            f"thread{'s' * (one['threads'] > 1)}; geometric mean {mean:.2f}, worst {least:.2f}",
            fontsize=11,
        )
        out[f"products-{one['isa']}-{one['threads']}"] = made
    return out


def shape_of(text: str) -> Shape:
    """B × I × O from an option."""
    b, i, o = (int(n) for n in text.split("x"))
    return b, i, o


def isas() -> list[str]:
    """Those of this machine that people have: all but the baseline."""
    from gdcore import runtime

    return [n for n in reversed(runtime.isas_here()) if n != "baseline"] or ["baseline"]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--isa",
        type=words,
        default=isas(),
        help="instruction sets, for the peers too (default: %(default)s)",
    )
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="default 1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.02, help="length of one measurement")
    parser.add_argument(
        "--shapes",
        type=lambda text: [shape_of(s) for s in text.split(",")],
        help="B x I x O, as in 32x784x128 (default: a grid of them)",
    )


STUDY = Study(
    "products",
    "The three products of a layer against NumPy's OpenBLAS and torch's MKL.",
    measure,
    show,
    missed,
    options,
    draw,
)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(server(sys.argv[2], int(sys.argv[4])))
    else:
        run(STUDY)
