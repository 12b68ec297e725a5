"""The pages of the reference: one for each public module, made from its docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from website import api

# Guides in the order in which a newcomer meets the questions; those not named here follow by name.
GUIDES = [
    "data",
    "tables",
    "training-loops",
    "custom-layers-and-losses",
    "diagnostics",
    "saving-and-resuming",
    "many-models",
    "onnx",
    "from-scikit-learn",
    "from-keras",
    "from-pytorch",
]


def in_order(guides: Iterable[Path]) -> list[Path]:
    """Guides as the navigation lists them."""
    return sorted(
        guides, key=lambda g: (GUIDES.index(g.stem) if g.stem in GUIDES else len(GUIDES), g.stem)
    )


def there() -> dict[str, ModuleType]:
    """Public modules by name. All have to be importable: a reference with holes is none."""
    found: dict[str, ModuleType] = {}
    for name, module in api.modules():
        if isinstance(module, ImportError):
            raise module
        found[name] = module
    return found


def path_of(module: str) -> str:
    """The page of a module."""
    return f"reference/{module}.md"


def navigation() -> list[dict[str, str]]:
    """What the reference holds."""
    return [{"Overview": "reference/index.md"}, *({name: path_of(name)} for name in there())]


def pages() -> dict[str, str]:
    """Every page of the reference, by path."""
    owned: dict[str, list[api.Item]] = {name: [] for name in there()}
    modules = sorted(owned, key=len, reverse=True)
    for item in api.items():
        if item.owner is None:
            home = next(m for m in modules if item.path.startswith(f"{m}."))
            owned[home].append(item)
    made = {path_of(name): page(name, there()[name], items) for name, items in owned.items()}
    made["reference/index.md"] = overview(owned)
    return made


def first_line(item: Any) -> str:
    """What a docstring says at once."""
    return (inspect.getdoc(item) or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def overview(owned: dict[str, list[api.Item]]) -> str:
    """The table of modules."""
    rows = [
        f"| [`{name}`]({name}.md) | {first_line(module)} | {len(owned[name])} |"
        for name, module in there().items()
    ]
    return "\n".join(
        [
            "# Reference",
            "",
            "Everything that is public, made from the docstrings; their examples run as tests.",
            "",
            "| module | what it holds | names |",
            "|---|---|---:|",
            *rows,
            "",
        ]
    )


def page(name: str, module: ModuleType, items: list[api.Item]) -> str:
    """A module: what it says of itself, a list of its names, and each of them."""
    lines = [f"# {name}", "", fenced_examples(inspect.getdoc(module) or ""), ""]
    for kind, title in (("class", "Classes"), ("function", "Functions"), ("value", "Values")):
        of_kind = sorted((i for i in items if i.kind == kind), key=lambda i: i.path.lower())
        if not of_kind:
            continue
        lines += [f"**{title}**", "", "| name | |", "|---|---|"]
        for i in of_kind:
            short = i.path.removeprefix(f"{name}.")
            shown = value(i.object) if kind == "value" else first_line(i.object)
            link = f"`{short}`" if kind == "value" else f"[`{short}`][{i.path}]"
            lines.append(f"| {link} | {shown} |")
        lines.append("")
    for i in sorted((i for i in items if i.kind != "value"), key=lambda i: i.path.lower()):
        lines += [f"::: {i.path}", ""]
    return "\n".join(lines)


def value(item: Any) -> str:
    """What a constant is, short enough for a table."""
    if isinstance(item, dict):
        return "by name: " + ", ".join(f"`{k}`" for k in item)
    text = repr(item)
    return f"`{text}`" if len(text) < 90 else f"a {type(item).__name__}"


def fenced_examples(doc: str) -> str:
    """A docstring of a module as Markdown: its examples become code."""
    out, code = [], False
    for line in doc.splitlines():
        if line.startswith(">>> ") and not code:
            out.append("```pycon")
            code = True
        if code and not line.strip():
            out.append("```")
            code = False
        out.append(line)
    return "\n".join([*out, "```"] if code else out)
