"""Probabilities mean what they say, thresholds do what was asked, rows count what they weigh."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.tabular import TableModel, fit
from gdcore.tabular.decision import (
    Threshold,
    calibration_error,
    log_loss,
    probabilities,
    temperature,
)
from gdcore.tabular.learning import set_apart
from gdcore.tabular.reading import read

QUICK = {"hidden": [16], "epochs": 60, "lr": 0.01, "verbose": 0}


def noisy(rows=600, seed=0, share=0.3):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 4))
    score = x[:, 0] + draw.normal(size=rows)
    return {f"x{i}": x[:, i] for i in range(4)} | {
        "y": np.where(score > np.quantile(score, 1 - share), "yes", "no")
    }


def test_the_temperature_is_that_of_the_least_loss():
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(5000, 4))
    p = probabilities(logits)
    y = (p.cumsum(axis=1) < draw.random((5000, 1))).sum(axis=1)
    for heat in (0.3, 1.0, 4.0):
        found = temperature(logits * heat, y)
        assert found == pytest.approx(heat, rel=0.05)
        around = [log_loss(logits * heat, y, found * f) for f in (0.98, 1.0, 1.02)]
        assert min(around) == around[1]


def test_scores_for_ever_right_have_a_temperature():
    assert 0 < temperature(np.array([[9.0], [-9.0]]), np.array([1, 0])) < 1


def test_the_error_of_calibration():
    p = np.array([[0.1, 0.9]] * 10 + [[0.4, 0.6]] * 10)
    y = np.array([1] * 9 + [0] + [1] * 3 + [0] * 7)
    error, curve = calibration_error(p, y)
    assert error == pytest.approx(0.15)  # (0 + |0.6 - 0.3|) / 2
    assert [count for _, _, count in curve] == [10, 10]


def test_probabilities_of_a_model_that_was_trained_for_too_long():
    """Without validation rows there is no temperature, and they are further off."""
    settings = QUICK | {"hidden": [128], "epochs": 150, "dropout": 0.0}
    new = noisy(4000, seed=1)
    y = (new["y"] == "yes").astype(int)
    losses = []
    for patience in (150, None):
        model = TableModel(
            patience=patience, **{k: v for k, v in settings.items() if k != "verbose"}
        )
        model.fit(noisy(), "y", refit=False, verbose=0)
        losses.append(model.evaluate(new)["loss"])
        p = model.predict_proba(new)
        assert losses[-1] == pytest.approx(-np.log(p[np.arange(len(y)), y]).mean())
    assert losses[0] < 0.55 < losses[1]


@pytest.mark.parametrize("wish", ["f1", "recall=0.9", "precision=0.7", 0.2])
@pytest.mark.parametrize("positive", ["yes", "no"])
def test_thresholds(wish, positive, tmp_path):
    columns = noisy()
    model = TableModel(
        threshold=wish, positive=positive, **{k: QUICK[k] for k in ("hidden", "epochs")}
    )
    model.fit(columns, "y", refit=False, verbose=0)
    watched = set_apart(read(columns), ["y"], model.settings)[1]
    truth = np.array(watched.columns["y"].texts()) == positive
    p = model.predict_proba(watched)[:, model.classes.index(positive)]
    said = model.predict(watched) == positive
    np.testing.assert_array_equal(said, p >= model.decision.threshold)

    def scores(at):
        hit, count = (truth & (p >= at)).sum(), (p >= at).sum()
        return 2 * hit / (count + truth.sum()), hit / truth.sum(), hit / max(1, count)

    tried = {at: scores(at) for at in np.unique(p)}
    f1, recall, precision = scores(model.decision.threshold)
    if wish == "f1":
        assert f1 == max(s[0] for s in tried.values())
    elif wish == "recall=0.9":
        assert recall >= 0.9
        assert all(
            s[1] < 0.9 for at, s in tried.items() if at > p[p >= model.decision.threshold].min()
        )
    elif wish == "precision=0.7":
        assert precision >= 0.7
        assert recall == max(s[1] for s in tried.values() if s[2] >= 0.7)
    else:
        assert model.decision.threshold == 0.2
    model.save(tmp_path / "m")
    loaded = gd.load(tmp_path / "m")
    assert loaded.decision == model.decision
    np.testing.assert_array_equal(loaded.predict(columns), model.predict(columns))


def test_wishes_that_cannot_be():
    for text in ("f2", "recall=1.5", "recall=", "1", "nan", "0", "precision"):
        with pytest.raises(ValueError, match=r"threshold='.*': expected f1, recall=0.9"):
            Threshold.parse(text)
    with pytest.raises(ValueError, match="needs probabilities, and loss hinge gives none"):
        TableModel(threshold=0.3, loss="hinge").fit(noisy(), "y", verbose=0)
    three = noisy() | {"y": np.array(list("abc"))[np.arange(600) % 3]}
    with pytest.raises(ValueError, match=r"threshold='f1' is for 2 classes, .* 'y' has 3"):
        TableModel(threshold="f1").fit(three, "y", verbose=0)
    with pytest.raises(ValueError, match=r"positive='yes' is for 2 classes, .* is a quantity"):
        TableModel(positive="yes").fit(three, "x0", verbose=0)


def test_a_row_of_weight_two_is_two_rows():
    """Full batches: the same training, up to rounding."""
    columns = noisy(60)
    weights = np.arange(60) % 3
    many = {k: np.repeat(v, weights) for k, v in columns.items()}
    settings = {"hidden": [4], "epochs": 30, "lr": 0.02, "dropout": 0.0, "optimizer": "sgd",
                "patience": None, "batch_size": 60, "numbers": "raw", "dtype": "float64"}  # fmt: skip
    a = TableModel(weights="w", **settings).fit(columns | {"w": weights}, "y", verbose=0)
    b = TableModel(**settings).fit(many, "y", verbose=0)
    assert [c.name for c in a.encoder.columns] == [c.name for c in b.encoder.columns]
    np.testing.assert_allclose(a.predict_proba(columns), b.predict_proba(columns), rtol=1e-6)


def test_weights_of_classes():
    """Balanced is what scikit-learn calls so; a class of weight 0 is never answered."""
    columns = noisy()
    told = {"hidden": [8], "epochs": 20, "patience": None, "seed": 1}
    balanced = TableModel(class_weight="balanced", **told).fit(columns, "y", verbose=0)
    by_hand = TableModel(class_weight={"no": 1 / 1.4, "yes": 1 / 0.6}, **told)
    by_hand.fit(columns, "y", verbose=0)
    got = balanced.predict_proba(columns)
    np.testing.assert_allclose(got, by_hand.predict_proba(columns), rtol=1e-3, atol=1e-4)
    plain = TableModel(**told).fit(columns, "y", verbose=0)
    assert (balanced.predict(columns) == "yes").sum() > (plain.predict(columns) == "yes").sum()
    never = TableModel(class_weight={"yes": 0}, **told | {"epochs": 60}).fit(
        columns, "y", verbose=0
    )
    assert (never.predict(columns) == "no").all()


def test_weights_that_cannot_be():
    columns = noisy(60) | {"w": np.r_[-1.0, np.ones(59)]}
    with pytest.raises(ValueError, match=r"row 0, column 'w': the weight is -1, expected"):
        TableModel(weights="w").fit(columns, "y", verbose=0)
    with pytest.raises(ValueError, match="class_weight is for classes, and 'x0' is a quantity"):
        TableModel(class_weight="balanced").fit(columns, "x0", verbose=0)
    for spec in ("even", {}, {"yes": -1}, {"yes": "1"}, [1, 2]):
        with pytest.raises(ValueError, match=r"class_weight=.*expected 'balanced', or a dict"):
            TableModel(class_weight=spec)


def amounts(rows=500, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=rows)
    return {"x": x, "tip": np.maximum(0, np.exp(1.2 * x + 0.3 * draw.normal(size=rows)) - 0.3)}


def test_amounts_are_never_negative(tmp_path):
    columns, new = amounts(), amounts(seed=1)
    wild = {"x": np.linspace(-9, 4, 300)}
    errors = {}
    for scale in ("linear", "log"):
        model = TableModel(target_scale=scale, hidden=[16], epochs=60, lr=0.01)
        model.fit(columns, "tip", verbose=0)
        assert "never below 0, as in all training rows" in str(model)
        got = model.predict(wild)
        assert got.min() >= 0 and np.isfinite(got).all()
        errors[scale] = np.abs(np.log1p(model.predict(new)) - np.log1p(new["tip"])).mean()
        model.save(tmp_path / "m")
        np.testing.assert_array_equal(gd.load(tmp_path / "m").predict(wild), got)
    assert errors["log"] < errors["linear"]
    assert "logarithmic" in str(model)
    with pytest.raises(ValueError, match="target_scale='log' is for amounts, and the target 'x'"):
        TableModel(target_scale="log").fit(columns, "x", verbose=0)
    with pytest.raises(ValueError, match="target_scale='log' does not go with loss poisson"):
        TableModel(target_scale="log", loss="poisson").fit(columns, "tip", verbose=0)
    below = columns | {"tip": columns["tip"] - 1}
    assert "never" not in str(TableModel(hidden=[4], epochs=1).fit(below, "tip", verbose=0))


def test_the_kept_model_has_learned_from_all_rows():
    columns = noisy()
    model = fit(columns, "y", **QUICK)
    assert model.rows == 600 and model.report.rows == {"training": 480, "held out": 120}
    assert model.network.epochs_done == model.epochs < 60
    one = fit(columns, "y", refit=False, **QUICK)
    assert one.rows == 384 and one.watched == 96
    assert one.report.scores == model.report.scores and one.decision == model.decision


def test_a_refit_that_fails_leaves_the_model_as_it_was():
    model = TableModel(hidden=[4], epochs=2).fit(noisy(60), "y", verbose=0)
    before, encoder = model.predict_proba(noisy(60)), model.encoder
    with pytest.raises(ValueError, match="always 'no'"):
        model.refit(noisy(60) | {"y": ["no"] * 60}, verbose=0)
    assert model.encoder is encoder
    np.testing.assert_array_equal(model.predict_proba(noisy(60)), before)


def test_what_columns_are_is_decided_by_all_rows_once():
    """Not by a part of them: of few rows a column of names looks like categories."""
    columns = noisy(80) | {"code": [chr(97 + i % 26) + "x" * (i // 26) for i in range(80)]}
    columns["few"] = [1.5, *[None] * 79]
    columns["count"] = [*range(21)] * 3 + [0] * 17  # 21 different whole numbers: a quantity
    model = TableModel(hidden=[4], epochs=2).fit(columns, "y", refit=False, verbose=0)
    assert "code" in model.encoder.ignored
    model.refit(columns, verbose=0)
    assert "code" in model.encoder.ignored
    model = TableModel(hidden=[4], epochs=2, kinds={"code": "ignore"}).fit(
        columns, "count", verbose=0
    )
    assert model.target.task == "regression"
    with pytest.raises(ValueError, match="weights='y' is the target"):
        TableModel(weights="y").fit(columns, "y", verbose=0)
