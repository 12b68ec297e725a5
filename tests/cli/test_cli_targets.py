"""Targets that are more than one number or one class, from the shell."""

import csv
import io

import numpy as np
import pytest
from commands import run, write_table

import gdcore as gd


def lines(out):
    """The columns of predictions that were printed."""
    rows = list(csv.DictReader(io.StringIO(out)))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_intervals(capsys):
    write_table(rows=200)
    options = ("--target", "price", "--interval", "0.9", "--epochs", 40, "--out", "m")
    code, out, err = run(capsys, "train", "t.csv", *options)
    assert code == 0, err
    assert "of the held-out rows lie within theirs" in out and "0.9 was asked for" in out
    code, out, _ = run(capsys, "predict", "m", "t.csv", "--keep", "kind")
    told = lines(out)
    assert list(told) == ["kind", "prediction", "prediction_low", "prediction_high"]
    middle, low, high = (np.array(told[n], dtype=float) for n in list(told)[1:])
    assert (low < middle).all() and (middle < high).all()
    want = gd.load("m").predict_interval("t.csv")
    np.testing.assert_allclose(np.stack([low, high], axis=1), want, rtol=1e-8)
    assert run(capsys, "predict", "m", "t.csv", "--out", "p.npy")[0] == 0
    np.testing.assert_allclose(np.load("p.npy")[:, 1:], want)
    pq = pytest.importorskip("pyarrow.parquet")
    assert run(capsys, "predict", "m", "t.csv", "--out", "p.parquet")[0] == 0
    np.testing.assert_allclose(pq.read_table("p.parquet")["prediction_low"], want[:, 0])
    code, out, _ = run(capsys, "evaluate", "m", "t.csv")
    assert code == 0 and "of these rows lie within theirs" in out


def test_quantiles_and_smoothing(capsys):
    write_table(rows=200)
    options = ("--target", "price", "--quantiles", "0.9,0.1", "--epochs", 20, "--out", "m")
    code, out, err = run(capsys, "train", "t.csv", *options)
    assert code == 0, err
    assert "quantile 0.1: " in out
    told = lines(run(capsys, "predict", "m", "t.csv")[1])
    assert list(told) == ["prediction", "prediction_0.9", "prediction_0.1"]
    middle, high, low = (np.array(column, dtype=float) for column in told.values())
    assert (low <= middle).all() and (middle <= high).all() and (low < high).any()
    options = ("--target", "kind", "--label-smoothing", 0.4, "--epochs", 9, "--out", "c")
    assert run(capsys, "train", "t.csv", *options)[0] == 0
    assert gd.load("c").settings.label_smoothing == 0.4


def test_targets_of_several_kinds(capsys):
    write_table(rows=120)
    tasks = ("--task", "regression,classification", "--epochs", 2, "--hidden", 4)
    code, out, err = run(capsys, "train", "t.csv", "--target", "price,kind", *tasks, "--out", "m")
    assert code == 0, err
    assert "2 targets of different kinds, the held-out rows" in out and "target 'kind'" in out
    classes = gd.load("m").classes["kind"]
    assert f"→ 4 → {1 + len(classes)}," in out
    told = lines(run(capsys, "predict", "m", "t.csv", "--proba")[1])
    assert list(told) == ["price", *(f"kind_{name}" for name in classes)]
    assert "target 'price'" in run(capsys, "evaluate", "m", "t.csv")[1]
    code, _, err = run(
        capsys, "train", "t.csv", "--target", "price,kind", "--task", "regression,class"
    )
    assert code == 2 and "unknown task 'class'" in err


