"""Every public name is documented as numpydoc asks, and its example runs.

The names are walked (website/api.py), so that a module which is added is held to this by being there.
"""

import ast
import doctest
import inspect
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "website" / "api.py").exists():
    pytest.skip("website/ is not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from website import api  # noqa: E402

ITEMS = list(api.items())
by_path = {"ids": lambda item: item.path if isinstance(item, api.Item) else None}


def own_doc(item):
    """The docstring of an object itself; None where there is none or it is inherited."""
    return item.object.__doc__


def parameters(item):
    """Names that the docstring has to describe."""
    try:
        found = list(inspect.signature(item.object).parameters.values())
    except (TypeError, ValueError):
        return []
    if item.kind == "method" and not isinstance(
        inspect.getattr_static(item.owner, item.path.rpartition(".")[2]), staticmethod
    ):
        found = found[1:]
    return [p.name for p in found if not p.name.startswith("_")]


def returns_something(item):
    """Whether a caller gets anything but None (or what is passed through, for a decorator)."""
    note = inspect.signature(item.object).return_annotation
    return note not in (None, "None", "Never", "NoReturn", inspect.Signature.empty)


def raised(function):
    """The names of the errors that a function raises itself."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return set()
    found = set()

    def visit(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.Lambda) and node is not tree:
                continue
            if isinstance(child, ast.Raise) and isinstance(child.exc, ast.Call):
                found.add(ast.unparse(child.exc.func))
            visit(child)

    visit(tree)
    return found - {"NotImplementedError", "AttributeError", "KeyError", "SystemExit"}


def lacking(item):
    """What a name's documentation lacks, in words."""
    doc = own_doc(item)
    if item.kind in ("method", "property") and not doc:
        inherited = inspect.getdoc(getattr(item.owner, item.path.rpartition(".")[2]))
        return [] if inherited else ["a docstring"]
    if not doc:
        return ["a docstring"]
    if item.kind == "property":
        return []
    said = api.sections(doc)
    found = []
    if not said[""].strip():
        found.append("a first line that says what it is")
    described = set()
    for section in ("Parameters", "Other Parameters", "Attributes"):
        described |= set(api.entries(said.get(section, "")))
    if undescribed := [p for p in parameters(item) if p not in described]:
        found.append(f"Parameters: {', '.join(undescribed)}")
    if item.kind != "class" and returns_something(item) and not said.keys() & {"Returns", "Yields"}:
        found.append("Returns")
    maker = item.object.__dict__.get("__init__") if item.kind == "class" else item.object
    if raised(maker) and not said.keys() & {"Raises"}:
        found.append(f"Raises: {', '.join(sorted(raised(maker)))}")
    if ">>> " not in said.get("Examples", "") and not shown_by_its_class(item):
        found.append("Examples")
    return found


def shown_by_its_class(item):
    """Whether an example of a method's class calls or defines the method."""
    if item.kind != "method":
        return False
    name = item.path.rpartition(".")[2]
    return any(
        f".{name}(" in example or f"def {name}(" in example
        for base in item.owner.__mro__
        for example in [api.sections(base.__doc__ or "").get("Examples", "")]
    )


@pytest.mark.parametrize("item", [i for i in ITEMS if i.kind != "value"], **by_path)
def test_documented(item):
    assert lacking(item) == []


def test_nothing_in_an_example_is_left_out():
    """A doctest that is skipped is no test: optional libraries are asked for by an ImportError."""
    skipped = [i.path for i in ITEMS if i.kind != "value" and "+SKIP" in (own_doc(i) or "")]
    assert skipped == []


def with_examples():
    for path, module in api.modules():
        if not isinstance(module, ImportError):
            yield api.Item(path, "module", module)
    yield from (i for i in ITEMS if i.kind != "value")


@pytest.mark.parametrize(
    "item", [i for i in with_examples() if ">>> " in (own_doc(i) or "")], **by_path
)
def test_example_runs(item, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if item.kind == "module":
        space = vars(item.object)
    else:
        home = sys.modules[getattr(item.object, "__module__", None) or "gdcore"]
        space = vars(home)
    test = doctest.DocTestParser().get_doctest(own_doc(item), dict(space), item.path, None, 0)
    report = []
    runner = Runner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(test, out=report.append)
    if runner.lacks:
        pytest.skip(runner.lacks)
    assert not runner.failures, "".join(report)


class Runner(doctest.DocTestRunner):
    """Stops at an ImportError that names one of our extras: the example needs it."""

    lacks = ""

    def report_unexpected_exception(self, out, test, example, exc_info):
        if api.missing_library(exc_info[1]):
            self.lacks = str(exc_info[1])
        super().report_unexpected_exception(out, test, example, exc_info)


def test_the_walk_finds_what_people_use():
    paths = {i.path for i in ITEMS}
    assert {
        "gdcore.Model",
        "gdcore.Model.fit",
        "gdcore.Model.compile",
        "gdcore.load",
        "gdcore.ops.relu",
        "gdcore.losses.Huber",
        "gdcore.tabular.TableModel.fit",
        "gdcore.datasets.npz",
        "gdcore.io.safetensors.load",
        "gdcore.Callback.on_epoch_end",
    } <= paths
    assert len(ITEMS) > 300
