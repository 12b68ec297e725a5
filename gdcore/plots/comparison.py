"""Pictures of an experiment: numbers over settings, and curves over epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.errors import unknown
from gdcore.plots.style import (
    BLUE,
    CYCLE,
    axes_for,
    dress,
    figure_of,
    legend,
    shades,
    thinned,
    whole_numbers,
)
from gdcore.plots.training_curves import LABELS
from gdcore.printed import setting_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORDS = {"epochs_to_converge": "epochs to converge", "seconds_per_epoch": "time per epoch (ms)"}
DECADES = 10.0  # a setting whose values span more than this factor has a logarithmic axis


def _label(what: str) -> str:
    name = what.removeprefix("val_")
    word = WORDS.get(name) or LABELS.get(name, name.replace("_", " "))
    return f"validation {word}" if what.startswith("val_") else word


def _unit(what: str) -> float:
    return 1e3 if what == "seconds_per_epoch" else 1.0


def main_numbers(result: Any) -> list[str]:
    """What a picture of all shows: the loss and the metric, held out where they are, and times."""
    held = [n for n in result.numbers if n.startswith("val_")]
    first = held or [n for n in result.numbers if n not in WORDS]
    return [*first[:2], *WORDS]


def panels(result: Any) -> Any:
    """All main numbers of an experiment, each in a panel.

    Returns
    -------
    array of matplotlib.axes.Axes
    """
    names = main_numbers(result)
    figure = figure_of((9.6, 3.5 * -(-len(names) // 2)))
    made = [figure.add_subplot(-(-len(names) // 2), 2, i + 1) for i in range(len(names))]
    for name, ax in zip(names, made, strict=True):
        comparison(result, name, ax)
    return np.array(made)


def comparison(result: Any, what: str, ax: Axes | None = None) -> Axes:
    """Draw a number over one setting, with its spread over the seeds, or over two as a heat map.

    Parameters
    ----------
    result : Comparison
        Of one or two settings.
    what : str
        One of its `numbers`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no such number, or there are more than two settings.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), held = gd.datasets.digits()
    >>> result = gd.lab.compare(
    ...     None, x, y, {"lr": [1e-4, 1e-2]}, epochs=2, validation_data=held, verbose=0
    ... )
    >>> comparison(result, "val_loss").get_xscale()
    'log'
    """
    if what not in result.numbers:
        raise unknown("number of a comparison", what, result.numbers)
    if len(result.settings) > 2:
        raise ValueError(
            f"a picture of {len(result.settings)} settings ({', '.join(result.settings)}): "
            "expected one or two; use table()"
        )
    return _line(result, what, ax) if len(result.settings) == 1 else _map(result, what, ax)


def _line(result: Any, what: str, ax: Axes | None) -> Axes:
    ax = axes_for(ax, (5.4, 3.8))
    (name,) = result.settings
    unit = _unit(what)
    mean = np.array([row[what] for row in result.rows]) * unit
    std = np.array([row[what + "_std"] for row in result.rows]) * unit
    at, numeric = _positions([row[name] for row in result.rows], name, ax)
    for x, group in zip(at, result.groups, strict=True):
        each = [run.numbers().get(what, np.nan) * unit for run in group]
        ax.plot([x] * len(each), each, "o", color=BLUE, alpha=0.3, markersize=4, linewidth=0)
    ax.errorbar(
        at,
        mean,
        yerr=std,
        color=BLUE,
        marker="o",
        markersize=6,
        linewidth=1.5 if numeric else 0,
        elinewidth=1.4,
        capsize=4,
    )
    for x, row in zip(at, result.rows, strict=True):
        if row["diverged"]:
            text = "diverged" if row["diverged"] == row["runs"] else f"{row['diverged']} diverged"
            ax.annotate(
                text,
                (x, 0.97),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="top",
                rotation=90,
                fontsize=8,
                color=CYCLE[1],
            )
    good = mean[np.isfinite(mean)]
    if good.size and good.min() > 0 and good.max() / good.min() > 30 and what.endswith("loss"):
        ax.set_yscale("log")
    if what == "epochs_to_converge":
        whole_numbers(ax.yaxis)
    return dress(ax, "", _label(name), _label(what))


def _positions(values: list[Any], name: str, ax: Axes) -> tuple[np.ndarray, bool]:
    """Where the values of a setting stand on the axis, and whether they are numbers."""
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if not numeric:
        at = np.arange(len(values), dtype=float)
        words = [setting_text(v) for v in values]
        turned = sum(map(len, words)) > 40
        ax.set_xticks(at, words, rotation=35 if turned else 0, ha="right" if turned else "center")
        ax.set_xlim(-0.5, len(values) - 0.5)
        return at, False
    at = np.array(values, dtype=float)
    if at.min() > 0 and at.max() / at.min() > DECADES:
        ax.set_xscale("log")
    elif len(values) <= 8:
        ax.set_xticks(at, [setting_text(v) for v in values])
    return at, True


def _map(result: Any, what: str, ax: Axes | None) -> Axes:
    rows_of, columns_of = result.settings
    down, across = (
        list(dict.fromkeys(setting_text(row[s]) for row in result.rows))
        for s in (rows_of, columns_of)
    )
    cells = np.full((len(down), len(across)), np.nan)
    for row in result.rows:
        at = down.index(setting_text(row[rows_of])), across.index(setting_text(row[columns_of]))
        cells[at] = row[what] * _unit(what)
    ax = axes_for(ax, (1.9 + 0.9 * len(across), 1.6 + 0.55 * len(down)))
    shown = ax.imshow(np.ma.masked_invalid(cells), cmap="viridis", aspect="auto")
    ax.figure.colorbar(shown, ax=ax, label=_label(what))
    for i, j in np.ndindex(*cells.shape):
        text = f"{cells[i, j]:.3g}" if np.isfinite(cells[i, j]) else "diverged"
        level = float(np.asarray(shown.norm(cells[i, j]))) if np.isfinite(cells[i, j]) else 1.0
        colour = "white" if np.isfinite(cells[i, j]) and level < 0.6 else "black"
        ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=8)
    ax.set_xticks(range(len(across)), across)
    ax.set_yticks(range(len(down)), down)
    return dress(ax, "", _label(columns_of), _label(rows_of), grid=None)


def learning_curves(result: Any, what: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a number over the epochs, a line for each combination.

    Parameters
    ----------
    result : Comparison
    what : str, optional
        A number of the histories; the validation loss, or else the loss, by default.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Lines are means over the seeds, bands one standard deviation.

    Raises
    ------
    ValueError
        If no history has such a number.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), held = gd.datasets.digits()
    >>> result = gd.lab.compare(
    ...     None, x, y, {"lr": [1e-4, 1e-2]}, epochs=2, validation_data=held, verbose=0
    ... )
    >>> learning_curves(result).get_ylabel()
    'validation loss'
    """
    known = list(dict.fromkeys(k for run in result.runs for k in run.history if k != "lr"))
    if what is None:
        what = "val_loss" if "val_loss" in known else "loss"
    if what not in known:
        raise unknown("number of a history", what, known)
    ax = axes_for(ax)
    count = len(result.groups)
    colours = list(CYCLE) if count <= len(CYCLE) else shades(count)
    named = thinned([""] * count, 12)
    every: list[float] = []
    for i, (group, colour) in enumerate(zip(result.groups, colours, strict=False)):
        longest = max((len(run.history.get(what, [])) for run in group), default=0)
        if not longest:
            continue
        lines = np.full((len(group), longest), np.nan)
        for k, run in enumerate(group):
            values = run.history.get(what, [])
            lines[k, : len(values)] = values
        mean, std = _mean_std(lines)
        every += mean[np.isfinite(mean)].tolist()
        label = ", ".join(
            f"{s.replace('_', ' ')} {setting_text(group[0].settings[s])}" for s in result.settings
        )
        at = np.arange(1, longest + 1)
        ax.plot(at, mean, color=colour, linewidth=1.6, label=label if i in named else "_nolegend_")
        if len(group) > 1:
            ax.fill_between(at, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
    if every and min(every) > 0 and max(every) / min(every) > 30:
        ax.set_yscale("log")
    legend(ax, loc="best")
    whole_numbers(ax.xaxis)
    return dress(ax, "", "epoch", _label(what))


def _mean_std(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Over the rows, leaving out what is not finite."""
    good = np.isfinite(lines)
    count = good.sum(axis=0)
    total = np.where(good, lines, 0.0).sum(axis=0)
    mean = np.where(count, total / np.maximum(count, 1), np.nan)
    apart = np.where(good, lines - mean, 0.0) ** 2
    return mean, np.sqrt(apart.sum(axis=0) / np.maximum(count, 1))
