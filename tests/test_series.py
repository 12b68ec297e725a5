"""Windows of a series, and files of series."""

import numpy as np
import pytest

import gdcore as gd


def test_windows_are_views():
    """Every window, in order; nothing is copied, not even by what `fit` gathers from."""
    series = np.arange(20.0).reshape(10, 2)
    x, y = gd.data.windows(series, past=4, horizon=2, step=3)
    assert x.shape == (2, 4, 2) and y.shape == (2, 2, 2)
    for i in range(2):
        np.testing.assert_array_equal(x[i], series[3 * i : 3 * i + 4])
        np.testing.assert_array_equal(y[i], series[3 * i + 4 : 3 * i + 6])
    assert np.shares_memory(x, series) and np.shares_memory(y, series)
    assert gd.data.arrays.as_rows(x, "X") is x
    alone, nothing = gd.data.windows(series[:, 0], past=10)
    assert alone.shape == (1, 10) and nothing.shape == (1, 0)
    with pytest.raises(ValueError, match="read-only"):
        x[0, 0] = 1.0


def test_windows_train_a_forecast():
    """As copies of them do, to the bit."""
    x, y = gd.data.windows(np.sin(np.arange(300) / 5)[:, None].astype(np.float32), 8, 2)
    weights = []
    for data in ((x, y), (x.copy(), y.copy())):
        model = gd.Sequential([gd.Flatten(), gd.Dense(2), gd.Reshape((2, 1))]).compile(
            "adam", "mse"
        )
        model.fit(*data, epochs=3, seed=0, verbose=0)
        weights.append(b"".join(w.tobytes() for w in model.get_weights()))
    assert weights[0] == weights[1]


SERIES = np.zeros(5)
REFUSED = {
    "past=0": lambda: gd.data.windows(SERIES, 0),
    "horizon=-1": lambda: gd.data.windows(SERIES, 2, -1),
    "step=1.5": lambda: gd.data.windows(SERIES, 2, 1, 1.5),
    "need 6 elements": lambda: gd.data.windows(SERIES, 4, 2),
    r"shape \(\)": lambda: gd.data.windows(3.0, 1),
    r"\(5, 1, 1\)": lambda: gd.data.windows(SERIES[:, None, None], 1),
}


@pytest.mark.parametrize("match", REFUSED)
def test_windows_refuse_in_a_line(match):
    with pytest.raises(ValueError, match=match) as caught:
        REFUSED[match]()
    assert "\n" not in str(caught.value)


HEAD = "# a remark\n@problemName P\n@timeStamps false\n@classLabel true one two\n@data\n"


def read(tmp_path, text):
    path = tmp_path / "p.ts"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return gd.datasets.ts(path)


def test_series_of_a_file(tmp_path):
    x, y, classes = read(tmp_path, HEAD + "1,2,?:4,5,6:two\n\n7:8:one\n")
    assert classes == ["one", "two"] and y.tolist() == [1, 0]
    np.testing.assert_array_equal(x[0], np.array([[1, 4], [2, 5], [np.nan, 6]], np.float32))
    assert x[1].tolist() == [[7.0, 8.0]] and x[1].dtype == np.float32


WRONG = {
    "no header": ("1,2:a\n", "line 1: expected a header"),
    "no classes": ("@data\n1:a\n", "line 1: no classes"),
    "times": ("@timeStamps true\n", "line 1: series with times"),
    "another class": (HEAD + "1,2:three\n", "line 6: the class 'three'"),
    "no number": (HEAD + "1,x:one\n", "line 6: could not convert"),
    "uneven": (HEAD + "1,2:3:one\n", "line 6: dimensions of"),
    "other dimensions": (HEAD + "1,2:one\n1:2:one\n", "line 7: 2 dimensions; expected 1"),
    "no samples": (HEAD, "no samples"),
    "no text": (b"\xff\xfe\x00", "no text in UTF-8"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_file_that_is_wrong_names_its_line(what, tmp_path):
    text, match = WRONG[what]
    with pytest.raises(ValueError, match=match) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
