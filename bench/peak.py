"""The machine's own peak: multiply-adds and memory, on some threads.

python -m bench.peak [--threads 1,2] [--isa avx2]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bench.measure import processor, table

FLAGS = {"baseline": [], "avx2": ["-mavx2", "-mfma"], "avx512": ["-mavx512f", "-mfma"], "neon": []}
MEGABYTES = 768


class Peak(NamedTuple):
    """GFLOP/s of multiply-adds, GB/s of a + s b (two reads, one write)."""

    gflops: float
    bandwidth: float


def peak(threads: tuple[int, ...], isa: str) -> dict[int, Peak]:
    """Measured peaks by thread count; empty, after one line to stderr, where there is no C compiler."""
    compiler = (
        os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    )
    if compiler is None:
        print(
            "no C compiler (cc, gcc or clang): the machine's peak is not measured", file=sys.stderr
        )
        return {}
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "peak")
        built = subprocess.run(
            [
                *compiler.split(),
                "-O3",
                "-ffp-contract=fast",
                *FLAGS[isa],
                "-o",
                program,
                str(Path(__file__).with_name("peak.c")),
                "-pthread",
            ],
            capture_output=True,
            text=True,
        )
        if built.returncode:
            print(
                f"{compiler} cannot compile bench/peak.c ({(built.stderr.splitlines() or ['no message'])[0]}): "
                "the machine's peak is not measured",
                file=sys.stderr,
            )
            return {}
        found = {}
        for n in threads:
            run = subprocess.run(
                [program, str(n), str(MEGABYTES)], capture_output=True, text=True, check=True
            )
            found[n] = Peak(*map(float, run.stdout.split()))
        return found


def main() -> int:
    from gdcore import runtime

    parser = argparse.ArgumentParser(
        prog="python -m bench.peak", description="The machine's measured peak."
    )
    parser.add_argument("--threads", default="1,2", help="thread counts (default 1,2)")
    parser.add_argument(
        "--isa", default=runtime.ISA_NAME, choices=FLAGS, help="instruction set (default: gdcore's)"
    )
    options = parser.parse_args()
    found = peak(tuple(map(int, options.threads.split(","))), options.isa)
    print(f"{processor()}, {options.isa}")
    rows = [[str(n), f"{p.gflops:.0f}", f"{p.bandwidth:.1f}"] for n, p in found.items()]
    print(table(["threads", "GFLOP/s", "GB/s"], rows))
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
