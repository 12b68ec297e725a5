"""Held-out rows have no part in training; a file is read without trust; seeds fix the bits."""

import copy
import json

import numpy as np
import pytest
from small_tables import mixed

import gdcore as gd
from gdcore.io import FileFormatError, safetensors
from gdcore.tabular import TableModel, TableWarning, fit, read
from gdcore.tabular.splits import hold_out
from gdcore.tabular.training import apart

QUICK = {"hidden": [8], "epochs": 3, "verbose": 0}


def numbers(seed=0, rows=100):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=rows)
    return {"x": x.tolist(), "k": ["a", "b"] * (rows // 2), "y": (2 * x + 1.25).tolist()}


@pytest.mark.parametrize("more", [{}, {"patience": 2}, {"patience": None}, {"numbers": "quantile"}])
def test_held_out_rows_are_touched_by_nothing(more):
    """Whatever they hold, the model is the same to the last bit."""
    columns = numbers()
    table = read(columns)
    _, held, _ = apart(table, ["y"], 0.2, TableModel().settings)
    mask = hold_out(np.array(columns["y"]), 0.2, 0, False)
    assert len(held) == mask.sum() == 20
    wild = copy.deepcopy(columns)
    for i in np.flatnonzero(mask):
        wild["x"][i] = 1e6
        wild["y"][i] = -1e6
    a = fit(columns, target="y", refit=False, **QUICK, **more)
    b = fit(wild, target="y", refit=False, **QUICK, **more)
    assert a.encoder == b.encoder and a.decision == b.decision and a.epochs == b.epochs
    for name, value in a.network.state_dict().items():
        np.testing.assert_array_equal(value, b.network.state_dict()[name])
    assert a.report.scores["held out"] != b.report.scores["held out"]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_every_class_is_held_out_alike_and_none_is_lost(share):
    y = np.repeat([0, 1, 2], [200, 40, 1])
    held = hold_out(y, share, 3, True)
    assert held[y == 2].sum() == 0
    for label, count in ((0, 200), (1, 40)):
        assert abs(held[y == label].sum() - share * count) <= 1


def test_the_report_counts_what_predict_says():
    columns = mixed(300)
    model = fit(columns, target="dear", kinds={"price": "ignore"}, seed=1, refit=False, **QUICK)
    _, held, _ = apart(read(columns), ["dear"], 0.2, TableModel(seed=1).settings)
    truth = np.array(held.columns["dear"].texts())
    got = model.predict(held)
    report = model.report
    assert report.confusion.sum() == len(truth) == 60
    for t, name in enumerate(model.classes):
        for p, other in enumerate(model.classes):
            assert report.confusion[t, p] == np.sum((truth == name) & (got == other))
    assert report.scores["held out"]["accuracy"] == pytest.approx(np.mean(truth == got))


def test_importance_finds_the_column_that_matters():
    model = TableModel([16], epochs=60, lr=0.01).fit(numbers(), "y", verbose=0)
    found = {i.column: i.drop for i in model.importance(numbers(1))}
    assert found["x"] > 0.5 > 0.1 > abs(found["k"])


def test_the_same_seed_gives_the_same_bits():
    states = [
        TableModel([8], epochs=2, seed=s).fit(mixed(), "dear", verbose=0).network.state_dict()
        for s in (1, 1, 2)
    ]
    same = [all((a == b).all() for a, b in zip(states[0].values(), s.values(), strict=True))
            for s in states[1:]]  # fmt: skip
    assert same == [True, False]


def test_unseen_values_are_told_and_taken_for_average_ones():
    model = TableModel([8], epochs=2).fit(numbers(), "y", verbose=0)
    with pytest.warns(
        TableWarning, match=r"'k' holds 1 value that training never saw, such as 'c'"
    ):
        model.predict({"x": [0.0], "k": ["c"]})
    with pytest.warns(TableWarning, match="taken for the median"):
        model.predict({"x": [None], "k": ["a"]})
    table = model.network.state_dict()["embedding_0.table"]
    np.testing.assert_allclose(table[0], table[1:].mean(axis=0), rtol=1e-5, atol=1e-7)


def test_early_stopping_keeps_the_best_weights():
    model = TableModel([8], epochs=200, patience=3, lr=0.05).fit(numbers(), "y", verbose=0)
    losses = model.history["val_loss"]
    assert len(losses) < 200 and model.rows == 100  # trained anew on those that watched, too
    assert int(np.argmin(losses)) == model.epochs - 1 < len(losses) - 1
    assert model.network.epochs_done == model.epochs


def test_a_regression_keeps_network_and_optimizer_in_the_same_units(tmp_path):
    """Saved and loaded, the next step of training is that of the model that was not saved."""
    model = TableModel([8], epochs=3).fit(numbers(), "y", verbose=0)
    model.save(tmp_path / "m")
    loaded = gd.load(tmp_path / "m")
    features = model.features(numbers())
    y = model.target.scaled(np.array(numbers()["y"]))
    losses = [m.network.train_on_batch(features.inputs(), y) for m in (model, loaded)]
    assert losses[0] == losses[1] < 5
    for name, value in model.network.state_dict().items():
        np.testing.assert_array_equal(value, loaded.network.state_dict()[name])


def columns_of(described):
    return described["encoder"]["columns"]


LIES = {
    "no encoder": lambda t: t.pop("encoder"),
    "no settings": lambda t: t.pop("settings"),
    "unknown setting": lambda t: t["settings"].update(shell="rm"),
    "activation": lambda t: t["settings"].update(activation="eval"),
    "kind": lambda t: columns_of(t)[0].update(kind="pickle"),
    "scale of zero": lambda t: columns_of(t)[0].update(scale=0.0),
    "mean of text": lambda t: columns_of(t)[0].update(mean="0"),
    "infinite fill": lambda t: columns_of(t)[0].update(fill="inf"),
    "how": lambda t: columns_of(t)[0].update(how="log"),
    "a flag that was not": lambda t: columns_of(t)[0].update(flag=True),
    "a column more": lambda t: columns_of(t).append(columns_of(t)[0]),
    "a column less": lambda t: columns_of(t).pop(),
    "more categories": lambda t: columns_of(t)[1]["categories"].append("zz"),
    "categories of numbers": lambda t: columns_of(t)[1].update(categories=[1, 2]),
    "task": lambda t: t["encoder"]["target"].update(task="classification"),
    "classes": lambda t: t["encoder"]["target"].update(task="classification", classes=list("abc")),
    "target scale": lambda t: t["encoder"]["target"].update(scale=-1.0),
    "names": lambda t: t["encoder"].update(names=[]),
    "layout": lambda t: t["encoder"].update(layout={"opener": "x"}),
    "delimiter": lambda t: t["encoder"].update(layout={"delimiter": ",,"}),
    "decimal": lambda t: t["encoder"].update(layout={"decimal": "x"}),
    "same marks": lambda t: t["encoder"].update(layout={"decimal": ",", "thousands": ","}),
    "na": lambda t: t["encoder"].update(layout={"na": [1]}),
    "notation": lambda t: columns_of(t)[0].update(notation=["."]),
    "notation of text": lambda t: columns_of(t)[0].update(notation=".,x"),
    "marks": lambda t: columns_of(t)[0].update(notation=["(.*)*", "", ""]),
    "unit": lambda t: t["encoder"]["target"].update(notation=[".", "", "x" * 99]),
    "temperature": lambda t: t["decision"].update(temperature=0.0),
    "temperature of text": lambda t: t["decision"].update(temperature="hot"),
    "threshold of a quantity": lambda t: t["decision"].update(threshold=0.5),
    "positive": lambda t: t["decision"].update(positive=2),
    "more in the decision": lambda t: t["decision"].update(shell="rm"),
    "epochs": lambda t: t.update(epochs=-1),
    "prior": lambda t: t["encoder"]["target"].update(prior=[0.5, 0.5]),
    "unit of logarithms": lambda t: t["encoder"]["target"].update(log_unit=0.0),
    "weights of classes": lambda t: t["settings"].update(class_weight={"a": "b"}),
    "threshold": lambda t: t["settings"].update(threshold="best"),
    "everything": lambda t: t.clear(),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_file_is_not_trusted(tmp_path, lie):
    path = tmp_path / "m.safetensors"
    TableModel([4], epochs=1).fit(numbers(), "y", verbose=0).save(path)
    tensors, metadata = safetensors.load(path)
    described = json.loads(metadata["model"])
    LIES[lie](described["info"]["table"])
    safetensors.save(path, tensors, metadata | {"model": json.dumps(described)})
    with pytest.raises(FileFormatError) as caught:
        gd.load(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_file_that_was_written_before_notations_were_kept(tmp_path):
    path = tmp_path / "m.safetensors"
    model = TableModel([4], epochs=1).fit(numbers(), "y", verbose=0)
    model.save(path)
    tensors, metadata = safetensors.load(path)
    described = json.loads(metadata["model"])
    table = described["info"]["table"]
    del columns_of(table)[0]["notation"], table["encoder"]["target"]["notation"]
    safetensors.save(path, tensors, metadata | {"model": json.dumps(described)})
    assert gd.load(path).encoder == model.encoder


@pytest.mark.parametrize("target", ["price", "dear"])
def test_the_picture_shows_errors_and_importance(tmp_path, target):
    pytest.importorskip("matplotlib")
    model = fit(mixed(), target=target, **QUICK)
    figure = model.report.plot(tmp_path / "p.png")
    curve, errors, *sure, bars = figure.axes
    assert len(sure) == (target == "dear")  # reliability is of probabilities
    assert curve.get_xlabel() == "epoch" and (tmp_path / "p.png").read_bytes()[1:4] == b"PNG"
    if target == "dear":
        assert (errors.get_xlabel(), errors.get_ylabel()) == ("predicted", "true")
        assert [t.get_text() for t in errors.get_yticklabels()] == ["no", "yes"]
        assert sum(int(t.get_text()) for t in errors.texts) == 32
    else:
        assert errors.get_xlabel() == "predicted price"
        assert len(errors.collections[0].get_offsets()) == 32
    assert len(bars.patches) == len(model.encoder.columns)
