"""What a person sees while many models are trained."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from gdcore.many.results import Run
from gdcore.show.progress import _is_terminal, duration, number


class Watch:
    """Counts the models that are done.

    Parameters
    ----------
    total : int
    verbose : {"auto", 0, 1, 2}
        As in `gdcore.show.progress.Progress`: nothing, one line that is drawn over, a line for each.
    stream : file
        Standard error if None.

    Raises
    ------
    ValueError
        For another `verbose`.
    """

    def __init__(self, total: int, verbose: int | str, stream: TextIO | None = None) -> None:
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose={verbose!r}: expected 0, 1, 2 or 'auto'")
        self.stream = sys.stderr if stream is None else stream
        terminal = _is_terminal(self.stream)
        self.mode = (1 if terminal else 0) if verbose == "auto" else int(verbose)
        if self.mode == 1 and not terminal:
            self.mode = 2
        self.total, self.done, self.failed = total, 0, 0
        self.begin = time.monotonic()
        self.drawn = False

    def finished(self, run: Run, monitor: str) -> None:
        """One more model is done."""
        self.done += 1
        self.failed += bool(run.error)
        if self.mode == 2:
            what = ", ".join(f"{k}={v}" for k, v in run.setting.items())
            fold = "" if run.fold is None else f" fold {run.fold}"
            end = run.error or f"{monitor} {number(run.value(monitor))}"
            self._print(f"{self.done}/{self.total}  {what}{fold}  {end}  {duration(run.seconds)}\n")

    def show(self) -> None:
        """Draw the line."""
        if self.mode != 1:
            return
        spent = time.monotonic() - self.begin
        left = spent / self.done * (self.total - self.done) if self.done else float("nan")
        ends = f"  {duration(left)} left" if self.done and self.done < self.total else ""
        failed = f"  {self.failed} with an error" if self.failed else ""
        self._print(f"\r\x1b[2K{self.done}/{self.total} models  {duration(spent)}{ends}{failed}")
        self.drawn = True

    def close(self) -> None:
        """The last line stays."""
        if self.drawn:
            self._print("\n")
            self.drawn = False

    def _print(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError, AttributeError):  # nobody reads any more: training goes on
            self.mode = 0
