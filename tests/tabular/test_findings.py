"""What has to be said of a training is said where it is so, and not where it is not."""

import numpy as np
import pytest

from gdcore.tabular import fit
from gdcore.tabular.table import Raw

ROWS = 300
QUICK = {"hidden": [8], "epochs": 4, "verbose": 0}


def plain(rows=ROWS, seed=0):
    """Nothing to be said of it."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 2))
    y = x[:, 0] + 0.5 * draw.normal(size=rows)
    return {"a": x[:, 0], "b": x[:, 1], "kind": np.array(list("uvw"))[draw.integers(0, 3, rows)],
            "y": y}  # fmt: skip


def classes(columns, share=0.4):
    y = columns["y"]
    return columns | {"y": np.where(y > np.quantile(y, 1 - share), "yes", "no")}


def kinds_of(columns, target="y", **more):
    settings = {"hidden": [16], "epochs": 60, "lr": 0.01, "verbose": 0} | more
    return {f.kind: f.text for f in fit(columns, target, **settings).report.findings}


def test_nothing_is_said_where_there_is_nothing():
    assert kinds_of(plain()) == {}
    assert kinds_of(classes(plain())) == {}


def rare():
    return classes(plain(1200), 0.04)


def alive():
    columns = classes(plain())
    return columns | {"alive": np.where(columns["y"] == "yes", "alive", "dead")}


def ordered():
    """A number above a limit is the class."""
    columns = classes(plain())
    return columns | {"mark": np.where(columns["y"] == "yes", 1.0, 0.0) + columns["b"] / 100}


def summed():
    columns = plain()
    casual, registered = np.floor(9 * columns["a"] ** 2), np.floor(30 * columns["b"] ** 2)
    return columns | {"casual": casual, "registered": registered, "y": casual + registered}


def rescaled():
    columns = plain()
    return columns | {"logged": np.exp(columns["y"])}


def twice():
    columns = plain()
    return {k: np.concatenate([v, v[:60]]) for k, v in columns.items()}


def dated():
    days = np.datetime64("2024-01-01") + np.arange(ROWS) // 2
    return plain() | {"day": days.astype(str)}


def numbered():
    return plain() | {"time": 1.7e9 + 3600.0 * np.arange(ROWS)}


def stamped():
    return plain() | {"stamp": np.arange(ROWS) // 2 + 1_600_000_000}


def counted():
    columns = plain()
    low = np.random.default_rng(3).poisson(np.exp(0.5 * columns["a"]))
    return columns | {"y": np.minimum(low, 7)}


def summed_of_three():
    columns = summed()
    more = np.floor(20 * np.abs(columns["a"] * columns["b"]))
    return columns | {"more": more, "y": columns["y"] + more}


def hopeless():
    return plain() | {"y": np.random.default_rng(9).normal(size=ROWS)}


def ignored():
    return plain() | {
        "same": np.ones(ROWS),
        "name": [f"name {chr(65 + i % 26)}{i}" for i in range(ROWS)],
    }


SAID = {
    "rare": (rare, r"^'yes' is rare: 3\.\d\d% .* precision .* recall .* average precision .*0\.04\d\d of each$"),
    "giveaway": (alive, r"^'alive' gives 'y' away.*kinds=\{'alive': 'ignore'\}"),
    "giveaway of a number": (ordered, r"^'mark' gives 'y' away"),
    "giveaway of a sum": (summed, r"^'casual' \+ 'registered' add up to, and give, 'y' away"),
    "giveaway of a sum of three": (
        summed_of_three,
        r"leave them out with kinds=\{'casual': 'ignore', '\w+': 'ignore', '\w+': 'ignore'\}$",
    ),
    "giveaway on another scale": (rescaled, r"^'logged' gives 'y' away"),
    "twice": (twice, r"^\d+ rows of the 72 held out .* also occur among the training rows"),
    "time": (dated, r"order of 'day'.*split='last'"),
    "time as a number": (numbered, r"order of 'time'"),
    "time as a stamp": (stamped, r"order of 'stamp'"),
    "scale": (counted, r"^'y' holds whole numbers from 0 to \d, taken for \d classes: pass task='regression'"),
    "guessing": (hopeless, r"(worse than guessing|too few rows to tell).*R² -?[\d.]+, guessing"),
    "ignored": (ignored, r"^ignored: 'same' \(always '1'\), 'name' \(240 different texts"),
}  # fmt: skip


@pytest.mark.parametrize("what", SAID)
@pytest.mark.filterwarnings("ignore:.*is left out")
def test_what_is_so_is_said(what):
    import re

    make, pattern = SAID[what]
    found = kinds_of(make(), patience=20)
    assert re.search(pattern, found.get(what.split()[0], "")), found


def test_training_that_fits_far_better_is_said():
    draw = np.random.default_rng(0)
    columns = {f"x{i}": draw.normal(size=120) for i in range(30)}
    columns["y"] = columns["x0"] + draw.normal(size=120)
    found = kinds_of(columns, hidden=[256], epochs=200, dropout=0.0, patience=None)
    assert "fitted far better than held-out ones: R² 1.0000 and 0." in found["overfit"]


def test_a_few_rows_that_are_apart_by_chance_give_nothing_away():
    columns = classes(plain(60), 0.04)
    columns["a"] = np.where(columns["y"] == "yes", 9.0, columns["a"])
    assert "giveaway" not in kinds_of(columns)


def test_the_last_rows_can_be_held_out():
    columns = dated()
    model = fit(columns, "y", split="last", refit=False, **QUICK)
    np.testing.assert_array_equal(model.report.truth, columns["y"][-60:])
    assert not [f for f in model.report.findings if f.kind == "time"]
    with pytest.raises(ValueError, match="unknown split 'first'"):
        fit(columns, "y", split="first", **QUICK)
    late = classes(plain()) | {"y": ["no"] * 290 + ["yes"] * 10}
    with pytest.raises(ValueError, match="among the last 60 rows alone"):
        fit(late, "y", split="last", **QUICK)


def test_no_text_is_made_of_numbers(monkeypatch):
    """A million different numbers as text took fifteen times the table's own memory."""
    texts = Raw.texts

    def of_words_alone(self):
        assert self.kind != "number" or len(self) == 1
        return texts(self)

    monkeypatch.setattr(Raw, "texts", of_words_alone)
    draw = np.random.default_rng(0)
    columns = {"a": draw.normal(size=200), "b": draw.normal(size=200), "same": np.full(200, 3.0)}
    columns["empty"] = np.full(200, np.nan)
    model = fit(columns | {"y": columns["a"] + 1}, "y", **QUICK | {"epochs": 1})
    assert model.report.columns.count("ignored") == 2 and "always '3'" in model.report.columns
    model.predict(columns)


