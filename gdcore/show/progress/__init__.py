"""The progress of training: a line that is redrawn on a terminal, a few plain lines in a log.

A notebook shows a table and a curve; see `gdcore.show.progress.notebook`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np

from gdcore.printed import shown
from gdcore.show.progress.gaps import Gaps
from gdcore.show.progress.notebook import Board, kernel_display

WIDTH, NARROW = 24, 8  # of the bar, in characters: at most, and at least if it is drawn
FEW = 10  # lines in a log where 1 is asked for, besides the first and the last epoch's
EVERY = 0.1  # seconds between two updates of the line
SHARE = 0.05  # of the time, at most, is spent on computing numbers that are only shown

SILENT, BAR, LINES, LOG = range(4)  # the first three as `verbose` says it

Logs = dict[str, Any]


def number(value: Any) -> str:
    """A number in few characters.

    Examples
    --------
    >>> number(0.98765), number(31534.61), number(1.5e-6), number(2.95e9)
    ('0.9877', '31,534.6', '1.50e-06', '2.95e+09')
    """
    if np.ndim(value):
        return "…"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.2e}"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def duration(seconds: float) -> str:
    """Seconds as people read them.

    Examples
    --------
    >>> duration(0.04), duration(9.96), duration(59.7), duration(3599.9), duration(7260)
    ('40ms', '10s', '1m00s', '1h00m', '2h01m')
    """
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def rate(per_second: float, unit: str = "/s") -> str:
    """A rate as people read it.

    Examples
    --------
    >>> rate(12), rate(51_234), rate(999_960), rate(3.2e9, "FLOP/s")
    ('12/s', '51.2k/s', '1.0M/s', '3.2GFLOP/s')
    """
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if per_second >= 0.99995 * size:
            return f"{per_second / size:.1f}{prefix}{unit}"
    return f"{per_second:.0f}{unit}"


def as_line(logs: Logs) -> str:
    """The numbers of an epoch in one line."""
    return "  ".join(f"{k} {number(v)}" for k, v in logs.items() if np.ndim(v) == 0 and k != "lr")


def check_verbose(verbose: object) -> None:
    """Raises ValueError for anything but what `Progress` takes."""
    if verbose not in (0, 1, 2, "auto"):
        raise ValueError(f"verbose={verbose!r}: expected 0, 1, 2 or 'auto'")


class Progress:
    """Shows epochs as they pass.

    Parameters
    ----------
    epochs : int
    samples : int
        Of one epoch.
    verbose : {0, 1, 2, "auto"}
        Nothing; a bar that is drawn over; one plain line for each epoch. "auto" is 1 on a terminal
        and in a notebook; elsewhere it prints a plain line at gaps that double from 1 s to 10 min,
        within epochs too, and one for the last epoch. Where output is neither, 1 is plain lines of
        some epochs: the first, the last, and ten or so between them.
    stream : file
        Standard error if None.

    Raises
    ------
    ValueError
        For another `verbose`.

    Examples
    --------
    >>> import io
    >>> shown = Progress(2, 100, verbose=0, stream=io.StringIO())
    >>> shown.start_epoch(), shown.end_epoch(0, {"loss": 0.5}), shown.close()
    (None, None, None)
    """

    def __init__(
        self, epochs: int, samples: int, verbose: int | str = "auto", stream: TextIO | None = None
    ) -> None:
        check_verbose(verbose)
        self.stream = stream if stream is not None else sys.stderr
        display = kernel_display() if stream is None and verbose in (1, "auto") else None
        self.board = Board(display) if display is not None else None
        self.mode = mode_of(verbose, self.stream, self.board is not None)
        self.every = max(1, round(epochs / FEW)) if verbose == 1 else 1
        self.pending = ""  # the line of an epoch that is printed if training ends with it
        self.epochs, self.samples = epochs, samples
        self.full, self.empty, self.cut = (shown(mark, self.stream) for mark in "━╌…")
        self.begin = self.epoch_begin = time.monotonic()
        self.next = self.begin
        self.gaps = Gaps(self.begin)
        self.line = ""
        self.ended: tuple[int, Logs] | None = None  # the last epoch, as long as it was not shown
        self.last: Logs = {}

    def start_epoch(self) -> None:
        """An epoch begins."""
        self.epoch_begin = time.monotonic()

    def advance(self, epoch: int, samples: int, logs: Logs | Callable[[], Logs]) -> None:
        """Report that `samples` samples of an epoch are done; `logs` is called only if it is shown."""
        now = time.monotonic()
        if not self._due(now):
            return
        fresh = logs() if callable(logs) else logs
        # Numbers that this epoch does not have yet, such as val_loss, are shown from the last epoch.
        known = {k: v for k, v in fresh.items() if k == "loss" or np.ndim(v) or not np.isnan(v)}
        ordered = {k: known.get(k, self.last.get(k)) for k in {**fresh, **self.last}}
        self._show(epoch, samples, {k: v for k, v in ordered.items() if v is not None}, now)
        self.next = max(self.next, now + (time.monotonic() - now) / SHARE)

    def end_epoch(self, epoch: int, logs: Logs) -> None:
        """An epoch is over."""
        now = time.monotonic()
        self.last = logs
        if self.board is not None:
            self.board.note(logs)
        self.ended = (epoch, logs)
        if self.mode == LINES:
            took = max(1e-9, now - self.epoch_begin)
            self.pending = (
                f"epoch {epoch + 1}/{self.epochs}  {as_line(logs)}  {duration(took)}  "
                f"{rate(self.samples / took)}\n"
            )
            if epoch == 0 or (epoch + 1) % self.every == 0 or epoch + 1 == self.epochs:
                self._print_pending()
        elif self._due(now) or epoch + 1 == self.epochs:
            self._show_ended(now)

    def write_scores(self, logs: Logs) -> None:
        """Write numbers that belong to no epoch, such as those of `evaluate`, as one line."""
        if self.mode:
            self._print(as_line(logs) + "\n")

    def close(self) -> None:
        """Show the last epoch, also after an error, and leave the last line on the terminal."""
        self._print_pending()
        self._show_ended(time.monotonic())
        if self.mode == BAR and self.line:
            self._print("\n")
            self.line = ""

    def _print_pending(self) -> None:
        if self.pending:
            self._print(self.pending)
            self.pending = ""

    def _due(self, now: float) -> bool:
        """Whether it is time to show where training is."""
        return now >= self.next if self.mode == BAR else self.mode == LOG and self.gaps.due(now)

    def _show_ended(self, now: float) -> None:
        if self.ended is not None and self.mode in (BAR, LOG):
            epoch, logs = self.ended
            self._show(epoch, self.samples, logs, now)

    def _show(self, epoch: int, samples: int, logs: Logs, now: float) -> None:
        """Show the current position. The bar covers all epochs, because one epoch may take milliseconds."""
        self.next, self.ended = now + EVERY, None
        done, total = epoch * self.samples + samples, max(1, self.epochs * self.samples)
        speed = done / max(1e-9, now - self.begin)
        head = f"epoch {epoch + 1}/{self.epochs} "
        ends = (
            f"in {duration(now - self.begin)}"
            if done >= total
            else f"{duration((total - done) / max(1e-9, speed))} left"
        )
        if self.board is not None:
            numbers = {k: number(v) for k, v in logs.items() if np.ndim(v) == 0 and k != "lr"}
            self.board.show(head.strip(), done / total, numbers, f"{rate(speed)}, {ends}")
            return
        if self.mode == LOG:
            within = f"{samples / max(1, self.samples):.0%} " if samples < self.samples else ""
            self._print(f"{head}{within} {as_line(logs)}  {rate(speed)}  {ends}\n")
            return
        line = self._fitted(head, done / total, logs, f"  {rate(speed)}  {ends}")
        self.line = line
        self._print("\r\x1b[2K" + line)

    def _fitted(self, head: str, share: float, logs: Logs, tail: str) -> str:
        """One line that fits the terminal: a wrapped line could not be overwritten."""
        room = _columns(self.stream) - 1  # some terminals wrap when the last column is written
        own = {k: v for k, v in logs.items() if not k.startswith("val_")}
        every, fewer = (shown(as_line(numbers), self.stream) for numbers in (logs, own))
        # If the line does not fit, drop the validation's numbers, then the bar.
        for numbers in (every, fewer):
            width = min(WIDTH, room - len(head) - len(numbers) - len(tail) - 1)
            if width >= NARROW:
                filled = int(width * share + 1e-9)
                return f"{head}{self.full * filled}{self.empty * (width - filled)} {numbers}{tail}"
        line = head + fewer + tail
        return line if len(line) <= room else line[: max(0, room - len(self.cut))] + self.cut

    def _print(self, text: str) -> None:
        try:
            self.stream.write(shown(text, self.stream))
            self.stream.flush()
        except (OSError, ValueError):  # the stream was closed: train on without output
            self.mode = SILENT


def mode_of(verbose: int | str, stream: TextIO | None, drawn: bool = False) -> int:
    """The mode for `verbose` on a stream: `SILENT`, `BAR`, `LINES` or `LOG`.

    Parameters
    ----------
    verbose : {0, 1, 2, "auto"}
    stream : file, or None in a program without a console
    drawn : bool
        Whether progress is shown in a notebook instead.

    Raises
    ------
    ValueError
        For another `verbose`.
    """
    if verbose not in (0, 1, 2, "auto"):
        raise ValueError(f"verbose={verbose!r}: expected 0, 1, 2 or 'auto'")
    if stream is None and not drawn:
        return SILENT
    if verbose in (1, "auto") and not (drawn or _is_terminal(stream)):
        return LOG if verbose == "auto" else LINES
    return BAR if verbose == "auto" else int(verbose)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):  # a user's object without isatty, or a closed stream
        return False


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return 80
