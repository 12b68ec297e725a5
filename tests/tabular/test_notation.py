"""Numbers and dates as people write them: read beyond doubt, or one line that says what to pass."""

import warnings

import numpy as np
import pytest

import gdcore as gd
from gdcore.tabular import TableModel, TableWarning, fit, read
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.target import Target

QUICK = {"hidden": [4], "epochs": 1, "verbose": 0}
DRAW = np.random.default_rng(0)
VALUES = np.round(DRAW.uniform(-99_999, 99_999, 120), 2)
WHOLE = DRAW.integers(1000, 9_999_999, 120)


def learned(values, kinds=None, **told):
    """The encoder of one column of text, and the table."""
    table = read({"a": values, "y": [i + 0.5 for i in range(len(values))]}, **told)
    return Encoder.learn(table, Target.learn(table, "y", None), kinds), table


def raises_none():
    """The error of a table in which no other column is left."""
    return pytest.raises(ValueError, match="no column to learn from")


def swapped(text):
    return text.translate(str.maketrans(",.", ".,"))


WRITTEN = {
    "thousands": ([f"{v:,.2f}" for v in VALUES], VALUES),
    "decimal commas": ([f"{v:.2f}".replace(".", ",") for v in VALUES], VALUES),
    "points and commas": ([swapped(f"{v:,.2f}") for v in VALUES], VALUES),
    "blanks": ([f"{v:,.2f}".replace(",", " ") for v in VALUES], VALUES),
    "narrow blanks": ([swapped(f"{v:_.2f}").replace("_", "\u202f") for v in VALUES], VALUES),
    "apostrophes": ([f"{v:_.2f}".replace("_", "’") for v in VALUES], VALUES),
    "millions": ([f"{v:,}" for v in [*WHOLE, 1_234_567]], [*WHOLE, 1_234_567]),
    "percent": ([f"{v:.2f}%" for v in VALUES], VALUES),
    "percent and comma": ([f"{v:.2f} %".replace(".", ",") for v in VALUES], VALUES),
    "dollars": ([f"-${-v:,.2f}" if v < 0 else f"${v:,.2f}" for v in VALUES], VALUES),
    "dollar and sign": ([f"${v:.2f}" for v in VALUES], VALUES),
    "some with a symbol": ([f"{v:.2f}" + " €" * (i % 2) for i, v in enumerate(VALUES)], VALUES),
    "euros": ([swapped(f"{v:,.2f} €") for v in VALUES], VALUES),
    "reais": ([swapped(f"R$ {v:,.2f}") for v in VALUES], VALUES),
    "francs": ([f"CHF {v:.2f}" for v in VALUES], VALUES),
    "minus sign": ([f"{v:.2f}".replace("-", "−") for v in VALUES], VALUES),
    "plain": ([f"{v:.2e}" for v in VALUES], [float(f"{v:.2e}") for v in VALUES]),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_column_that_reads_in_one_way_is_numbers(how):
    texts, values = WRITTEN[how]
    encoder, table = learned(texts)
    (column,) = encoder.columns
    assert column.kind == "number"
    assert column.mean == pytest.approx(np.mean(values))
    want = (np.array(values) - column.mean) / column.scale
    np.testing.assert_allclose(encoder.encode(table).numbers[:, 0], want, rtol=1e-5, atol=1e-6)
    # A frame has the same numbers as numbers, and a column without grouping is the same one.
    same = encoder.encode(read({"a": np.array(values, dtype=float)})).numbers
    np.testing.assert_array_equal(same, encoder.encode(table).numbers)


@pytest.mark.parametrize("how", WRITTEN)
def test_a_target_is_read_as_a_feature_is(how, tmp_path):
    texts, values = WRITTEN[how]
    columns = {"x": np.arange(len(texts)), "y": texts}
    model = TableModel(**{k: v for k, v in QUICK.items() if k != "verbose"})
    model.fit(columns, "y", verbose=0)
    assert model.target.task == "regression"
    assert model.target.mean == pytest.approx(np.mean(values))
    model.save(tmp_path / "m")
    assert gd.load(tmp_path / "m").evaluate(columns) == model.evaluate(columns)


DOUBTFUL = [f"{n // 1000},{n % 1000:03d}" for n in DRAW.integers(1000, 999_999, 120)]


def test_commas_before_three_digits_are_asked_about():
    want = r"'a'.*'\d+,\d{3}'.*thousands=','.*decimal=','"
    with pytest.warns(TableWarning, match=want) as told, raises_none():
        learned(DOUBTFUL)
    assert len(told) == 1
    with pytest.warns(TableWarning, match=r"'a'.*taken for a category.*thousands=','"):
        assert learned(DOUBTFUL[:20] * 6)[0].columns[0].kind == "category"
    with pytest.raises(ValueError, match=r"target 'y'.*thousands=','.*decimal=','"):
        fit({"x": np.arange(120), "y": DOUBTFUL}, "y", **QUICK)
    with pytest.raises(ValueError, match=r"column 'a'.*thousands=','.*decimal=','"):
        learned(DOUBTFUL, {"a": "number"})


@pytest.mark.parametrize(
    ("told", "scale"),
    [({"thousands": ","}, 1000), ({"decimal": ","}, 1), ({"decimal": "."}, 1000)],
    ids=["thousands", "decimal comma", "decimal point"],
)
def test_marks_can_be_told(told, scale):
    values = np.array([float(t.replace(",", ".")) * scale for t in DOUBTFUL])
    encoder, _ = learned(DOUBTFUL, **told)
    assert encoder.columns[0].mean == pytest.approx(values.mean())
    model = fit({"x": np.arange(120), "y": DOUBTFUL}, "y", **QUICK, **told)
    assert model.target.mean == pytest.approx(values.mean(), rel=0.1)
    # "1.234" is a decimal number unless points are told to group digits
    points = [t.replace(",", ".") for t in DOUBTFUL]
    assert learned(points)[0].columns[0].mean == pytest.approx(values.mean() / scale)
    grouped = learned(points, thousands=".")[0].columns[0]
    assert grouped.mean == pytest.approx(values.mean() / scale * 1000)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"decimal": ";"}, r"decimal=';': expected '.' or ','"),
        ({"thousands": "x"}, r"thousands='x': expected"),
        ({"thousands": ",", "decimal": ","}, "decimal and thousands are both ','"),
    ],
)
def test_marks_that_cannot_be(told, message):
    with pytest.raises(ValueError, match=message):
        read({"a": ["1"]}, **told)


