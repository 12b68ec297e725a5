"""Data frames: converted column by column, and their columns found by name."""

import copy
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import gdcore as gd
from gdcore.data.arrays import as_array
from gdcore.data.frames import ColumnNames

pd = pytest.importorskip("pandas")

N = 24
RNG = np.random.default_rng(0)
A, B, C = RNG.normal(size=N), RNG.integers(0, 9, N), RNG.random(N) < 0.5
X = np.column_stack([A, B, C]).astype(np.float64)
COLUMNS = {"a": A, "b": B, "c": C}
Y = X @ [1.0, -2.0, 3.0]


def polars(columns):
    return pytest.importorskip("polars").DataFrame(
        {k: v.tolist() if v.dtype == object else v for k, v in columns.items()}
    )


def arrow(columns):
    return pytest.importorskip("pyarrow").table(columns)


def narwhals(columns):
    return pytest.importorskip("narwhals").from_native(pd.DataFrame(columns))


MAKERS = {"pandas": pd.DataFrame, "polars": polars, "arrow": arrow, "narwhals": narwhals}
makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def network():
    layers = [gd.Input(3), gd.Dense(4, activation="tanh"), gd.Dense(1)]
    return gd.Sequential(layers).compile("adam", "mse", metrics=["mae"])


# --- what a column may hold ------------------------------------------------------------------------


@makers
def test_floats_whole_numbers_and_truth_values(make):
    """What get_dummies gives: the numbers of the array, to the bit."""
    made = as_array(make(COLUMNS), "X")
    assert made.dtype == np.float64 and made.flags.c_contiguous and np.array_equal(made, X)
    got, want = network(), network()
    assert got.fit(make(COLUMNS), Y, seed=0, epochs=2).history == (
        want.fit(X, Y, seed=0, epochs=2).history
    )
    assert np.array_equal(got.predict(make(COLUMNS)), want.predict(X))
    assert got.evaluate(make(COLUMNS), Y) == want.evaluate(X, Y)


@makers
def test_columns_of_one_type_keep_it(make):
    for kind, found in (("float32", "float32"), ("int64", "int64"), ("bool", "uint8")):
        made = as_array(make({k: X[:, i].astype(kind) for i, k in enumerate("abc")}), "X")
        assert made.dtype == found and np.array_equal(made, X.astype(kind))
    mixed = make({"a": A.astype("f"), "c": C})
    assert as_array(mixed, "X").dtype == np.float32


SERIES = {
    "Int64": ([1, 2, 3], "Int64"),
    "Int64 with a gap": ([1, None, 3], "Int64"),
    "Float32": ([1.5, 2.0, None], "Float32"),
    "boolean": ([True, False, True], "boolean"),
    "boolean with a gap": ([True, None, True], "boolean"),
    "objects": ([1, 2.5, True], object),
    "objects with gaps": ([1, None, np.nan], object),
    "decimals": ([Decimal("1.5"), Decimal(2), None], object),
    "fractions": ([Fraction(1, 2), np.float32(2), np.bool_(True)], object),
    "large": ([2**70, 1, 2], object),
    "categories that are numbers": ([3, 1, 3], "category"),
}


@pytest.mark.parametrize("kind", SERIES)
def test_nullable_types_and_objects(kind):
    values, dtype = SERIES[kind]
    series = pd.Series(values, dtype=dtype)
    want = np.array([np.nan if v is None else float(v) for v in values])
    for made in (
        as_array(series, "y"),
        as_array(pd.DataFrame({"a": [0.5, 1, 2], "b": series}), "X")[:, 1],
        as_array(pd.DataFrame({"b": series, "c": series}), "X")[:, 1],
    ):
        assert np.array_equal(made.astype(np.float64), want, equal_nan=True)


def test_whole_numbers_stay_whole():
    for values in ([1, 2, 3], [True, 2, 3]):
        assert as_array(pd.Series(values, dtype=object), "y").dtype == np.int64
    assert as_array(pd.Series([1, 2], dtype="Int32"), "y").dtype == np.int32
    assert as_array(np.array([True, False], dtype=object), "y").dtype == np.uint8


