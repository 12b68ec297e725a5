"""The command line as a stranger types it: every kind of source, every kind of mistake."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import gdcore as gd
from gdcore import runtime
from gdcore.cli import main
from gdcore.cli.parser import EXAMPLES

DATA = Path(__file__).parents[2] / "shared" / "data"
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    """Each test in a folder of its own, with the number of threads put back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runtime, "_threads", 1)


def run(capsys, *words):
    """Exit code, standard output and standard error of a command."""
    try:
        code = main([str(w) for w in words])
    except SystemExit as stop:
        code = stop.code or 0
    out, err = capsys.readouterr()
    return code, out, err


def write_table(path="t.csv", rows=120, header=True, missing=(), task="regression"):
    """A table whose target is a line through its columns."""
    x = np.stack([RNG.normal(2000, 5, rows), RNG.normal(0, 0.01, rows)], axis=1)
    kinds = RNG.integers(0, 3, rows)
    y = 1000 * (x[:, 0] - 2000) + 1e5 * x[:, 1] + 5000 * kinds + 3e5
    lines = ["year,tiny,kind,price"] if header else []
    for i in range(rows):
        cells = [f"{x[i, 0]:.4f}", f"{x[i, 1]:.6f}", "abc"[kinds[i]], f"{y[i]:.2f}"]
        if task == "classification":
            cells[3] = "dear" if y[i] > 3.05e5 else "cheap"
        if i in missing:
            cells[1] = ""
        lines.append(",".join(cells))
    Path(path).write_text("\n".join(lines) + "\n")


def write_npz(path="t.npz", n=90, **arrays):
    x = RNG.normal(size=(n, 4)).astype(np.float32)
    np.savez(
        path, **({"x": x, "y": (x[:, 0] > 0).astype(int)} | {k: v(x) for k, v in arrays.items()})
    )


def write_idx(folder, n=60):
    """Images of 4 by 4 pixels whose brightness is their class."""
    os.makedirs(folder)
    for stem in ("train", "t10k"):
        y = (np.arange(n) % 3).astype(np.uint8)
        x = np.clip(y[:, None, None] * 100 + RNG.integers(0, 20, (n, 4, 4)), 0, 255).astype(
            np.uint8
        )
        for what, array, kind in (("images", x, 3), ("labels", y, 1)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (Path(folder) / f"{stem}-{what}-idx{kind}-ubyte").write_bytes(head + array.tobytes())


def fact(text, name, column=-1):
    """A number of a printed table."""
    line = next(line for line in text.splitlines() if line.startswith(name))
    return float(line.split()[column].replace(",", ""))


# --- the main job ------------------------------------------------------------------------------


def test_digits_from_training_to_prediction(capsys):
    code, out, err = run(
        capsys, "train", "digits", "--epochs", 15, "--out", "d.safetensors", "--batch-size", 16
    )
    assert code == 0
    accuracy = fact(out, "accuracy")
    assert accuracy >= 0.95
    assert "1,442 training + 355 test samples of 64 features, 10 classes" in out
    assert re.search(r"^throughput  [\d.]+[kM]? samples/s$", out, re.M)
    assert re.search(r"^compute     [\d.]+ GFLOP/s", out, re.M)
    assert re.search(r"^time        .* for 15 epochs, 1,365 steps$", out, re.M)
    assert len(err.splitlines()) == 15  # one plain line for each epoch, as output is no terminal
    code, out, err = run(capsys, "evaluate", "d.safetensors", "digits")
    assert (code, err) == (0, "")
    assert fact(out, "accuracy") == accuracy
    code, out, _ = run(capsys, "predict", "d.safetensors", "digits")
    _, (xt, yt) = gd.datasets.digits()
    predicted = [int(line) for line in out.splitlines()[1:]]
    assert out.startswith("prediction\n")
    assert np.mean(np.array(predicted) == yt) == pytest.approx(accuracy, abs=1e-4)
    np.testing.assert_array_equal(gd.load("d.safetensors").predict(xt).argmax(1), predicted)
    assert run(capsys, "predict", "d.safetensors", "digits", "--out", "p.npy")[0] == 0
    np.testing.assert_array_equal(np.load("p.npy"), predicted)
    assert run(capsys, "predict", "d.safetensors", "digits", "--proba", "--out", "p.csv")[0] == 0
    lines = Path("p.csv").read_text().splitlines()
    assert lines[0] == "0,1,2,3,4,5,6,7,8,9"
    probabilities = np.array([line.split(",") for line in lines[1:]], dtype=float)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), predicted)


