"""Files of tables that are no text: Parquet, Feather, Excel, a folder of Parquet.

Each is read by the library that does it, and an error names the extra where that is not there.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gdcore.errors import missing
from gdcore.tabular.column import TableWarning
from gdcore.tabular.frames import from_columns, from_frame, narwhals
from gdcore.tabular.table import Table, check_names, quoted

__all__ = ["BINARY", "PARQUET", "is_binary", "is_folder_of_parquet", "read_binary"]

PARQUET = (".parquet", ".pq")
FEATHER = (".feather", ".arrow", ".ipc")
EXCEL = (".xlsx", ".xlsm")
BINARY = (*PARQUET, *FEATHER, *EXCEL)

# How files begin, and what a reader says that it expected.
MARKS = {
    **dict.fromkeys(PARQUET, ((b"PAR1",), "Parquet")),
    **dict.fromkeys(FEATHER, ((b"ARROW1", b"FEA1"), "Feather")),
    **dict.fromkeys(EXCEL, ((b"PK",), "Excel")),
}


def is_folder_of_parquet(path: str | os.PathLike[str]) -> bool:
    """Whether a folder has a Parquet file in it, or in a folder below."""
    return any(next(Path(path).rglob(f"*{ending}"), None) for ending in PARQUET)


def is_binary(path: str | os.PathLike[str]) -> bool:
    """Whether a path is not that of a text."""
    return Path(path).suffix.lower() in BINARY or Path(path).is_dir()


def read_binary(path: str | os.PathLike[str], header: bool | None = None) -> Table:
    """Read a file or a folder by its ending.

    Parameters
    ----------
    path : path-like
    header : bool, optional
        Whether the first row of a sheet names the columns: yes by default.

    Raises
    ------
    OSError
        If it cannot be opened.
    ImportError
        If the library for it is not there; the message says what to install.
    ValueError
        If it is not what its ending says.
    """
    source, ending = os.fspath(path), Path(path).suffix.lower()
    if Path(path).is_dir():
        if not is_folder_of_parquet(path):
            raise ValueError(f"{source}: a folder without .parquet files, expected some in it")
        return _by_frames(source, "Parquet", "read_parquet")
    marks, kind = MARKS[ending]
    if ending in EXCEL and find_spec("openpyxl") is None:
        raise missing("Excel files need openpyxl", "excel")
    if ending not in EXCEL:
        narwhals(f"{kind} files")
    with open(path, "rb") as file:
        if not file.read(6).startswith(marks):
            raise ValueError(
                f"{source}: not a file of {kind}, expected one that begins with {marks[0].decode()}"
            )
    if ending in EXCEL:
        table: Table = _read(source, kind, lambda: _sheet(source, header is not False))
        return table
    if ending in FEATHER:
        return _by_frames(source, kind, "read_ipc")
    return _by_frames(source, kind, "read_parquet")


def _by_frames(source: str, kind: str, function: str) -> Table:
    nw = narwhals(f"{kind} files")
    backend = next((name for name in ("pyarrow", "polars") if find_spec(name)), None)
    if backend is None:
        raise missing(f"{kind} files need pyarrow or polars", "tabular")

    def frame() -> Any:
        if function == "read_parquet":
            return nw.read_parquet(source, backend=backend)
        if backend == "pyarrow":
            from pyarrow import feather

            return feather.read_table(source)
        import polars as pl

        return pl.read_ipc(source)

    return from_frame(_read(source, kind, frame), source)


def _read(source: str, kind: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (MemoryError, ImportError):
        raise
    except Exception as error:  # each library has errors of its own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        message = f"{source}: cannot be read as {kind} ({reason})"
        raise ValueError(reason if reason.startswith(source) else message) from None


def _sheet(source: str, header: bool) -> Table:
    """The first sheet of a workbook: rows below a row of names, as far as cells hold something."""
    import openpyxl

    book = openpyxl.load_workbook(source, read_only=True, data_only=True)
    try:
        sheet = book.worksheets[0]
        if len(book.worksheets) > 1:
            warnings.warn(
                f"{source}: has {len(book.worksheets)} sheets, of which the first, "
                f"{quoted(sheet.title)}, is read",
                TableWarning,
                stacklevel=2,
            )
        lines = [(n, row) for n, row in enumerate(sheet.iter_rows(values_only=True), 1)
                 if any(cell is not None for cell in row)]  # fmt: skip
    finally:
        book.close()
    width = max((i + 1 for _, row in lines for i, c in enumerate(row) if c is not None), default=0)
    rows = [(n, [*row, *[None] * (width - len(row))][:width]) for n, row in lines]
    if len(rows) < 1 + header:
        raise ValueError(f"{source}: got {len(rows)} rows, expected names and at least one row")
    names = [str(i) for i in range(width)]
    if header:
        first = rows.pop(0)[1]
        names = [str(i) if name is None else str(name).strip() for i, name in enumerate(first)]
    check_names(source, names)
    columns = {name: [row[i] for _, row in rows] for i, name in enumerate(names)}
    table = from_columns(columns, source)
    return Table(source, table.columns, [n for n, _ in rows], {"header": header})
