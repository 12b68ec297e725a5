"""Compares the times of `pytest bench`, as ratios to a calibration loop, with stored ones.

    python -m bench.compare [--store] [-k EXPRESSION] [--tries 4]

A benchmark counts as slower if its ratio is more than 15 % above the stored one in every try; those that
seem slower are measured again, up to --tries times, because other virtual machines disturb single
measurements. Ratios are stored for each processor and instruction set; `--store` writes the median of the
tries.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.measure import ROOT, processor, table
from bench.study import BASELINES, Record, Study, read, run, setting, told, write

SLOWER = 1.15
SHOWN = 12


def stored_at() -> Path:
    """Where the ratios of this processor and instruction set are stored."""
    from gdcore import runtime

    name = re.sub(r"[^a-z0-9]+", "-", f"{processor()} {runtime.ISA_NAME}".lower()).strip("-")
    return BASELINES / f"{name}.json"


def ratios(nodes: list[str]) -> dict[str, float]:
    """The times of `pytest bench` divided by that of the calibration loop, by benchmark.

    Parameters
    ----------
    nodes : arguments for pytest: names of benchmarks, or -k and an expression

    Raises
    ------
    SystemExit
        If a benchmark fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "times.json"
        words = ["-p", "no:cacheprovider", "--benchmark-json", str(file), *nodes]
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-c",
                "bench/pytest.ini",
                "--rootdir",
                "bench",
                *words,
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"pytest bench failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        found = json.loads(file.read_text())["benchmarks"]
    return {
        b["fullname"]: b["stats"]["median"] / b["extra_info"]["calibration"]
        for b in found
        if "calibration" in b["extra_info"]
    }


def measure(options: argparse.Namespace) -> Record:
    """Measure all ratios, those that seem slower again, and read the stored ones."""
    path = stored_at()
    chosen = ["-k", options.k] if options.k else []
    everything = ["bench", *chosen]
    if options.store:
        tries = [ratios(everything) for _ in range(options.tries)]
        now = {name: median(t[name] for t in tries) for name in tries[0]}
        before = read(path)["ratios"] if path.exists() and options.k else {}
        write(path, {"setting": setting(), "ratios": {**before, **now}})
    if not path.exists():
        raise SystemExit(
            f"no times are stored for this processor ({path.name}): store some with --store"
        )
    before = read(path)["ratios"]
    if not options.store:
        now = ratios(everything)
        for _ in range(options.tries - 1):
            again = slower(now, before)
            if not again:
                break
            for name, value in ratios([f"bench/{n}" for n in again]).items():
                now[name] = min(now[name], value)
    return {"setting": setting(), "ratios": now, "stored": before}


def slower(now: dict[str, float], before: dict[str, float]) -> list[str]:
    """Names of those that are."""
    return [n for n, value in now.items() if n in before and value > SLOWER * before[n]]


def show(record: Record) -> str:
    """A table of the largest changes, slower and faster."""
    now, before = record["ratios"], record["stored"]
    both = sorted((n for n in now if n in before), key=lambda n: now[n] / before[n])
    ends = both if len(both) <= 2 * SHOWN else [*both[:SHOWN], *both[-SHOWN:]]
    rows = [
        [n, f"{before[n]:.4g}", f"{now[n]:.4g}", f"{now[n] / before[n]:.2f}"]
        for n in reversed(ends)
    ]
    parts = [
        f"{told(record['setting'])} {len(both)} benchmarks compared; times are multiples of the "
        "calibration loop.",
        table(["benchmark", "stored", "now", "now / stored"], rows),
    ]
    if new := [n for n in now if n not in before]:
        parts.append(f"{len(new)} have no stored time: {', '.join(new[:SHOWN])}")
    return "\n\n".join(parts)


def missed(record: Record) -> list[str]:
    """The slower ones."""
    now, before = record["ratios"], record["stored"]
    return [
        f"{n}: {now[n] / before[n]:.2f} times the stored time (at most {SLOWER})"
        for n in slower(now, before)
    ]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-k", metavar="EXPRESSION", help="some benchmarks, as pytest's -k")
    parser.add_argument("--tries", type=int, default=4, help="default 4")
    parser.add_argument("--store", action="store_true", help="from now on compare with these")


STUDY = Study(
    "compare", "The times of `pytest bench` against stored ones.", measure, show, missed, options
)

if __name__ == "__main__":
    run(STUDY)