@pytest.mark.parametrize("mixed", [["12.5%", "12.5"], ["$3.2", "€3.2"], ["1,234.5", "1.234,5"]])
def test_what_is_written_in_two_ways_is_not_guessed(mixed):
    texts = [f"{i}{t}" if t[0].isdigit() else f"{t}{i}" for i in range(60) for t in mixed]
    with pytest.warns(TableWarning, match="'a' is left out.*kinds="), raises_none():
        learned(texts)


def test_a_cell_in_another_notation_is_named():
    encoder, _ = learned(WRITTEN["percent"][0])
    with pytest.raises(ValueError, match=r"row 1, column 'a': got '3', expected a number such as"):
        encoder.encode(read({"a": ["12%", "3"]}))


@pytest.mark.parametrize("how", ["plain", "decimal commas", "thousands", "points and commas"])
def test_new_rows_may_be_in_another_notation_that_leaves_no_doubt(how):
    columns = {"a": WRITTEN[how][0], "y": WRITTEN[how][0]}
    model = TableModel([4], epochs=1).fit(columns, "y", verbose=0)
    want = model.predict({"a": [1234.5, -7.25]})
    for new in (
        ["1234.5", "-7.25"],
        ["1234,5", "-7,25"],
        ["1,234.5", "-7.25"],
        ["1.234,5", "-7,25"],
    ):
        np.testing.assert_array_equal(model.predict({"a": new}), want)
        assert model.evaluate({"a": new, "y": new}) == model.evaluate(
            {"a": [1234.5, -7.25], "y": [1234.5, -7.25]}
        )
    doubt = {"plain": "1,234", "decimal commas": "1.234"}.get(how)
    if doubt is not None:
        with pytest.raises(ValueError, match=f"row 0, column 'a': got '{doubt}', expected a numb"):
            model.predict({"a": [doubt]})
        mark = doubt[1]
        as_told = model.predict(read({"a": [doubt]}, thousands=mark))
        np.testing.assert_array_equal(as_told, model.predict({"a": [1234.0]}))


