"""What came of a training, whatever it was trained on: a file, a picture, a few facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gdcore as gd
from gdcore.callbacks import History
from gdcore.runtime import ISA_NAME
from gdcore.show.progress import duration, rate

__all__ = ["Outcome"]


@dataclass
class Outcome:
    """A trained model, and how its training went.

    Attributes
    ----------
    model : what is saved
    network : what was trained
    rows, batch : of the training
    steps : how many were taken
    seconds : how long that took
    stopped : whether Ctrl-C ended it
    results : scores, as text
    draw : writes a picture to a path
    report : writes a report to a path, if there is one
    notes : what was done after the training
    alone : whether `network` itself was trained, and nothing else, so that its work can be counted
    """

    model: Any
    network: gd.Model
    history: History
    rows: int
    batch: int
    steps: int
    seconds: float
    stopped: bool
    results: str
    draw: Callable[[str], object]
    report: Callable[[str], None] | None = None
    notes: Sequence[str] = ()
    alone: bool = True

    @property
    def epochs(self) -> int:
        """How many were completed."""
        return len(self.history.epoch)

    def keep(
        self, out: str | None, plot: str | None, report: str | None = None
    ) -> list[tuple[str, str]]:
        """Write what is asked for, and tell what was written."""
        made = []
        if out is not None:
            self.model.save(out)
            made.append(("model", out))
        if plot is not None and self.epochs and not self.stopped:
            self.draw(plot)
            made.append(("plot", plot))
        if report is not None and self.report is not None and self.results:
            self.report(report)
            made.append(("report", report))
        return made

    def facts(self, made: list[tuple[str, str]]) -> str:
        """Time, throughput, work, and what was written."""
        seconds = max(self.seconds, 1e-9)
        lines = [
            ("time", f"{duration(seconds)} for {self.epochs} epochs, {self.steps:,} steps"),
            *(self._speed(seconds) if self.alone else []),
            *(("note", note) for note in self.notes),
            *made,
        ]
        width = max(len(name) for name, _ in lines)
        return "\n".join(f"{name:{width}}  {text}" for name, text in lines)

    def _speed(self, seconds: float) -> list[tuple[str, str]]:
        """Samples and operations a second."""
        full, rest = divmod(self.rows, self.batch)
        plan, threads = self.network.plan, gd.get_num_threads()
        work = self.epochs * (full * plan.flops(self.batch) + (plan.flops(rest) if rest else 0))
        return [
            ("throughput", f"{rate(self.epochs * self.rows / seconds, ' samples/s')}"),
            (
                "compute",
                f"{work / seconds / 1e9:,.1f} GFLOP/s ({ISA_NAME}, up to {threads} "
                f"thread{'s' if threads > 1 else ''})",
            ),
        ]
