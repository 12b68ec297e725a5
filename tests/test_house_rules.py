"""The rules of the house: who may know whom, what crosses a file, what an import may not touch."""

import ast
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gdcore

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, CSRC = ROOT / "gdcore", ROOT / "csrc"
X86 = platform.machine().lower() in ("x86_64", "amd64")

# --- Python: who imports whom ------------------------------------------------------


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(p): p for p in sorted(PACKAGE.rglob("*.py"))}


def imports_of(name, late=False):
    """What a module imports of gdcore: at once, or (late) in its functions; not for typing."""
    found = set()

    def visit(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if inside == late and isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            if inside == late and isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{name} has a relative import"
                for alias in child.names:
                    whole = f"{child.module}.{alias.name}"
                    found.add(
                        whole if whole in MODULES or whole == "gdcore._core" else child.module
                    )
            visit(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    visit(ast.parse(MODULES[name].read_text(encoding="utf-8")), False)
    return {m for m in found if m.split(".")[0] == "gdcore"}


NOW = {name: imports_of(name) for name in MODULES}
LATE = {name: imports_of(name, late=True) for name in MODULES}


def within(name, *rooms):
    return any(name == f"gdcore.{r}" or name.startswith(f"gdcore.{r}.") for r in rooms)


# From the ground up: a module may import what stands in a lower row, or in its own room.
STOREYS = [
    ("errors", "random", "sparse", "turns", "_core"),
    (
        "runtime",
        "arrays",
        "order",
        "html",
        "progress",
        "graph",
        "schedules",
        "initializers",
        "metrics",
    ),
    ("ops", "session", "readahead"),
    ("activations", "losses", "optimizers"),
    ("layers",),
    ("network",),
    ("memory",),
    ("updates",),
    ("steps", "copies"),
    ("targets", "examination", "summary", "compiled", "callbacks"),
    ("resuming", "weights"),
    ("fitting",),
    ("model",),
    ("sequential",),
]
EDGE = (
    "io",
    "checkpoints",
    "interop",
    "loggers",
    "onnx",
    "datasets",
    "plots",
    "cli",
    "__main__",
    "estimators",
    "tabular",
    "many",
    "quasi_newton",
    "diagnostics",
    "lab",
)
DOORKEEPERS = {
    "gdcore.graph.plan",
    "gdcore.session",
    "gdcore.runtime",
    "gdcore.fitting",
    "gdcore.order",
    "gdcore.cli.info",  # tells how the door was built
}
LATE_EDGE = {  # methods by which people reach the edge; nobody else does
    ("gdcore.model", "gdcore.io.model_file"),  # model.save
    ("gdcore.model", "gdcore.checkpoints"),  # fit(resume_from=)
    ("gdcore.model", "gdcore.plots.graph"),  # model.draw
    ("gdcore.callbacks.history", "gdcore.plots.curves"),  # history.plot
}

# Within graph/, passes know the IR and the ops; groups and places are handed on as types.
PASSES = {
    "simplify": set(),
    "differentiate": set(),
    "phases": set(),
    "fuse": set(),
    "place": {"fuse"},
    "lower": {"fuse", "place"},
    "plan": {"simplify", "fuse", "place", "lower"},
}
TYPES_ALONE = {
    "instructions": {"place"},
    "reuse": {"place", "plan"},
}  # what lowering writes, and where it lies


def storey(name):
    for i, rooms in enumerate(STOREYS):
        if within(name, *rooms):
            return i
    return None


def room(name):
    return name.split(".")[1] if "." in name else name


def test_every_module_has_a_place():
    homeless = [n for n in MODULES if n != "gdcore" and storey(n) is None and not within(n, *EDGE)]
    assert homeless == [], "say in STOREYS where they belong"


@pytest.mark.parametrize("name", [n for n in MODULES if n != "gdcore" and storey(n) is not None])
def test_nothing_looks_up(name):
    up = [
        m
        for m in NOW[name]
        if m not in ("gdcore", name)
        and room(m) != room(name)
        and (storey(m) is None or storey(m) >= storey(name))
    ]
    assert up == []
    assert "gdcore" not in NOW[name] | LATE[name], (
        "a module imports what it needs, not the whole package"
    )


def test_imports_have_no_cycles():
    state = {}

    def visit(name, trail):
        assert state.get(name) != 1, f"{' → '.join([*trail, name])}"
        if state.get(name) == 2 or name not in NOW:
            return
        state[name] = 1
        for m in sorted(NOW[name] - {name, room_root(name)}):
            visit(m, [*trail, name])
        state[name] = 2

    def room_root(name):
        return name.rpartition(".")[0]

    for name in MODULES:
        visit(name, [])


def test_graph_knows_only_itself():
    for name in MODULES:
        if within(name, "graph"):
            others = {m for m in NOW[name] | LATE[name] if not within(m, "graph")}
            assert others <= ({"gdcore._core"} if name == "gdcore.graph.plan" else set()), name


def test_passes_do_not_know_one_another():
    for name in MODULES:
        if not within(name, "graph") or name == "gdcore.graph":
            continue
        own = name.removeprefix("gdcore.graph.")
        known = {
            m.removeprefix("gdcore.graph.")
            for m in NOW[name] | LATE[name]
            if m.startswith("gdcore.graph.")
        }
        assert known & set(PASSES) == (PASSES | TYPES_ALONE).get(own, set()), name


def test_shared_pieces_of_the_passes_are_types():
    """What place and lower take of other passes are the dataclasses handed on, and `base`."""
    taken = {}
    for own in ("place", "lower", "instructions"):
        for node in ast.walk(ast.parse(MODULES[f"gdcore.graph.{own}"].read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in (
                "gdcore.graph.fuse",
                "gdcore.graph.place",
            ):
                taken[own, node.module.rpartition(".")[2]] = {a.name for a in node.names}
    assert taken == {
        ("place", "fuse"): {"Group", "base"},
        ("lower", "fuse"): {"Group", "base"},
        ("lower", "place"): {"Place", "Placement"},
        ("instructions", "place"): {"Place"},
    }


def test_one_door_to_c():
    assert {n for n in MODULES if "gdcore._core" in NOW[n] | LATE[n]} == DOORKEEPERS
    text = (PACKAGE / "_core.pyx").read_text(encoding="utf-8")
    assert set(re.findall(r'cdef extern from "([^"]+)"', text)) == {"exec.h"}
    assert not re.search(r"cimport\s+numpy|from\s+numpy\s+cimport", text)


def test_the_edge_is_imported_by_nothing():
    reached = {
        (n, m)
        for n in MODULES
        if not within(n, *EDGE)
        for m in NOW[n] | LATE[n]
        if within(m, *EDGE)
    }
    assert reached == LATE_EDGE
    assert not [m for n in MODULES if not within(n, *EDGE) for m in NOW[n] if within(m, *EDGE)]


OPTIONAL = {
    "matplotlib",
    "pandas",
    "polars",
    "narwhals",
    "scipy",
    "sklearn",
    "torch",
    "onnx",
    "threadpoolctl",
    "tqdm",
    "tensorboardX",
    "mlflow",
    "keras",
    "IPython",
}


# Rooms that are nothing without an optional library: only who asks for them imports them.
EXTRAS = {"estimators": {"sklearn"}}


def test_nothing_but_numpy_is_needed():
    """No import of anything but the standard library and numpy stands at the top of a file."""
    for name, path in MODULES.items():
        extra = EXTRAS.get(room(name), set())
        assert not extra or within(name, *EDGE)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            tops = []
            if isinstance(node, ast.Import):
                tops = [a.name.split(".")[0] for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                tops = [node.module.split(".")[0]]
            for top in tops:
                assert top in {"gdcore", "numpy", *sys.stdlib_module_names, *extra}, (
                    f"{name} imports {top}"
                )


# --- Python: what importing may not touch ------------------------------------------

CHILD = """
import ctypes, json, os, signal, sys, threading
import numpy as np

def environment():
    libm = ctypes.CDLL("libm.so.6")
    state = ctypes.create_string_buffer(64)
    libm.fegetenv(state)
    at = 28 if %(x86)r else 0  # of MXCSR, or FPCR
    word = int.from_bytes(state.raw[at:at + 4], "little")
    return {"control": word & ~0x3f, "rounding": libm.fegetround(),
            "subnormals": 0.25 * float(np.ldexp(1.0, -1022)) != 0.0,
            "numpy": bool(np.all(np.full(64, 2.0**-1022) * 0.25 != 0))}

def everywhere():
    found = [environment()]
    worker = threading.Thread(target=lambda: found.append(environment()))
    worker.start(); worker.join()
    return found

def state():
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGFPE)
    return {"threads": len(os.listdir("/proc/self/task")), "environ": dict(os.environ),
            "fp": everywhere(), "signals": [str(signal.getsignal(s)) for s in watched],
            "errors": np.geterr()}

out = {"before": state()}
known = set(sys.modules)
import gdcore
out["imported"] = state()
out["modules"] = sorted(set(sys.modules) - known)
from gdcore import session
session.THREAD_FLOPS = 0
gdcore.set_num_threads(2)
x = np.random.default_rng(0).normal(size=(64, 8)).astype("f")
model = gdcore.Sequential([gdcore.Dense(32, activation="relu"), gdcore.Dense(1)])
model.compile("adam", "mse")
model.fit(x, x[:, 0], epochs=2, seed=0)
model.predict(x)
out["fitted"] = state()
def another():
    other = gdcore.Sequential([gdcore.Dense(4), gdcore.Dense(1)]).compile("sgd", "mse")
    other.fit(x, x[:, 0], seed=0)
    out["thread"] = environment()
worker = threading.Thread(target=another); worker.start(); worker.join()
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def child():
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GDCORE_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD % {"x86": X86}],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_takes_nothing_optional(child):
    new = {m.split(".")[0] for m in child["modules"]}
    assert not new & OPTIONAL
    assert not [m for m in child["modules"] if within(m, *EDGE)]
    assert not new & {
        "argparse",
        "json",
        "subprocess",
        "multiprocessing",
        "urllib",
        "socket",
        "csv",
        "difflib",
    }


def test_import_starts_no_thread(child):
    assert child["imported"]["threads"] == child["before"]["threads"]


@pytest.mark.parametrize("when", ["imported", "fitted"])
def test_process_is_left_as_it_was(child, when):
    for key in ("environ", "signals", "errors", "fp"):
        assert child[when][key] == child["before"][key]


@pytest.mark.parametrize("when", ["imported", "fitted"])
def test_subnormals_are_not_flushed(child, when):
    assert all(fp["subnormals"] and fp["numpy"] for fp in child[when]["fp"])
    assert child["thread"] == child["before"]["fp"][0]


def test_version_is_one():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project.get("version", gdcore.__version__) == gdcore.__version__
    assert all(d.startswith("numpy") for d in project["dependencies"])


def test_everything_public_is_documented():
    import inspect

    for name in gdcore.__all__:
        item = getattr(gdcore, name)
        if inspect.isclass(item) or inspect.isfunction(item) or inspect.ismodule(item):
            assert inspect.getdoc(item), f"gdcore.{name} has no docstring"


# --- C -----------------------------------------------------------------------------

C_FILES = sorted([*CSRC.rglob("*.c"), *CSRC.rglob("*.h")])
OP_FILES = sorted((CSRC / "ops").glob("*.c"))
SHARED = {"gd.h", "ops.h", "rng.h", "map_ops.h"}
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


@pytest.mark.parametrize("path", OP_FILES, ids=lambda p: p.name)
def test_an_op_file_includes_no_other_op(path):
    simd = {p.name for p in (CSRC / "simd").glob("*.h")} | {p.name for p in CSRC.glob("gemm*.h")}
    own = {
        p.name
        for p in (CSRC / "ops").glob("*.h")
        if p.stem.split("_")[0] == path.stem.split("_")[0]
    }
    assert set(included(path)) <= SHARED | LIBC | simd | own


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


def test_executor_knows_no_op():
    text = code(CSRC / "exec.c")
    ops = re.findall(r"X\((\w+)\)", code(CSRC / "ops.h"))
    assert len(ops) > 5
    assert [op for op in ops if re.search(rf"\bgd_{op}\b", text)] == []
    assert "ops.h" not in included(CSRC / "exec.c")


@pytest.mark.parametrize(
    "path", [p for p in C_FILES if p.suffix == ".c"] + [PACKAGE / "_core.pyx"], ids=lambda p: p.name
)
def test_a_file_opens_with_what_it_does(path):
    first = path.read_text(encoding="utf-8").lstrip()
    assert first.startswith(("/* " + path.name, "# cython"))


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


@pytest.mark.parametrize(("isa", "bits"), VARIANTS)
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
    for source in (CSRC / "table.c", CSRC / "convert.c", *OP_FILES):
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


def test_symbols_of_the_rest(tmp_path):
    shared = set()
    for source in (CSRC / "exec.c", CSRC / "batch.c", CSRC / "dispatch.c"):
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
