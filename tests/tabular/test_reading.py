"""The same table from everything that can hold one, and one line for each bad file."""

import sys

import numpy as np
import pytest
from small_tables import as_csv, mixed

import gdcore as gd
from gdcore.tabular import TableModel, fit, read

QUICK = {"hidden": [8], "epochs": 3, "kinds": {"dear": "ignore"}}


def to_pandas(columns, tmp_path):
    return pytest.importorskip("pandas").DataFrame(columns)


def to_polars(columns, tmp_path):
    return pytest.importorskip("polars").DataFrame(columns)


def to_arrow(columns, tmp_path):
    return pytest.importorskip("pyarrow").table(columns)


def to_parquet(columns, tmp_path):
    pytest.importorskip("narwhals")
    made = to_arrow(columns, tmp_path)
    pytest.importorskip("pyarrow.parquet").write_table(made, tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def to_csv(columns, tmp_path):
    (tmp_path / "t.csv").write_text(as_csv(columns))
    return tmp_path / "t.csv"


def to_semicolons(columns, tmp_path):
    (tmp_path / "s.csv").write_bytes(as_csv(columns, delimiter=";").encode("utf-8-sig"))
    return tmp_path / "s.csv"


def to_rows(columns, tmp_path):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


MAKERS = [to_pandas, to_polars, to_arrow, to_parquet, to_csv, to_semicolons, to_rows]


@pytest.mark.parametrize("make", MAKERS)
def test_every_source_gives_the_same_model(make, tmp_path):
    if make in (to_pandas, to_polars, to_arrow):
        pytest.importorskip("narwhals")
    columns = mixed()
    want = TableModel(**QUICK).fit(columns, "price", verbose=0)
    got = TableModel(**QUICK).fit(make(columns, tmp_path), "price", verbose=0)
    assert str(got) == str(want)
    kinds = {c.name: c.kind for c in got.encoder.columns}
    assert kinds == {"size": "number", "kind": "category", "old": "boolean", "day": "date"}
    assert got.encoder.ignored == {"same": "always 'x'", "empty": "no values", "dear": "as told"}
    np.testing.assert_array_equal(got.predict(make(columns, tmp_path)), want.predict(columns))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_dates_categories_and_nulls_of_frames(library):
    pytest.importorskip("narwhals")
    frames = pytest.importorskip(library)
    import datetime

    days = [datetime.datetime(2024, 1, 1 + i % 28, i % 24) for i in range(40)]
    columns = {
        "when": [None, *days[1:]],
        "n": [None, *range(39)],
        "y": [float(i) for i in range(40)],
    }
    frame = frames.DataFrame(columns)
    kind = frames.Series(
        ["a", "b"] * 20, dtype="category" if library == "pandas" else frames.Categorical
    )
    if library == "pandas":
        frame["kind"] = kind
        frame["n"] = frame["n"].astype("Int64")
    else:
        frame = frame.with_columns(kind.alias("kind"))
    model = TableModel(hidden=[4], epochs=1).fit(frame, "y", verbose=0)
    assert {c.name: (c.kind, c.flag) for c in model.encoder.columns} == {
        "when": ("date", True),
        "n": ("number", True),
        "kind": ("category", False),
    }
    assert model.predict(frame).shape == (40,)


def test_a_file_without_a_header(write):
    columns = {k: v for k, v in mixed().items() if k in ("size", "kind", "price")}
    path = write(as_csv(columns, header=False))
    with pytest.raises(ValueError, match="header=False if it is"):
        read(path)
    model = fit(path, target=-1, header=False, verbose=0, hidden=[8], epochs=3)
    assert [c.name for c in model.encoder.columns] == ["0", "1"]
    without = write(as_csv({k: columns[k] for k in ("size", "kind")}, header=False), "n.csv")
    np.testing.assert_array_equal(model.predict(without), model.predict(path))


GOOD = "a,b,y\n" + "".join(f"{i},{'pq'[i % 2]},{i * 2}.5\n" for i in range(30))
BAD = {
    "empty": ("", {}, "the file is empty"),
    "no rows": ("a,b,y\n", {}, "got no rows of data"),
    "ragged": (GOOD + "1,2\n", {}, "line 32 has 2 cells, expected 3"),
    "huge field": (GOOD + f"1,{'x' * 200_000},3\n", {}, "field larger than field limit"),
    "open quote": (GOOD + '1,"p,3\n', {}, "cannot be read"),
    "latin-1": (GOOD.encode() + "1,é,3\n".encode("latin-1"), {}, "not a text file in UTF-8"),
    "utf-16 without a mark": (GOOD.encode("utf-16-le"), {}, "not a text file"),
    "binary": (bytes(range(128)) * 4, {}, "not a text file|cannot be read"),
    "no such encoding": (GOOD, {"encoding": "utf-9"}, "unknown encoding 'utf-9'"),
    "long delimiter": (GOOD, {"delimiter": "ab"}, "delimiter must be one character"),
    "same names": ("a,a,y\n1,2,3\n", {}, "2 columns are called 'a'"),
    "missing target": (GOOD, {"target": "z"}, "the target 'z' is not a column"),
    "target out of range": (GOOD, {"target": 7}, "the target 7 is not there"),
    "empty target": ("a,y\n1,\n2,\n", {}, "the target 'y' has no values"),
    "one class": ("a,y\n1,u\n2,u\n3,u\n", {}, "is always 'u', expected at least 2 classes"),
    "text to regress on": ("a,y\n1,u\n2,v\n3,u\n", {"task": "regression"}, "expected a number"),
    "nothing to learn from": ("a,y\n,1.5\n,2.5\n,3.5\n,4.5\n,0.5\n", {}, "a: no values"),
    "infinity": (GOOD + "1,p,inf\n", {"held_out": 0}, "got inf, expected a finite number"),
    "squares overflow": (GOOD + "1e160,p,3.5\n", {"held_out": 0}, "got 1e.160, expected a finite"),
    "a target too large": (
        "a,y\n1,1.5\n2,-1e160\n3,3.5\n",
        {"held_out": 0},
        "got -1e.160, expected a finite number of at most",
    ),
    "long name": ("a" * 201 + ",y\n1,2\n", {}, "a column's name has 201 characters"),
    "long cell": (
        GOOD + "x" * 900 + ",p,3\n",
        {"kinds": {"a": "number"}, "held_out": 0},
        r"got 'x{49} \.\.\. x{24}', expected a number",
    ),
    "stray text": (
        "a,y\n" + "".join(f"{i}.5,{i}.5\n" for i in range(99)) + "x,1.5\n",
        {"held_out": 0},
        "line 101, column 'a': got 'x', expected a number as in the rest",
    ),
    "free text": (
        "a,y\n" + "".join(f"t{i},{i}.5\n" for i in range(140)),
        {},
        "different texts",
    ),
    "unknown kind": (GOOD, {"kinds": {"a": "numbr"}}, "did you mean 'number'"),
    "unknown how": (GOOD, {"kinds": {"a": "number:log"}}, "known: number:standardize"),
    "kind of no column": (GOOD, {"kinds": {"c": "number"}}, "kinds names 'c' is not a column"),
    "kind of the target": (GOOD, {"kinds": {"y": "number"}}, "kinds names the target"),
    "not a number": (GOOD, {"kinds": {"b": "number"}}, "got 'p', expected a number|got 'q'"),
    "not a date": (GOOD, {"kinds": {"b": "date"}}, "expected a date"),
    "not boolean": (GOOD, {"kinds": {"a": "boolean"}}, "expected 2 of a boolean"),
    "loss": (GOOD, {"loss": "hinge"}, "unknown loss for regression 'hinge'"),
    "metric": (GOOD, {"metrics": ["accuracy"]}, "metric accuracy does not go with loss mse"),
    "counts": ("a,y\n1,-1.5\n2,2.5\n3,3.5\n4,1.5\n5,1.5\n", {"loss": "poisson"}, "is for counts"),
    "too few": ("a,y\n1,2.5\n2,3.5\n", {"held_out": 0.1}, "leaves a part empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_one_clear_line(write, case):
    content, options, message = BAD[case]
    with pytest.raises(ValueError, match=message) as caught:
        fit(write(content), **{"target": "y", "verbose": 0, "epochs": 1, "hidden": [2]} | options)
    assert "\n" not in str(caught.value)


SETTINGS = [
    {"hidden": [0]}, {"dropout": 1}, {"epochs": 0}, {"batch_size": 0}, {"patience": 0}, {"lr": -1},
    {"activation": "rleu"}, {"optimizer": "adm"}, {"missing": "mean"}, {"numbers": "log"},
    {"task": "rank"}, {"loss": "mes"}, {"schedule": "cosin"}, {"dtype": "float16"},
    {"metrics": ["acuracy"]}, {"seed": -1},
]  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: next(iter(s)))
def test_settings_are_checked_before_anything_is_read(setting):
    with pytest.raises(ValueError) as caught:
        TableModel(**setting)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({"a": [1, 2], "y": [1]}, ValueError, "'y' has 1 values and 'a' has 2"),
        ({"a": "text"}, ValueError, "expected a list of values"),
        ([{"a": 1}, {"b": 1}], ValueError, "row 0 has no 'b'"),
        (np.zeros(3), ValueError, "expected rows and columns"),
        ({}, ValueError, "got 0 columns and 0 rows"),
    ],
)
def test_data_that_is_no_table(data, error, message):
    with pytest.raises(error, match=message):
        read(data)


