"""A report's numbers are what others compute, whose they are is said, and guessing stands beside."""

import json
import re

import numpy as np
import pytest
from small_tables import mixed

import gdcore as gd
from gdcore.tabular import TableModel, fit, read
from gdcore.tabular.intervals import wilson
from gdcore.tabular.learning import set_apart
from gdcore.tabular.scoring import average_precision
from gdcore.tabular.training import apart

QUICK = {"hidden": [8], "epochs": 4, "verbose": 0}


def noisy(rows=400, rare=0.3, seed=0):
    """Two classes that cannot be told apart for sure, and a quantity."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 3))
    score = x[:, 0] + draw.normal(size=rows)
    return {
        "a": x[:, 0].tolist(),
        "b": x[:, 1].tolist(),
        "kind": np.array(["u", "v", "w"])[draw.integers(0, 3, rows)].tolist(),
        "bad": np.where(score > np.quantile(score, 1 - rare), "yes", "no").tolist(),
        "cost": (10 * score + 40).tolist(),
    }


def held_of(columns, target, seed=0):
    return apart(read(columns), [target], 0.2, TableModel(seed=seed).settings)[1]


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "hinge"])
@pytest.mark.parametrize("positive", [None, "no"])
def test_scores_of_two_classes_are_those_of_the_positive_one(loss, positive):
    metrics = pytest.importorskip("sklearn.metrics")
    columns = noisy()
    wanted = ["precision", "recall", "f1", "f1_macro", "accuracy", "roc_auc"]
    model = fit(
        columns, "bad", kinds={"cost": "ignore"}, metrics=wanted, loss=loss, positive=positive,
        refit=False, **QUICK,
    )  # fmt: skip
    held = held_of(columns, "bad")
    truth, said = held.columns["bad"].texts(), model.predict(held)
    got, name = model.report.scores["held out"], positive or "yes"
    for metric in ("precision", "recall", "f1"):
        want = getattr(metrics, f"{metric}_score")(truth, said, pos_label=name)
        assert got[metric] == pytest.approx(want)
    assert got["f1_macro"] == pytest.approx(metrics.f1_score(truth, said, average="macro"))
    assert got["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said))
    text = str(model.report)
    assert f"f1 of '{name}'" in text and "f1, macro average" in text
    if loss != "hinge":
        p = model.predict_proba(held)
        order = [t == "yes" for t in truth]
        assert got["roc_auc"] == pytest.approx(metrics.roc_auc_score(order, p[:, 1]))
        assert got["loss"] == pytest.approx(metrics.log_loss(truth, p), rel=1e-5)
        assert average_precision(np.array(order), p[:, 1]) == pytest.approx(
            metrics.average_precision_score(order, p[:, 1])
        )


def test_guessing_is_given_for_every_metric():
    """As whoever answers with the training's commonest class or mean is measured."""
    columns = noisy()
    model = fit(
        columns, "bad", kinds={"cost": "ignore"}, metrics=["accuracy", "roc_auc", "recall"], **QUICK
    )
    truth = np.array(held_of(columns, "bad").columns["bad"].texts()) == "yes"
    share = 0.3
    log_loss = -np.mean(np.where(truth, np.log(share), np.log(1 - share)))
    got = model.report.baseline
    assert got == pytest.approx(
        {"loss": log_loss, "accuracy": np.mean(~truth), "roc_auc": 0.5, "recall": 0.0}, rel=1e-4
    )
    model = fit(columns, "cost", kinds={"bad": "ignore"}, refit=False, **QUICK)
    part = apart(read(columns), ["cost"], 0.2, TableModel().settings)
    learned, _ = set_apart(part[0], ["cost"], model.settings)
    mean, truth = learned.columns["cost"].values.mean(), part[1].columns["cost"].values
    assert model.report.baseline["mae"] == pytest.approx(np.abs(truth - mean).mean())
    assert model.report.baseline["rmse"] == pytest.approx(np.sqrt(((truth - mean) ** 2).mean()))


def test_importance_is_in_the_metric_that_was_asked_for():
    columns = noisy()
    for metrics, words in ((["mae", "r2"], "mean absolute error added"), (None, "R² lost")):
        model = fit(columns, "cost", kinds={"bad": "ignore"}, metrics=metrics, hidden=[8],
                    epochs=40, lr=0.01, verbose=0)  # fmt: skip
        first = model.report.importance[0]
        assert first.column == "a" and words in str(model.report)
        assert first.drop > (4 if metrics else 0.4)  # the mean distance of a to another a, times 10


