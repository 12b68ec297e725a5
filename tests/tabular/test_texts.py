"""Columns of text as codes, and large files that pyarrow reads as Python does."""

import pickle

import numpy as np
import pytest

import gdcore as gd
from gdcore.tabular import TableModel, arrow_text, read
from gdcore.tabular.table import Raw
from gdcore.tabular.texts import Texts

CELLS = ["b", None, "a", "b", "3", "3.0"]


def test_texts_are_a_sequence_of_cells():
    texts = Texts(CELLS)
    assert list(texts) == CELLS and texts == CELLS and len(texts) == 6
    assert texts[1] is None and texts[-1] == "3.0" and texts[:2] == ["b", None]
    assert texts.counts == {"b": 2, "a": 1, "3": 1, "3.0": 1} and texts.numbers is None
    assert pickle.loads(pickle.dumps(texts)) == texts
    assert Raw("text", CELLS).texts() == CELLS


def test_some_of_the_cells():
    texts = Texts(CELLS).take(np.array([5, 3, 1]))
    assert list(texts) == ["3.0", "b", None] and list(texts.counts) == ["3.0", "b"]
    assert texts.missing().tolist() == [False, False, True]
    assert texts.first(lambda t: t == "b") == 1 and texts.first(lambda t: t == "a") is None
    assert list(texts.without({"b", "not there"})) == ["3.0", None, None]


def test_numbers_are_known_without_their_texts():
    texts = Texts(["1.5", None, "2"])
    np.testing.assert_array_equal(texts.numbers, [1.5, np.nan, 2.0])
    some = texts.take(np.array([2, 1]))
    np.testing.assert_array_equal(some.numbers, [2.0, np.nan])
    assert list(some) == ["2", None] and some.missing().tolist() == [False, True]


PIECES = {
    "plain": "a,b\n" + "1.5,x\n2,y\n" * 40,
    "gaps": "a,b\n" + "NA,x\n?,\n-1e5,nan\n" * 30,
    "blanks": "a, b\n" + " 1.5 , x y\n2,\ty \n , NA\n" * 30,
    "quotes": "a,b\n" + '"1","x, y"\n2,"say ""so"""\n"",z\n' * 30,
    "quotes that are none": "a,b\n" + 'x"y,z\n1,2\n' * 30,
    "quotes behind blanks": "a,b\n" + '1, "x, y"\n' * 30,
    "lines in quotes": "a,b\n" + '1,"x\ny"\n' * 30,
    "empty lines": "a,b\n" + "1,2\n\n" * 30,
    "no last end": "a,b\n" + "1,2\n" * 30 + "3,4",
    "of Windows": "a,b\r\n" + "1,2\r\n" * 30,
    "of an old Mac": "a,b\r" + "1,2\r" * 30,
    "not ASCII": "a,b\n" + "é,\u2009ü\xa0\n1,2\n" * 30,
    "signs": "a,b\n" + "+1.5,1_0\ninf,-Infinity\nNAN,1e400\n" * 30,
    "one column": "a\n" + "1\n2\n" * 30,
    "padded": "a,b\n" + "007,1.\n010,.5\n" * 30,
}


