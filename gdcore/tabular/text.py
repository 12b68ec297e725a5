"""Tables in delimited text: .csv and its kin."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from typing import Any

import numpy as np

from gdcore.tabular.arrow_text import read_columns
from gdcore.tabular.opening import as_text, contents, name_of
from gdcore.tabular.table import MISSING, Raw, SettingError, Table, check_names, number

__all__ = ["read_text"]

DELIMITERS = ",;\t|"
BLANK = " "  # stands for any number of blanks and tabs
LARGEST_HEAD = 1 << 20  # characters of the first line

_NUMBER = re.compile(r"[+-]?\d[\d.,]*", re.ASCII)  # with a decimal comma too


def read_text(
    path: str | os.PathLike[str],
    delimiter: str | None = None,
    header: bool | None = None,
    encodings: Sequence[str] = ("utf-8",),
    names: Sequence[str] = (),
    usual: str | None = None,
) -> Table:
    """Read a delimited text file; every column of the table holds text.

    Parameters
    ----------
    path : path-like, or "-" for standard input
        Of a file that may be packed by gzip, bzip2 or xz.
    delimiter : str, optional
        One character, a blank for any number of them; by default the one of ``, ; tab |`` that
        cuts the first line into most names that are known, or most often, or else blanks.
    header : bool, optional
        Whether the first line names the columns; otherwise they are called "0", "1", … By default
        it does, unless it holds numbers, which is an error that asks.
    encodings : sequence of str
        The first of them that can read the file is taken. A byte order mark decides alone.
    names : sequence of str
        Columns that are known to be in such files.
    usual : str, optional
        A delimiter that such files had before, to be tried with the others.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        With file and line, if the content is not a table.
    """
    source = name_of(path)
    if delimiter is not None and len(delimiter) != 1:
        raise SettingError(f"delimiter must be one character, got {delimiter!r}: for example ';'")
    with contents(path) as content:
        for encoding in encodings[:-1]:
            try:
                return _read(source, as_text(content, encoding), delimiter, header, names, usual)
            except UnicodeError:
                continue
        try:
            text = as_text(content, encodings[-1])
            return _read(source, text, delimiter, header, names, usual)
        except UnicodeError as error:
            reason = f"{error.reason} at byte {error.start}" if isinstance(
                error, UnicodeDecodeError
            ) else str(error)  # fmt: skip
            raise ValueError(
                f"{source}: not a text file in {encodings[-1].upper()} ({reason}): save it as "
                "UTF-8, or name its encoding, for example encoding='latin-1'"
            ) from None
        except LookupError:
            raise SettingError(
                f"unknown encoding {encodings[-1]!r}, expected for example 'utf-8' or 'latin-1'"
            ) from None


def _read(
    source: str,
    file: TextIOWrapper,
    delimiter: str | None,
    header: bool | None,
    names: Sequence[str],
    usual: str | None,
) -> Table:
    try:
        lines = (line for line in iter(lambda: file.readline(LARGEST_HEAD), "") if line.strip())
        mark = delimiter or _delimiter([next(lines, ""), next(lines, "")], names, usual)
        file.seek(0)
        reader = _reader(file, mark)
        try:
            return _table(source, _rows(source, reader, mark), mark, header, file)
        except csv.Error as error:
            raise ValueError(
                f"{source}: line {reader.line_num} cannot be read ({error}), expected plain "
                "delimited text: mend the line"
            ) from None
    finally:
        file.detach()  # the bytes may be read again


def _reader(lines: Iterable[str], mark: str) -> Any:
    if mark == BLANK:
        lines = (line.replace("\t", BLANK).strip() + "\n" for line in lines)
    return csv.reader(lines, delimiter=mark, strict=True, skipinitialspace=True)


def _delimiter(lines: Sequence[str], names: Sequence[str], usual: str | None) -> str:
    """What cuts the first line into known names, or most often."""

    def cells(line: str, mark: str) -> list[str]:
        try:
            return [cell.strip() for cell in next(_reader([line], mark), [])]
        except csv.Error:
            return []

    def merit(mark: str) -> tuple[int, bool, int]:
        found = cells(lines[0], mark)
        known = len(set(names).intersection(found))
        return known, len(found) in (len(names), len(names) - 1), len(found) - found.count("")

    marks: list[str] = list(dict.fromkeys([*(usual or "").strip(BLANK), *DELIMITERS]))
    best: str = max(marks, key=merit)  # the first of equal ones
    found = cells(lines[0], best)
    filled = best == "\t" and any(2 * BLANK in cell for cell in found)
    if len(found) == 1 or found.count("") > 1 or filled:  # uncut, or tabs that fill up columns
        first, second = (len(cells(line, BLANK)) for line in lines)
        if first == second > 1 and merit(BLANK) >= merit(best):
            return BLANK
    return best


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
    file: TextIOWrapper,
) -> Table:
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{source}: the file is empty, expected a header and rows below it")
    if not all(cell.isprintable() for cell in first[1]):
        raise ValueError(
            f"{source}: not a text file, expected cells with {delimiter!r} between them"
        )
    numbers = [c for c in first[1] if number(c) is not None or _NUMBER.fullmatch(c)]
    if header is None and numbers:
        raise SettingError(
            f"{source}: the first line holds numbers such as {numbers[0]}: is it data? Pass "
            "header=False if it is, or header=True if it names the columns"
        )
    names = [str(i) for i in range(len(first[1]))] if header is False else first[1]
    check_names(source, names)
    layout = {"delimiter": delimiter, "header": header is not False}
    if delimiter != BLANK:
        named = header is not False
        read = read_columns(file.buffer, file.encoding, delimiter, len(names), named)
        if read is not None and len(read[0]):
            own = {name: Raw("text", column) for name, column in zip(names, read, strict=True)}
            return Table(source, own, np.arange(1 + named, 1 + named + len(read[0])), layout)
    columns: list[list[str | None]] = [[] for _ in names]
    lines: list[int] = []
    if header is False:
        _append(columns, lines, *first)
    for line, cells in rows:
        _append(columns, lines, line, cells)
    if not lines:
        raise ValueError(f"{source}: got no rows of data, expected a header and rows below it")
    made = {name: Raw("text", column) for name, column in zip(names, columns, strict=True)}
    return Table(source, made, lines, layout)


def _append(
    columns: Sequence[list[str | None]], lines: list[int], line: int, cells: Sequence[str]
) -> None:
    lines.append(line)
    for column, cell in zip(columns, cells, strict=True):
        column.append(None if cell in MISSING else cell)