def test_other_objects_are_no_tables():
    pytest.importorskip("narwhals")
    with pytest.raises(TypeError, match="is a object, expected a path, a data frame"):
        read(object())
    with pytest.raises(TypeError, match=r"call \.collect"):
        read(pytest.importorskip("polars").LazyFrame({"a": [1]}))
    frame = pytest.importorskip("pandas").DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match="2 columns are called 'a'"):
        read(frame)


def test_a_damaged_parquet_file(write):
    pytest.importorskip("pyarrow")
    pytest.importorskip("narwhals")
    for content in (b"none", b"PAR1 and then nothing"):
        with pytest.raises(ValueError, match="Parquet") as caught:
            read(write(content, "t.parquet"))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["frame", "parquet"])
def test_what_is_not_installed_is_named(write, monkeypatch, what):
    monkeypatch.setitem(sys.modules, "narwhals", None)
    with pytest.raises(ImportError, match=r'pip install "gdcore\[tabular\]"'):
        read(write(b"PAR1", "t.parquet") if what == "parquet" else object())


def test_plain_text_needs_numpy_alone(write, monkeypatch):
    for name in ("narwhals", "pandas", "polars", "pyarrow", "sklearn", "scipy", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    model = gd.tabular.fit(write(GOOD), target="y", verbose=0, epochs=2, hidden=[4])
    assert "R²" in str(model.report)
