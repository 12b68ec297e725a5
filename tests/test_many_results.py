"""What comes of many models: the table, curves, averages, and how it is watched."""

import sys

import numpy as np
import pytest
from test_many import X, Y, make

import gdcore as gd
from gdcore.many import progress
from gdcore.many.progress import Watch
from gdcore.many.settings import expand

# --- the table ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    return gd.fit_many(
        make, {"width": [4, 8], "seed": [0, 1, 2]}, X, Y, epochs=3, validation_split=0.2
    )


def test_table(table):
    rows = table.records()
    assert list(rows[0]) == [
        *("width", "seed", "loss", "accuracy", "val_loss", "val_accuracy", "lr"),
        *("epochs", "seconds", "error"),
    ]
    assert [(r["width"], r["seed"]) for r in rows] == [(w, s) for w in (4, 8) for s in range(3)]
    assert all(r["epochs"] == 3 and r["seconds"] > 0 for r in rows)
    assert [r["val_loss"] for r in rows] == [r.history["val_loss"][-1] for r in table]
    assert table.monitor == "val_loss" and table.best().value("val_loss") == min(
        r["val_loss"] for r in rows
    )
    accuracy = [r["val_accuracy"] for r in rows]
    assert table.best("val_accuracy").value("val_accuracy") == max(accuracy)
    assert table.best("val_accuracy", mode="min").value("val_accuracy") == min(accuracy)
    with pytest.raises(ValueError, match="has 'f1': there is accuracy, loss, lr, val_accuracy"):
        table.best("f1")


def test_curves(table):
    curves = table.curves("loss")
    assert curves.shape == (6, 3)
    assert np.array_equal(curves[4], table[4].history["loss"])
    uneven = gd.fit_many(make, {"epochs": [0, 1, 3]}, X, Y)
    assert np.isnan(uneven.curves("loss")).tolist() == [
        [True] * 3,
        [False, True, True],
        [False] * 3,
    ]


def test_averages(table):
    rows = table.averaged()
    assert [(r["width"], r["runs"]) for r in rows] == [(4, "3/3"), (8, "3/3")]
    values = [r.value("val_loss") for r in table][:3]
    assert rows[0]["val_loss"] == pytest.approx(np.mean(values))
    assert rows[0]["val_loss_std"] == pytest.approx(np.std(values, ddof=1))


def test_prints(table):
    text, page = repr(table), table._repr_html_()
    lines = text.splitlines()
    assert lines[0] == "6 models by val_loss" and len(lines) == 8
    assert lines[1].split()[:2] == ["width", "seed"] and "error" not in lines[1]
    assert len({len(line) for line in lines[1:]}) == 1
    assert page.count("<tr>") == 7 and "<table>" in page
    many = gd.fit_many(make, {"seed": range(30), "epochs": 0}, X, Y)
    assert len(repr(many).splitlines()) == 22 and "the best 20" in repr(many)
    odd = gd.fit_many(lambda name: make(), {"name": ["<b>"]}, X, Y)
    assert "<b>" not in odd._repr_html_()


def test_pandas(table):
    pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert frame.shape == (6, 10)
    assert frame.groupby("width")["val_loss"].mean()[4] == pytest.approx(
        table.averaged()[0]["val_loss"]
    )


def test_without_pandas(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'needs pandas.*: pip install "gdcore\[pandas\]"'):
        table.to_pandas()


def test_settings():
    assert expand({"a": [1, 2], "b": (3, 4), "c": "x"}) == [
        {"a": 1, "b": (3, 4), "c": "x"},
        {"a": 2, "b": (3, 4), "c": "x"},
    ]
    assert expand({}) == [{}]
    drawn = expand({"lr": np.array([0.5, 0.25])})
    assert drawn == [{"lr": 0.5}, {"lr": 0.25}] and type(drawn[0]["lr"]) is float


class Terminal:
    """A stream that says it is a terminal, and keeps what is written."""

    encoding = "utf-8"

    def __init__(self, terminal):
        self.terminal, self.text = terminal, ""

    def isatty(self):
        return self.terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.mark.parametrize(
    ("verbose", "terminal", "lines"),
    [(0, True, 0), (1, False, 6), (2, True, 6)],
)
def test_watch_by_lines(verbose, terminal, lines, table):
    stream = Terminal(terminal)
    watch = Watch(6, verbose, stream)
    for run in table:
        watch.finished(run, "val_loss")
        watch.show()
    watch.close()
    assert stream.text.count("\n") == lines
    assert not lines or stream.text.startswith("1/6  width=4, seed=0  val_loss ")


def test_watch_in_a_log(table, monkeypatch):
    """It counts at gaps that double, and at the end."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = Terminal(False)
    watch = Watch(6, "auto", stream)
    for run in table:
        now[0] += 0.5
        watch.finished(run, "val_loss")
        watch.show()
    now[0] += 0.5
    watch.close()
    lines = stream.text.splitlines()
    assert [line.split()[0] for line in lines] == ["2/6", "6/6"]
    assert lines == ["2/6 models  1.0s  2.0s left", "6/6 models  3.0s"]


def test_watch_on_a_terminal(table, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal(True)
    watch = Watch(6, "auto", stream)
    for run in table:
        watch.finished(run, "val_loss")
        watch.show()
    watch.close()
    assert stream.text.count("\r\x1b[2K") == 6 and stream.text.count("\n") == 1
    assert "6/6 models" in stream.text and " left" in stream.text.split("\r")[3]
