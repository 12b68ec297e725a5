"""Pictures of what a model does: confusion, residuals, importances, attributions, weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.engine.engine import engine_of
from gdcore.plots.style import (
    BLUE,
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

WRITTEN = 20  # up to this many classes each cell of a confusion matrix holds its number
MOST_COLUMNS = 20
BINS = 60


def confusion_matrix(
    y_true: Any,
    y_pred: Any,
    ax: Axes | None = None,
    names: Sequence[str] | None = None,
    normalize: bool = False,
) -> Axes:
    """Draw how often each class was taken for each other.

    Parameters
    ----------
    y_true : array of n class numbers
    y_pred : array of n class numbers, or of shape (n, classes), whose largest column counts
    ax : matplotlib.axes.Axes, optional
    names : sequence of str, optional
        Of the classes.
    normalize : bool
        Shares of each true class in the place of counts.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the lengths differ, or the names are too few.

    Examples
    --------
    >>> axes = confusion_matrix([0, 1, 1, 0], [0, 1, 0, 0], names=["cat", "dog"])
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('predicted', 'true')
    """
    true, pred = np.asarray(y_true), np.asarray(y_pred)
    if pred.ndim == 2:
        pred = pred.argmax(axis=1) if pred.shape[1] > 1 else (pred[:, 0] >= 0.5).astype(int)
    if true.ndim != 1 or true.shape != pred.shape or true.dtype.kind not in "iub":
        raise ValueError(
            f"confusion_matrix of y_true {true.shape} and y_pred {np.shape(y_pred)}: expected n "
            "class numbers, and as many predictions"
        )
    count = int(max(true.max(initial=0), pred.max(initial=0))) + 1
    if names is not None and len(names) < count:
        raise ValueError(
            f"names has {len(names)} entries: expected one for each of {count} classes"
        )
    count = max(count, len(names) if names is not None else 0)
    labels = [str(n) for n in names] if names is not None else [str(i) for i in range(count)]
    table = np.zeros((count, count))
    np.add.at(table, (true.astype(int), pred.astype(int)), 1)
    accuracy = np.trace(table) / max(table.sum(), 1)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(0.42 * count + 1.8, 4.0, 9.0))
    ax = axes_for(ax, (side + 0.9, side))
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ax.figure.colorbar(image, ax=ax, label="share of the true class", fraction=0.046, pad=0.03)
    if count <= WRITTEN:
        for i, j in np.ndindex(count, count):
            if table[i, j]:
                text = f"{share[i, j]:.2f}" if normalize else f"{table[i, j]:,.0f}"
                colour = "white" if share[i, j] > 0.5 else "black"
                ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=8)
    at = thinned(labels, 25)
    turned = max(map(len, labels)) > 3
    ax.set_xticks(at, [labels[i] for i in at], rotation=45 if turned else 0)
    if turned:
        for label in ax.get_xticklabels():
            label.set_horizontalalignment("right")
    ax.set_yticks(at, [labels[i] for i in at])
    return dress(ax, f"Confusion matrix, accuracy {accuracy:.1%}", "predicted", "true", grid=None)


def residuals(y_true: Any, y_pred: Any, ax: Axes | None = None, unit: str = "") -> Axes:
    """Draw predictions against the truth, and what the spread of their errors is.

    Parameters
    ----------
    y_true, y_pred : arrays of n numbers
    ax : matplotlib.axes.Axes, optional
    unit : str
        Of the numbers, for the labels.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are not as many of both.

    Examples
    --------
    >>> axes = residuals([1.0, 2.0, 3.0], [1.1, 1.9, 3.2], unit="m")
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('true (m)', 'predicted (m)')
    """
    true, pred = (np.asarray(a, dtype=float).reshape(-1) for a in (y_true, y_pred))
    if true.shape != pred.shape or not true.size:
        raise ValueError(
            f"residuals of {true.size} true and {pred.size} predicted numbers: expected as many"
        )
    error = pred - true
    spread = float(((true - true.mean()) ** 2).sum())
    r2 = 1 - float((error**2).sum()) / spread if spread else float("nan")
    ax = axes_for(ax, (5.0, 4.8))
    alpha = float(np.clip(400 / len(true), 0.08, 0.7))
    ax.scatter(true, pred, s=12, color=BLUE, alpha=alpha, linewidths=0, label="samples")
    ends = np.array([min(true.min(), pred.min()), max(true.max(), pred.max())])
    ax.plot(ends, ends, color=VERMILION, linewidth=1.2, label="predicted = true")
    note = f"RMSE {np.sqrt((error**2).mean()):.4g}\nMAE {np.abs(error).mean():.4g}\nR² {r2:.3f}"
    ax.text(0.03, 0.97, note, transform=ax.transAxes, va="top", fontsize=9, color="#333333")
    ax.set_aspect("equal", adjustable="datalim")
    more = f" ({unit})" if unit else ""
    legend(ax, loc="lower right")
    return dress(ax, "Predicted against true", "true" + more, "predicted" + more)


def importance(found: Any, ax: Axes | None = None, most: int = MOST_COLUMNS) -> Axes:
    """Draw how much worse a model gets when each column is shuffled, the largest first.

    Parameters
    ----------
    found : Importance
    ax : matplotlib.axes.Axes, optional
    most : int
        Columns to show.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from gdcore.diagnostics import Importance
    >>> found = Importance(("age", "rooms"), np.array([0.1, 0.7]), np.array([0.01, 0.05]), "loss")
    >>> [label.get_text() for label in importance(found).get_yticklabels()]
    ['age', 'rooms']
    """
    order = np.argsort(-found.mean, kind="stable")[:most][::-1]
    ax = axes_for(ax, (6.0, 1.2 + 0.28 * len(order)))
    ax.barh(
        np.arange(len(order)),
        found.mean[order],
        xerr=found.std[order],
        color=[BLUE if m > 0 else GREY for m in found.mean[order]],
        error_kw={"ecolor": "#333333", "elinewidth": 1.0},
        height=0.7,
    )
    ax.set_yticks(np.arange(len(order)), [found.names[i] for i in order])
    ax.axvline(0, color="#333333", linewidth=0.8)
    gain = "increase of the loss" if found.score == "loss" else f"{found.score} lost"
    hidden = len(found.names) - len(order)
    more = f" ({hidden} more not shown)" if hidden else ""
    return dress(ax, f"Importance of the columns{more}", f"{gain} when shuffled", "", grid="x")


def attribution(image: Any, contributions: Any, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw what each pixel contributes to an output: red for it, blue against it.

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, channels)
        Its outline is drawn on top: where it is half as bright as at its brightest.
    contributions : array of the same shape
        From `input_gradients` or `integrated_gradients`; summed over channels.
    ax : matplotlib.axes.Axes, optional
    title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the shapes differ, or are not those of an image.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.datasets.digits()[0][0][:1]
    >>> model = gd.Sequential([gd.Dense(10)])
    >>> parts = gd.diagnostics.input_gradients(model, x)
    >>> attribution(x.reshape(8, 8), parts.reshape(8, 8), title="a digit").get_title()
    'a digit'
    """
    below, over = np.asarray(image, dtype=float), np.asarray(contributions, dtype=float)
    if below.shape != over.shape or below.ndim not in (2, 3):
        raise ValueError(
            f"attribution of an image {below.shape} and contributions {over.shape}: expected "
            "both as (height, width) or (height, width, channels)"
        )
    if below.ndim == 3:
        below, over = below.mean(axis=2), over.sum(axis=2)
    ax = axes_for(ax, (4.6, 4.0))
    limit = float(np.abs(over).max()) or 1.0
    shown = ax.imshow(over, cmap="RdBu_r", vmin=-limit, vmax=limit)
    if np.ptp(below):
        half = (below.min() + below.max()) / 2
        ax.contour(below, levels=[half], colors="#222222", linewidths=1.3)
    ax.figure.colorbar(shown, ax=ax, label="contribution", fraction=0.046, pad=0.03)
    ax.set_xticks([])
    ax.set_yticks([])
    dress(ax, title or "What each pixel contributes", "", "", grid=None)
    for side in ax.spines.values():
        side.set_visible(True)
    return ax


