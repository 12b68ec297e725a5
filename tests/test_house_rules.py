"""The rules of the house: who may know whom, and how long a file may be.

What an import may not touch: test_import.py. What holds of C: test_c_rules.py.
"""

import ast
import platform
import re
import sys
from pathlib import Path

import pytest

import gdcore

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, CSRC = ROOT / "gdcore", ROOT / "csrc"
X86 = platform.machine().lower() in ("x86_64", "amd64")
pytestmark = pytest.mark.skipif(not PACKAGE.exists(), reason="the sources are not beside the tests")

# --- Python: who imports whom ------------------------------------------------------


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(p): p for p in sorted(PACKAGE.rglob("*.py"))}


def imports_of(name):
    """What a module imports of gdcore: at once, in its functions, or for typing alone."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES or whole == "gdcore._core" else node.module)
    return {m for m in found if m.split(".")[0] == "gdcore"} - {name}


IMPORTS = {name: imports_of(name) for name in MODULES}


def within(name, *rooms):
    return any(name == f"gdcore.{r}" or name.startswith(f"gdcore.{r}.") for r in rooms)


# From the ground up: a module imports what stands in its own row or in a lower one.
STOREYS = [
    (
        "compute",
        "errors",
        "lazy",
        "names",
        "random",
        "runtime",
        "scores",
        "setting_checks",
        "printed",
        "signatures",
        "_core",
    ),
    ("graph",),
    ("data", "initializers", "schedules", "text"),
    ("activations", "layers", "losses", "metrics", "ops", "optimizers"),
    ("engine",),
    ("callbacks", "show"),
    ("training",),
    ("io", "checkpoints"),
    ("model", "sequential"),
]
EDGE = (
    "__main__",
    "cli",
    "datasets",
    "diagnostics",
    "estimators",
    "generation",
    "image_views",
    "interop",
    "lab",
    "loading",
    "loggers",
    "many",
    "models",
    "onnx",
    "plots",
    "tabular",
)
DOORKEEPERS = {
    "gdcore.compute",
    "gdcore.cli.info",  # tells how the door was built
    "gdcore.data.shuffle",
    "gdcore.engine.engine",
    "gdcore.engine.session",
    "gdcore.graph.plan",
    "gdcore.random",
    "gdcore.runtime",
    "gdcore.training.fit",
    "gdcore.training.sweep",
}
PICTURES = {  # methods by which people reach a picture; a picture knows plain records alone
    ("gdcore.model", "gdcore.plots.graph"),
    ("gdcore.callbacks.history", "gdcore.plots.training_curves"),
}
# A pass gets what the one before it made as plain records (`program`); `plan` calls them in order.
LISTS = {("gdcore.graph.passes.lower", "gdcore.graph.passes.chains")}  # the chains that C has


def storey(name):
    for i, rooms in enumerate(STOREYS):
        if within(name, *rooms):
            return i
    return None


def test_every_module_has_a_place():
    homeless = [n for n in MODULES if n != "gdcore" and storey(n) is None and not within(n, *EDGE)]
    assert homeless == [], "say in STOREYS where they belong"


@pytest.mark.parametrize("name", [n for n in MODULES if n != "gdcore" and storey(n) is not None])
def test_nothing_looks_up(name):
    up = [
        m
        for m in IMPORTS[name]
        if (storey(m) is None or storey(m) > storey(name)) and (name, m) not in PICTURES
    ]
    assert up == []
    assert "gdcore" not in IMPORTS[name], "a module imports what it needs, not the whole package"


def test_no_module_is_imported_in_a_circle():
    """Not for typing, and not late."""
    reach = {}
    for name in MODULES:
        seen, waiting = set(), [name]
        while waiting:
            for m in IMPORTS.get(waiting.pop(), ()):
                if m not in seen and m != "gdcore":
                    seen.add(m)
                    waiting.append(m)
        reach[name] = seen
    circular = {name for name in MODULES if name != "gdcore" and name in reach[name]}
    assert circular == set()


def test_graph_knows_only_itself():
    for name in MODULES:
        if within(name, "graph"):
            others = {m for m in IMPORTS[name] if not within(m, "graph")}
            # The plan is run by the door to C, and can be printed.
            known = {"gdcore._core", "gdcore.printed"} if name == "gdcore.graph.plan" else set()
            assert others <= known, name


def test_passes_do_not_know_one_another():
    known = {
        (n, m)
        for n in MODULES
        if within(n, "graph.passes")
        for m in IMPORTS[n]
        if within(m, "graph.passes", "graph.plan")
    }
    assert known == LISTS


def test_ops_know_no_pass():
    """An op asks for nothing that is decided later; the loop's gradient asks for differentiation."""
    known = {
        (n, m)
        for n in MODULES
        if within(n, "graph") and not within(n, "graph.passes", "graph.plan", "graph.reuse")
        for m in IMPORTS[n]
        if within(m, "graph.passes", "graph.plan")
    }
    assert known == set()


def test_one_door_to_c():
    assert {n for n in MODULES if "gdcore._core" in IMPORTS[n]} == DOORKEEPERS
    text = (PACKAGE / "_core.pyx").read_text(encoding="utf-8")
    assert set(re.findall(r'cdef extern from "([^"]+)"', text)) == {"exec.h"}
    assert not re.search(r"cimport\s+numpy|from\s+numpy\s+cimport", text)


def test_the_edge_is_imported_by_nothing():
    reached = {
        (n, m)
        for n in MODULES
        if n != "gdcore" and not within(n, *EDGE)
        for m in IMPORTS[n]
        if within(m, *EDGE)
    }
    assert reached == PICTURES


def test_a_picture_knows_no_producer():
    producers = ("callbacks", "diagnostics", "lab", "tabular", "model", "training")
    known = {
        (n, m) for n in MODULES if within(n, "plots") for m in IMPORTS[n] if within(m, *producers)
    }
    assert known == {("gdcore.plots.training_curves", "gdcore.callbacks.monitored")}


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
    "tokenizers",
}


# Rooms that are nothing without an optional library: only who asks for them imports them.
EXTRAS = {"estimators": {"sklearn"}}


def test_nothing_but_numpy_is_needed():
    """No import of anything but the standard library and numpy stands at the top of a file."""
    for name, path in MODULES.items():
        extra = EXTRAS.get(name.split(".")[1] if "." in name else name, set())
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


# --- the length of a file ----------------------------------------------------------

LIMIT = 400  # past 300 lines a file is asked to be two ideas
GENERATED = {"csrc/ops/map_chains.h"}  # by csrc/make_chains.py
# Files that were longer when the limit was set: they may only shrink.
LONGER = {
    "tests/csrc/vmath_check.c": 499,
    "tests/random_graphs.py": 408,
    "gdcore/model.py": 782,  # two thirds are docstrings of what people call
    "tests/test_checkpoints.py": 451,
    "tests/test_diagnostics.py": 446,
    "tests/test_safetensors.py": 582,
}
WRITTEN = (".py", ".pyi", ".pyx", ".pxi", ".c", ".h")
FOLDERS = ("gdcore", "csrc", "tests", "bench", "docs", "examples", "website")


def test_no_file_is_long():
    """No file that people write is longer than LIMIT lines."""
    files = [ROOT / "setup.py"]
    files += [p for f in FOLDERS for p in (ROOT / f).rglob("*") if p.suffix in WRITTEN]
    long = {}
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > LONGER.get(name, LIMIT) and name not in GENERATED:
            long[name] = lines
    assert long == {}
    for name in GENERATED:
        assert "Written by" in (ROOT / name).read_text(encoding="utf-8")[:300]


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
