"""Pictures of diagnostics: gradients by layer and over time, the range test, the loss around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.errors import unknown
from gdcore.plots.style import (
    BLUE,
    GREEN,
    GREY,
    VERMILION,
    axes_for,
    dress,
    legend,
    shades,
    thinned,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 12  # most layers that a legend or an axis names one by one


def gradient_flow(snapshots: Sequence[Any], ax: Axes | None = None) -> Axes:
    """Draw the gradient of each layer, first and last, in units of the output's.

    Parameters
    ----------
    snapshots : sequence of Snapshot
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The shaded bands are where `Report` speaks of vanishing and exploding gradients.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> report = gd.diagnostics.diagnose(model, x[:256], y[:256], seed=0)
    >>> gradient_flow(report.snapshots).get_yscale()
    'log'
    """
    drawn = [snapshots[0]] if len(snapshots) == 1 else [snapshots[0], snapshots[-1]]
    names = [s.name for s in drawn[0].layers]
    ax = axes_for(ax)
    lowest, highest = drawn[0].vanishing, drawn[0].exploding
    seen: list[float] = [1.0]
    for at, colour, marker in zip(drawn, (BLUE, VERMILION), "os", strict=False):
        unit = at.output_gradient
        y = np.array([s.gradient / unit if unit else np.nan for s in at.layers])
        good = np.isfinite(y) & (y > 0)
        seen += y[good].tolist()
        ax.plot(
            np.arange(len(y))[good],
            y[good],
            color=colour,
            marker=marker,
            markersize=5,
            linewidth=1.6,
            label=f"step {at.step:,}",
        )
        for i in np.flatnonzero(~good):
            ax.annotate(
                "0" if y[i] == 0 else "not finite",
                (i, 0.02),
                xycoords=("data", "axes fraction"),
                ha="center",
                color=colour,
                fontsize=9,
            )
    ax.set_yscale("log")
    low, high = min(*seen, lowest) / 4, max(*seen, 30.0) * 4
    ax.set_ylim(low, high)
    ax.axhspan(low, lowest, color=VERMILION, alpha=0.09, linewidth=0)
    ax.text(0.99, lowest * 0.8, "vanishing", transform=_right(ax), ha="right", va="top", **NOTE)
    if high > highest:
        ax.axhspan(highest, high, color=VERMILION, alpha=0.09, linewidth=0)
        ax.text(
            0.99, highest * 1.25, "exploding", transform=_right(ax), ha="right", va="bottom", **NOTE
        )
    ax.axhline(1.0, color=GREY, linewidth=0.8, linestyle=":")
    at_names = thinned(names, NAMED)
    long = max(len(names[i]) for i in at_names) * len(at_names) > 60
    ax.set_xticks(at_names, [names[i] for i in at_names], rotation=45 if long else 0)
    if long:
        for label in ax.get_xticklabels():
            label.set_horizontalalignment("right")
    ax.set_xlim(-0.5, len(names) - 0.5)
    dress(ax, "Gradient by layer", "layer, from input to output", "gradient / gradient at output")
    if len(drawn) > 1:
        legend(ax, loc="best")
    return ax


NOTE: dict[str, Any] = {"color": "#a04000", "fontsize": 9, "style": "italic"}


def _right(ax: Axes) -> Any:
    """A transform with x in axes coordinates and y in data coordinates."""
    return ax.get_yaxis_transform()


OVER = {
    "gradient": ("gradient at the layer's output", True),
    "mean": ("mean of the layer's output", False),
    "std": ("standard deviation of the layer's output", True),
    "inactive": ("share of outputs where the activation is flat", False),
    "dead": ("share of units flat on every sample", False),
    "ratio": ("‖update‖ / ‖weights‖", True),
    "weight": ("‖weights‖", False),
}
TITLES = {
    "gradient": "Gradients through training",
    "mean": "Activations through training",
    "std": "Activations through training",
    "inactive": "Inactive outputs through training",
    "dead": "Dead units through training",
    "ratio": "Update-to-weight ratio",
    "weight": "Size of the weights",
}


def over_steps(monitor: Any, what: str = "gradient", ax: Axes | None = None) -> Axes:
    """Draw a number of each layer, or of each kernel, over the steps of training.

    Parameters
    ----------
    monitor : Monitor
        After `fit`.
    what : {"gradient", "mean", "std", "inactive", "dead", "ratio", "weight"}
        The last two are of kernels, the others of layers.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `what` is none of these, or there is nothing to draw.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> watch = gd.diagnostics.Monitor()
    >>> _ = model.fit(x, y, epochs=2, callbacks=[watch], seed=0, verbose=0)
    >>> over_steps(watch, "ratio").get_ylabel()
    '‖update‖ / ‖weights‖'
    """
    if what not in OVER:
        raise unknown("number of layers", what, OVER)
    if not monitor.snapshots:
        raise ValueError("the monitor has no snapshots: pass it to fit(callbacks=[monitor])")
    label, logarithmic = OVER[what]
    if what in ("ratio", "weight"):
        roles = {p.name: p.role for p in monitor.snapshots[0].parameters}
        series = {
            n.removesuffix(".kernel"): y
            for n, y in monitor.parameters(what).items()
            if roles[n] in ("kernel", "embedding")
        }
    else:
        series = monitor.layers(what)
    series = {n: y for n, y in series.items() if np.isfinite(y).any()}
    if not series:
        raise ValueError(f"no layer has {what!r}: there is no activation that could be flat")
    ax = axes_for(ax, (6.6, 4.0))
    named = thinned(list(series), NAMED)
    for i, ((name, y), colour) in enumerate(zip(series.items(), shades(len(series)), strict=True)):
        if logarithmic:
            y = np.where(y > 0, y, np.nan)
        label_of = name if i in named else "_nolegend_"
        ax.plot(monitor.steps, y, color=colour, linewidth=1.5, label=label_of)
    if logarithmic:
        from matplotlib.ticker import NullFormatter

        ax.set_yscale("log")
        low, high = ax.get_ylim()
        if high / low < 10:  # at least two labelled decades
            ax.set_ylim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high)))
        ax.yaxis.set_minor_formatter(NullFormatter())
    elif what in ("inactive", "dead"):
        from matplotlib.ticker import PercentFormatter

        ax.set_ylim(-0.02, 1.02)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    if what == "ratio":
        ax.axhline(1e-3, color=GREY, linewidth=1.0, linestyle="--")
        ax.text(0.01, 1.1e-3, "about 0.001 is usual", transform=_right(ax), color=GREY, fontsize=9)
    dress(ax, TITLES[what], "step", label)
    ax.legend(
        title="layer",
        frameon=False,
        fontsize=8,
        title_fontsize=8,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )
    return ax


def range_test(found: Any, ax: Axes | None = None) -> Axes:
    """Draw the loss over the learning rate, and the rate that is suggested.

    Parameters
    ----------
    found : RangeTest
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> range_test(gd.lr_find(model, x, y, seed=0)).get_xlabel()
    'learning rate'
    """
    ax = axes_for(ax)
    shown = found.losses[np.isfinite(found.losses)]
    ax.plot(found.rates, found.losses, color=BLUE, alpha=0.3, linewidth=1.0, label="each step")
    ax.plot(found.rates, found.smoothed, color=BLUE, linewidth=2.0, label="smoothed")
    ax.set_xscale("log")
    if shown.size:
        low, first = float(shown.min()), float(shown[: max(1, len(shown) // 10)].mean())
        span = max(first - low, 1e-12)
        ax.set_ylim(low - 0.15 * span, first + 0.6 * span)
    if np.isfinite(found.suggestion):
        y = float(np.interp(np.log(found.suggestion), np.log(found.rates), found.smoothed))
        ax.plot(
            found.suggestion,
            y,
            marker="o",
            markersize=9,
            linestyle="none",
            markerfacecolor="none",
            markeredgecolor=VERMILION,
            markeredgewidth=2,
            label=f"suggestion: {found.suggestion:.1e}",
        )
        ax.axvline(found.suggestion, color=VERMILION, linewidth=0.8, linestyle=":")
    dress(ax, "Learning-rate range test", "learning rate", "loss of the batch")
    legend(ax, loc="best")
    return ax


def landscape(around: Any, ax: Axes | None = None, kind: str = "contour") -> Axes:
    """Draw the loss around a solution, as contours or as a surface.

    Parameters
    ----------
    around : LossSurface
    ax : matplotlib.axes.Axes, optional
        With a projection of "3d" for a surface.
    kind : {"contour", "surface"}

    Returns
    -------
    matplotlib.axes.Axes
        Levels are evenly spaced in the logarithm of the loss where it spans more than one decade.

    Raises
    ------
    ValueError
        For another kind, or if no loss on the grid is finite.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> around = gd.diagnostics.loss_landscape(model, x[:100], y[:100], points=5)
    >>> landscape(around, kind="surface").name
    '3d'
    """
    if kind not in ("contour", "surface"):
        raise unknown("kind of landscape", kind, ("contour", "surface"))
    losses = np.ma.masked_invalid(around.losses)
    if losses.count() == 0:
        raise ValueError("no loss on the grid is finite: make span smaller")
    low, high = float(losses.min()), float(losses.max())
    logarithmic = low > 0 and high / low > 10
    title, x, y = "Loss around the solution", "first direction", "second direction"
    if kind == "surface":
        ax = axes_for(ax, (6.4, 4.8), projection="3d")
        z = np.log10(losses) if logarithmic else losses
        a, b = np.meshgrid(around.a, around.b)
        ax.plot_surface(a, b, z, cmap="viridis", linewidth=0, antialiased=True)  # type: ignore[attr-defined]
        ax.set(title=title, xlabel=x, ylabel=y)
        ax.set_zlabel("log₁₀ loss" if logarithmic else "loss")  # type: ignore[attr-defined]
        ax.locator_params(nbins=5)
        return ax
    ax = axes_for(ax, (6.2, 4.8))
    from matplotlib.colors import LogNorm, Normalize

    if high <= low:
        high = low + 1e-12
    levels = np.geomspace(low, high, 15) if logarithmic else np.linspace(low, high, 15)
    norm = LogNorm(low, high) if logarithmic else Normalize(low, high)
    filled = ax.contourf(around.a, around.b, losses, levels=levels, norm=norm, cmap="viridis")
    ax.contour(around.a, around.b, losses, levels=levels, colors="white", linewidths=0.5, alpha=0.6)
    bar = ax.figure.colorbar(filled, ax=ax, label="loss" + (" (log scale)" if logarithmic else ""))
    bar.set_ticks(levels[::2].tolist(), labels=[f"{v:.2g}" for v in levels[::2]])
    bar.minorticks_off()
    ax.plot(
        0, 0, marker="*", markersize=13, color="white", markeredgecolor="black", linestyle="none"
    )
    ax.annotate(
        f"solution: {around.centre:.3g}",
        (0, 0),
        xytext=(8, 8),
        textcoords="offset points",
        color="white",
        fontsize=9,
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "black", "alpha": 0.45, "linewidth": 0},
    )
    ax.set_box_aspect(1)
    ax.locator_params(nbins=5)
    return dress(ax, title, x, y, grid=None)


def loss_line(line: Any, ax: Axes | None = None) -> Axes:
    """Draw the loss between two networks.

    Parameters
    ----------
    line : LossLine
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from gdcore.diagnostics import LossLine
    >>> line = LossLine(np.array([0.0, 0.5, 1.0]), np.array([0.2, 0.7, 0.3]))
    >>> loss_line(line).get_xlabel()
    't: weights (1 − t)·this + t·other'
    """
    ax = axes_for(ax)
    ax.plot(line.t, line.losses, color=BLUE, linewidth=1.8, marker="o", markersize=2.5)
    for t, name, colour in ((0.0, "this network", GREEN), (1.0, "the other", VERMILION)):
        y = float(np.interp(t, line.t, line.losses))
        ax.plot(t, y, "o", color=colour, markersize=8, label=f"{name}: {y:.3g}")
    finite = line.losses[np.isfinite(line.losses)]
    logarithmic = finite.size and finite.min() > 0 and finite.max() / finite.min() > 30
    if logarithmic:
        ax.set_yscale("log")
    legend(ax, loc="best")
    return dress(
        ax,
        "Loss on the line between two networks",
        "t: weights (1 − t)·this + t·other",
        "loss" + (" (log scale)" if logarithmic else ""),
    )
