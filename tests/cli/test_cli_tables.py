"""Tables on the command line, from training to prediction."""

import re
from pathlib import Path

import numpy as np
import pytest
from commands import held_out, run, write_table

import gdcore as gd

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_a_table_of_quantities(capsys):
    write_table(rows=400)
    code, out, _ = run(capsys, "train", "t.csv", "--target", "price", "--out", "m", "--epochs", 60)
    assert code == 0
    assert (
        held_out(out, "R²") > 0.97
    )  # features of scales 2000 ± 5 and 0 ± 0.01: standardised, or this fails
    # The file speaks the data's own units, to the shell and to Python.
    code, out, _ = run(capsys, "predict", "m", "t.csv")
    prices = np.array(out.split()[1:], dtype=float)
    assert abs(prices.mean() - 3.05e5) < 3000
    model = gd.load("m")
    np.testing.assert_allclose(model.predict("t.csv"), prices, rtol=1e-8)
    code, out, _ = run(capsys, "evaluate", "m", "t.csv")
    assert held_out(out, "R²") > 0.97
    # Columns may come in another order, and the target may be away.
    cells = [line.split(",") for line in Path("t.csv").read_text().splitlines()]
    Path("u.csv").write_text("\n".join(",".join([c[2], c[1], c[0]]) for c in cells))
    code, out, _ = run(capsys, "predict", "m", "u.csv")
    np.testing.assert_array_equal(np.array(out.split()[1:], dtype=float), prices)
    code, _, err = run(capsys, "evaluate", "m", "u.csv")
    assert code == 1 and "no column 'price'" in err


def test_a_table_of_classes(capsys):
    write_table(rows=300, task="classification")
    code, out, _ = run(
        capsys,
        "train",
        "t.csv",
        "--target",
        "price",
        "--out",
        "m",
        "--loss",
        "binary_cross_entropy",
        "--metric",
        "accuracy,roc_auc,confusion_matrix",
    )
    assert code == 0
    assert held_out(out, "accuracy") > 0.9 and held_out(out, "roc_auc") > 0.9
    assert "confusion_matrix, held out:" in out and "confusion matrix of the held-out rows" in out
    code, out, _ = run(capsys, "predict", "m", "t.csv")
    assert set(out.split()[1:]) == {"cheap", "dear"}
    labels = out.split()[1:]
    code, out, _ = run(capsys, "predict", "m", "t.csv", "--proba")
    assert out.splitlines()[0] == "cheap,dear"
    p = np.array([line.split(",") for line in out.splitlines()[1:]], dtype=float)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert [("cheap", "dear")[i] for i in (p[:, 1] > 0.5).astype(int)] == labels
    assert run(capsys, "predict", "m", "t.csv", "--out", "p.npy")[0] == 0
    assert np.load("p.npy", allow_pickle=False).tolist() == labels


def test_a_table_without_a_header(capsys):
    write_table(header=False)
    code, _, err = run(capsys, "train", "t.csv", "--target", "3")
    assert code == 2 and "Pass --no-header if it is" in err
    assert (
        run(capsys, "train", "t.csv", "--target", "-1", "--no-header", "--epochs", 2, "--out", "m")[
            0
        ]
        == 0
    )
    Path("u.csv").write_text(
        "\n".join(line.rpartition(",")[0] for line in Path("t.csv").read_text().split())
    )
    assert run(capsys, "predict", "m", "u.csv")[1] == run(capsys, "predict", "m", "t.csv")[1]
    assert run(capsys, "evaluate", "m", "t.csv")[0] == 0