def test_rows_that_occur_in_both_parts_are_found_by_all_of_what_they_hold():
    columns = {"a": np.repeat(np.arange(100.0), 2), "c": ["x", "y"] * 100, "y": np.arange(200) / 7}
    columns["y"][100:110] = columns["y"][110:120]  # as other rows, but for the answer
    found = fit(columns, "y", **QUICK | {"epochs": 1}).report.findings
    assert all(f.kind != "twice" for f in found)


def test_rows_in_order_of_a_date_that_is_no_feature():
    found = kinds_of(dated(), kinds={"day": "ignore"})
    assert "order of 'day'" in found["time"]


def test_a_class_of_which_no_row_is_held_out():
    columns = plain(400)
    y = np.where(columns["y"] > 0, "yes", "no").astype(object)
    columns["y"] = y
    y[:3] = "odd"
    report = fit(columns, "y", **QUICK, split="last").report
    (text,) = [f.text for f in report.findings if f.kind == "rare"]
    assert text.startswith("'odd' is rare: 0.78% of the training rows, none of 80 here: how well")


def test_whole_numbers_that_are_told_to_be_classes_are_not_doubted():
    assert "scale" not in kinds_of(counted(), task="classification")
    assert "scale" not in kinds_of(counted() | {"y": np.arange(ROWS) % 8})
