"""Tables in delimited text: .csv and its kin."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from typing import Any

from gdcore.tabular.table import MISSING, Raw, SettingError, Table, check_names, number

__all__ = ["read_text"]

DELIMITERS = ",;\t|"
LARGEST_HEAD = 1 << 20  # characters of the first line


def read_text(
    path: str | os.PathLike[str],
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str = "utf-8",
) -> Table:
    """Read a delimited text file; every column of the table holds text.

    Parameters
    ----------
    path : path-like
    delimiter : str, optional
        One character; by default the one of ``, ; tab |`` that cuts the first line most often.
    header : bool, optional
        Whether the first line names the columns; otherwise they are called "0", "1", … By default
        it does, unless it holds numbers, which is an error that asks.
    encoding : str
        A byte order mark is skipped.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        With file and line, if the content is not a table.
    """
    source = os.fspath(path)
    if delimiter is not None and len(delimiter) != 1:
        raise SettingError(f"delimiter must be one character, got {delimiter!r}: for example ';'")
    try:
        with open(path, encoding=_with_mark(encoding), newline="") as file:
            mark = delimiter or _delimiter(file.readline(LARGEST_HEAD))
            file.seek(0)
            reader = csv.reader(file, delimiter=mark, strict=True, skipinitialspace=True)
            try:
                return _table(source, _rows(source, reader, mark), mark, header, encoding)
            except csv.Error as error:
                raise ValueError(
                    f"{source}: line {reader.line_num} cannot be read ({error}), expected plain "
                    "delimited text: mend the line"
                ) from None
    except UnicodeError as error:
        reason = f"{error.reason} at byte {error.start}" if isinstance(
            error, UnicodeDecodeError
        ) else str(error)  # fmt: skip
        raise ValueError(
            f"{source}: not a text file in {encoding.upper()} ({reason}): save it as UTF-8, or name "
            "its encoding, for example encoding='latin-1'"
        ) from None
    except LookupError:
        raise SettingError(
            f"unknown encoding {encoding!r}, expected for example 'utf-8' or 'latin-1'"
        ) from None


def _with_mark(encoding: str) -> str:
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


def _delimiter(line: str) -> str:
    counts = {mark: len(next(csv.reader([line], delimiter=mark), [])) for mark in DELIMITERS}
    return max(DELIMITERS, key=lambda mark: counts[mark])  # the first of equal ones


def _rows(source: str, reader: Any, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Lines with their numbers; all of them as long as the first."""
    width = 0
    for cells in reader:
        if not cells:  # an empty line
            continue
        width = width or len(cells)
        if len(cells) != width:
            raise ValueError(
                f"{source}: line {reader.line_num} has {len(cells)} cells, expected {width}: mend "
                f"the line, or pass another delimiter than {delimiter!r}"
            )
        yield reader.line_num, [cell.strip() for cell in cells]


def _table(
    source: str,
    rows: Iterator[tuple[int, list[str]]],
    delimiter: str,
    header: bool | None,
    encoding: str,
) -> Table:
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{source}: the file is empty, expected a header and rows below it")
    if not all(cell.isprintable() for cell in first[1]):
        raise ValueError(
            f"{source}: not a text file, expected cells with {delimiter!r} between them"
        )
    numbers = [cell for cell in first[1] if number(cell) is not None]
    if header is None and numbers:
        raise SettingError(
            f"{source}: the first line holds numbers such as {numbers[0]}: is it data? Pass "
            "header=False if it is, or header=True if it names the columns"
        )
    names = [str(i) for i in range(len(first[1]))] if header is False else first[1]
    check_names(source, names)
    columns: list[list[str | None]] = [[] for _ in names]
    lines: list[int] = []
    if header is False:
        _append(columns, lines, *first)
    for line, cells in rows:
        _append(columns, lines, line, cells)
    if not lines:
        raise ValueError(f"{source}: got no rows of data, expected a header and rows below it")
    layout = {"delimiter": delimiter, "header": header is not False, "encoding": encoding}
    made = {name: Raw("text", column) for name, column in zip(names, columns, strict=True)}
    return Table(source, made, lines, layout)


def _append(
    columns: Sequence[list[str | None]], lines: list[int], line: int, cells: Sequence[str]
) -> None:
    lines.append(line)
    for column, cell in zip(columns, cells, strict=True):
        column.append(None if cell in MISSING else cell)
