"""csrc/simd: every instruction set this machine can run, in both widths.

The work is done by tests/csrc/vmath_check.c; here it is compiled and run.
"""

import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tests" / "csrc" / "vmath_check.c"
CROSS_CC = "aarch64-linux-gnu-gcc"
QEMU = "qemu-aarch64"

# name: compiler flags, the /proc/cpuinfo flags it needs; from worst to best
X86 = {
    "baseline": ("-msse2", "sse2"),
    "avx2": ("-mavx2 -mfma", "avx2 fma"),
    "avx512": (
        "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512",
        "avx512f avx512dq avx512bw avx512vl fma",
    ),
}
FLAGS = "-std=gnu11 -O3 -Wall -Wextra -Werror -ffp-contract=off -fno-math-errno -fno-trapping-math"


def cpu_flags():
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    return {w for line in text.splitlines() if line.startswith("flags") for w in line.split()}


def missing(isa):
    """Why this instruction set cannot be tested here, or None."""
    arm = platform.machine() in ("aarch64", "arm64")
    if isa == "neon":
        if not arm and not (shutil.which(CROSS_CC) and shutil.which(QEMU)):
            return f"needs {CROSS_CC} and {QEMU}"
        return None
    if platform.machine() not in ("x86_64", "AMD64"):
        return "not an x86-64"
    lacks = set(X86[isa][1].split()) - cpu_flags()
    return f"the processor lacks {' '.join(sorted(lacks))}" if lacks else None


def run(isa, bits, tmp_path, *args):
    if why := missing(isa):
        pytest.skip(why)
    cc, runner, extra = shlex.split(os.environ.get("CC", "gcc")), [], []
    if isa != "neon":
        extra = shlex.split(X86[isa][0])
    elif platform.machine() not in ("aarch64", "arm64"):
        cc, runner, extra = [CROSS_CC], [QEMU], ["-static"]
    exe = tmp_path / "vmath_check"
    command = [
        *cc,
        *FLAGS.split(),
        *extra,
        f"-DGD_ISA_{isa}",
        f"-DGD_REAL_BITS={bits}",
        f"-I{ROOT / 'csrc'}",
        str(SOURCE),
        "-o",
        str(exe),
        "-lm",
    ]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([*runner, str(exe), *args], capture_output=True, text=True)
    print(done.stdout, done.stderr, sep="")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("isa", [*X86, pytest.param("neon", marks=pytest.mark.slow)])  # emulated
def test_simd(isa, bits, tmp_path):
    run(isa, bits, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("isa", X86)
def test_simd_more(isa, bits, tmp_path):
    """Every 61st float and a million doubles a function; with GDCORE_LONG every float (minutes each)."""
    run(isa, bits, tmp_path, "full" if os.environ.get("GDCORE_LONG") else "more")
