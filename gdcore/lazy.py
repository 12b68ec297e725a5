"""Lazy imports: names of a package (PEP 562) and rows of a table, imported at their first use.

They keep `import gdcore` fast.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from gdcore.errors import did_you_mean
from gdcore.names import ELSEWHERE

T = TypeVar("T")

SAVING = "gdcore.io.model_file"  # imported late in a process that only trains, but needed by forked workers


def _finish_imports() -> None:
    """Before a fork, wait for imports that other threads are in the middle of.

    The child would inherit their import locks as held, without the threads that release them, and its first
    `save` would hang. Importing a module that another thread is importing waits for that thread; importing
    SAVING here ensures that no thread is in the middle of it at the fork.
    """
    begun = [
        name
        for name, module in list(sys.modules.items())
        if name.startswith("gdcore.")
        and getattr(getattr(module, "__spec__", None), "_initializing", False)
    ]
    for name in (*begun, SAVING):
        importlib.import_module(name)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_finish_imports)


def lazy_names(
    package: str, names: Iterable[str], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package that imports its names lazily.

    Parameters
    ----------
    package : str
        Its `__name__`.
    names : iterable of str
        Its `__all__`.
    homes : mapping of str to str
        The module in which each name is found; a module of the package stands for itself.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}{_hint(name, names)}"
            )
        home = importlib.import_module(homes[name])
        value = home if homes[name] == f"{package}.{name}" else getattr(home, name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names})

    return get, listed


def _hint(name: str, names: Iterable[str]) -> str:
    """The end of an error message: what to use instead of a name, or a similar name."""
    if name in ELSEWHERE:
        return f": use {ELSEWHERE[name]}"
    return "" if name.startswith("_") else did_you_mean(name, names)


class LazyTable(Mapping[str, T]):
    """A read-only mapping whose values are imported when they are looked up.

    Parameters
    ----------
    homes : mapping of str to str
        For each name, ``"module:attribute"``.
    """

    def __init__(self, homes: Mapping[str, str]) -> None:
        self._homes = dict(homes)

    @property
    def modules(self) -> dict[str, str]:
        """The module of each class, as `lazy_names` takes them."""
        pairs = (home.split(":") for home in self._homes.values())
        return {attribute: module for module, attribute in pairs}

    def __getitem__(self, name: str) -> T:
        module, attribute = self._homes[name].split(":")
        found: T = getattr(importlib.import_module(module), attribute)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __repr__(self) -> str:
        return f"<{', '.join(self)}>"

    def __len__(self) -> int:
        return len(self._homes)
