"""Experiments: every combination is trained as it would be by hand."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.lab import Comparison, Trial, compare, mlp


@pytest.fixture(scope="module")
def digits():
    (x, y), held = gd.datasets.digits()
    return (x[:300], y[:300]), held


def network(width=8, activation="relu", dropout=0.0):
    return gd.Sequential(
        [gd.Dense(width, activation=activation), gd.Dropout(dropout), gd.Dense(10)]
    )


SETTINGS = {
    "lr": ([1e-3, 1e-2], lambda v: (network(), gd.Adam(v), {})),
    "optimizer": (["sgd", gd.Adam(0.01)], lambda v: (network(), v, {})),
    "weight_decay": ([0.0, 0.1], lambda v: (network(), gd.Adam(weight_decay=v), {})),
    "batch_size": ([16, 100], lambda v: (network(), "adam", {"batch_size": v})),
    "epochs": ([1, 3], lambda v: (network(), "adam", {"epochs": v})),
    "width": ([4, 16], lambda v: (network(width=v), "adam", {})),
    "activation": (["relu", "tanh"], lambda v: (network(activation=v), "adam", {})),
    "dropout": ([0.0, 0.5], lambda v: (network(dropout=v), "adam", {})),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_runs_are_those_of_fit(digits, setting):
    data, held = digits
    values, by_hand = SETTINGS[setting]
    result = compare(
        network, *data, {setting: values}, epochs=2, seeds=[5], validation_data=held, verbose=0
    )
    assert [row[setting] for row in result.rows] == values
    for value, run in zip(values, result.runs, strict=True):
        model, optimizer, fit = by_hand(value)
        model.compile(optimizer, "cross_entropy", ["accuracy"])
        history = model.fit(*data, validation_data=held, seed=5, verbose=0, **({"epochs": 2} | fit))
        assert run.history == history.history
    assert result.runs[0].history != result.runs[1].history


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("width", [4, 8]),
        ("depth", [1, 3]),
        ("activation", ["relu", "tanh"]),
        ("dropout", [0.0, 0.3]),
        ("l1", [0.0, 1e-3]),
        ("l2", [0.0, 1e-3]),
        ("norm", [None, "batch", "layer"]),
        ("initializer", ["he_normal", "zeros"]),
        ("momentum", [0.0, 0.9]),
        ("clip_norm", [0.1, 1.0]),
    ],
)
def test_the_network_that_comes_along(digits, setting, values):
    optimizer = gd.SGD(0.1) if setting == "momentum" else "adam"
    result = compare(
        None, *digits[0], {setting: values}, epochs=1, seeds=1, optimizer=optimizer, verbose=0
    )
    losses = [row["val_loss"] for row in result.rows]
    assert len(set(losses)) == len(values)
    assert "val_accuracy" in result.numbers


def test_numbers_are_predicted_with_mse():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    result = compare(None, x, x[:, 0], {"depth": [1]}, epochs=1, seeds=1, verbose=0)
    assert result.numbers == ["loss", "val_loss", "epochs_to_converge", "seconds_per_epoch"]
    both = compare(None, x, x[:, :2], {"depth": [1]}, epochs=1, seeds=1, verbose=0)
    assert np.isfinite(both.rows[0]["val_loss"])
    images = rng.normal(size=(40, 4, 4, 1))
    assert compare(None, images, images[:, 0, 0, 0], {"lr": [1e-3]}, epochs=1, verbose=0).rows


def test_two_settings_and_seeds(digits):
    data, held = digits
    grid = {"lr": [1e-3, 1e-2], "width": [4, 8]}
    result = compare(network, *data, grid, epochs=2, seeds=3, validation_data=held, verbose=0)
    assert [(r["lr"], r["width"]) for r in result.rows] == [
        (1e-3, 4),
        (1e-3, 8),
        (1e-2, 4),
        (1e-2, 8),
    ]
    assert len(result.runs) == 12
    for row, group in zip(result.rows, result.groups, strict=True):
        found = [run.history["val_loss"][-1] for run in group]
        assert row["val_loss"] == pytest.approx(np.mean(found))
        assert row["val_loss_std"] == pytest.approx(np.std(found))
        assert [run.seed for run in group] == [0, 1, 2]
        assert row["runs"] == 3
    assert result.best["lr"] == 1e-2
    assert result.judged == "val_accuracy"


def test_a_run_that_diverges_is_kept():
    x = np.random.default_rng(0).normal(size=(64, 4)) * 100
    grid = {"lr": [1e-6, 1e10]}
    result = compare(
        lambda: gd.Sequential([gd.Dense(8), gd.Dense(1)]),
        x,
        x[:, 0],
        grid,
        epochs=5,
        seeds=2,
        optimizer="sgd",
        loss="mse",
        verbose=0,
    )
    assert [row["diverged"] for row in result.rows] == [0, 2]
    assert np.isnan(result.rows[1]["epochs_to_converge"])
    assert result.best["lr"] == 1e-6
    assert "2 of 2" in str(result)


def test_a_compiled_model_keeps_what_it_was_compiled_with(digits):
    def made(width=8):
        return network(width).compile(gd.SGD(0.5), "cross_entropy", ["top_3_accuracy"])

    result = compare(made, *digits[0], {"width": [4]}, epochs=1, seeds=1, verbose=0)
    assert "val_top_3_accuracy" in result.numbers
    rates = compare(made, *digits[0], {"lr": [0.5, 0.01]}, epochs=1, seeds=1, verbose=0)
    assert rates.runs[0].history["lr"] == [0.5]
    assert rates.runs[1].history["lr"] == [0.01]
    assert "val_top_3_accuracy" in rates.numbers
    model = made()
    model.fit(*digits[0], epochs=1, verbose=0)
    with pytest.raises(ValueError, match="a model that is trained"):
        compare(lambda: model, *digits[0], {"lr": [0.1]}, verbose=0)


def run(losses, **options):
    return Trial({"a": 1}, 0, {"loss": list(losses)}, 0.1, False, **options)


@pytest.mark.parametrize(
    ("losses", "target", "epoch"),
    [
        ([10, 5, 1, 0.4, 0.0], None, 4),  # 95 % of the way from 10 to 0
        ([10, 0.0, 0.0], None, 2),
        ([10, 0.0, 20], None, 2),
        ([1.0, 2.0, 3.0], None, 1),
        ([10, 5, 1], 5.0, 2),
        ([10, 5, 1], 0.5, None),
    ],
)
def test_epochs_to_converge(losses, target, epoch):
    found = run(losses, target=target).epochs_to_converge
    assert found == epoch if epoch else np.isnan(found)


def test_the_table():
    runs = [
        Trial({"a": a, "f": f}, s, {"loss": [2.0, a + s], "lr": [0.1, 0.1]}, 0.5, False)
        for a in (1.0, 2.0)
        for f in (np.tanh, "x")
        for s in (0, 1)
    ]
    result = Comparison(["a", "f"], runs)
    lines = str(result).splitlines()
    assert lines[0].split() == [
        "a",
        "f",
        "loss",
        "epochs",
        "to",
        "converge",
        "seconds",
        "per",
        "epoch",
    ]
    assert lines[2].split()[:5] == ["1", "tanh", "1.5", "±", "0.5"]
    assert lines[-1] == "best loss: a=1, f=tanh"
    assert result._repr_html_().count("<tr>") == 5
    frame = result.table()
    try:
        import pandas
    except ImportError:
        assert frame is result.rows
    else:
        assert isinstance(frame, pandas.DataFrame)
        assert frame["loss"].tolist() == [1.5, 1.5, 2.5, 2.5]


def test_lines_are_told_on_standard_error(digits, capsys):
    compare(network, *digits[0], {"lr": [1e-3, 1e-2]}, epochs=1, seeds=1)
    out, err = capsys.readouterr()
    assert out == ""
    count, *lines = err.splitlines()
    assert count.startswith("2/2 models")
    assert [line.split(":")[0] for line in lines] == ["lr=0.001", "lr=0.01"]


@pytest.mark.parametrize(
    ("grid", "error", "message"),
    [
        ({}, TypeError, "expected a dict"),
        ({"lr": []}, ValueError, r"grid\['lr'\] is empty"),
        ({"lr": 0.1}, TypeError, "expected a list of values"),
        ({"activation": "relu"}, TypeError, "expected a list of values"),
        ({"lr": [0.1], "learning_rate": [0.1]}, ValueError, "expected one of them"),
        ({"widht": [3]}, ValueError, "unknown setting 'widht': did you mean 'width'"),
        ({"momentum": [0.5]}, (ValueError, TypeError), "momentum"),
    ],
)
def test_bad_grids(digits, grid, error, message):
    with pytest.raises(error, match=message):
        compare(network, *digits[0], grid, epochs=1, seeds=1, verbose=0)


def test_bad_models_and_seeds(digits):
    with pytest.raises(TypeError, match="model_fn returned int"):
        compare(lambda: 3, *digits[0], {"lr": [0.1]}, verbose=0)
    with pytest.raises(ValueError, match="seeds=0"):
        compare(network, *digits[0], {"lr": [0.1]}, seeds=0, verbose=0)
    with pytest.raises(ValueError, match="at least one"):
        compare(network, *digits[0], {"lr": [0.1]}, seeds=[], verbose=0)
    with pytest.raises(ValueError, match="expected None, 'batch' or 'layer'"):
        mlp(3, norm="group")
