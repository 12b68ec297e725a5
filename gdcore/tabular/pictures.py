"""Pictures of a report: the training curve, where the model errs, and which columns mattered."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.io import write_atomically
from gdcore.plots import check_path, require_matplotlib
from gdcore.tabular.errors_text import count_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["as_svg", "draw"]

INK, SECOND = "#1f6f9f", "#d1602b"  # told apart in grey and by the colour-blind, too
MOST_POINTS = 5_000
MOST_COLUMNS = 12
MOST_NAMED = 30
MOST_NUMBERED = 15  # classes up to which each cell of a confusion matrix shows its count


def draw(reports: list[Any], path: str | os.PathLike[str] | None, title: str | None) -> Figure:
    """The picture of reports, a row each: as `Report.plot`."""
    ending = check_path(path) if path is not None else None
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [panels_of(report) for report in reports]
    wide = max(map(len, panels))
    size = (5.2 * wide, 4.4 * len(reports))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)  # the canvas registers itself with the figure
    for row, report in enumerate(reports):
        for i, panel in enumerate(panels[row]):
            panel(figure.add_subplot(len(reports), wide, row * wide + i + 1), report)
    if title:
        figure.suptitle(title, fontsize=11)
    if path is not None:
        content = io.BytesIO()
        figure.savefig(content, format=ending)
        write_atomically(path, [content.getvalue()])
    return figure


def panels_of(report: Any) -> list[Any]:
    """What there is to be drawn of a report: functions of axes and the report."""
    panels: list[Any] = [_curve] if report.history.get("loss") else []
    panels.append(_residuals if report.confusion is None else _confusion)
    if report.reliability:
        panels.append(_reliability)
    if report.importance:
        panels.append(_importance)
    return panels


def as_svg(report: Any) -> list[str]:
    """Each picture of a report as text that can stand in a page."""
    require_matplotlib()
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    made = []
    for panel in panels_of(report):
        figure = Figure(figsize=(5.2, 4.4), layout="constrained")
        FigureCanvasSVG(figure)
        panel(figure.add_subplot(), report)
        content = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": panel.__name__}):  # the same report, the same page
            figure.savefig(content, format="svg", metadata={"Date": None})
        text = content.getvalue()
        made.append(text[text.index("<svg") :])
    return made


def _rows(report: Any) -> str:
    return "held-out rows" if report.part == "held out" else "rows"


def _reliability(axes: Axes, report: Any) -> None:
    """How sure the answers are, and how many of such are right."""
    sure, right, _ = (np.asarray(v, dtype=float) for v in zip(*report.reliability, strict=True))
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1.0, linestyle="--")
    axes.plot(sure, right, color=INK, marker="o", markersize=4, linewidth=1.4)
    low = max(0.0, min(float(sure.min()), float(right.min())) - 0.05)
    axes.set_xlim(low, 1.02)
    axes.set_ylim(low, 1.02)
    axes.set_xlabel("probability of the answer")
    axes.set_ylabel("share of right answers")
    axes.set_title(f"reliability of {len(report.truth):,} {_rows(report)}", fontsize=10)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.grid(True, color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _curve(axes: Axes, report: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    for name, label, colour in (("loss", "training", INK), ("val_loss", "watched rows", SECOND)):
        if name in report.history:
            y = np.asarray(report.history[name], dtype=float)
            axes.plot(np.arange(1, len(y) + 1), y, color=colour, label=label, linewidth=1.6)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss" if report.classes is not None else "loss (standardised target)")
    axes.set_title("training", fontsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    _plain(axes)
    axes.legend(frameon=False, fontsize=9)


def _confusion(axes: Axes, report: Any) -> None:
    counts, names = report.confusion, report.classes
    assert counts is not None and names is not None
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    places = np.arange(0, len(names), -(-len(names) // MOST_NAMED))
    shown = [names[i] if len(names[i]) <= 18 else names[i][:17] + "…" for i in places]
    turned = max(map(len, shown)) * len(shown) > 24
    axes.set_xticks(places, shown, rotation=90 if turned else 0)
    axes.set_yticks(places, shown)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"confusion matrix of {len(report.truth):,} {_rows(report)}", fontsize=10)
    if len(names) <= MOST_NUMBERED:
        for t, p in np.ndindex(*counts.shape):
            axes.text(
                p,
                t,
                count_text(counts[t, p]),
                ha="center",
                va="center",
                fontsize=9,
                color="white" if share[t, p] > 0.5 else "black",
            )


def _residuals(axes: Axes, report: Any) -> None:
    truth, answers = report.truth, report.answers
    count = len(truth)
    if count > MOST_POINTS:
        some = np.linspace(0, count - 1, MOST_POINTS).astype(int)
        truth, answers = truth[some], answers[some]
    size = 9.0 if len(truth) < 500 else 3.0
    axes.scatter(answers, truth - answers, s=size, color=INK, alpha=0.4, linewidths=0)
    axes.axhline(0, color=SECOND, linewidth=1.2)
    if np.abs(truth).max() >= 10_000:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:,.0f}")
        axes.tick_params(axis="x", rotation=30)
    axes.set_xlabel(f"predicted {report.target}")
    axes.set_ylabel("true - predicted")
    shown = f"{len(truth):,} of {count:,}" if len(truth) < count else f"{count:,}"
    axes.set_title(f"residuals of {shown} {_rows(report)}", fontsize=10)
    _plain(axes)


def _importance(axes: Axes, report: Any) -> None:
    shown = report.importance[:MOST_COLUMNS][::-1]
    names = [i.column if len(i.column) <= 24 else i.column[:23] + "…" for i in shown]
    places = np.arange(len(shown))
    axes.barh(
        places,
        [i.drop for i in shown],
        xerr=[i.deviation for i in shown],
        color=INK,
        error_kw={"ecolor": "#555555", "elinewidth": 1.0},
    )
    axes.set_yticks(places, names)
    axes.set_xlabel(f"{report.judged_in} when shuffled")
    part = f" ({len(shown)} of {len(report.importance)})"
    axes.set_title(
        f"which columns mattered{part if len(shown) < len(report.importance) else ''}", fontsize=10
    )
    _plain(axes)