@pytest.fixture(params=[1, 7, 1 << 24])
def pieces(request, monkeypatch):
    """Files of any size go to pyarrow, which looks at few bytes together."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(arrow_text, "SMALLEST", 0)
    monkeypatch.setattr(arrow_text, "PIECE", request.param)


def both(monkeypatch, read_it):
    """What pyarrow's reader gives, and what Python's does."""
    fast = read_it()
    monkeypatch.setattr(arrow_text, "find_spec", lambda name: None)
    return fast, read_it()


@pytest.mark.parametrize("name", PIECES)
def test_pyarrow_reads_what_python_reads(tmp_path, monkeypatch, pieces, name):
    path = tmp_path / "t.csv"
    path.write_bytes(PIECES[name].encode())
    fast, slow = both(monkeypatch, lambda: read(path))
    assert fast.names == slow.names and len(fast) == len(slow) and fast.layout == slow.layout
    assert list(fast.lines) == list(slow.lines)
    for column in fast.names:
        one, other = fast.columns[column], slow.columns[column]
        assert one.texts() == other.texts() and one.counts == other.counts
        assert list(one.counts) == list(other.counts)
        np.testing.assert_array_equal(one.missing(), other.missing())
        assert (one.numbers is None) == (other.numbers is None)
        if one.numbers is not None:
            np.testing.assert_array_equal(one.numbers, other.numbers)


def test_which_files_pyarrow_reads(tmp_path, pieces):
    for name in PIECES:
        path = tmp_path / "t.csv"
        path.write_bytes(PIECES[name].encode())
        with open(path, "rb") as file:
            found = arrow_text.read_columns(file, "utf-8", ",", 1 + (name != "one column"), True)
        left = {"quotes that are none", "quotes behind blanks", "lines in quotes", "empty lines",
                "of an old Mac"}  # fmt: skip
        assert (found is None) == (name in left), name


@pytest.mark.parametrize(
    "text", ["a,b\n" + "1,2\n" * 50 + "3\n", "a,b\n" + "1,2\n" * 50 + '3,"4\n']
)
def test_errors_name_the_line_all_the_same(tmp_path, monkeypatch, pieces, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    found = []
    for _ in range(2):
        with pytest.raises(ValueError, match=r"line 5\d") as caught:
            read(path)
        found.append(str(caught.value))
        monkeypatch.setattr(arrow_text, "find_spec", lambda name: None)
    assert found[0] == found[1]


def test_another_encoding_is_left_to_python(tmp_path, pieces):
    path = tmp_path / "t.csv"
    path.write_bytes(("a,b\n" + "é,2\n" * 50).encode("latin-1"))
    assert read(path, encoding="latin-1").columns["a"].values[0] == "é"
    with pytest.raises(ValueError, match="not a text file in UTF-8"):
        read(path)


def test_a_model_is_the_same_by_either_reader(tmp_path, monkeypatch, pieces):
    draw = np.random.default_rng(0)
    rows = [
        f"{x:.3f},{'uvw'[k]},{'' if m else n},2024-01-{d:02},{x + k:.2f}"
        for x, k, m, n, d in zip(
            draw.normal(size=150), draw.integers(0, 3, 150), draw.random(150) < 0.2,
            draw.integers(0, 99, 150), draw.integers(1, 29, 150), strict=True,
        )
    ]  # fmt: skip
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["x,k,n,day,y", *rows]) + "\n")

    def said():
        model = TableModel([8], epochs=2).fit(path, "y", verbose=0)
        return str(model), model.predict(path)

    one, other = both(monkeypatch, said)
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])
    assert gd.tabular.read(path, na="99").columns["n"].missing().any()


def test_frames_with_categories_and_gaps():
    pd, _ = pytest.importorskip("pandas"), pytest.importorskip("narwhals")
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical(["u", None, " v", "v", "NA"]),
            "grade": pd.Categorical([3, 1, None, 3, 2], ordered=True),
            "word": ["a", np.nan, "b ", "b", "NA"],
            "size": np.array([1.5, np.nan, 2, 3, 4], np.float32),
            "count": pd.array([1, None, 3, 4, 5], dtype="Int64"),
        }
    )
    columns = read(frame).columns
    assert columns["kind"].texts() == ["u", None, "v", "v", None]
    assert columns["kind"].counts == {"v": 2, "u": 1} and columns["kind"].kind == "category"
    assert columns["grade"].texts() == ["3", "1", None, "3", "2"]
    assert columns["grade"].order == ("1", "2", "3")
    assert columns["word"].texts() == ["a", None, "b", "b", None]
    np.testing.assert_array_equal(columns["size"].values, [1.5, np.nan, 2, 3, 4])
    np.testing.assert_array_equal(columns["count"].values, [1, np.nan, 3, 4, 5])
