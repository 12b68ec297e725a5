"""What a person sees while many models are trained."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from gdcore.many.results import Run
from gdcore.printed import shown
from gdcore.show.progress import BAR, LINES, LOG, SILENT, duration, mode_of, number
from gdcore.show.progress.gaps import Gaps


class Watch:
    """Counts the models that are done.

    Parameters
    ----------
    total : int
    verbose : {"auto", 0, 1, 2}
        As in `gdcore.show.progress.Progress`: nothing, one line that is drawn over, a line for each
        model; "auto" without a terminal prints the count at doubling intervals, and at the end.
    stream : file
        Standard error if None.

    Raises
    ------
    ValueError
        For another `verbose`.
    """

    def __init__(self, total: int, verbose: int | str, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.mode = mode_of(verbose, self.stream)
        self.total, self.done, self.failed = total, 0, 0
        self.counted = -1  # how many were done when the last line was printed
        self.begin = time.monotonic()
        self.gaps = Gaps(self.begin)
        self.drawn = False

    def finished(self, run: Run, monitor: str) -> None:
        """One more model is done."""
        self.done += 1
        self.failed += bool(run.error)
        if self.mode == LINES:
            what = ", ".join(f"{k}={v}" for k, v in run.setting.items())
            fold = "" if run.fold is None else f" fold {run.fold}"
            end = run.error or f"{monitor} {number(run.value(monitor))}"
            self._print(f"{self.done}/{self.total}  {what}{fold}  {end}  {duration(run.seconds)}\n")

    def show(self) -> None:
        """Draw the line, or print it where it is time to."""
        if self.mode == BAR or (self.mode == LOG and self.gaps.due(time.monotonic())):
            self._count()

    def _count(self) -> None:
        self.counted = self.done
        spent = time.monotonic() - self.begin
        left = spent / self.done * (self.total - self.done) if self.done else float("nan")
        ends = f"  {duration(left)} left" if self.done and self.done < self.total else ""
        failed = f"  {self.failed} with an error" if self.failed else ""
        line = f"{self.done}/{self.total} models  {duration(spent)}{ends}{failed}"
        if self.mode == LOG:
            self._print(line + "\n")
            return
        self._print("\r\x1b[2K" + line)
        self.drawn = True

    def close(self) -> None:
        """Leave the last line on the screen."""
        if self.mode == LOG and self.counted != self.done:
            self._count()
        if self.drawn:
            self._print("\n")
            self.drawn = False

    def _print(self, text: str) -> None:
        try:
            self.stream.write(shown(text, self.stream))
            self.stream.flush()
        except (OSError, ValueError, AttributeError):  # the stream is closed: training continues
            self.mode = SILENT
