"""Pictures of diagnostics and results: what they show, where they are drawn."""

import sys

import numpy as np
import pytest

import gdcore as gd
from gdcore import plots
from gdcore.diagnostics import Monitor

pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _windows_are_closed():
    """Where something has imported pyplot, it keeps every figure."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="module")
def seen():
    """A trained network, and all that is drawn of it."""
    (x, y), (xt, yt) = gd.datasets.digits()
    model = gd.Sequential([gd.Dense(16, activation="relu") for _ in range(2)] + [gd.Dense(10)])
    model.compile("adam", "cross_entropy", ["accuracy"]).fit(x, y, epochs=0, seed=0)
    start = model.state_dict()
    watch = Monitor(every=20)
    history = model.fit(
        x, y, epochs=3, validation_data=(xt, yt), callbacks=[watch], seed=0, verbose=0
    )
    return {
        "model": model,
        "watch": watch,
        "history": history,
        "report": watch.report(),
        "range": gd.lr_find(model, x, y, steps=30, seed=0),
        "surface": gd.diagnostics.loss_landscape(model, xt[:60], yt[:60], points=5),
        "line": gd.diagnostics.interpolate(model, start, xt, yt, points=7),
        "importance": gd.diagnostics.permutation_importance(
            model, xt[:, :], yt, repeats=2, score="accuracy"
        ),
        "lab": gd.lab.compare(
            None, x[:200], y[:200], {"lr": [1e-4, 1e-2]}, epochs=2, seeds=2, verbose=0
        ),
        "map": gd.lab.compare(
            None,
            x[:200],
            y[:200],
            {"activation": ["relu", "tanh"], "depth": [1, 2, 3]},
            epochs=1,
            seeds=1,
            verbose=0,
        ),
        "true": yt,
        "predicted": model.predict(xt),
    }


# What is drawn, and title, x label, y label.
PICTURES = {
    "history": (lambda s, ax: s["history"].plot("accuracy", ax), "", "epoch", "accuracy"),
    "loss": (lambda s, ax: s["history"].plot(ax=ax), "", "epoch", "loss"),
    "rate": (lambda s, ax: s["history"].plot("lr", ax), "", "epoch", "learning rate"),
    "flow": (
        lambda s, ax: s["report"].plot(ax=ax),
        "Gradient by layer",
        "layer, from input to output",
        "gradient / gradient at output",
    ),
    "gradients": (
        lambda s, ax: s["watch"].plot("gradient", ax=ax),
        "Gradients through training",
        "step",
        "gradient at the layer's output",
    ),
    "ratio": (
        lambda s, ax: s["watch"].plot("ratio", ax=ax),
        "Update-to-weight ratio",
        "step",
        "‖update‖ / ‖weights‖",
    ),
    "dead": (
        lambda s, ax: s["watch"].plot("dead", ax=ax),
        "Dead units through training",
        "step",
        "share of units flat on every sample",
    ),
    "range": (
        lambda s, ax: s["range"].plot(ax=ax),
        "Learning-rate range test",
        "learning rate",
        "loss of the batch",
    ),
    "surface": (
        lambda s, ax: s["surface"].plot(ax=ax),
        "Loss around the solution",
        "first direction",
        "second direction",
    ),
    "line": (
        lambda s, ax: s["line"].plot(ax=ax),
        "Loss on the line between two networks",
        "t: weights (1 − t)·this + t·other",
        "loss",
    ),
    "importance": (
        lambda s, ax: s["importance"].plot(ax=ax),
        "Importance of the columns (44 more not shown)",
        "accuracy lost when shuffled",
        "",
    ),
    "weights": (
        lambda s, ax: plots.weights(s["model"], ax),
        "Distribution of the weights (kernel)",
        "weight",
        "",
    ),
    "confusion": (
        lambda s, ax: plots.confusion_matrix(s["true"], s["predicted"], ax),
        None,
        "predicted",
        "true",
    ),
    "residuals": (
        lambda s, ax: plots.residuals([1.0, 2.0, 3.0], [1.1, 2.0, 2.7], ax, unit="m"),
        "Predicted against true",
        "true (m)",
        "predicted (m)",
    ),
    "attribution": (
        lambda s, ax: plots.attribution(np.eye(4), np.eye(4) - 0.5, ax),
        "What each pixel contributes",
        "",
        "",
    ),
    "lab": (lambda s, ax: s["lab"].plot("val_loss", ax), "", "learning rate", "validation loss"),
    "lab curves": (lambda s, ax: s["lab"].curves(ax=ax), "", "epoch", "validation loss"),
    "lab map": (lambda s, ax: s["map"].plot(ax=ax), "", "depth", "activation"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_titles_and_labels_on_axes_of_ones_own(seen, name):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    mine = figure.add_subplot()
    draw, title, xlabel, ylabel = PICTURES[name]
    assert draw(seen, mine) is mine
    if title is not None:
        assert mine.get_title() == title
    assert mine.get_xlabel() == xlabel
    assert mine.get_ylabel() in (ylabel, ylabel + " (log scale)")
    figure.canvas.draw()


@pytest.mark.parametrize("name", PICTURES)
def test_a_figure_of_its_own(seen, name, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    made = PICTURES[name][0](seen, None)
    first = made.flat[0] if isinstance(made, np.ndarray) else made
    first.figure.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 2000
    assert dict(matplotlib.rcParams) == before
    assert hasattr(first.figure, "number") == ("matplotlib.pyplot" in sys.modules)


def test_where_pyplot_is_in_use_its_figures_are_taken(seen):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    count = len(plt.get_fignums())
    axes = seen["range"].plot()
    assert len(plt.get_fignums()) == count + 1
    plt.close(axes.figure)


def by_label(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_a_panel_for_each_number(seen):
    made = seen["history"].plot()
    assert [axes.get_ylabel() for axes in made] == ["loss", "accuracy"]
    for axes, name in zip(made, ("loss", "accuracy"), strict=True):
        lines = by_label(axes)
        for label, key in (("training", name), ("validation", "val_" + name)):
            np.testing.assert_array_equal(lines[label].get_xdata(), [1, 2, 3])
            np.testing.assert_array_equal(lines[label].get_ydata(), seen["history"][key])
        assert len(lines) == 3  # and the best
    panels = seen["lab"].plot()
    assert [axes.get_ylabel() for axes in panels] == [
        "validation loss",
        "validation accuracy",
        "epochs to converge",
        "time per epoch (ms)",
    ]


def test_flow_shows_the_first_and_the_last(seen):
    axes = seen["report"].plot()
    lines = by_label(axes)
    assert {"step 0", f"step {seen['report'].last.step}"} < set(lines)
    last = seen["report"].last
    unit = last.layers[-1].gradient
    np.testing.assert_allclose(
        lines[f"step {last.step}"].get_ydata(), [s.gradient / unit for s in last.layers]
    )
    assert axes.get_yscale() == "log"
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0", "1", "2"]
    assert "vanishing" in [t.get_text() for t in axes.texts]


def test_series_over_steps(seen):
    watch = seen["watch"]
    lines = by_label(watch.plot("ratio"))
    np.testing.assert_array_equal(lines["1"].get_xdata(), watch.steps)
    np.testing.assert_array_equal(lines["1"].get_ydata(), watch.parameters("ratio")["1.kernel"])
    assert watch.plot("ratio").get_yscale() == "log"
    assert set(by_label(watch.plot("dead"))) == {"0", "1"}
    assert watch.plot("mean").get_yscale() == "linear"


def test_the_suggestion_is_on_the_curve(seen):
    found, axes = seen["range"], seen["range"].plot()
    lines = by_label(axes)
    np.testing.assert_array_equal(lines["each step"].get_ydata(), found.losses)
    np.testing.assert_array_equal(lines["smoothed"].get_ydata(), found.smoothed)
    point = lines[f"suggestion: {found.suggestion:.1e}"]
    assert point.get_xdata()[0] == found.suggestion
    assert axes.get_xscale() == "log"


def test_landscape_as_a_surface(seen):
    axes = seen["surface"].plot(kind="surface")
    assert axes.name == "3d"
    assert axes.get_zlabel() in ("loss", "log₁₀ loss")
    with pytest.raises(ValueError, match="unknown kind of landscape 'contours'"):
        seen["surface"].plot(kind="contours")


def test_the_solution_is_marked_in_the_landscape(seen):
    axes = seen["surface"].plot()
    assert f"solution: {seen['surface'].centre:.3g}" in [t.get_text() for t in axes.texts]
    assert axes.figure.axes[1].get_ylabel() in ("loss", "loss (log scale)")


def test_both_ends_are_marked_on_the_line(seen):
    labels = [t.get_text() for t in seen["line"].plot().get_legend().get_texts()]
    assert [label.split(":")[0] for label in labels] == ["this network", "the other"]


def test_confusion_counts(seen):
    axes = plots.confusion_matrix([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 2, 0], names=["a", "b", "c"])
    texts = {
        (round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts
    }
    assert texts == {(0, 0): "1", (0, 1): "1", (1, 1): "1", (2, 2): "2", (2, 0): "1"}
    assert axes.get_title() == "Confusion matrix, accuracy 66.7%"
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b", "c"]
    shares = plots.confusion_matrix([0, 0, 1], [0, 1, 1], normalize=True)
    assert sorted(t.get_text() for t in shares.texts) == ["0.50", "0.50", "1.00"]
    binary = plots.confusion_matrix([0, 1, 1], [[0.2], [0.9], [0.1]])
    assert binary.get_title() == "Confusion matrix, accuracy 66.7%"


def test_residuals_tell_the_errors():
    axes = plots.residuals([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 5.0])
    note = next(t.get_text() for t in axes.texts)
    assert note == "RMSE 1\nMAE 0.5\nR² 0.200"
    assert len(axes.collections[0].get_offsets()) == 4


def test_weights_have_a_row_for_each_kernel(seen):
    axes = plots.weights(seen["model"])
    assert [t.get_text() for t in axes.get_yticklabels()] == ["0.kernel", "1.kernel", "2.kernel"]
    assert len(axes.collections) == 3


def test_comparison_shows_every_run(seen):
    axes = seen["lab"].plot("val_loss")
    assert axes.get_xscale() == "log"
    (mean,) = [
        line
        for line in axes.get_lines()
        if line.get_linewidth() and line.get_linestyle() != "None"  # not a point, not a cap
    ]
    np.testing.assert_allclose(mean.get_ydata(), [row["val_loss"] for row in seen["lab"].rows])
    curves = seen["lab"].curves("loss")
    assert [t.get_text() for t in curves.get_legend().get_texts()] == ["lr 0.0001", "lr 0.01"]
    assert len(curves.collections) == 2
    curves.figure.canvas.draw()
    assert all(float(at).is_integer() for at in curves.get_xticks())


def test_comparison_of_two_settings_is_a_map(seen):
    axes = seen["map"].plot("val_accuracy")
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1", "2", "3"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["relu", "tanh"]
    assert [float(t.get_text()) for t in axes.texts] == [
        pytest.approx(row["val_accuracy"], abs=6e-4) for row in seen["map"].rows
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s["history"].plot("acuracy"), "did you mean 'accuracy'"),
        (lambda s: s["watch"].plot("gradients"), "did you mean 'gradient'"),
        (lambda s: Monitor().plot(), "has no snapshots"),
        (lambda s: s["lab"].plot("val_los"), "did you mean 'val_loss'"),
        (lambda s: s["lab"].curves("val_los"), "did you mean 'val_loss'"),
        (lambda s: plots.confusion_matrix([0, 1], [0]), "as many predictions"),
        (lambda s: plots.confusion_matrix([0, 2], [0, 1], names=["a"]), "names has 1 entries"),
        (lambda s: plots.residuals([1.0], [1.0, 2.0]), "1 true and 2 predicted"),
        (lambda s: plots.attribution(np.eye(3), np.eye(4)), "expected both as"),
        (lambda s: plots.weights(s["model"], role="norm"), "no parameters of the role 'norm'"),
    ],
)
def test_bad_arguments(seen, call, message):
    with pytest.raises(ValueError, match=message):
        call(seen)


def test_missing_matplotlib_is_one_line_that_names_the_extra(seen, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    for name, (draw, *_) in PICTURES.items():
        with pytest.raises(ImportError, match=r'pip install "gdcore\[plot\]"') as caught:
            draw(seen, None)
        assert "\n" not in str(caught.value), name
