"""Pictures of training. Matplotlib is imported when the first is drawn, and no window is opened."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.callbacks import History, better
from gdcore.errors import unknown
from gdcore.io import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["check_path", "curves", "require_matplotlib"]

TRAIN, VALIDATION = "#1f6f9f", "#d1602b"  # told apart in grey and by the colour-blind, too
MARKED = 40  # up to this many epochs each gets a dot
LOG_FROM = 30.0  # a loss that falls by more than this factor is drawn on a logarithmic axis


def require_matplotlib() -> None:
    """Refuse, in one line, to draw without matplotlib.

    Raises
    ------
    ImportError
        If matplotlib is not there; the message says what to install.

    Examples
    --------
    >>> from gdcore.plots import require_matplotlib
    >>> require_matplotlib()
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'plots need matplotlib, which cannot be imported ({error}): pip install "gdcore[plot]"'
        ) from None


def check_path(path: str | os.PathLike[str]) -> str:
    """The format that a path's ending asks for, before hours of training are spent on its picture.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str
        The format's name.

    Raises
    ------
    ImportError
        If matplotlib is not there.
    ValueError
        If matplotlib cannot write that format.

    Examples
    --------
    >>> from gdcore.plots import check_path
    >>> check_path("curves.svg")
    'svg'
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    ending, known = (
        Path(path).suffix.lstrip(".").lower(),
        sorted(FigureCanvasAgg.get_supported_filetypes()),
    )
    if ending not in known:
        if not ending:
            raise ValueError(
                f"{os.fspath(path)}: the name has no ending that tells the format, expected for "
                "example "
                f"{Path(path).name or 'curves'}.png"
            )
        raise unknown("format of a picture", ending, known)
    return ending


def curves(
    history: History | Mapping[str, Sequence[Any]],
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
        Of no window and no global state: it goes when you let go of it.

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
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    numbers = history.history if isinstance(history, History) else history
    series = {
        k: np.asarray(v, dtype=float)
        for k, v in numbers.items()
        if k != "lr" and len(v) and np.ndim(v[0]) == 0
    }
    names = list(dict.fromkeys(k.removeprefix("val_") for k in series))
    if not names:
        raise ValueError("no epochs to draw: expected a history of at least one epoch")
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = Figure(
        figsize=(5.2 * columns, 3.7 * rows + (0.3 if title else 0)), dpi=120, layout="constrained"
    )
    FigureCanvasAgg(figure)  # the canvas registers itself with the figure
    for i, name in enumerate(names):
        _panel(
            figure.add_subplot(rows, columns, i + 1),
            name,
            series.get(name),
            series.get("val_" + name),
        )
    if title:
        figure.suptitle(title, fontsize=11)
    if path is not None:
        content = io.BytesIO()
        figure.savefig(content, format=ending)
        write_atomically(path, [content.getvalue()])
    return figure


def _panel(axes: Axes, name: str, train: np.ndarray | None, validation: np.ndarray | None) -> None:
    """One number over the epochs."""
    from matplotlib.ticker import MaxNLocator

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
    axes.set_xlabel("epoch")
    axes.set_ylabel(
        LABELS.get(name, name.replace("_", " "))
        + (" (log scale)" if axes.get_yscale() == "log" else "")
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.set_xlim(1 - 0.03 * max(epochs, 17), epochs + 0.03 * max(epochs, 17))
    axes.grid(True, color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=True, framealpha=0.85, edgecolor="none", fontsize=9)


LABELS = {
    "r2": "R²",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "roc_auc": "ROC-AUC",
    "auc": "ROC-AUC",
    "f1": "F1",
}
