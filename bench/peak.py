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
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.measure import processor, table

FLAGS = {"baseline": [], "avx2": ["-mavx2", "-mfma"], "avx512": ["-mavx512f", "-mfma"], "neon": []}
BFLOAT16 = {"avx512": ["-mavx512bf16"]}  # where the processor has it
MEMORY = 768_000  # KB of data that no cache holds
LEVELS = ("L2", "L3", "memory")


class Peak(NamedTuple):
    """GFLOP/s of multiply-adds, GB/s of a + s b (two reads, one write), divisions in 10⁹ a second.

    And GFLOP/s of dot products of pairs of bfloat16; 0 where the processor has none.
    """

    gflops: float
    bandwidth: float
    divisions: float = 0.0
    bfloat16: float = 0.0

    def of(self, compute: str) -> float:
        """GFLOP/s of products that compute so; bfloat16 without instructions is multiplied as float32."""
        return self.bfloat16 or self.gflops if compute == "bfloat16" else self.gflops


def compiled(source: str, folder: str, flags: Sequence[str]) -> str | None:
    """A program or library of bench/; None, after one line to stderr, where there is no C compiler."""
    compiler = (
        os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    )
    if compiler is None:
        print(f"no C compiler (cc, gcc or clang): bench/{source} does not run", file=sys.stderr)
        return None
    made = str(Path(folder) / Path(source).stem)
    command = [*compiler.split(), "-O3", *flags, "-o", made, str(Path(__file__).with_name(source))]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        print(
            f"{compiler} cannot compile bench/{source} "
            f"({(built.stderr.splitlines() or ['no message'])[0]}): it does not run",
            file=sys.stderr,
        )
        return None
    return made


def one(made: str, threads: int, kilobytes: int) -> Peak:
    """Run the program over `kilobytes` KB of data in all."""
    run = subprocess.run(
        [made, str(threads), str(kilobytes)], capture_output=True, text=True, check=True
    )
    return Peak(*map(float, run.stdout.split()))


def flags(isa: str) -> list[str]:
    """What peak.c is compiled with for an instruction set, on this processor."""
    from gdcore import _core

    pairs = BFLOAT16.get(isa, []) if _core.bf16_supported() else []
    return ["-ffp-contract=fast", *FLAGS[isa], *pairs, "-pthread"]


def peak(threads: tuple[int, ...], isa: str) -> dict[int, Peak]:
    """Measured peaks by thread count; empty, after one line to stderr, where there is no C compiler."""
    with tempfile.TemporaryDirectory() as folder:
        made = compiled("peak.c", folder, flags(isa))
        return {} if made is None else {n: one(made, n, MEMORY) for n in threads}


def caches() -> dict[str, int]:
    """Bytes of "L2", of one core, and "L3", of all (Linux); what many have where nothing says."""
    found = {"L2": 1 << 20, "L3": 16 << 20}
    for level in ("2", "3"):
        for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
            try:
                if (index / "level").read_text().strip() == level:
                    text = (index / "size").read_text().strip()
                    found[f"L{level}"] = int(text.rstrip("KM")) << {"K": 10, "M": 20}[text[-1]]
            except (OSError, KeyError, ValueError):
                continue
    return found


def bandwidths(threads: tuple[int, ...], isa: str) -> dict[int, dict[str, float]]:
    """GB/s by thread count and level, over data that fill half of a cache; empty as `peak` is."""
    sizes = caches()
    with tempfile.TemporaryDirectory() as folder:
        made = compiled("peak.c", folder, flags(isa))
        if made is None:
            return {}
        return {
            n: {
                "L2": one(made, n, n * sizes["L2"] // 2000).bandwidth,
                "L3": one(made, n, sizes["L3"] // 2000).bandwidth,
                "memory": one(made, n, MEMORY).bandwidth,
            }
            for n in threads
        }


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
    levels = bandwidths(tuple(found), options.isa)
    rows = [
        [
            str(n),
            f"{p.gflops:.0f}",
            f"{p.bfloat16:.0f}" if p.bfloat16 else "—",
            *(f"{levels[n][level]:.1f}" for level in LEVELS),
        ]
        for n, p in found.items()
    ]
    print(
        table(["threads", "GFLOP/s", "in bfloat16", *(f"{level}, GB/s" for level in LEVELS)], rows)
    )
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
