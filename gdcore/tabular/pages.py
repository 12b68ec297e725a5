"""A report as one page of HTML, its pictures within."""

from __future__ import annotations

from typing import Any

from gdcore.show.html import escape, preformatted, table_html
from gdcore.tabular.pictures import as_svg

__all__ = ["page"]

STYLE = (
    "body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}"
    "figure{display:inline-block;margin:.5em;max-width:100%}svg{max-width:100%;height:auto}"
    "li{margin:.3em 0}"
)


def page(reports: list[Any], title: str) -> str:
    """The page of a `Report`, or of several.

    Raises
    ------
    ImportError
        If matplotlib is not there; the message says what to install.
    """
    counts = ", ".join(f"{count:,} {part}" for part, count in reports[0].rows.items())
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(counts)} rows</p>"]
    for report in reports:
        parts += [f"<h1>{escape(report.target)}</h1>"] if len(reports) > 1 else []
        parts += _parts(report)
    parts += [
        "<h2>Columns</h2>",
        preformatted(reports[0].columns),
        "".join(f"<p>{escape(note)}</p>" for note in reports[0].notes),
    ]
    body = "\n".join(p for p in parts if p)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _parts(report: Any) -> list[str]:
    pictures = as_svg(report)
    rows = report.score_rows()
    told = "".join(f"<li>{escape(f.text)}</li>" for f in report.findings)
    return [
        f"<h2>To be known first</h2><ul>{told}</ul>" if told else "",
        "<h2>Scores</h2>",
        table_html(rows, "<" + ">" * (len(rows[0]) - 1)),
        *(f"<p>{escape(line)}</p>" for line in report.remarks()),
        "<h2>Pictures</h2>",
        *(f"<figure>{svg}</figure>" for svg in pictures),
        "<h2>Errors</h2>",
        preformatted(report.errors_text()),
        f"<h2>Which columns mattered</h2>{preformatted(report.importance_text())}"
        if report.importance
        else "",
    ]
