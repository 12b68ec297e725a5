"""The base of all studies: measure, write JSON, a table between marks, pictures, an exit code.

A measurement gives a record, plain data that JSON can hold; the table, the pictures and the list of missed
targets are functions of the record alone. So `--from` shows a record that was measured before, and
`--publish` replaces the record, the table of the page and the pictures together.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import ROOT, Bystanders, processor, processors

RESULTS = ROOT / "bench" / "results"  # what was published
BASELINES = ROOT / "bench" / "baselines"  # what is compared with
PICTURES = ROOT / "docs" / "speed"
PAGE = ROOT / "docs" / "speed.md"

Record = dict[str, Any]


def nothing(_: Any) -> Any:
    """No options, or no pictures."""
    return {}


@dataclass(frozen=True)
class Study:
    """One thing that is measured.

    Attributes
    ----------
    name : of the module in bench/, of the JSON file, of the marks in the page, and of the pictures
    about : one sentence
    measure : the record, from the options
    table : Markdown, from the record
    missed : the targets that are not met, one line each, from the record
    options : adds the study's own options to a parser
    draw : matplotlib figures by file name without its ending, from the record
    page : what the table is published in
    module : of bench/, where it is not the name
    """

    name: str
    about: str
    measure: Callable[[argparse.Namespace], Record]
    table: Callable[[Record], str]
    missed: Callable[[Record], list[str]]
    options: Callable[[argparse.ArgumentParser], Any] = nothing
    draw: Callable[[Record], dict[str, Any]] = nothing
    page: Path = PAGE
    module: str = ""

    def parser(self) -> argparse.ArgumentParser:
        """The command line."""
        parser = argparse.ArgumentParser(
            prog=f"python -m bench.{self.module or self.name}",
            description=f"{self.about} Ends with 0 only if everything asked of it holds.",
        )
        self.options(parser)
        common = parser.add_argument_group("all studies")
        common.add_argument("--json", type=Path, metavar="FILE", help="write the record")
        common.add_argument(
            "--from",
            type=Path,
            metavar="FILE",
            dest="source",
            help="show a record that was written before; nothing is measured",
        )
        common.add_argument("--pictures", type=Path, metavar="DIR", help="draw into a folder")
        common.add_argument(
            "--publish",
            action="store_true",
            help="write bench/results, docs/speed and the table of the page",
        )
        return parser

    def main(self, words: Sequence[str] | None = None) -> int:
        """What `python -m bench.NAME` does."""
        options = self.parser().parse_args(words)
        if options.source:
            record = read(options.source)
        else:
            with Bystanders() as others:
                record = self.measure(options)
            record["setting"]["others"] = round(others.share, 3)
        text = self.table(record)
        print(text)
        if options.json:
            write(options.json, record)
        if options.pictures:
            self.save(record, options.pictures)
        if options.publish:
            write(RESULTS / f"{self.name}.json", record)
            shown = [
                f"![{title}]({PICTURES.name}/{name}.png)"
                for name, title in self.save(record, PICTURES).items()
            ]
            write_into(self.page, self.name, "\n\n".join([*shown, text]))
        missed = self.missed(record)
        print("\n".join(["", *missed, "everything asked holds" if not missed else "not all holds"]))
        return 1 if missed else 0

    def save(self, record: Record, folder: Path) -> dict[str, str]:
        """Draw the pictures into a folder; their titles by name."""
        titles = {}
        for name, figure in self.draw(record).items():
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(folder / f"{name}.png", dpi=100, metadata={"Software": None})
            titles[name] = figure.get_suptitle() or figure.axes[0].get_title()
        return titles


def commit() -> str:
    """The commit of the sources that are measured, with a + if they were changed since; or nothing."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(ROOT), *words]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    if shutil.which("git") is None:
        return ""
    changed = git("status", "--porcelain", "--", "gdcore", "csrc")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def setting(**more: str) -> Record:
    """The machine, the versions and the date of a measurement."""
    from gdcore import __version__, runtime

    return {
        "date": str(datetime.date.today()),
        "processor": processor(),
        "processors": processors(),
        "gdcore": __version__,
        "commit": commit(),
        "isa": runtime.ISA_NAME,
        **more,
    }


def told(where: Record) -> str:
    """A setting in words."""
    known = ("date", "processor", "processors", "gdcore", "commit", "isa", "others")
    more = "".join(f", {k} {v}" for k, v in where.items() if k not in known)
    beside = (
        f" Other work took {where['others']:.1%} of the processors." if "others" in where else ""
    )
    return (
        f"{where['date']}, {where['processor']}, {where['processors']} processors, "
        f"gdcore {' '.join(filter(None, (where['gdcore'], where.get('commit'))))} "
        f"({where['isa']}){more}.{beside}"
    )


def numbers(text: str) -> list[int]:
    """Whole numbers with commas between, for an option."""
    return [int(n) for n in text.split(",")]


def words(text: str) -> list[str]:
    """Words with commas between, for an option."""
    return [n.strip() for n in text.split(",")]


def read(path: Path) -> Record:
    """A record that `write` wrote."""
    try:
        record: Record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} holds no record: {error}") from None
    return record


def write(path: Path, record: Record) -> None:
    """Write a record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in record.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def write_into(path: Path, mark: str, text: str) -> None:
    """Replace what stands between two marks of a Markdown file."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, found, rest = path.read_text().partition(begin)
    if not found or end not in rest:
        raise SystemExit(f"{path} has no {begin} … {end} to write the table between")
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def figure(width: float, height: float) -> Any:
    """A new matplotlib figure that belongs to no window."""
    from gdcore.plots.style import require_matplotlib

    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def run(study: Study) -> None:
    """The end of every study's module."""
    sys.exit(study.main())
