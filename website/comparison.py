"""The page of measured comparisons, made from the tables in bench/README.md.

The tables there are written by `python -m bench.peers --publish`; nothing is typed in by hand here.
"""

from __future__ import annotations

import re

SECTION = re.compile(r"^### (.+?)\n(.*?)<!-- (\w+) -->\n(.*?)<!-- /\3 -->", re.S | re.M)


def tables(readme: str) -> list[tuple[str, str, str]]:
    """(title, words before, table with its words) of every measured table.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = [(m[1], m[2].strip(), m[4].strip()) for m in SECTION.finditer(readme)]
    if not found:
        raise ValueError(
            "bench/README.md holds no measured table: expected `### Title` and a table between "
            "<!-- name --> and <!-- /name -->"
        )
    return found


def reading(readme: str) -> str:
    """How to read the tables, in the benchmark's own words."""
    found = re.search(r"^## How to read them\n(.*?)^## ", readme, re.S | re.M)
    if not found:
        raise ValueError("bench/README.md has no section 'How to read them'")
    return found[1].strip()


def page(readme: str) -> str:
    """The whole page."""
    lines = [
        "# Measured against others",
        "",
        "This page is generated from the tables that the benchmarks wrote; the commands that made "
        "them are in `bench/` of the source. *Ratio* is the best peer's time over gdcore's: above 1 "
        "gdcore is faster, below 1 it is slower. *Target* and *reach* are what the project asks of "
        "itself, and *met* says whether it got there; what is not met is left standing.",
        "",
        "## How to read the tables",
        reading(readme),
        "",
    ]
    for title, before, table in tables(readme):
        lines += [f"## {title}", before, "", table, ""]
    return "\n".join(lines)
