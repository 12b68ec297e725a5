"""Several targets at once: quantities, labels of which any may be true, classes, and some of each."""

import json

import numpy as np
import pytest
from small_tables import as_csv

import gdcore as gd
from gdcore.io import FileFormatError, safetensors
from gdcore.tabular import TableModel, fit, read
from gdcore.tabular.splits import hold_out
from gdcore.tabular.stored import read_encoder

QUICK = {"hidden": [16], "epochs": 30, "lr": 0.02, "batch_size": 32, "verbose": 0}


def table(rows=300, seed=0):
    draw = np.random.default_rng(seed)
    x, z = draw.normal(size=(2, rows))
    return {
        "x": x,
        "z": z,
        "sum": 1000 + 100 * (x + z),  # of other sizes than the next
        "gap": 0.01 * (x - z),
        "late": np.where(x + 0.3 * draw.normal(size=rows) > 0.5, "yes", "no"),
        "wet": z + 0.3 * draw.normal(size=rows) > 0,
        "third": np.array(["a", "b", "c"])[
            np.digitize(x + 0.2 * draw.normal(size=rows), [-0.5, 0.5])
        ],
    }


def only(columns, *names):
    return {k: v for k, v in columns.items() if k in ("x", "z", *names)}


TARGETS = {
    "quantities": ("sum", "gap"),
    "labels": ("late", "wet"),
    "mixed": ("gap", "late", "third"),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_one_network_predicts_all_of_them(kind, write, tmp_path):
    names = TARGETS[kind]
    columns, new = only(table(), *names), only(table(seed=1), *names)
    model = fit(write(as_csv(columns)), list(names), **QUICK)
    got, scores = model.predict(new), model.evaluate(new)
    assert list(got) == list(scores) == list(model.report) == list(names)
    for name in names:
        if name in ("sum", "gap"):
            residual = got[name] - new[name]
            assert scores[name]["r2"] == pytest.approx(
                1 - np.var(residual) / np.var(new[name]), abs=0.02
            )
            assert scores[name]["r2"] > 0.9
        else:
            truth = np.array([str(v) for v in new[name]])
            assert scores[name]["accuracy"] == np.mean(got[name] == truth) > 0.8
            proba = model.predict_proba(new)[name]
            np.testing.assert_allclose(proba.sum(axis=1), 1)
            classes = {"late": ["no", "yes"], "wet": ["False", "True"], "third": ["a", "b", "c"]}
            assert model.classes[name] == classes[name] and proba.shape[1] == len(classes[name])
    made = model.network.predict(model.features(new).inputs())
    assert [len(out[0]) for out in made] == [1, 2, 3] if kind == "mixed" else len(made[0]) == 2
    model.save(tmp_path / "m.safetensors")
    same = gd.load(tmp_path / "m.safetensors")
    assert same.target == model.target and same.decision == model.decision
    for name in names:
        np.testing.assert_array_equal(same.predict(new)[name], got[name])
    same.refit(columns, verbose=0)
    assert list(same.predict({"x": [0.0], "z": [1.0]})) == list(names)
    best = {name: found[0].column for name, found in model.importance(new, 2).items()}
    assert best == best | {
        k: v for k, v in {"late": "x", "wet": "z", "third": "x"}.items() if k in best
    }


def test_a_target_is_as_good_beside_another_as_alone():
    columns = table()
    both = fit(only(columns, "sum", "gap"), ["sum", "gap"], **QUICK).report
    for name in ("sum", "gap"):
        alone = fit(only(columns, name), name, **QUICK).report
        assert both[name].scores["held out"]["r2"] > alone.scores["held out"]["r2"] - 0.05
        assert both[name].rows == alone.rows


def test_the_report_has_one_for_each_and_their_means(tmp_path):
    report = fit(
        only(table(), "late", "wet"), ["late", "wet"], **QUICK, metrics=["accuracy", "f1"]
    ).report
    text = str(report)
    mean = np.mean([report[n].scores["held out"]["accuracy"] for n in report])
    assert report.means()["accuracy"] == pytest.approx(mean)
    assert text.startswith("mean of 2 targets, the held-out rows: ")
    assert "target 'late'" in text and "f1 of 'true'" in text and "f1 of 'yes'" in text
    report.save(tmp_path / "r.json")
    kept = json.loads((tmp_path / "r.json").read_text())
    assert kept["targets"]["wet"]["confusion"] == report["wet"].confusion.tolist()


@pytest.mark.slow
def test_the_picture_and_the_page_have_a_row_for_each(tmp_path):
    pytest.importorskip("matplotlib")
    report = fit(only(table(60), "sum", "gap"), ["sum", "gap"], **QUICK | {"epochs": 2}).report
    assert len(report.plot(tmp_path / "r.svg").axes) == 6
    report.save(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert page.count("<svg") == 6 and page.count("<h1>") == 3 and page.count("<h2>Columns") == 1


def test_intervals_thresholds_and_weights_of_each():
    columns = only(table(), "sum", "gap") | {"n": np.tile([1.0, 0.0, 2.0], 100)}
    model = fit(columns, ["sum", "gap"], interval=0.8, weights="n", **QUICK)
    ends = model.predict_interval(columns)
    assert all(len(d.config()) and d.margin > 0 for d in model.decision)
    for name in ("sum", "gap"):
        inside = (ends[name][:, 0] <= columns[name]) & (columns[name] <= ends[name][:, 1])
        assert inside.mean() > 0.6
    assert model.report["sum"].weighted_by == "n" and model.report["gap"].coverage.level == 0.8
    asked = fit(only(table(), "late", "wet"), ["late", "wet"], threshold="recall=0.9", **QUICK)
    first, second = (d.threshold for d in asked.decision)
    assert 0 < first != second < 1 and all(d.temperature != 1 for d in asked.decision)


def test_rows_without_one_of_them_are_left_out():
    columns = only(table(), "sum", "gap")
    columns["gap"] = [None if i < 7 else v for i, v in enumerate(columns["gap"])]
    model = fit(columns, ["sum", "gap"], **QUICK | {"epochs": 1})
    assert model.notes == ["7 rows without 'gap' left out"] and model.rows == 293


def test_both_classes_of_every_label_stay_in_the_training():
    y = np.zeros((40, 3), int)
    y[3, 0] = y[5, 1] = y[3, 2] = 1
    for seed in range(8):
        held = hold_out(y, 0.5, seed, True)
        assert (y[~held].sum(axis=0) == 1).all()


def test_columns_without_names_and_without_targets():
    columns = only(table(), "sum", "gap")
    rows = np.stack(list(columns.values()), axis=1)
    model = TableModel(**{k: v for k, v in QUICK.items() if k != "verbose"})
    model.fit(read(rows, header=False), [2, -1], verbose=0)
    assert model.target.names == ("2", "3")
    assert model.predict(rows[:2])["2"].shape == (2,)


def test_what_is_for_one_kind_is_of_the_targets_of_that_kind(tmp_path):
    columns = only(table(), "gap", "late", "third")
    asked = {"interval": 0.8, "threshold": "recall=0.9", "metrics": ["recall", "mae", "accuracy"]}
    model = fit(columns, ["gap", "late", "third"], **asked, label_smoothing=0.1, **QUICK)
    gap, late, third = model.decision
    assert gap.margin > 0 and gap.threshold is None and gap.temperature == 1
    assert late.margin is None and 0 < late.threshold < 1 and third.threshold is None
    got = {
        name: [k for k, _ in scores.items() if k != "loss"]
        for name, scores in model.evaluate(columns).items()
    }
    assert got == {"gap": ["mae"], "late": ["recall", "accuracy"], "third": ["recall", "accuracy"]}
    assert list(model.predict_interval(columns)) == ["gap"]
    assert list(model.predict_proba(columns)) == ["late", "third"]
    text = str(model.report)
    assert text.startswith("3 targets of different kinds, the held-out rows\n")
    assert "recall of 'yes'" in text and "recall, macro average" in text
    model.save(tmp_path / "m")
    tensors, metadata = safetensors.load(tmp_path / "m")
    described = json.loads(metadata["model"])
    lie = described["info"]["table"]["encoder"]["target"]["columns"]
    lie[1]["classes"], lie[1]["prior"] = ["a", "b", "c"], []
    safetensors.save(tmp_path / "m", tensors, metadata | {"model": json.dumps(described)})
    with pytest.raises(FileFormatError, match="outputs"):
        gd.load(tmp_path / "m")


def test_each_fold_of_several_kinds_predicts_alone(tmp_path):
    columns = only(table(), "gap", "late")
    told = {k: v for k, v in QUICK.items() if k != "verbose"} | {"epochs": 3, "folds": 2}
    model = TableModel(**told).fit(columns, ["gap", "late"], verbose=0)
    assert {"r2 of gap", "accuracy of late"} < set(model.out_of_fold)
    model.save(tmp_path / "m")
    for name, got in gd.load(tmp_path / "m").predict(columns).items():
        np.testing.assert_array_equal(got, model.predict(columns)[name])


REFUSED = {
    "a loss of one kind": (["sum", "late"], {"loss": "hinge"}, r"^loss hinge is for targets of one kind"),
    "a metric of none": (["gap", "third"], {"metrics": ["r2", "rank_error"]}, "^metric rank_error is for classes"),
    "another number of tasks": (
        ["sum", "late", "third"], {"task": "regression,classification"},
        r"^task='regression,classification' tells 2 tasks, expected one, or 3$",
    ),
    "an unknown task": (["sum", "late"], {"task": "regression,classes"}, r"^unknown task 'classes'"),
    "classes in an order": (["sum", "third"], {"task": "ordinal"}, r"^task='ordinal' is for one target"),
    "a threshold of none": (
        ["sum", "third"], {"threshold": 0.3}, r"^threshold='0.3' is for 2 classes, and the target 'sum' is",
    ),
    "one twice": (["sum", "gap", "sum"], {}, r"^target names 'sum' twice, expected different columns"),
    "none": ([], {}, r"^target names no column, expected different columns of the table$"),
    "a typing error": (["sum", "gab"], {}, r"the target 'gab' is not a column \(did you mean 'gap'"),
    "class weights": (
        ["late", "wet"], {"class_weight": "balanced"},
        r"^class_weight is for one target, and late, wet are 2: leave it out, or pass weights=",
    ),
    "a loss of one": (["late", "wet"], {"loss": "cross_entropy"}, r"^unknown loss for several labels"),
    "a target as a feature": (
        ["sum", "gap"], {"kinds": {"gap": "number"}}, r"^kinds names the target 'gap'",
    ),
    "the weights": (["sum", "gap"], {"weights": "gap"}, r"^weights='gap' is the target"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_one_line_says_what_is_wrong(what):
    names, more, message = REFUSED[what]
    with pytest.raises(ValueError, match=message) as caught:
        fit(table(), names, **QUICK | more)
    assert "\n" not in str(caught.value)


def test_the_model_of_one_is_asked_for_by_its_view():
    model = TableModel([4], epochs=1).fit(only(table(), "sum", "gap"), ["sum", "gap"], verbose=0)
    with pytest.raises(
        ValueError, match=r"^the model has 2 targets, sum, gap: expected one; ask one"
    ):
        model.scores(model.features(table()))
    assert [len(v.predict(table())) for v in model.views] == [300, 300]


BROKEN = {
    "one": lambda t: t["columns"].pop(),
    "an order": lambda t: t["columns"][0].update(
        task="classification", classes=["a", "b"], prior=[], ordered=True
    ),
    "no list": lambda t: t.update(columns=3),
    "no name of the table": lambda t: t["columns"][0].update(name="else"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_is_not_trusted(what):
    model = TableModel([4], epochs=1).fit(only(table(), "sum", "gap"), ["sum", "gap"], verbose=0)
    config = json.loads(json.dumps(model.encoder.config()))
    assert read_encoder(config) == model.encoder
    BROKEN[what](config["target"])
    with pytest.raises(FileFormatError):
        read_encoder(config)