# --- one stray text ----------------------------------------------------------------------------

PRICES = [f"{p:.2f}" for p in DRAW.uniform(1, 900, 399)] + ["n.a."]
AGES = [str(a) for a in DRAW.integers(18, 58, 199)]


@pytest.mark.parametrize("told", [{}, {"held_out": 0}])
def test_a_quantity_with_one_stray_text_is_no_classes(write, told):
    path = write("x,price\n" + "".join(f"{i},{p}\n" for i, p in enumerate(PRICES)))
    with pytest.raises(ValueError, match=r"line 401, column 'price': got 'n.a.', expected a num"):
        fit(path, "price", **QUICK, **told)
    assert fit(read(path, na=["n.a."]), "price", **QUICK).target.task == "regression"
    commas = [p.replace(".", ",") for p in PRICES[:-1]]
    with pytest.raises(ValueError, match=r"row 399, column 'y': got 'n.a.'.*na='n.a.'"):
        fit({"x": list(range(400)), "y": [*commas, "n.a."]}, "y", **QUICK)
    as_asked = {"x": list(range(60)), "y": ["7.5", "u", "v"] * 20}
    assert fit(as_asked, "y", task="classification", **QUICK).classes == ["7.5", "u", "v"]


def test_a_feature_with_one_stray_text_is_no_category():
    with pytest.raises(
        ValueError, match=r"row 199, column 'a': got '-', expected a number.*na='-'"
    ):
        learned([*AGES, "-"])
    encoder, _ = learned([*AGES, "-"], na="-")
    assert (encoder.columns[0].kind, encoder.columns[0].flag) == ("number", True)
    assert learned([*AGES, "-"], {"a": "category"})[0].columns[0].kind == "category"
    assert learned(["0", "1", "2", "2", "3+"] * 20)[0].columns[0].kind == "category"
    assert learned([*(["0", "1", "2"] * 40), "3+", "3+"])[0].columns[0].kind == "category"


@pytest.mark.parametrize("texts", [["7.5", "8.5", "9.5", "n.a."] * 40, [*"01234" * 40, "n.a."]])
def test_a_target_of_numbers_and_texts_is_no_classes(texts):
    with pytest.raises(ValueError, match=r"column 'y': got 'n.a.', expected a number.*na='n.a.'"):
        fit({"x": list(range(len(texts))), "y": texts}, "y", **QUICK)


def test_many_strays_are_told_of():
    want = "'a' is taken for a category: .*row 3, column 'a': got 'u', expected a number as in most"
    with pytest.warns(TableWarning, match=want):
        learned(["7.5", "8.5", "9.5", "u"] * 40)


def test_rows_of_a_frame_keep_their_numbers():
    texts = [*(f"{v:.2f}" for v in VALUES), "oops"]
    with pytest.raises(ValueError, match="row 120, column 'a': got 'oops'"):
        fit({"a": texts, "y": [0.5 * i for i in range(121)]}, "y", held_out=0.3, seed=3, **QUICK)


def test_a_target_of_texts_that_differ_is_refused():
    columns = {"x": list(range(150)), "y": [f"name {i}" for i in range(150)]}
    with pytest.raises(ValueError, match="target 'y' holds 150 different texts in 150 rows"):
        fit(columns, "y", **QUICK)