MISTAKES = {
    "quantile of 1": (("--quantiles", "0.5,1"), 2, "--quantiles: got '1', expected at least 0 and below 1"),
    "a quantile twice": (
        ("--quantiles", "0.1,0.1"), 2, "--quantiles 0.1,0.1: expected different shares of the answers",
    ),
    "quantiles of classes": (
        ("--quantiles", "0.1", "--target", "kind"), 2, "--quantiles 0.1 is for one quantity, and",
    ),
    "smoothing of a quantity": (
        ("--label-smoothing", "0.1"), 2, "--label-smoothing 0.1 does not go with --loss mse",
    ),
    "interval of 0": (("--interval", "0"), 2, "--interval 0.0: expected the share of answers"),
    "interval of 2": (("--interval", "2"), 2, "--interval: got '2', expected at least 0 and below 1"),
    "interval of classes": (
        ("--interval", "0.9", "--target", "kind"), 2, "--interval 0.9 is for quantities",
    ),
    "interval without rows": (
        ("--interval", "0.9", "--patience", 0), 2, "--interval 0.9 is measured on rows that are set",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes(capsys, what):
    options, want, message = MISTAKES[what]
    write_table(rows=120)
    code, _, err = run(capsys, "train", "t.csv", "--target", "price", *options)
    assert code == want and message in err and err.count("\n") == 1, err


def test_several_quantities(capsys):
    write_table(rows=200)
    options = ("--target", "price, tiny", "--interval", "0.9", "--epochs", 20, "--out", "m")
    code, out, err = run(capsys, "train", "t.csv", *options, "--report", "r.json")
    assert code == 0, err
    assert "mean of 2 targets, the held-out rows: R²" in out
    assert "target 'price'" in out and "target 'tiny'" in out
    told = lines(run(capsys, "predict", "m", "t.csv", "--keep", "kind")[1])
    assert list(told)[:3] == ["kind", "price", "price_low"] and len(told) == 7
    got = gd.load("m").predict("t.csv")
    np.testing.assert_allclose(np.array(told["tiny"], dtype=float), got["tiny"], rtol=1e-8)
    code, out, _ = run(capsys, "evaluate", "m", "t.csv")
    assert code == 0 and "mean of 2 targets, these rows" in out
    all_rows = ("--target", "price,tiny", "--validation", 0, "--epochs", 2)
    code, out, _ = run(capsys, "train", "t.csv", *all_rows)
    assert code == 0 and ["price", "tiny"] in [line.split() for line in out.splitlines()]


def test_several_labels(capsys):
    draw = np.random.default_rng(0)
    with open("t.csv", "w") as file:
        print("x,late,wet", file=file)
        for x in draw.normal(size=200):
            print(x, "yes" if x > 0.5 else "no", int(x + draw.normal() > 0), sep=",", file=file)
    code, _, err = run(
        capsys, "train", "t.csv", "--target", "late,wet", "--epochs", 20, "--out", "m"
    )
    assert code == 0, err
    told = lines(run(capsys, "predict", "m", "t.csv")[1])
    assert set(told["late"]) == {"yes", "no"} and set(told["wet"]) == {"0", "1"}
    told = lines(run(capsys, "predict", "m", "t.csv", "--proba")[1])
    assert list(told) == ["late_no", "late_yes", "wet_0", "wet_1"]
    np.testing.assert_allclose(
        np.array(told["late_yes"], dtype=float),
        gd.load("m").predict_proba("t.csv")["late"][:, 1],
        rtol=1e-8,
    )
    code, _, err = run(capsys, "train", "t.csv", "--target", "late,wett")
    assert code == 2 and "--target 'wett' is not a column (did you mean 'wet'?)" in err


def test_classes_in_order(capsys):
    draw = np.random.default_rng(0)
    with open("t.csv", "w") as file:
        print("x,rating", file=file)
        for x in draw.normal(size=200):
            print(x, ["low", "mid", "high"][int(x > -0.5) + int(x > 0.5)], sep=",", file=file)
    train = ("train", "t.csv", "--target", "rating", "--task", "ordinal")
    code, _, err = run(capsys, *train)
    assert code == 2 and "pass --order high,low,mid, from the lowest" in err
    code, out, err = run(
        capsys, *train, "--order", "low,mid,high", "--epochs", 40, "--lr", 0.01, "--out", "m"
    )
    assert code == 0 and "classes off, on average" in out, err
    told = lines(run(capsys, "predict", "m", "t.csv")[1])
    assert set(told["prediction"]) == {"low", "mid", "high"}
    assert list(lines(run(capsys, "predict", "m", "t.csv", "--proba")[1])) == ["low", "mid", "high"]
    code, _, err = run(capsys, "train", "digits", "--task", "ordinal")
    assert code == 2 and "--task ordinal is for .csv files and other tables" in err
