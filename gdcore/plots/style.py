"""What all pictures have in common: colours, axes, and matplotlib, imported when one is drawn."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.errors import missing, unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart in grey and by the colour-blind, too: Okabe and Ito 2008, Color universal design.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, GREY = "#E69F00", "#56B4E9", "#666666"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)
TRAIN, VALIDATION = BLUE, VERMILION
GRID = "#dddddd"


def require_matplotlib() -> None:
    """Refuse, in one line, to draw without matplotlib.

    Raises
    ------
    ImportError
        If matplotlib is not there; the message says what to install.

    Examples
    --------
    >>> from gdcore.plots.style import require_matplotlib
    >>> require_matplotlib()
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise missing("plots need matplotlib", "plot", error) from None


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
    >>> from gdcore.plots.style import check_path
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


def axes_for(ax: Axes | None, size: tuple[float, float] = (6.0, 4.0), **options: Any) -> Axes:
    """The axes to draw on: those given, or those of a new figure."""
    if ax is not None:
        return ax
    made: Axes = figure_of(size).add_subplot(1, 1, 1, **options)
    return made


def figure_of(size: tuple[float, float]) -> Figure:
    """A new figure, of a width and height in inches.

    It is pyplot's where that is in use already, or in a notebook, so that it is shown as others are;
    otherwise it is not registered with pyplot and is freed with its last reference.
    """
    require_matplotlib()
    if "matplotlib.pyplot" in sys.modules or hasattr(builtins, "__IPYTHON__"):
        import matplotlib.pyplot as plt

        return plt.figure(figsize=size, dpi=120, layout="constrained")
    return own_figure(size)


def own_figure(size: tuple[float, float]) -> Figure:
    """A new figure that is not registered with pyplot."""
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)  # the canvas registers itself with the figure
    return figure


def dress(ax: Axes, title: str, xlabel: str, ylabel: str, grid: str | None = "both") -> Axes:
    """Title, labels, a light grid behind, no box."""
    ax.set_title(title, fontsize=11)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if grid is not None:
        ax.grid(True, axis=grid, color=GRID, linewidth=0.7)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def whole_numbers(axis: Any) -> None:
    """Ticks at whole numbers only, for an axis of epochs."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))


def legend(ax: Axes, **options: Any) -> None:
    """A legend that covers little."""
    ax.legend(frameon=True, framealpha=0.85, edgecolor="none", fontsize=9, **options)


def shades(count: int) -> list[Any]:
    """Colours of an ordered series, such as layers from input to output: dark to light."""
    require_matplotlib()
    import matplotlib

    return list(matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, max(count, 1))))


def thinned(names: Sequence[str], most: int) -> list[int]:
    """Positions of at most so many labels, evenly spread, the last included."""
    if len(names) <= most:
        return list(range(len(names)))
    return sorted({round(i * (len(names) - 1) / (most - 1)) for i in range(most)})
