"""Training on digits, .npz files and folders of images, and asking what was trained."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import fact, run, write_idx, write_npz

import gdcore as gd


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
    assert len(err.splitlines()) == 9  # plain lines of some epochs, as output is no terminal
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