def test_the_same_seed_gives_the_same_file(capsys):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run(
            capsys, "train", "digits", "--epochs", 1, "--out", name, "--seed", seed, "--quiet"
        ) == (0, "", "")
    assert Path("a").read_bytes() == Path("b").read_bytes()
    assert Path("a").read_bytes() != Path("c").read_bytes()


def test_a_table_of_quantities(capsys):
    write_table(rows=400)
    code, out, _ = run(capsys, "train", "t.csv", "--target", "price", "--out", "m", "--epochs", 60)
    assert code == 0
    assert (
        fact(out, "R²") > 0.97
    )  # features of scales 2000 ± 5 and 0 ± 0.01: standardised, or this fails
    # The file speaks the data's own units, to the shell and to Python.
    code, out, _ = run(capsys, "predict", "m", "t.csv")
    prices = np.array(out.split()[1:], dtype=float)
    assert abs(prices.mean() - 3.05e5) < 3000
    model = gd.load("m")
    np.testing.assert_allclose(model.predict("t.csv"), prices, rtol=1e-15)
    code, out, _ = run(capsys, "evaluate", "m", "t.csv")
    assert fact(out, "r2" if "r2" in out else "R²") > 0.97
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
    assert fact(out, "accuracy") > 0.9 and fact(out, "roc_auc") > 0.9
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


def test_idx_files(capsys):
    write_idx("images")
    code, out, _ = run(capsys, "train", "images", "--hidden", "8", "--out", "m", "--lr", "0.01")
    assert code == 0 and fact(out, "accuracy") == 1
    assert "60 training + 60 test samples of 16 features, 3 classes" in out
    code, out, _ = run(capsys, "evaluate", "m", "images")
    assert code == 0 and "60 samples (test part)" in out
    code, out, _ = run(capsys, "train", "images", "--epochs", 2, "--validation", "0.5")
    assert "30 training + 30 validation + 60 test" in out
    assert re.search(r"^ +training +validation +test$", out, re.M)


NPZ = {
    "classes": ({}, "2 classes", "accuracy"),
    "text": ({"y": lambda x: np.where(x[:, 0] > 0, "yes", "no")}, "2 classes", "accuracy"),
    "one-hot": (
        {"y": lambda x: np.eye(3)[np.digitize(x[:, 0], [-0.5, 0.5])]},
        "3 classes",
        "accuracy",
    ),
    "column": ({"y": lambda x: (x[:, :1] > 0).astype(np.int8)}, "2 classes", "accuracy"),
    "labels 5 and 9": ({"y": lambda x: np.where(x[:, 0] > 0, 9, 5)}, "2 classes", "accuracy"),
    "quantities": ({"y": lambda x: 100 + x @ [1.0, 2.0, 3.0, 4.0]}, "regression", "R²"),
    "several quantities": ({"y": lambda x: x[:, :2] * 3 + 1}, "regression", "R²"),
    "images": (
        {"x": lambda x: np.clip(x * 60 + 120, 0, 255).astype(np.uint8).reshape(-1, 2, 2)},
        "2 classes",
        "accuracy",
    ),
    "whole numbers": (
        {"x": lambda x: np.round(x * 1000).astype(np.int64)},
        "2 classes",
        "accuracy",
    ),
    "one feature": ({"x": lambda x: x[:, 0].astype(np.float64)}, "2 classes", "accuracy"),
    "a constant feature": (
        {"x": lambda x: np.concatenate([x * 5, np.full((90, 1), 7.0)], axis=1)},
        "2 classes",
        "accuracy",
    ),
    "Fortran order": ({"x": lambda x: np.asfortranarray(x)}, "2 classes", "accuracy"),
    "big-endian": ({"x": lambda x: x.astype(">f4")}, "2 classes", "accuracy"),
}


