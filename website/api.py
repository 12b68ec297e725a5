"""The public API, found by walking the package, and what its docstrings say.

Public are `gdcore` itself and each module or package directly in it that has an `__all__`, but for
those in `INTERNAL`; in them, the names in `__all__`. What is exported twice belongs to the first that
exports it, `gdcore` being the first.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import gdcore

# Each serves one module of the house; what people need of it is exported by another module.
INTERNAL = {"callbacks", "cli", "errors", "flops", "random", "summary"}


@dataclass(frozen=True)
class Item:
    """A public name.

    Attributes
    ----------
    path : str
        As people write it: "gdcore.Model.fit".
    kind : {"class", "function", "method", "property", "value"}
    object : what the name stands for
    owner : type or None
        The class, for what is defined in one.
    """

    path: str
    kind: str
    object: Any
    owner: type | None = None

    @property
    def described(self) -> bool:
        """Whether the reference has an entry for it: what adds nothing to its base has none."""
        return self.kind != "value" and bool(self.object.__doc__)


def missing_library(error: BaseException) -> bool:
    """Whether an ImportError speaks of an optional library, by a line that names the extra or by its own name."""
    known = ("PIL", "sklearn.feature_extraction", "sklearn", "tokenizers")
    return isinstance(error, ImportError) and ("gdcore[" in str(error) or error.name in known)


def exported(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The names in a module's `__all__`; those that need a library that is not there are left out."""
    for name in module.__all__:
        try:
            yield name, getattr(module, name)
        except ImportError as error:
            if not missing_library(error):
                raise


def modules() -> Iterator[tuple[str, ModuleType | ImportError]]:
    """Every public module by name; the error where it needs a library that is not there."""
    yield "gdcore", gdcore
    for found in sorted(pkgutil.iter_modules(gdcore.__path__), key=lambda m: m.name):
        if found.name.startswith("_") or found.name in INTERNAL:
            continue
        name = f"gdcore.{found.name}"
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            if not missing_library(error):
                raise
            yield name, error
            continue
        if hasattr(module, "__all__"):
            yield name, module
            for _, part in exported(module):  # gdcore.io.safetensors
                if inspect.ismodule(part) and hasattr(part, "__all__"):
                    yield part.__name__, part


def kind_of(item: Any) -> str:
    """What an object is to a reader of the reference."""
    if inspect.isclass(item):
        return "class"
    return "function" if inspect.isroutine(item) else "value"


def items() -> Iterator[Item]:
    """Every public class, function and value, each class followed by its members."""
    homes: dict[int, Item] = {}
    values = []
    for path, module in modules():
        for name, item in () if isinstance(module, ImportError) else exported(module):
            found = Item(f"{path}.{name}", kind_of(item), item)
            if found.kind == "value" and not inspect.ismodule(item):
                values.append(found)
            elif found.kind != "value":
                homes.setdefault(id(item), found)
    classes = {i.object for i in homes.values() if i.kind == "class"}
    for item in homes.values():
        yield item
        if item.kind == "class":
            yield from members(item.path, item.object, classes)
    yield from values


def members(path: str, cls: type, public: set[type]) -> Iterator[Item]:
    """What a class defines itself, or inherits from classes of ours that are described nowhere else.

    What comes from a class whose name begins with an underscore is nobody's to call.
    """
    seen: set[str] = set()
    for base in cls.__mro__:
        if not base.__module__.startswith("gdcore") or base.__name__.startswith("_"):
            continue
        if any(base in other.__mro__ for other in cls.__mro__[1:] if other in public):
            continue
        for name, member in vars(base).items():
            if name.startswith("_") or name in seen:
                continue
            function = inspect.unwrap(getattr(member, "__func__", member))
            if inspect.isfunction(function):
                kind = "method"
            elif isinstance(member, property) or hasattr(member, "func"):
                kind, function = "property", getattr(member, "fget", None) or member.func
            else:
                continue
            seen.add(name)
            yield Item(f"{path}.{name}", kind, function, cls)


SECTION = re.compile(r"^([A-Z][\w ]+)\n-{3,}\n", re.M)


def sections(doc: str) -> dict[str, str]:
    """A numpydoc docstring cut into its sections; what comes first is under ""."""
    cut = SECTION.split(inspect.cleandoc(doc))
    return {"": cut[0]} | dict(zip(cut[1::2], cut[2::2], strict=True))


def entries(section: str) -> list[str]:
    """The names that a section of parameters describes."""
    heads = [line for line in section.splitlines() if line and not line[0].isspace()]
    return [n.strip().lstrip("*") for h in heads for n in h.split(" : ")[0].split(",")]
