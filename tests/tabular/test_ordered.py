"""Classes that have an order, such as ratings."""

import json

import numpy as np
import pytest

import gdcore as gd
from gdcore.io import FileFormatError
from gdcore.tabular import TableModel, fit
from gdcore.tabular.ordered import above, log_probabilities
from gdcore.tabular.stored import read_encoder

QUICK = {"hidden": [16], "epochs": 30, "lr": 0.02, "batch_size": 32, "verbose": 0}
NAMES = ("poor", "fair", "good", "great")  # not in the order of text


def ratings(rows=400, seed=0, numbers=False):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=rows)
    place = np.digitize(x + 0.3 * draw.normal(size=rows), [-1.0, 0.0, 1.0])
    return {"x": x, "rating": place * 10 if numbers else np.array(NAMES)[place]}


@pytest.mark.parametrize("numbers", [False, True])
def test_classes_in_order(numbers, tmp_path):
    columns, new = ratings(numbers=numbers), ratings(seed=1, numbers=numbers)
    order = None if numbers else NAMES
    model = fit(columns, "rating", task="ordinal", order=order, **QUICK)
    names = ["0", "10", "20", "30"] if numbers else list(NAMES)
    assert model.classes == names and "4 classes in this order" in str(model)
    got, proba = model.predict(new), model.predict_proba(new)
    assert got.dtype == (np.int64 if numbers else got.dtype)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal([names[i] for i in proba.argmax(axis=1)], got.astype(str))
    place = {n: i for i, n in enumerate(names)}
    off = [abs(place[str(a)] - place[str(b)]) for a, b in zip(got, new["rating"], strict=True)]
    scores = model.evaluate(new)
    assert scores["rank_error"] == pytest.approx(np.mean(off)) and np.mean(off) < 0.35
    assert scores["accuracy"] == np.mean(np.array(off) == 0)
    assert "classes off, on average" in str(model.report)
    assert model.report.baseline["rank_error"] > 2 * np.mean(off)
    model.save(tmp_path / "m.safetensors")
    same = gd.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(same.predict_proba(new), proba)
    assert same.refit(columns, verbose=0).target.ordered and same.settings == model.settings
    # What lies far out is one of the outermost classes, and the middle none of them.
    at = model.predict({"x": [-3.0, 3.0, 0.5]}).astype(str).tolist()
    assert at[:2] == [names[0], names[3]] and at[2] in names[1:3]


def test_probabilities_are_those_of_the_steps():
    assert above(np.array([0, 1, 3]), 4).tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]
    p = np.exp(log_probabilities(np.array([[0.9, 0.4, 0.5], [1.0, 1.0, 1.0]])))
    np.testing.assert_allclose(p, [[0.1, 0.5, 0, 0.4], [0, 0, 0, 1]], atol=1e-12)


@pytest.mark.parametrize("library", ["pandas", "polars", "dict of pandas", "dict of polars"])
def test_an_order_that_a_frame_declares(library):
    module = pytest.importorskip(library.removeprefix("dict of "))
    pytest.importorskip("narwhals")
    columns = ratings(80)
    if "pandas" in library:
        columns["rating"] = module.Categorical(columns["rating"], NAMES, ordered=True)
    else:
        columns["rating"] = module.Series(columns["rating"].tolist(), dtype=module.Enum(NAMES))
    data = columns if "dict" in library else module.DataFrame(columns)
    model = TableModel([4], epochs=1, task="ordinal").fit(data, "rating", verbose=0)
    assert model.classes == list(NAMES)


def test_two_classes_weights_and_temperature():
    columns = ratings() | {"n": np.tile([1.0, 2.0], 200)}
    columns["rating"] = np.where(columns["x"] > 0, "high", "low")
    model = fit(
        columns,
        "rating",
        task="ordinal",
        order=["low", "high"],
        weights="n",
        threshold="f1",
        **QUICK,
    )
    assert model.classes == ["low", "high"] and model.decision.positive == 1
    assert model.report.scores["held out"]["accuracy"] > 0.9
    heavy = fit(
        ratings(), "rating", task="ordinal", order=NAMES, class_weight={"great": 50}, **QUICK
    )
    plain = fit(ratings(), "rating", task="ordinal", order=NAMES, **QUICK)
    assert heavy.decision.temperature != 1
    x = {"x": np.linspace(-2, 2, 50)}
    assert (heavy.predict(x) == "great").sum() > (plain.predict(x) == "great").sum()


REFUSED = {
    "no order": ({}, r"the order of the classes of 'rating' is not known, expected it for task='ordina"),
    "a class left out": (
        {"order": NAMES[:3]},
        r"order=\['poor', 'fair', 'good'\] does not name 'great', expected each class of 'rating' once",
    ),
    "a class twice": ({"order": [*NAMES, "fair"]}, r"names a class twice, expected each class"),
    "another loss": (
        {"order": NAMES, "loss": "cross_entropy"}, r"^unknown loss for ordered classes 'cross_entropy'",
    ),
    "order alone": ({"order": NAMES, "task": None}, r"is for classes in order: pass task='ordinal' with it"),
    "the metric alone": (
        {"task": None, "metrics": ["rank_error"]}, r"^metric rank_error is for classes in order",
    ),
    "two targets": (
        {"order": NAMES, "target": ["rating", "again"]}, r"^task='ordinal' is for one target, got 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_one_line_says_what_is_wrong(what):
    more, message = dict(REFUSED[what][0]), REFUSED[what][1]
    columns = ratings()
    columns["again"] = columns["rating"]
    with pytest.raises(ValueError, match=message) as caught:
        fit(columns, more.pop("target", "rating"), **QUICK | {"task": "ordinal"} | more)
    assert "\n" not in str(caught.value)


def test_a_file_is_not_trusted():
    model = TableModel([4], epochs=1, task="ordinal", order=NAMES).fit(
        ratings(), "rating", verbose=0
    )
    config = json.loads(json.dumps(model.encoder.config()))
    assert read_encoder(config) == model.encoder
    config["target"] |= {"classes": None, "task": "regression", "prior": []}
    with pytest.raises(FileFormatError, match="'ordered' of the target"):
        read_encoder(config)
