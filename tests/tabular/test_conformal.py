"""Intervals around quantities: what they hold was measured, and they come through files and the shell."""

import json

import numpy as np
import pytest

import gdcore as gd
from gdcore.tabular import TableModel, fit
from gdcore.tabular.conformal import covered, fewest, limits, margin
from gdcore.tabular.target import Target

QUICK = {"hidden": [16], "epochs": 20, "lr": 0.02, "batch_size": 32, "verbose": 0}


def tips(rows, seed):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=rows)
    return {"x": x, "tip": np.exp(x + 0.5 * draw.normal(size=rows)) - 0.01}


@pytest.mark.parametrize("more", [{}, {"target_scale": "log"}, {"loss": "poisson"}])
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_new_rows_lie_within_as_often_as_was_asked_for(level, more):
    told = tips(1500, 0)
    if "loss" in more:
        told["tip"] = np.random.default_rng(1).poisson(np.exp(1 + told["x"])).astype(float)
    columns = {k: v[:500] for k, v in told.items()}
    model = TableModel(
        **{k: v for k, v in QUICK.items() if k != "verbose"}, interval=level, **more
    ).fit(columns, "tip", refit=False, verbose=0)
    new = {k: v[500:] for k, v in told.items()}
    ends = model.predict_interval(new)
    share = covered(ends, new["tip"])
    # 100 rows set the margin: the share is that of a beta distribution, of deviation √(p(1-p)/102).
    assert abs(share - level) < 0.13
    assert (ends[:, 0] <= model.predict(new)).all() and (model.predict(new) <= ends[:, 1]).all()
    width = ends[:, 1] - ends[:, 0]
    if more:  # amounts and counts: the larger, the wider
        assert width[np.argmax(new["x"])] > 2 * width[np.argmin(new["x"])]
    report = model.examine(new, repeats=0)
    assert report.coverage.share == share and report.coverage.level == level
    assert report.coverage.width == pytest.approx(width.mean())
    assert f"intervals: {share:.1%} of these rows lie within theirs (" in str(report)
    assert json.loads(json.dumps(report.config()))["coverage"]["share"] == share


def test_the_margin_is_the_right_one_of_the_distances():
    target = Target("y", "regression", mean=10.0, scale=2.0)
    y, said = np.arange(1.0, 20.0), np.zeros(19)
    for level, place in ((0.9, 18), (0.5, 10), (0.95, 19)):  # ⌈20 · level⌉
        width = margin(target, said, y, level, counts=False)
        assert width * 2 == pytest.approx(place)
        assert margin(target, said, y, level, False, np.full(19, 0.3)) == pytest.approx(width)
        np.testing.assert_allclose(limits(target, said, width, False)[0], [-place, place])
    heavy = np.where(y <= 2, 100.0, 1.0)
    assert margin(target, said, y, 0.5, False, heavy) * 2 == pytest.approx(2)
    counts = Target("y", "regression", floor=0.0)
    assert margin(counts, np.full(19, 4.0), 4 + y, 0.5, counts=True) == pytest.approx(10 / 2)
    np.testing.assert_allclose(limits(counts, np.array([4.0, 9.0]), 3.0, True), [[0, 10], [0, 18]])
    assert [fewest(p) for p in (0.5, 0.9, 0.95, 0.999)] == [1, 9, 19, 999]


def test_a_file_keeps_the_margin_and_a_refit_too(tmp_path):
    columns = tips(300, 2)
    model = fit(columns, "tip", interval=0.8, **QUICK)
    assert model.rows == 300 and model.decision.margin > 0
    model.save(tmp_path / "m.safetensors")
    same = gd.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(same.predict_interval(columns), model.predict_interval(columns))
    assert same.settings.interval == 0.8
    assert same.info["table"]["report"]["coverage"]["level"] == 0.8


REFUSED = {
    "no share": ({"interval": 90}, r"^interval=90: expected the share of answers that it is to hold"),
    "a truth": ({"interval": True}, r"^interval=True: expected the share"),
    "classes": ({"interval": 0.9, "target": "k"}, r"^interval=0.9 is for quantities, and the target 'k'"),
    "no rows set apart": (
        {"interval": 0.9, "patience": None},
        r"^interval=0.9 is measured on rows that are set apart .* none are \(patience=None",
    ),
    "few rows set apart": (
        {"interval": 0.99, "rows": 60, "held_out": 0},
        r"^interval=0.99 is measured on rows that are set apart .* 12 are: expected 99 or more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_one_line_says_what_is_wrong(what):
    told, message = dict(REFUSED[what][0]), REFUSED[what][1]
    rows = told.pop("rows", 100)
    columns = tips(rows, 3) | {"k": ["a", "b"] * (rows // 2)}
    with pytest.raises(ValueError, match=message) as caught:
        fit(columns, told.pop("target", "tip"), **QUICK | told)
    assert "\n" not in str(caught.value)


def test_a_model_without_says_so():
    model = TableModel([4], epochs=1).fit(tips(20, 0), "tip", verbose=0)
    with pytest.raises(ValueError, match=r"^the model was trained without an interval: pass inter"):
        model.predict_interval({"x": [1.0]})


def test_a_loss_of_quantities_says_what_few_whole_numbers_are():
    """Counts below 20 were taken for classes, and the loss refused."""
    columns = {"x": [0.0, 1.0, 2.0, 3.0] * 10, "n": [0, 1, 2, 4] * 10}
    model = TableModel([4], epochs=2, loss="poisson").fit(columns, "n", verbose=0)
    assert model.classes is None and (model.predict(columns) > 0).all()


def test_counts_and_amounts_are_recognised_learned_as_such_and_said(tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(size=200)
    told = {
        "tip": np.exp(1.5 * x),
        "n": draw.poisson(np.exp(3 + x)),
        "plain": 5 + x - x.min(),
        "signed": x,
    }
    told["n"][0] = 0
    want = {"tip": "on a logarithmic scale", "n": "as a count", "plain": "", "signed": ""}
    for name, cure in want.items():
        columns = {"x": x, "noise": draw.normal(size=200), name: told[name]}
        model = fit(columns, name, task="regression", **QUICK | {"epochs": 1})
        report, target = model.report, model.target
        assert (target.log_unit is not None) == (name == "tip"), name
        assert (model.network.losses[0].name == "poisson") == (name == "n"), name
        model.save(tmp_path / "m")
        again = gd.load(tmp_path / "m").refit(columns, verbose=0)
        assert (again.target.log_unit is None) == (target.log_unit is None)
        assert again.network.losses[0].name == model.network.losses[0].name
        lines = [f.text for f in report.findings if f.kind == "scale"]
        assert [cure in line for line in lines] == [True] * bool(cure), name
        assert all("\n" not in line and repr(name) in line for line in lines)
    for more in (
        {"target_scale": "log"},
        {"target_scale": "linear"},
        {"loss": "mae"},
    ):  # who was told is not told again
        report = fit({"x": x, "tip": np.exp(x)}, "tip", **QUICK | {"epochs": 1} | more).report
        assert all(f.kind != "scale" for f in report.findings)
