"""What is imported when it is first asked for: names of a package (PEP 562), rows of a table.

`import gdcore` then costs what every program needs, and no more.
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

SAVING = "gdcore.io.model_file"  # late in a process that only trains, and what forked workers need


def _finish_imports() -> None:
    """Wait, before a fork, for the imports that other threads are within.

    A child would have their locks, and none of the threads that give them back: its first `save` hung
    where a thread of the parent was within its own. An import of a module that another thread is
    importing waits for that thread; one that is complete cannot be begun before the fork.
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
    """The `__getattr__` and the `__dir__` of a package.

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
    """What stands for a name that a module does not have."""
    if name in ELSEWHERE:
        return f": use {ELSEWHERE[name]}"
    return "" if name.startswith("_") else did_you_mean(name, names)


class Table(Mapping[str, T]):
    """What a name stands for, as a dict that need not have everything yet.

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
