"""Quantiles of a quantity: what is learned, told, saved, and refused."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.tabular.table import SettingError


def noisy(rows, seed):
    """y is x and noise whose deviation grows with x."""
    draw = np.random.default_rng(seed)
    x = draw.uniform(0, 1, rows)
    return {"x": x, "y": x + (0.1 + x) * draw.normal(size=rows)}


@pytest.fixture(scope="module")
def told():
    return gd.tabular.fit(
        noisy(1500, 0), "y", hidden=[16], epochs=30, lr=0.01, quantiles=[0.9, 0.1], verbose=0
    )


def test_a_share_of_the_answers_lies_below_each(told):
    new = noisy(2000, 1)
    high, low = told.predict_quantiles(new).T
    assert np.mean(new["y"] < high) == pytest.approx(0.9, abs=0.04)
    assert np.mean(new["y"] < low) == pytest.approx(0.1, abs=0.04)
    assert (low <= told.predict(new)).all() and (told.predict(new) <= high).all()
    wide, narrow = told.predict_quantiles({"x": [0.9, 0.1]}) @ [1, -1]
    assert wide > 2 * narrow  # 2.56 · (1.0, 0.2)


def test_the_report_says_how_many_lay_below(told):
    own = told.report.below
    assert [b.quantile for b in own] == [0.9, 0.1]
    assert own[0].sure[0] <= own[0].share <= own[0].sure[1]
    assert any(line.startswith("quantile 0.1: ") for line in told.report.remarks())
    assert told.report.config()["below"][1]["quantile"] == 0.1


def test_a_file_keeps_them(told, tmp_path):
    told.save(tmp_path / "q.safetensors")
    same = gd.load(tmp_path / "q.safetensors")
    new = {"x": [0.2, 0.7]}
    np.testing.assert_array_equal(same.predict_quantiles(new), told.predict_quantiles(new))
    np.testing.assert_array_equal(same.predict(new), told.predict(new))


@pytest.mark.parametrize("model", ["realmlp", "tabm"])
def test_other_networks_and_folds_learn_them(model):
    made = gd.tabular.TableModel(
        [8], model=model, members=3, epochs=2, quantiles=[0.25], folds=2
    ).fit(noisy(80, 0), "y", verbose=0)
    assert made.network.losses[0].q == (0.25, 0.5)
    assert (made.predict_quantiles({"x": [0.5]})[:, 0] <= made.predict({"x": [0.5]})).all()


@pytest.mark.parametrize(
    ("data", "target", "settings", "message"),
    [
        (noisy(60, 0), "y", {"quantiles": [0.5, 1.0]}, "expected different shares"),
        (noisy(60, 0), "y", {"quantiles": [0.1], "loss": "mae"}, "does not go with loss mae"),
        ({"x": [1.0, 2.0] * 30, "y": ["a", "b"] * 30}, "y", {"quantiles": [0.1]}, "it has classes"),
        (noisy(60, 0) | {"z": np.arange(60) / 7}, ["y", "z"], {"quantiles": [0.1]}, "there are 2"),
    ],
)
def test_what_cannot_be_is_refused(data, target, settings, message):
    with pytest.raises(SettingError, match=message):
        gd.tabular.TableModel([4], epochs=1, **settings).fit(data, target, verbose=0)


def test_without_them_there_are_none():
    model = gd.tabular.TableModel([4], epochs=1).fit(noisy(60, 0), "y", verbose=0)
    with pytest.raises(ValueError, match="trained without quantiles"):
        model.predict_quantiles({"x": [1.0]})
