"""Files of another make than the training's: another separator, encoding or wrapping."""

import bz2
import gzip
import io
import lzma
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from small_tables import as_csv, mixed

import gdcore as gd
from gdcore.tabular import TableModel, read

COLUMNS = {k: v for k, v in mixed().items() if k in ("size", "kind", "price")}
SETTINGS = {"hidden": [4], "epochs": 1}


def with_blanks(columns):
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    return "\n".join("  ".join(f"{'NA' if v is None else v!s:>9}" for v in r) + " " for r in rows)


MAKES = {
    "semicolons": ("t.csv", as_csv(COLUMNS, delimiter=";").encode()),
    "tabs": ("t.tsv", as_csv(COLUMNS, delimiter="\t").encode()),
    "colons": ("t.csv", as_csv(COLUMNS, delimiter=":").encode()),
    "blanks": ("t.data", with_blanks(COLUMNS).encode()),
    "blanks and tabs": ("t.txt", with_blanks(COLUMNS).replace("  ", " \t").encode()),
    "utf-8 with its mark": ("t.csv", as_csv(COLUMNS).encode("utf-8-sig")),
    "utf-16": ("t.csv", as_csv(COLUMNS).encode("utf-16")),
    "utf-16, big end first": ("t.csv", b"\xfe\xff" + as_csv(COLUMNS).encode("utf-16-be")),
    "utf-32": ("t.csv", as_csv(COLUMNS, delimiter=";").encode("utf-32")),
    "gzip": ("t.csv.gz", gzip.compress(as_csv(COLUMNS).encode())),
    "bzip2": ("t.csv.bz2", bz2.compress(as_csv(COLUMNS).encode())),
    "xz, utf-16": ("t.tsv.xz", lzma.compress(as_csv(COLUMNS, delimiter="\t").encode("utf-16"))),
}


@pytest.mark.parametrize("make", MAKES)
def test_every_make_is_the_same_table(write, make, tmp_path):
    name, content = MAKES[make]
    told = {"delimiter": ":"} if make == "colons" else {}
    path = write(content, name)
    want = TableModel(**SETTINGS).fit(COLUMNS, "price", verbose=0)
    got = TableModel(**SETTINGS).fit(read(path, **told), "price", verbose=0)
    assert str(got) == str(want)
    # Whatever the training's file was, the others are read.
    got.save(tmp_path / "m")
    loaded = gd.load(tmp_path / "m")
    for other, (name, content) in MAKES.items():
        if other != "colons":
            new = write(content, "new_" + name)
            np.testing.assert_array_equal(loaded.predict(new), want.predict(COLUMNS), other)


def test_a_header_cut_by_another_mark_too(write):
    """The names of training decide, not how often a mark cuts."""
    columns = {"size, in m": [1.5, 2.5] * 10, "a b": ["u", "v"] * 10, "y": [0.5, 1.5] * 10}
    quoted = '"size, in m",a b,y\n' + "1.5,u,0.5\n2.5,v,1.5\n" * 10
    model = TableModel(**SETTINGS).fit(columns, "y", verbose=0)
    new = write("size, in m;a b\n1.5;u\n", "n.csv")
    assert model.predict(new) == model.predict(write(quoted))[0]


def test_a_file_of_one_column_with_blanks_in_its_name(write):
    model = TableModel(**SETTINGS).fit({"a b": [1.5, 2.5], "y": [0.5, 1.5]}, "y", verbose=0)
    assert model.predict(write("a b\n1.5\n")).shape == (1,)
    assert read(write("a b\n1.5\n2.5\n", "u.csv")).names == ["a b"]


def test_blanks_with_a_tab_and_lines_without_anything(write):
    """As the automobiles of UCI are written."""
    rows = "".join(f"{18.5 + i}   8   {300 + i}.  \t'ford {i}'\n" for i in range(9))
    table = read(write("\n" + rows.replace("'", '"'), "t.data"), header=False)
    assert table.names == ["0", "1", "2", "3"] and table.columns["3"].values[0] == "ford 0"
    assert table.lines[0] == 2
    cells = read(write("a name\tits age\nAnn Lee\t3\n"))  # tabs, and blanks within cells
    assert cells.names == ["a name", "its age"]
    assert read(write("\n\na;b\n1;2\n")).names == ["a", "b"]


def test_another_encoding_than_the_training_s(write):
    text = "k,y\n" + "für,0.5\nvor,1.5\n" * 10
    model = TableModel(**SETTINGS)
    model.fit(read(write(text, "l.csv", "latin-1"), encoding="latin-1"), "y", verbose=0)
    assert model.encoder.columns[0].categories == ("für", "vor")
    for encoding in ("utf-8", "utf-8-sig", "latin-1", "utf-16"):
        np.testing.assert_array_equal(
            model.predict(write(text, "n.csv", encoding)),
            model.predict({"k": ["für", "vor"] * 10}),
        )


def test_no_separator_that_fits_says_what_training_had(write):
    model = TableModel(**SETTINGS).fit(write(as_csv(COLUMNS)), "price", verbose=0)
    new = write("size^kind\n2000^oak\n", "n.csv")
    with pytest.raises(ValueError, match=r"no column of training.*training's file had ','") as one:
        model.predict(new)
    assert "\n" not in str(one.value)


def test_standard_input(monkeypatch, write):
    for name, content in MAKES.values():
        if name != "t.csv" or b":" not in content:
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
            table = read("-")
            assert table.names == ["size", "kind", "price"] and len(table) == 160
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a,b\n1,2\n1\n")))
    with pytest.raises(ValueError, match="standard input: line 3 has 1 cells, expected 2"):
        read("-")


@pytest.mark.parametrize("ending", [b"", b"\x00" * 40])
def test_a_damaged_archive_is_one_line(write, ending):
    whole = gzip.compress(as_csv(COLUMNS).encode())
    with pytest.raises(ValueError, match="cannot be unpacked") as caught:
        read(write(whole[: len(whole) // 2] + ending, "t.csv.gz"))
    assert "\n" not in str(caught.value)


def test_a_first_line_of_decimal_commas_is_asked_about(write):
    with pytest.raises(ValueError, match="header=False if it is"):
        read(write("1,5;2,5\n3,5;4,5\n"))