# --- declared categories -----------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_declared_category_is_one(library):
    pytest.importorskip("narwhals")
    frames = pytest.importorskip(library)
    stores = [1, 2, 3, 4] * 20
    if library == "pandas":
        frame = frames.DataFrame({"store": frames.Categorical(stores)})
    else:
        frame = frames.DataFrame({"store": [str(s) for s in stores]})
        frame = frame.cast({"store": frames.Enum(["1", "2", "3", "4"])})
    columns = {"store": frame["store"], "y": np.arange(80) + 0.5}
    assert learned(frame["store"])[0].columns[0].kind == "category"
    model = TableModel([4], epochs=1).fit(frames.DataFrame(columns), "y", verbose=0)
    assert model.encoder.columns[0].kind == "category"
    assert model.encoder.columns[0].categories == ("1", "2", "3", "4")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        want = model.predict(frames.DataFrame(columns))
        np.testing.assert_array_equal(model.predict({"store": stores}), want)


def test_a_target_that_is_a_declared_category_is_classes():
    pytest.importorskip("narwhals")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": np.arange(120.0), "y": pandas.Categorical([*range(30)] * 4)})
    model = fit(frame, "y", **QUICK)
    assert model.target.task == "classification" and len(model.classes) == 30
    assert model.predict(frame).dtype == np.int64
    assert fit(frame, "y", task="regression", **QUICK).target.task == "regression"
    half = pandas.DataFrame({"x": np.arange(120.0), "y": pandas.Categorical([0.5, 1.5] * 60)})
    assert fit(half, "y", **QUICK).classes == ["0.5", "1.5"]


@pytest.mark.parametrize("kind", ["csv", "object", "string", "category"])
def test_codes_with_leading_zeros_are_categories(write, kind):
    codes = ["02134", "00501", "10115", "94105"] * 30
    if kind == "csv":
        data = write("zip,y\n" + "".join(f"{z},{i}.5\n" for i, z in enumerate(codes)))
    else:
        pytest.importorskip("narwhals")
        pandas = pytest.importorskip("pandas")
        data = pandas.DataFrame({"zip": codes, "y": np.arange(120) + 0.5}).astype({"zip": kind})
    model = fit(data, "y", **QUICK)
    assert model.encoder.columns[0].categories == ("00501", "02134", "10115", "94105")
    classes = fit({"x": list(range(120)), "y": codes}, "y", **QUICK).classes
    assert classes == ["00501", "02134", "10115", "94105"]
    assert learned(codes, {"a": "number"})[0].columns[0].mean == pytest.approx(
        np.mean([2134, 501, 10115, 94105])
    )


# --- dates -------------------------------------------------------------------------------------