@pytest.mark.parametrize("case", NPZ)
def test_arrays(capsys, case):
    arrays, what, metric = NPZ[case]
    write_npz(**arrays)
    code, out, err = run(
        capsys,
        "train",
        "t.npz",
        "--hidden",
        "32",
        "--lr",
        "0.01",
        "--out",
        "m",
        "--validation",
        "0.3",
    )
    assert code == 0, err
    assert what in out and "63 training + 27 held-out" in out
    assert fact(out, metric, 1) > 0.9  # on the training part
    code, out, err = run(capsys, "evaluate", "m", "t.npz")
    assert code == 0, err
    code, out, err = run(capsys, "predict", "m", "t.npz")
    assert code == 0, err
    with np.load("t.npz") as found:
        x, y = found["x"], found["y"]
    lines = out.splitlines()
    assert len(lines) == 91
    if case in ("text", "labels 5 and 9"):
        assert np.mean(np.array(lines[1:]) == y.astype(str)) > 0.8
    np.save("x.npy", x)
    np.savez("x.npz", x=x)
    for name in ("x.npy", "x.npz"):
        assert run(capsys, "predict", "m", name)[1] == out


def test_a_regression_in_the_units_of_its_target_begins_with_a_fresh_optimizer(capsys):
    """What the optimizer gathered while the target was standardised is not that of these units."""
    write_npz(y=lambda x: 1e4 + 1e3 * x[:, 0])
    assert run(capsys, "train", "t.npz", "--epochs", 3, "--out", "m", "--quiet")[0] == 0
    model = gd.load("m")
    memory = model.memory()
    assert model.steps_done == 0 and model.info["epochs"] == 3
    for p in memory.trainable():
        for slot in memory.slot_names:
            assert not memory.slot(p, slot).any()
    with np.load("t.npz") as found:
        assert abs(float(np.mean(model.predict(found["x"]))) - 1e4) < 1e3


def test_arrays_with_a_test_part(capsys):
    write_npz(y=lambda x: np.where(x[:, 0] > 0, "p", "q"))
    with np.load("t.npz") as found:
        parts = {
            "x_train": found["x"][:60],
            "y_train": found["y"][:60],
            "x_test": found["x"][60:],
            "y_test": found["y"][60:],
        }
    np.savez("s.npz", **parts)
    code, out, _ = run(capsys, "train", "s.npz", "--out", "m")
    assert code == 0 and "60 training + 30 test" in out
    code, out, _ = run(capsys, "evaluate", "m", "s.npz")
    assert code == 0 and "30 samples (test part)" in out
    np.savez("s.npz", **(parts | {"y_test": np.full(30, "r")}))
    code, _, err = run(capsys, "train", "s.npz")
    assert code == 1 and "y_test: row 0 is 'r', which training never saw" in err


@pytest.mark.parametrize(
    "words",
    [
        ["--loss", "hinge"],
        ["--loss", "squared_hinge", "--hidden", "none"],
        ["--optimizer", "sgd", "--lr", "0.1", "--schedule", "one_cycle"],
        ["--dtype", "float64", "--activation", "gelu", "--dropout", "0.1"],
        ["--no-standardize"],
        ["--validation", "0"],
        ["--batch-size", "1000"],
        ["--task", "classification", "--metric", "f1,precision"],
        ["--task", "regression"],
        ["--loss", "huber", "--metric", "mae,rmse"],
        ["--loss", "poisson"],
        ["--threads", "2"],
    ],
)
def test_options(capsys, words):
    write_npz()
    code, out, err = run(capsys, "train", "t.npz", "--epochs", 3, "--out", "m", *words)
    assert code == 0, err
    assert re.search("^loss", out, re.M)
    code, out, _ = run(capsys, "predict", "m", "t.npz")
    assert code == 0 and len(out.split()) == 91
    assert run(capsys, "evaluate", "m", "t.npz")[0] == 0
    assert run(capsys, "info", "m")[0] == 0


