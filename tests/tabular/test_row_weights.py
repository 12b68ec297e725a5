"""A row of weight 2 counts in every number of a report as two rows do, one of weight 0 as none."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.tabular import TableModel, TableWarning, fit
from gdcore.tabular.decision import Threshold, calibration_error, temperature
from gdcore.tabular.errors_text import quantiles
from gdcore.tabular.scoring import average_precision

QUICK = {"hidden": [8], "epochs": 15, "lr": 0.02, "refit": False, "verbose": 0}
ROWS = 200


def table(target, seed=0, rows=ROWS):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=rows)
    made = {"x": x, "n": draw.integers(0, 4, rows).astype(float)}
    told = x + draw.normal(size=rows)
    if target == "quantity":
        return made | {"y": told}
    if target == "three":
        return made | {"y": np.array(["a", "b", "c"])[(told > 0).astype(int) + (told > 1)]}
    return made | {"y": np.where(told > 1.2, "yes", "no")}


def repeated(columns):
    """The rows as often as they count, each counting once."""
    rows = np.repeat(np.arange(len(columns["n"])), columns["n"].astype(int))
    return {k: v[rows] for k, v in columns.items()} | {"n": np.ones(len(rows))}


def numbers(report):
    """All of a report but what hangs on how many rows there are, and on draws of them."""
    return {
        "scores": report.scores["measured"],
        "baseline": report.baseline,
        "calibration": report.calibration_error,
        "confusion": None if report.confusion is None else report.confusion.tolist(),
        "rare": [f.text.split(" here: ")[1] for f in report.findings if f.kind == "rare"],
    }


def close(a, b):
    if isinstance(a, dict):
        assert list(a.keys()) == list(b.keys())  # Scores iterate over their numbers
        for name in a.keys():  # noqa: SIM118
            np.testing.assert_allclose(a[name], b[name], rtol=1e-9, err_msg=name)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-9)
    else:
        assert a == b


METRICS = {
    "quantity": ["r2", "mae", "rmse", "mse"],
    "two": ["accuracy", "roc_auc", "precision", "recall", "f1", "confusion_matrix"],
    "three": ["accuracy", "roc_auc", "f1", "f1_weighted", "top_2"],
}


@pytest.mark.parametrize("target", METRICS)
def test_a_weight_is_that_many_rows(target):
    model = TableModel(
        hidden=[8], epochs=15, lr=0.02, metrics=METRICS[target], weights="n", seed=0
    ).fit(table(target), "y", verbose=0)
    new = table(target, 1)
    got, want = (numbers(model.examine(rows, repeats=0)) for rows in (new, repeated(new)))
    assert got.keys() == want.keys()
    for part in got:
        close(got[part], want[part])
    assert target == "quantity" or got["calibration"] > 0
    plain = {k: v for k, v in new.items() if k != "n"}
    with pytest.warns(TableWarning, match="no column 'n' of weights, .*each row counts once$"):
        once = model.evaluate(plain)
    close(model.evaluate(new), got["scores"])
    assert abs(once[METRICS[target][0]] - got["scores"][METRICS[target][0]]) > 1e-6


def test_what_is_learned_of_watched_rows_and_priors_too():
    columns = table("two")
    shares = np.bincount(columns["y"] == "yes", columns["n"]) / columns["n"].sum()
    np.testing.assert_allclose(
        TableModel(weights="n", epochs=1).fit(columns, "y", verbose=0).target.prior, shares
    )
    scores = np.array([[2.0], [2.0], [-1.0], [0.5]])
    y, n = np.array([1, 0, 0, 1]), np.array([3, 1, 2, 1])
    many = np.repeat(np.arange(4), n)
    assert temperature(scores, y, n * 1.0) == pytest.approx(temperature(scores[many], y[many]))
    p = np.array([0.9, 0.4, 0.3, 0.6])
    for wish in ("f1", "recall=0.8", "precision=0.7"):
        asked = Threshold.parse(wish)
        assert asked.choose(y == 1, p, n * 1.0) == asked.choose(y[many] == 1, p[many])
    assert average_precision(y == 1, p, n * 1.0) == pytest.approx(
        average_precision(y[many] == 1, p[many])
    )
    both = np.stack([1 - p, p], axis=1)
    assert calibration_error(both, y, n * 1.0)[0] == pytest.approx(
        calibration_error(both[many], y[many])[0]
    )
    assert quantiles(p, [0.5, 0.9], n * 1.0) == quantiles(p[many], [0.5, 0.9], np.ones(len(many)))


def test_rows_of_weight_0_are_not_there():
    columns = table("quantity")
    wild = {k: v.copy() for k, v in columns.items()}
    wild["x"][wild["n"] == 0] = 1e6
    wild["y"][wild["n"] == 0] = -1e6
    a, b = (fit(c, "y", weights="n", **QUICK) for c in (columns, wild))
    assert str(a.report) == str(b.report) and a.encoder == b.encoder
    left = int((columns["n"] == 0).sum())
    assert a.notes[0] == f"{left} rows of weight 0 left out"
    assert sum(a.report.rows.values()) == ROWS - left
    assert "weights: each row counts what 'n' says, in all numbers" in str(a.report)
    assert a.report.config()["weighted_by"] == "n"


def test_fractions_count_in_the_confusion_matrix(tmp_path):
    columns = table("two")
    columns["n"] = np.where(columns["y"] == "yes", 2.5, 1.0)
    report = fit(columns, "y", weights="n", **QUICK).report
    held = report.weights
    assert report.confusion.sum() == pytest.approx(held.sum())
    assert ".5" in report.errors_text() and "nan" not in str(report)
    sure = report.intervals["accuracy"]
    assert sure[0] < report.scores["held out"]["accuracy"] < sure[1]
    alike = gd.tabular.intervals.wilson(report.scores["held out"]["accuracy"], len(held))
    assert sure[1] - sure[0] > alike[1] - alike[0]  # rows that count unevenly tell less


REFUSED = {
    "negative": ([-1.0], r"row 0, column 'n': the weight is -1, expected a number of at least 0"),
    "missing": ([None], r"row 0, column 'n': the weight is nan, expected a number"),
    "zeros": ([0.0] * ROWS, r"^the table: every row has the weight 0, expected some above it$"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_weights_that_are_none(what):
    first, message = REFUSED[what]
    columns = table("two")
    told = [*first, *columns["n"][len(first) :]]
    with pytest.raises(ValueError, match=message) as caught:
        fit(columns | {"n": told}, "y", weights="n", **QUICK)
    assert "\n" not in str(caught.value)
