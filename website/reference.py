"""The pages of the reference: one for each public module, made from its docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from website import api
from website.docstrings import Links, markdown, signature

# Guides in the order in which a newcomer meets the questions; those not named here follow by name.
GUIDES = {
    "tables": "Tables",
    "images": "Images",
    "training-loops": "Training loops",
    "custom-layers-and-losses": "Custom layers and losses",
    "diagnostics": "Diagnostics",
    "saving-and-resuming": "Saving and resuming",
    "sequences": "Sequences",
    "onnx": "ONNX files",
    "attention": "Attention and transformers",
    "many-models": "Many models at once",
    "data-larger-than-memory": "Data larger than memory",
    "from-scikit-learn": "From scikit-learn",
    "from-keras": "From Keras",
    "from-pytorch": "From PyTorch",
}


def in_order(guides: Iterable[Path]) -> list[Path]:
    """Guides as the navigation lists them."""
    known = list(GUIDES)
    return sorted(
        guides, key=lambda g: (known.index(g.stem) if g.stem in GUIDES else len(GUIDES), g.stem)
    )


def listed(guides: Iterable[Path]) -> list[str | dict[str, str]]:
    """The navigation's part with the guides, by title."""
    return [
        {GUIDES[g.stem]: f"guides/{g.name}"} if g.stem in GUIDES else f"guides/{g.name}"
        for g in in_order(guides)
    ]


def there() -> dict[str, ModuleType]:
    """Public modules by name. All have to be importable: a reference with holes is none."""
    found: dict[str, ModuleType] = {}
    for name, module in api.modules():
        if isinstance(module, ImportError):
            raise module
        found[name] = module
    return found


def navigation() -> list[dict[str, str]]:
    """What the reference holds."""
    return [{"Overview": "reference/index.md"}, *({m: f"reference/{m}.md"} for m in there())]


def pages() -> dict[str, str]:
    """Every page of the reference, by path."""
    modules, items = there(), list(api.items())
    links = Links(items, list(modules))
    owned: dict[str, list[api.Item]] = {name: [] for name in modules}
    for item in items:
        home = max((m for m in modules if item.path.startswith(f"{m}.")), key=len)
        owned[home].append(item)
    made = {
        f"reference/{name}.md": page(
            name, module, owned[name], elsewhere(name, module, items), links
        )
        for name, module in modules.items()
    }
    made["reference/index.md"] = overview(modules, owned, links)
    return made


def elsewhere(name: str, module: ModuleType, items: list[api.Item]) -> list[api.Item]:
    """What a module exports that has its entry on another page."""
    homes = {id(i.object): i for i in items if i.kind != "value"}
    found = [homes[id(thing)] for _, thing in api.exported(module) if id(thing) in homes]
    return [i for i in found if i.path.rpartition(".")[0] != name]


def overview(modules: dict[str, ModuleType], owned: dict[str, list[api.Item]], links: Links) -> str:
    """The table of modules."""
    rows = [
        f"| [`{name}`]({name}.md) | {first_line(module, name, links)} "
        f"| {sum(i.owner is None for i in owned[name])} |"
        for name, module in modules.items()
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


def first_line(item: Any, around: str, links: Links) -> str:
    """What a docstring says at once, for a table."""
    line = (inspect.getdoc(item) or "").split("\n\n")[0].replace("\n", " ")
    return links.prose(line, around).replace("|", "\\|")


def value(item: Any) -> str:
    """What a constant is, for a table."""
    if isinstance(item, dict):
        return "by name: " + ", ".join(f"`{k}`" for k in item)
    text = repr(item).replace("|", "\\|")
    return f"`{text}`" if len(text) < 90 else f"a {type(item).__name__}"


def page(
    name: str, module: ModuleType, items: list[api.Item], others: list[api.Item], links: Links
) -> str:
    """A module: what it says of itself, a table of its names, and each of them."""
    lines = [f"# {name} {{ #{name} }}", "", markdown(inspect.getdoc(module) or "", name, links), ""]
    own = sorted((i for i in items if i.owner is None), key=lambda i: i.path.lower())
    for kind, title in (("class", "Classes"), ("function", "Functions"), ("value", "Values")):
        rows = [
            f"| `{short}` | {value(i.object)} |"
            if kind == "value"
            else f"| [`{short}`][{i.path}] | {first_line(i.object, i.path, links)} |"
            for i in own
            if i.kind == kind
            for short in [i.path.removeprefix(f"{name}.")]
        ]
        if rows:
            lines += [f"**{title}**{{ .section }}", "", "| name | |", "|---|---|", *rows, ""]
    if others:
        rows = [
            f"| [`{i.path}`][{i.path}] | {first_line(i.object, i.path, links)} |" for i in others
        ]
        lines += ["**Documented elsewhere**{ .section }", "", "| name | |", "|---|---|", *rows, ""]
    members: dict[str, list[api.Item]] = {}
    for i in items:
        if i.owner is not None and i.described:
            members.setdefault(i.path.rpartition(".")[0], []).append(i)
    for i in own:
        if i.kind != "value":
            lines += entry(i, links, 2)
        for member in members.get(i.path, ()):
            lines += entry(member, links, 3)
    return "\n".join(lines)


def entry(item: api.Item, links: Links, level: int) -> list[str]:
    """A class, function, method or property."""
    short = item.path.rpartition(".")[2]
    lines = [f"{'#' * level} {short} {{ #{item.path} }}", ""]
    if item.kind != "property":
        lines += ["```python", signature(item), "```", ""]
    return [*lines, markdown(inspect.getdoc(item.object) or "", item.path, links), ""]
