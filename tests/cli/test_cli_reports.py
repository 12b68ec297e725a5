"""Reports from the shell: printed, written, and the same of train and evaluate."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import run, write_table

TRAIN = ("train", "t.csv", "--target", "price", "--epochs", 5)


def test_the_report_alone(capsys):
    write_table(rows=200)
    code, out, err = run(capsys, *TRAIN, "--verbose", "report", "--out", "m")
    assert (code, err) == (0, "") and out.lstrip().startswith("training")
    assert "network" not in out and "throughput" not in out
    assert run(capsys, *TRAIN, "--quiet")[1:] == ("", "")
    code, _, err = run(capsys, *TRAIN, "--verbose", "loud")
    assert code == 2 and "unknown way to tell 'loud': known: all, report" in err


def test_a_report_is_written_by_train_and_by_evaluate(capsys):
    write_table(rows=200, task="classification")
    code, out, _ = run(capsys, *TRAIN, "--report", "r.json", "--out", "m", "--no-refit")
    assert code == 0 and out.splitlines()[-1] == "report      r.json"
    got = json.loads(Path("r.json").read_text())
    assert got["rows"] == {"training": 160, "held out": 40}
    code, out, _ = run(capsys, "evaluate", "m", "t.csv", "--report", "e.json")
    assert code == 0 and out.startswith("t.csv: 200 rows\n")
    assert "guessing: always '" in out and "confusion matrix of these rows" in out
    told = json.loads(Path("e.json").read_text())
    assert list(told["scores"]) == ["measured"] and list(told) == list(got)


def test_a_page(capsys):
    pytest.importorskip("matplotlib")
    write_table(rows=200)
    assert run(capsys, *TRAIN, "--report", "r.html")[0] == 0
    page = Path("r.html").read_text()
    assert page.count("<svg") == 3 and "<title>t.csv: price</title>" in page


MISTAKES = [
    (("--report", "r.pdf"), "--report: unknown ending of a report '.pdf': known: .json, .html"),
    (("--report", "nowhere/r.json"), "--report nowhere/r.json: there is no folder"),
    (("--report", "r.json", "--validation", 0), "--report tells of held-out rows, and none are"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told"), MISTAKES)
def test_what_cannot_be_written_is_told_before_training(capsys, words, told):
    write_table()
    code, out, err = run(capsys, *TRAIN, *words)
    assert (code, out) == (2, "") and err.count("\n") == 1 and told in err, err


def test_options_of_tables_are_for_tables(capsys):
    for words in (("--report", "r.json"), ("--split", "last"), ("--no-refit",), ("--weights", "w"),
                  ("--threshold", "f1"), ("--class-weight", "balanced")):  # fmt: skip
        code, _, err = run(capsys, "train", "digits", "--epochs", 1, *words)
        assert code == 2 and f"{words[0]} is for .csv files and other tables" in err, err


def test_refit_and_the_last_rows(capsys):
    write_table(rows=200)
    code, out, _ = run(capsys, *TRAIN, "--split", "last", "--out", "m")
    assert code == 0
    assert "data      t.csv: 128 training + 32 validation + 40 held-out rows" in out
    assert "note        the model that is kept was trained anew on all 200 rows, for " in out
    code, out, _ = run(capsys, *TRAIN, "--no-refit", "--patience", 0, "--out", "n")
    assert "160 training + 40 held-out rows" in out and "anew" not in out
    predictions = [run(capsys, "predict", m, "t.csv")[1] for m in "mn"]
    assert predictions[0] != predictions[1]


def test_a_giveaway_is_told_with_the_option_that_helps(capsys):
    write_table(rows=200, task="classification")
    lines = Path("t.csv").read_text().splitlines()
    told = [lines[0] + ",sold"] + [
        f"{line},{line.rpartition(',')[2] == 'dear'}" for line in lines[1:]
    ]
    Path("t.csv").write_text("\n".join(told))
    code, out, _ = run(capsys, *TRAIN)
    assert code == 0 and "note: 'sold' gives 'price' away" in out
    assert "with --kind 'sold=ignore'" in out


def test_columns_that_add_up_are_told_with_the_option_that_helps(capsys):
    draw = np.random.default_rng(0)
    x = draw.integers(0, 50, (200, 3))
    rows = [f"{a},{b},{c},{a + b}" for a, b, c in x.tolist()]
    Path("t.csv").write_text("\n".join(["one,two,three,price", *rows]))
    code, out, _ = run(capsys, *TRAIN)
    assert code == 0 and "leave them out with --ignore 'one,two'" in out


@pytest.mark.parametrize("wrong", ["a class", "a column"])
def test_a_test_file_that_does_not_fit_is_told_before_training(capsys, wrong):
    write_table(rows=120, task="classification")
    lines = Path("t.csv").read_text().splitlines()
    if wrong == "a class":
        lines[-1] = lines[-1].rpartition(",")[0] + ",dear."
        told = (
            "line 121, column 'price': got 'dear.', which training never saw (did you mean 'dear'?)"
        )
    else:
        first = lines[0].split(",")[0]
        lines = [line.partition(",")[2] for line in lines]
        told = f"no column {first!r}, expected the columns of training: add it"
    Path("new.csv").write_text("\n".join(lines))
    code, out, err = run(capsys, *TRAIN, "--test", "new.csv")
    assert (code, out) == (1, "") and told in err, err


def test_weights_and_thresholds(capsys):
    write_table(rows=300, task="classification")
    text = Path("t.csv").read_text().splitlines()
    weights = np.random.default_rng(0).integers(1, 4, 300)
    rows = [f"{line},{w}" for line, w in zip(text[1:], weights, strict=True)]
    Path("t.csv").write_text("\n".join([text[0] + ",n", *rows]))
    code, out, err = run(
        capsys, *TRAIN, "--weights", "n", "--class-weight", "dear=3,cheap=1", "--threshold",
        "recall=0.9", "--positive", "dear", "--out", "m",
    )  # fmt: skip
    assert code == 0, err
    assert "threshold: 'dear' from a probability of 0." in out
    assert "n       ignored   the weight of each row" in out
    assert run(capsys, "predict", "m", "t.csv")[0] == 0
    for words, told in (
        (("--weights", "m"), "--weights 'm' is not a column"),
        (("--class-weight", "dear"), "--class-weight 'dear': expected balanced, or CLASS=WEIGHT"),
        (("--class-weight", "deer=3"), "--class-weight names 'deer' (did you mean 'dear'?)"),
        (("--threshold", "best"), "--threshold best: expected f1, recall=0.9, precision=0.8"),
        (("--threshold", "f1", "--patience", "0"), "are (--patience 0, or below 50 rows)"),
        (("--positive", "deer"), "unknown class of 'price' 'deer'"),
    ):
        code, _, err = run(capsys, *TRAIN, *words)
        assert code == 2 and told in err and err.count("\n") == 1, err


# --- predictions, with columns carried along -----------------------------------------------------


def kept_table(rows=40):
    write_table(rows=120, task="classification")
    assert run_quietly()
    lines = Path("t.csv").read_text().splitlines()[: rows + 1]
    names = [f'"Zoë, {i}"' if i else "" for i in range(rows)]
    new = [f"id,name,{lines[0]}"]
    new += [f"{i + 7},{n},{line}" for i, (n, line) in enumerate(zip(names, lines[1:], strict=True))]
    Path("new.csv").write_text("\n".join(new) + "\n", encoding="utf-8")


def run_quietly():
    from gdcore.cli import main

    return main(list(map(str, (*TRAIN, "--out", "m", "--quiet")))) == 0


@pytest.mark.parametrize("proba", [False, True])
def test_columns_are_carried_along(capsys, proba):
    import csv

    kept_table()
    words = ["predict", "m", "new.csv", "--keep", "name,id", *(["--proba"] if proba else [])]
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    rows = list(csv.reader(out.splitlines()))
    assert rows[0] == ["name", "id", *(["cheap", "dear"] if proba else ["prediction"])]
    assert rows[1][:2] == ["", "7"] and rows[3][:2] == ["Zoë, 2", "9"]
    plain = run(capsys, *words[:3], *words[5:])[1].splitlines()
    assert [",".join(r[2:]) for r in rows] == plain
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run(capsys, *words, "--out", "p.parquet")[0] == 0
    table = parquet.read_table("p.parquet")
    assert table.column_names == rows[0]
    assert table["name"].to_pylist()[:3] == [None, "Zoë, 1", "Zoë, 2"]
    if proba:
        np.testing.assert_allclose(
            table["dear"].to_numpy(), [float(r[3]) for r in rows[1:]], rtol=1e-8
        )
    else:
        assert table["prediction"].to_pylist() == [r[2] for r in rows[1:]]
    assert run(capsys, *words, "--out", "p.csv")[0] == 0
    assert Path("p.csv").read_text(encoding="utf-8") == out


def test_columns_that_cannot_be_kept(capsys):
    kept_table()
    for words, told in (
        (("--keep", "nam"), "--keep 'nam' is not a column (did you mean 'name'?)"),
        (("--keep", "id", "--out", "p.npy"), "--keep is for .csv and .parquet"),
        (("--out", "p.txt"), "expected a name that ends in .csv, .npy or .parquet"),
    ):
        code, out, err = run(capsys, "predict", "m", "new.csv", *words)
        assert (code, out) == (2, "") and told in err and err.count("\n") == 1, err
    text = Path("new.csv").read_text(encoding="utf-8").replace("id,", "prediction,", 1)
    Path("new.csv").write_text(text, encoding="utf-8")
    code, _, err = run(capsys, "predict", "m", "new.csv", "--keep", "prediction")
    assert code == 2 and "the predictions have a column of this name" in err


def test_kept_kinds_in_parquet(capsys):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("narwhals")
    kept_table(3)
    import datetime

    moments = [datetime.datetime(2024, 1, 2, 3), None, datetime.datetime(2024, 5, 6)]
    table = pa.table({
        "year": [2000.0, 2001.0, 2002.0], "tiny": [0.0, 0.01, -0.01], "kind": ["a", "b", "c"],
        "id": [1, None, 3], "share": [0.5, None, 1.5], "yes": [True, False, None], "at": moments,
    })  # fmt: skip
    parquet.write_table(table, "n.parquet")
    words = ("predict", "m", "n.parquet", "--keep", "id,share,yes,at", "--out", "p.parquet")
    assert run(capsys, *words)[0] == 0
    got = parquet.read_table("p.parquet").to_pydict()
    assert got["id"] == [1, None, 3] and got["share"] == [0.5, None, 1.5]
    assert got["yes"] == [True, False, None] and got["at"] == moments


def test_a_folder_of_parquet_is_a_table(capsys):
    pa, parquet = pytest.importorskip("pyarrow.csv"), pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("narwhals")
    write_table()
    Path("parts").mkdir()
    parquet.write_table(pa.read_csv("t.csv"), "parts/1.parquet")
    code, _, err = run(capsys, "train", "parts", *TRAIN[2:], "--out", "m")
    assert code == 0, err
    assert run(capsys, "predict", "m", "parts")[1] == run(capsys, "predict", "m", "t.csv")[1]


def test_ctrl_c_while_it_is_trained_anew_keeps_what_was_measured(capsys, monkeypatch):
    from gdcore.tabular import TableModel

    write_table(rows=200)
    assert run(capsys, *TRAIN, "--no-refit", "--out", "plain")[0] == 0

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(TableModel, "refit", interrupted)
    code, out, err = run(capsys, *TRAIN, "--out", "m")
    assert code == 130 and "95 % interval" in out and "the model is saved in m" in err
    asked = [run(capsys, "predict", m, "t.csv")[1] for m in ("m", "plain")]
    assert asked[0] == asked[1]
