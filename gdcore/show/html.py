"""Tables and small curves as a notebook shows them: plain HTML and SVG, no script, no style sheet."""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.printed import shown

SIDES = {"<": "left", ">": "right"}
COLOURS = ("#0072B2", "#D55E00")


def escape(text: object) -> str:
    """Text with the characters escaped that are special in HTML."""
    out = str(text)
    for mark, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        out = out.replace(mark, name)
    return out


def preformatted(text: str) -> str:
    """Text in columns, which scrolls sideways where it is too wide."""
    return (
        '<pre style="overflow-x:auto;white-space:pre;line-height:1.35;margin:.3em 0">'
        f"{escape(text)}</pre>"
    )


class Columns(str):
    """Text in columns, whose repr is the text itself, so that a prompt or a notebook shows it as it is.

    Examples
    --------
    >>> Columns("a  b\\n1  2")
    a  b
    1  2
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Columns:
        return super().__new__(cls, shown(text))  # for those who add to it, and print the sum

    def __str__(self) -> str:
        return shown(self)

    def __format__(self, spec: str) -> str:
        return format(shown(self), spec)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return preformatted(self)


def table_html(rows: Sequence[Sequence[str]], align: str, caption: str = "") -> str:
    """A table, its first row the heading.

    Parameters
    ----------
    rows : sequence of rows
        Text, not yet escaped; an empty row is left out.
    align : str
        "<" or ">" for each column.
    caption : str

    Examples
    --------
    >>> table_html([("a",), ("<1>",)], "<").count("&lt;1&gt;")
    1
    """
    lines = []
    for i, row in enumerate(r for r in rows if r):
        tag = "td" if i else "th"
        cells = "".join(
            f'<{tag} style="text-align:{SIDES[side]};padding:.15em .8em">{escape(text)}</{tag}>'
            for text, side in zip(row, align, strict=True)
        )
        lines.append(f"<tr>{cells}</tr>")
    head = f'<caption style="text-align:left">{escape(caption)}</caption>' if caption else ""
    return f'<table style="border-collapse:collapse">{head}{"".join(lines)}</table>'


def sparkline(series: Sequence[Sequence[float]], width: int = 220, height: int = 48) -> str:
    """Small curves over one another, of one scale; numbers that are not finite leave gaps.

    Parameters
    ----------
    series : at most two sequences of numbers
    width, height : int
        In pixels.
    """
    finite = [y for ys in series for y in ys if abs(y) < float("inf")]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    span = (high - low) or 1.0
    most = max(len(ys) for ys in series)
    drawn = []
    for ys, colour in zip(series, COLOURS, strict=False):
        path, pen = "", "M"
        for i, y in enumerate(ys):
            if not abs(y) < float("inf"):
                pen = "M"
                continue
            across = 3 + (width - 6) * (i / max(1, most - 1))
            down = 3 + (height - 6) * (1 - (y - low) / span)
            path += f"{pen}{across:.1f},{down:.1f}"
            pen = "L"
        drawn.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{"".join(drawn)}</svg>'
    )
