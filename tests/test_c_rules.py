"""The rules of the house for C: what a file may include, what it may export, what it is compiled to."""

import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from test_house_rules import CSRC, PACKAGE, ROOT, X86

of_sources = pytest.mark.skipif(not CSRC.exists(), reason="the sources are not beside the tests")

C_FILES = sorted([*CSRC.rglob("*.c"), *CSRC.rglob("*.h")])
OP_FILES = sorted((CSRC / "ops").glob("*.c"))
SHARED = {"gd.h", "ops.h", "rng.h", "map_ops.h", "windows.h"}
LIBC = {"stdint.h", "stddef.h", "string.h", "math.h", "float.h"}
INTRINSIC = re.compile(
    r"\b_mm\d*_\w+|\bv(?:ld|st)[1-4]q?_\w+|\b(?:__m(?:128|256|512)[di]?|float(?:32x4|64x2)_t)\b"
    r"|\b\w*(?:immintrin|emmintrin|xmmintrin|arm_neon)\.h"
)


def code(path):
    """C without comments."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"//[^\n]*", "", re.sub(r"/\*.*?\*/", "", text, flags=re.S))


def included(path):
    return [Path(name).name for name in re.findall(r'#\s*include\s*[<"]([^>"]+)[>"]', code(path))]


@of_sources
@pytest.mark.parametrize("path", OP_FILES, ids=lambda p: p.name)
def test_an_op_file_includes_no_other_op(path):
    simd = {p.name for p in (CSRC / "simd").glob("*.h")} | {p.name for p in CSRC.glob("gemm*.h")}
    own = {
        p.name
        for p in (CSRC / "ops").glob("*.h")
        if p.stem.split("_")[0] == path.stem.split("_")[0]
    }
    assert set(included(path)) <= SHARED | LIBC | simd | own


@of_sources
@pytest.mark.parametrize("path", C_FILES, ids=lambda p: str(p.relative_to(CSRC)))
def test_c_file(path):
    text, where = code(path), path.relative_to(CSRC)
    assert "Python.h" not in text
    if where.parts[0] != "simd":
        assert INTRINSIC.findall(text) == []
    if where.name != "threads.h":
        assert "omp.h" not in included(path)
        assert not re.search(r"#\s*pragma\s+omp|_Pragma\s*\(\s*\"omp|\bomp_\w+\s*\(", text)
    if "threads.h" in included(path):
        assert where.name == "exec.c"
    assert "fast-math" not in text


@of_sources
def test_executor_knows_no_op():
    text = code(CSRC / "exec.c")
    ops = re.findall(r"X\((\w+)\)", code(CSRC / "ops.h"))
    assert len(ops) > 5
    assert [op for op in ops if re.search(rf"\bgd_{op}\b", text)] == []
    assert "ops.h" not in included(CSRC / "exec.c")


@of_sources
@pytest.mark.parametrize(
    "path", [p for p in C_FILES if p.suffix == ".c"] + [PACKAGE / "_core.pyx"], ids=lambda p: p.name
)
def test_a_file_opens_with_what_it_does(path):
    first = path.read_text(encoding="utf-8").lstrip()
    assert first.startswith(("/* " + path.name, "# cython"))


@of_sources
def test_no_fast_math():
    for path in (ROOT / "setup.py", ROOT / "pyproject.toml"):
        lines = [line.split("#")[0] for line in path.read_text(encoding="utf-8").splitlines()]
        assert not [line for line in lines if re.search(r"-ffast-math|-Ofast|-funsafe-math", line)]


# --- symbols -----------------------------------------------------------------------

ISA_FLAGS = (
    {
        "baseline": "",
        "avx2": "-mavx2 -mfma",
        "avx512": "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma",
    }
    if X86
    else {"neon": ""}
)
VARIANTS = [(isa, bits) for isa in ISA_FLAGS for bits in (32, 64)]
# exec.c: whether this process is a forked child, and how many calls are under way; nothing of any model
PROCESS_WIDE = {"forked", "watching", "started", "calls"}


def needs(*tools):
    for tool in tools:
        if not shutil.which(tool):
            pytest.skip(f"needs {tool}")


def symbols(source, folder, flags):
    """(kind, name) of every symbol of a source; without -fPIC, so that constants are read-only."""
    cc = shlex.split(os.environ.get("CC", "gcc"))
    needs(cc[0], "nm")
    target = folder / (source.stem + ".o")
    done = subprocess.run(
        [
            *cc,
            "-std=gnu11",
            "-O0",
            "-w",
            "-fopenmp",
            "-fno-pic",
            f"-I{CSRC}",
            *flags,
            "-c",
            str(source),
            "-o",
            str(target),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listing = subprocess.run(
        ["nm", "-P", str(target)], capture_output=True, text=True, check=True
    ).stdout
    return [(line.split()[1], line.split()[0]) for line in listing.splitlines()]


@of_sources
@pytest.mark.parametrize(
    ("isa", "bits"),
    [v if v[1] == 32 else pytest.param(*v, marks=pytest.mark.slow) for v in VARIANTS],
)
def test_symbols_of_kernels(isa, bits, tmp_path):
    """Every global carries its instruction set and precision, and nothing can be written to."""
    flags = [
        f"-DGD_ISA={isa}",
        f"-DGD_ISA_{isa}",
        f"-DGD_PRECISION=f{bits}",
        f"-DGD_REAL_BITS={bits}",
        *ISA_FLAGS[isa].split(),
    ]
    exported = set()
    for source in (
        CSRC / "table.c",
        CSRC / "convert.c",
        CSRC / "product.c",
        CSRC / "bf16_tiles.c",
        *OP_FILES,
    ):
        for kind, name in symbols(source, tmp_path, flags):
            assert kind not in "bBdDCsSgG", (
                f"{source.name}: {name} can be written to, and models would share it"
            )
            if kind in "TRVW":
                assert name.startswith("gd_") and name.endswith(f"_{isa}_f{bits}"), (
                    f"{source.name}: {name}"
                )
                assert name not in exported, f"{name} is defined twice"
                exported.add(name)
            if kind == "U" and name.startswith("gd_"):
                assert name.endswith(f"_{isa}_f{bits}"), f"{source.name} needs {name}"
    assert f"gd_table_{isa}_f{bits}" in exported


@of_sources
def test_symbols_of_the_rest(tmp_path):
    shared = set()
    for source in (
        CSRC / "augment.c",
        CSRC / "exec.c",
        CSRC / "batch.c",
        CSRC / "check.c",
        CSRC / "dispatch.c",
    ):
        for kind, name in symbols(source, tmp_path, []):
            if kind in "bBdDC":
                shared.add(name.split(".")[0])
            if kind == "T":
                assert name.startswith("gd_"), f"{source.name}: {name}"
    assert shared <= PROCESS_WIDE


def extension():
    needs("nm")
    spec = importlib.util.find_spec("gdcore._core")
    path = Path(spec.origin)
    if path.suffix != ".so" or platform.system() != "Linux":
        pytest.skip("the extension is not an ELF file")
    return path


def test_extension_exports_its_entry_alone():
    listing = subprocess.run(
        ["nm", "-DP", "--defined-only", str(extension())],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {line.split()[0] for line in listing.splitlines()} - {"_init", "_fini"} == {
        "PyInit__core"
    }


# Names that begin with an underscore and belong to the stable ABI all the same.
STABLE = {
    "_Py_NoneStruct",
    "_Py_TrueStruct",
    "_Py_FalseStruct",
    "_Py_EllipsisObject",
    "_Py_NotImplementedStruct",
    "_Py_Dealloc",
    "_PyObject_GC_New",
}


def test_extension_is_abi3():
    """Of CPython's functions only those of the limited API: none of its private ones."""
    path = extension()
    if "abi3" not in path.name:
        pytest.skip("not built for the limited API")
    listing = subprocess.run(
        ["nm", "-DP", "--undefined-only", str(path)], capture_output=True, text=True, check=True
    ).stdout
    names = [line.split()[0] for line in listing.splitlines()]
    private = [
        n for n in names if n.startswith("_Py") and n not in STABLE and not n.endswith("_SizeT")
    ]
    assert private == []


@pytest.mark.skipif(not X86, reason="an x86-64 build")
@pytest.mark.parametrize(
    ("isa", "wide", "never"),
    [("baseline", "xmm", "[yz]mm"), ("avx2", "ymm", "zmm"), ("avx512", "zmm", "k0k0")],
)
def test_each_instruction_set_is_really_its_own(isa, wide, never):
    """One archive silently holding another's objects would be slow, or die on an older machine."""
    needs("objdump")
    path = extension()
    every = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    blocks = re.findall(rf"<[^>]*_{isa}_f32>:\n(.*?)\n\n", every, flags=re.S)
    if not blocks:
        pytest.skip("the extension is stripped")
    assert not [b for b in blocks if re.search(rf"%{never}\d", b)]
    assert any(re.search(rf"%{wide}\d", b) for b in blocks)
