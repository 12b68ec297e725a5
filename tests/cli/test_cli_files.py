"""Files as they come, on the command line: other separators, encodings, packings and notations."""

import gzip
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from commands import run, write_npz, write_table

TRAIN = ("train", "t.csv", "--target", "price", "--epochs", 2)


@pytest.fixture
def trained(capsys):
    """A table, a model of it, and what that predicts."""
    write_table()
    assert run(capsys, *TRAIN, "--out", "m", "--quiet")[0] == 0
    return run(capsys, "predict", "m", "t.csv")


def test_files_of_another_make_than_the_training_s(capsys, monkeypatch, trained):
    text = Path("t.csv").read_text()
    Path("semicolons.csv").write_text(text.replace(",", ";"))
    Path("blanks.data").write_text(text.replace(",", "  "))
    Path("utf-16.csv").write_text(text, encoding="utf-16")
    Path("packed.csv.gz").write_bytes(gzip.compress(text.encode()))
    Path("colons.csv").write_text(text.replace(",", ":"))
    for name in ("semicolons.csv", "blanks.data", "utf-16.csv", "packed.csv.gz"):
        assert run(capsys, "predict", "m", name) == trained, name
        assert run(capsys, "evaluate", "m", name)[0] == 0
    assert run(capsys, "predict", "m", "colons.csv", "--delimiter", ":") == trained
    code, _, err = run(capsys, "predict", "m", "colons.csv")
    assert code == 1 and "no column of training" in err and "had ',' between them" in err
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    assert run(capsys, "predict", "m", "-") == trained
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    code, out, _ = run(capsys, "evaluate", "m", "-")
    assert code == 0 and out.startswith("standard input: 120 rows")


def test_training_on_standard_input_and_on_a_packed_file(capsys, monkeypatch, trained):
    text = Path("t.csv").read_text()
    for source in ("-", "t.csv.gz"):
        Path("t.csv.gz").write_bytes(gzip.compress(text.encode()))
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
        assert run(capsys, "train", source, *TRAIN[2:], "--out", "n")[0] == 0
        assert run(capsys, "predict", "n", "t.csv") == trained


def test_a_test_file_of_another_make(capsys, trained):
    Path("u.csv").write_text(Path("t.csv").read_text().replace(",", ";"), encoding="utf-16")
    code, out, err = run(capsys, *TRAIN, "--test", "u.csv")
    assert code == 0, err
    assert "96 training + 24 validation + 120 held-out rows" in out


def test_an_encoding_is_told_where_no_mark_tells_it(capsys):
    text = "k,y\n" + "für,0.5\nvor,1.5\n" * 30
    Path("t.csv").write_text(text)
    Path("u.csv").write_bytes(text.encode("latin-1"))
    words = ("train", "t.csv", "--target", "y", "--epochs", 2, "--out", "m", "--quiet")
    assert run(capsys, *words)[0] == 0
    code, _, err = run(capsys, "predict", "m", "u.csv")
    assert code == 1 and "name its encoding, for example --encoding latin-1" in err
    want = run(capsys, "predict", "m", "t.csv")
    assert run(capsys, "predict", "m", "u.csv", "--encoding", "latin-1") == want


def test_marks_of_numbers_and_of_missing_values(capsys):
    draw = np.random.default_rng(0)
    x, z = draw.integers(1000, 99_999, 150), draw.integers(18, 70, 150)
    rows = [f'"{a:,}",{b},{a / 100 + b:.2f}' for a, b in zip(x, z, strict=True)]
    rows[7] = rows[7].replace(f",{z[7]},", ",-999,")
    rows[9] = rows[9].replace(f",{z[9]},", ",n.v.,")
    Path("t.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    words = ("train", "t.csv", "--target", "y", "--epochs", 2)
    code, _, err = run(capsys, *words)
    assert code == 1 and "line 11, column 'b': got 'n.v.', expected a number" in err
    assert "pass --na 'n.v.' if" in err and "--kind 'b=category'" in err
    code, out, err = run(capsys, *words, "--na", "-999,n.v.", "--out", "m")
    assert code == 0
    assert err.count("column 'a'") == 1 and "pass --thousands ',' or --decimal ','" in err
    code, out, err = run(capsys, *words, "--na", "-999,n.v.", "--thousands", ",", "--out", "m")
    assert code == 0 and "column" not in err
    assert "a       number" in out and "written as 1,234.5" in out and "missing: " in out
    code, out, err = run(capsys, "predict", "m", "t.csv")
    assert (code, err) == (0, "") and len(out.split()) == 151
    code, _, err = run(capsys, *words, "--decimal", "x")
    assert code == 2 and "--decimal 'x': expected '.' or ','" in err


def test_text_in_an_array_is_read_as_a_table_s_target_is(capsys):
    prices = [f"{v:.2f}" for v in np.random.default_rng(0).uniform(1, 900, 89)]
    write_npz("t.npz", y=lambda x: np.array([*prices, "12,5"]))
    code, _, err = run(capsys, "train", "t.npz", "--epochs", 1)
    assert code == 1 and "t.npz: y: got '12,5', expected a number as in most rows" in err
    write_npz("t.npz", y=lambda x: np.array([*prices, "12.5"]))
    code, out, _ = run(capsys, "train", "t.npz", "--epochs", 1, "--out", "m")
    assert code == 0 and "features, regression" in out
    assert run(capsys, "evaluate", "m", "t.npz")[0] == 0
    write_npz("t.npz", y=lambda x: np.array(["01", "02", "30"] * 30))
    code, out, _ = run(capsys, "train", "t.npz", "--epochs", 1)
    assert code == 0 and "3 classes" in out


def test_what_is_for_tables_is_refused_elsewhere(capsys):
    for option in ("--decimal", "--thousands", "--na", "--delimiter", "--encoding"):
        code, _, err = run(capsys, "train", "digits", option, ",")
        assert code == 2 and f"{option} is for .csv files" in err
    assert run(capsys, "train", "digits", "--epochs", 1, "--out", "m", "--quiet")[0] == 0
    code, _, err = run(capsys, "predict", "m", "digits", "--delimiter", ";")
    assert code == 2 and "--delimiter is for models of tables" in err
