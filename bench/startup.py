"""Fixed costs: import, the first step of a new model, a call of train_on_batch, the wheel, memory.

    python -m bench.startup [--runs 7] [--build]

Ends with 0 only if none is beyond what is allowed. The wheel is the newest of dist/, or with --build one
built from a copy of the sources.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.cases import CASES
from bench.measure import ROOT, Spread, clock, in_process, keep_to, processor, spread, table

MEMORY_CASES = ("mnist", "gelu", "big")


def import_time() -> dict[str, float]:
    """Milliseconds of `import gdcore` after `import numpy`."""
    import numpy  # noqa: F401

    begin = time.perf_counter()
    import gdcore  # noqa: F401

    return {"value": (time.perf_counter() - begin) * 1e3}


def first_step() -> dict[str, float]:
    """Milliseconds from nothing to the loss of the first step of `mnist`."""
    import gdcore  # noqa: F401

    case = CASES["mnist"]
    x, y = case.data(1)
    begin = time.perf_counter()
    case.model(same_weights=False).train_on_batch(x, y)
    return {"value": (time.perf_counter() - begin) * 1e3}


def call() -> dict[str, float]:
    """Microseconds of train_on_batch over a step of the plan, for `tiny`."""
    keep_to(1)
    case = CASES["tiny"]
    model, (x, y) = case.model(), case.data()
    one = x[: case.batch], y[: case.batch]

    def by_call(count: int) -> None:
        for _ in range(count):
            model.train_on_batch(*one)

    def by_plan(count: int) -> None:
        model.fit(
            x, y, batch_size=case.batch, epochs=count // case.batches, shuffle=False, verbose=0
        )

    return {"value": (clock(by_call, 0.5) - clock(by_plan, 0.5, case.batches)) * 1e6}


def memory(name: str) -> dict[str, float]:
    """MiB that a model of a case took at its peak, what it promised, and what is allowed."""
    import gdcore  # noqa: F401

    case = CASES[name]
    x, y = case.data(1)
    CASES["tiny"].model().train_on_batch(
        *CASES["tiny"].data(1)
    )  # what any model needs: modules, threads, scratch
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew, at what is resident now
    before = peak_memory()
    model: Any = case.model(same_weights=False)
    for _ in range(2):
        model.train_on_batch(x, y)
    taken = peak_memory() - before
    step = next(s for k, s in model._steps.items() if k[0] == "train")
    promised = model.memory().nbytes + step.session.nbytes
    activations = sum(case.widths[1:]) * case.batch * 4
    allowed = 1.1 * (4 * 4 * case.parameters + activations + x.nbytes + y.nbytes)
    return {"value": taken / 2**10, "promised": promised / 2**20, "allowed": allowed / 2**20}


def peak_memory() -> int:
    """KiB that were resident at most (Linux)."""
    line = next(
        n for n in Path("/proc/self/status").read_text().splitlines() if n.startswith("VmHWM")
    )
    return int(line.split()[1])


def wheel(build: bool) -> float | None:
    """MiB of the wheel, or None if there is none."""
    if not build:
        found = sorted((ROOT / "dist").glob("gdcore-*.whl"), key=lambda p: p.stat().st_mtime)
        return found[-1].stat().st_size / 2**20 if found else None
    with tempfile.TemporaryDirectory() as folder:
        skipped = shutil.ignore_patterns("build", ".*", "*.so", "*.egg-info", "dist")
        copy = shutil.copytree(ROOT, Path(folder) / "gdcore", ignore=skipped)
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, str(copy)],
            check=True,
        )
        return next(Path(folder).glob("gdcore-*.whl")).stat().st_size / 2**20


PARTS: dict[str, Callable[[], dict[str, float]]] = {
    "import": import_time,
    "first": first_step,
    "call": call,
    **{n: partial(memory, n) for n in MEMORY_CASES},
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.startup", description="Fixed costs of gdcore."
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--build", action="store_true", help="build a wheel and weigh it")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part]()))
        return 0

    def times(part: str) -> Spread:
        return spread(
            [
                in_process("bench.startup", "--part", part, threads=2)["value"]
                for _ in range(options.runs)
            ]
        )

    lines: list[tuple[str, Spread, float, str]] = [
        ("import over numpy", times("import"), 50, "ms"),
        ("first step of a new mnist", times("first"), 20, "ms"),
        ("train_on_batch over the plan", times("call"), 5, "µs"),
    ]
    size = wheel(options.build)
    if size is None:
        print("no wheel in dist/: pass --build to weigh one", file=sys.stderr)
    else:
        lines.append(("wheel", spread([size]), 3, "MiB"))
    for name in MEMORY_CASES:
        got = in_process("bench.startup", "--part", name, threads=2)
        what = f"memory of {name} (promised {got['promised']:.1f})"
        lines.append((what, spread([got["value"]]), got["allowed"], "MiB"))
    print(processor())
    print(
        table(
            ["what", "median [quartiles]", "allowed", "unit", "met"],
            [
                [what, f"{value:.1f}", f"{most:.1f}", unit, "yes" if value.median <= most else "no"]
                for what, value, most, unit in lines
            ],
        )
    )
    return 0 if all(value.median <= most for _, value, most, _ in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