def test_gaps_of_polars():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [True, None], "b": [1, None], "c": [Decimal("1.5"), None]})
    want = [[1.0, 1.0, 1.5], [np.nan] * 3]
    assert np.array_equal(as_array(frame, "X"), want, equal_nan=True)
    with pytest.raises(ValueError, match="X holds nan at row 1, column 0"):
        network().fit(frame, [1.0, 2.0])


def test_an_array_of_objects():
    """What `frame.values` gives."""
    objects = pd.DataFrame(COLUMNS).to_numpy(dtype=object)
    assert np.array_equal(
        network().fit(objects, Y, seed=0)["loss"], network().fit(X, Y, seed=0)["loss"]
    )
    with pytest.raises(TypeError, match="X holds objects such as None: expected numbers"):
        network().predict([[1.0, None, 2.0]])
    with pytest.raises(TypeError, match="X holds text such as 'red'"):
        network().predict(np.array([[1.0, "red", 2.0]], dtype=object))
    with pytest.raises(ValueError, match="y holds a number beyond the range of float64"):
        as_array([10**400, 1], "y")


DAY = np.array(["2024-01-01"] * N, "datetime64[us]")


@makers
@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.array(["Bonn"] * N, object), "holds text such as 'Bonn': expected numbers; number the"),
        (DAY, r"has the dtype datetime64\[.*\]: expected real numbers"),
    ],
)
def test_a_bad_column_is_named(make, column, message):
    frame = make({"a": A, "b": B, "the city": column})
    model = network()
    for call in (
        lambda: model.fit(frame, Y),
        lambda: model.predict(frame),
        lambda: model.fit(X, frame),
    ):
        with pytest.raises(TypeError, match="column 'the city' of [Xy] " + message) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert model.steps_done == 0