DAYS = np.datetime64("2023-12-25") + np.arange(120)
FORMATS = [
    "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
    "%d-%b-%y", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%Y/%m/%d %H:%M:%S",
    "%Y.%m.%d", "%d/%m/%Y %H:%M:%S.%f", "%Y-%m-%d",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_dates_that_one_format_fits_are_dates(form):
    texts = [d.strftime(form) for d in DAYS.astype(object)]
    (column,) = learned(texts)[0].columns
    assert (column.kind, column.format) == ("date", None if form == "%Y-%m-%d" else form)
    assert column.mean == DAYS.astype(int).mean()


def test_dates_that_two_formats_fit_are_asked_about():
    texts = [d.strftime("%d/%m/%Y") for d in DAYS.astype(object) if int(d.day) <= 12]
    want = r"'a'.*taken for a category.*kinds=\{'a': 'date:%d/%m/%Y'\}.*'date:%m/%d/%Y'"
    with pytest.warns(TableWarning, match=want):
        learned(texts)
    assert learned(texts, {"a": "date:%d/%m/%Y"})[0].columns[0].kind == "date"
    short = [d.strftime("%d/%m/%y") for d in DAYS.astype(object)]  # or year, month and day
    with pytest.warns(TableWarning, match=r"'date:%d/%m/%y'\}.*'date:%y/%m/%d'"), raises_none():
        learned(short)
    nineties = [t[:6] + "95" for t in short if t[:5] != "29/02"]
    assert learned(nineties)[0].columns[0].format == "%d/%m/%y"
    both = ["05/05/2024", "06/06/2024"] * 10  # the same days in either
    assert learned(both)[0].columns[0].kind == "date"


def test_dates_with_one_that_is_none():
    texts = [str(d) for d in DAYS]
    with pytest.raises(ValueError, match=r"got '0000-00-00', expected a date.*na='0000-00-00'"):
        learned([*texts, "0000-00-00"])
    column = learned([*texts, "0000-00-00"], na="0000-00-00")[0].columns[0]
    assert (column.kind, column.flag) == ("date", True)
    with pytest.raises(ValueError, match="got 'never', expected a date as %d/%m/%Y"):
        learned(["never", *(d.strftime("%d/%m/%Y") for d in DAYS.astype(object))])


def test_what_looks_like_quantities_is_not_left_out_quietly():
    want = r"'a' is left out: 120 different texts.*'0.0 kg'.*kinds"
    with pytest.warns(TableWarning, match=want), raises_none():
        learned([f"{i / 7:.1f} kg" for i in range(0, 1200, 10)])
    with pytest.warns(TableWarning, match=r"'a' is taken for a category of 40.*'0 kg'.*kinds"):
        learned([f"{i % 40} kg" for i in range(120)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learned([f"{i % 40} kg" for i in range(120)], {"a": "category"})
        learned([f"{'abcdefgh'[i % 8]}{i % 40}" for i in range(120)])


# --- missing marks and infinity ----------------------------------------------------------------


@pytest.mark.parametrize("mark", ["n/a", "None", "#N/A", "<NA>", "NULL", "-nan", "", "#NA"])
def test_missing_marks_are_those_of_pandas(write, mark):
    rows = "".join(f"{i}.5,{i}.5\n" for i in range(20))
    table = read(write(f"a,y\n{rows}{mark},1\n"))
    assert table.columns["a"].missing().tolist() == [False] * 20 + [True]


def test_missing_marks_can_be_told(write, tmp_path):
    rows = "".join(f"{i}.5,{'ab'[i % 2]},{i}.5\n" for i in range(20))
    path = write(f"a,k,y\n{rows}-999,unknown,1.5\n-999.0,a,2.5\n")
    table = read(path, na="-999,unknown")
    assert table.columns["a"].missing().sum() == 2 and table.columns["k"].missing().sum() == 1
    model = TableModel([4], epochs=1).fit(table, "y", verbose=0)
    model.save(tmp_path / "m")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the file remembers the marks
        got = gd.load(tmp_path / "m").predict(path)
    assert got[-2:].shape == (2,)
    frame = {"a": np.array([-999.0, 1.0]), "k": ["unknown", "b"]}
    want = model.predict({"a": [None, 1.0], "k": [None, "b"]})
    np.testing.assert_array_equal(model.predict(frame), want)


def test_infinity_in_a_cell_is_named_and_taken_for_missing(write):
    rows = "".join(f"{i}.5,{i}.5\n" for i in range(20))
    path = write(f"a,y\n{rows}inf,1.5\n")
    with pytest.warns(TableWarning, match="line 22, column 'a': got inf, .*taken for missing"):
        model = fit(path, "y", held_out=0, **QUICK)
    assert model.encoder.columns[0].flag and model.encoder.columns[0].mean == 10.0
    with pytest.raises(ValueError, match="column 'y': got -inf, expected a finite number"):
        fit(write(f"a,y\n{rows}1,-inf\n", "u.csv"), "y", **QUICK)
