"""Training curves: what is drawn, and what is said where it cannot be."""

import builtins
import sys

import numpy as np
import pytest

from gdcore import plots
from gdcore.callbacks import History

HISTORY = {
    "loss": [1.0, 0.5, 0.25],
    "accuracy": [0.5, 0.7, 0.8],
    "val_loss": [1.1, 0.6, 0.7],
    "val_accuracy": [0.5, 0.75, 0.72],
    "lr": [0.1, 0.1, 0.1],
}


@pytest.fixture
def curves():
    pytest.importorskip("matplotlib")
    return plots.curves


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_a_panel_for_the_loss_and_one_for_each_metric(curves):
    figure = curves(HISTORY)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    for axes, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        assert axes.get_xlabel() == "epoch"
        assert axes.get_legend() is not None
        drawn = lines(axes)
        np.testing.assert_array_equal(drawn["training"].get_ydata(), HISTORY[name])
        np.testing.assert_array_equal(drawn["validation"].get_ydata(), HISTORY["val_" + name])
        np.testing.assert_array_equal(drawn["training"].get_xdata(), [1, 2, 3])
        assert "best" in [text.get_text().split(":")[0] for text in axes.get_legend().get_texts()]


def test_the_best_epoch_is_marked_whichever_way_is_better(curves):
    loss, accuracy = (lines(axes) for axes in curves(HISTORY).axes)
    assert "best: 0.6, epoch 2" in loss
    assert "best: 0.75, epoch 2" in accuracy
    error = lines(curves({"loss": [1, 2], "rmse": [3, 2], "val_rmse": [2.0, 3.0]}).axes[1])
    assert "best: 2, epoch 1" in error


def test_a_history_of_its_own_class(curves):
    history = History()
    history.on_epoch_end(0, {"loss": 0.5, "confusion_matrix": np.eye(2), "lr": 0.1})
    figure = curves(history, title="one epoch")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss"]
    assert figure._suptitle.get_text() == "one epoch"


def test_a_loss_of_many_magnitudes_has_a_logarithmic_axis(curves):
    assert curves({"loss": [100.0, 1.0, 0.01]}).axes[0].get_yscale() == "log"
    assert curves({"loss": [1.0, 0.5]}).axes[0].get_yscale() == "linear"
    assert curves({"loss": [100.0, 0.0]}).axes[0].get_yscale() == "linear"
    assert curves({"loss": [1.0], "r2": [-1e6], "val_r2": [0.5]}).axes[1].get_yscale() == "linear"


def test_numbers_that_are_not_finite(curves, tmp_path):
    curves({"loss": [1.0, np.nan, np.inf], "val_loss": [np.nan] * 3}, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("ending", "magic"),
    [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml"), ("PNG", b"\x89PNG")],
)
def test_the_ending_tells_the_format(curves, tmp_path, ending, magic):
    curves(HISTORY, tmp_path / f"a.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes().startswith(magic)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a", "the name has no ending that tells the format, expected for example a.png"),
        ("a.pgn", "unknown format of a picture 'pgn': did you mean 'png'?"),
    ],
)
def test_an_unknown_format(curves, tmp_path, name, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        curves(HISTORY, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"lr": [0.1]}])
def test_no_epochs(curves, history):
    with pytest.raises(ValueError, match="no epochs to draw"):
        curves(history)


def test_no_global_state_is_touched(curves):
    import matplotlib

    def windows():
        pyplot = sys.modules.get("matplotlib.pyplot")
        return pyplot and pyplot.get_fignums()

    before = dict(matplotlib.rcParams), windows()
    curves(HISTORY)
    assert (dict(matplotlib.rcParams), windows()) == before


def test_missing_matplotlib_is_one_line_that_names_the_extra(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    for call in (lambda: plots.curves(HISTORY), lambda: plots.check_path(tmp_path / "a.png")):
        with pytest.raises(ImportError, match=r'pip install "gdcore\[plot\]"') as caught:
            call()
        assert "\n" not in str(caught.value)
