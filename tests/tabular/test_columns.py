"""What becomes of each kind of column, in numbers."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from gdcore.tabular import TableModel, TableWarning, read
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.target import Target


def learned(kinds=None, numbers="standardize", **columns):
    """The encoder of a table with a target, and the table."""
    rows = len(next(iter(columns.values())))
    table = read(columns | {"y": [i + 0.5 for i in range(rows)]})
    return Encoder.learn(table, Target.learn(table, "y", None), kinds, numbers), table


def numbers_of(encoder, **columns):
    return encoder.encode(read(columns)).numbers


def test_numbers_are_standardised_and_gaps_are_filled_and_flagged():
    values = [1.0, 2.0, None, 6.0, 11.0]
    encoder, table = learned(a=values)
    present = np.array([1.0, 2.0, 6.0, 11.0])
    got = encoder.encode(table).numbers
    filled = np.array([1.0, 2.0, np.median(present), 6.0, 11.0])
    np.testing.assert_allclose(got[:, 0], (filled - present.mean()) / present.std(), rtol=1e-6)
    assert got[:, 1].tolist() == [0, 0, 1, 0, 0]


def test_quantiles_are_those_of_a_normal_distribution():
    draw = np.random.default_rng(0)
    skew = np.exp(3 * draw.normal(size=2000))
    encoder, table = learned(a=skew.tolist(), numbers="quantile")
    got = encoder.encode(table).numbers[:, 0]
    assert abs(got.mean()) < 0.01 and abs(got.std() - 1) < 0.02
    order = np.argsort(skew)
    assert (np.diff(got[order]) >= 0).all()
    for level in (0.1, 0.25, 0.5, 0.9):
        assert np.quantile(got, level) == pytest.approx(NormalDist().inv_cdf(level), abs=0.02)
    outside = numbers_of(encoder, a=[-1e9, 1e9])[:, 0]
    assert outside[0] == got.min() and outside[1] == got.max()


@pytest.mark.parametrize(
    ("values", "no", "yes"),
    [
        (["yes", "no", "yes", "no"], "no", "YES"),
        (["t", "f", "f", "t"], "F", "T"),
        ([True, False, True, False], "false", "true"),
    ],
)
def test_yes_and_no_are_one_and_minus_one(values, no, yes):
    encoder, _ = learned(a=values)
    assert encoder.columns[0].kind == "boolean"
    assert numbers_of(encoder, a=[no, yes]).tolist() == [[-1], [1]]
    with pytest.warns(TableWarning, match="maybe"):
        assert numbers_of(encoder, a=["maybe"])[0, 0] == 0


def test_dates_tell_when_and_the_place_in_year_week_and_day():
    days = ["2023-01-01T06:00", "2023-07-02T18:00", "2024-01-07T06:00", "2024-07-07T00:00"]
    encoder, table = learned(a=days)
    got = encoder.encode(table).numbers
    assert encoder.columns[0].kind == "date" and got.shape == (4, 7)
    at = np.array(days, "datetime64[m]").astype(float) / 1440
    np.testing.assert_allclose(got[:, 0], (at - at.mean()) / at.std(), rtol=1e-5)
    # 1 January is where the year begins, and all four are Sundays
    np.testing.assert_allclose(got[0, 1:3], [0, 1], atol=1e-6)
    assert np.ptp(got[:, 3], axis=0) < 1e-6
    np.testing.assert_allclose(got[0, 5:7], [1, 0], atol=1e-6)  # six in the morning
    other, _ = learned({"a": "date:%d/%m/%Y"}, a=["31/12/2023", "01/02/2024"])
    assert (
        other.columns[0].mean == np.array(["2023-12-31", "2024-02-01"], "M8[D]").astype(int).mean()
    )


def test_categories_are_codes_with_one_for_what_is_missing_and_one_for_what_is_new():
    encoder, table = learned(a=["x", "z", None, "x", "z", "w"])
    (codes,) = encoder.encode(table).codes
    assert codes.tolist() == [2, 3, 4, 2, 3, 1] and encoder.categories[0].count == 5
    with pytest.warns(TableWarning, match="such as 'q'"):
        assert encoder.encode(read({"a": ["q", None]})).codes[0].tolist() == [0, 4]
    seldom, _ = learned(a=["x"] * 60 + ["z"] * 60 + ["once"])
    assert seldom.categories[0].rare
    assert seldom.encode(read({"a": ["once", "never"]})).codes[0].tolist() == [0, 0]


def test_what_a_column_is_can_be_said():
    columns = {"zip": [10115, 20095, 10115, 80331] * 5, "id": list(range(20))}
    seen, _ = learned(**columns)
    assert [c.kind for c in seen.columns] == ["number", "number"]
    told, _ = learned({"zip": "category", "id": "ignore"}, **columns)
    assert [c.kind for c in told.columns] == ["category"] and told.ignored == {"id": "as told"}
    assert told.categories[0].categories == ("10115", "20095", "80331")
    shown = str(TableModel([2], epochs=1, kinds={"zip": "category"}).fit(
        columns | {"y": [0.5 * i for i in range(20)]}, "y", verbose=0
    ))  # fmt: skip
    assert "category" in shown and "10115, 20095, 80331" in shown
    assert math.isclose(seen.columns[1].mean, 9.5)