def test_a_plot(capsys):
    pytest.importorskip("matplotlib")
    code, out, _ = run(capsys, "train", "digits", "--epochs", 2, "--plot", "curves.png")
    assert code == 0 and "curves.png" in out
    assert Path("curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_without_matplotlib(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, out, err = run(capsys, "train", "digits", "--plot", "curves.png")
    assert (code, out) == (1, "")  # before any training
    assert err.count("\n") == 1 and 'pip install "gdcore[plot]"' in err


# --- mistakes ----------------------------------------------------------------------------------

USAGE = [
    ("trian digits", "unknown command 'trian': did you mean 'train'?"),
    ("train", "the following arguments are required: SOURCE"),
    ("train digits more", "one argument too many: 'more'"),
    ("train digits --hiden 3", "unknown option '--hiden' — did you mean '--hidden'?"),
    ("train digits --epoch 3", "unknown option '--epoch' — did you mean '--epochs'?"),
    ("train digits --optimizer adm", "unknown optimizer 'adm': did you mean 'adam'?"),
    (
        "train digits --loss cross_entrpy",
        "unknown loss 'cross_entrpy': did you mean 'cross_entropy'?",
    ),
    ("train digits --metric acuracy", "unknown metric 'acuracy': did you mean 'accuracy'?"),
    ("train digits --activation rleu", "unknown activation 'rleu': did you mean 'relu'?"),
    ("train digits --schedule cosin", "unknown schedule 'cosin': did you mean 'cosine'?"),
    ("train digits --missing dorp", "unknown way with missing values 'dorp': did you mean 'drop'?"),
    ("train digits --dtype float16", "unknown dtype 'float16'"),
    ("train digits --epochs 0", "got '0', expected a whole number of at least 1"),
    ("train digits --epochs many", "got 'many', expected a whole number"),
    ("train digits --batch-size -3", "expected a whole number of at least 1"),
    ("train digits --threads 0", "expected a whole number from 1 to 1024"),
    (
        "train digits --seed 18446744073709551616",
        "expected a whole number from 0 to 18446744073709551615",
    ),
    ("train digits --lr -1", "got '-1', expected a number above 0"),
    ("train digits --lr nan", "got 'nan', expected a number above 0"),
    ("train digits --dropout 1", "got '1', expected at least 0 and below 1"),
    ("train digits --validation nan", "got 'nan', expected at least 0 and below 1"),
    ("train digits --hidden 3,x", "expected sizes of layers such as 256,128"),
    ("train digits --target a", "--target is for .csv files"),
    ("train digits --no-header", "--header is for .csv files"),
    ("train digits --loss mse", "digits holds classes, not quantities"),
    ("train digits --loss hinge", "--loss hinge is for 2 classes, and digits has 10"),
    (
        "train digits --loss mse --task classification",
        "--loss mse is for regression, and --task says classification",
    ),
    ("train digits --out no/folder", "there is no folder"),
    ("train digits --out .", "is a folder, expected the name of a file"),
    ("train digits --plot a.pgn", "unknown format of a picture 'pgn': did you mean 'png'?"),
    ("train digts", "'digts' is neither a file nor a folder — did you mean 'digits'?"),
    ("train tt.csv", "did you mean 't.csv'?"),
    (
        "train t.csv",
        "--target is missing, expected the column to predict: one of year, tiny, kind, price",
    ),
    ("train t.csv --target prize", "--target 'prize' is not a column — did you mean 'price'?"),
    ("train t.csv --target 4", "--target '4' is not a column"),
    (
        "train t.csv --target price --ignore yaer",
        "--ignore 'yaer' is not a column — did you mean 'year'?",
    ),
    ("train t.csv --target price --delimiter ab", "expected one character"),
    ("train t.csv --target price --delimiter ;", "is it another --delimiter?"),
    ("train t.csv --target price --loss poisson --validation 0.999", "leaves a part empty"),
    (
        "train t.csv --target price --metric accuracy",
        "--metric accuracy does not go with --loss mse",
    ),
    ("train negative.npz --loss poisson", "--loss poisson is for counts, and negative.npz holds -"),
    ("train x.npy", "one array is not enough to train on"),
    ("train readme", "cannot tell from the name what this is"),
    ("predict m", "the following arguments are required: DATA"),
    ("predict nothing digits", "MODEL nothing is not there"),
    ("predict . digits", "MODEL . is a folder"),
    ("predict m digits --out p.txt", "expected a name that ends in .csv or .npy"),
    ("predict m t.csv", "the model was not trained on a table"),
    ("predict m nothing.csv", "'nothing.csv' is neither a file nor a folder"),
    ("predict quantities negative.npz --proba", "--proba is for classes"),
    ("evaluate m x.npy", "one array is not enough to measure on"),
    ("info nothing", "MODEL nothing is not there"),
]

FAILURES = [
    ("train empty.csv --target a", "the file is empty"),
    ("train head.csv --target a", "got no rows of data"),
    (
        "train ragged.csv --target a",
        "line 3 has 2 cells, expected 3: mend the line, or pass another --delimiter",
    ),
    ("train binary.csv --target a", "not a text file"),
    ("train broken.npz", "not a sound .npz file"),
    ("train names.npz", "expected x and y"),
    ("train nan.npz", "nan.npz: x holds nan at row 3, column 1"),
    ("train objects.npz", "holds Python objects, which are never unpickled"),
    ("train constant.npz", "y is always 1, expected at least 2 classes"),
    ("train folder", "no train-images-idx3-ubyte"),
    ("predict broken.npz digits", "cannot read 'broken.npz' as safetensors"),
    ("predict m broken.npz", "broken.npz: not a sound .npz file"),
    ("predict m broken.npy", "broken.npy: not a sound .npz file"),
    ("predict m objects.npz", "objects.npz: x.npy holds Python objects"),
    ("predict m names.npz", "expected one of x_test, X_test, x, X"),
    ("predict m x.npy", "input 'x' has the shape (5, 3): expected (n, 64)"),
    ("evaluate m negative.npz", "never saw"),
    ("train digits --epochs 3 --optimizer sgd --lr 1e9", "holds NaN or infinity at epoch 0"),
]


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory):
    """A folder of files to make mistakes with."""
    folder, before = tmp_path_factory.mktemp("files"), Path.cwd()
    os.chdir(folder)
    try:
        write_table()
        write_npz("negative.npz", y=lambda x: x[:, 0] - 5)
        write_npz(
            "nan.npz", x=lambda x: np.where(np.arange(4 * len(x)).reshape(x.shape) == 13, np.nan, x)
        )
        write_npz("constant.npz", y=lambda x: np.ones(len(x), int))
        np.savez("names.npz", a=np.ones(3))
        np.savez("objects.npz", x=np.array([{}, {}]), y=np.arange(2))
        np.save("x.npy", np.ones((5, 3)))
        Path("broken.npz").write_bytes(b"PK this is none")
        Path("broken.npy").write_bytes(b"nor is this")
        Path("readme").write_text("text")
        Path("empty.csv").write_text("")
        Path("head.csv").write_text("a,b\n")
        Path("ragged.csv").write_text("a,b,c\n1,2,3\n4,5\n")
        Path("binary.csv").write_bytes(bytes(range(256)))
        Path("folder").mkdir()
        assert main(["train", "digits", "--epochs", "1", "--out", "m", "--quiet"]) == 0
        assert (
            main(["train", "negative.npz", "--epochs", "1", "--out", "quantities", "--quiet"]) == 0
        )
    finally:
        os.chdir(before)
    return folder