def test_parquet_and_categories_that_training_never_saw(capsys):
    pytest.importorskip("narwhals")
    pyarrow = pytest.importorskip("pyarrow.csv")
    parquet = pytest.importorskip("pyarrow.parquet")
    write_table()
    parquet.write_table(pyarrow.read_csv("t.csv"), "t.parquet")
    for source in ("t.csv", "t.parquet"):
        words = ("train", source, "--target", "price", "--epochs", 2, "--out", source + ".m")
        assert run(capsys, *words)[0] == 0
    asked = {
        (model, data): run(capsys, "predict", model, data)
        for model in ("t.csv.m", "t.parquet.m")
        for data in ("t.csv", "t.parquet")
    }
    assert len(set(asked.values())) == 1 and asked["t.csv.m", "t.csv"][0] == 0
    Path("new.csv").write_text("year,tiny,kind\n2000,0,a\n2001,0.001,z\n")
    code, out, err = run(capsys, "predict", "t.parquet.m", "new.csv")
    assert code == 0 and len(out.splitlines()) == 3
    assert err == (
        "gdcore predict: new.csv: column 'kind' holds 1 value that training never saw, such as 'z': taken "
        "for an average one\n"
    )


def test_missing_values(capsys):
    write_table(missing=(3, 50))
    fit = ("train", "t.csv", "--target", "price", "--epochs", 2)
    code, out, err = run(capsys, *fit, "--missing", "error")
    assert (code, out) == (1, "")
    assert "line 5, column 'tiny': the value is missing" in err
    assert "pass --missing impute or --missing drop" in err
    code, out, err = run(capsys, *fit, "--missing", "drop", "--out", "dropped", "--seed", 1)
    assert code == 0 and re.search("[12] rows? with missing values left out", out), err
    code, out, err = run(capsys, "predict", "dropped", "t.csv")
    assert code == 0 and len(out.splitlines()) == 121
    assert err.count("\n") == 1 and "'tiny' holds 2 values that training never saw" in err
    code, out, _ = run(capsys, *fit, "--out", "filled")
    assert code == 0 and "missing: " in out and ", flagged" in out
    code, out, err = run(capsys, "predict", "filled", "t.csv")
    assert (code, err) == (0, "") and len(out.splitlines()) == 121


def test_info_of_a_model(capsys):
    write_table()
    assert (
        run(capsys, "train", "t.csv", "--target", "price", "--epochs", 2, "--out", "m", "--quiet")[
            0
        ]
        == 0
    )
    code, out, _ = run(capsys, "info", "m")
    assert code == 0
    assert re.search(r"^kind +category +3: a, b, c$", out, re.M)
    assert re.search(r"^price +target +regression: mean", out, re.M)
    assert "held out: r2" in out and "optimizer adam" in out
    assert "parameters   " in out and str(Path.cwd()) not in out


# --- real data ---------------------------------------------------------------------------------

TABLES = [
    ("iris.csv", ["--target", "4", "--no-header"], "accuracy", 0.9),
    ("penguins.csv", ["--target", "species"], "accuracy", 0.95),
    ("winequality-white.csv", ["--target", "-1", "--no-header", "--task", "regression"], "R²", 0.3),
    ("abalone.csv", ["--target", "8", "--no-header"], "R²", 0.5),
    (
        "titanic.csv",
        ["--target", "survived", "--ignore", "alive"],
        "accuracy",
        0.72,
    ),
    (
        "german.csv",
        ["--target", "20", "--no-header", "--dropout", "0.3", "--epochs", "20"],
        "accuracy",
        0.68,
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "words", "metric", "least"), TABLES, ids=[t[0] for t in TABLES])
def test_tables_of_the_world(capsys, name, words, metric, least):
    if not (DATA / "tabular" / name).exists():
        pytest.skip(f"needs {name} beside the checkout")
    code, out, err = run(capsys, "train", DATA / "tabular" / name, *words, "--out", "m")
    assert code == 0, err
    assert held_out(out, metric) > least
    code, out, err = run(capsys, "evaluate", "m", DATA / "tabular" / name)
    assert code == 0, err


@pytest.mark.slow
def test_california_housing(capsys):
    path = DATA / "tabular" / "california_housing.csv"
    if not path.exists():
        pytest.skip("needs california_housing.csv beside the checkout")
    code, out, _ = run(capsys, "train", path, "--target", "median_house_value", "--epochs", 20)
    assert code == 0 and held_out(out, "R²") >= 0.78
    assert re.search(r"^total_bedrooms +number +.*flagged$", out, re.M)
