"""Delimited text as it stands in the file, with the line of every row."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass

__all__ = ["MISSING", "Sheet", "number", "read_sheet"]

#: Texts that stand for a value that is not there.
MISSING = frozenset(["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"])


@dataclass(frozen=True)
class Sheet:
    """The text of a table: cells stripped, every row as long as the header."""

    source: str
    names: list[str]
    rows: list[list[str]]
    lines: list[int]

    def where(self, row: int, name: str) -> str:
        return f"{self.source}: line {self.lines[row]}, column {name!r}"


def read_sheet(path: str | os.PathLike[str], delimiter: str, header: bool) -> Sheet:
    """Read a delimited text file, in UTF-8, into a `Sheet`."""
    source = os.fspath(path)
    names: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True, skipinitialspace=True)
        try:
            for cells in reader:
                if not cells:  # an empty line
                    continue
                if not names:
                    names = [cell.strip() for cell in cells] if header else _numbered(len(cells))
                    if header:
                        continue
                if len(cells) != len(names):
                    raise ValueError(
                        f"{source}: line {reader.line_num} has {len(cells)} cells, expected "
                        f"{len(names)}: mend the line, or pass another delimiter than "
                        f"{delimiter!r}"
                    )
                rows.append([cell.strip() for cell in cells])
                lines.append(reader.line_num)
        except csv.Error as error:
            raise ValueError(
                f"{source}: line {reader.line_num} cannot be read ({error}), expected plain "
                "delimited text: mend the line"
            ) from None
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{source}: not UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8"
            ) from None
    if not rows:
        raise ValueError(f"{source}: got no rows of data, expected a header and rows below it")
    return Sheet(source, names, rows, lines)


def _numbered(count: int) -> list[str]:
    return [str(i) for i in range(count)]


def number(text: str) -> float | None:
    """Return the number that a cell holds, or None where it is text."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None