def test_intervals_hold_what_other_rows_would_give():
    """Of 100 sets of rows, about 95 score within the interval of one, here widened by its own."""
    model = TableModel(kinds={"cost": "ignore"}, hidden=[8], epochs=20, lr=0.01)
    model.fit(noisy(800, seed=1), "bad", verbose=0)
    truth = model.evaluate(noisy(20_000, seed=2))
    inside = {"accuracy": 0, "roc_auc": 0, "loss": 0}
    for seed in range(40):
        sure = model.examine(noisy(150, seed=100 + seed), repeats=0).intervals
        for name in inside:
            inside[name] += sure[name][0] <= truth[name] <= sure[name][1]
    assert all(34 <= count <= 40 for count in inside.values()), inside
    assert wilson(1.0, 20)[0] == pytest.approx(0.8389, abs=1e-4)


def test_evaluate_prints_what_train_prints(tmp_path):
    columns = noisy()
    model = fit(columns, "bad", kinds={"cost": "ignore"}, refit=False, **QUICK)
    model.save(tmp_path / "m")
    held = held_of(columns, "bad")
    told = gd.load(tmp_path / "m").examine(held)
    assert told.scores["measured"] == pytest.approx(model.report.scores["held out"])
    assert told.baseline == model.report.baseline and told.intervals == model.report.intervals
    assert (told.confusion == model.report.confusion).all()
    assert [i.column for i in told.importance] == [i.column for i in model.report.importance]
    for words in ("guessing: always 'no'", "confusion matrix", "which columns mattered"):
        assert words in str(told) and words in str(model.report)


def test_a_report_as_json_and_as_a_page(tmp_path):
    pytest.importorskip("matplotlib")
    columns = noisy() | {"same": ["<b>"] * 400}
    for target, other in (("bad", "cost"), ("cost", "bad")):
        report = fit(columns, target, kinds={other: "ignore"}, **QUICK).report
        report.save(tmp_path / "r.json")
        got = json.loads((tmp_path / "r.json").read_text())
        assert got["scores"]["held out"] == report.scores["held out"]
        assert got["baseline"] == report.baseline and got["rows"]["held out"] == 80
        report.save(tmp_path / "r.html", title="a & b")
        page = (tmp_path / "r.html").read_text()
        assert page.count("<svg") == 4 - (target == "cost") and "a &amp; b" in page
        assert "&lt;b&gt;" in page and "<b>" not in page and "http-equiv" not in page
        assert not re.search(r"<(script|link|img)", page)
        report.save(tmp_path / "again.html", title="a & b")
        assert (tmp_path / "again.html").read_text() == page
    with pytest.raises(ValueError, match=r"unknown ending of a report '.txt'"):
        report.save(tmp_path / "r.txt")


def test_a_score_that_is_no_number_is_null(tmp_path):
    """ROC-AUC where the measured rows are of one class."""
    model = TableModel(kinds={"cost": "ignore"}, hidden=[4], epochs=1).fit(
        noisy(), "bad", verbose=0
    )
    columns = noisy()
    some = {k: [v for v, b in zip(c, columns["bad"], strict=True) if b == "no"]
            for k, c in columns.items()}  # fmt: skip
    model.examine(some).save(tmp_path / "r.json")
    got = json.loads((tmp_path / "r.json").read_text(), parse_constant=pytest.fail)
    assert got["scores"]["measured"]["roc_auc"] is None


def test_a_report_of_a_model_of_before(tmp_path):
    """A file that does not tell the classes' shares: guessing knows those of the rows."""
    model = TableModel(kinds={"cost": "ignore"}, hidden=[4], epochs=1).fit(
        noisy(), "bad", verbose=0
    )
    table = model.info["table"]
    for gone in ("prior", "floor", "log_unit"):
        del table["encoder"]["target"][gone]
    for gone in ("class_weight", "weights", "positive", "threshold", "target_scale"):
        del table["settings"][gone]
    del table["decision"]
    model.save(tmp_path / "m")
    assert gd.load(tmp_path / "m").examine(noisy()).baseline["accuracy"] == pytest.approx(0.7)


def test_many_classes_and_arrays_of_metrics():
    columns = mixed(300)
    model = fit(columns, "kind", metrics=["accuracy", "f1", "confusion_matrix"], **QUICK)
    text = str(model.report)
    assert "f1, macro average" in text and "confusion_matrix, held out:" in text
