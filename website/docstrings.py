"""A numpydoc docstring as Markdown, its names linked to where they are described."""

from __future__ import annotations

import inspect
import re
import textwrap

from website import api

LISTS = ("Parameters", "Other Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns")
MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", "{": "&#123;", "*": "&#42;", "[": "&#91;"})
CODE = re.compile(r"(``.+?``|`[^`\n]+`)", re.S)


class Links:
    """Finds the public name that a word in backticks stands for.

    Parameters
    ----------
    items : list of api.Item
        Everything that the reference describes.
    modules : list of str
        The public modules.
    """

    def __init__(self, items: list[api.Item], modules: list[str]) -> None:
        self.paths = {i.path for i in items if i.described} | set(modules)

    def find(self, word: str, around: str) -> str | None:
        """The path of a name as it is written in the docstring of `around`, if it is a public one."""
        word = word.removesuffix("()")
        if word.startswith("gd."):
            word = "gdcore." + word.removeprefix("gd.")
        steps = around.split(".")
        places = [".".join(steps[:n]) for n in range(len(steps), 0, -1)]
        for path in (word, *(f"{place}.{word}" for place in places)):
            if path in self.paths and path != around:
                return path
        return None

    def prose(self, text: str, around: str) -> str:
        """Words of a docstring as Markdown: code is linked, and nothing else is markup."""
        out = []
        for part in CODE.split(text):
            if not part.startswith("`"):
                out.append(part.translate(MARKUP))
                continue
            path = self.find(part.strip("`"), around) if not part.startswith("``") else None
            out.append(f"[{part}][{path}]" if path else part)
        return "".join(out)


def signature(item: api.Item) -> str:
    """How a name is called, without types, which its description gives."""
    name = item.path.rpartition(".")[2]
    try:
        found = inspect.signature(item.object)
    except (TypeError, ValueError):
        return name
    several = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    if several and several[0].name in ("self", "cls"):
        several = several[1:]
    try:
        plain = str(found.replace(parameters=several, return_annotation=found.empty))
    except ValueError:
        plain = str(found)
    words = re.sub(r"<factory>|<(?:function|object|class)[^>]*>", "...", plain)
    if len(name + words) <= 92 or not several:
        return name + words
    inner = textwrap.wrap(words[1:-1], 84, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"{name}(", *(f"    {line}" for line in inner), ")"])


def described(text: str, around: str, links: Links) -> str:
    """The entries of a section as a list of definitions."""
    lines = []
    for line in inspect.cleandoc(text).splitlines():
        if line and not line[0].isspace():
            name, colon, kind = line.partition(" : ")
            words = f" : {links.prose(kind, around)}" if colon else ""
            lines += [
                "",
                f"**`{name}`**{words}" if colon else f"**{links.prose(name, around)}**",
                "",
            ]
            lines.append(":   ")
        elif line:
            lines[-1:] = [lines[-1], f"    {links.prose(line.strip(), around)}"]
        else:
            lines.append("")
    return "\n".join(lines)


def shown(text: str, around: str, links: Links) -> str:
    """Words and examples; what follows `>>>` up to an empty line is code."""
    out: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        if paragraph.lstrip().startswith(">>> "):
            out.append(f"```pycon\n{inspect.cleandoc(paragraph)}\n```")
        else:
            out.append(links.prose(paragraph, around))
    return "\n\n".join(out)


def markdown(doc: str, around: str, links: Links) -> str:
    """The whole docstring."""
    out = []
    for title, text in api.sections(doc).items():
        if title:
            out.append(f"**{title}**{{ .section }}")
        render = described if title in LISTS else shown
        out.append(render(text, around, links))
    return "\n\n".join(out)