@pytest.mark.parametrize(("words", "message"), USAGE, ids=[words for words, _ in USAGE])
def test_wrong_usage_is_one_line_and_code_2(capsys, monkeypatch, mistaken, words, message):
    if "--plot" in words:
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(mistaken)
    code, out, err = run(capsys, *words.split())
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and err.startswith("gdcore")
    assert message in err


@pytest.mark.parametrize(("words", "message"), FAILURES, ids=[words for words, _ in FAILURES])
def test_a_failure_is_one_line_and_code_1(capsys, monkeypatch, mistaken, words, message):
    monkeypatch.chdir(mistaken)
    code, _, err = run(capsys, *words.split())
    assert code == 1
    assert err.count("\n") == 1 and err.startswith("gdcore")
    assert message in err


def test_a_failed_training_leaves_an_old_file_alone(capsys):
    Path("m").write_text("old")
    assert (
        run(
            capsys,
            "train",
            "digits",
            "--epochs",
            2,
            "--optimizer",
            "sgd",
            "--lr",
            "1e9",
            "--out",
            "m",
        )[0]
        == 1
    )
    assert Path("m").read_text() == "old"


# --- help and information ----------------------------------------------------------------------


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_has_examples(capsys, command):
    code, out, err = run(capsys, *([command] if command else []), "--help")
    assert (code, err) == (0, "")
    assert "examples:" in out and f"gdcore {command}" in out
    assert max(map(len, out.splitlines())) <= 120


