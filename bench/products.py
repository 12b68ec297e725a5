"""The three products of a layer over a grid of shapes, against NumPy's BLAS and torch's, on one thread.

    python -m bench.products [--isa avx2] [--every] [--json FILE]

x W, xᵀ dy and dy Wᵀ for a batch B, inputs I and outputs O. All three libraries run in one process, in turn.
What a call from Python costs, the time of a product of 1 × 1, is taken off the peers' times, down to a
quarter of them at most; gdcore is called once for many runs, and nothing is taken off. Ends
with 0 only if the geometric mean of the ratios to the better peer, the worst of them and the share of the
machine's peak at 2048 reach what is asked.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import clock, geometric_mean, in_process, keep_to, processor, spread, table
from bench.ops import Alone
from bench.peak import peak
from gdcore import runtime
from gdcore.graph.registry import Sample

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
LEAST, MOST = 50_000, 2**34  # FLOPs: below, a call's own time hides the product's
GRID = [(b, i, o) for b in BATCHES for i, o in SIDES if LEAST <= 2 * b * i * o <= MOST] + [
    (2048, 2048, 2048)
]
Shapes = tuple[tuple[int, int], tuple[int, int]]
PRODUCTS: dict[str, tuple[Callable[[int, int, int], Shapes], bool, bool]] = {
    "x W": (lambda b, i, o: ((b, i), (i, o)), False, False),
    "x' dy": (lambda b, i, o: ((b, i), (b, o)), True, False),
    "dy W'": (lambda b, i, o: ((b, o), (i, o)), False, True),
}


@dataclass
class Ratio:
    """One product of one shape: GFLOP/s by library, and the best peer's time over gdcore's."""

    product: str
    shape: tuple[int, int, int]
    gflops: dict[str, float]
    ratio: float


def takers(product: str, shape: tuple[int, int, int]) -> dict[str, Callable[[int], None]]:
    """For each library, what computes a product so many times; checks that they agree."""
    shapes, ta, tb = PRODUCTS[product]
    alone = Alone("matmul", Sample(shapes(*shape), {"ta": ta, "tb": tb}))
    a, b = alone.inputs
    left, right = a.T if ta else a, b.T if tb else b
    out = np.empty((left.shape[0], right.shape[1]), np.float32)

    def loop(multiply: Any, *arguments: Any, **more: Any) -> Callable[[int], None]:
        def take(count: int) -> None:
            for _ in range(count):
                multiply(*arguments, **more)

        return take

    found = {"gdcore": alone.run, "numpy": loop(np.matmul, left, right, out=out)}
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        found["torch"] = loop(
            torch.mm, torch.from_numpy(left), torch.from_numpy(right), out=torch.empty(out.shape)
        )
    alone.run(1)
    found["numpy"](1)
    if not np.allclose(alone.output(), out, rtol=1e-3, atol=1e-3 * np.sqrt(left.shape[1])):
        raise ArithmeticError(f"{product} of {shape}: gdcore and numpy differ")
    return found


def measure(seconds: float, rounds: int) -> list[Ratio]:
    """The whole grid."""
    keep_to(1)
    calls = {n: clock(take, 0.1) for n, take in takers("x W", (1, 1, 1)).items()} | {"gdcore": 0.0}
    out = []
    for shape in GRID:
        for product in PRODUCTS:
            times: dict[str, list[float]] = {}
            for _ in range(rounds):
                for name, take in takers(product, shape).items():
                    whole = clock(take, seconds, blocks=3)
                    times.setdefault(name, []).append(max(whole - calls[name], whole / 4))
            flops = 2 * shape[0] * shape[1] * shape[2]
            own = times["gdcore"]
            ratios = [
                min(t[k] for n, t in times.items() if n != "gdcore") / own[k] for k in range(rounds)
            ]
            gflops = {n: flops / spread(t).median * 1e-9 for n, t in times.items()}
            out.append(Ratio(product, shape, gflops, spread(ratios).median))
    return out


def show(ratios: list[Ratio]) -> str:
    """A table of some products."""
    names = list(ratios[0].gflops)
    return table(
        ["product", "B", "I", "O", *(f"{n} GFLOP/s" for n in names), "ratio"],
        [
            [
                r.product,
                *map(str, r.shape),
                *(f"{r.gflops[n]:.1f}" for n in names),
                f"{r.ratio:.2f}",
            ]
            for r in ratios
        ],
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.products", description="A layer's products against BLAS."
    )
    parser.add_argument(
        "--isa", default=runtime.ISA_NAME, help="instruction set, for the peers too"
    )
    parser.add_argument("--seconds", type=float, default=0.02, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--every", action="store_true", help="show all shapes, not only the worst and the best"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all ratios, for a heat map"
    )
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps([asdict(r) for r in measure(options.seconds, options.rounds)]))
        return 0
    raw: Any = in_process(
        "bench.products",
        "--child",
        "--seconds",
        str(options.seconds),
        "--rounds",
        str(options.rounds),
        threads=1,
        isa=options.isa,
    )
    found = [Ratio(r["product"], tuple(r["shape"]), r["gflops"], r["ratio"]) for r in raw]
    ratios = sorted(found, key=lambda r: r.ratio)
    if options.json:
        options.json.write_text(json.dumps([asdict(r) for r in ratios], indent=1))
    print(show(ratios if options.every else [*ratios[:12], *ratios[-5:]]))
    mean = geometric_mean([r.ratio for r in ratios])
    square = min(r.gflops["gdcore"] for r in ratios if r.shape == (2048, 2048, 2048))
    top = peak((1,), options.isa)
    share = square / top[1].gflops if top else float("nan")
    print(
        f"{processor()}, {options.isa}, {len(GRID)} shapes: geometric mean {mean:.2f} (asked {MEAN}), worst "
        f"{ratios[0].ratio:.2f} (asked {WORST}), square 2048 at {square:.0f} GFLOP/s, {share:.0%} of peak "
        f"(asked {OF_PEAK:.0%})"
    )
    return 0 if mean >= MEAN and ratios[0].ratio >= WORST and share >= OF_PEAK else 1


if __name__ == "__main__":
    sys.exit(main())
