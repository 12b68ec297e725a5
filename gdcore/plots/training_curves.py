"""Curves of training: loss and metrics over the epochs."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.callbacks.monitored import better
from gdcore.errors import unknown
from gdcore.io import write_atomically
from gdcore.plots.style import (
    TRAIN,
    VALIDATION,
    axes_for,
    check_path,
    dress,
    figure_of,
    legend,
    own_figure,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKED = 40  # up to this many epochs each gets a dot
LOG_FROM = 30.0  # a loss that falls by more than this factor is drawn on a logarithmic axis


def curves(
    history: Any,
    path: str | os.PathLike[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw loss and metrics over the epochs, training beside validation.

    Parameters
    ----------
    history : History, or its dict
    path : path-like, optional
        Where to write the picture; its ending tells the format. An old file stays until the new
        one is complete.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot: it is freed with its last reference.

    Raises
    ------
    ImportError
        If matplotlib is not there; the message says what to install.
    ValueError
        If there are no epochs, or the ending of `path` is not known.

    Examples
    --------
    >>> figure = curves({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss']
    """
    ending = check_path(path) if path is not None else None
    figure = _panels(_series(history), own_figure, 0.3 if title else 0.0)
    if title:
        figure.suptitle(title, fontsize=11)
    if path is not None:
        content = io.BytesIO()
        figure.savefig(content, format=ending)
        write_atomically(path, [content.getvalue()])
    return figure


def panels(history: Any) -> Any:
    """Draw loss and metrics, each in a panel of a figure that is shown as other pictures are.

    Returns
    -------
    array of matplotlib.axes.Axes
    """
    return np.array(_panels(_series(history), figure_of).axes)


def _panels(
    series: Mapping[str, np.ndarray],
    make: Callable[[tuple[float, float]], Figure],
    more: float = 0.0,
) -> Figure:
    """A figure of all numbers but the learning rate, so many inches higher than its panels."""
    names = [n for n in dict.fromkeys(k.removeprefix("val_") for k in series) if n != "lr"]
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = make((5.2 * columns, 3.7 * rows + more))
    for i, name in enumerate(names):
        _panel(
            figure.add_subplot(rows, columns, i + 1),
            name,
            series.get(name),
            series.get("val_" + name),
        )
    return figure


def _series(history: Any) -> dict[str, np.ndarray]:
    """The scalars of a history; raises ValueError if there are none."""
    numbers = history if isinstance(history, Mapping) else history.history
    series = {
        k: np.asarray(v, dtype=float) for k, v in numbers.items() if len(v) and np.ndim(v[0]) == 0
    }
    if not set(series) - {"lr"}:
        raise ValueError("no epochs to draw: expected a history of at least one epoch")
    return series


def curve(history: Any, metric: str = "loss", ax: Axes | None = None) -> Axes:
    """Draw one number over the epochs, training beside validation.

    Parameters
    ----------
    history : History, or its dict
    metric : str
        "loss", a metric, or "lr".
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not there; the message says what to install.
    ValueError
        If there are no epochs, or no such number.

    Examples
    --------
    >>> curve({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]}).get_xlabel()
    'epoch'
    """
    series = _series(history)
    if metric not in series and "val_" + metric not in series:
        raise unknown("number of a history", metric, [k for k in series if k[:4] != "val_"])
    ax = axes_for(ax)
    _panel(ax, metric, series.get(metric), series.get("val_" + metric))
    return ax


def _panel(axes: Axes, name: str, train: np.ndarray | None, validation: np.ndarray | None) -> None:
    """One number over the epochs."""
    several = [("training", train, TRAIN), ("validation", validation, VALIDATION)]
    drawn = [(label, y, colour) for label, y, colour in several if y is not None]
    epochs = max(len(y) for _, y, _ in drawn)
    for label, y, colour in drawn:
        axes.plot(
            np.arange(1, len(y) + 1),
            y,
            color=colour,
            label=label,
            linewidth=1.6,
            marker="o" if epochs <= MARKED else None,
            markersize=3.2,
        )
    smallest = name == "loss" or name in ("mse", "mae", "rmse")
    if validation is not None and np.isfinite(validation).any():
        down = smallest or better("auto", name) == "min"
        best = int(np.nanargmin(validation) if down else np.nanargmax(validation))
        axes.plot(
            best + 1,
            validation[best],
            marker="o",
            markersize=7.5,
            markerfacecolor="none",
            linestyle="none",
            markeredgecolor=VALIDATION,
            markeredgewidth=1.4,
            label=f"best: {validation[best]:.4g}, epoch {best + 1}",
        )
    every = np.concatenate([y[np.isfinite(y)] for _, y, _ in drawn])
    if smallest and every.size and every.min() > 0 and every.max() / every.min() > LOG_FROM:
        axes.set_yscale("log")
    label = LABELS.get(name, name.replace("_", " "))
    scale = " (log scale)" if axes.get_yscale() == "log" else ""
    dress(axes, axes.get_title(), "epoch", label + scale)
    whole_numbers(axes.xaxis)
    axes.set_xlim(1 - 0.03 * max(epochs, 17), epochs + 0.03 * max(epochs, 17))
    legend(axes)


LABELS = {
    "lr": "learning rate",
    "r2": "R²",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "roc_auc": "ROC-AUC",
    "auc": "ROC-AUC",
    "f1": "F1",
}
