"""Instructions of one step of the small cases, counted by valgrind: unlike times they do not drift.

    python -m bench.instructions [--store]

What is counted is one call of `train_on_batch` or `predict` inside C, on one thread, with the AVX2
kernels (valgrind knows no AVX-512), under `valgrind --tool=callgrind`. The counts depend on the compiler,
so the stored ones are those of this compiler; without such, there is nothing to compare with.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.cases import CASES
from bench.measure import ROOT, limited, table
from bench.study import BASELINES, Record, Study, read, run, setting, told, words, write

COUNTED = ("tiny", "rl", "online", "predict 1")
CALLS = 3  # of each case; the last is counted, after all pages have been touched
ENTRY = "gd_run_job"  # csrc/exec.c: where a step begins and ends
TOLERANCE = 0.02  # the alignment of a buffer changes the first iterations of a loop
STORED = BASELINES / "instructions.json"
ISA = "avx2"


class Unavailable(Exception):
    """Instructions cannot be counted here; the message says why."""


def child(names: list[str]) -> None:
    """What runs under valgrind: a few calls of each case."""
    import gdcore as gd

    gd.set_num_threads(1)
    for name in names:
        case = CASES[name]
        model, (x, y) = case.model(), case.data(1)
        for _ in range(CALLS):
            if case.trains:
                model.train_on_batch(x, y)
            else:
                model.predict(x)


def count(names: list[str]) -> dict[str, int]:
    """Instructions of a step of each case.

    Raises
    ------
    Unavailable
        Without valgrind, without AVX2, or if the extension has no names of its functions.
    """
    from gdcore import runtime

    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise Unavailable("valgrind is not installed")
    if ISA not in runtime.isas_here():
        raise Unavailable(f"this machine has no {ISA}")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                valgrind,
                "--tool=callgrind",
                "--collect-atstart=no",
                f"--toggle-collect={ENTRY}",
                f"--dump-after={ENTRY}",
                f"--callgrind-out-file={folder}/out",
                sys.executable,
                *("-m", "bench.instructions", "--child", ",".join(names)),
            ],
            cwd=ROOT,
            env=limited(1, ISA),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Unavailable(f"valgrind failed: {done.stderr.strip().splitlines()[-1]}")
        dumps = sorted(Path(folder).glob("out.*"), key=lambda p: int(p.suffix[1:]))
        counts = [total(p.read_text()) for p in dumps]
    counts = [n for n in counts if n]
    if len(counts) != CALLS * len(names):
        raise Unavailable(
            f"{len(counts)} calls of {ENTRY} were seen, not {CALLS * len(names)}: is the extension stripped?"
        )
    return {name: counts[CALLS * (i + 1) - 1] for i, name in enumerate(names)}


def total(text: str) -> int:
    """Instructions of one dump of callgrind."""
    found = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
    return int(found[1]) if found else 0


def compiler() -> str:
    """The compiler that built the extension, as it calls itself."""
    from gdcore.cli.info import facts

    return facts()["compiler"]


def measure(options: argparse.Namespace) -> Record:
    """Counts, and those that are stored."""
    name = compiler()
    stored = read(STORED)["counts"] if STORED.exists() else {}
    try:
        counts = count(options.cases)
    except Unavailable as error:
        raise SystemExit(f"instructions are not counted: {error}") from None
    if options.store:
        stored[name] = {**stored.get(name, {}), **counts}
        write(STORED, {"setting": setting(), "counts": stored})
    return {
        "setting": {**setting(compiler=name), "isa": ISA},
        "counts": counts,
        "stored": stored.get(name, {}),
    }


def show(record: Record) -> str:
    """A line for each case."""
    rows = []
    for name, n in record["counts"].items():
        case, before = CASES[name], record["stored"].get(name)
        rows.append(
            [
                name,
                f"{n:,}",
                f"{case.flops / n:.2f}",
                "—" if before is None else f"{before:,}",
                "—" if before is None else f"{n / before - 1:+.1%}",
            ]
        )
    head = ["case", "instructions a step", "FLOPs of an instruction", "stored", "change"]
    return f"{told(record['setting'])}\n\n{table(head, rows)}"


def missed(record: Record) -> list[str]:
    """Cases that take more instructions than before."""
    return [
        f"{name}: {n:,} instructions, {n / before - 1:+.1%} over what is stored (at most {TOLERANCE:.0%})"
        for name, n in record["counts"].items()
        if (before := record["stored"].get(name)) and n > (1 + TOLERANCE) * before
    ]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=words, default=list(COUNTED), help="default: %(default)s")
    parser.add_argument("--store", action="store_true", help="from now on compare with these")


STUDY = Study(
    "instructions", "Instructions of a step, counted by valgrind.", measure, show, missed, options
)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        os.environ.pop("PYTHONWARNINGS", None)
        child(sys.argv[2].split(","))
    else:
        run(STUDY)