def test_bad_columns_of_other_kinds():
    frame = pd.DataFrame({"a": A, "b": B, "tint": pd.Categorical(["red", "blue"] * (N // 2))})
    with pytest.raises(TypeError, match="column 'tint' of X holds text such as 'red'"):
        network().predict(frame)
    frame["tint"] = 1j
    with pytest.raises(TypeError, match="column 'tint' of X is complex"):
        network().predict(frame)
    with pytest.raises(TypeError, match="column 'tint' of X holds objects such as"):
        network().predict(frame.assign(tint=[[1, 2]] * N))
    pl = pytest.importorskip("polars")
    with pytest.raises(TypeError, match=r"X is a lazy frame: expected its rows; call .collect\(\)"):
        network().predict(pl.DataFrame(COLUMNS).lazy())
    pairs = pl.DataFrame({"a": pl.Series([[1, 2]] * 3, dtype=pl.Array(pl.Int64, 2))})
    with pytest.raises(ValueError, match=r"column 'a' of X holds arrays of shape \(2,\)"):
        network().predict(pairs)


def test_frames_without_columns_or_rows():
    assert as_array(pd.DataFrame(index=range(3)), "X").shape == (3, 0)
    assert network().predict(pd.DataFrame(COLUMNS)[:0]).shape == (0, 1)


# --- columns by name -------------------------------------------------------------------------------

TURNED = ["c", "a", "b"]


def turned(make, names=TURNED):
    return make({name: COLUMNS[name] for name in names})


@makers
@pytest.mark.parametrize("train", ["fit", "train_on_batch", "lbfgs"])
def test_another_order_is_put_right(make, train):
    model, frame = network(), make(COLUMNS)
    {
        "fit": lambda: model.fit(frame, Y, seed=0),
        "train_on_batch": lambda: model.train_on_batch(frame, Y),
        "lbfgs": lambda: gd.lbfgs(model, frame, Y, max_iter=2),
    }[train]()
    want = model.predict(X)
    assert np.array_equal(model.predict(turned(make)), want)
    assert np.array_equal(model.predict_on_batch(turned(make)), want)
    assert model.evaluate(turned(make), Y) == model.evaluate(X, Y)
    kernel = model.gradients(X, Y)["0.kernel"]
    assert np.array_equal(model.gradients(turned(make), Y)["0.kernel"], kernel)
    twin = copy.deepcopy(model)
    assert model.train_on_batch(turned(make), Y) == twin.train_on_batch(X, Y)
    model.fit(turned(make), Y, seed=0)
    twin.fit(X, Y, seed=0)
    assert np.array_equal(model.predict(X), twin.predict(X))


@makers
def test_validation_data_is_put_in_the_order_of_training(make):
    got, want = network(), network()
    got = got.fit(make(COLUMNS), Y, validation_data=(turned(make), Y), seed=0)
    want = want.fit(X, Y, validation_data=(X, Y), seed=0)
    assert got.history == want.history


WRONG = {
    "renamed": (
        ["a", "b", "d"],
        "X lacks the column 'c' and has the column 'd', which training had not",
    ),
    "with the target": (
        ["a", "b", "c", "y"],
        "X has the column 'y', which training had not: expected",
    ),
    "narrow": (["c", "a"], "X lacks the column 'b': expected the 3 columns of training, in any"),
}


@makers
@pytest.mark.parametrize("kind", WRONG)
def test_other_columns_are_refused(make, kind):
    names, message = WRONG[kind]
    model = network()
    model.fit(make(COLUMNS), Y, seed=0)
    frame, before = make({n: COLUMNS.get(n, A) for n in names}), model.get_weights()
    for call in (
        lambda: model.predict(frame),
        lambda: model.evaluate(frame, Y),
        lambda: model.fit(frame, Y),
        lambda: model.train_on_batch(frame, Y),
        lambda: model.fit(make(COLUMNS), Y, validation_data=(frame, Y)),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value) and "to_numpy()" in str(caught.value)
    assert all(map(np.array_equal, before, model.get_weights()))
    assert np.array_equal(model.predict(turned(make)), model.predict(X))


def test_a_refused_fit_teaches_no_names():
    model, frame = network(), pd.DataFrame(COLUMNS)
    for options in ({"verbose": 7}, {"sample_weight": [1.0]}, {"class_weight": 3}):
        with pytest.raises((ValueError, TypeError)):
            model.fit(frame, Y, **options)
    model.predict(frame)
    model.evaluate(frame, Y)
    assert np.array_equal(model.predict(frame.rename(columns={"a": "z"})), model.predict(X))


def test_what_has_no_names_is_taken_as_it_lies():
    model = network()
    model.fit(X, Y, seed=0)
    assert np.array_equal(model.predict(turned(pd.DataFrame)), model.predict(X[:, [2, 0, 1]]))
    model.fit(pd.DataFrame(COLUMNS), Y, seed=0)
    for plain in (X, pd.DataFrame(X), pytest.importorskip("polars").DataFrame(X)):
        assert np.array_equal(model.predict(plain), model.predict(X))


def test_numbers_that_a_library_made_up():
    """They name columns only where both frames have them; true names take their place."""
    model, frame = network(), pd.DataFrame(X)
    model.fit(frame, Y, seed=0)
    assert np.array_equal(model.predict(frame[[2, 0, 1]]), model.predict(X))
    assert np.array_equal(model.predict(pd.DataFrame(COLUMNS)), model.predict(X))
    model.fit(pd.DataFrame(COLUMNS), Y, seed=0)
    assert np.array_equal(model.predict(turned(pd.DataFrame)), model.predict(X))


def test_two_columns_of_one_name():
    frame = pd.DataFrame(X, columns=["a", "b", "b"])
    model = network()
    model.fit(frame, Y, seed=0)
    assert np.array_equal(model.predict(frame), model.predict(X))
    with pytest.raises(ValueError, match="X has two columns called 'b'"):
        model.predict(frame[["b", "a"]])


def test_names_travel_with_the_model(tmp_path):
    model, frame = network(), pd.DataFrame(COLUMNS)
    model.fit(frame, Y, seed=0, callbacks=[gd.Checkpoint(tmp_path / "runs")])
    want = model.predict(X)
    model.save(tmp_path / "m")
    newest = max((tmp_path / "runs").iterdir())
    for twin in (
        gd.load(tmp_path / "m"),
        gd.load(newest),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        assert np.array_equal(twin.predict(turned(pd.DataFrame)), want)
        with pytest.raises(ValueError, match="X lacks the column 'c'"):
            twin.predict(frame[["a", "b"]])


@pytest.mark.parametrize("columns", [3, [], {"X": "abc"}, {"X": [1]}, {"X": None}])
def test_names_in_a_damaged_file(tmp_path, columns):
    import json

    from gdcore.io import safetensors

    model = network()
    model.save(tmp_path / "m")
    tensors, about = safetensors.load(tmp_path / "m")
    told = json.loads(about["model"]) | {"columns": columns}
    safetensors.save(tmp_path / "m", tensors, about | {"model": json.dumps(told)})
    with pytest.raises(ValueError, match=r"'columns'.*expected names of columns"):
        gd.load(tmp_path / "m")


def test_several_inputs_and_targets():
    first, second = gd.Input(2, name="first"), gd.Input(2, name="second")
    joined = gd.ops.concatenate([first, 2 * second], axis=-1)
    model = gd.Model([first, second], gd.Dense(2)(joined)).compile("adam", "mse")
    one, two = pd.DataFrame({"a": A, "b": B}), pd.DataFrame({"p": B, "q": A})
    y = pd.DataFrame({"u": A, "v": 1.0 * B})
    model.fit((one, two), y, seed=0)
    want = model.predict((one, two))
    assert np.array_equal(model.predict((one[["b", "a"]], two[["q", "p"]])), want)
    assert np.array_equal(model.predict({"second": two[["q", "p"]], "first": one}), want)
    assert model.evaluate((one, two), y[["v", "u"]]) == model.evaluate((one, two), y)
    with pytest.raises(ValueError, match=r"X\['second'\] lacks the columns 'p', 'q'"):
        model.predict((one, one))
    with pytest.raises(ValueError, match="y lacks the column 'v' and has the column 'w'"):
        model.evaluate((one, two), y.rename(columns={"v": "w"}))


@pytest.mark.parametrize("cv", [None, 2])
def test_fit_many(cv):
    frame = pd.DataFrame(COLUMNS)
    held = {} if cv else {"validation_data": (turned(pd.DataFrame), Y)}
    got = gd.fit_many(lambda lr: network(), {"lr": [1, 2]}, frame, Y, cv=cv, verbose=0, **held)
    held = {} if cv else {"validation_data": (X, Y)}
    want = gd.fit_many(lambda lr: network(), {"lr": [1, 2]}, X, Y, cv=cv, verbose=0, **held)
    for a, b in zip(got, want, strict=True):
        assert a.history.history == b.history.history
        assert np.array_equal(a.model.predict(turned(pd.DataFrame)), b.model.predict(X))


def test_attributions_lie_as_the_frame_does():
    model = network()
    model.fit(pd.DataFrame(COLUMNS), Y, seed=0)
    frame, back = turned(pd.DataFrame), [TURNED.index(n) for n in "abc"]
    slopes = gd.diagnostics.input_gradients(model, frame)
    assert np.array_equal(slopes[:, back], gd.diagnostics.input_gradients(model, X))
    base = np.array([0.3, 0.1, 0.2])  # of c, a, b
    parts = gd.diagnostics.integrated_gradients(model, frame, baseline=base)
    want = gd.diagnostics.integrated_gradients(model, X, baseline=base[back])
    assert np.array_equal(parts[:, back], want)
    for names, labels in ((None, "abc"), (["C", "A", "B"], "ABC")):
        lost = gd.diagnostics.permutation_importance(model, frame, Y, names=names)
        want = gd.diagnostics.permutation_importance(model, X, Y)
        assert lost.names == tuple(labels) and np.array_equal(lost.mean, want.mean)
    assert want.names == ("a", "b", "c")  # which the model remembers


def test_the_difference_is_one_line():
    columns = ColumnNames()
    columns.order("X", tuple(f"pixel {i}" for i in range(784)))
    with pytest.raises(
        ValueError, match="lacks the columns 'pixel 0', 'pixel 1', 'pixel 2' and 781 more"
    ):
        columns.order("X", ("x" * 500, "y"))