def test_no_command_shows_the_help(capsys):
    assert run(capsys) == (0, run(capsys, "--help")[1], "")
    assert run(capsys, "--version")[1] == f"gdcore {gd.__version__}\n"


def options_of_examples():
    """Every example of `--help` that trains, as words."""
    lines = [line.strip() for text in EXAMPLES.values() for line in text.splitlines()]
    return sorted({line for line in lines if line.startswith("gdcore ")})


@pytest.mark.parametrize("line", options_of_examples())
def test_examples_of_the_help_are_understood(line):
    from gdcore.cli.parser import make_parser

    assert make_parser().parse_args(line.split()[1:]).command == line.split()[1]


def test_info(capsys):
    code, out, _ = run(capsys, "info")
    assert code == 0
    found = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
    assert found["gdcore"] == gd.__version__
    assert found["isa"].startswith(runtime.ISA_NAME)
    assert all(name in found["isa"] for name in runtime.isas_here())
    assert found["threads"].startswith("1")
    assert found["numpy"] == np.__version__
    assert "-ffp-contract=off" in found["build flags"]
    if sys.platform == "linux" and "none" not in found["openmp"]:
        assert re.search(r"\(20\d{4}\), /.*lib(g|i)?omp", found["openmp"])
        assert "unknown" not in found["compiler"]


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


# --- as a process ------------------------------------------------------------------------------


def process(*words, **settings):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "gdcore", *words], env=environment, text=True, **settings
    )


def test_the_module_is_the_command():
    done = process(
        "train", "digits", "--loss", "mse", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = done.communicate(timeout=60)
    assert (done.returncode, out) == (2, "")
    assert err.startswith("gdcore train: digits holds classes")


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
def test_a_reader_that_stops_early(capsys):
    np.save("x.npy", np.zeros((200_000, 64), np.float32))
    assert (
        run(capsys, "train", "digits", "--epochs", 1, "--hidden", "none", "--out", "m", "--quiet")[
            0
        ]
        == 0
    )
    done = process("predict", "m", "x.npy", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stdout.readline() == "prediction\n"
    done.stdout.close()
    assert done.stderr.read() == ""
    done.stderr.close()
    assert done.wait(timeout=60) == 1


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_ctrl_c_on_a_terminal_saves_the_model(capsys):
    import pty

    ours, theirs = pty.openpty()
    begun = process(
        "train",
        "digits",
        "--epochs",
        "1000000",
        "--out",
        "m",
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    guard = threading.Timer(90, begun.kill)  # a read that nothing answers ends then
    guard.start()
    shown = b""
    deadline = time.monotonic() + 60
    while shown.count(b"\r\x1b[2K") < 3 and time.monotonic() < deadline:
        shown += os.read(ours, 4096)
    os.kill(begun.pid, signal.SIGINT)
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    code = begun.wait(timeout=30)
    guard.cancel()
    assert code == 130
    text = shown.decode()
    assert "Traceback" not in text
    assert re.search(
        r"gdcore train: interrupted after [\d,]+ steps \(\d+ epochs\); the model is saved in m",
        text,
    )
    assert "samples/s" not in text.rpartition("interrupted")[2]
    code, out, _ = run(capsys, "evaluate", "m", "digits")
    assert code == 0 and fact(out, "accuracy") > 0.2


def test_ctrl_c_before_the_first_step(capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(gd.Sequential, "fit", interrupt)
    code, _, err = run(capsys, "train", "digits", "--out", "m")
    assert (code, err) == (130, "gdcore train: interrupted\n")
    assert not Path("m").exists()


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
    assert fact(out, metric) > least
    code, out, err = run(capsys, "evaluate", "m", DATA / "tabular" / name)
    assert code == 0, err


@pytest.mark.slow
def test_california_housing(capsys):
    path = DATA / "tabular" / "california_housing.csv"
    if not path.exists():
        pytest.skip("needs california_housing.csv beside the checkout")
    code, out, _ = run(capsys, "train", path, "--target", "median_house_value", "--epochs", 20)
    assert code == 0 and fact(out, "R²") >= 0.78
    assert re.search(r"^total_bedrooms +number +.*flagged$", out, re.M)