def weights(model: Any, ax: Axes | None = None, role: str = "kernel") -> Axes:
    """Draw the distribution of the weights of each layer.

    Parameters
    ----------
    model : Model
        With weights: trained, or asked to predict once.
    ax : matplotlib.axes.Axes, optional
    role : {"kernel", "bias", "norm", "embedding"}

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the model has no parameters of that role.

    Examples
    --------
    >>> import gdcore as gd
    >>> axes = weights(gd.Sequential([gd.Input(8), gd.Dense(8), gd.Dense(1)]))
    >>> axes.get_title()
    'Distribution of the weights (kernel)'
    """
    memory = engine_of(model).parameters()
    drawn = {
        memory.network.names[p]: memory.within(p).ravel()
        for p in memory.network.parameters
        if p.role == role
    }
    if not drawn:
        raise ValueError(f"the model has no parameters of the role {role!r}")
    ax = axes_for(ax, (6.0, 1.4 + 0.55 * len(drawn)))
    edge = max(float(np.quantile(np.abs(w), 0.9995)) for w in drawn.values()) or 1.0
    bins = np.linspace(-edge, edge, BINS + 1)
    centres = (bins[1:] + bins[:-1]) / 2
    for i, ((_, w), colour) in enumerate(zip(drawn.items(), shades(len(drawn)), strict=True)):
        density = np.histogram(np.clip(w, -edge, edge), bins)[0].astype(float)
        height = density / density.max() * 0.9
        base = len(drawn) - 1 - i
        ax.fill_between(centres, base, base + height, color=colour, alpha=0.85, linewidth=0)
        ax.axhline(base, color="#999999", linewidth=0.6)
        text = f"std {w.std():.3g}"
        ax.text(0.99, base + 0.45, text, transform=ax.get_yaxis_transform(), ha="right", fontsize=8)
    ax.set_yticks(np.arange(len(drawn))[::-1], list(drawn))
    ax.set_xlim(-edge, edge)
    return dress(ax, f"Distribution of the weights ({role})", "weight", "", grid="x")
