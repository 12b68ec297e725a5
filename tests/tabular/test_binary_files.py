"""Parquet, Feather, Excel, a folder of Parquet: the same table as the text."""

import datetime
from pathlib import Path

import numpy as np
import pytest
from small_tables import as_csv, mixed

from gdcore.tabular import TableModel, TableWarning, read

COLUMNS = {k: v for k, v in mixed().items() if k in ("size", "kind", "old", "price")}
SETTINGS = {"hidden": [4], "epochs": 1}


def parquet(path, columns=COLUMNS):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("narwhals")
    pq.write_table(pa.table(columns), path)


def folder(path):
    Path(path, "more").mkdir(parents=True)
    parquet(Path(path, "a.parquet"), {k: v[:100] for k, v in COLUMNS.items()})
    parquet(Path(path, "b.parquet"), {k: v[100:] for k, v in COLUMNS.items()})


def feather(path):
    pa, ff = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.feather")
    pytest.importorskip("narwhals")
    ff.write_feather(pa.table(COLUMNS), path)


def excel(path, columns=COLUMNS, header=True, sheets=()):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in ([list(columns)] if header else []) + list(
        map(list, zip(*columns.values(), strict=True))
    ):
        book.active.append(row)
    for name in sheets:
        book.create_sheet(name)
    book.save(path)


MAKES = {
    "t.parquet": parquet,
    "t": folder,
    "t.feather": feather,
    "t.arrow": feather,
    "t.xlsx": excel,
}


@pytest.mark.parametrize("name", MAKES)
def test_every_make_is_the_same_table(tmp_path, write, name):
    MAKES[name](tmp_path / name)
    table, text = read(tmp_path / name), read(write(as_csv(COLUMNS)))
    assert table.names == text.names and len(table) == len(text)
    want = TableModel(**SETTINGS).fit(text, "price", verbose=0)
    got = TableModel(**SETTINGS).fit(table, "price", verbose=0)
    assert str(got) == str(want)
    np.testing.assert_array_equal(
        got.predict(write(as_csv(COLUMNS))), want.predict(tmp_path / name)
    )


def test_a_sheet_as_people_make_it(tmp_path):
    rows = {"when": [datetime.datetime(2024, 1, 1 + i % 28) for i in range(40)], "n": [1, None] * 20,
            "y": [0.5, 1.5] * 20}  # fmt: skip
    excel(tmp_path / "t.xlsx", rows, sheets=["notes"])
    with pytest.warns(TableWarning, match="2 sheets, of which the first, 'Sheet', is read"):
        table = read(tmp_path / "t.xlsx")
    assert table.columns["when"].kind == "date" and np.isnan(table.columns["n"].values[1])
    assert table.where(0, "n").endswith("t.xlsx: line 2, column 'n'")
    excel(tmp_path / "u.xlsx", {str(i): v for i, v in enumerate(rows.values())}, header=False)
    plain = read(tmp_path / "u.xlsx", header=False)
    assert plain.names == ["0", "1", "2"] and len(plain) == 40


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.xlsx", "t"])
def test_what_is_no_such_file_is_one_line(tmp_path, name):
    pytest.importorskip("pyarrow")
    pytest.importorskip("narwhals")
    pytest.importorskip("openpyxl")
    path = tmp_path / name
    contents = [b"a,b\n1,2\n", b"PAR1nonsense", b"ARROW1nonsense", b"PK\x03\x04nonsense", b""]
    for content in contents:
        if name == "t":
            path.mkdir(exist_ok=True)
            (path / "README").write_bytes(content)
        else:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=r"expected (one|some)|cannot be read as") as caught:
            read(path)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / f"no{name}")
