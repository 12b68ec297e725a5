"""Fixed costs: import, the first step of a new model, a call of train_on_batch, planning, the wheel, memory.

    python -m bench.startup [--runs 7] [--build]

Each is measured in a process of its own, several times. The wheel is the newest of dist/, or with --build
one built from a copy of the sources.
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
from bench.measure import ROOT, clock, in_process, keep_to, progress, spread, table
from bench.study import Record, Study, run, setting, told

MEMORY_CASES = ("mnist", "gelu", "big")


def import_time() -> dict[str, float]:
    """Milliseconds of `import gdcore` after `import numpy`."""
    import numpy  # noqa: F401

    begin = time.perf_counter()
    import gdcore  # noqa: F401

    return {"value": (time.perf_counter() - begin) * 1e3}


def first_step(name: str, more: bool = False) -> dict[str, float]:
    """Milliseconds to build, compile, trace and plan a case's model and take its first step.

    With `more`, those that it takes longer than a later step: of networks whose steps take that long themselves.
    """
    import gdcore  # noqa: F401

    case = CASES[name]
    x, y = case.data(1)
    begin = time.perf_counter()
    model: Any = case.model(same_weights=False)
    model.train_on_batch(x, y)
    taken = time.perf_counter() - begin
    if more:

        def later(count: int) -> None:
            for _ in range(count):
                model.train_on_batch(x, y)

        taken -= clock(later, 0.5)
    return {"value": taken * 1e3}


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
    """MiB that a model of a case took at its peak, what `summary` says, and what is allowed."""
    import gdcore  # noqa: F401

    case = CASES[name]
    x, y = case.data(1)
    CASES["tiny"].model().train_on_batch(
        *CASES["tiny"].data(1)
    )  # what any model needs: modules, threads, scratch
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak to the present resident size
    before = peak_memory()
    model: Any = case.model(same_weights=False)
    for _ in range(2):
        model.train_on_batch(x, y)
    taken = peak_memory() - before
    step = next(s for k, s in model._engine.steps.items() if k[0] == "train")
    promised = model._engine.parameters().nbytes + step.session.nbytes
    activations = sum(case.network.widths[1:]) * case.batch * 4
    allowed = 1.1 * (4 * 4 * case.parameters + activations + x.nbytes + y.nbytes)
    return {"value": taken / 2**10, "promised": promised / 2**20, "allowed": allowed / 2**20}


def peak_memory() -> int:
    """Peak resident KiB (Linux)."""
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


def planned(layers: int, width: int) -> dict[str, float]:
    """Seconds to build, trace and plan a network of `layers` layers and take its first step."""
    import numpy as np

    import gdcore as gd

    x, y = np.ones((4, width), np.float32), np.ones((4, width), np.float32)
    begin = time.perf_counter()
    dense = [gd.Dense(width, activation="relu") for _ in range(layers)]
    model = gd.Sequential([gd.Input(width), *dense]).compile("adam", "mse")
    model.train_on_batch(x, y)
    return {"value": time.perf_counter() - begin}


PARTS: dict[str, Callable[[], dict[str, float]]] = {
    "import": import_time,
    "first": partial(first_step, "mnist"),
    "first cnn": partial(first_step, "cnn", more=True),
    "first lstm": partial(first_step, "lstm", more=True),
    "call": call,
    "deep": partial(planned, 200, 64),
    "deeper": partial(planned, 1000, 8),
    **{n: partial(memory, n) for n in MEMORY_CASES},
}
TIMES = {  # part: what it is, what is allowed, in what
    "import": ("import over numpy", 50, "ms"),
    "first": ("first step of a new mnist", 20, "ms"),
    "first cnn": ("first step of a new cnn over a later one", 60, "ms"),
    "first lstm": ("first step of a new lstm over a later one", 60, "ms"),
    "call": ("train_on_batch over the plan", 5, "µs"),
    "deep": ("200 layers traced, planned and run once", 1, "s"),
    "deeper": ("1,000 small layers, likewise", 1, "s"),
}
WHEEL = 3  # MiB


def measure(options: argparse.Namespace) -> Record:
    """All parts."""
    lines = []
    for part, (what, most, unit) in TIMES.items():
        progress(what)
        values = [
            in_process("bench.startup", "--part", part, threads=2)["value"]
            for _ in range(options.runs + 1)
        ][1:]  # the first one may have to compile the modules
        lines.append({"what": what, "values": values, "allowed": most, "unit": unit})
    size = wheel(options.build)
    if size is None:
        print("no wheel in dist/: pass --build to weigh one", file=sys.stderr)
    else:
        lines.append({"what": "wheel", "values": [size], "allowed": WHEEL, "unit": "MiB"})
    for name in MEMORY_CASES:
        progress(f"memory of {name}")
        got = in_process("bench.startup", "--part", name, threads=2)
        what = f"memory of {name} (promised {got['promised']:.1f})"
        lines.append(
            {"what": what, "values": [got["value"]], "allowed": got["allowed"], "unit": "MiB"}
        )
    progress("")
    return {"setting": setting(), "lines": lines}


def show(record: Record) -> str:
    """A line for each cost."""
    rows = [
        [
            one["what"],
            f"{spread(one['values']):.3g}",
            f"{one['allowed']:.4g}",
            one["unit"],
            "yes" if holds(one) else "no",
        ]
        for one in record["lines"]
    ]
    head = ["what", "median [quartiles]", "allowed", "unit", "met"]
    return f"{told(record['setting'])}\n\n{table(head, rows)}"


def holds(one: Record) -> bool:
    """Whether a cost is within what is allowed."""
    return spread(one["values"]).median <= float(one["allowed"])


def missed(record: Record) -> list[str]:
    """Costs beyond what is allowed."""
    return [
        f"{one['what']}: {spread(one['values']).median:.3g} {one['unit']}, allowed {one['allowed']:.3g}"
        for one in record["lines"]
        if not holds(one)
    ]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--build", action="store_true", help="build a wheel and weigh it")


STUDY = Study("startup", "Fixed costs of gdcore.", measure, show, missed, options)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        print(json.dumps(PARTS[sys.argv[2]]()))
    else:
        run(STUDY)
