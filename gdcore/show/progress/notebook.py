"""The progress of training in a notebook: a table that is updated, and the curve of the loss.

Plain HTML, so that it is still there when the notebook is opened again or put on a page; a viewer
without HTML gets one line of text.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

WIDTH, HEIGHT = 360, 90  # of the picture, in pixels
COLOURS = {"loss": "#3b6fb6", "val_loss": "#d9772b"}
POINTS = 200  # of a curve, at most


def kernel_display() -> Callable[..., Any] | None:
    """IPython's `display` if this process is the kernel of a notebook, else None.

    IPython is looked up in `sys.modules`, not imported.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    found: Callable[..., Any] = display
    return found


def curve(values: Sequence[float], low: float, high: float, colour: str) -> str:
    """A line of an SVG picture through numbers, which are shown between two bounds.

    Examples
    --------
    >>> curve([1.0, 0.0], 0.0, 1.0, "red")
    '<polyline fill="none" stroke="red" stroke-width="1.5" points="4.0,4.0 356.0,86.0"/>'
    """
    count, scale = max(1, len(values) - 1), max(high - low, 1e-12)
    at = [
        f"{4 + (WIDTH - 8) * i / count:.1f},{4 + (HEIGHT - 8) * (high - v) / scale:.1f}"
        for i, v in enumerate(values)
        if math.isfinite(v)
    ]
    return (
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{" ".join(at)}"/>'
        if len(at) > 1
        else ""
    )


def thinned(values: Sequence[float]) -> list[float]:
    """At most `POINTS` of the numbers, evenly spaced, the last one included."""
    every = -(-len(values) // POINTS)
    return list(values[::-1][::every][::-1])


class Board:
    """The output cell of a notebook that is updated while training runs.

    Parameters
    ----------
    display : callable
        IPython's.
    """

    def __init__(self, display: Callable[..., Any]) -> None:
        self.display = display
        self.handle: Any = None
        self.curves: dict[str, list[float]] = {k: [] for k in COLOURS}

    def note(self, logs: Mapping[str, Any]) -> None:
        """Add the losses of an epoch to the curves."""
        for name, values in self.curves.items():
            if name in logs:
                values.append(float(logs[name]))

    def show(self, head: str, share: float, numbers: Mapping[str, str], tail: str) -> None:
        """Draw where training is."""
        plain = f"{head} {'  '.join(f'{k} {v}' for k, v in numbers.items())}  {tail}"
        bundle = {"text/plain": plain, "text/html": self.page(head, share, numbers, tail)}
        if self.handle is None:
            self.handle = self.display(bundle, raw=True, display_id=True)
        else:
            self.handle.update(bundle, raw=True)

    def page(self, head: str, share: float, numbers: Mapping[str, str], tail: str) -> str:
        """The HTML."""
        from html import escape  # every import counts at the start

        cells = "".join(
            f'<td style="text-align:left;padding:0 1em 0 0"><span style="opacity:.6">'
            f"{escape(k)}</span> <b>{escape(v)}</b></td>"
            for k, v in numbers.items()
        )
        return (
            f'<div style="font-family:monospace;font-size:90%"><div>{escape(head)} '
            f'<progress value="{share:.4f}" max="1" style="width:16em;vertical-align:middle">'
            f"</progress> {escape(tail)}</div><table><tr>{cells}</tr></table>"
            f"{self._picture()}</div>"
        )

    def _picture(self) -> str:
        shown = {k: thinned(v) for k, v in self.curves.items() if len(v) > 1}
        finite = [v for values in shown.values() for v in values if math.isfinite(v)]
        if not finite:
            return ""
        lines = "".join(
            curve(values, min(finite), max(finite), COLOURS[k]) for k, values in shown.items()
        )
        names = " ".join(f'<span style="color:{COLOURS[k]}">━ {k}</span>' for k in shown)
        return (
            f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="curves of '
            f'{" and ".join(shown)}">{lines}</svg><div>{names}</div>'
        )
