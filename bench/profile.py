"""Where a step's time goes: every instruction of a case's plan, timed inside C.

python -m bench.profile mnist [--threads 2] [--isa avx2] [--steps 200] [--compute bfloat16]
"""

from __future__ import annotations

import argparse
from time import perf_counter
from typing import Any

import numpy as np

from bench.cases import Case, chosen
from bench.measure import table
from gdcore.training.evaluate import training_step
from gdcore.training.prepare import prepare


def spent_in(case: Case, steps: int, compute: str = "float32") -> tuple[Any, np.ndarray, float]:
    """The plan of a case, seconds of a step in each instruction (best of five), and of a whole step."""
    return spent_by(case.model(compute=compute), *case.data(), case.batch, steps, case.trains)


def spent_by(
    model: Any, x: np.ndarray, y: np.ndarray, batch: int, steps: int, trains: bool = True
) -> tuple[Any, np.ndarray, float]:
    """The same of a model over some data."""
    order, hyper, outputs = None, None, []
    if trains:
        data = prepare(model._engine, x, y)
        step = training_step(model._engine, data, batch, keep_outputs=False)
        feeds = data.feeds()
        order = np.random.default_rng(0).permutation(len(x))
    else:
        step = model._engine.builder([x]).predict(batch)
        feeds = [(x, 1.0)]
        outputs = [np.empty((len(x), *shape), np.float32) for shape in step.output_shapes]
    session = step.session
    count = session.plan.instructions
    steps = min(steps, len(x) // batch)
    if trains:
        hyper = step.numbers.rows(0, steps) if step.numbers else None
    best, whole = np.full(len(count), np.inf), np.inf
    for _ in range(6):
        spent = np.zeros(len(count))
        run = {"steps": steps, "hyper": hyper, "order": order, "outputs": outputs, "seconds": 1e9}
        session.run(feeds, len(x), batch, spent=spent, **run)
        begin = perf_counter()
        session.run(feeds, len(x), batch, **run)
        whole = min(whole, (perf_counter() - begin) / steps)
        best = np.minimum(best, spent / steps)
    return session.plan, best, whole


def report(case: Case, steps: int, compute: str) -> str:
    """A table of the instructions: time, share, and GFLOP/s and GB/s of each."""
    plan, spent, whole = spent_in(case, steps, compute)
    rows = []
    for ins, seconds in zip(plan.instructions, spent, strict=True):
        flops = ins.flops[0] + ins.flops[1] * case.batch
        text = ins.text if ins.then is None else f"{ins.text} → {ins.then.text}"
        if ins.kernel == "gemm":
            m, n, k = (fixed + per_row * case.batch for fixed, per_row in ins.dims[2:5])
            text += f" {m}×{n}×{k}"
        rows.append(
            [
                text[:90],
                f"{seconds * 1e6:.2f}",
                f"{100 * seconds / whole:.1f}%",
                f"{flops / seconds / 1e9:.1f}",
                f"{plan.traffic(ins, case.batch) / seconds / 1e9:.1f}",
            ]
        )
    rest = whole - spent.sum()
    rows.append(
        ["staging, opening, closing", f"{rest * 1e6:.2f}", f"{100 * rest / whole:.1f}%", "", ""]
    )
    rows.append(
        [
            f"{case.name}, one step",
            f"{whole * 1e6:.2f}",
            "100.0%",
            f"{case.flops / whole / 1e9:.1f}",
            "",
        ]
    )
    return table(["instruction", "µs", "share", "GFLOP/s", "GB/s"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument(
        "cases", nargs="?", help="names of cases, separated by commas (default: all)"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--compute", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_args()
    import gdcore as gd

    gd.set_num_threads(options.threads)
    for case in chosen(options.cases):
        print(report(case, options.steps, options.compute), end="\n\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
